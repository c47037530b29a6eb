"""Every figure says what it found and which question that answers, has no key over its data, and red for refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from harness.record.choice import Candidate, Measured, beats, choose, tied
from harness.views.plots import (
    canvas,
    frontier,
    frontier_finding,
    frontier_table,
    latency_finding,
    latency_plot,
    limits_finding,
    limits_heatmap,
    looks,
    narrow,
    occupancy,
    occupancy_finding,
    strip,
    strip_finding,
    timeline,
    timeline_finding,
    workers_finding,
    workers_plot,
)
from harness.views.plots.lessons import policies_finding, policies_plot, schedules_finding, schedules_plot
from tests.views.plots.samples import FIRST, LIMIT, SECOND, _item, frame, sweep
from tests.views.plots.test_sweep_plots import texts

TWO = frame(FIRST, SECOND)
ONE_LIMIT = sweep()[lambda runs: runs.limit == LIMIT]
POLICIES = pd.DataFrame({"policy": ["log"] * 3 + ["gcra"] * 3, "t_s": [0, 1, 2] * 2, "admitted": [1, 1, 0, 1, 1, 1]})
SCHEDULES = pd.DataFrame({"schedule": ["greedy", "greedy", "planned"], "t_s": [0.0, 9.0, 4.0], "requests": [3, 2, 5]})
FIGURES: dict[str, tuple[Callable[[], Figure], Callable[[], str]]] = {
    "workers": (lambda: workers_plot(ONE_LIMIT), lambda: workers_finding(ONE_LIMIT)),
    "panels": (lambda: workers_plot(sweep()), lambda: workers_finding(sweep())),
    "speed": (lambda: limits_heatmap(sweep()), lambda: limits_finding(sweep())),
    "429s": (lambda: limits_heatmap(sweep(), "hits_per_1000"), lambda: limits_finding(sweep(), "hits_per_1000")),
    "frontier": (lambda: frontier(sweep()), lambda: frontier_finding(sweep())),
    "timeline": (lambda: timeline(TWO), lambda: timeline_finding(TWO)),
    "latency": (lambda: latency_plot(TWO), lambda: latency_finding(TWO)),
    "busy": (lambda: occupancy(TWO), lambda: occupancy_finding(TWO)),
    "strip": (lambda: strip({"a": TWO, "b": TWO}), lambda: strip_finding({"a": TWO, "b": TWO})),
    "policies": (lambda: policies_plot(POLICIES), lambda: policies_finding(POLICIES)),
    "schedules": (lambda: schedules_plot(SCHEDULES), lambda: schedules_finding(SCHEDULES)),
}
SAYS = {
    "workers": "100 workers are enough (window): 12.0 s",
    "panels": "100 workers are enough, whatever the limit",
    "speed": "100 workers at 4/10s: 83.7 % of best without 429s; no setting without any is more than 1 % faster",
    "429s": "6 of 12 settings had 429s: 100 per 1,000 at most",
    "frontier": "window, 100 workers, 4/10s: 83.7 % of best without 429s (1 setting ties with it); 10 are beaten"
    " in both",
    "timeline": "Waiting took 10.0 s of 18.0 s, 80 % of it for 4/10s; 1 of 8 requests refused",
    "latency": "Half of the answers came within 1.0 s, 95 % within 2.0 s; the slowest took 2.0 s",
    "busy": "All workers were busy for 11 % of the time; for 56 % none was",
    "strip": "Both tie: 18.0 s",
    "policies": "Of the same 3 requests, gcra lets 3 through, log 2",
    "schedules": "The planned schedule is done 5.0 s before the greedy one",
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_title_is_what_the_data_say_and_the_subtitle_a_question(name: str) -> None:
    """The finding is computed, and the figure says it above the question."""
    draw, finding = FIGURES[name]
    assert finding() == SAYS[name]
    figure = draw()
    said = " ".join(text.get_text().replace("\u00a0", " ") for text in figure.texts)
    assert said.startswith(SAYS[name])
    assert "?" in said


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("wide", [True, False])
def test_no_key_lies_over_the_data_and_no_heading_over_the_axes(name: str, wide: bool) -> None:
    """No axes have a legend; that of the figure ends above them, below the heading. A narrow figure is narrow."""
    if wide:
        figure = FIGURES[name][0]()
    else:
        with narrow():
            figure = FIGURES[name][0]()
    assert isinstance(figure, canvas.Drawing)
    assert figure.get_figwidth() == (canvas.WIDTH if wide else canvas.NARROW)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    assert all(axes.get_legend() is None for axes in figure.axes)
    tops = [axes.get_tightbbox().y1 for axes in figure.axes]
    height = figure.bbox.height
    assert max(tops) <= height - figure.dpi * (figure.heading_in + figure.key_in) + 1
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.y0 >= max(tops) - 1
        assert box.y1 <= height - figure.dpi * figure.heading_in + 1
        assert box.x1 <= figure.bbox.width + 1
    for axes in figure.axes:
        assert axes.get_tightbbox().x1 <= figure.bbox.width + 1


def test_red_is_for_refusals_alone() -> None:
    """No strategy is drawn in it, known or not."""
    names = ["window", "auto", "reference", "retry-after", "spaced", "backoff", "aimd", *map(str, range(28))]
    assert looks.REFUSED not in {look.color for look in looks.styles(names).values()}
    for name in ("workers", "frontier", "latency", "busy"):
        drawn = {to_hex(line.get_color()) for axes in FIGURES[name][0]().axes for line in axes.lines}
        assert looks.REFUSED not in drawn
    crosses = [line for axes in timeline(TWO).axes for line in axes.lines if to_hex(line.get_color()) == looks.REFUSED]
    assert crosses


def test_a_figure_of_durations_has_no_empty_half() -> None:
    """Lines need no zero: the axis begins a little below the least that is drawn."""
    (axes,) = workers_plot(ONE_LIMIT.assign(bound_s=95.0, duration_s=ONE_LIMIT.duration_s + 100)).axes
    low, high = axes.get_ylim()
    assert 80 < low < 95
    drawn = [value for line in axes.lines for value in line.get_ydata() if low <= value <= high]
    assert (max(drawn) - min(drawn)) > 0.6 * (high - low)


CLOSE = sweep().assign(optimality=0.9 + 0.1 * sweep().optimality.fillna(0.5), hits_per_1000=0.0)
SLOW = [*FIRST[:5], _item(4, 3.0, 903.0), *FIRST[-1:]]
# Data of which a figure might show little: values close to one another, one far from all others, a late end.
HARD: dict[str, Callable[[], Figure]] = {
    "durations far from 0": lambda: workers_plot(ONE_LIMIT.assign(bound_s=95.0, duration_s=ONE_LIMIT.duration_s + 100)),
    "shares close to 100 %": lambda: frontier(CLOSE.assign(hits_per_1000=sweep().hits_per_1000)),
    "nothing refused": lambda: frontier(CLOSE),
    "nothing refused, one strategy": lambda: frontier(CLOSE[CLOSE.pacing == "window"]),
    "one slow answer": lambda: latency_plot(frame(SLOW)),
    "one slow answer over time": lambda: timeline(frame(SLOW)),
    "one slow answer, workers": lambda: occupancy(frame(SLOW)),
    "a run beside one much longer": lambda: strip({"a": TWO, "b": frame(SLOW)}),
}


@pytest.mark.parametrize("name", [*FIGURES, *HARD])
@pytest.mark.parametrize("wide", [True, False])
def test_no_figure_has_an_empty_half(name: str, wide: bool) -> None:
    """What is drawn reaches over more than half of each axes, across and up, by its own scale; over all panels of an
    axis that is shared, where one has less.
    """
    draw = FIGURES[name][0] if name in FIGURES else HARD[name]
    if wide:
        figure = draw()
    else:
        with narrow():
            figure = draw()
    figure.draw_without_rendering()
    for axes in figure.axes:
        for one, many in (("x", axes.get_shared_x_axes()), ("y", axes.get_shared_y_axes())):
            shown = [_used(each, one) for each in many.get_siblings(axes)]
            low, high = min(low for low, _ in shown), max(high for _, high in shown)
            assert high - low > 0.5, (axes.get_ylabel(), one, low, high)


def test_where_nothing_was_refused_each_strategy_has_a_column() -> None:
    """The settings of each stand in it from slow to fast, and the axis says why it has no refusals."""
    (axes,) = frontier(CLOSE).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["retry-after", "window"]
    assert axes.get_xlabel() == "strategy (no setting had 429s)"
    columns = [line for line in axes.lines if line.get_marker() in ("o", "D")]
    assert len(columns) == 2
    for at, line in enumerate(columns):
        place, share = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert (np.abs(place - at) <= 0.35 + 1e-9).all()
        assert (np.diff(share[np.argsort(place)]) >= 0).all()


def _used(axes: Axes, one: str) -> tuple[float, float]:
    """From where to where of an axis its data reach, as shares of its length on the page."""
    scale = {"x": axes.xaxis, "y": axes.yaxis}[one].get_transform()
    begin, end = scale.transform(np.sort(getattr(axes.viewLim, f"interval{one}")))
    if axes.get_ylabel() == "let through by" and one == "y":
        return 0.0, 1.0  # a row for each name: there is nothing between them
    data = np.clip(getattr(axes.dataLim, f"interval{one}"), *np.sort(getattr(axes.viewLim, f"interval{one}")))
    low, high = np.sort(scale.transform(data))
    return float((low - begin) / (end - begin)), float((high - begin) / (end - begin))


def test_strategies_that_end_in_a_tie_have_one_name() -> None:
    """window and retry-after within the noise: one label, and the title says that they tie."""
    runs = ONE_LIMIT.assign(status="complete", duration_s=ONE_LIMIT.duration_s.fillna(17.0))
    same = runs.assign(duration_s=runs.duration_s - 4.9 * (runs.pacing == "retry-after"))
    assert "window\nretry-after\n(tie)" in texts(workers_plot(same))
    assert "window and retry-after tie" in workers_finding(same)
    assert "(tie)" not in texts(workers_plot(ONE_LIMIT))


def test_what_the_noise_does_not_tell_apart_is_not_ranked() -> None:
    """Overlapping intervals tie; single runs have to be more than 1 % apart; an interval and a point may overlap."""
    assert tied(Measured(10.0, 9.5, 10.5), Measured(10.8, 10.4, 11.2))
    assert not tied(Measured(10.0, 9.9, 10.1), Measured(10.3, 10.2, 10.4))
    assert tied(Measured(10.0, 10.0, 10.0), Measured(10.05, 10.05, 10.05))
    assert not tied(Measured(10.0, 10.0, 10.0), Measured(10.2, 10.2, 10.2))
    assert tied(Measured(10.4, 10.4, 10.4), Measured(10.0, 9.5, 10.5))
    never, often = Measured(0.0, 0.0, 0.0), Measured(30.0, 28.0, 32.0)
    fast, noisy = Measured(0.99, 0.98, 1.0), Measured(0.985, 0.97, 1.0)
    assert beats(noisy, never, fast, often)
    assert not beats(fast, often, noisy, never)
    assert not beats(fast, never, noisy, never)


def test_of_settings_as_fast_the_least_refused_is_chosen_then_the_fewest_workers() -> None:
    """Within 1 % of the fastest: 3 workers without a refusal, though 50 are 0.3 s faster and 2 are refused."""
    took = [Measured(seconds, seconds, seconds) for seconds in (95.5, 95.8, 95.6, 97.5)]
    refused, workers = (0.0, 0.0, 20.0, 0.0), (50, 3, 2, 1)
    assert choose([Candidate(*one) for one in zip(took, refused, workers)]) == 1
    assert choose([]) is None


def test_one_best_setting_is_named_on_the_frontier_with_all_that_tie_with_it() -> None:
    """100 and 90 workers within the noise: one label for both."""
    runs = ONE_LIMIT[ONE_LIMIT.pacing == "window"]
    few = runs[runs.workers == 100].assign(workers=90)
    both = pd.concat([runs, few])
    assert list(frontier_table(both).query("on_frontier")["workers"]) == [90, 100]
    assert "window, 90 to 100 workers" in texts(frontier(both))
