"""The parts of `auto`, each by itself: what a claim of headers promises, what explains a refusal, which to believe."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

from harness.pacing import AutoPacer, Breaker, Grant, Notice, Outcome, Quota
from harness.pacing.learn.claim import Claim, Family
from harness.pacing.learn.explain import Refusal, explain
from harness.pacing.learn.pause import Pause
from harness.pacing.learn.prior import ABSURD_S, Trust, period_between, roundness

QUICK = settings(max_examples=200, deadline=None, derandomize=True)
TIMES = st.floats(0, 5, width=32)
LIMIT = 100


@given(st.lists(st.tuples(TIMES, TIMES, TIMES), min_size=1, max_size=40))
@QUICK
def test_a_claim_never_promises_more_than_there_is(requests: list[tuple[float, float, float]]) -> None:
    """Whatever the latencies: Remaining of the candidates less what is in flight is at most what is really left."""
    moves = [(sent, sent + there, sent + there + back) for sent, there, back in requests]
    arrivals = sorted(range(len(moves)), key=lambda at: moves[at][1])
    remaining = {at: LIMIT - order - 1 for order, at in enumerate(arrivals)}
    claim = Claim(Quota(LIMIT, header="X-RateLimit"), Family("X-RateLimit", Trust()))
    for heard, at in enumerate(sorted(range(len(moves)), key=lambda at: moves[at][2]), 1):
        sent, _, answered = moves[at]
        claim.read(Quota(LIMIT, remaining[at], header="X-RateLimit"), sent, answered)
        begun = sum(other[0] <= answered for other in moves)
        assert claim.least is not None
        assert claim.least - (begun - heard) <= LIMIT - begun


@pytest.mark.parametrize(("limit", "period_s"), [(100, 5.0), (500, 20.0), (2000, 100.0), (7, 1.0)])
def test_one_refusal_explains_itself(limit: int, period_s: float) -> None:
    """All that was accepted since the first request, and the time from it to the end that Retry-After names."""
    sent = [0.001 * at for at in range(limit)]
    answered = [at + 0.05 for at in sent]
    refused_s = sent[-1] + 0.01
    found = explain(sent, answered, Refusal(limit, max(refused_s, period_s - 0.6), period_s + 0.4, told=True))[0]
    assert (found.limit, found.period_s) == (limit, period_s)
    assert "log" in found.kinds


def test_the_longer_tier_is_told_from_the_windows_of_the_shorter() -> None:
    """Five windows of 500/20s, then a refusal until 100 s: 2000/100s, for every shorter story is contradicted."""
    sent = [20.1 * window + 0.01 * at for window in range(4) for at in range(500)]
    answered = [at + 0.05 for at in sent]
    found = explain(sent, answered, Refusal(2000, 99.2, 100.8, told=True))[0]
    assert (found.limit, found.period_s) == (2000, 100.0)


@pytest.mark.parametrize(
    ("low_s", "high_s", "period_s"),
    [(19.1, 20.9, 20.0), (59.2, 61.1, 60.0), (0.3, 1.2, 1.0), (16.2, 17.4, 17.0), (2.1, 2.9, None)],
)
def test_people_choose_round_periods(low_s: float, high_s: float, period_s: float | None) -> None:
    """The most common period in an interval, else a whole number of seconds, else none."""
    assert period_between(low_s, high_s) == period_s


def test_round_counts_are_rounder() -> None:
    """2000 before 500 before 75 before 37."""
    assert [roundness(count) for count in (2000, 500, 75, 37)] == sorted(map(roundness, (2000, 500, 75, 37)))[::-1]


def test_a_header_that_was_too_short_twice_is_not_believed() -> None:
    """Once it is rounded down, and a second is added; twice it is dropped, with the reason."""
    trust = Trust()
    assert trust.wait_s("Retry-After", 0.0) is None
    assert trust.too_short("Retry-After")
    assert trust.wait_s("Retry-After", 0.0) == 1.0
    assert trust.too_short("Retry-After")
    assert trust.wait_s("Retry-After", 5.0) is None
    assert trust.wait_s("X-RateLimit-Reset", ABSURD_S * 2) is None
    assert "no longer trusted" in trust.sentences()[0]


def test_the_end_of_a_pause_is_the_same_moment_to_strategy_and_budget() -> None:
    """It is told as an absolute time: what the budget lets go as its probe is one to the strategy, and nothing before.

    0.6 + 29.52 and the way back by 30.12 - 0.6 are not the same float, so that an epsilon had to repair a length.
    """
    pause = Pause(0.6, 0.6, 0.0, Trust())
    until = pause.refused(Grant(0.6), 0.6, Notice(429, 29.52, refused=True), False, None)
    assert until == pause.until == 30.12
    breaker = Breaker(lambda setback: setback.asked_until)
    held = breaker.refused(None, 0.6, None, until)
    assert held is not None
    assert held.until == until
    assert breaker.held(math.nextafter(until, 0.0)) is not None
    assert breaker.held(until) is None
    assert not pause.is_probe(Grant(math.nextafter(until, 0.0)))
    assert pause.is_probe(Grant(until))


def test_what_was_refused_before_the_probe_got_through_begins_no_pause() -> None:
    """Its answer was only slow: nothing to wait for, unless it names a time of its own."""
    for retry_after_s, until_s in ((None, 2.1), (3.0, 3.1)):
        pacer = AutoPacer()
        first = pacer.reserve(0.0)
        assert isinstance(first, Grant)
        pacer.settle(first, 0.1, Outcome.ANSWERED, Notice())
        refused, slow = pacer.reserve(0.1), pacer.reserve(0.1)
        assert isinstance(refused, Grant)
        assert isinstance(slow, Grant)
        until = pacer.settle(refused, 0.2, Outcome.REFUSED, Notice(429, refused=True))
        assert until is not None
        probe = pacer.reserve(until)
        assert isinstance(probe, Grant)
        pacer.settle(probe, 2.0, Outcome.ANSWERED, Notice())
        told = pacer.settle(slow, 2.1, Outcome.REFUSED, Notice(429, retry_after_s, refused=True))
        assert told == until_s
