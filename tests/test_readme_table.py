"""The comparison that opens the README is copied from benchmarks/strategies.md, where a test plays rows again."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVERS = ("500/20s:anchored+2000/100s:anchored", "500/20s:log+2000/100s:log")
CLIENTS = {
    "this project, told the limits and how they count": "window, kind declared",
    "this project, told the limits": "window",
    "this project, told nothing": "auto",
    "pyrate-limiter, told the limits": "pyrate-limiter",
    "aiolimiter, told the limits": "aiolimiter",
    "throttled-py, told the limits": "throttled-py",
    "limits (fixed window), told the limits": "limits, fixed window",
    "limits (moving window), told the limits": "limits, moving window",
}


def measured(server: str) -> dict[str, list[str]]:
    """Time / bound and 429s of each client against one server."""
    page = (ROOT / "benchmarks" / "strategies.md").read_text(encoding="utf-8")
    section = page.partition(f"### {server}\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+|more than \d+) \| ([\d,]+) \|", section, re.MULTILINE)
    return {client: [time, refused] for client, time, refused in rows}


def test_every_row_of_the_comparison_was_measured() -> None:
    """Each figure is the one of the benchmark, and no library of the benchmark is left out."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    head = re.escape("| client | fixed windows: time | 429s | sliding log: time | 429s |\n|---|---|---|---|---|\n")
    (table,) = re.findall(head + r"((?:\|.*\|\n)+)", readme)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    fixed, log = (measured(server) for server in SERVERS)
    assert rows == [[shown, *fixed[name], *log[name]] for shown, name in CLIENTS.items()]
    strategies = {"auto, limits declared", "spaced", "reference", "retry-after", "backoff", "aimd", "ATB", "AATB"}
    assert set(fixed) == set(CLIENTS.values()) | strategies
