"""Limits as the record names them, in numbers: what a view needs to draw a window or what was left of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.bound import admissible
from harness.errors import BadLimits
from harness.pacing.tiers import Tier, parse_tiers


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: as it was written, and how many requests in how many seconds. at_once: how many in flight.

    refills: room comes back bit by bit. Then `limit` is its burst, and period_s how long the whole of it takes.
    """

    text: str
    limit: int
    period_s: float
    at_once: bool = False
    refills: bool = False

    @property
    def per_s(self) -> float:
        """The rate it comes to."""
        return self.limit / self.period_s


def limits_in(text: str | None) -> tuple[Limit, ...]:
    """The limits in `text`, the shortest period first; () where there are none, or none that this version can read."""
    try:
        tiers = parse_tiers(text) if text else ()
    except BadLimits:
        return ()
    return tuple(sorted(map(_limit, tiers), key=lambda limit: limit.period_s))


def _limit(tier: Tier) -> Limit:
    if tier.kind in ("bucket", "gcra", "leaky"):
        return Limit(str(tier), tier.depth, tier.depth * tier.period_s / tier.limit, refills=True)
    return Limit(str(tier), tier.limit, tier.period_s, tier.kind == "concurrency")


def most_admitted(text: str | None, t_s: float) -> int | None:
    """Requests that any client could have got through the limits in `text` within t_s; None without a limit."""
    try:
        return admissible(t_s, parse_tiers(text)) if text else None
    except BadLimits:
        return None
