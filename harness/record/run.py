"""A run's folder: its name, its lock, its run.json, and what can be read from it.

results/<run>/  run.json  lock  events/  items/  snapshots/  summary.json  items.parquet
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from harness.errors import BadInput, NoSuchRun, RecordError, RunLocked
from harness.record.clock import iso, local_stamp
from harness.record.events import RunStatus
from harness.record.history import event_table, read_state
from harness.record.moment import read_live
from harness.record.parts import read_json, read_table, unwritable, write_json
from harness.record.state import Failure, State

# A look at the lock lasts microseconds; one that outlasts this many tries is no look.
_LOOKS = 1000
_OPEN: tuple[RunStatus, ...] = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Run:
    """A run that exists. Everything is read from its files when asked for."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def about(self) -> dict[str, Any]:
        """run.json: config (without secrets), versions, host, seed, when created, the last status written."""
        about = read_json(self.folder / "run.json")
        if not isinstance(about, dict) or not isinstance(about.get("config", {}), dict):
            raise RecordError(f"{self.folder / 'run.json'} is no description of a run; restore it, or remove the run")
        return about

    @property
    def in_force(self) -> dict[str, Any]:
        """The settings of the last session: as it was started (`resume --limit`), and as `set` changed them since.

        `about["config"]` are those of the first session. A run of an earlier version has noted only what was `set`.
        """
        about = self.about
        return {**about.get("config", {}), **about.get("in_force", {}), **about.get("asked", {})}

    @property
    def status(self) -> RunStatus:
        """As it is, not as run.json claims: an open run whose process is gone was interrupted."""
        # The lock first: whoever lets go of it has written the status before.
        writer = self.writer_pid
        claimed: RunStatus = self.about.get("status", "running")
        if claimed not in _OPEN:
            return claimed
        if writer is None:
            return "interrupted"
        live = read_live(self.folder, 0.0)
        return "paused" if live is not None and live.doing == "paused" else "running"

    @property
    def writer_pid(self) -> int | None:
        """The process that is writing this run, by the lock it holds; None where nobody is."""
        try:
            with open(self.folder / "lock", encoding="ascii") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(lock.read().strip() or 0)
        except (OSError, ValueError):
            return None
        return None

    def state(self) -> State:
        """The fold of all events on disk."""
        return read_state(self.folder)

    def summary(self) -> dict[str, Any] | None:
        """summary.json, written when a session ends; None before."""
        path = self.folder / "summary.json"
        summary: dict[str, Any] | None = read_json(path) if path.exists() else None
        return summary

    def failed(self) -> list[Failure]:
        """Items and pages that failed for good."""
        return [failure for failure in self.state().failures.values() if failure.retry_at_utc_s is None]

    def events(self) -> pa.Table:
        """Every event, a row each (see results/README.md for the columns)."""
        return event_table(self.folder)

    def items(self) -> pa.Table:
        """The imported items; RecordError while the run has not ended."""
        path = self.folder / "items.parquet"
        if not path.exists():
            raise RecordError(f"{path} is not there yet: it is written when a session of the run ends; wait or resume")
        return read_table(path)

    def note(self, **changes: Any) -> None:
        """Change entries of run.json. Only the holder of the lock may."""
        write_json(self.folder / "run.json", {**self.about, **changes})


def list_runs(results: Path) -> list[Run]:
    """Every run in `results`, the newest first; one whose run.json cannot be read comes last."""
    runs = [Run(path.parent) for path in results.glob("*/run.json") if not path.parent.name.startswith(".")]
    return sorted(runs, key=lambda run: (_created_utc_s(run), run.name), reverse=True)


def _created_utc_s(run: Run) -> float:
    try:
        return float(run.about.get("created_utc_s", 0.0))
    except (RecordError, TypeError, ValueError, AttributeError):
        return 0.0


def find_run(results: Path, name: str | None = None) -> Run:
    """The run `name` (a unique prefix is enough), or the latest; NoSuchRun says which there are."""
    runs = list_runs(results)
    if not runs:
        raise NoSuchRun(f"there are no runs in {results}; start one with: python -m harness import")
    if name is None:
        return runs[0]
    fitting = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(run.name for run in (fitting or runs)[:5])
    what = "fits several runs" if fitting else "is no run"
    raise NoSuchRun(f"{name!r} {what} in {results}; name one of: {names}")


def new_run_name(results: Path, utc_s: float) -> str:
    """A timestamp; a second run within the same second gets `-2` and so on."""
    stamp = local_stamp(utc_s)
    name, number = stamp, 1
    while (results / name).exists():
        number += 1
        name = f"{stamp}-{number}"
    return name


def create_run(results: Path, name: str, about: dict[str, Any], utc_s: float) -> Run:
    """A new folder with its run.json; BadInput where there can be none, RecordError where the disk refuses."""
    folder = results / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made ({error.strerror}); choose another folder with --results") from None
    created = {"schema": 1, "run": name, "created": iso(utc_s), "created_utc_s": utc_s, "status": "running"}
    write_json(folder / "run.json", {**created, **about})
    return Run(folder)


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Hold the run's lock: one process writes a run at a time. RunLocked names the one that does.

    The lock is the kernel's, so that it ends with its process, however that ends.
    """
    try:
        lock = open(run.folder / "lock", "a+", encoding="ascii")  # noqa: SIM115
    except OSError as error:
        raise unwritable(run.folder, error) from None
    with lock:
        if not _taken(lock):
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise RunLocked(f"run {run.name} is being written by process {pid}; wait for it, or stop it")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _taken(lock: IO[str]) -> bool:
    """Take the lock for writing. Who only looks at it shares it for a moment, which is no reason to give up."""
    for _ in range(_LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return False


def remove_run(run: Run) -> None:
    """Remove a run with all its files; RunLocked while a process writes it."""
    with locked(run):
        # Out of sight in one step, so that nobody meets half a run.
        gone = run.folder.with_name(f".removed-{run.name}")
        shutil.rmtree(gone, ignore_errors=True)
        try:
            os.replace(run.folder, gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise RecordError(f"{run.folder} cannot be removed ({error.strerror}); remove it by hand") from None


def write_summary(run: Run, summary: dict[str, Any]) -> None:
    write_json(run.folder / "summary.json", json.loads(json.dumps(summary)))
