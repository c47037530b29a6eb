"""A run's folder: its name, its lock, its run.json, and what can be read from it.

results/<run>/  run.json  lock  events/  items/  snapshots/  summary.json  items.parquet
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import NoSuchRun, RecordError
from harness.paths import program
from harness.record.about import is_settled, is_told, read_about, settings_in_force
from harness.record.clock import iso, local_stamp
from harness.record.files import write_json
from harness.record.folder import Folder, created
from harness.record.live import read_live
from harness.record.state import Failure, State
from harness.record.status import RunStatus
from harness.record.summary import read_figures

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Run(Folder):
    """A run that exists. Everything is read from its files when asked for.

    What reads Parquet imports it first: a command that reads only JSON answers without it.
    """

    what: ClassVar[str] = "run"

    @property
    def about(self) -> dict[str, Any]:
        """run.json: config (without secrets), versions, host, seed, when created, the last status written.

        RecordError where it is not what this package writes.
        """
        return read_about(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """The settings that the run was started with; RecordError where run.json lacks them."""
        config: dict[str, Any] | None = self.about.get("config")
        if config is None:
            path = self.folder / "run.json"
            raise RecordError(f"{path} holds no 'config'; restore it from a copy, or remove the run")
        return config

    @property
    def in_force(self) -> dict[str, Any]:
        """The settings of the last session: as it was started (`resume --limit`), and as `set` changed them since.

        `about["config"]` are those of the first session. A run of an earlier version has noted only what was `set`.
        """
        return settings_in_force(self.about)

    @property
    def assumed(self) -> str:
        """Return in a line what page 1 made believe of an API that was not declared; "" where nothing was assumed."""
        return str(self.about.get("assumed", {}).get("line", ""))

    @property
    def holders(self) -> tuple[str, ...]:
        """Return the ids under which earlier sessions took part in an account."""
        return tuple(one[1] for one in self.about.get("accounts", ()) if isinstance(one, list) and len(one) == 2)

    @property
    def shared_with(self) -> tuple[str, ...]:
        """Return the names of the other runs that used the same limits at the same time."""
        return tuple(str(name) for name in self.about.get("shared_with", ()))

    @property
    def status(self) -> RunStatus:
        """Return the status by the events; an open run whose process is gone was interrupted.

        run.json only saves reading them: what it says counts where no event was written after it.
        """
        # The lock first: whoever lets go of it has written the status before.
        writer = self.writer_pid
        about = self.about
        if is_told(self.folder, about):
            return RunStatus(about["status"])
        if writer is None:
            return self.status_of(self.state())
        live = read_live(self.folder, 0.0)
        return RunStatus.PAUSED if live is not None and live.doing == "paused" else RunStatus.RUNNING

    def status_of(self, state: State) -> RunStatus:
        """Return the status of a run that no process writes, by the fold of its events."""
        about = self.about
        if is_told(self.folder, about):
            return RunStatus(about["status"])
        return RunStatus.INTERRUPTED if state.status.is_open else state.status

    @property
    def settled(self) -> bool:
        """Return True if items.parquet, summary.json and run.json tell of every event.

        They do not while a session goes on, nor after one that was killed or that ended by an error.
        """
        return is_settled(self.folder, self.about)

    def state(self) -> State:
        """Return the fold of all events on disk."""
        from harness.record.history import read_state

        return read_state(self.folder)

    def summary(self) -> dict[str, Any] | None:
        """summary.json, written when a session ends.

        None before, and where it is damaged or tells less than the events, from which the figures can be had as well.
        """
        return read_figures(self.folder / "summary.json") if self.settled else None

    def failed(self) -> list[Failure]:
        """Items and pages that failed for good."""
        return [failure for failure in self.state().failures.values() if failure.retry_at_utc_s is None]

    def events(self) -> pa.Table:
        """Return every event, a row each (see results/README.md for the columns)."""
        from harness.record.history import event_table

        return event_table(self.folder)

    def items(self) -> pa.Table:
        """Return the imported items; RecordError while the run has not ended."""
        from harness.record.parts import read_table

        path = self.folder / "items.parquet"
        if not path.exists():
            raise RecordError(
                f"{path} does not exist yet: it is written when a session of the run ends; wait, or resume the run"
            )
        if not self.settled and self.writer_pid is None and self.status.is_complete:
            raise RecordError(f"{path} is older than what was imported; `resume` writes it again")
        return read_table(path)

    def note(self, **changes: Any) -> None:
        """Change entries of run.json. Only the holder of the lock may."""
        write_json(self.folder / "run.json", {**self.about, **changes})


def list_runs(results: Path) -> list[Run]:
    """Return every run in `results`, the newest first; one whose run.json cannot be read comes last."""
    runs = [Run(path.parent) for path in results.glob("*/run.json") if not path.parent.name.startswith(".")]
    return sorted(runs, key=lambda run: (_created_utc_s(run), run.name), reverse=True)


def _created_utc_s(run: Run) -> float:
    try:
        return float(run.about.get("created_utc_s", 0.0))
    except (RecordError, TypeError, ValueError, AttributeError):
        return 0.0


def find_run(results: Path, name: str | None = None) -> Run:
    """Return the run `name` (a unique prefix is enough), or the latest; NoSuchRun says which there are."""
    runs = list_runs(results)
    if not runs:
        raise NoSuchRun(f"there are no runs in {results}; start one with: {program()} import")
    if name is None:
        return runs[0]
    fitting = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(run.name for run in (fitting or runs)[:5])
    what = f"{name!r} fits several runs" if fitting else f"no run named {name!r}"
    raise NoSuchRun(f"{what} in {results}; use one of: {names}")


def create_run(results: Path, name: str | None, about: dict[str, Any], utc_s: float) -> Run:
    """Make a new run that no process writes yet; see `created_run`."""
    with created_run(results, name, about, utc_s) as run:
        return run


@contextmanager
def created_run(results: Path, name: str | None, about: dict[str, Any], utc_s: float) -> Iterator[Run]:
    """Make a new run with its run.json, locked for as long as the block runs.

    name: None for the time of day; a second run within the same second gets `-2` and so on. NameTaken where there is
    something of that name, BadInput where no folder can be made, RecordError where the disk refuses.
    """

    def fill(folder: Path, name: str) -> None:
        told = {"schema": 1, "run": name, "created": iso(utc_s), "created_utc_s": utc_s, "status": "running"}
        write_json(folder / "run.json", {**told, **about})

    if name is not None and Run(results / name).is_husk:
        with suppress(NoSuchRun):  # another process has just done the same
            Run(results / name).remove()
    with created(results, _names(utc_s) if name is None else [name], fill) as folder:
        yield Run(folder)


def _names(utc_s: float) -> Iterator[str]:
    stamp = local_stamp(utc_s)
    yield stamp
    for number in count(2):
        yield f"{stamp}-{number}"


def write_summary(run: Run, summary: dict[str, Any]) -> None:
    write_json(run.folder / "summary.json", json.loads(json.dumps(summary)))
