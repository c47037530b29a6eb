"""Sliding counter: this window's count plus the last one's, weighted by how much of it a span of W still covers.

Cloudflare-like, Kong. Windows are aligned to the epoch. It never admits L at once after a busy window: room comes back
in proportion.
"""

from __future__ import annotations

import math

from harness_test_api.policies.base import ADMIT, Verdict, Windowed
from harness_test_api.policies.windows import border_after
from harness_test_api.tiers import Tier


class SlidingCounter(Windowed):
    """Two counts; the weighted sum and the cost together may reach the limit."""

    def __init__(self, tier: Tier, epoch_offset: float) -> None:
        self.tier = tier
        self._offset = epoch_offset
        self._ends = -math.inf
        self._last = 0
        self._this = 0

    def decide(self, now: float, cost: int) -> Verdict:
        self._roll(now)
        if self._weighted(now) + cost <= self.tier.limit:
            return ADMIT
        return Verdict(False, retry_at=self._retry_at(cost))

    def charge(self, now: float, cost: int) -> None:
        self._roll(now)
        self._this += cost

    def remaining(self, now: float) -> int:
        self._roll(now)
        return max(0, math.floor(self.tier.limit - self._weighted(now)))

    def reset_at(self, now: float) -> float:
        self._roll(now)
        if self._this:
            return self._ends + self.tier.period_s
        return self._ends if self._last else now

    def frees_at(self, now: float) -> float:
        self._roll(now)
        return self._ends if self._this or self._last else now

    def _roll(self, now: float) -> None:
        if now < self._ends:
            return
        # One window further the present count becomes the last one; two further nothing of it is left.
        self._last = self._this if now < self._ends + self.tier.period_s else 0
        self._this = 0
        self._ends = border_after(now, self.tier.period_s, self._offset)

    def _weighted(self, now: float) -> float:
        return self._last * ((self._ends - now) / self.tier.period_s) + self._this

    def _retry_at(self, cost: int) -> float:
        period_s, room = self.tier.period_s, self.tier.limit - cost
        if room >= self._this:  # the last window's share must fall to what this one leaves
            at, share, counted, used = self._ends, room - self._this, self._last, self._this
        else:  # not in this window; in the next one this count is the last
            at, share, counted, used = self._ends + period_s, room, self._this, 0
        retry = at - period_s * min(1.0, share / counted)
        step = math.ulp(retry)
        # Rounding may put the answer just before the truth; a promise must hold to the bit.
        while counted * ((at - retry) / period_s) + used + cost > self.tier.limit:
            retry, step = retry + step, step * 2
        return retry
