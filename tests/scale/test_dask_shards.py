"""Shards on a real Dask cluster: a worker that is lost for good, and clusters that could not do the work."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from harness import ImportConfig, open_run, run_import
from harness.errors import BadInput
from harness.record.run import Run
from harness.record.shards import shard_folders
from harness.scale.cluster import connected
from harness.scale.fitness import check_for_shards
from tests.scale.clusters import LocalCluster, local_cluster, until
from tests.scale.test_processes import ITEMS, imported_by_shards, is_whole, pids
from tests.serving import served

pytestmark = pytest.mark.realtime


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[LocalCluster]:
    with local_cluster(tmp_path / "dask") as cluster:
        yield cluster


@pytest.mark.slow
def test_a_worker_that_is_lost_for_good_is_not_waited_for(dask: LocalCluster, tmp_path: Path) -> None:
    """kill -9 of one of two, with one thread each: both shards go on with the other. 0 lost, 0 doubled."""
    workers = {worker.pid: worker for worker in (dask.worker(), dask.worker())}
    results = tmp_path / "results"

    def kill() -> None:
        until(lambda: imported_by_shards(results) > 0)
        worker = workers[_parent(pids(results)[0])]
        worker.kill()
        worker.join()

    killer = threading.Thread(target=kill)
    with served("--items", str(ITEMS), "--limit", "100000/1s", "--latency", "60ms") as url:
        how = {"url": url, "results": results, "run": "r", "limit": "100000/1s", "workers": 4, "shards": 2}
        killer.start()
        trio.run(run_import, ImportConfig(**how, executor=dask.address))
        killer.join()
    is_whole(open_run("r", results))
    sessions = [len(Run(folder).about["sessions_utc_s"]) for folder in shard_folders(results / "r")]
    assert sorted(sessions) == [1, 2]


def _parent(pid: int) -> int:
    found = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_where_shards_cannot_do_their_work_is_refused(
    dask: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that the workers do not have; an API, or a limit, that is not the same on all machines. No folder."""
    dask.worker()
    with connected(dask.address) as cluster:

        def refused(sentence: str, url: str = "https://api.example.com/items", **more: object) -> None:
            config = ImportConfig(url=url, results=tmp_path / "r", shards=2, executor=dask.address, **more)
            with pytest.raises(BadInput, match=sentence):
                check_for_shards(cluster, dask.address, config)
            assert not (tmp_path / "r").exists()

        monkeypatch.setenv("A_TOKEN_OF_THIS_PROCESS", "s3cret-s3cret")
        refused(
            r"the worker tcp://127\.0\.0\.1:\d+ of dask://127\.0\.0\.1:\d+: "
            "the environment variable A_TOKEN_OF_THIS_PROCESS is not set; set it where that worker is started",
            token_env=["A_TOKEN_OF_THIS_PROCESS"],
        )
        monkeypatch.setattr("harness.scale.fitness.this_machine", lambda: "another")
        refused("on other machines, where the API would be another one; name", "http://127.0.0.1:8000/items")
        alone = "on other machines, so only an account there keeps --limit; add --budget redis://HOST:6379"
        for budget in ("embedded", "none", "unix:///run/valkey.sock", "redis://localhost:6379"):
            refused(alone, limit="5/1s", budget=budget)
        config = ImportConfig(
            url="https://api.example.com/items", results=tmp_path, limit="5/1s", shards=2, budget="redis://10.0.0.5"
        )
        check_for_shards(cluster, dask.address, config)
