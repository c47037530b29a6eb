"""The rows of the table of runs: what stands in each, and which there are under a filter, a search and a sort.

All of that is decided here; the browser puts rows in place. `runs_table` is the widget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from harness.record.status import RunStatus
from harness.views.figures import hits_cell, items_cell
from harness.views.panel.html import TONES
from harness.views.runs import RunRow
from harness.views.screen import LOOKS
from harness.views.text import UNKNOWN, count, duration, percent, printable, share_done, time_of_day

T = TypeVar("T")
FILTERS = ("running", "failed", "complete", "all")
# More rows than this nobody reads at once; a filter or a search finds the others.
MOST_ROWS = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """The words and look of a status's badge, and the filters under which it is found."""

    glyph: str
    words: str
    tone: str
    filters: frozenset[str]


def standing(row: RunRow) -> Standing:
    """Decide how a run stands, in one place, so that a badge and a filter cannot disagree.

    Under `failed` are the runs that failed, and those of which items did, whatever else they are.
    """
    look = LOOKS[row.status]
    complete, under_way = row.status.is_complete, row.status.is_open
    words = "complete" if complete and row.failed else look.word
    if under_way and row.total is not None:
        words += f" {share_done(row.imported, row.total)}"
    words += f", {count(row.failed)} failed" if row.failed else ""
    words += ", end not recorded" if row.lacks_evidence else ""
    failed = row.failed > 0 or row.status in (RunStatus.WITH_FAILURES, RunStatus.FAILED)
    found = {"all": True, "running": under_way, "complete": complete, "failed": failed}
    glyph, tone = ("!", "mind") if complete and failed else (look.glyph, TONES[look.style])
    return Standing(glyph, words, tone, frozenset(name for name, holds in found.items() if holds))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its head, how a cell reads at a moment, and what it is sorted by.

    shown: it is there until somebody chooses others.
    """

    head: str
    cell: Callable[[RunRow, float], str]
    key: Callable[[RunRow], Any]
    right: bool = True
    shown: bool = True


def _text(head: str, text: Callable[[RunRow], str], shown: bool = True) -> Column:
    return Column(head, lambda row, _: printable(text(row)), lambda row: text(row).casefold(), False, shown)


def _number(
    head: str, cell: Callable[[RunRow], str], number: Callable[[RunRow], float | None], shown: bool = True
) -> Column:
    """Sort numbers by their size, those that are not known below all others."""
    return Column(head, lambda row, _: cell(row), lambda row: -1.0 if number(row) is None else number(row), True, shown)


def _when(row: RunRow, now_utc_s: float) -> str:
    return UNKNOWN if row.created_utc_s is None else time_of_day(row.created_utc_s, now_utc_s)


COLUMNS: Mapping[str, Column] = {
    "run": _text("Run", lambda row: row.name),
    "when": Column("When", _when, lambda row: row.created_utc_s or 0.0),
    "source": _text("Source", lambda row: row.source),
    "limit": _text("Limit", lambda row: row.limits),
    "workers": _number("Workers", lambda row: count(row.workers), lambda row: row.workers),
    "status": _text("Status", lambda row: standing(row).words),
    "items": _number("Progress", items_cell, lambda row: row.imported),
    "failed": _number("Failed", lambda row: count(row.failed), lambda row: row.failed),
    "hits": _number("429s", lambda row: hits_cell(row.hits, row.refusals), lambda row: sum(row.refusals.values())),
    "sleeps": _number("Waits", lambda row: count(row.sleeps), lambda row: row.sleeps),
    "duration": _number("Duration", lambda row: duration(row.duration_s), lambda row: row.duration_s),
    "best": _number("Of best", lambda row: percent(row.optimality, 1), lambda row: row.optimality),
    "tags": _text("Tags", lambda row: ", ".join(row.tags)),
    "waiting": _number("Waiting", lambda row: duration(row.waiting_s), lambda row: row.waiting_s, False),
    "strategy": _text("Pacing", lambda row: row.strategy, False),
    "requests": _number("Requests", lambda row: count(row.requests), lambda row: row.requests, False),
    "rate": _number(
        "Requests/s",
        lambda row: UNKNOWN if row.requests_per_s is None else f"{row.requests_per_s:.1f}",
        lambda row: row.requests_per_s,
        False,
    ),
    "p95": _number("Latency p95", lambda row: duration(row.latency_p95_s), lambda row: row.latency_p95_s, False),
    "sessions": _number("Sessions", lambda row: count(row.sessions), lambda row: row.sessions, False),
}
SHOWN = tuple(name for name, column in COLUMNS.items() if column.shown)
# What a search looks into; figures are for sorting, and a search for 10 would find every other run.
_SEARCHED = ("run", "source", "limit", "status", "strategy", "tags")


def searched(row: RunRow) -> str:
    """Return what a search looks into: name, source and its URL, limits, workers, status, pacing and tags."""
    words = [COLUMNS[name].cell(row, 0.0) for name in _SEARCHED]
    return "\n".join([*words, row.url, f"{row.workers} workers"]).casefold()


def matches(text: str, query: str) -> bool:
    """Return True if each word of `query` is somewhere in `text`, which `searched` made."""
    return all(word in text for word in query.casefold().split())


class Memory:
    """What was made of each row, so that 1,000 rows of which one has changed are made once."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[RunRow, dict[str, Any]]] = {}
        self._day: date | None = None

    def keep(self, rows: Iterable[RunRow], today: date) -> None:
        """Forget what was made of other rows than these, and on another day, for a cell may say which day it was."""
        before = self._made if today == self._day else {}
        old = ((row, before.get(row.name)) for row in rows)
        self._made = {row.name: known if known is not None and known[0] is row else (row, {}) for row, known in old}
        self._day = today

    def get(self, row: RunRow, make: Callable[[RunRow], T]) -> T:
        """Return what `make` makes of the row."""
        known = self._made.get(row.name)
        if known is None or known[0] is not row:
            return make(row)
        name = make.__name__
        if name not in known[1]:
            known[1][name] = make(row)
        made: T = known[1][name]
        return made


