"""Imports drawn by hypothesis: tiers, workers, and what befalls each request.

The way there and the way back are drawn separately, from none to several windows; requests are lost, cancelled, or
cheaper than was thought; the server's clock runs as much faster or slower as the guard allows for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from harness.pacing import Outcome, Tier, WindowPacer
from harness.pacing.window import paced_as
from tests.pacing.histories import Job, Witness
from tests.pacing.models import (
    AlignedWindow,
    AnchoredWindow,
    Counter,
    Gcra,
    Server,
    SlidingCounter,
    SlidingLog,
    TokenBucket as Bucket,
)

PERIODS = st.sampled_from([0.5, 1.0, 3.0, 7.0, 20.0])
# In windows of the first tier: most of what goes wrong goes wrong at the borders.
PARTS = st.one_of(st.sampled_from([0.0, 0.0, 0.01, 0.5, 0.999, 1.0, 1.0001, 2.5]), st.floats(0, 3, width=32))
FATES = st.sampled_from([Outcome.ANSWERED] * 6 + [Outcome.LOST, Outcome.UNUSED])
# Clocks may differ by less than the guard allows for.
CLOCKS = st.sampled_from([1.0, 1 - 9e-5, 1 + 9e-5])

KINDS: dict[str, Callable[[int, float, float], Counter]] = {
    "anchored": lambda limit, period_s, phase: AnchoredWindow(limit, period_s),
    "aligned": lambda limit, period_s, phase: AlignedWindow(limit, period_s, phase * period_s),
    "log": lambda limit, period_s, phase: SlidingLog(limit, period_s),
    "bucket": lambda limit, period_s, phase: Bucket(limit, period_s, limit),
    "gcra": lambda limit, period_s, phase: Gcra(limit, period_s, limit),
}


@dataclass(frozen=True)
class Scene:
    """One drawn import: the tiers, how it is paced, what befalls each request, and how the server's clock runs."""

    tiers: tuple[Tier, ...]
    workers: int
    linger_s: float
    rtt_floor_s: float
    jobs: tuple[Job, ...]
    phase: float
    clock: float

    def pacer(self) -> WindowPacer:
        return WindowPacer(self.tiers, self.linger_s, self.rtt_floor_s)

    def witness(self) -> Witness:
        return Witness(paced(self.tiers), self.linger_s, self.rtt_floor_s)

    def server(self, kind: str, tiers: tuple[Tier, ...]) -> Server:
        """A server that counts all of `tiers` as `kind`, or `as declared`."""
        return Server([self._counter(kind, tier) for tier in tiers], self.clock)

    def _counter(self, kind: str, tier: Tier) -> Counter:
        if kind != "as declared":
            return KINDS[kind](tier.limit, tier.period_s, self.phase)
        if tier.kind == "counter":
            return SlidingCounter(tier.limit, tier.period_s, self.phase * tier.period_s)
        assert tier.burst is not None
        return (Gcra if tier.kind == "gcra" else Bucket)(tier.limit, tier.period_s, tier.burst)


def paced(tiers: tuple[Tier, ...]) -> list[tuple[Tier, int, float]]:
    """Each tier with the limit and the period that a witness holds the strategy to."""
    return [(tier, *paced_as(tier)) for tier in tiers]


def tiers_of(limits: st.SearchStrategy[int], most: int = 3) -> st.SearchStrategy[tuple[Tier, ...]]:
    return st.lists(st.builds(Tier, limits, PERIODS), min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def jobs_for(draw: st.DrawFn, window_s: float, floors_s: tuple[float, float], linger_s: float, dearest: int) -> Job:
    """One request: the floors are the least way there and the least way back, the rest is anything."""
    outcome = draw(FATES)
    there_s, back_s = (floor + window_s * draw(PARTS) for floor in floors_s)
    cost = draw(st.integers(1, dearest))
    true_cost = draw(st.one_of(st.none(), st.integers(0, cost)))
    if outcome is Outcome.UNUSED:
        return Job(None, back_s, outcome, cost)
    if outcome is Outcome.ANSWERED:
        return Job(there_s, there_s + back_s, outcome, cost, true_cost)
    counted = there_s <= back_s + linger_s  # given up after `back_s`, and counted by then or within the linger
    counted_s = draw(st.sampled_from([there_s, back_s + linger_s])) if counted else None
    return Job(counted_s, back_s, outcome, cost)


@st.composite
def scenes(draw: st.DrawFn, tiers: st.SearchStrategy[tuple[Tier, ...]], costs: int = 3) -> Scene:
    chosen = draw(tiers)
    window_s = chosen[0].period_s
    linger_s = window_s * draw(PARTS)
    floors_s = (window_s * draw(st.sampled_from([0.0, 0.0, 0.1])), window_s * draw(st.sampled_from([0.0, 0.2, 1.5])))
    dearest = min(costs, *(paced_as(tier)[0] for tier in chosen))
    jobs = draw(st.lists(jobs_for(window_s, floors_s, linger_s, dearest), min_size=1, max_size=25))
    again = draw(st.integers(1, 3))
    rtt_floor_s = draw(st.sampled_from([0.0, sum(floors_s)]))
    phase = draw(st.floats(0, 1, width=16))
    return Scene(chosen, draw(st.integers(1, 8)), linger_s, rtt_floor_s, tuple(jobs * again), phase, draw(CLOCKS))


@st.composite
def stricter_tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Tiers that allow less than L in any W, so declared: buckets with a small burst, and sliding counters."""
    limit = draw(st.integers(1, 25))
    kind = draw(st.sampled_from(["gcra", "bucket", "counter"]))
    burst = None if kind == "counter" else draw(st.integers(1, limit))
    return (Tier(limit, draw(PERIODS), kind, burst),)
