"""Figures for a report: each with what it found, the question it answers, its table, and words for people who cannot
see it; drawn twice, for a page and for a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from harness.views import plots
from harness.views.plots.frontiers import frontier_table
from harness.views.plots.heatmap import limits_table
from harness.views.plots.means import complete, refusal_word
from harness.views.plots.workers import workers_table
from harness.views.report.tables import (
    Column,
    Table,
    decimal,
    seconds,
    settings_columns,
    share,
    table_of,
    whole,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure and what belongs to it. name: of its file, and of its place in the page.

    title: what it found; look_for: the question that this answers. small: the same for a narrow screen.
    """

    name: str
    title: str
    look_for: str
    alt: str
    figure: Figure
    table: Table
    small: Figure | None = None


def _picture(name: str, title: str, alt: str, draw: Callable[[], Figure], table: Table) -> Picture:
    """Draw it for a page and for a phone; the question is the figure's own."""
    with plots.narrow():
        small = draw()
    figure = draw()
    heading = getattr(figure, "heading", None)
    return Picture(name, title, "" if heading is None else heading.question, alt, figure, table, small)


def sweep_pictures(name: str, frame: pd.DataFrame) -> list[Picture]:
    """Return those figures of a sweep that have something to show."""
    runs = complete(frame)
    if runs.empty:
        return []
    several_workers = pd.to_numeric(runs["workers"], errors="coerce").nunique() > 1
    several_limits = "limit" in runs and runs["limit"].nunique() > 1
    pictures = []
    if several_workers:
        pictures.append(_workers(name, frame))
    if several_limits:
        pictures += [_limits(name, frame, "optimality"), _limits(name, frame, "hits_per_1000")]
    if "optimality" in runs and runs["optimality"].notna().any():
        pictures.append(_frontier(name, frame))
    return pictures


def _workers(name: str, frame: pd.DataFrame) -> Picture:
    table = workers_table(frame)
    columns = [
        *settings_columns(table, "mean"),
        seconds("mean", "mean duration"),
        Column("low", "95 % interval from", _bare_seconds),
        Column("high", "to", _bare_seconds),
        whole("n", "runs"),
        seconds("bound_s", "best possible"),
    ]
    return _picture(
        f"{name}-workers",
        plots.workers_finding(frame),
        plots.workers_alt(frame),
        partial(plots.workers_plot, frame),
        table_of(table, columns),
    )


def _bare_seconds(value: float) -> str:
    return f"{value:,.1f} s"


def _limits(name: str, frame: pd.DataFrame, value: plots.Value) -> Picture:
    table, word = limits_table(frame), refusal_word(frame)
    if table["server_limit"].nunique() == 1:
        table = table.drop(columns="server_limit")
    columns = [
        *settings_columns(table, "hits_per_1000"),
        share("optimality", "of best possible"),
        decimal("hits_per_1000", f"{word} per 1,000"),
    ]
    fast = value == "optimality"
    return _picture(
        f"{name}-{'speed' if fast else '429s'}",
        plots.limits_finding(frame, value),
        plots.limits_alt(frame),
        partial(plots.limits_heatmap, frame, value),
        table_of(table, columns),
    )


def _frontier(name: str, frame: pd.DataFrame) -> Picture:
    table, word = frontier_table(frame), refusal_word(frame)
    columns = [
        *settings_columns(table, "mean"),
        share("mean", "of best possible"),
        share("low", "95 % interval from"),
        share("high", "to"),
        decimal("mean_hits", f"{word} per 1,000"),
        whole("n", "runs"),
        Column("on_frontier", "beaten in both", lambda value: "no" if value else "yes", number=False),
    ]
    return _picture(
        f"{name}-frontier",
        plots.frontier_finding(frame),
        plots.frontier_alt(frame),
        partial(plots.frontier, frame),
        table_of(table, columns),
    )


def run_pictures(name: str, events: pd.DataFrame) -> list[Picture]:
    """Return the figures of one run."""
    times = [seconds("from_s", "from"), seconds("to_s", "to")]
    counts = [whole("requests", "requests"), whole("hits", "refused"), seconds("waited_s", "waited")]
    percentiles = [seconds(column, column) for column in ("p50", "p95", "p99", "max")]
    return [
        _picture(
            f"{name}-timeline",
            plots.timeline_finding(events),
            plots.timeline_alt(events),
            partial(plots.timeline, events),
            table_of(plots.timeline_table(events), [*times, *counts]),
        ),
        _picture(
            f"{name}-latency",
            plots.latency_finding(events),
            plots.latency_alt(events),
            partial(plots.latency_plot, events),
            table_of(
                plots.latency_table(events),
                [Column("requests", "requests", str, number=False), whole("n", "answers"), *percentiles],
            ),
        ),
        _picture(
            f"{name}-workers-busy",
            plots.occupancy_finding(events),
            plots.occupancy_alt(events),
            partial(plots.occupancy, events),
            table_of(
                plots.occupancy_table(events),
                [whole("busy", "workers busy"), seconds("seconds", "time"), share("share", "share of the run")],
            ),
        ),
    ]


def strips_picture(name: str, events: Mapping[str, pd.DataFrame], limits: str | None = None) -> Picture:
    """Several runs of one thing on one axis of time. limits: what the server enforces, if known."""
    columns = [
        Column("strategy", "run", str, number=False),
        seconds("duration_s", "duration"),
        whole("requests", "requests"),
        whole("hits", "refused"),
        seconds("overslept_s", "overslept"),
    ]
    return _picture(
        name,
        plots.strip_finding(events, limits),
        plots.strip_alt(events, limits),
        partial(plots.strip, events, limits),
        table_of(plots.strip_table(events, limits), columns),
    )
