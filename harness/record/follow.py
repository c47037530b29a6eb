"""Following a run that somebody else may be writing: what is new is read, and no event twice."""

from __future__ import annotations

from pathlib import Path

from harness.errors import RecordError
from harness.record.events import RunStatus
from harness.record.fold import apply
from harness.record.history import read_parts
from harness.record.live import Live
from harness.record.moment import read_live, told_by
from harness.record.parts import list_parts
from harness.record.run import Run
from harness.record.snapshot import latest_snapshot
from harness.record.state import State

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
        """The state now; the same object each time, changed. RecordError only where the record stays unreadable."""
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
        """The moment as its writer last told it; None where nobody writes the run."""
        if self.run.writer_pid is None:
            return None
        return read_live(self.run.folder, now_utc_s) or told_by(self._state, now_utc_s)

    @property
    def status(self) -> RunStatus:
        """As events and lock tell it, in that order."""
        status = self._state.status
        # Where nobody writes it any more, its end may have been written since the last poll.
        return self.run.status if status in ("running", "paused") and self.run.writer_pid is None else status

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
    """Which file is the last part; None before the first. A compacted one may begin where one that it replaces did."""
    parts = list_parts(folder)
    if not parts:
        return None
    path = parts[-1][2]
    about = path.stat()
    return path.name, about.st_ino, about.st_size
