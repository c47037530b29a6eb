"""All runs of a folder: the table, several of them side by side, and what can be done to them.

Reading happens in a thread, one at a time; widgets are written by `tick`, on the kernel's loop. What buttons ask for
is done in the thread that reads, so that no callback waits for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

import ipywidgets as w

from harness.errors import HarnessError
from harness.notebook.controller import Controller
from harness.notebook.run_index import RunIndex
from harness.record.items import export
from harness.record.run import Run
from harness.record.run_view import view_of
from harness.session.control import Asked, RemoteHandle
from harness.session.reader import settings_of, written_summary
from harness.views.panel.actions import Actions, compare
from harness.views.panel.runs import RunsTable
from harness.views.text import plural

EVERY_S = 1.0
_MOST_COMPARED = 8
_COMMANDS: dict[str, Callable[[RemoteHandle], Asked]] = {
    "pause": RemoteHandle.pause,
    "resume": RemoteHandle.resume,
    "stop": RemoteHandle.stop,
    "retry": RemoteHandle.retry,
}


class AllRuns:
    """The table and what belongs to it; `widget` is what a cell shows.

    controller: continues a chosen run; None where nothing may be controlled. controls: whether there are any buttons.
    on_chosen: is told which run is chosen alone, at each change (None: none, or several).
    """

    def __init__(
        self,
        results: Path,
        controller: Controller | None = None,
        *,
        controls: bool = True,
        on_chosen: Callable[[Run | None], object] = lambda _: None,
    ) -> None:
        self.results = results
        self.table = RunsTable()
        self.actions = Actions(self._do)
        self._controller = controller
        self._on_chosen = on_chosen
        self._told: str | None = None
        self._index = RunIndex(results)
        self._compared = ""
        self._asked: SimpleQueue[Callable[[], str]] = SimpleQueue()
        self._retries: list[Run] = []
        self._said = ("", False)
        self._reading: asyncio.Future[None] | None = None
        self._next_s = 0.0
        self._shown: object = None
        self.side = w.HTML()
        buttons = [self.actions.widget] if controls and controller is not None else []
        self.widget = w.VBox([self.table, *buttons, self.side])

    @property
    def chosen(self) -> list[Run]:
        """The runs chosen in the table that are still there. A browser may send any name, `../elsewhere` say."""
        known = {row.name for row in self._index.rows}
        chosen = [Run(self.results / name) for name in self.table.chosen if name in known]
        return [run for run in chosen if run.folder.is_dir()]

    def tick(self) -> None:
        """Show what was read last, and read again when a second has passed or something was asked for."""
        self._show()
        one = self.chosen[0] if len(self.chosen) == 1 else None
        if (None if one is None else one.name) != self._told:
            self._told = None if one is None else one.name
            self._on_chosen(one)
        loop = asyncio.get_running_loop()
        if self._reading is not None and not self._reading.done():
            return
        self.go_on_with_next()
        if loop.time() >= self._next_s or not self._asked.empty():
            self._next_s = loop.time() + EVERY_S
            self._reading = loop.run_in_executor(None, self._read, self.chosen)

    def go_on_with_next(self) -> None:
        """Retry what failed in the next of the runs for which that was asked, once the last one is over."""
        if self._retries and self._controller is not None and not self._controller.at_work:
            self._controller.retry_in(self._retries.pop(0))

    def read_now(self) -> None:
        """Read everything in this thread and show it, for a table that is shown once."""
        self._read(self.chosen)
        self._show()

    # --- in the thread that reads ---------------------------------------------------------------------------------

    def _read(self, chosen: list[Run]) -> None:
        while True:
            try:
                self._said = (self._asked.get_nowait()(), False)
            except Empty:
                break
            except (HarnessError, OSError) as error:
                self._said = (str(error), True)
        self._index.scan()
        try:
            self._look_at([run for run in chosen if run.folder.is_dir()])
        except (HarnessError, OSError) as error:
            self._said = (str(error), True)

    def _look_at(self, chosen: list[Run]) -> None:
        several = chosen[:_MOST_COMPARED] if len(chosen) > 1 else []
        written = [(run, written_summary(run)) for run in several]
        views = [view_of(summary, settings=settings_of(run)) for run, summary in written if summary is not None]
        self._compared = compare(views) if len(views) > 1 else ""

    # --- what is shown --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        wanted = (self.table.wanted, self.table.text, tuple(self.table.sort), tuple(self.table.chosen))
        key = (wanted, self._index.rows, self._said, self._index.unread, self._compared)
        if key == self._shown:  # nothing was read and nobody wanted anything else
            return
        self._shown = key
        self.table.show(self._index.rows)
        chosen = set(self.table.chosen)
        rows = [row for row in self._index.rows if row.name in chosen]
        self.actions.enable(
            under_way=sum(row.status.is_open for row in rows),
            ended_early=sum(row.status.is_resumable for row in rows),
            failed=sum(row.failed for row in rows),
            chosen=[row.name for row in rows],
        )
        self.actions.say(*self._words(len(rows)))
        self.side.value = self._compared

    def _words(self, chosen: int) -> tuple[str, bool]:
        if self._index.damaged:
            return f"cannot be read: {'; '.join(self._index.damaged[:3])}", True
        if self._said[0]:
            return self._said
        if self._index.unread:
            return f"reading {plural(self._index.unread, 'more run')}", False
        return ("" if chosen else "Choose one run for its details, several to compare them."), False

    # --- what the buttons do --------------------------------------------------------------------------------------

    def _do(self, action: str) -> None:
        """Do something with the runs that are chosen; the thread that reads does what touches files."""
        if self._controller is None:  # no button says so, but a message may
            return
        chosen = self.chosen
        self._said = ("", False)
        if action == "go on":
            self._controller.go_on(chosen[0])
        elif action == "retry":
            ended = [run for run in chosen if not run.status.is_open]
            self._retries += ended
            self._asked.put(lambda: self._ask([run for run in chosen if run not in ended], "retry"))
        elif action in ("csv", "parquet"):
            self._asked.put(lambda: self._export(chosen, action))
        elif action == "delete":
            self._asked.put(lambda: self._delete(chosen))
        else:
            self._asked.put(lambda: self._ask(chosen, action))

    def _ask(self, runs: list[Run], command: str) -> str:
        for run in runs:
            _COMMANDS[command](RemoteHandle(run))
        return f"asked {plural(len(runs), 'run')} to {command}" if runs else ""

    def _export(self, runs: list[Run], ending: str) -> str:
        folder = self.results.parent / "exports"
        folder.mkdir(exist_ok=True)
        written = []
        for run in runs:
            path = folder / f"{run.name}.{ending}"
            written.append(f"{plural(export(run, path), 'item')} in {path}")
        return "; ".join(written)

    def _delete(self, runs: list[Run]) -> str:
        for run in runs:
            run.remove()
        return f"deleted {', '.join(run.name for run in runs)}"
