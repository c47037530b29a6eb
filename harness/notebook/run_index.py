"""Every run of a folder, as rows of a table, kept up to date at the least cost.

A run that has ended is read once, from its summary.json, and again only if that file is another; one under way, by
whomever, is followed. Reading may take a while: `scan` runs in a thread, and `rows` is what is known so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError
from harness.record.about import written_status
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.record.run_view import view_of
from harness.session.reader import RunReader, written_summary
from harness.views.runs import RunRow, row_of


@dataclass(frozen=True, slots=True)
class _Entry:
    """A run as it was when its files were `stamp`; created_utc_s orders the table."""

    stamp: tuple[int, ...]
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

    def scan(self) -> None:
        """Look at every run; those that are quickly read are in `rows` before the others are begun."""
        folders = [path.parent for path in self.results.glob("*/run.json")]
        names = {folder.name for folder in folders}
        damaged: list[str] = []
        slow = [run for run in map(Run, folders) if not self._quickly(run, damaged)]
        for gone in self._entries.keys() - names:
            del self._entries[gone]
        self._readers = {name: reader for name, reader in self._readers.items() if name in names}
        self._publish(sum(run.name not in self._entries for run in slow))
        for run in slow:
            self._slowly(run, damaged)
        self.damaged = damaged
        self._publish(0)

    def _quickly(self, run: Run, damaged: list[str]) -> bool:
        """Return True if the row of `run` is known, or could be made from its summary alone."""
        try:
            stamp = _stamp(run)
            known = self._entries.get(run.name)
            if known is not None and known.stamp == stamp and not known.row.status.is_open:
                return True
            about = run.about
            written = None if written_status(about).is_open else written_summary(run)
            if written is None:
                return False
            created = float(about.get("created_utc_s", 0.0))
            self._entries[run.name] = _Entry(stamp, created, row_of(view_of(written)))
            self._readers.pop(run.name, None)
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:  # must not hide the others
            damaged.append(f"{run.name}: {error}")
        return True

    def _slowly(self, run: Run, damaged: list[str]) -> None:
        """Return the row of a run under way or broken off, from its events."""
        try:
            stamp = _stamp(run)
            view = self._readers.setdefault(run.name, RunReader(run)).view(utc_s())
            created = float(run.about.get("created_utc_s", 0.0))
            self._entries[run.name] = _Entry(stamp, created, row_of(view))
            if not view.status.is_open:  # nothing new will come: what it takes to follow is given back
                del self._readers[run.name]
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:
            damaged.append(f"{run.name}: {error}")

    def _publish(self, unread: int) -> None:
        entries = sorted(self._entries.values(), key=lambda entry: (entry.created_utc_s, entry.row.name), reverse=True)
        self.rows, self.unread = [entry.row for entry in entries], unread


def _stamp(run: Run) -> tuple[int, ...]:
    """Return what changes when the run's description or summary is written anew, or a part is added."""
    paths = (run.folder / "run.json", run.folder / "summary.json", run.folder / "events")
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
