"""The table of runs in a real browser: JupyterLab and the page of `dashboard`, by mouse, by keyboard and by link.

The runs are made in virtual time, so that nothing is waited for but the page. What is downloaded is compared with what
the run's folder holds.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness import ImportConfig, open_run
from harness.lab.experiment import simulate_run
from harness.record.items import export
from harness.record.run import Run
from harness.record.tags import read_tags
from tests.notebook.browser import PATIENCE_S, browser, copy_notebook, dashboard, lab, run_all

pytestmark = pytest.mark.realtime

# name, items, workers; the first is the oldest, and the last has failures.
RUNS = (("alpha", 30, 2), ("bravo", 30, 9), ("charlie", 12, 4), ("delta", 30, 2))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("made")
    for name, items, workers in RUNS:
        gone = {"fault": "404:items=3:route=item"} if name == "delta" else None
        config = ImportConfig(run=name, items=items, workers=workers, limit="50/1s")
        simulate_run(config, results=results, server=gone)
    return results


@contextmanager
def opened(chromium: Browser, folder: Path, fragment: str = "", *, in_lab: bool = False) -> Iterator[Page]:
    """A page with the table, which has been read."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC", accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE_S)
    expect.set_options(timeout=1000 * PATIENCE_S)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    try:
        with lab(folder) if in_lab else dashboard(folder) as address:
            page.goto(address + fragment)
            if in_lab:
                run_all(page)
            expect(rows(page)).not_to_have_count(0)
            yield page
    finally:
        context.close()


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The notebook, with the runs beside it."""
    shutil.copytree(made, tmp_path / "results")
    copy_notebook(tmp_path, ITEMS=40, LIMIT="10/2s")
    return tmp_path


def table(page: Page) -> Locator:
    return page.locator(".hx-runs:visible")


def rows(page: Page) -> Locator:
    return table(page).locator("tbody tr")


def names(page: Page) -> list[str]:
    return [text.strip() for text in table(page).locator("tbody tr a").all_inner_texts()]


def shows(page: Page, *wanted: str) -> None:
    """The rows are these, from top to bottom."""
    expect(table(page).locator("tbody tr a")).to_have_text(list(wanted))


def box(page: Page, name: str) -> Locator:
    return table(page).get_by_role("checkbox", name=f"choose {name}", exact=True)


def press(page: Page, name: str) -> None:
    button = table(page).get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    button.click()


def said(page: Page, text: str) -> None:
    expect(table(page).locator(".hx-tools > p")).to_contain_text(text)


def head(page: Page, name: str) -> Locator:
    return table(page).get_by_role("columnheader").filter(has_text=name)


def downloaded(page: Page, name: str) -> Path:
    """The file that the browser kept when this button was pressed; its name is what was suggested."""
    with page.expect_download() as coming:
        press(page, name)
    kept = Path(coming.value.path())
    return Path(shutil.copy(kept, kept.with_name(coming.value.suggested_filename)))


def eventually(page: Page, true: Callable[[], bool]) -> None:
    for _ in range(20 * PATIENCE_S):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {PATIENCE_S} s")


def filter_search_and_sort(page: Page) -> None:
    """By mouse and by keyboard; what a filter hides is no longer chosen, and so not acted on."""
    shows(page, "delta", "charlie", "bravo", "alpha")
    for chip in ("running 0", "failed 1", "complete 4", "all 4"):
        expect(table(page).get_by_role("button", name=chip, exact=True)).to_be_visible()
    box(page, "alpha").check()
    expect(table(page).get_by_role("button", name="Delete…")).to_be_enabled()
    press(page, "failed 1")
    shows(page, "delta")
    expect(table(page).get_by_role("button", name="Delete…")).to_be_disabled()
    press(page, "all 4")
    shows(page, "delta", "charlie", "bravo", "alpha")
    expect(box(page, "alpha")).not_to_be_checked()

    search = table(page).get_by_role("searchbox", name="Search in all runs")
    search.fill("ALPHA 50/1s")
    shows(page, "alpha")
    search.fill("nothing like it")
    expect(table(page).get_by_text("no run matches")).to_be_visible()
    search.fill("")

    head(page, "Workers").get_by_role("button").click()
    shows(page, "bravo", "charlie", "delta", "alpha")
    expect(head(page, "Workers")).to_have_attribute("aria-sort", "descending")
    head(page, "Run").get_by_role("button").focus()
    page.keyboard.press("Enter")
    shows(page, "alpha", "bravo", "charlie", "delta")
    page.keyboard.press("Enter")
    shows(page, "delta", "charlie", "bravo", "alpha")
    page.keyboard.press("Space")  # a third time: the newest first
    expect(head(page, "Run")).to_have_attribute("aria-sort", "none")

    box(page, "delta").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box(page, "bravo")).to_be_checked()
    expect(box(page, "bravo")).to_be_focused()
    page.keyboard.press("Space")
    expect(box(page, "bravo")).not_to_be_checked()


def choose_columns(page: Page) -> None:
    """One more, one less; the same are there when the page comes again."""
    press(page, "Columns ▾")
    drawer = table(page).get_by_role("group", name="Columns")
    drawer.get_by_label("Latency p95").check()
    drawer.get_by_label("Tags").uncheck()
    expect(head(page, "Latency p95")).to_be_visible()
    expect(head(page, "Tags")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(table(page).get_by_role("button", name="Columns ▾")).to_be_focused()
    press(page, "Columns ▾")
    drawer.get_by_label("Tags").check()
    page.keyboard.press("Escape")


def compare(page: Page) -> None:
    """What differs first; best only where the work was the same."""
    for name in ("alpha", "bravo"):
        box(page, name).check()
    compared = table(page).locator(".hx-compared")
    expect(compared.locator("tbody tr").first).to_contain_text("workers")
    expect(compared).to_contain_text("(best)")
    box(page, "bravo").uncheck()
    box(page, "charlie").check()
    expect(compared).to_contain_text("number of items differs")
    expect(compared).not_to_contain_text("(best)")
    box(page, "alpha").uncheck()
    box(page, "charlie").uncheck()
    expect(compared).to_be_empty()


def tag(page: Page, folder: Path) -> None:
    """Two runs get a tag, by which they are found; one loses it."""
    for name in ("alpha", "charlie"):
        box(page, name).check()
    press(page, "Tags…")
    page.keyboard.type("nightly, slow")
    page.keyboard.press("Enter")
    said(page, "alpha, charlie: tagged nightly, slow")
    eventually(page, lambda: read_tags(folder / "results" / "alpha") == ("nightly", "slow"))
    expect(rows(page).filter(has_text="alpha")).to_contain_text("nightly, slow")
    box(page, "charlie").uncheck()
    press(page, "Tags…")
    press(page, "take away the tag slow")
    eventually(page, lambda: read_tags(folder / "results" / "alpha") == ("nightly",))
    assert read_tags(folder / "results" / "charlie") == ("nightly", "slow")
    table(page).get_by_role("searchbox").fill("slow")
    shows(page, "charlie")
    table(page).get_by_role("searchbox").fill("")
    shows(page, "delta", "charlie", "bravo", "alpha")


def clone(page: Page) -> None:
    """The form has the settings of the run."""
    box(page, "bravo").check()
    press(page, "Clone settings")
    said(page, "the form has the settings of bravo")
    expect(page.get_by_label("Items", exact=True)).to_have_value("30")
    expect(page.get_by_label("Workers", exact=True).first).to_have_value("9")
    box(page, "bravo").uncheck()


def download(page: Page, folder: Path) -> None:
    """CSV, Parquet and a report arrive in the browser, whole."""
    box(page, "alpha").check()
    press(page, "Download…")
    run = Run(folder / "results" / "alpha")
    got = downloaded(page, "CSV")
    assert got.name == "alpha.csv"
    export(run, folder / "expected.csv")
    assert got.read_bytes() == (folder / "expected.csv").read_bytes()
    assert len(list(csv.DictReader(got.read_text().splitlines()))) == 30
    said(page, "alpha.csv was sent to your browser")
    got = downloaded(page, "Parquet")
    assert (got.name, pq.read_table(got)) == ("alpha.parquet", run.items())
    got = downloaded(page, "Report")
    assert got.name == "alpha-report.html"
    assert "<title>" in got.read_text()
    box(page, "alpha").uncheck()


def link(page: Page) -> None:
    """A row is a link to its run; the address of the page names the run that is chosen."""
    row = table(page).get_by_role("link", name="bravo", exact=True)
    href = row.get_attribute("href") or ""
    assert href.endswith("#run=bravo")
    assert "token" not in href
    row.click()
    expect(box(page, "bravo")).to_be_checked()
    page.wait_for_function("location.hash === '#run=bravo'")
    box(page, "bravo").uncheck()
    page.wait_for_function("location.hash === ''")
    page.evaluate("location.hash = 'run=charlie'")
    expect(box(page, "charlie")).to_be_checked()
    expect(page.locator(".hx-title strong:visible")).to_have_text("charlie")
    box(page, "charlie").uncheck()


def delete(page: Page, folder: Path) -> None:
    """It asks, in words that can be read; Keep keeps, a run under way is refused, and only yes deletes."""
    results = folder / "results"
    box(page, "alpha").check()
    press(page, "Delete…")
    question = table(page).get_by_role("alertdialog").get_by_text("Delete the run alpha with all data?")
    expect(question).to_be_visible()
    size = question.bounding_box()
    assert size is not None
    assert size["width"] > 200
    expect(table(page).get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    assert (results / "alpha").exists()
    with Run(results / "alpha").locked():  # another process writes it, which the page does not know yet
        press(page, "Delete…")
        press(page, "Delete for good")
        said(page, "nothing was deleted: alpha still runs; stop it first")
    press(page, "Delete…")
    press(page, "Delete for good")
    said(page, "deleted alpha")
    shows(page, "delta", "charlie", "bravo")
    assert not (results / "alpha").exists()


def an_import_that_is_started_here(page: Page, folder: Path) -> None:
    """Its row moves, the chip counts it, and Delete says why not."""
    board = page.locator(".hx-board:visible")
    if not board.get_by_role("button", name="Start", exact=True).is_visible():
        board.get_by_role("button", name="New import").click()
    for label, value in (("Items", "40"), ("Limit", "10/2s"), ("Workers", "10")):
        board.get_by_role("form").get_by_label(label, exact=True).fill(value)
    board.get_by_role("button", name="Start", exact=True).click()
    expect(table(page).get_by_role("button", name="running 1", exact=True)).to_be_visible()
    started = names(page)[0]
    box(page, started).check()
    press(page, "Delete…")
    expect(table(page).get_by_role("alertdialog")).to_have_count(0)
    expect(table(page).get_by_role("button", name="running 0", exact=True)).to_be_visible()
    assert open_run(started, folder / "results").status == "complete"


def test_the_table_of_the_page(chromium: Browser, folder: Path) -> None:
    """Opened by the link of a run; everything that it offers, on one page."""
    with opened(chromium, folder, "#run=bravo") as page:
        the_link_was_followed(page)
        filter_search_and_sort(page)
        choose_columns(page)
        compare(page)
        tag(page, folder)
        clone(page)
        download(page, folder)
        link(page)
        delete(page, folder)
        an_import_that_is_started_here(page, folder)


def the_link_was_followed(page: Page) -> None:
    """The board shows its run as soon as the page is there, and a name that is no run's is said."""
    expect(box(page, "bravo")).to_be_checked()
    expect(page.locator(".hx-title strong:visible")).to_have_text("bravo")
    assert names(page) == ["delta", "charlie", "bravo", "alpha"]
    page.evaluate("location.hash = 'run=nope'")
    said(page, "the address names run nope, and there is none of that name")
    box(page, "bravo").uncheck()


def test_the_table_in_jupyterlab(chromium: Browser, folder: Path) -> None:
    """The link is followed although JupyterLab writes an address of its own; files arrive, and runs are deleted."""
    with opened(chromium, folder, "#run=charlie", in_lab=True) as page:
        expect(box(page, "charlie")).to_be_checked()
        box(page, "charlie").uncheck()
        filter_search_and_sort(page)
        compare(page)
        download(page, folder)
        delete(page, folder)
