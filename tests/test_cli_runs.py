"""The command line end to end: real processes, a real test API, files on disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from harness.record.run import find_run
from tests.patience import PATIENCE_S
from tests.serving import served

pytestmark = pytest.mark.realtime

SECRET = "sk-l1ve-0123-4567"
QUICK = ("--items", "30", "--limit", "50/1s", "--latency", "1ms")


def harness(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command run in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def status(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["status"])


def ids(run: Path) -> list[int]:
    return sorted(pq.read_table(run / "items.parquet").column("id").to_pylist())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small import `first` is complete; other tests add to it, and change nothing."""
    folder = tmp_path_factory.mktemp("cli")
    made = harness(folder, "import", *QUICK, "--run", "first", "--json")
    assert made.returncode == 0, made.stderr
    (folder / "first.json").write_text(made.stdout)
    return folder


def test_a_used_up_quota_and_a_number_of_requests_end_with_3(tmp_path: Path) -> None:
    """For a scheduled job 3 means: not done yet. The run keeps its settings; resumed too early, it sends nothing."""
    quick = ("--items", "30", "--latency", "1ms", "--json")
    made = harness(tmp_path, "import", *quick, "--limit", "20/1d", "--run", "day", "--until-quota")
    first = json.loads(made.stdout)
    assert (made.returncode, first["status"], first["requests_page"] + first["requests_item"]) == (3, "stopped", 20)
    assert re.fullmatch(
        r"--until-quota: the limit 20/1d is used up until \d{4}-\d\d-\d\d \d\d:\d\d; resume the run then",
        first["reason"],
    )
    again = harness(tmp_path, "import", "--run", "day", "--resume", "--json")
    second = json.loads(again.stdout)
    assert (again.returncode, second["sessions"], second["requests_item"]) == (3, 2, first["requests_item"])
    made = harness(tmp_path, "import", *quick, "--limit", "100/1s", "--run", "few", "--max-requests", "7")
    few = json.loads(made.stdout)
    assert (made.returncode, few["requests_page"] + few["requests_item"]) == (3, 7)
    assert few["reason"] == "--max-requests 7: 7 requests were sent in this session"
    rest = harness(tmp_path, "resume", "few", "--max-requests", "100", "--json")
    assert (rest.returncode, json.loads(rest.stdout)["imported"]) == (0, 30)


def test_a_scenario_is_imported_as_an_api_that_nobody_knows(done: Path) -> None:
    """Its limits are learned, and the ledger agrees; a scenario that is none leaves no run behind."""
    made = harness(done, "import", "--scenario", "draft-7", "--items", "30", "--run", "draft", "--json")
    figures = json.loads(made.stdout)
    assert (made.returncode, figures["imported"], figures["server"]["agrees"]) == (0, 30, True)
    assert (figures["strategy"], figures["limits_source"]) == ("auto", "learned")
    none = harness(done, "import", "--scenario", "none-such", "--run", "none")
    assert (none.returncode, none.stdout) == (2, "")
    assert "harness: the test API refuses its settings: scenario: 'none-such' is unknown; use one of" in none.stderr
    assert not (done / "results" / "none").exists()


def test_no_file_of_the_users_is_taken_for_one_of_ours(tmp_path: Path) -> None:
    """A project may have a `server.py`, a `server/` and files named as libraries: the test API runs none."""
    ran = "from pathlib import Path\nPath({0!r}).touch()\nraise SystemExit(3)\n"
    for name in ("server.py", "quart.py", "hypercorn.py", "harness_test_api.py"):
        (tmp_path / name).write_text(ran.format(str(tmp_path / "ran")))
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__init__.py").write_text(ran.format(str(tmp_path / "ran")))
    made = harness(tmp_path, "import", *QUICK)
    assert (made.returncode, (tmp_path / "ran").exists()) == (0, False), made.stderr
    helped = harness(tmp_path, "server", "--help")
    assert helped.stdout.startswith("Usage: python -m harness server [OPTIONS]")
    assert not (tmp_path / "ran").exists()


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    """A test API of 40 items in its own process, without limits: no test is held up by what another asked."""
    with served("--items", "40", "--limit", "none", "--latency", "20ms") as url:
        yield url


def test_json_is_one_object_and_nothing_else(done: Path) -> None:
    """--json puts the summary on standard output alone; all 30 are there, and the server agrees."""
    summary = json.loads((done / "first.json").read_text())
    assert (done / "first.json").read_text().count("\n") == 1
    assert (summary["status"], summary["imported"], summary["total"], summary["hits"]) == ("complete", 30, 30, 0)
    assert summary["server"] == {"admitted": 31, "refused": 0, "agrees": True, "faults": 0}
    assert summary == json.loads((done / "results" / "first" / "summary.json").read_text())
    assert ids(done / "results" / "first") == list(range(1, 31))


