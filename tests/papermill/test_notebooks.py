"""The notebooks run as they stand, through papermill: their figures are there, their figures are recorded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from harness.config import SETTINGS, ImportConfig
from harness.lab.grid import Grid
from harness.lab.rows import table_of
from harness.lab.sweeping import jobs_left, run_point
from harness.lab.sweeps import create_sweep
from harness.papermill import NotebookProblem, RunFailed, read_metrics, run_experiment, settings
from harness.record.parts import write_table
from tests.patience import PATIENCE_S

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
OURS = ("experiment", "compare", "strategies")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def execute(name: str, out: Path, **parameters: Any) -> None:
    """In this process, as the command line does; the kernel is a process of its own."""
    papermill.execute_notebook(
        NOTEBOOKS / f"{name}.ipynb",
        out,
        parameters,
        progress_bar=False,
        execution_timeout=PATIENCE_S,
        start_timeout=PATIENCE_S,
    )


def outputs(path: Path) -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def figures(path: Path) -> list[Any]:
    """The figures of an executed notebook, each checked not to be empty."""
    found = [output for output in outputs(path) if "image/svg+xml" in output.get("data", {})]
    for figure in found:
        assert figure.data["image/svg+xml"].count("<path") > 20
        assert "there is nothing" not in figure.data["text/plain"]
        assert not figure.data["text/plain"].startswith("An empty figure")
        assert len(figure.data["image/png"]) > 5000
        assert figure.metadata["image/png"]["alt"] == figure.data["text/plain"]
    return found


def test_no_outputs_are_committed() -> None:
    """Neither outputs nor counters: what a run shows belongs to the run."""
    paths = sorted(map(str, NOTEBOOKS.glob("*.ipynb")))
    assert len(paths) >= len(OURS)
    verified = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *paths], capture_output=True, check=False
    )
    assert verified.returncode == 0, verified.stdout.decode()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_says_in_two_sentences_what_it_is_and_folds_its_code(path: Path) -> None:
    """A reader meets words first, and code where they ask for it; commands to copy may stand beside them."""
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    prose = " ".join(line for line in cells[0].source.splitlines() if not line.startswith(("# ", "    ")))
    assert _sentences(prose) == 2
    hidden = [cell.metadata.get("jupyter", {}).get("source_hidden") for cell in cells if cell.cell_type == "code"]
    assert set(hidden) == {True}


def _sentences(prose: str) -> int:
    """Whatever closes a sentence may stand behind its stop: emphasis, a bracket, a quotation mark."""
    return len(re.findall(r"[.?!][*_`)\]\"'’”]*(?=\s|$)", prose))


def test_sentences_are_counted_with_what_closes_them() -> None:
    """In bold, in brackets, in a question; neither a file's name nor a number has one."""
    assert _sentences('**Watch it.** (Run all.) "Is it *so?*" See [docs/a.md](../docs/a.md): 2.5 s.') == 4


@pytest.mark.parametrize("name", OURS)
def test_cells_are_a_few_lines_and_decide_nothing(name: str) -> None:
    """But for the parameters no cell has more than five lines, a loop, a branch or a function."""
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
            assert len(cell.source.split("\n")) <= 5
            assert not re.search(r"^\s*(for|while|if|def|class|try|with)\b", cell.source, re.MULTILINE)


def test_the_help_of_the_experiment_is_that_of_the_config() -> None:
    """Every parameter is a setting with its name, its default and its help, so that neither can drift."""
    shown = papermill.inspect_notebook(NOTEBOOKS / "experiment.ipynb")
    assert len(shown) > 15
    for name, parameter in shown.items():
        if name in ("simulated", "source"):
            continue
        if name == "results":  # where it is not said, the environment is asked before the config
            assert (eval(parameter["default"], {}), "HARNESS_IMPORT_RESULTS" in parameter["help"]) == ("", True)
            continue
        field = SETTINGS[name]
        assert parameter["help"] == field.description, name
        default = eval(parameter["default"], {})
        assert ImportConfig(**{name: default}) == ImportConfig(), name


@pytest.mark.realtime
def test_one_experiment(tmp_path: Path) -> None:
    """Three figures, the metrics, and the run's files; nothing that needs a kernel to be seen."""
    out = tmp_path / "out.ipynb"
    execute("experiment", out, items=60, workers=5, limit="30/1s", results=str(tmp_path), run="one")
    assert len(figures(out)) == 3
    metrics = read_metrics(out)
    assert (metrics["status"], metrics["imported"], metrics["hits"], metrics["simulated"]) == ("complete", 60, 0, True)
    assert (metrics["config"]["workers"], metrics["config"]["limit"]) == (5, "30/1s")
    assert metrics["versions"]["harness"]
    assert (tmp_path / "one" / "items.parquet").exists()
    assert metrics["folder"] == str(tmp_path / "one")
    said = str(outputs(out))
    assert "✓ complete: 60 of 60 imported" in said
    assert "application/vnd.jupyter.widget-view+json" not in said


