"""Tell a bucket by its headers: what is left of it grows all the time, as no window's does.

**Of which no period is known** (`Growth`). Let n requests have been let through and r be left when nothing is in
flight. In a window n + r stands still, until it jumps by the whole limit; in a bucket it grows in proportion to the
time, as long as the bucket is not full. Between two such moments it grew by the rate times their distance, to within
one unit at either end and what the round trips blur. So each pair of moments narrows the rate.

**That is believed to be a window** (`Countings`), declared or claimed. Two predictions of what is left stand against
each other, for each answer. By the bucket of that depth and rate: its level, each request having arrived between its
send and its answer. By the window: the limit less what was let through within it. A count that the bucket does not
explain refutes it for good. So many that it explains and the window does not, and it is believed. Where the limit was
declared, nothing is paced by it: what was declared is kept. But a bucket lets twice as much through at once as a window
does, and refills all the time, so that people should know.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from harness.pacing.base import Notice
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import PER, rates_between
from harness.pacing.shared_quota import Headroom, Reading, tells_of
from harness.pacing.tiers import MAX_PERIOD_S, Tier, Tiers

# So many moments, so many small steps between them, of so many units together, are no window.
MOMENTS, STEPS, UNITS = 5, 4, 4
# A count that a cache answers with stands still; so many different ones do not.
DIFFERENT = 3
# What whole numbers, and requests on their way, leave uncertain of one step.
UNIT = 1.0
# Each new moment is held against so many at most: every other is let go of then, for what it showed is known.
MOST = 40
# A rate that is known no better than to this factor is not known.
NARROW = 1.5


class Growth:
    """One limit's. refuted: it grew faster than the bucket that was thought of."""

    def __init__(self) -> None:
        self.refuted = False
        self._points: list[tuple[float, float, int]] = []  # (sent, answered, n + r), since it was full
        self._tier: Tier | None = None
        self._believed = math.inf  # the rate of the bucket that was told, at most
        self.forget()

    @property
    def rates(self) -> tuple[float, float]:
        """Return between which rates, in units a second, all growth since it was full lies."""
        return self._low, self._high

    def forget(self) -> None:
        """Forget what was seen since it was full."""
        self._points.clear()
        self._lefts: set[int] = set()
        self._steps = 0
        self._low, self._high = 0.0, math.inf

    def read(self, sent_s: float, answered_s: float, passed: int, left: int) -> None:
        """Take in an answer that came with nothing else in flight: `passed` were let through, `left` remain."""
        total = passed + left
        self._take(sent_s, answered_s, total)
        self._lefts.add(left)
        for before_s, until_s, had in self._points:
            if answered_s > before_s:
                self._low = max(self._low, (total - had - UNIT) / (answered_s - before_s))
            if sent_s > until_s:
                self._high = min(self._high, (total - had + UNIT) / (sent_s - until_s))
        self._points.append((sent_s, answered_s, total))
        if len(self._points) > MOST:
            del self._points[1:-1:2]

    def full(self, sent_s: float, answered_s: float, before: int, limit: int) -> None:
        """Take in an answer that says it was full: all of `limit` was there when this request came, after `before`."""
        self._take(sent_s, answered_s, before + limit)
        self.forget()
        self._points.append((sent_s, answered_s, before + limit))
        self._lefts.add(limit)

    def _take(self, sent_s: float, answered_s: float, total: int) -> None:
        """Refute the bucket by what grew faster than it fills, or shrank: then a cache answers, or others use it."""
        if self._points:
            before_s, _, had = self._points[-1]
            self._steps += total > had
            self.refuted = self.refuted or total < had - UNIT
            self.refuted = self.refuted or total - had > self._believed * (answered_s - before_s) + 1 + UNIT

    def tier(self, limit: int) -> Tier | None:
        """Return the bucket of depth `limit` that this shows; None where no rate explains all of it, or too little was
        seen.
        """
        points, low, high = self._points, self._low, self._high
        if self.refuted or len(points) < MOMENTS or len(self._lefts) < DIFFERENT or self._steps < STEPS:
            return None
        if points[-1][2] - points[0][2] < UNITS or not 0 < low < high <= NARROW * low:
            return None
        self._believed = high
        if self._tier is None or not low <= self._tier.limit / self._tier.period_s <= high:
            self._tier = _bucket(limit, rates_between(0.999 * low, high) or low)
        return self._tier


