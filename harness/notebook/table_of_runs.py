"""All runs of a folder: the table, which is the switch for what is shown beside it, and what can be done to the runs.

Reading happens in a thread, one at a time; widgets are written by `tick`, on the kernel's loop. What buttons ask for
is done in the thread that reads, so that no callback waits for a disk. What a browser sends names runs, and a name
counts only where the index has such a run: it is never taken for a path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import ipywidgets as w

from harness.errors import HarnessError
from harness.notebook.controller import Controller
from harness.notebook.downloads import Downloads
from harness.notebook.run_actions import RunActions, clone_of
from harness.notebook.run_index import RunIndex
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.views.panel.compare import compare
from harness.views.panel.runs_table import RunsTable
from harness.views.runs import RunRow
from harness.views.text import plural

EVERY_S = 1.0
_MOST_COMPARED = 8

OnChosen = Callable[[Run | None], object]
OpenForm = Callable[[dict[str, Any]], object]


class AllRuns:
    """The table and what belongs to it; `widget` is what a cell shows.

    controller: continues a chosen run; None where nothing may be controlled. controls: whether there are any buttons,
    and any message of a browser is obeyed. on_chosen: is told which run is chosen alone (None: none, or several), at
    each change. open_form: gets the settings of a run to be cloned, by default the controller's.
    """

    def __init__(
        self,
        results: Path,
        controller: Controller | None = None,
        *,
        controls: bool = True,
        on_chosen: OnChosen = lambda _: None,
        open_form: OpenForm | None = None,
    ) -> None:
        self.results = results
        self._controller = controller
        self._on_chosen = on_chosen
        self._open_form = open_form or (None if controller is None else controller.open_form)
        self._heard: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self.table = RunsTable(controls=controls and controller is not None, heard=self._heard.put)
        self._index = RunIndex(results)
        self._downloads = Downloads(self.table.send, self._say)
        self._do = RunActions(results, self._downloads.offer)
        self._compared: tuple[list[RunRow], str] = ([], "")
        self._asked: SimpleQueue[Callable[[], str]] = SimpleQueue()
        self._retries: list[Run] = []
        self._said = ("", False)
        self._scanned = False
        self._reading: asyncio.Future[None] | None = None
        self._next_s = self._beat_s = 0.0
        self._shown: object = None
        self._told: str | None = None
        self.widget = w.VBox([self.table])

    @property
    def chosen(self) -> list[Run]:
        """The runs chosen in the table that are still there."""
        return self._named(self.table.chosen)

    def _named(self, names: Any) -> list[Run]:
        """Return the runs of these names; what a browser calls a name and the index does not know is none."""
        known = names if isinstance(names, (list, tuple)) else []
        return [Run(self.results / name) for name in known if isinstance(name, str) and self._index.get(name)]

    def tick(self) -> None:
        """Show what was read last, and read again when a second has passed or something was asked for."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._beat_s:  # also while a disk is slow
            self._beat_s = loop.time() + EVERY_S
            self.beat()
        self._hear()
        self._show()
        self._downloads.tick(loop.time())
        if self._reading is not None and not self._reading.done():
            return
        self.go_on_with_next()
        if loop.time() >= self._next_s or not self._asked.empty():
            self._next_s = loop.time() + EVERY_S
            self._reading = loop.run_in_executor(None, self._read, self.chosen)

    def tell(self, failure: str) -> None:
        """Say at once, since no tick may follow, that the table failed."""
        self.table.say(failure, True)

    def beat(self) -> None:
        """Tell the browser that the kernel is there."""
        self.table.beat += 1

    def go_on_with_next(self) -> None:
        """Retry what failed in the next of the runs for which that was asked, once the last one is over."""
        if self._retries and self._controller is not None and not self._controller.at_work:
            self._controller.retry_in(self._retries.pop(0))

    def read_now(self) -> None:
        """Do what was asked, read everything in this thread and show it, for a table that is shown once."""
        self._hear()
        self._read(self.chosen)
        self._show()

    # --- in the thread that reads ---------------------------------------------------------------------------------

    def _read(self, chosen: list[Run]) -> None:
        while True:
            try:
                self._say(self._asked.get_nowait()())
            except Empty:
                break
            except (HarnessError, OSError) as error:
                self._say(str(error), True)
        self._index.scan()
        self._scanned = True
        try:
            self._look_at([run for run in chosen if run.folder.is_dir()])
        except (HarnessError, OSError) as error:
            self._say(str(error), True)

    def _look_at(self, chosen: list[Run]) -> None:
        rows = [row for run in chosen if (row := self._index.get(run.name)) is not None]
        if rows != self._compared[0]:
            self._compared = rows, self._compare(chosen)

    def _compare(self, chosen: Sequence[Run]) -> str:
        if len(chosen) < 2:
            return ""
        views = [self._index.view(run.name) for run in chosen[:_MOST_COMPARED]]
        return compare(views, len(chosen) - len(views))

    # --- what is shown --------------------------------------------------------------------------------------------

    def _say(self, text: str, bad: bool = False) -> None:
        self._said = (text, bad)

    def _show(self) -> None:
        self._follow_link()
        table = self.table
        wanted = (table.wanted, table.text, tuple(table.sort), tuple(table.chosen), table.most)
        key = (wanted, self._index.rows, self._said, self._index.unread, self._compared)
        if key == self._shown:  # nothing was read and nobody wanted anything else
            return
        table.show(self._index.rows, utc_s())
        self._shown = ((*wanted[:3], tuple(table.chosen), wanted[4]), *key[1:])
        table.say(*self._words(len(table.chosen)))
        table.compared = self._compared[1] if len(table.chosen) > 1 else ""
        alone = table.chosen[0] if len(table.chosen) == 1 else None
        if alone != self._told:
            self._told = alone
            self._on_chosen(None if alone is None else Run(self.results / alone))

    def _follow_link(self) -> None:
        """Choose the run that the page's address names, as soon as it has been read."""
        name = self.table.linked
        if not name or self.table.open_run(name, self._index.rows):
            return
        if self._scanned and not self._index.unread:
            self.table.linked = ""
            self._say(f"the address names run {name}, and there is none of that name here", True)

    def _words(self, chosen: int) -> tuple[str, bool]:
        if self._said[0]:
            return self._said
        if self._index.damaged:
            return f"cannot be read: {'; '.join(self._index.damaged[:3])}", True
        if self._index.unread:
            return f"reading {plural(self._index.unread, 'more run')}", False
        return ("" if chosen else "Choose one run for its details, several to compare them."), False

    # --- what the buttons do --------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take what the browser asked for since the last time."""
        while True:
            try:
                message = self._heard.get_nowait()
            except Empty:
                return
            if message.get("do") in ("take", "got"):
                self._downloads.heard(message)
            else:
                self._obey(message, self._named(message.get("names")))

    def _obey(self, message: Mapping[str, Any], runs: list[Run]) -> None:
        """Do something with runs; the thread that reads does what touches files."""
        action = message.get("do")
        self._say("")
        if not runs or self._controller is None:
            return
        if action == "resume" and len(runs) == 1 and not runs[0].status.is_open:
            self._controller.go_on(runs[0])
        elif action == "clone":
            self._clone(runs[0])
        elif action == "retry":
            ended = [run for run in runs if not run.status.is_open]
            self._retries += ended
            self._asked.put(lambda: self._do.steer([run for run in runs if run not in ended], "retry"))
        else:
            self._asked.put(lambda: self._do(str(action), runs, message))

    def _clone(self, run: Run) -> None:
        if self._open_form is None:
            return
        try:
            self._open_form(clone_of(run))
            self._say(f"the form has the settings of {run.name}")
        except HarnessError as error:
            self._say(str(error), True)
