"""Each preset against the test API of its name, in virtual time: nothing is refused, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.presets import AIM, Tried, crossing, tried
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.lab.simulate import scenarios
from harness.pacing import parse_tiers
from harness.spec.presets import load, names

pytestmark = pytest.mark.matrix


def test_each_preset_has_a_scenario() -> None:
    """Of the same name: what a client believes can be tried on what the test API is."""
    assert set(names()) <= set(scenarios())


def checked(name: str, items: int, cost: int) -> Tried:
    """Import from the scenario of a preset's name: complete, unrefused, as fast as `window` told the same limits.

    Where the preset has no limits there is nothing to be as fast as: nothing is waited for, and none is learned.
    """
    found = tried(name, items, cost)
    summary = found.summary
    assert (summary.status, summary.imported, found.refused) == ("complete", items, 0)
    assert summary.requests_item == items
    if load(name).limits:
        assert found.ratio is not None
        assert found.ratio >= AIM
        assert summary.limits_source != "learned"
    else:
        assert (found.ratio, summary.waiting_s, summary.waits, summary.limits) == (None, 0, (), "")
    assert found.met
    return found


@pytest.mark.parametrize("name", names())
def test_a_preset_fits_its_scenario(name: str) -> None:
    """150 items each, so dear that a window is crossed: a limit that the preset has too high would be refused here."""
    items = 150
    cost = crossing(name, items)
    found = checked(name, items, cost)
    if load(name).limits:
        rates = [tier for tier in parse_tiers(found.summary.limits) if tier.kind != "concurrency"]
        crossed = [tier for tier in rates if tier.limit < items * cost]
        assert found.summary.waiting_s > 0
        assert found.duration_s > min(tier.period_s for tier in crossed)


@pytest.mark.parametrize(("name", "longest_s"), [("github", 3600), ("salesforce", 86_400), ("slack", 60)])
def test_the_longest_window_is_crossed(name: str, longest_s: float) -> None:
    """By 150 requests, of an hour and of a day."""
    assert tried(name, 150, crossing(name, 150)).duration_s > longest_s


def test_a_preset_that_allows_too_much_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told 6,000 an hour of GitHub's 5,000, the import is refused."""
    preset = load("github")
    limits = {**preset.limits, "default": "6000/h+900/m"}
    monkeypatch.setattr("harness.config.source.load", lambda _: replace(preset, limits=limits))
    assert not tried("github", 150, crossing("github", 150)).met


@pytest.mark.parametrize(("name", "most"), [("odata", 999), ("salesforce", 2000), ("hubspot", 100), ("stripe", 100)])
def test_a_scenario_hands_out_pages_of_the_size_that_the_preset_asks_for(name: str, most: int) -> None:
    """By a header, too, which is how OData and Salesforce are asked."""
    state = simulate_run(ImportConfig(preset=name, items=5000, detail=False)).state
    assert (state.imported, len(state.pages)) == (5000, -(-5000 // most))


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_preset_fits_its_scenario(name: str) -> None:
    """2,000 items each, at what a request costs there."""
    checked(name, 2000, 1)
