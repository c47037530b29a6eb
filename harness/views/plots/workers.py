"""Duration against workers, a line for each strategy: where do more workers stop to help?"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.views.palette import INK, MUTED, Style, styles
from harness.views.plots.canvas import drawn, nothing, time_unit, workers_axis
from harness.views.plots.means import complete, enough_workers, means, numeric_workers, varied
from harness.views.plots.panels import grid, left_out, split
from harness.views.text import duration


def workers_table(frame: pd.DataFrame) -> pd.DataFrame:
    """What `workers_plot` draws: mean duration and its interval, by strategy, workers and whatever else was varied."""
    runs = numeric_workers(complete(frame))
    others = varied(runs, besides=("pacing", "workers"))
    keys = [*others, "pacing", "workers"]
    table = means(runs, keys, "duration_s")
    best = means(runs, keys, "bound_s")[[*keys, "mean"]].rename(columns={"mean": "bound_s"})
    return table.merge(best, on=keys, how="left")


@drawn
def workers_plot(frame: pd.DataFrame) -> Figure:
    """Duration against workers (log), per strategy, with the best possible dashed and enough workers marked.

    frame: a row for each run, as `read_sweep` gives them. Settings other than strategy and workers get panels.
    """
    table = workers_table(frame)
    if table.empty:
        return nothing("No run ended: there is no duration to show.")
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
    """What the figure shows, for who cannot see it."""
    table = workers_table(frame)
    if table.empty:
        return "An empty figure: no run ended."
    said = []
    for pacing, rows in table.groupby("pacing", sort=False):
        first, last = rows.sort_values("workers").iloc[[0, -1]].to_dict("records")
        here, there = (f"{duration(row['mean'])} with {row['workers']:g}" for row in (first, last))
        said.append(f"{pacing} from {here} to {there} workers" if len(rows) > 1 else f"{pacing} {here}")
    best = table["bound_s"].mean()
    at = "" if pd.isna(best) else f" Best possible is {duration(best)}."
    return f"Duration against workers: {'; '.join(said)}.{at}"
