"""What there is to send, and when the last of it is sent if every answer takes as long. No IO, no clock.

`bound` says when the last of all requests can be sent at the earliest, by the longest chain of "not before" links. The
client's own pacing adds to each link what it pays for being safe (see `pacing.window`): a slot comes free one window
after the *answer* of the request that held it, plus the guard. With the limits stretched by that (`stretched`) and the
mean latency as the round trip, the same chain says when the last request *is* sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from harness.bound.paths import Paging, Work, last_arrival_s
from harness.core.eta import admits_at
from harness.core.latency import Latency
from harness.pacing import TierStatistics
from harness.pacing.limiters import DRIFT, guard_s
from harness.pacing.strategies import JITTER
from harness.pacing.tiers import MAX_PERIOD_S, Kind, Tier, Tiers


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


@dataclass(frozen=True, slots=True)
class Ahead:
    """What there is to send from now on, and how it may be sent. Seconds count from now.

    pages, items: requests. begun: the first page is here, so that nothing waits for it; else `samples` items are
    fetched one by one after it. tiers: the limits of all keys together. workers: the fewest and the most there will be.
    occupied: by limit, (what it counts of this, its statistics at now_s of the session) where some of it is used.
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
    now_s: float = 0.0
    flaws: tuple[Flaw, ...] = ()
    retry_delays_s: Sequence[float] = ()
    retry_s: float | None = None

    @property
    def requests(self) -> int:
        return self.pages + self.items

    @property
    def work(self) -> Work:
        """Return it as `bound` knows it: with a list of at least a page."""
        pages, items = (self.pages, self.items) if self.pages else (1, max(0, self.items - 1))
        costs = self.list_cost, self.item_cost
        return Work(pages, items, self.paging, items > 0, None, *costs, 1, min(self.parts, pages))


def last_sent_s(ahead: Ahead, mean_s: float, workers: int) -> float:
    """Return when the last request is sent if every answer takes mean_s."""
    if not ahead.requests:
        return 0.0
    # What is fetched one by one comes first, and takes its slots like all else. Slots of a log come free in that order,
    # so that the rest is as late as it was; windows that open with the first request or by a clock, and buckets, do not
    # wait for it, and nor does what takes the first slots again.
    rest = replace(ahead, items=max(0, ahead.items - ahead.samples))
    in_windows = any(tier.kind in (*BURSTS, *ON_CLOCK, "anchored") for tier in ahead.tiers)
    late_s = _chain_s(rest, mean_s, workers, () if in_windows else ahead.tiers) + ahead.samples * mean_s
    last_s = max(_chain_s(ahead, mean_s, workers, ahead.tiers), late_s)
    for count, tier in ahead.occupied:
        slower = replace(tier, span_s=tier.span_s + mean_s)
        last_s = max(last_s, admits_at(slower, count, ahead.now_s) - ahead.now_s)
    return last_s


def _chain_s(ahead: Ahead, mean_s: float, workers: int, limits: Tiers) -> float:
    """Return the longest chain of links to the last request, under limits as the client keeps them."""
    tiers = tuple(stretched(tier, ahead, mean_s, workers) for tier in limits)
    last_s = last_arrival_s(ahead.work, tiers, mean_s, ahead.epoch_s, workers)
    # A bucket drains from the first answer on, and stands still while it is empty: what comes one by one is late.
    units_s = [tier.period_s / tier.limit for tier in tiers if tier.kind == "bucket" and of(tier, ahead) > tier.depth]
    if units_s:
        singly = 0 if ahead.begun else 1 + ahead.samples
        last_s += max(mean_s, mean_s + singly * (mean_s - max(units_s)))
    if ahead.begun:  # then nothing waits for the first page
        last_s = max(0.0, last_s - mean_s)
    if ahead.sequential:
        last_s = max(last_s, (ahead.pages + ahead.items / workers) * mean_s)
    return last_s


def stretched(tier: Tier, ahead: Ahead, mean_s: float, workers: int) -> Tier:
    """Return the limit that lets through what the client sends under `tier`: a window lasts from answer to send."""
    period_s, limit, floor_s = tier.period_s, tier.limit, ahead.rtt_floor_s
    if tier.kind == "concurrency":
        return tier
    if ahead.strategy == "reference":  # it sleeps a whole window once one is full, however long it took to fill it
        return _lasting(tier, period_s + limit * mean_s / workers, "anchored")
    if ahead.strategy == "spaced" or tier.kind in ("bucket", "gcra", "leaky"):
        depth = tier.depth if tier.kind in BURSTS and (ahead.strategy != "spaced" or tier.burst is not None) else 1
        late = DRIFT + (JITTER / 2 if ahead.strategy == "spaced" else 0.0)
        unit_s = period_s / limit * (1 + late)
        each_s = max(unit_s, (unit_s + mean_s - floor_s) / depth)
        return replace(_lasting(tier, each_s * limit, "bucket"), burst=depth)
    if tier.kind == "anchored":  # it is over one window after the first of its answers
        return _lasting(tier, guarded_s(tier, ahead) + ahead.latency.shortest(min(workers, limit)), "anchored")
    if tier.kind in ON_CLOCK:
        return tier
    return _lasting(tier, guarded_s(tier, ahead) + mean_s, "log")


def guarded_s(tier: Tier, ahead: Ahead) -> float:
    """Return how long a slot stays taken after its answer: a window and the guard, less what is known of the way."""
    return max(0.001, tier.period_s + guard_s(tier.period_s) - ahead.rtt_floor_s)


BURSTS = ("bucket", "gcra", "leaky")
ON_CLOCK = ("aligned", "counter")


def _lasting(tier: Tier, period_s: float, kind: Kind) -> Tier:
    return replace(tier, period_s=min(period_s, MAX_PERIOD_S), kind=kind, burst=None, tz=None)


def of(tier: Tier, ahead: Ahead) -> int:
    """Return how many of the requests one limit counts."""
    return ahead.requests if tier.route == "*" else {"list": ahead.pages}.get(tier.route, ahead.items)


def last_burst(tier: Tier, ahead: Ahead) -> int:
    """Return how many of the last requests one limit lets through together."""
    if tier.kind in BURSTS or ahead.strategy == "spaced":
        return max(1, math.ceil(tier.limit / tier.period_s * ahead.latency.mean))
    return (max(1, of(tier, ahead)) - 1) % tier.limit + 1
