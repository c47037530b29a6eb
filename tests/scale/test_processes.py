"""Shards as processes: killed with their coordinator or alone, and stopped from a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from harness import open_run
from harness.record.events import canonical_id
from harness.record.run import Run
from harness.record.shards import shard_folders
from tests.serving import served

pytestmark = pytest.mark.realtime

ITEMS = 240
_GIVE_UP_S = 60.0


@pytest.fixture
def api_url() -> Iterator[str]:
    """A test API in a process that outlives the import's; slow enough that there is something to kill."""
    with served("--items", str(ITEMS), "--limit", "100000/1s", "--latency", "60ms") as url:
        yield url


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words]


def start(url: str, results: Path, *more: str) -> subprocess.Popen[str]:
    options = ["--url", url, "--limit", "100000/1s", "--results", str(results), "--run", "r", "--workers", "4"]
    words = command("import", "--shards", "2", "--progress", "none", *options, *more)
    return subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def until(true: Callable[[], object]) -> None:
    """Wait until it is; how long that takes is nobody's concern."""
    began = time.monotonic()  # noqa: TID251
    while not true():
        time.sleep(0.01)  # noqa: TID251
        assert time.monotonic() - began < _GIVE_UP_S, "nothing happens"  # noqa: TID251


def pids(results: Path) -> list[int]:
    """The processes that write shards now."""
    return [pid for folder in shard_folders(results / "r") if (pid := Run(folder).writer_pid)]


def imported_by_shards(results: Path) -> int:
    return sum(len(list((folder / "items").glob("*.parquet"))) for folder in shard_folders(results / "r"))


def is_whole(run: Run) -> None:
    rows = run.events().to_pylist()
    read = Counter(canonical_id(row["key"]) for row in rows if row["event"] in ("ItemImported", "ItemAdopted"))
    assert read == Counter(range(1, ITEMS + 1))
    assert [row["id"] for row in run.items().to_pylist()] == list(range(1, ITEMS + 1))
    assert run.status == "complete"


def test_a_shard_that_is_killed_is_started_again(api_url: str, tmp_path: Path) -> None:
    """The import ends as if nothing had been: 0 lost, 0 doubled, exit code 0."""
    process = start(api_url, tmp_path)
    until(lambda: imported_by_shards(tmp_path))
    victim = pids(tmp_path)[0]
    os.kill(victim, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    is_whole(open_run("r", tmp_path))
    sessions = [len(Run(folder).about["sessions_utc_s"]) for folder in shard_folders(tmp_path / "r")]
    assert sorted(sessions) == [1, 2]


def test_a_coordinator_that_is_killed_leaves_no_process_and_the_run_goes_on(api_url: str, tmp_path: Path) -> None:
    process = start(api_url, tmp_path)
    until(lambda: imported_by_shards(tmp_path))
    process.kill()
    process.communicate()
    until(lambda: not pids(tmp_path))
    assert open_run("r", tmp_path).status == "interrupted"
    words = command("import", "--resume", "--run", "r", "--results", str(tmp_path), "--json")
    resumed = subprocess.run(words, check=False, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    told = json.loads(resumed.stdout)
    assert (told["status"], told["imported"], told["sessions"]) == ("complete", ITEMS, 2)
    is_whole(open_run("r", tmp_path))


@pytest.mark.slow
def test_ctrl_c_stops_all_of_it_and_other_terminals_steer_it(api_url: str, tmp_path: Path) -> None:
    """By the run's name: pause, set, show; then Ctrl-C, with the exit code of any import."""
    process = start(api_url, tmp_path, "--limit", "5/1s")  # slow enough to be there still
    until(lambda: imported_by_shards(tmp_path) > 1)
    for words in (["pause"], ["set", "--workers", "3"]):
        verb, *more = words
        told = subprocess.run(
            command(verb, "r", *more, "--results", str(tmp_path)), check=False, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
    until(lambda: all(Run(folder).about.get("asked") == {"workers": 3} for folder in shard_folders(tmp_path / "r")))
    shown = subprocess.run(
        command("show", "r", "--json", "--results", str(tmp_path)), check=False, capture_output=True, text=True
    )
    assert json.loads(shown.stdout)["status"] == "paused"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert open_run("r", tmp_path).status == "stopped"
    assert not pids(tmp_path)


def test_the_processes_keep_one_limit_together(tmp_path: Path) -> None:
    """Also where one of them is killed: what it had sent stays charged to the account, and nothing is refused."""
    with served("--items", "120", "--limit", "30/1s", "--latency", "20ms") as url:
        options = ["--url", url, "--limit", "30/1s", "--linger", "1s", "--results", str(tmp_path), "--run", "r"]
        words = command("import", "--shards", "3", "--detail", "--quiet", *options)
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        until(lambda: imported_by_shards(tmp_path))
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode == 0, said
        ledger = httpx2.get(url.removesuffix("/api/items") + "/_ledger", trust_env=False).json()
    assert ledger["refused"] == 0
    assert ledger["admitted"] >= 122
    run = open_run("r", tmp_path)
    assert (run.status, run.state().imported, run.state().refused) == ("complete", 120, 0)


def test_where_items_come_from_the_list_one_process_imports_them(api_url: str, tmp_path: Path) -> None:
    """As today, and said in one line."""
    process = start(api_url, tmp_path, "--no-detail")
    _, said = process.communicate()
    assert process.returncode == 0
    assert "--shards brings nothing here: the items come from the list" in said
    assert not shard_folders(tmp_path / "r")
    is_listed = [row["id"] for row in open_run("r", tmp_path).items().to_pylist()]
    assert is_listed == list(range(1, ITEMS + 1))


@pytest.mark.slow
def test_the_number_stays_with_the_run(tmp_path: Path) -> None:
    words = command("import", "--resume", "--run", "r", "--shards", "3", "--results", str(tmp_path))
    refused = subprocess.run(words, check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "--shards comes from the run and cannot change on --resume; leave it out" in refused.stderr
