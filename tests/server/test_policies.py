"""Every policy against an independent slow model, and the promises each one makes."""

from __future__ import annotations

import math
from datetime import datetime
from fractions import Fraction
from itertools import accumulate
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from harness_test_api.policies import Budget, Policy, make_policy
from harness_test_api.tiers import Kind, Tier, parse_tiers
from hypothesis import given, settings, strategies as st

from tests.server import models

KINDS = [kind for kind in get_args(Kind) if kind != "concurrency"]
# Sixty-fourths are exact in floats, so that a border is met exactly and not nearly.
TICK = Fraction(1, 64)
EPOCH = 1_795_000_000

# Half of the histories step in halves of a second, so that windows end, and units expire, at the very arrival of
# another request; the other half come at any time.
cost = st.integers(1, 3)
in_halves = st.lists(st.tuples(st.sampled_from([0, 0, 0, 32, 32, 64, 128]), cost), min_size=10, max_size=60)
at_any_time = st.lists(st.tuples(st.integers(0, 300), cost), min_size=1, max_size=60)
steps = st.one_of(in_halves, at_any_time)


@st.composite
def tiers(draw: st.DrawFn, kind: Kind) -> Tier:
    limit = draw(st.integers(3, 8))
    burst = draw(st.integers(0 if kind == "leaky" else 3, limit)) if kind in ("bucket", "gcra", "leaky") else None
    return Tier(limit, float(draw(st.sampled_from([0.5, 1, 2, 4]))), kind, burst)


def model_of(tier: Tier) -> models.Model:
    period = Fraction(tier.period_s)
    if tier.kind in ("bucket", "gcra"):
        return models.bucket(tier.limit, period, tier.depth)
    if tier.kind == "leaky":
        return models.leaky(tier.limit, period, tier.depth)
    return getattr(models, tier.kind)(tier.limit, period)  # type: ignore[no-any-return]


def arrivals(gaps: list[tuple[int, int]]) -> list[tuple[Fraction, int]]:
    times = accumulate((gap for gap, _ in gaps), initial=0)
    return [(tick * TICK, cost) for tick, (_, cost) in zip(list(times)[1:], gaps)]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)  # the machine may be busy; nothing here is about speed
@given(data=st.data(), gaps=steps)
def test_each_policy_gives_the_verdicts_of_its_slow_model(
    kind: Kind, data: st.DataObject, gaps: list[tuple[int, int]]
) -> None:
    """Over random arrivals and costs, meeting the borders exactly: same admissions, same refusals, same delays."""
    tier = data.draw(tiers(kind))
    policy, model = make_policy(tier, 0.0), model_of(tier)
    history: models.History = []
    for now, cost in arrivals(gaps):
        expected = model(history, now, cost)
        verdict = policy.decide(float(now), cost)
        assert verdict.admitted == (expected is not None), (tier, history, now, cost)
        if expected is not None:
            assert verdict.delay_s == pytest.approx(float(expected), abs=1e-9)
            policy.charge(float(now), cost)
            history.append((now, cost))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(data=st.data(), gaps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 3)), min_size=1, max_size=40))
def test_the_time_to_try_again_is_kept_and_is_the_first(
    kind: Kind, data: st.DataObject, gaps: list[tuple[float, int]]
) -> None:
    """At `retry_at`, to the bit, the same request passes; a moment before it would not have."""
    tier = data.draw(tiers(kind))
    policy = make_policy(tier, float(EPOCH))
    now = 0.0
    for gap, cost in gaps:
        now += gap
        verdict = policy.decide(now, cost)
        if verdict.admitted:
            policy.charge(now, cost)
            continue
        assert verdict.retry_at is not None
        assert verdict.retry_at > now
        before = max(now, verdict.retry_at - 1e-5)
        assert not policy.decide(before, cost).admitted
        now = verdict.retry_at
        assert policy.decide(now, cost).admitted


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(data=st.data(), gaps=steps)
def test_remaining_is_what_would_pass_and_reset_is_when_all_of_it_is_back(
    kind: Kind, data: st.DataObject, gaps: list[tuple[int, int]]
) -> None:
    """`remaining` single units pass at once and no more; at `reset_at` a fresh policy's number is back."""
    tier = data.draw(tiers(kind))
    policy, fresh = make_policy(tier, 0.0), make_policy(tier, 0.0).remaining(0.0)
    for now, cost in arrivals(gaps):
        if policy.decide(float(now), cost).admitted:
            policy.charge(float(now), cost)
    end = float(sum(gap for gap, _ in gaps) * TICK)
    promised = policy.remaining(end)
    for _ in range(promised):
        assert policy.decide(end, 1).admitted
        policy.charge(end, 1)
    assert not policy.decide(end, 1).admitted
    assert policy.remaining(end) == 0
    reset = policy.reset_at(end)
    assert end < reset <= end + 3 * tier.period_s
    assert policy.remaining(reset) == fresh
    assert policy.reset_at(reset) == reset


