"""What a preset is worth: each against the test API of its name, beside `window` told the same limits.

Virtual time. The other import is of as many items from a plain test API that enforces what the preset says, asked for
as many pages and items by a client that is told so: what is lost beside it is lost by the preset's limits being
others than the scenario's, or by refusals.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Figure
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record.summary import Summary
from harness.spec.presets import load, names

AIM = 0.97


@dataclass(frozen=True, slots=True)
class Tried:
    """One preset against its scenario. best_s: what `window` needs for as many requests, None without limits."""

    name: str
    summary: Summary
    refused: int
    duration_s: float
    plain_s: float | None

    @property
    def ratio(self) -> float:
        """How much of what `window` reaches; 1 where nothing limits either."""
        return 1.0 if self.plain_s is None else self.plain_s / self.duration_s


def tried(name: str, items: int = 2000) -> Tried:
    """Simulate the preset against its scenario, then the same number of requests against a plain test API."""
    outcome = simulate_run(ImportConfig(preset=name, items=items))
    state = outcome.state
    limits = load(name).limits_of(None)
    plain_s = None
    if limits:
        pages = state.answered - items
        plain = ImportConfig(items=items, per_page=-(-items // max(1, pages)), limit="+".join(limits), pacing="window")
        plain_s = simulate_run(plain).state.duration_s
    return Tried(name, outcome.summary, state.refused, state.duration_s, plain_s)


def measure(_rounds: int = 1, items: int = 2000) -> list[Figure]:
    """A figure for each preset: requests a second beside `window`, and the refusals, which must be none."""
    figures = []
    for name in names():
        found = tried(name, items)
        assert found.summary.status == "complete", f"{name}: {found.summary.status}"
        met = found.refused == 0 and found.ratio >= AIM
        told = f"{name}, {found.refused} refused"
        figures.append(Figure(told, "s", found.duration_s, found.plain_s, found.ratio, f">= {AIM}, 0 refused", met))
    return figures
