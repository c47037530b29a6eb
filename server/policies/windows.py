"""Fixed windows: count to the limit, then wait for the window's end.

Anchored: the window opens at the first request after the last one expired (Laravel, express-rate-limit, `limits` on
Redis). Aligned: windows lie on the wall clock, `floor(epoch / W)` (Envoy ratelimit, hourly and daily quotas).
Both admit up to 2L in a span across a border; that is how they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from server.policies.base import ADMIT, Verdict, Windowed
from server.tiers import Tier


class FixedWindow(Windowed):
    """A fixed window whose end is found by `end_of(now)`, asked at the first charge after the last window."""

    def __init__(self, tier: Tier, end_of: Callable[[float], float]) -> None:
        self.tier = tier
        self._end_of = end_of
        self._ends = -math.inf
        self._used = 0

    def decide(self, now: float, cost: int) -> Verdict:
        if now >= self._ends or self._used + cost <= self.tier.limit:
            return ADMIT
        return Verdict(False, retry_at=self._ends)

    def charge(self, now: float, cost: int) -> None:
        if now >= self._ends:
            self._ends = self._end_of(now)
            self._used = 0
        self._used += cost

    def remaining(self, now: float) -> int:
        return self.tier.limit if now >= self._ends else max(0, self.tier.limit - self._used)

    def reset_at(self, now: float) -> float:
        return max(now, self._ends)


def anchored(tier: Tier) -> FixedWindow:
    """A window that opens at the first request charged after the last one expired."""
    return FixedWindow(tier, lambda now: now + tier.period_s)
