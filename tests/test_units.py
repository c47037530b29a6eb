"""Durations: what people type is read, and what is written is read back to the bit."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from harness.errors import BadInput
from harness.units import format_period, parse_duration, refuse_bare


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("20s", 20.0),
        ("20", 20.0),
        ("20 sec", 20.0),
        (" 1.5m ", 90.0),
        ("5min", 300.0),
        (".5h", 1800.0),
        ("2hour", 7200.0),
        ("d", 86400.0),
        ("day", 86400.0),
        ("0", 0.0),
        ("1.1h", 3960.0),  # not 3960.0000000000005, as floats would have it
        ("7ms", 0.007),
    ],
)
def test_durations_people_type(text: str, seconds: float) -> None:
    """Each unit, with or without a number or spaces, is the nearest float to what it says."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["0", "0.0", "80ms", "1d", "d", "x", "", "-5", "1e3", "uniform:0-80ms", "lognormal:80ms:sigma=2"]
)
def test_a_duration_with_a_unit_is_let_through(text: str) -> None:
    """As is 0, which needs none, and what is no duration at all: that is for others to say."""
    refuse_bare("--latency", text)


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        *(("80", "80"), (80, "80"), (80.0, "80"), (" 0.5 ", "0.5"), (".5", ".5"), ("5.", "5.")),
        *(
            (1e-05, "0.00001"),
            (1e3, "1000"),
            ("uniform:20ms-80", "80"),
            ("lognormal:80:sigma=0.5", "80"),
            ("bimodal:50-1s", "50"),
        ),
    ],
)
def test_a_duration_without_a_unit_is_refused(typed: object, part: str) -> None:
    """Wherever it stands; a share or a sigma has no unit."""
    with pytest.raises(BadInput) as said:
        refuse_bare("--latency", typed)
    assert str(said.value) == f"--latency: {part} has no unit; write {part}ms, {part}s or {part}m"


@pytest.mark.parametrize(
    "text", ["", " ", "5x", "-1s", "1e3s", "1.s", "1s1s", "1,5s", "٣s", "inf", "nan", "s5", "9" * 400, "9" * 5000 + "d"]
)
def test_what_is_no_duration_is_refused_in_words(text: str) -> None:
    """Anything else is a ValueError of one line that says how to write it."""
    with pytest.raises(ValueError, match=r"\A'.*; write (it like 50ms, 20s, 5m, 2h or 1d|a shorter duration)\Z"):
        parse_duration(text)


@given(st.text())
@example("0." + "0" * 5000 + "1s")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text brings anything but seconds from 0 on, or a ValueError of one line."""
    refusal, seconds = "", -1.0
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal.splitlines()) == 1
        assert repr(text) in refusal
    else:
        assert 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0ms"),
        (0.05, "50ms"),
        (0.0005, "0.0005s"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (60.0, "1m"),
        (90.0, "90s"),
        (100.0, "100s"),
        (120.0, "2m"),
        (5400.0, "90m"),
        (3600.0, "1h"),
        (86400.0, "1d"),
        (1e16 + 2, "10000000000000002s"),
    ],
)
def test_periods_are_written_short(seconds: float, text: str) -> None:
    """The largest unit of which it is a whole number, else plain decimals; never an exponent."""
    assert format_period(seconds) == text


@given(st.floats(0, 1e300) | st.integers(0, 10**9).map(lambda ms: ms / 1000))
@example(1 / 3)
@example(0.0010000000000001)
def test_what_is_written_is_read_back(seconds: float) -> None:
    """parse_duration(format_period(x)) == x, to the bit, for every float."""
    assert parse_duration(format_period(seconds)) == seconds
