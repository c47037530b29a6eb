"""The table of runs: badges, filters and sorts that agree with one another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record.events import RunStatus
from harness.views.panel.run_widget import rows_page
from harness.views.panel.runs import FILTERS, cells, found, in_order, standing, tally
from harness.views.runs import RunRow
from harness.views.screen import LOOKS

ROW = RunRow("a", RunStatus.COMPLETE, 100, 100, 0, 0, 2, 40.0, 0.98)
ROWS = [
    ROW,
    replace(ROW, name="b", status=RunStatus.RUNNING, imported=62, hits=3, duration_s=9.0, optimality=None),
    replace(ROW, name="c", status=RunStatus.WITH_FAILURES, imported=97, failed=3, duration_s=50.0, optimality=0.9),
    replace(ROW, name="d", status=RunStatus.STOPPED, imported=40, failed=1, duration_s=5.0, optimality=None),
]


@pytest.mark.parametrize("status", LOOKS)
@pytest.mark.parametrize("failed", [0, 1])
def test_a_badge_and_a_filter_never_disagree(status: RunStatus, failed: int) -> None:
    """What the badge says is exactly what the filters go by, for every status there is."""
    stands = standing(replace(ROW, status=status, failed=failed))
    said = {
        "all": True,
        "running": stands.words.startswith(("running", "paused")),
        "complete": stands.words.startswith("complete"),
        "with failures": "failures" in stands.words or "1 failed" in stands.words,
    }
    assert {name: name in stands.filters for name in FILTERS} == said
    assert (stands.glyph == "✓") is (stands.words == "complete")


def test_what_is_found_and_counted() -> None:
    """Each filter finds what it counts, and the name narrows it down."""
    assert tally(ROWS) == {"all": 4, "running": 1, "complete": 2, "with failures": 2}
    for name, number in tally(ROWS).items():
        assert len(found(ROWS, name, "")) == number
    assert [row.name for row in found(ROWS, "with failures", "C")] == ["c"]


def test_sorted_by_any_column_or_the_newest_first() -> None:
    """Without a column the order is as given; a share that is not known sorts below all that are."""
    assert [row.name for row in in_order(ROWS, "", True)] == ["a", "b", "c", "d"]
    assert [row.name for row in in_order(ROWS, "duration", True)] == ["c", "a", "b", "d"]
    assert [row.name for row in in_order(ROWS, "best", True)][:2] == ["a", "c"]
    assert [row.name for row in in_order(ROWS, "items", False)] == ["d", "b", "c", "a"]


def test_a_row_as_the_browser_gets_it() -> None:
    """Texts for people, the badge's glyph, and how full the bar is: not at all where no total is known."""
    row = cells(ROWS[1])
    assert (row["glyph"], row["tone"], row["share"]) == ("●", "now", 0.62)
    assert row["cells"] == {
        "run": "b",
        "status": "running 62 %",
        "items": "62/100",
        "duration": "9.0 s",
        "hits": "3",
        "sleeps": "2",
        "best": "-",
    }
    assert cells(replace(ROW, total=None))["share"] is None
    assert cells(replace(ROW, imported=0, total=0))["share"] == 1.0


def test_the_table_as_a_page() -> None:
    """Without a browser it is a table of the same cells."""
    html = rows_page(ROWS)
    assert html.count("<tr>") == 1 + len(ROWS)
    assert "! complete, 3 failed" in html
