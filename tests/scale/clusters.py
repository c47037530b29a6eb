"""A Dask cluster on loopback for a test: real processes on free ports, without dashboards, ended by their pids."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
# What a command loads that a test starts: this checkout, whatever is installed.
PYTHONPATH = os.pathsep.join(map(str, (ROOT, ROOT / "server")))

# Forked from one process that has loaded what all of them need: that takes some seconds, and a cluster has many.
_PROCESSES = multiprocessing.get_context("forkserver")
_PRELOADED = ("distributed.cli.dask_scheduler", "distributed.cli.dask_worker", "harness.lab.sweeping")


def until(there: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(100 * PATIENCE_S):
        if there():
            return
        time.sleep(0.01)  # noqa: TID251
    raise AssertionError("it did not come")


class LocalCluster:
    """A scheduler, and the workers that a test starts."""

    def __init__(self, folder: Path, allowed_failures: int) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._config = {"distributed.scheduler.allowed-failures": allowed_failures, "temporary-directory": str(folder)}
        self.processes: list[BaseProcess] = []
        self.scheduler = self._start("scheduler", "", "--port", "0", "--scheduler-file", str(self._file))

    @property
    def address(self) -> str:
        """Return it as people type it."""
        until(lambda: self._file.exists() and self._file.read_text().rstrip().endswith("}"))
        return str(json.loads(self._file.read_text())["address"]).replace("tcp://", "dask://")

    def worker(self, preload: str = "") -> BaseProcess:
        """Start a worker with one thread, which stays dead. preload: Python that it runs first."""
        where = ("--scheduler-file", str(self._file), "--local-directory", str(self._folder))
        return self._start("worker", preload, *where, "--nthreads", "1", "--memory-limit", "0", "--no-nanny")

    def _start(self, what: str, preload: str, *words: str) -> BaseProcess:
        log = self._folder / f"{what}-{len(self.processes)}.log"
        words = ("--host", "127.0.0.1", "--no-dashboard", *words)
        _PROCESSES.set_forkserver_preload([*_PRELOADED])
        process = _PROCESSES.Process(target=_be, args=(what, words, self._config, preload, log), daemon=True)
        process.start()
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End every process. Not politely: a worker would first say goodbye to a scheduler that is going, too."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()


def _be(what: str, words: tuple[str, ...], config: dict[str, object], preload: str, log: Path) -> None:
    """In a process of its own: be what `dask scheduler` or `dask worker` is with these words."""
    import dask
    import distributed.cli.dask_scheduler
    import distributed.cli.dask_worker

    with open(log, "wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    dask.config.set(config)
    exec(preload, {})
    commands = {"scheduler": distributed.cli.dask_scheduler, "worker": distributed.cli.dask_worker}
    commands[what].main(words)


@contextmanager
def local_cluster(folder: Path, allowed_failures: int = 3) -> Iterator[LocalCluster]:
    """Run a scheduler while the context lasts."""
    folder.mkdir(exist_ok=True)
    cluster = LocalCluster(folder, allowed_failures)
    try:
        yield cluster
    finally:
        cluster.end()
