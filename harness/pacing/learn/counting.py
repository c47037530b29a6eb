"""Tell whether the server counts a limit as a bucket that is believed to be a window, by what it says is left.

Where the limit was declared, nothing is paced by it: what was declared is kept. But a bucket lets twice as much through
at once as a window does, and refills all the time, so that people should know.

Two predictions of what is left stand against each other, for each answer. By the bucket, of the declared depth and
rate: its level, each request having arrived between its send and its answer. By the window: the limit less what was let
through within it. A count that the bucket does not explain refutes it for good. So many that it explains and the window
does not, and it is believed.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from harness.pacing.base import Notice
from harness.pacing.learn.observations import Observations
from harness.pacing.shared_quota import Headroom, Reading, tells_of
from harness.pacing.tiers import Tier, Tiers

# How the evidence of a declared limit goes on that is one.
COUNTS_AS_BUCKET = "counts as a bucket"
# A window on the clock that turned just then may look like a bucket once, and by a rare chance twice; in no period does
# more than one answer count.
ENOUGH = 3
# A level that is known no better may explain anything.
CLOSE = 3.0
# The silence before a window, as a part of its period, by which its first request is known.
SILENCE = 0.15
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
        opened_s = seen.opened_s(now, period_s, SILENCE * period_s)
        since = len(seen) - bisect_left(seen.answered, opened_s)
        return tier.limit - left in (seen.used(now, period_s), since, 1)

    def lost(self) -> None:
        """Judge no more: nobody knows whether the server counted it."""
        self._levels = []
