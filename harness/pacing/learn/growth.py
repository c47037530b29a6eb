"""Tell a bucket by its headers: what was let through and what is left, together, grow steadily.

Let n requests have been let through and r be left when nothing is in flight. In a window n + r stands still, until it
jumps by the whole limit; in a bucket it grows in proportion to the time, as long as the bucket is not full. Between two
such moments it grew by the rate times their distance, to within one unit at either end and what the round trips blur.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from harness.pacing.learn.prior import PER, rates_between
from harness.pacing.tiers import MAX_PERIOD_S, Tier

# So many moments, so many small steps between them, of so many units together, are no window.
MOMENTS, STEPS, UNITS = 5, 4, 4
# A count that a cache answers with stands still; so many different ones do not.
DIFFERENT = 3
# What whole numbers, and requests on their way, leave uncertain of one step.
ROUNDED = 1.0
MOST = 40


@dataclass(slots=True)
class Growth:
    """One limit's: `points` are (sent, answered, n + r) of moments with nothing in flight, since it was full.

    refuted: it grew faster than the bucket that was thought of.
    """

    points: list[tuple[float, float, int]] = field(default_factory=list)
    lefts: set[int] = field(default_factory=set)
    refuted: bool = False
    _tier: Tier | None = None
    _believed: float = math.inf  # the rate of the bucket that was told, at most

    def read(self, sent_s: float, answered_s: float, passed: int, left: int) -> None:
        """Take in an answer that came with nothing else in flight: `passed` were let through, `left` remain."""
        self._take(sent_s, answered_s, passed + left)
        self.lefts.add(left)
        self.points.append((sent_s, answered_s, passed + left))
        if len(self.points) > MOST:
            del self.points[1:-1:2]

    def full(self, sent_s: float, answered_s: float, before: int, limit: int) -> None:
        """Take in an answer that says it was full: all of `limit` was there when this request came, after `before`."""
        self._take(sent_s, answered_s, before + limit)
        self.points, self.lefts = [(sent_s, answered_s, before + limit)], set()

    def _take(self, sent_s: float, answered_s: float, total: int) -> None:
        """Refute the bucket by what grew faster than it fills, or shrank: then a cache answers, or others use it."""
        if self.points:
            before_s, _, had = self.points[-1]
            self.refuted = self.refuted or total < had - ROUNDED
            self.refuted = self.refuted or total - had > self._believed * (answered_s - before_s) + 1 + ROUNDED

    def bounds(self) -> tuple[float, float] | None:
        """Return between which rates all growth lies; None where no rate explains all of it, or too little was seen."""
        points = self.points
        steps = sum(two[2] > one[2] for one, two in pairwise(points))
        if (
            len(points) < MOMENTS
            or len(self.lefts) < DIFFERENT
            or steps < STEPS
            or points[-1][2] - points[0][2] < UNITS
        ):
            return None
        low, high = 0.0, math.inf
        for at, (sent_s, answered_s, total) in enumerate(points):
            for later_s, latest_s, more in points[at + 1 :]:
                low = max(low, (more - total - ROUNDED) / (latest_s - sent_s))
                if later_s > answered_s:
                    high = min(high, (more - total + ROUNDED) / (later_s - answered_s))
        return (low, high) if 0 < low < high else None

    def tier(self, limit: int) -> Tier | None:
        """Return the bucket of depth `limit` that this shows; None where it shows none."""
        between = None if self.refuted else self.bounds()
        if between is None or between[1] > 1.5 * between[0]:
            return None
        self._believed = between[1]
        if self._tier is not None and between[0] <= self._tier.limit / self._tier.period_s <= between[1]:
            return self._tier  # it explains what was seen since
        self._tier = _bucket(limit, rates_between(0.999 * between[0], between[1]) or between[0])
        return self._tier


def _bucket(limit: int, rate: float) -> Tier:
    for period_s in PER:
        count = round(rate * period_s)
        if count >= 1 and abs(count - rate * period_s) <= 0.001 * count:
            return Tier(count, period_s, "bucket", limit)
    return Tier(limit, min(MAX_PERIOD_S, round(limit / rate, 3)), "bucket", limit)
