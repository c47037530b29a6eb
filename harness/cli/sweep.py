"""`simulate`, `sweep` and `compare`: run one import in virtual time, or every combination of settings, and compare."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import signals
from harness.cli.exit_codes import exit_code
from harness.cli.options import this_program, where
from harness.config import ImportConfig
from harness.errors import BadInput, MissingLibrary
from harness.flags import SWEPT, SWEPT_SIMULATED
from harness.installation import need_server
from harness.record.clock import local_stamp, utc_s
from harness.record.folder import NameTaken
from harness.record.status import RunStatus
from harness.settings import from_environ, given, read_settings
from harness.source.child import DEFAULT_ITEMS
from harness.views.cluster import cluster_text, worker_changes
from harness.views.comparison import Counting, advice, comparison_text, counting, simulated_text
from harness.views.progress import choose_mode
from harness.views.screen import Screen
from harness.views.text import plural

if TYPE_CHECKING:
    from harness.lab.comparison import Panel
    from harness.lab.experiment import Outcome
    from harness.lab.grid import Grid
    from harness.lab.sweeping import Pool
    from harness.lab.sweeps import Row, Sweep
    from harness.record.state import State
    from harness.scale.cluster import Cluster

# How often a cluster is looked at while nothing else happens.
LOOK_S = 1.0


def simulate_command(toml: Path | None, keep: bool, **flags: Any) -> int:
    """Import in virtual time and show what came of it."""
    config = read_settings(given(flags), toml, os.environ)
    began_s = utc_s()
    outcome = _simulate(config, keep or config.run.name is not None)
    _report(outcome, config, utc_s() - began_s)
    return exit_code(outcome.summary.status)


def _simulate(config: ImportConfig, keep: bool) -> Outcome:
    from harness.lab.experiment import simulate_run  # the test API takes a moment to load

    mode = "none" if config.run.quiet or config.run.as_json else choose_mode(config.run.progress, sys.stderr)
    if mode == "plain" and config.run.progress is None:  # most are over before a line could be read
        mode = "none"
    total = DEFAULT_ITEMS if config.test_api.items is None else config.test_api.items
    with counting("item", total, mode, sys.stderr) as tell:

        def look(state: State) -> None:
            tell(state.imported, state.failed)

        return simulate_run(config, results=config.run.results if keep else None, on_look=look)


def _report(outcome: Outcome, config: ImportConfig, took_s: float) -> None:
    summary = outcome.summary
    if config.run.as_json:
        click.echo(json.dumps(summary.as_dict()))
    if config.run.as_json or config.run.quiet:
        return
    run = outcome.run
    items = None if run is None else str(run.folder / "items.parquet")
    commands = () if run is None else ("show {run}" + where(config.run.results),)
    screen = Screen.of(sys.stdout)
    click.echo(simulated_text(summary, screen, took_s, program=this_program(), items=items, commands=commands))


def sweep_command(file: Path | None, results: Path, **said: Any) -> int:
    """Run every combination, then compare them."""
    grid = _grid(file, said)
    if said["executor"] is not None:
        if said["jobs"] is not None:
            raise BadInput("--jobs is the number of processes here; leave it out, or leave out --executor")
        from harness.scale.cluster import connected

        with connected(said["executor"]) as cluster:
            return _swept(_sweep_on(cluster, results, grid, said), results, said, cluster)
    return _swept(_sweep(results, grid, said), results, said, None)


def _swept(sweep: Sweep, results: Path, said: dict[str, Any], cluster: Cluster | None) -> int:
    """Make the runs that are left, and return the exit code. cluster: where; None: in processes here."""
    from harness.lab.sweeping import run_sweep

    points, rows = len(sweep.grid.points()), sweep.rows()
    shown = _Shown([len(rows), sum(map(_failed, rows))], points, cluster)
    done = f", {len(rows):,} of them done" if rows else ""
    click.echo(f"sweep {sweep.name}: {plural(points, 'run')}{done}" + shown.where(), err=True)
    try:
        mode = choose_mode(said["progress"], sys.stderr)
        with counting("run", points, mode, sys.stderr) as shown.tell, _pool(sweep, said["jobs"], shown) as pool:
            shown.look()
            run_sweep(sweep, pool, shown.row)
    except KeyboardInterrupt:
        _say_next(sweep, results, f"sweep --resume --name {sweep.name}")
        return signals.last()[1]
    try:
        _compare([sweep])
    except MissingLibrary as error:  # which a simulation does not need: what was made is kept, and compared later
        click.echo(f"all runs are in the table, but not compared: {error}", err=True)
    _say_next(sweep, results, f"compare {sweep.name}")
    return 1 if any(_failed(row) for row in sweep.rows()) else 0


@contextmanager
def _pool(sweep: Sweep, jobs: int | None, shown: _Shown) -> Iterator[Pool]:
    from harness.lab.sweeping import Pool, process_pool

    if shown.cluster is not None:
        cluster = shown.cluster
        yield Pool(cluster.executor, elsewhere=True, threads=lambda: cluster.threads, look=shown.look, look_s=LOOK_S)
        return
    left = shown.points - shown.counts[0]
    with process_pool(1 if sweep.about["live"] else min(jobs or os.cpu_count() or 1, max(1, left))) as processes:
        yield Pool(processes)


@dataclass
class _Shown:
    """What is told while a sweep goes on. counts: runs that are done, and how many of them failed; points: of all."""

    counts: list[int]
    points: int
    cluster: Cluster | None
    tell: Counting = field(default_factory=Counting)
    workers: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.workers = {} if self.cluster is None else self.cluster.state.threads

    def where(self) -> str:
        return "" if self.cluster is None else f", {self._how()}"

    def row(self, row: Row) -> None:
        """Count a run that is over."""
        self.counts[0] += 1
        self.counts[1] += _failed(row)
        self.tell(self.counts[0], self.counts[1], self._how())

    def look(self) -> None:
        """Say which workers came and went, and show how it goes."""
        if self.cluster is not None:
            after = self.cluster.state.threads
            for line in worker_changes(self.workers, after):
                self.tell.say(line)
            self.workers = after
        self.tell(self.counts[0], self.counts[1], self._how())

    def _how(self) -> str:
        if self.cluster is None:
            return ""
        state, left = self.cluster.state, self.points - self.counts[0]
        running = min(state.running, left)  # what the scheduler said may be a second old
        return cluster_text(state.threads, running, left - running, state.silent)


def _grid(file: Path | None, said: dict[str, Any]) -> Grid | None:
    """Return the grid of a new sweep; None where one is resumed."""
    from harness.lab.grid import read_grid

    flags = given({name: said[name] for name in SWEPT})
    if said["resume"]:
        own = ("grids", "repeat", "live", "keep", "papermill", "fresh")
        if file is not None or flags or any(said[name] for name in own):
            raise BadInput("a sweep resumes with its own settings; pass only --resume and --name")
        return None
    grid = read_grid(_table(file), {**_environment(said["live"]), **flags}, said["grids"], said["repeat"])
    if said["live"] and "url" not in {**grid.fixed, **grid.varied}:
        need_server()
    return grid


def _sweep(results: Path, grid: Grid | None, said: dict[str, Any]) -> Sweep:
    """Make the sweep of that grid, with nothing run yet, or find the one to be resumed."""
    from harness.lab.sweeps import create_sweep, find_sweep

    if grid is None:
        return find_sweep(results, said["name"])
    how = {name: said[name] for name in ("live", "keep", "papermill", "fresh")}
    while True:
        name = said["name"] or _free(results, f"sweep-{local_stamp(utc_s())}")
        try:
            return create_sweep(results, name, grid, utc_s(), **how)
        except NameTaken:  # by another sweep, in this moment
            if said["name"]:
                raise


def _sweep_on(cluster: Cluster, results: Path, grid: Grid | None, said: dict[str, Any]) -> Sweep:
    """Make or find the sweep, once its files are known to be where the workers of the cluster can use them."""
    from harness.lab.sweeps import check, experiment_notebook

    about: dict[str, Any] = said
    sweep = None
    if grid is None:
        sweep = _sweep(results, grid, said)
        grid, about = sweep.grid, sweep.about
    else:
        check(grid, live=said["live"])
    for path in grid.files():
        cluster.check_file(path)
    if about["papermill"]:
        cluster.check_each(experiment_notebook)
    if about["live"] or about["keep"] or about["papermill"]:
        cluster.check_shared(results.absolute())
    return sweep or _sweep(results, grid, said)


def _environment(live: bool) -> dict[str, Any]:
    """Return the settings of the environment that mean something to such a sweep."""
    names = SWEPT if live else SWEPT_SIMULATED
    return {name: value for name, value in from_environ(os.environ).items() if name in names}


def _free(results: Path, stamp: str) -> str:
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 1000))]
    return next(name for name in names if not (results / name).exists())


def _table(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}); name a TOML file, or use --grid") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is not TOML ({error}); fix it there") from None


def _say_next(sweep: Sweep, results: Path, command: str) -> None:
    click.echo(f"  table  {sweep.table_path}")
    click.echo(f"  next   {this_program()} {command}{where(results)}")


def compare_command(names: tuple[str, ...], results: Path, as_json: bool) -> int:
    """Compare what was named, or the latest sweep."""
    from harness.lab.comparison import find_any
    from harness.lab.sweeps import find_sweep

    _compare([find_any(results, name) for name in names] or [find_sweep(results)], as_json)
    return 0


def _compare(found: list[Any], as_json: bool = False) -> None:
    from harness.lab.comparison import frame_of, panels

    compared = panels(frame_of(found))
    if as_json:
        click.echo(json.dumps([_as_dict(panel) for panel in compared]))
    else:
        click.echo(comparison_text(compared, Screen.of(sys.stdout)))


def _as_dict(panel: Panel) -> dict[str, Any]:
    return {"title": panel.title, "lines": [asdict(line) for line in panel.lines], "advice": advice(panel)}


def _failed(row: Row) -> bool:
    """Return True if a run did not get to its end, for whatever reason."""
    return not RunStatus(row["status"]).is_complete
