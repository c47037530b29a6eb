"""Every run of a folder, as rows of a table, kept up to date at the least cost.

A run that has ended is read once, from its JSON files, and again only if they are others; one under way, by whomever,
is followed. Whether they are others is told by four times of change, for which no file is opened: of run.json, of
summary.json, of the folder of events, and of the run's folder, in which tags are put. Reading may take a while: `scan`
runs in a thread, and `rows` is what is known so far.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.session.reader import RunReader, view_ended, written_view
from harness.views.runs import RunRow, row_of

Stamp = tuple[int, ...]
_stat = os.stat


@dataclass(frozen=True, slots=True)
class _Entry:
    """A run as it was when its files were `stamp`; created_utc_s orders the table."""

    stamp: Stamp
    created_utc_s: float
    row: RunRow


class RunIndex:
    """The runs in `results`. `scan` brings `rows` up to date, newest first; `unread` is how many are still to come."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.rows: list[RunRow] = []
        self.unread = 0
        self.damaged: list[str] = []
        self._entries: dict[str, _Entry] = {}
        self._readers: dict[str, RunReader] = {}
        # What could not be read, and when: it is tried again when its files are others.
        self._bad: dict[str, tuple[Stamp, str]] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        self._published: dict[str, _Entry] = {}

    def scan(self) -> None:
        """Look at every run; those that are quickly read are in `rows` before the others are begun."""
        stamps = self._stamps()
        for known in (self._entries, self._readers, self._bad):
            for gone in known.keys() - stamps.keys():
                del known[gone]
        slow = [(name, stamp) for name, stamp in stamps.items() if not self._quickly(name, stamp)]
        self._publish(sum(name not in self._entries for name, _ in slow))
        for name, stamp in slow:
            self._slowly(name, stamp)
        self.damaged = [f"{name}: {why}" for name, (_, why) in sorted(self._bad.items())]
        self._publish(0)

    def get(self, name: str) -> RunRow | None:
        """Return the row of the run `name`; None where there is none, whatever lies beside the runs."""
        entry = self._entries.get(name)
        return None if entry is None else entry.row

    def view(self, name: str) -> RunView:
        """Return what there is to show of the run `name`, in the thread that scans. RecordError where it is damaged."""
        reader = self._readers.get(name)
        return view_ended(Run(self.results / name)) if reader is None else reader.view(utc_s())

    def _stamps(self) -> dict[str, Stamp]:
        try:
            names = os.listdir(self.results)
        except OSError:
            return {}
        before, self._paths = self._paths, {}
        stamps = {}
        for name in names:
            if name.startswith("."):  # a run that is being made or removed
                continue
            paths = before.get(name) or _watched(f"{self.results}{os.sep}{name}")
            stamp = _stamp(paths)
            if stamp is not None:
                self._paths[name], stamps[name] = paths, stamp
        return stamps

    def _quickly(self, name: str, stamp: Stamp) -> bool:
        """Return True if the row is known, or could be made of the JSON files alone."""
        known = self._entries.get(name)
        if known is not None and known.stamp == stamp and not known.row.status.is_open:
            return True
        if name in self._bad and self._bad[name][0] == stamp:
            return True
        run = Run(self.results / name)
        try:
            view = written_view(run)
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:  # must not hide the others
            self._give_up(name, stamp, error)
            return True
        if view is None:
            return False
        self._keep(name, stamp, row_of(view))
        self._readers.pop(name, None)
        return True

    def _slowly(self, name: str, stamp: Stamp) -> None:
        """Keep the row of a run under way or broken off, from its events."""
        try:
            reader = self._readers.setdefault(name, RunReader(Run(self.results / name)))
            view = reader.view(utc_s())
            self._keep(name, stamp, row_of(view))
            if not view.status.is_open:  # nothing new will come: what it takes to follow is given back
                del self._readers[name]
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:
            self._give_up(name, stamp, error)

    def _keep(self, name: str, stamp: Stamp, row: RunRow) -> None:
        self._bad.pop(name, None)
        self._entries[name] = _Entry(stamp, row.created_utc_s or 0.0, row)

    def _give_up(self, name: str, stamp: Stamp, error: Exception) -> None:
        self._readers.pop(name, None)
        self._bad[name] = stamp, str(error)

    def _publish(self, unread: int) -> None:
        self.unread = unread
        if self._published == self._entries:  # entries that are the same object are not compared
            return
        self._published = dict(self._entries)
        entries = sorted(self._entries.values(), key=lambda entry: (entry.created_utc_s, entry.row.name), reverse=True)
        self.rows = [entry.row for entry in entries]


def _watched(folder: str) -> tuple[str, ...]:
    """Return what changes when a run's files are written anew, tags among them, or a part is added."""
    return f"{folder}/run.json", folder, f"{folder}/events", f"{folder}/summary.json"


def _stamp(paths: tuple[str, ...]) -> Stamp | None:
    """Return when each was changed last, in nanoseconds; None where there is no run.json, as in a sweep's folder."""
    about, folder, events, summary = map(_changed_ns, paths)
    return (about, folder, events, summary) if about else None


def _changed_ns(path: str) -> int:
    try:
        return _stat(path).st_mtime_ns
    except OSError:
        return 0
