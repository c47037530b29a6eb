"""What one run of a sweep takes, as it is sent to another process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import ImportConfig


@dataclass(frozen=True, slots=True)
class Job:
    """A run to make. place: the first columns of its row. runs: the folder that keeps its files (None: none are kept).

    live: over sockets, in real time; else simulated. notebook: papermill executes it to make the run, and it is kept
    beside the run's folder.
    """

    config: ImportConfig
    place: dict[str, Any]
    runs: Path | None = None
    live: bool = False
    notebook: Path | None = None
