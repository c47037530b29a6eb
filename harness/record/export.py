"""The imported items of a run as one file that other programs read: CSV, JSON lines or Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import BadInput
from harness.record.files import replace_file
from harness.record.items import payloads, write_items
from harness.record.run import Run

FORMATS = ("csv", "jsonl", "parquet")


def export(run: Run, path: Path) -> int:
    """Write every item that `run` has imported so far to `path`, in the format its ending names; answers how many.

    An existing file is replaced, in one moment. jsonl: each payload as it came, a line each. csv: a column for each
    field, objects and arrays as JSON text. BadInput for another ending or a folder that is not there.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise BadInput(f"{path} ends in none of .csv, .jsonl and .parquet, which say how to write it; name it so")
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
