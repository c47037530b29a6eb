"""What a preset is worth: each against the test API of its name, beside `window` told the same limits.

Virtual time. The other import is of as many items from a plain test API that enforces what the preset says, asked for
as many pages and items, and takes as long to answer: what is lost beside it is lost by the way the API has its pages
read, by the preset's limits being others than the scenario's, or by refusals.

A few hundred requests say nothing of 100,000 a day. So that a window is crossed whatever the limit, each request can be
made to cost more units, for the importer, for the scenario and for the plain test API alike (`crossing`). Without
limits there is nothing to compare: such a preset is right where the import waited for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Figure
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.lab.simulate import as_simulated
from harness.pacing import parse_tiers
from harness.record.summary import Summary
from harness.spec.presets import load, names

AIM = 0.97
# How far above its limit the requests go in all, and how many of them a window lets through at least.
_CROSSED, _AT_ONCE = 1.5, 5


@dataclass(frozen=True, slots=True)
class Tried:
    """One preset against its scenario. plain_s: what `window` needs for as many requests, None without limits."""

    name: str
    summary: Summary
    refused: int
    duration_s: float
    plain_s: float | None

    @property
    def ratio(self) -> float | None:
        """How much of what `window` reaches; None where nothing limits either."""
        return None if self.plain_s is None else self.plain_s / self.duration_s

    @property
    def met(self) -> bool:
        """Whether nothing was refused, and the import is as fast as the limits let it be, or waited for none."""
        fast = self.summary.waiting_s == 0 if self.ratio is None else self.ratio >= AIM
        return self.refused == 0 and fast


def crossing(name: str, items: int) -> int:
    """Return the units that each request has to cost for `items` of them to cross the preset's windows; 1 without.

    Each of its windows where that can be: a request must still fit the smallest several times.
    """
    limits = load(name).limits_of(None)
    rates = [tier.limit for tier in parse_tiers("+".join(limits)) if tier.kind != "concurrency"] if limits else []
    if not rates:
        return 1
    return max(1, min(int(_CROSSED * max(rates) / items) + 1, min(rates) // _AT_ONCE))


def tried(name: str, items: int = 2000, cost: int = 1) -> Tried:
    """Simulate the preset against its scenario, then the same number of requests against a plain test API.

    cost: of a request, in units of the limits.
    """
    dear = {"cost": [f"list={cost}", f"item={cost}"]} if cost > 1 else {}
    server = {"cost": {"list": cost, "item": cost}} if cost > 1 else {}
    config = ImportConfig(preset=name, items=items, **dear)
    outcome = simulate_run(config, server=server)
    state = outcome.state
    limits = load(name).limits_of(None)
    plain_s = None
    if limits:
        size = -(-items // max(1, state.answered - items))
        latency = as_simulated(config).test_api.latency
        plain = ImportConfig(
            items=items, per_page=size, limit="+".join(limits), pacing="window", latency=latency, **dear
        )
        plain_s = simulate_run(plain, server=server).state.duration_s
    return Tried(name, outcome.summary, state.refused, state.duration_s, plain_s)


def measure(_rounds: int = 1, items: int = 2000) -> list[Figure]:
    """A figure for each preset: requests a second beside `window`, and the refusals, which must be none."""
    figures = []
    for name in names():
        found = tried(name, items, crossing(name, items))
        assert found.summary.status == "complete", f"{name}: {found.summary.status}"
        aim = "no waiting, 0 refused" if found.ratio is None else f">= {AIM}, 0 refused"
        told = f"{name}, {found.refused} refused"
        figures.append(Figure(told, "s", found.duration_s, found.plain_s, found.ratio, aim, found.met))
    return figures
