"""The record of a run with shards: what the parts come to is what the whole would be, and no event is there twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from harness.errors import RecordError
from harness.record import events as e
from harness.record.files import write_json
from harness.record.fold import apply, fold
from harness.record.gather import Piece, ShardReader, gather_rest, gathered
from harness.record.history import read_state
from harness.record.recorder import Recorder
from harness.record.run import Run
from harness.record.shards import shard_folder, shard_of
from harness.record.state import State
from tests.core.play import UTC_S
from tests.record.samples import facts, history, imported, listed, started

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
# What a person or the process that reads the list does, and what follows from the order in which things happened.
_OF_ITEMS = (
    e.ItemImported,
    e.ItemListed,
    e.ItemAdopted,
    e.AttemptFailed,
    e.Retried,
    e.Forgotten,
    e.Refused,
    e.Returned,
)
COUNTED = ("requests", "statuses", "answered", "refused", "refusals", "refused_of", "own_refusals", "lost", "fetches")
COUNTED += ("latency", "least_latency_s", "most_latency_s", "size_bytes", "failures", "pages_read", "total")


def item_of(event: e.Event) -> e.ItemId | None:
    """The item that an event is of; None for an event of the list or of the session."""
    if not isinstance(event, _OF_ITEMS) or getattr(event, "role", "item") != "item":
        return None
    found = getattr(event, "item", getattr(event, "key", None))
    return None if isinstance(found, (e.Batch, e.PageRef)) else found


def split(events: list[e.Event], shards: int) -> tuple[list[e.Event], list[list[e.Event]]]:
    """The events of the list, and those of each shard."""
    own: list[e.Event] = []
    of: list[list[e.Event]] = [[] for _ in range(shards)]
    for event in events:
        item = item_of(event)
        (own if item is None else of[shard_of(item, shards) - 1]).append(event)
    return own, of


def counters(state: State) -> dict[str, object]:
    items = sorted((str(item), number) for item, number in zip(*state.items.columns(), strict=True))
    return {name: getattr(state, name) for name in COUNTED} | {"items": items, "counts": state.items.counts}


@given(st.integers(0, 10**6).filter(lambda seed: seed % 4 != 3), st.integers(2, 7), st.randoms())
@QUICK
def test_counters_and_items_of_a_partition_fold_to_those_of_the_whole(
    seed: int, shards: int, rng: random.Random
) -> None:
    """Whatever happened, split by the items' shards and put together in any order that keeps each shard's own."""
    events = [event for event in history(seed, sessions=1) if not isinstance(event, e.IdsCarried)]
    own, of = split(events, shards)
    merged: list[e.Event] = list(own)
    left = [list(one) for one in of if one]
    while left:
        one = rng.choice(left)
        merged.append(one.pop(0))
        left = [one for one in left if one]
    assert counters(fold(merged)) == counters(fold(events))


@given(st.integers(0, 10**6).filter(lambda seed: seed % 4 != 3), st.integers(2, 5), st.integers(5, 80))
@settings(QUICK, max_examples=6)
def test_what_is_gathered_from_disk_is_that(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shards: int, size: int
) -> None:
    """Through the folders of shards, in parts of any size: the same counters, by a run's own record alone."""
    events = [event for event in history(seed, sessions=1) if not isinstance(event, e.IdsCarried)]
    own, of = split(events, shards)
    run = made(tmp_path_factory.mktemp("run"), own, shards)
    for number, one in enumerate(of, 1):
        written(run, number, shards, [item for event in own for item in getattr(event, "ids", ())], one, size)
    known = gather_rest(run)
    whole = counters(fold(events))
    # Requests of other processes are none of this one's own, of which it keeps a counter.
    own_fetches = fold(own).fetches
    assert counters(known) == {**whole, "fetches": own_fetches}
    assert counters(read_state(run.folder)) == counters(known)
    before = facts(read_state(run.folder))
    gather_rest(run)
    assert facts(read_state(run.folder)) == before, "what was gathered is not gathered again"


def made(folder: Path, events: list[e.Event], shards: int) -> Run:
    """A run whose own process has recorded these events."""
    run = Run(folder)
    write_json(folder / "run.json", {"config": {"shards": shards}, "status": "stopped"})
    recorder = Recorder(folder, "r", 1)
    for event in events:
        recorder.record(event)
    recorder.flush()
    return run


