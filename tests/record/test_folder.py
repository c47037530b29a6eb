"""Folders that appear whole, are locked, and go in one step, whoever else is at them in the same moment."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import ImportConfig
from harness.errors import BadInput, NoSuchRun, RunLocked
from harness.record.files import writer_order
from harness.record.folder import Folder, NameTaken, created
from harness.record.run import Run, create_run, list_runs
from harness.session.importing import prepare_run, prepared
from tests.faults.power import World, session, settings

UTC_S = 1_800_000_000.0


def in_between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do `act` once, after the next lock file has been opened and before it is locked."""
    flock, done = fcntl.flock, list[bool]()

    def interrupted(file: Any, how: int) -> None:
        if not done:
            done.append(True)
            act()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", interrupted)


def test_a_run_removed_while_its_lock_is_being_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D5: `prune` between another's open and flock: a lock that lies nowhere keeps nobody out, so it is not taken."""
    run = create_run(tmp_path, "r", {}, UTC_S)
    in_between(monkeypatch, lambda: run.remove())
    with pytest.raises(NoSuchRun, match="r does not exist any more: it was deleted meanwhile"), run.locked():
        raise AssertionError("the lock of a folder that is gone was taken")


def test_a_run_replaced_while_its_lock_is_being_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D5: `--fresh` in the same moment: the lock that is taken is the one of the run that is there now."""
    run = create_run(tmp_path, "r", {"seed": 1}, UTC_S)

    def replace() -> None:
        run.remove()
        create_run(tmp_path, "r", {"seed": 2}, UTC_S)

    in_between(monkeypatch, replace)
    with run.locked():
        assert (run.about["seed"], run.writer_pid) == (2, os.getpid())
        with pytest.raises(RunLocked), run.locked():
            pass


def test_a_run_taken_up_by_another_while_its_lock_is_being_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: replaced by a run that is being imported already: refused, and that import is not touched."""
    run = create_run(tmp_path, "r", {}, UTC_S)
    importing = prepared(ImportConfig(url="http://127.0.0.1:9/x", results=tmp_path, run="r", fresh=True))
    in_between(monkeypatch, importing.__enter__)
    with pytest.raises(RunLocked, match=f"is running in process {os.getpid()}"):
        run.remove()
    assert [run.name for run in list_runs(tmp_path)] == ["r"]
    importing.__exit__(None, None, None)


@pytest.mark.realtime
def test_a_run_pruned_by_another_process_in_that_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D5: the same with a process of its own, as it happens to people."""
    run = create_run(tmp_path, "r", {}, UTC_S)
    command = [sys.executable, "-m", "harness", "prune", "--keep", "0", "--yes", "--results", str(tmp_path)]
    in_between(monkeypatch, lambda: subprocess.run(command, check=True, capture_output=True))
    with pytest.raises(NoSuchRun), run.locked():
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", "run.json.tmp")])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_whose_run_never_began(tmp_path: Path, left: tuple[str, ...], fresh: bool) -> None:
    """D6: killed between mkdir and run.json: a plain import and --fresh take the name, --resume says what to type."""
    (tmp_path / "r").mkdir()
    for name in left:
        (tmp_path / "r" / name).touch()
    assert Folder(tmp_path / "r").is_husk
    with pytest.raises(
        NoSuchRun, match=r"start was interrupted; start it again with: python -m harness import --run r"
    ):
        prepare_run(ImportConfig(results=tmp_path, run="r", resume=True))
    assert session(settings(tmp_path, fresh=fresh), World()).status == "complete"


def test_a_folder_whose_run_is_just_beginning_is_left_alone(tmp_path: Path) -> None:
    """D6: while a process holds its lock it is not taken over."""
    (tmp_path / "r").mkdir()
    with Folder(tmp_path / "r").locked(), pytest.raises(RunLocked):
        prepare_run(ImportConfig(results=tmp_path, run="r"))


def test_a_run_whose_description_is_lost(tmp_path: Path) -> None:
    """D6: --fresh replaces what a kill in the middle of a removal left by older revisions; else it is refused."""
    run = session(settings(tmp_path), World())
    (run.folder / "run.json").unlink()
    with pytest.raises(NoSuchRun, match=r"r has lost its run\.json; restore that from a copy, or add --fresh"):
        prepare_run(settings(tmp_path))
    assert session(settings(tmp_path, fresh=True), World()).status == "complete"


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("content", ["thesis.tex", ".hidden", "items/thesis.tex"])
def test_a_folder_of_the_users_own(tmp_path: Path, content: str, fresh: bool) -> None:
    """What is no run is never removed and never written into, whatever is asked."""
    path = tmp_path / "r" / content
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    with pytest.raises(NoSuchRun):
        prepare_run(ImportConfig(results=tmp_path, run="r", fresh=fresh))
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_or_a_link_of_that_name(tmp_path: Path, fresh: bool) -> None:
    """Neither is followed or replaced."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "r").symlink_to(elsewhere)
    (tmp_path / "results" / "f").touch()
    for name in ("r", "f"):
        with pytest.raises(BadInput):
            prepare_run(ImportConfig(results=tmp_path / "results", run=name, fresh=fresh))
    assert list(elsewhere.iterdir()) == []


