"""Judge how far a list is read, and whether its end is proven. No IO, no clock: `harness.record.discovery` folded it.

A run that says complete says that every record of the list was seen, so the end of the list needs evidence. "Nothing
more came" is none: a server that ignores `page` answers the first page for ever, and one whose next link has a name
that nobody here knows seems to have a single page.

Pages are *told* or *guessed*. Told are the list's own address, a link, a cursor, and the numbers up to a declared page
count. Guessed are the number after a page that says nothing, the page after a declared total, the numbers that a total
alone implies, and page 0. What a page of the second kind answers may end the list; at a told page the same is a
failure, and a told page is never dropped, however empty the one before it was.

These are ends, in order of their strength; `reason` is what ListEnded records:

    total       the declared total was reached, and is confirmed: the declared number of pages holds exactly that many;
                or the last page is shorter than all before it; or the list says that it ends; or one more guessed page
                brought nothing new. A total below what the pages named is not believed at all. One that is the number
                of records on its own page, such as a `count`, is confirmed by the page count alone where a field says
                that the list goes on. Nor is one that is a usual page size where page 2 repeats page 1, unless its
                field is called a total.
    has_more    has_more (or what it is called) is false
    link        a next link or cursor is there and null, empty or false; or is not there, where earlier pages had one
    pages       the declared number of pages was read, each brought something, and the page behind them did not
    empty       a guessed page is empty (five in a row, where each says that more follow); or one is whose cursor leads
                back to itself: asking again would bring the same
    past end    a guessed page answered 404, 410, 416, 204, an empty body, null, an object without records that tells of
                no error, or 400 or 422 with words that say so. Never 401, 403, 429, 5xx or no answer.
    single      the list is declared to be one page
    max items   --max-items were named
    accepted    a person accepted what there is (--accept-list)

What rests on one answer that came behind a full page is asked for once more (`harness.core.twice`).

A page without records tells of an error where it says of itself what no page with records said: a new message, another
code (`harness.record.discovery`). Then it is a failure, whatever its status.

These are not, and the run fails with a sentence, resumable (`Unclear`):

    a link or a cursor names a page that was read
    page 2 has exactly the ids of page 1, or five pages in a row only repeat ids, or 1,000 in a row are empty
    five guessed pages in a row mostly repeat ids: the newest records, whatever page is asked for
    the list ended in one of the ways above before it named as many records, or filled as many pages, as it declares
    its last page with records, or an empty one behind it, holds a field that looks like a way on, and nothing stronger
    proves the end: a confirmed total, has_more false, or an empty guessed page where an earlier number brought records

Where a way on is declared, a page that does not name the next one has the last word only as the declaration says (see
`harness.source.paging`): where nothing was ever found at the declared path, it may be misspelt, and no end is proven.

Some APIs count pages from 0. Where the first number is not declared, no total was reached, and the way on counts pages
or is not told, page 0 is asked for once. Whatever it answers but new records says that 1 is the first.

No evidence is beyond a server that lies consistently: a total that is too low and agrees with its page count leaves no
trace. That is why the summary names the evidence.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from harness.core.followed_by import flags_for
from harness.record import events as e
from harness.record.discovery import (
    ACCEPT,
    LEAVES_REST,
    MOST_EMPTY,
    MOST_REPEATS,
    NO_HELP,
    TWICE,
    Listing,
    is_page_size,
)
from harness.record.split import Reading
from harness.record.state import Failure, State

Reason = Literal["total", "has_more", "link", "pages", "empty", "past end", "single", "max items", "accepted"]


@dataclass(frozen=True, slots=True)
class Ask:
    """The end is not proven yet: these pages may prove it."""

    pages: tuple[e.PageRef, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The list has ended, and this is why."""

    reason: Reason
    evidence: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """No end is proven, and nothing more can be read. again: another reading of the list may find more."""

    sentence: str
    again: bool = False


Verdict = Ask | Ended | Unclear


def judge(state: State, *, most: int | None = None, accept: Collection[Failure] | None = None) -> Verdict:
    """Return what is known of the list's end, when no told page is left to be read.

    most: no more items than that are wanted. accept: a person accepts what there is, these failures included.
    """
    return full(most) if most is not None and len(state.items) >= most else judge_reading(state, accept)


def full(most: int) -> Ended:
    """Return the end of a list that has named as many items as are wanted."""
    return Ended("max items", f"--max-items {most:,} reached")


