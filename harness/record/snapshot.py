"""Snapshots of a state, so that resuming and listing need not read every event of a long run.

A snapshot names the (writer, seq) up to which it has folded; snapshot + tail = full fold, which is a test.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from harness.errors import RecordError
from harness.record.discovery import Listing
from harness.record.events import SCHEMA_VERSION, ItemId, PageRef, canonical_id
from harness.record.pages import PageSet
from harness.record.parts import list_parts, read_table, write_tables
from harness.record.places import FrozenPlaces
from harness.record.prediction import Prediction
from harness.record.split import Named, Part
from harness.record.state import Boundary, Current, Failure, Items, State
from harness.record.status import RunStatus

# Copying a state costs time in proportion to its items, so a snapshot is due when the events since the last one are
# many both absolutely and for the size of the run.
SNAPSHOT_EVENTS = 20_000
SNAPSHOT_SHARE = 8  # an eighth of a million items' events are read again in two seconds
KEPT = 2
_CHUNK = 50_000  # ids made into text at once

_BY_HAND = ("items", "failures", "pages", "listing", "session", "places", "parts", "named", "predictions")
_PLAIN = [f.name for f in fields(State) if f.name not in _BY_HAND]
_FIELDS = [
    str(SCHEMA_VERSION),
    *(f.name for cls in (State, Part, Listing, Current, Failure, Prediction) for f in fields(cls)),
    *Boundary._fields,
]
# An id is a number or a text, the other column is empty: most are numbers, and those are read without a look at each.
_SCHEMA = [("number", pa.int64()), ("text", pa.string()), ("state", pa.uint8())]
# Only where the list says where its items lie.
_PLACES = [("place_number", pa.int64()), ("place", pa.string())]
# Only where the list is split: the part that named an item first, -1 for none.
_PART = [("part", pa.int32())]

Frozen = tuple[dict[str, Any], list[Any], bytes, FrozenPlaces | None, "array[int] | None"]


def freeze(state: State, writer: str, seq: int) -> Frozen:
    """Make a copy that changes no more: call it where events are applied, and write the copy in another thread."""
    head = {name: _copy(getattr(state, name)) for name in _PLAIN}
    head["failures"] = [asdict(failure) for failure in state.failures.values()]
    head["predictions"] = [asdict(prediction) for prediction in state.predictions]
    head["pages"] = state.pages.as_json()
    head["listing"] = asdict(state.listing)
    head["session"] = asdict(state.session)
    head["position"] = [writer, seq]
    head["fields"] = _FIELDS
    ids, states = state.items.columns()
    head["again"] = state.places.again.copy()
    if not state.parts:
        return head, ids, states, state.places.frozen(ids), None
    head["parts"] = [_kept(part) for part in state.parts]
    head["named_again"] = [[part, item] for part, item in state.named.again]
    return head, ids, states, state.places.frozen(ids), state.named.column(ids)


def _kept(part: Part) -> dict[str, Any]:
    kept = {"pages": part.pages.as_json(), "listing": asdict(part.listing)}
    return {field.name: getattr(part, field.name) for field in fields(Part)} | kept


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, (dict, list)) else value


def write_snapshot(folder: Path, frozen: Frozen) -> None:
    """Write a frozen state, then drop all but the newest two."""
    head, ids, _, places, parts = frozen
    writer, seq = head["position"]
    (folder / "snapshots").mkdir(exist_ok=True)
    if places is not None:
        head["template"] = places.template
    columns = [*_SCHEMA, *(_PLACES if places else ()), *(_PART if parts is not None else ())]
    schema = pa.schema(columns, metadata={"harness.state": json.dumps(head)})
    tables = (_rows(frozen, at, schema) for at in range(0, max(1, len(ids)), _CHUNK))
    write_tables(folder / "snapshots" / f"{writer}-{seq:09d}.parquet", tables, schema)
    for _, _, path in list_parts(folder / "snapshots")[:-KEPT]:
        path.unlink(missing_ok=True)


def _rows(frozen: Frozen, at: int, schema: pa.Schema) -> pa.Table:
    """Return the rows of some items, from the one at `at` on: so many at a time that they take little room."""
    _, ids, states, places, parts = frozen
    some = ids[at : at + _CHUNK]
    columns = [*_columns(some), _bytes(states[at : at + _CHUNK])]
    if places is not None:
        columns += [pa.array(column, kind) for column, (_, kind) in zip(places.columns(some, at), _PLACES, strict=True)]
    if parts is not None:
        columns.append(pa.array(parts[at : at + _CHUNK], pa.int32()))
    return pa.Table.from_arrays(columns, schema=schema)


def _columns(ids: list[ItemId]) -> tuple[pa.Array, pa.Array]:
    """(numbers, texts) of some ids: all of them in one of the two columns."""
    try:
        numbers = array("q", cast(list[int], ids))
    except (TypeError, OverflowError):
        return pa.nulls(len(ids), pa.int64()), pa.array(map(str, ids), pa.string())
    return pa.Array.from_buffers(pa.int64(), len(ids), [None, pa.py_buffer(numbers)]), pa.nulls(len(ids), pa.string())


def _ids(table: pa.Table) -> list[ItemId]:
    found: list[ItemId] = []
    for batch in table.select(["number", "text"]).to_batches():
        numbers, texts = batch.columns
        if numbers.null_count == 0:
            found += memoryview(numbers.buffers()[1]).cast("q")[numbers.offset : numbers.offset + len(numbers)].tolist()
        else:
            pairs = zip(numbers.to_pylist(), texts.to_pylist(), strict=True)
            found += [canonical_id(text) if number is None else number for number, text in pairs]
    return found


def _put_places(state: State, ids: list[ItemId], table: pa.Table, template: list[str]) -> None:
    at = 0
    for batch in table.select([name for name, _ in _PLACES]).to_batches(_CHUNK):
        numbers, texts = (column.to_pylist() for column in batch.columns)
        for item, number, text in zip(ids[at : at + len(batch)], numbers, texts, strict=True):
            place = text if number is None else f"{template[0]}{number}{template[1]}"
            if place is not None:
                state.places.add(item, place)
        at += len(batch)


def _bytes(states: bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.uint8(), len(states), [None, pa.py_buffer(states)])


def _states(table: pa.Table) -> bytes:
    chunks = table.column("state").chunks
    return b"".join(chunk.buffers()[1].to_pybytes()[chunk.offset : chunk.offset + len(chunk)] for chunk in chunks)


def latest_snapshot(folder: Path) -> tuple[State, str, int] | None:
    """Return the newest usable snapshot's state with the (writer, seq) up to which it counts; None where there is none.

    Snapshots only save time: one that is damaged, or of a version whose State was another, is passed over.
    """
    for _, _, path in reversed(list_parts(folder / "snapshots")):
        try:
            return _thaw(read_table(path))
        except (RecordError, KeyError, TypeError, ValueError):
            continue
    return None


def _page(kept: Any) -> Any:
    return None if kept is None else PageRef(*kept)


def _listing(kept: dict[str, Any]) -> Listing:
    return Listing(**{**kept, "guess": _page(kept["guess"])})


def _part(kept: dict[str, Any], number: int) -> Part:
    pages, following = PageSet.from_json(kept["pages"], number), _page(kept["next_page"])
    return Part(**{**kept, "pages": pages, "next_page": following, "listing": _listing(kept["listing"])})


def _thaw(table: pa.Table) -> tuple[State, str, int]:
    head = json.loads(table.schema.metadata[b"harness.state"])
    if head["fields"] != _FIELDS:
        raise ValueError("the state of another version")
    state = State(**{name: head[name] for name in _PLAIN})
    state.status = RunStatus(state.status)
    for name in ("statuses", "refusals", "latency"):  # JSON has no integer keys
        setattr(state, name, {int(key): count for key, count in head[name].items()})
    state.boundaries = [Boundary(*kept) for kept in head["boundaries"]]
    state.predictions = [Prediction(**kept) for kept in head["predictions"]]
    state.waits = {by: (seconds, count) for by, (seconds, count) in head["waits"].items()}
    state.pages = PageSet.from_json(head["pages"])
    state.next_page = _page(head["next_page"])
    failures = [Failure(**failure) for failure in head["failures"]]
    failures = [replace(failure, key=_page(failure.key)) if failure.role == "list" else failure for failure in failures]
    state.failures = {(failure.role, failure.key): failure for failure in failures}
    state.listing = _listing(head["listing"])
    session = head["session"]
    state.session = Current(**{**session, "waiting": tuple(session["waiting"]) if session["waiting"] else None})
    ids = _ids(table)
    state.items = Items.from_columns(ids, _states(table))
    if "template" in head:
        _put_places(state, ids, table, head["template"])
    state.places.again = head["again"]
    if "parts" in head:
        state.parts = [_part(kept, number) for number, kept in enumerate(head["parts"])]
        state.named = Named.from_column(ids, table.column("part").to_pylist())
        state.named.again = {(part, item) for part, item in head["named_again"]}
    writer, seq = head["position"]
    return state, writer, seq