def test_two_that_want_a_name_in_the_same_moment(tmp_path: Path) -> None:
    """D8: the rename decides; the second gets the next name, or is told where it asked for that one."""

    def taken_meanwhile(folder: Path, name: str) -> None:
        (folder / "mine").touch()
        if name == "a":
            (tmp_path / "a" / "theirs").mkdir(parents=True)

    with created(tmp_path, ["a", "b"], taken_meanwhile) as folder:
        assert (folder.name, Folder(folder).writer_pid) == ("b", os.getpid())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    with pytest.raises(NameTaken), created(tmp_path, ["a"], taken_meanwhile):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def begin(results: Path, barrier: Any, names: Any) -> None:
    """In a child: a run without a name, at the same moment as nine others."""
    barrier.wait()
    with prepared(ImportConfig(url="http://127.0.0.1:9/x", results=results)) as run:
        names.put((run.name, run.about["run"]))
        barrier.wait()


@pytest.mark.realtime
def test_ten_processes_begin_in_the_same_second(tmp_path: Path) -> None:
    """D8: each has a run of its own."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.record.test_folder"])
    barrier, names = forks.Barrier(10), forks.Queue()
    processes = [forks.Process(target=begin, args=(tmp_path / "results", barrier, names)) for _ in range(10)]
    for process in processes:
        process.start()
    told = [names.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 10
    assert all(name == said for name, said in told)
    assert sorted(run.name for run in list_runs(tmp_path / "results")) == sorted({name for name, _ in told})
    assert len(list((tmp_path / "results").iterdir())) == 10


def test_what_a_kill_left_out_of_sight_is_cleared_away(tmp_path: Path) -> None:
    """By the next run that is made or removed beside it; but not what another process is still making."""
    for name in (".new-0123", ".removed-r-0123"):
        (tmp_path / name / "events").mkdir(parents=True)
        (tmp_path / name / "lock").touch()
    (tmp_path / ".new-4567").mkdir()
    with Folder(tmp_path / ".new-4567").locked():
        create_run(tmp_path, "r", {}, UTC_S)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".new-4567", "r"]
    Run(tmp_path / "r").remove()
    assert list(tmp_path.iterdir()) == []


def test_more_than_ten_writers_after_one_session_are_read_in_order() -> None:
    """s1-10 comes after s1-9 and before s2: as text it would come before s1-2, and a retry before its failure."""
    writers = ["s1", *(f"s1-{number}" for number in range(1, 13)), "s2", "s10", "s10-11"]
    assert sorted(set(writers), key=writer_order) == writers
