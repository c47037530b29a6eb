"""Reading a run's record back: its events, its state, and the payloads that no event knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.errors import RecordError
from harness.record.arrow import EVENT_SCHEMA, as_current, from_table
from harness.record.events import Event, ItemId, canonical_id
from harness.record.fold import fold
from harness.record.parts import list_parts, read_table
from harness.record.snapshot import latest_snapshot
from harness.record.state import State


def read_events(folder: Path, after: tuple[str, int] | None = None) -> Iterator[Event]:
    """A run's events in order, those of `after` (writer, seq) and before left out.

    RecordError where a part cannot be read, or where one is missing before another or at `after`.
    """
    for _, _, events in read_parts(folder, after):
        yield from events


def read_parts(folder: Path, after: tuple[str, int] | None = None) -> Iterator[tuple[str, int, list[Event]]]:
    """The same, part by part, each with its writer and the sequence number of its last event."""
    expected: dict[str, int] = {}
    for at, (writer, first, path) in enumerate(_parts_from(folder / "events", after)):
        table = read_table(path)
        if first != expected.get(writer, first if at == 0 and after is not None else 1):
            raise RecordError(f"events before {path} are missing; restore the parts of {writer}, or remove the run")
        expected[writer] = first + table.num_rows
        if after is not None and writer == after[0]:
            table = table.slice(max(0, after[1] + 1 - first))
        yield writer, expected[writer] - 1, _events(table, path)
    if after is not None and expected[after[0]] <= after[1]:
        raise _missing(folder / "events", after)


def _parts_from(folder: Path, after: tuple[str, int] | None) -> list[tuple[str, int, Path]]:
    """The parts that hold what comes after `after`: from the one on in which it lies, or which follows on it."""
    parts = list_parts(folder)
    if after is None:
        return parts
    starts = [at for at, (writer, first, _) in enumerate(parts) if writer == after[0] and first <= after[1] + 1]
    if not starts:
        raise _missing(folder, after)
    return parts[starts[-1] :]


def _missing(folder: Path, after: tuple[str, int]) -> RecordError:
    what = f"{folder} lacks the part with event {after[1]} of {after[0]}"
    return RecordError(f"{what}; restore the parts of {after[0]}, or remove the run")


def _events(table: pa.Table, path: Path) -> list[Event]:
    try:
        return from_table(table)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from None


def read_state(folder: Path) -> State:
    """The state after all events on disk, by the newest snapshot and the events after it."""
    found = latest_snapshot(folder)
    if found is None:
        return fold(read_events(folder))
    state, writer, seq = found
    return fold(read_events(folder, (writer, seq)), state)


def event_table(folder: Path) -> pa.Table:
    """All events as one Arrow table, in order."""
    parts = [as_current(read_table(path)) for _, _, path in list_parts(folder / "events")]
    return pa.concat_tables(parts) if parts else EVENT_SCHEMA.empty_table()


def payloads_on_disk(folder: Path, state: State) -> set[ItemId]:
    """Items whose payload is on disk though no event calls them imported: a crash fell between the two writes."""
    found: set[ItemId] = set()
    for _, _, path in list_parts(folder / "items"):
        ids = (canonical_id(text) for text in read_table(path, ["id"]).column("id").to_pylist())
        found.update(item for item in ids if state.items.state(item) != "imported")
    return found


def occupied_since(folder: Path, anchors_utc_s: dict[int, float], since_utc_s: float, linger_s: float) -> list[float]:
    """When (UTC, sorted) the requests were answered, or given up and lingered out, that may still hold a slot.

    anchors_utc_s: when each session began. since_utc_s: older answers are left out.
    """
    columns = ["event", "session", "t_s", "answered_s", "sent", "charged", "utc_s"]
    found: list[float] = []
    for _, _, path in reversed(list_parts(folder / "events")):
        table = read_table(path, columns)
        rows = table.to_pylist()
        found += [at for row in rows if (at := _occupied_from(row, anchors_utc_s, linger_s)) is not None]
        found += [row["utc_s"] for row in rows if row["event"] == "Charged" for _ in range(row["charged"])]
        if rows and anchors_utc_s[rows[0]["session"]] + rows[0]["t_s"] + linger_s < since_utc_s:
            break
    return sorted(at for at in found if at >= since_utc_s)


def _occupied_from(row: dict[str, Any], anchors_utc_s: dict[int, float], linger_s: float) -> float | None:
    anchor = anchors_utc_s[row["session"]]
    if row["event"] in ("Refused", "Charged"):
        return None
    if row["answered_s"] is not None:
        return anchor + float(row["answered_s"])
    return anchor + float(row["t_s"]) + linger_s if row["sent"] else None
