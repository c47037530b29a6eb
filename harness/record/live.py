"""What a running import knows of this moment beyond its record; views get it beside the state."""

from __future__ import annotations

from dataclasses import dataclass


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
class Live:
    """A moment `t_s` of a session, which is `now_utc_s` on the wall.

    doing: `working`, or why nothing is being sent: limit, in flight, refused, probe, hold, retry, paused, stopping.
    until_utc_s, tier: of that wait. eta_s: seconds until the last item, by the quota (None: not known yet).
    retrying: how many items wait for a retry, the next at next_retry_utc_s, the last at last_retry_utc_s.
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
