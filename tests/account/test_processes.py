"""Imports as processes on one account: killed, beside one another, and with a store that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import open_run
from tests.account.valkey_server import Server
from tests.serving import served

pytestmark = pytest.mark.realtime

ITEMS, LIMIT = 60, "30/1s:log"
_GIVE_UP_S = 90.0


@pytest.fixture
def api_url() -> Iterator[str]:
    with served("--items", str(ITEMS), "--limit", LIMIT, "--latency", "30ms") as url:
        yield url


def start(url: str, results: Path, run: str, *more: str, command: str = "import") -> subprocess.Popen[str]:
    words = ["import", "--url", url, "--limit", LIMIT, "--run", run, "--timeout", "2s"]
    words = [*words, "--linger", "500ms", "--results", str(results), "--progress", "none", *more]
    words = words if command == "import" else [command, run, "--results", str(results), "--progress", "none"]
    line = [sys.executable, "-m", "harness", *words]
    return subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def until(true: Callable[[], object]) -> None:
    """Wait until it is; how long that takes is nobody's concern."""
    began = time.monotonic()  # noqa: TID251
    while not true():
        time.sleep(0.01)  # noqa: TID251
        assert time.monotonic() - began < _GIVE_UP_S, "nothing happens"  # noqa: TID251


def has_imported(results: Path, run: str) -> bool:
    return any((results / run / "items").glob("*.parquet"))


def ledger(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/api/items") + "/_ledger") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def ended(*processes: subprocess.Popen[str]) -> list[str]:
    """What each said, once all have ended well."""
    said = [process.communicate(timeout=_GIVE_UP_S)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def test_what_a_killed_run_had_leased_counts_for_the_next(tmp_path: Path, api_url: str) -> None:
    """SIGKILL amid an import; another run begins at once, the killed one is resumed beside it: nobody is refused."""
    first = start(api_url, tmp_path, "first")
    until(lambda: has_imported(tmp_path, "first"))
    first.send_signal(signal.SIGKILL)
    first.communicate()
    ended(start(api_url, tmp_path, "second"), start(api_url, tmp_path, "first", command="resume"))
    assert ledger(api_url)["refused"] == 0
    for run in ("first", "second"):
        assert open_run(run, tmp_path).items().column("id").to_pylist() == list(range(1, ITEMS + 1))


def test_a_store_that_was_named_and_dies_holds_the_import_until_it_is_back(tmp_path: Path) -> None:
    """Killed and started anew, empty: the import waits, says so, goes on, and is never over the limit."""
    items = 6 * ITEMS  # more than it is leased at any moment
    with Server() as store, served("--items", str(items), "--limit", LIMIT, "--latency", "30ms") as api_url:
        importing = start(api_url, tmp_path, "r", "--budget", store.url)
        until(lambda: has_imported(tmp_path, "r"))
        store.kill()
        until(lambda: b'"account"' in (tmp_path / "r" / "live.json").read_bytes())
        store.start()
        (said,) = ended(importing)
        assert ledger(api_url)["refused"] == 0
    assert "nothing more is sent until it answers again" in said
    assert "answers again" in said.replace("until it answers again", "")
    assert open_run("r", tmp_path).items().num_rows == items


def test_a_store_that_was_named_and_is_not_there_is_refused_before_anything_happens(
    tmp_path: Path, api_url: str
) -> None:
    """Exit 2, one sentence, no run."""
    importing = start(api_url, tmp_path, "r", "--budget", "redis://127.0.0.1:1")
    said = importing.communicate(timeout=_GIVE_UP_S)[1]
    assert importing.returncode == 2
    assert said.startswith("harness: ")
    assert said.rstrip().endswith("check --budget")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert ledger(api_url)["admitted"] == 0


def test_an_embedded_store_that_cannot_be_used_is_said_in_a_line(
    tmp_path: Path, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run paces by itself, as with --budget none."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "file" / "below"))
    (said,) = ended(start(api_url, tmp_path / "results", "r"))
    lines = [line for line in said.splitlines() if "paces by itself" in line]
    assert len(lines) == 1
    assert str(tmp_path / "file" / "below") in lines[0]
    assert ledger(api_url)["refused"] == 0


def test_limits_shows_and_forgets(tmp_path: Path, api_url: str) -> None:
    """As people type it."""
    ended(start(api_url, tmp_path, "r"))

    def limits(*words: str) -> str:
        line = [sys.executable, "-m", "harness", "limits", *words]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    host = api_url.split("/")[2]
    (account,) = json.loads(limits("--json"))
    assert account["key"]["host"] == host
    assert [limit["text"] for limit in account["limits"]] == [LIMIT]
    assert LIMIT in limits()
    assert limits("forget", host) == f"forgot {host}: its limits, and what was sent to it\n"
    assert json.loads(limits("--json")) == []
    assert os.path.exists(os.environ["HARNESS_STATE"])
