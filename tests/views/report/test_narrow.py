"""The report in a real browser, as wide as a phone, as half a screen and as a screen, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from harness.views.report import make_report
from tests.notebook.browser import browser
from tests.views.report.test_report import RUN, SWEEP

pytestmark = [pytest.mark.realtime]
PHONE, HALF, SCREEN = 390, 640, 1280
# Boxes that reach over the right edge of the page, by their text; what scrolls within itself does not.
_OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest(".scroll, svg, thead") && one.getClientRects().length
    && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 40)}`)"""
# Cells whose text is cut or lies outside of the table that scrolls.
_CUT = """() => [...document.querySelectorAll(".wide td")]
  .filter((one) => one.getClientRects().length && (one.scrollWidth > one.clientWidth + 1
    || one.getBoundingClientRect().right > one.closest(".scroll").getBoundingClientRect().right + 1))
  .map((one) => one.textContent.trim().slice(0, 40))"""
_SHOWN = """(which) => [...document.querySelectorAll(".drawing " + which)].map((one) => one.checkVisibility())"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(make_report([RUN, RUN], [SWEEP], made="now", version="1").html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


def opened(chromium: Browser, report: Path, width: int, theme: str = "light") -> Page:
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
    page.goto(report.as_uri())
    for folded in page.locator("details").all():
        folded.evaluate("(one) => { one.open = true }")
    return page


@pytest.mark.parametrize("width", [PHONE, HALF, SCREEN])
def test_nothing_reaches_over_the_edge(chromium: Browser, report: Path, width: int) -> None:
    """No page is scrolled sideways, with everything unfolded."""
    page = opened(chromium, report, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_OUTSIDE) == []
    page.close()


def test_on_a_phone_rows_are_cards_and_figures_are_drawn_for_it(chromium: Browser, report: Path) -> None:
    """No cell is cut, each says which column it is of; letters of a figure are as large as those on a screen."""
    page = opened(chromium, report, PHONE)
    assert page.evaluate(_CUT) == []
    labels = page.evaluate(
        """() => [...document.querySelectorAll(".wide td:not(:first-child)")]
          .map((one) => getComputedStyle(one, "::before").content)"""
    )
    assert labels
    assert all(label not in ("none", "normal", '""') for label in labels)
    assert set(page.evaluate(_SHOWN, ".small")) == {True}
    assert set(page.evaluate(_SHOWN, ".large")) == {False}
    scales = page.evaluate(
        """() => [...document.querySelectorAll(".drawing .small svg")]
          .map((one) => one.getBoundingClientRect().width / one.viewBox.baseVal.width)"""
    )
    assert min(scales) >= 1.0  # a point of the drawing is no smaller than a pixel: 8.5 points stay readable
    page.close()


def test_on_a_screen_tables_have_the_full_width(chromium: Browser, report: Path) -> None:
    """Each as wide as what holds it, and the drawings are those for a screen."""
    page = opened(chromium, report, SCREEN)
    shares = page.evaluate(
        """() => [...document.querySelectorAll(".wide table")]
          .map((one) => one.getBoundingClientRect().width / one.closest(".scroll").clientWidth)"""
    )
    assert shares
    assert min(shares) >= 0.99
    assert set(page.evaluate(_SHOWN, ".large")) == {True}
    assert set(page.evaluate(_SHOWN, ".small")) == {False}
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(chromium: Browser, report: Path, theme: str) -> None:
    """Ink and muted words stand out from the card and from the page, by the contrast that WCAG asks for."""
    page = opened(chromium, report, PHONE, theme)
    contrasts = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement)
          const light = (name) => {
            const [r, g, b] = [1, 3, 5].map((at) => parseInt(style.getPropertyValue(name).trim().slice(at, at + 2), 16))
              .map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
          }
          return ["--ink", "--muted", "--accent"].flatMap((text) => ["--paper", "--page"].map((on) => {
            const [low, high] = [light(text), light(on)].sort((a, b) => a - b)
            return (high + 0.05) / (low + 0.05)
          }))
        }"""
    )
    assert len(contrasts) == 6
    assert min(contrasts) >= 4.5
    page.close()
