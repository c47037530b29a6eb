"""At most c requests in flight: Stripe, GitHub's secondary limit. Nobody can say when the next place comes free."""

from __future__ import annotations

import math

from harness_test_api.policies.base import ADMIT, Verdict
from harness_test_api.tiers import Tier


class Concurrency:
    """Counts requests from admission to release; what one costs does not matter."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._in_flight = 0

    def decide(self, now: float, cost: int) -> Verdict:
        return ADMIT if self._in_flight < self.tier.limit else Verdict(False)

    def charge(self, now: float, cost: int) -> None:
        self._in_flight += 1

    def release(self, cost: int) -> None:
        self._in_flight -= 1

    def remaining(self, now: float) -> int:
        return max(0, self.tier.limit - self._in_flight)

    def frees_at(self, now: float) -> float:
        """As `reset_at`: nobody knows when a request ends."""
        return self.reset_at(now)

    def reset_at(self, now: float) -> float:
        """`now` when nothing is in flight, else infinity: nobody knows."""
        return math.inf if self._in_flight else now
