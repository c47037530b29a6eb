"""The counters that judge the pacer count as such servers do: each by a history of its own."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

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


def admitted(counter: Counter, arrivals: Iterable[float]) -> list[float]:
    """The arrivals that got through."""
    server = Server([counter])
    return [at for at in arrivals if server.arrive(at)]


def test_an_anchored_window_opens_at_the_first_request_after_the_last_one_expired() -> None:
    """3 per 10 s from 7: 7, 8, 9, then nothing before 17; the next window opens when asked, at 30."""
    arrivals = [7, 8, 9, 16.9, 17, 18, 30, 31, 32, 39, 40]
    assert admitted(AnchoredWindow(3, 10), arrivals) == [7, 8, 9, 17, 18, 30, 31, 32, 40]


def test_an_aligned_window_admits_twice_its_limit_across_its_border() -> None:
    """3 per 10 s of the server's own clock: 6 within a fifth of a second."""
    assert admitted(AlignedWindow(3, 10, phase_s=4), [13.9] * 4 + [14.0] * 4) == [13.9] * 3 + [14.0] * 3


def test_a_sliding_log_admits_its_limit_in_any_span() -> None:
    """3 per 10 s: each comes back 10 s after it arrived."""
    assert admitted(SlidingLog(3, 10), [0, 8, 9, 9.9, 10, 17.9, 18, 19]) == [0, 8, 9, 10, 18, 19]


@pytest.mark.parametrize("counter", [Bucket(5, 10, burst=5), Gcra(5, 10, burst=5)])
def test_a_bucket_with_burst_l_admits_2l_minus_1_before_its_first_window_ends(counter: Counter) -> None:
    """5 at once and 4 more as they are refilled, one each 2 s."""
    assert len(admitted(counter, [0.0] * 6 + [t / 8 for t in range(80)])) == 9


def test_a_sliding_counter_makes_room_in_proportion_and_never_all_at_once() -> None:
    """10 at the end of one window leave room for none at the next one's start, and for 5 in its middle."""
    assert admitted(SlidingCounter(10, 10), [9.0] * 11 + [10.0] + [15.0] * 6) == [9.0] * 10 + [15.0] * 5


def test_all_tiers_are_checked_before_any_is_charged() -> None:
    """What the short tier refuses costs the long one nothing."""
    server = Server([SlidingLog(9, 100), SlidingLog(3, 10)])
    assert [server.arrive(0.0) for _ in range(5)].count(True) == 3
    assert sum(server.arrive(10.0 + 10.0 * n) for n in range(9)) == 6
    assert (server.admitted, server.refused) == (9, 5)
