"""Imports told nothing, in virtual time, against the test API's own decisions; and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from harness.bound import Work, bound
from harness.core.answers import Done
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Network, Simulation
from harness.pacing import AutoPacer, Budget, Pacer, Tiers, parse_tiers
from harness.record import events as e
from harness.record.state import State

EPOCH_S = 1_764_000_000.3


@dataclass
class Played:
    """One import: its events, its end, and the server that it met."""

    core: Core
    pacer: Pacer
    events: list[e.Event]
    done: Done | None
    limit: str
    aligned_s: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.core.state

    @property
    def refused(self) -> int:
        return self.core.state.refused

    @cached_property
    def bound_s(self) -> float:
        """The least time with these workers under the server's limits, as it counts and at the phase where it began."""
        state = self.state
        work = Work(len(state.pages), state.imported, "numbered")
        return bound(work, bounded(self.limit), state.least_latency_s or 0.0, state.workers, EPOCH_S).bound_workers_s

    @property
    def optimality(self) -> float:
        return self.bound_s / self.state.duration_s

    @property
    def beliefs(self) -> tuple[str, ...]:
        return self.pacer.statistics(self.state.session.last_answer_s or 0.0).beliefs

    def learned(self) -> Tiers:
        assert isinstance(self.pacer, AutoPacer)
        return self.pacer.learned()

    def refusals_in_a_row(self) -> int:
        """The most probes refused in one pause, its first refusal included."""
        return max((event.consecutive_refusals for event in self.events if isinstance(event, e.Held)), default=0)


def bounded(limit: str) -> Tiers:
    """The server's grammar as the bound's: a leaky bucket that delays is one whose queue is its burst."""
    return parse_tiers(limit.replace(":by=global", "").replace(":leaky:burst=0", ":bucket:burst=1"))


def play(
    limit: str = "100/5s",
    dialect: str = "honest",
    items: int = 2000,
    *,
    workers: int = 10,
    pacer: Pacer | None = None,
    server: ServerConfig | None = None,
    network: Network | None = None,
    until_s: float = 50_000.0,
    per_page: int = 100,
    **settings: Any,
) -> Played:
    """Import `items` from a server with `limit`, told in `dialect`; settings: more of ServerConfig."""
    events: list[e.Event] = []
    pacer = AutoPacer() if pacer is None else pacer
    budget = Budget("api", pacer)
    core = Core(Rules(workers=workers), shared(budget), events.append, EPOCH_S)
    core.start()
    if server is None:
        settings = {"latency": "lognormal:80ms", **settings}
        server = ServerConfig(items=items, limit=(limit,), dialect=dialect, **settings)
    simulation = Simulation(core, Service(server, 0.0, EPOCH_S), utc_s=EPOCH_S, network=network, per_page=per_page)
    return Played(core, pacer, events, simulation.run(until_s), limit)
