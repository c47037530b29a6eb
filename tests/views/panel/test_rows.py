"""The rows of the table of runs: badges, filters, searches and sorts that agree with one another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from harness.record.events import RunStatus
from harness.views.panel.run_widget import rows_page
from harness.views.panel.runs import COLUMNS, FILTERS, SHOWN, Memory, cells, found, in_order, standing, tally
from harness.views.runs import RunRow
from harness.views.screen import LOOKS
from tests.views.samples import NOW

ROW = RunRow("a", RunStatus.COMPLETE, 100, 100, 0, 0, 2, 40.0, 0.98, limits="100/1m")
URL = "api.example.com/v2/orders?status=open"
ROWS = [
    ROW,
    replace(ROW, name="b", status=RunStatus.RUNNING, imported=62, hits=3, duration_s=9.0, optimality=None, workers=12),
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
        "failed": "fail" in stands.words,
    }
    assert {name: name in stands.filters for name in FILTERS} == said
    assert (stands.glyph == "✓") is (stands.words == "complete")


def test_what_is_found_and_counted() -> None:
    """Each filter finds what it counts, and the search narrows it down."""
    assert tally(ROWS) == {"all": 4, "running": 1, "complete": 2, "failed": 2}
    for name, number in tally(ROWS).items():
        assert len(found(ROWS, name, "")) == number
    assert [row.name for row in found(ROWS, "failed", "C")] == ["c"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ORDERS", "z"),
        ("api.example.com", "z"),
        (URL, "z"),  # the URL, of which the column shows the end
        ("500/20s", "y"),
        ("nightly", "xz"),
        ("nightly interrupted", "x"),
        ("interrupted  Nightly", "x"),
        ("50 workers", "y"),
        ("window", "y"),
        ("nothing", ""),
        (" ", "xyz"),
    ],
)
def test_a_search_looks_into_all_that_a_run_is_known_by(query: str, names: str) -> None:
    """Name, source and its URL, limits, workers, status, pacing and tags; every word must be somewhere."""
    rows = [
        replace(ROW, name="x", status=RunStatus.INTERRUPTED, tags=("nightly",), source="test API"),
        replace(ROW, name="y", limits="500/20s+2000/100s", workers=50, strategy="window", source="test API"),
        replace(
            ROW,
            name="z",
            source="orders, api.example.com",
            url="https://api.example.com/v2/orders?status=open",
            tags=("a", "nightly"),
        ),
    ]
    assert "".join(row.name for row in found(rows, "all", query)) == names


def test_sorted_by_any_column_or_the_newest_first() -> None:
    """Without a column the order is as given; a share that is not known sorts below all that are."""
    assert [row.name for row in in_order(ROWS, "", True)] == ["a", "b", "c", "d"]
    assert [row.name for row in in_order(ROWS, "duration", True)] == ["c", "a", "b", "d"]
    assert [row.name for row in in_order(ROWS, "best", True)][:2] == ["a", "c"]
    assert [row.name for row in in_order(ROWS, "items", False)] == ["d", "b", "c", "a"]
    assert [row.name for row in in_order(ROWS, "failed", True)] == ["c", "d", "a", "b"]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_can_be_sorted_by_and_read(column: str) -> None:
    """Of rows about which little is known, too: the keys of a column compare, and no cell fails."""
    bare = RunRow("bare", RunStatus.FAILED, 0, None, 0, 0, 0, 0.0, None)
    there_and_back = in_order(in_order([*ROWS, bare], column, True), column, False)
    keys = [COLUMNS[column].key(row) for row in there_and_back]
    assert keys == sorted(keys)
    assert isinstance(COLUMNS[column].cell(bare, NOW), str)


def test_a_row_as_the_browser_gets_it() -> None:
    """Texts for people, the badge's glyph, and how full the bar is: not at all where no total is known."""
    row = cells(
        replace(
            ROWS[1], created_utc_s=NOW - 86_400, tags=("slow", "x"), refusals={"429": 3, "503": 6}, source="test API"
        ),
        NOW,
    )
    assert (row["glyph"], row["tone"], row["share"], row["open"]) == ("●", "now", 0.62, True)
    assert row["tags"] == ["slow", "x"]
    assert {name: row["cells"][name] for name in SHOWN} == {
        "run": "b",
        "when": COLUMNS["when"].cell(replace(ROW, created_utc_s=NOW - 86_400), NOW),
        "source": "test API",
        "limit": "100/1m",
        "workers": "12",
        "status": "running 62 %",
        "items": "62/100",
        "failed": "0",
        "hits": "3 (503: 6)",
        "sleeps": "2",
        "duration": "9.0 s",
        "best": "-",
        "tags": "slow, x",
    }
    assert row["cells"]["when"].startswith("23 Nov")
    assert cells(replace(ROW, total=None))["share"] is None
    assert cells(replace(ROW, imported=0, total=0))["share"] == 1.0


def test_what_is_remembered_is_what_would_be_made() -> None:
    """A row is made once, and again when it is another, or on another day."""
    memory = Memory()
    rows = [replace(ROW, created_utc_s=NOW)]
    memory.keep(rows, date(2026, 11, 24))
    today = cells(rows[0], NOW, memory)
    assert cells(rows[0], NOW, memory) is today
    memory.keep(rows, date(2026, 11, 25))
    assert cells(rows[0], NOW + 86_400, memory)["cells"]["when"] == f"24 Nov {today['cells']['when']}"
    other = [replace(rows[0], failed=1)]
    memory.keep(other, date(2026, 11, 25))
    assert tally(other, memory)["failed"] == 1
    assert tally(rows, memory)["failed"] == 0  # what it does not keep is made anew


def test_the_table_as_a_page() -> None:
    """Without a browser it is a table of the same cells."""
    html = rows_page(ROWS)
    assert html.count("<tr>") == 1 + len(ROWS)
    assert "! complete, 3 failed" in html
