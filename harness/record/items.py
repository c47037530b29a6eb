"""`items.parquet`: every imported item once, with the API's own fields as typed columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.record.events import canonical_id
from harness.record.parts import list_parts, read_table, replace_file

# How many items are held at once while the file is written.
BATCH = 10_000


def payload_batches(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """The payloads in batches, each item once, in the order in which they were written."""
    seen: set[int | str] = set()
    batch: list[dict[str, Any]] = []
    for _, _, path in list_parts(folder / "items"):
        table = read_table(path)
        for text, payload in zip(table.column("id").to_pylist(), table.column("payload").to_pylist(), strict=True):
            item = canonical_id(text)
            if item not in seen:
                seen.add(item)
                batch.append(_record(text, payload))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def write_items(folder: Path) -> Path:
    """Write `items.parquet` into the run's folder from its parts; answers its path.

    Two passes, so that a column's type is known before the first row is written whatever the last item holds. Where
    a field's types do not fit one column (a number here, a text there) its values are kept as JSON text.
    """
    schema = _schema(folder)
    path = folder / "items.parquet"

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in payload_batches(folder):
                writer.write_table(_table(batch, schema))

    replace_file(path, write)
    return path


def _record(item: str, payload: str) -> dict[str, Any]:
    value = json.loads(payload)
    return value if isinstance(value, dict) else {"id": item, "value": value}


def _schema(folder: Path) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for batch in payload_batches(folder):
        for name in dict.fromkeys(name for record in batch for name in record):
            new = _type([record.get(name) for record in batch])
            types[name] = _common(types.get(name), new)
    return pa.schema([(name, pa.string() if kind is None else kind) for name, kind in types.items()])


def _type(values: list[Any]) -> pa.DataType:
    """The Arrow type of a column of JSON values; string where they fit no single type."""
    try:
        kind = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.string()
    # Parquet cannot hold an object that never has a field.
    return pa.string() if pa.types.is_struct(kind) and kind.num_fields == 0 else kind


def _common(old: pa.DataType | None, new: pa.DataType) -> pa.DataType:
    if old is None or old.equals(new):
        return new
    try:
        fields = [pa.schema([("x", old)]), pa.schema([("x", new)])]
        return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _table(batch: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([_column(batch, field) for field in schema], schema=schema)


def _column(batch: list[dict[str, Any]], field: pa.Field) -> pa.Array:
    values = [record.get(field.name) for record in batch]
    if pa.types.is_null(field.type):
        return pa.nulls(len(values))
    if field.type.equals(pa.string()):
        values = [_text(value) for value in values]
    elif pa.types.is_floating(field.type):
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, field.type)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
