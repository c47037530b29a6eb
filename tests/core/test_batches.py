"""Items that are asked for together: how they are put together, what each answer means, and what one bad id costs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from harness.core.answers import BatchRead, Failed, Fetch, Result, failed_status
from harness.core.list_reader import requests_left
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.fold import fold
from harness.session.retry_failed import retry_failed
from tests.core.play import OK, Play, Server, catalogue, windowed

RULES = Rules(workers=1, batch=100)


def batches(items: int, per_page: int = 100, latency_s: float = 0.05) -> Server:
    """A server that lists items 1 to `items` and answers any batch of them."""
    base = catalogue(items, per_page, latency_s)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            assert isinstance(fetch.key, e.Batch)
            return latency_s, OK, BatchRead(dict.fromkeys(fetch.items, 10))
        return base(fetch, now)

    return serve


Verdict = tuple[Notice | None, Result] | None


def instead(base: Server, how: Callable[[Fetch, float], Verdict]) -> Server:
    """`base`, but of items what `how` answers, where it answers something."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        other = how(fetch, now) if fetch.role == "item" else None
        return (latency_s, notice, result) if other is None else (latency_s, *other)

    return serve


def bad(ids: Collection[int], status: int = 400) -> Callable[[Fetch, float], Verdict]:
    """A request that names one of `ids` fails."""
    return lambda fetch, _: (Notice(status), failed_status(status)) if set(ids) & set(fetch.items) else None


def too_many(most: int) -> Callable[[Fetch, float], Verdict]:
    return lambda fetch, _: (Notice(413), failed_status(413)) if len(fetch.items) > most else None


def sizes(play: Play) -> list[int]:
    """How many items each item request asked for, in order."""
    return [len(e.items_of(key)) for _, role, key, _ in play.sent if role == "item"]


def ids_failed(play: Play) -> dict[int | str, str]:
    return {event.item: event.reason for event in play.of(e.AttemptFailed) if event.role == "item"}


def check(play: Play, items: int, failed: Collection[int] = ()) -> None:
    """Every item ended imported or failed, the counts are those of the wire, and so says a fold of the events."""
    state = play.core.state
    assert play.done is not None
    assert state.pending == state.waiting == 0
    assert (state.imported, state.items.in_state("failed")) == (items - len(failed), sorted(failed))
    counts = Counter(role for _, role, _, _ in play.sent)
    assert state.requests == {"list": counts["list"], "item": counts["item"]}
    assert state.fetches == len(play.sent) == state.answered + state.refused + state.lost
    if play.state is None:
        again = fold(play.events)
        assert again.items.columns() == state.items.columns()
        assert replace(again, items=state.items) == state


def test_full_batches_and_one_event_an_item() -> None:
    """250 items are 3 pages and 3 requests; of the events of a batch one counts as a request."""
    play = Play(batches(250), RULES).run()
    check(play, 250)
    assert sizes(play) == [100, 100, 50]
    imported = play.of(e.ItemImported)
    assert [event.item for event in imported] == list(range(1, 251))
    assert [event.item for event in imported if not event.along] == [1, 101, 201]


@pytest.mark.parametrize("workers", [1, 7])
@pytest.mark.parametrize("per_page", [1, 30, 99, 100, 101, 250])
def test_a_batch_waits_until_it_is_full(workers: int, per_page: int) -> None:
    """Whatever the size of the pages, no more batches are sent than the items need."""
    play = Play(batches(1000, per_page), replace(RULES, workers=workers)).run()
    check(play, 1000)
    assert sizes(play) == [100] * 10


@pytest.mark.parametrize("where", [1, 2, 50, 51, 99, 100])
def test_one_bad_id_costs_the_logarithm(where: int) -> None:
    """Once a batch of that size got through: the batch, 7 halves, and at most the id alone and what went back."""
    play = Play(instead(batches(300), bad({100 + where})), RULES).run()
    check(play, 300, [100 + where])
    assert len(sizes(play)) <= 3 + 7 + 2
    assert ids_failed(play) == {100 + where: "status 400"}
    assert sizes(play)[:2] == [100, 100]


def test_a_bad_id_in_the_very_first_batch() -> None:
    """Its size may be at fault, so both halves are asked for, down to the id; then batches are as large as before."""
    play = Play(instead(batches(1000), bad({1})), RULES).run()
    check(play, 1000, [1])
    assert sizes(play) == [100, 50, 25, 13, 7, 4, 2, 1, 1, 2, 3, 6, 12, 25, 50, *[100] * 9]


