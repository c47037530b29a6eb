"""The panel's colours can be told from what is behind them, in light and in dark: by the measure of WCAG 2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import harness.views.panel

CSS = (Path(harness.views.panel.__file__).parent / "panel.css").read_text(encoding="utf-8")
# What JupyterLab and Voila have behind the panel, where the style sheet asks them: https://jupyterlab.readthedocs.io.
BEHIND = {"light": ("#ffffff", "#ffffff"), "dark": ("#111111", "#212121")}
WORDS = ("text", "dim", "now", "good", "mind", "bad")
SHAPES = ("sent", "refused", "good")


def colours(theme: str) -> dict[str, str]:
    """The variables of one theme; the dark one changes some of the light one's."""
    light, dark = (re.search(start + r"(.*?)\}", CSS, re.S) for start in (r"\n\.hx \{", r'light="false"\] \.hx \{'))
    assert light is not None
    assert dark is not None
    found = dict(re.findall(r"--hx-([a-z-]+): (?:var\(--jp[^,]*, )?(#[0-9a-f]+)", light[1]))
    return found if theme == "light" else found | dict(re.findall(r"--hx-([a-z-]+): (#[0-9a-f]+)", dark[1]))


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 (the same) to 21 (black on white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21; #767676 is the lightest grey that passes on white."""
    assert contrast("#000000", "#fff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_read_at_four_and_a_half(theme: str) -> None:
    """On the page, on a card, and on the row that is chosen in the table."""
    of = colours(theme)
    grounds = [*BEHIND[theme], of["wait"]]
    low = {(word, on): contrast(of[word], on) for word in WORDS for on in grounds if contrast(of[word], on) < 4.5}
    assert low == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shapes_are_told_at_three(theme: str) -> None:
    """Bars and gauges against their track and the card."""
    of = colours(theme)
    grounds = [*BEHIND[theme], of["track"]]
    low = {(name, on): contrast(of[name], on) for name in SHAPES for on in grounds if contrast(of[name], on) < 3.0}
    assert low == {}
