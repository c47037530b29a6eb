"""Sliding log (moving window): at most L units in any span of W. Django REST Framework, `limits` moving-window.

Memory: the units of one limit at most, however many requests are refused.
"""

from __future__ import annotations

from collections import deque

from harness_test_api.policies.base import ADMIT, Verdict, Windowed
from harness_test_api.tiers import Tier


class SlidingLog(Windowed):
    """Keeps when each admitted unit expires; a unit charged at t counts until exactly t + W."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._log: deque[tuple[float, int]] = deque()
        self._used = 0

    def decide(self, now: float, cost: int) -> Verdict:
        self._expire(now)
        over = self._used + cost - self.tier.limit
        if over <= 0:
            return ADMIT
        for expires, units in self._log:
            over -= units
            if over <= 0:
                return Verdict(False, retry_at=expires)
        raise AssertionError("a cost above the limit is refused when the server is configured")

    def charge(self, now: float, cost: int) -> None:
        self._expire(now)
        self._log.append((now + self.tier.period_s, cost))
        self._used += cost
        # Charged beyond the limit (servers that count refusals): only the newest L units can still decide anything.
        while self._used - self._log[0][1] >= self.tier.limit:
            self._used -= self._log.popleft()[1]

    def remaining(self, now: float) -> int:
        self._expire(now)
        return max(0, self.tier.limit - self._used)

    def reset_at(self, now: float) -> float:
        self._expire(now)
        return self._log[-1][0] if self._log else now

    def frees_at(self, now: float) -> float:
        self._expire(now)
        return self._log[0][0] if self._log else now

    def _expire(self, now: float) -> None:
        while self._log and self._log[0][0] <= now:
            self._used -= self._log.popleft()[1]
