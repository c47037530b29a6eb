"""`items.parquet`: every imported item once, with the API's own fields as typed columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.record.columns import Columns, Misfit, Record
from harness.record.events import ItemId, canonical_id
from harness.record.files import replace_file
from harness.record.history import payload_rows
from harness.record.parts import grouped
from harness.record.rows import last_rows

# How much is held at once while the file is written: so many items, or payloads of so many characters. What Python
# makes of them can take ten times that.
BATCH = 5_000
BATCH_BYTES = 4_000_000


def payload_batches(
    folder: Path, wanted: Callable[[ItemId], bool], count: int | None = None, rows: int | None = None
) -> Iterator[list[Record]]:
    """The payloads of `wanted` items in batches, each item once, in the order in which they were written.

    rows: the most items of a batch, where that is less than BATCH.
    """
    most = BATCH if rows is None else min(rows, BATCH)
    batch: list[Record] = []
    size = 0
    for item, payload in payloads(folder, wanted, count):
        batch.append(_record(item, payload))
        size += len(payload)
        del payload  # of 30 MB, perhaps, while the next is read
        if len(batch) >= most or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def payloads(folder: Path, wanted: Callable[[ItemId], bool], count: int | None = None) -> Iterator[tuple[ItemId, str]]:
    """(id, JSON text) of each `wanted` item once, its last, in the order in which they were written.

    count: how many are wanted, where that is known: with no more payloads than that none is doubled.
    """
    doubled = {} if count == sum(last_rows(folder / "items").values()) else _doubled(folder)
    for table in payload_rows(folder):
        for text, payload in zip(table.column("id").to_pylist(), table.column("payload").to_pylist(), strict=True):
            if text in doubled:
                doubled[text] -= 1
                if doubled[text]:
                    continue  # an answer that was not the item, or whose event a crash has cost
            if wanted(item := canonical_id(text)):
                yield item, payload


def _doubled(folder: Path) -> dict[str, int]:
    """How many payloads those ids have that have more than one: there are hardly ever any."""
    ids = [table.column("id") for table in payload_rows(folder, ["id"])]
    counts = pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()).value_counts()
    several = counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    return {count["values"]: count["counts"] for count in several}


def write_items(
    folder: Path,
    wanted: Callable[[ItemId], bool] = lambda _: True,
    to: Path | None = None,
    count: int | None = None,
) -> Path:
    """Write `items.parquet` into the run's folder (or `to`) from its parts, with the `wanted` items (so many of them,
    where that is known); answers its path.

    Two passes, so that a column's type is known before the first row is written whatever the last item holds: see
    `harness.record.columns`.
    """
    columns = Columns()
    for batch in payload_batches(folder, wanted, count):
        columns.see(batch)
        batch.clear()
    path = folder / "items.parquet" if to is None else to

    def tables() -> Iterator[pa.Table]:
        for batch in payload_batches(folder, wanted, count, columns.most_rows):
            table = columns.table(batch)
            batch.clear()
            yield table
            del table

    def write(temporary: Path) -> None:
        small: dict[str, Any] = {"data_page_size": 64 * 1024, "write_statistics": columns.compared or False}
        small["use_dictionary"] = columns.compared or False
        with pq.ParquetWriter(temporary, columns.schema(), compression="zstd", **small) as writer:
            for table in grouped(tables()):
                writer.write_table(table)

    while True:
        try:
            replace_file(path, write)
            return path
        except Misfit as misfit:  # at most once a column
            columns.as_text(str(misfit))


def _record(item: ItemId, payload: str) -> Record:
    value = json.loads(payload)
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
