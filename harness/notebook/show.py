"""The functions that the cells of `notebooks/live_import.ipynb` call, and the one task that writes all widgets.

The task runs on the kernel's loop, a few times a second, because callbacks of widgets may come in other threads, with
loops that do not live on. A view that fails says so on the page and is written no more, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from IPython.display import HTML, DisplayHandle, display

from harness.notebook.controller import Controller
from harness.notebook.handles import LocalRun
from harness.notebook.run_index import RunIndex
from harness.notebook.table_of_runs import AllRuns
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.settings import as_switch, checked, notebook_folder
from harness.views.panel.run_widget import page, rows_page

# Four times a second looks alive, and costs the import next to nothing.
EVERY_S = 0.25
# Of these, one in so many says that the kernel is there.
_SLOWLY = 4

_log = logging.getLogger("harness")


class View(Protocol):
    """What is kept up to date. tick: write what has changed, and say that the kernel is there.

    Once `tick` has failed, `tell` is called with what went wrong, and only `beat`, which says that the kernel is there.
    """

    def tick(self) -> None: ...

    def tell(self, failure: str) -> None: ...

    def beat(self) -> None: ...


class Refresher:
    """Keeps the views that it was given up to date, by name, until it is closed."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._failed: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def call(self, name: str, view: View) -> None:
        """Call `view.tick` every 0.25 s from now on, in place of what had this name. To be called from the kernel's
        loop, as a cell is.
        """
        self._views[name] = view
        self._failed.discard(name)
        self.close()
        # Anew each time: what a task shows belongs to the cell that started it.
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Call nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        for number in count():
            for name, view in list(self._views.items()):
                if name not in self._failed:
                    self._try(name, view)
                elif number % _SLOWLY == 0:
                    view.beat()
            await asyncio.sleep(EVERY_S)

    def _try(self, name: str, view: View) -> None:
        try:
            view.tick()
        except Exception as error:
            self._failed.add(name)
            _log.exception("%s failed", name)
            why = f"{type(error).__name__}: {error}".removesuffix(": ")
            view.tell(f"{name} failed ({why}) and is no longer kept up to date; run its cell again. Imports continue.")


# One of each per folder: a cell that is run again shows the board there is, for its import may be under way.
_controllers: dict[Path, Controller] = {}
_all_runs: dict[Path, AllRuns] = {}
_refresher = Refresher()


def live_import(*, live: bool | str = True, results: str | Path | None = None, **settings: Any) -> Run | None:
    """Show the board, whose form holds `settings`; it follows the newest import, and begins one when asked.

    Not `live`, as papermill runs it: import at once, show how it goes without widgets, and answer the run.
    """
    folder = notebook_folder(results)
    if settings.get("items") is not None and (settings.get("url") or settings.get("source")):
        settings["max_items"] = settings.pop("items")  # as the form's field means it
    config = checked({**settings, "results": folder})  # what is wrong is said before anything happens
    if not as_switch("LIVE", live):
        return _in_batch(LocalRun(config).start())
    controller = _controller(folder)
    if controller.at_work:
        controller.say("This import was already running; it keeps the settings that it was started with.")
    else:
        controller.form.fill(settings)
    display(controller.widget)
    _refresher.call(f"the board of {folder}", controller)
    return None


def all_runs(*, live: bool | str = True, results: str | Path | None = None) -> None:
    """Show the table of all runs in `results`, refreshed each second; not `live`, as it is now."""
    folder = notebook_folder(results)
    if not as_switch("LIVE", live):
        index = RunIndex(folder)
        index.scan()
        display(HTML(rows_page(index.rows)))
        return
    runs = _all_runs.get(folder)
    if runs is None:
        runs = _all_runs[folder] = table_beside(_controller(folder))
    display(runs.widget)
    _refresher.call(f"the table of {folder}", runs)


def table_beside(board: Controller) -> AllRuns:
    """Return the table of all runs that is the switch of `board`, and has controls where that has them."""
    steers = board.policy.controls
    runs = AllRuns(board.results, board if steers else None, controls=steers, on_chosen=board.choose)
    runs.table.folder = board.widget.folder
    board.on_follow = lambda: setattr(runs.table, "chosen", [])
    return runs


def _controller(folder: Path) -> Controller:
    if folder not in _controllers:
        _controllers[folder] = Controller({}, folder)
    return _controllers[folder]


def _in_batch(import_: LocalRun) -> Run:
    """Wait for the end in this cell, and show how far it is in one place, which is written again and again."""
    shown: list[DisplayHandle] = []

    def look() -> None:
        now = import_.view()
        if now is None:
            return
        html = HTML(page(now, utc_s()))
        if shown:
            shown[0].update(html)
        else:
            shown.append(display(html, display_id=True))

    return import_.wait(look=look)
