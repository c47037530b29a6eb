"""The panel in a real browser: JupyterLab and Voila, from the first click to the run's files.

HARNESS_PICTURES=folder keeps the pictures that the README shows (`make pictures`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import Run, open_run
from harness.views.text import count, duration, percent
from tests.notebook.browser import PATIENCE_S, browser, copy_notebook, lab, run_all, voila

pytestmark = pytest.mark.realtime

# Half a minute: long enough to be paused and reloaded in the middle, on a busy machine too.
ITEMS, LIMIT = 500, "30/2s+1000/60s"
PICTURES = os.environ.get("HARNESS_PICTURES")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1100, "height": 1250}, timezone_id="UTC")
    context.set_default_timeout(1000 * PATIENCE_S)
    expect.set_options(timeout=1000 * PATIENCE_S)
    shown = context.new_page()
    shown.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
    yield shown
    context.close()


def press(page: Page, name: str) -> None:
    """The button of the panel; those below the table of runs come after it."""
    button = page.get_by_role("button", name=name, exact=True).first
    expect(button).to_be_enabled()
    button.click()


def bar(page: Page) -> Any:
    return page.get_by_role("progressbar", name="items imported").first


def imported(page: Page) -> int:
    return int(bar(page).get_attribute("aria-valuenow") or -1)


def see_it_move(page: Page) -> None:
    """The bar is further than it was."""
    bar(page).wait_for()
    expect(bar(page)).not_to_have_attribute("aria-valuenow", str(imported(page)))


def badge(page: Page, words: str) -> None:
    expect(page.locator(".hx-title .hx-badge").first).to_contain_text(words)


def the_page_says_what_the_files_say(page: Page, run: Run) -> None:
    """Items, duration, best possible, 429s, waits and the server's count, in the panel and in the table."""
    while not run.settled:  # the badge is there first, the files a moment later
        page.wait_for_timeout(50)
    figures = run.summary()
    assert figures is not None
    panel = page.locator(".hx-panel").first
    expect(panel).to_contain_text(f"{count(figures['imported'])} of {count(ITEMS)} items · 100 %")
    expect(panel).to_contain_text(f"took {duration(figures['duration_s'])}")
    expect(panel).to_contain_text(f"{percent(figures['optimality'], 1)} best possible {duration(figures['bound_s'])}")
    expect(panel).to_contain_text(f"{count(figures['server']['admitted'])} admitted, 0 refused")
    row = page.get_by_role("row").filter(has_text=run.name)
    for text in (
        "complete",
        duration(figures["duration_s"]),
        percent(figures["optimality"], 1),
        str(figures["sleeps"]),
    ):
        expect(row).to_contain_text(text)
    assert (figures["status"], run.items().num_rows, figures["hits"]) == ("complete", ITEMS, 0)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(4000)  # so that there is something to see
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_jupyterlab(page: Page, tmp_path: Path) -> None:
    """Start, see the bar move, pause, change workers, reload in the middle, resume, finish: as the files say."""
    copy_notebook(tmp_path, ITEMS=ITEMS, LIMIT=LIMIT, RUN="lab")
    with lab(tmp_path) as address:
        page.goto(address)
        run_all(page)
        page.evaluate("window.jupyterapp.shell.collapseLeft()")
        press(page, "Start")
        badge(page, "running")
        see_it_move(page)

        press(page, "Pause")
        badge(page, "paused")
        expect(page.locator(".hx-at-now").first).to_contain_text("0 of 10 workers")
        stands = imported(page)
        slider = page.get_by_role("slider", name="Workers")
        slider.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect(page.locator(".hx-at-now").first).to_contain_text("0 of 13 workers")
        assert imported(page) == stands < ITEMS

        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        page.reload()
        badge(page, "paused")
        assert imported(page) == stands

        press(page, "Resume")
        badge(page, "running")
        see_it_move(page)
        page.locator(".hx-at-chart canvas").first.wait_for()
        if PICTURES:
            take_pictures(page)
        badge(page, "complete")
        run = open_run("lab", tmp_path / "results")
        the_page_says_what_the_files_say(page, run)
        told = [e for e in run.events().column("event").to_pylist() if e in ("Paused", "WorkersSet", "Resumed")]
        assert (told[0], told[-1]) == ("Paused", "Resumed")
        assert run.state().workers == 13


def test_a_known_api_is_chosen_in_the_form(page: Page, tmp_path: Path) -> None:
    """The limits that its documentation names stand in the field; Start rehearses its import from the test API."""
    copy_notebook(tmp_path, ITEMS=60, LIMIT=LIMIT, RUN="known")
    with voila(tmp_path) as address:
        page.goto(address)
        limit = page.get_by_label("Limit", exact=True)
        expect(limit).to_have_value(LIMIT)
        page.get_by_label("Known API").select_option(
            label="stripe: Stripe: charges, customers and other lists of the API v1"
        )
        expect(limit).to_have_value("")
        expect(limit).to_have_attribute("placeholder", "documented: 100/s+list=25/s+item=25/s")
        picture(page, "form")
        page.get_by_role("button", name="URL", exact=True).click()
        for label in ("Settings file", "URL of the list", "Token variable"):
            expect(page.get_by_label(label, exact=True)).to_be_visible()
        expect(page.get_by_label("Items", exact=True)).to_have_value("")
        page.get_by_label("Settings file", exact=True).fill("no.toml")
        press(page, "Start")
        expect(page.get_by_role("alert")).to_contain_text("no.toml cannot be read (No such file or directory)")
        picture(page, "form-url")
        page.get_by_role("button", name="test API", exact=True).click()
        expect(page.get_by_label("Items", exact=True)).to_have_value("60")
        press(page, "Start")
        badge(page, "complete")
    run = open_run("known", tmp_path / "results")
    assert (run.status, run.items().num_rows, run.about["config"]["preset"]) == ("complete", 60, "stripe")


def take_pictures(page: Page) -> None:
    """As it is, in the dark, and in a narrow window."""
    theme = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab %s'})"
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    page.locator(".hx-panel").first.scroll_into_view_if_needed()
    picture(page, "panel")
    page.evaluate(theme % "Dark")
    picture(page, "panel-dark")
    page.set_viewport_size({"width": 520, "height": 1250})
    page.evaluate(theme % "Light")
    picture(page, "panel-narrow")


def test_voila(page: Page, tmp_path: Path) -> None:
    """The same as a page: reloaded in the middle it shows and steers the import that goes on, and finishes it."""
    copy_notebook(tmp_path, ITEMS=ITEMS, LIMIT=LIMIT, RUN="page")
    with voila(tmp_path) as address:
        page.goto(address)
        press(page, "Start")
        badge(page, "running")
        see_it_move(page)
        picture(page, "dashboard")
        press(page, "Pause")
        badge(page, "paused")
        expect(page.locator(".hx-at-now").first).to_contain_text("0 of 10 workers")
        stands = imported(page)
        page.reload()
        expect(page.get_by_text("page is being imported by another process")).to_be_visible()
        badge(page, "paused")
        assert imported(page) == stands < ITEMS
        press(page, "Resume")
        see_it_move(page)
        badge(page, "complete")
        run = open_run("page", tmp_path / "results")
        the_page_says_what_the_files_say(page, run)
