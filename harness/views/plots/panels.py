"""What figures have in common between their heading and their data: axes of time, workers and shares, and panels.

A sweep may vary more settings than a figure has axes for: each combination of the others gets a panel of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from harness.views.plots.canvas import HEIGHT, Drawing, Heading, is_narrow, new_figure


def time_unit(longest_s: float) -> tuple[float, str]:
    """(seconds in a unit, its name): the unit in which times up to `longest_s` are easiest to read."""
    if longest_s <= 300:
        return 1.0, "s"
    if longest_s <= 3 * 3600:
        return 60.0, "min"
    return (3600.0, "h") if longest_s <= 4 * 86400 else (86400.0, "d")


def workers_axis(axes: Axes, workers: Sequence[float]) -> None:
    """Put workers on a log scale, ticked where there are measurements."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(_apart(sorted(set(workers))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:g}"))
    axes.set_xlabel("workers (log scale)")


def _apart(values: list[float]) -> list[float]:
    """Return those of `values` whose labels would not touch on a log scale of this width."""
    kept: list[float] = []
    least = (values[-1] / values[0]) ** (1 / 14) if values else 1.0
    for value in values:
        if not kept or value >= kept[-1] * least:
            kept.append(value)
    return kept


def percent_axis(axes: Axes, label: str = "% of best possible") -> None:
    """Show shares of 1 as percent of best possible."""
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{100 * value:g} %"))
    axes.set_ylabel(label)


def time_axis(axes: Axes, unit: str) -> None:
    """The axis of time of one run, in `unit`."""
    axes.set_xlabel(f"time since the start ({unit})")


# More would be too small to read; the table beside the figure has them all.
MOST = 6

NAMES = {
    "pacing": "strategy",
    "workers": "workers",
    "limit": "limit",
    "server_limit": "server's limit",
    "per_page": "items a page",
    "max_items": "items at most",
    "rtt_floor": "least round trip",
}


def name_of(setting: str) -> str:
    """Return a setting in words: `server_limit` is "server's limit"."""
    return NAMES.get(setting, setting.replace("_", " "))


def grid(panels: int, heading: Heading, height: float = HEIGHT) -> tuple[Drawing, list[Axes]]:
    """Make a figure with room for so many panels that share their axes, at most three beside each other."""
    across = 1 if is_narrow() else min(3, panels) if panels != 4 else 2
    down = -(-panels // across)
    figure = new_figure(heading, height if down == 1 else 0.75 * height * down)
    axes = np.asarray(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)).ravel()
    for unused in axes[panels:]:
        unused.remove()
    return figure, list(axes[:panels])


def split(frame: pd.DataFrame, by: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """(title, rows) for each combination of `by`, at most MOST of them; one untitled part where `by` is empty."""
    if not by:
        yield "", frame
        return
    for at, (key, rows) in enumerate(frame.groupby(by, sort=True, dropna=False)):
        if at < MOST:
            yield ", ".join(f"{name_of(name)} {value}" for name, value in zip(by, key)), rows


def left_out(frame: pd.DataFrame, by: list[str]) -> int:
    """Count the combinations that `split` leaves out."""
    return max(0, frame[by].drop_duplicates().shape[0] - MOST) if by else 0
