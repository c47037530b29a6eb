"""Every run of a folder, as rows of a table, kept up to date at the least cost.

A run that has ended is read once, from its summary.json, and again only if that file is another; one under way, by
whomever, is followed. Reading may take a while: `scan` runs in a thread, and `rows` is what is known so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.course import tape_of
from harness.record.events import RunStatus
from harness.record.follow import Follower
from harness.record.glance import Glance, glance
from harness.record.parts import list_parts
from harness.record.run import Run
from harness.record.state import State
from harness.record.summary import Summary
from harness.record.tape import Course, Tape
from harness.session.optimality import figures
from harness.session.retry_failed import ended_summary
from harness.settings import figures_config
from harness.views.runs import RunRow, row_of

_OPEN = ("running", "paused")
# So many are read anew each second without anybody noticing, which draws finer than looking once a second does.
_FEW_PARTS = 60


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
        self._followers: dict[str, Follower] = {}

    def scan(self) -> None:
        """Look at every run; those that are quickly read are in `rows` before the others are begun."""
        folders = [path.parent for path in self.results.glob("*/run.json")]
        names = {folder.name for folder in folders}
        damaged: list[str] = []
        slow = [run for run in map(Run, folders) if not self._quickly(run, damaged)]
        for gone in self._entries.keys() - names:
            del self._entries[gone]
        self._followers = {name: follower for name, follower in self._followers.items() if name in names}
        self._publish(sum(run.name not in self._entries for run in slow))
        for run in slow:
            self._slowly(run, damaged)
        self.damaged = damaged
        self._publish(0)

    def follow(self, run: Run) -> Follower:
        """The follower of `run`, which keeps what it has read."""
        return self._followers.setdefault(run.name, Follower(run))

    def _quickly(self, run: Run, damaged: list[str]) -> bool:
        """Is the row of `run` known, or made from its summary alone?"""
        try:
            stamp = _stamp(run)
            known = self._entries.get(run.name)
            if known is not None and known.stamp == stamp and known.row.status not in _OPEN:
                return True
            about = run.about
            written = run.summary() if about.get("status") not in _OPEN else None
            if written is None:
                return False
            created = float(about.get("created_utc_s", 0.0))
            self._entries[run.name] = _Entry(stamp, created, row_of(run.name, Summary.from_dict(written)))
            self._followers.pop(run.name, None)
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:  # must not hide the others
            damaged.append(f"{run.name}: {error}")
        return True

    def _slowly(self, run: Run, damaged: list[str]) -> None:
        """The row of a run under way or broken off, from its events."""
        try:
            stamp = _stamp(run)
            follower = self.follow(run)
            state = follower.poll()
            status = follower.status if run.about.get("status") in _OPEN else run.status
            created = float(run.about.get("created_utc_s", 0.0))
            self._entries[run.name] = _Entry(stamp, created, row_of(run.name, _figures(run, state, status)))
            if status not in _OPEN:  # nothing new will come: what it takes to follow is given back
                del self._followers[run.name]
        except (RecordError, OSError, TypeError, ValueError, KeyError) as error:
            damaged.append(f"{run.name}: {error}")

    def _publish(self, unread: int) -> None:
        entries = sorted(self._entries.values(), key=lambda entry: (entry.created_utc_s, entry.row.name), reverse=True)
        self.rows, self.unread = [entry.row for entry in entries], unread


def _stamp(run: Run) -> tuple[int, ...]:
    """Changes whenever the run's description or summary is written anew, or a part is added."""
    paths = (run.folder / "run.json", run.folder / "summary.json", run.folder / "events")
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _figures(run: Run, state: State, status: RunStatus) -> Summary:
    if status not in _OPEN:
        return ended_summary(run, state, status)
    return figures(run.name, state, figures_config(run.folder / "run.json", run.config), status=status)


class Detail:
    """One run looked at closely: `look` answers what there is to show now, and may take a while the first time."""

    def __init__(self, run: Run, shelf: RunIndex) -> None:
        self.run = run
        self._shelf = shelf
        self._tape: Tape | None = None
        self._told = (0.0, 0, 0)
        self._ended: tuple[Glance, Course] | None = None

    def look(self) -> tuple[Glance, Course]:
        """A glance at the run and its course."""
        if self._ended is not None and self.run.about.get("status") not in _OPEN:
            return self._ended
        if self.run.about.get("status") in _OPEN and self.run.writer_pid is not None:
            seen = self._under_way()
            if seen[0].open:  # else it has just ended, and its files say more
                self._ended = None
                return seen
        self._tape = None
        state = self.run.state()
        written = self.run.summary() if self.run.about.get("status") not in _OPEN else None
        summary = Summary.from_dict(written) if written else _figures(self.run, state, self.run.status)
        seen = (glance(summary, state), tape_of(self.run.folder).course())
        self._ended = seen if self.run.about.get("status") not in _OPEN else None
        return seen

    def _under_way(self) -> tuple[Glance, Course]:
        follower = self._shelf.follow(self.run)
        state, live = follower.poll(), follower.live(utc_s())
        sent, t_s = state.sent, live.t_s if live is not None else self._told[0]
        if self._tape is None or len(list_parts(self.run.folder / "events")) < _FEW_PARTS:
            self._tape = tape_of(self.run.folder)
        else:
            then_s, before, refused = self._told
            self._tape.add(t_s, sent - before, state.refused - refused)
            if live is not None and live.doing not in ("working", "in flight", "stopping"):
                self._tape.wait(then_s, t_s, live.tier or live.doing)
        self._told = (t_s, sent, state.refused)
        return glance(_figures(self.run, state, follower.status), state, live), self._tape.course()
