"""A coordinator or a shard dies at any step by which its files change: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.record.events import canonical_id
from harness.record.run import Run
from harness.session.importing import config_of
from tests.faults.power import WHENS, When, World
from tests.scale.together import Switches, in_shards, sharded

ITEMS = 14
# So many sessions at most until a run is complete that was killed once.
_ENOUGH = 3


def world() -> World:
    return World(ids=list(range(1, ITEMS + 1)))


def imported(run: Run) -> Counter[object]:
    rows = run.events().to_pylist()
    return Counter(canonical_id(row["key"]) for row in rows if row["event"] in ("ItemImported", "ItemAdopted"))


def survives(folder: Path, who: str, at: int, when: When) -> bool:
    """Kill `who` at its step `at`, then resume until the run is over, and look; did it get that far?"""
    asked = world()
    config, switches = in_shards(folder), Switches({who: at}, when=when)
    ended = sharded(config, asked, switches)
    reached = who not in switches.at and (ended.killed or len(ended.started) > 2)
    if not (ended.run.folder / "run.json").exists():  # it died before there was anything: it is started once more
        assert who == "coordinator"
        ended = sharded(config, asked)
    for _ in range(_ENOUGH):
        if ended.run.status == "complete" and ended.run.settled:
            break
        recorded = imported(ended.run)
        before = len(asked.asked)
        ended = sharded(config_of(ended.run), asked)
        again = {key for role, key in asked.asked[before:] if role == "item"} & set(recorded)
        assert not again, "what the run had recorded is not asked for again"
    run = ended.run
    assert run.status == "complete"
    assert imported(run) == Counter(range(1, ITEMS + 1))
    assert [row["id"] for row in run.items().to_pylist()] == list(range(1, ITEMS + 1))
    state = run.state()
    assert (state.imported, state.failed, state.pending, state.waiting) == (ITEMS, 0, 0, 0)
    charged = sum(row["charged"] for row in run.events().to_pylist() if row["event"] == "Charged")
    assert state.fetches - charged == state.pages_read, "of its own requests the coordinator has sent the pages"
    return reached


def steps_of(who: str, folder: Path) -> list[str]:
    return sharded(in_shards(folder), world()).steps[who]


@pytest.mark.parametrize("who", ["coordinator", "shard 1"])
@pytest.mark.parametrize(
    ("every", "whens"),
    [(5, ("before",)), (7, ("after", "torn")), pytest.param(1, WHENS, marks=pytest.mark.slow)],
)
def test_a_death_at_any_step(tmp_path: Path, who: str, every: int, whens: tuple[When, ...]) -> None:
    """In the fast suite at some of the steps; `slow`, at each of them, also with a power cut after it."""
    steps = steps_of(who, tmp_path / "whole")
    assert len(steps) > 20
    reached = [
        survives(tmp_path / f"{when}-{at}", who, at, when) for when in whens for at in range(0, len(steps), every)
    ]
    assert sum(reached) > len(reached) // 2, "most of these deaths are deaths"


def test_the_steps_hold_what_matters(tmp_path: Path) -> None:
    """Parts of events and items, the feed and run.json are among the steps that the test above goes through."""
    of_coordinator, of_shard = steps_of("coordinator", tmp_path / "a"), steps_of("shard 1", tmp_path / "b")
    for what in ("events/", "items.parquet", "feed {'ids'", "feed {'all'", "feed {'end'", "run.json", "summary.json"):
        assert any(what in step for step in of_coordinator), what
    for what in ("events/", "items/", "run.json", "control"):
        assert any(what in step for step in of_shard), what
