"""`python -m harness report`: a page and its figures, of what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.lab.grid import Grid
from harness.lab.sweeping import Job, jobs_left, run_point
from harness.lab.sweeps import create_sweep


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small runs and a small sweep, simulated."""
    folder = tmp_path_factory.mktemp("results")
    for pacing in ("window", "retry-after"):
        simulate_run(ImportConfig(items=60, limit="30/1s", pacing=pacing, run=pacing), results=folder)
    grid = Grid({"items": "60", "server_limit": "30/1s"}, {"workers": ["2", "5"], "limit": ["30/1s", "20/1s"]}, 2)
    sweep = create_sweep(folder, "grid", grid, 0.0)
    for job in jobs_left(sweep):
        _log(sweep.log_path, job)
    sweep.settle()
    return folder


def _log(path: Path, job: Job) -> None:
    with open(path, "a", encoding="utf-8") as log:
        log.write(json.dumps(run_point(job)) + "\n")


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    return int(ended.value.code or 0)


def test_a_page_and_each_figure_as_svg_and_png(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs and a sweep in one page, named on the command line by prefix, name and folder."""
    page = tmp_path / "all.html"
    assert run("report", "win", "retry-after", results / "grid", "--results", results, "-o", page) == 0
    assert capsys.readouterr().out == f"report    {page}\nfigures   {tmp_path}/all-figures/ (11 as SVG and PNG)\n"
    html = page.read_text()
    assert all(f"<h2 id={anchor}" in html for anchor in ('"sweep-1"', '"compared"', '"run-1"', '"run-2"'))
    figures = sorted(path.name for path in (tmp_path / "all-figures").iterdir())
    assert len(figures) == 22
    assert {"grid-workers.svg", "grid-frontier.png", "side-by-side.svg", "window-timeline.png"} <= set(figures)
    assert all(path.stat().st_size > 5000 for path in (tmp_path / "all-figures").iterdir())


def test_without_a_name_it_is_of_the_latest_run_and_lies_in_its_folder(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """results/<run>/report.html."""
    assert run("report", "--results", results) == 0
    assert (results / "retry-after" / "report.html").exists() or (results / "window" / "report.html").exists()


def test_what_is_neither_a_run_nor_a_sweep_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with the runs there are; nothing is written."""
    assert run("report", "nobody", "--results", results, "-o", results / "x.html") == 2
    assert "no run named 'nobody'" in capsys.readouterr().err
    assert not (results / "x.html").exists()


def test_a_page_that_cannot_be_written_is_said(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    assert run("report", "window", "--results", results, "-o", tmp_path / "file" / "x.html") == 3
    assert "cannot be written" in capsys.readouterr().err
