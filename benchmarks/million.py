"""A million items simulated: the processor time that takes, and the most memory of the process."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from time import process_time

from benchmarks.measure import Figure, alone
from benchmarks.memory import peak_mb
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run

ITEMS = 1_000_000


def measure(rounds: int = 1, items: int = ITEMS) -> list[Figure]:
    """In a process of its own each time: a peak never goes down again."""
    took: list[float] = []
    peaks: list[float] = []
    for _ in range(rounds):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            took_s, mb = pool.submit(_simulate, items).result()
        took.append(took_s)
        peaks.append(mb)
    return [
        alone(f"simulated, {items:,} items", "s", took, at_most=60),
        alone(f"simulated, {items:,} items, memory", "MB", peaks, at_most=300),
    ]


def _simulate(items: int) -> tuple[float, float]:
    began_s = process_time()
    simulate_run(ImportConfig(items=items, workers=20))
    return process_time() - began_s, peak_mb()
