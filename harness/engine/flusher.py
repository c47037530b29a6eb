"""Writes the record while the import runs: every second, or as soon as a part is full, and a last time at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import trio

from harness.errors import RecordError
from harness.record.recorder import FLUSH_S, Recorder
from harness.record.snapshot import SNAPSHOT_EVENTS, SNAPSHOT_SHARE, Frozen, freeze, write_snapshot
from harness.record.state import State


class Flusher:
    """Flushes `recorder` and, now and then, a snapshot of `state`.

    inline: write in the trio thread itself. On a MockClock nothing may wait for a thread: a running one does not
    keep the clock from jumping.
    """

    def __init__(self, recorder: Recorder, state: Callable[[], State], *, inline: bool = False) -> None:
        self.recorder = recorder
        self._state = state
        self._inline = inline
        self._due = trio.Event()
        self._behind: trio.Event | None = None
        self._snapshot_seq = 0

    def recorded(self) -> None:
        """Call after each event: a full part is written at once; beyond a bound the record is behind."""
        if self.recorder.due:
            self._due.set()
            if self._behind is None and self.recorder.behind:
                self._behind = trio.Event()

    def behind(self) -> trio.Event | None:
        """None while the record keeps up; else the event that says when it has caught up."""
        return self._behind

    async def run(self) -> None:
        """Flush for ever; RecordError ends it, and with it the import."""
        while True:
            with trio.move_on_after(FLUSH_S):
                await self._due.wait()
            self._due = trio.Event()
            await self.flush()

    async def flush(self, *, snapshot: bool = False) -> None:
        """Write what there is, then a snapshot if one is due or asked for.

        Shielded: what has been taken from the recorder is nowhere else, so a session that ends in the middle waits for
        the disk rather than lose it.
        """
        with trio.CancelScope(shield=True):
            for write in self._writes(snapshot):
                await self._write(write)

    def flush_now(self, *, snapshot: bool = False) -> None:
        """The same in this thread, for who drives the import without an event loop."""
        for write in self._writes(snapshot):
            write()

    def _writes(self, snapshot: bool) -> Iterator[Callable[[], None]]:
        """What there is to write, in order: each is to be done, in whichever thread, before the next is asked for."""
        recorder = self.recorder
        batch = recorder.take()
        fresh = recorder.seq - self._snapshot_seq
        due = fresh >= max(SNAPSHOT_EVENTS, len(self._state().items) // SNAPSHOT_SHARE) or (snapshot and fresh > 0)
        # In the same moment as `take`, so that the snapshot counts exactly the events up to its sequence number.
        frozen = freeze(self._state(), recorder.writer, recorder.seq) if due else None
        if batch is not None:
            yield lambda: recorder.write(batch)
            recorder.written(batch)
        if frozen is not None:
            self._snapshot_seq = frozen[0]["position"][1]
            yield lambda: _write_snapshot(recorder.folder, frozen)
        if self._behind is not None and not recorder.behind:
            self._behind.set()
            self._behind = None

    async def _write(self, write: Callable[[], None]) -> None:
        if self._inline:
            write()
        else:
            await trio.to_thread.run_sync(write)


def _write_snapshot(folder: Path, frozen: Frozen) -> None:
    with suppress(RecordError, OSError):  # a snapshot only saves time: the events are on disk
        write_snapshot(folder, frozen)
