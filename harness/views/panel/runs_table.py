"""The widget of the table of runs: it shows what `runs` makes of the rows, and passes on what is asked of it.

The browser is sent what changed: all rows where others are shown or stand elsewhere, else those that read otherwise.
What somebody sets in the browser (filter, search, sort, columns, choice) takes effect at the next `show`, which also
lets go of every choice that is no longer to be seen. What is asked for by a button, or told about a download, comes as
a message; without `controls` there are no buttons, and no message is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from harness.record.clock import local_day
from harness.views.panel.actions import ACTIONS, DOWNLOADS, of_use
from harness.views.panel.runs import COLUMNS, FILTERS, MOST_ROWS, SHOWN, Memory, cells, found, in_order, tally
from harness.views.runs import RunRow

HERE = Path(__file__).parent
# Up to so many rows that read otherwise are sent by themselves.
_FEW = 20
_LONGEST_SEARCH = 500


def _joined(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


class RunsTable(anywidget.AnyWidget):
    """Shows the rows it was last given, filtered and sorted as somebody wants; `chosen` are the names chosen.

    linked: the run that the page's address names, until `open_run`. heard: is called with each message of the browser.
    """

    _esm = _joined("pieces.js", "connection.js", "runs_parts.js", "runs_tools.js", "runs_downloads.js", "runs.js")
    _css = _joined("panel.css", "runs.css")
    columns = traitlets.List([[name, column.head, column.right] for name, column in COLUMNS.items()]).tag(sync=True)
    filters = traitlets.List(list(FILTERS)).tag(sync=True)
    actions = traitlets.List([[name, *words] for name, words in ACTIONS.items()]).tag(sync=True)
    downloads = traitlets.List([[name, *words] for name, words in DOWNLOADS.items()]).tag(sync=True)
    controls = traitlets.Bool(True).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    fresh: Any = traitlets.Dict().tag(sync=True)  # rows that read otherwise since `rows` was sent, by name
    tally = traitlets.Dict().tag(sync=True)
    hidden_rows = traitlets.Int(0).tag(sync=True)
    empty = traitlets.Unicode("no runs yet").tag(sync=True)
    enabled: Any = traitlets.List().tag(sync=True)
    said: Any = traitlets.List(["", False]).tag(sync=True)  # a sentence, and whether it is bad news
    beat = traitlets.Int(0).tag(sync=True)  # the browser says so when it stops
    folder = traitlets.Unicode("").tag(sync=True)  # a mark that a table and its board have in common
    compared = traitlets.Unicode("").tag(sync=True)  # HTML
    # Set in the browser.
    wanted = traitlets.Unicode("all").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    sort: Any = traitlets.List(["", True]).tag(sync=True)  # column (none: newest first), descending
    shown: Any = traitlets.List(list(SHOWN)).tag(sync=True)
    most = traitlets.Int(MOST_ROWS).tag(sync=True)
    chosen: Any = traitlets.List().tag(sync=True)
    linked = traitlets.Unicode("").tag(sync=True)

    def __init__(self, *, controls: bool = True, heard: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        super().__init__(controls=controls)
        self._memory = Memory()
        if controls and heard is not None:
            self.on_msg(lambda _, content, __: heard(content) if isinstance(content, dict) else None)

    def show(self, rows: Sequence[RunRow], now_utc_s: float = 0.0) -> None:
        """Show the runs there are now, the newest first."""
        self._memory.keep(rows, local_day(now_utc_s))
        here = in_order(found(rows, self.wanted, self.text[:_LONGEST_SEARCH], self._memory), *self._sorted())
        seen = here[: max(MOST_ROWS, self.most)]
        names = {row.name for row in seen}
        with self.hold_sync():
            self._put([cells(row, now_utc_s, self._memory) for row in seen])
            self.hidden_rows = len(here) - len(seen)
            self.tally = tally(rows, self._memory)
            self.empty = "no runs yet" if not rows else "no run matches"
            kept = [name for name in self.chosen if isinstance(name, str) and name in names]
            if kept != self.chosen:
                self.chosen = kept
            chosen = set(kept)
            self.enabled = of_use([row for row in seen if row.name in chosen]) if self.controls else []

    def open_run(self, name: str, rows: Sequence[RunRow]) -> bool:
        """Choose the run `name` alone, and let go of whatever would hide it; False where there is none."""
        places = [at for at, row in enumerate(rows) if row.name == name]
        if not places:
            return False
        with self.hold_sync():
            self.wanted, self.text, self.sort = "all", "", ["", True]
            self.most = max(self.most, places[0] + 1)
            self.chosen, self.linked = [name], ""
        return True

    def say(self, text: str, bad: bool = False) -> None:
        """Show a sentence below the buttons."""
        self.said = [text, bad]

    def _sorted(self) -> tuple[str, bool]:
        """Return the column and the direction; the newest first where the browser sent something else."""
        match self.sort:
            case [str(column), bool(descending)]:
                return column, descending
        return "", True

    def _put(self, made: list[dict[str, Any]]) -> None:
        """Send the rows, or of those that stand where they stood only what reads otherwise."""
        before = {row["name"]: row for row in self.rows}
        if list(before) == [row["name"] for row in made]:
            fresh = {row["name"]: row for row in made if row is not before[row["name"]] and row != before[row["name"]]}
            if len(fresh) <= _FEW:
                self.fresh = fresh
                return
        self.rows, self.fresh = made, {}