def test_concurrency_counts_from_admission_to_release() -> None:
    """The limit is on what is in flight; nobody can say when the next place comes free."""
    policy = make_policy(Tier(2, 1.0, "concurrency"), 0.0)
    policy.charge(0.0, 1)
    policy.charge(0.0, 5)
    refused = policy.decide(100.0, 1)
    assert (refused.admitted, refused.retry_at, policy.remaining(100.0)) == (False, None, 0)
    assert policy.reset_at(100.0) == math.inf
    policy.release(5)
    assert policy.decide(100.0, 1).admitted
    policy.release(1)
    assert policy.reset_at(100.0) == 100.0


@pytest.mark.parametrize(
    ("start", "hours"),
    [("2026-03-29T00:30", 22.5), ("2026-03-28T00:30", 23.5), ("2026-10-25T00:30", 24.5)],
)
def test_a_day_in_a_time_zone_is_as_long_as_the_clocks_make_it(start: str, hours: float) -> None:
    """A window aligned to a zone ends at its midnight, 23 or 25 hours long when the clocks change."""
    epoch = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    policy = make_policy(Tier(1, 86400.0, "aligned", tz="Europe/Berlin"), epoch)
    policy.charge(0.0, 1)
    assert policy.decide(1.0, 1).retry_at == hours * 3600


def budget(text: str, on_refusal: str = "free") -> Budget:
    return Budget([make_policy(tier, 0.0) for tier in parse_tiers(text)], on_refusal)  # type: ignore[arg-type]


def admitted(budget: Budget, times: list[float]) -> list[bool]:
    return [budget.rule(now, 1).admitted for now in times]


def test_a_refusal_names_the_tier_that_opens_last() -> None:
    """Of two full tiers the one with the later time to try again is told."""
    full = budget("1/1s+1/10s")
    full.rule(0.0, 1)
    ruling = full.rule(0.5, 1)
    assert (ruling.admitted, ruling.tier, ruling.retry_at) == (False, 1, 10.0)


def test_a_known_time_is_told_before_an_unknown_one() -> None:
    """A window's end is named even when a concurrency limit refuses too; alone it names no time."""
    full = budget("1:concurrency+1/10s")
    full.rule(0.0, 1)
    assert (full.rule(0.5, 1).tier, full.rule(0.5, 1).retry_at) == (1, 10.0)
    assert (full.rule(10.0, 1).tier, full.rule(10.0, 1).retry_at) == (0, None)


def test_the_longest_delay_holds() -> None:
    """Two leaky tiers delay by the longer of their waits."""
    both = budget("10/1s:leaky+1/1s:leaky")
    both.rule(0.0, 1)
    ruling = both.rule(0.0, 1)
    assert (ruling.admitted, ruling.delay_s, ruling.tier) == (True, 1.0, 1)


def test_a_refused_request_burns_the_earlier_tiers_when_told_to() -> None:
    """charge-earlier: what the second tier refuses has already cost the first (laravel/framework#54386)."""
    times = [0.0, 0.0, 0.0, 1.0]
    assert admitted(budget("3/10s+1/1s"), times) == [True, False, False, True]
    assert admitted(budget("3/10s+1/1s", "charge-earlier"), times) == [True, False, False, False]


def test_who_keeps_knocking_never_gets_in_when_refusals_count() -> None:
    """charge-all on a sliding log: each refusal renews the wait; silence of one period ends it."""
    knocking = [0.0, 0.5, 1.0, 1.4, 2.0, 2.5, 3.4]
    assert admitted(budget("1/1s:log"), knocking) == [True, False, True, False, True, False, True]
    assert admitted(budget("1/1s:log", "charge-all"), knocking) == [True] + [False] * 6
    assert admitted(budget("1/1s:log", "charge-all"), [0.0, 0.5, 1.5]) == [True, False, True]


def test_counting_refusals_takes_no_memory() -> None:
    """A sliding log that counts refusals keeps the units of one limit, however often it is asked."""
    knocked = budget("5/1s:log", "charge-all")
    for _ in range(10_000):
        knocked.rule(0.0, 1)
    (policy,) = knocked.policies
    assert len(policy._log) == 5  # type: ignore[attr-defined]


def test_refused_requests_never_hold_a_place() -> None:
    """With every refusal charged, a concurrency limit still frees exactly what was admitted."""
    held = budget("1:concurrency", "charge-all")
    assert admitted(held, [0.0, 0.0, 0.0]) == [True, False, False]
    held.release(1)
    assert admitted(held, [0.0]) == [True]


def test_every_kind_has_a_policy() -> None:
    """The grammar and the policies know the same kinds."""
    made: list[Policy] = [make_policy(Tier(1, 1.0, kind), 0.0) for kind in get_args(Kind)]
    assert len({type(policy) for policy in made}) == len(made) - 1  # anchored and aligned share one class
