"""Draw how long imports take with how many workers: a line for each strategy of a sweep, which levels off where more
workers stop helping.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.views.plots.canvas import (
    HEIGHT,
    End,
    Heading,
    drawn,
    key,
    label_ends,
    nothing,
)
from harness.views.plots.looks import INK, MUTED, Style, styles
from harness.views.plots.means import (
    complete,
    enough_workers,
    means,
    numeric_workers,
    tied_with_least,
    varied,
)
from harness.views.plots.panels import (
    grid,
    left_out,
    name_of,
    split,
    time_unit,
    workers_axis,
)
from harness.views.text import duration, plural


def workers_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the data of `workers_plot`: mean duration and its interval, by strategy, workers and the rest varied."""
    runs = numeric_workers(complete(frame))
    others = varied(runs, besides=("pacing", "workers"))
    keys = [*others, "pacing", "workers"]
    table = means(runs, keys, "duration_s")
    best = means(runs, keys, "bound_s")[[*keys, "mean"]].rename(columns={"mean": "bound_s"})
    return table.merge(best, on=keys, how="left")


_ENOUGH = "Where do more workers stop helping? Dashed: best possible, below which no client can be."


@drawn
def workers_plot(frame: pd.DataFrame) -> Figure:
    """Draw duration against workers (log), per strategy, with the best possible dashed and enough workers marked.

    frame: a row for each run, as `read_sweep` gives them. Settings other than strategy and workers get panels.
    """
    table = workers_table(frame)
    if table.empty:
        return nothing("No run has ended, so there is no duration to show.")
    others = _others(table)
    parts = list(split(table, others))
    figure, panels = grid(len(parts), Heading(workers_finding(frame), _ENOUGH), HEIGHT)
    divisor, unit = time_unit(float(table["high"].max()))
    looks = styles(table["pacing"])
    low, high = _range(table)
    for at, (axes, (title, rows)) in enumerate(zip(panels, parts)):
        axes.set_ylim(low / divisor, high / divisor)
        _panel(axes, rows, looks, divisor, "enough" if len(parts) > 1 else "enough workers")
        axes.set_title(title, fontsize=8.5 if others else None)
        axes.label_outer() if others else None
        if at == 0:
            axes.set_ylabel(f"duration ({unit})")
    if len(parts) == 1:
        label_ends(panels[0], _ends(table, looks, divisor), HEIGHT)
    else:
        key(figure, _handles(looks, table))
    if more := left_out(table, others):
        figure.supxlabel(f"{more} more combinations of settings are in the table", fontsize=8, color=MUTED)
    return figure


def _others(table: pd.DataFrame) -> list[str]:
    """Return the settings besides strategy and workers, for each of whose values there is a panel."""
    return list(table.columns[: table.columns.get_loc("pacing")])


def _range(table: pd.DataFrame) -> tuple[float, float]:
    """Return the seconds that the axis shows: from below what is least on, as lines need no zero, and room above."""
    least, most = float(np.nanmin([table["low"].min(), table["bound_s"].min()])), float(table["high"].max())
    room = 0.08 * max(most - least, 0.1 * most)
    return max(0.0, least - 1.5 * room), most + room


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
            (enough[0], 0.97),
            (place["x"], 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=str(place["ha"]),
            va="top",
            fontsize=8.5,
        )


def _ends(table: pd.DataFrame, looks: dict[str, Style], divisor: float) -> list[End]:
    """Name each line where it ends; strategies that end in a tie have one name together."""
    last = table.sort_values("workers").groupby("pacing", sort=False).tail(1).sort_values("mean")
    ends, left = [], last
    while len(left):
        same = tied_with_least(left)
        names = list(same["pacing"])
        text = "\n".join(names) + ("\n(tie)" if len(names) > 1 else "")
        ends.append(End(float(same["mean"].mean()) / divisor, text, looks[str(names[0])]))
        left = left.drop(same.index)
    best_s = table["bound_s"].mean()
    if pd.notna(best_s):
        ends.append(End(best_s / divisor, "best possible", Style(INK, "_", "--")))
    return ends


def _handles(looks: dict[str, Style], table: pd.DataFrame) -> list[Line2D]:
    lines = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle=look.dash, label=name)
        for name, look in looks.items()
    ]
    if table["bound_s"].notna().any():
        lines.append(Line2D([], [], color=INK, linestyle=(0, (6, 3)), linewidth=1.2, label="best possible"))
    return lines


def workers_finding(frame: pd.DataFrame) -> str:
    """Say how many workers are enough, and what more of them gain; for several settings, between which numbers."""
    table = workers_table(frame)
    if table.empty:
        return "No run has ended"
    others = _others(table)
    parts = [rows for _, rows in table.groupby(others, dropna=False)] if others else [table]
    enough = [found for rows in parts if (found := enough_workers(rows)) is not None]
    if not enough:
        return _one_number(table)
    if len(parts) > 1:
        few, many = min(enough)[0], max(enough)[0]
        by = f"whatever the {_joined(others)}" if few == many else f"by {_joined(others)}"
        return f"{plural(few, 'worker') if few == many else f'{few} to {many} workers'} are enough, {by}"
    return _enough_of_one(table, *enough[0])


def _joined(settings: list[str]) -> str:
    return " and ".join(map(name_of, settings))


def _enough_of_one(table: pd.DataFrame, workers: int, pacing: str) -> str:
    there = table[table["workers"] == workers]
    names = list(tied_with_least(there)["pacing"])
    row = there[there["pacing"] == pacing].iloc[0]
    who = f"{' and '.join(map(str, names))} tie" if len(names) > 1 else pacing
    text = f"{plural(workers, 'worker')} {'is' if workers == 1 else 'are'} enough ({who}): {duration(row['mean'])}"
    more = table[(table["workers"] > workers) & (table["pacing"] == pacing)]
    if more.empty:
        return text
    best = more.sort_values("mean").iloc[0]
    gain_s = float(row["mean"] - best["mean"])
    tie = len(tied_with_least(pd.concat([there[there["pacing"] == pacing], more.loc[[best.name]]]))) > 1
    gains = "more gain nothing that can be measured" if tie or gain_s <= 0 else f"more gain {duration(gain_s)} at most"
    return f"{text}; {gains}"


def _one_number(table: pd.DataFrame) -> str:
    """Say which strategy is fastest where there is one number of workers."""
    best = tied_with_least(table)
    names = list(dict.fromkeys(best["pacing"]))
    took = duration(float(best.iloc[0]["mean"]))
    if len(names) > 1:
        return f"{' and '.join(names)} tie at {took}"
    return f"{names[0]} is fastest: {took}" if table["pacing"].nunique() > 1 else f"{names[0]} took {took}"


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
