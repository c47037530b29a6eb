"""The board in a real browser: JupyterLab and the page of `dashboard`, from the first click to the run's files.

HARNESS_PICTURES=folder keeps the pictures that the README shows (`make pictures`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig, running_in_thread
from playwright.sync_api import Browser, Locator, Page, expect

from harness import Run, open_run
from harness.views.text import count, duration, percent
from tests.notebook.browser import PATIENCE_S, browser, copy_notebook, dashboard, kernels, lab, port_of, run_all

pytestmark = pytest.mark.realtime

# Half a minute: long enough to be paused and reloaded in the middle, on a busy machine too.
ITEMS, LIMIT = 420, "30/2s+1000/60s"
PICTURES = os.environ.get("HARNESS_PICTURES")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC")
    context.set_default_timeout(1000 * PATIENCE_S)
    expect.set_options(timeout=1000 * PATIENCE_S)
    shown = context.new_page()
    shown.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
    yield shown
    context.close()


@pytest.fixture
def url() -> Iterator[str]:
    """A test API of 300 items, of which two are gone."""
    settings = {"items": 300, "limit": "100000/1s", "latency": "5ms", "fault": "404:items=3,70:route=item"}
    with running_in_thread(ServerConfig.from_mapping(settings)) as api:
        yield api.url


@contextmanager
def terminal(folder: Path, url: str, run: str, limit: str) -> Iterator[subprocess.Popen[bytes]]:
    """An import that a terminal begins."""
    command = [sys.executable, "-m", "harness", "import", "--url", url, "--limit", limit, "--quiet"]
    process = subprocess.Popen([*command, "--results", str(folder / "results"), "--run", run])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def board(page: Page) -> Locator:
    """The one board of the notebook that is shown."""
    return page.locator(".hx-board:visible")


def press(page: Page, name: str) -> None:
    button = board(page).get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    button.click()


def bar(page: Page) -> Locator:
    return board(page).get_by_role("progressbar", name="items imported")


def imported(page: Page) -> int:
    return int(bar(page).get_attribute("aria-valuenow") or -1)


def see_it_move(page: Page) -> None:
    """The bar is further than it was."""
    bar(page).wait_for()
    expect(bar(page)).not_to_have_attribute("aria-valuenow", str(imported(page)))


def shows(page: Page, run: str, words: str) -> None:
    """The board shows this run, and its badge says so."""
    expect(board(page).locator(".hx-title strong")).to_have_text(run)
    expect(board(page).locator(".hx-title .hx-badge")).to_contain_text(words)


def part(page: Page, name: str) -> Locator:
    return board(page).locator(f".hx-at-{name}")


def set_now(page: Page, role: Any, name: str, value: str) -> None:
    """Type a setting of the import under way, by keyboard alone."""
    field = board(page).get_by_role(role, name=name)
    field.fill(value)
    field.press("Enter")


def events(run: Run, *names: str) -> list[str]:
    return [name for name in run.events().column("event").to_pylist() if name in names]


def the_page_says_what_the_files_say(page: Page, run: Run) -> None:
    """Items, duration, best possible, 429s, waits and the server's count, on the board and in the table."""
    while not run.settled:  # the badge is there first, the files a moment later
        page.wait_for_timeout(50)
    figures = run.summary()
    assert figures is not None
    panel, row = board(page), page.get_by_role("row").filter(has_text=run.name)
    expect(panel).to_contain_text(f"{count(figures['imported'])} of {count(ITEMS)} items · 100 %")
    expect(panel).to_contain_text(f"took {duration(figures['duration_s'])}")
    expect(panel).to_contain_text(f"{count(figures['server']['admitted'])} admitted, 0 refused")
    told = ["complete", duration(figures["duration_s"]), str(figures["sleeps"])]
    if figures["optimality"] is not None:
        best = percent(figures["optimality"], 1)
        expect(panel).to_contain_text(f"{best} best possible {duration(figures['bound_s'])}")
        told.append(best)
    for text in told:
        expect(row).to_contain_text(text)
    assert (figures["status"], run.items().num_rows, figures["hits"]) == ("complete", ITEMS, 0)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(4000)  # so that there is something to see
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_jupyterlab(page: Page, tmp_path: Path) -> None:
    """Start, pause, change workers and limit, reload, restart the kernel, resume, finish: as the files say."""
    copy_notebook(tmp_path, ITEMS=ITEMS, LIMIT=LIMIT, RUN="lab")
    with lab(tmp_path) as address:
        page.goto(address)
        run_all(page)
        page.evaluate("window.jupyterapp.shell.collapseLeft()")
        press(page, "Start")
        shows(page, "lab", "running")
        see_it_move(page)

        press(page, "Pause")
        shows(page, "lab", "paused")
        expect(part(page, "now")).to_contain_text("0 of 10 workers")
        stands = imported(page)
        set_now(page, "spinbutton", "Workers now", "13")
        expect(part(page, "now")).to_contain_text("0 of 13 workers")
        set_now(page, "textbox", "Limit now", "28/2s+1000/60s")
        expect(part(page, "limits")).to_contain_text("28/2s")
        assert imported(page) == stands < ITEMS

        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        page.reload()
        shows(page, "lab", "paused")
        assert imported(page) == stands
        press(page, "Resume")
        shows(page, "lab", "running")
        see_it_move(page)
        expect(part(page, "chart")).to_contain_text("13 workers")
        the_kernel_is_busy_then_restarted(page)
        shows(page, "lab", "stopped")
        expect(board(page)).to_contain_text("The last import, lab, was stopped")
        press(page, "Resume")
        shows(page, "lab", "running")
        see_it_move(page)
        take_pictures(page)
        shows(page, "lab", "complete")
        expect(part(page, "chart")).to_contain_text("resumed")
        run = open_run("lab", tmp_path / "results")
        the_page_says_what_the_files_say(page, run)
        told = events(run, "Paused", "WorkersSet", "LimitsSet", "Resumed", "SessionStarted")
        assert told == ["SessionStarted", "Paused", "WorkersSet", "LimitsSet", "Resumed", "SessionStarted"]
        assert run.state().workers == 13


_SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"


def the_kernel_is_busy_then_restarted(page: Page) -> None:
    """The board says so, and shows no button, until the kernel answers again, or the cells are run again."""
    controls = page.locator(".hx-board button:visible, .hx-board input:visible")
    assert controls.count() > 0
    lost = board(page).get_by_role("alert")
    page.evaluate(f"void {_SESSION}.session.kernel.requestExecute({{code: 'import time; time.sleep(9)'}})")
    expect(lost).to_contain_text("No word from the kernel since")
    expect(controls).to_have_count(0)
    expect(lost).to_have_count(0)  # it is hidden
    assert controls.count() > 0
    page.evaluate(f"void {_SESSION}.restartKernel()")  # as the menu does
    expect(lost).to_contain_text("was restarted")
    expect(controls).to_have_count(0)
    run_all(page)


def take_pictures(page: Page) -> None:
    """As it is, in the dark, in half a window and in a narrow one."""
    theme = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab %s'})"
    blue = page.evaluate(_FILL)
    picture(page, "panel")
    page.evaluate(theme % "Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    assert page.evaluate(_FILL) != blue  # the chart follows the theme
    picture(page, "panel-dark")
    page.evaluate(theme % "Light")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")
    assert page.evaluate(_FILL) == blue
    for width in (640, 520):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(_TOO_WIDE) == []
    picture(page, "panel-narrow")
    page.set_viewport_size({"width": 1280, "height": 900})


_FILL = "getComputedStyle(document.querySelector('.hx-is-sent')).fill"
# What is seen of the board lies within it, whatever its width: nothing is cut off, nothing must be scrolled sideways.
_TOO_WIDE = """() => {
  const board = document.querySelector(".hx-board");
  const right = board.getBoundingClientRect().right + 1;
  const shown = [...board.querySelectorAll(".hx-card, .hx-button, .hx-bar, dd, .hx-x")].filter((e) => e.offsetParent);
  return shown.filter((e) => e.getBoundingClientRect().right > right).map((e) => e.className || e.textContent);
}"""


def test_the_page_of_the_dashboard(page: Page, tmp_path: Path, url: str) -> None:
    """An import goes on when its tab is closed; one that a terminal begins later is shown, steered and put right."""
    with dashboard(tmp_path, "--allow-host", "127.0.0.1", "--idle", "1s") as address:
        page.goto(address)
        page.get_by_role("radio", name="URL", exact=True).check()
        start(page, URL_of_the_list=url, Limit="2/1s", Name_of_the_run="page")  # minutes, if it were left to itself
        shows(page, "page", "running")
        see_it_move(page)
        page = the_tab_is_closed_and_opened_again(page, address, tmp_path)
        expect(page.get_by_text("page is being imported by another process")).to_be_visible()
        shows(page, "page", "running")
        see_it_move(page)
        the_connection_is_lost_and_comes_back(page)
        press(page, "Pause")
        shows(page, "page", "paused")
        stands = imported(page)
        assert 0 < stands < 298
        the_chart_tells_its_values_by_keyboard(page)
        set_now(page, "spinbutton", "Workers now", "50")
        set_now(page, "textbox", "Limit now", "1000/1s")
        expect(part(page, "now")).to_contain_text("0 of 50 workers")
        press(page, "Resume")
        shows(page, "page", "complete with failures")
        mine = open_run("page", tmp_path / "results")
        told = events(mine, "SessionStarted", "Paused", "WorkersSet", "LimitsSet", "Resumed", "SessionEnded")
        assert told == ["SessionStarted", "Paused", "WorkersSet", "LimitsSet", "Resumed", "SessionEnded"]
        an_import_of_a_terminal(page, tmp_path, url)
        it_is_printed(page)
        the_kernel_is_killed(page, port_of(address))


def start(page: Page, **typed: str) -> None:
    """Start an import from the form, which is open, with these fields by their labels."""
    form = board(page).get_by_role("form")
    for label, value in typed.items():
        form.get_by_label(label.replace("_", " "), exact=True).fill(value)
    press(page, "Start")


def the_tab_is_closed_and_opened_again(page: Page, address: str, folder: Path) -> Page:
    """Voila's script asks for the end of the kernel then; with the cookie that any JupyterLab sets it is heard."""
    page.context.add_cookies([{"name": "_xsrf", "value": "2b6f", "url": address}])
    page.close(run_before_unload=True)
    again = page.context.new_page()
    again.goto(address)
    log = (folder / "server.log").read_text()
    assert "stays until its tab has been closed for a while" in log, log
    return again


def the_connection_is_lost_and_comes_back(page: Page) -> None:
    """The board says so, and shows no button until it is there again."""
    controls = page.locator(".hx-board button:visible, .hx-board input:visible")
    assert controls.count() > 0
    lost = board(page).get_by_role("alert").filter(has_text="No word from the kernel since")
    page.context.set_offline(True)
    expect(lost).to_be_visible()
    expect(controls).to_have_count(0)
    page.context.set_offline(False)
    expect(lost).to_be_hidden()
    see_it_move(page)
    assert controls.count() > 0


def an_import_of_a_terminal(page: Page, folder: Path, url: str) -> None:
    """It is followed as soon as it begins, and steered; its failures are accepted and fetched again."""
    with terminal(folder, url, "later", "12/1s") as other:
        shows(page, "later", "running")
        see_it_move(page)
        picture(page, "dashboard")
        group = part(page, "failures")
        expect(group).to_contain_text("2 × 404")
        press(page, "Pause")
        shows(page, "later", "paused")
        group.get_by_role("button", name="show").click()
        everything_is_reached_by_tab(page)
        set_now(page, "textbox", "Limit now", "1000/1s")
        press(page, "Resume")
        other.wait(PATIENCE_S)
    shows(page, "later", "complete with failures")
    group.get_by_role("checkbox", name="70").check()
    group.get_by_role("button", name="forget 1 chosen").click()
    expect(group).to_contain_text("1 × 404")
    expect(part(page, "bar")).to_contain_text("1 failed")
    run = open_run("later", folder / "results")
    assert [failure.item for failure in run.failed()] == [3]
    group.get_by_role("button", name="retry all").click()
    shows(page, "later", "complete with failures")
    expect(part(page, "totals")).to_contain_text("2 sessions")
    assert events(run, "Forgotten", "Retried") == ["Forgotten", "Retried"]


# Everything on the page that a pointer could use. A row's link is left out: Enter on the row's box does the same.
_USABLE = """() => [...document.querySelectorAll(".hx button, .hx input, .hx select, .hx summary, .hx-chart, .hx-rows")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && !e.closest("[inert]"))
  .forEach((e) => (e.dataset.usable = "yes"))"""
_REACHED = """() => {
  const one = document.activeElement;
  delete one.dataset.usable;
  return one === document.body || !one.closest(".hx");
}"""
_NOT_REACHED = """() => [...document.querySelectorAll("[data-usable]")]
  .map((e) => e.getAttribute("aria-label") || e.textContent || e.className)"""


def everything_is_reached_by_tab(page: Page) -> None:
    """Each control of the board, its failures and the table, in one way through the page."""
    board(page).get_by_role("button", name="Resume", exact=True).focus()
    page.evaluate(_USABLE)
    assert len(page.evaluate(_NOT_REACHED)) > 25
    for _ in range(120):
        if page.evaluate(_REACHED):
            break
        page.keyboard.press("Tab")
    assert page.evaluate(_NOT_REACHED) == []


# What of the board and the table is seen lies on the page, at its full height. (A label of the chart hides on purpose
# what would not fit.)
_CUT_OFF = """() => [...document.querySelectorAll(".hx, .hx *")].filter((e) => e.checkVisibility()).filter((e) => {
  const hides = ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowY);
  const told = !e.closest(".hx-spoken, .hx-label, svg") && e.getClientRects().length;
  return told && ((hides && e.scrollHeight > e.clientHeight + 1) || e.getBoundingClientRect().right > innerWidth + 1);
}).map((e) => e.className || e.tagName)"""


def it_is_printed(page: Page) -> None:
    """On paper there is nothing to press, and nothing is cut off."""
    controls = page.locator(".hx :is(button, input, select):visible")
    assert controls.count() > 0
    page.emulate_media(media="print")
    expect(page.locator(".hx-board :is(button, input, select):visible")).to_have_count(0)
    expect(page.locator(".hx-runs .hx-tools:visible")).to_have_count(0)
    assert page.evaluate(_CUT_OFF) == []
    for name in ("later", "page"):
        expect(page.get_by_role("row").filter(has_text=name)).to_be_visible()
    page.emulate_media(media="screen")
    assert controls.count() > 0


def the_kernel_is_killed(page: Page, port: int) -> None:
    """The board says so, and the buttons are gone."""
    controls = page.locator(".hx-board button:visible, .hx-board input:visible")
    assert controls.count() > 0
    for kernel in kernels(port):
        kernel.kill()
    expect(board(page).locator("> .hx-stale")).to_be_visible()
    expect(controls).to_have_count(0)


def the_chart_tells_its_values_by_keyboard(page: Page) -> None:
    """Arrow keys go from bin to bin, and what each holds is said; so it is under a pointer."""
    chart, tip = part(page, "chart"), board(page).locator(".hx-tip")
    chart.focus()
    chart.press("Home")
    expect(tip).to_contain_text("0 s to 0.5 s")
    chart.press("ArrowRight")
    expect(tip).to_contain_text("let through")
    chart.press("End")
    expect(tip).to_contain_text("paused by hand")
    chart.press("Escape")
    expect(tip).to_be_hidden()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2)  # beside the axis of rates
    expect(tip).to_contain_text("let through")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()


