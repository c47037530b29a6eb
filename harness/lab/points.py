"""Runs one point of a sweep and answers its row. What is here can be sent to another process, or another machine."""

from __future__ import annotations

from typing import Any

import trio

from harness.config import ImportConfig
from harness.engine.importing import run_import
from harness.errors import HarnessError
from harness.lab.executed import executed
from harness.lab.experiment import simulate_run
from harness.lab.job import Job
from harness.lab.rows import measured, settings
from harness.record.run import Run
from harness.record.summary import Summary


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
    if config.url is not None:
        await trio.sleep(max((tier.period_s for tier in config.limits), default=0.0))
    return await run_import(config)


def _live(job: Job) -> dict[str, Any]:
    run = trio.run(import_alone, job.config)
    figures = run.summary()
    assert figures is not None, "a session that ended without an error has written its summary"
    return measured(job.config, run.state(), Summary.from_dict(figures))
