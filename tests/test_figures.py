"""The README's figures: one of each kind, made by the command that it names."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
SHOWN = {
    page: set(re.findall(r"\((?:docs/)?(figure-[a-z0-9-]+)\.png\)", (ROOT / page).read_text()))
    for page in ("README.md", "docs/reports.md")
}


def test_the_readme_shows_one_figure_of_each_kind() -> None:
    """Of sweeps four, of runs four; those of the lessons are in docs/reports.md."""
    of_sweeps = {"figure-workers", "figure-speed", "figure-429s", "figure-frontier"}
    of_runs = {"figure-strip", "figure-timeline", "figure-latency", "figure-workers-busy"}
    assert SHOWN["README.md"] == of_sweeps | of_runs
    assert SHOWN["docs/reports.md"] == {"figure-policies", "figure-greedy"}


def test_committed_figures_are_small_and_not_empty() -> None:
    """A few colours at least, and under 40 kB each."""
    paths = sorted((ROOT / "docs").glob("figure-*.png"))
    assert {path.stem for path in paths} == SHOWN["README.md"] | SHOWN["docs/reports.md"]
    for path in paths:
        assert path.stat().st_size < 40_000
        colors = Image.open(path).convert("RGB").getcolors(100_000)
        assert colors is not None
        assert len(colors) > 10


@pytest.mark.realtime
def test_the_command_makes_what_the_pages_show(tmp_path: Path) -> None:
    """docs/make_figures.py, in small: every figure that a page shows, and no other."""
    spec = importlib.util.spec_from_file_location("make_figures", ROOT / "docs" / "make_figures.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    grid = {"workers": ["2", "5"], "pacing": ["window", "retry-after"], "limit": [made.LIMIT, "400/20s"]}
    figures = made.figures(items=40, repeat=1, grid=grid)
    assert set(figures) == SHOWN["README.md"] | SHOWN["docs/reports.md"]
    made.write(figures["figure-workers"], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
