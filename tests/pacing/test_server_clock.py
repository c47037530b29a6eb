"""The server's clock from whole seconds of Date, and windows that lie on it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from harness.pacing import Grant, Later, Notice, Outcome, Tier, WindowPacer, parse_tiers
from harness.pacing.server_clock import ServerClock, border_after

TRIPS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=40)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(-1e6, 1e9), TRIPS)
def test_what_is_known_of_the_clock_is_true(offset: float, trips: list[tuple[float, float, float]]) -> None:
    """However long the trips take and wherever in them a Date is written, the offset lies between low and high."""
    clock, now = ServerClock(), 0.0
    for gap, trip_s, part in trips:
        sent, now = now + gap, now + gap + trip_s
        clock.learn(sent, now, math.floor(sent + part * trip_s + offset))
        assert clock.low - 1e-6 <= offset <= clock.high + 1e-6
    assert clock.contradicted == 0


def test_a_second_that_ticks_over_tells_the_clock_to_a_round_trip() -> None:
    """Answers each 50 ms for a second: e falls from a second and a round trip to little more than the latter."""
    clock = ServerClock()
    clock.learn(0.0, 0.05, math.floor(0.02 + 100.3))
    assert clock.high - clock.low == pytest.approx(1.05)
    for step in range(1, 25):
        clock.learn(step * 0.05, step * 0.05 + 0.05, math.floor(step * 0.05 + 0.02 + 100.3))
    assert clock.high - clock.low < 0.11
    low, high = clock.bounds(1000.0 + 1.25)
    assert high - low == pytest.approx(clock.high - clock.low + 2 * 1e-4 * 1000, rel=0.01)


def test_a_date_that_contradicts_the_others_widens_what_is_believed() -> None:
    """Nobody knows which of the two is wrong."""
    clock = ServerClock()
    clock.learn(0.0, 0.1, 100.0)
    clock.learn(1.0, 1.1, 90.0)
    assert (clock.contradicted, clock.low, clock.high) == (1, pytest.approx(88.9), pytest.approx(101.0, abs=0.01))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1_600_000_000, 1_900_000_000), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))
def test_a_day_ends_at_local_midnight(epoch_s: int, zone: str) -> None:
    """Also on the days on which the clocks change."""
    here = datetime.fromtimestamp(epoch_s, ZoneInfo(zone))
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    assert border_after(epoch_s, Tier(5, 86400.0, "aligned", tz=zone)) == midnight.timestamp()


def asked(pacer: WindowPacer, now: float, trip_s: float, server_utc_s: float | None) -> None:
    grant = pacer.reserve(now)
    assert isinstance(grant, Grant)
    pacer.settle(grant, now + trip_s, Outcome.ANSWERED, Notice(200, server_utc_s=server_utc_s))


def test_an_aligned_window_opens_at_its_border_and_not_a_window_later() -> None:
    """60/m at 12:00:59.5: the Date of each answer says that it fell into the minute that ends within the second."""
    pacer = WindowPacer(parse_tiers("2/m:aligned"), linger_s=5.0)
    asked(pacer, 0.0, 0.1, 59.0)
    asked(pacer, 0.1, 0.1, 59.0)
    later = pacer.reserve(0.2)
    assert isinstance(later, Later)
    assert later.until == pytest.approx(60.0 + 0.001 - (59.0 - 0.1), abs=0.001)
    assert isinstance(pacer.reserve(later.until or 0.0), Grant)


def test_without_a_date_an_aligned_window_is_paced_as_a_log() -> None:
    """Safe at any phase; a local day that may be 25 h long is given two more."""
    for limit, span_s in (("1/m:aligned", 60.006), ("1/d:aligned:tz=Europe/Berlin", 86400 + 8.64 + 7200)):
        pacer = WindowPacer(parse_tiers(limit), linger_s=5.0)
        asked(pacer, 0.0, 0.1, None)
        assert pacer.reserve(1.0) == Later(pytest.approx(0.1 + span_s), "limit", parse_tiers(limit)[0])  # type: ignore[arg-type]
        assert "not known yet" in pacer.statistics(1.0).beliefs[0]


def test_a_counter_whose_phase_is_known_lets_the_whole_limit_through_and_then_its_share() -> None:
    """10/10s, all ten in one window: one tenth of a window after its end there is room for one."""
    pacer = WindowPacer(parse_tiers("10/10s:counter"), linger_s=5.0)
    asked(pacer, 0.0, 0.001, 1004.0)
    for step in range(1, 10):
        asked(pacer, step * 0.002, 0.001, 1004.0)
    later = pacer.reserve(0.1)
    assert isinstance(later, Later)
    assert later.until is not None
    assert 1011.0 - 1005.0 <= later.until <= 1011.0 - 1004.0 + 0.01  # the second of the Date is what is uncertain
    assert isinstance(pacer.reserve(later.until), Grant)


def test_what_was_sent_before_a_border_still_counts_under_new_limits() -> None:
    """Four just before a border take no place in the window after it, but in a log they do: nine went in 20 s."""
    pacer = WindowPacer(parse_tiers("5/20s:aligned"), linger_s=0.0)
    for sent_s in (0.0, 19.5, 19.6, 19.7, 19.8, 20.2):
        asked(pacer, sent_s, 0.0, float(math.floor(sent_s)))
    pacer.set_tiers(parse_tiers("5/20s:log"), 20.3)
    later = pacer.reserve(20.3)
    assert isinstance(later, Later)
    assert later.until == pytest.approx(39.5, abs=0.01)
