"""The canvas of every figure: its paper, its heading, its axes, its words, and every colour, marker and line style.

A figure opens with what it found, worked out from its data, and below that the question it answers. A page that says
both as text cuts the heading off (`Drawing.heading_in`). Lines are named where they end (`label_ends`); a key, where
one is needed, stands above the axes (`key`), never over the data. `narrow` draws for a phone.

Okabe and Ito's colours (2008, "Color Universal Design") can be told apart with any kind of colour vision; yellow is
left out, as it does not show on white. Red is for refusals alone. Nothing is told by colour alone: each series has a
marker and a line style of its own, each shaded reason a hatch, each cell its number.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

# INK, MUTED, GRID and PAPER are used for nothing else, so that a report can exchange them in the dark.
INK, MUTED, GRID, PAPER = "#1b1b1f", "#5f6368", "#d9dadd", "#fffffe"
# On the colours of a cell, whatever the page is.
ON_DARK, ON_LIGHT = "#ffffff", "#000000"

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
PURPLE, SKY, GREY, OLIVE = "#cc79a7", "#56b4e9", "#7f7f7f", "#8f8a2f"
# Of refusals, and of nothing else: no strategy, limit or percentile is drawn in it.
REFUSED = "#d55e00"

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
    "reference": Style(PURPLE, "^", "--"),
    "retry-after": Style(OLIVE, "D", "-."),
    "spaced": Style(SKY, "v", "--"),
    "backoff": Style(ORANGE, "P", "-."),
    "aimd": Style(GREY, "X", ":"),
}
_MARKS: tuple[tuple[str, Dash], ...] = ((">", "-"), ("<", "--"), ("h", ":"), ("*", "-."))
# For names that nobody here has heard of: other pairs of colour and marker than the ones above.
_OTHERS = [
    Style(color, marker, dash) for marker, dash in _MARKS for color in (BLUE, OLIVE, GREEN, PURPLE, ORANGE, SKY, GREY)
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
    "refused": Shade(REFUSED, "xx"),
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

# Inches: as wide as a printed page between its margins, and as wide as a phone.
WIDTH, NARROW, HEIGHT = 8.0, 4.2, 4.2
_width: ContextVar[float] = ContextVar("width", default=WIDTH)
# Points: how wide a letter of a heading is on average, and how high its lines are.
_BOLD_PT, _PLAIN_PT, _TITLE_PT, _QUESTION_PT, _BELOW_PT = 6.7, 5.4, 15.0, 13.0, 7.0
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


@contextmanager
def narrow() -> Iterator[None]:
    """Draw what is drawn in here for a narrow screen: less wide, with letters of the same size."""
    before = _width.set(NARROW)
    try:
        yield
    finally:
        _width.reset(before)


def is_narrow() -> bool:
    """Return True within `narrow`: panels stand below each other there."""
    return _width.get() < WIDTH


@dataclass(frozen=True, slots=True)
class Heading:
    """What a figure says above itself: what it found, and the question that this answers."""

    finding: str
    question: str


class Drawing(Figure):
    """A figure below a `heading` of `heading_in` inches and a key of `key_in`; either is 0 where there is none."""

    heading: Heading | None = None
    heading_in: float = 0.0
    key_in: float = 0.0

    def make_room(self) -> None:
        """Lay everything else out below the two."""
        top = 1.0 - (self.heading_in + self.key_in) / float(self.get_figheight())
        cast(ConstrainedLayoutEngine, self.get_layout_engine()).set(rect=(0, 0, 1, top))


def new_figure(heading: Heading | None = None, height: float = HEIGHT) -> Drawing:
    """Make an empty figure whose parts make room for each other, with `height` inches below its heading."""
    width = _width.get()
    lines = [] if heading is None else _heading_lines(heading, width)
    tall_in = sum(points for _, points, _ in lines) / 72 + (_BELOW_PT / 72 if lines else 0.0)
    figure = Drawing(figsize=(width, height + tall_in), layout="constrained")
    figure.heading, figure.heading_in = heading, tall_in
    figure.make_room()
    down_pt = 0.0
    for text, points, look in lines:
        down_pt += points
        place = figure.transFigure + ScaledTranslation(4 / 72, -down_pt / 72, figure.dpi_scale_trans)
        figure.text(0.0, 1.0, text, transform=place, ha="left", va="baseline", in_layout=False, **look)
    return figure


def _heading_lines(heading: Heading, width: float) -> list[tuple[str, float, dict[str, Any]]]:
    """Return the lines of a heading, how high each is in points, and its look."""
    room = width * 72 - 8
    bold: dict[str, Any] = {"fontsize": 10.5, "fontweight": "bold", "color": INK}
    plain: dict[str, Any] = {"fontsize": 9, "color": MUTED}
    found = [(line, _TITLE_PT, bold) for line in _wrapped(heading.finding, room / _BOLD_PT)]
    return found + [(line, _QUESTION_PT, plain) for line in _wrapped(heading.question, room / _PLAIN_PT)]


def _wrapped(text: str, letters: float) -> list[str]:
    """Return `text` in lines; a number stays with its unit."""
    return textwrap.wrap(re.sub(r"(?<=\d) (?=(?:%|s|ms|min|h|d)\b|%)", "\u00a0", text), int(letters))


def key(figure: Drawing, handles: Sequence[Artist], columns: int = 5) -> None:
    """Write what the looks mean in rows between the heading and the axes. Call it once, before the figure is drawn."""
    if not handles:
        return
    columns = min(len(handles), 2 if is_narrow() else columns)
    figure.key_in = (-(-len(handles) // columns) * _QUESTION_PT + _BELOW_PT) / 72
    figure.set_figheight(float(figure.get_figheight()) + figure.key_in)
    figure.make_room()
    figure.legend(
        handles=list(handles), loc="upper left", bbox_to_anchor=(0.0, 1.0 - figure.heading_in / figure.get_figheight()),
        ncols=columns, fontsize=8.5, handlelength=1.6, columnspacing=1.2, borderaxespad=0.2, borderpad=0.2,
        labelspacing=0.3,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class End:
    """The end of a line to be named: its place on the y axis, its name, its style."""

    y: float
    text: str
    look: Style


def label_ends(axes: Axes, ends: Sequence[End], height_in: float) -> None:
    """Write the name of each line at the right of the axes, level with its end, pushed apart where two would touch.

    Call it when the y axis has its limits. height_in: about how high the axes will be.
    """
    inside = axes.transScale + axes.transLimits
    shares = [float(inside.transform((axes.get_xlim()[1], end.y))[1]) for end in ends]
    shift = ScaledTranslation(8 / 72, 0, axes.figure.dpi_scale_trans)
    for at, share in _pushed_apart(shares, [1 + end.text.count("\n") for end in ends], height_in):
        look = ends[at].look
        axes.plot(
            [1.0], [share], transform=axes.transAxes + shift, color=look.color, marker=look.marker, markersize=5,
            linestyle="", clip_on=False,
        )  # fmt: skip
        axes.annotate(
            ends[at].text, (1.0, share), (15, 0), xycoords="axes fraction", textcoords="offset points",
            va="center", fontsize=8.5, annotation_clip=False,
        )  # fmt: skip


def _pushed_apart(shares: Sequence[float], lines: Sequence[int], height_in: float) -> list[tuple[int, float]]:
    """Return (which, where) for each, the lowest first, so that texts of so many lines do not touch."""
    line = 11.5 / 72 / height_in
    order = sorted(range(len(shares)), key=lambda at: shares[at])
    placed: list[tuple[int, float]] = []
    edge = -1.0
    for at in order:
        half = line * lines[at] / 2
        where = max(shares[at], edge + half)
        placed.append((at, where))
        edge = where + half
    over = max(0.0, edge - 1.0 - line)
    return [(at, where - over) for at, where in placed]


def nothing(why: str) -> Figure:
    """Draw a figure that says why it shows nothing: what an empty frame gives."""
    figure = new_figure(height=1.4)
    figure.text(0.5, 0.5, textwrap.fill(why, 48), ha="center", va="center", color=MUTED)
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
