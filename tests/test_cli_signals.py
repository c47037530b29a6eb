"""D7: Ctrl-C and SIGTERM at any moment of a command: one line and 130 or 143, and no run that nobody can go on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.record.run import list_runs

pytestmark = pytest.mark.realtime

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

# A command that gets a signal when a module begins to load, or when a function of ours is called.
_STRUCK = """
import importlib, runpy, signal, sys

number, where, *words = sys.argv[1:]
sys.argv = ["harness", *words]

class Loading:
    def find_spec(self, name, path=None, target=None):
        if name == where:
            signal.raise_signal(int(number))

def struck(*args, **kwargs):
    signal.raise_signal(int(number))
    return real(*args, **kwargs)

if ":" in where:
    module, name = where.split(":")
    owner = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    setattr(owner, name, struck)
else:
    sys.meta_path.insert(0, Loading())
runpy.run_module("harness", run_name="__main__")
"""
STARTS = "starting the test API\n"
IMPORT = ("import", "--items", "300", "--limit", "20/2s", "--run", "r")


def struck(number: int, where: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _STRUCK, str(int(number)), where, *words, "--results", str(folder / "results")]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(
    ("number", "where"),
    [
        (signal.SIGINT, "click"),
        (signal.SIGTERM, "pydantic_core"),
        (signal.SIGTERM, "trio"),
        (signal.SIGINT, "pyarrow.lib"),
    ],
)
def test_while_modules_are_loaded(number: signal.Signals, where: str, tmp_path: Path) -> None:
    """One line, no traceback, no folder, whatever the module would have made of it."""
    ended = struck(number, where, tmp_path, *IMPORT)
    said = f"harness: stopped by {NAMES[number]} while it was still loading\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", NAMES)
@pytest.mark.parametrize(
    "where",
    [
        "harness.session.importing:prepared",
        "harness.session.importing:created_run",
        "harness.session.importing:source",
        "harness.source.child:_first_line",
        "harness.session.importing:http_api",
        "harness.session.importing:import_into",
    ],
)
def test_before_the_first_request(number: signal.Signals, where: str, tmp_path: Path) -> None:
    """One line; the folder that was made is gone again, and the test API has ended."""
    ended = struck(number, where, tmp_path, *IMPORT)
    said = f"harness: stopped by {NAMES[number]} before the first request; nothing was recorded\n"
    assert (ended.returncode, ended.stdout, ended.stderr.removeprefix(STARTS)) == (128 + number, "", said)
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("number", NAMES)
def test_once_there_is_a_session(number: signal.Signals, tmp_path: Path) -> None:
    """It ends as ever, and `resume` is told to go on; a second signal before that leaves the run as it was."""
    ended = struck(number, "harness.session.driver:Driver.run", tmp_path, *IMPORT, "--progress", "none")
    assert (ended.returncode, ended.stderr.count("Traceback")) == (128 + number, 0)
    assert "resume r" in ended.stdout
    (run,) = list_runs(tmp_path / "results")
    assert (run.status, run.settled, run.state().reason) == ("stopped", True, NAMES[number])
    again = struck(number, "harness.session.importing:http_api", tmp_path, "resume", "r")
    said = f"harness: stopped by {NAMES[number]} before the first request; run r is unchanged\n"
    assert (again.returncode, again.stderr.removeprefix(STARTS)) == (128 + number, said)
    assert run.status == "stopped"


@pytest.mark.parametrize(
    ("number", "where", "words"),
    [
        (signal.SIGINT, "harness.source.child:_first_line", ("check",)),
        (signal.SIGTERM, "harness.source.child:_first_line", ("import", "--dry-run")),
        (signal.SIGTERM, "harness.record.run:list_runs", ("runs",)),
        (signal.SIGINT, "harness.lab.sweeps:create_sweep", ("sweep", "--grid", "workers=1,2")),
        (signal.SIGTERM, "harness.cli.manage:list_runs", ("prune", "--keep", "1")),
    ],
)
def test_other_commands(number: signal.Signals, where: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """One line each."""
    command = [sys.executable, "-c", _STRUCK, str(int(number)), where, *words]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    said = f"harness: stopped by {NAMES[number]}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", said)


def campaign(folder: Path, moments: int, *words: str) -> None:
    """Strike at moments from the start of the interpreter until requests are answered, however long that takes here."""
    command = [sys.executable, "-m", "harness", *words, "--results", "results"]
    began = time.monotonic()  # noqa: TID251
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(folder.glob("results/*/events/*.parquet")):
            time.sleep(0.01)  # noqa: TID251
        whole_s = time.monotonic() - began  # noqa: TID251
        process.kill()
    for moment in range(moments):
        number = list(NAMES)[moment % 2]
        at = folder / str(moment)
        at.mkdir()
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=at, stdout=pipe, stderr=pipe, text=True) as process:
            time.sleep(whole_s * moment / moments)  # noqa: TID251
            process.send_signal(number)
            out, err = process.communicate()
        told = (moment, number, process.returncode, out, err)
        runs = list_runs(at / "results")
        if process.returncode == 128 + number and (err or out):
            assert "Traceback" not in err, told
            assert all(run.status == "stopped" and run.settled for run in runs), told
            assert runs or "stopped by" in err, told
        else:  # Python itself was still starting
            assert "/harness/" not in err, told
            assert process.returncode in (-number, 1, 130), told
            assert runs == [], told
        assert [path.name for path in (at / "results").glob("*")] == [run.name for run in runs], told


def test_at_some_moments(tmp_path: Path) -> None:
    """From the start of the interpreter on: a run that can be resumed, or nothing, and a line in either case."""
    campaign(tmp_path, 6, *IMPORT)


@pytest.mark.slow
def test_at_many_moments(tmp_path: Path) -> None:
    """The same at length."""
    campaign(tmp_path, 120, *IMPORT)
