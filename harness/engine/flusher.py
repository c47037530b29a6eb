"""Writes the record while the import runs: every second, or as soon as a part is full, and a last time at the end."""

from __future__ import annotations

from collections.abc import Callable

import trio

from harness.record.recorder import FLUSH_EVENTS, FLUSH_S, MOST_UNWRITTEN, Recorder
from harness.record.snapshot import SNAPSHOT_EVENTS, freeze, write_snapshot
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
        self._room: trio.Event | None = None
        self._snapshot_seq = 0

    def recorded(self) -> None:
        """Call after each event: a full part is written at once, and past MOST_UNWRITTEN there is no room."""
        if self.recorder.unwritten >= FLUSH_EVENTS:
            self._due.set()
            if self.recorder.unwritten >= MOST_UNWRITTEN and self._room is None:
                self._room = trio.Event()

    def room(self) -> trio.Event | None:
        """None while there is room; else the event that says so."""
        return self._room

    async def run(self) -> None:
        """Flush for ever; RecordError ends it, and with it the import."""
        while True:
            with trio.move_on_after(FLUSH_S):
                await self._due.wait()
            self._due = trio.Event()
            await self.flush()

    async def flush(self, *, snapshot: bool = False) -> None:
        """Write what there is, then a snapshot if one is due or asked for."""
        recorder = self.recorder
        batch = recorder.take()
        fresh = recorder.seq - self._snapshot_seq
        due = fresh >= max(SNAPSHOT_EVENTS, len(self._state().items) // 2) or (snapshot and fresh > 0)
        # In the same moment as `take`, so that the snapshot counts exactly the events up to its sequence number.
        frozen = freeze(self._state(), recorder.writer, recorder.seq) if due else None
        if batch is not None:
            await self._write(lambda: recorder.write(batch))
            recorder.written(batch)
        if frozen is not None:
            self._snapshot_seq = frozen[0]["position"][1]
            await self._write(lambda: write_snapshot(recorder.folder, frozen))
        if self._room is not None and recorder.unwritten < MOST_UNWRITTEN:
            self._room.set()
            self._room = None

    async def _write(self, write: Callable[[], None]) -> None:
        if self._inline:
            write()
        else:
            # Not abandoned on cancel: parts are written in order, and the last flush comes after this one.
            await trio.to_thread.run_sync(write)
