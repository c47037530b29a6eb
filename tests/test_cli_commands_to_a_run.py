"""Commands to a run, and watching it, from another terminal, and what becomes of runs that have ended."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from harness.cli import main
from harness.pacing import parse_tiers
from harness.record.run import create_run, find_run, list_runs
from harness.session.importing import config_of
from tests.patience import PATIENCE_S
from tests.serving import served
from tests.test_cli_runs import api_url as api_url, ids, start

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where nothing is; a test that fails leaves no import behind that waits for ever."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    STARTED.clear()
    yield
    for process in STARTED:
        if process.poll() is None:
            process.kill()
        process.communicate()


STARTED: list[subprocess.Popen[str]] = []


def begin(folder: Path, url: str, limit: str) -> subprocess.Popen[str]:
    """An import of 40 items in a process of its own, slow enough for a word to it."""
    STARTED.append(start(folder, url, "--run", "r", "--limit", limit))
    return STARTED[-1]


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command, in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(args)
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


def test_pause_set_resume_watch_stop_from_another_terminal(
    tmp_path: Path, api_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is obeyed by the process that imports and said in a line; what it prints to go on is the way on."""
    process = begin(tmp_path, api_url, "1/1s")
    code, out, err = run(capsys, "pause")
    assert (code, err) == (0, "")
    assert "run r pauses once the requests in flight are answered" in out
    assert "-m harness resume r" in out
    assert find_run(tmp_path / "results").status == "paused"
    assert "paused" in run(capsys, "runs")[1]
    assert run(capsys, "set", "--workers", "3", "--limit", "100/1s")[1] == (
        "run r continues with limit 100/1s and workers 3\n"
    )
    assert run(capsys, "set", "r")[0] == 2
    assert run(capsys, "prune", "--keep", "0", "--yes")[1].startswith("nothing to remove")
    watching = subprocess.Popen(
        [sys.executable, "-m", "harness", "watch"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    assert "state=paused" in watching.stderr.readline()
    assert run(capsys, "resume") == (0, "run r continues\n", "")
    watched, _ = watching.communicate(timeout=PATIENCE_S)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == watching.returncode == 0
    assert "✓ complete  40 of 40 items" in watched
    assert ids(tmp_path / "results" / "r") == list(range(1, 41))
    later = config_of(find_run(tmp_path / "results"))
    assert (later.pacing.workers, later.limits) == (3, parse_tiers("100/1s"))
    code, out, err = run(capsys, "stop")
    assert (code, out, err) == (2, "", "harness: run r is not running (complete)\n")


def test_watching_ends_with_ctrl_c_and_stopping_stops(
    tmp_path: Path, api_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who stops watching stops nothing; `stop` ends it resumable, with exit code 3, and asked twice at once."""
    process = begin(tmp_path, api_url, "1/5s")
    watching = subprocess.Popen(
        [sys.executable, "-m", "harness", "watch", "r"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert watching.stderr is not None
    assert "items=" in watching.stderr.readline()
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=PATIENCE_S)
    assert (watching.returncode, "run r continues; only the watching has ended" in err, "Traceback" in err) == (
        0,
        True,
        False,
    )
    assert process.poll() is None
    code, out, _ = run(capsys, "stop", "r")
    assert (code, "run r stops after the requests in flight" in out) == (0, True)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    found = find_run(tmp_path / "results")
    assert (found.status, found.about["reason"]) == ("stopped", "asked from another terminal")


def test_a_killed_run_hears_nothing(tmp_path: Path, api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its process is gone: refused in one sentence, and the session that resumes it is not paused by it."""
    process = begin(tmp_path, api_url, "1/2s")
    process.kill()
    process.communicate()
    code, out, err = run(capsys, "pause")
    assert (code, out) == (2, "")
    assert err == ("harness: run r is not running (interrupted); to continue it, use resume\n")
    assert run(capsys, "watch")[2].startswith("run r is not running; its summary:")
    assert run(capsys, "resume", "--limit", "100/1s", "--quiet") == (0, "", "")


@pytest.fixture
def broken_url() -> Iterator[str]:
    """A test API of 12 items: 3 is gone for good, 7 fails once, 8 twice."""
    faults = ["--fault", "410:items=3", "--fault", "500:items=7:times=1", "--fault", "502:items=8:times=2"]
    with served("--items", "12", "--limit", "none", "--latency", "1ms", *faults) as url:
        yield url


def test_failures_are_listed_shown_exported_retried_and_forgotten(
    tmp_path: Path, broken_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From three failed items to a complete run, by the commands that each of them names as the next."""
    once = ("--url", broken_url, "--limit", "100/1s", "--retry-delays", "", "--run", "r", "--quiet")
    assert run(capsys, "import", *once)[0] == 1
    code, out, _ = run(capsys, "failed")
    assert code == 0
    assert sorted(line.split()[:3] for line in out.splitlines()[1:4]) == [
        ["3", "1", "410"],
        ["7", "1", "500"],
        ["8", "1", "502"],
    ]
    assert "-m harness failed retry r" in out
    assert {line.split()[0] for line in run(capsys, "failed", "r", "--status", "5xx")[1].splitlines()[1:3]} == {
        "7",
        "8",
    }
    assert "no failed items that match" in run(capsys, "failed", "list", "--status", "none")[1]
    assert run(capsys, "failed", "--status", "5")[0] == 2
    shown = run(capsys, "failed", "show", "--reason", "502")[1]
    assert [line.split()[0] for line in shown.splitlines() if not line.startswith(" ")] == ["item"]
    assert "item 8" in shown
    assert 'status 502: Bad Gateway, "fault on request: 502" (502), after ' in shown
    assert "content-type: application/json" in shown
    assert run(capsys, "failed", "list", "-o", "f.csv")[1] == "f.csv: 3 failed attempts at 3 items of run r\n"
    rows = list(csv.DictReader(Path("f.csv").read_text().splitlines()))
    assert sorted((row["kind"], row["key"], row["attempt"], row["status"]) for row in rows) == [
        ("item", "3", "1", "410"), ("item", "7", "1", "500"), ("item", "8", "1", "502"),
    ]  # fmt: skip
    assert run(capsys, "failed", "retry", "--item", "8", "--later")[1].startswith("run r: 1 item to be fetched again\n")
    assert find_run(tmp_path / "results").status == "stopped"
    code, out, _ = run(capsys, "failed", "retry", "--quiet")
    assert (code, out) == (1, "run r: 2 items to be fetched again\n")
    assert {failure.key for failure in find_run(tmp_path / "results").failed()} == {3, 8}
    before = find_run(tmp_path / "results").summary()
    code, out, err = run(capsys, "resume")
    assert (code, find_run(tmp_path / "results").summary()) == (1, before)
    assert err.startswith("run r is complete except for its failures; fetch those again with: ")
    assert err.endswith(" -m harness failed retry r\n")
    assert "in 2 sessions" in out
    code, out, _ = run(capsys, "failed", "retry", "--status", "502", "--quiet")
    assert (code, out) == (1, "run r: 1 item to be fetched again\n")
    assert run(capsys, "failed", "forget")[1] == "run r: 1 item forgotten\n"
    assert "✓ complete  11 of 12 items, 1 forgotten" in run(capsys, "show")[1]
    assert run(capsys, "resume")[0] == 0
    run(capsys, "failed", "list", "-o", "f.jsonl")
    assert Path("f.jsonl").read_text() == ""
    assert run(capsys, "failed", "forget")[1] == "run r: no failure matches\n"


def test_prune_asks_and_keeps_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest stay; without a terminal to ask on it wants --yes; a run that is being written stays."""
    for number in range(4):
        create_run(tmp_path / "results", f"r{number}", {"config": {}}, float(number))
    code, out, err = run(capsys, "prune", "--keep", "1")
    assert (code, len(list_runs(tmp_path / "results"))) == (2, 4)
    assert "pass --yes" in err
    assert [line.split()[0] for line in out.splitlines()] == ["r2", "r1", "r0"]
    with find_run(tmp_path / "results", "r1").locked():
        assert run(capsys, "prune", "--keep", "1", "--yes")[1].endswith("deleted 2, kept 2\n")
    assert [found.name for found in list_runs(tmp_path / "results")] == ["r3", "r1"]
    assert run(capsys, "prune", "--keep", "2", "--yes")[1] == "nothing to remove: 2 runs in results\n"


def test_export_by_the_ending(tmp_path: Path, api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The items of the latest run, as a file that is named; another ending is refused."""
    run(capsys, "import", "--url", api_url, "--limit", "100/1s", "--max-items", "5", "--quiet", "--run", "r")
    assert run(capsys, "export", "-o", "x.jsonl")[1] == "x.jsonl: 5 items of run r\n"
    assert {json.loads(line)["id"] for line in Path("x.jsonl").read_text().splitlines()} == {1, 2, 3, 4, 5}
    code, _, err = run(capsys, "export", "-o", "x.xls")
    assert (code, err) == (
        2,
        "harness: x.xls has an unsupported extension; use .csv, .jsonl or .parquet\n",
    )


def test_an_audit_finds_what_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list that changes while it is read and then stands still: after the audit every item of it is imported."""
    drift = ["--drift", "insert=20/s:delete=10/s:until=3s"]
    with served("--items", "60", "--limit", "none", "--latency", "20ms", *drift) as url:
        flags = ("--url", url, "--limit", "40/1s", "--per-page", "10", "--run", "r", "--quiet")
        assert run(capsys, "import", *flags)[0] in (0, 1)
        assert find_run(tmp_path / "results").status.startswith("complete")
        while (listed := _listed(url)) != _listed(url):
            pass
        code, out, err = run(capsys, "audit", "--limit", "1000/1s", "--progress", "none")
        assert code in (0, 1), err
        assert f"listed     {len(listed)} items now" in out
        state = find_run(tmp_path / "results").state()
        assert all(state.items.state(item) == "imported" for item in listed)
        assert "  missed     no item was missed" in run(capsys, "audit", "--progress", "none")[1]
        as_json = json.loads(run(capsys, "audit", "--json")[1])
        assert (as_json["listed"], as_json["missed"], as_json["whole"]) == (len(listed), [], True)


def _listed(url: str) -> list[int]:
    pages = [httpx2.get(url, params={"page": page, "perPage": 100}).json()["data"] for page in (1, 2)]
    return [record["id"] for page in pages for record in page]


def test_only_a_complete_run_is_audited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stopped one is resumed first; one with --max-items was never read whole."""
    stopped = create_run(tmp_path / "results", "r", {"config": {}}, 0.0)
    stopped.note(status="stopped")
    code, _, err = run(capsys, "audit")
    assert (code, err) == (2, "harness: run r is stopped, and only a complete one can be audited; resume it first\n")


@pytest.mark.parametrize("command", [("failed", "retry"), ("failed", "retry", "--later"), ("audit",), ("resume",)])
def test_a_simulated_run_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """There is no server to ask: refused in one sentence before anything is changed."""
    simulated = create_run(tmp_path / "results", "r", {"config": {}, "simulated": True}, 0.0)
    simulated.note(status="complete with failures")
    before = sorted(simulated.folder.iterdir())
    code, _, err = run(capsys, *command)
    assert code == 2
    assert err == ("harness: run r was simulated in virtual time and cannot be resumed; simulate it again\n")
    assert sorted(simulated.folder.iterdir()) == before
