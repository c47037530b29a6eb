"""`apply(state, event)`: the only place where a counter changes.

Terminal, widgets, report and resume read the same fold, so that no two of them can disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from harness.errors import RecordError
from harness.record import events as e
from harness.record.discovery import Listing, list_ended, page_listed, told_next
from harness.record.prediction import CHANGED, CUT_SHORT, PAUSED, RETRIED, SIZE_KNOWN, Prediction, over, set_aside
from harness.record.shards import shard_of
from harness.record.split import Named, Part, Reading, ended_together
from harness.record.state import Boundary, Current, Failure, ItemState, State

# Latencies are counted in buckets 4 % wide: percentiles come out within 2 %, in a few hundred integers.
_BUCKETS_PER_E = 25.0
_SERVER_ERROR = 500


def latency_bucket(seconds: float) -> int:
    """Return the number of the bucket that holds `seconds`; anything under 0.1 ms is in the lowest."""
    return round(math.log(max(seconds, 1e-4)) * _BUCKETS_PER_E)


def bucket_s(bucket: int) -> float:
    """Return the seconds that a bucket stands for."""
    return math.exp(bucket / _BUCKETS_PER_E)


def latency_quantile(latency: dict[int, int], q: float) -> float | None:
    """Return the q-quantile (0 to 1) of the counted latencies, in seconds; None where there are none."""
    rank = q * sum(latency.values())
    seen = 0
    for bucket in sorted(latency):
        seen += latency[bucket]
        if seen >= rank:
            return bucket_s(bucket)
    return None


def apply(state: State, event: e.Event) -> None:
    """Change `state` by one event; RecordError for a move that no run can make."""
    _HANDLERS[type(event)](state, event)


def fold(events: Iterable[e.Event], state: State | None = None) -> State:
    """Return the state after `events`, from `state` (which is changed) or from nothing."""
    state = State() if state is None else state
    for event in events:
        apply(state, event)
    return state


def _session_started(state: State, event: e.SessionStarted) -> None:
    _cut_tail(state)
    state.predictions = set_aside(state.predictions, state.session.number, CUT_SHORT, open_only=True)
    state.earlier_s += state.session.duration_s()
    state.cut_short = state.cut_short or (state.session.number > 0 and not state.session.ended)
    state.boundaries.append(Boundary(state.pages_read, state.imported, state.kept, "session"))
    state.asked = False
    state.session = Current(event.number, event.utc_s)
    state.workers, state.limits, state.strategy = event.workers, event.limits, event.strategy
    state.status, state.reason = e.RunStatus.RUNNING, ""
    # A page that failed for good is tried again in each session: without it its items would never be known.
    for failure in state.failed_pages:
        del state.failures[(failure.role, failure.key)]


def _charged(state: State, event: e.Charged) -> None:
    state.fetches += event.charged


def _relisted(state: State, _: e.Relisted) -> None:
    state.pages_before = state.pages_read
    state.pages.clear()
    state.total = state.last_page = state.next_page = None
    state.listing = Listing()
    state.parts, state.named = Part.several(part.range for part in state.parts), Named()
    state.failures = {key: failure for key, failure in state.failures.items() if failure.role == "item"}


def _sent(state: State, role: e.Role, sent_s: float, t_s: float) -> None:
    session = state.session
    state.fetches += 1
    state.requests[role] = state.requests.get(role, 0) + 1
    if session.first_sent_s is None or sent_s < session.first_sent_s:
        session.first_sent_s = sent_s
    if session.last_answer_s is None or t_s > session.last_answer_s:
        session.last_answer_s = t_s
    session.tail.clear()


def _answered(state: State, status: int, latency_s: float) -> None:
    state.answered += 1
    state.statuses[status] = state.statuses.get(status, 0) + 1
    bucket = latency_bucket(latency_s)
    state.latency[bucket] = state.latency.get(bucket, 0) + 1
    if state.least_latency_s is None or latency_s < state.least_latency_s:
        state.least_latency_s = latency_s
    if latency_s > state.most_latency_s:
        state.most_latency_s = latency_s


def _move(state: State, item: e.ItemId, to: ItemState, t_s: float, *, nameless: bool = False) -> None:
    if not state.items.move(item, to, nameless=nameless):
        was = state.items.state(item) or "not listed"
        raise RecordError(f"item {item} cannot become {to}: it is {was}; the record of this run contradicts itself")
    if to in ("imported", "failed"):
        state.ended_utc_s = state.session.utc_s + t_s


def _page_listed(state: State, event: e.PageListed) -> None:
    _sent(state, "list", event.sent_s, event.t_s)
    _answered(state, event.status, event.t_s - event.sent_s)
    state.pages.add(event.page)
    state.failures.pop(("list", event.page), None)
    state.refused_of.pop(f"list {event.page}", None)
    before = len(state.items)
    for item in event.ids:
        state.items.add(item)
    for item, place in zip(event.ids, event.places or (), strict=False):
        if state.items.state(item) != "imported":
            state.places.add(item, place)
    met = len(state.items) - before
    new = met if event.new is None else event.new
    if state.parts:
        part = state.parts[event.page.part]
        part.pages.add(event.page)
        state.named.add(event.page.part, event.ids)
        _read_on(part, event, new)
        _sum_up(state, event, met)
    else:
        _read_on(state, event, new)


def _read_on(reading: Reading, event: e.PageListed, new: int) -> None:
    """Fold what a page says of the list, or of its part. new: ids that this reading had not met."""
    listing = reading.listing
    leads = listing.position(event.page) >= listing.furthest
    reading.total = page_listed(listing, event, new, reading.total)
    _extent(reading, event)
    if leads:
        # A link beside `has_more: false` is followed all the same, but not from a page that brought nothing.
        reading.next_page = None if event.more is False and not new else told_next(event)
        if reading.next_page is not None and reading.next_page in reading.pages:
            itself = reading.next_page == event.page and not event.ids
            listing.idle = itself and event.paging == "cursor"
            listing.looped, reading.next_page = event.way or "next", None
        if listing.guess is not None and listing.guess in reading.pages:
            listing.looped, listing.guess = event.way or "next", None


def _sum_up(state: State, event: e.PageListed, met: int) -> None:
    """Note what the parts of a list come to; met: ids that none of them had named.

    What two parts named counts once in the total, as far as it is known by now.
    """
    listing, totals = state.listing, [part.total for part in state.parts]
    listing.read += 1
    listing.met += met
    listing.last_size = max(listing.last_size, len(event.ids))
    listing.paging = event.paging or listing.paging
    known = [total for total in totals if total is not None]
    state.total = sum(known) - len(state.named.again) if len(known) == len(totals) else None


def _extent(reading: Reading, event: e.PageListed) -> None:
    """Note the pages that are known to exist, as many as were ever declared: a replica may say less again.

    Where only a total is declared, in the usual field, they follow from the size of the first page: a total said
    elsewhere may count what a filter leaves out, and would cost a thousand empty pages. Servers cut `perPage` to what
    they like, so a page shorter than asked for need not be the last.
    """
    if event.paging not in (None, "page", "offset"):
        return  # nothing counts its pages
    if reading.listing.first_links_by_number is False:
        return  # its links lead on in another way, so numbers mean nothing to it
    if event.last_page is not None:
        reading.last_page = max(event.last_page, reading.last_page or 0)
    elif (
        event.page.is_first
        and event.paging != "offset"
        and not (event.way or event.said_by)
        and event.ids
        and (reading.total or 0) > len(event.ids)
    ):
        reading.last_page = -(-(reading.total or 0) // len(event.ids))


def _list_split(state: State, event: e.ListSplit) -> None:
    state.parts, state.named = Part.several(event.parts), Named()


def _list_ended(state: State, event: e.ListEnded) -> None:
    if not state.parts:
        list_ended(state.listing, event)
        return
    list_ended(state.parts[event.part].listing, event)
    if all(part.listing.ended for part in state.parts):
        state.listing.ended, state.listing.evidence = ended_together(state.parts)
        denied = [part.listing.denied for part in state.parts if part.listing.denied is not None]
        state.listing.denied = max(denied, default=None)
        state.total = None if state.total is None else len(state.items)


def _item_imported(state: State, event: e.ItemImported) -> None:
    if not event.along:
        _sent(state, "item", event.sent_s, event.t_s)
        _answered(state, event.status, event.t_s - event.sent_s)
    nameless = state.ids_carried is False or (bool(state.carried_by) and _is_of_nameless_shard(state, event.item))
    _move(state, event.item, "imported", event.t_s, nameless=nameless)
    if state.places.by_template and not nameless:  # else it may be fetched again
        state.places.imported(event.item)
    state.size_bytes += event.size_bytes
    if state.refused_of:
        state.refused_of.pop(f"item {event.item}", None)
    if state.failures:
        state.failures.pop(("item", event.item), None)


def _item_listed(state: State, event: e.ItemListed) -> None:
    state.from_list = True
    _item_without_request(state, event)


def _item_without_request(state: State, event: e.ItemListed | e.ItemAdopted) -> None:
    _move(state, event.item, "imported", event.t_s)
    state.failures.pop(("item", event.item), None)
    if state.places:
        state.places.imported(event.item)


def _is_of_nameless_shard(state: State, item: e.ItemId) -> bool:
    return state.carried_by.get(str(shard_of(item, state.shards))) is False


def _ids_carried(state: State, event: e.IdsCarried) -> None:
    if event.part:
        shards = state.shards = event.total or 1
        state.carried_by[str(event.part)] = event.carried
    if event.carried:
        state.items.take_back((lambda item: shard_of(item, shards) == event.part) if event.part else None)
        # What earlier segments got is no more than what is left of it.
        state.boundaries = [
            boundary._replace(items=min(boundary.items, state.imported)) for boundary in state.boundaries
        ]
    if not event.part:
        state.ids_carried = event.carried


def _fed(state: State, event: e.Fed) -> None:
    for item in event.ids:
        state.items.add(item)
    for item, place in zip(event.ids, event.places or (), strict=False):
        state.places.add(item, place)


def _gathered(state: State, event: e.Gathered) -> None:
    state.gathered[str(event.part)] = event.reach
    state.fetches -= event.charged  # `fetches` are those of this process, beside its counter of what it sent


def _attempt_failed(state: State, event: e.AttemptFailed) -> None:
    if event.along:
        pass  # another event counts the request
    elif event.sent:
        _sent(state, event.role, event.sent_s, event.t_s)
        if event.status is None:
            state.lost += 1
        else:
            _answered(state, event.status, event.t_s - event.sent_s)
    elif event.answered_s is None:  # else it follows on a refusal, which was counted
        state.fetches += 1
    if state.refused_of and event.status is not None and event.status < _SERVER_ERROR:
        state.own_refusals += state.refused_of.pop(_refused_as(event.role, event.key), 0)
    state.failures[(event.role, event.key)] = Failure(
        event.role,
        event.key,
        event.attempt,
        state.session.utc_s + event.t_s,
        event.status,
        event.reason,
        event.detail,
        event.retry_at_utc_s,
    )
    if event.role == "item":
        _move(state, event.item, "failed" if event.retry_at_utc_s is None else "waiting", event.t_s)


def _retried(state: State, event: e.Retried) -> None:
    if event.role == "item":
        _move(state, event.item, "pending", event.t_s)
    state.failures.pop((event.role, event.key), None)
    if not state.session.ended:
        state.predictions = set_aside(state.predictions, state.session.number, RETRIED)
    _reopen(state)


def _forgotten(state: State, event: e.Forgotten) -> None:
    _move(state, event.item, "forgotten", event.t_s)
    state.failures.pop(("item", event.item), None)
    if state.status is e.RunStatus.WITH_FAILURES:
        state.status, state.reason = verdict_of_failures(state.failed)


def _reopen(state: State) -> None:
    """Note that a run that had ended has something to do again."""
    if not state.status.is_open:
        state.status, state.reason = e.RunStatus.STOPPED, "there is something to fetch again"


def verdict_of_failures(failed: int) -> tuple[e.RunStatus, str]:
    """Return status and reason of a run with nothing left to do, by how many items failed for good."""
    if failed:
        return e.RunStatus.WITH_FAILURES, f"{failed:,} item{'s' if failed > 1 else ''} failed"
    return e.RunStatus.COMPLETE, ""


def _refused_as(role: e.Role, key: e.Key) -> str:
    """Name a request among those that were refused: one for several items by the first of them."""
    return f"{role} {key.ids[0] if isinstance(key, e.Batch) else key}"


def _refused(state: State, event: e.Refused) -> None:
    _sent(state, event.role, event.sent_s, event.t_s)
    state.refused += 1
    state.refusals[event.status] = state.refusals.get(event.status, 0) + 1
    if event.status < _SERVER_ERROR:  # those of an overload are counted apart
        of = _refused_as(event.role, event.key)
        state.refused_of[of] = state.refused_of.get(of, 0) + 1
    state.statuses[event.status] = state.statuses.get(event.status, 0) + 1


def _returned(state: State, event: e.Returned) -> None:
    if event.sent:
        _sent(state, event.role, event.sent_s, event.t_s)
        if event.status is None or event.answered_s is None:
            state.lost += 1
        else:
            _answered(state, event.status, event.answered_s - event.sent_s)
            if isinstance(event.key, e.Batch) and 400 <= event.status < _SERVER_ERROR:  # its own fault: it is halved
                state.own_refusals += state.refused_of.pop(_refused_as(event.role, event.key), 0)
    else:
        state.fetches += 1


def _held(state: State, _: e.Held) -> None:
    state.holds += 1


def _wait_began(state: State, event: e.WaitBegan) -> None:
    state.session.waiting = (event.t_s, event.reason, event.tier, event.until_s)


def _waited(state: State, event: e.Waited) -> None:
    state.session.waiting = None
    if event.reason == "retry":
        state.retry_wait_s += event.asleep_s
        return
    by = event.tier or event.reason
    seconds, count = state.waits.get(by, (0.0, 0))
    state.waits[by] = (seconds + event.asleep_s, count + event.sleeps)
    beyond_s = min(event.asleep_s, event.ended_s - max(event.began_s, state.session.last_answer_s or 0.0))
    state.session.tail[by] = state.session.tail.get(by, 0.0) + max(0.0, beyond_s)


def _paused(state: State, event: e.Paused) -> None:
    state.session.paused_at_s = event.t_s
    state.predictions = set_aside(state.predictions, state.session.number, PAUSED)
    state.status = e.RunStatus.PAUSED


def _resumed(state: State, event: e.Resumed) -> None:
    session = state.session
    if session.paused_at_s is not None and session.first_sent_s is not None:  # else the duration has not begun
        # What was in flight when the pause began still took its time.
        began_s = max(session.paused_at_s, session.last_answer_s or 0.0)
        session.paused_s += max(0.0, event.t_s - began_s)
        # Limits renew during a pause that the duration leaves out, so what follows is measured anew.
        state.boundaries.append(Boundary(state.pages_read, state.imported, state.kept, "pause"))
    session.paused_at_s = None
    state.status = e.RunStatus.RUNNING


def _workers_set(state: State, event: e.WorkersSet) -> None:
    state.workers = event.workers


def _limits_set(state: State, event: e.LimitsSet) -> None:
    if event.limits != state.limits:
        # Of limits that were being learned, no more counts than what was known of them so far.
        held = state.kept if state.strategy != "auto" else state.limits
        state.boundaries.append(Boundary(state.pages_read, state.imported, held, "limits"))
    state.limits, state.asked = event.limits, True


def _is_limit(text: str) -> bool:
    """Return whether a limit is called so, `80/5s` or `item=80/5s`, and not a header."""
    return text[:1].isdigit() or text.partition("=")[2][:1].isdigit()


def _learned(state: State, event: e.Learned) -> None:
    if state.strategy == "auto":  # what is learned beside declared limits does not stand for them
        state.limits = event.limits
    kept = event.limits.split("+")
    state.learned = {key: why for key, why in state.learned.items() if key in kept or not _is_limit(key)}
    what, _, said = event.evidence.partition(" ")  # where it is of no limit, of what comes first: a header, `rivals`
    state.learned[event.tier or what] = said if event.counting == "rivals" else event.evidence


def _predicted(state: State, event: e.Predicted) -> None:
    number = state.session.number
    if event.occasion != SIZE_KNOWN:
        state.predictions = set_aside(state.predictions, number, CHANGED)
    said = (event.least_s, event.likely_s, event.most_s, event.occasion, event.basis)
    aside = PAUSED if state.session.paused_s else ""
    state.predictions = [*state.predictions, Prediction(number, event.t_s, *said, aside=aside)]


def _session_ended(state: State, event: e.SessionEnded) -> None:
    state.status, state.reason = e.RunStatus(event.status), event.reason
    state.session.waiting = None
    state.session.ended = True
    state.predictions = over(state.predictions, state.session.number, state.session.duration_s(), state.status)
    state.cut_short = state.cut_short or not state.status.is_complete
    _cut_tail(state)


def _cut_tail(state: State) -> None:
    """Leave out what was waited after the last answer: a duration ends with that."""
    for by, seconds in state.session.tail.items():
        state.waits[by] = (state.waits[by][0] - seconds, state.waits[by][1])
    state.session.tail.clear()


_HANDLERS: dict[type, Callable[[State, Any], None]] = {
    e.SessionStarted: _session_started,
    e.Charged: _charged,
    e.Relisted: _relisted,
    e.ListSplit: _list_split,
    e.PageListed: _page_listed,
    e.ListEnded: _list_ended,
    e.ItemImported: _item_imported,
    e.ItemListed: _item_listed,
    e.ItemAdopted: _item_without_request,
    e.IdsCarried: _ids_carried,
    e.Fed: _fed,
    e.Gathered: _gathered,
    e.AttemptFailed: _attempt_failed,
    e.Retried: _retried,
    e.Forgotten: _forgotten,
    e.Refused: _refused,
    e.Returned: _returned,
    e.Held: _held,
    e.WaitBegan: _wait_began,
    e.Waited: _waited,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.WorkersSet: _workers_set,
    e.LimitsSet: _limits_set,
    e.Learned: _learned,
    e.Predicted: _predicted,
    e.SessionEnded: _session_ended,
}
