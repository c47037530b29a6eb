"""The table of all runs: what each row shows, which rows there are under a filter and a sort, and the widget for it.

Which rows there are, and what stands in them, is decided in Python; the browser puts them in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from harness.record.status import RunStatus
from harness.views.figures import hits_cell, items_cell
from harness.views.panel.html import TONES
from harness.views.runs import RunRow
from harness.views.screen import LOOKS
from harness.views.text import count, duration, percent, printable, share_done

FILTERS = ("all", "running", "complete", "with failures")
# More rows than this nobody reads; a filter or a name finds the others.
MOST_ROWS = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """The words and look of a status's badge, and the filters under which it is found."""

    glyph: str
    words: str
    tone: str
    filters: frozenset[str]


def standing(row: RunRow) -> Standing:
    """Decide how a run stands, in one place, so that a badge and a filter cannot disagree."""
    look = LOOKS[row.status]
    complete, under_way = row.status.is_complete, row.status.is_open
    words = "complete" if complete and row.failed else look.word
    if under_way and row.total is not None:
        words += f" {share_done(row.imported, row.total)}"
    words += f", {count(row.failed)} failed" if row.failed else ""
    words += ", end not recorded" if row.lacks_evidence else ""
    failures = row.failed > 0 or row.status is RunStatus.WITH_FAILURES
    found = {"all": True, "running": under_way, "complete": complete, "with failures": failures}
    glyph, tone = ("!", "mind") if complete and failures else (look.glyph, TONES[look.style])
    return Standing(glyph, words, tone, frozenset(name for name, holds in found.items() if holds))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its head, how a cell reads, and what it is sorted by."""

    head: str
    cell: Callable[[RunRow], str]
    key: Callable[[RunRow], Any]
    right: bool = True


COLUMNS: Mapping[str, Column] = {
    "run": Column("Run", lambda row: printable(row.name), lambda row: row.name, right=False),
    "status": Column("Status", lambda row: standing(row).words, lambda row: standing(row).words, right=False),
    "items": Column("Items", items_cell, lambda row: row.imported),
    "duration": Column("Duration", lambda row: duration(row.duration_s), lambda row: row.duration_s),
    "hits": Column("429s", lambda row: hits_cell(row.hits, row.refusals), lambda row: sum(row.refusals.values())),
    "sleeps": Column("Waits", lambda row: count(row.sleeps), lambda row: row.sleeps),
    "best": Column("Of best", lambda row: percent(row.optimality, 1), lambda row: row.optimality or -1.0),
}


def found(rows: Iterable[RunRow], wanted: str, text: str) -> list[RunRow]:
    """Return the rows under the filter `wanted` whose names hold `text`, in the order given."""
    return [row for row in rows if wanted in standing(row).filters and text.lower() in row.name.lower()]


def in_order(rows: Sequence[RunRow], column: str, descending: bool) -> list[RunRow]:
    """Sort the rows by a column; by none, they stay as they are: the newest first."""
    return sorted(rows, key=COLUMNS[column].key, reverse=descending) if column in COLUMNS else list(rows)


def tally(rows: Iterable[RunRow]) -> dict[str, int]:
    """Count the rows under each filter."""
    standings = [standing(row) for row in rows]
    return {name: sum(name in stands.filters for stands in standings) for name in FILTERS}


def cells(row: RunRow) -> dict[str, Any]:
    """Return a row as the browser gets it: texts, the look of the badge, and how full the bar is."""
    stands = standing(row)
    share = None if row.total is None else 1.0 if row.total == 0 else min(1.0, row.imported / row.total)
    texts = {name: column.cell(row) for name, column in COLUMNS.items()}
    return {"name": row.name, "glyph": stands.glyph, "tone": stands.tone, "share": share, "cells": texts}


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
            self.empty = "no runs yet" if not rows else "no run matches"
            if any(name not in names for name in self.chosen):
                self.chosen = [name for name in self.chosen if name in names]
