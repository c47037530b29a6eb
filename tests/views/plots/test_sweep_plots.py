"""The figures of sweeps show what their tables say, to anybody, on paper and on a screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.views.plots import (
    frontier,
    frontier_alt,
    frontier_table,
    limits_alt,
    limits_heatmap,
    limits_table,
    looks,
    png,
    svg,
    workers_alt,
    workers_plot,
    workers_table,
)
from tests.views.plots.samples import LIMIT, SERVER, sweep

PLOTS: list[Callable[[pd.DataFrame], Figure]] = [workers_plot, limits_heatmap, frontier]


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")))


def test_each_strategy_is_a_line_through_its_means() -> None:
    """x are the workers on a log scale, y the mean seconds; the best possible is dashed, enough workers upright."""
    figure = workers_plot(sweep()[lambda runs: runs.limit == LIMIT])
    (axes,) = figure.axes
    line = next(line for line in axes.lines if len(line.get_xdata()) == 3 and to_hex(line.get_color()) == looks.BLUE)
    assert list(line.get_xdata()) == [1, 10, 100]
    assert list(line.get_ydata()) == [111.0, 21.0, 12.0]
    assert axes.get_xscale() == "log"
    dashed = next(line for line in axes.lines if to_hex(line.get_color()) == looks.INK)
    assert (set(dashed.get_ydata()), dashed.get_linestyle()) == ({10.0}, "--")
    upright = next(line for line in axes.lines if to_hex(line.get_color()) == looks.MUTED)
    assert set(upright.get_xdata()) == {100}
    assert "enough workers: 100 (window)" in texts(figure)


def test_settings_besides_strategy_and_workers_get_a_panel_each() -> None:
    """Two limits, two panels, and the panel says which."""
    figure = workers_plot(sweep())
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"limit {LIMIT}", f"limit {SERVER}"]


def test_panels_that_would_be_too_many_are_said_to_be_left_out() -> None:
    """Eight limits: six panels, and the figure says that there are two more."""
    runs = pd.concat([sweep().iloc[[0, 6]].assign(limit=f"{count}/10s") for count in range(1, 9)])
    figure = workers_plot(runs)
    assert len(figure.axes) == 6
    assert "2 more combinations of settings are in the table" in texts(figure)


@pytest.mark.parametrize(("value", "shown"), [("optimality", "38"), ("hits_per_1000", "100")])
def test_cells_have_their_number_and_are_hatched_where_there_were_429s(value: str, shown: str) -> None:
    """window: no hatch anywhere; retry-after: a hatch in each of its six cells."""
    figure = limits_heatmap(sweep(), value)  # type: ignore[arg-type]
    hatched = {
        axes.get_title(loc="left"): sum(1 for cell in axes.patches if isinstance(cell, Rectangle) and cell.get_hatch())
        for axes in figure.axes
    }
    assert hatched == {"strategy retry-after": 6, "strategy window": 0}
    assert all(len(axes.texts) == 6 for axes in figure.axes)
    assert shown in texts(figure).split("\n")


def test_a_combination_that_was_not_run_has_no_cell() -> None:
    """Five cells of six: the sixth stays empty."""
    runs = sweep()[lambda runs: (runs.pacing == "window") & ~((runs.workers == 1) & (runs.limit == LIMIT))]
    (axes,) = limits_heatmap(runs).axes
    assert len(axes.texts) == 5


def test_limits_stand_in_order_of_what_they_let_through() -> None:
    """The lowest is at the bottom, whatever the alphabet says."""
    runs = pd.concat([sweep().iloc[[0]].assign(limit=limit) for limit in ("10/10s", "9/10s", "100/10s")])
    (axes,) = limits_heatmap(runs).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["9/10s", "10/10s", "100/10s"]


def test_the_frontier_is_what_nothing_beats_in_both() -> None:
    """Never refused and fastest: window with 100 workers, with either limit: they tie, so neither beats the other."""
    table = frontier_table(sweep())
    best = table[table.on_frontier]
    assert [(row.pacing, row.workers, row.limit) for row in best.itertuples()] == [
        ("window", 100, LIMIT),
        ("window", 100, SERVER),
    ]


def test_more_429s_for_more_speed_is_on_the_frontier_too() -> None:
    """A faster strategy that is refused is a choice, a slower one that is refused is none."""
    rows = [("window", 0.9, 0.0, "complete"), ("auto", 0.95, 10.0, "complete"), ("aimd", 0.8, 20.0, "complete")]
    table = frontier_table(pd.DataFrame(rows, columns=["pacing", "optimality", "hits_per_1000", "status"]))
    assert dict(zip(table.pacing, table.on_frontier)) == {"window": True, "auto": True, "aimd": False}


def test_the_frontier_names_its_points_and_counts_429s_on_a_symlog_scale() -> None:
    """Direct labels at the best of each strategy; zero is on the axis."""
    figure = frontier(sweep())
    (axes,) = figure.axes
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]
    assert "window, 100 workers, 4/10s" in texts(figure) or "window, 100 workers, 5/10s" in texts(figure)


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_frame_gives_a_figure_that_says_so(plot: Callable[[pd.DataFrame], Figure]) -> None:
    """No rows, no columns at all, and nothing but failed runs."""
    for frame in (sweep().iloc[:0], pd.DataFrame(), sweep().assign(status="failed")):
        assert "No run has ended" in texts(plot(frame))


@pytest.mark.parametrize("plot", PLOTS)
def test_a_single_run_can_be_drawn(plot: Callable[[pd.DataFrame], Figure]) -> None:
    """One row, and one row without a bound."""
    for frame in (sweep().iloc[:1], sweep().iloc[:1].assign(bound_s=None, optimality=0.5)):
        assert svg(plot(frame)).count("<path") > 10


@pytest.mark.parametrize("plot", PLOTS)
def test_every_axis_says_its_unit(plot: Callable[[pd.DataFrame], Figure]) -> None:
    """Seconds, percent, 429s per 1,000 or a count of workers; a limit is its own unit."""
    known = r"\((s|min|h)\)|%|per 1,000|workers|client's limit"
    for axes in plot(sweep()).axes:
        for label in (axes.get_xlabel(), axes.get_ylabel()):
            assert not label or re.search(known, label), label
    assert any(axes.get_xlabel() for axes in plot(sweep()).axes)


def test_a_figure_is_the_same_bytes_each_time_and_is_well_formed() -> None:
    """Nothing random, no date: a committed picture changes only where its data does."""
    one, other = (svg(workers_plot(sweep()), "workers") for _ in range(2))
    assert one == other
    assert ElementTree.fromstring(one).tag.endswith("svg")
    assert png(workers_plot(sweep())).startswith(b"\x89PNG")


def test_no_two_series_look_alike_and_a_strategy_keeps_its_look() -> None:
    """Colour and marker together tell 20 names apart; window is the same in any company."""
    ours = ["window", "auto", "reference", "retry-after", "spaced", "backoff", "aimd"]
    names = [*ours, *(f"own-{at}" for at in range(13))]
    given = looks.styles(names)
    assert len({(look.color, look.marker) for look in given.values()}) == len(names)
    assert len({given[name].marker for name in ours}) == 7
    assert looks.styles(["own-0", "window"])["window"] == given["window"]


def test_tables_and_words_say_what_the_figures_show() -> None:
    """For who cannot see them."""
    assert len(workers_table(sweep())) == len(limits_table(sweep())) == 12
    assert "window from 1 min 51 s with 1 to 12.0 s with 100 workers" in workers_alt(sweep())
    assert "The most 429s: 100.0 per 1,000 with 100 workers." in limits_alt(sweep())
    assert "Beaten by no other in both: window, 100 workers" in frontier_alt(sweep())
    for alt in (workers_alt, limits_alt, frontier_alt):
        assert alt(pd.DataFrame()) == "An empty figure: no run has ended."
