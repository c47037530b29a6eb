"""Runs one point of a sweep and answers its row. What is here can be sent to another process, or another machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from harness.config import ImportConfig
from harness.engine.importing import run_import
from harness.errors import HarnessError, NotebookFailed
from harness.lab.experiment import simulate_run
from harness.lab.optional import need
from harness.lab.rows import measured, settings
from harness.record.run import Run
from harness.record.summary import Summary


@dataclass(frozen=True, slots=True)
class Job:
    """A run to make. place: the first columns of its row. runs: the folder that keeps its files (None: none are kept).

    live: over sockets, in real time; else simulated. notebook: makes it, by papermill, and is kept beside it.
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
        made = _by_papermill(job) if job.notebook is not None else _live(job) if job.live else _simulated(job)
        return {**row, **made}
    except HarnessError as error:
        return {**row, "status": "failed", "error": str(error)}
    except Exception as error:  # a defect in one point must not lose the others
        return {**row, "status": "failed", "error": f"{type(error).__name__}: {error}"}


def _simulated(job: Job) -> dict[str, Any]:
    outcome = simulate_run(job.config, results=job.runs)
    return measured(job.config, outcome.state, outcome.summary)


def _live(job: Job) -> dict[str, Any]:
    return _read(job, trio.run(partial(run_import, job.config)))


def _by_papermill(job: Job) -> dict[str, Any]:
    """Execute the notebook into `runs`, under the run's name. A run that failed ends it with an error, and is read too."""
    papermill = need("papermill", "notebooks")
    config, runs = job.config, job.runs
    assert runs is not None, "an executed notebook is kept beside its run"
    runs.mkdir(parents=True, exist_ok=True)
    parameters = {**_said(config), "results": str(runs.absolute()), "run": config.run, "fresh": True}
    out = runs / f"{config.run}.ipynb"
    try:
        papermill.execute_notebook(
            str(job.notebook), str(out), {**parameters, "simulated": not job.live}, progress_bar=False
        )
    except papermill.exceptions.PapermillExecutionError as error:
        run = Run(runs / str(config.run))
        if not (run.folder / "summary.json").exists():
            raise NotebookFailed(f"{error.ename}: {error.evalue} (see {out})") from None
    return _read(job, Run(runs / str(config.run)))


def _said(config: ImportConfig) -> dict[str, Any]:
    """The settings that were said, as a notebook takes them."""
    written = config.as_written()
    said = {name: written[name] for name in config.model_fields_set if written.get(name) is not None}
    return {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in said.items()}


def _read(job: Job, run: Run) -> dict[str, Any]:
    figures = run.summary()
    assert figures is not None, "a session that ended without an error has written its summary"
    return measured(job.config, run.state(), Summary.from_dict(figures))
