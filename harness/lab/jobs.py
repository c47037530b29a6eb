"""One run of a sweep: what it takes, where it is made, and the row that comes of it.

What is here can be sent to another process, or another machine. A job is simulated, run live, or made by a notebook,
which papermill executes and which is kept beside the run's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from harness.config import ImportConfig
from harness.errors import HarnessError, MissingLibrary
from harness.lab.experiment import simulate_run
from harness.lab.optional import need
from harness.lab.rows import measured, settings
from harness.record.run import Run
from harness.record.summary import Summary
from harness.session.importing import run_import


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
    """The row of `job`; what fails is a row too, and says why."""
    row = {**job.place, **settings(job.config)}
    try:
        if job.notebook is not None:
            return {**row, **executed(job, job.notebook)}
        return {**row, **(_live(job) if job.live else _simulated(job))}
    except HarnessError as error:
        return {**row, "status": "failed", "error": str(error)}
    except Exception as error:  # a defect in one point must not lose the others
        return {**row, "status": "failed", "error": f"{type(error).__name__}: {error}"}


def _simulated(job: Job) -> dict[str, Any]:
    outcome = simulate_run(job.config, results=job.runs)
    return measured(job.config, outcome.state, outcome.summary)


async def import_alone(config: ImportConfig) -> Run:
    """Import for real; from somebody's server once the windows are over that the run before has used up."""
    if config.source.url is not None:
        await trio.sleep(max((tier.period_s for tier in config.limits), default=0.0))
    return await run_import(config)


def _live(job: Job) -> dict[str, Any]:
    run = trio.run(import_alone, job.config)
    figures = run.summary()
    assert figures is not None, "a session that ended without an error has written its summary"
    return measured(job.config, run.state(), Summary.from_dict(figures))


# papermill waits for ever unless told otherwise: longer than any cell of a live import that one would watch.
LONGEST_CELL_S = 6 * 3600
_START_S = 120


def experiment_notebook() -> Path:
    """`notebooks/experiment.ipynb` of this project; MissingLibrary where there is no papermill or no notebook."""
    need("papermill", "notebooks")
    path = Path(__file__).parent.parent.parent / "notebooks" / "experiment.ipynb"
    if not path.exists():
        raise MissingLibrary(f"{path} is not there: notebooks are not part of the wheel; install from a checkout")
    return path


def executed(job: Job, notebook: Path) -> dict[str, Any]:
    """The figures of the run that `notebook` made with the settings of `job`; HarnessError where it made none."""
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
    """The settings of `job` that were said, as a notebook takes them, and where its files go."""
    config = job.config
    written = config.as_written()
    said = {name: written[name] for name in sorted(config.given()) if written.get(name) is not None}
    place = {
        "results": str(config.run.results.absolute()),
        "run": config.run.name,
        "fresh": True,
        "seed": config.run.seed,
    }
    return {**said, **place, "simulated": not job.live}
