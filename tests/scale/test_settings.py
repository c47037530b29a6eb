"""Where `shards` may be said, and where it means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from harness import ImportConfig, run_import
from harness.errors import BadInput
from harness.lab.experiment import simulate_run
from harness.lab.grid import read_grid
from harness.papermill.cells import NotebookProblem
from harness.papermill.runs import run_experiment
from harness.scale.executors import Executor


@pytest.mark.parametrize("shards", [0, -1, 257, "two", 1.5])
def test_a_number_that_is_none_is_refused(shards: object) -> None:
    with pytest.raises(ValueError, match="shards"):
        ImportConfig(shards=shards)


def test_a_count_of_requests_is_kept_by_one_process() -> None:
    with pytest.raises(ValueError, match="--max-requests is counted by one process; leave out --shards"):
        ImportConfig(shards=2, max_requests=100)


def test_it_is_an_axis_of_a_sweep_over_sockets() -> None:
    grid = read_grid({}, {"url": "http://127.0.0.1:9/items"}, ["shards=1,2,4"], None)
    assert [grid.config(point).pacing.shards for point in grid.points()] == [1, 2, 4]
    with pytest.raises(BadInput, match="shards does nothing in a simulation; leave it out, or add --live"):
        grid.check_simulable()


def test_a_simulation_has_no_processors(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no processors"):
        simulate_run(ImportConfig(shards=2, items=5))
    with pytest.raises(NotebookProblem, match="no processors"):
        run_experiment(ImportConfig(shards=2, items=5, results=tmp_path))


def test_one_shard_starts_nothing(tmp_path: Path) -> None:
    """As an import without the setting: no folder of shards, and no executor is asked."""

    class Never:
        def start(self, task: object) -> object:
            raise AssertionError("a shard was started")

    never: Executor = Never()  # type: ignore[assignment]
    config = ImportConfig(url="http://127.0.0.1:9/items", results=tmp_path, run="r", retry_delays="", shards=1)
    run = trio.run(lambda: run_import(config, executor=never))
    assert run.status == "failed"  # nobody listens there
    assert not (run.folder / "shards").exists()
