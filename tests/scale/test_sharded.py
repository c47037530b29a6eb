"""An import by several processes: what comes of it is what one process would bring, as one run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from harness.core.answers import PageRead
from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.events import Key, Role
from harness.record.live import Live, LiveFlight, LiveTier
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.record.shards import shard_folders, shard_of
from harness.scale.coordinator import Coordinator, together
from harness.session.importing import config_of, forget, reopen
from harness.session.reader import RunReader
from harness.source.base import Got, OnHeaders
from tests.faults.power import World, session, settings
from tests.scale.together import Switches, Tasks, in_shards, sharded

ITEMS = 30


def world(**more: object) -> World:
    return World(ids=list(range(1, ITEMS + 1)), **more)  # type: ignore[arg-type]


def asked(of: World) -> Counter[object]:
    return Counter(key for role, key in of.asked if role == "item")


def test_the_items_are_those_of_one_process_and_in_the_order_of_the_list(tmp_path: Path) -> None:
    alone, shared = World(ids=list(range(ITEMS, 0, -1))), World(ids=list(range(ITEMS, 0, -1)))
    one = session(settings(tmp_path, run="one", detail=True), alone)
    several = sharded(in_shards(tmp_path, 3), shared).run
    assert several.status == "complete"
    assert several.items().to_pylist() == one.items().to_pylist()
    assert [row["id"] for row in several.items().to_pylist()] == list(range(ITEMS, 0, -1))
    assert asked(shared) == asked(alone)  # each once
    state, whole = several.state(), one.state()
    assert (state.imported, state.answered, state.requests) == (whole.imported, whole.answered, whole.requests)
    assert state.listing.evidence == whole.listing.evidence
    for folder in shard_folders(several.folder):
        own = Run(folder).state()
        assert own.status == "complete"
        assert {shard_of(item, 3) for item in own.items.columns()[0]} == {int(folder.name)}


def test_items_are_chosen_as_by_one_process(tmp_path: Path) -> None:
    """Where nobody said whether items are to be fetched, the coordinator finds out, and fetches none twice."""
    shared = world()
    run = sharded(in_shards(tmp_path, 2, detail=None), shared).run
    assert run.status == "complete"
    assert sorted(asked(shared).elements()) == list(range(1, ITEMS + 1))


def test_an_audit_finds_what_has_come_since(tmp_path: Path) -> None:
    """The list is read again, and only what is new is given to the shards."""
    shared = world()
    run = sharded(in_shards(tmp_path), shared).run
    shared.ids += [97, 98, 99]
    audited = sharded(config_of(run), shared, relist=True).run
    assert (audited.status, audited.state().imported) == ("complete", ITEMS + 3)
    assert max(asked(shared).values()) == 1
    assert [row["id"] for row in audited.items().to_pylist()] == shared.ids


def test_where_an_item_lies_goes_with_it(tmp_path: Path) -> None:
    """Of a list that says so for some of its records: each shard asks there, also after it was killed."""

    class Placed(World):
        where: dict[object, str | None]

        async def fetch(  # type: ignore[override]
            self, role: Role, key: Key, on_headers: OnHeaders, place: str | None = None
        ) -> Got | None:
            got = await super().fetch(role, key, on_headers)
            if role == "item":
                self.where[key] = place
            elif got is not None and isinstance(got.result, PageRead):
                places = tuple(f"/at/{number * 7}" for number in got.result.ids)
                return replace(got, result=replace(got.result, places=places))
            return got

    placed = Placed(ids=list(range(1, ITEMS + 1)))
    placed.where = {}
    ended = sharded(in_shards(tmp_path), placed, Switches({"shard 1": 12}))
    assert (ended.run.status, sorted(ended.started)) == ("complete", [1, 1, 2])
    assert placed.where == {number: f"/at/{number * 7}" for number in range(1, ITEMS + 1)}


def test_the_live_status_is_that_of_all(tmp_path: Path) -> None:
    """What is in flight, how many workers there are and what is used of a limit: of every process together."""
    limit = LiveTier("10/1s", 10, 2, 8, None)
    own = Live(5.0, 100.0, 3, 0, "shards", tiers=(replace(limit, used=1, left=9),))
    flights = (LiveFlight("item", 7, 1, 0.5), LiveFlight("item", 8, 1, 2.0))
    busy = Live(4.0, 100.0, 3, 2, "working", tiers=(replace(limit, used=6, left=4),), flights=flights)
    waiting = Live(4.0, 100.0, 3, 1, "limit", 103.0, "10/1s", (replace(limit, used=5, left=5, opens_in_s=3.0),))
    all_ = together(own, [busy, waiting], 2)
    assert (all_.workers, all_.in_flight, all_.doing) == (6, 3, "working")
    assert [flight.key for flight in all_.flights] == [8, 7], "the oldest first"
    (tier,) = all_.tiers
    assert (tier.used, tier.left, tier.opens_in_s) == (10, 0, 3.0)
    held = together(own, [waiting, replace(waiting, until_utc_s=101.0), replace(own, doing="feed")], 2)
    assert (held.doing, held.until_utc_s, held.tier) == ("limit", 101.0, "10/1s")
    assert together(replace(own, doing="paused"), [busy], 2).doing == "paused"


def test_what_others_see_while_it_runs_is_the_whole(tmp_path: Path) -> None:
    """Through the folder alone, as `watch` and `show` do."""
    seen: list[RunView] = []

    async def person(coordinator: Coordinator, _: Tasks) -> None:
        reader = RunReader(coordinator.run_folder, charted=True)
        await trio.sleep(3.5)
        seen.append(reader.view(utc_s()))

    run = sharded(in_shards(tmp_path), world(), person=person).run
    (view,) = seen
    assert view.status == "running"
    assert 0 < view.summary.imported < ITEMS
    assert view.timeline is not None
    assert sum(view.timeline.sent) == view.summary.imported + view.summary.requests_page
    whole = RunReader(run, charted=True).view(utc_s())
    assert whole.summary.imported == ITEMS
    assert whole.timeline is not None
    assert sum(whole.timeline.sent) == ITEMS + whole.summary.requests_page


def test_an_empty_list_needs_no_shard(tmp_path: Path) -> None:
    ended = sharded(in_shards(tmp_path), World(ids=[]))
    assert (ended.run.status, ended.started) == ("complete", [])


def test_what_failed_is_retried_by_its_shard_and_forgotten_by_it(tmp_path: Path) -> None:
    """Of a run that has ended: as by one process, by the run's name."""
    broken = world(broken={3, 7, 11})
    run = sharded(in_shards(tmp_path), broken).run
    assert (run.status, sorted(failure.item for failure in run.failed())) == ("complete with failures", [3, 7, 11])
    assert forget(run, [11]) == 1
    assert sorted(failure.item for failure in run.failed()) == [3, 7]
    broken.broken.clear()
    assert reopen(run) == 2
    assert run.status == "stopped"
    again = sharded(config_of(run), broken)
    assert (again.run.status, again.run.state().imported, again.run.state().forgotten) == ("complete", ITEMS - 1, 1)
    assert asked(broken) == Counter({**dict.fromkeys(range(1, ITEMS + 1), 1), 3: 2, 7: 2})
    assert [row["id"] for row in again.run.items().to_pylist()] == [i for i in range(1, ITEMS + 1) if i != 11]


