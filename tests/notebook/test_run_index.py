"""The table of runs reads as little as it can, and shows what it has before it reads what takes long."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.notebook.run_index import RunIndex
from harness.record import events as e
from harness.record.fold import fold
from harness.record.follow import Follower
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run
from harness.record.snapshot import freeze, write_snapshot
from harness.record.summary import Summary
from harness.record.tags import change_tags
from harness.session.reader import RunReader
from tests.views.samples import COMPLETE, started


def ended(results: Path, name: str, utc_s: float) -> Run:
    run = create_run(results, name, {"config": {}}, utc_s)
    run.note(status="complete")
    (run.folder / "summary.json").write_text(json.dumps({**COMPLETE.as_dict(), "run": name}))
    return run


def broken_off(results: Path, name: str, utc_s: float, items: int = 10) -> Run:
    """A run without a process, of which there are events, and for many items a snapshot."""
    run = create_run(results, name, {"config": {}}, utc_s)
    recorder = Recorder(run.folder, name, 1)
    ids = tuple(range(items))
    events = [started(utc_s, 1, "100/1m"), e.PageListed(0.1, e.FIRST_PAGE, 1, 0.0, 0.1, 200, ids[:100], items, 1, None)]
    for event in events:
        recorder.record(event)
    recorder.flush()
    if items > 100:
        state = fold(events)
        for item in ids[100:]:
            state.items.add(item)
        write_snapshot(run.folder, freeze(state, "s1", 2))
    return run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """200 runs: 198 ended, one broken off, and one of a million items broken off."""
    for number in range(198):
        ended(tmp_path, f"run-{number:03d}", 1000.0 + number)
    broken_off(tmp_path, "small", 3000.0)
    broken_off(tmp_path, "million", 2000.0, 1_000_000)
    return tmp_path


def test_two_hundred_runs_one_of_a_million_items(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quickly read is shown first; nothing that has ended is read twice; what was broken off is folded once."""
    index = RunIndex(results)
    published: list[tuple[int, int]] = []
    publish = index._publish
    monkeypatch.setattr(
        index, "_publish", lambda unread: (publish(unread), published.append((len(index.rows), unread)))
    )
    index.scan()
    assert published == [(198, 2), (200, 0)]
    assert [row.name for row in index.rows[:3]] == ["small", "million", "run-197"]
    assert (index.rows[1].status, index.rows[1].total) == ("interrupted", 1_000_000)

    read: list[str] = []
    monkeypatch.setattr(Run, "summary", lambda run: read.append(run.name))
    monkeypatch.setattr(Follower, "poll", lambda follower: read.append(follower.run.name))
    index.scan()
    assert read == []


def test_a_run_under_way_is_followed(tmp_path: Path) -> None:
    """What another process writes is in the table at the next look, and so is its end."""
    run = create_run(tmp_path, "r", {"config": {}}, 1.0)
    index = RunIndex(tmp_path)
    with run.locked():
        recorder = Recorder(run.folder, "r", 1)
        recorder.record(started(1.0, 1, "100/1m"))
        recorder.record(e.PageListed(0.1, e.FIRST_PAGE, 1, 0.0, 0.1, 200, (1, 2), 2, 1, None))
        recorder.flush()
        index.scan()
        assert [(row.status, row.imported, row.total) for row in index.rows] == [("running", 0, 2)]
        recorder.record(e.ItemImported(0.3, 1, 1, 0.2, 0.3, 200, 9))
        recorder.record(e.Paused(0.4))
        recorder.flush()
        index.scan()
        assert [(row.status, row.imported) for row in index.rows] == [("paused", 1)]
        reader = RunReader(run, charted=True)
        now = reader.view(2.0)
        assert now.timeline is not None
        assert (now.status, now.status.is_open, sum(now.timeline.sent)) == ("paused", True, 2)
    index.scan()
    assert [(row.status, row.imported) for row in index.rows] == [("interrupted", 1)]
    now = reader.view(3.0)
    assert now.timeline is not None
    assert (now.status, now.status.is_open, sum(now.timeline.sent)) == ("interrupted", False, 2)


def test_runs_come_go_and_are_damaged(tmp_path: Path) -> None:
    """A run that is removed leaves the table; one that cannot be read is named and hides no other."""
    run = ended(tmp_path, "a", 1.0)
    bad = ended(tmp_path, "b", 2.0)
    (bad.folder / "run.json").write_text("{")  # a damaged summary is made again from the events
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    index = RunIndex(tmp_path)
    index.scan()
    assert [row.name for row in index.rows] == ["a"]
    assert len(index.damaged) == 1
    assert index.damaged[0].startswith("b: ")
    for path in run.folder.iterdir():
        path.unlink()
    index.scan()
    assert index.rows == []


