"""What is thought of the latency: a sample of it, and how far all of it may be wrong. No IO, no clock.

Few answers say little: their spread is taken to be that of the prior as well, and their mean to be off by that spread
over the square root of their number. What is drawn from it is seeded by whoever draws.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist

_SAMPLE = 1000
_NORMAL = [NormalDist().inv_cdf((rank + 0.5) / _SAMPLE) for rank in range(_SAMPLE)]
# Before anything is measured: what round trips over the internet look like, p95 at 2.3 times the median, which is the
# test API's lognormal, too. It weighs as much as two answers.
PRIOR_SIGMA, PRIOR_ANSWERS = 0.5, 2
ENOUGH_ANSWERS, FEW_ANSWERS = 30, 3
# By what factor the first answers may be longer or shorter than the rest. Longer: a handshake takes one round trip for
# TCP and one for TLS 1.3, before that of the request. Shorter: they came one at a time, and what all workers ask at
# once queues (measured: 3.5 times on two cores with a load of 15, client and server being two processes).
STRANGE = 3.0
# The mean of an hour is not that of the next, however many answers it is from.
WANDERS = 0.1


class Latency:
    """How long answers take: a sample of them in order of length, and what is thought of how right it is.

    doubt: the standard deviation of the logarithm by which all of it may be longer or shorter; 0 where it is known.
    first: the answers seen were the first ones, and may be unlike the rest (STRANGE).
    """

    def __init__(self, sample: Sequence[float], doubt: float = 0.0, *, first: bool = False) -> None:
        self.sample = sorted(sample)
        self.doubt, self.first = doubt, first
        self.mean = sum(self.sample) / len(self.sample)
        self.sd = math.sqrt(sum((x - self.mean) ** 2 for x in self.sample) / len(self.sample))
        self._left = self._seen_at_random()
        self.mean_left = sum(self._left) / len(self._left)

    @classmethod
    def of_counts(cls, counts: Mapping[float, int]) -> Latency:
        """Make what is thought after so many answers of each length."""
        seen = sum(counts.values())
        logs = [(math.log(max(seconds, 1e-4)), count) for seconds, count in counts.items()]
        middle = sum(log * count for log, count in logs) / seen
        squares = sum(count * (log - middle) ** 2 for log, count in logs)
        spread = math.sqrt((PRIOR_ANSWERS * PRIOR_SIGMA**2 + squares) / (PRIOR_ANSWERS + seen - 1))
        doubt = spread / math.sqrt(seen)
        if seen >= ENOUGH_ANSWERS:
            each = [seconds for seconds, count in sorted(counts.items()) for _ in range(-(-count * _SAMPLE // seen))]
            return cls(each, max(doubt, WANDERS))
        quantiles = [math.exp(middle + spread * z) for z in _NORMAL]
        return cls(quantiles, max(doubt, WANDERS), first=seen <= FEW_ANSWERS)

    def _seen_at_random(self) -> list[float]:
        """Return what is left of an answer that is on its way at a random moment: long ones are met more often."""
        random, ends = Random(1), list(accumulate(self.sample))
        at = (bisect_left(ends, random.random() * ends[-1]) for _ in range(_SAMPLE)) if ends[-1] > 0 else iter([0])
        return sorted(self.sample[min(index, len(ends) - 1)] * random.random() for index in at)

    def scale(self, random: Random) -> float:
        """Draw by how much all of the sample is to be multiplied."""
        scale = math.exp(self.doubt * random.gauss(0.0, 1.0)) if self.doubt else 1.0
        return scale * STRANGE ** random.uniform(-1.0, 1.0) if self.first else scale

    def longest(self, number: int, random: Random) -> float:
        """Draw the longest of so many answers."""
        return _at(self.sample, random.random() ** (1.0 / number))

    def longest_left(self, number: int, random: Random) -> float:
        """Draw the longest of what is left of so many that are on their way."""
        return _at(self._left, random.random() ** (1.0 / number))

    def shortest(self, number: int) -> float:
        """Return the median of the shortest of so many."""
        return _at(self.sample, 1.0 - 0.5 ** (1.0 / number))


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
