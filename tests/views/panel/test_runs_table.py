"""The widget of the table of runs, without a browser: what it sends, what it lets go of, and what it does not obey."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.record.status import RunStatus
from harness.views.panel.runs import MOST_ROWS
from harness.views.panel.runs_table import RunsTable
from harness.views.runs import RunRow
from tests.views.samples import NOW

ROWS = [
    RunRow(f"run-{at:03}", RunStatus.COMPLETE, 100 + at, 100 + at, 0, 0, 2, 40.0, 0.98, source="orders, h")
    for at in range(MOST_ROWS + 20)
]


def shown(table: RunsTable, rows: list[RunRow] = ROWS) -> list[str]:
    table.show(rows, NOW)
    return [row["name"] for row in table.rows]


def heard_by(table: RunsTable, message: Any) -> None:
    table._handle_custom_msg(message, [])


@pytest.mark.parametrize(
    "hide", [{"wanted": "running"}, {"text": "run-001"}, {"text": "nothing"}, {"wanted": "running", "text": "run"}]
)
def test_nothing_stays_chosen_that_a_filter_or_a_search_hides(hide: dict[str, str]) -> None:
    """What is still to be seen stays chosen; the buttons are for that alone."""
    table = RunsTable()
    rows = [replace(ROWS[0], status=RunStatus.RUNNING), *ROWS[1:3]]
    table.chosen = ["run-000", "run-001", "gone"]
    shown(table, rows)
    assert table.chosen == ["run-000", "run-001"]
    for name, value in hide.items():
        setattr(table, name, value)
    seen = shown(table, rows)
    assert table.chosen == [name for name in ("run-000", "run-001") if name in seen]
    assert ("delete" in table.enabled) is bool(table.chosen)
    assert ("stop" in table.enabled) is ("run-000" in table.chosen)


def test_nothing_stays_chosen_that_lies_below_the_last_row_that_is_shown() -> None:
    """The newest 300 are shown; more when asked for, and the rest is said as a number."""
    table = RunsTable()
    table.chosen = ["run-310"]
    assert shown(table) == [row.name for row in ROWS[:MOST_ROWS]]
    assert (table.chosen, table.hidden_rows) == ([], 20)
    table.most = 2 * MOST_ROWS
    assert len(shown(table)) == len(ROWS)
    assert table.hidden_rows == 0


def test_only_what_changed_is_sent() -> None:
    """A row that reads otherwise goes alone; all go where others are shown, stand elsewhere, or many changed."""
    table = RunsTable()
    sent: list[str] = []
    shown(table)
    table.observe(lambda change: sent.append(change["name"]))
    shown(table)
    assert sent == []
    later = [replace(ROWS[0], failed=7), *ROWS[1:]]
    shown(table, later)
    assert sent == ["fresh", "tally"]
    assert {name: row["cells"]["failed"] for name, row in table.fresh.items()} == {"run-000": "7"}
    shown(table, later)
    assert sent == ["fresh", "tally"]
    shown(table)
    assert (sent, table.fresh) == (["fresh", "tally"] * 2, {})
    shown(table, [replace(row, failed=1) for row in ROWS])
    assert sent[4:] == ["rows", "tally"]
    shown(table, ROWS[:5])
    assert len(table.rows) == 5


def test_a_link_opens_its_run_whatever_hides_it() -> None:
    """Filter, search and sort are let go of, and as many rows are shown as it takes."""
    table = RunsTable()
    table.wanted, table.text, table.sort, table.linked = "running", "x", ["items", True], "run-315"
    assert table.open_run("run-315", ROWS)
    assert "run-315" in shown(table)
    assert (table.chosen, table.linked) == (["run-315"], "")
    assert not table.open_run("nope", ROWS)
    assert table.chosen == ["run-315"]


def test_without_controls_no_message_is_heard_and_nothing_is_offered() -> None:
    """Whoever only watches can filter, search, sort and choose, which changes what they see and nothing else."""
    said: list[Any] = []
    steers, watches = RunsTable(heard=said.append), RunsTable(controls=False, heard=said.append)
    for table in (steers, watches):
        table.chosen = ["run-000"]
        shown(table)
        heard_by(table, {"do": "delete", "names": ["run-000"]})
        heard_by(table, "delete")
    assert said == [{"do": "delete", "names": ["run-000"]}]
    assert "delete" in steers.enabled
    assert (watches.enabled, watches.controls, watches.chosen) == ([], False, ["run-000"])


@pytest.mark.parametrize("sort", [[], ["items"], ["nope", True], [3, True], [["a"], {}], ["items", "yes", 1]])
def test_a_sort_that_no_browser_of_ours_sends_is_none(sort: list[Any]) -> None:
    """The newest stay first."""
    table = RunsTable()
    table.sort = sort
    assert shown(table)[0] == "run-000"


def test_a_choice_that_no_browser_of_ours_sends_is_let_go_of() -> None:
    """Names that are no texts, or of no run."""
    table = RunsTable()
    table.chosen = [{"a": 1}, 3, None, "../secret", "run-002"]
    shown(table)
    assert table.chosen == ["run-002"]
