"""Every colour, marker, line style and hatch of the figures.

Okabe and Ito's colours (2008, "Color Universal Design") can be told apart with any kind of colour vision; yellow is
left out, as it does not show on white. Red is for refusals alone. Nothing is told by colour alone: each series has a
marker and a line style of its own, each shaded reason a hatch, each cell its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

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
    "account": Shade(GREY, "oo"),
    "in flight": Shade(GREY, ""),
}
_LIMITS = [Shade(BLUE, "//"), Shade(GREEN, "\\\\"), Shade(SKY, "||"), Shade(GREY, "//\\\\")]


def shades(reasons: Iterable[str]) -> dict[str, Shade]:
    """Give each reason of a wait a shade; an unknown reason is a limit, and each limit gets another."""
    limits = iter(_LIMITS * 100)
    return {reason: _SHADES[reason] if reason in _SHADES else next(limits) for reason in dict.fromkeys(reasons)}