def test_the_view_of_an_ended_run(tmp_path: Path) -> None:
    """Its figures are those of its summary, and it is read once."""
    run = ended(tmp_path, "a", 1.0)
    (run.folder / "events").mkdir()
    reader = RunReader(run, charted=True)
    now = reader.view(2.0)
    assert now.timeline is not None
    assert now.summary == Summary.from_dict({**COMPLETE.as_dict(), "run": "a"})
    assert now.timeline.sent == ()
    assert reader.view(3.0) is reader.view(4.0)


def test_a_run_goes_by_the_name_of_its_folder(tmp_path: Path) -> None:
    """Renamed by hand since its summary was written, it is found under the name that commands take."""
    ended(tmp_path, "before", 1000.0).folder.rename(tmp_path / "after")
    index = RunIndex(tmp_path)
    index.scan()
    assert [row.name for row in index.rows] == ["after"]


_opened: list[str] | None = None


def _hear(event: str, args: tuple[object, ...]) -> None:
    if _opened is not None and event in ("open", "os.listdir", "os.scandir"):
        _opened.append(f"{event} {args[0]}")


sys.addaudithook(_hear)


def opened(index: RunIndex) -> list[str]:
    """What one look opens or lists in the folder of the runs, by Python's own account."""
    global _opened
    _opened = []
    index.scan()
    told, _opened = _opened, None
    return [line for line in told if str(index.results) in line]


def test_a_look_opens_no_file_of_a_run_that_has_not_changed(tmp_path: Path) -> None:
    """Of 50 runs nothing but the list of their names; of one that was tagged, its files alone, each once."""
    for number in range(50):
        ended(tmp_path, f"run-{number:03d}", 1000.0 + number)
    index = RunIndex(tmp_path)
    index.scan()
    rows = index.rows
    assert opened(index) == [f"os.listdir {tmp_path}"]
    assert index.rows is rows

    change_tags(tmp_path / "run-007", ["nightly"])
    seen = [line.rpartition("/")[2] for line in opened(index)[1:]]
    assert sorted(seen) == ["run.json", "summary.json", "tags.json"]
    assert [row.name for row in index.rows if row.tags] == ["run-007"]
    assert opened(index) == [f"os.listdir {tmp_path}"]


def test_what_the_row_of_a_run_says_of_it(tmp_path: Path) -> None:
    """When, from where, under which limits, with which tags."""
    config = {"url": "https://api.example.com/v2/orders", "limit": "5/1s"}
    run = create_run(tmp_path, "r", {"config": config}, 1000.0)
    run.note(status="complete")
    (run.folder / "summary.json").write_text(json.dumps({**COMPLETE.as_dict(), "run": "r"}))
    change_tags(run.folder, ["b", "a"])
    index = RunIndex(tmp_path)
    index.scan()
    (row,) = index.rows
    assert (row.created_utc_s, row.source, row.url) == (1000.0, "orders, api.example.com", config["url"])
    assert (row.limits, row.workers, row.tags) == (COMPLETE.limits, COMPLETE.workers, ("a", "b"))
    assert index.get("r") is row
    assert index.get("../r") is None


def test_a_run_that_is_being_made_is_none_yet(tmp_path: Path) -> None:
    """Nor is one that is being removed, nor a file or a sweep beside the runs; no folder at all is no runs."""
    ended(tmp_path, "a", 1.0).folder.rename(tmp_path / ".removed-a")
    (tmp_path / "sweep").mkdir()
    (tmp_path / "run.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "nowhere"):
        index = RunIndex(folder)
        index.scan()
        assert (index.rows, index.damaged) == ([], [])


def test_what_is_damaged_is_read_again_when_it_is_mended(tmp_path: Path) -> None:
    """And not before: a look at 1,000 runs is not for the one that is damaged."""
    run = ended(tmp_path, "a", 1.0)
    whole = (run.folder / "run.json").read_text()
    (run.folder / "run.json").write_text("{")
    index = RunIndex(tmp_path)
    index.scan()
    assert len(index.damaged) == 1
    assert opened(index) == [f"os.listdir {tmp_path}"]
    assert len(index.damaged) == 1
    run.folder.joinpath("mended").write_text(whole)
    run.folder.joinpath("mended").rename(run.folder / "run.json")
    index.scan()
    assert ([row.name for row in index.rows], index.damaged) == (["a"], [])
