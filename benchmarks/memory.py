"""The most memory that an import of a million items takes: the whole process, Python and Arrow included."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import trio

from benchmarks.core import PER_PAGE, import_instantly
from benchmarks.measure import Figure, alone
from harness.record.arrow import sparing_memory

ITEMS = 1_000_000


def measure(rounds: int = 1, items: int = ITEMS) -> list[Figure]:
    """Peak of a process that imports `items` with its record on, and of one that imports next to nothing."""
    few, many = [], []
    for _ in range(rounds):
        few.append(_peak_of(PER_PAGE))
        many.append(_peak_of(items))
    return [
        alone(f"memory, {PER_PAGE:,} items", "MB", few),
        alone(f"memory, {items:,} items", "MB", many, at_most=300),
    ]


def _peak_of(items: int) -> float:
    """In a process of its own: a peak never goes down again."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_import_and_weigh, items).result()


def _import_and_weigh(items: int) -> float:
    with sparing_memory():  # as the command line does
        trio.run(partial(import_instantly, items, True, results=True))
    return peak_mb()


def peak_mb() -> float:
    """The most resident memory of this process so far, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that begins with the peak of the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
