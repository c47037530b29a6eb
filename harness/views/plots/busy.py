"""How many workers were busy: are there too few, or more than the limits can use?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.views.palette import BLUE, INK, MUTED
from harness.views.plots import moments
from harness.views.plots.canvas import WIDTH, drawn, new_figure, nothing, time_axis, time_unit


def occupancy_table(events: pd.DataFrame) -> pd.DataFrame:
    """How much of the run so many workers were busy: busy, seconds, share (0 to 1)."""
    moved = moments.on_one_axis(events)
    sent = moments.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return pd.DataFrame(columns=["busy", "seconds", "share"])
    at_s, busy = _steps(sent)
    lasted = np.diff(at_s)
    table = pd.DataFrame({"busy": busy[:-1], "seconds": lasted}).groupby("busy", as_index=False).sum()
    table = table[table["seconds"] > 0].reset_index(drop=True)
    return table.assign(share=table["seconds"] / table["seconds"].sum())


def _steps(sent: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(times, how many requests were in flight from each on)."""
    times = np.concatenate([sent["sent_s"], sent["done_s"]])
    change = np.concatenate([np.ones(len(sent)), -np.ones(len(sent))])
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(change[order]).astype(int)


def mean_busy(sent: pd.DataFrame, edges: np.ndarray) -> np.ndarray:
    """How many requests were in flight on average between each two edges."""
    at_s, busy = _steps(sent)
    area = np.concatenate([[0.0], np.cumsum(np.diff(at_s) * busy[:-1])])
    return np.asarray(np.diff(np.interp(edges, at_s, area)) / np.diff(edges))


@drawn
def occupancy(events: pd.DataFrame) -> Figure:
    """Workers busy over time, under the number that there were. events: `run.events().to_pandas()`."""
    moved = moments.on_one_axis(events)
    sent = moments.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return nothing("No request was sent: there is nothing to show.")
    end_s = moments.span_s(moved)
    divisor, unit = time_unit(end_s)
    figure = new_figure(WIDTH, 2.8)
    axes = figure.subplots()
    edges = moments.bins(end_s)
    axes.stairs(mean_busy(sent, edges), edges / divisor, fill=True, color=BLUE, label="busy")
    steps = moments.workers_over_time(moved)
    if steps:
        times = [since / divisor for since, _ in steps] + [end_s / divisor]
        there = [workers for _, workers in steps]
        axes.step(times, [*there, there[-1]], where="post", color=INK, linestyle="--", linewidth=1.3, label="workers")
    for start in moments.session_starts(moved):
        axes.axvline(start / divisor, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1)))
    axes.set_xlim(0, end_s / divisor)
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    time_axis(axes, unit)
    axes.set_ylabel("workers busy")
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def occupancy_alt(events: pd.DataFrame) -> str:
    """What the figure shows, for who cannot see it."""
    table = occupancy_table(events)
    if table.empty:
        return "An empty figure: no request was sent."
    mean = float((table["busy"] * table["share"]).sum())
    idle = float(table[table["busy"] == 0]["share"].sum())
    most = int(table["busy"].max())
    return f"{mean:.1f} workers busy on average, {most} at most; for {100 * idle:.0f} % of the time nobody was."
