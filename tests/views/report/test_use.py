"""How much of the limits was used, in figures that can be counted by hand."""

from __future__ import annotations

import math

import pytest

from harness.record import events as e
from harness.record.limits import limits_in, most_admitted
from harness.views.report.tables import use_table, utilisation
from tests.views.plots.samples import FIRST, LIMIT, SECOND, frame


def test_windows_are_counted_from_their_first_request() -> None:
    """4/10s: four of four from t0, two of four from t11; the refused one at t12 counts in none."""
    assert use_table(frame(FIRST)).to_dict("records") == [
        {"limit": LIMIT, "held_s": 16.0, "windows": 2, "mean": 0.75, "most": 1.0}
    ]


def test_a_limit_that_held_for_a_moment_is_not_the_only_row() -> None:
    """E: what was kept for 16 s comes first, what held for the last 100 ms is left out, a second's use is not told."""
    moment = frame([*FIRST[:-1], e.LimitsSet(15.9, "7/3s"), FIRST[-1]])
    assert [(row.limit, row.held_s) for row in use_table(moment).itertuples()] == [(LIMIT, 15.9)]
    second = frame([*FIRST[:-1], e.LimitsSet(15.0, "7/3s"), FIRST[-1]])
    rows = use_table(second).to_dict("records")
    assert [(row["limit"], row["held_s"]) for row in rows] == [(LIMIT, 15.0), ("7/3s", 1.0)]


def test_utilisation_is_of_what_could_have_been_let_through_by_then() -> None:
    """Six by t15, when a log of 4/10s lets eight through; of several sessions it is not told."""
    assert most_admitted(LIMIT, 15.0) == 8
    assert utilisation(frame(FIRST), LIMIT) == pytest.approx(6 / 8)
    assert utilisation(frame(FIRST, SECOND), LIMIT) is None
    assert utilisation(frame(FIRST), "") is None
    assert utilisation(frame([FIRST[0]]), LIMIT) is None


def test_requests_at_once_are_used_by_what_is_in_flight() -> None:
    """3 at once: 8 s of requests in 16 s, two of them from t1 to t3 and no more ever."""
    (row,) = use_table(frame(FIRST).assign(limits="3:concurrency")).to_dict("records")
    assert (row["limit"], row["held_s"]) == ("3:concurrency", 16.0)
    assert (row["mean"], row["most"]) == (pytest.approx(8 / 16 / 3), pytest.approx(2 / 3))


def test_a_bucket_is_used_by_what_it_let_through() -> None:
    """4/10s as a bucket of four: six by t15, when four and one more each 2.5 s make ten."""
    (row,) = use_table(frame(FIRST).assign(limits="4/10s:bucket")).to_dict("records")
    assert row["mean"] == pytest.approx(6 / most_admitted("4/10s:bucket", 15.0))
    assert math.isnan(row["windows"])


def test_limits_that_cannot_be_read_are_none() -> None:
    """A record of a later version may hold other kinds; requests at once have no windows."""
    assert limits_in("5/10s:unheard-of") == ()
    assert most_admitted("5/10s:unheard-of", 1.0) is None
    (limit,) = limits_in("3:concurrency")
    assert (limit.limit, limit.at_once) == (3, True)
    assert [limit.text for limit in limits_in("2000/100s+500/20s")] == ["500/20s", "2000/100s"]
    assert use_table(frame(FIRST).assign(limits="5/10s:unheard-of")).empty
    assert use_table(frame(FIRST).iloc[:0]).empty
