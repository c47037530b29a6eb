"""Run a sweep on any `concurrent.futures.Executor`: a pool of processes here, a Dask cluster elsewhere.

A `Job` is one run of a sweep, ready to be sent to another process or machine. It is simulated, imported for real, or
made by a notebook that papermill executes. What comes back is a row of the sweep's table; what fails is a row, too.

A row is on disk before it counts as done, so that a sweep killed at any moment goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio

from harness.config import ImportConfig
from harness.errors import BadInput, ClusterFailed, HarnessError, SweepBroken, WorkerLost
from harness.flags import DURATIONS
from harness.installation import need
from harness.lab.experiment import simulate_run
from harness.lab.rows import measured, place, settings
from harness.lab.simulate import as_simulated
from harness.lab.sweeps import Row, Sweep, SweepStatus, experiment_notebook
from harness.record.files import unwritable
from harness.record.run import Run
from harness.record.summary import Summary
from harness.scale.importing import run_import
from harness.speed import clock_at
from harness.units import format_period

# So many runs are handed over at once: enough to keep a large pool busy, few enough to be stopped soon.
AHEAD = 64


def _nothing() -> None:
    """Look at nothing."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Where the runs of a sweep are made. look: called about once in look_s seconds (None: never) while runs are made.

    threads: how many runs are made at a time, as far as is known now. elsewhere: perhaps on other machines.
    """

    executor: Executor
    elsewhere: bool = False
    threads: Callable[[], int] = lambda: 0
    look: Callable[[], None] = _nothing
    look_s: float | None = None

    @property
    def ahead(self) -> int:
        """Return how many runs may be handed over at once."""
        return max(AHEAD, 2 * self.threads())


def run_sweep(sweep: Sweep, pool: Executor | Pool, on_row: Callable[[Row], None] | None = None) -> list[Row]:
    """Run what has not been run yet, and answer all rows. on_row: is told each that is new, once it is on disk.

    On Ctrl-C what has begun is finished and kept. RunLocked where another process is at it, SweepBroken where a process
    of the executor died, or the cluster cannot go on.
    """
    if isinstance(pool, Executor):
        pool = Pool(pool)
    with sweep.locked():
        sweep.note(status="running")
        sweep.settle()  # a line that a crash cut off must not be written on
        status: SweepStatus = "stopped"
        try:
            with _log(sweep.log_path) as log:
                _run(jobs_left(sweep), pool, sweep.about["live"], log, on_row or _nobody)
            status = "complete"
        finally:
            sweep.settle()
            sweep.note(status=status)
        return sweep.rows()


def _nobody(row: Row) -> None:
    """Ignore what is passed."""


def jobs_left(sweep: Sweep) -> Iterator[Job]:
    """Yield the runs that have no row yet, in order."""
    about, grid = sweep.about, sweep.grid
    finished = {(row["point"], row["repeat"]) for row in sweep.rows()}
    # Absolute: on another machine the current folder is another one.
    live, runs = about["live"], sweep.folder.absolute() / "runs" if about["keep"] or about["live"] else None
    notebook = experiment_notebook() if about.get("papermill") else None
    for point in grid.points():
        if point.key in finished:
            continue
        config = grid.config(point)
        if runs is not None:
            config = config.with_settings(results=runs, run=point.name, fresh=True)
        if not live:
            config = as_simulated(config)
        yield Job(config, place(sweep.name, point, simulated=not live, kept=runs is not None), runs, live, notebook)


def process_pool(jobs: int) -> ProcessPoolExecutor:
    """Start `jobs` processes that end with this one, however that ends, and leave Ctrl-C to it."""
    # Not forked: whoever calls may have threads, and a lock held by one of them would stay shut in the child for ever.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_begin_worker)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process with its parent: after kill -9 of that a pool would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(
    jobs: Iterator[Job], pool: Pool, one_by_one: bool, log: Callable[[Row], None], tell: Callable[[Row], None]
) -> None:
    """Run `jobs`; log and then tell each row as it comes."""
    pending: dict[Future[Row], Job] = {}
    run = run_point_elsewhere if pool.elsewhere else run_point
    try:
        while True:
            while len(pending) < (1 if one_by_one else pool.ahead) and (job := next(jobs, None)) is not None:
                pending[pool.executor.submit(run, job)] = job
            if not pending:
                return
            done = wait(pending, pool.look_s, FIRST_COMPLETED).done
            for future in [future for future in pending if future in done]:
                row = _row(future, pending[future])
                log(row)
                del pending[future]
                tell(row)
            pool.look()
    except BrokenExecutor:
        why = "a process of the sweep died, perhaps for lack of memory"
        raise SweepBroken(f"{why}; continue with --resume and fewer --jobs") from None
    except ClusterFailed as error:
        raise SweepBroken(f"{error}; then continue with --resume: what was finished is kept") from None
    except KeyboardInterrupt:
        for future in wait([future for future in pending if not future.cancel()]).done:
            log(_row(future, pending[future]))
        raise


def _row(future: Future[Row], job: Job) -> Row:
    """Return the row of a run that is over, also where it took its workers with it."""
    try:
        return future.result()
    except WorkerLost as error:
        return {**job.place, **settings(job.config), "status": "failed", "error": str(error)}


@contextmanager
def _log(path: Path) -> Iterator[Callable[[Row], None]]:
    """Append rows to the log at `path`; each is on disk when the call returns."""
    try:
        with open(path, "a", encoding="utf-8") as file:

            def log(row: Row) -> None:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())

            yield log
    except OSError as error:
        raise unwritable(path, error) from None


@dataclass(frozen=True, slots=True)
class Job:
    """A run to make. place: the first columns of its row. runs: the folder that keeps its files (None: none are kept).

    live: over sockets, in real time; else simulated. notebook: papermill executes it to make the run, and it is kept
    beside the run's folder.
    """

    config: ImportConfig
    place: dict[str, Any]
    runs: Path | None = None
    live: bool = False
    notebook: Path | None = None


def run_point(job: Job) -> dict[str, Any]:
    """Run `job` and return its row; what fails is a row too, and says why."""
    row = {**job.place, **settings(job.config)}
    try:
        if job.notebook is not None:
            return {**row, **executed(job, job.notebook)}
        return {**row, **(_live(job) if job.live else _simulated(job))}
    except HarnessError as error:
        return {**row, "status": "failed", "error": str(error)}
    except Exception as error:  # a defect in one point must not lose the others
        return {**row, "status": "failed", "error": f"{type(error).__name__}: {error}"}


def run_point_elsewhere(job: Job) -> dict[str, Any]:
    """Run `job` on what may be another machine; ClusterFailed where its files would not reach the sweep's folder."""
    if job.runs is not None and not (job.runs.parent / "sweep.json").is_file():
        where = f"{platform.node()} does not see {job.runs.parent}"
        raise ClusterFailed(f"a worker on {where}; stop that worker, or mount the disk there")
    if job.notebook is not None:  # where this machine has it
        try:
            job = replace(job, notebook=experiment_notebook())
        except BadInput as error:
            raise ClusterFailed(f"a worker on {platform.node()}: {error}") from None
    return run_point(job)


