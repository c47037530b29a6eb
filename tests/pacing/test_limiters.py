"""A bucket's debt: exact in its promises, strict in its spacing, and at the full rate where the burst allows it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.pacing import Grant, Later, Outcome, Tier, WindowPacer, parse_tiers
from harness.pacing.limiters import DRIFT, guard_s
from tests.pacing.histories import EPSILON_S, Job, Witness, play
from tests.pacing.scenes import Scene, scenes

QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


class Promises(Witness):
    """Holds every "no" only to the time it gives: a no before it, a yes at it, unless something settles first."""

    def says_no(self, now: float, cost: int, later: Later) -> None:
        self.checked += 1
        if self.promised is not None and self.promised.until is not None:
            assert now < self.promised.until, f"promised at {self.promised.until}, refused at {now}"
        self.promised = later


@st.composite
def buckets(draw: st.DrawFn, *kinds: str) -> tuple[Tier, ...]:
    limit = draw(st.integers(1, 25))
    kind: Any = draw(st.sampled_from(kinds))
    burst = draw(st.none() | st.integers(0 if kind == "leaky" else 1, limit))
    return (Tier(limit, draw(st.sampled_from([0.5, 3.0, 20.0])), kind, burst),)


@QUICK
@given(scenes(buckets("gcra", "bucket")) | scenes(buckets("leaky"), costs=1))
def test_every_time_that_a_bucket_names_is_exact(scene: Scene) -> None:
    """At `until` the answer is a grant, whatever was lost, handed back or cheaper before; just before it is a no."""
    play(scene.pacer(), scene.jobs, scene.workers, witness=Promises([], 0.0))


@pytest.mark.parametrize("limit", ["10/s:gcra:burst=1", "10/s:leaky:burst=0"])
def test_a_strict_bucket_is_spaced_from_the_answer_to_the_next_send(limit: str) -> None:
    """One interval, drift and guard after the answer of the last, however long that took: nothing else is safe."""
    history = play(WindowPacer(parse_tiers(limit), linger_s=1.0), [Job(0.01, back) for back in (0.05, 0.3, 0.02)], 3)
    interval_s = 0.1 * (1 + DRIFT) + guard_s(0.1)
    assert history.granted_at == pytest.approx([0.0, 0.05 + interval_s, 0.05 + 0.3 + 2 * interval_s], abs=EPSILON_S)


def test_a_declared_floor_of_the_round_trip_gives_strict_spacing_its_rate_back() -> None:
    """With a constant round trip declared, sends are one interval and the guard apart."""
    history = play(WindowPacer(parse_tiers("10/s:gcra:burst=1"), 1.0, 0.07), [Job(0.03, 0.07)] * 5, 3)
    gaps = [after - before for before, after in zip(history.granted_at, history.granted_at[1:])]
    assert gaps == pytest.approx([0.1 * (1 + DRIFT) + guard_s(0.1)] * 4, abs=EPSILON_S)


def test_a_small_burst_keeps_the_full_rate() -> None:
    """10 at once and 25/s: at a round trip of 80 ms, two are in flight, and nothing is lost to it."""
    history = play(
        WindowPacer(parse_tiers("500/20s:gcra:burst=10"), linger_s=1.0), [Job(0.04, 0.08)] * 1010, workers=20
    )
    assert history.granted_at[-1] <= 1000 / 25 * (1 + DRIFT) + 0.1


def test_a_lost_request_of_a_bucket_holds_its_place_until_it_can_arrive_no_more() -> None:
    """Until then it is as good as in flight; from then on it drains like an answered one."""
    pacer = WindowPacer(parse_tiers("10/s:gcra:burst=2"), linger_s=5.0)
    lost, answered = pacer.reserve(0.0), pacer.reserve(0.0)
    assert isinstance(lost, Grant)
    assert isinstance(answered, Grant)
    pacer.settle(lost, 1.0, Outcome.LOST)
    pacer.settle(answered, 1.0, Outcome.ANSWERED)
    unit_s = 0.1 * (1 + DRIFT)
    opens_at = 1.0 + unit_s + guard_s(unit_s)
    assert pacer.reserve(1.0) == Later(pytest.approx(opens_at), "limit", Tier(10, 1.0, "gcra", 2))  # type: ignore[arg-type]
    assert isinstance(pacer.reserve(opens_at), Grant)


def test_what_was_sent_counts_under_new_limits_of_another_kind() -> None:
    """From a bucket to a log and back: neither forgets."""
    pacer = WindowPacer(parse_tiers("2/20s:bucket"), linger_s=5.0)
    grants = [pacer.reserve(0.0) for _ in range(2)]
    for grant in grants:
        assert isinstance(grant, Grant)
        pacer.settle(grant, 1.0, Outcome.ANSWERED)
    pacer.set_tiers(parse_tiers("2/20s:log"), 2.0)
    assert pacer.reserve(2.0) == Later(21.002, "limit", Tier(2, 20.0, "log"))
    pacer.set_tiers(parse_tiers("2/20s:bucket"), 3.0)
    later = pacer.reserve(3.0)
    assert isinstance(later, Later)
    assert later.until == pytest.approx(11.0, abs=0.01)


def test_requests_at_once_are_kept_whatever_they_cost() -> None:
    """`2:concurrency`: the third waits for an answer; a lost one keeps its place for as long as the linger."""
    pacer = WindowPacer(parse_tiers("2:concurrency+100/s"), linger_s=5.0)
    first, second = pacer.reserve(0.0, 30), pacer.reserve(0.0, 1)
    assert isinstance(first, Grant)
    assert isinstance(second, Grant)
    assert pacer.reserve(0.0) == Later(None, "in flight", Tier(2, 1.0, "concurrency"))
    pacer.settle(first, 1.0, Outcome.ANSWERED)
    assert isinstance(pacer.reserve(1.0), Grant)
    pacer.settle(second, 2.0, Outcome.LOST)
    assert pacer.reserve(2.0) == Later(7.0, "in flight", Tier(2, 1.0, "concurrency"))
    assert pacer.statistics(2.0).tiers[-1].used == 2


def test_no_more_queue_in_a_leaky_bucket_than_are_answered_in_time() -> None:
    """20 may queue for 33 s; with a time-out of 30 s that would lose them, so four do."""
    pacer = WindowPacer(parse_tiers("60/100s:leaky:burst=20"), linger_s=30.0)
    assert [isinstance(pacer.reserve(0.0), Grant) for _ in range(6)] == [True] * 5 + [False]
