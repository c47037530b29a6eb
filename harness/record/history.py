"""Read a run's record back: its events, its state, and the payloads that no event knows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from harness.errors import RecordError
from harness.record.about import read_about
from harness.record.arrow import EVENT_SCHEMA, as_current, from_table
from harness.record.events import Event, ItemId, Role, SessionStarted, canonical_id, is_same_id
from harness.record.fold import fold
from harness.record.parts import (
    Rows,
    is_compacted,
    last_rows,
    list_parts,
    missing,
    opened,
    read_rows,
    read_table,
    writer_order,
)
from harness.record.shards import shard_folders
from harness.record.snapshot import latest_snapshot
from harness.record.state import State


def read_events(folder: Path, after: tuple[str, int] | None = None) -> Iterator[Event]:
    """Yield a run's events in order, those of `after` (writer, seq) and before left out.

    RecordError where a part cannot be read, or where one is missing before another or at `after`.
    """
    for _, _, events in read_parts(folder, after):
        yield from events


def read_parts(folder: Path, after: tuple[str, int] | None = None) -> Iterator[tuple[str, int, list[Event]]]:
    """Read the events piece by piece, each with its writer and the sequence number of its last event."""
    for rows in read_rows(folder / "events", after, ends=_ends(folder, "events")):
        yield rows.writer, rows.first + rows.table.num_rows - 1, _events(rows)


def recorded(folder: Path) -> dict[str, dict[str, int]]:
    """Return how far each writer's events and items reach, for run.json: a last part that is deleted is then missed.

    RecordError where that is less than run.json says.
    """
    found = {kind: last_rows(folder / kind) for kind in ("events", "items")}
    for kind, last in found.items():
        for writer, number in _ends(folder, kind).items():
            if last.get(writer, 0) < number:
                raise missing(folder / kind, writer, number)
    return found


def _ends(folder: Path, kind: str) -> dict[str, int]:
    """Return what run.json says of that; nothing where there is none, as before the first session's end."""
    about = read_about(folder) if (folder / "run.json").exists() else {}
    return dict(about.get("recorded", {}).get(kind, {}))


def sessions_begun(folder: Path) -> list[float]:
    """Return when each session of a run began (UTC), by run.json, else by the events.

    It lacks some where it was restored from an older copy; a session that took the number of one of those would write
    over its parts.
    """
    begun: list[float] = list(read_about(folder).get("sessions_utc_s", []))
    parts = [writer for kind in ("events", "items") for writer, _, _ in list_parts(folder / kind)]
    last = max((writer_order(writer)[0] for writer in parts), default=0)
    if last > len(begun):
        told = {e.number: e.utc_s for e in read_events(folder) if isinstance(e, SessionStarted)}
        for number in range(len(begun) + 1, last + 1):
            begun.append(told.get(number, begun[-1] if begun else 0.0))
    return begun


def _events(rows: Rows) -> list[Event]:
    try:
        return from_table(rows.table)
    except RecordError as error:
        raise RecordError(f"{rows.path}: {error}") from None


def read_state(folder: Path) -> State:
    """Return the state after all events on disk, by the newest snapshot and the events after it."""
    found = latest_snapshot(folder)
    if found is None:
        return fold(read_events(folder))
    state, writer, seq = found
    return fold(read_events(folder, (writer, seq)), state)


def event_table(folder: Path) -> pa.Table:
    """Return all events as one Arrow table, in order."""
    rows = read_rows(folder / "events", ends=_ends(folder, "events"))
    return pa.concat_tables([as_current(piece.table) for piece in rows] or [EVENT_SCHEMA.empty_table()])


def event_rows(folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of the events as they were written, piece by piece: a version before this one named some columns
    otherwise.
    """
    for rows in read_rows(folder / "events", ends=_ends(folder, "events")):
        yield rows.table


def payload_rows(folder: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Ids and payloads of the items that were kept, in the order in which they were, those of each shard after all
    others.
    """
    for place in (folder, *shard_folders(folder)):
        for rows in read_rows(place / "items", columns=columns, ends=_ends(place, "items")):
            yield rows.table


def payloads_on_disk(folder: Path, state: State) -> set[ItemId]:
    """Items whose payload is on disk though no event calls them imported: a crash fell between the two writes.

    They can only be in the last part that a writer wrote: it writes no further one before the events of the last. Parts
    are compacted when all has been written. Where items carry their ids, a payload without its own is not the item.
    """
    found: set[ItemId] = set()
    last = {writer: path for writer, _, path in list_parts(folder / "items")}
    for path in (path for path in last.values() if not is_compacted(path)):
        table = read_table(path, ["id", "payload"] if state.ids_carried else ["id"])
        for row in table.to_batches(1000) if state.ids_carried else [table]:
            found.update(_unimported(row, state))
    return found


def _unimported(rows: pa.Table | pa.RecordBatch, state: State) -> Iterator[ItemId]:
    ids = [canonical_id(text) for text in rows.column("id").to_pylist()]
    payloads = rows.column("payload").to_pylist() if state.ids_carried else [None] * len(ids)
    for item, payload in zip(ids, payloads, strict=True):
        if state.items.state(item) != "imported" and (payload is None or _names(payload, item)):
            yield item


def _names(payload: str, item: ItemId) -> bool:
    value = json.loads(payload)
    return isinstance(value, dict) and is_same_id(value.get("id"), item)


class Occupied(NamedTuple):
    """A request of an earlier session that may still hold a slot: when it was answered, or has lingered; and, where the
    record says so, of which role it was and in whose name.
    """

    at_s: float
    role: Role | None
    credential: str | None


def occupied_since(
    folder: Path,
    starts_s: dict[int, float],
    since_s: float,
    linger_s: float,
    starts_utc_s: dict[int, float],
    but: Collection[int] = (),
) -> list[Occupied]:
    """Return the requests that may still hold a slot, sorted by the times of their answers (or ends of lingering).

    starts_s: when each session began, by the clock that the answer and `since_s` are of: older answers are left out.
    starts_utc_s: the same by the wall clock, of which some events tell. but: sessions of which somebody else tells.
    """
    columns = ["event", "session", "t_s", "answered_s", "sent", "along", "charged", "utc_s", "role", "credential"]
    found: list[Occupied] = []
    for rows in _backwards(folder, columns):
        found += [
            Occupied(at, row.get("role"), row.get("credential"))
            for row in rows
            if row["session"] not in but and (at := _occupied_from(row, starts_s, linger_s)) is not None
        ]
        for row in rows:
            if row["event"] == "Charged" and row["session"] - 1 not in but:
                number = row["session"]
                at = starts_s[number] + row["utc_s"] - starts_utc_s[number]
                found += [Occupied(at, None, None)] * row["charged"]
        if rows and starts_s[rows[0]["session"]] + rows[0]["t_s"] + linger_s < since_s:
            break
    return sorted((one for one in found if one.at_s >= since_s), key=lambda one: one.at_s)


def _backwards(folder: Path, columns: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the newest rows first, piece by piece, each in order. Only for the holder of the run's lock."""
    for _, _, path in reversed(list_parts(folder / "events")):
        with opened(path) as file:
            for group in reversed(range(file.num_row_groups)):
                yield file.read_row_group(group, columns, use_threads=False).to_pylist()


def _occupied_from(row: dict[str, Any], starts_s: dict[int, float], linger_s: float) -> float | None:
    anchor = starts_s[row["session"]]
    if row["event"] in ("Refused", "Charged") or row.get("along"):
        return None
    if row["answered_s"] is not None:
        return anchor + float(row["answered_s"])
    return anchor + float(row["t_s"]) + linger_s if row["sent"] else None
