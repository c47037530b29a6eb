"""The table of all runs, as a widget: which rows there are is decided in Python, the browser puts them in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from harness.views.panel.rows import COLUMNS, FILTERS, MOST_ROWS, cells, found, in_order, tally
from harness.views.runs import RunRow

HERE = Path(__file__).parent


class RunsTable(anywidget.AnyWidget):
    """Shows the rows it was last given, filtered and sorted as somebody wants; `chosen` are the names chosen.

    Traits that the browser changes take effect at the next `show`, which also forgets choices that are gone.
    """

    _esm = HERE / "runs.js"
    _css = HERE / "panel.css"
    columns = traitlets.List([[name, column.head, column.right] for name, column in COLUMNS.items()]).tag(sync=True)
    filters = traitlets.List(list(FILTERS)).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    tally = traitlets.Dict().tag(sync=True)
    hidden_rows = traitlets.Int(0).tag(sync=True)
    empty = traitlets.Unicode("no runs yet").tag(sync=True)
    wanted = traitlets.Unicode("all").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    sort: Any = traitlets.List(["", True]).tag(sync=True)  # column (none: newest first), descending
    chosen: Any = traitlets.List().tag(sync=True)

    def show(self, rows: Sequence[RunRow]) -> None:
        """The runs there are now, the newest first."""
        here = in_order(found(rows, self.wanted, self.text), *self.sort)
        names = {row.name for row in rows}
        with self.hold_sync():
            self.rows = [cells(row) for row in here[:MOST_ROWS]]
            self.hidden_rows = max(0, len(here) - MOST_ROWS)
            self.tally = tally(rows)
            self.empty = "no runs yet" if not rows else "no run is like that"
            if any(name not in names for name in self.chosen):
                self.chosen = [name for name in self.chosen if name in names]
