"""The many parts of a run that is over become one per writer, and no reader notices when."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RecordError
from harness.record import parts
from harness.record.events import Event, SessionStarted
from harness.record.fold import fold
from harness.record.follow import Follower
from harness.record.history import event_table, payload_rows, payloads_on_disk, read_events, read_state
from harness.record.parts import clear_replaced, compact, list_parts, read_rows
from harness.record.recorder import Recorder
from harness.record.run import Run
from harness.record.snapshot import freeze, write_snapshot
from tests.record.samples import facts, history, imported, listed, on_disk, started


def in_sessions(events: list[Event], size: int) -> list[list[list[Event]]]:
    """The events of each session, in parts of `size`."""
    starts = [at for at, event in enumerate(events) if isinstance(event, SessionStarted)] + [len(events)]
    runs = [events[a:b] for a, b in pairwise(starts)]
    return [[run[at : at + size] for at in range(0, len(run), size)] for run in runs]


def with_items(folder: Path, writers: int = 2, each: int = 30, size: int = 4) -> list[Event]:
    """Sessions that import `each` items in parts of `size`, with their payloads; answers all events."""
    events: list[Event] = []
    for number in range(1, writers + 1):
        recorder = Recorder(folder, folder.name, number)
        ids = range(number * 1000, number * 1000 + each)
        mine = [started(number), listed(*ids, page=number), *map(imported, ids)]
        for at, event in enumerate(mine):
            if at > 1:
                recorder.put(event.item, f'{{"id": {event.item}}}')  # type: ignore[union-attr]
            recorder.record(event)
            if at % size == 0:
                recorder.flush()
        recorder.flush()
        events += mine
    return events


def contents(folder: Path) -> tuple[list[Event], list[str], int]:
    ids = [text for table in payload_rows(folder) for text in table.column("id").to_pylist()]
    return list(read_events(folder)), ids, event_table(folder).num_rows


def names(folder: Path) -> list[str]:
    return sorted(path.name for kind in ("events", "items") for path in (folder / kind).iterdir())


@pytest.mark.parametrize(("seed", "size"), [(0, 1), (1, 3), (2, 7), (3, 12), (4, 40)])
def test_a_compacted_run_is_the_same_run(tmp_path: Path, seed: int, size: int) -> None:
    """Its events, and the state from nothing or from any snapshot, are what they were."""
    folder = on_disk(tmp_path / "r", in_sessions(history(seed), size))
    events = list(read_events(folder))
    whole = facts(fold(events))
    first = len(in_sessions(events, 10**6)[0][0])
    compact(folder)
    assert list(read_events(folder)) == events
    for cut in {1, first // 2 or 1, first}:
        write_snapshot(folder, freeze(fold(events[:cut]), "s1", cut))
        assert list(read_events(folder, ("s1", cut))) == events[cut:]
        assert facts(read_state(folder)) == whole


def test_one_part_per_writer_stands_for_all(tmp_path: Path) -> None:
    """Named after its first row and its last, with the names of those it replaces; they are gone."""
    folder = tmp_path / "r"
    with_items(folder)
    before = contents(folder)
    replaced = [path.name for writer, _, path in list_parts(folder / "events") if writer == "s1"]
    compact(folder)
    assert names(folder) == [
        *("s1-000000001_000000030.parquet", "s1-000000001_000000032.parquet"),
        *("s2-000000001_000000030.parquet", "s2-000000001_000000032.parquet"),
    ]
    assert contents(folder) == before
    with parts.opened(folder / "events" / "s1-000000001_000000032.parquet") as file:
        said = file.schema_arrow.metadata[b"harness.replaces"].decode()
    assert [name for name in replaced if name not in said] == []
    compact(folder)  # nothing more to do
    assert contents(folder) == before


def test_what_comes_after_is_compacted_with_it(tmp_path: Path) -> None:
    """A run that was reopened: its later writers follow, and are compacted in their turn."""
    folder = tmp_path / "r"
    events = with_items(folder, writers=1)
    compact(folder)
    later = with_items(folder, writers=2)[len(events) :]
    compact(folder)
    assert contents(folder)[0] == events + later
    assert len(names(folder)) == 4


@pytest.mark.parametrize("at", range(9))
def test_a_crash_while_compacting_loses_nothing(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before any of its renames and removals: readers see the same run, and the next writer tidies up."""
    folder = tmp_path / "r"
    with_items(folder)
    before = contents(folder)
    steps = iter(range(1000))

    def or_die(real: Any) -> Any:
        def step(*args: Any, **kwargs: Any) -> Any:
            if next(steps) == at * 3:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", or_die(os.replace))
        patched.setattr(Path, "unlink", or_die(Path.unlink))
        with pytest.raises(KeyboardInterrupt):
            compact(folder)
    assert contents(folder) == before
    assert payloads_on_disk(folder, fold(before[0])) == set()
    Recorder(folder, "r", 3)
    left = names(folder)
    assert contents(folder) == before
    assert not any(name.endswith(".tmp") for name in left)
    for kind in ("events", "items"):
        clear_replaced(folder / kind)
    assert names(folder) == left


