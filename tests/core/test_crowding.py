"""What the chain lacks where the limit and the workers are about as fast: played in miniature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.config import ImportConfig
from harness.core.ahead import Ahead
from harness.core.crowding import crowding
from harness.core.latency import Latency
from harness.lab.experiment import simulate_run
from harness.pacing import parse_tiers

# Half of the answers take 40 ms, half 140: 90 on average, so that one worker makes 11 requests a second.
AHEAD = Ahead(2, 200, parse_tiers("10/1s"), "window", (1, 1), Latency([0.04, 0.14]))


def test_an_import_is_late_where_both_are_near() -> None:
    """By some percent; the nearer they are the more, and by nothing where every answer takes as long."""
    by_workers = {workers: crowding(AHEAD, workers) for workers in (1, 2, 8)}
    assert 1.02 < by_workers[1] < 1.15
    assert by_workers[8] == 1.0
    assert crowding(replace(AHEAD, latency=Latency([0.09])), 1) == pytest.approx(1.0)


@pytest.mark.parametrize("limit", ["10/1s:bucket", "10/1s:gcra:burst=5", "3:concurrency", "300/1s", "1000/91s"])
def test_one_of_the_two_decides_alone(limit: str) -> None:
    """Buckets give slots one by one, and large windows even out; so does a limit that nobody reaches."""
    ahead = replace(AHEAD, tiers=parse_tiers(limit), items=5000)
    assert crowding(ahead, 1) == 1.0


@pytest.mark.parametrize("strategy", ["spaced", "reference"])
def test_strategies_of_another_kind_are_left_alone(strategy: str) -> None:
    assert crowding(replace(AHEAD, strategy=strategy), 1) == 1.0


@pytest.mark.parametrize(("limit", "workers"), [("10/1s", 1), ("20/1s", 2), ("20/2s:anchored", 1)])
def test_imports_end_within_their_interval_though_the_two_are_near(limit: str, workers: int) -> None:
    """Most of six, where none or few did by the chain alone."""
    found = []
    for seed in range(6):
        config = ImportConfig(items=150, limit=limit, workers=workers, seed=seed)
        found.append(simulate_run(config).summary.predictions[0].inside)
    assert sum(map(bool, found)) >= 5
