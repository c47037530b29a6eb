"""The figures of one run, and of several runs of one thing, from their events alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.record import events as e
from harness.record.limits import Limit, limits_in
from harness.views.plots import (
    latency_alt,
    latency_plot,
    latency_table,
    occupancy,
    occupancy_alt,
    occupancy_table,
    run_axis,
    strip,
    strip_alt,
    strip_table,
    svg,
    timeline,
    timeline_alt,
    timeline_table,
)
from harness.views.plots.occupancy import mean_busy
from harness.views.plots.strips import overslept, windows
from tests.views.plots.samples import FIRST, LIMIT, SECOND, frame
from tests.views.plots.test_sweep_plots import texts

ONE = frame(FIRST)
TWO = frame(FIRST, SECOND)
EMPTY = ONE.iloc[:0]


def test_sessions_follow_each_other_without_a_gap() -> None:
    """The second session's t4 is t20: the first lasted 16 s."""
    moved = run_axis.on_one_axis(TWO)
    assert run_axis.session_starts(moved) == [16.0]
    assert run_axis.span_s(moved) == 23.0
    assert list(run_axis.requests(moved)["sent_s"]) == [0.0, 1.0, 1.0, 2.0, 11.0, 12.0, 15.0, 20.0]


def test_what_became_of_each_request() -> None:
    """Let through, refused, lost; one that never left is none."""
    sent = run_axis.requests(run_axis.on_one_axis(TWO))
    assert list(sent["outcome"]) == ["admitted"] * 5 + ["refused", "admitted", "lost"]
    assert list(sent["role"]) == ["list"] + ["item"] * 7


def test_waits_have_their_limit_or_reason_and_a_person_may_pause() -> None:
    """For the limit, after the refusal, by hand."""
    waits = run_axis.waits(run_axis.on_one_axis(TWO))
    assert [tuple(row) for row in waits.to_numpy()] == [
        (3.0, 11.0, LIMIT),
        (13.0, 15.0, "refused"),
        (17.0, 20.0, "paused"),
    ]


def test_a_pause_that_never_ended_lasts_to_the_sessions_end() -> None:
    """Stopped while paused."""
    events = frame([SECOND[0], SECOND[1], SECOND[-1]])
    assert [tuple(row) for row in run_axis.waits(run_axis.on_one_axis(events)).to_numpy()] == [(1.0, 7.0, "paused")]


def test_what_is_left_of_a_limit_counts_from_sending_to_a_window_after_the_answer() -> None:
    """4/10s: full from t2 until t11, when the list's request (answered t1) is a window old."""
    sent = run_axis.requests(run_axis.on_one_axis(ONE))
    left = run_axis.left_of(limits_in(LIMIT)[0], sent, np.array([0.0, 1.0, 2.0, 10.9, 11.0, 12.5, 15.0, 30.0]))
    assert list(left) == [3, 1, 0, 0, 0, 1, 2, 4]


def test_a_limit_of_requests_at_once_is_free_when_they_are_answered() -> None:
    """2 at once: none left while two are in flight."""
    sent = run_axis.requests(run_axis.on_one_axis(ONE))
    left = run_axis.left_of(Limit("2:concurrency", 2, 1.0, at_once=True), sent, np.array([0.5, 1.5, 3.5]))
    assert list(left) == [1, 0, 2]


def test_workers_busy_on_average_add_up_to_the_time_requests_took() -> None:
    """9 s of requests in 16 s, and two at once from t1 to t3."""
    sent = run_axis.requests(run_axis.on_one_axis(ONE))
    edges = np.array([0.0, 1.0, 2.0, 3.0, 16.0])
    assert list(mean_busy(sent, edges)) == pytest.approx([1.0, 2.0, 2.0, 3.0 / 13.0])
    table = occupancy_table(ONE)
    assert list(table["seconds"]) == pytest.approx([10.0, 4.0, 2.0])
    assert occupancy_alt(ONE) == "0.5 workers busy on average, 2 at most; for 62 % of the time none was."


def test_windows_open_with_the_first_request_after_the_last_was_over() -> None:
    """0 to 10, then not at 10 but with the request at 12."""
    assert windows(np.array([0.0, 1.0, 9.9, 12.0, 21.9, 22.0]), 10.0) == [(0.0, 10.0), (12.0, 22.0), (22.0, 32.0)]


def test_oversleeping_begins_when_a_window_has_passed_since_the_answer_that_far_back() -> None:
    """Under 3/10s the wait to t11 slept from t11 on only: no; under 4/10s until t11: no; with 5/10s all of it."""
    events = run_axis.on_one_axis(ONE)
    assert overslept(events, limits_in("4/10s")) == [(13.0, 15.0)]
    assert overslept(events, limits_in("5/10s")) == [(3.0, 11.0), (13.0, 15.0)]
    assert overslept(events, limits_in("4/9s")) == [(10.0, 11.0), (13.0, 15.0)]
    assert overslept(events, ()) == []


def test_a_strip_has_a_lane_for_each_strategy_and_says_how_it_went() -> None:
    """By name: how long, how many refused, how much too long asleep; the best possible is a line."""
    figure = strip({"window": ONE, "own": ONE}, limits="4/9s", best_s=12.0)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["window: 16.0 s, 1 refused, overslept 3.0 s", "own: 16.0 s, 1 refused, overslept 3.0 s"]
    assert all(any(set(line.get_xdata()) == {12.0} for line in axes.lines) for axes in figure.axes)
    assert "best possible" in texts(figure)
    assert strip_table({"window": ONE}, "4/9s").to_dict("records") == [
        {"strategy": "window", "duration_s": 16.0, "requests": 7, "hits": 1, "windows": 2, "overslept_s": 3.0}
    ]


