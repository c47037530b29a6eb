"""What `auto`, told nothing, reaches of what `window` reaches that is told the truth: `python -m benchmarks learn`.

Virtual time, so the figures are the same on every machine: an import of 13 windows of the longest limit, or as many
items as said, 10 workers, 80 ms lognormal, the median of `rounds` seeds. Each figure is a share: how long `window` took
that knew the limits and their kind, over how long `auto` took. In the column `other` is the share that the learner
before it reached (recorded in November 2026, with seed 0); the last two columns are the aim and whether it is met.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median

from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from benchmarks.measure import Figure
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Simulation
from harness.pacing import AutoPacer, Budget, Pacer, WindowPacer, parse_tiers
from harness.record.state import State

WORKERS, LATENCY, WINDOWS = 10, "lognormal:80ms", 13
EPOCH_S = 1_764_000_000.3


@dataclass(frozen=True, slots=True)
class Row:
    """A server, what it says of its limits, what is aimed at, and what was reached before. items: None: WINDOWS."""

    limit: str
    dialect: str
    aim: float
    before: float | None = None
    items: int | None = None

    @property
    def name(self) -> str:
        return f"{self.limit}, {self.dialect}"

    @property
    def told(self) -> str:
        """Return the limits as a client writes them."""
        return re.sub(r":penalty=[^:+]*", "", self.limit).replace(":leaky:burst=0", ":bucket:burst=1")

    @property
    def size(self) -> int:
        return self.items or WINDOWS * parse_tiers(self.told.rsplit("+", maxsplit=1)[-1])[0].limit


ROWS = (
    Row("20/3s", "none", 0.95, 0.889),
    Row("20/11s", "none", 0.95, 0.684),
    Row("20/13s:log", "none", 0.95, 0.755),
    Row("100/7s", "none", 0.95, 0.924),
    Row("100/11s:log", "none", 0.95, 0.827),
    Row("100/23s", "none", 0.95, 0.704),
    Row("100/33s", "none", 0.95, 0.845),
    Row("20/47s", "none", 0.95, 0.933),
    Row("20/60s", "none", 0.95, 0.999),
    Row("20/90s", "none", 0.95, 0.643),
    Row("20/120s", "none", 0.95, 0.767),
    Row("20/300s", "none", 0.95, 1.0),
    Row("20/900s", "none", 0.95, 1.0),
    Row("20/7s:aligned", "none", 0.90, 0.864),
    Row("100/11s:aligned", "none", 0.90, 0.773),
    Row("100/33s:aligned", "none", 0.90, 0.738),
    Row("500/20s+2000/100s", "none", 0.90, 0.995, 8000),
    Row("20/10s+100/60s", "none", 0.90, 0.948, 800),
    Row("60/3s+200/15s", "none", 0.90, 0.970, 1500),
    Row("30/7s:log+100/40s:log", "none", 0.90, 0.932, 900),
    Row("20/10s:counter+100/60s:counter", "none", 0.85, 0.576, 1600),
    Row("30/2s:counter+100/10s:counter", "none", 0.85, 0.983, 1500),
    Row("100/7s:counter", "none", 0.85, 0.701),
    Row("500/20s+2000/100s", "retry-after", 0.95, 1.0, 8000),
    Row("20/10s+100/60s", "retry-after", 0.95, 0.999, 800),
    Row("100/11s", "retry-after", 0.95, 0.917),
    Row("10/s:leaky:burst=0", "retry-after", 0.93, 1.819, 900),
    Row("2/s:leaky:burst=0", "retry-after", 0.93, 1.085, 180),
    Row("20/1s:penalty=6s", "none", 0.85, 0.213, 10_000),
    Row("20/1s:penalty=30s", "none", 0.85, 0.036, 10_000),
    Row("5/1s:penalty=30s", "none", 0.85, 0.036, 2400),
    Row("6:concurrency", "none", 0.90, 0.531, 3000),
    Row("3:concurrency", "none", 0.90, 0.488, 1500),
    Row("6:concurrency+100/10s", "none", 0.90, 0.952, 1500),
    Row("60/60s", "okta", 0.95, 0.999, 360),
    Row("2/s:bucket:burst=40", "shopify", 0.95, 0.997, 400),
    Row("100/10s:log+5000/1d", "hubspot", 0.95, 0.996, 600),
    Row("60/60s:bucket", "openai", 0.95, 0.997, 360),
    Row("50/60s:bucket", "anthropic", 0.95, 0.995, 300),
    Row("10/s:gcra:burst=10", "honest", 0.95, 0.810, 600),
)


def play(row: Row, pacer: Pacer, seed: int) -> State:
    """Import from the server of `row`, in virtual time."""
    core = Core(Rules(workers=WORKERS), shared(Budget("api", pacer)), lambda _: None, EPOCH_S)
    core.start()
    server = ServerConfig(items=row.size, limit=(row.limit,), dialect=row.dialect, latency=LATENCY, seed=seed)
    Simulation(core, Service(server, 0.0, EPOCH_S), utc_s=EPOCH_S).run()
    return core.state


def share(row: Row, seed: int) -> tuple[float, int]:
    """Return the share of what `window` reaches, told the truth, and how many were refused."""
    known = play(row, WindowPacer(parse_tiers(row.told), 30.0), seed)
    learned = play(row, AutoPacer(), seed)
    if known.status != learned.status:
        raise RuntimeError(
            f"{row.name}: {learned.status} where the limits are not known, {known.status} where they are"
        )
    return known.duration_s / learned.duration_s, learned.refused


def measure(rounds: int = 5, rows: tuple[Row, ...] = ROWS) -> list[Figure]:
    """Return two figures for each server: the share, and the refusals that learning cost."""
    figures = []
    for row in rows:
        played = [share(row, seed) for seed in range(rounds)]
        reached = median(one for one, _ in played)
        figures.append(
            Figure(row.name, "of window told", reached, row.before, None, f">= {row.aim:g}", reached >= row.aim)
        )
        figures.append(Figure(f"{row.name}: refused", "requests", median(refused for _, refused in played)))
    return figures