def judge_reading(state: Reading, accept: Collection[Failure] | None = None) -> Verdict:
    """Return what is known of the end of a list, or of a part of it. accept: see `judge`."""
    verdict = _judge(state, {failure.page for failure in accept or ()})
    if accept is None or not isinstance(verdict, Unclear):
        return verdict
    found = verdict.sentence  # less what it advises: that has been done
    for advice in (NO_HELP, LEAVES_REST):
        found = found.removesuffix(f"; {advice}")
    return Ended("accepted", f"accepted as it is ({ACCEPT}): {found}")


def _judge(state: Reading, failed: Collection[e.PageRef]) -> Verdict:
    listing = state.listing
    why_stuck, says = stuck(state), _says_end(state)
    if (confirmed := _settled(state, says, why_stuck)) is not None:
        return Ended("total", f"total {state.total:,} reached, {confirmed}{_shrank(state)}")
    if why_stuck is not None and says is None:
        return Unclear(why_stuck)
    end = says or _past(listing) or next((_failed_end(page) for page in failed if page != e.PAGE_0), None)
    if end is None:
        return _beyond(state)
    if wants_page_0(state) and e.PAGE_0 not in failed:
        return Ask((e.PAGE_0,))
    if is_reached(state) and (confirmed := _confirms(state, says, why_stuck)):
        return Ended("total", f"total {state.total:,} reached, {confirmed}{_shrank(state)}")
    return _contradicted(state, end) or end


def _shrank(state: Reading) -> str:
    """Say that records went while the list was read: those behind them moved up, past the page that was read next."""
    most = 0 if state.listing.counts_itself else state.listing.most_said
    if state.total is None or most <= state.total:
        return ""
    return f"; it was {most:,} before, so some may have moved past the pages that were read: audit looks for them"


def wants_page_0(state: Reading) -> bool:
    """Return whether page 0 is asked for before the list has ended, as far as the pages so far show."""
    why_stuck = stuck(state)
    return may_count_from_0(state) and why_stuck is None and _settled(state, _says_end(state), why_stuck) is None


def _settled(state: Reading, says: Ended | None, why_stuck: str | None) -> str | None:
    """Return what confirms a total that was reached, so that page 0 cannot hold more.

    A total may be no more than the size of the one page with records: then page 0 may be another.
    """
    listing = state.listing
    unsure = bool(listing.counts_itself) and (listing.counted is None or not listing.met)
    alone = unsure and says is None and why_stuck is None
    if not is_reached(state) or (alone and may_count_from_0(state)):
        return None
    return _confirms(state, says, why_stuck)


def is_reached(state: Reading) -> bool:
    return state.total is not None and state.listing.met >= state.total


def stuck(state: Reading) -> str | None:
    """Return why reading on would never end or bring nothing; None where it may bring more."""
    listing = state.listing
    named = _named(listing)
    if listing.looped == "has_more" and not listing.paging:
        ignored = "the server ignores `after`, and this release knows no other way to continue"
        return f'{named}, but the list goes on: "has_more" is true, but {ignored}; {LEAVES_REST}'
    if listing.looped and not listing.idle:
        back = f"{_quoted(listing.looped)} leads back to a page that was already read{_sent_in(listing)}"
        return f"{named}, but the list goes on: {back}; {LEAVES_REST}"
    if listing.first and listing.first == listing.second:
        if listing.loose():
            return f"{named}, but the list goes on: {_holds(listing)}; {LEAVES_REST}"
        return _repeated(state)
    if listing.repeating >= MOST_REPEATS:
        return f"{named}, and {MOST_REPEATS} pages in a row only repeat them; {NO_HELP}"
    if listing.stale >= MOST_REPEATS:
        ignored = f"so the server seems to ignore {_asked(listing)}"
        return f"{named}, and {MOST_REPEATS} pages in a row mostly repeat what was read, {ignored}; {NO_HELP}"
    if listing.barren >= MOST_EMPTY:
        return f"{named}, and {MOST_EMPTY:,} pages in a row are empty while the list goes on; {LEAVES_REST}"
    return None


