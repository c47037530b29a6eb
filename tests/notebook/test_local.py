"""An import in a thread: its figures are the files', and commands from elsewhere are obeyed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness import ImportConfig, open_run
from harness.errors import BadInput, HarnessError
from harness.notebook.handles import LocalRun
from harness.record.run_view import RunView
from harness.session.control import Asked
from harness.session.session import Session
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A test API that never refuses, so that all waiting is the client's."""
    with running_in_thread(ServerConfig.from_mapping({"items": 400, "limit": "100000/1s", "latency": "5ms"})) as api:
        yield api.url


def config(results: Path, **settings: Any) -> ImportConfig:
    return ImportConfig(**{"results": results, "run": "r", "max_items": 150, "limit": "1000/1s", **settings})


def until(import_: LocalRun, true: Callable[[RunView], bool], timeout_s: float = PATIENCE_S) -> RunView:
    """The first moment of which `true` holds."""
    tick = threading.Event()
    for _ in range(round(timeout_s / 0.02)):
        seen = import_.view()
        if seen is not None and true(seen):
            return seen
        assert import_.phase != "over", f"over before that: {import_.error or import_.view()}"
        tick.wait(0.02)
    raise AssertionError(f"not within {timeout_s} s: {import_.view()}")


def said(asked: Asked) -> str:
    answer = asked.answer()
    assert answer is not None
    return answer.error


def test_it_imports_and_says_what_the_files_say(tmp_path: Path) -> None:
    """The last moment holds the figures of summary.json, and the timeline all requests."""
    looks = []
    import_ = LocalRun(ImportConfig(results=tmp_path, items=150, limit="1000/1s", latency=0.01))
    assert import_.phase == "new"
    run = import_.start().wait(PATIENCE_S, lambda: looks.append(import_.phase))
    assert run.status == "complete"
    assert import_.phase == "over"
    assert looks[-1] == "over"
    seen = import_.view()
    assert seen is not None
    assert seen.timeline is not None
    assert seen.summary.as_dict()["waits"] == tuple(run.summary()["waits"])  # type: ignore[index]
    assert seen.summary.imported == 150
    assert seen.summary.server is not None
    assert sum(seen.timeline.sent) == 152 == seen.summary.sent


def test_pause_workers_limits_and_resume(url: str, tmp_path: Path) -> None:
    """What is asked for from outside is done and recorded, in order; while paused nothing is sent."""
    import_ = LocalRun(config(tmp_path, url=url, max_items=400, limit="20/1s", workers=4)).start()
    until(import_, lambda now: now.summary.imported > 5)
    import_.pause()
    paused = until(
        import_, lambda now: now.summary.status == "paused" and now.live is not None and not now.live.in_flight
    )
    import_.set(workers=9)
    import_.set(limit="2000/1s")
    steered = until(import_, lambda now: now.summary.limits == "2000/1s")
    assert steered.summary.imported == paused.summary.imported
    assert steered.summary.workers == 9
    import_.resume()
    run = import_.wait(PATIENCE_S)
    assert (run.status, run.items().num_rows) == ("complete", 400)
    told = [
        name
        for name in run.events().column("event").to_pylist()
        if name in ("Paused", "WorkersSet", "LimitsSet", "Resumed")
    ]
    assert told == ["Paused", "WorkersSet", "LimitsSet", "Resumed"]


def test_stop_is_resumable(url: str, tmp_path: Path) -> None:
    """Stopped, everything that was got is on disk, and the run goes on from there."""
    import_ = LocalRun(config(tmp_path, url=url, limit="10/1s")).start()
    until(import_, lambda now: now.summary.imported > 5)
    import_.stop("stopped in the panel")
    run = import_.wait(PATIENCE_S)
    assert (run.status, run.about["reason"]) == ("stopped", "stopped in the panel")
    got = run.items().num_rows
    assert 5 < got < 150
    import_.stop()  # of no effect by now
    again = LocalRun(config(tmp_path, url=url, resume=True)).start().wait(PATIENCE_S)
    assert (again.status, again.items().num_rows) == ("complete", 150)


def test_stopped_before_it_began(tmp_path: Path) -> None:
    """A stop while the test API still starts ends it with a sentence."""
    import_ = LocalRun(ImportConfig(results=tmp_path)).start()
    import_.stop()
    with pytest.raises(HarnessError, match="stopped before it began"):
        import_.wait(PATIENCE_S)


def test_an_error_comes_plain(tmp_path: Path) -> None:
    """What ends an import is raised as itself: no group around it, no chain behind it."""
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.json").write_text("{}")
    with pytest.raises(BadInput, match="the run r exists") as raised:
        LocalRun(config(tmp_path, url="http://127.0.0.1:9/items")).start().wait(PATIENCE_S)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_bad_wish_is_said_and_harms_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that cannot be used, and whatever else goes wrong, are told to the asker, and the import goes on."""
    monkeypatch.setattr(Session, "pause", lambda session: 1 / 0)
    import_ = LocalRun(config(tmp_path, url=url, max_items=60, limit="6/1s")).start()
    until(import_, lambda now: now.summary.imported > 5)
    wishes = [import_.set(workers=0), import_.set(limit="often"), import_.set(limit=""), import_.pause()]
    assert import_.wait(PATIENCE_S).status == "complete"
    workers, often, none, broken = map(said, wishes)
    assert workers == "workers must be a number from 1 to 1000, not 0"
    assert often.startswith("'often' is not a limit")
    assert none
    assert broken == "division by zero"


_INTERRUPTED = """
import signal, sys, threading
from pathlib import Path
from harness import ImportConfig
from harness.notebook.handles import LocalRun
url, results, how = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
import_ = LocalRun(ImportConfig(url=url, results=results, run="r", limit="10/1s")).start()
tick = threading.Event()
while import_.view() is None or import_.view().summary.imported < 10:
    tick.wait(0.02)
if how == "interrupt":
    threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT)).start()
    import_.wait()
"""


@pytest.mark.parametrize(
    ("how", "reason"),
    [("interrupt", "interrupted"), ("exit", "the notebook's kernel was shut down or restarted")],
)
def test_files_are_whole_when_the_kernel_is_interrupted_or_ends(
    url: str, tmp_path: Path, how: str, reason: str
) -> None:
    """An interrupt of the wait, and the end of the interpreter, stop the import first: the run says why."""
    command = [sys.executable, "-c", _INTERRUPTED, url, str(tmp_path), how]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ("KeyboardInterrupt" in ended.stderr) is (how == "interrupt"), ended.stderr
    run = open_run("r", tmp_path)
    assert (run.status, run.about["reason"]) == ("stopped", reason)
    assert run.items().num_rows == run.state().imported >= 10
