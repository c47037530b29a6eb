"""Gather the events of a run's shards into the run's own record, so that this tells of all that happened.

Each shard writes a record of its own. The process that owns the run reads what is new of it, and records it among its
own events, with the times counted from the start of its own session. After each piece it records `Gathered`, which says
how far it has read; both are in one part, so that whatever is killed, and whenever, no event is there twice and none is
missing. What only concerns the shard stays there: when it began and ended, which items it was given, what it was told.

Payloads are not copied: whoever reads those of the run reads those of its shards as well (`history.payload_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harness.record import events as e
from harness.record.arrow import as_current, from_table
from harness.record.fold import apply
from harness.record.history import read_state, sessions_begun
from harness.record.parts import read_rows, writer_order
from harness.record.recorder import Recorder, later_writer
from harness.record.run import Run
from harness.record.shards import shard_folders, shards_of
from harness.record.state import State

# So many events are recorded in one step, in which nothing else of the process can go on.
_SOME = 500
# What an event of a shard counts from the start of its session.
_TIMES = ("t_s", "sent_s", "answered_s", "until_s", "began_s", "ended_s")
_KEPT = (
    *(e.ItemImported, e.ItemListed, e.ItemAdopted, e.IdsCarried, e.AttemptFailed, e.Retried, e.Forgotten, e.Refused),
    *(e.Returned, e.Held, e.Learned, e.WaitBegan, e.Waited),
)
_NAMES = pa.array([each.__name__ for each in _KEPT])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some events of a shard, by the time of the run's session, and how far they reach: `<writer> <seq>`."""

    events: list[e.Event]
    reach: str


class ShardReader:
    """Reads the events of shard `number` of `shards`, from where they were gathered up to (`after`; "" for none).

    speed: how many times as fast as the wall clock's the time of the sessions passes.
    """

    def __init__(self, folder: Path, number: int, shards: int, after: str = "", speed: float = 1.0) -> None:
        self._speed = speed
        self.number, self.reach = number, after
        self._folder = folder
        self._shards = shards
        self._seen: int | None = None  # when a file was last put into the folder
        self._starts_utc_s: list[float] = []

    def read(self, utc_s: float) -> Iterator[Piece]:
        """Yield what is new; `utc_s`: when the session began from which times are to count.

        What was yielded counts as read once the next is asked for, so that whoever breaks off reads it again.
        """
        seen = self._changed()
        if seen is None:
            return
        writer, _, seq = self.reach.partition(" ")
        for rows in read_rows(self._folder / "events", (writer, int(seq)) if writer else None):
            session = writer_order(rows.writer)[0]
            table = _shifted(as_current(rows.table), self._speed * (self._started_utc_s(session) - utc_s))
            for at in range(0, table.num_rows, _SOME):
                some = table.slice(at, _SOME)
                reach = f"{rows.writer} {rows.first + at + some.num_rows - 1}"
                yield Piece(self._events(some), reach)
                self.reach = reach
        self._seen = seen

    def _changed(self) -> int | None:
        """Return when the folder of events last changed, where it has since it was read; else None."""
        try:
            changed = (self._folder / "events").stat().st_mtime_ns
        except FileNotFoundError:
            return None
        return None if changed == self._seen else changed

    def _started_utc_s(self, session: int) -> float:
        if len(self._starts_utc_s) < session:
            self._starts_utc_s = sessions_begun(self._folder)
        return self._starts_utc_s[session - 1]

    def _events(self, table: pa.Table) -> list[e.Event]:
        kept = from_table(table.filter(pc.is_in(table.column("event"), _NAMES)))
        return [
            replace(event, part=self.number, total=self._shards) if isinstance(event, e.IdsCarried) else event
            for event in kept
        ]


def _shifted(table: pa.Table, by_s: float) -> pa.Table:
    for name in _TIMES:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pc.add(table.column(at), by_s))
    return table


def gathered(piece: Piece, number: int, state: State, emit: Callable[[e.Event], None], t_s: float) -> None:
    """Record a piece of shard `number` with `emit`, which folds it into `state`; nothing may come between.

    t_s: now, in the run's session.
    """
    before = state.fetches
    for event in piece.events:
        emit(event)
    emit(e.Gathered(t_s, number, piece.reach, state.fetches - before))


def gather_rest(run: Run, state: State | None = None) -> State:
    """Record what the shards of `run` have written and nobody has gathered, as a later writer of its last session.

    Hold the run's lock, while no shard is being written. state: that of the run, which is changed; it is returned.
    """
    state = read_state(run.folder) if state is None else state
    folders = shard_folders(run.folder)
    if not folders or not state.session.number:
        return state
    number = state.session.number
    shards = shards_of(run.about) or len(folders)
    recorder = Recorder(run.folder, run.name, number, later_writer(run.folder, number))

    def emit(event: e.Event) -> None:
        if not isinstance(event, (e.WaitBegan, e.Waited)):  # who waited together is known no more
            apply(state, event)
            recorder.record(event)

    for folder in folders:
        shard = int(folder.name)
        reader = ShardReader(folder, shard, shards, state.gathered.get(str(shard), ""))
        for piece in reader.read(state.session.utc_s):
            gathered(piece, shard, state, emit, 0.0)
            recorder.flush()
    recorder.flush()
    return state
