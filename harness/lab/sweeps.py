"""The folder of a sweep: its settings, the rows so far, and its table.

results/<sweep>/  sweep.json  rows.jsonl while it goes on  runs.parquet when it has ended  runs/ where files are kept
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.errors import BadInput, MissingLibrary, NoSuchRun, RecordError
from harness.installation import need
from harness.lab.grid import Grid
from harness.lab.rows import table_of
from harness.lab.simulate import as_simulated
from harness.paths import program
from harness.record.clock import iso
from harness.record.files import read_json, write_json
from harness.record.folder import Folder, created
from harness.record.parts import read_table, write_table
from harness.values import as_run_name

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
SweepStatus = Literal["running", "complete", "stopped", "interrupted"]


@dataclass(frozen=True, slots=True)
class Sweep(Folder):
    """A sweep that exists. Everything is read from its files when asked for."""

    what: ClassVar[str] = "sweep"

    @property
    def about(self) -> dict[str, Any]:
        """sweep.json: grid, repeats, versions, host, when created, the last status written."""
        about = read_json(self.folder / "sweep.json")
        if not isinstance(about, dict) or "grid" not in about:
            raise RecordError(f"{self.folder / 'sweep.json'} does not describe a sweep; restore it, or remove it")
        return about

    @property
    def grid(self) -> Grid:
        about = self.about
        return Grid(about["settings"], about["grid"], about["repeat"])

    @property
    def status(self) -> SweepStatus:
        """Return the status; a sweep that says it is running, but whose process is gone, was interrupted."""
        claimed: SweepStatus = self.about["status"]
        return "interrupted" if claimed == "running" and self.writer_pid is None else claimed

    def rows(self) -> list[Row]:
        """Return the rows of the points run so far, each once, in order."""
        done = read_table(self.table_path).to_pylist() if self.table_path.exists() else []
        rows = {(row["point"], row["repeat"]): row for row in [*done, *_logged(self.log_path)]}
        return [rows[key] for key in sorted(rows)]

    @property
    def table_path(self) -> Path:
        return self.folder / "runs.parquet"

    @property
    def log_path(self) -> Path:
        """Rows as they come, one a line."""
        return self.folder / "rows.jsonl"

    def settle(self) -> None:
        """Put the log's rows into the table. Only the holder of the lock may."""
        write_table(self.table_path, table_of(self.rows()))
        self.log_path.unlink(missing_ok=True)

    def note(self, **changes: Any) -> None:
        write_json(self.folder / "sweep.json", {**self.about, **changes})


def read_sweep(path: Path | str) -> pd.DataFrame:
    """Return the table of the sweep in the folder `path`, a row per run, also while it goes on. Needs pandas."""
    need("pandas")
    sweep = Sweep(Path(path))
    if not (sweep.folder / "sweep.json").exists():
        raise NoSuchRun(f"{path} is not a sweep; name the folder of one, such as results/sweep-20261123-155204")
    frame: pd.DataFrame = table_of(sweep.rows()).to_pandas()
    return frame


def list_sweeps(results: Path) -> list[Sweep]:
    """Return every sweep in `results`, the newest first."""
    found = [path.parent for path in results.glob("*/sweep.json")]
    sweeps = [Sweep(folder) for folder in found if not folder.name.startswith(".")]
    return sorted(sweeps, key=lambda sweep: (sweep.about.get("created_utc_s", 0.0), sweep.name), reverse=True)


def find_sweep(results: Path, name: str | None = None) -> Sweep:
    """Return the sweep `name` (a unique prefix is enough), or the latest; NoSuchRun says which there are."""
    sweeps = list_sweeps(results)
    if not sweeps:
        start = f"{program()} sweep --grid workers=1,5,20"
        raise NoSuchRun(f"there are no sweeps in {results}; start one with: {start}")
    if name is None:
        return sweeps[0]
    fitting = [s for s in sweeps if s.name == name] or [s for s in sweeps if s.name.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(sweep.name for sweep in (fitting or sweeps)[:5])
    what = f"{name!r} fits several sweeps" if fitting else f"no sweep named {name!r}"
    raise NoSuchRun(f"{what} in {results}; use one of: {names}")


def create_sweep(
    results: Path,
    name: str,
    grid: Grid,
    utc_s: float,
    *,
    live: bool = False,
    keep: bool = False,
    papermill: bool = False,
    fresh: bool = False,
) -> Sweep:
    """Make a new sweep with nothing run yet; BadInput where a point cannot run, NoSuchRun where the name is taken.

    live: over sockets, one at a time. keep: each run's files. papermill: by the experiment notebook, executed for each
    run and kept with its files. fresh: replace the sweep of that name.
    """
    check(grid, live=live)
    try:
        as_run_name(name, what="sweep")
    except ValueError as error:
        raise BadInput(f"--name: {error}") from None
    if papermill:
        experiment_notebook()
    sweep = Sweep(results / name)
    if sweep.is_husk:
        with suppress(NoSuchRun):
            sweep.remove()
    elif sweep.folder.exists():
        if not (sweep.folder / "sweep.json").exists():
            raise NoSuchRun(f"{sweep.folder} exists and is not a sweep; choose another --name or --results")
        if not fresh:
            ask = "add --resume to continue it or --fresh to replace it"
            raise NoSuchRun(f"the sweep {name} exists in {results}; {ask}, or choose another --name")
        with suppress(NoSuchRun):  # another process has just removed it
            sweep.remove()
    versions = {"harness": version("rate-limit-harness"), "python": platform.python_version()}
    about = {"schema": 1, "sweep": name, "created": iso(utc_s), "created_utc_s": utc_s, "status": "running"}
    about |= {
        **grid.as_dict(),
        "live": live,
        "keep": keep or papermill,
        "papermill": papermill,
        "versions": versions,
        "host": platform.node(),
    }
    with created(results, [name], lambda folder, _: write_json(folder / "sweep.json", about)):
        return sweep


def check(grid: Grid, *, live: bool) -> None:
    """Raise BadInput where any run of `grid` cannot be made, before the first is."""
    if not live:
        grid.check_simulable()
    for point in grid.points():
        if point.repeat > 1:
            continue
        config = grid.config(point)
        if config.source.url is not None and not live:
            raise BadInput("a simulation uses the test API; leave out url, or add --live to import from that server")
        if config.source.url is None:
            as_simulated(config)


def experiment_notebook() -> Path:
    """`notebooks/experiment.ipynb` of this project; MissingLibrary where there is no papermill or no notebook."""
    need("papermill", "notebooks")
    path = Path(__file__).parent.parent.parent / "notebooks" / "experiment.ipynb"
    if not path.exists():
        raise MissingLibrary(f"{path} does not exist: notebooks are not part of the wheel; install from a checkout")
    return path


def _logged(path: Path) -> Iterator[Row]:
    """Yield the rows of a log; a last line that a crash cut off was never counted as done."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise RecordError(f"{path} is damaged in line {number}; remove that line, and resume the sweep") from None
