"""Shards on any `concurrent.futures.Executor`, such as that of a Dask cluster: one task for each.

A task starts the shard as a process of the machine that it runs on, and stays with it to its end. The coordinator may
be on another machine: what they share is the folder of results. So the task looks there whether the coordinator is
alive, by the live status that it writes twice a second, and whether the shard is to be ended at once. A worker that
dies takes its shard with it, and whoever hands tasks out sends the task to another: the shard goes on from its folder.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from pathlib import Path

from harness.errors import WorkerLost
from harness.record.run import Run
from harness.scale.executors import Processes
from harness.scale.shard import ShardTask

# The file in a shard's folder that ends it.
KILL = "kill"
LOOK_S = 0.2
# A coordinator that has written nothing for so long is dead; disks that machines share may show it a minute late.
SILENT_S = 90.0
# A worker that is lost may be alive: its shard is given this long to let go of its folder.
LETS_GO_S = 30.0
# What a task needs to see that it is to end.
_ENDS_S = 20.0
_KILLED = "killed"


class Elsewhere:
    """Hands shards to `executor`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def start(self, task: ShardTask) -> Task:
        (task.folder / KILL).unlink(missing_ok=True)
        return Task(self._executor.submit(be_shard, task), task.folder)


class Task:
    """A shard that was handed over."""

    def __init__(self, future: Future[str], folder: Path) -> None:
        self._future = future
        self._folder = folder

    @property
    def is_alive(self) -> bool:
        return not self._future.done()

    @property
    def why(self) -> str:
        if not self._future.done():
            return ""
        if self._future.cancelled():
            return _KILLED
        error = self._future.exception()
        return self._future.result() if error is None else str(error)

    @property
    def was_killed(self) -> bool:
        if not self._future.done() or self._future.cancelled():
            return self._future.done()
        error = self._future.exception()
        return isinstance(error, WorkerLost) if error is not None else self._future.result().startswith(_KILLED)

    def kill(self) -> None:
        with suppress(OSError):
            (self._folder / KILL).touch()
        if not self._future.cancel():
            wait([self._future], _ENDS_S)


def be_shard(task: ShardTask) -> str:
    """On a worker: run a shard to its end; return how it ended, as `Process.why` does."""
    _leave_thread()
    looks = threading.Event()  # never set: its wait is a sleep
    shard = Run(task.folder)
    for _ in range(round(LETS_GO_S / LOOK_S)):
        if shard.writer_pid is None:
            break
        looks.wait(LOOK_S)
    process = Processes().start(task)
    pulse = _Pulse(task.folder.parent.parent / "live.json")
    try:
        while process.is_alive:
            looks.wait(LOOK_S)
            if (task.folder / KILL).exists():
                process.kill()
                return f"{_KILLED} by the coordinator"
            if pulse.has_stopped():
                process.leave()
        return process.why
    finally:
        process.kill()  # where it is still there: this worker is ending


def _leave_thread() -> None:
    """Leave the thread of a Dask worker to others: shards wait for each other, also where workers are lost for good."""
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        with suppress(ValueError):  # this is no worker
            distributed.secede()


class _Pulse:
    """Whether somebody still writes the file at `path`; asked every LOOK_S."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: int | None = None
        self._same = 0

    def has_stopped(self) -> bool:
        """Look; return whether it has been the same for SILENT_S."""
        try:
            written: int | None = self._path.stat().st_mtime_ns
        except OSError:
            written = None
        self._same = self._same + 1 if written == self._seen else 0
        self._seen = written
        return self._same * LOOK_S >= SILENT_S