@pytest.mark.parametrize("status", [400, 404, 413])
def test_bad_ids_everywhere(status: int) -> None:
    rng = random.Random(7)
    wrong = rng.sample(range(1, 1001), 8)
    play = Play(instead(batches(1000), bad(wrong, status)), replace(RULES, workers=5)).run()
    check(play, 1000, wrong)
    assert len(sizes(play)) <= 10 + 8 * 11


def test_batches_that_are_too_large_become_smaller() -> None:
    """Two of 100 show it; from then on they have 50 items."""
    play = Play(instead(batches(1000), too_many(50)), RULES).run()
    check(play, 1000)
    assert sizes(play) == [100, 50, 50, 100, 50, 50, *[50] * 16]


def test_a_url_that_is_wrong_costs_a_request_an_item() -> None:
    """Where no batch ever got through, items are asked for one by one soon, not halved down to."""
    play = Play(instead(batches(400), lambda *_: (Notice(404), failed_status(404))), RULES).run()
    check(play, 400, range(1, 401))
    assert len(sizes(play)) <= 400 + 20
    assert set(ids_failed(play).values()) == {"gone"}


def test_what_the_answer_lacks_is_gone() -> None:
    def lacks(fetch: Fetch, _: float) -> Verdict:
        return OK, BatchRead({item: 10 for item in fetch.items if item not in (3, 77)})

    play = Play(instead(batches(100), lacks), RULES).run()
    check(play, 100, [3, 77])
    assert sizes(play) == [100]
    assert {event.detail for event in play.of(e.AttemptFailed)} == {"the batch's answer lacks it"}
    assert play.core.state.failures["item", 3].status == 200


def test_nothing_of_a_batch_is_there() -> None:
    play = Play(instead(batches(10), lambda *_: (OK, BatchRead({}))), RULES).run()
    check(play, 10, range(1, 11))
    assert [event.along for event in play.of(e.AttemptFailed)] == [False] + [True] * 9


def test_another_item_in_place_of_one() -> None:
    """The answer is not that item; the others are as good as ever."""

    def wrong(fetch: Fetch, _: float) -> Verdict:
        return OK, BatchRead({item: 10 for item in fetch.items if item != 5}, (500,))

    play = Play(instead(batches(100), wrong), RULES).run()
    check(play, 100, [5])
    (failed,) = play.of(e.AttemptFailed)
    assert (failed.reason, failed.detail) == (
        "malformed",
        "the batch's answer lacks it and holds what was not asked for: 500",
    )


def test_a_refused_batch_goes_back_whole_at_no_cost() -> None:
    def refuse(fetch: Fetch, now: float) -> Verdict:
        return (Notice(429, 1.0, (), True), Failed("refused")) if now < 0.06 else None

    play = Play(instead(batches(100), refuse), RULES).run()
    check(play, 100)
    assert [(key, attempt) for _, role, key, attempt in play.sent if role == "item"] == [
        (e.Batch(tuple(range(1, 101))), 1)
    ] * 2
    assert play.core.state.refused == 1
    assert not play.core.state.refused_of


def test_a_failure_that_may_pass_costs_each_an_attempt_and_is_retried_together() -> None:
    def once(fetch: Fetch, now: float) -> Verdict:
        return (Notice(503), failed_status(503)) if fetch.attempt == 1 else None

    play = Play(instead(batches(150), once), RULES).run()
    check(play, 150)
    assert sizes(play) == [100, 50, 100, 50]
    assert [attempt for _, role, _, attempt in play.sent if role == "item"] == [1, 1, 2, 2]
    assert len(play.of(e.AttemptFailed)) == 150
    assert play.core.state.statuses == {200: 4, 503: 2}


def test_one_item_that_breaks_the_server_takes_no_other_with_it() -> None:
    """After its last attempt a batch is halved, too."""
    play = Play(instead(batches(100), bad({42}, 500)), replace(RULES, retry_delays_s=(1.0,))).run()
    check(play, 100, [42])
    assert ids_failed(play)[42] == "status 500"


def test_a_lost_answer_is_retried() -> None:
    def lost(fetch: Fetch, now: float) -> Verdict:
        return (None, Failed("timed out")) if fetch.attempt == 1 else None

    play = Play(instead(batches(100), lost), RULES).run()
    check(play, 100)
    assert play.core.state.lost == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_batch_with_a_forbidden_item(status: int) -> None:
    """It is compared with another request, found to be at fault itself, and halved."""

    def how(fetch: Fetch, now: float) -> Verdict:
        return (Notice(status), failed_status(status)) if 150 in fetch.items else None

    play = Play(instead(batches(300), how), RULES).run()
    check(play, 300, [150])
    assert play.core.state.own_refusals == play.core.state.refused
    assert not play.core.state.refused_of


