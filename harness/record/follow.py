"""Follow a run that another process may be writing: read what is new, and no event twice.

`Follower` folds the events to a state, from the newest snapshot on. `Replay` folds them to a timeline: a million of
them in about a second, because it adds whole columns. Both go on from the row that they had reached, so that it makes
no difference when a run's parts are compacted.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import RecordError
from harness.record.fold import apply
from harness.record.history import read_parts
from harness.record.live import Live, read_live, told_by
from harness.record.parts import list_parts, read_rows
from harness.record.run import Run
from harness.record.snapshot import latest_snapshot
from harness.record.state import State
from harness.record.status import RunStatus
from harness.record.timeline import LATER, LEAST_WAIT_S, Timeline

# Parts may be replaced by a compacted one between being listed and being read; the next list names that one.
_TRIES = 5


class Follower:
    """`poll` answers the state of `run` after all events on disk: from the newest snapshot, then part by part."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._state = State()
        self._after: tuple[str, int] | None = None
        self._begun = False
        self._seen: tuple[str, int, int] | None = None

    def poll(self) -> State:
        """Return the state now; the same object each time, changed. RecordError where the record stays unreadable."""
        for tries in range(_TRIES):
            try:
                self._read()
                return self._state
            except (RecordError, OSError):
                if tries == _TRIES - 1:
                    raise
                self._begun = tries == 0 and self._begun  # at once again, then from the beginning
        raise AssertionError("unreachable")

    def live(self, now_utc_s: float) -> Live | None:
        """Return the live status that the session wrote last; None where no process writes the run."""
        if self.run.writer_pid is None:
            return None
        return read_live(self.run.folder, now_utc_s) or told_by(self._state, now_utc_s)

    @property
    def status(self) -> RunStatus:
        """Return the status by the events, then by the lock."""
        status = self._state.status
        # Where nobody writes it any more, its end may have been written since the last poll.
        return self.run.status if status.is_open and self.run.writer_pid is None else status

    def _read(self) -> None:
        folder = self.run.folder
        if not self._begun:
            found = latest_snapshot(folder)
            self._state, self._after = (State(), None) if found is None else (found[0], found[1:])
            self._begun, self._seen = True, None
        last = _last(folder / "events")
        if last == self._seen:
            return
        for writer, seq, events in read_parts(folder, self._after):
            for event in events:
                apply(self._state, event)
            self._after = (writer, seq)
        self._seen = last


def _last(folder: Path) -> tuple[str, int, int] | None:
    """Return the last part; None before the first. A compacted one may begin where one that it replaces did."""
    parts = list_parts(folder)
    if not parts:
        return None
    path = parts[-1][2]
    about = path.stat()
    return path.name, about.st_ino, about.st_size


_COLUMNS = ["event", "session", "t_s", "sent_s", "sent", "along", "began_s", "ended_s", "asleep_s", "tier", "reason"]
_COLUMNS += ["status", "workers", "limits"]
_LATER = pa.array([each.__name__ for each in LATER])
_PAUSES = pa.array(["Paused", "Resumed", "SessionEnded"])
_WAITS = pa.array(["WaitBegan", "Waited", "SessionEnded"])
_SETTINGS = {"SessionStarted": ("workers", "limits"), "WorkersSet": ("workers",), "LimitsSet": ("limits",)}
_SETTING = pa.array([*_SETTINGS, "Learned"])


class Replay:
    """The timeline of the run in `folder`: `read` adds what is new since the last time."""

    def __init__(self, folder: Path) -> None:
        self._events = folder / "events"
        self._after: tuple[str, int] | None = None
        self._timeline = Timeline()

    def read(self) -> Timeline:
        """Return the timeline now; the same object each time, changed. RecordError where the record cannot be read."""
        for rows in read_rows(self._events, self._after, columns=_COLUMNS):
            for number in sorted(pc.unique(rows.table["session"]).to_pylist()):
                self._timeline.begin(number)
                _replay(self._timeline, rows.table.filter(pc.equal(rows.table["session"], number)))
            self._after = (rows.writer, rows.first + rows.table.num_rows - 1)
        return self._timeline


def timeline_of(folder: Path) -> Timeline:
    """Return the timeline of all events in a run's folder."""
    return Replay(folder).read()


def _replay(timeline: Timeline, events: pa.Table) -> None:
    """Add the events of one session, as `Timeline.apply` would one by one."""
    until_s = pc.max(events.filter(pc.invert(pc.is_in(events["event"], _LATER)))["t_s"]).as_py()
    if until_s is not None:
        timeline.reach(until_s)
    # A request has a time at which it was sent, and went unless the record says that it did not.
    went = pc.and_(pc.is_valid(events["sent_s"]), pc.fill_null(events["sent"], True))
    if "along" in events.schema.names:  # since schema 5
        went = pc.and_(went, pc.invert(pc.fill_null(events["along"], False)))
    for at, number in _by_bin(timeline, events.filter(went)):
        timeline.count(at, sent=number)
    refused = events.filter(pc.equal(events["event"], "Refused"))
    for status in sorted(pc.unique(refused["status"]).to_pylist()):
        for at, number in _by_bin(timeline, refused.filter(pc.equal(refused["status"], status))):
            timeline.count(at, refused=number, status=int(status))
    _replay_settings(timeline, events.filter(pc.is_in(events["event"], _SETTING)))
    _replay_waits(timeline, events)


def _by_bin(timeline: Timeline, events: pa.Table) -> list[tuple[int, int]]:
    """(bin, how many of `events` are in it)."""
    since_start = pc.max_element_wise(pc.add(events["t_s"], timeline.began_s), 0.0)
    found = pc.value_counts(pc.cast(pc.floor(pc.divide(since_start, timeline.bin_s)), pa.int64()))
    return [(pair["values"], pair["counts"]) for pair in found.to_pylist()]


def _replay_settings(timeline: Timeline, events: pa.Table) -> None:
    for row in events.select(["event", "t_s", "workers", "limits"]).to_pylist():
        if row["event"] == "Learned":
            timeline.in_force["limits"] = row["limits"]
        else:
            timeline.settings(row["t_s"], **{name: row[name] for name in _SETTINGS[row["event"]]})


def _replay_waits(timeline: Timeline, events: pa.Table) -> None:
    seen = pc.greater_equal(pc.fill_null(events["asleep_s"], 0.0), LEAST_WAIT_S)
    waited = events.filter(pc.and_(pc.equal(events["event"], "Waited"), seen))
    columns = (waited[name].to_pylist() for name in ("began_s", "ended_s", "tier", "reason"))
    for began_s, ended_s, tier, reason in zip(*columns, strict=True):
        timeline.wait(began_s, ended_s, tier or reason)
    for row in events.filter(pc.is_in(events["event"], _PAUSES)).to_pylist():
        if row["event"] == "Paused":
            timeline.paused_at_s = row["t_s"]
        else:
            timeline.go_on(row["t_s"], ended=row["event"] == "SessionEnded")
    last = events.filter(pc.is_in(events["event"], _WAITS))
    for row in last.slice(max(0, last.num_rows - 1)).to_pylist():
        began = row["event"] == "WaitBegan"
        timeline.waiting = (row["t_s"], row["tier"] or row["reason"]) if began else None
