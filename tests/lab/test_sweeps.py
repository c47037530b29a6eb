"""Sweeps: grids, tables, what is run again and what is not."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trio
import trio.testing

from harness.config import ImportConfig
from harness.errors import BadInput, NoSuchRun, RunLocked
from harness.lab import sweeping
from harness.lab.experiment import simulate_run
from harness.lab.grid import Grid, read_grid
from harness.lab.rows import FIGURES, settings
from harness.lab.sweeping import Job, run_point, run_sweep
from harness.lab.sweeps import Row, Sweep, create_sweep, find_sweep, read_sweep
from harness.record.run import Run, list_runs

GRID = Grid({"items": 30, "limit": "20/2s"}, {"workers": [1, 4], "pacing": ["window", "retry-after"]}, 2)


def swept(folder: Path, grid: Grid = GRID, name: str = "s", **how: Any) -> Sweep:
    sweep = create_sweep(folder, name, grid, 0.0, **how)
    with ThreadPoolExecutor(2) as executor:
        run_sweep(sweep, executor)
    return sweep


# --- grids --------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_each_with_a_seed_of_its_own() -> None:
    """In order, the last setting changing fastest; seeds count up from the one that is fixed."""
    grid = Grid({"seed": 7}, {"workers": [1, 2], "limit": ["5/s", "9/s"]}, 2).points()
    assert [(point.number, point.repeat, point.seed) for point in grid] == [
        (1 + at // 2, 1 + at % 2, 7 + at) for at in range(8)
    ]
    assert [point.values for point in grid[::2]] == [
        {"workers": 1, "limit": "5/s"},
        {"workers": 1, "limit": "9/s"},
        {"workers": 2, "limit": "5/s"},
        {"workers": 2, "limit": "9/s"},
    ]
    assert [point.values for point in Grid(repeat=3).points()] == [{}] * 3


def test_flags_win_over_a_file_and_texts_are_cut_at_commas() -> None:
    """`limit=500/20s+2000/100s,400/20s` is two limits; what varies is not fixed as well."""
    table = {"items": 100, "workers": 5, "repeat": 3, "grid": {"pacing": ["window", "auto"], "workers": [1, 2]}}
    grid = read_grid(table, {"items": "50"}, ["limit=500/20s+2000/100s, 400/20s", "per-page=10"], None)
    assert grid.fixed == {"items": "50"}
    assert grid.varied == {
        "pacing": ["window", "auto"],
        "workers": [1, 2],
        "limit": ["500/20s+2000/100s", "400/20s"],
        "per_page": ["10"],
    }
    assert (grid.repeat, read_grid(table, {}, [], 9).repeat) == (3, 9)
    assert read_grid({}, {}, ["cost=item=2,item=3"], None).varied == {"cost": ["item=2", "item=3"]}


def test_a_file_may_keep_settings_in_tables_for_each_part() -> None:
    """As those of an import may; what varies is named flat, as a flag is."""
    table = {"items": 9, "source": {"per_page": 5}, "retry": {"delays": [1]}, "grid": {"retry_delays": ["1", "2"]}}
    grid = read_grid({**table, "pacing": {"strategy": "window", "limit": "5/s"}}, {}, ["workers=1,2"], None)
    assert grid.fixed == {"items": 9, "per_page": 5, "pacing": "window", "limit": "5/s"}
    assert grid.varied == {"retry_delays": ["1", "2"], "workers": ["1", "2"]}


@pytest.mark.parametrize(
    ("table", "texts", "sentence"),
    [
        ({}, ["workers"], "--grid 'workers' names no values; write it like --grid workers=1,2,5"),
        ({}, ["workers="], "--grid 'workers=' names no values"),
        ({}, ["wrokers=1"], "'wrokers' in --grid is not a setting that a sweep can vary; write workers"),
        ({}, ["run=a,b"], "'run' in --grid is not a setting that a sweep can vary"),
        ({}, ["seed=1,2"], "every run of a sweep has a seed of its own; use --repeat"),
        ({}, ["workers=1,1"], "the grid has workers=1 twice; leave one out, and use --repeat to repeat"),
        ({"header": "a: b"}, [], "'header' in the sweep's file is not a setting that a sweep can vary"),
        ({"grid": 5}, [], "grid in the sweep's file is not a table; write [grid]"),
        ({"grid": {"workers": 5}}, [], "workers in [grid] is not a list of values; write it like workers = [1, 2, 5]"),
        ({"grid": {"workers": []}}, [], "workers in [grid] is not a list of values"),
        ({"repeat": 0}, [], "repeat must be a whole number from 1, not 0"),
        ({"repeat": True}, [], "repeat must be a whole number from 1, not True"),
        ({"repeat": 10**7}, [], "that would be 10,000,000 runs; take fewer values"),
    ],
)
def test_what_is_no_sweep(table: dict[str, Any], texts: list[str], sentence: str) -> None:
    """Refused in one sentence that says how to write it."""
    with pytest.raises(BadInput) as refused:
        read_grid(table, {}, texts, None)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        (Grid({}, {"workers": [1, 0]}), "--workers must be at least 1, not 0 (at workers=0)"),
        (Grid({"limit": "5"}), "--limit: '5' is not a limit"),
        (Grid({"scenario": "nonesuch"}), "the test API refuses its settings: scenario: 'nonesuch' is unknown"),
        (Grid({"url": "https://api.example.com/x"}), "a simulation uses the test API; leave out url, or add --live"),
        (Grid({"seed": "x"}), "--seed must be a whole number, not 'x'"),
    ],
)
def test_every_point_is_checked_before_the_first_is_run(grid: Grid, sentence: str, tmp_path: Path) -> None:
    """Naming the combination; nothing is made."""
    with pytest.raises(BadInput) as refused:
        create_sweep(tmp_path / "results", "s", grid, 0.0)
    assert sentence in str(refused.value)
    assert not (tmp_path / "results").exists()


# --- tables -------------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_run_with_all_settings_and_figures(tmp_path: Path) -> None:
    """In order, typed, the figures those of the same import simulated alone."""
    sweep = swept(tmp_path)
    frame = read_sweep(sweep.folder)
    assert list(zip(frame["point"], frame["repeat"], frame["seed"], strict=True)) == [
        (1 + at // 2, 1 + at % 2, at) for at in range(8)
    ]
    assert set(frame["status"]) == {"complete"}
    assert list(frame["workers"]) == [1] * 4 + [4] * 4
    assert set(zip(frame["limit"], frame["server_limit"], frame["latency"], frame["items"], strict=True)) == {
        ("20/2s", "20/2s", "lognormal:80ms", 30)
    }
    alone = simulate_run(ImportConfig(items=30, limit="20/2s", workers=4, pacing="retry-after", seed=7)).summary
    row = frame.iloc[7]
    assert (row["duration_s"], row["hits"], row["optimality"]) == (alone.duration_s, alone.hits, alone.optimality)
    assert alone.lost_to is not None
    assert row["lost_to_refusals_s"] == alone.lost_to.refusals_s
    assert row["server_refused"] == alone.hits > 0
    assert set(FIGURES) <= set(frame.columns)
    assert sorted(path.name for path in sweep.folder.iterdir()) == ["lock", "runs.parquet", "sweep.json"]
    assert (sweep.status, sweep.about["grid"]) == ("complete", GRID.varied)


def test_a_sweep_is_no_run(tmp_path: Path) -> None:
    """The list of runs does not show it, nor the runs that it kept; it is found by a prefix of its name."""
    sweep = swept(tmp_path, Grid({"items": 20}), "sweep-one", keep=True)
    assert list_runs(tmp_path) == []
    assert find_sweep(tmp_path, "sweep-o") == find_sweep(tmp_path) == sweep
    assert [run.name for run in list_runs(sweep.folder / "runs")] == ["p0001-001"]
    assert read_sweep(sweep.folder)["run"].tolist() == ["p0001-001"]
    with pytest.raises(NoSuchRun, match=r"no sweep named 'other' in .*; use one of: sweep-one"):
        find_sweep(tmp_path, "other")
    with pytest.raises(NoSuchRun, match=r"the sweep sweep-one exists in .*; add --resume to continue it or --fresh"):
        create_sweep(tmp_path, "sweep-one", GRID, 0.0)
    assert create_sweep(tmp_path, "sweep-one", GRID, 0.0, fresh=True).rows() == []


def test_what_the_server_enforces_counts_beside_what_the_client_believes(tmp_path: Path) -> None:
    """A client that keeps to half is as good as its own limits allow, and half as good as the server's."""
    grid = Grid({"items": 200, "server_limit": "40/2s", "latency": "10ms"}, {"limit": ["40/2s", "20/2s"]})
    frame = read_sweep(swept(tmp_path, grid).folder)
    assert frame["optimality"].min() > 0.95
    assert frame["server_optimality"][0] == frame["optimality"][0]
    assert frame["server_optimality"][1] == pytest.approx(frame["optimality"][1] / 2, rel=0.1)


