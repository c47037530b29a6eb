"""Shards as tasks of an executor: of threads here, and of a Dask cluster whose worker dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import trio

from harness import ImportConfig, run_import
from harness.errors import BadInput, ClusterFailed, WorkerLost
from harness.record.live import Live
from harness.record.run import Run
from harness.record.shards import shard_folders
from harness.record.state import State
from harness.scale import elsewhere
from harness.scale.cluster import connected
from harness.scale.elsewhere import KILL, Elsewhere, Task
from harness.session.session import Session
from tests.scale.clusters import local_cluster
from tests.serving import served

ITEMS = 120


@pytest.fixture
def api_url() -> Iterator[str]:
    with served("--items", str(ITEMS), "--limit", "100000/1s", "--latency", "60ms") as url:
        yield url


def config(url: str, results: Path, **more: object) -> ImportConfig:
    named = {"url": url, "results": results, "run": "r", "limit": "100000/1s", "workers": 3, "shards": 2}
    return ImportConfig(**named, **more)


def is_whole(run: Run) -> None:
    assert run.status == "complete"
    assert [row["id"] for row in run.items().to_pylist()] == list(range(1, ITEMS + 1))


@pytest.mark.realtime
def test_tasks_in_threads_import_all_of_it(api_url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        run = trio.run(lambda: run_import(config(api_url, tmp_path), executor=Elsewhere(threads)))
    is_whole(run)
    assert not list(tmp_path.rglob(KILL))


@pytest.mark.realtime
def test_a_second_stop_ends_tasks_as_well(api_url: str, tmp_path: Path) -> None:
    """At once, and no process is left behind; it can be resumed."""
    sessions: list[Session] = []

    def stop_twice(state: State, _: Live) -> None:
        if state.imported > 2:
            sessions[0].stop("enough")
            sessions[0].stop("enough")

    watched = {"on_start": lambda session, _: sessions.append(session), "on_update": stop_twice}
    with ThreadPoolExecutor(2) as threads:
        settings = config(api_url, tmp_path)
        run = trio.run(lambda: run_import(settings, executor=Elsewhere(threads), **watched))  # type: ignore[arg-type]
    assert run.status == "stopped"
    assert [Run(folder).writer_pid for folder in shard_folders(run.folder)] == [None, None]


def test_what_became_of_a_task(tmp_path: Path) -> None:
    """Lost workers and killed processes are started again; an error is none to repeat."""
    killed, lost, failed, ended, broken = (Future[str]() for _ in range(5))
    assert Task(killed, tmp_path).is_alive
    assert not Task(killed, tmp_path).was_killed
    killed.set_result("killed by signal 9")
    lost.set_exception(WorkerLost("its worker died"))
    failed.set_result("RecordError: the disk is full")
    ended.set_result("")
    broken.set_exception(ClusterFailed("the scheduler is gone"))
    tasks = [Task(future, tmp_path) for future in (killed, lost, failed, ended, broken)]
    assert [task.is_alive for task in tasks] == [False] * 5
    assert [task.was_killed for task in tasks] == [True, True, False, False, False]
    assert [task.why for task in tasks] == [
        *("killed by signal 9", "its worker died", "RecordError: the disk is full", "", "the scheduler is gone")
    ]


def test_a_pulse_that_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has stopped once it was the same for long enough; each new beat counts from the beginning."""
    monkeypatch.setattr(elsewhere, "SILENT_S", 3 * elsewhere.LOOK_S)
    beat = tmp_path / "live.json"
    pulse = elsewhere._Pulse(beat)
    beat.touch()
    assert [pulse.has_stopped() for _ in range(3)] == [False] * 3
    os.utime(beat, (1.0, 1.0))
    assert [pulse.has_stopped() for _ in range(4)] == [False, False, False, True]
    beat.unlink()
    assert [pulse.has_stopped() for _ in range(4)] == [False, False, False, True]


def test_where_an_executor_is_of_no_use() -> None:
    with pytest.raises(ValueError, match="--executor needs shards to hand out; add --shards"):
        ImportConfig(url="http://127.0.0.1:9/items", executor="dask://127.0.0.1")
    with pytest.raises(ValueError, match="--executor needs an API that its workers reach; add --url"):
        ImportConfig(shards=2, executor="dask://127.0.0.1")


@pytest.mark.slow
@pytest.mark.realtime
def test_a_worker_that_dies_costs_nothing_but_time(api_url: str, tmp_path: Path) -> None:
    """On a cluster with a worker to spare its shard goes on there, and the run is whole. Too few are refused."""
    with local_cluster(tmp_path / "dask") as cluster:
        workers = [cluster.worker() for _ in range(3)]
        with connected(cluster.address) as known, pytest.raises(BadInput, match="each of 99 shards needs one"):
            known.check_threads(99)
        deaths: list[int] = []

        def begun(session: Session, _: str) -> None:
            def kill_one(_: object) -> None:
                busy = [worker for worker in workers if _child_of(worker.pid)]
                if session.state.imported > 20 and busy and not deaths:
                    deaths.append(busy[0].pid)
                    os.kill(busy[0].pid, signal.SIGKILL)

            session.on_event = kill_one

        settings = config(api_url, tmp_path / "results", executor=cluster.address)
        run = trio.run(lambda: run_import(settings, on_start=begun))
    assert deaths
    is_whole(run)
    sessions = [len(Run(folder).about["sessions_utc_s"]) for folder in shard_folders(run.folder)]
    assert sorted(sessions) == [1, 2]


def _child_of(pid: int) -> bool:
    """Return whether a process has one of its own."""
    try:
        return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text()) or any(
            (task / "children").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()
        )
    except OSError:
        return False
