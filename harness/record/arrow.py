"""Events as rows of one Arrow schema, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Literal

import pyarrow as pa

from harness.errors import RecordError
from harness.record.events import (
    EVENT_CLASSES,
    EVENT_FIELDS,
    SCHEMA_VERSION,
    Batch,
    Endpoint,
    Event,
    PageKind,
    PageRef,
    canonical_id,
)
from harness.record.status import RunStatus

_TEXT, _SECONDS, _COUNT = pa.string(), pa.float64(), pa.int64()

# The columns, in order. `role` says what `key` is: the id of an item, or which page of the list.
EVENT_SCHEMA = pa.schema(
    [
        ("schema", pa.int16()),
        ("run", _TEXT),
        ("session", pa.int32()),
        ("writer", _TEXT),
        ("seq", _COUNT),
        ("event", _TEXT),
        ("t_s", _SECONDS),
        ("resource", _TEXT),
        ("endpoint", _TEXT),
        ("role", _TEXT),
        ("parent", _TEXT),
        ("credential", _TEXT),
        ("key", _TEXT),
        ("key_kind", _TEXT),
        ("part", pa.int32()),
        ("attempt", pa.int32()),
        ("sent_s", _SECONDS),
        ("answered_s", _SECONDS),
        ("status", _TEXT),
        ("sent", pa.bool_()),
        ("size_bytes", _COUNT),
        ("reason", _TEXT),
        ("detail", _TEXT),
        ("headers", _TEXT),
        ("body", _TEXT),
        ("tier", _TEXT),
        ("retry_after_s", _SECONDS),
        ("retry_at_utc_s", _SECONDS),
        ("until_s", _SECONDS),
        ("began_s", _SECONDS),
        ("ended_s", _SECONDS),
        ("asleep_s", _SECONDS),
        ("sleeps", _COUNT),
        ("consecutive_refusals", _COUNT),
        ("budget", _TEXT),
        ("ids", pa.list_(_TEXT)),
        ("total", _COUNT),
        ("last_page", _COUNT),
        ("next_page", _TEXT),
        ("next_page_kind", _TEXT),
        ("way", _TEXT),
        ("more", pa.bool_()),
        ("unread", _TEXT),
        ("new", _COUNT),
        ("past", _TEXT),
        ("said_by", _TEXT),
        ("remarks", _TEXT),
        ("paging", _TEXT),
        ("guessed", pa.bool_()),
        ("places", pa.list_(_TEXT)),
        ("parts", pa.list_(_TEXT)),
        ("charged", _COUNT),
        ("workers", pa.int32()),
        ("limits", _TEXT),
        ("trust", _TEXT),
        ("strategy", _TEXT),
        ("host", _TEXT),
        ("utc_s", _SECONDS),
        ("carried", pa.bool_()),
        ("along", pa.bool_()),
        ("least_s", _SECONDS),
        ("likely_s", _SECONDS),
        ("most_s", _SECONDS),
    ],
    metadata={"harness.schema": str(SCHEMA_VERSION)},
)

# Classes name an id or cursor for what it is; the table has one column for all of them.
_COLUMN_OF = {"item": "key", "page": "key", "number": "session"}
_COLUMN_OF |= {"reach": "detail", "counting": "reason", "evidence": "detail", "occasion": "reason", "basis": "detail"}
_ROLE_OF = {"PageListed": "list"} | dict.fromkeys(("ItemImported", "ItemListed", "ItemAdopted", "Forgotten"), "item")
# Of the columns of an Endpoint, which the role of its request completes.
_ENDPOINT = ("resource", "endpoint", "credential", "budget")
# Read together with others: what a role or kind says of them.
_BESIDE = ("role", "key_kind", "next_page_kind", "part")
# Columns that versions before this one did not have, by the version that brought them.
_SINCE = {"headers": 2, "body": 2}
_SINCE |= dict.fromkeys(("carried", "way", "more", "unread", "new", "past", "said_by", "remarks"), 3)
_SINCE |= dict.fromkeys(("resource", "endpoint", "parent", "credential", "key_kind", "next_page_kind"), 4)
_SINCE |= dict.fromkeys(("along", "paging", "guessed", "places", "part", "parts"), 5)
_SINCE |= dict.fromkeys(("least_s", "likely_s", "most_s"), 6)
_COLUMNS = {name: tuple(_COLUMN_OF.get(field, field) for field in names) for name, names in EVENT_FIELDS.items()}
_VALUES = {name: attrgetter(*fields) if len(fields) > 1 else None for name, fields in EVENT_FIELDS.items()}


def _values(name: str, event: Event) -> tuple[Any, ...]:
    get = _VALUES[name]
    return get(event) if get is not None else (event.t_s,)


@contextmanager
def sparing_memory() -> Iterator[None]:
    """Let Arrow take as little memory as it can while the block runs: for a process that is ours alone.

    It gives back what it frees (its own allocator keeps 30 MB), and it does not import pandas, where installed: 57 MB
    that an import has no use for. Nobody else can import it meanwhile either.
    """
    pool, finder = pa.default_memory_pool(), _NoPandas()
    pa.set_memory_pool(pa.system_memory_pool())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        pa.set_memory_pool(pool)


class _NoPandas:
    """Finds nothing, and lets nobody else find pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not imported here")


