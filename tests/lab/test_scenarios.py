"""Every ready-made server is imported from, told nothing but the address, or the client says what is wrong."""

from __future__ import annotations

import pytest
from harness_test_api import Service, scenario, scenarios

from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Simulation
from harness.pacing import AutoPacer, Budget
from harness.record import events as e
from tests.lab.auto_play import EPOCH_S

pytestmark = pytest.mark.matrix

ITEMS = 250
# What cannot come, by scenario, and why.
GONE = {"faulty": 0.05, "hostile": 0.02}


def imported(name: str, workers: int = 10) -> tuple[Simulation, AutoPacer, list[e.Event]]:
    """An import of the scenario's list, in virtual time."""
    events: list[e.Event] = []
    pacer = AutoPacer()
    budget = Budget("api", pacer)
    core = Core(Rules(workers=workers), shared(budget), events.append, EPOCH_S)
    core.start()
    service = Service(scenario(name, items=ITEMS), 0.0, EPOCH_S)
    simulation = Simulation(core, service, utc_s=EPOCH_S, per_page=25)
    simulation.run(20_000.0)
    return simulation, pacer, events


@pytest.mark.parametrize("name", [name for name in scenarios.names() if name not in ("plans", "drifting")])
def test_each_scenario_is_imported_without_being_told_anything(name: str) -> None:
    """All items come, but those that are gone; no pause sees more than five refusals in a row."""
    simulation, _, events = imported(name)
    state = simulation.core.state
    print(name, state.duration_s, state.refused, state.failed, state.reason)
    assert state.status in ("complete", "complete with failures")
    assert state.imported + state.failed == len(state.items) == ITEMS
    assert state.failed <= ITEMS * GONE.get(name, 0)
    assert max((event.consecutive_refusals for event in events if isinstance(event, e.Held)), default=0) <= 5


def test_a_list_that_changes_is_imported_as_far_as_it_was_seen() -> None:
    """Items that were listed come, or are gone; what shifted over a page border nobody has listed."""
    state = imported("drifting")[0].core.state
    assert state.status in ("complete", "complete with failures")
    assert state.imported + state.failed == len(state.items)
    assert {failure.status for failure in state.failures.values()} <= {404, 410}
    assert state.imported > 0.9 * ITEMS


def test_a_server_that_wants_a_key_says_so() -> None:
    """Without a key there is no list: the reason names the page and the status, at once."""
    simulation, _, _ = imported("plans")
    state = simulation.core.state
    assert state.status == "failed"
    assert "page 1 of the list" in state.reason
    assert "401" in state.reason
    assert simulation.now < 5