def _repeated(state: Reading) -> str:
    """Say that page 2 is page 1 once more. That the list may be one page is said only where nothing says otherwise."""
    listing = state.listing
    named, ignored = _named(listing), f"page 2 repeats page 1, so the server ignores {_asked(listing)}"
    names = "name what it reads with --cursor-param, --page-param or --offset-param"
    if listing.more:
        return f"{named}, but the list says that more follow: {ignored}; {names}; {LEAVES_REST}"
    if state.total is not None and state.total > listing.met:
        return f"{named}, but the list declares {state.total:,}{_by(listing)}: {ignored}; {names}"
    if (listing.counted or 0) > 1:
        return f"{named}, but the list declares {_pages(listing.counted or 0)}{_by(listing)}: {ignored}; {names}"
    if is_own_size(listing):
        field = _quoted(listing.said_by.replace("header ", "")) if listing.said_by else 'the "count" or "total"'
        size = f"and {field} of {listing.met:,} may be the number of records on a page"
        return f"{named}, {ignored}, {size}; {names}; if the list is this one page, {ACCEPT} accepts it"
    return f"{named}, and {ignored}; if the list is this one page, {ACCEPT} accepts it"


def is_own_size(listing: Listing) -> bool:
    """Return whether what is declared as the total may be no more than the size of a page that may be one of many.

    Not where its field says that it is a total, such as `totalSize` or X-Total-Count.
    """
    says_total = "total" in listing.said_by.lower()
    return bool(listing.counts_itself) and is_page_size(listing.last_size) and not says_total


def _sent_in(listing: Listing) -> str:
    """Return which flag says how the next page is asked for, where the server does not know what is sent."""
    asks = listing.paging in ("cursor", "keyset")
    return ": the server ignores what it is sent back in, which --cursor-param names" if asks else ""


_OLD = "an older version read the list to its end but recorded no evidence of it; resume reads the list again"


def _asked(listing: Listing) -> str:
    if listing.way_on:
        return f"what {_quoted(listing.way_on)} asks for"
    return {"offset": "the offset", "keyset": "the last id"}.get(listing.paging, "`page`")


def _holds(listing: Listing) -> str:
    """Name the fields that look like a way on; names of headers begin with the word."""
    names = listing.loose().split(", ")
    fields = [name for name in names if not name.startswith("header ")]
    headers = [name.removeprefix("header ") for name in names if name.startswith("header ")]
    parts = ["the body holds " + _quoted(", ".join(fields))] if fields else []
    parts += ["the headers hold " + _quoted(", ".join(headers))] if headers else []
    return " and ".join(parts) + f", which nothing follows: add {flags_for(listing.loose())}"


def _named(listing: Listing) -> str:
    return f"{listing.met:,} record{'' if listing.met == 1 else 's'}"


def _pages(number: int) -> str:
    return f"{number:,} page{'' if number == 1 else 's'}"


def _by(listing: Listing) -> str:
    """Name the fields that declare the total, where a reader of the body would not look."""
    return f" ({_quoted(listing.said_by.replace('header ', ''))})" if listing.said_by else ""


def _quoted(names: str) -> str:
    """Quote names of fields as they are shown."""
    return ", ".join(f'"{name}"' for name in names.split(", "))


def _says_end(state: Reading) -> Ended | None:
    """Return the end that the list itself names, or None."""
    listing = state.listing
    if state.next_page is not None:
        return None
    if listing.more is False:
        return Ended("has_more", "the list says that there is no more")
    if listing.paging == "single":
        return Ended("single", listing.past or "declared as a list of one page")
    if listing.idle and not listing.more:
        return Ended("empty", f"the last page is empty, and {_quoted(listing.looped)} leads back to itself")
    if listing.looped or listing.more:
        return None
    if listing.way is not None:
        return Ended("link", f"{_quoted(listing.way)} names no next page")
    if listing.way_on and not listing.unsaid and listing.way is None:
        return Ended("link", f"{_quoted(listing.way_on)} is missing from the last page")
    return None


def _confirms(state: Reading, says: Ended | None, why_stuck: str | None) -> str | None:
    """Return what confirms a total that was reached, or None."""
    listing, counted = state.listing, state.listing.counted
    goes_on = _goes_on(listing, says)
    nothing = not listing.met and counted is not None and counted <= 1 and not goes_on
    if counted is not None and (nothing or (listing.met and listing.fruitful == counted)):
        return f"in {_pages(counted)} as declared"
    if listing.counts_itself and goes_on:
        return None
    if says is not None:
        return says.evidence
    if why_stuck is not None and is_own_size(listing):
        return None
    if listing.past:
        return listing.past
    if listing.shorter():
        return "and the last page is shorter than the others"
    return "and the pages only repeat" if why_stuck is not None else None


