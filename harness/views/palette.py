"""Every colour, marker and line style of the plots, in one place.

Okabe and Ito's colours (2008, "Color Universal Design") can be told apart with any kind of colour vision; yellow is
left out, as it does not show on white. Nothing is told by colour alone: each series has a marker and a line style of
its own, each shaded reason a hatch, each cell its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# INK, MUTED, GRID and PAPER are used for nothing else, so that a report can exchange them in the dark.
INK, MUTED, GRID, PAPER = "#1b1b1f", "#5f6368", "#d9dadd", "#fffffe"
# On the colours of a cell, whatever the page is.
ON_DARK, ON_LIGHT = "#ffffff", "#000000"

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, GREY = "#cc79a7", "#56b4e9", "#7f7f7f"

Dash = Literal["-", "--", "-.", ":"]


@dataclass(frozen=True, slots=True)
class Style:
    """How one series is drawn."""

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
    """A style for each name: a strategy always looks the same, and no two names look alike (up to 28 unknown ones)."""
    unknown = iter(_OTHERS * 100)
    return {name: _STYLES[name] if name in _STYLES else next(unknown) for name in dict.fromkeys(names)}


@dataclass(frozen=True, slots=True)
class Shade:
    """How a stretch of time is shaded."""

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
    """A shade for each reason of a wait; what is none of the known reasons is a limit, and each limit gets another."""
    limits = iter(_LIMITS * 100)
    return {reason: _SHADES[reason] if reason in _SHADES else next(limits) for reason in dict.fromkeys(reasons)}
