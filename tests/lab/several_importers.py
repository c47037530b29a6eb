"""Several imports at once, of one key, in virtual time: each knows of its own requests alone."""

from __future__ import annotations

from collections.abc import Sequence

from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from harness.core.answers import Done, Fetch
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Simulation
from harness.pacing import Budget, Pacer
from harness.record.state import State
from tests.lab.auto_play import EPOCH_S


class Together(Simulation):
    """A simulation of a service that others use, too. due_s: when something happens in it next; inf: it is over."""

    due_s = 0.0

    def go(self) -> None:
        """Do what is due."""
        self.now = max(self.now, self.due_s)
        while True:
            answer = self.core.next(self.now)
            if isinstance(answer, Fetch):
                self._send(answer)
            elif isinstance(answer, Done):
                self.due_s = float("inf")
                return
            else:
                due = self._heap[0][0] if self._heap else float("inf")
                until = float("inf") if answer.until is None else answer.until
                if min(due, until) > self.now:
                    self.due_s = min(due, until)
                    return
                self._wait(answer, self.now)


def several(limit: str, dialect: str, pacers: Sequence[Pacer], items: int, workers: int = 10) -> list[State]:
    """Import `items` with each of `pacers`, all at once, from one server with `limit`; return how each ended."""
    service = Service(
        ServerConfig(items=items, limit=(limit,), dialect=dialect, latency="lognormal:80ms"), 0.0, EPOCH_S
    )
    sims = []
    for pacer in pacers:
        core = Core(Rules(workers=workers), shared(Budget("api", pacer)), lambda _: None, EPOCH_S)
        core.start()
        sims.append(Together(core, service, utc_s=EPOCH_S))
    while any(sim.due_s < float("inf") for sim in sims):
        min(sims, key=lambda sim: sim.due_s).go()
    return [sim.core.state for sim in sims]
