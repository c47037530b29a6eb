"""A coordinator or a shard dies at any step by which its files change: nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.record.events import ItemId, PageListed, canonical_id
from harness.record.history import read_events
from harness.record.run import Run
from harness.scale.feed import FeedWriter
from harness.session.importing import config_of
from tests.faults.power import WHENS, When, World
from tests.scale.together import Ended, Switches, in_shards, sharded

ITEMS = 11
# So many sessions at most until a run is complete that was killed once.
_ENOUGH = 3


def world() -> World:
    return World(ids=list(range(1, ITEMS + 1)))


def imported(run: Run) -> Counter[object]:
    rows = run.events().to_pylist()
    return Counter(canonical_id(row["key"]) for row in rows if row["event"] in ("ItemImported", "ItemAdopted"))


def survives(folder: Path, who: str, at: int, when: When) -> bool:
    """Kill `who` at its step `at`, then resume until the run is over, and look; did it get that far?"""
    switches = Switches({who: at}, when=when)
    ended = goes_on(folder, switches)
    return who not in switches.at and (ended.killed or len(ended.started) > 2)


def goes_on(folder: Path, switches: Switches) -> Ended:
    """Import with these deaths, resume until the run is over, and look; answers what came of the first session."""
    asked = world()
    config = in_shards(folder)
    first = ended = sharded(config, asked, switches)
    if not (ended.run.folder / "run.json").exists():  # it died before there was anything: it is started once more
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
    return first


def steps_of(who: str, folder: Path) -> list[str]:
    return sharded(in_shards(folder), world()).steps[who]


MATTERS = ("events/", "items/", "feed")


@pytest.mark.parametrize("who", ["coordinator", "shard 1"])
@pytest.mark.parametrize("when", ["before", "torn"])
def test_a_death_as_the_record_or_the_feed_is_written(tmp_path: Path, who: str, when: When) -> None:
    """Before each part of events and items, and each line of a feed, or with half of it on the disk."""
    steps = steps_of(who, tmp_path / "whole")
    at_each = [at for at, step in enumerate(steps) if step.startswith(("replace", "feed")) and _matters(step)]
    assert len(at_each) > 3
    at_each = at_each[:: 1 if when == "before" else 3]
    reached = [survives(tmp_path / str(at), who, at, when) for at in at_each]
    assert sum(reached) > len(reached) // 2, "most of these deaths are deaths"


def _matters(step: str) -> bool:
    return any(what in step for what in MATTERS)


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 40))])
def test_deaths_of_several_in_one_session(tmp_path: Path, seed: int) -> None:
    """Both shards, and then the coordinator, anywhere."""
    rng = random.Random(seed)
    deaths = {"shard 1": rng.randrange(8, 24), "shard 2": rng.randrange(8, 24), "coordinator": rng.randrange(20, 50)}
    ended = goes_on(tmp_path, Switches(deaths, when=rng.choice(("before", "after", "torn"))))
    assert ended.killed or len(ended.started) > 2


@pytest.mark.slow
@pytest.mark.parametrize("who", ["coordinator", "shard 1"])
@pytest.mark.parametrize("when", WHENS)
def test_a_death_at_any_step(tmp_path: Path, who: str, when: When) -> None:
    """At each step by which files change, also with a power cut after it."""
    steps = steps_of(who, tmp_path / "whole")
    reached = [survives(tmp_path / str(at), who, at, when) for at in range(len(steps))]
    assert sum(reached) > len(reached) // 2, "most of these deaths are deaths"


def test_items_are_fed_once_their_page_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a shard could have what a coordinator that dies then has never heard of."""
    write, seen = FeedWriter.items, []

    def checked(writer: FeedWriter, ids: Sequence[ItemId], places: Sequence[str] | None = None) -> None:
        events = read_events(tmp_path / "r")
        seen.append(set(ids) <= {item for event in events if isinstance(event, PageListed) for item in event.ids})
        write(writer, ids, places)

    monkeypatch.setattr(FeedWriter, "items", checked)
    assert sharded(in_shards(tmp_path), world()).run.status == "complete"
    assert len(seen) > 2
    assert all(seen)


def test_the_steps_hold_what_matters(tmp_path: Path) -> None:
    """Parts of events and items, the feed and run.json are among the steps that the test above goes through."""
    of_coordinator, of_shard = steps_of("coordinator", tmp_path / "a"), steps_of("shard 1", tmp_path / "b")
    for what in ("events/", "items.parquet", "feed {'ids'", "feed {'all'", "feed {'end'", "run.json", "summary.json"):
        assert any(what in step for step in of_coordinator), what
    for what in ("events/", "items/", "run.json", "control"):
        assert any(what in step for step in of_shard), what
