"""Every ready-made server is imported from, told nothing but the address; or the client says which flag it needs.

What must come is what the server itself answers at the address of each item, without its limits and faults.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness_test_api import Service, scenario, scenarios
from harness_test_api.identity import Ids
from harness_test_api.records import Records

from harness.config import ImportConfig
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Simulation, rest_for
from harness.pacing import AutoPacer, Budget
from harness.record import events as e
from tests.lab.auto_play import EPOCH_S

pytestmark = pytest.mark.matrix

ITEMS = 250
# What cannot come, by scenario, and why.
GONE = {"faulty": 0.05, "hostile": 0.02}
# Neither says when to come back: the first pause looks at each step of its ladder, once.
IN_A_ROW = {"airtable": 16, "hubspot": 12}
# What no answer shows, and the flag that the refusal must name. Their presets know it.
FLAGS = {
    "drf": "add --allow-host backend",
    "elasticsearch": "add --method POST",
    "jira": "add --item URL, or --no-detail",
    "notion": "add --method POST",
    "slack": "add --item URL, or --no-detail",
}


class Played:
    """An import of a scenario's list in virtual time, and what it has kept."""

    def __init__(self, name: str, workers: int = 10, preset: str | None = None) -> None:
        self.events: list[e.Event] = []
        self.kept: dict[Any, Any] = {}
        self.service = Service(scenario(name, items=ITEMS), 0.0, EPOCH_S)
        core = Core(Rules(workers=workers), shared(Budget("api", AutoPacer())), self.events.append, EPOCH_S)
        core.start()
        rest = None if preset is None else rest_for(ImportConfig(scenario=name, preset=preset), self.service)
        simulation = Simulation(core, self.service, utc_s=EPOCH_S, per_page=25, put=self._put, rest=rest)
        simulation.run(20_000.0)
        self.state, self.now = core.state, simulation.now

    def _put(self, item: Any, payload: str) -> None:
        self.kept[str(item)] = json.loads(payload)


def there(name: str) -> dict[str, Any]:
    """The items as the server answers them at their own addresses, out of their envelopes, by their ids."""
    known = scenario(name, items=ITEMS)
    catalogue, shape, found = Service(known, 0.0, EPOCH_S).catalogue, known.parsed.shape, {}
    records = Records(shape, Ids(shape.id_kind, known.seed, len(shape.id)), known.seed)
    for row in catalogue.slice(0.0, 0, ITEMS):
        make = catalogue.find(0.0, str(row["id"]))
        assert make is not None
        shown = records.item(make(), "http://127.0.0.1")
        for key in filter(None, shape.item_records.split(".")):
            shown = shown[key]
        found[str(_at(shown, shape.id[0]))] = json.loads(json.dumps(shown))
    return found


def _at(row: Any, path: str) -> Any:
    for key in path.split("."):
        row = row[key]
    return row


NAMES = [name for name in scenarios.names() if name not in ("plans", "drifting")]


def is_exact(name: str, played: Played) -> None:
    """All items came as they are, but those that are gone; no pause saw more than five refusals in a row."""
    state, expected = played.state, there(name)
    print(name, state.duration_s, state.refused, state.failed, state.reason)
    assert state.status == ("complete with failures" if state.failed else "complete")
    assert len(expected) == len(state.items) == state.imported + state.failed == ITEMS
    assert state.failed <= ITEMS * GONE.get(name, 0)
    gone = {str(failure.key) for failure in state.failures.values()}
    assert played.kept == {key: row for key, row in expected.items() if key not in gone}
    in_a_row = [event.consecutive_refusals for event in played.events if isinstance(event, e.Held)]
    assert max(in_a_row, default=0) <= IN_A_ROW.get(name, 5)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FLAGS])
def test_each_scenario_is_imported_without_being_told_anything(name: str) -> None:
    """The address of its list alone."""
    is_exact(name, Played(name))


@pytest.mark.parametrize("name", FLAGS)
def test_what_no_answer_shows_is_said_by_a_flag_and_known_by_its_preset(name: str) -> None:
    """Untold it fails at once, and says what to add; with the preset of its name every record comes."""
    untold = Played(name)
    assert (untold.state.status, untold.state.imported) == ("failed", 0)
    assert FLAGS[name] in untold.state.reason
    is_exact(name, Played(name, preset=name))


def test_a_list_that_changes_is_imported_as_far_as_it_was_seen() -> None:
    """Items that were listed come, or are gone; what shifted over a page border nobody has listed."""
    state = Played("drifting").state
    assert state.status in ("complete", "complete with failures")
    assert state.imported + state.failed == len(state.items)
    assert {failure.status for failure in state.failures.values()} <= {404, 410}
    assert state.imported > 0.9 * ITEMS


def test_a_server_that_wants_a_key_says_so() -> None:
    """Without a key there is no list: the reason names the page and the status, at once."""
    played = Played("plans")
    state = played.state
    assert state.status == "failed"
    assert "page 1 of the list" in state.reason
    assert "401" in state.reason
    assert played.now < 5
