"""Draw how many workers were busy over time, and how long imports take with how many workers.

`occupancy` shows for one run whether there are too few workers, or more than the limits can use. `workers_plot` has a
line for each strategy of a sweep, which levels off where more workers stop helping.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.views.plots import run_axis
from harness.views.plots.canvas import (
    BLUE,
    INK,
    MUTED,
    WIDTH,
    Style,
    drawn,
    grid,
    left_out,
    new_figure,
    nothing,
    split,
    styles,
    time_axis,
    time_unit,
    workers_axis,
)
from harness.views.plots.means import complete, enough_workers, means, numeric_workers, varied
from harness.views.text import duration


def occupancy_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the run so many workers were busy: busy, seconds, share (0 to 1)."""
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
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
    """Return how many requests were in flight on average between each two edges."""
    at_s, busy = _steps(sent)
    area = np.concatenate([[0.0], np.cumsum(np.diff(at_s) * busy[:-1])])
    return np.asarray(np.diff(np.interp(edges, at_s, area)) / np.diff(edges))


@drawn
def occupancy(events: pd.DataFrame) -> Figure:
    """Draw workers busy over time, under the number that there were. events: `run.events().to_pandas()`."""
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return nothing("No request was sent, so there is nothing to show.")
    end_s = run_axis.span_s(moved)
    divisor, unit = time_unit(end_s)
    figure = new_figure(WIDTH, 2.8)
    axes = figure.subplots()
    edges = run_axis.bins(end_s)
    axes.stairs(mean_busy(sent, edges), edges / divisor, fill=True, color=BLUE, label="busy")
    steps = run_axis.workers_over_time(moved)
    if steps:
        times = [since / divisor for since, _ in steps] + [end_s / divisor]
        there = [workers for _, workers in steps]
        axes.step(times, [*there, there[-1]], where="post", color=INK, linestyle="--", linewidth=1.3, label="workers")
    for start in run_axis.session_starts(moved):
        axes.axvline(start / divisor, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1)))
    axes.set_xlim(0, end_s / divisor)
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    time_axis(axes, unit)
    axes.set_ylabel("workers busy")
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def occupancy_alt(events: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    table = occupancy_table(events)
    if table.empty:
        return "An empty figure: no request was sent."
    mean = float((table["busy"] * table["share"]).sum())
    idle = float(table[table["busy"] == 0]["share"].sum())
    most = int(table["busy"].max())
    return f"{mean:.1f} workers busy on average, {most} at most; for {100 * idle:.0f} % of the time none was."


def workers_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the data of `workers_plot`: mean duration and its interval, by strategy, workers and the rest varied."""
    runs = numeric_workers(complete(frame))
    others = varied(runs, besides=("pacing", "workers"))
    keys = [*others, "pacing", "workers"]
    table = means(runs, keys, "duration_s")
    best = means(runs, keys, "bound_s")[[*keys, "mean"]].rename(columns={"mean": "bound_s"})
    return table.merge(best, on=keys, how="left")


@drawn
def workers_plot(frame: pd.DataFrame) -> Figure:
    """Draw duration against workers (log), per strategy, with the best possible dashed and enough workers marked.

    frame: a row for each run, as `read_sweep` gives them. Settings other than strategy and workers get panels.
    """
    table = workers_table(frame)
    if table.empty:
        return nothing("No run has ended, so there is no duration to show.")
    others = list(table.columns[: table.columns.get_loc("pacing")])
    parts = list(split(table, others))
    figure, panels = grid(len(parts))
    divisor, unit = time_unit(float(table["high"].max()))
    looks = styles(table["pacing"])
    for at, (axes, (title, rows)) in enumerate(zip(panels, parts)):
        _panel(axes, rows, looks, divisor, "enough" if len(parts) > 1 else "enough workers")
        axes.set_title(title, fontsize=8.5 if others else None)
        axes.label_outer() if others else None
        if at == 0:
            axes.set_ylabel(f"duration ({unit})")
    _legend(figure, looks, table)
    if more := left_out(table, others):
        figure.supxlabel(f"{more} more combinations of settings are in the table", fontsize=8, color=MUTED)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, looks: dict[str, Style], divisor: float, words: str) -> None:
    # Strategies that do the same lie on each other: the first are drawn larger, so that all can be seen.
    for order, (pacing, series) in enumerate(rows.groupby("pacing", sort=False)):
        look = looks[str(pacing)]
        axes.errorbar(
            series["workers"],
            series["mean"] / divisor,
            yerr=[(series["mean"] - series["low"]) / divisor, (series["high"] - series["mean"]) / divisor],
            color=look.color,
            marker=look.marker,
            linestyle=look.dash,
            capsize=3,
            markersize=max(4.5, 8.5 - 1.5 * order),
            linewidth=max(1.2, 2.4 - 0.4 * order),
        )
    workers_axis(axes, list(rows["workers"]))
    axes.set_ylim(0, 1.08 * float(rows["high"].max()) / divisor)
    best_s = rows["bound_s"].mean()
    if pd.notna(best_s):
        axes.axhline(best_s / divisor, color=INK, linestyle=(0, (6, 3)), linewidth=1.2)
    enough = enough_workers(rows)
    if enough is not None:
        axes.axvline(enough[0], color=MUTED, linestyle=":", linewidth=1.4)
        middle = (rows["workers"].min() * rows["workers"].max()) ** 0.5
        place = {"ha": "left", "x": 4} if enough[0] <= middle else {"ha": "right", "x": -4}
        axes.annotate(
            f"{words}: {enough[0]} ({enough[1]})",
            (enough[0], 0.02),
            (place["x"], 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=str(place["ha"]),
            fontsize=8.5,
        )


def _legend(figure: Figure, looks: dict[str, Style], table: pd.DataFrame) -> None:
    lines = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle=look.dash, label=name)
        for name, look in looks.items()
    ]
    if table["bound_s"].notna().any():
        lines.append(Line2D([], [], color=INK, linestyle=(0, (6, 3)), linewidth=1.2, label="best possible"))
    figure.legend(handles=lines, loc="outside upper right", ncols=min(5, len(lines)))


def workers_alt(frame: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    table = workers_table(frame)
    if table.empty:
        return "An empty figure: no run has ended."
    said = []
    for pacing, rows in table.groupby("pacing", sort=False):
        first, last = rows.sort_values("workers").iloc[[0, -1]].to_dict("records")
        here, there = (f"{duration(row['mean'])} with {row['workers']:g}" for row in (first, last))
        said.append(f"{pacing} from {here} to {there} workers" if len(rows) > 1 else f"{pacing} {here}")
    best = table["bound_s"].mean()
    at = "" if pd.isna(best) else f" Best possible is {duration(best)}."
    return f"Duration against workers: {'; '.join(said)}.{at}"
