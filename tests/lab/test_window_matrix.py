"""`window` with true limits, in whole imports: no refusal anywhere, and as fast as the limits allow.

Over every way of counting, 1 to 200 workers, windows of 1 to 100 s, one to three tiers, half a window to 20 windows,
at constant and at jittered latency (lognormal, sigma 0.5, each way by itself).
"""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from harness.pacing import parse_tiers
from tests.lab.imports import Trip, play

pytestmark = pytest.mark.matrix

LIMIT = 60
STEADY, JITTER = Trip(), Trip(sigma=0.5)
CASES = list(
    product([1, 2, 10, 30, 100], [1, 2, 3], [1, 5, 20, 200], [0.5, 3.3, 20.0], [STEADY, JITTER])
)  # window, tiers, workers, size in windows, trip
FEW, FEWER = Random(4).sample(CASES, 30), Random(4).sample(CASES, 12)
Case = tuple[int, int, int, float, Trip]
UNDECLARED = ("anchored", "aligned", "log", "bucket")
DECLARED = ("aligned", "counter", "gcra:burst=7", "bucket", "leaky:burst=20")


def limits(case: Case, kind: str) -> str:
    window_s, tiers, *_ = case
    ladder = [(LIMIT, window_s), (LIMIT * 7 // 2, 5 * window_s), (LIMIT * 9, 20 * window_s)]
    return "+".join(f"{limit}/{period_s}s:{kind}".rstrip(":") for limit, period_s in ladder[:tiers])


def items(case: Case) -> int:
    """So many that they take about the size in windows: a ladder of tiers is slower than its first."""
    return max(1, int(LIMIT * case[3] * (1.0, 0.7, 0.4)[case[1] - 1]))


def check_undeclared(case: Case, kind: str) -> None:
    window_s, _, workers, size, trip = case
    outcome = play(limits(case, kind), items(case), believed=limits(case, ""), workers=workers, trip=trip)
    assert outcome.refused == 0, case
    # A worker alone adds up its luck, and half a window has no limit in it. The last answer may be as late as any.
    if trip is STEADY or (size > 1 and workers >= 5):
        least = 0.99 if window_s >= 10 else window_s / (window_s + trip.longest_s + 0.001)
        best_s = outcome.best.bound_workers_s
        assert outcome.duration_s <= best_s / least + 2 * (trip.longest_s - trip.mean_s), (case, outcome)


def check_declared(case: Case, kind: str) -> None:
    _, _, workers, _, trip = case
    for epoch_s in (1_700_000_003.7, 1_700_000_099.98):
        outcome = play(limits(case, kind), items(case), workers=workers, trip=trip, epoch_s=epoch_s)
        assert outcome.refused == 0, (case, kind)


@pytest.mark.parametrize("kind", UNDECLARED)
def test_no_refusal_and_nothing_wasted_where_the_kind_is_not_declared(kind: str) -> None:
    """0 refusals; of the log's bound 99 % from windows of 10 s on, below that W / (W + round trip + guard)."""
    for case in FEW:
        check_undeclared(case, kind)


@pytest.mark.parametrize("kind", DECLARED)
def test_no_refusal_where_the_kind_is_declared(kind: str) -> None:
    """Aligned windows and counters at two phases, small bursts, queues: 0 refusals."""
    for case in FEWER:
        check_declared(case, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNDECLARED)
def test_every_case_where_the_kind_is_not_declared(kind: str) -> None:
    """The same promise over the whole matrix."""
    for case in CASES:
        check_undeclared(case, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DECLARED)
def test_every_case_where_the_kind_is_declared(kind: str) -> None:
    """The same promise over the whole matrix."""
    for case in CASES:
        check_declared(case, kind)


@pytest.mark.parametrize("window_s", [1, 2, 5])
def test_a_true_floor_of_the_round_trip_gives_short_windows_back(window_s: int) -> None:
    """At 200 ms a window of 1 s keeps W / (W + round trip + guard) without, 95 % of the best with --rtt-floor."""
    slow = Trip(way_s=0.06, service_s=0.08)
    without = play(f"60/{window_s}s", 1200, workers=100, trip=slow)
    with_floor = play(f"60/{window_s}s", 1200, workers=100, trip=slow, rtt_floor_s=0.2)
    assert (without.refused, with_floor.refused) == (0, 0)
    assert without.optimality >= window_s / (window_s + 0.2 + 0.001)
    assert with_floor.optimality >= 0.95


@pytest.mark.parametrize("limit", ["600/20s:aligned", "60/m:aligned", "5000/d:aligned:tz=UTC", "90/h:aligned"])
@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_an_aligned_window_costs_what_the_phase_is_uncertain(limit: str, sigma: float) -> None:
    """Bound / (bound + e per window), with e as Date headers leave it: a second, a round trip, and drift since then."""
    trip = Trip(sigma=sigma)
    (tier,) = parse_tiers(limit)
    count = tier.limit
    for epoch_s in (1_700_000_003.7, 1_700_000_039.2):
        outcome = play(limit, count * 5 // 2, workers=50, trip=trip, epoch_s=epoch_s)
        assert outcome.refused == 0
        e_s, borders = 1.0 + 2 * trip.mean_s + 1e-4 * tier.period_s, 3
        best_s = outcome.best.bound_workers_s
        assert outcome.optimality >= best_s / (best_s + e_s * borders)
        assert "the server's clock is known to" in outcome.pacer.statistics(outcome.duration_s).beliefs[-1]
