"""What one look at the folder of the runs takes, counted and not timed: files opened, folders listed, times asked for.

The table of 1,000 runs is to be there in 1 s, and a look at what is new to cost 20 ms (`benchmarks runs-table` measures
both). That holds because a run costs a few small files once, and then a few times of change; these counts are the law.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.notebook import run_index
from harness.notebook.following import UnderWay
from harness.notebook.table_of_runs import AllRuns
from harness.record.tags import change_tags
from tests.notebook.test_run_index import ended

RUNS = 60
_LOOKED_INTO = ("open", "os.listdir", "os.scandir")


@dataclass
class Cost:
    """What was done in the folder of the runs. asked: how often the time of a change was asked for."""

    opened: list[str] = field(default_factory=list)
    listed: int = 0
    asked: int = 0


_counting: tuple[str, Cost] | None = None


def _hear(event: str, args: tuple[object, ...]) -> None:
    if _counting is not None and event in _LOOKED_INTO and str(args[0]).startswith(_counting[0]):
        if event == "open":
            _counting[1].opened.append(str(args[0]).removeprefix(_counting[0]))
        else:
            _counting[1].listed += 1


sys.addaudithook(_hear)


@pytest.fixture
def cost_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Cost]:
    """Do something, and return what that did in the folder."""
    stat = os.stat

    def asking(path: object, *args: object, **more: object) -> os.stat_result:
        if _counting is not None and str(path).startswith(_counting[0]):
            _counting[1].asked += 1
        return stat(path, *args, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", asking)
    monkeypatch.setattr(run_index, "_stat", asking)

    def counted(act: Callable[[], None]) -> Cost:
        global _counting
        cost = Cost()
        _counting = str(tmp_path), cost
        try:
            act()
        finally:
            _counting = None
        return cost

    return counted


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for number in range(RUNS):
        ended(tmp_path, f"run-{number:03d}", 1000.0 + number)
    return tmp_path


def test_a_look_costs_a_few_times_of_change_for_each_run_and_opens_nothing(
    results: Path, cost_of: Callable[[Callable[[], None]], Cost]
) -> None:
    """The table and the board's own look, together: five questions a run, two lists of names, and no message."""
    table, board = AllRuns(results), UnderWay(results)

    def look() -> None:
        table.read_now()
        board.scan()

    first = cost_of(look)
    assert len(table.table.rows) == RUNS
    by_run = [sum(path.startswith(f"/run-{number:03d}/") for path in first.opened) for number in range(RUNS)]
    assert max(by_run) <= 4
    assert len(first.opened) == sum(by_run)

    heard: list[str] = []
    table.table.observe(lambda change: heard.append(change["name"]))
    again = cost_of(look)
    assert again.opened == []
    assert again.listed == 2
    assert again.asked <= 5 * RUNS
    assert heard == []


def test_one_run_that_has_changed_costs_its_own_files_and_its_own_row(
    results: Path, cost_of: Callable[[Callable[[], None]], Cost]
) -> None:
    """The others are neither opened nor sent again."""
    table, board = AllRuns(results), UnderWay(results)
    table.read_now()
    board.scan()
    kept = table.table.rows
    change_tags(results / "run-007", ["nightly"])
    heard: list[str] = []
    table.table.observe(lambda change: heard.append(change["name"]))
    cost = cost_of(table.read_now)
    assert {path.split("/")[1] for path in cost.opened} == {"run-007"}
    assert len(cost.opened) <= 4
    assert cost.asked <= 4 * RUNS + 8
    assert heard == ["fresh"]
    assert list(table.table.fresh) == ["run-007"]
    assert table.table.rows is kept
    assert cost_of(board.scan).opened == []  # tags are no part of run.json
