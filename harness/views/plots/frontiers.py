"""Draw speed against refusals, to tell which settings are beaten in both; place the labels where they touch nothing.

A setting on the frontier is a choice: no other is faster without more refusals, or has fewer without being slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, NullLocator
from matplotlib.transforms import Bbox

from harness.views.plots.canvas import (
    GRID,
    HEIGHT,
    MUTED,
    PAPER,
    drawn,
    name_of,
    new_figure,
    nothing,
    percent_axis,
    styles,
)
from harness.views.plots.means import complete, means, refusal_word, varied
from harness.views.text import percent, plural

# Points away from the point: beside, above and below first, then further off.
_PLACES = [
    (dx * far, dy * far)
    for far in (1.0, 2.0, 3.2)
    for dx, dy in ((8, 0), (-8, 0), (7, 7), (7, -7), (-7, 7), (-7, -7), (0, 9), (0, -9))
]


def place_labels(figure: Figure, axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write labels[i] beside points[i], the first ones first; an empty label is left out, as is one without room."""
    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    marks = [axes.transData.transform(point) for point in points]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in marks]
    for at, label in enumerate(labels):
        if not label:
            continue
        others = [box for number, box in enumerate(taken) if number != at]
        for place in _PLACES:
            note = _note(axes, label, points[at], place)
            box = note.get_window_extent(renderer)
            if _within(box, inside) and not any(box.overlaps(other) for other in others):
                taken.append(box)
                break
            note.remove()


def _within(box: Bbox, other: Bbox) -> bool:
    return bool(other.x0 <= box.x0 and box.x1 <= other.x1 and other.y0 <= box.y0 and box.y1 <= other.y1)


def _note(axes: Axes, label: str, point: tuple[float, float], place: tuple[float, float]) -> Annotation:
    dx, dy = place
    far = abs(dx) + abs(dy) > 12
    return axes.annotate(
        label,
        point,
        place,
        textcoords="offset points",
        ha="left" if dx > 0 else "right" if dx < 0 else "center",
        va="bottom" if dy > 0 else "top" if dy < 0 else "center",
        fontsize=8.5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3} if far else None,
    )


def frontier_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the data of `frontier`: mean and interval of optimality and refusals per 1,000, by every varied setting.

    on_frontier: no other combination is faster without having more refusals, nor has fewer without being slower.
    """
    runs = complete(frame)
    keys = varied(runs, besides=("pacing",))
    keys = ["pacing", *keys]
    fast = means(runs, keys, "optimality")
    hits = means(runs, keys, "hits_per_1000").drop(columns="n")
    table = fast.merge(hits, on=keys, suffixes=("", "_hits"))
    return table.assign(on_frontier=_undominated(table))


def _undominated(table: pd.DataFrame) -> list[bool]:
    ranked = table.sort_values(["mean_hits", "mean"], ascending=[True, False])
    before = ranked["mean"].cummax().shift(fill_value=-1.0)
    return list((ranked["mean"] > before).reindex(table.index))


@drawn
def frontier(frame: pd.DataFrame) -> Figure:
    """x: refusals per 1,000 requests (symlog), y: % of best possible, with 95 % intervals; up and left is better.

    frame: a row for each run. Named are the combinations that nothing beats in both, and each strategy's best.
    """
    table = frontier_table(frame)
    if table.empty:
        return nothing("No run has ended, so there is nothing to compare.")
    figure = new_figure(height=HEIGHT + 0.3)
    axes = figure.subplots()
    looks = styles(table["pacing"])
    _staircase(axes, table)
    for order, (pacing, rows) in enumerate(table.groupby("pacing", sort=False)):
        look = looks[str(pacing)]
        across = [rows["mean_hits"] - rows["low_hits"].clip(lower=0), rows["high_hits"] - rows["mean_hits"]]
        up = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        axes.errorbar(
            rows["mean_hits"], rows["mean"], xerr=across, yerr=up, color=look.color, marker=look.marker,
            linestyle="", elinewidth=0.9, capsize=2, markersize=max(5.0, 9.0 - 1.5 * order),
        )  # fmt: skip
    _hits_axis(axes, float(table["high_hits"].max()), refusal_word(frame))
    percent_axis(axes)
    low, high = float(table["low"].min()), float(table["high"].max())
    room = max(0.01, 0.1 * (high - low))
    axes.set_ylim(max(0.0, low - room), high + room)
    marks = [Line2D([], [], color=k.color, marker=k.marker, linestyle="", label=name) for name, k in looks.items()]
    figure.legend(handles=marks, loc="outside upper right", ncols=min(5, len(marks)))
    ranked = table.assign(name=_names(table)).sort_values(["on_frontier", "mean"], ascending=False)
    points = list(zip(ranked["mean_hits"], ranked["mean"]))
    place_labels(figure, axes, points, list(ranked["name"]))
    return figure


def _staircase(axes: Axes, table: pd.DataFrame) -> None:
    best = table[table["on_frontier"]].sort_values("mean_hits")
    axes.step(best["mean_hits"], best["mean"], where="post", color=MUTED, linewidth=1, linestyle=":", zorder=1)


def _hits_axis(axes: Axes, most: float, refusals: str) -> None:
    """Scale the axis from none on, then a decade for each tick; what is under 1 in 1,000 is in the straight part."""
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.6)
    ticks = [0, 1, 10, 100, 1000]
    shown = [tick for tick in ticks if tick <= max(1.0, 10 * most)]
    axes.set_xlim(-0.25, max(1.5, 2.0 * most))
    axes.set_xticks([tick for tick in shown if tick <= max(1.5, 2.0 * most)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,g}"))
    axes.set_xlabel(f"{refusals} per 1,000 requests (0 and then a log scale)")
    axes.axvline(0, color=GRID, linewidth=0.8, zorder=0)


def _names(table: pd.DataFrame) -> list[str]:
    """Return a name for what is on the frontier, and for the best of each strategy; nothing for the others."""
    best = table.groupby("pacing")["mean"].idxmax()
    keys = list(table.columns[: table.columns.get_loc("mean")])
    return [
        _name(row, keys) if row["on_frontier"] or at in set(best) or len(table) <= 8 else ""
        for at, row in zip(table.index, table.to_dict("records"))
    ]


def _name(row: Mapping[Any, Any], keys: list[str]) -> str:
    parts = [str(row["pacing"])]
    for key in keys[1:]:
        value = row[key]
        if key == "workers":
            parts.append(plural(value, "worker") if isinstance(value, int) else f"{value} workers")
        else:
            parts.append(str(value) if key == "limit" else f"{name_of(key)} {value}")
    return ", ".join(parts)


def frontier_alt(frame: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    table = frontier_table(frame)
    if table.empty:
        return "An empty figure: no run has ended."
    keys = list(table.columns[: table.columns.get_loc("mean")])
    best, word = table[table["on_frontier"]].sort_values("mean_hits").to_dict("records"), refusal_word(frame)
    said = [
        f"{_name(row, keys)}: {percent(row['mean'], 1)} with {row['mean_hits']:,.1f} {word} per 1,000" for row in best
    ]
    beaten = len(table) - len(best)
    return f"Speed against {word}. Beaten by no other in both: {'; '.join(said)}. {beaten} others are."
