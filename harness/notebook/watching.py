"""The board of a page for people who only watch: the newest import under way, or the run chosen in the table."""

from __future__ import annotations

import asyncio
from pathlib import Path

import ipywidgets as w

from harness.errors import HarnessError
from harness.notebook.run_index import RunIndex
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.session.reader import RunReader
from harness.views.panel.run_widget import RunWidget
from harness.views.panel.runs import RunsTable

EVERY_S = 1.0


class Watching:
    """The run and the table of all; `widget` is what a cell shows. It holds nothing that could start or steer."""

    def __init__(self, results: Path) -> None:
        self.table = RunsTable()
        self.run_widget = RunWidget()
        self.widget = w.VBox([self.run_widget, self.table])
        self._results = results
        self._index = RunIndex(results)
        self._reader: RunReader | None = None
        self._view: RunView | None = None
        self._said = ""
        self._reading: asyncio.Future[None] | None = None
        self._next_s = 0.0

    @property
    def shown(self) -> str | None:
        """The name of the run to show: what was chosen, else the newest under way, else the newest."""
        names = [row.name for row in self._index.rows]  # a browser may send any name
        chosen = [name for name in self.table.chosen if name in names]
        open_ = [row.name for row in self._index.rows if row.status.is_open]
        return next(iter([*chosen[:1], *open_, *names]), None)

    def tick(self) -> None:
        """Show what was read last, and read again when a second has passed."""
        self.table.show(self._index.rows)
        if self._view is not None and self._view.run == self.shown:
            self.run_widget.show(self._view, utc_s())
        elif self._said:
            self.run_widget.say(self._said, bad=True)
        loop = asyncio.get_running_loop()
        if (self._reading is None or self._reading.done()) and loop.time() >= self._next_s:
            self._next_s = loop.time() + EVERY_S
            self._reading = loop.run_in_executor(None, self._read)

    def _read(self) -> None:
        self._index.scan()
        name, self._said = self.shown, ""
        if name is None:
            self._reader = self._view = None
            return
        try:
            if self._reader is None or self._reader.run.name != name:
                self._reader = RunReader(Run(self._results / name), charted=True)
            self._view = self._reader.view(utc_s())
        except (HarnessError, OSError) as error:
            self._view, self._said = None, str(error)
