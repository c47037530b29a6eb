"""What resets and counts in headers tell, by themselves: how a limit counts, how long its window is, what is left."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from harness.pacing import Quota
from harness.pacing.learn.claim import Claim, Family
from harness.pacing.learn.prior import Trust
from harness.pacing.learn.resets import ResetPattern, Word
from harness.pacing.shared_quota import Headroom, Reading

QUICK = settings(max_examples=300, deadline=None, derandomize=True)
TIMES = st.floats(0, 5, width=32)
EPOCH_S = 1_700_000_000.3


def word(at: float, end: float, told: bool) -> Word:
    """An answer after no time: in whole seconds to go, or as a time."""
    reset_s = math.ceil(end - at)
    return Word(at, at, at + reset_s - 1, at + reset_s, math.ceil(end + EPOCH_S) if told else None)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("end", "moves"), [(lambda at: 20.0, False), (lambda at: at + 20.0, True)])
def test_a_reset_that_stands_still_is_a_windows_and_one_that_moves_a_logs(told: bool, end: object, moves: bool) -> None:
    """After a second where it is told as a time, after two and a half where as seconds to go; never wrongly before."""
    reset_pattern, known = ResetPattern(), {}
    assert callable(end)
    for step in range(60):
        reset_pattern.read(word(step * 0.1, end(step * 0.1), told))
        known[step] = reset_pattern.moves
    assert known[59] is moves
    assert set(known.values()) == {None, moves}


@pytest.mark.parametrize("told", [True, False])
def test_a_new_windows_reset_does_not_move(told: bool) -> None:
    """Windows of 4 s that begin anew, with gaps: whatever is compared, none looks like a log."""
    random, reset_pattern, begins = Random(3), ResetPattern(), 0.0
    for _ in range(50):
        for step in range(20):
            at = begins + step * 0.15
            reset_pattern.read(word(at, begins + 4.0, told))
        begins += 4.0 + random.random()
    assert reset_pattern.moves is False
    assert not reset_pattern.grows


def test_a_buckets_reset_runs_ahead() -> None:
    """Ten requests a second of a bucket that refills at one: the more were used, the further away."""
    reset_pattern = ResetPattern()
    for step in range(60):
        reset_pattern.read(word(step * 0.1, step * 1.0, told=True))
    assert reset_pattern.grows


def test_ends_on_the_servers_clock_share_the_period() -> None:
    """20 s windows of the clock: the most common period that divides all ends; windows that begin anyhow share none."""
    on_the_clock, anyhow = ResetPattern(), ResetPattern()
    for window in range(1, 8):
        on_the_clock.read(word(window * 20 - 10.3, window * 20 - 0.3, told=True))
        anyhow.read(word(window * 21.7, window * 21.7 + 20.0, told=True))
    assert on_the_clock.on_the_clock(15.0) == 20.0
    assert anyhow.on_the_clock(15.0) is None


@given(st.lists(st.tuples(TIMES, TIMES, TIMES, st.booleans()), min_size=1, max_size=40))
@QUICK
def test_what_is_left_is_never_overrated_though_some_answers_tell_of_another_limit(
    requests: list[tuple[float, float, float, bool]],
) -> None:
    """Whatever the latencies, and whichever answers show this limit: what it says less what is in flight is there."""
    limit = 100
    moves = [(sent, sent + there, sent + there + back, shown) for sent, there, back, shown in requests]
    arrivals = sorted(range(len(moves)), key=lambda at: moves[at][1])
    remaining = {at: limit - order - 1 for order, at in enumerate(arrivals)}
    headroom = Headroom()
    for heard, at in enumerate(sorted(range(len(moves)), key=lambda at: moves[at][2]), 1):
        sent, _, answered, shown = moves[at]
        if shown:
            headroom.read(Reading(sent, answered, remaining[at]))
        else:
            headroom.outdate(answered)
        begun = sum(other[0] <= answered for other in moves)
        assert headroom.least is None or headroom.least - (begun - heard) <= limit - begun


def told(remaining: int, utc_s: float) -> Quota:
    return Quota(100, remaining, 5.0, header="X-RateLimit", reset_utc_s=utc_s)


def test_a_count_that_stands_still_is_no_longer_believed() -> None:
    """The same Remaining in one window four times: a cache said it. Of a log, which gives some back, it may be so."""
    cached, log = (Claim(told(50, 0.0), Family("X-RateLimit", Trust())) for _ in range(2))
    for step in range(4):
        assert cached.is_counted
        cached.read(told(50, 1000.0), step * 0.1, step * 0.1 + 0.05)
        log.resets.moves = True
        log.read(told(50, 1000.0), step * 0.1, step * 0.1 + 0.05)
    assert "it stood still" in cached.family.trust.dropped["X-RateLimit-Remaining"]
    assert log.is_counted
