"""Makes the README's figures from simulated imports: `make pictures` (about a minute, of which this is a third)."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from harness import ImportConfig
from harness.lab.grid import Grid
from harness.lab.sweeping import process_pool, run_sweep
from harness.lab.sweeps import create_sweep, read_sweep
from harness.papermill.lessons import events_of, greedy_lesson, policies_lesson, strategies_lesson
from harness.views.plots import (
    frontier,
    latency_plot,
    limits_heatmap,
    occupancy,
    png,
    strip,
    timeline,
    workers_plot,
)
from harness.views.plots.lessons import policies_plot, schedules_plot

HERE = Path(__file__).parent
LIMIT = "500/20s+2000/100s"
GRID = {
    "workers": ["1", "2", "3", "5", "10", "20", "50"],
    "pacing": ["window", "reference", "retry-after"],
    "limit": [LIMIT, "400/20s+1600/100s", "600/20s+2400/100s"],
}


def swept(items: int, grid: dict[str, list[str]], repeat: int) -> pd.DataFrame:
    """What the sweep in docs/reports.md gives."""
    with tempfile.TemporaryDirectory() as folder, process_pool(2) as pool:
        sweep = create_sweep(
            Path(folder), "figures", Grid({"items": str(items), "server_limit": LIMIT}, grid, repeat), 0.0
        )
        run_sweep(sweep, pool)
        return read_sweep(sweep.folder)


def figures(items: int = 1500, repeat: int = 3, grid: dict[str, list[str]] = GRID) -> dict[str, Figure]:
    """One of each kind, by the name of its file."""
    frame = swept(items, grid, repeat)
    told = frame[frame["limit"] == LIMIT]
    paced = ["window", "reference", "retry-after", "backoff", "auto"]
    one = events_of(ImportConfig(items=2 * items, limit=LIMIT, workers=10))
    return {
        "figure-workers": workers_plot(told),
        "figure-speed": limits_heatmap(frame[frame["pacing"] == "window"]),
        "figure-429s": limits_heatmap(frame[frame["pacing"] == "window"], "hits_per_1000"),
        "figure-frontier": frontier(told),
        "figure-strip": strip(strategies_lesson(ImportConfig(items=items, limit=LIMIT), paced), LIMIT),
        "figure-timeline": timeline(one),
        "figure-latency": latency_plot(one),
        "figure-workers-busy": occupancy(one),
        "figure-policies": policies_plot(policies_lesson("10/10s", [3.0 + 0.5 * at for at in range(60)])),
        "figure-greedy": schedules_plot(greedy_lesson("4/7s+5/11s", 15)),
    }


def write(figure: Figure, path: Path) -> None:
    """A small PNG: 64 colours are more than a figure has."""
    picture = Image.open(io.BytesIO(png(figure, dpi=120))).convert("RGB").quantize(64)
    picture.save(path, optimize=True)


def main(folder: Path = HERE) -> None:
    for name, figure in figures().items():
        write(figure, folder / f"{name}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