def test_an_expired_credential_stops_everyone_and_loses_nothing() -> None:
    def how(fetch: Fetch, now: float) -> Verdict:
        return (Notice(401), failed_status(401)) if now > 0.3 else None

    play = Play(instead(batches(1000), how), RULES).run()
    assert play.done is not None
    assert play.done.status == "failed"
    assert "renew the token" in play.done.reason
    state = play.core.state
    assert state.failed == 0
    assert state.imported + state.pending == len(state.items)


@pytest.mark.parametrize("until", [0.04, 0.12, 0.17, 0.31, 40.0])
def test_killed_and_resumed(until: float) -> None:
    """What was on its way is asked for again; nothing is lost or had twice."""

    def once(fetch: Fetch, now: float) -> Verdict:
        return (Notice(503), failed_status(503)) if fetch.attempt == 1 and 7 in fetch.items else None

    server = instead(instead(batches(500), once), bad({333}))
    first = Play(server, RULES).run(until=until)
    second = Play(server, RULES, state=fold(first.events)).run()
    state = second.core.state
    assert (state.imported, state.items.in_state("failed")) == (499, [333])
    events = [event for play in (first, second) for event in play.of(e.ItemImported)]
    assert Counter(event.item for event in events) == dict.fromkeys(set(range(1, 501)) - {333}, 1)


def test_failed_items_are_retried_together() -> None:
    lacking = [True]

    def how(fetch: Fetch, _: float) -> Verdict:
        return (OK, BatchRead({item: 10 for item in fetch.items if item % 2})) if lacking else None

    first = Play(instead(batches(100), how), RULES).run()
    assert first.core.state.failed == 50
    lacking.clear()
    state = first.core.state
    for event in [e.Retried(9.0, "item", item) for item in state.items.in_state("failed")]:
        fold([event], state)
    second = Play(instead(batches(100), how), RULES, state=state).run()
    assert sizes(second) == [50]
    assert second.core.state.imported == 100


def test_failed_items_are_retried_in_a_running_core() -> None:
    lacking = [True]

    def how(fetch: Fetch, now: float) -> Verdict:
        return (OK, BatchRead({item: 10 for item in fetch.items if item != 9})) if now < 0.2 else None

    play = Play(instead(batches(1000), how), RULES, at=[(0.25, retry_failed)])
    play.run()
    check_all = play.core.state
    assert check_all.imported == 1000
    assert lacking


def test_no_more_than_wanted() -> None:
    play = Play(batches(1000), replace(RULES, max_items=130)).run()
    assert play.core.state.imported == 130
    assert sizes(play) == [100, 30]


def test_stopped_while_one_is_on_its_way() -> None:
    play = Play(batches(1000), RULES, at=[(0.12, lambda core, now: core.stop(now, "enough"))]).run()
    assert play.done is not None
    assert play.done.status == "stopped"
    assert play.core.state.imported == 100
    rest = Play(batches(1000), RULES, state=play.core.state).run()
    check_rest = rest.core.state
    assert check_rest.imported == 1000
    assert sizes(rest) == [100] * 9


def test_a_batch_has_a_cost_of_its_own() -> None:
    """100 units a second; a page takes 1, a batch 50."""
    play = Play(batches(1000, 1000), replace(RULES, item_cost=50, workers=20), windowed("100/1s")).run()
    check(play, 1000)
    assert sorted(int(at) for at, role, _, _ in play.sent if role == "item") == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_what_is_left_counts_batches() -> None:
    play = Play(batches(1000), RULES).run(until=0.06)
    assert (len(play.core.state.pages), play.core.state.imported) == (1, 100)
    assert requests_left(RULES, play.core.state) == 9 + 9


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(1, 120),
    st.integers(1, 8),
    st.sets(st.integers(1, 400), max_size=5),
    st.sets(st.integers(1, 400), max_size=5),
    st.integers(0, 2**32),
)
def test_any_mix_ends_every_item_once(
    items: int, per_page: int, workers: int, wrong: set[int], absent: set[int], seed: int
) -> None:
    """Bad ids, ids that the answers lack, refusals, lost answers: every item ends once, as itself alone would."""
    rng = random.Random(seed)

    def how(fetch: Fetch, _: float) -> Verdict:
        chance = rng.random()
        if chance < 0.1:
            return Notice(429, 0.5, (), True), Failed("refused")
        if chance < 0.2 and fetch.attempt < 4:
            return None, Failed("timed out")
        if wrong & set(fetch.items):
            return Notice(422), failed_status(422)
        return OK, BatchRead({item: 1 for item in fetch.items if item not in absent})

    rules = Rules(workers=workers, batch=40, retry_delays_s=(1.0,) * 6)
    play = Play(instead(batches(items, per_page), how), rules).run()
    check(play, items, {item for item in wrong | absent if item <= items})
