"""The window strategy is safe and useful: no server refuses what it sends, and every "no" is true.

Each history is judged by counters that know nothing of the client (models), and each answer of the strategy by a
witness who keeps the books again (histories).
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.pacing import Grant, Later, Outcome, Tier, WindowPacer, parse_tiers
from harness.pacing.window import guard_s, paced_as
from tests.pacing.histories import Change, Job, play
from tests.pacing.models import Server, SlidingCounter
from tests.pacing.scenes import KINDS, Scene, paced, scenes, stricter_tiers, tiers_of

QUICK = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=6000)

SCENES = scenes(tiers_of(st.integers(1, 6)))
STRICTER = scenes(stricter_tiers())
EARLIER = st.lists(st.tuples(st.floats(0, 1, width=16), st.integers(1, 3)), max_size=12)


def is_safe(scene: Scene) -> None:
    """No server of any kind refuses one of the requests, at any latency, loss or cancellation."""
    history = play(scene.pacer(), scene.jobs, scene.workers)
    assert {kind: history.replay(scene.server(kind, scene.tiers)) for kind in KINDS} == dict.fromkeys(KINDS, 0)


def is_safe_as_declared(scene: Scene) -> None:
    """Where the server is stricter than "L in any W" and the tier says so, it refuses nothing either."""
    # What is occupied of a bucket drains instead of coming free, which the witness does not know (see test_limiters).
    witness = scene.witness() if scene.tiers[0].kind == "counter" else None
    history = play(scene.pacer(), scene.jobs, scene.workers, witness=witness)
    assert history.replay(scene.server("as declared", scene.tiers)) == 0


def is_maximal(scene: Scene) -> None:
    """Each no names a full tier; one instant before `until` it is still a no, and at `until` a yes."""
    play(scene.pacer(), scene.jobs, scene.workers, witness=scene.witness())


def is_safe_after_a_charge(scene: Scene, earlier: list[tuple[float, int]]) -> None:
    """What an earlier session sent still counts: none of this session's requests is one too many on top of it."""
    pacer, witness = scene.pacer(), scene.witness()
    at = -sum(gap for gap, _ in earlier) * scene.tiers[0].period_s
    charges = []
    for gap, cost in earlier:
        at += gap * scene.tiers[0].period_s
        charges.append((at, cost, at))
        pacer.charge(at, cost)
        witness.ended.append((at + scene.rtt_floor_s, False, cost))  # counted at `at`, as late as can be
    history = play(pacer, scene.jobs, scene.workers, witness=witness, start=at + 0.01)
    history.arrivals[:0] = charges
    for kind in KINDS:
        assert history.replay(scene.server(kind, scene.tiers), since=at + 0.01) == 0


def is_safe_after_a_change(scene: Scene, steps: list[tuple[float, tuple[Tier, ...]]], kind: str) -> None:
    """A server that always counted by the last tiers refuses nothing that was sent after the client learnt of them."""
    pacer, witness = scene.pacer(), scene.witness()
    server = scene.server(kind, steps[-1][1])

    def change_to(tiers: tuple[Tier, ...], now: float) -> None:
        pacer.set_tiers(tiers, now)
        witness.set_tiers(paced(tiers), now)

    changes, at = [], 0.0
    for windows, tiers in steps:
        at += (windows + 0.01) * scene.tiers[0].period_s
        changes.append(Change(at, lambda now, tiers=tiers: change_to(tiers, now)))
    history = play(pacer, scene.jobs, scene.workers, server=server, witness=witness, changes=changes)
    assert [refusal for refusal in history.refusals if refusal[1] > at] == []


CHEAP = scenes(tiers_of(st.integers(2, 6)), costs=2)
STEPS = st.lists(st.tuples(st.floats(0, 3, width=16), tiers_of(st.integers(2, 6))), min_size=1, max_size=2)
CHANGES = given(CHEAP, STEPS, st.sampled_from(list(KINDS)))

test_no_request_is_ever_one_too_many = QUICK(given(SCENES)(is_safe))
test_every_no_is_true_and_its_time_exact = QUICK(given(SCENES)(is_maximal))
test_declared_counters_and_small_bursts_are_kept = QUICK(given(STRICTER)(is_safe_as_declared))
test_an_earlier_session_counts = QUICK(given(SCENES, EARLIER)(is_safe_after_a_charge))
test_new_limits_hold_for_what_was_already_sent = QUICK(CHANGES(is_safe_after_a_change))


@pytest.mark.slow
class TestLong:
    """The same promises, thirty times as many histories."""

    test_no_request_is_ever_one_too_many = staticmethod(LONG(given(SCENES)(is_safe)))
    test_every_no_is_true_and_its_time_exact = staticmethod(LONG(given(SCENES)(is_maximal)))
    test_declared_counters_and_small_bursts_are_kept = staticmethod(LONG(given(STRICTER)(is_safe_as_declared)))
    test_an_earlier_session_counts = staticmethod(LONG(given(SCENES, EARLIER)(is_safe_after_a_charge)))
    test_new_limits_hold_for_what_was_already_sent = staticmethod(LONG(CHANGES(is_safe_after_a_change)))


def test_the_model_run_of_ten_thousand_requests() -> None:
    """500/20s + 2000/100s, 50 workers, jittered 50 ms: no kind of server refuses one, and 500.1 s become 500.5 s."""
    rng = random.Random(1)
    tiers = parse_tiers("500/20s+2000/100s")
    jobs = [jittered(rng) for _ in range(10_100)]
    history = play(WindowPacer(tiers, linger_s=30.0), jobs, workers=50)
    for kind, counter in KINDS.items():
        assert history.replay(Server([counter(tier.limit, tier.period_s, 0.37) for tier in tiers])) == 0, kind
    assert 500.1 <= history.ended_at <= 500.1 * 1.002


