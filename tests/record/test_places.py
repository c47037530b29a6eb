"""Where items lie, where the list says so: kept small, through snapshots and sessions, until they are imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.arrow import from_table, to_table
from harness.record.fold import fold
from harness.record.places import Places
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from harness.record.state import State
from tests.core.play import OK, Play
from tests.record.samples import IDS, TEXTS

RULES = Rules(workers=2)
PLACES = st.one_of(
    TEXTS,
    st.builds("/api/v2/pokemon/{}/".format, st.integers(0, 10**20)),
    st.builds("/a/{}?x={}".format, TEXTS, st.integers(-5, 10**6)),
    st.builds("/a/00{}".format, st.integers(0, 99)),
)


@given(st.dictionaries(IDS, PLACES | st.none(), max_size=60), st.sets(st.integers(0, 59)))
def test_each_place_is_what_was_said(said: dict[e.ItemId, str | None], done: set[int]) -> None:
    """None: the place holds the id itself. What is imported is forgotten, but for the first eight."""
    places = Places()
    told = {item: f"/items/{item}/more" if place is None else place for item, place in said.items()}
    for item, place in told.items():
        places.add(item, place)
    assert {item: places.get(item) for item in told} == told
    imported = [item for at, item in enumerate(told) if at in done]
    for item in imported:
        places.imported(item)
    kept = {item: place for item, place in told.items() if item not in imported[8:]}
    assert {item: places.get(item) for item in told} == {**dict.fromkeys(told), **kept}
    assert places.again == imported[:8]


@given(st.dictionaries(IDS, PLACES, min_size=1, max_size=60))
def test_frozen_places_are_the_same(said: dict[e.ItemId, str]) -> None:
    places = Places()
    for item, place in said.items():
        places.add(item, place)
    ids = [*said, "stranger\n"]
    frozen = places.frozen(ids)
    assert frozen is not None
    pieces = [frozen.columns(ids[:3], 0), frozen.columns(ids[3:], 3)]
    before, behind = frozen.template
    numbers, texts = ([*first, *second] for first, second in zip(*pieces, strict=True))
    places_again = [
        text if number is None else f"{before}{number}{behind}" for number, text in zip(numbers, texts, strict=True)
    ]
    assert places_again == [said.get(item) for item in ids]


def test_many_of_a_kind_take_little_room() -> None:
    """One template, and a number each."""
    places = Places()
    for number in range(1000):
        places.add(f"name-{number}", f"/api/v2/pokemon/{number}/")
    assert len(places.by_template) == 1
    assert places.get("name-17") == "/api/v2/pokemon/17/"


def pokemon(items: int = 30, per_page: int = 10, fails: bool = False) -> tuple[object, list[tuple[object, str | None]]]:
    """A server whose items lie at a number that has nothing to do with their names, and what it was asked for."""
    asked: list[tuple[object, str | None]] = []

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "list":
            first = (int(fetch.page.value) - 1) * per_page
            numbers = range(first + 1, min(first + per_page, items) + 1)
            names = tuple(f"p{number}" for number in numbers)
            last = -(-items // per_page)
            return 0.05, OK, PageRead(names, items, last, places=tuple(f"/p/{100 + n}/" for n in numbers))
        asked.append((fetch.key, fetch.place))
        if fails and fetch.key == "p7":
            return 0.05, Notice(404), Failed("gone", passing=False)
        return 0.05, OK, ItemRead(1)

    return serve, asked


def test_every_item_is_asked_for_where_it_lies() -> None:
    serve, asked = pokemon()
    play = Play(serve, RULES).run()  # type: ignore[arg-type]
    assert play.core.state.imported == 30
    assert sorted(asked) == sorted((f"p{n}", f"/p/{100 + n}/") for n in range(1, 31))  # type: ignore[type-var]
    assert len(play.core.state.places.again) == 8


@pytest.mark.parametrize("until", [0.12, 0.3, 0.6])
def test_resumed_from_events_that_were_on_disk(until: float) -> None:
    serve, asked = pokemon()
    first = Play(serve, RULES).run(until=until)  # type: ignore[arg-type]
    table = to_table(first.events, "r", 1, "s1", 1)
    state = fold(from_table(table))
    second = Play(serve, RULES, state=state).run()  # type: ignore[arg-type]
    assert second.core.state.imported == 30
    assert {place for _, place in asked} == {f"/p/{100 + n}/" for n in range(1, 31)}


def test_a_snapshot_keeps_them(tmp_path: Path) -> None:
    serve, _ = pokemon()
    state = Play(serve, RULES).run(until=0.4).core.state  # type: ignore[arg-type]
    write_snapshot(tmp_path, freeze(state, "s1", 1))
    found = latest_snapshot(tmp_path)
    assert found is not None
    known = {item: state.places.get(item) for item in state.items.columns()[0]}
    assert {item: found[0].places.get(item) for item in known} == known
    assert found[0].places.again == state.places.again
    same = {"items": state.items, "places": state.places}
    assert replace(found[0], **same) == replace(state, **same)


def test_a_state_without_places_has_no_column_of_them(tmp_path: Path) -> None:
    assert freeze(State(), "s1", 1)[3] is None


def test_failed_items_are_found_again() -> None:
    serve, _ = pokemon(fails=True)
    state = Play(serve, RULES).run().core.state  # type: ignore[arg-type]
    assert state.items.in_state("failed") == ["p7"]
    fold([e.Retried(9.0, "item", "p7")], state)
    serve, asked = pokemon()
    Play(serve, RULES, state=state).run()  # type: ignore[arg-type]
    assert asked == [("p7", "/p/107/")]


def test_no_more_than_wanted_keeps_each_at_its_own_place() -> None:
    serve, asked = pokemon()
    play = Play(serve, replace(RULES, max_items=13)).run()  # type: ignore[arg-type]
    assert sorted(asked) == sorted((f"p{n}", f"/p/{100 + n}/") for n in range(1, 14))  # type: ignore[type-var]
    assert [len(event.places or ()) for event in play.of(e.PageListed)] == [10, 3]


@pytest.mark.parametrize("status", [401, 403])
def test_a_forbidden_item_is_compared_with_one_whose_place_is_known(status: int) -> None:
    serve, asked = pokemon()

    def forbidding(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = serve(fetch, now)  # type: ignore[operator]
        if fetch.key == "p29":
            return latency_s, Notice(status), Failed(f"status {status}", passing=False)
        return latency_s, notice, result

    play = Play(forbidding, RULES).run()
    assert play.core.state.items.in_state("failed") == ["p29"]
    assert all(place == f"/p/{100 + int(str(key)[1:])}/" for key, place in asked)
