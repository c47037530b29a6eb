"""Tell a bucket by its headers: what was let through and what is left, together, grow steadily.

Let n requests have been let through and r be left when nothing is in flight. In a window n + r stands still, until it
jumps by the whole limit; in a bucket it grows in proportion to the time, as long as the bucket is not full. Between two
such moments it grew by the rate times their distance, to within one unit at either end and what the round trips blur.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.pacing.learn.prior import PER, rates_between
from harness.pacing.tiers import MAX_PERIOD_S, Tier

# So many small steps, of so many units together, are no window.
STEPS, UNITS = 3, 4
# What whole numbers leave uncertain of one step.
ROUNDED = 1.0


@dataclass(slots=True)
class Growth:
    """One limit's: `points` are (sent, answered, n + r) of moments with nothing in flight and the bucket not full."""

    points: list[tuple[float, float, int]] = field(default_factory=list)
    low: float = 0.0
    high: float = math.inf
    is_window: bool = False
    _steps: int = 0

    def read(self, sent_s: float, answered_s: float, passed: int, left: int, limit: int) -> None:
        """Take in an answer that came with nothing else in flight: `passed` were let through, `left` remain."""
        total = passed + left
        if not self.points:
            self.points.append((sent_s, answered_s, total))
            return
        grown = total - self.points[-1][2]
        if grown >= max(2, limit / 2):
            self.is_window = self._steps == 0
            self.points = [(sent_s, answered_s, total)]
            return
        self._steps += grown > 0
        self.points.append((sent_s, answered_s, total))
        self._bound()
        del self.points[1:-1]  # the first and the last tell most

    def full(self, sent_s: float, answered_s: float, before: int, limit: int) -> None:
        """Take in an answer that says it was full: all of `limit` was there when this request came, after `before`."""
        self.points = [(sent_s, answered_s, before + limit)]

    def _bound(self) -> None:
        (sent_s, answered_s, total), (later_s, latest_s, more) = self.points[0], self.points[-1]
        grown = more - total
        if grown < 2 or later_s <= answered_s:
            return
        low, high = (grown - ROUNDED) / (latest_s - sent_s), (grown + ROUNDED) / (later_s - answered_s)
        if max(low, self.low) < min(high, self.high):
            self.low, self.high = max(low, self.low), min(high, self.high)
        else:
            self.low, self.high, self._steps = low, high, 0

    def tier(self, limit: int) -> Tier | None:
        """Return the bucket of depth `limit` that this shows; None where it shows none yet."""
        grown = self.points[-1][2] - self.points[0][2] if self.points else 0
        if self.is_window or self._steps < STEPS or (grown < UNITS and self.high > 2 * self.low) or self.low <= 0:
            return None
        rate = rates_between(0.999 * self.low, self.high) or self.low
        for period_s in PER:
            count = round(rate * period_s)
            if count >= 1 and abs(count - rate * period_s) <= 0.001 * count:
                return Tier(count, period_s, "bucket", limit)
        return Tier(limit, min(MAX_PERIOD_S, round(limit / rate, 3)), "bucket", limit)