def _bucket(limit: int, rate: float) -> Tier:
    for period_s in PER:
        count = round(rate * period_s)
        if count >= 1 and abs(count - rate * period_s) <= 0.001 * count:
            return Tier(count, period_s, "bucket", limit)
    return Tier(limit, min(MAX_PERIOD_S, round(limit / rate, 3)), "bucket", limit)


# How the evidence of a declared limit goes on that is one.
COUNTS_AS_BUCKET = "counts as a bucket"
# A window on the clock that turned just then may look like a bucket once, and by a rare chance twice; in no period does
# more than one answer count.
ENOUGH = 3
# A level that is known no better may explain anything.
CLOSE = 3.0
# Sums of floats, and servers that count in milliseconds.
ROUNDED = 0.02


class _Level:
    """The level of a bucket, at least and at most, after each answer."""

    def __init__(self, tier: Tier, since_s: float, left: int | None = None) -> None:
        self.tier = tier
        self.headroom = Headroom()
        self.matches, self.matched_s = 0, -math.inf  # no more than one in a period
        self.refuted = False
        self._rate = tier.limit / tier.period_s
        self._low, self._high = float(left or 0), float(tier.limit if left is None else left)
        self._low_s = self._high_s = since_s

    def spend(self, sent_s: float, answered_s: float, cost: int) -> tuple[float, float]:
        """Take in one that was let through; return between which levels it left the bucket."""
        left = self._filled(self._low, sent_s - self._low_s), self._filled(self._high, answered_s - self._high_s)
        # At the brim what comes later finds no more: so late is the least, and early the most.
        self._low = self._filled(self._low, answered_s - self._low_s) - cost
        self._high = self._filled(self._high, max(0.0, sent_s - self._high_s)) - cost
        self._low_s, self._high_s = answered_s, max(sent_s, self._high_s)
        return left[0] - cost, left[1] - cost

    def after_all(self, now: float) -> tuple[float, float]:
        """Return between which levels the last to come left it, where nothing is in flight at `now`."""
        return self._low - self._rate * (now - self._high_s), self._filled(self._high, now - self._high_s)

    def _filled(self, level: float, passed_s: float) -> float:
        return min(float(self.tier.limit), level + self._rate * passed_s)


class Countings:
    """Judges each of the limits that may be counted in any way. since_s: nothing is known of before, but that `left`
    were left.
    """

    def __init__(self, tiers: Tiers, seen: Observations, since_s: float = -math.inf, left: int | None = None) -> None:
        self._levels = [_Level(tier, since_s, left) for tier in tiers if tier.kind == "any"]
        self._seen = seen

    def read(self, sent_s: float, now: float, cost: int, notice: Notice | None) -> Tier | None:
        """Take in an answer, after its grant is settled; return a limit that is now known to be a bucket."""
        if not self._levels:
            return None
        quotas = () if notice is None else notice.quotas
        in_flight = self._seen.in_flight_cost
        later = self._seen.accepted_between(sent_s, now) - cost  # these may have come after it, and are not counted
        for level in tuple(self._levels):
            low, high = level.spend(sent_s, now, cost)
            quota = next((quota for quota in quotas if tells_of(quota, level.tier)), None)
            if quota is None or quota.remaining is None:
                level.headroom.outdate(now)
                continue
            level.headroom.read(Reading(sent_s, now, quota.remaining))
            if not math.floor(low - in_flight - ROUNDED) <= quota.remaining <= high + later + ROUNDED:
                level.refuted = True
            known = not in_flight and self._judge(level, now)
            if known or level.refuted:
                self._levels.remove(level)
            if known:
                return level.tier
        return None

    def _judge(self, level: _Level, now: float) -> bool:
        """Judge by what the last of all left; return whether it is known to be a bucket."""
        left, (low, high) = level.headroom.least, level.after_all(now)
        if left is None or level.refuted or now < level.matched_s or high - low > CLOSE:
            return False
        level.refuted = not math.floor(low - ROUNDED) <= left <= high + ROUNDED
        if level.refuted or self._is_of_window(level.tier, left, now):
            return False
        level.matches, level.matched_s = level.matches + 1, now + level.tier.period_s / 2
        return level.matches == ENOUGH

    def _is_of_window(self, tier: Tier, left: int, now: float) -> bool:
        """Return whether a window would leave as much: a log, one that opened after a silence, or one that is new."""
        seen, period_s = self._seen, tier.period_s
        opened_s = seen.opened_s(now, period_s, period_s)
        since = len(seen) - bisect_left(seen.answered, opened_s)
        return tier.limit - left in (seen.used(now, period_s), since, 1)

    def lost(self) -> None:
        """Judge no more: nobody knows whether the server counted it."""
        self._levels = []