def jittered(rng: random.Random) -> Job:
    """A round trip of 50 ms in the median, of which any part may be the way there."""
    round_trip_s = 0.05 * rng.lognormvariate(0.0, 0.5)
    return Job(round_trip_s * rng.random(), round_trip_s)


# --- what paced_as and the answers say, by hand ---------------------------------------------------------------------


def test_what_stricter_kinds_are_paced_as() -> None:
    """Those that allow L in any W as they are; a burst b as b per b/r; a counter as its best number of parts."""
    as_they_are = ["500/20s", "500/20s:anchored", "500/20s:aligned", "500/20s:log", "500/20s:gcra", "500/20s:bucket"]
    assert {paced_as(parse_tiers(text)[0]) for text in as_they_are} == {(500, 20.0)}
    assert paced_as(Tier(500, 20.0, "gcra", 10)) == paced_as(Tier(500, 20.0, "bucket", 10)) == (10, 0.4)
    counters = {1: (1, 20.0), 2: (1, 10.0), 10: (1, 10 / 9), 19: (2, 1.25), 500: (50, 10 / 9)}
    assert {limit: paced_as(Tier(limit, 10.0, "counter")) for limit in counters} == counters


def test_a_counter_keeps_most_of_its_rate() -> None:
    """Never under half, 75 % from 15 on and 85 % from 100 on: whole requests and whole parts cost the rest."""
    paced_at = [paced_as(Tier(n, 10.0, "counter")) for n in range(1, 2001)]
    kept = [limit * 10.0 / period_s / n for n, (limit, period_s) in enumerate(paced_at, start=1)]
    assert min(kept) == 0.5
    assert min(kept[14:]) >= 0.75
    assert min(kept[99:]) >= 0.85


def test_the_guard_is_a_millisecond_or_a_ten_thousandth() -> None:
    """Whichever is longer, from ten seconds on the latter."""
    assert [guard_s(period_s) for period_s in (0.001, 1.0, 10.0, 20.0, 86400.0)] == [0.001, 0.001, 0.001, 0.002, 8.64]


def test_a_grant_is_settled_once() -> None:
    """A second settlement would free a slot that somebody else holds by now: it is an error."""
    pacer = WindowPacer(parse_tiers("2/20s"), linger_s=0.0)
    grant = pacer.reserve(0.0)
    assert isinstance(grant, Grant)
    pacer.settle(grant, 1.0, Outcome.ANSWERED)
    with pytest.raises(KeyError):
        pacer.settle(grant, 1.0, Outcome.UNUSED)


def test_statistics_count_what_is_occupied() -> None:
    """In flight, answered and lost alike; opens_at is the first known release, full_at the last."""
    pacer = WindowPacer(parse_tiers("9/20s"), linger_s=5.0)
    grants = [pacer.reserve(0.0, 2) for _ in range(3)]
    assert all(isinstance(grant, Grant) for grant in grants)
    pacer.settle(grants[0], 1.0, Outcome.LOST)  # type: ignore[arg-type]
    pacer.settle(grants[1], 2.0, Outcome.ANSWERED, cost=1)  # type: ignore[arg-type]
    (tier,) = pacer.statistics(3.0).tiers
    assert (tier.used, tier.left, tier.opens_at, tier.full_at, tier.span_s) == (5, 4, 22.002, 26.002, 20.002)
    assert pacer.statistics(22.002).tiers[0].used == 4
    assert pacer.statistics(3.0).in_flight == 1


def test_limits_that_come_when_there_were_none_start_out_safe() -> None:
    """Nothing was remembered, so all that was sent counts as of now; what was lost may be counted up to the linger."""
    pacer = WindowPacer((), linger_s=5.0)
    lost, answered = (pacer.reserve(0.0) for _ in range(2))
    pacer.settle(answered, 1.0, Outcome.ANSWERED)  # type: ignore[arg-type]
    pacer.settle(lost, 2.0, Outcome.LOST)  # type: ignore[arg-type]
    pacer.set_tiers(parse_tiers("2/20s"), 3.0)
    assert pacer.reserve(3.0) == Later(27.002, "limit", Tier(2, 20.0))


def test_what_was_charged_survives_new_limits() -> None:
    """An earlier session's requests are no less sent because the limits change: they hold their slots."""
    pacer = WindowPacer(parse_tiers("5/20s"), linger_s=0.0)
    for at in (-30.0, -10.0):
        pacer.charge(at, 2)
    pacer.set_tiers(parse_tiers("5/100s"), 0.0)
    assert pacer.statistics(0.0).tiers[0].used == 4
    assert isinstance(pacer.reserve(0.0), Grant)
    assert pacer.reserve(0.0) == Later(pytest.approx(-20.002 + 100.01), "limit", Tier(5, 100.0))


@pytest.mark.parametrize("limit", [2, 3, 5, 7, 10, 19, 20, 50, 100])
def test_a_sliding_counter_refuses_nothing_wherever_its_windows_begin(limit: int) -> None:
    """As fast as the strategy allows, against windows that begin anywhere, also just where a burst does."""
    tier = Tier(limit, 10.0, "counter")
    history = play(WindowPacer((tier,), linger_s=0.0), [Job(0.0, 0.0)] * (limit * 5), workers=limit)
    borders = [at for at, _, _ in history.arrivals[: 3 * limit]] + [n / 4 for n in range(40)]
    assert max(history.replay(Server([SlidingCounter(limit, 10.0, phase_s)])) for phase_s in borders) == 0
