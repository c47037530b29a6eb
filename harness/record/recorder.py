"""Take events and payloads at once, in memory, and write them in parts that survive whatever is killed, whenever.

What is durable when. `record` and `put` only append to lists: the core records an event in the same step in which it
decides, and nothing may wait there. When a part's worth is there (FLUSH_EVENTS, FLUSH_S or FLUSH_BYTES), whoever
drives the import calls `take` where it records and `write` in a thread. `write` returns once the part is synced and
renamed: from then on its events have happened, whatever comes. A kill loses at most what was not yet written; so that
this stays small on a slow disk, nothing new is sent while more than MOST_UNWRITTEN is `behind`. What was sent and never
recorded is known all the same, by the counter in `harness.record.sent`, and charged to the limits.

Items come before events. A batch's payloads are written first, then the events that call them imported. A crash between
the two leaves a payload without its event: the next session adopts it instead of fetching it again. The other way
round, an item would be imported and its payload nowhere. For the same reason `take` gives batches in order, and after
a write has failed nothing more is written: a record with a hole could not be resumed.

Measured: 4 to 7 ms a flush of 1000 events, 36 bytes an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from harness.errors import RecordError
from harness.record.arrow import to_table
from harness.record.events import Event, Fed, ItemId, PageListed
from harness.record.files import make_folder, unwritable
from harness.record.parts import (
    KINDS,
    clear_replaced,
    clear_temporary,
    list_parts,
    part_path,
    write_table,
    write_tables,
)

# A part is due after this many events, or this long after the first of them. A kill -9 loses at most that.
FLUSH_EVENTS = 1000
FLUSH_S = 1.0
# Nothing new is sent while this much is unwritten: memory and what a crash can lose stay bounded on a slow disk.
MOST_UNWRITTEN = 4 * FLUSH_EVENTS
# The same for what they hold: a thousand items may be 100 kB or a gigabyte.
FLUSH_BYTES = 4_000_000
MOST_UNWRITTEN_BYTES = 4 * FLUSH_BYTES
# What one id of a page takes until it is written, as text.
_ID_BYTES = 64

ITEM_SCHEMA = pa.schema([("id", pa.string()), ("payload", pa.string())])


@dataclass(frozen=True, slots=True)
class Batch:
    """The events and payloads that one flush writes."""

    events: list[Event]
    first_seq: int
    items: list[tuple[ItemId, str]]
    first_item: int
    size_bytes: int


def later_writer(folder: Path, session: int) -> str:
    """Name a writer that records more of a session that is over: `s3-1`, `s3-2` …, read after `s3`."""
    return f"s{session}-{1 + len({writer for writer, _, _ in list_parts(folder / 'events') if '-' in writer})}"


class Recorder:
    """The one writer of a session: `record` and `put` now, `flush` when due."""

    def __init__(self, folder: Path, run: str, session: int, writer: str | None = None) -> None:
        self.writer = f"s{session}" if writer is None else writer
        self.unwritten = 0
        self.unwritten_bytes = 0  # of payloads and ids, about
        self.seq = 0  # of the last event recorded; sequence numbers start at 1 and have no gaps
        self.folder = folder
        self._run = run
        self._session = session
        self._events: list[Event] = []
        self._items: list[tuple[ItemId, str]] = []
        self._items_taken = 0
        self._size_bytes = 0  # of what is not taken yet
        self._broken: RecordError | None = None
        try:
            for kind in KINDS:
                make_folder(folder / kind)
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
        if type(event) in (PageListed, Fed):
            self._weigh(_ID_BYTES * (len(event.ids) + len(event.places or ())))  # type: ignore[union-attr]

    def put(self, item: ItemId, payload: str) -> None:
        """Keep an item's payload (JSON text). Call it before the event that says it is imported."""
        self._items.append((item, payload))
        self._weigh(len(payload))

    @property
    def due(self) -> bool:
        """Return True if there is enough for a part."""
        return self.unwritten >= FLUSH_EVENTS or self.unwritten_bytes >= FLUSH_BYTES

    @property
    def behind(self) -> bool:
        """Return True if more is unwritten than may be."""
        return self.unwritten >= MOST_UNWRITTEN or self.unwritten_bytes >= MOST_UNWRITTEN_BYTES

    def _weigh(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        self.unwritten_bytes += size_bytes

    def take(self) -> Batch | None:
        """Return what is to be written now; call it where `record` is called, and pass the results to `write` in order.

        RecordError once a write has failed: anything written after what is missing would make a record with a hole,
        which nobody could resume.
        """
        if self._broken is not None:
            raise self._broken
        if not self._events and not self._items:
            return None
        first_seq = self.seq - len(self._events) + 1
        batch = Batch(self._events, first_seq, self._items, self._items_taken + 1, self._size_bytes)
        self._items_taken += len(self._items)
        self._events, self._items, self._size_bytes = [], [], 0
        return batch

    def write(self, batch: Batch) -> None:
        """Write `batch`, items first; may run in another thread, one batch at a time."""
        try:
            self._write(batch)
        except Exception as error:  # whatever it was: what is written after it would leave a hole
            self._broken = error if isinstance(error, RecordError) else RecordError(f"a part was not written: {error}")
            raise

    def _write(self, batch: Batch) -> None:
        if batch.items:
            write_tables(self._path("items", batch.first_item), _item_tables(batch.items), ITEM_SCHEMA)
        if batch.events:
            table = to_table(batch.events, self._run, self._session, self.writer, batch.first_seq)
            write_table(self._path("events", batch.first_seq), table)

    def written(self, batch: Batch) -> None:
        """Say that `batch` is on disk; call it where `record` is called."""
        self.unwritten -= len(batch.events)
        self.unwritten_bytes -= batch.size_bytes

    def flush(self) -> None:
        """Write everything now, in this thread."""
        batch = self.take()
        if batch is not None:
            self.write(batch)
            self.written(batch)

    def _path(self, kind: str, number: int) -> Path:
        return part_path(self.folder / kind, self.writer, number)


def _item_tables(items: list[tuple[ItemId, str]]) -> Iterator[pa.Table]:
    """Yield some items as rows, so many at a time that a reader can hold them."""
    began, size = 0, 0
    for at, (_, payload) in enumerate(items):
        size += len(payload)
        if size >= FLUSH_BYTES or at == len(items) - 1:
            some = items[began : at + 1]
            yield pa.table([[str(item) for item, _ in some], [payload for _, payload in some]], schema=ITEM_SCHEMA)
            began, size = at + 1, 0