def test_what_failed_is_retried_and_forgotten_while_it_runs(tmp_path: Path) -> None:
    """Each by the shard that has it; the count is that of the run."""
    broken = world(broken={2, 3, 5})
    counts: list[int] = []

    async def person(coordinator: Coordinator, _: Tasks) -> None:
        while coordinator.state.failed < 3:  # noqa: ASYNC110
            await trio.sleep(0.1)
        counts.append(coordinator.forget_failed([5, 6]))
        broken.broken.clear()
        counts.append(coordinator.retry_failed([3]))
        while coordinator.state.failed:
            await trio.sleep(0.1)
            if coordinator.state.items.state(5) == "forgotten" and len(counts) == 2:
                counts.append(coordinator.retry_failed())

    run = sharded(in_shards(tmp_path, max_time=300), broken, person=person).run
    assert counts in ([1, 1, 1], [1, 1, 2])  # 3 may still be on its way when all that failed is asked for
    state = run.state()
    assert (run.status, state.imported, state.forgotten, state.failed) == ("complete", ITEMS - 1, 1, 0)
    assert asked(broken)[2] == asked(broken)[3] == 2
    assert asked(broken)[5] == 1


def test_it_is_stopped_and_goes_on(tmp_path: Path) -> None:
    async def person(coordinator: Coordinator, _: Tasks) -> None:
        await trio.sleep(2.5)
        coordinator.stop("enough")

    shared = world()
    stopped = sharded(in_shards(tmp_path), shared, person=person).run
    before = stopped.state()
    assert (stopped.status, stopped.about["reason"]) == ("stopped", "enough")
    assert 0 < before.imported < ITEMS
    assert not before.cut_short or before.session.ended
    whole = sharded(config_of(stopped), shared).run
    assert (whole.status, whole.state().imported) == ("complete", ITEMS)
    assert max(asked(shared).values()) == 1


