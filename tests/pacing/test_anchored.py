"""Anchored windows kept as such: never one too many in any, and twice the limit across a border where allowed."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.pacing import Grant, Later, Outcome, Tier, WindowPacer, parse_tiers
from tests.lab.imports import Trip, play
from tests.pacing.histories import History, Job, play as history_of
from tests.pacing.models import AnchoredWindow, Server
from tests.pacing.scenes import PERIODS, Scene, scenes
from tests.pacing.test_limiters import Promises

pytestmark = pytest.mark.matrix

QUICK = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def anchored_tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    limits = st.builds(Tier, st.integers(1, 6), PERIODS, st.just("anchored"))
    return tuple(draw(st.lists(limits, min_size=1, max_size=3, unique=True)))


def is_safe(scene: Scene, expected: int) -> None:
    """No anchored server refuses one, at any latency, loss or cancellation, whatever the planner thinks is left.

    Neither one at which what costs nothing opens a window nor one at which it does not.
    """
    pacer = scene.pacer()
    pacer.expect(expected)
    history = history_of(pacer, scene.jobs, scene.workers)
    assert history.replay(scene.server("anchored", scene.tiers)) == 0
    history.arrivals = [arrival for arrival in history.arrivals if arrival[1]]
    assert history.replay(scene.server("anchored", scene.tiers)) == 0


def is_exact(scene: Scene) -> None:
    """At the time that a no gives, the answer is a grant, if nothing was settled before."""
    history_of(scene.pacer(), scene.jobs, scene.workers, witness=Promises([], 0.0))


SCENES = scenes(anchored_tiers())
test_no_request_is_ever_one_too_many = QUICK(given(SCENES, st.integers(0, 90))(is_safe))
test_every_time_is_exact = QUICK(given(SCENES)(is_exact))


@pytest.mark.slow
class TestLong:
    """The same promises, twenty times as many histories."""

    test_no_request_is_ever_one_too_many = staticmethod(
        settings(QUICK, max_examples=6000)(given(SCENES, st.integers(0, 90))(is_safe))
    )


def test_the_whole_limit_is_there_once_the_window_is_over() -> None:
    """Two a window, the second sent at its end: a window after the *first* answer two more may go."""
    pacer = WindowPacer(parse_tiers("2/20s:anchored"), linger_s=5.0)
    for sent_at in (0.0, 19.0):
        grant = pacer.reserve(sent_at)
        assert isinstance(grant, Grant)
        pacer.settle(grant, sent_at + 0.5, Outcome.ANSWERED)
    assert pacer.reserve(20.0) == Later(20.502, "limit", Tier(2, 20.0, "anchored"))
    assert [isinstance(pacer.reserve(20.502), Grant) for _ in range(3)] == [True, True, False]


def test_what_may_have_missed_its_window_counts_in_the_next() -> None:
    """Answered after low + W it may have opened the next one: one place less there."""
    pacer = WindowPacer(parse_tiers("2/20s:anchored"), linger_s=5.0)
    first, second = pacer.reserve(0.0), pacer.reserve(19.9)
    assert isinstance(first, Grant)
    assert isinstance(second, Grant)
    pacer.settle(first, 20.1, Outcome.ANSWERED)
    pacer.settle(second, 20.2, Outcome.ANSWERED)
    later = pacer.reserve(20.3)
    assert later == Later(pytest.approx(40.202), "limit", Tier(2, 20.0, "anchored"))  # type: ignore[arg-type]


@pytest.mark.parametrize("sigma", [0.0, 0.5])
@pytest.mark.parametrize(
    ("limit", "items", "greedy_s", "planned_s"),
    [
        ("500/20s:anchored+2000/100s:anchored", 3000, 140.0, 122.5),
        ("500/20s:anchored+2000/100s:anchored", 5000, 240.0, 223.5),
        ("60/10s:anchored+210/50s:anchored", 480, 110.0, 102.5),
    ],
)
def test_a_planned_import_beats_greedy(limit: str, items: int, greedy_s: float, planned_s: float, sigma: float) -> None:
    """The core says how much is left; windows are opened when they serve best; 0 refusals by the test API."""
    outcome = play(limit, items, workers=64, trip=Trip(sigma=sigma))
    assert outcome.refused == 0
    assert outcome.duration_s <= planned_s < greedy_s
    told = play(limit, items, workers=64, trip=Trip(sigma=sigma), pacer=Deaf(parse_tiers(limit), 30.0))
    assert greedy_s <= told.duration_s < math.inf


class Deaf(WindowPacer):
    """Never told how much is left."""

    expect = None  # type: ignore[assignment]


def test_no_request_is_one_too_many_where_round_trips_are_a_good_part_of_the_window() -> None:
    """Ways of up to 0.4 windows each, so that many requests miss the window they were sent in: 12,000 of them."""
    for seed in range(40):
        random = Random(seed)
        period_s, limit = random.choice([1.0, 20.0]), random.randint(1, 6)
        ways = [(random.random() * 0.4 * period_s, random.random() * 0.4 * period_s) for _ in range(300)]
        tiers = (Tier(limit, period_s, "anchored"), Tier(3 * limit, 4 * period_s, "anchored"))
        pacer = WindowPacer(tiers, linger_s=period_s)
        history = history_of(pacer, [Job(there, there + back) for there, back in ways], random.randint(1, 8))
        counters = [AnchoredWindow(tier.limit, tier.period_s) for tier in tiers]
        assert history.replay(Server([*counters])) == 0, seed


def test_one_that_opened_the_next_window_leaves_one_place_less_in_it() -> None:
    """Sent at 18 s and counted at 22 s, after the first window was over: of two places of the next, one is taken."""
    pacer = WindowPacer(parse_tiers("2/20s:anchored"), linger_s=5.0)
    first, late = pacer.reserve(0.0), pacer.reserve(18.0)
    assert isinstance(first, Grant)
    assert isinstance(late, Grant)
    pacer.settle(first, 6.0, Outcome.ANSWERED)
    pacer.settle(late, 24.0, Outcome.ANSWERED)
    assert [isinstance(pacer.reserve(26.002), Grant) for _ in range(2)] == [True, False]


def test_what_cost_nothing_may_have_opened_the_window_that_the_next_ones_are_in() -> None:
    """The window of 0 s is opened by what costs nothing, the next one at 11 s by what was still on its way at 10 s.

    That one has place for one more, ten seconds after the answer of 9.5 s.
    """
    free, quick, slow, burst = Job(0.0, 9.0, true_cost=0), Job(0.0, 0.5), Job(1.5, 1.5), Job(0.0, 0.0)
    history = history_of(WindowPacer(parse_tiers("2/10s:anchored"), 0.0), [free, quick, slow, burst, burst], 1)
    assert [at for at, _, _ in history.arrivals[:3]] == [0.0, 9.0, 11.0]
    assert history.granted_at[3:] == pytest.approx([19.501, 29.502])
    assert history.replay(Server([AnchoredWindow(2, 10.0)])) == 0


@pytest.mark.parametrize("windows", [3, 30])
def test_windows_of_a_faster_clock_do_not_slip_away(windows: int) -> None:
    """One is always on its way when a window ends, and opens the next one; the last of them is answered at once.

    The server's windows are 1.8 ms shorter than by our clock: after three of them that is more than one guard.
    """
    clock, period_s, step_s = 1 + 9e-5, 20.0, 20.002 + 1e-6
    pacer = WindowPacer(parse_tiers("3/20s:anchored"), linger_s=0.0)
    arrivals: list[tuple[float, int, float]] = []
    opener = None
    for began in (number * step_s for number in range(windows + 1)):
        quick, slow = pacer.reserve(began), pacer.reserve(began)
        assert isinstance(quick, Grant)
        assert isinstance(slow, Grant)
        pacer.settle(quick, began, Outcome.ANSWERED)
        if opener is not None:
            pacer.settle(opener, began + 1.0, Outcome.ANSWERED)
        opener = slow
        opens_at = (len(arrivals) // 2 + 1) * period_s / clock + 1e-4
        arrivals += [(began, 1, began), (opens_at, 1, began)]
    assert opener is not None
    pacer.settle(opener, opens_at, Outcome.ANSWERED)
    at = (windows + 1) * step_s
    arrivals += [(at, 1, at) for _ in range(4) if isinstance(pacer.reserve(at), Grant)]
    assert History(arrivals).replay(Server([AnchoredWindow(3, period_s)], clock)) == 0
    assert len(arrivals) == 2 * (windows + 1) + 2


def test_a_window_that_is_over_still_counts_under_new_limits() -> None:
    """Four answered at 19.9 s take no place in the window of 20.01 s, but in a log they do."""
    pacer = WindowPacer(parse_tiers("5/20s:anchored"), linger_s=0.0)
    for sent_at in (0.0, 19.9, 19.9, 19.9, 19.9, 20.01):
        grant = pacer.reserve(sent_at)
        assert isinstance(grant, Grant)
        pacer.settle(grant, sent_at, Outcome.ANSWERED)
    pacer.set_tiers(parse_tiers("5/20s:log"), 20.02)
    assert pacer.reserve(20.03) == Later(pytest.approx(39.902), "limit", Tier(5, 20.0, "log"))  # type: ignore[arg-type]
    assert [isinstance(pacer.reserve(39.902), Grant) for _ in range(5)] == [True] * 4 + [False]
