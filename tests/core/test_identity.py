"""A12: an answer is the item that was asked for, or it is malformed, judged by what its siblings carry."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from harness.core.answers import Fetch, ItemRead, PageRead
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.fold import fold
from harness.record.history import payloads_on_disk
from harness.record.order import in_list_order
from harness.record.recorder import Recorder
from harness.record.state import State
from tests.core.play import OK, Play, Server
from tests.record.samples import facts, listed, started


def details(*nameless: int, items: int = 5, until_s: float = 1e9, slow: tuple[int, ...] = ()) -> Server:
    """Items 1 to `items`, of which some answer without their id until a moment; `slow` ones take a second."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, ItemRead | PageRead]:
        if fetch.role == "list":
            return 0.05, OK, PageRead(tuple(range(1, items + 1)), items, 1)
        carried = fetch.key not in nameless or now >= until_s
        return 1.0 if fetch.key in slow else 0.05, OK, ItemRead(10, carried, None if carried else "{}")

    return serve


def outcome(state: State) -> tuple[list[e.ItemId], list[e.ItemId]]:
    return state.items.in_state("imported"), state.items.in_state("failed")


@pytest.mark.parametrize("workers", [1, 10])
@pytest.mark.parametrize("bad", [1, 3, 5])
@pytest.mark.parametrize("slow", [(), (1,), (2, 3, 4, 5)])
def test_the_one_that_does_not_carry_its_id_is_malformed(workers: int, bad: int, slow: tuple[int, ...]) -> None:
    """First, amid or last, one by one or all at once, whichever is answered first: four items and a failure."""
    play = Play(details(bad, slow=slow), Rules(workers=workers)).run()
    assert outcome(play.core.state) == ([n for n in range(1, 6) if n != bad], [bad])
    assert play.done is not None
    assert play.done.status == "complete with failures"
    (failed,) = play.of(e.AttemptFailed)
    assert (failed.reason, failed.retry_at_utc_s, failed.body) == ("malformed", None, "{}")
    assert failed.detail == f"the answer has no id {bad}, although other answers name their item's: it is not that item"
    assert facts(fold(play.events)) == facts(play.core.state)


def test_an_api_whose_details_never_carry_the_id_is_imported() -> None:
    """Judged by what siblings do: where none carries its id, that is how this API answers."""
    play = Play(details(1, 2, 3, 4, 5)).run()
    assert outcome(play.core.state) == ([1, 2, 3, 4, 5], [])
    assert [event.carried for event in play.of(e.IdsCarried)] == [False]
    assert len(play.sent) == 6


def test_what_was_taken_for_items_while_the_server_was_out_of_order_is_fetched_again() -> None:
    """A while of `200 {"message": "maintenance"}`, then items: what came before is asked for again, nothing else."""
    play = Play(details(*range(1, 301), items=300, until_s=0.5), Rules(workers=10)).run()
    assert outcome(play.core.state) == (list(range(1, 301)), [])
    assert [event.carried for event in play.of(e.IdsCarried)] == [False, True]
    asked = Counter(key for _, role, key, _ in play.sent if role == "item")
    early = {key for now, role, key, _ in play.sent if role == "item" and now < 0.5}
    assert 50 < len(early) < 120
    assert {key for key, times in asked.items() if times > 1} == early
    assert max(asked.values()) == 2


@pytest.mark.parametrize("killed_at", [0.08, 0.12, 0.17, 0.22, 0.27])
def test_the_judgement_outlives_a_kill(killed_at: float) -> None:
    """Killed between any two answers and resumed from its events: the same items, the same failures."""
    server = details(1, 4)
    whole = Play(server, Rules(workers=1)).run().core.state
    first = Play(server, Rules(workers=1)).run(until=killed_at)
    second = Play(server, Rules(workers=1), state=fold(first.events)).run()
    assert outcome(second.core.state) == outcome(whole) == ([2, 3, 5], [1, 4])
    assert facts(fold([*first.events, *second.events])) == facts(second.core.state)


def test_items_of_older_runs_are_not_taken_back() -> None:
    """Nothing is known of what an older version imported: a resumed run fetches none of it again."""
    old = [started(), listed(*range(1, 6)), *(e.ItemImported(1.0, n, 1, 0.8, 0.9, 200, 5) for n in (1, 2))]
    play = Play(details(3), state=fold(old)).run()
    assert sorted(key for _, role, key, _ in play.sent if role == "item") == [3, 3, 4, 5]
    assert outcome(play.core.state) == ([1, 2, 4, 5], [3])


def test_a_payload_on_disk_without_its_id_is_not_adopted(tmp_path: Path) -> None:
    """Taken back, then killed: what the last part still holds of it is not the item."""
    recorder = Recorder(tmp_path, "r", 1)
    events: list[e.Event] = [started(), listed(1, 2, 3), e.IdsCarried(1.0, carried=True)]
    for event in events:
        recorder.record(event)
    for item, payload in ((1, {"message": "down"}), (2, {"id": "2"}), (3, [1])):
        recorder.put(item, json.dumps(payload))
    recorder.flush()
    assert payloads_on_disk(tmp_path, fold(events)) == {2}
    assert payloads_on_disk(tmp_path, fold(events[:2])) == {1, 2, 3}


def test_of_two_payloads_the_last_is_the_item(tmp_path: Path) -> None:
    """The first was no item, or a crash cost its event."""
    recorder = Recorder(tmp_path, "r", 1)
    for item, payload in ((1, "junk"), (2, "two"), (1, "one")):
        recorder.put(item, payload)
        recorder.flush()
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert [(item, payload) for item, payload, _ in items] == [(2, "two"), (1, "one")]


@pytest.mark.parametrize(
    ("found", "item", "same"),
    [(17, 17, True), ("17", 17, True), (17.0, 17, True), ("ab-C", "AB-c", True), (18, 17, False), (None, 17, False),
     (True, 1, False), ("017", 17, False), (10**20, str(10**20), True), ({"id": 1}, 1, False)],
)  # fmt: skip
def test_ids_are_compared_as_what_they_name(found: object, item: e.ItemId, same: bool) -> None:
    """17 and "17" are one item; leading zeros and other values are not."""
    assert e.is_same_id(found, item) is same


@pytest.mark.parametrize(("listed_ids", "good"), [(("a", "A"), ["A"]), (("a",), ["a"]), (("a", "B"), ["a"])])
def test_another_case_is_another_item_where_the_list_names_it(listed_ids: tuple[str, ...], good: list[str]) -> None:
    """A12: every detail answers with the id in capitals: that is the item `a`, unless the list names `A` as well."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, ItemRead | PageRead]:
        if fetch.role == "list":
            return 0.05, OK, PageRead(listed_ids, len(listed_ids), 1)
        if fetch.key == "B":
            return 0.05, OK, ItemRead(10, True, spelt="b")
        return 0.05, OK, ItemRead(10, True, spelt=None if fetch.key == "A" else "A")

    play = Play(serve, Rules()).run()
    imported, failed = outcome(play.core.state)
    assert imported == (good if "B" not in listed_ids else ["a", "B"])
    assert failed == [item for item in listed_ids if item not in imported]
    if failed:
        [why] = [failure.detail for failure in play.core.state.failures.values()]
        assert why == "the answer is for another item: its id is A, which the list names too, not a"