def test_a_second_stop_ends_at_once_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    async def person(coordinator: Coordinator, _: Tasks) -> None:
        await trio.sleep(2.5)
        coordinator.stop("enough")
        coordinator.stop("enough")

    shared = world()
    stopped = sharded(in_shards(tmp_path), shared, person=person).run
    assert stopped.status == "stopped"
    whole = sharded(config_of(stopped), shared).run
    assert (whole.status, whole.state().imported) == ("complete", ITEMS)
    assert [row["id"] for row in whole.items().to_pylist()] == list(range(1, ITEMS + 1))


def test_a_pause_holds_every_shard(tmp_path: Path) -> None:
    seen: list[int] = []

    async def person(coordinator: Coordinator, tasks: Tasks) -> None:
        await trio.sleep(2.0)
        coordinator.pause()
        await trio.sleep(2.0)
        seen.append(len(tasks.world.asked))
        assert coordinator.live().doing == "paused"
        await trio.sleep(60.0)
        seen.append(len(tasks.world.asked))
        coordinator.resume()

    run = sharded(in_shards(tmp_path), world(), person=person).run
    assert run.status == "complete"
    assert 0 < seen[0] == seen[1] < ITEMS + 8
    assert run.state().duration_s < 60.0


def test_settings_reach_every_shard_and_the_next_session(tmp_path: Path) -> None:
    async def person(coordinator: Coordinator, _: Tasks) -> None:
        await trio.sleep(1.0)
        coordinator.set_workers(5)
        await trio.sleep(1.5)
        for folder in shard_folders(coordinator.run_folder.folder):
            assert Run(folder).about["asked"] == {"workers": 5}
        coordinator.stop()

    run = sharded(in_shards(tmp_path), world(), person=person).run
    assert run.about["asked"] == {"workers": 5}
    assert run.state().workers == 10  # of both shards
    assert config_of(run).pacing.workers == 5


def test_a_rule_that_ends_a_run_counts_the_whole(tmp_path: Path) -> None:
    """--max-failures is of all shards together: none of them has so many."""
    broken = world(broken=set(range(1, 13)))
    run = sharded(in_shards(tmp_path, 4, max_failures=6), broken).run
    assert run.status == "failed"
    assert "--max-failures 6" in run.about["reason"]
    assert run.state().failed >= 6


def test_a_quota_that_a_shard_meets_ends_the_run(tmp_path: Path) -> None:
    """--until-quota: as stopped, with the reason that the shard gave, and it can be resumed."""
    run = sharded(in_shards(tmp_path, limit="10/2h", until_quota=True), world()).run
    assert run.status == "stopped"
    assert run.about["reason"].startswith("--until-quota: the limit 10/2h is used up")
    assert 0 < run.state().imported <= 20


def test_a_run_keeps_its_number_of_shards(tmp_path: Path) -> None:
    async def person(coordinator: Coordinator, _: Tasks) -> None:
        await trio.sleep(2.0)
        coordinator.stop()

    run = sharded(in_shards(tmp_path, 3), world(), person=person).run
    assert config_of(run).pacing.shards == 3


def test_a_shard_that_dies_again_and_again_ends_the_run(tmp_path: Path) -> None:
    """After five new starts, with a reason that says what to do; what was imported stays."""
    shared = world()
    ended = sharded(in_shards(tmp_path), shared, Switches(always={"shard 2": 12}))
    assert ended.run.status == "failed"
    assert ended.run.about["reason"] == "shard 2 ended, the last of 6 times: killed by a test"
    assert Counter(ended.started) == {1: 1, 2: 6}
    whole = sharded(config_of(ended.run), shared).run
    assert (whole.status, whole.state().imported) == ("complete", ITEMS)


def test_an_error_of_a_shard_is_that_of_the_run(tmp_path: Path) -> None:
    """It is not started again, for it would end the same way."""

    class Odd(World):
        async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
            if key == 9:
                raise RecordError("the disk is full")
            return await super().fetch(role, key, on_headers)

    ended = sharded(in_shards(tmp_path), Odd(ids=list(range(1, ITEMS + 1))))
    number = shard_of(9, 2)
    assert ended.run.status == "failed"
    assert ended.run.about["reason"] == f"shard {number} ended: the disk is full"
    assert sorted(ended.started) == [1, 2]


@pytest.mark.parametrize("shards", [2, 5])
def test_what_the_whole_waits_is_no_sum(tmp_path: Path, shards: int) -> None:
    """Each shard keeps to a limit of its own here; the run has waited no longer than it took."""
    run = sharded(in_shards(tmp_path, shards, limit="2/2s"), world()).run
    state = run.state()
    assert run.status == "complete"
    assert 0 < state.asleep_s <= state.duration_s