def test_workers_found_by_auto_are_a_number(tmp_path: Path) -> None:
    """The column stays one of numbers; another says who chose it. Settings that were said are columns too."""
    frame = read_sweep(swept(tmp_path, Grid({"items": 300, "sequential": True}, {"workers": [3, "auto"]})).folder)
    assert list(frame["workers_auto"]) == [False, True]
    assert frame["workers"][0] == 3
    assert frame["workers"][1] >= 4
    assert set(frame["sequential"]) == {"True"}


def test_a_point_that_fails_is_a_row_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that ends early, and one that raises what nobody expected; the others are run all the same."""
    frame = read_sweep(swept(tmp_path, Grid({"items": 20}, {"scenario": ["plans", "laravel"]})).folder)
    assert list(frame["status"]) == ["failed", "complete"]
    assert "page 1 of the list could not be read" in frame["error"][0]
    assert pd.isna(frame["duration_s"][0]) or frame["duration_s"][0] < 1

    def broken(job: Job) -> Row:
        raise ZeroDivisionError("of somebody")

    monkeypatch.setattr("harness.lab.sweeping._simulated", broken)
    row = run_point(Job(ImportConfig(items=5), {"point": 1, "repeat": 1}))
    assert (row["status"], row["error"], row["workers"]) == ("failed", "ZeroDivisionError: of somebody", 10)


def test_a_foreign_server_is_asked_again_once_its_windows_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what one run used up would slow the next; our own test API is a new one each time."""
    began: list[float] = []

    async def imported(config: ImportConfig) -> Run:
        began.append(trio.current_time())
        return Run(tmp_path)

    monkeypatch.setattr(sweeping, "run_import", imported)
    for config in (ImportConfig(url="https://api.example.com/x", limit="5/1s+100/60s"), ImportConfig(limit="5/60s")):
        trio.run(sweeping.import_alone, config, clock=trio.testing.MockClock(autojump_threshold=0))
    assert began == [60.0, 0.0]


