"""Cells: run twice they show the panel there is, and one view that fails takes no other with it."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness import notebook
from harness.notebook import all_runs, live_import, show
from harness.notebook.show import Refresher
from tests.patience import PATIENCE_S

SHORTEST_S = 0.01


async def until(true: Callable[[], bool]) -> None:
    """Let the loop go on until something is so."""
    for _ in range(round(PATIENCE_S / SHORTEST_S)):
        if true():
            return
        await asyncio.sleep(SHORTEST_S)
    raise AssertionError(f"not within {PATIENCE_S} s")


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the cells show, in a kernel in which nothing was shown before."""
    seen: list[object] = []
    monkeypatch.setattr(show, "display", seen.append)
    for name, fresh in (("_controllers", {}), ("_all_runs", {}), ("_refresher", Refresher())):
        monkeypatch.setattr(show, name, fresh)
    return seen


@pytest.mark.realtime
def test_a_cell_run_twice_shows_the_panel_there_is(displayed: list[object], tmp_path: Path) -> None:
    """The same widgets, and while an import is under way a sentence that says so; the table uses the same panel."""

    async def cells(url: str) -> None:
        live_import(results=tmp_path, url=url, limit="20/1s", run="r")
        controller = show._controllers[tmp_path]
        controller.start()
        live_import(results=tmp_path, url=url, limit="99/1s")
        controller.tick()
        assert "was already running" in controller.widget.note[0]
        assert controller.form.typed["limit"] == "20/1s"
        all_runs(results=tmp_path)
        all_runs(results=tmp_path)
        await until(lambda: controller.import_.view() is not None)  # type: ignore[union-attr]
        controller.import_.stop()  # type: ignore[union-attr]
        await asyncio.to_thread(controller.import_.wait)  # type: ignore[union-attr]
        live_import(results=tmp_path, limit="99/1s")
        assert controller.form.typed["limit"] == "99/1s"
        show._refresher.close()

    with running_in_thread(ServerConfig.from_mapping({"items": 100, "limit": "100000/1s"})) as api:
        asyncio.run(cells(api.url))
    panel, again, table, table_again, last = displayed
    assert panel is again is last
    assert table is table_again
    assert panel is not table


def test_a_view_that_fails_is_said_and_shown_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are called on; asked for again, it is called again."""
    monkeypatch.setattr("harness.notebook.show.EVERY_S", SHORTEST_S)
    calls: list[str] = []
    told: list[str] = []

    def bad() -> None:
        calls.append("bad")
        raise ZeroDivisionError("by <zero>")

    async def good() -> None:
        calls.append("good")

    async def main() -> None:
        refresher = Refresher()
        refresher.call("bad", bad, told.append)
        refresher.call("good", good, told.append)
        await until(lambda: calls.count("good") > 2)
        assert calls.count("bad") == 1
        refresher.call("bad", bad, told.append)
        await until(lambda: calls.count("bad") > 1)
        refresher.close()

    with caplog.at_level(logging.ERROR, "harness"):
        asyncio.run(main())
    assert "the view bad failed" in caplog.text
    words = "bad failed (ZeroDivisionError: by <zero>) and is no longer kept up to date; run its cell again. "
    assert told == [f"{words}Imports continue."] * 2


def test_a_board_that_fails_says_so_on_the_page(
    displayed: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither board nor table stays blank or old without a word."""
    monkeypatch.setattr("harness.notebook.show.EVERY_S", SHORTEST_S)

    def broken(*_: object) -> None:
        raise KeyError("broken")

    async def main() -> None:
        live_import(results=tmp_path)
        controller = show._controllers[tmp_path]
        monkeypatch.setattr(controller, "tick", broken)
        live_import(results=tmp_path)
        await until(lambda: "the board failed (KeyError: 'broken')" in controller.widget.note[0])
        assert controller.widget.note[1]
        all_runs(results=tmp_path)
        monkeypatch.setattr(show._all_runs[tmp_path], "tick", broken)
        all_runs(results=tmp_path)
        await until(lambda: "the table of runs failed" in controller.widget.note[0])
        show._refresher.close()

    asyncio.run(main())


def test_what_cells_call_is_a_function_whatever_was_imported_before() -> None:
    """A module of that name would stand before it."""
    names = [each.name for each in pkgutil.iter_modules(notebook.__path__)]
    assert len(names) > 5
    assert not set(names) & set(notebook.__all__)
