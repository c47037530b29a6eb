"""Every failed attempt of a run, from its events: when, how long it took, what the server said."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import BadInput
from harness.record.arrow import from_table
from harness.record.clock import iso
from harness.record.events import AttemptFailed, Key, Role, SessionStarted, role_name
from harness.record.files import replace_file
from harness.record.parts import read_rows
from harness.record.run import Run

_AT_ONCE = 5_000  # rows that are held while they are written


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that failed, at `at_utc_s`. latency_s: until its end. retry_at_utc_s: None where it was the last."""

    role: Role
    key: Key
    attempt: int
    session: int
    at_utc_s: float
    latency_s: float
    status: int | None
    reason: str
    detail: str
    sent: bool
    retry_at_utc_s: float | None
    headers: str | None
    body: str | None


def attempts(run: Run, wanted: Callable[[Role, Key], bool]) -> Iterator[Attempt]:
    """Yield the failed attempts at what is `wanted`, in the order in which they failed. Few are held at once."""
    import pyarrow.compute as pc  # takes a while, and an import has no use for it

    began_utc_s, session = 0.0, 0
    wanted_events = pa.array(["AttemptFailed", "SessionStarted"])
    for rows in read_rows(run.folder / "events"):
        few = rows.table.filter(pc.is_in(rows.table.column("event"), wanted_events))
        for event in from_table(few):
            if isinstance(event, SessionStarted):
                began_utc_s, session = event.utc_s, event.number
            elif isinstance(event, AttemptFailed) and wanted(event.role, event.key):
                yield _attempt(event, session, began_utc_s)


def _attempt(event: AttemptFailed, session: int, began_utc_s: float) -> Attempt:
    return Attempt(
        event.role,
        event.key,
        event.attempt,
        session,
        began_utc_s + event.t_s,
        event.t_s - event.sent_s,
        event.status,
        event.reason,
        event.detail,
        event.sent,
        event.retry_at_utc_s,
        event.headers,
        event.body,
    )


def write_attempts(path: Path, found: Iterable[Attempt]) -> int:
    """Write attempts as CSV, JSON lines or Parquet, by the path's ending; answers how many."""
    rows = map(_row, found)
    count = 0
    kind = path.suffix.lower()
    if kind not in (".csv", ".jsonl", ".parquet"):
        raise BadInput(f"{path} has an unsupported extension; use .csv, .jsonl or .parquet")

    def write(temporary: Path) -> None:
        nonlocal count
        with _opened(temporary, kind) as put:
            while some := list(islice(rows, _AT_ONCE)):
                put(some)
                count += len(some)

    replace_file(path, write)
    return count


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[Callable[[list[dict[str, object]]], object]]:
    """Open `path` for rows of that kind of file; what it yields writes some of them."""
    if kind == ".parquet":
        with pq.ParquetWriter(path, _SCHEMA) as parquet:
            yield lambda some: parquet.write_table(pa.Table.from_pylist(some, schema=_SCHEMA))
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        if kind == ".jsonl":
            yield lambda some: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in some)
            return
        writer = csv.DictWriter(file, _SCHEMA.names)
        writer.writeheader()
        yield writer.writerows


_INT = pa.int32()
_TYPES = {"attempt": _INT, "session": _INT, "status": _INT, "latency_s": pa.float64(), "sent": pa.bool_()}
# The file says `kind` and `page`, as it always has.
_NAMES = {"role": "kind", "at_utc_s": "at", "retry_at_utc_s": "retry_at"}
_SCHEMA = pa.schema([(_NAMES.get(f.name, f.name), _TYPES.get(f.name, pa.string())) for f in fields(Attempt)])


def _row(attempt: Attempt) -> dict[str, object]:
    row = asdict(attempt)
    retry = attempt.retry_at_utc_s
    row |= {"kind": role_name(attempt.role), "key": str(attempt.key)}
    row |= {"at": iso(attempt.at_utc_s), "retry_at": None if retry is None else iso(retry)}
    return {name: row[name] for name in _SCHEMA.names}
