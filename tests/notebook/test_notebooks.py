"""The notebooks as they are committed: empty of outputs, thin, and executed from a command without a browser."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

from harness import BadInput, open_run
from harness.notebook import live_import
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# A cell of more lines holds logic that belongs into the package, where it is tested.
MOST_LINES = 12


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    """No output, no count, no state of widgets: a difference in git is a difference in what it does."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_thin(path: Path) -> None:
    """A few lines a cell, no functions or classes of its own, and one cell of parameters for papermill."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])] == cells[:1]
    for cell in cells[1:]:
        lines = cell.source.splitlines()
        assert len(lines) <= MOST_LINES
        assert not any(line.startswith(("def ", "class ", "async ")) for line in lines)


@pytest.mark.realtime
def test_live_import_without_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """papermill runs it as a batch: the import is complete, and the file shows its figures and its chart as HTML."""
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    given = {"LIVE": False, "ITEMS": 120, "LIMIT": "200/1s", "RUN": "batch", "RESULTS": str(tmp_path / "results")}
    out = tmp_path / "out.ipynb"
    notebook = ROOT / "notebooks" / "live_import.ipynb"
    papermill.execute_notebook(notebook, out, given, progress_bar=False, execution_timeout=PATIENCE_S)
    run = open_run("batch", tmp_path / "results")
    assert (run.status, run.items().num_rows) == ("complete", 120)
    outputs = [output for cell in nbformat.read(out, as_version=4).cells for output in cell.get("outputs", ())]
    html = "".join(output.data.get("text/html", "") for output in outputs if "data" in output)
    assert "<b>120 of 120</b> items" in html
    assert "<svg" in html
    assert html.count("complete") > 1  # the run, and its row among all runs
    assert "application/vnd.jupyter.widget-view+json" not in out.read_text()
    assert out.stat().st_size < 100_000


def test_bad_parameters_are_refused_at_once(tmp_path: Path) -> None:
    """What the command line refuses the notebook refuses, in the same words, before anything happens."""
    results = tmp_path / "results"
    with pytest.raises(BadInput, match="LIVE must be True or False, not 'maybe'"):
        live_import(live="maybe", results=results)
    with pytest.raises(BadInput, match="--workers must be at least 1, not 0"):
        live_import(live=False, results=results, workers=0)
    with pytest.raises(BadInput, match="unknown setting 'hurry'"):
        live_import(live=True, results=results, hurry=1)
    assert not results.exists()
