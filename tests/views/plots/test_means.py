"""Means over repeats, their intervals, and what a sweep varied."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.views.plots.means import complete, enough_workers, means, numeric_workers, varied
from tests.views.plots.samples import sweep


def test_the_interval_is_students_t_over_the_repeats() -> None:
    """10, 11, 12: mean 11, and scipy's own interval of three values."""
    table = means(complete(sweep().assign(bound_s=5.0)), ["pacing", "workers", "limit"], "duration_s")
    row = table[(table.pacing == "window") & (table.workers == 100) & (table.limit == "4/10s")].iloc[0]
    values = [11.0, 12.0, 13.0]
    low, high = stats.t.interval(0.95, 2, loc=12.0, scale=stats.sem(values))
    assert (row["mean"], row["n"]) == (12.0, 3)
    assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert (row["low"], row["high"]) == (pytest.approx(12 - 2.4841, abs=1e-4), pytest.approx(12 + 2.4841, abs=1e-4))


def test_no_interval_reaches_beyond_what_is_possible() -> None:
    """E: never shorter than best possible, never above 100 % of it; the mean stays, and so does n."""
    frame = complete(sweep())
    row = (
        means(frame, ["pacing", "workers", "limit"], "duration_s").query("workers == 100 and limit == '4/10s'").iloc[1]
    )
    assert (row["pacing"], row["mean"], row["low"], row["n"]) == ("window", 12.0, 10.0, 3)
    runs = frame.iloc[:3].assign(optimality=[0.999, 1.0, 1.0])
    share = means(runs, ["pacing"], "optimality").iloc[0]
    assert (share["high"], share["n"]) == (1.0, 3)
    assert 0.99 < share["low"] < share["mean"] < 1.0


def test_a_single_run_has_no_interval() -> None:
    """Its low and high are itself: nothing is known of the spread."""
    row = means(complete(sweep().iloc[:1]), ["pacing"], "duration_s").iloc[0]
    assert (row["low"], row["mean"], row["high"], row["n"]) == (110.0, 110.0, 110.0, 1)


def test_runs_that_did_not_end_count_in_no_mean() -> None:
    """The failed repeat is left out; its point has two."""
    table = means(complete(sweep()), ["pacing", "workers", "limit"], "duration_s")
    assert sorted(table["n"]) == [2] + [3] * 11


def test_a_strategy_left_to_the_default_goes_by_the_name_it_had() -> None:
    """pacing None and strategy window: it is `window`."""
    runs = complete(sweep().iloc[:1].assign(pacing=None, strategy="window"))
    assert list(runs["pacing"]) == ["window"]


def test_what_was_varied_and_what_was_not() -> None:
    """In the order in which people name it; lists and texts alike."""
    runs = sweep()
    assert varied(runs) == ["pacing", "workers", "limit"]
    assert varied(runs, besides=("workers",)) == ["pacing", "limit"]
    assert varied(runs.iloc[:1]) == []


def test_auto_workers_stand_on_no_axis() -> None:
    """Only the runs with a number stay."""
    runs = pd.DataFrame({"workers": ["auto", "3", 5]})
    assert list(numeric_workers(runs)["workers"]) == [3.0, 5.0]


def test_enough_is_the_fewest_within_one_percent() -> None:
    """101 of 100 is within, 102 is not; a single count is no choice."""
    table = pd.DataFrame({"pacing": ["a", "a", "a"], "workers": [1, 2, 4], "mean": [102.0, 101.0, 100.0]})
    assert enough_workers(table) == (2, "a")
    assert enough_workers(table.iloc[:1]) is None
    assert enough_workers(table.iloc[:0]) is None


def test_a_value_that_no_run_has_gives_no_rows() -> None:
    """Neither a missing column nor one of nothing is an error."""
    runs = complete(sweep())
    assert means(runs, ["pacing"], "no_such_figure").empty
    assert means(runs.assign(bound_s=np.nan), ["pacing"], "bound_s").empty