def test_a_full_disk_while_compacting_leaves_the_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only makes reading quicker."""
    folder = tmp_path / "r"
    with_items(folder)
    before = names(folder)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match="cannot be written"):
        compact(folder)
    assert names(folder) == before


class _Slowly:
    """Compacts a run one step further each time a reader opens a file."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, wait: int) -> None:
        self.steps = self._run(folder)
        real = parts.pq.ParquetFile
        self.opened = 0

        def opening(path: Any) -> Any:
            self.opened += 1
            if self.opened > wait:
                monkeypatch.setattr(parts.pq, "ParquetFile", real)
                next(self.steps, None)
                monkeypatch.setattr(parts.pq, "ParquetFile", opening)
            return real(path)

        monkeypatch.setattr(parts.pq, "ParquetFile", opening)

    def _run(self, folder: Path) -> Iterator[None]:
        for kind in parts.KINDS:
            of: dict[str, list[Path]] = {}
            for writer, _, path in list_parts(folder / kind):
                of.setdefault(writer, []).append(path)
            for writer, paths in of.items():
                parts._compact(folder / kind, writer, paths)
                yield
            for path in parts.replaced_parts(folder / kind):
                path.unlink()
                yield


@pytest.mark.parametrize("wait", range(0, 16, 3))
def test_a_reader_in_the_middle_goes_on_where_it_was(
    wait: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts vanish between being listed and being read: what is left is read from the compacted one, no row twice."""
    folder = tmp_path / "r"
    with_items(folder)
    before = contents(folder)
    _Slowly(folder, monkeypatch, wait)
    assert contents(folder) == before


def test_rows_missing_for_good_are_still_missed(tmp_path: Path) -> None:
    """Looking again does not find what is gone, in events or items."""
    for kind in ("events", "items"):
        folder = tmp_path / kind
        with_items(folder)
        (folder / kind / list_parts(folder / kind)[2][2].name).unlink()
        with pytest.raises(RecordError, match=f"{kind} before .* are missing; restore the parts of s1"):
            list(read_rows(folder / kind))


@pytest.mark.realtime
def test_readers_in_a_loop_never_fail(tmp_path: Path) -> None:
    """Threads that read events, state, payloads and follow the run, while it is compacted again and again."""
    made = tmp_path / "made"
    with_items(made, writers=2, each=20, size=2)
    whole = contents(made)
    state = facts(read_state(made))
    folders = [shutil.copytree(made, tmp_path / f"r{number}") for number in range(3)]
    done, failures, reads = threading.Event(), list[BaseException](), [0]

    def read() -> None:
        try:
            while not done.is_set():
                for folder in folders:
                    assert contents(folder) == whole
                    assert facts(Follower(Run(folder)).poll()) == state
                    reads[0] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for folder in folders:
        compact(folder)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert reads[0] > 0
