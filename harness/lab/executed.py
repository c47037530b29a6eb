"""A run that a notebook makes: papermill executes it, and it is kept beside the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import HarnessError, MissingLibrary
from harness.lab.job import Job
from harness.lab.optional import need
from harness.lab.rows import measured
from harness.record.run import Run
from harness.record.summary import Summary

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
    kept = config.results / f"{config.run}.ipynb"
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
    run = Run(config.results / str(config.run))
    figures = run.summary() if run.folder.exists() else None
    if figures is None:
        raise HarnessError(f"{failed}; see {kept}")
    return measured(config, run.state(), Summary.from_dict(figures))


def parameters(job: Job) -> dict[str, Any]:
    """The settings of `job` that were said, as a notebook takes them, and where its files go."""
    config = job.config
    written = config.as_written()
    said = {name: written[name] for name in sorted(config.model_fields_set) if written.get(name) is not None}
    place = {"results": str(config.results.absolute()), "run": config.run, "fresh": True, "seed": config.seed}
    return {**said, **place, "simulated": not job.live}
