"""A Dask cluster on loopback for a test: real processes on free ports, without dashboards, ended by their pids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
# What the cluster's processes load: this checkout, whatever is installed.
PYTHONPATH = os.pathsep.join(map(str, (ROOT, ROOT / "server")))


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
        self._environment = {
            **os.environ,
            "PYTHONPATH": PYTHONPATH,
            # Dask's files: not in the home of whoever runs the tests.
            "DASK_CONFIG": str(folder / "config"),
            "DASK_TEMPORARY_DIRECTORY": str(folder),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures),
            # A worker of a test that fails has nobody to come back for.
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "20s",
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file))

    @property
    def address(self) -> str:
        """Return it as people type it."""
        until(lambda: self._file.exists() and self._file.read_text().rstrip().endswith("}"))
        return str(json.loads(self._file.read_text())["address"]).replace("tcp://", "dask://")

    def worker(self, preload: str = "") -> subprocess.Popen[bytes]:
        """Start a worker with one thread, which stays dead. preload: Python that it runs first."""
        more = ["--no-nanny"]
        if preload:
            path = self._folder / f"preload_{len(self.processes)}.py"
            path.write_text(preload)
            more += ["--preload", str(path)]
        where = ("--scheduler-file", str(self._file), "--nthreads", "1", "--memory-limit", "0")
        return self._start("worker", *where, "--local-directory", str(self._folder), *more)

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", f"distributed.cli.dask_{what}", "--host", "127.0.0.1", "--no-dashboard"]
        log = self._folder / f"{what}-{len(self.processes)}.log"
        with open(log, "wb") as file:
            process = subprocess.Popen([*command, *words], env=self._environment, stdout=file, stderr=file)
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End every process. Not politely: a worker would first say goodbye to a scheduler that is going, too."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@contextmanager
def local_cluster(folder: Path, allowed_failures: int = 3) -> Iterator[LocalCluster]:
    """Run a scheduler while the context lasts."""
    folder.mkdir(exist_ok=True)
    cluster = LocalCluster(folder, allowed_failures)
    try:
        yield cluster
    finally:
        cluster.end()
