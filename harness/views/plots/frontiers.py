"""Draw speed against refusals, to tell which settings are beaten in both; place the labels where they touch nothing.

A setting on the frontier is a choice: no other is faster without more refusals, or has fewer without being slower.
What the noise does not tell apart is not ranked (`harness.record.choice`): such settings are on the frontier together.
"""

from __future__ import annotations

import math
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

from harness.record.choice import beats
from harness.views.plots.canvas import (
    HEIGHT,
    Heading,
    drawn,
    key,
    new_figure,
    nothing,
)
from harness.views.plots.looks import GRID, MUTED, PAPER, styles
from harness.views.plots.means import complete, means, measured, refusal_word, varied
from harness.views.plots.panels import name_of, percent_axis
from harness.views.text import count, percent, plural

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
    """Say of each row whether no other is better in one of both figures and in neither worse, beyond the noise."""
    figures = [(measured(row), measured(row, "_hits")) for row in table.to_dict("records")]
    return [not any(beats(*other, *one) for other in figures) for one in figures]


@drawn
def frontier(frame: pd.DataFrame) -> Figure:
    """x: refusals per 1,000 requests (symlog), y: % of best possible, with 95 % intervals; up and left is better.

    frame: a row for each run. Named are the combinations that nothing beats in both, and each strategy's best. Where
    nothing was refused, x would be 0 for all: then each strategy has a column, in which the settings stand by speed.
    """
    table = frontier_table(frame)
    if table.empty:
        return nothing("No run has ended, so there is nothing to compare.")
    word, refused = refusal_word(frame), float(table["high_hits"].max()) > 0
    figure = new_figure(Heading(frontier_finding(frame), _asked(word, refused)), HEIGHT)
    axes = figure.subplots()
    looks = styles(table["pacing"])
    if refused:
        table = table.assign(low_hits=table["low_hits"].clip(lower=0))
        _staircase(axes, table)
    else:
        table = _in_columns(table, list(looks))
    for order, (pacing, rows) in enumerate(table.groupby("pacing", sort=False)):
        look = looks[str(pacing)]
        across = [rows["mean_hits"] - rows["low_hits"], rows["high_hits"] - rows["mean_hits"]]
        up = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
        axes.errorbar(
            rows["mean_hits"], rows["mean"], xerr=across, yerr=up, color=look.color, marker=look.marker,
            linestyle="", elinewidth=0.9, capsize=2, markersize=max(5.0, 9.0 - 1.5 * order),
        )  # fmt: skip
    if refused:
        _hits_axis(axes, table["mean_hits"], float(table["high_hits"].max()), word)
    else:
        _strategies_axis(axes, list(looks), word)
    percent_axis(axes)
    low, high = float(table["low"].min()), float(table["high"].max())
    room = max(0.01, 0.1 * (high - low))
    axes.set_ylim(max(0.0, low - room), high + room)
    marks = [Line2D([], [], color=k.color, marker=k.marker, linestyle="", label=name) for name, k in looks.items()]
    key(figure, marks)
    ranked = table.assign(name=_names(table)).sort_values(["on_frontier", "mean"], ascending=False)
    points = list(zip(ranked["mean_hits"], ranked["mean"]))
    place_labels(figure, axes, points, list(ranked["name"]))
    return figure


def _asked(word: str, refused: bool) -> str:
    if not refused:
        return f"Which settings are fastest, as none had {word}? Each strategy's settings from slow to fast."
    return f"Which settings trade {word} for speed, and which are beaten in both? Up and left is better."


def _in_columns(table: pd.DataFrame, strategies: list[str]) -> pd.DataFrame:
    """Return the rows with a place on the x axis instead of refusals: its strategy's column, and in it by speed."""
    groups = table.groupby("pacing")["mean"]
    behind = (groups.rank(method="first") - 1) / (groups.transform("size") - 1).clip(lower=1)  # 0 to 1
    middle = (groups.transform("size") == 1) * 0.5
    place = table["pacing"].map({name: at for at, name in enumerate(strategies)}) + 0.7 * (behind + middle - 0.5)
    return table.assign(mean_hits=place, low_hits=place, high_hits=place)


def _strategies_axis(axes: Axes, strategies: list[str], word: str) -> None:
    axes.set_xlim(-0.5, len(strategies) - 0.5)
    axes.set_xticks(range(len(strategies)), strategies)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel(f"strategy (no setting had {word})")


def _staircase(axes: Axes, table: pd.DataFrame) -> None:
    best = table[table["on_frontier"]].sort_values("mean_hits")
    axes.step(best["mean_hits"], best["mean"], where="post", color=MUTED, linewidth=1, linestyle=":", zorder=1)


