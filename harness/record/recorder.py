"""Takes events and payloads at once, in memory, and writes them in parts: items before the events that name them.

Recording is synchronous and never waits; whoever drives the import calls `flush`, in a thread where it must not be
held up. Measured: 4-7 ms a flush of 1000 events, 31-33 bytes an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from harness.errors import RecordError
from harness.record.arrow import to_table
from harness.record.compaction import KINDS, clear_replaced
from harness.record.events import Event, ItemId
from harness.record.files import unwritable
from harness.record.parts import clear_temporary, list_parts, part_path, write_table

# A part is due after this many events, or this long after the first of them. A kill -9 loses at most that.
FLUSH_EVENTS = 1000
FLUSH_S = 1.0
# Nothing new is sent while this much is unwritten: memory and what a crash can lose stay bounded on a slow disk.
MOST_UNWRITTEN = 4 * FLUSH_EVENTS

ITEM_SCHEMA = pa.schema([("id", pa.string()), ("payload", pa.string())])


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush writes."""

    events: list[Event]
    first_seq: int
    items: list[tuple[ItemId, str]]
    first_item: int


def later_writer(folder: Path, session: int) -> str:
    """A name for who records more of a session that is over: `s3-1`, `s3-2` …, read after `s3`."""
    return f"s{session}-{1 + len({writer for writer, _, _ in list_parts(folder / 'events') if '-' in writer})}"


class Recorder:
    """The one writer of a session: `record` and `put` now, `flush` when due."""

    def __init__(self, folder: Path, run: str, session: int, writer: str | None = None) -> None:
        self.writer = f"s{session}" if writer is None else writer
        self.unwritten = 0
        self.seq = 0  # of the last event recorded; sequence numbers start at 1 and have no gaps
        self.folder = folder
        self._run = run
        self._session = session
        self._events: list[Event] = []
        self._items: list[tuple[ItemId, str]] = []
        self._items_taken = 0
        self._broken: RecordError | None = None
        try:
            (folder / "events").mkdir(parents=True, exist_ok=True)
            (folder / "items").mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from None
        clear_temporary(folder)
        for kind in KINDS:
            clear_replaced(folder / kind)
        # pyarrow imports pandas at its first array, which takes a second in which nobody else's thread runs: not later.
        pa.array([], pa.string())

    def record(self, event: Event) -> None:
        self._events.append(event)
        self.seq += 1
        self.unwritten += 1

    def put(self, item: ItemId, payload: str) -> None:
        """Keep an item's payload (JSON text). Call it before the event that says it is imported."""
        self._items.append((item, payload))

    def take(self) -> Batch | None:
        """What is to be written now; call it where `record` is called, and `write` what it gives in order.

        RecordError once a write has failed: anything written after what is missing would make a record with a hole,
        which nobody could resume.
        """
        if self._broken is not None:
            raise self._broken
        if not self._events and not self._items:
            return None
        first_seq = self.seq - len(self._events) + 1
        batch = Batch(self._events, first_seq, self._items, self._items_taken + 1)
        self._items_taken += len(self._items)
        self._events, self._items = [], []
        return batch

    def write(self, batch: Batch) -> None:
        """Write `batch`, items first; may run in another thread, one batch at a time."""
        try:
            self._write(batch)
        except RecordError as error:
            self._broken = error
            raise

    def _write(self, batch: Batch) -> None:
        if batch.items:
            ids = [str(item) for item, _ in batch.items]
            table = pa.table([ids, [payload for _, payload in batch.items]], schema=ITEM_SCHEMA)
            write_table(self._path("items", batch.first_item), table)
        if batch.events:
            table = to_table(batch.events, self._run, self._session, self.writer, batch.first_seq)
            write_table(self._path("events", batch.first_seq), table)

    def written(self, batch: Batch) -> None:
        """Say that `batch` is on disk; call it where `record` is called."""
        self.unwritten -= len(batch.events)

    def flush(self) -> None:
        """Write everything now, in this thread."""
        batch = self.take()
        if batch is not None:
            self.write(batch)
            self.written(batch)

    def _path(self, kind: str, number: int) -> Path:
        return part_path(self.folder / kind, self.writer, number)
