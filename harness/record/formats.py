"""How items are written, as Parquet, CSV or JSON lines, to a file or a stream: a few megabytes of them at a time.

Parquet and CSV have typed columns, which take two passes: what type a column has may be told by the last item. JSON
lines are the payloads as they came. CSV is made harmless for spreadsheets on request.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.record.columns import IMPORTED_AT, Columns, Record
from harness.record.events import ItemId
from harness.record.literals import loads, one_line
from harness.record.order import InOrder, Kept
from harness.record.parts import grouped

# How much is held at once while the file is written: so many items, or payloads of so many characters. What Python
# makes of them can take ten times that.
BATCH = 5_000
BATCH_BYTES = 4_000_000

Destination = Path | IO[bytes]
Batch = tuple[list[Record], list[int | None]]  # records, and when each was read


@dataclass(frozen=True, slots=True)
class Options:
    """How items are written: with texts that are all timestamps as such, and with the moments they were read at.

    safe_cells: in CSV, texts and heads that a spreadsheet would take for a formula get a ' in front.
    """

    timestamps: bool = False
    imported_at: bool = False
    safe_cells: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any], *, safe_cells: bool = False) -> Options:
        """Read them from a run's settings; those of an older version have none."""
        return cls(bool(settings.get("timestamps")), bool(settings.get("imported_at")), safe_cells)


# What nobody asked to be written otherwise.
PLAIN = Options()


def batches(items: Iterable[Kept], rows: int | None = None) -> Iterator[Batch]:
    """Yield items in batches that are bounded in number and in size. rows: the most of a batch, where that is less."""
    most = BATCH if rows is None else min(rows, BATCH)
    records: list[Record] = []
    read_us: list[int | None] = []
    size = 0
    for item, payload, at_us in items:
        records.append(_record(item, payload))
        read_us.append(at_us)
        size += len(payload)
        del payload  # of 30 MB, perhaps, while the next is read
        if len(records) >= most or size >= BATCH_BYTES:
            yield records, read_us
            records, read_us, size = [], [], 0
    if records:
        yield records, read_us


def _as_parquet(items: InOrder, to: Destination, options: Options) -> int:
    return _with_columns(items, to, options, _Parquet, flat=False)


def _as_csv(items: InOrder, to: Destination, options: Options) -> int:
    return _with_columns(items, to, options, _Csv, flat=True)


def _with_columns(
    items: InOrder, to: Destination, options: Options, writer: type[_Parquet | _Csv], *, flat: bool
) -> int:
    """Write the items as rows; answers how many.

    Two passes, so that a column's type is known before the first row is written whatever the last item holds.
    """
    columns = Columns(timestamps=options.timestamps, imported_at=options.imported_at, flat=flat)
    count = 0
    for records, _ in batches(items):
        columns.see(records)
        count += len(records)
        records.clear()

    def tables() -> Iterator[pa.Table]:
        for records, read_us in batches(items, columns.most_rows):
            table = columns.table(records, read_us)
            records.clear()
            yield table
            del table

    with writer(to, columns, options) as file:
        for table in grouped(tables()):
            file.write(table)
    return count


class _Parquet:
    """A Parquet file, or such a stream."""

    def __init__(self, to: Destination, columns: Columns, options: Options) -> None:
        small: dict[str, Any] = {"data_page_size": 64 * 1024, "write_statistics": columns.compared or False}
        small["use_dictionary"] = columns.compared or False
        self._file = pq.ParquetWriter(_sink(to), columns.schema(), compression="zstd", **small)
        self.write = self._file.write_table

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


class _Csv:
    """A CSV file, or such a stream: timestamps as in ISO 8601, whatever Arrow would write."""

    def __init__(self, to: Destination, columns: Columns, options: Options) -> None:
        from pyarrow.csv import CSVWriter  # no import has any use for it

        named = _safe_name if options.safe_cells else str
        fields = [(named(f.name), pa.string() if pa.types.is_timestamp(f.type) else f.type) for f in columns.schema()]
        self._schema = pa.schema(fields)
        self._cell = _safe if options.safe_cells else _iso
        self._file = CSVWriter(_sink(to), self._schema)

    def __enter__(self) -> _Csv:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, table: pa.Table) -> None:
        self._file.write_table(pa.table([self._cell(column) for column in table.columns], schema=self._schema))


# What spreadsheets take for the beginning of a formula, alone or behind a tab or a line's end; the wide forms are for
# those that read Japanese and Chinese. A text that is a negative number does no harm, and is left to be one.
_FORMULA = r"^[=+@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^-"
_NEGATIVE = r"^-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"


def _safe(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put a ' in front of each text that a spreadsheet would run; numbers stay what they are."""
    if not pa.types.is_string(column.type):
        return _iso(column)
    harmful = pc.and_not(pc.match_substring_regex(column, _FORMULA), pc.match_substring_regex(column, _NEGATIVE))
    return pc.if_else(harmful, pc.binary_join_element_wise("'", column, ""), column)


def _safe_name(name: str) -> str:
    return str(_safe(pa.chunked_array([[name]]))[0])


def _iso(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_timestamp(column.type):
        return column
    # Without its zone, for naming one takes a database of zones that slim containers lack.
    texts = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
    texts = pc.replace_substring(texts, " ", "T", max_replacements=1)
    return texts if column.type.tz is None else pc.binary_join_element_wise(texts, "Z", "")


def _sink(to: Destination) -> Any:
    return str(to) if isinstance(to, Path) else _Stream(to)


class _Stream(io.RawIOBase):
    """A stream that cannot be sought in, such as a pipe, for Arrow, which asks where it is."""

    def __init__(self, to: IO[bytes]) -> None:
        self._to = to
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        self._to.write(data)
        self._at += len(data)
        return len(data)


def _as_lines(items: InOrder, to: Destination, options: Options) -> int:
    """Write each payload as it came, on one line."""
    count = 0
    with open(to, "wb") if isinstance(to, Path) else nullcontext(to) as file:
        for kept in items:
            file.write((_line(kept, options) + "\n").encode())
            count += 1
    return count


def _line(kept: Kept, options: Options) -> str:
    line = one_line(kept.payload)
    if not options.imported_at:
        return line
    value = loads(line)
    name = IMPORTED_AT
    while isinstance(value, dict) and name in value:
        name += "_"
    told = f"{json.dumps(name)}: {json.dumps(_utc(kept.read_us))}}}"
    if not isinstance(value, dict):
        return f'{{"id": {json.dumps(kept.item, ensure_ascii=False)}, "value": {line}, {told}'
    return f"{line.rstrip()[:-1].rstrip()}{', ' if value else ''}{told}"


def _utc(at_us: int | None) -> str | None:
    if at_us is None:
        return None
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _record(item: ItemId, payload: str) -> Record:
    value = loads(payload)
    if "\\ud" in payload or "\\uD" in payload:
        value = _storable(value)
    if not isinstance(value, dict):
        return {"id": item, "value": value}
    return value if "id" in value else {"id": item, **value}


def _storable(value: Any) -> Any:
    """`value` with U+FFFD for each half of a surrogate pair: JSON can escape one alone, UTF-8 has none."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_storable(part) for part in value]
    return {_storable(key): _storable(part) for key, part in value.items()} if isinstance(value, dict) else value


WRITERS: dict[str, Callable[[InOrder, Destination, Options], int]] = {
    "csv": _as_csv,
    "jsonl": _as_lines,
    "parquet": _as_parquet,
}
FORMATS = tuple(WRITERS)
