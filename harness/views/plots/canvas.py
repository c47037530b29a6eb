"""The canvas of every figure: its paper, its axes, its words, and every colour, marker and line style.

Okabe and Ito's colours (2008, "Color Universal Design") can be told apart with any kind of colour vision; yellow is
left out, as it does not show on white. Nothing is told by colour alone: each series has a marker and a line style of
its own, each shaded reason a hatch, each cell its number.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

# INK, MUTED, GRID and PAPER are used for nothing else, so that a report can exchange them in the dark.
INK, MUTED, GRID, PAPER = "#1b1b1f", "#5f6368", "#d9dadd", "#fffffe"
# On the colours of a cell, whatever the page is.
ON_DARK, ON_LIGHT = "#ffffff", "#000000"

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, GREY = "#cc79a7", "#56b4e9", "#7f7f7f"

Dash = Literal["-", "--", "-.", ":"]


@dataclass(frozen=True, slots=True)
class Style:
    """The look of one series."""

    color: str
    marker: str
    dash: Dash


_STYLES = {
    "window": Style(BLUE, "o", "-"),
    "auto": Style(GREEN, "s", "-"),
    "reference": Style(RED, "^", "--"),
    "retry-after": Style(PURPLE, "D", "-."),
    "spaced": Style(SKY, "v", "--"),
    "backoff": Style(ORANGE, "P", "-."),
    "aimd": Style(GREY, "X", ":"),
}
_MARKS: tuple[tuple[str, Dash], ...] = ((">", "-"), ("<", "--"), ("h", ":"), ("*", "-."))
# For names that nobody here has heard of: other pairs of colour and marker than the ones above.
_OTHERS = [
    Style(color, marker, dash) for marker, dash in _MARKS for color in (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, GREY)
]


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Give each name a style: a strategy always looks the same, and no two names look alike (up to 28 unknown ones)."""
    unknown = iter(_OTHERS * 100)
    return {name: _STYLES[name] if name in _STYLES else next(unknown) for name in dict.fromkeys(names)}


@dataclass(frozen=True, slots=True)
class Shade:
    """The look of a shaded stretch of time."""

    color: str
    hatch: str


_SHADES = {
    "refused": Shade(RED, "xx"),
    "probe": Shade(ORANGE, ".."),
    "hold": Shade(PURPLE, "++"),
    "retry": Shade(ORANGE, "||"),
    "paused": Shade(GREY, "--"),
    "in flight": Shade(GREY, ""),
}
_LIMITS = [Shade(BLUE, "//"), Shade(GREEN, "\\\\"), Shade(SKY, "||"), Shade(GREY, "//\\\\")]


def shades(reasons: Iterable[str]) -> dict[str, Shade]:
    """Give each reason of a wait a shade; an unknown reason is a limit, and each limit gets another."""
    limits = iter(_LIMITS * 100)
    return {reason: _SHADES[reason] if reason in _SHADES else next(limits) for reason in dict.fromkeys(reasons)}


P = ParamSpec("P")

# Inches: as wide as a printed page between its margins.
WIDTH, HEIGHT = 8.0, 4.2
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # which comes with matplotlib, so that a figure is the same everywhere
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "figure.facecolor": PAPER,
}
_HATCH: dict[str, Any] = {"hatch.linewidth": 0.7}  # read when a figure is saved, not when it is drawn


def _settings(values: dict[str, Any]) -> AbstractContextManager[None]:
    return mpl.rc_context(cast(Any, values))


def drawn(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function to draw in the project's style, and leave matplotlib's settings as they were."""

    @wraps(plot)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _settings(_STYLE):
            return plot(*args, **kwargs)

    return styled


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Make an empty figure whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def nothing(why: str) -> Figure:
    """Draw a figure that says why it shows nothing: what an empty frame gives."""
    figure = new_figure(height=1.4)
    figure.text(0.5, 0.5, why, ha="center", va="center", color=MUTED)
    return figure


def svg(figure: Figure, name: str = "figure") -> str:
    """Return the figure as an SVG element, to stand in a page or a file. name: keeps its inner ids apart from others'.

    Glyphs are paths, as it must look the same where the font is not installed; equal data gives equal bytes.
    """
    text = io.StringIO()
    with _settings({"svg.fonttype": "path", "svg.hashsalt": f"harness {name}", **_HATCH}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # it is laid out, which takes longer than to draw it
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def png(figure: Figure, dpi: int = 150) -> bytes:
    """Return the figure as a PNG."""
    data = io.BytesIO()
    with _settings(_HATCH):
        figure.savefig(data, format="png", dpi=dpi, metadata={"Software": None})
    figure.set_layout_engine("none")
    return data.getvalue()


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


def grid(panels: int, *, share: bool = True, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """Make a figure with room for so many panels, at most three beside each other."""
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
    """Count the combinations that `split` leaves out."""
    return max(0, frame[by].drop_duplicates().shape[0] - MOST) if by else 0
