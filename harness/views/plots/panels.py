"""Several panels in one figure, one for each combination of the settings that its axes do not show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.views.plots.canvas import HEIGHT, WIDTH, new_figure

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
    """A setting in words: `server_limit` is "server's limit"."""
    return NAMES.get(setting, setting.replace("_", " "))


def grid(panels: int, *, share: bool = True, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with room for so many panels, at most three beside each other."""
    across = min(3, panels) if panels != 4 else 2
    down = -(-panels // across)
    figure = new_figure(WIDTH, height if down == 1 else 0.75 * height * down)
    axes = np.asarray(figure.subplots(down, across, sharex=share, sharey=share, squeeze=False)).ravel()
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
    """How many combinations `split` leaves out."""
    return max(0, frame[by].drop_duplicates().shape[0] - MOST) if by else 0