def to_table(events: Sequence[Event], run: str, session: int, writer: str, first_seq: int) -> pa.Table:
    """Make rows of `events` with their envelope; the first gets `first_seq`, the others follow without a gap."""
    count = len(events)
    columns: dict[str, list[Any]] = {name: [None] * count for name in EVENT_SCHEMA.names}
    wanted = {name: [columns[column] for column in names] for name, names in _COLUMNS.items()}
    for row, event in enumerate(events):
        name = type(event).__name__
        for column, value in zip(wanted[name], _values(name, event), strict=True):
            column[row] = value
        columns["event"][row] = name
        if name in _ROLE_OF:
            columns["role"][row] = _ROLE_OF[name]
    columns["seq"] = list(range(first_seq, first_seq + count))
    columns["part"] = [part or None for part in columns["part"]]
    _write_refs(columns, "key", "key_kind")
    _write_refs(columns, "next_page", "next_page_kind")
    columns["parent"] = [None if item is None else str(item) for item in columns["parent"]]
    _write_endpoints(columns)
    columns["ids"] = [None if ids is None else [str(item) for item in ids] for ids in columns["ids"]]
    # HTTP's status is a number and a run's is a word; as text both fit one column.
    columns["status"] = [None if status is None else str(status) for status in columns["status"]]
    arrays = [_constant(name, count, run, session, writer) for name in EVENT_SCHEMA.names[:4]]
    arrays += [pa.array(columns[field.name], field.type) for field in list(EVENT_SCHEMA)[4:]]
    return pa.Table.from_arrays(arrays, schema=EVENT_SCHEMA)


def _write_refs(columns: dict[str, list[Any]], name: str, kind: str) -> None:
    """Write a page as two texts, kind and value; an item's id has no kind, and several have the kind `batch`."""
    refs = columns[name]
    columns[kind] = [ref.kind if type(ref) is PageRef else _BATCH if type(ref) is Batch else None for ref in refs]
    columns[name] = [None if ref is None else str(ref.value) if type(ref) is PageRef else str(ref) for ref in refs]
    for row, ref in enumerate(refs):
        if type(ref) is PageRef and ref.part:
            columns["part"][row] = ref.part


def _write_endpoints(columns: dict[str, list[Any]]) -> None:
    endpoints = columns["endpoint"]
    columns["resource"] = [asked and asked.resource for asked in endpoints]
    columns["credential"] = [asked and asked.credential for asked in endpoints]
    columns["budget"] = [
        own if asked is None else asked.budget for own, asked in zip(columns["budget"], endpoints, strict=True)
    ]
    columns["endpoint"] = [asked and asked.name for asked in endpoints]


def _constant(name: str, count: int, run: str, session: int, writer: str) -> pa.Array:
    value = {"schema": SCHEMA_VERSION, "run": run, "session": session, "writer": writer}[name]
    return pa.repeat(pa.scalar(value, EVENT_SCHEMA.field(name).type), count)


def from_table(table: pa.Table) -> list[Event]:
    """Return the events in `table`, in its order. RecordError for rows that this version cannot read."""
    table = as_current(table)
    names = table.column("event").to_pylist()
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    if unknown := [name for name in rows if name not in EVENT_CLASSES]:
        raise RecordError(f"the events of run {_run(table)} hold an unknown event {unknown[0]!r}; update the harness")
    events: list[Any] = [None] * len(names)
    for name, at in rows.items():  # of the forty columns each class needs a few, and most rows are of one class
        columns = _COLUMNS[name]
        part = table.select(list(dict.fromkeys((*columns, *_BESIDE, *_ENDPOINT))))
        part = part if len(at) == len(names) else part.take(pa.array(at, pa.int64()))
        values = [_read(part, column, number=name != "SessionEnded") for column in columns]
        for row, event in zip(at, map(EVENT_CLASSES[name], *values), strict=True):
            events[row] = event
    return events


def _read(table: pa.Table, column: str, *, number: bool) -> list[Any]:
    """Return a column's values as events hold them; `number`: a status is HTTP's."""
    if column == "endpoint":
        return _read_endpoints(table)
    values: list[Any] = table.column(column).to_pylist()
    if column in ("key", "next_page"):
        return _in_parts(_read_refs(values, table.column(f"{column}_kind")), table.column("part"))
    if column in ("places", "parts"):
        return [None if texts is None else tuple(texts) for texts in values]
    if column == "part":
        return [part or 0 for part in values]
    if column == "along":
        return [bool(along) for along in values]
    if column == "parent":
        return [None if item is None else canonical_id(item) for item in values]
    if column == "ids":
        return [None if ids is None else tuple(map(canonical_id, ids)) for ids in values]
    if column == "status":
        return [None if status is None else int(status) if number else _run_status(status) for status in values]
    return values


