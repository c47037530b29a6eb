"""The canvas of every figure: its paper, its heading, its key, the names of its lines, and how it becomes SVG or PNG.

A figure opens with what it found, worked out from its data, and below that the question it answers. A page that says
both as text cuts the heading off (`Drawing.heading_in`). Lines are named where they end (`label_ends`); a key, where
one is needed, stands above the axes (`key`), never over the data. `narrow` draws for a phone. `looks` has the colours,
`panels` the axes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, cast

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import ScaledTranslation

from harness.views.plots.looks import GRID, INK, MUTED, PAPER, Style

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
