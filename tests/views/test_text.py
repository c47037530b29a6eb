"""Numbers and times in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from harness.views import text

NOW = 1795543464.0  # 2026-11-24 18:04:24 UTC


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0 s"),
        (-3.0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.052, "52 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (38.2, "38.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125.2, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (48480, "13 h 28 min"),
        (86399, "1 d 00 h"),
        (597600, "6 d 22 h"),
        (1e300, "over 10,000 d"),
        (math.inf, "over 10,000 d"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    """A duration is said in the unit it deserves, rounded before the unit is chosen."""
    assert text.duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (38.4, "38 s"), (59.6, "1 min 00 s"), (90, "1 min 30 s")])
def test_whole_durations(seconds: float, words: str) -> None:
    """`whole` leaves out the parts of a second."""
    assert text.duration(seconds, whole=True) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40.05, "40 s"), (90, "1 min 30 s"), (420.3, "7 min"), (3569, "59 min"), (3571, "1 h 00 min"), (None, "-")],
)
def test_rough_durations(seconds: float | None, words: str) -> None:
    """What nobody should count on to the second is not said to the second."""
    assert text.roughly(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(-5.0, "1 s"), (0.2, "1 s"), (37.1, "38 s"), (60.0, "1 min 00 s")])
def test_countdowns(seconds: float, words: str) -> None:
    """What is left of a wait is rounded up and never nothing."""
    assert text.countdown(seconds) == words


@pytest.mark.parametrize(
    ("share", "digits", "words"),
    [
        (0.985, 1, "98.5 %"),
        (0.9996, 1, "99.9 %"),
        (0.9996, 0, "99 %"),
        (1.0, 1, "100 %"),
        (1.004, 1, "100.4 %"),
        (0.0, 0, "0 %"),
        (None, 1, "-"),
        (math.inf, 1, "-"),
    ],
)
def test_percent(share: float | None, digits: int, words: str) -> None:
    """A share is shown as it is; what falls short of the whole is never 100 %."""
    assert text.percent(share, digits) == words


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 3))
def test_only_the_whole_is_100_percent(share: float, digits: int) -> None:
    """No share below 1 is ever shown as 100 %, however near it is."""
    assert not text.percent(share, digits).startswith("100")


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [(0, 0, "100 %"), (0, 9, "0 %"), (999, 1000, "99 %"), (1000, 1000, "100 %"), (9, 8, "100 %")],
)
def test_share_done(done: int, total: int, words: str) -> None:
    """Progress is rounded down, so that 100 % means all of it; nothing to do is all done."""
    assert text.share_done(done, total) == words


@pytest.mark.parametrize(
    ("done", "total", "known", "words"),
    [
        (12431, 80000, 500, "12,431/80,000"),
        (5, 10, 12, "5/12"),
        (7, None, 15000, "7/15,000+"),
        (0, None, 0, "0"),
    ],
)
def test_progress(done: int, total: int | None, known: int, words: str) -> None:
    """How many of how many; a list that grew counts as it is, one that does not say counts as far as it is known."""
    assert text.progress(done, total, known) == words


@pytest.mark.parametrize(
    ("eta_s", "words"),
    [
        (None, "not known yet"),
        (38.0, "18:05:02 (in 38 s)"),
        (5 * 3600.0, "23:04 (in 5 h 00 min)"),
        (11 * 3600 + 16 * 60.0, "25 Nov 05:20 (in 11 h 16 min)"),
        (40 * 86400.0, "3 Jan 2027 18:04 (in 40 d 00 h)"),
        (1e15, "in over 10,000 d"),
    ],
)
def test_eta(eta_s: float | None, words: str) -> None:
    """An ETA is a clock time, with the date where it is not today and the year where it is not this one."""
    assert text.eta(eta_s, NOW) == words


def test_moments_that_no_calendar_holds() -> None:
    """Times beyond the calendar are unknown rather than an error."""
    assert [text.clock(at) for at in (None, 1e30, -1e30, math.inf)] == ["-", "-", "-", "-"]
    assert text.time_of_day(1e30, NOW) == "-"
    assert text.time_of_day(NOW, 1e30) == "18:04"
    assert text.next_time(1e30, NOW) == "-"


@pytest.mark.parametrize(
    ("after_s", "words"),
    [
        (3600, "19:04"),
        (21_335, "23:59"),
        (21_336, "00:00 tomorrow"),
        (107_735, "23:59 tomorrow"),
        (107_736, "26 Nov 00:00"),
    ],
)
def test_when_something_goes_on(after_s: float, words: str) -> None:
    """Tomorrow has a word, by the calendar and not after 24 hours."""
    assert text.next_time(NOW + after_s, NOW) == words


@pytest.mark.parametrize(
    ("raw", "shown"), [("plain é", "plain é"), ("a\nb\tc", "a b c"), ("\x1b[31mred\x07", "?[31mred?")]
)
def test_printable(raw: str, shown: str) -> None:
    """Text from a server cannot steer the terminal."""
    assert text.printable(raw) == shown


def test_plural() -> None:
    """One of a thing is said in the singular, large numbers with separators."""
    assert [text.plural(n, "wait") for n in (0, 1, 1234)] == ["0 waits", "1 wait", "1,234 waits"]
    assert text.plural(2, "worker is", "workers are") == "2 workers are"
