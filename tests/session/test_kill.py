"""kill -9 in the middle, then resume: on real sockets, with real files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from harness import open_run
from harness.record.events import canonical_id
from harness.record.run import Run
from tests.serving import served

pytestmark = pytest.mark.realtime


@pytest.fixture
def api_url() -> Iterator[str]:
    """A test API of 150 items at 60/6s, longer than a start takes, in a process that outlives the import's."""
    with served("--items", "150", "--limit", "60/6s", "--latency", "20ms") as url:
        yield url


def start(url: str, results: Path, limit: str = "60/6s") -> subprocess.Popen[bytes]:
    options = ["--url", url, "--limit", limit, "--linger", "2s", "--results", str(results), "--run", "r", "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "harness", "import", *options])


def recorded(run: Run) -> dict[str, list[tuple[int, int | str]]]:
    """(session, key) of each page and item that the record calls read, by kind."""
    table = run.events().to_pylist()
    got = [row for row in table if row["event"] in ("PageListed", "ItemImported")]
    return {
        role: [(row["session"], canonical_id(row["key"])) for row in got if row["role"] == role]
        for role in ("list", "item")
    }


def ledger(url: str) -> dict[str, int]:
    report: dict[str, int] = httpx2.get(url.removesuffix("/api/items") + "/_ledger", trust_env=False).json()
    return report


@pytest.mark.parametrize("after_items", [1, 40])
def test_killed_and_resumed_nothing_is_lost_doubled_or_fetched_again(
    api_url: str, tmp_path: Path, after_items: int
) -> None:
    """150 of 150 items, no id twice, none fetched again that was recorded, and still not one refusal."""
    process = start(api_url, tmp_path)
    while ledger(api_url)["admitted"] < after_items + 4:
        time.sleep(0.02)  # noqa: TID251
        assert process.poll() is None
    process.kill()
    process.wait()

    run = open_run("r", tmp_path)
    assert run.status == "interrupted"
    before = recorded(run)
    resumed = subprocess.run(
        [sys.executable, "-m", "harness", "resume", "r", "--results", str(tmp_path), "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    summary = json.loads(resumed.stdout)
    assert (summary["status"], summary["imported"], summary["sessions"]) == ("complete", 150, 2)

    after = recorded(run)
    for role, total in (("list", 2), ("item", 150)):
        keys = [key for _, key in after[role]]
        assert len(keys) == len(set(keys))
        assert {key for session, key in after[role] if session == 1} == {key for _, key in before[role]}
        assert len(keys) <= total
    assert sorted(run.items().column("id").to_pylist()) == list(range(1, 151))
    # What the killed session sent without recording it was charged before the next one sent: still no refusal.
    assert ledger(api_url)["refused"] == 0


def test_a_second_import_into_a_running_one_is_refused_with_its_pid(api_url: str, tmp_path: Path) -> None:
    """Two writers on one run: the second says which process has it, and touches nothing."""
    process = start(api_url, tmp_path, limit="20/5s")  # slow enough to be there still
    while not list(tmp_path.glob("r/events/*.parquet")):
        time.sleep(0.02)  # noqa: TID251
    second = subprocess.run(
        [sys.executable, "-m", "harness", "resume", "r", "--results", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert second.returncode == 2
    assert str(process.pid) in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert open_run("r", tmp_path).status == "stopped"
