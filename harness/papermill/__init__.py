"""The notebooks for papermill: a cell is a few lines, and whatever is decided is decided here.

cells: what every cell needs, parameters checked and figures shown. runs: one run, its figures, its metrics. comparison:
of sweeps. lessons: for teaching.
"""

from __future__ import annotations

from harness.papermill.cells import NotebookProblem, RunFailed, settings
from harness.papermill.comparison import Comparison, read_comparison
from harness.papermill.lessons import Lessons
from harness.papermill.runs import Experiment, read_metrics, run_experiment

__all__ = [
    "Comparison",
    "Experiment",
    "Lessons",
    "NotebookProblem",
    "RunFailed",
    "read_comparison",
    "read_metrics",
    "run_experiment",
    "settings",
]
