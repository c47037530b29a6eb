"""Each preset against the test API of its name, in virtual time: nothing is refused, and nothing is lost by it."""

from __future__ import annotations

import pytest

from benchmarks.presets import AIM, tried
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


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_preset_fits_its_scenario(name: str) -> None:
    """2,000 items each."""
    checked(name, 2000)