def _goes_on(listing: Listing, says: Ended | None) -> bool:
    """Return whether a field says that the list goes on. Then a total that may be the size of its own page confirms
    nothing.

    A server that ignores `page` answers the same for ever, `"count": 25` beside 25 records included.
    """
    if says is not None:
        return says.reason != "has_more" and bool(listing.loose())
    return bool(listing.loose() or listing.looped or listing.way_on or listing.more)


def _past(listing: Listing) -> Ended | None:
    """Return the end that a numbered page behind all others shows, or None."""
    beyond = listing.past_at > (listing.counted or 0)
    if listing.counted is not None and beyond and listing.newest_at <= listing.counted:
        return Ended("pages", f"{_pages(listing.counted)} as declared, {listing.past}")
    if not listing.past_empty or not beyond:
        return None
    is_empty = listing.past.removesuffix(TWICE).endswith("is empty")
    if listing.more and is_empty and listing.barren < MOST_REPEATS:
        return None  # a page whose records were all filtered out says by itself that more follow
    if is_empty and listing.past.endswith(TWICE) and _is_numbered(listing):
        return None  # the page before it was full: it may be a hole
    return Ended("empty" if is_empty else "past end", listing.past)


def _is_numbered(listing: Listing) -> bool:
    """Return whether pages are asked for by number, and by nothing else."""
    return listing.guess is None and listing.paging in ("", "page") and listing.furthest <= listing.furthest_number


def _failed_end(page: e.PageRef) -> Ended:
    return Ended("past end", f"page {page} could not be read")


def _beyond(state: Reading) -> Ask | Unclear:
    """Ask for the number behind every page that was read or is known; pages that were linked have none."""
    listing = state.listing
    if listing.guess is not None:
        return Ask((listing.guess,))
    if listing.paging in ("cursor", "link"):
        return Unclear(_never_matched(listing))
    if listing.paging in ("offset", "keyset") and listing.more:
        return Unclear(
            f"{_named(listing)}, and the last page says that more follow, but holds no records; {LEAVES_REST}"
        )
    if listing.furthest <= listing.furthest_number:
        return Ask((e.numbered(max(listing.furthest_number, state.last_page or 0) + 1),))
    if listing.unsaid:
        return Unclear(_OLD, again=True)
    return Unclear(f"{_named(listing)}, and the last page says that more follow, but not where; {LEAVES_REST}")


def _never_matched(listing: Listing) -> str:
    """Say that nothing was found where the next page is declared to be told."""
    if listing.loose():
        return f"{_named(listing)}, but the list goes on: {_holds(listing)}; {LEAVES_REST}"
    declared = "nothing stands where --next is to be found" if listing.paging == "cursor" else "no link to a next page"
    advice = "correct it, or add --absent-is-end if that ends the list"
    return f"{_named(listing)}, and {declared}, and nothing else shows that this page is the last; {advice}"


def may_count_from_0(state: Reading) -> bool:
    """Return whether pages may be counted from 0, so that the first has not been read.

    Where the first page names the second in another way than by its number, numbers mean nothing.
    """
    listing = state.listing
    return not (listing.zero or listing.paging) and listing.first_links_by_number is not False


def _contradicted(state: Reading, end: Ended) -> Unclear | None:
    """Return what speaks against an end, or None."""
    listing, counted = state.listing, state.listing.counted
    if state.total is not None and listing.met < state.total:
        declared = f"the list declares {state.total:,} items{_by(listing)} but named {listing.met:,}"
        declared = f"{declared}; {listing.past or end.evidence}"
        if listing.moved:
            moved = "records may have moved between pages meanwhile: resume reads the list again"
            return Unclear(f"{declared}; {moved}, {ACCEPT} accepts what there is", again=True)
        return Unclear(f"{declared}; {NO_HELP}")
    if counted is not None and listing.fruitful < counted and (listing.met or counted > 1):
        declared = f"the list declares {_pages(counted)}{_by(listing)}, but {listing.fruitful:,} of them held records"
        return Unclear(f"{declared}; {listing.past or end.evidence}; {NO_HELP}")
    proven = end.reason == "has_more" or (end.reason in ("empty", "past end", "pages") and listing.numbered > 0)
    if listing.loose() and not proven:
        return Unclear(f"{_named(listing)}, but the list goes on: {_holds(listing)}; {LEAVES_REST}")
    return None