def _simulated(job: Job) -> dict[str, Any]:
    outcome = simulate_run(job.config, results=job.runs)
    return measured(job.config, outcome.state, outcome.summary)


async def import_alone(config: ImportConfig) -> Run:
    """Import for real; from somebody's server once the windows are over that the run before has used up."""
    if config.source.url is not None:
        await trio.sleep(max((tier.period_s for tier in config.limits), default=0.0))
    return await run_import(config)


def _live(job: Job) -> dict[str, Any]:
    run = trio.run(import_alone, job.config, clock=clock_at(job.config.speed))
    figures = run.summary()
    assert figures is not None, "a session that ended without an error has written its summary"
    return measured(job.config, run.state(), Summary.from_dict(figures))


# By default papermill waits for ever. This is longer than any cell of a live import that one would watch.
LONGEST_CELL_S = 6 * 3600
_START_S = 120


def executed(job: Job, notebook: Path) -> dict[str, Any]:
    """Execute `notebook` with the settings of `job`; return the figures of its run. HarnessError where it made none."""
    papermill = need("papermill", "notebooks")
    config = job.config
    kept = config.run.results / f"{config.run.name}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    failed = "it ended without a run"
    try:
        papermill.execute_notebook(
            str(notebook),
            str(kept),
            parameters(job),
            progress_bar=False,
            start_timeout=_START_S,
            execution_timeout=LONGEST_CELL_S,
        )
    except papermill.PapermillExecutionError as error:
        failed = f"{error.ename}: {error.evalue}"
    run = Run(config.run.results / str(config.run.name))
    figures = run.summary() if run.folder.exists() else None
    if figures is None:
        raise HarnessError(f"{failed}; see {kept}")
    return measured(config, run.state(), Summary.from_dict(figures))


def parameters(job: Job) -> dict[str, Any]:
    """Return the settings of `job` that were said, as a notebook takes them, and where its files go."""
    config = job.config
    written = config.as_written()
    said = {name: written[name] for name in sorted(config.given()) if written.get(name) is not None}
    for name in said.keys() & DURATIONS:
        if not isinstance(said[name], str):  # of people a notebook takes no number without a unit
            said[name] = format_period(said[name])
    place = {
        "results": str(config.run.results.absolute()),
        "run": config.run.name,
        "fresh": True,
        "seed": config.run.seed,
    }
    return {**said, **place, "simulated": not job.live}
