"""How much longer it takes where neither the limit nor the workers decide alone. No IO, no clock.

The chain of `ahead` takes the longer of two links, each as long as it is on average. Where a window is about as long as
the workers need for it, now the one is longer and now the other, and the longer of both is longer on average than
either average: ten answers of 90 ms take more than a second now and then, and then that window is late. So such an
import is played in miniature, once with latencies as they are and once with their mean; the quotient is what the chain
lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush, heapreplace
from itertools import repeat
from random import Random

from harness.core.ahead import BURSTS, Ahead, guarded_s, of
from harness.pacing.tiers import Tier

# What is played: so many windows, as far as these are so many requests. In larger windows latencies even out.
_MOST, _WINDOWS, _FEWEST = 2000, 20, 5
# A limit that takes less than this part of what the workers take, or they of it, decides nothing.
_NEAR = 0.4


def crowding(ahead: Ahead, workers: int, scale: float = 1.0, seed: int = 0) -> float:
    """Return by what factor it takes longer than with the mean latency; 1.0 where one of the two decides alone.

    scale: by which all latencies are longer than is thought.
    """
    mean_s = ahead.latency.mean * scale
    near = [tier for tier in ahead.tiers if _is_near(tier, ahead, workers, mean_s)]
    if not near or ahead.strategy in ("reference", "spaced"):
        return 1.0
    tier = min(near, key=lambda each: each.limit / each.period_s)
    number = min(of(tier, ahead), _MOST, _WINDOWS * tier.limit)
    even_s = _last_sent_s(tier, ahead, workers, repeat(mean_s, number))
    drawn_s = _last_sent_s(tier, ahead, workers, _shuffled(ahead.latency.sample, number, scale, Random(seed)))
    return max(1.0, drawn_s / even_s) if even_s else 1.0


def _shuffled(sample: Sequence[float], number: int, scale: float, random: Random) -> list[float]:
    """Return so many latencies whose mean is that of the sample, so that only their order is by chance."""
    found = [sample[int((at + 0.5) / number * len(sample))] * scale for at in range(number)]
    random.shuffle(found)
    return found


def _is_near(tier: Tier, ahead: Ahead, workers: int, mean_s: float) -> bool:
    if tier.kind in (*BURSTS, "concurrency") or of(tier, ahead) <= tier.limit or tier.limit * _FEWEST > _MOST:
        return False
    filled_s = tier.limit * mean_s / workers
    return _NEAR < filled_s / (tier.period_s + mean_s) < 1 / _NEAR


def _last_sent_s(tier: Tier, ahead: Ahead, workers: int, latencies: Iterable[float]) -> float:
    """Play requests under one limit, as the client keeps it; return when the last one is sent."""
    free, sent_s = [0.0] * workers, 0.0
    slots = _Slots(tier, guarded_s(tier, ahead))
    for latency_s in latencies:
        sent_s = slots.sent_at(free[0])
        heapreplace(free, sent_s + latency_s)
        slots.answered(sent_s + latency_s)
    return sent_s


class _Slots:
    """The room that a limit has: slots that come free one window after the answer, or whole windows."""

    def __init__(self, tier: Tier, period_s: float) -> None:
        self._limit, self._period_s = tier.limit, period_s
        self._is_log, self._on_clock = tier.kind not in ("anchored", "aligned"), tier.kind == "aligned"
        self._taken: list[float] = []  # when each comes free, a heap
        self._used, self._over_s = 0, 0.0

    def sent_at(self, free_s: float) -> float:
        """Return when a request goes whose worker is free at free_s."""
        if self._is_log:
            return free_s if len(self._taken) < self._limit else max(free_s, heappop(self._taken))
        if free_s >= self._over_s or self._used == self._limit:
            at_s = max(free_s, self._over_s)
            self._over_s = (at_s // self._period_s + 1) * self._period_s if self._on_clock else at_s + self._period_s
            self._used, free_s = 0, at_s
        self._used += 1
        return free_s

    def answered(self, at_s: float) -> None:
        """Take note of when an answer came."""
        if self._is_log:
            heappush(self._taken, at_s + self._period_s)