def test_a_name_that_is_taken_is_refused_naming_both_ways_on(done: Path) -> None:
    """Exit 2, naming --fresh and --resume; the run is untouched, and nothing was started."""
    before = (done / "results" / "first" / "run.json").read_bytes()
    refused = harness(done, "import", *QUICK, "--run", "first")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "harness: the run first exists in results; add --resume to continue it or --fresh to replace it, "
        "or choose another --run than first\n"
    )
    assert (done / "results" / "first" / "run.json").read_bytes() == before


def test_the_start_of_the_test_api_is_said(tmp_path: Path) -> None:
    """The first line of an import without --url, before anything is asked; one that is silent does not say it."""
    made = harness(tmp_path, "import", *QUICK, "--run", "r")
    assert made.stderr.splitlines()[0] == "starting the test API"
    assert harness(tmp_path, "import", *QUICK, "--run", "s", "--quiet").stderr == ""


def test_runs_and_show_by_prefix(done: Path) -> None:
    """Both name the run, its status in words and its numbers; a unique prefix is enough."""
    listed = harness(done, "runs")
    assert listed.returncode == 0
    assert all(word in listed.stdout for word in ("first", "complete", "30/30"))
    shown = harness(done, "show", "fir")
    assert shown.returncode == 0, shown.stderr
    assert all(word in shown.stdout for word in ("first", "30 of 30 items", "50/1s", "results/first/items.parquet"))


def test_quiet_prints_nothing_and_fresh_replaces(tmp_path: Path, api_url: str) -> None:
    """--quiet is silent on both streams; --fresh makes a run of the same name anew; --no-detail asks for pages alone;
    --sequential and --max-items are kept to."""
    first = harness(tmp_path, "import", "--url", api_url, "--run", "r", "--quiet", "--no-detail")
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    summary = json.loads((tmp_path / "results" / "r" / "summary.json").read_text())
    assert (summary["requests_page"], summary["requests_item"], summary["imported"]) == (1, 0, 40)
    again = harness(
        tmp_path, "import", "--url", api_url, "--run", "r", "--fresh", "--quiet", "--sequential", "--max-items", "7",
        "--per-page", "5",
    )  # fmt: skip
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    events = [row["event"] for row in _events(tmp_path / "results" / "r")]
    happened = [event for event in events if event in ("PageListed", "ItemImported")]
    # Two items of page 1 are compared with the list before the rest of it is read; here the first differs already.
    assert happened == ["PageListed", "ItemImported", "PageListed"] + ["ItemImported"] * 6
    assert ids(tmp_path / "results" / "r") == list(range(1, 8))


