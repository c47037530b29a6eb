"""What a running import knows of this moment beyond its record; views get it beside the state."""

from __future__ import annotations

from dataclasses import dataclass

from harness.record.events import Key, Role
from harness.record.state import State

# More than anybody reads; the rest is a number.
MOST_FLIGHTS = 40


@dataclass(frozen=True, slots=True)
class LiveTier:
    """One limit now. `opens_in_s`: until its next slot comes free (None: it is open, or only an answer can tell)."""

    text: str
    limit: int
    used: int
    left: int
    opens_in_s: float | None
    source: str = "declared"


@dataclass(frozen=True, slots=True)
class LiveFlight:
    """A request on its way: the `attempt`-th for page or item `key`, sent `for_s` seconds ago."""

    role: Role
    key: Key
    attempt: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Live:
    """A moment `t_s` of a session, which is `now_utc_s` on the wall.

    doing: `working`, or why nothing is being sent: limit, in flight, refused, probe, hold, retry, paused, stopping.
    until_utc_s, tier: of that wait. eta_s: seconds until the last item, by the quota (None: not known yet).
    retrying: how many items wait for a retry, the next at next_retry_utc_s, the last at last_retry_utc_s.
    best_s: the least seconds the whole import can take (None: not known, or not known yet). flights: the oldest
    requests on their way, at most MOST_FLIGHTS.
    """

    t_s: float
    now_utc_s: float
    workers: int
    in_flight: int
    doing: str
    until_utc_s: float | None = None
    tier: str | None = None
    tiers: tuple[LiveTier, ...] = ()
    eta_s: float | None = None
    retrying: int = 0
    next_retry_utc_s: float | None = None
    last_retry_utc_s: float | None = None
    best_s: float | None = None
    flights: tuple[LiveFlight, ...] = ()


def elapsed_s(state: State, t_s: float) -> float:
    """What `state.duration_s` would be if an answer came at `t_s` of its session: it grows while everyone waits."""
    session = state.session
    if session.first_sent_s is None:
        return state.earlier_s
    until_s = t_s if session.paused_at_s is None else max(session.paused_at_s, session.last_answer_s or 0.0)
    return state.earlier_s + max(0.0, until_s - session.first_sent_s - session.paused_s)
