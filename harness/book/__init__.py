"""What the notebooks for papermill call: a cell is a few lines, and whatever is decided is decided here.

parameters: the values of the parameters' cell, checked. experiment: one run, its figures, its metrics. comparison: of
sweeps. lessons: for teaching. show: figures and tables as a notebook keeps them.
"""

from __future__ import annotations

from harness.book.comparison import Comparison, read_comparison
from harness.book.experiment import Experiment, run_experiment
from harness.book.lessons import Lessons
from harness.book.metrics import read_metrics
from harness.book.parameters import settings
from harness.book.problems import NotebookProblem, RunFailed

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