# Remembers nothing.
_NO_MEMORY = Memory()


def found(rows: Iterable[RunRow], wanted: str, query: str, memory: Memory = _NO_MEMORY) -> list[RunRow]:
    """Return the rows under the filter `wanted` that hold every word of `query`, in the order given."""
    here = [row for row in rows if wanted in memory.get(row, standing).filters]
    return [row for row in here if matches(memory.get(row, searched), query)] if query.strip() else here


def in_order(rows: Sequence[RunRow], column: str, descending: bool) -> list[RunRow]:
    """Sort the rows by a column; by none, they stay as they are: the newest first."""
    return sorted(rows, key=COLUMNS[column].key, reverse=descending) if column in COLUMNS else list(rows)


def tally(rows: Iterable[RunRow], memory: Memory = _NO_MEMORY) -> dict[str, int]:
    """Count the rows under each filter."""
    standings = [memory.get(row, standing) for row in rows]
    return {name: sum(name in stands.filters for stands in standings) for name in FILTERS}


def cells(row: RunRow, now_utc_s: float = 0.0, memory: Memory = _NO_MEMORY) -> dict[str, Any]:
    """Return a row as the browser gets it: texts, the look of the badge, and how full the bar is."""

    def made(row: RunRow) -> dict[str, Any]:
        stands = standing(row)
        share = None if row.total is None else 1.0 if row.total == 0 else min(1.0, row.imported / row.total)
        texts = {name: column.cell(row, now_utc_s) for name, column in COLUMNS.items()}
        about = {"name": row.name, "glyph": stands.glyph, "tone": stands.tone, "share": share, "cells": texts}
        return {**about, "open": row.status.is_open, "tags": list(row.tags)}

    return memory.get(row, made)
