"""Read the list: which pages are asked for, what each brings, and when the list has ended. No IO, no clock.

`listing` judges what is known of the list; this module acts on it. It asks for the pages that the list tells of, takes
in what each page brings (new items are work, or are recorded as they are), and asks `listing` for its verdict as soon
as no page is left to be read: the list has ended and why, or one more page may prove it, or it cannot be known.

A page of the list costs its ids and nothing else: no page is remembered by its content. A list that is read once more,
because its end could not be proven, is compared with the ids that this reading has met, not with those of the run.

A list that is split (`--split`) is read as one reading for each part, and `listing` judges each by itself. The first
page of the first part is read alone, for it shows what nobody declared; then all parts are read side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from harness.core.answers import Done, Failed, PageRead
from harness.core.listing import Ask, Ended, Unclear, Verdict, full, is_reached, judge_reading, stuck
from harness.core.rules import Rules, retry_due
from harness.core.twice import is_doubtful
from harness.core.work import InFlight, Task, Work
from harness.record import discovery, events as e
from harness.record.discovery import ACCEPT, TWICE
from harness.record.fold import verdict_of_failures
from harness.record.pages import PageTurn, Turn, without
from harness.record.split import Part, Reading, repeated
from harness.record.state import Failure, State

# Of a page that was only guessed, these statuses of an answer say nothing about the list.
_SAY_NOTHING = (401, 403, 429)


class ListReader:
    """The list of one session: reads it into `work`, and says by events what it brought.

    payloads: items whose payload is on disk already though no event says so; they are adopted, not fetched.
    """

    def __init__(
        self, rules: Rules, state: State, work: Work, emit: Callable[[e.Event], None], payloads: Collection[e.ItemId]
    ) -> None:
        self.rules = rules
        self._state = state
        self._work = work
        self._emit = emit
        self._payloads = payloads
        self._met: set[e.ItemId] | None = None  # the ids that this reading has met, where the list is read once more
        self._accepted: list[Failure] = []  # pages whose failure a person accepts (--accept-list)
        self._twice: set[e.PageRef] = set()  # pages that are asked for once more (`harness.core.twice`)

    def start(self, utc_s: float, relist: bool) -> None:
        """Go on from where the state is, at t = 0. utc_s: the wall clock then. relist: read the list once more."""
        state, work = self._state, self._work
        is_cut_anew = tuple(part.range for part in state.parts) != self.rules.parts
        is_cut_anew = is_cut_anew and (relist or not state.listing.ended)
        if relist or (is_cut_anew and state.pages) or self._must_relist():
            self._emit(e.Relisted(0.0))
        if is_cut_anew:
            self._emit(e.ListSplit(0.0, self.rules.parts))
        self._met = set() if state.pages_before and not state.parts else None
        for item in [item for item in self._payloads if item in state.items]:
            self._emit(e.ItemAdopted(0.0, item))
        if not self.rules.elsewhere:
            work.add("item", state.items.in_state("pending"))
        for failure in state.failures.values():
            if failure.retry_at_utc_s is not None and not (self.rules.elsewhere and failure.role == "item"):
                work.retry(Task(failure.role, failure.key, failure.attempts + 1), retry_due(failure, utc_s))
        if not self.is_full() and not self.rules.fed:
            waiting = {failure.page for failure in state.failures.values() if failure.role == "list"}
            work.add("list", without(self._left(), waiting))

    def _must_relist(self) -> bool:
        """Return whether the list was read as far as it goes without a proven end: only a new reading may help."""
        state = self._state
        if not state.pages or state.listing.ended or any(role == "list" for role, _ in state.failures):
            return False
        if self._left():
            return False
        readings = enumerate(self._readings())
        verdicts = (self._verdict(number, reading) for number, reading in readings if not reading.listing.ended)
        return repeated(state.parts) is not None or not all(isinstance(one, (Ask, Ended)) for one in verdicts)

    def _left(self) -> list[PageTurn]:
        """Return the told pages that are still to be read, but for those of which reading on brings nothing."""
        if repeated(self._state.parts) is not None:
            return []
        is_stuck = {number for number, reading in enumerate(self._readings()) if stuck(reading) is not None}
        return [turn for turn in known_pages(self._state) if _part_of(turn) not in is_stuck]

    def _readings(self) -> Sequence[Reading]:
        """Return the readings that are judged: of each part, or of the list."""
        return self._state.parts or (self._state,)

    def is_read(self) -> bool:
        """Return whether no page is ready or waits for a retry. One that failed for good is not waited for."""
        if self._work.ready["list"]:
            return False
        return not any(failure.role == "list" for failure in self._state.failures.values() if failure.retry_at_utc_s)

    def is_full(self) -> bool:
        """Return whether the list has named as many items as are wanted (--max-items)."""
        most = self.rules.max_items
        return most is not None and len(self._state.items) >= most

    def doubts(self, page: e.PageRef, read: PageRead) -> bool:
        """Return whether `page` is to be asked for once more, because the end would rest on this answer alone."""
        if page in self._twice or not is_doubtful(self._state.reading(page), page, read):
            return False
        self._twice.add(page)
        return True

    def take_in(self, flight: InFlight, now: float, page: PageRead) -> None:
        """Record what a page brought, and make its new items and the pages that it tells of ready."""
        fetch, state, rules, work = flight.fetch, self._state, self.rules, self._work
        if fetch.page in self._twice and not page.ids:
            page = replace(page, past=f"{page.past or 'is empty'}{TWICE}")
        ids, new, total, met = listed(rules, state, page, self._met)
        reading, split = state.reading(fetch.page), bool(state.parts)
        met = state.named.new(fetch.page.part, ids) if split else met
        answered_s, status = flight.answered_s or now, flight.status or 0
        told = (page.last_page, page.next_page, page.way, page.more, page.unread, met, page.past)
        more, known = (page.said_by, page.remarks), reading.last_page
        guessed, places = page.guessed or None, _places(page, ids)
        what = (fetch.page, fetch.attempt, fetch.sent_s, answered_s, status, ids, total)
        self._emit(e.PageListed(now, *what, *told, *more, fetch.endpoint, None, page.paging, guessed, places))
        for item in new:
            if item in self._payloads:
                self._emit(e.ItemAdopted(now, item))
            elif not rules.detail:
                self._emit(e.ItemListed(now, item))
        if rules.detail and not rules.elsewhere:
            work.add("item", (item for item in new if item not in self._payloads))
        if split and fetch.page == e.FIRST_PAGE:
            work.add("list", [e.FIRST_PAGE._replace(part=number) for number in range(1, len(state.parts))])
        if self.is_full() or (fetch.page.is_first and repeated(state.parts) is not None):
            work.ready["list"].clear()
        elif stuck(reading) is not None:
            self._drop(fetch.page.part)
        elif repeated(state.parts) is None:
            work.add("list", pages_after(reading, known, most_pages(rules, page), fetch.page.part))

    def feed(self, now: float, ids: Sequence[e.ItemId], places: Sequence[str] | None = None) -> None:
        """Take in items that another process has found in the list, and make those that are new here ready.

        places: where each of them lies, as the list says. What was fed before is passed over, so that a feed may be
        read again from its beginning.
        """
        where = dict(zip(ids, places, strict=True)) if places else {}
        new = [item for item in dict.fromkeys(ids) if item not in self._state.items]
        if not new:
            return
        self._emit(e.Fed(now, tuple(new), tuple(where[item] for item in new) if where else None))
        for item in new:
            if item in self._payloads:
                self._emit(e.ItemAdopted(now, item))
        self._work.add("item", (item for item in new if item not in self._payloads))

    def _drop(self, part: int) -> None:
        """Ask for no more pages of a part, or of a list that is read as one."""
        ready = self._work.ready["list"]
        left = [turn for turn in ready if _part_of(turn) != part] if self._state.parts else []
        ready.clear()
        ready.extend(left)

    def accept_failures(self) -> None:
        """Take in which pages have failed for good so far and may, as a person says (--accept-list).

        Call it before a session starts, which forgets the failures of the one before, and after each failure.
        """
        accepted = tolerated(self._state, self.rules.accept_list)
        self._accepted += [failure for failure in accepted if failure not in self._accepted]

    def judge(self, now: float, on_their_way: Collection[int] = ()) -> None:
        """Say why the list has ended, or ask for the page that may prove it, where no page is left to be read.

        on_their_way: the parts of which a page is; without one, call it when no page is.
        """
        state = self._state
        if state.listing.ended or not state.pages or (not state.parts and not self.is_read()):
            return
        is_full, is_ignored = self.is_full(), repeated(state.parts) is not None
        busy = self._busy_parts().union(on_their_way) if state.parts else set(on_their_way)
        for number, reading in enumerate(self._readings()):
            if reading.listing.ended or number in busy or (is_ignored and not is_full):
                continue
            failed = [page for page in state.failed_pages if page not in self._accepted]
            if not is_full and any(failure.page.part == number for failure in failed):
                continue
            verdict = self._verdict(number, reading)
            if isinstance(verdict, Ask):
                self._work.add("list", [page._replace(part=number) for page in verdict.pages])
            elif isinstance(verdict, Ended):
                self._emit(e.ListEnded(now, verdict.reason, verdict.evidence, number))

    def _busy_parts(self) -> set[int]:
        """Return the parts of which a page is ready or waits for a retry, or none was read."""
        state = self._state
        busy = {_part_of(turn) for turn in self._work.ready["list"]}
        waiting = (failure for failure in state.failures.values() if failure.retry_at_utc_s is not None)
        busy |= {failure.page.part for failure in waiting if failure.role == "list"}
        return busy if self.is_full() else busy | {number for number, part in enumerate(state.parts) if not part.pages}

    def _verdict(self, number: int, reading: Reading) -> Verdict:
        """Return what is known of the end of a part, or of the list (0)."""
        most = self.rules.max_items
        if most is not None and self.is_full():
            return full(most)
        accepted = [failure for failure in self._accepted if failure.page.part == number]
        return judge_reading(reading, accepted if self.rules.accept_list else None)

    def outcome(self) -> Done:
        """Return how the session ended, with nothing left to do."""
        state = self._state
        if not state.listing.ended:
            failed = [page for page in state.failed_pages if page not in self._accepted]
            return Done(e.RunStatus.FAILED, _failed_pages(state, failed) if failed else self._unclear())
        if left := state.items.counts["pending"] + state.items.counts["waiting"]:
            return Done(e.RunStatus.FAILED, _LEFT.format(left))  # never said complete, whatever went wrong above
        return Done(*verdict_of_failures(state.failed))

    def _unclear(self) -> str:
        parts = self._state.parts
        if (same := repeated(parts)) is not None:
            return _ignored(*same)
        for number, reading in enumerate(self._readings()):
            verdict = None if reading.listing.ended else self._verdict(number, reading)
            if isinstance(verdict, Unclear):
                return f"{_named(parts, number)}: {verdict.sentence}" if parts else verdict.sentence
        return "the list was not read to its end"


def _part_of(turn: Task | Turn) -> int:
    """Return the part of the list that a ready page belongs to."""
    page = turn.key if isinstance(turn, Task) else turn
    return page.part if isinstance(page, e.PageRef) else 0


def _named(parts: Sequence[Part], number: int) -> str:
    return f"part {number + 1} of the list ({parts[number].range})"


def _ignored(before: int, after: int) -> str:
    same = f"part {after + 1} of the list begins with the very records of part {before + 1}"
    return f"{same}, so the server ignores what --split sends; correct its parameters, or leave it out"


_LEFT = "{:,} items were not asked for, which is a fault of this program: report it, and resume to ask for them"


def _places(page: PageRead, ids: tuple[e.ItemId, ...]) -> tuple[str, ...] | None:
    """Return where `ids` lie, which are those of the page or fewer."""
    where = dict(zip(page.ids, page.places, strict=True)) if page.places else {}
    return tuple(where[item] for item in ids) if where else None


def _failed_pages(state: State, failed: Sequence[Failure]) -> str:
    page = failed[0]
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    times = "once" if page.attempts == 1 else f"{page.attempts} times"
    what = f"{page.reason}: {page.detail}" if page.detail else page.reason
    hint = ""
    if page.key == e.PAGE_0:
        hint = f"; it may hold records if pages are counted from 0; if they are not, add {ACCEPT}"
    elif is_guessed(state, page.page) and page.status is not None:
        hint = f"; if the list ends before it, add {ACCEPT}"
    elif page.status in (401, 403) and not state.items:
        hint = "; check the credentials and --url"
    return f"page {page.key} of the list{others} could not be read, tried {times} ({what}){hint}"


def known_pages(state: State) -> list[PageTurn]:
    """Return the told pages that are still to be read."""
    if not state.pages:
        return [e.FIRST_PAGE]
    if not state.parts:
        return _known_of(state)
    found: list[PageTurn] = []
    for number, part in enumerate(state.parts):
        found += _in_part(_known_of(part), number) if part.pages else [e.FIRST_PAGE._replace(part=number)]
    return found


def _known_of(reading: Reading) -> list[PageTurn]:
    return [*reading.pages.missing(reading.last_page or 0), *_following(reading)]


def _in_part(turns: list[PageTurn], part: int) -> list[PageTurn]:
    """Return pages as those of a part: only of the first are there ranges of them."""
    if not part:
        return turns
    found: list[PageTurn] = []
    for turn in turns:
        found += [e.PageRef("number", number, part) for number in turn] if isinstance(turn, range) else [turn]
    return found


def pages_after(state: Reading, last_page: int | None, most: int | None, part: int = 0) -> list[PageTurn]:
    """Return the pages that the page just folded was the first to tell of.

    last_page: how many were known before it. most: no number beyond this one is wanted. part: which one `state` reads.
    """
    end = state.last_page or 1
    end = end if most is None else min(end, most)
    new = range((last_page or 1) + 1, end + 1)
    return _in_part([*([new] if new else []), *_following(state)], part)


def _following(state: Reading) -> list[e.PageRef]:
    following = state.next_page
    if state.listing.paging and is_reached(state) and state.listing.shorter():
        return []  # some cursors lead on for ever, and behind a short page that fills the total there is nothing
    return [] if following is None or following in state.pages else [following]


def is_guessed(state: State, page: e.PageRef) -> bool:
    """Return whether nothing the list said names that page for certain.

    The last of the declared pages is not named for certain while records are missing: where pages are counted from 0,
    it has another number, and page 0 will show it.
    """
    number, reading = page.number, state.reading(page)
    if number is None:
        return page == reading.listing.guess
    if number == 1 or page == reading.next_page:
        return False
    counted = reading.listing.counted or 0
    is_whole = is_reached(reading) and not reading.listing.counts_itself
    return number < 1 or number > counted or (number == counted and not is_whole)


def as_page(
    state: State, page: e.PageRef, failed: Failed, status: int | None, *, final: bool, attempt: int = 2
) -> PageRead | None:
    """Return the page that an answer without a list stands for: one past the end, if it was guessed; else None.

    final: it would not be tried again.
    """
    if not is_guessed(state, page):
        return None
    # A page that a total implies is expected: what may pass is tried again there, as often as anywhere. Elsewhere once.
    reading = state.reading(page)
    expected = page.number is not None and 1 <= page.number <= (reading.last_page or 0)
    if discovery.error_in(failed.remarks, reading.listing.remarks) is not None:
        return None
    waits = failed.passing and (expected or (attempt == 1 and page != e.PAGE_0))
    if failed.past_end is not None and (final or not waits):
        return PageRead((), past=failed.past_end)
    if page == e.PAGE_0 and status is not None and 400 <= status < 500 and status not in _SAY_NOTHING:
        return PageRead((), past=f"answered {status}")
    return None


def told_error(state: Reading, page: PageRead) -> Failed | None:
    """Return the failure that a page without records is, if it says what no page with records says.

    That is an error with status 200. Else a server that is busy at page 3 would end the list.
    """
    error = None if page.ids else discovery.error_in(page.remarks, state.listing.remarks)
    if error is None:
        return None
    return Failed("malformed", f"the page has no records and reports an error: {error}", passing=False)


def tolerated(state: State, accept: bool) -> list[Failure]:
    """Return the guessed pages that failed for good, if a person accepts that: whatever the server answered."""
    if not accept:
        return []
    return [f for f in state.failed_pages if is_guessed(state, f.page) and (f.key == e.PAGE_0 or f.status is not None)]


def listed(
    rules: Rules, state: State, page: PageRead, reread: set[e.ItemId] | None = None
) -> tuple[tuple[e.ItemId, ...], list[e.ItemId], int | None, int]:
    """Return what `page` says to a state that has not seen it.

    That is: its ids, those that are new to the run, the total, and how many are new to this reading of the list.
    Beyond the most items that are wanted, ids are as if they had not been there. reread: where the list is read once
    more, the ids that this reading has met so far, to which those of the page are added.
    """
    most = rules.max_items
    new = [item for item in dict.fromkeys(page.ids) if item not in state.items]
    if most is not None:
        new = new[: max(0, most - len(state.items))]
    known = set(new)
    ids = tuple(item for item in page.ids if item in known or item in state.items)
    total = page.total if page.total is None or most is None else min(page.total, most)
    met = len(new)
    if reread is not None:
        met = len(set(ids) - reread)
        reread.update(ids)
    return ids, new, total, met


def most_pages(rules: Rules, page: PageRead) -> int | None:
    """Return how many pages like this one hold the most items that are wanted."""
    if rules.max_items is None or not page.ids:
        return None
    return math.ceil(rules.max_items / len(page.ids))


def left_by_role(rules: Rules, state: State) -> dict[e.Role, int] | None:
    """Count requests without a result so far: pages not yet read, and items neither imported nor failed.

    None while the list has not said how much there is; those in flight are among them.
    """
    if not state.pages:
        return None
    pages = 0
    if state.last_page is not None:
        pages = max(0, state.last_page - len(state.pages))
    elif not state.listing.ended:
        pages = sum(not part.listing.ended for part in state.parts) if state.parts else 1
    items = max(state.total or 0, len(state.items)) - state.imported - state.failed - state.forgotten
    requests = -(-max(0, items) // (rules.batch or 1))
    return {"list": pages, "item": requests if rules.detail else 0}


def requests_left(rules: Rules, state: State) -> int | None:
    """Count them all together."""
    left = left_by_role(rules, state)
    return None if left is None else sum(left.values())