_FOCUSED = """() => {
  const one = document.activeElement;
  if (!one.closest(".hx-board")) return "";
  return (one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent).trim();
}"""


def test_a_known_api_is_chosen_in_the_form_by_keyboard(page: Page, tmp_path: Path) -> None:
    """Every field by Tab, the folds too; documented limits stand in their field; Start rehearses the import."""
    with dashboard(tmp_path) as address:
        page.goto(address)
        limit = page.get_by_label("Limit", exact=True)
        expect(limit).to_have_attribute("placeholder", "100/m, say; empty: learned or stated")
        page.get_by_label("Known API").select_option(
            label="stripe: Stripe: charges, customers and other lists of the API v1"
        )
        expect(limit).to_have_attribute("placeholder", "documented: 100/s+list=25/s+item=25/s")
        picture(page, "form")
        page.get_by_role("radio", name="URL", exact=True).check()
        for label in ("Settings file", "URL of the list", "Token variable"):
            expect(page.get_by_label(label, exact=True)).to_be_visible()
        expect(page.get_by_label("Items", exact=True)).to_have_value("")
        page.get_by_label("Settings file", exact=True).fill("no.toml")
        press(page, "Start")
        expect(page.get_by_role("alert")).to_contain_text("this page may not read the file 'no.toml'")
        picture(page, "form-url")

        board(page).get_by_role("button", name="Close the form").focus()
        reached = [""]
        while reached[-1] != "Empty the form" and len(reached) < 60:
            page.keyboard.press("Tab")
            reached.append(page.evaluate(_FOCUSED))
            if reached[-1] in ("More settings", "How this API differs"):
                page.keyboard.press("Enter")
        named = ["URL", "URL of the list", "Known API", "Limit", "Workers", "More settings", "Retry after"]
        named += ["How this API differs", "Records", "Auth", "Start", "Empty the form"]
        assert [name for name in reached if name in named] == named

        page.get_by_role("radio", name="test API", exact=True).check()
        page.get_by_label("Name of the run", exact=True).fill("known")
        page.get_by_label("Items", exact=True).fill("60")
        page.get_by_label("Items", exact=True).press("Enter")
        shows(page, "known", "complete")
        expect(page.get_by_role("radio", name="URL", exact=True)).to_be_hidden()
    run = open_run("known", tmp_path / "results")
    assert (run.status, run.items().num_rows, run.about["config"]["preset"]) == ("complete", 60, "stripe")