@pytest.mark.realtime
def test_an_experiment_with_a_known_api(tmp_path: Path) -> None:
    """`-p preset stripe`: simulated against the test API in its shape, within the documented limits."""
    out = tmp_path / "out.ipynb"
    execute("experiment", out, items=230, preset="stripe", results=str(tmp_path), run="known")
    metrics = read_metrics(out)
    assert (metrics["status"], metrics["imported"], metrics["hits"]) == ("complete", 230, 0)
    assert (metrics["config"]["preset"], metrics["requests_page"]) == ("stripe", 3)


@pytest.mark.realtime
def test_a_run_that_fails_is_shown_clearly(tmp_path: Path) -> None:
    """A red word and the reason first, the figures and metrics all the same, an error of one sentence at the end."""
    scenario = tmp_path / "broken.toml"
    scenario.write_text('items = 50\nfault = ["503:rate=100%"]\n')
    out = tmp_path / "out.ipynb"
    with pytest.raises(
        PapermillExecutionError, match="RunFailed: run bad failed: page 1 of the list could not be read"
    ):
        execute("experiment", out, scenario=str(scenario), retry_delays="0.1", results=str(tmp_path), run="bad")
    assert len(figures(out)) >= 1
    assert read_metrics(out)["status"] == "failed"
    said = [str(output.get("data", {}).get("text/html", "")) for output in outputs(out)]
    assert any("✗ failed: 0 imported" in html and "#d55e00" in html for html in said)
    (error,) = [output for output in outputs(out) if output.output_type == "error"]
    assert error.ename == "RunFailed"
    assert len(error.traceback) == 1
    assert "page 1 of the list could not be read" in error.traceback[0]


@pytest.mark.realtime
def test_sweeps_compared(tmp_path: Path) -> None:
    """Four figures and the table of efficiencies, of two sweeps as one."""
    for name, limit in (("a", "30/1s"), ("b", "20/1s")):
        grid = Grid({"items": "60", "server_limit": "30/1s", "limit": limit}, {"workers": ["2", "5"]}, 2)
        sweep = create_sweep(tmp_path, name, grid, 0.0)
        write_table(sweep.table_path, table_of([run_point(job) for job in jobs_left(sweep)]))
    out = tmp_path / "out.ipynb"
    execute("compare", out, sweeps="a,b", results=str(tmp_path))
    assert len(figures(out)) == 4
    said = str(outputs(out))
    assert "Choose window with" in said
    assert "8 runs of 4 combinations of settings, simulated" in said
    assert "reference efficiency" in said


@pytest.mark.realtime
def test_the_lessons(tmp_path: Path) -> None:
    """The same arrivals in seven ways, the same import by each strategy, and a plan that beats the greedy schedule."""
    out = tmp_path / "out.ipynb"
    execute("strategies", out, limit="20/1s", items=50, strategies="window,auto,reference")
    policies, strips, greedy = (figure.data["text/plain"] for figure in figures(out))
    assert "anchored 30 of 60" in policies
    assert "window: " in strips
    assert "0 of them refused" in strips
    assert (
        "greedy: 15 requests in 6 bursts, done after 29 s; planned: 15 requests in 6 bursts, done after 22 s" in greedy
    )


@pytest.mark.realtime
def test_a_live_experiment_in_a_notebook(tmp_path: Path) -> None:
    """`simulated=False`: over sockets, in a thread of its own; the same object with the same figures."""
    config = settings({"items": 30, "limit": "100/1s", "results": str(tmp_path), "run": "live"})
    experiment = run_experiment(config, simulated="False")
    experiment.check()
    metrics = experiment.metrics()
    assert (metrics["status"], metrics["imported"], metrics["simulated"]) == ("complete", 30, False)
    assert metrics["server"] == {"admitted": 31, "refused": 0, "agrees": True, "faults": 0}
    assert set(experiment.pictures) == {"timeline", "latency", "workers-busy"}


@pytest.mark.realtime
def test_what_ends_a_live_experiment_is_a_sentence(tmp_path: Path) -> None:
    """Nobody answers at that address: no group of exceptions, no chain."""
    config = settings({"url": "http://127.0.0.1:9/items", "results": str(tmp_path), "retry_delays": "0.01"})
    experiment = run_experiment(config, simulated=False)
    with pytest.raises(RunFailed, match=r"failed: page 1 of the list could not be read") as said:
        experiment.check()
    assert said.value.__context__ is None
    with pytest.raises(NotebookProblem, match="a simulation uses the test API"):
        run_experiment(config)