def test_a_dry_run_writes_nothing(tmp_path: Path, api_url: str) -> None:
    """The plan says requests, limits and the best possible, and that only two requests were made; no folder appears."""
    plan = harness(tmp_path, "import", "--url", api_url, "--limit", "20/1s", "--per-page", "10", "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert "Plan (2 requests made)" in plan.stdout
    assert "4 pages + 40 items = 44" in plan.stdout
    assert "20/1s (declared)" in plan.stdout
    as_json = harness(tmp_path, "import", "--url", api_url, "--limit", "20/1s", "--dry-run", "--json")
    assert json.loads(as_json.stdout)["requests_item"] == 40
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_read_ends_soon(tmp_path: Path, api_url: str) -> None:
    """Nobody listens there: failed at once, exit 3, and it says what and where; not 450 seconds of retries."""
    ended = harness(tmp_path, "import", "--url", "http://127.0.0.1:9/api/items", "--run", "r", "--progress", "none")
    assert ended.returncode == 3
    assert find_run(tmp_path / "results", "r").events().column("event").to_pylist().count("AttemptFailed") == 1
    assert "failed" in ended.stdout
    assert "could not connect" in ended.stdout
    assert "Traceback" not in ended.stderr


# --- stopping and going on ----------------------------------------------------------------------------------------


def start(folder: Path, url: str, *args: str) -> subprocess.Popen[str]:
    """An import of 40 items, which lasts 20 s unless --limit says otherwise; answers once items arrive."""
    command = [sys.executable, "-m", "harness", "import", "--url", url, "--limit", "2/1s", "--linger", "0", *args]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)
    deadline = time.monotonic() + PATIENCE_S  # noqa: TID251
    while not list(folder.glob("results/r/events/*.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline  # noqa: TID251
        time.sleep(0.05)  # noqa: TID251
    return process


def _events(run: Path) -> list[dict[str, Any]]:
    parts = sorted((run / "events").glob("*.parquet"))
    return [row for part in parts for row in pq.read_table(part, partitioning=None).to_pylist()]


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
def test_stopped_once_it_finishes_what_is_in_flight_and_can_go_on(
    number: signal.Signals, code: int, word: str, tmp_path: Path, api_url: str
) -> None:
    """A signal ends it with its exit code, a whole record and the way on; `resume` completes it, nothing twice."""
    process = start(tmp_path, api_url, "--run", "r")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    run = tmp_path / "results" / "r"
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "■ stopped" in out
    assert "resume r" in out
    assert status(run) == "stopped"
    last = _events(run)[-1]
    assert (last["event"], last["status"], last["reason"]) == ("SessionEnded", "stopped", word)
    assert not [row for row in _events(run) if row["event"] == "Returned"]
    assert 0 < len(ids(run)) < 40
    resumed = harness(tmp_path, "resume", "--json", "--limit", "100/1s")
    assert resumed.returncode == 0, resumed.stderr
    summary = json.loads(resumed.stdout)
    assert (summary["status"], summary["imported"], summary["sessions"], summary["hits"]) == ("complete", 40, 2, 0)
    assert ids(run) == list(range(1, 41))
    imported = [row["key"] for row in _events(run) if row["event"] == "ItemImported"]
    assert sorted(map(int, imported)) == list(range(1, 41))


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
def test_stopped_twice_it_ends_at_once(number: signal.Signals, code: int, word: str, tmp_path: Path) -> None:
    """The second signal does not wait for a request in flight, however long that takes; it is recorded as cut off."""
    with served("--items", "5", "--limit", "none", "--latency", "600s") as url:
        process = start(tmp_path, url, "--run", "r", "--timeout", "1000s")
        process.send_signal(number)
        assert process.stderr is not None
        while "state=stopping" not in process.stderr.readline():  # two that come together may count as one
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    events = [(row["event"], row["reason"]) for row in _events(tmp_path / "results" / "r")]
    assert events[-2:] == [("Returned", "cut off"), ("SessionEnded", word)]


# --- exports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_export_to_a_pipe_is_that_to_a_file(done: Path, kind: str) -> None:
    """The same bytes, and nothing else on standard output; JSON lines where no format is named."""
    assert harness(done, "export", "first", "-o", f"x.{kind}").returncode == 0
    command = [sys.executable, "-m", "harness", "export", "first", "-o", "-", "--format", kind]
    with subprocess.Popen(command, cwd=done, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.communicate(timeout=PATIENCE_S) == ((done / f"x.{kind}").read_bytes(), b"")
    assert piped.returncode == 0
    if kind == "jsonl":
        assert harness(done, "export", "first", "-o", "-").stdout == (done / "x.jsonl").read_text()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_pipe_that_is_closed_ends_an_export_quietly(done: Path, kind: str) -> None:
    """Whoever reads has seen enough, at once or after the first bytes: nothing is said, and it is no failure."""
    command = [sys.executable, "-m", "harness", "export", "first", "-o", "-", "--format", kind]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            command, cwd=done, stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


# --- secrets ------------------------------------------------------------------------------------------------------


def test_no_secret_is_written_or_printed(tmp_path: Path, api_url: str) -> None:
    """Token and header reach the API, and neither any file of the run (Parquet decoded too) nor any output."""
    made = harness(
        tmp_path, "import", "--url", api_url, "--limit", "10/1s", "--max-items", "3", "--run", "r",
        "--token-env", "API_TOKEN", "--header", f"X-Other: {SECRET[::-1]}", API_TOKEN=SECRET,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    shown = harness(tmp_path, "show", "r")
    said = [made.stdout, made.stderr, shown.stdout, shown.stderr]
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        said.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            said.append(str(table.to_pylist()) + str(table.schema.metadata))
    assert len(said) > 10
    assert any("X-Other" in text for text in said)
    for text in said:
        assert SECRET not in text
        assert SECRET[::-1] not in text
    ledger = httpx2.get(api_url.removesuffix("/api/items") + "/_ledger").json()
    assert ledger["admitted"] > 0
    find_run(tmp_path / "results", "r").note(status="stopped")
    again = harness(tmp_path, "resume", "r", "--header", f"X-Other: {SECRET[::-1]}")
    assert again.returncode == 2
    assert "--token-env names the variable API_TOKEN, which is not set" in again.stderr