def _hits_axis(axes: Axes, hits: pd.Series[float], most: float, refusals: str) -> None:
    """Scale the axis from none on, then a decade for each tick; the straight part ends below the least that was met.

    So nothing lies between "none" and the first setting that was refused but the gap itself.
    """
    least = float(hits[hits > 0].min()) if (hits > 0).any() else 1.0
    first = 10.0 ** math.floor(math.log10(max(1e-3, 0.8 * least)))
    axes.set_xscale("symlog", linthresh=first, linscale=0.35)
    last = max(1.5 * first, 2.0 * most)
    axes.set_xlim(-0.3 * first, last)
    decades = [first * 10.0**at for at in range(8)]
    ticks = [tick * step for tick in decades for step in (1, 2, 5) if tick * step <= last]
    axes.set_xticks([0.0, *(ticks if len(ticks) <= 7 else [tick for tick in decades if tick <= last])])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,g}"))
    axes.set_xlabel(f"{refusals} per 1,000 requests (0 and then a log scale)")
    axes.axvline(0, color=GRID, linewidth=0.8, zorder=0)


def _keys(table: pd.DataFrame) -> list[str]:
    return list(table.columns[: table.columns.get_loc("mean")])


def _names(table: pd.DataFrame) -> list[str]:
    """Return a name for what is on the frontier, and for the best of each strategy; nothing for the others.

    Of several on the frontier that differ in their workers alone the fastest is named, with all their workers.
    """
    best, keys = set(table.groupby("pacing")["mean"].idxmax()), _keys(table)
    alike = _alike(table, keys)
    names = []
    for at, row in zip(table.index, table.to_dict("records")):
        if at in alike:
            names.append(_name({**row, "workers": alike[at]}, keys))
        else:
            alone = at in best or (len(table) <= 8 and not row["on_frontier"])
            names.append(_name(row, keys) if alone and not row["on_frontier"] else "")
    return names


def _alike(table: pd.DataFrame, keys: list[str]) -> dict[Any, Any]:
    """{the fastest of those on the frontier that differ in their workers alone: their workers in words}."""
    good = table[table["on_frontier"]]
    if "workers" not in keys:
        return dict.fromkeys(good.index)
    others = [name for name in keys if name != "workers"]
    found = {}
    for _, rows in good.groupby(others, sort=False, dropna=False):
        workers = list(rows["workers"])
        numbers = sorted(value for value in workers if isinstance(value, (int, float)))
        several = len(numbers) == len(workers) > 1
        found[rows["mean"].idxmax()] = f"{numbers[0]:g} to {numbers[-1]:g}" if several else workers[0]
    return found


def _name(row: Mapping[Any, Any], keys: list[str]) -> str:
    parts = [str(row["pacing"])]
    for name in keys[1:]:
        value = row[name]
        if name == "workers":
            parts.append(plural(value, "worker") if isinstance(value, int) else f"{value} workers")
        else:
            parts.append(str(value) if name == "limit" else f"{name_of(name)} {value}")
    return ", ".join(parts)


def frontier_finding(frame: pd.DataFrame) -> str:
    """Name the fastest setting that is never refused, and what a faster one costs; ties are named as such."""
    table, word = frontier_table(frame), refusal_word(frame)
    if table.empty:
        return "No run has ended"
    good, keys = table[table["on_frontier"]].sort_values("mean", ascending=False), _keys(table)
    beaten = len(table) - len(good)
    clean = good[good["mean_hits"] == 0]
    best = (clean if len(clean) else good).iloc[0]
    also = len(good[good["mean_hits"] == best["mean_hits"]]) - 1
    refused = f"without {word}" if best["mean_hits"] == 0 else f"with {best['mean_hits']:,.1f} {word} per 1,000"
    ties = f" ({plural(also, 'setting')} tie{'s' if also == 1 else ''} with it)" if also else ""
    text = f"{_name(best.to_dict(), keys)}: {percent(float(best['mean']), 1)} of best {refused}{ties}"
    rest = good[good["mean_hits"] > best["mean_hits"]]
    if len(rest):
        top = rest.iloc[0]
        more = f"{top['mean_hits']:,.1f} {word} per 1,000 buy {percent(float(top['mean']), 1)}"
        return f"{text}; {more}"
    return f"{text}; {'nothing beats it' if not beaten else f'{count(beaten)} are beaten in both'}"


def frontier_alt(frame: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    table = frontier_table(frame)
    if table.empty:
        return "An empty figure: no run has ended."
    keys = _keys(table)
    best, word = table[table["on_frontier"]].sort_values("mean_hits").to_dict("records"), refusal_word(frame)
    said = [
        f"{_name(row, keys)}: {percent(row['mean'], 1)} with {row['mean_hits']:,.1f} {word} per 1,000" for row in best
    ]
    beaten = len(table) - len(best)
    return f"Speed against {word}. Beaten by no other in both: {'; '.join(said)}. {beaten} others are."