def bottom(place: Locator) -> float:
    box = place.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_the_board_is_seen_without_scrolling(page: Page, tmp_path: Path, url: str) -> None:
    """Of an import with failures, at 1280 x 900: with the table in the whole window, the board in half a window."""
    copy_notebook(tmp_path)
    with lab(tmp_path) as address, terminal(tmp_path, url, "fits", "150/120s") as other:
        page.goto(address)
        run_all(page)
        page.evaluate("window.jupyterapp.shell.collapseLeft()")
        shows(page, "fits", "running")
        expect(part(page, "failures")).to_contain_text("2 × 404")
        expect(part(page, "chart").locator(".hx-plot")).to_be_visible()
        below = bottom(page.locator(".jp-NotebookPanel:visible"))
        assert bottom(board(page)) < below
        assert bottom(page.get_by_role("row").filter(has_text="fits")) < below
        page.evaluate("window.jupyterapp.commands.execute('docmanager:clone')")
        half = page.locator(".hx-board:visible").last
        expect(half.locator(".hx-title strong")).to_have_text("fits")
        expect(half).to_contain_text("2 × 404")
        half.evaluate("(e) => e.scrollIntoView()")
        box = half.bounding_box()
        assert box is not None
        assert box["width"] < 640
        assert box["height"] < page.locator(".jp-NotebookPanel:visible").last.bounding_box()["height"]  # type: ignore[index]
        other.terminate()
