"""Draw how many workers were busy over time: whether a run had too few, or more than its limits could use."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.views.plots import run_axis
from harness.views.plots.canvas import (
    End,
    Heading,
    drawn,
    label_ends,
    new_figure,
    nothing,
)
from harness.views.plots.looks import BLUE, INK, MUTED, Style
from harness.views.plots.panels import time_axis, time_unit
from harness.views.text import percent, plural


def occupancy_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return for how much of the duration so many workers were busy: busy, seconds, share (0 to 1).

    The seconds add up to the run's duration: a person's pauses and the time between two sessions are left out.
    """
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return pd.DataFrame(columns=["busy", "seconds", "share"])
    at_s, busy = run_axis.in_flight(sent)
    lasted = np.diff(at_s)
    table = pd.DataFrame({"busy": busy[:-1], "seconds": lasted}).groupby("busy", as_index=False).sum()
    table = table[(table["seconds"] > 0) & (table["busy"] > 0)]
    idle_s = run_axis.duration_s(moved) - float(table["seconds"].sum())
    if idle_s > 1e-6:
        table = pd.concat([pd.DataFrame({"busy": [0], "seconds": [idle_s]}), table])
    table = table.reset_index(drop=True)
    return table.assign(share=table["seconds"] / table["seconds"].sum())


def mean_busy(sent: pd.DataFrame, edges: np.ndarray) -> np.ndarray:
    """Return how many requests were in flight on average between each two edges."""
    at_s, busy = run_axis.in_flight(sent)
    area = np.concatenate([[0.0], np.cumsum(np.diff(at_s) * busy[:-1])])
    return np.asarray(np.diff(np.interp(edges, at_s, area)) / np.diff(edges))


_BUSY = "How many workers had a request in flight? All busy while requests are sent: more would send faster."


@drawn
def occupancy(events: pd.DataFrame) -> Figure:
    """Draw workers busy over time, under the number that there were. events: `run.events().to_pandas()`."""
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return nothing("No request was sent, so there is nothing to show.")
    end_s = run_axis.span_s(moved)
    divisor, unit = time_unit(end_s)
    height_in = 2.4
    figure = new_figure(Heading(occupancy_finding(events), _BUSY), height_in)
    axes = figure.subplots()
    edges = run_axis.bins(end_s)
    axes.stairs(mean_busy(sent, edges), edges / divisor, fill=True, color=BLUE)
    steps = run_axis.workers_over_time(moved)
    there = [workers for _, workers in steps]
    if steps:
        times = [since / divisor for since, _ in steps] + [end_s / divisor]
        axes.step(times, [*there, there[-1]], where="post", color=INK, linestyle="--", linewidth=1.3)
    for start in run_axis.session_starts(moved):
        axes.axvline(start / divisor, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1)))
    axes.set_xlim(0, end_s / divisor)
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    if steps:
        label_ends(axes, [End(there[-1], plural(there[-1], "worker"), Style(INK, "", "--"))], height_in)
    time_axis(axes, unit)
    axes.set_ylabel("workers busy")
    return figure


def occupancy_finding(events: pd.DataFrame) -> str:
    """Say for how much of the run all workers were busy, and for how much none was."""
    table = occupancy_table(events)
    if table.empty:
        return "No request was sent"
    moved = run_axis.on_one_axis(events)
    steps = run_axis.workers_over_time(moved)
    none = float(table[table["busy"] == 0]["share"].sum())
    if not steps:
        return f"At most {plural(int(table['busy'].max()), 'request')} at a time; none for {percent(none)} of the time"
    full = run_axis.all_busy_s(moved) / float(table["seconds"].sum())
    most = max(workers for _, workers in steps)
    who = "The only worker was" if most == 1 else f"All {most} workers were" if len(steps) == 1 else "All workers were"
    return f"{who} busy for {percent(full)} of the time; for {percent(none)} none was"


def occupancy_alt(events: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    table = occupancy_table(events)
    if table.empty:
        return "An empty figure: no request was sent."
    mean = float((table["busy"] * table["share"]).sum())
    idle = float(table[table["busy"] == 0]["share"].sum())
    most = int(table["busy"].max())
    return f"{mean:.1f} workers busy on average, {most} at most; for {100 * idle:.0f} % of the time none was."
