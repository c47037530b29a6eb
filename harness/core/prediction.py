"""Predict how long a session will take, as an interval that holds the truth nine times out of ten. No IO, no clock.

**The last request.** `bound` says when the last of all requests can be sent at the earliest, by the longest chain of
"not before" links. The client's own pacing adds to each link what it pays for being safe (see `pacing.window`): a slot
comes free one window after the *answer* of the request that held it, plus the guard. With the limits stretched by that
(`stretched`) and the mean latency as the round trip, the same chain says when the last request *is* sent.

**The last answer.** Whoever is in flight then must be answered: the longest of so many remaining latencies.

**What is not known** is drawn: a few hundred imports, each with a latency of its own (few answers seen: a wide guess),
the luck of its sums, its last answers, its failures with their retries, and the phase of the server's clock. The
interval is between the 5th and the 95th percentile of what they would take. A draw is a dozen multiplications, however
many requests the import has: a million items cost what a hundred do. The draws have a seed of their own, so that the
same import is given the same prediction.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import NamedTuple

from harness.bound.greedy import greedy_s
from harness.bound.paths import Paging, Work, last_arrival_s
from harness.core.eta import admits_at
from harness.pacing import TierStatistics
from harness.pacing.limiters import DRIFT, guard_s
from harness.pacing.schedule import MOST_WINDOWS
from harness.pacing.strategies import JITTER
from harness.pacing.tiers import MAX_PERIOD_S, Kind, Tier, Tiers

DRAWS = 400
# The 5th and the 95th percentile: nine of ten lie between them.
_LOW, _HIGH = 0.05, 0.95


class Flaw(NamedTuple):
    """Answers that go wrong, as far as it is known beforehand.

    share: of the requests that it strikes at the first attempt. chance: by which each further attempt of a struck one
    fails, and at most `again` of them in all (None: any number). lasts_s: how long such an answer takes, beyond the
    latency. pause_s: it is a refusal after which everyone pauses; None: it is not. role: only of these requests.
    """

    share: float
    chance: float = 1.0
    again: int | None = None
    lasts_s: float = 0.0
    pause_s: float | None = None
    role: str | None = None


class Latency:
    """How long answers take: a sample of them in order of length, and what is thought of how right it is.

    doubt: the standard deviation of the logarithm by which all of it may be longer or shorter; 0 where it is known.
    cold: the answers that were seen waited for their connections, so that others may take down to a third of it.
    """

    def __init__(self, sample: Sequence[float], doubt: float = 0.0, *, cold: bool = False) -> None:
        self.sample = sorted(sample)
        self.doubt, self.cold = doubt, cold
        self.mean = sum(self.sample) / len(self.sample)
        self.sd = math.sqrt(sum((x - self.mean) ** 2 for x in self.sample) / len(self.sample))
        self._left = self._seen_at_random()

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
        return cls(quantiles, max(doubt, WANDERS), cold=seen <= FEW_ANSWERS)

    def _seen_at_random(self) -> list[float]:
        """Return what is left of an answer that is on its way at a random moment: long ones are met more often."""
        random, ends = Random(1), list(accumulate(self.sample))
        at = (bisect_left(ends, random.random() * ends[-1]) for _ in range(_SAMPLE)) if ends[-1] > 0 else iter([0])
        return sorted(self.sample[min(index, len(ends) - 1)] * random.random() for index in at)

    def scale(self, random: Random) -> float:
        """Draw by how much all of the sample is to be multiplied."""
        scale = math.exp(self.doubt * random.gauss(0.0, 1.0)) if self.doubt else 1.0
        # A handshake takes one round trip for TCP and one for TLS 1.3, before that of the request itself.
        return scale * (3.0 ** -random.random()) if self.cold else scale

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


_SAMPLE = 1000
_NORMAL = [NormalDist().inv_cdf((rank + 0.5) / _SAMPLE) for rank in range(_SAMPLE)]
# Before anything is measured: what round trips over the internet look like, p95 at 2.3 times the median, which is the
# test API's lognormal, too. It weighs as much as two answers.
PRIOR_SIGMA, PRIOR_ANSWERS = 0.5, 2
ENOUGH_ANSWERS, FEW_ANSWERS = 30, 3
# The mean of an hour is not that of the next, however many answers it is from.
WANDERS = 0.1


@dataclass(frozen=True, slots=True)
class Ahead:
    """What there is to send from now on, and how it may be sent. Seconds count from now.

    pages, items: requests. begun: the first page is here, so that nothing waits for it; else `samples` items are
    fetched one by one after it. tiers: the limits of all keys together. workers: the fewest and the most there will be.
    occupied: by limit, (what it counts of this, its statistics) where something of it is used already.
    retry_s: when the last retry that is waited for is due.
    """

    pages: int
    items: int
    tiers: Tiers
    strategy: str
    workers: tuple[int, int]
    latency: Latency
    paging: Paging = "numbered"
    list_cost: int = 1
    item_cost: int = 1
    parts: int = 1
    begun: bool = False
    samples: int = 0
    sequential: bool = False
    epoch_s: float | None = None
    rtt_floor_s: float = 0.0
    occupied: tuple[tuple[int, TierStatistics], ...] = ()
    flaws: tuple[Flaw, ...] = ()
    retry_delays_s: Sequence[float] = ()
    retry_s: float | None = None

    @property
    def requests(self) -> int:
        return self.pages + self.items

    @property
    def work(self) -> Work:
        """Return it as `bound` knows it: with a list of at least a page."""
        pages, items = (self.pages, self.items) if self.pages else (1, self.items - 1)
        costs = self.list_cost, self.item_cost
        return Work(pages, items, self.paging, items > 0, None, *costs, 1, min(self.parts, pages))


def last_sent_s(ahead: Ahead, mean_s: float, workers: int) -> float:
    """Return when the last request is sent if every answer takes mean_s."""
    if not ahead.requests:
        return 0.0
    last_s = _chain_s(ahead, mean_s, workers, ahead.tiers)
    # Windows that open with the first request, or on the server's clock, do not wait for what is fetched one by one.
    if ahead.tiers and all(tier.kind in ("anchored", *_ON_CLOCK) for tier in ahead.tiers):
        last_s = max(last_s, _chain_s(ahead, mean_s, workers, ()) + ahead.samples * mean_s)
    else:
        last_s += ahead.samples * mean_s
    for count, tier in ahead.occupied:
        last_s = max(last_s, admits_at(replace(tier, span_s=tier.span_s + mean_s), count, 0.0))
    return last_s


def _chain_s(ahead: Ahead, mean_s: float, workers: int, limits: Tiers) -> float:
    """Return the longest chain of links to the last request, under limits as the client keeps them."""
    tiers = tuple(stretched(tier, ahead, mean_s, workers) for tier in limits)
    last_s = last_arrival_s(ahead.work, tiers, mean_s, ahead.epoch_s, workers)
    if ahead.begun:  # then nothing waits for the first page
        last_s = max(0.0, last_s - mean_s)
    if ahead.sequential:
        last_s = max(last_s, (ahead.pages + ahead.items / workers) * mean_s)
    return last_s


def stretched(tier: Tier, ahead: Ahead, mean_s: float, workers: int) -> Tier:
    """Return the limit that lets through what the client sends under `tier`: a window lasts from answer to send."""
    period_s, limit, floor_s = tier.period_s, tier.limit, ahead.rtt_floor_s
    guarded_s = max(0.001, period_s + guard_s(period_s) - floor_s)
    if tier.kind == "concurrency":
        return tier
    if ahead.strategy == "reference":  # it sleeps a whole window once one is full, however long it took to fill it
        return _lasting(tier, period_s + limit * mean_s / workers, "anchored")
    if ahead.strategy == "spaced" or tier.kind in ("bucket", "gcra", "leaky"):
        depth = tier.depth if tier.kind in _BURSTS and (ahead.strategy != "spaced" or tier.burst is not None) else 1
        late = DRIFT + (JITTER / 2 if ahead.strategy == "spaced" else 0.0)
        unit_s = period_s / limit * (1 + late)
        each_s = max(unit_s, (unit_s + mean_s - floor_s) / depth)
        return replace(_lasting(tier, each_s * limit, "bucket"), burst=depth)
    if tier.kind == "anchored":  # it is over one window after the first of its answers
        return _lasting(tier, guarded_s + ahead.latency.shortest(min(workers, limit)), "anchored")
    if tier.kind in _ON_CLOCK:
        return tier
    return _lasting(tier, guarded_s + mean_s, "log")


_BURSTS = ("bucket", "gcra", "leaky")
_ON_CLOCK = ("aligned", "counter")


def _lasting(tier: Tier, period_s: float, kind: Kind) -> Tier:
    return replace(tier, period_s=min(period_s, MAX_PERIOD_S), kind=kind, burst=None, tz=None)


class Interval(NamedTuple):
    """The 5th percentile, the median and the 95th percentile, in seconds."""

    least_s: float
    likely_s: float
    most_s: float


def interval(ahead: Ahead, seed: int = 0) -> Interval:
    """Return how long it will take from now to the last answer."""
    random = Random(seed)
    course = _Course(ahead)
    times = sorted(course.draw(random) for _ in range(DRAWS))
    return Interval(times[round(_LOW * DRAWS)], times[DRAWS // 2], times[round(_HIGH * DRAWS) - 1])


class _Course:
    """How an import may go: `draw` says how long it takes by chance."""

    def __init__(self, ahead: Ahead) -> None:
        self.ahead = ahead
        fewest, most = ahead.workers
        self._workers = sorted({fewest, round(math.sqrt(fewest * most)), most})
        doubtful = ahead.latency.doubt or ahead.latency.cold
        scales = [2.0 ** (step / 2) for step in range(-6, 7)] if doubtful else [1.0]
        self._curves = [[self._last(scale, workers) for scale in scales] for workers in self._workers]
        self._scales = scales
        self._spare_s = self._greedily_s()

    def _last(self, scale: float, workers: int) -> tuple[float, float, int]:
        """Return when the last is sent, how much later if every answer takes a second more, and how many go at once."""
        ahead, mean_s = self.ahead, self.ahead.latency.mean * scale
        last_s = last_sent_s(ahead, mean_s, workers)
        step_s = max(1e-4, 0.01 * mean_s)
        slope = (last_sent_s(ahead, mean_s + step_s, workers) - last_s) / step_s
        alone_s = last_sent_s(replace(ahead, tiers=(), occupied=()), mean_s, workers)
        return last_s, max(0.0, slope), workers if alone_s > 0.9 * last_s else 1

    def draw(self, random: Random) -> float:
        ahead, latency = self.ahead, self.ahead.latency
        scale = latency.scale(random)
        curve = self._curves[random.randrange(len(self._curves))]
        workers = self._workers[self._curves.index(curve)]
        last_s, slope, alike = self._between(curve, scale)
        luck_s = latency.sd * scale * math.sqrt(slope / alike) * random.gauss(0.0, 1.0)
        last_s = max(0.0, last_s + luck_s) + self._phase_s(workers, random) + self._pauses_s(last_s, random)
        end_s = last_s + scale * self._tail_s(workers, random)
        end_s = max(end_s, self._retried_s(last_s, scale, random))
        return end_s * math.exp(MODEL_SIGMA * random.gauss(0.0, 1.0))

    def _between(self, curve: list[tuple[float, float, int]], scale: float) -> tuple[float, float, int]:
        at = 0 if len(curve) == 1 else min(len(curve) - 1, max(0, round(6 + 2 * math.log2(scale))))
        last_s, slope, alike = curve[at]
        return max(0.0, last_s + slope * (scale - self._scales[at]) * self.ahead.latency.mean), slope, alike

    def _phase_s(self, workers: int, random: Random) -> float:
        """Draw by how much it takes longer because of where windows begin and end, of which the chain knows less.

        Several anchored limits are planned for, so that the truth is between the chain and greedy admission (3 % more,
        for plans are made in steps). Aligned windows: until a second has ticked over in the answers, the server's clock
        is known to a second, and the client keeps to the later end. A sliding counter: what may have come before a
        border or after it counts as after, which costs up to a window, once (measured: 0.1 to 1 window).
        """
        late_s = random.random() * self._spare_s
        for tier in self.ahead.tiers:
            full = _of(tier, self.ahead) > tier.limit
            if full and tier.kind == "counter":
                late_s += random.uniform(0.1, 1.0) * tier.period_s
            elif full and tier.kind == "aligned":
                second = random.random()
                filled_s = tier.limit / workers * self.ahead.latency.mean
                late_s += second if second + filled_s < 1.0 else 0.0
        return late_s

    def _greedily_s(self) -> float:
        """Return how much longer greedy admission takes than the chain, where several limits are anchored."""
        ahead, mean_s, workers = self.ahead, self.ahead.latency.mean, self._workers[-1]
        tiers = tuple(stretched(tier, ahead, mean_s, workers) for tier in ahead.tiers)
        anchored = [tier for tier in tiers if tier.kind == "anchored"]
        if len(anchored) < 2 or ahead.requests > MOST_WINDOWS * min(tier.limit for tier in anchored):
            return 0.0
        chain_s = last_arrival_s(ahead.work, tiers, mean_s, None, workers)
        greedy = greedy_s(ahead.work, tiers, mean_s, None, chain_s)
        return 0.0 if greedy is None else max(0.03 * chain_s, 1.03 * greedy - chain_s)

    def _tail_s(self, workers: int, random: Random) -> float:
        """Draw how long after the last request was sent the last answer comes."""
        ahead, latency = self.ahead, self.ahead.latency
        at_once = min([workers, max(1, ahead.requests), *(_last_burst(tier, ahead) for tier in ahead.tiers)])
        others = latency.longest_left(at_once - 1, random) if at_once > 1 else 0.0
        return max(latency.longest(1, random), others)

    def _retried_s(self, last_s: float, scale: float, random: Random) -> float:
        """Draw when the last retry is answered; 0 without any."""
        ahead, latency, end_s = self.ahead, self.ahead.latency, 0.0
        delays_s = list(accumulate(ahead.retry_delays_s))
        if ahead.retry_s is not None:
            end_s = ahead.retry_s + scale * latency.longest(1, random)
        for flaw in ahead.flaws if delays_s else ():
            if flaw.pause_s is not None:
                continue
            struck = _poisson(self._struck(flaw), random)
            for attempt, delay_s in enumerate(delays_s[: flaw.again], 1):
                struck = struck if attempt == 1 else _some_of(struck, flaw.chance, random)
                if not struck:
                    break
                began_s = last_s * random.random() ** (1.0 / struck)
                trips = sum(latency.longest(1, random) for _ in range(attempt + 1)) * scale
                end_s = max(end_s, began_s + delay_s + trips + attempt * flaw.lasts_s)
        return end_s

    def _struck(self, flaw: Flaw) -> float:
        ahead = self.ahead
        of = {"list": ahead.pages, "item": ahead.items}.get(flaw.role or "", ahead.requests)
        return flaw.share * of

    def _pauses_s(self, last_s: float, random: Random) -> float:
        """Draw by how much refusals that no limit explains hold everyone up."""
        lost_s = 0.0
        for flaw in self.ahead.flaws:
            if flaw.pause_s:
                lost_s += flaw.pause_s * _poisson(self._struck(flaw), random)
        return lost_s


def _of(tier: Tier, ahead: Ahead) -> int:
    """Return how many of the requests one limit counts."""
    return ahead.requests if tier.route == "*" else {"list": ahead.pages}.get(tier.route, ahead.items)


def _last_burst(tier: Tier, ahead: Ahead) -> int:
    """Return how many of the last requests one limit lets through together."""
    if tier.kind in _BURSTS or ahead.strategy == "spaced":
        return max(1, math.ceil(tier.limit / tier.period_s * ahead.latency.mean))
    return (max(1, _of(tier, ahead)) - 1) % tier.limit + 1


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


# How far the chain is from what imports took: measured by `python -m benchmarks calibration`.
MODEL_SIGMA = 0.002
