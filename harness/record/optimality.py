"""Judge how near a run came to the best possible, in the one place that does, or say why it cannot be said. Pure.

A share of the best possible means something only for a whole run, in one piece, under limits that somebody declared
and the server agreed with. Everywhere else a few percent, or more than a hundred, would be shown as if they told of
the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.bound import Bound
from harness.record.limits import Limit, limits_in
from harness.record.state import State
from harness.record.status import RunStatus

# Strategies that never send more than the declared limits allow; the others find limits by running into them.
KEEPS_LIMITS = ("window", "spaced", "auto")
# The bound rests on the least round trip that was observed, which may be this much more than the true one.
_ROUNDING = 1.01
# A status from here on tells of a server that is overloaded or broken, not of a limit (503 with Retry-After, 529).
_SERVER_ERROR = 500

NOT_COMPLETE = "only a complete run is measured"
RUNNING = "not known before the run is complete"
CUT_SHORT = "a session was interrupted, and limits renew between sessions"
CHANGED = "the limits were changed during the run"
NO_LIMIT, NO_TIME = "no limit is known", "it took no time"


@dataclass(frozen=True, slots=True)
class LostTo:
    """The seconds lost, beyond best possible, to each cause; they add up to duration - best possible."""

    workers_s: float
    refusals_s: float
    retries_s: float
    other_s: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """The test API's counts of the last session. faults: let through, and answered as if they were refused."""

    admitted: int
    refused: int
    agrees: bool
    faults: int = 0


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """A limit that the run revealed: as in the grammar of limits, how the server seems to count, and the evidence."""

    limit: str
    counting: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Optimality:
    """of_best: best possible / duration, 0 to 1. of_learned: the same where limits were learned, so that the best
    possible is an estimate. why: why neither is said; empty where one is. At most one of the three is there.
    """

    of_best: float | None = None
    of_learned: float | None = None
    why: str = ""


def optimality(
    state: State,
    bound: Bound | None,
    *,
    status: RunStatus,
    limits_source: str,
    server: Ledger | None = None,
    learned: Sequence[LearnedLimit] = (),
) -> Optimality:
    """Judge a run in `state` against its `bound`; the arguments are those of `summarise`."""
    reason = (
        ("" if status.is_open or status.is_complete else NOT_COMPLETE)
        or refused_within(state, limits_source, server, learned)
        or in_pieces(state)
        or (RUNNING if status.is_open else "")
    )
    if reason or bound is None:
        return Optimality(why=reason or NO_LIMIT)
    if not state.duration_s:
        return Optimality(why=NO_TIME)
    short = _too_short(state)
    if short:
        return Optimality(why=short)
    share = bound.bound_s / state.duration_s
    if limits_source == "learned":
        return Optimality(of_learned=min(1.0, share))
    if share > _ROUNDING:
        return Optimality(why=f"it was faster than {state.limits} allows: the server let more through")
    return Optimality(of_best=min(1.0, share))


def in_pieces(state: State) -> str:
    """Return why no share of the best possible can be said however the run goes on: it has pieces; else ""."""
    if state.cut_short:
        return CUT_SHORT
    return CHANGED if _limits_differ(state) else ""


def refused_within(
    state: State, limits_source: str, server: Ledger | None = None, learned: Sequence[LearnedLimit] = ()
) -> str:
    """Return one sentence where the server refused requests although the declared limits were kept; "" otherwise."""
    if limits_source != "declared" or state.strategy not in KEEPS_LIMITS:
        return ""
    count = refusals_by_limits(state, server)
    if not count:
        return ""
    requests = f"{count:,} request{'' if count == 1 else 's'}"
    # What `auto` keeps to is what it has learned beside the limits that were declared.
    text = f"the server refused {requests} within your --limit {state.kept or ''}".rstrip()
    if learned:
        return f"{text}; the real limit is probably about {' and '.join(map(_about, learned))}"
    return f"{text}; the real limit is lower, or another client uses it too"


def _about(learned: LearnedLimit) -> str:
    """Return a limit as people say it: a rate without a burst is so many a second."""
    found = limits_in(learned.limit)
    is_spaced = found and found[0].is_bucket and found[0].limit == 1
    return f"{found[0].per_s:.3g} a second, evenly spaced" if is_spaced else learned.limit


def refusals_by_limits(state: State, server: Ledger | None = None) -> int:
    """Count the refusals that a limit made, as far as can be told.

    A test API's ledger knows which were faults. Of any other server, those with a 5xx status tell of an overload, and
    those of a request that failed with its status in the end, while others got through, tell of that request alone.
    """
    if server is not None and state.session.number == 1:
        return server.refused
    count = sum(count for status, count in state.refusals.items() if status < _SERVER_ERROR)
    return count - state.own_refusals


def _limits_differ(state: State) -> bool:
    """Return True if a person changed the limits, amid a session or between two."""
    held = {segment.limits for segment in state.segments() if segment.pages + segment.items}
    return state.changed or len(held) > 1


def _too_short(state: State) -> str:
    """Return why the run is too short to be measured: a run within one window was never held by a limit; else ""."""
    limits = [limit for limit in limits_in(state.limits) if not limit.at_once]
    if any(
        _counted(state, limit) > limit.limit if limit.is_bucket else state.duration_s >= limit.period_s
        for limit in limits
    ):
        return ""
    what = "" if not limits else "burst" if limits[0].is_bucket else "window"
    return f"the run fits into one {what} of {limits[0].text}" if limits else ""


def _counted(state: State, limit: Limit) -> int:
    """Return how many requests a limit counted, by its route."""
    return (
        state.sent if limit.route == "*" else next((n for role, n in state.requests.items() if role == limit.route), 0)
    )


def lost_to(state: State, bound: Bound, duration_s: float) -> LostTo:
    """Return what the difference between `duration_s` and the best possible was lost to.

    The shares are taken in the order in which they can be told apart; what is left is latency, and waits longer than
    needed.
    """
    left = max(0.0, duration_s - bound.bound_s)
    refused_s = sum(state.waits.get(reason, (0.0, 0))[0] for reason in ("refused", "probe", "hold"))
    workers_s = min(left, max(0.0, bound.bound_workers_s - bound.bound_s))
    refusals_s = min(left - workers_s, refused_s)
    failing_s = state.waits.get("failing", (0.0, 0))[0]
    retries_s = min(left - workers_s - refusals_s, state.retry_wait_s + failing_s)
    return LostTo(workers_s, refusals_s, retries_s, left - workers_s - refusals_s - retries_s)