def _run_status(text: str) -> RunStatus:
    try:
        return RunStatus(text)
    except ValueError:
        raise RecordError(f"the events hold an unknown status {text!r} of a session; update the harness") from None


def _read_refs(values: list[Any], kinds: pa.ChunkedArray) -> list[Any]:
    if kinds.null_count == len(values):
        return [None if key is None else canonical_id(key) for key in values]
    return [
        value if value is None else canonical_id(value) if kind is None else as_ref(kind, value)
        for kind, value in zip(kinds.to_pylist(), values, strict=True)
    ]


def _in_parts(refs: list[Any], parts: pa.ChunkedArray) -> list[Any]:
    """Return `refs`, each page in its part of the list."""
    if parts.null_count == len(parts):
        return refs
    return [
        ref._replace(part=part) if part is not None and type(ref) is PageRef else ref
        for ref, part in zip(refs, parts.to_pylist(), strict=True)
    ]


_BATCH: Literal["batch"] = "batch"


def as_ref(kind: PageKind | Literal["batch"], value: str) -> PageRef | Batch:
    """Return a page, or several items, as its two columns have it."""
    if kind == _BATCH:
        return Batch.from_text(value)
    return PageRef(kind, int(value) if kind in ("number", "offset") else value)


def _read_endpoints(table: pa.Table) -> list[Endpoint | None]:
    """Read what requests asked, with one object for all that asked the same, as most did."""
    count, columns = table.num_rows, [table.column(name) for name in ("resource", "endpoint", "role", *_ENDPOINT[2:])]
    if columns[0].null_count == count:
        return [None] * count
    alike = [column.unique().to_pylist() for column in columns]
    if all(len(values) == 1 for values in alike):
        return [Endpoint(*(value for (value,) in alike))] * count
    known: dict[tuple[Any, ...], Endpoint] = {}
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [None if row[0] is None else known.setdefault(row, Endpoint(*row)) for row in rows]


def as_current(table: pa.Table) -> pa.Table:
    """`table` with the columns of this version, whichever older one wrote it; RecordError for what it cannot read."""
    names = table.schema.names
    written = _version(table)
    if written > SCHEMA_VERSION:
        newer = f"schema {written}, and this version reads up to {SCHEMA_VERSION}"
        raise RecordError(f"the events of run {_run(table)} were written with {newer}; update the harness")
    table = _renamed(table)
    names = table.schema.names
    if missing := [name for name in EVENT_SCHEMA.names if name not in names and _SINCE.get(name, 1) <= written]:
        raise RecordError(
            f"the events have no column {missing[0]}: this is not a record of the harness; remove the run"
        )
    if names == EVENT_SCHEMA.names:
        return table
    empty = {field.name: pa.nulls(table.num_rows, field.type) for field in EVENT_SCHEMA if field.name not in names}
    if written < _WITH_REFS:
        empty |= _kinds(table)
    columns = [empty[name] if name in empty else table.column(name) for name in EVENT_SCHEMA.names]
    return pa.Table.from_arrays(columns, schema=EVENT_SCHEMA)


# Before it, a request's role was called `kind` and that of a list `page`; a page was a number or, as text, a link.
_WITH_REFS = 4


def _renamed(table: pa.Table) -> pa.Table:
    """Return `table` with the names that its columns have now."""
    names = ["consecutive_refusals" if name == "strikes" else name for name in table.schema.names]
    table = table.rename_columns(names)
    if "kind" not in names or "role" in names:
        return table
    roles = ["list" if name == "page" else name for name in table.column("kind").to_pylist()]
    return table.set_column(names.index("kind"), "role", pa.array(roles, _TEXT))


def _kinds(table: pa.Table) -> dict[str, pa.Array]:
    """Return the kinds of the pages in a table of a version that did not record them."""
    roles, keys, links = (table.column(name).to_pylist() for name in ("role", "key", "next_page"))
    of_keys = [
        _kind_of(key) if role == "list" and key is not None else None for role, key in zip(roles, keys, strict=True)
    ]
    of_links = [None if link is None else _kind_of(link) for link in links]
    return {"key_kind": pa.array(of_keys, _TEXT), "next_page_kind": pa.array(of_links, _TEXT)}


def _kind_of(text: str) -> PageKind:
    return "number" if isinstance(canonical_id(text), int) else "url"


def _version(table: pa.Table) -> int:
    """Return the newest version among the rows; without any, as if it were the first."""
    if "schema" not in table.schema.names:
        return 1
    return max((version or 1 for version in table.column("schema").unique().to_pylist()), default=1)


def _run(table: pa.Table) -> str:
    return str(table.column("run")[0]) if "run" in table.schema.names else "?"
