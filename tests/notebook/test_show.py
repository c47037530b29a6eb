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


class Spy:
    """A view that counts what it is called for, and fails where it is to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.ticks = self.beats = 0
        self.told: list[str] = []

    def tick(self) -> None:
        self.ticks += 1
        if self.failure is not None:
            raise self.failure

    def beat(self) -> None:
        self.beats += 1

    def tell(self, failure: str) -> None:
        self.told.append(failure)


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
    bad, good = Spy(ZeroDivisionError("by <zero>")), Spy()

    async def main() -> None:
        refresher = Refresher()
        refresher.call("bad", bad)
        refresher.call("good", good)
        await until(lambda: good.ticks > 2)
        assert (bad.ticks, good.beats) == (1, 0)
        await until(lambda: bad.beats > 1)  # its buttons go on working
        assert bad.ticks == 1
        refresher.call("bad", bad)
        await until(lambda: bad.ticks > 1)
        refresher.close()

    with caplog.at_level(logging.ERROR, "harness"):
        asyncio.run(main())
    assert "bad failed" in caplog.text
    words = "bad failed (ZeroDivisionError: by <zero>) and is no longer kept up to date; run its cell again. "
    assert bad.told == [f"{words}Imports continue."] * 2
    assert good.told == []


def test_a_board_that_fails_says_so_on_the_page(
    displayed: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither board nor table stays blank or old without a word, and the browser knows that the kernel is there."""
    monkeypatch.setattr("harness.notebook.show.EVERY_S", SHORTEST_S)

    def broken() -> None:
        raise KeyError("broken")

    async def main() -> None:
        live_import(results=tmp_path)
        all_runs(results=tmp_path)
        board, runs = show._controllers[tmp_path], show._all_runs[tmp_path]
        assert board.widget.folder == runs.table.folder != ""
        monkeypatch.setattr(board, "tick", broken)
        await until(lambda: f"the board of {tmp_path} failed (KeyError: 'broken')" in board.widget.note[0])
        assert board.widget.note[1]
        monkeypatch.setattr(runs, "tick", broken)
        await until(lambda: f"the table of {tmp_path} failed" in runs.table.said[0])
        beats = board.widget.beat, runs.table.beat
        await until(lambda: board.widget.beat > beats[0] and runs.table.beat > beats[1])
        show._refresher.close()

    asyncio.run(main())


def test_two_folders_have_a_board_each(displayed: list[object], tmp_path: Path) -> None:
    """Showing the one does not stop the other."""

    async def main() -> None:
        for name in ("a", "b"):
            live_import(results=tmp_path / name)
            all_runs(results=tmp_path / name)
        boards, tables = (list(known.values()) for known in (show._controllers, show._all_runs))
        await until(lambda: all(board.widget.beat > 0 for board in boards))
        await until(lambda: all(runs.table.beat > 0 for runs in tables))
        assert len({each.folder for each in [board.widget for board in boards] + [runs.table for runs in tables]}) == 2
        show._refresher.close()

    asyncio.run(main())


def test_what_cells_call_is_a_function_whatever_was_imported_before() -> None:
    """A module of that name would stand before it."""
    names = [each.name for each in pkgutil.iter_modules(notebook.__path__)]
    assert len(names) > 5
    assert not set(names) & set(notebook.__all__)
