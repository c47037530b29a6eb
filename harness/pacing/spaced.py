"""The `spaced` strategy: evenly, for leaky buckets that take no burst."""

from __future__ import annotations

from random import Random

from harness.pacing.base import Grant, Later
from harness.pacing.meters import BucketMeter, Meter
from harness.pacing.tiers import Tier
from harness.pacing.window import WindowPacer

# Part of an interval by which a release is late at random, so that several clients of one limit that were let go at
# the same moment do not stay in step. Half of it is the rate that it costs.
JITTER = 0.02


class SpacedPacer(WindowPacer):
    """Each tier as a bucket: `burst` at once (the tier's own where it has one, else 1), then one each period / limit.

    What is spaced are arrivals. A send says little about when the request arrives, so the next is sent one interval
    after the *answer* of the last: `meters` has the proof, and the counter-example is any two requests of which the
    first is slow and the second fast. It costs a round trip per interval; a declared `rtt_floor_s` or a burst above
    the rate times the round trip gives it back. Exactly as safe as `window` with `:gcra:burst=1`, whatever the tier's
    kind, and slower than it wherever bursts are allowed. seed: of the jitter.
    """

    name = "spaced"
    _watches = False  # its own count is of one at a time, whatever the server's is of

    def __init__(self, tiers: tuple[Tier, ...], linger_s: float, rtt_floor_s: float = 0.0, seed: int = 0) -> None:
        self._random = Random(seed)
        self._released_at: float | None = None
        super().__init__(tiers, linger_s, rtt_floor_s)

    def _meter(self, tier: Tier) -> Meter:
        return BucketMeter(tier, self._rtt_floor_s, 1 if tier.burst is None else tier.depth)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """As `window`, but what had to wait is let go up to JITTER intervals later than it could be."""
        if self._released_at is not None and now < self._released_at:
            return Later(self._released_at, "limit", self._tiers[0])
        answer = super().reserve(now, cost)
        self._released_at = None
        if isinstance(answer, Grant) or answer.until is None or answer.tier is None:
            return answer
        interval_s = answer.tier.period_s / answer.tier.limit
        self._released_at = answer.until + JITTER * interval_s * self._random.random()
        return Later(self._released_at, answer.reason, answer.tier)
