"""Whole imports in virtual time: this project's core and pacing against the test API's own way of counting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from harness.bound import Bound, Work, bound
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Network, Simulation
from harness.pacing import Budget, Pacer, WindowPacer, parse_tiers

# Not on the second, nor at a border of any window.
EPOCH_S = 1_700_000_003.7


@dataclass(frozen=True)
class Trip:
    """A round trip: the way there and back (each lognormal around `way_s`), and the server's own time."""

    way_s: float = 0.02
    sigma: float = 0.0
    service_s: float = 0.02

    @property
    def mean_s(self) -> float:
        return self.service_s + 2 * self.way_s * math.exp(self.sigma**2 / 2)

    @property
    def longest_s(self) -> float:
        """Longer than all but about one in a thousand."""
        return self.service_s + 2 * self.way_s * math.exp(2.5 * self.sigma)

    def network(self, seed: int) -> Network:
        random = Random(seed)

        def way() -> float:
            return self.way_s * math.exp(random.gauss(0.0, self.sigma))

        return Network(way, way)


@dataclass(frozen=True)
class Outcome:
    """What came of one import, and what was possible: with the mean round trip where latency is drawn."""

    refused: int
    duration_s: float
    best: Bound
    pacer: Pacer

    @property
    def optimality(self) -> float:
        return self.best.bound_workers_s / self.duration_s


def play(
    server_limit: str,
    items: int,
    *,
    believed: str | None = None,
    workers: int = 20,
    trip: Trip | None = None,
    rtt_floor_s: float = 0.0,
    epoch_s: float = EPOCH_S,
    pacer: Pacer | None = None,
    seed: int = 1,
) -> Outcome:
    """Import `items` from a server under `server_limit` with a client that believes `believed` (else the same)."""
    trip = trip or Trip()
    tiers = parse_tiers(believed or server_limit)
    used = pacer or WindowPacer(tiers, 30.0, rtt_floor_s)
    budget = Budget("api", used)
    core = Core(Rules(workers=workers), shared(budget), lambda event: None, 0.0)
    core.start()
    server = ServerConfig(
        items=items, limit=(server_limit,), latency=f"{trip.service_s}s", seed=seed, ledger_rows=0, epoch=epoch_s
    )
    service = Service(server, 0.0)
    done = Simulation(core, service, network=trip.network(seed)).run()
    assert done is not None
    assert core.state.imported == items
    assert service.report()["refused"] == core.state.refused
    work = Work(len(core.state.pages), items)
    best = bound(work, tiers, trip.mean_s, workers, epoch_s=epoch_s)
    return Outcome(core.state.refused, core.state.duration_s, best, used)
