"""Simulated requests a second beside HTTP in virtual time, and sweeps on one process and on two.

In processor time, which others on the machine disturb least; sweeps in real time, for processes are what they measure.
"""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from benchmarks.asgi import asgi_run
from benchmarks.measure import Figure, alone, beside, turns
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.lab.grid import Grid
from harness.lab.sweeping import process_pool, run_sweep
from harness.lab.sweeps import create_sweep

# The reference scenario: 10,000 items at 500/20s+2000/100s, which take 500 s.
REFERENCE: dict[str, Any] = {"workers": 20, "limit": "500/20s+2000/100s"}


def measure(
    rounds: int = 3, items: int = 10_000, asgi_items: int = 2_000, points: int = 200, point_items: int = 300
) -> list[Figure]:
    """The reference scenario simulated and over ASGI, then a sweep of `points` runs of `point_items` items each."""
    configs = {"simulated": ImportConfig(items=items, **REFERENCE), "asgi": ImportConfig(items=asgi_items, **REFERENCE)}
    rates: dict[str, list[float]] = {name: [] for name in configs}
    times: list[float] = []
    for name in turns(list(configs), rounds):
        virtual_s, took_s = _timed(name, configs[name])
        rates[name].append(_requests(configs[name]) / took_s)
        if name == "simulated":
            times.append(virtual_s / took_s)
    swept = {jobs: _sweep(points, point_items, jobs) for jobs in (1, 2)}
    return [
        beside("simulated : HTTP in virtual time", "requests/s", rates["simulated"], rates["asgi"], at_least=20),
        alone("simulated, the reference scenario", "x real time", times, at_least=1000),
        alone(f"sweep of {points} points, 1 process", "s", [swept[1]]),
        beside(f"sweep of {points} points, 2 processes : 1", "s", [swept[2]], [swept[1]]),
    ]


def _timed(name: str, config: ImportConfig) -> tuple[float, float]:
    """(seconds of virtual time, seconds of processor time)."""
    began_s = process_time()
    state = simulate_run(config).state if name == "simulated" else asgi_run(config)[0]
    return state.duration_s, process_time() - began_s


def _requests(config: ImportConfig) -> int:
    items = config.test_api.items or 0
    return items + math.ceil(items / config.source.page_size)


def _sweep(points: int, items: int, jobs: int) -> float:
    """Seconds for a sweep of so many points, its processes' start included."""
    grid = Grid({"items": items, "limit": "100/5s"}, {"workers": list(range(1, points + 1))})
    with TemporaryDirectory() as folder:
        sweep = create_sweep(Path(folder), "bench", grid, 0.0)
        began_s = perf_counter()
        with process_pool(jobs) as pool:
            run_sweep(sweep, pool)
        return perf_counter() - began_s
