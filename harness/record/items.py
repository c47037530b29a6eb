"""Write the imported items: items.parquet, and exports as CSV, JSON lines or Parquet.

In items.parquet each imported item stands once, with the API's own fields as typed columns. Exports are made of the
same payloads, as one file that other programs read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import BadInput
from harness.record.columns import Columns, Misfit, Record
from harness.record.events import ItemId, canonical_id
from harness.record.files import replace_file
from harness.record.history import payload_rows
from harness.record.parts import grouped, last_rows
from harness.record.run import Run

# How much is held at once while the file is written: so many items, or payloads of so many characters. What Python
# makes of them can take ten times that.
BATCH = 5_000
BATCH_BYTES = 4_000_000


def payload_batches(
    folder: Path, wanted: Callable[[ItemId], bool], count: int | None = None, rows: int | None = None
) -> Iterator[list[Record]]:
    """Yield the payloads of `wanted` items in batches, each item once, in the order in which they were written.

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
    """Return how many payloads those ids have that have more than one: there are hardly ever any."""
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


FORMATS = ("csv", "jsonl", "parquet")


def export(run: Run, path: Path) -> int:
    """Write every item that `run` has imported so far to `path`, in the format its ending names; answers how many.

    An existing file is replaced, in one moment. jsonl: each payload as it came, a line each. csv: a column for each
    field, objects and arrays as JSON text. BadInput for another ending or a folder that is not there.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise BadInput(f"{path} has an unsupported extension; use .csv, .jsonl or .parquet")
    if not path.parent.is_dir():
        raise BadInput(f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another")
    if path.is_dir():
        raise BadInput(f"{path} cannot be written: it is a folder; name a file")
    state = run.state()
    count = 0

    def write(temporary: Path) -> None:
        nonlocal count
        wanted = lambda item: state.items.state(item) == "imported"  # noqa: E731
        if kind == "jsonl":
            count = _lines(temporary, (payload for _, payload in payloads(run.folder, wanted)))
            return
        write_items(run.folder, wanted, temporary)
        count = pq.read_metadata(temporary).num_rows
        if kind == "csv":
            _as_csv(temporary)

    replace_file(path, write)
    return count


def _lines(path: Path, payloads: Iterator[str]) -> int:
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for payload in payloads:
            file.write(payload if "\n" not in payload else json.dumps(json.loads(payload)))
            file.write("\n")
            count += 1
    return count


def _as_csv(path: Path) -> None:
    """Turn the Parquet file at `path` into CSV, batch by batch."""
    import pyarrow.csv as pc  # no import has any use for it

    text = path.with_name(path.name + ".csv")
    source = pq.ParquetFile(path)
    nested = {field.name for field in source.schema_arrow if pa.types.is_nested(field.type)}
    schema = pa.schema([(f.name, pa.string() if f.name in nested else f.type) for f in source.schema_arrow])
    try:
        with pc.CSVWriter(text, schema) as writer:
            for group in range(source.num_row_groups):  # of a bounded size, see write_items
                for batch in source.iter_batches(row_groups=[group]):
                    writer.write_batch(_flat(batch, schema))
        os.replace(text, path)
    finally:
        text.unlink(missing_ok=True)


def _flat(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field, column in zip(schema, batch.columns, strict=True):
        if pa.types.is_nested(column.type):
            values = (None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist())
            column = pa.array(values, field.type)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
