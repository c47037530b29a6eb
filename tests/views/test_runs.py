"""The table of runs."""

from __future__ import annotations

from dataclasses import replace

from harness.record.status import RunStatus
from harness.views.runs import RunRow, runs_text
from harness.views.screen import LOOKS, Screen

ROWS = [
    RunRow("nightly-1124", RunStatus.RUNNING, 49600, 80000, 1, 0, 503, 30240.0, 0.99),
    RunRow("nightly-1123", RunStatus.COMPLETE, 80000, 80000, 0, 0, 807, 48480.0, 0.9996),
    RunRow("nightly-1122", RunStatus.WITH_FAILURES, 79997, 80000, 3, 12, 811, 49260.0, 0.98),
    RunRow("test", RunStatus.INTERRUPTED, 388, 1000, 0, 0, 0, 7.0, None),
    RunRow("20261123-155204", RunStatus.STOPPED, 412, 1000, 0, 0, 0, 7.0, 0.5),
    RunRow("cursor", RunStatus.PAUSED, 412, None, 0, 0, 0, 7.0, None),
    RunRow("empty", RunStatus.FAILED, 0, None, 0, 0, 0, 0.0, None),
]


def test_at_80_columns() -> None:
    """Every status by glyph and word; what does not fit into 80 columns is left out, never cut."""
    assert runs_text(ROWS, Screen(80), program=".venv/bin/python -m harness") == (
        "  RUN             STATUS                         ITEMS 429s    DURATION OF BEST\n"
        "● nightly-1124    running 62 %, 1 failed 49,600/80,000    0  8 h 24 min  99.0 %\n"
        "✓ nightly-1123    complete               80,000/80,000    0 13 h 28 min  99.9 %\n"
        "! nightly-1122    complete, 3 failed     79,997/80,000   12 13 h 41 min  98.0 %\n"
        "✗ test            interrupted                388/1,000    0       7.0 s       -\n"
        "■ 20261123-155204 stopped                    412/1,000    0       7.0 s  50.0 %\n"
        "‖ cursor          paused                           412    0       7.0 s       -\n"
        "✗ empty           failed                             0    0         0 s       -\n"
        "continue one: .venv/bin/python -m harness resume test"
    )


def test_a_hint_leads_to_a_run_with_a_server_where_it_lies() -> None:
    """What was simulated cannot be gone on with; another folder than the usual is named."""
    rows = [replace(ROWS[3], simulated=True), ROWS[4]]
    assert runs_text(rows, Screen(80), where=" --results old").endswith(" resume 20261123-155204 --results old")
    assert "go on with" not in runs_text(rows[:1], Screen(80))


def test_tags_are_a_column_where_there_are_some() -> None:
    """The last; the last to go where the screen is too narrow, too."""
    rows = [replace(ROWS[1], tags=("nightly", "x\x1b"), imported=1000, total=1000, duration_s=40.6), ROWS[3]]
    wide, narrow = runs_text(rows, Screen(100)).splitlines(), runs_text(rows, Screen(66)).splitlines()
    assert wide[0].split()[-2:] == ["BEST", "TAGS"]
    assert wide[1].endswith("99.9 %  nightly, x?")
    assert narrow[0].split() == ["RUN", "STATUS", "ITEMS", "DURATION", "OF", "BEST", "TAGS"]
    assert "TAGS" not in runs_text(ROWS, Screen(None))


def test_smaller_runs_have_room_for_everything() -> None:
    """With shorter numbers every column is there at 80."""
    assert runs_text([replace(ROWS[1], imported=1000, total=1000, duration_s=40.6)], Screen(80)) == (
        "  RUN           STATUS          ITEMS  429s  WAITS  DURATION  OF BEST\n"
        "✓ nightly-1123  complete  1,000/1,000     0    807    40.6 s   99.9 %"
    )


def test_at_40_columns() -> None:
    """Too narrow for a table, each run gets lines of its own."""
    assert runs_text(ROWS[2:4], Screen(40)) == (
        "! nightly-1122  complete, 3 failed\n"
        "  79,997/80,000 items, 13 h 41 min,\n"
        "  98.0 % of best, 12 429s\n"
        "✗ test  interrupted\n"
        "  388/1,000 items, 7.0 s\n"
        "continue one: python -m harness resume test"
    )


def test_long_names() -> None:
    """On a terminal a long name is cut, as its prefix is enough; the command has all of it, and so has a pipe."""
    name = "a-name-of-more-than-twenty-four-letters"
    row = replace(ROWS[3], name=name)
    assert "✗ a-name-of-more-than-twe…  interrupted" in runs_text([row], Screen(120))
    assert runs_text([row], Screen(120)).endswith(f"resume {name}")
    assert f"✗ {name}  interrupted" in runs_text([row], Screen(None))


def test_plain_pipes_and_ascii_terminals() -> None:
    """In a pipe nothing is left out; in ASCII each status still has its own glyph or word."""
    table = runs_text(ROWS, Screen(None, unicode=False))
    assert table.isascii()
    assert table.splitlines()[0].split() == ["RUN", "STATUS", "ITEMS", "429s", "WAITS", "DURATION", "OF", "BEST"]
    marks = [line[0] for line in table.splitlines()[1:-1]]
    assert marks == ["*", "+", "!", "x", "#", "=", "x"]
    assert {row.status for row in ROWS} == LOOKS.keys()


def test_colours() -> None:
    """On a terminal with colours the status has one."""
    assert "\x1b[32mcomplete" in runs_text(ROWS, Screen(200, color=True))


def test_no_runs_yet() -> None:
    """Without runs there is a way to get one."""
    assert runs_text([], Screen(80), program="py -m harness") == "no runs yet; start one with: py -m harness import"