def test_each_run_is_measured_by_its_own_limits_whichever_is_named_first() -> None:
    """E: overslept is what a run's own limits would have let through; one that knew none cannot oversleep."""
    unknowing = ONE.assign(limits=ONE["limits"].where(ONE["limits"].isna(), ""))
    loose = ONE.assign(limits=ONE["limits"].where(ONE["limits"].isna(), "5/10s"))
    runs = {"retry-after": unknowing, "window": ONE, "loose": loose}
    slept = dict(zip(runs, strip_table(runs)["overslept_s"]))
    assert slept == {"retry-after": 0.0, "window": 2.0, "loose": 10.0}
    backwards = dict(reversed(runs.items()))
    assert dict(zip(backwards, strip_table(backwards)["overslept_s"])) == slept
    assert list(strip_table(runs)["windows"]) == [0, 2, 2]


def test_a_request_without_an_answer_holds_its_slot() -> None:
    """The server may count it yet: under 5/10s with one lost at t2 the wait to t11 was needed."""
    lost = e.AttemptFailed(2.5, "item", 9, 1, 2.0, None, None, "timed out", "", True, None)
    events = run_axis.on_one_axis(frame([*FIRST[:5], lost, *FIRST[5:]]))
    assert overslept(events, limits_in("5/10s")) == [(13.0, 15.0)]


def test_a_run_whose_limits_were_changed_is_measured_by_those_that_held_then() -> None:
    """The wait from t3 to t11 under 4/10s was needed; the same under the 5/10s that were set at t2 was not."""
    events = frame([*FIRST[:4], e.LimitsSet(2.0, "5/10s"), *FIRST[4:]])
    assert overslept(run_axis.on_one_axis(events), None) == [(3.0, 11.0), (13.0, 15.0)]


def test_the_timeline_names_why_it_paused_and_when_it_was_resumed() -> None:
    """Each reason in the legend, each limit beside its line, a mark where the second session began."""
    said = texts(timeline(TWO))
    for words in (f"waiting for {LIMIT}", "paused after a refusal", "paused by hand", "resumed", "refused", LIMIT):
        assert words in said
    # 16 s and 2 s: the pause by hand and what came after the last answer are no part of the duration.
    assert timeline_alt(TWO).startswith("8 requests in 18.0 s, 1 of them refused; waiting for 4/10s 1 time, 8.0 s")


def test_the_timeline_of_a_client_without_limits_has_no_panel_for_them() -> None:
    """Nothing is left of nothing."""
    unknowing = ONE.assign(limits=ONE["limits"].where(ONE["limits"].isna(), ""))
    assert len(timeline(ONE).axes) == 2
    assert len(timeline(unknowing).axes) == 1


def test_the_table_of_the_timeline_adds_up() -> None:
    """All requests, all 429s, all seconds waited are in one of its rows; what was paused by hand is no waiting."""
    table = timeline_table(TWO)
    assert (table["requests"].sum(), table["hits"].sum(), table["waited_s"].sum()) == (8, 1, 10.0)
    assert len(table) <= 24


def test_many_limits_learned_are_shown_as_the_three_longest_and_the_rest() -> None:
    """A legend of forty limits is none."""
    waits = pd.DataFrame(
        {"began_s": range(0, 50, 10), "ended_s": [9, 18, 27, 36, 45], "by": [f"{n}/1s" for n in range(5)]}
    )
    named = run_axis._few_limits(waits.assign(ended_s=waits["began_s"] + [5, 1, 4, 2, 3]))
    assert list(named["by"]) == ["0/1s", "other limits", "2/1s", "other limits", "4/1s"]


def test_latency_is_counted_by_kind_to_the_end_of_the_answer() -> None:
    """One list request of 1 s; items of 1, 2, 1, 1 and 1 s; refusals and losses are left out."""
    table = latency_table(TWO).set_index("requests")
    assert list(table.loc["list"]) == [1, 1.0, 1.0, 1.0, 1.0]
    assert (table.loc["item", "n"], table.loc["item", "p50"], table.loc["item", "max"]) == (5, 1.0, 2.0)
    assert latency_alt(TWO).startswith("Latency of 6 answers: p50 1.0 s")


@pytest.mark.parametrize("plot", [timeline, latency_plot, occupancy])
def test_no_events_give_a_figure_that_says_so(plot) -> None:  # type: ignore[no-untyped-def]
    """Nothing at all, and a session that sent nothing."""
    nothing_sent = frame([FIRST[0], FIRST[-1]])
    for events in (EMPTY, nothing_sent):
        assert "there is n" in texts(plot(events))
    assert "there is nothing to show" in texts(strip({}))


@pytest.mark.parametrize("plot", [timeline, latency_plot, occupancy, lambda events: strip({"window": events})])
def test_a_run_of_one_request_can_be_drawn(plot) -> None:  # type: ignore[no-untyped-def]
    """And so can one of two sessions; every axis with a unit."""
    one = frame([FIRST[0], FIRST[1]])
    for events in (one, TWO):
        figure = plot(events)
        assert svg(figure).count("<path") > 10
        for axes in figure.axes:
            assert not axes.get_xlabel() or "(s)" in axes.get_xlabel() or axes.get_xlabel() == "latency (log scale)"


def test_words_for_nothing() -> None:
    """An empty figure is called one."""
    assert timeline_alt(EMPTY) == "An empty figure: no request was sent."
    assert occupancy_alt(EMPTY) == "An empty figure: no request was sent."
    assert latency_alt(EMPTY) == "An empty figure: no request was answered."
    assert strip_alt({}) == "Requests over time, a lane for each strategy. No events."
    assert timeline_table(EMPTY).empty
    assert occupancy_table(EMPTY).empty
    assert latency_table(EMPTY).empty
