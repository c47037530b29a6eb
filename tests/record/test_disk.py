"""The disk may fail, be damaged or lose power: the record is whole or says so, and never lies."""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from harness.errors import RecordError
from harness.record import events as e, files
from harness.record.arrow import EVENT_SCHEMA
from harness.record.clock import Boot
from harness.record.events import SCHEMA_VERSION
from harness.record.files import read_json, write_json
from harness.record.fold import fold
from harness.record.history import event_table, occupied_since, payloads_on_disk, read_events, read_state
from harness.record.items import write_items
from harness.record.parts import list_parts, read_table, write_table
from harness.record.recorder import Recorder
from harness.record.sent import SentCounter, session_starts
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from tests.core.play import UTC_S
from tests.record.samples import facts, history, imported, listed, on_disk, started
from tests.record.test_arrow import as_version_1

EVENTS = [started(), listed(1, 2, 3), imported(1), imported(2), imported(3)]


def full(*args: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


# --- writing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails anywhere says what to do; the file is as it was, and the room it took is given back."""
    path = tmp_path / "run.json"
    write_json(path, {"status": "running"})
    monkeypatch.setattr(os, call, full)
    with pytest.raises(RecordError, match=r"run.json cannot be written .*No space left.*; make room or fix the folder"):
        write_json(path, {"status": "complete"})
    assert read_json(path) == {"status": "running"}
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    """Whatever writes to a path that cannot be a folder raises RecordError, not the system's error."""
    (tmp_path / "file").touch()
    for write in (
        lambda: write_table(tmp_path / "file" / "x.parquet", pa.table({"a": [1]})),
        lambda: SentCounter(tmp_path / "file"),
        lambda: Recorder(tmp_path / "file", "r", 1),
    ):
        with pytest.raises(RecordError, match=r"file.* cannot be written .*; make room or fix the folder, then resume"):
            write()


def test_items_reach_the_disk_before_the_events_that_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever power goes, no event calls an item imported whose payload is not there: each file is synced whole
    before it gets its name, its folder is synced before the next file, and items come first."""
    steps: list[str] = []
    kind = {tmp_path / "r" / name: name for name in ("items", "events")}
    real_replace = os.replace

    def fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        steps.append(f"sync {kind.get(path) or kind[path.parent] + ' part'}")

    def replace(old: Path, new: Path) -> None:
        steps.append(f"name {kind[new.parent]} part")
        real_replace(old, new)

    recorder = Recorder(tmp_path / "r", "r", 1)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    recorder.put(1, '{"id": 1}')
    recorder.record(imported(1))
    recorder.flush()
    a_part = ("sync {} part", "name {} part", "sync {}")
    assert steps == [step.format(name) for name in ("items", "events") for step in a_part]


def test_after_a_failed_write_nothing_more_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part written after one that failed would leave a hole, and a run that nobody could resume."""
    recorder = Recorder(tmp_path / "r", "r", 1)
    for event in EVENTS[:3]:
        recorder.record(event)
    recorder.flush()
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        recorder.put(2, "{}")
        recorder.record(EVENTS[3])
        with pytest.raises(RecordError):
            recorder.flush()
    recorder.put(3, "{}")
    recorder.record(EVENTS[4])  # the disk has room again
    with pytest.raises(RecordError, match="make room"):
        recorder.flush()
    assert list(read_events(tmp_path / "r")) == EVENTS[:3]
    assert payloads_on_disk(tmp_path / "r", fold(EVENTS[:3])) == set()


def test_what_a_crash_left_half_written_is_ignored_and_then_removed(tmp_path: Path) -> None:
    """Temporary files are no parts; the next session removes them."""
    folder = on_disk(tmp_path / "r", [[EVENTS]])
    (part,) = (folder / "events").glob("*.parquet")
    torn = part.with_name("s1-000000006.parquet.tmp")
    torn.write_bytes(part.read_bytes()[:100])
    (folder / "events" / "notes.parquet").write_bytes(b"mine")
    assert list(read_events(folder)) == EVENTS
    Recorder(folder, "r", 2)
    assert not torn.exists()
    assert (folder / "events" / "notes.parquet").exists()


# --- reading ------------------------------------------------------------------------------------------------------


def pieces(folder: Path, *, snapshot_at: int | None = None) -> list[Path]:
    """Two sessions of five parts each, of ten and of two events; answers the parts."""
    first = [started(1), listed(*range(48)), *(imported(item) for item in range(48))]
    second = [started(2), listed(*range(100, 108), page=2), *(imported(item) for item in range(100, 108))]
    sessions = [[run[at : at + size] for at in range(0, len(run), size)] for run, size in ((first, 10), (second, 2))]
    on_disk(folder, sessions)
    if snapshot_at is not None:
        write_snapshot(folder, freeze(fold(first[:snapshot_at]), "s1", snapshot_at))
    return [path for _, _, path in list_parts(folder / "events")]


def test_a_run_that_the_version_before_began_goes_on(tmp_path: Path) -> None:
    """Its parts beside ours fold to the same state and are one table; a snapshot of its own is passed over."""
    folder = tmp_path / "r"
    parts = pieces(folder, snapshot_at=20)
    whole = read_state(folder)
    for path in parts[:5]:
        pq.write_table(as_version_1(read_table(path)), path)
    (snapshot,) = (folder / "snapshots").iterdir()
    table = read_table(snapshot)
    head = json.loads(table.schema.metadata[b"harness.state"])
    del head["pages_before"]
    pq.write_table(table.replace_schema_metadata({"harness.state": json.dumps(head | {"fields": ["1"]})}), snapshot)
    assert facts(read_state(folder)) == facts(whole)
    table = event_table(folder)
    assert table.schema.equals(EVENT_SCHEMA)
    assert set(table.column("schema").to_pylist()) == {1, SCHEMA_VERSION}


@pytest.mark.parametrize("missing", [0, 1, 3, 5, 7])
def test_a_missing_part_is_named(missing: int, tmp_path: Path) -> None:
    """A hole in the record is not read over: the error names the part before which it lies."""
    paths = pieces(tmp_path)
    paths[missing].unlink()
    with pytest.raises(RecordError, match=f"events before {paths[missing + 1]} are missing; restore the parts of s"):
        read_state(tmp_path)


@pytest.mark.parametrize("missing", [0, 1, 2, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("at", [20, 25, 29])
def test_behind_a_snapshot_too_no_hole_is_read_over(missing: int, at: int, tmp_path: Path) -> None:
    """With a snapshot in the third part, or just before it, the first two do not matter; any other is missed."""
    paths = pieces(tmp_path, snapshot_at=at)
    whole = facts(read_state(tmp_path))
    paths[missing].unlink()
    if missing < 2:
        assert facts(read_state(tmp_path)) == whole
        return
    with pytest.raises(RecordError, match=r"(are missing|lacks the part with event \d+ of s1); restore the parts"):
        read_state(tmp_path)


def test_all_events_gone_behind_a_snapshot_is_said(tmp_path: Path) -> None:
    """A snapshot does not stand in for the record it was taken of."""
    pieces(tmp_path, snapshot_at=25)
    shutil.rmtree(tmp_path / "events")
    with pytest.raises(RecordError, match="events lacks the part with event 25 of s1; restore the parts of s1"):
        read_state(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet at all", None])
def test_a_damaged_part_is_named(damage: bytes | None, tmp_path: Path) -> None:
    """Cut short, empty or something else: the error names the file and says what to do."""
    path = pieces(tmp_path)[2]
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    with pytest.raises(RecordError, match=f"{path} cannot be read .*; restore it from a copy, or remove the run"):
        read_state(tmp_path)


def test_a_part_of_a_newer_version_is_named(tmp_path: Path) -> None:
    """The error says which file, which schema, and to update."""
    path = pieces(tmp_path)[1]
    table = read_table(path)
    newer = table.set_column(0, "schema", pa.array([9] * table.num_rows, pa.int16()))
    pq.write_table(newer, path)
    with pytest.raises(RecordError, match=f"{path}: .*schema 9, .* reads up to {SCHEMA_VERSION}; update the harness"):
        read_state(tmp_path)


@pytest.mark.parametrize("damage", ["half a file", "another version"])
def test_a_useless_snapshot_only_costs_time(damage: str, tmp_path: Path) -> None:
    """A damaged snapshot, or one of a version with another State, is passed over: the events hold everything."""
    pieces(tmp_path)
    whole = facts(read_state(tmp_path))
    events = list(read_events(tmp_path))
    for at in (10, 20):
        write_snapshot(tmp_path, freeze(fold(events[:at]), "s1", at))
    _damage(list_parts(tmp_path / "snapshots")[-1][2], damage)
    found = latest_snapshot(tmp_path)
    assert found is not None
    assert found[2] == 10
    assert facts(read_state(tmp_path)) == whole


def _damage(path: Path, how: str) -> None:
    if how == "half a file":
        path.write_bytes(path.read_bytes()[:-50])
        return
    table = read_table(path)
    head = table.schema.metadata[b"harness.state"].replace(b'"holds"', b'"hugs"')
    pq.write_table(table.replace_schema_metadata({"harness.state": head}), path)


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_damaged_json_is_named(text: str, tmp_path: Path) -> None:
    """run.json and summary.json too say what to do."""
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RecordError, match=r"run.json cannot be read .*; restore it from a copy, or remove the run"):
        read_json(tmp_path / "run.json")


# --- what survives, and what it is charged as -----------------------------------------------------------------------


def test_the_count_of_requests_outlives_its_writer(tmp_path: Path) -> None:
    """What was counted is there for the next session though nobody closed or synced the file."""
    counter = SentCounter(tmp_path)
    for at in (100.0, 101.5, 103.25):
        counter.add(at, Boot("b", at + 7))
    again = SentCounter(tmp_path)
    assert (again.count, again.last_s, again.last_boot) == (3, 103.25, Boot("b", 110.25))
    again.set(2)
    last = SentCounter(tmp_path)
    assert (last.count, last.last_s, last.last_boot) == (2, 103.25, Boot("b", 110.25))


def test_the_counter_of_an_older_version_is_read(tmp_path: Path) -> None:
    """It knew the wall clock alone; how long ago that was is not certain."""
    (tmp_path / "sent").write_bytes(struct.pack("<qd", 7, UTC_S + 50))
    for _ in range(2):  # the first may be killed before it sends anything
        counter = SentCounter(tmp_path)
        assert (counter.count, counter.last_utc_s, counter.last_s) == (7, UTC_S + 50, None)
    assert session_starts({}, [UTC_S, UTC_S - 10], counter, Boot("b", 5.0)) == [0.0, 0.0, 50.0]
    counter.add(51.0, Boot("b", 6.0))
    counter = SentCounter(tmp_path)
    assert (counter.count, counter.last_utc_s, counter.last_s) == (8, None, 51.0)


def test_a_run_has_a_clock_of_its_own(tmp_path: Path) -> None:
    """Between sessions passes what the machine's clock counts since the last request; over a restart, nothing."""
    counter = SentCounter(tmp_path)
    about, utc = {"sessions_run_s": [0.0]}, [1_000.0]
    assert session_starts({}, [], counter, Boot("b", 5.0)) == [0.0]
    assert session_starts(about, utc, counter, Boot("b", 5.0)) == [0.0, 0.0]
    counter.add(30.0, Boot("b", 100.0))
    for now, began_s in (
        (Boot("b", 112.5), 42.5),
        (Boot("b", 90.0), 30.0),
        (Boot("c", 9e9), 30.0),
        (Boot("", 200.0), 30.0),
    ):
        assert session_starts(about, utc, counter, now) == [0.0, began_s]


def test_a_counter_cut_short_begins_again(tmp_path: Path) -> None:
    """A file that a power cut left empty is a counter at zero, not a crash."""
    (tmp_path / "sent").write_bytes(b"\x01")
    assert SentCounter(tmp_path).count == 0


def test_payloads_without_events_are_found_once(tmp_path: Path) -> None:
    """What was flushed as items but not yet as events is adopted; what is imported is not found again."""
    recorder = Recorder(tmp_path / "r", "r", 1)
    for item in (1, 2, 7):
        recorder.put(item, "{}")
    for event in EVENTS[:4]:
        recorder.record(event)
    recorder.flush()
    state = read_state(tmp_path / "r")
    assert payloads_on_disk(tmp_path / "r", state) == {7}


@given(st.integers(0, 10**6), st.floats(-5, 30), st.sampled_from([0.0, 2.0]))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_no_request_that_may_still_count_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, seed: int, since_s: float, linger_s: float
) -> None:
    """Each request that was answered (from its answer) or lost (from its end and the linger) since then is charged."""
    events = history(seed, sessions=1)
    anchor = events[0].utc_s  # type: ignore[union-attr]
    folder = on_disk(tmp_path_factory.mktemp("runs") / "r", [[events[at : at + 7] for at in range(0, len(events), 7)]])
    expected = []
    for event in events:
        if type(event).__name__ in ("PageListed", "ItemImported"):
            expected.append(anchor + event.answered_s)  # type: ignore[union-attr]
        elif type(event).__name__ in ("AttemptFailed", "Returned"):
            answered_s = getattr(event, "answered_s", None)
            if answered_s is not None:
                expected.append(anchor + answered_s)
            elif event.sent:  # type: ignore[union-attr]
                expected.append(anchor + event.t_s + linger_s)
    found = occupied_since(folder, {1: anchor}, anchor + since_s, linger_s, {1: anchor})
    assert [one.at_s for one in found] == sorted(at for at in expected if at >= anchor + since_s)


def test_items_cannot_be_written_is_an_error_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """items.parquet is written last; a full disk there loses nothing and says what to do."""
    on_disk(tmp_path / "r", [[EVENTS]])
    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(RecordError, match=r"items.parquet cannot be written"):
        write_items(tmp_path / "r")


def test_whatever_keeps_a_part_from_being_written_ends_the_record(tmp_path: Path) -> None:
    """A value of the wrong type in one event, and sound ones after it: no later part leaves a hole."""
    recorder = Recorder(tmp_path, "r", 1)
    recorder.record(e.WorkersSet(1.0, "many"))  # type: ignore[arg-type]
    with pytest.raises(pa.ArrowInvalid):
        recorder.flush()
    recorder.record(e.WorkersSet(2.0, 3))
    with pytest.raises(RecordError, match=r"^a part was not written: "):
        recorder.flush()
    assert list((tmp_path / "events").glob("*.parquet")) == []
