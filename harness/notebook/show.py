"""What the cells of `notebooks/live_import.ipynb` call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.display import HTML, DisplayHandle, display

from harness.notebook.all_runs import AllRuns
from harness.notebook.background import Background
from harness.notebook.desk import Desk
from harness.notebook.refresh import Refresher
from harness.notebook.shelf import Shelf
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.settings import as_switch, checked, notebook_folder
from harness.views.panel.page import page, rows_page

# One of each per kernel: a cell that is run again shows the panel there is, for its import may be under way.
_desks: dict[Path, Desk] = {}
_all_runs: dict[Path, AllRuns] = {}
_refresher = Refresher()


def live_import(*, live: bool | str = True, results: str | Path | None = None, **settings: Any) -> Run | None:
    """Show the panel, filled in with `settings`; it imports when somebody presses Start.

    Not `live`, as papermill runs it: import at once, show how it goes without widgets, and answer the run.
    """
    folder = notebook_folder(results)
    config = checked({**settings, "results": folder})  # what is wrong is said before anything happens
    if not as_switch("LIVE", live):
        return _in_batch(Background(config).start())
    desk = _desk(folder)
    if desk.at_work:
        desk.say("This import was under way already, so here it is again; its settings are those it was started with.")
    else:
        desk.controls.fill(settings)
    display(desk.widget)
    _refresher.call("live import", desk.tick)
    return None


def all_runs(*, live: bool | str = True, results: str | Path | None = None) -> None:
    """Show the table of all runs in `results`, refreshed each second; not `live`, as it is now."""
    folder = notebook_folder(results)
    if not as_switch("LIVE", live):
        shelf = Shelf(folder)
        shelf.scan()
        display(HTML(rows_page(shelf.rows)))
        return
    runs = _all_runs.get(folder)
    if runs is None:
        runs = _all_runs[folder] = AllRuns(folder, _desk(folder))
    display(runs.widget)
    _refresher.call("all runs", runs.tick)


def _desk(folder: Path) -> Desk:
    if folder not in _desks:
        _desks[folder] = Desk({}, folder)
    return _desks[folder]


def _in_batch(import_: Background) -> Run:
    """Wait for the end in this cell, and show glances of it in one place, which is written again and again."""
    shown: list[DisplayHandle] = []

    def look() -> None:
        if import_.glance is None:
            return
        html = HTML(page(import_.glance, import_.course, utc_s()))
        if shown:
            shown[0].update(html)
        else:
            shown.append(display(html, display_id=True))

    return import_.wait(look=look)
