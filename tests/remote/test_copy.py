"""A run's copy in a bucket: at every moment a run that can be read, whose resume has every item exactly once."""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig

from harness.config import ImportConfig
from harness.errors import RecordError, StoreUnavailable
from harness.record import recorder
from harness.record.events import ItemAdopted, ItemImported
from harness.record.history import payload_rows, read_events
from harness.record.recorder import Recorder
from harness.record.run import Run
from harness.record.snapshot import Frozen
from harness.remote.bucket import Bucket
from harness.remote.copy import Copy, Known, Need, erase, fetch, listed
from harness.remote.here import as_here, bring, note_here
from harness.remote.lease import Held, Lease, Lost, look, take
from harness.session import driver
from harness.session.copying import _begun
from tests.remote.stores import Flaky, Moving, Objects, Remembering, Silent, in_memory, objects_of
from tests.session.served import served

pytestmark = pytest.mark.matrix  # a copy cut off after each of many changes

ITEMS = 12
SERVER = ServerConfig(items=ITEMS)
SHAPE: dict[str, Any] = {"per_page": 5, "workers": 2, "detail": True}


class Clock:
    """A clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def held_by(owner: str, bucket: Bucket, clock: Clock | None = None, length_s: float = 60.0) -> Held:
    seen = look(bucket, "r")
    return take(bucket, "r", seen, Lease(owner, "here", 1, 1, length_s), clock or Clock())


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[Objects]:
    """What the store held after each change of an object, while a run of two sessions was copied at many moments."""
    folder = tmp_path_factory.mktemp("copied")
    bucket = Remembering()
    copies: list[Copy] = []

    def push() -> None:
        if not copies:
            copies.append(Copy(bucket, folder / "r", held_by("a", bucket)))
        copies[0].push()

    write, snapshot, writes = Recorder.write, driver.write_snapshot, count()

    def written(self: Recorder, batch: recorder.Batch) -> None:
        if next(writes) % 2 == 0:  # before it, so that by the next time several parts are new
            push()
        write(self, batch)

    def snapped(folder: Path, frozen: Frozen) -> None:
        snapshot(folder, frozen)
        if not list(folder.glob("events/s2-*")):  # the end of the second session is copied at once
            push()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "FLUSH_EVENTS", 4)
        patch.setattr(driver, "SNAPSHOT_EVENTS", 10)
        patch.setattr(driver, "SNAPSHOT_SHARE", 1)
        patch.setattr(Recorder, "write", written)
        patch.setattr(driver, "write_snapshot", snapped)
        with pytest.raises(BaseExceptionGroup):  # it is killed
            served(folder, SERVER, die_after=9, **SHAPE)
        push()
        done = served(folder, SERVER, resume=True, **SHAPE)
        push()
    assert done.run.status == "complete"
    assert set(bucket.states[-1]) == {
        *("r/lease.json", "r/run.json", "r/summary.json", "r/items.parquet", "r/sent"),
        *(f"r/{path.relative_to(folder / 'r')}" for path in (folder / "r").rglob("*-*.parquet")),
    }
    return bucket.states


def imported(folder: Path) -> Counter[object]:
    """How often the record says of each item that it was imported, or found on the disk after a kill."""
    return Counter(event.item for event in read_events(folder) if isinstance(event, (ItemImported, ItemAdopted)))


def payloads(folder: Path) -> set[int]:
    return {int(text) for rows in payload_rows(folder) for text in rows.column("id").to_pylist()}


def test_wherever_a_copy_breaks_off_its_resume_has_every_item_once(states: list[Objects], tmp_path: Path) -> None:
    """After each object: it is a run that can be read, no item is without its payload, and none is fetched twice."""
    runs = [objects for objects in states if "r/run.json" in objects]
    assert len(runs) >= len(states) - 1 >= 30  # it is there from the first object behind the lease on
    for at, objects in enumerate(runs):
        folder = tmp_path / str(at)
        fetch(in_memory(objects), folder / "r", Need.ALL)
        before, there = imported(folder / "r"), payloads(folder / "r")
        assert set(before) <= there
        assert Run(folder / "r").state().imported == len(before)
        done = served(folder, SERVER, resume=True, **SHAPE)
        assert (done.run.status, done.ids()) == ("complete", list(range(1, ITEMS + 1)))
        assert imported(folder / "r") == Counter(range(1, ITEMS + 1))
        asked = {int(path.rpartition("/")[2]) for path, _ in done.asked if path.rpartition("/")[2].isdecimal()}
        assert not asked & set(before)


@pytest.mark.parametrize(("step", "moves"), [(1, range(10**6)), (3, range(2, 4)), (6, range(2, 3))])
def test_a_copy_that_changes_while_it_is_read(states: list[Objects], step: int, moves: range, tmp_path: Path) -> None:
    """From every state on, some objects change between two answers: what was read is a run as well.

    All the time, and while the objects are listed alone, from where on it stands still and nothing is looked at again.
    """
    runs = [objects for objects in states if "r/run.json" in objects]
    for at in range(len(runs)):
        folder = tmp_path / str(at) / "r"
        fetch(Moving(runs, at, step, moves), folder, Need.ALL)
        run = Run(folder)
        assert set(imported(folder)) <= payloads(folder)
        assert run.state().imported == len(imported(folder))


def test_a_run_that_is_gone_on_with_while_it_is_read(tmp_path: Path) -> None:
    """A whole session between two answers, at every place: run.json, the figures and the events are of one moment."""
    folder, bucket, states = tmp_path / "a", in_memory(), []
    for settings in ({"max_items": 5}, {"resume": True, "max_items": 9}):
        served(folder, SERVER, **SHAPE, **settings)
        known = Known(listed(bucket, "r", {}))
        Copy(bucket, folder / "r", held_by("a", bucket), known).push()
        states.append(objects_of(bucket))
    for at in range(20):
        read = tmp_path / str(at) / "r"
        fetch(Moving(states, 0, 1, range(at, at + 1)), read, Need.ALL)
        figures = Run(read).summary()
        assert figures is not None
        assert figures["imported"] == len(imported(read)) == len(Run(read).items())


def test_a_folder_that_is_fetched_again_is_what_the_copy_is(states: list[Objects], tmp_path: Path) -> None:
    """From every state to the last one: parts that were compacted go, and nothing is downloaded twice."""
    runs = [objects for objects in states if "r/run.json" in objects]
    for at, objects in enumerate(runs):
        folder = tmp_path / str(at) / "r"
        known = fetch(in_memory(objects), folder, Need.ALL)
        assert known.versions.keys() == {name.removeprefix("r/") for name in objects} - {"lease.json"}
        bucket = in_memory(runs[-1])
        fetch(bucket, folder, Need.ALL)
        there = {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        assert there == {name: content for name, content in runs[-1].items() if name not in ("r/lease.json", "r/sent")}


def test_figures_are_read_from_json_alone_where_that_tells_all(states: list[Objects], tmp_path: Path) -> None:
    """Of a run that has ended no part is downloaded; of any other the events are."""
    fetch(in_memory(states[-1]), tmp_path / "ended/r", Need.FIGURES)
    assert not list((tmp_path / "ended/r").rglob("*.parquet"))
    assert (Run(tmp_path / "ended/r").summary() or {})["imported"] == ITEMS
    under_way = next(objects for objects in states if any("snapshots/" in name for name in objects))
    fetch(in_memory(under_way), tmp_path / "way/r", Need.FIGURES)
    assert {path.parent.name for path in (tmp_path / "way/r").rglob("*.parquet")} == {"events", "snapshots"}
    assert Run(tmp_path / "way/r").status == "interrupted"


def complete(folder: Path) -> Path:
    """The folder of a run that is complete."""
    served(folder, SERVER, **SHAPE)
    return folder / "r"


def test_answers_that_are_lost_change_nothing(tmp_path: Path) -> None:
    """A write that got through and was told as failed, at every write: the library had tried again by itself."""
    folder = complete(tmp_path / "a")
    plain = in_memory()
    Copy(plain, folder, held_by("a", plain)).push()
    for lost in range(1, len(objects_of(plain)) + 1):
        bucket = Flaky({lost})
        Copy(bucket, folder, held_by("a", bucket)).push()
        assert objects_of(bucket) == objects_of(plain) | {"r/lease.json": objects_of(bucket)["r/lease.json"]}


def test_a_file_that_changes_after_a_write_whose_answer_was_lost_is_still_ours(tmp_path: Path) -> None:
    """What is there is what was sent before: it is written over, and nobody is suspected. What another wrote is not."""
    folder = served(tmp_path / "here", SERVER, **SHAPE).run.folder
    bucket = Silent()
    copy = Copy(bucket, folder, held_by("a", bucket))
    copy.push()
    bucket.quiet = True
    for number in range(3):
        (folder / "summary.json").write_text(f'{{"number": {number}}}')
        with pytest.raises(StoreUnavailable):
            copy.push()
    bucket.quiet = False
    (folder / "summary.json").write_text('{"number": 3}')
    copy.push()
    assert objects_of(bucket)["r/summary.json"] == b'{"number": 3}'
    bucket.put("r/summary.json", b"another's")
    (folder / "summary.json").write_text('{"number": 4}')
    with pytest.raises(Lost):
        copy.push()


def test_who_has_lost_the_lease_changes_nothing(states: list[Objects], tmp_path: Path) -> None:
    """It believes itself fresh, as a process does that was frozen: every write is refused, and no part is removed."""
    bucket = in_memory(next(objects for objects in states if sum("events/" in name for name in objects) == 3))
    old = held_by("old", bucket)
    known = fetch(bucket, tmp_path / "old/r", Need.ALL)
    new = held_by("new", bucket)
    fetch(bucket, tmp_path / "new/r", Need.ALL)
    served(tmp_path / "new", SERVER, resume=True, **SHAPE)
    Copy(bucket, tmp_path / "new/r", new, Known(dict(known.versions))).push()
    with pytest.raises(Lost):
        old.renew()
    before = objects_of(bucket)
    served(tmp_path / "old", SERVER, resume=True, **SHAPE)
    with pytest.raises(Lost):
        Copy(bucket, tmp_path / "old/r", old, known).push()
    assert objects_of(bucket).items() >= before.items()


def test_what_arrives_late_from_a_former_owner_belongs_to_nobody(states: list[Objects], tmp_path: Path) -> None:
    """Rows behind `ends` are passed over, in parts and in compacted ones that hold them."""
    at = next(at for at, objects in enumerate(states) if sum("events/" in name for name in objects) == 3)
    bucket = in_memory(states[at])
    folder = tmp_path / "r"
    fetch(bucket, folder, Need.ALL)
    count = len(list(read_events(folder)))
    ends = {"events": {"s1": count}, "items": {"s1": len(payloads(folder))}}
    held_by("new", bucket).renew(ends=ends)
    for name in ("events/s1-000000400", "events/s1-000000001_000000400", "items/s1-000000400"):
        bucket.put(f"r/{name}.parquet", b"late")
    assert not [name for name in listed(bucket, "r", ends) if "400" in name]
    fetch(bucket, tmp_path / "again/r", Need.ALL)
    assert len(list(read_events(tmp_path / "again/r"))) == count


def test_nothing_is_written_with_a_lease_that_may_have_run_out(tmp_path: Path) -> None:
    """Three quarters of its length after the last renewal; a renewal that gets through is proof that it is ours."""
    folder, bucket, clock = complete(tmp_path), in_memory(), Clock()
    held = held_by("a", bucket, clock)
    copy = Copy(bucket, folder, held)
    clock.now_s = 45.0
    with pytest.raises(StoreUnavailable, match="lease"):
        copy.push()
    assert objects_of(bucket).keys() == {"r/lease.json"}
    held.renew()
    copy.push()
    assert len(objects_of(bucket)) > 5


def test_a_run_that_replaces_another_has_rows_of_its_own(tmp_path: Path) -> None:
    """What was fenced off of the one with the same name says nothing of it."""
    folder, bucket = complete(tmp_path), in_memory({"r/run.json": b"{}", "r/events/s1-000000001.parquet": b"old"})
    held_by("former", bucket).renew(ends={"events": {"s1": 3}, "items": {"s1": 0}})
    held = held_by("new", bucket)
    config = ImportConfig(run="r", results=tmp_path, fresh=True)
    Copy(bucket, folder, held, _begun(bucket, config, held, look(bucket, "r"))).push()
    fetch(bucket, tmp_path / "there/r", Need.ALL)
    assert set(imported(tmp_path / "there/r")) == payloads(tmp_path / "there/r") == set(range(1, ITEMS + 1))


def test_a_run_that_is_removed_goes_out_of_sight_first(states: list[Objects]) -> None:
    """Without its run.json it is no run; its lease stays with who removes it."""
    bucket = Remembering()
    for name, content in states[-1].items():
        bucket.put(name, content)
    bucket.states.clear()
    erase(bucket, "r")
    assert "r/run.json" not in bucket.states[0]
    assert bucket.states[-1].keys() == {"r/lease.json"}


def test_what_is_no_run(tmp_path: Path) -> None:
    """Nothing there, or objects without a run.json."""
    with pytest.raises(RecordError, match=r"s3://bucket/runs/r holds no run.json"):
        fetch(in_memory({"r/sent": b""}), tmp_path / "r", Need.ALL)
    assert not (tmp_path / "r").exists()


def test_what_another_machine_goes_on_from_counts(tmp_path: Path) -> None:
    """What was recorded here and not copied is put aside, once another has gone on; else it is more than the copy."""
    bucket = in_memory()
    folder = complete(tmp_path / "here")
    mine = held_by("mine", bucket)
    copy = Copy(bucket, folder, mine)
    copy.push()
    note_here(folder, as_here(copy.known, "mine", whole=False))
    (folder / "items/s9-000000001.parquet").write_bytes(b"not copied")
    bring(bucket, folder, Need.ALL)
    assert (folder / "items/s9-000000001.parquet").exists()
    held_by("another", bucket)
    bring(bucket, folder, Need.ALL)
    assert not (folder / "items/s9-000000001.parquet").exists()
    assert Run(folder).status == "complete"
    (kept,) = (tmp_path / "here/.aside").iterdir()
    assert (kept / "items/s9-000000001.parquet").read_bytes() == b"not copied"