def written(run: Run, number: int, shards: int, ids: list[e.ItemId], events: list[e.Event], size: int = 10) -> Path:
    """The folder of a shard that was given its part of `ids` and has recorded these events, in parts of some size.

    Its session began when that of the run did, so that no time is rounded.
    """
    folder = shard_folder(run.folder, number)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"sessions_utc_s": [run.state().session.utc_s]})
    recorder = Recorder(folder, str(number), 1)
    recorder.record(started())
    recorder.record(e.Fed(0.0, tuple(dict.fromkeys(item for item in ids if shard_of(item, shards) == number))))
    for at, event in enumerate(events):
        recorder.record(event)
        if at % size == 0:
            recorder.flush()
    recorder.flush()
    return folder


def test_times_count_from_the_start_of_the_runs_own_session(tmp_path: Path) -> None:
    """A shard that began ten seconds later has its first answer ten seconds later."""
    run = made(tmp_path, [started(), listed(1)], 2)
    number = shard_of(1, 2)
    folder = written(run, number, 2, [1], [imported(1)])
    write_json(folder / "run.json", {"sessions_utc_s": [UTC_S + 1010.0]})
    (piece,) = ShardReader(folder, number, 2).read(UTC_S + 1000.0)
    (event,) = piece.events
    assert isinstance(event, e.ItemImported)
    assert (event.t_s, event.sent_s, event.answered_s) == pytest.approx((11.2, 11.0, 11.1))


def test_a_piece_that_was_not_recorded_is_read_again(tmp_path: Path) -> None:
    """Whoever breaks off amid a piece finds it the next time; one that was taken is not told again."""
    run = made(tmp_path, [started(), listed(1, 3, 5, 7, 9)], 1)
    folder = written(run, 1, 1, [1, 3, 5], [imported(item) for item in (1, 3, 5)], size=1)
    reader = ShardReader(folder, 1, 1)
    first = next(reader.read(0.0))
    again = reader.read(0.0)
    assert next(again).events == first.events
    rest = [event for piece in again for event in piece.events]
    assert [event.item for event in (*first.events, *rest) if isinstance(event, e.ItemImported)] == [1, 3, 5]
    assert list(reader.read(0.0)) == []


def test_answers_without_ids_are_taken_back_of_that_shard_alone(tmp_path: Path) -> None:
    """One shard finds that answers carry their ids: what it took without one goes back, what others took stays."""
    ids = tuple(range(1, 9))
    state = fold([started(), listed(*ids)])
    for number in (1, 2):
        apply(state, e.IdsCarried(1.0, False, number, 2))
    for item in ids:
        apply(state, imported(item))
    apply(state, e.IdsCarried(2.0, True, 1, 2))
    assert {item for item in ids if state.items.state(item) == "pending"} == {i for i in ids if shard_of(i, 2) == 1}
    assert state.ids_carried is None, "which is for this process's own answers to tell"


def test_the_marker_takes_the_requests_of_others_out_of_its_own_count() -> None:
    state = fold([started(), listed(1, 2)])
    reach: list[e.Event] = []

    def emit(event: e.Event) -> None:
        apply(state, event)
        reach.append(event)

    gathered(Piece([imported(1), imported(2)], "s1 4"), 1, state, emit, 5.0)
    assert (state.answered, state.requests["item"], state.fetches) == (3, 2, 1)
    assert reach[-1] == e.Gathered(5.0, 1, "s1 4", 2)
    assert state.gathered == {"1": "s1 4"}


def test_a_shard_cannot_import_what_no_page_named(tmp_path: Path) -> None:
    """Which a feed that runs ahead of the run's record would do: the fold says so."""
    run = made(tmp_path, [started(), listed(1)], 1)
    written(run, 1, 1, [2], [imported(2)])
    with pytest.raises(RecordError, match="item 2 cannot become imported: it is not listed"):
        gather_rest(run)


@given(st.one_of(st.integers(), st.text()), st.integers(1, 300))
@QUICK
def test_an_item_has_one_shard_whatever_its_id(item: e.ItemId, shards: int) -> None:
    number = shard_of(e.canonical_id(item) if item != "" else item, shards)
    assert 1 <= number <= shards
    assert shard_of(str(item), shards) == shard_of(item, shards)


def test_the_shards_of_ids_never_change() -> None:
    """A run that was begun by one version goes on with another."""
    assert [shard_of(item, 4) for item in (1, 2, 17, "x9", "é")] == [4, 2, 3, 2, 3]
