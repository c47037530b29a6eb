"""Import from rate-limited HTTP APIs as fast as their limits allow, and measure how close you came.

    run = await run_import(ImportConfig(url="https://api.example.com/orders", limit="100/m"))
    run.summary()["optimality"], run.items()

The public door: everything here is stable, everything below it may move.
"""

from __future__ import annotations

from pathlib import Path

from harness.bound import Bound, Work, bound
from harness.config import ImportConfig
from harness.engine.importing import run_import
from harness.errors import BadInput, HarnessError
from harness.pacing import Grant, Later, Pacer, Unpaced, parse_tiers
from harness.record.run import Run, find_run

__all__ = [
    "BadInput",
    "Bound",
    "Grant",
    "HarnessError",
    "ImportConfig",
    "Later",
    "Pacer",
    "Run",
    "Unpaced",
    "Work",
    "bound",
    "open_run",
    "parse_tiers",
    "run_import",
]


def open_run(name: str | None = None, results: str | Path = "results") -> Run:
    """The run `name` (a unique prefix is enough), or the latest; NoSuchRun says which there are."""
    return find_run(Path(results), name)
