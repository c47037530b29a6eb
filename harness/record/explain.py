"""Explain a moment of a run (why was nobody sending?) and an audit (what did a second reading of the list find?).

Both are read from the run's events, as everything is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.errors import BadLimits
from harness.pacing import parse_tiers
from harness.record import events as e
from harness.record.fold import apply
from harness.record.state import State

Why = Literal["before", "between", "after", "paused", "waiting", "rhythm", "workers", "no work", "sending"]
# Said of an ended run, by whoever opened it again.
_LATER = (e.Retried, e.Forgotten)
Fetched = e.PageListed | e.ItemImported | e.AttemptFailed | e.Refused | e.Returned


_FETCHED = (e.ItemImported, e.PageListed, e.AttemptFailed, e.Refused, e.Returned)


@dataclass(slots=True)
class SessionSpan:
    """A session as far as it is recorded: times in UTC. status, reason: how it ended, if anything says so."""

    number: int
    began_utc_s: float
    ended_utc_s: float
    status: str = ""
    reason: str = ""


@dataclass(slots=True)
class Explanation:
    """The explanation of one moment. Times in UTC seconds; None where there is no such thing.

    why: `waiting` for `reason` (and `limit`) from `began_utc_s` to `ended_utc_s`; `rhythm`: short pauses for a limit
    whose slots come free one by one; `workers`: all were busy; `no work`: nothing was ready. used: units of the limit
    that were occupied. ready, later: items that could have been sent, and those that waited for their retry.
    """

    at_utc_s: float
    began_run_utc_s: float
    why: Why = "sending"
    before: SessionSpan | None = None
    session: SessionSpan | None = None
    after: SessionSpan | None = None
    reason: str = ""
    limit: str | None = None
    used: int | None = None
    began_utc_s: float | None = None
    ended_utc_s: float | None = None
    in_flight: int = 0
    pages_in_flight: int = 0
    workers: int = 0
    limits: str = ""
    ready: int = 0
    later: int = 0
    next_retry_utc_s: float | None = None
    last_sent_utc_s: float | None = None
    next_sent_utc_s: float | None = None


@dataclass(slots=True)
class _Seen:
    """The facts that one pass over the events gathers around a moment."""

    at: float
    state: State = field(default_factory=State)
    sessions: list[SessionSpan] = field(default_factory=list)
    answered: array[float] = field(default_factory=lambda: array("d"))
    flying: list[Fetched] = field(default_factory=list)
    wait: tuple[float, float, e.Waited] | None = None
    paused_at: float | None = None
    resumed_at: float | None = None
    last_sent: float | None = None
    next_sent: float | None = None


def explain(events: Iterable[e.Event], at_utc_s: float) -> Explanation:
    """Explain the moment `at_utc_s` of the run whose events these are, in order."""
    seen = _Seen(at_utc_s)
    anchor = 0.0
    for event in events:
        if isinstance(event, e.SessionStarted):
            anchor = event.utc_s
            seen.sessions.append(SessionSpan(event.number, anchor, anchor))
        _follow_session(seen, event, anchor)
        if anchor + event.t_s <= at_utc_s:
            apply(seen.state, event)
        _look(seen, event, anchor)
    return _explanation(seen)


def _follow_session(seen: _Seen, event: e.Event, anchor: float) -> None:
    """Sessions last from their first event to their last; later words about an ended one do not lengthen it."""
    if not seen.sessions or isinstance(event, _LATER):
        return
    last = seen.sessions[-1]
    if (now := anchor + event.t_s) > last.ended_utc_s:
        last.ended_utc_s = now
    if isinstance(event, e.SessionEnded):
        last.status, last.reason = event.status, event.reason


def _look(seen: _Seen, event: e.Event, anchor: float) -> None:
    at = seen.at
    if isinstance(event, _FETCHED):
        if not getattr(event, "along", False):  # else another event tells of the request
            _look_at_fetch(seen, event, anchor)
    elif isinstance(event, e.Waited):
        began, ended = anchor + event.began_s, anchor + event.ended_s
        if began <= at < ended:
            seen.wait = (began, ended, event)
    elif isinstance(event, e.Paused) and anchor + event.t_s <= at:
        seen.paused_at = anchor + event.t_s
    elif isinstance(event, e.Resumed) and anchor + event.t_s > at and seen.resumed_at is None:
        seen.resumed_at = anchor + event.t_s


def _look_at_fetch(seen: _Seen, event: Fetched, anchor: float) -> None:
    at, sent, ended = seen.at, anchor + event.sent_s, anchor + event.t_s
    if sent > at:
        seen.next_sent = sent if seen.next_sent is None else min(seen.next_sent, sent)
        return
    seen.last_sent = sent if seen.last_sent is None else max(seen.last_sent, sent)
    if ended > at:
        seen.flying.append(event)
    elif not isinstance(event, (e.Refused, e.Returned)):
        seen.answered.append(ended)


def _explanation(seen: _Seen) -> Explanation:
    at, state = seen.at, seen.state
    began = seen.sessions[0].began_utc_s if seen.sessions else at
    told = Explanation(at, began, last_sent_utc_s=seen.last_sent, next_sent_utc_s=seen.next_sent)
    told.before = next((s for s in reversed(seen.sessions) if s.ended_utc_s <= at), None)
    told.session = next((s for s in seen.sessions if s.began_utc_s <= at < s.ended_utc_s), None)
    told.after = next((s for s in seen.sessions if s.began_utc_s > at), None)
    if told.session is None:
        told.why = "before" if told.before is None else "after" if told.after is None else "between"
        return told
    told.workers, told.limits, told.in_flight = state.workers, state.limits, len(seen.flying)
    told.pages_in_flight = sum(1 for event in seen.flying if _role(event) == "list")
    due = [f.retry_at_utc_s for f in state.failures.values() if f.role == "item" and f.retry_at_utc_s is not None]
    told.later = sum(1 for time in due if time > at)
    told.next_retry_utc_s = min((time for time in due if time > at), default=None)
    flying_items = told.in_flight - told.pages_in_flight
    told.ready = max(0, state.pending + state.waiting - told.later - flying_items)
    _judge(told, seen)
    return told


def _role(event: Fetched) -> e.Role:
    if isinstance(event, e.PageListed):
        return "list"
    return "item" if isinstance(event, e.ItemImported) else event.role


def _judge(told: Explanation, seen: _Seen) -> None:
    """Return the first that explains it: a person, a wait, a lack of workers, a lack of work."""
    if seen.state.status == "paused":
        told.why, told.began_utc_s, told.ended_utc_s = "paused", seen.paused_at, seen.resumed_at
    elif seen.wait is not None:
        began, ended, wait = seen.wait
        told.why = "waiting" if wait.asleep_s >= ended - began - 1e-6 else "rhythm"
        told.reason, told.limit, told.began_utc_s, told.ended_utc_s = wait.reason, wait.tier, began, ended
        told.used = None if wait.tier is None else _used(wait.tier, seen)
    elif seen.next_sent is None and seen.state.session.waiting is not None:  # it lasts, or its end was never recorded
        began_s, told.reason, told.limit, _ = seen.state.session.waiting
        told.why, told.began_utc_s = "waiting", seen.state.session.utc_s + began_s
        told.used = None if told.limit is None else _used(told.limit, seen)
    elif told.in_flight >= told.workers > 0:
        told.why = "workers"
    elif told.ready == 0:
        told.why = "no work"


def _used(tier: str, seen: _Seen) -> int | None:
    """Count requests in flight or answered within the limit's period; None for a limit that cannot be read."""
    try:
        (parsed,) = parse_tiers(tier)
    except (BadLimits, ValueError):
        return None
    times = sorted(seen.answered)
    return len(seen.flying) + len(times) - bisect_right(times, seen.at - parsed.period_s)


@dataclass(frozen=True, slots=True)
class Audit:
    """listed: items that the list names now. missed: those that none had named before. gone: known and named no more.

    whole: was the list read to its proven end? Else items may be missing from `missed`, and `gone` is empty.
    """

    listed: int
    missed: tuple[e.ItemId, ...]
    gone: tuple[e.ItemId, ...]
    whole: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def audited(events: Iterable[e.Event]) -> Audit | None:
    """Return the result of the last audit of a run; None where there was none."""
    before: dict[e.ItemId, None] = {}
    now: dict[e.ItemId, None] | None = None
    whole = accepted = False
    for event in events:
        if isinstance(event, e.Relisted):
            before |= now or {}
            now, whole, accepted = {}, False, False
        elif isinstance(event, e.PageListed):
            (before if now is None else now).update(dict.fromkeys(event.ids))
        elif isinstance(event, e.ListEnded):
            accepted = accepted or event.reason == "accepted"  # of a list that is split, each part ends
        elif isinstance(event, e.SessionEnded):
            whole = e.RunStatus(event.status).is_complete and not accepted
    if now is None:
        return None
    gone = tuple(item for item in before if item not in now) if whole else ()
    return Audit(len(now), tuple(item for item in now if item not in before), gone, whole)
