"""Draw heat maps over workers and the limits that the client keeps to: how fast it is, and how often refused."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, SymLogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.record.choice import FULL_SPEED
from harness.record.limits import limits_in
from harness.views.plots.canvas import (
    Drawing,
    Heading,
    drawn,
    is_narrow,
    new_figure,
    nothing,
)
from harness.views.plots.looks import INK, MUTED, ON_DARK, ON_LIGHT
from harness.views.plots.means import complete, means, numeric_workers, refusal_word, varied
from harness.views.plots.panels import left_out, split
from harness.views.text import percent, plural

Value = Literal["optimality", "hits_per_1000"]

_COLUMNS = 2  # panels beside each other: cells need room for their numbers


def limits_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the data of `limits_heatmap`: mean optimality and 429s per 1,000, by workers, limit and the rest."""
    runs = numeric_workers(complete(frame))
    for name in ("limit", "server_limit"):
        if name not in runs:
            runs[name] = "default"
    others = varied(runs, besides=("workers", "limit", "server_limit"))
    keys = [*others, "server_limit", "limit", "workers"]
    table = means(runs, keys, "optimality")[[*keys, "mean", "n"]].rename(columns={"mean": "optimality"})
    hits = means(runs, keys, "hits_per_1000")[[*keys, "mean"]].rename(columns={"mean": "hits_per_1000"})
    return hits.merge(table, on=keys, how="left")


@drawn
def limits_heatmap(frame: pd.DataFrame, value: Value = "optimality") -> Figure:
    """Draw workers x client limits, a panel for each server limit (and strategy), the value in each cell.

    frame: a row for each run. Cells are hatched where there were 429s; empty where nothing was run.
    """
    table = limits_table(frame)
    if table.empty:
        return nothing("No run has ended, so there is nothing to compare.")
    others = list(table.columns[: table.columns.get_loc("limit")])
    shown = [name for name in others if name != "server_limit" or table["server_limit"].nunique() > 1]
    parts = list(split(table, shown))
    limits = sorted(table["limit"].unique(), key=_rate)
    figure, panels = _grid(len(parts), len(limits), Heading(limits_finding(frame, value), _asked(frame, table, value)))
    across = _across(len(parts))
    colors, norm = _colors(table, value)
    for at, (axes, (title, rows)) in enumerate(zip(panels, parts)):
        _panel(axes, rows, limits, value, colors, norm)
        axes.set_title(title, fontsize=9)
        if at % across:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("client's limit")
    if more := left_out(table, shown):
        figure.supxlabel(f"{more} more combinations of settings are in the table", fontsize=8, color=MUTED)
    return figure


def _asked(frame: pd.DataFrame, table: pd.DataFrame, value: Value) -> str:
    word = refusal_word(frame)
    shows = "% of best possible" if value == "optimality" else f"{word} per 1,000 requests"
    which = "How fast is" if value == "optimality" else "How often is"
    end = "" if value == "optimality" else " refused"
    server = table["server_limit"].iloc[0]
    where = f" Server's limit: {server}." if table["server_limit"].nunique() == 1 and server != "default" else ""
    return f"{which} each number of workers at each limit{end}? In each cell: {shows}; hatched: {word}.{where}"


def limits_finding(frame: pd.DataFrame, value: Value = "optimality") -> str:
    """Name the fastest cell without a refusal, or say which limits are refused and how often at most."""
    table, word = limits_table(frame), refusal_word(frame)
    if table.empty:
        return "No run has ended"
    hit, clean = table[table["hits_per_1000"] > 0], table[table["hits_per_1000"] == 0]
    if value == "optimality":
        known = clean[clean["optimality"].notna()].sort_values(["optimality", "workers"], ascending=[False, True])
        if known.empty:
            return f"Every setting had {word}"
        best = known.iloc[0]
        alike = known[known["optimality"] * FULL_SPEED >= best["optimality"]].sort_values("workers").iloc[0]
        return (
            f"{plural(int(alike['workers']), 'worker')} at {alike['limit']}: {percent(float(alike['optimality']), 1)}"
            f" of best without {word}; no setting without any is more than 1 % faster"
        )
    if hit.empty:
        return f"No setting had {word}"
    limits = sorted(set(hit["limit"]), key=_rate)
    where = f"only at {' and '.join(limits)}" if len(limits) < table["limit"].nunique() and len(limits) < 3 else ""
    most = f"{float(hit['hits_per_1000'].max()):,.0f} per 1,000 at most"
    few = hit["workers"].min()
    since = f", from {plural(int(few), 'worker')} on" if few > table["workers"].min() else ""
    what = word if where else f"{len(hit)} of {len(table)} settings had {word}"
    return f"{what[:1].upper()}{what[1:]} {where}{since}: {most}".replace(" ,", ",").replace(" :", ":")