# --- going on -----------------------------------------------------------------------------------------------------


def test_what_is_finished_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that was cut off in the middle of a line goes on with the points that have no whole one."""
    whole = swept(tmp_path).rows()
    cut = create_sweep(tmp_path, "cut", GRID, 0.0)
    lines = [json.dumps({**row, "sweep": "cut"}) for row in whole[:3]]
    cut.log_path.write_text("\n".join(lines) + "\n" + lines[0][:40])
    assert len(read_sweep(cut.folder)) == 3
    assert cut.status == "interrupted"
    ran: list[tuple[int, int]] = []

    def counted(job: Job) -> Row:
        ran.append((job.place["point"], job.place["repeat"]))
        return run_point(job)

    monkeypatch.setattr(sweeping, "run_point", counted)
    with ThreadPoolExecutor(1) as executor:
        rows = run_sweep(cut, executor)
    assert ran == [(2, 2), (3, 1), (3, 2), (4, 1), (4, 2)]
    assert rows == [{**row, "sweep": "cut"} for row in whole]
    with ThreadPoolExecutor(1) as executor:
        assert run_sweep(cut, executor) == rows
    assert len(ran) == 5


def test_ctrl_c_keeps_what_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was handed over and had begun is finished and in the table; the rest is left for later."""
    monkeypatch.setattr(sweeping, "AHEAD", 2)
    sweep = create_sweep(tmp_path, "s", GRID, 0.0)
    seen: list[Row] = []

    def stop_at_two(row: Row) -> None:
        seen.append(row)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, executor, stop_at_two)
    assert sweep.status == "stopped"
    assert 2 <= len(sweep.rows()) < 8
    with ThreadPoolExecutor(1) as executor:
        assert len(run_sweep(sweep, executor)) == 8
    assert sweep.status == "complete"


def test_a_live_row_says_what_its_server_took() -> None:
    """Its scenario's own latency, else that of the test API; of somebody else's server nothing is known."""
    live = [ImportConfig(), ImportConfig(scenario="strict-leaky"), ImportConfig(scenario="strict-leaky", latency="7ms")]
    assert [settings(config)["latency"] for config in live] == ["50ms", "20ms", "7ms"]
    assert settings(ImportConfig(url="https://api.example.com/x"))["latency"] is None


def test_a_sweep_that_another_process_writes_is_called_a_sweep(tmp_path: Path) -> None:
    """It has a lock of its own, as a run has, and errors name it as what it is."""
    sweep = create_sweep(tmp_path, "s", GRID, 0.0)
    assert (sweep.writer_pid, sweep.status) == (None, "interrupted")
    with sweep.locked():
        assert (sweep.writer_pid, sweep.status) == (os.getpid(), "running")
        with pytest.raises(RunLocked, match=f"sweep s is running in process {os.getpid()}; wait for it"):
            create_sweep(tmp_path, "s", GRID, 0.0, fresh=True)
    sweep.remove()
    assert not sweep.folder.exists()
