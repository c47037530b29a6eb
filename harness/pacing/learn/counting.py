"""Tell whether the server counts a limit that was declared plainly as a bucket, by what it says is left.

Nothing is paced by it: what was declared is kept. But a bucket lets twice as much through at once as windows do, and
refills all the time, so that people should know.

Two predictions of what is left stand against each other, for each answer. By the bucket, of the declared depth and
rate: its level, each request having arrived between its send and its answer. By the window: the limit less what was let
through within it. A count that the bucket does not explain refutes it for good. So many that it explains and the window
does not, and it is believed.
"""

from __future__ import annotations

import math

from harness.pacing.base import Notice
from harness.pacing.learn.observations import Observations
from harness.pacing.shared_quota import tells_of
from harness.pacing.tiers import Tier, Tiers

# How the evidence of a declared limit goes on that is one.
COUNTS_AS_BUCKET = "counts as a bucket"
# A window on the clock that turned just then may look like a bucket once, and by a rare chance twice.
ENOUGH = 4
# Sums of floats, and servers that count in milliseconds.
ROUNDED = 0.02


class _Level:
    """The level of a bucket, at least and at most, after each answer."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.matches = 0
        self.refuted = False
        self._rate = tier.limit / tier.period_s
        self._low = self._high = float(tier.limit)
        self._low_s = self._high_s = -math.inf

    def spend(self, sent_s: float, answered_s: float, cost: int) -> tuple[float, float]:
        """Take in one that was let through; return between which levels it left the bucket."""
        left = self._filled(self._low, sent_s - self._low_s), self._filled(self._high, answered_s - self._high_s)
        # At the brim what comes later finds no more: so late is the least, and early the most.
        self._low = self._filled(self._low, answered_s - self._low_s) - cost
        self._high = self._filled(self._high, max(0.0, sent_s - self._high_s)) - cost
        self._low_s, self._high_s = answered_s, max(sent_s, self._high_s)
        return left[0] - cost, left[1] - cost

    def _filled(self, level: float, passed_s: float) -> float:
        return min(float(self.tier.limit), level + self._rate * passed_s)


class Countings:
    """Judges each of the declared limits that may be counted in any way."""

    def __init__(self, tiers: Tiers, seen: Observations) -> None:
        self._levels = [_Level(tier) for tier in tiers if tier.kind == "any"]
        self._seen = seen

    def read(self, sent_s: float, now: float, cost: int, notice: Notice | None) -> Tier | None:
        """Take in an answer, after its grant is settled; return a limit that is now known to be a bucket."""
        quotas = () if notice is None else notice.quotas
        in_flight = self._seen.in_flight_cost
        later = self._seen.accepted_between(sent_s, now) - cost  # these may have come after it, and are not counted
        for level in self._levels:
            low, high = level.spend(sent_s, now, cost)
            quota = next((quota for quota in quotas if tells_of(quota, level.tier)), None)
            if quota is None or quota.remaining is None or level.refuted:
                continue
            left = quota.remaining
            if not math.floor(low - in_flight - ROUNDED) <= left <= high + later + ROUNDED:
                level.refuted = True
                continue
            used = self._seen.used(now, level.tier.period_s)
            level.matches += not level.tier.limit - used <= left <= level.tier.limit - used + in_flight + later
            if level.matches == ENOUGH:
                self._levels.remove(level)
                return level.tier
        return None

    def lost(self) -> None:
        """Judge no more: nobody knows whether the server counted it."""
        for level in self._levels:
            level.refuted = True
