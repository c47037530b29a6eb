"""A sweep by papermill: a notebook executed for each point, kept beside its run, and the same rows as without."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from harness.errors import MissingLibrary
from harness.lab import sweeps
from harness.lab.grid import Grid
from harness.lab.sweeping import experiment_notebook, jobs_left, parameters, run_point
from harness.lab.sweeps import create_sweep
from harness.papermill import read_metrics

GRID = Grid({"items": "60", "limit": "30/1s", "latency": "lognormal:50ms"}, {"workers": ["5"]}, 1)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_the_settings_of_a_point_are_parameters_as_papermill_takes_them(tmp_path: Path) -> None:
    """What was said, as text and numbers; where the files go; that it is simulated."""
    sweep = create_sweep(tmp_path, "s", GRID, 0.0, papermill=True)
    (job,) = jobs_left(sweep)
    given = parameters(job)
    assert given == json.loads(json.dumps(given))
    assert (given["items"], given["limit"], given["workers"], given["latency"]) == (60, "30/1s", 5, "lognormal:50ms")
    assert (given["results"], given["run"], given["simulated"]) == (str(sweep.folder / "runs"), "p0001-001", True)
    assert "pacing" not in given


@pytest.mark.realtime
def test_the_row_is_the_same_as_without_a_notebook(tmp_path: Path) -> None:
    """To the bit; and the notebook that made it lies beside the run's folder."""
    plain = create_sweep(tmp_path, "plain", GRID, 0.0, keep=True)
    by_notebook = create_sweep(tmp_path, "by-notebook", GRID, 0.0, papermill=True)
    rows = [run_point(job) for sweep in (plain, by_notebook) for job in jobs_left(sweep)]
    assert {**rows[0], "sweep": ""} == {**rows[1], "sweep": ""}
    assert rows[1]["status"] == "complete"
    kept = by_notebook.folder / "runs" / "p0001-001.ipynb"
    assert read_metrics(kept)["duration_s"] == rows[0]["duration_s"]


@pytest.mark.realtime
def test_a_notebook_that_breaks_is_a_row_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep goes on; the row names the executed notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('no')")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    monkeypatch.setattr("harness.lab.sweeping.experiment_notebook", lambda: tmp_path / "broken.ipynb")
    sweep = create_sweep(tmp_path, "s", GRID, 0.0, papermill=True)
    (row,) = [run_point(job) for job in jobs_left(sweep)]
    kept = sweep.folder / "runs" / "p0001-001.ipynb"
    assert (row["status"], row["error"]) == ("failed", f"ValueError: no; see {kept}")
    assert kept.exists()


def test_without_papermill_it_is_refused_before_anything_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says what to install; no folder is made."""

    def missing(module: str, extra: str = "report") -> None:
        raise MissingLibrary(f"this needs {module}; run: pip install -e '.[{extra}]'")

    monkeypatch.setattr(sweeps, "need", missing)
    with pytest.raises(MissingLibrary, match=r"this needs papermill; run: pip install -e '\.\[notebooks\]'"):
        create_sweep(tmp_path, "s", GRID, 0.0, papermill=True)
    assert not (tmp_path / "s").exists()
    monkeypatch.undo()
    assert experiment_notebook().name == "experiment.ipynb"
