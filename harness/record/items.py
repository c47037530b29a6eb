"""`items.parquet`: every imported item once, with the API's own fields as typed columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.record.events import ItemId, canonical_id
from harness.record.files import replace_file
from harness.record.history import payload_rows
from harness.record.rows import last_rows

# How many items are held at once while the file is written.
BATCH = 5_000
# Objects and arrays nested deeper than this are kept as JSON text: Parquet readers refuse some 100 levels, and
# nobody asks for a column nine levels down.
DEEPEST = 8

_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


class _Misfit(Exception):
    """A column whose values do not all fit the type that its batches promised."""


def payload_batches(
    folder: Path, wanted: Callable[[ItemId], bool], count: int | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The payloads of `wanted` items in batches, each item once, in the order in which they were written."""
    batch: list[dict[str, Any]] = []
    for item, payload in payloads(folder, wanted, count):
        batch.append(_record(item, payload))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def payloads(folder: Path, wanted: Callable[[ItemId], bool], count: int | None = None) -> Iterator[tuple[ItemId, str]]:
    """(id, JSON text) of each `wanted` item once, in the order in which they were written.

    count: how many are wanted, where that is known: with no more payloads than that none is doubled.
    """
    doubled = set() if count == sum(last_rows(folder / "items").values()) else _doubled(folder)
    seen: set[str] = set()
    for table in payload_rows(folder):
        for text, payload in zip(table.column("id").to_pylist(), table.column("payload").to_pylist(), strict=True):
            if text in seen or not wanted(item := canonical_id(text)):
                continue
            if text in doubled:
                seen.add(text)
            yield item, payload


def _doubled(folder: Path) -> set[str]:
    """Ids with more than one payload: only those need be remembered, and there are hardly ever any."""
    ids = [table.column("id") for table in payload_rows(folder, ["id"])]
    counts = pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()).value_counts()
    return {count["values"] for count in counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()}


def write_items(
    folder: Path,
    wanted: Callable[[ItemId], bool] = lambda _: True,
    to: Path | None = None,
    count: int | None = None,
) -> Path:
    """Write `items.parquet` into the run's folder (or `to`) from its parts, with the `wanted` items (so many of them,
    where that is known); answers its path.

    Two passes, so that a column's type is known before the first row is written whatever the last item holds. Where
    a field's values do not fit one type without loss (a number here, a text there) they are kept as JSON text.
    """
    types = _types(folder, wanted, count)
    path = folder / "items.parquet" if to is None else to

    def write(temporary: Path) -> None:
        schema = pa.schema(list(types.items()))
        with pq.ParquetWriter(temporary, schema, compression="zstd", data_page_size=64 * 1024) as writer:
            for batch in payload_batches(folder, wanted, count):
                writer.write_table(_table(batch, schema))

    while True:
        try:
            replace_file(path, write)
            return path
        except _Misfit as misfit:  # at most once a column: text takes any value
            types[str(misfit)] = pa.string()


def _record(item: ItemId, payload: str) -> dict[str, Any]:
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


def _types(folder: Path, wanted: Callable[[ItemId], bool], count: int | None) -> dict[str, pa.DataType]:
    types: dict[str, pa.DataType] = {}
    for batch in payload_batches(folder, wanted, count):
        for name in dict.fromkeys(name for record in batch for name in record):
            new = _type([record.get(name) for record in batch])
            types[name] = _common(types.get(name), new)
    if not types:
        return {"id": pa.string()}
    return {name: kind if _keepable(kind) else pa.string() for name, kind in types.items()}


def _type(values: list[Any]) -> pa.DataType:
    """The Arrow type of a column of JSON values; string where they fit no single type."""
    try:
        return pa.array(values).type
    except _MISFITS:
        return pa.string()


def _common(old: pa.DataType | None, new: pa.DataType) -> pa.DataType:
    if old is None or old.equals(new):
        return new
    try:
        fields = [pa.schema([("x", old)]), pa.schema([("x", new)])]
        return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _keepable(kind: pa.DataType, depth: int = 0) -> bool:
    """Can Parquet hold it? An object that never has a field it cannot."""
    if pa.types.is_struct(kind):
        fields = [kind.field(at).type for at in range(kind.num_fields)]
        return bool(fields) and depth < DEEPEST and all(_keepable(field, depth + 1) for field in fields)
    return not pa.types.is_list(kind) or (depth < DEEPEST and _keepable(kind.value_type, depth + 1))


def _table(batch: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([_column(batch, field) for field in schema], schema=schema)


def _column(batch: list[dict[str, Any]], field: pa.Field) -> pa.Array:
    values = [record.get(field.name) for record in batch]
    if field.type.equals(pa.string()):
        values = [_text(value) for value in values]
    try:
        return pa.array(values, field.type)
    except _MISFITS:
        raise _Misfit(field.name) from None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
