"""Figures for a report, each with a title, what to look for, its table, and words for people who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """A figure and what belongs to it. name: of its file, and of its place in the page."""

    name: str
    title: str
    look_for: str
    alt: str
    figure: Figure
    table: Table


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
    return Picture(
        f"{name}-workers",
        "Duration against workers",
        "Where a line goes flat, more workers save nothing. No client can be below the dashed line.",
        plots.workers_alt(frame),
        plots.workers_plot(frame),
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
    return Picture(
        f"{name}-{'speed' if fast else '429s'}",
        "Speed over workers and limits" if fast else f"{word} over workers and limits".capitalize(),
        "The best cell is the fastest one without a hatch." if fast else "Hatched cells were refused at least once.",
        plots.limits_alt(frame),
        plots.limits_heatmap(frame, value),
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
    return Picture(
        f"{name}-frontier",
        f"Speed against {word}",
        "Up and to the left is better: settings there are fast and rarely refused.",
        plots.frontier_alt(frame),
        plots.frontier(frame),
        table_of(table, columns),
    )


def run_pictures(name: str, events: pd.DataFrame) -> list[Picture]:
    """Return the figures of one run."""
    times = [seconds("from_s", "from"), seconds("to_s", "to")]
    counts = [whole("requests", "requests"), whole("hits", "refused"), seconds("waited_s", "waited")]
    percentiles = [seconds(column, column) for column in ("p50", "p95", "p99", "max")]
    return [
        Picture(
            f"{name}-timeline",
            "Over time",
            "Shaded: no request could be sent, and why. Below: what was left of each limit, as far as the client knew.",
            plots.timeline_alt(events),
            plots.timeline(events),
            table_of(plots.timeline_table(events), [*times, *counts]),
        ),
        Picture(
            f"{name}-latency",
            "Latency",
            "From sending a request to the end of its answer; refusals are left out.",
            plots.latency_alt(events),
            plots.latency_plot(events),
            table_of(
                plots.latency_table(events),
                [Column("requests", "requests", str, number=False), whole("n", "answers"), *percentiles],
            ),
        ),
        Picture(
            f"{name}-workers-busy",
            "Workers busy",
            "If all workers are busy while requests are sent, more would send faster, until the limits make them wait.",
            plots.occupancy_alt(events),
            plots.occupancy(events),
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
    return Picture(
        name,
        "Side by side",
        "Overslept: waiting although the limits would certainly have let a request through.",
        plots.strip_alt(events, limits),
        plots.strip(events, limits),
        table_of(plots.strip_table(events, limits), columns),
    )