def _across(panels: int) -> int:
    """Return how many panels stand beside each other: three below each other rather than a quarter left empty."""
    return 1 if is_narrow() or panels in (1, 3) else _COLUMNS


def _grid(panels: int, limits: int, heading: Heading) -> tuple[Drawing, list[Axes]]:
    across = _across(panels)
    down = -(-panels // across)
    figure = new_figure(heading, 0.3 + down * (0.7 + 0.42 * max(2, limits)))
    axes = np.asarray(figure.subplots(down, across, squeeze=False)).ravel()
    for unused in axes[panels:]:
        unused.remove()
    return figure, list(axes[:panels])


def _rate(limit: str) -> tuple[float, str]:
    """Sort limits by what they let through, then by name."""
    tiers = limits_in(limit)
    return (min(tier.per_s for tier in tiers) if tiers else float("inf"), limit)


def _colors(table: pd.DataFrame, value: Value) -> tuple[Colormap, Normalize]:
    """Light is good in both: pale for fast, and pale for few 429s."""
    if value == "optimality":
        return colormaps["YlGnBu_r"], Normalize(min(0.5, float(table["optimality"].min())), 1.05)
    return colormaps["YlOrRd"], SymLogNorm(1.0, vmin=0, vmax=max(10.0, 1.5 * float(table["hits_per_1000"].max())))


def _panel(axes: Axes, rows: pd.DataFrame, limits: list[str], value: Value, colors: Colormap, norm: Normalize) -> None:
    workers = sorted(rows["workers"].unique())
    for row in rows.to_dict("records"):
        x, y = workers.index(row["workers"]), limits.index(row["limit"])
        number = row[value]
        face = colors(norm(number)) if pd.notna(number) else (0, 0, 0, 0)
        on = INK if pd.isna(number) else ON_LIGHT if _luminance(face) > 0.4 else ON_DARK
        hit = row["hits_per_1000"] > 0
        axes.add_patch(Rectangle((x - 0.49, y - 0.48), 0.98, 0.96, facecolor=face, linewidth=0))
        if hit:
            lines = (*to_rgb(on), 0.5)
            axes.add_patch(
                Rectangle((x - 0.49, y - 0.48), 0.98, 0.96, facecolor="none", edgecolor=lines, hatch="//", linewidth=0)
            )
        text = axes.text(x, y, _number(number, value), ha="center", va="center", color=on, fontsize=8.5)
        if hit:  # a hatch through a number cannot be read
            text.set_bbox({"facecolor": face, "edgecolor": "none", "pad": 1.2})
    axes.set_xlim(-0.5, len(workers) - 0.5)
    axes.set_ylim(-0.5, len(limits) - 0.5)
    axes.set_xticks(range(len(workers)), [f"{number:g}" for number in workers])
    axes.set_yticks(range(len(limits)), limits, fontsize=8.5)
    axes.set_xlabel("workers")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _luminance(face: tuple[float, ...]) -> float:
    return 0.2126 * face[0] + 0.7152 * face[1] + 0.0722 * face[2]


def _number(number: float, value: Value) -> str:
    if math.isnan(number):
        return "-"
    if value == "optimality":
        return percent(number, 0 if number < 0.9 else 1).removesuffix(" %")
    return "0" if number == 0 else f"{number:.1f}" if number < 10 else f"{number:,.0f}"


def limits_alt(frame: pd.DataFrame) -> str:
    """Describe the heat maps for people who cannot see them."""
    table = limits_table(frame)
    if table.empty:
        return "An empty figure: no run has ended."
    word, clean = refusal_word(frame), table[table["hits_per_1000"] == 0]
    hit = len(table) - len(clean)
    text = f"{len(table)} combinations of workers and limits, {hit} of them with {word}."
    if clean["optimality"].notna().any():
        one, best = "a 429" if word == "429s" else "a refusal", clean.sort_values("optimality", ascending=False).iloc[0]
        text += (
            f" The fastest without {one}: {best['workers']:g} workers with {best['limit']},"
            f" {percent(best['optimality'], 1)} of best possible."
        )
    if hit and table["hits_per_1000"].notna().any():
        worst = table.sort_values("hits_per_1000", ascending=False).iloc[0]
        text += f" The most {word}: {worst['hits_per_1000']:,.1f} per 1,000 with {worst['workers']:g} workers."
    return text
