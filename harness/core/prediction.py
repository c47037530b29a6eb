"""Predict how long a session will take, as an interval that holds the truth nine times out of ten. No IO, no clock.

**The last request** is sent when the chain of limits and workers lets it go (`ahead`). **The last answer** comes when
the longest of those in flight then is over, or the last retry. **What is not known** is drawn: a few hundred imports,
each with a latency of its own (few answers seen: a wide guess), the luck of its sums, its last answers, its failures
with their retries, its pauses, and the phase of the server's clock. The interval is between the 5th and the 95th
percentile of what they would take.

A draw is a few dozen steps, however many requests the import has: a million items cost what a hundred do. The draws
have a seed of their own, so that the same import is given the same prediction.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate
from random import Random
from typing import NamedTuple

from harness.bound.greedy import greedy_s
from harness.bound.paths import last_arrival_s, to_border_s
from harness.core.ahead import BURSTS, Ahead, Flaw, last_burst, last_sent_s, of, stretched
from harness.core.crowding import crowding
from harness.pacing.schedule import MOST_WINDOWS
from harness.pacing.tiers import Tier

DRAWS = 400
# The 5th and the 95th percentile: nine of ten lie between them.
_LOW, _HIGH = 0.05, 0.95
# Moments at which it is looked how much has been sent.
_LOOKS = 12
# How far the chain is from what imports took: measured by `python -m benchmarks calibration`.
MODEL_SIGMA = 0.004


class Interval(NamedTuple):
    """The 5th percentile, the median and the 95th percentile, in seconds."""

    least_s: float
    likely_s: float
    most_s: float


def interval(ahead: Ahead, seed: int = 0) -> Interval:
    """Return how long it will take from now to the last answer."""
    random = Random(seed)
    again = sum(flaw.share * _attempts(flaw, len(ahead.retry_delays_s)) for flaw in ahead.flaws)
    ahead = replace(ahead, items=ahead.items + round(again * ahead.items))
    courses = [_Course(ahead, workers) for workers in _numbers(*ahead.workers)]
    times = sorted(courses[draw % len(courses)].draw(random) for draw in range(DRAWS))
    return Interval(times[round(_LOW * DRAWS)], times[DRAWS // 2], times[round(_HIGH * DRAWS) - 1])


def _attempts(flaw: Flaw, retries: int) -> float:
    """Return how many more requests are sent for one that was struck."""
    if flaw.pause_s is not None or flaw.chance < 1.0:
        return 1.0 / (1.0 - min(0.9, flaw.chance))
    return min(retries, flaw.again or retries)


def _numbers(fewest: int, most: int) -> list[int]:
    """Return how many workers there may be, where that is found on the way."""
    return sorted({fewest, round(math.sqrt(fewest * most)), most})


class _Course:
    """How an import with so many workers may go: `draw` says how long it takes by chance."""

    def __init__(self, ahead: Ahead, workers: int) -> None:
        self.ahead, self.workers = ahead, workers
        latency = ahead.latency
        self._scales = [2.0**step for step in range(-3, 4)] if latency.doubt or latency.first else [1.0]
        self._lasts = [self._last(scale * latency.mean) for scale in self._scales]
        self._crowds = [crowding(ahead, workers, scale) for scale in self._scales]
        self._spare_s = self._greedily_s()
        self._sent_s = self._moments() if ahead.flaws else []
        self._burst = min([max(1, ahead.requests), *(last_burst(tier, ahead) for tier in ahead.tiers)])
        alone_s = last_sent_s(replace(ahead, tiers=(), occupied=()), latency.mean, workers)
        self._by_workers = alone_s > 0.9 * last_sent_s(ahead, latency.mean, workers)

    def _last(self, mean_s: float) -> tuple[float, float]:
        """Return when the last is sent, and how much later if every answer takes a second more."""
        last_s = last_sent_s(self.ahead, mean_s, self.workers)
        step_s = max(1e-4, 0.01 * mean_s)
        return last_s, max(0.0, (last_sent_s(self.ahead, mean_s + step_s, self.workers) - last_s) / step_s)

    def _moments(self) -> list[float]:
        """Return when a twelfth of the requests, two twelfths and so on are sent, as a share of when the last is."""
        ahead, mean_s = self.ahead, self.ahead.latency.mean
        parts = [math.ceil(ahead.items * look / _LOOKS) for look in range(1, _LOOKS)]
        times = [last_sent_s(replace(ahead, items=items, occupied=()), mean_s, self.workers) for items in parts]
        last_s = last_sent_s(replace(ahead, occupied=()), mean_s, self.workers)
        return [min(1.0, at_s / last_s) if last_s else 1.0 for at_s in times] + [1.0]

    def draw(self, random: Random) -> float:
        """Return the seconds that it takes, by chance."""
        latency = self.ahead.latency
        scale = latency.scale(random)
        at = min(range(len(self._scales)), key=lambda one: abs(math.log(self._scales[one] / scale)))
        last_s, slope = self._lasts[at]
        last_s += slope * (scale - self._scales[at]) * latency.mean
        alike = self.workers if self._by_workers else 1
        last_s *= self._crowds[at]
        last_s += latency.sd * scale * math.sqrt(slope / alike) * random.gauss(0.0, 1.0)
        last_s = self._phase_s(max(0.0, last_s), scale, random) + self._paused_s(scale, random)
        # The chain counts whole round trips.
        end_s = last_s + scale * (self._tail_s(random) + (random.random() - 0.5) * latency.mean)
        end_s = max(0.0, end_s) * math.exp(MODEL_SIGMA * random.gauss(0.0, 1.0))
        return max(end_s, self._retried_s(last_s, scale, random))

    def _tail_s(self, random: Random) -> float:
        """Draw how long after the last request was sent the last answer comes.

        A last burst that the workers send at once ends with the longest of it. Else they send one after the other,
        whoever is free: others have been on their way for a while, and the sum of all latencies that the chain divides
        among the workers holds what is left of those, too.
        """
        latency, others = self.ahead.latency, min(self.workers, self._burst) - 1
        if self._burst <= self.workers:
            return latency.longest(others + 1, random)
        left_s = latency.longest_left(others, random) if others else 0.0
        return max(latency.longest(1, random), left_s) - (latency.mean_left - latency.mean / 2)

    def _phase_s(self, last_s: float, scale: float, random: Random) -> float:
        """Draw when the last is sent, given where windows begin and end, of which the chain knows less.

        Several anchored limits are planned for, so that the truth is between the chain and greedy admission. A sliding
        counter: what may have come before a border or after it counts as after, which costs up to a window, once
        (measured: 0.1 to 1 window).
        """
        last_s += random.random() * self._spare_s
        for tier in self.ahead.tiers:
            if of(tier, self.ahead) <= tier.limit:
                continue
            if tier.kind == "counter":
                last_s += random.uniform(0.1, 1.0) * tier.period_s
            elif tier.kind == "aligned":
                last_s = max(last_s, self._aligned_s(tier, self.ahead.latency.mean * scale, random))
        return last_s

    def _aligned_s(self, tier: Tier, mean_s: float, random: Random) -> float:
        """Draw when the last is sent under an aligned limit, as fast as the workers are.

        The server's clock is known to a second until one has ticked over in the answers, then to about a round trip,
        and the client keeps to the later end of it. What was sent within that time before a border may be in either
        window, and counts in both.
        """
        ahead, limit, period_s = self.ahead, tier.limit, tier.period_s
        per_s = self.workers / mean_s if mean_s else math.inf
        began_s = 0.0 if ahead.begun else mean_s * (1 + ahead.samples)
        border_s = random.random() * period_s if ahead.epoch_s is None else to_border_s(tier, ahead.epoch_s)
        second, filled_s = random.random(), limit / per_s
        # Of several answers the quickest says most.
        known_s = min(1.0, 2 * ahead.latency.shortest(limit) * mean_s / (ahead.latency.mean or 1.0))
        late_s = known_s * random.random() if second + min(filled_s, border_s) >= 1.0 else second
        first = min(limit, 1 + max(0.0, border_s - began_s) * per_s)
        in_both = min(began_s + filled_s, border_s) - max(began_s, border_s - late_s)
        left = of(tier, ahead) - first + max(0.0, min(limit, in_both * per_s))
        room = max(1.0, min(limit, (period_s - late_s) * per_s))
        windows = max(1, math.ceil(left / room))
        return border_s + late_s + (windows - 1) * period_s + (left - (windows - 1) * room) / per_s

    def _greedily_s(self) -> float:
        """Return how much longer greedy admission takes than the chain, where several limits are anchored.

        3 % more, for plans are made in steps.
        """
        ahead, mean_s = self.ahead, self.ahead.latency.mean
        tiers = tuple(stretched(tier, ahead, mean_s, self.workers) for tier in ahead.tiers)
        anchored = [tier for tier in tiers if tier.kind == "anchored"]
        if len(anchored) < 2 or ahead.requests > MOST_WINDOWS * min(tier.limit for tier in anchored):
            return 0.0
        chain_s = last_arrival_s(ahead.work, tiers, mean_s, None, self.workers)
        greedy = greedy_s(ahead.work, tiers, mean_s, None, chain_s)
        return 0.0 if greedy is None else max(0.03 * chain_s, 1.03 * greedy - chain_s)

    def _retried_s(self, last_s: float, scale: float, random: Random) -> float:
        """Draw when the last retry is answered; 0 without any."""
        ahead, latency, end_s = self.ahead, self.ahead.latency, 0.0
        delays_s = list(accumulate(ahead.retry_delays_s))
        if ahead.retry_s is not None:
            end_s = ahead.retry_s + scale * latency.longest(1, random)
        for flaw in ahead.flaws if delays_s else ():
            struck = 0 if flaw.pause_s is not None else _poisson(self._struck(flaw), random)
            for attempt, delay_s in enumerate(delays_s[: flaw.again], 1):
                struck = struck if attempt == 1 else _some_of(struck, flaw.chance, random)
                if not struck:
                    break
                began_s = last_s * self._when(random.random() ** (1.0 / struck))
                trips_s = sum(latency.longest(1, random) for _ in range(attempt + 1)) * scale
                end_s = max(end_s, began_s + delay_s + trips_s + attempt * flaw.lasts_s)
        return end_s

    def _when(self, share: float) -> float:
        """Return when this share of the requests is sent, as a share of when the last is."""
        at = min(_LOOKS - 1, int(share * _LOOKS))
        before = self._sent_s[at - 1] if at else 0.0
        return before + (share * _LOOKS - at) * (self._sent_s[at] - before)

    def _struck(self, flaw: Flaw) -> float:
        ahead = self.ahead
        return flaw.share * {"list": ahead.pages, "item": ahead.items}.get(flaw.role or "", ahead.requests)

    def _paused_s(self, scale: float, random: Random) -> float:
        """Draw by how much refusals that no limit explains hold the last request up.

        A pause lasts as long as it was told to, then one request probes. Where workers alone decide, each pause holds
        up the last request. A bucket refills meanwhile, and only what would have overflowed is lost. In a window a
        pause holds up what comes after it, or nothing, where it falls into a gap: it is not known of how many this is
        true.
        """
        ahead, mean_s = self.ahead, self.ahead.latency.mean * scale
        tiers = [tier for tier in ahead.tiers if of(tier, ahead) > tier.limit and tier.kind != "concurrency"]
        refills = [tier for tier in tiers if tier.kind in BURSTS]
        refill_s = max((tier.depth * tier.period_s / tier.limit for tier in refills), default=0.0)
        refill_s -= max((tier.depth / self.workers * mean_s for tier in refills), default=0.0)
        share = 1.0 if self._by_workers or refills or not tiers else random.random()
        late_s = 0.0
        for flaw in ahead.flaws:
            if flaw.pause_s:
                pauses = _some_of(_poisson(self._struck(flaw), random), share, random)
                late_s += pauses * max(0.0, flaw.pause_s + (3 if refills else 1.5) * mean_s - refill_s)
        return late_s


def _poisson(mean: float, random: Random) -> int:
    """Draw how many of many came to pass, of which `mean` do on average."""
    if mean > 50:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    count, chance = 0, random.random()
    floor = math.exp(-mean)
    while chance > floor:
        count, chance = count + 1, chance * random.random()
    return count


def _some_of(number: int, chance: float, random: Random) -> int:
    """Draw how many of `number` come to pass by `chance`."""
    if chance >= 1.0:
        return number
    if number > 50:
        spread = math.sqrt(number * chance * (1 - chance))
        return min(number, max(0, round(random.gauss(number * chance, spread))))
    return sum(random.random() < chance for _ in range(number))
