"""Buckets admit a burst at once, then a steady rate; a limit on concurrency admits so many requests at a time.

The token bucket (Stripe, Shopify, golang.org/x/time/rate) and GCRA (ITU-T I.371; governor, quart-rate-limiter)
give the same verdicts and are kept apart because servers tell their state differently. The leaky bucket (nginx
limit_req) delays instead of refusing, up to its queue. Concurrency is at most c requests in flight (Stripe, GitHub's
secondary limit); nobody can say when the next place comes free.
"""

from __future__ import annotations

import math

from harness_test_api.policies.base import ADMIT, Verdict, Windowed
from harness_test_api.tiers import Tier

# A billionth of a unit, far below what a request costs: a client that comes exactly when told to gets in, in floats.
_ROUNDING = 1e-9


class TokenBucket(Windowed):
    """`depth` tokens at most, refilled evenly at limit / period."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._tokens = float(tier.depth)
        self._at = -math.inf

    def decide(self, now: float, cost: int) -> Verdict:
        tokens = self._level(now)
        if tokens + _ROUNDING >= cost:
            return ADMIT
        return Verdict(False, retry_at=now + (cost - tokens) * self.tier.period_s / self.tier.limit)

    def charge(self, now: float, cost: int) -> None:
        self._tokens = self._level(now) - cost
        self._at = now

    def remaining(self, now: float) -> int:
        return max(0, math.floor(self._level(now) + _ROUNDING))

    def reset_at(self, now: float) -> float:
        missing = self.tier.depth - self._level(now)
        return now + missing * self.tier.period_s / self.tier.limit if missing > _ROUNDING else now

    def _level(self, now: float) -> float:
        if self._at == -math.inf:
            return float(self.tier.depth)
        grown = (now - self._at) * self.tier.limit / self.tier.period_s
        return min(float(self.tier.depth), self._tokens + grown)


class Gcra(Windowed):
    """The theoretical arrival time of the next unit, and how far ahead of it one may come."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._due = -math.inf

    def decide(self, now: float, cost: int) -> Verdict:
        # max(due, now) + cost units may lie at most `depth` units ahead of now; cost <= depth makes the max unneeded.
        unit_s = self.tier.period_s / self.tier.limit
        earliest = self._due - (self.tier.depth - cost) * unit_s
        if now >= earliest - _ROUNDING * unit_s:
            return ADMIT
        return Verdict(False, retry_at=earliest)

    def charge(self, now: float, cost: int) -> None:
        self._due = max(self._due, now) + cost * self.tier.period_s / self.tier.limit

    def remaining(self, now: float) -> int:
        ahead = max(0.0, self._due - now) * self.tier.limit / self.tier.period_s
        return max(0, math.floor(self.tier.depth - ahead + _ROUNDING))

    def reset_at(self, now: float) -> float:
        return max(now, self._due)


class LeakyBucket(Windowed):
    """One request leaves every period / limit; up to `depth` wait their turn, the next is refused.

    With `burst=0` nobody waits: requests must come evenly spaced, to the millisecond.
    """

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._free_at = -math.inf

    def decide(self, now: float, cost: int) -> Verdict:
        wait_s = self._free_at - now
        unit_s = self.tier.period_s / self.tier.limit
        if wait_s <= _ROUNDING * unit_s:
            return ADMIT
        if wait_s <= (self.tier.depth + _ROUNDING) * unit_s:
            return Verdict(True, delay_s=wait_s)
        return Verdict(False, retry_at=self._free_at - self.tier.depth * unit_s)

    def charge(self, now: float, cost: int) -> None:
        self._free_at = max(self._free_at, now) + cost * self.tier.period_s / self.tier.limit

    def remaining(self, now: float) -> int:
        waiting = max(0.0, self._free_at - now) * self.tier.limit / self.tier.period_s
        return max(0, math.floor(self.tier.depth - waiting + _ROUNDING) + 1)

    def reset_at(self, now: float) -> float:
        return max(now, self._free_at)


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
        """Answer as `reset_at` does: nobody knows when a request ends."""
        return self.reset_at(now)

    def penalise(self, now: float) -> float | None:
        """Book nothing: a refusal has no consequences."""
        return None

    def reset_at(self, now: float) -> float:
        """`now` when nothing is in flight, else infinity: nobody knows."""
        return math.inf if self._in_flight else now
