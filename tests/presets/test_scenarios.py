"""Each preset against the test API of its name, in virtual time: nothing is refused, and nothing is lost by it."""

from __future__ import annotations

import pytest

from benchmarks.presets import AIM, tried
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.lab.simulate import scenarios
from harness.spec.presets import load, names

# Of each way of paging one, and those whose limits are of their own kind.
SAMPLE = ("github", "stripe", "slack", "shopify", "notion", "salesforce", "pokeapi", "json-server", "elasticsearch")


def test_each_preset_has_a_scenario() -> None:
    """Of the same name: what a client believes can be tried on what the test API is."""
    assert set(names()) <= set(scenarios())


def checked(name: str, items: int) -> None:
    """Import from the scenario of a preset's name: complete, unrefused, as fast as `window` told the same limits."""
    found = tried(name, items)
    assert (found.summary.status, found.summary.imported, found.refused) == ("complete", items, 0)
    assert found.ratio >= AIM
    assert (found.plain_s is None) == (not load(name).limits)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_preset_fits_its_scenario(name: str) -> None:
    """A sample, 300 items each."""
    checked(name, 300)


@pytest.mark.parametrize(("name", "most"), [("odata", 999), ("salesforce", 2000), ("hubspot", 100), ("stripe", 100)])
def test_a_scenario_hands_out_pages_of_the_size_that_the_preset_asks_for(name: str, most: int) -> None:
    """By a header, too, which is how OData and Salesforce are asked."""
    state = simulate_run(ImportConfig(preset=name, items=5000, detail=False)).state
    assert (state.imported, len(state.pages)) == (5000, -(-5000 // most))


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_preset_fits_its_scenario(name: str) -> None:
    """2,000 items each."""
    checked(name, 2000)
