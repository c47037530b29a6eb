"""A run's folder: names, the lock, and what is said of a run whose process is gone."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import BadInput, NoSuchRun, RecordError, RunLocked
from harness.record.clock import local_stamp
from harness.record.events import SessionEnded
from harness.record.history import recorded
from harness.record.items import write_items
from harness.record.run import Run, create_run, find_run, list_runs, write_summary
from harness.record.summary import summarise
from tests.record.samples import imported, listed, on_disk, started

UTC_S = 1_800_000_000.0


def runs(results: Path, *names: str) -> list[Run]:
    return [create_run(results, name, {"seed": 0}, UTC_S + at) for at, name in enumerate(names)]


@contextmanager
def another_process_writing(run: Run) -> Iterator[subprocess.Popen[str]]:
    """A child process that holds the run's lock."""
    code = (
        "import sys; from pathlib import Path; from harness.record.run import Run\n"
        f"with Run(Path({str(run.folder)!r})).locked(): print('locked', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "locked\n"
            yield child
        finally:
            child.kill()


def test_the_latest_a_name_or_a_unique_prefix(tmp_path: Path) -> None:
    """Without a name the latest made; a whole name wins over the longer ones that begin with it."""
    runs(tmp_path, "nightly-1", "nightly-12", "test")
    assert find_run(tmp_path).name == "test"
    assert find_run(tmp_path, "t").name == "test"
    assert find_run(tmp_path, "nightly-1").name == "nightly-1"
    assert [run.name for run in list_runs(tmp_path)] == ["test", "nightly-12", "nightly-1"]


def test_a_run_that_cannot_be_found_says_which_there_are(tmp_path: Path) -> None:
    """None at all, none of that name, or several: each in one sentence that helps."""
    with pytest.raises(NoSuchRun, match=r"there are no runs in .*; start one with: python -m harness import"):
        find_run(tmp_path / "nowhere")
    runs(tmp_path, "nightly-1", "nightly-12", "test")
    with pytest.raises(NoSuchRun, match=r"no run named 'x' in .*; use one of: test, nightly-12, nightly-1"):
        find_run(tmp_path, "x")
    with pytest.raises(NoSuchRun, match=r"'night' fits several runs in .*; use one of: nightly-12, nightly-1"):
        find_run(tmp_path, "night")


def test_runs_are_named_after_the_local_time(tmp_path: Path) -> None:
    """D8: A second run in the same second gets -2, a third -3; what is no run keeps its name."""
    names = [create_run(tmp_path, None, {}, UTC_S).name for _ in range(3)]
    stamp = local_stamp(UTC_S)
    assert names == [stamp, f"{stamp}-2", f"{stamp}-3"]


def test_a_results_folder_that_cannot_be_is_bad_input(tmp_path: Path) -> None:
    """Where no folder can be made nothing has happened yet, and the sentence names the flag."""
    (tmp_path / "results").touch()
    with pytest.raises(BadInput, match=r"results/r cannot be made \(Not a directory\); choose another .* --results"):
        create_run(tmp_path / "results", "r", {}, UTC_S)


def test_a_run_json_of_something_else_is_named(tmp_path: Path) -> None:
    """Valid JSON that does not describe a run is said so, with its path."""
    (run,) = runs(tmp_path, "r")
    (run.folder / "run.json").write_text("[]")
    with pytest.raises(RecordError, match=r"r/run.json does not describe a run; restore it from a copy, or remove"):
        _ = run.about


@pytest.mark.realtime
def test_one_process_writes_a_run(tmp_path: Path) -> None:
    """A second one is refused with the pid of the first; the run is open while that lives, interrupted after."""
    (run,) = runs(tmp_path, "r")
    with another_process_writing(run) as child:
        who = f"run r is running in process {child.pid}; wait for it, or stop it"
        with pytest.raises(RunLocked, match=who), run.locked():
            pass
        assert (run.status, run.writer_pid) == ("running", child.pid)
        child.kill()
        child.wait()
        assert (run.status, run.writer_pid) == ("interrupted", None)
        with run.locked():
            assert run.status == "running"


def test_a_look_at_the_lock_keeps_nobody_from_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`runs` shares the lock for a moment while it looks; a writer that starts just then is not refused."""
    (run,) = runs(tmp_path, "r")
    (run.folder / "lock").touch()
    with open(run.folder / "lock", encoding="ascii") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        asked: list[int] = []
        flock = fcntl.flock

        def over_after_three(file: object, how: int) -> None:
            asked.append(how)
            if len(asked) == 3:
                flock(look, fcntl.LOCK_UN)
            flock(file, how)  # type: ignore[arg-type]

        monkeypatch.setattr(fcntl, "flock", over_after_three)
        with run.locked():
            assert len(asked) >= 3


def test_the_lock_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Removing a run under a resume is said, not a traceback."""
    with (
        pytest.raises(NoSuchRun, match="gone does not exist any more: it was deleted"),
        Run(tmp_path / "gone").locked(),
    ):
        pass


@pytest.mark.parametrize("status", ["complete", "complete with failures", "stopped", "failed"])
def test_a_run_that_ended_is_what_it_says(status: str, tmp_path: Path) -> None:
    """Only an open run needs a living process to be believed."""
    (run,) = runs(tmp_path, "r")
    run.note(status=status)
    assert run.status == status


def test_what_a_run_holds_can_be_read(tmp_path: Path) -> None:
    """State, events, summary and items come from the files; what is not there yet says when it will be."""
    (run,) = runs(tmp_path, "r")
    assert run.summary() is None
    assert run.events().num_rows == 0
    with pytest.raises(RecordError, match="does not exist yet: it is written when a session of the run ends"):
        run.items()
    on_disk(run.folder, [[[started(), listed(1), imported(1), SessionEnded(2.0, "complete", "")]]])
    write_items(run.folder)
    figures = json.loads(json.dumps(summarise("r", run.state(), None).as_dict()))
    write_summary(run, figures)
    assert run.summary() is None  # run.json is written last, and does not yet say that the rest is there
    run.note(status="complete", recorded=recorded(run.folder), settled=True)
    assert (run.state().imported, run.events().num_rows, run.items().num_rows) == (1, 4, 0)
    assert run.summary() == figures
    assert run.failed() == []
    assert run.about["created_utc_s"] == UTC_S


def test_one_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    """A run.json of rubbish is listed last and named in an error; the run beside it is found as ever."""
    good = create_run(tmp_path, "good", {"config": {}}, 1.0)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")
    assert [run.name for run in list_runs(tmp_path)] == ["good", "bad"]
    assert find_run(tmp_path) == good
    with pytest.raises(RecordError, match=r"bad/run\.json"):
        _ = Run(tmp_path / "bad").about
