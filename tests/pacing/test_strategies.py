"""The strategies by name: each plays through the same import; spaced, backoff and aimd do what they say."""

from __future__ import annotations

from typing import get_args

import pytest

from harness.pacing import AimdPacer, BackoffPacer, Budget, Grant, Later, Notice, Outcome, SpacedPacer, parse_tiers
from harness.pacing.strategies import Strategy, make_pacer
from tests.lab.imports import Trip, play
from tests.pacing.histories import Job, play as history_of
from tests.pacing.models import Gcra, Server

JITTER = Trip(sigma=0.5)


@pytest.mark.parametrize("name", get_args(Strategy))
def test_every_strategy_finishes_an_import_and_bears_its_name(name: Strategy) -> None:
    """Two tiers, jitter, 20 workers: all items, in at most four times the best."""
    pacer = make_pacer(name, parse_tiers("50/2s+150/10s"), 30.0, 0.0, seed=3)
    outcome = play("50/2s+150/10s:anchored", 300, believed="50/2s+150/10s", trip=JITTER, pacer=pacer)
    assert pacer.name == name
    assert outcome.optimality > 0.25
    assert (outcome.refused == 0) == (name in ("auto", "window", "spaced")) or name == "reference"


def test_spaced_is_never_refused_by_a_strict_leaky_bucket() -> None:
    """No burst at all, jittered latency, 20 workers: 0 refusals, and one answer and one interval between two sends."""
    outcome = play(
        "20/s:leaky:burst=0", 150, believed="20/s", trip=JITTER, pacer=SpacedPacer(parse_tiers("20/s"), 30.0)
    )
    assert outcome.refused == 0
    assert outcome.duration_s == pytest.approx(152 * (0.05 + 0.001 + JITTER.mean_s), rel=0.05)


def test_sends_spaced_at_the_rate_are_refused_where_arrivals_are_not() -> None:
    """The counter-example: even sends, of which the first is slow and the second fast, arrive too close."""
    server = Server([Gcra(10, 1.0, 1)])
    assert [server.arrive(at) for at in (0.0 + 0.08, 0.1 + 0.02)] == [True, False]


def test_a_tiers_burst_is_what_spaced_sends_at_once() -> None:
    """`:gcra:burst=4` lets four go, then one each interval; what waited is let go a little late, at random."""
    tiers = parse_tiers("10/s:gcra:burst=4")
    for seed in (1, 2):
        history = history_of(SpacedPacer(tiers, 1.0, 0.0, seed), [Job(0.001, 0.002)] * 8, workers=8)
        assert [at == 0.0 for at in history.granted_at] == [True] * 4 + [False] * 4
        gaps = [after - before for before, after in zip(history.granted_at[4:], history.granted_at[5:])]
        assert all(0.095 < gap < 0.105 for gap in gaps)
        assert len({round(gap, 6) for gap in gaps}) == 3


def refused(pacer: BackoffPacer | AimdPacer, sent_at: float, now: float) -> float | None:
    answer = pacer.reserve(sent_at)
    while isinstance(answer, Later):
        assert answer.until is not None
        answer = pacer.reserve(answer.until)
    return pacer.settle(Grant(sent_at), now, Outcome.REFUSED, Notice(429, 20.0, refused=True))


def test_backoff_doubles_for_each_refused_probe_and_not_for_each_of_a_burst() -> None:
    """Pauses are drawn from 0 to 2, 4, 8 s; those that were sent before the first refusal came add none."""
    for seed in range(20):
        pacer = BackoffPacer(seed)
        ends = [refused(pacer, 10.0 * n, 10.0 * n + 1) for n in range(8)]
        pauses = [None if until is None else until - (10.0 * n + 1) for n, until in enumerate(ends)]
        assert all(pause is not None and 0 <= pause <= min(64.0, 2.0 ** (n + 1)) for n, pause in enumerate(pauses))
        assert [refused(pacer, 5.0, 90.0) for _ in range(5)] == [90.0] * 5
        assert ends == [refused(twin, 10.0 * n, 10.0 * n + 1) for twin in [BackoffPacer(seed)] for n in range(8)]


def test_aimd_halves_once_for_a_burst_and_grows_by_one_a_second() -> None:
    """Doubling until the first refusal, then additive increase and multiplicative decrease."""
    pacer = AimdPacer(rate=8.0)
    for now in (0.0, 1.0, 2.0):
        pacer.settle(Grant(now), now, Outcome.ANSWERED)
    assert pacer.rate == 32.0
    refused(pacer, 2.5, 3.0)
    refused(pacer, 2.6, 3.0)
    assert pacer.rate == 16.0
    for now in (4.0, 5.0, 5.5):
        pacer.settle(Grant(now), now, Outcome.ANSWERED)
    assert pacer.rate == 18.5
    assert "18.5 requests/s" in pacer.statistics(6.0).beliefs[0]


def test_backoff_pauses_everyone_for_as_long_as_it_drew_whatever_retry_after_says() -> None:
    """It is deaf to the server, as most retry decorators are."""
    budget = Budget("api", BackoffPacer(seed=1))
    grant = budget.reserve(0.0)
    assert isinstance(grant, Grant)
    hold = budget.settle(grant, 1.0, Outcome.REFUSED, Notice(429, 20.0, refused=True))
    assert hold is not None
    assert 1.0 <= hold.until <= 3.0
