"""Every view of a complete run says how its list ended, or that this was not recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.run_index import RunIndex
from harness.record.run import Run
from harness.record.run_view import view_of
from harness.record.status import RunStatus
from harness.record.summary import NOT_RECORDED, Summary
from harness.session.reader import RunReader, view_ended
from harness.views.panel.html import sections
from harness.views.panel.runs import cells
from harness.views.report import RunPart, make_report
from harness.views.runs import row_of, runs_text
from harness.views.screen import Screen
from tests.views.samples import COMPLETE, NOW
from tests.views.test_agreement import command, words

REASON = "total 30 reached, in 1 page as declared"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = simulate_run(ImportConfig(run="r", items=30, limit="20/1s"), results=tmp_path).run
    assert made is not None
    return made


def as_before(run: Run, *, without: str = "list_ended") -> Run:
    """`run` with the summary of a revision that recorded no evidence."""
    path = run.folder / "summary.json"
    figures = json.loads(path.read_text())
    assert figures.pop(without) == REASON
    path.write_text(json.dumps(figures))
    return run


def views(run: Run) -> dict[str, str]:
    """What each view of one run says, by its name."""
    results = str(run.folder.parent)
    figures = run.summary()
    assert figures is not None
    part = RunPart.of(view_ended(run), run.about, run.events().to_pandas())
    return {
        "summary.json": str(figures["list_ended"]),
        "show --json": json.loads(command("show", run.name, "--json", "--results", results))["list_ended"],
        "show": " ".join(command("show", run.name, "--results", results).split()),
        "panel": words(sections(RunReader(run, charted=True).view(NOW), NOW)["quality"]),
        "report": words(make_report([part], [], made="now", version="1").html),
    }


def test_every_view_names_the_evidence(run: Run) -> None:
    """A simulated run has evidence of its own; the tables mark nothing."""
    for view, said in views(run).items():
        assert REASON in said, view
        assert "not recorded" not in said, view
    table = command("runs", "--results", str(run.folder.parent))
    assert "*" not in table


def test_every_view_says_that_none_was_recorded(run: Run) -> None:
    """A complete run of an earlier revision: nowhere is it a plain complete, in no view is the figure left out."""
    as_before(run)
    for view, said in views(run).items():
        assert NOT_RECORDED in said, view
        assert "audit" in said, view
    table = command("runs", "--results", str(run.folder.parent)).splitlines()
    assert re.search(r"r +complete\* ", table[1])
    assert "did not record how its list ended" in table[2]
    index = RunIndex(run.folder.parent)
    index.scan()
    assert cells(index.rows[0])["cells"]["status"] == "complete, end not recorded"


def test_a_list_taken_as_it_is_says_so_in_the_table_too() -> None:
    """--accept-list is evidence of a kind: the words stand in the figures, and the table marks nothing."""
    accepted = replace(COMPLETE, list_ended="accepted as it is (--accept-list): 2 records, and the list goes on")
    assert not accepted.lacks_evidence
    assert "*" not in runs_text([row_of(view_of(accepted))], Screen(80))


@pytest.mark.parametrize("status", ["running", "paused", "stopped", "interrupted", "failed"])
def test_a_run_that_is_not_complete_lacks_nothing(status: str) -> None:
    """Its list need not have ended."""
    figures = {**COMPLETE.as_dict(), "status": status}
    del figures["list_ended"]
    read = Summary.from_dict(figures)
    assert read.list_ended is None
    assert not read.lacks_evidence


@pytest.mark.parametrize("width", [None, 40, 80])
def test_the_mark_has_its_note_at_every_width(width: int | None) -> None:
    """Failed items and a narrow screen leave the mark where it is; it is explained once, however many have it."""
    old = replace(COMPLETE, list_ended=NOT_RECORDED)
    rows = [row_of(view_of(replace(old, status=RunStatus.WITH_FAILURES, failed=3))), row_of(view_of(old))]
    text = runs_text(rows, Screen(width))
    assert "complete, 3 failed*" in text
    assert text.count("* complete, but an older version") == 1
    assert max(map(len, text.splitlines())) <= (width or 200)
