"""Careful search for a rate, where no window explains what is refused: buckets, leaky buckets, counters.

A bucket of depth b that refills at r is empty whenever it refuses, so that accepted = b + r * time at each refusal:
two refusals tell the rate, and the longer apart they are the better. Where it was never full in between that is only
a lower bound, and the rate grows until it is refused: by halves at first, then by a few per cent, then no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.auto.history import EPSILON_S
from harness.pacing.base import Later
from harness.pacing.tiers import MAX_PERIOD_S, Tier

# Growth by phase, until refused: doubling finds any rate in a few steps, creeping meets it within 3 %.
GROWTH = (1.5, 1.03, 1.0)
BACK = 0.98
# So many requests apart, two refusals tell the rate to a per cent or two.
ENOUGH = 400


@dataclass(slots=True)
class RateSearch:
    """`depth` at once, then `rate` a second, spaced at the send. points: (time, accepted) at refusals."""

    rate: float
    depth: int
    first: tuple[float, int]
    last: tuple[float, int]
    phase: int = 0
    good: float = 0.0
    changed: tuple[float, int] = (0.0, 0)
    refusals: int = 0
    binding: bool = False
    _due: float = float("-inf")  # when the last request's slot is paid for

    @property
    def tier(self) -> Tier:
        """As a log that is at least as strict: depth in depth/rate."""
        limit = max(1, self.depth)
        return Tier(limit, min(MAX_PERIOD_S, max(0.001, round(limit / self.rate, 4))))

    def later(self, now: float, cost: int) -> Later | None:
        """None where the bucket, as it is believed to be, has room for `cost` more."""
        earliest = self._due - (self.depth - cost) / self.rate
        if now >= earliest - EPSILON_S:
            return None
        self.binding = True
        return Later(earliest, "limit", self.tier)

    def pause_s(self, guesses: int) -> float:
        """How long to be silent where the server does not say: until there is room for two, then for eight …"""
        return min(60.0, max(0.1, 2.0 / self.rate) * 4.0 ** min(guesses, 10))

    def sent(self, now: float, cost: int) -> None:
        self._due = max(self._due, now) + cost / self.rate

    def accepted(self, now: float, total: int) -> None:
        """Grow once enough got through at the present rate."""
        began_s, count = self.changed
        # What was not held back by the rate does not show that it could be higher.
        if self.binding and total - count >= max(12, 4 * self.depth) and now - began_s >= 1.0:
            self.good = self.rate
            self._change(self.rate * GROWTH[self.phase], now, total)

    def refused(self, now: float, total: int) -> None:
        """Too fast: back to what was good, and grow more slowly from there."""
        self.refusals += 1
        self.last = (now, total)
        apart = total - self.first[1]
        told = apart / (now - self.first[0]) if now > self.first[0] else self.rate
        if apart >= ENOUGH and self.depth > 1:
            self.phase = 2
            self._change(min(self.rate * BACK, max(told, 0.8 * self.rate)), now, total)
        else:
            backed = self.good if self.good and self.good < self.rate else self.rate * BACK * BACK
            self.phase = min(2, self.phase + 1)
            self._change(backed if self.phase < 2 else backed * BACK, now, total)
        self.depth = max(1, self.depth * 3 // 4) if self.refusals > 2 else self.depth
        self._due = max(self._due, now + self.depth / self.rate)  # it was empty then

    def _change(self, rate: float, now: float, total: int) -> None:
        self.rate, self.changed, self.binding = rate, (now, total), False
