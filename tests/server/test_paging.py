"""Ways of paging, over a list that stands still and one that does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from harness_test_api import Ask, Decision, ServerConfig, Service

BASE = "http://api.test"
Follow = Callable[[Decision], dict[str, str] | None]


def query_of(url: str | None) -> dict[str, str] | None:
    return None if url is None else dict(pair.split("=") for pair in url.partition("?")[2].split("&"))


def next_link(decision: Decision) -> dict[str, str] | None:
    found = re.search(r'<([^>]+)>; rel="next"', dict(decision.headers)["Link"])
    return query_of(found[1]) if found else None


def after_last(decision: Decision) -> dict[str, str] | None:
    body = decision.body()
    return {"after": str(body["data"][-1]["id"]), "perPage": "4"} if body["has_more"] else None


def by_cursor(decision: Decision) -> dict[str, str] | None:
    cursor = decision.body()["next_cursor"]
    return {"cursor": cursor, "perPage": "4"} if cursor else None


WAYS: dict[str, tuple[dict[str, str], Follow]] = {
    "page": ({"perPage": "4"}, lambda decision: query_of(decision.body()["next_page_url"])),
    "offset": ({"limit": "4"}, lambda decision: query_of(decision.body()["next"])),
    "link": ({"perPage": "4"}, next_link),
    "cursor": ({"perPage": "4"}, by_cursor),
    "keyset": ({"perPage": "4"}, after_last),
}


def read_all(service: Service, paging: str, seconds_a_page: float = 0.0) -> list[int]:
    """Ids in the order in which a client that follows what it is told sees them."""
    query, follow = WAYS[paging]
    wanted: dict[str, str] | None = dict(query)
    ids: list[int] = []
    now = 0.0
    while wanted is not None:
        decision = service.handle(now, Ask("list", query=wanted, base=BASE))
        body = decision.body()
        ids += [record["id"] for record in (body if isinstance(body, list) else body["data"])]
        wanted = follow(decision)
        now += seconds_a_page
    return ids


@pytest.mark.parametrize("no_total", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("paging", WAYS)
@pytest.mark.parametrize("items", [0, 1, 4, 5, 8, 23])
def test_following_the_pages_shows_every_item_once(paging: str, items: int, newest_first: bool, no_total: bool) -> None:
    """Each way of paging, with and without total, in either order, at and beside the page borders."""
    service = Service(
        ServerConfig(items=items, limit="none", paging=paging, newest_first=newest_first, no_total=no_total)
    )
    expected = list(range(1, items + 1))
    assert read_all(service, paging) == (expected[::-1] if newest_first else expected)


@pytest.mark.parametrize("paging", WAYS)
def test_the_total_is_told_only_where_it_is_meant_to_be(paging: str) -> None:
    """Without total nothing in the answer gives the size away: no total, no last page."""

    def answer(no_total: bool) -> tuple[Any, str]:
        decision = Service(ServerConfig(items=9, paging=paging, no_total=no_total)).handle(0.0, Ask("list"))
        return decision.body(), dict(decision.headers).get("Link", "")

    body, link = answer(no_total=False)
    assert ('rel="last"' in link) if paging == "link" else (body["total"] == 9)
    body, link = answer(no_total=True)
    told = set(body) if isinstance(body, dict) else set()
    assert not told & {"total", "last_page", "last_page_url"}
    assert 'rel="last"' not in link


@pytest.mark.parametrize(
    ("paging", "name", "text"),
    [
        ("offset", "offset", "-1"),
        ("offset", "limit", "0"),
        ("cursor", "cursor", "made-up"),
        ("cursor", "cursor", ""),
        ("cursor", "perPage", "x"),
        ("keyset", "after", "zero"),
        ("link", "page", "0"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(paging: str, name: str, text: str) -> None:
    """422, and the answer says which parameter."""
    decision = Service(ServerConfig(paging=paging)).handle(0.0, Ask("list", query={name: text}))
    assert (decision.status, list(decision.body()["errors"])) == (422, [name])


def drifting(paging: str, drift: str, newest_first: bool = True) -> Service:
    return Service(ServerConfig(items=40, limit="none", paging=paging, drift=drift, newest_first=newest_first))


@pytest.mark.parametrize("paging", ["page", "offset", "link"])
def test_inserted_items_double_others_and_deleted_ones_hide_some_over_page_borders(paging: str) -> None:
    """Numbered pages of a list that changes: an insertion shows an item twice, a deletion loses one that was there."""
    service = drifting(paging, "insert=1/s")
    doubled = read_all(service, paging, seconds_a_page=1.0)
    assert len(doubled) > len(set(doubled))
    service = drifting(paging, "delete=1/s")
    seen = set(read_all(service, paging, seconds_a_page=1.0))
    assert service.truth(10.0).must_hold(0.0, 10.0) - seen


@pytest.mark.parametrize("paging", ["cursor", "keyset"])
def test_a_cursor_loses_and_doubles_nothing(paging: str) -> None:
    """After the last id seen: all that was there all the time is seen once, whatever was inserted or deleted."""
    service = drifting(paging, "insert=2/s:delete=1/s:change=1/s")
    seen = read_all(service, paging, seconds_a_page=1.0)
    truth = service.truth(10.0)
    assert len(seen) == len(set(seen))
    assert truth.must_hold(0.0, 10.0) <= set(seen) <= truth.may_hold(0.0, 10.0)


def test_the_truth_agrees_with_what_the_server_shows() -> None:
    """At any moment list, item addresses and truth name the same items; changed items have a later date."""
    service = drifting("page", "insert=3/s:delete=2/s:change=5/s:gone=410", newest_first=False)
    before = {number: service.handle(0.0, Ask("item", str(number))).body() for number in range(1, 41)}
    for now in (0.0, 0.34, 5.0, 12.5, 30.0):
        body = service.handle(now, Ask("list", query={"perPage": "100"})).body()
        listed = {record["id"] for record in body["data"]}
        truth = service.truth(now)
        assert listed == truth.must_hold(now, now) == truth.may_hold(now, now)
        assert body["total"] == len(listed)
        for number in range(1, 41 + 3 * 30):
            status = service.handle(now, Ask("item", str(number))).status
            assert status == (200 if number in listed else 410 if number in truth.deleted else 404)
    still_there = [number for number in truth.changed if number in listed and number <= 40]
    for number in still_there:
        assert service.handle(30.0, Ask("item", str(number))).body()["updated_at"] > before[number]["updated_at"]
    assert still_there


def test_drift_ends_and_an_emptied_list_is_no_error() -> None:
    """`until` stops the changes; deleting from an empty list changes nothing."""
    service = Service(ServerConfig(items=3, limit="none", drift="delete=1/s:until=2s"))
    assert [service.handle(now, Ask("list")).body()["total"] for now in (0.0, 1.0, 2.0, 50.0)] == [3, 2, 1, 1]
    service = Service(ServerConfig(items=2, limit="none", drift="delete=1/s:change=1/s"))
    assert service.handle(50.0, Ask("list")).body()["total"] == 0


def test_the_same_seed_drifts_alike_however_often_one_looks() -> None:
    """Changes come at their own times: looking once at the end or at every step shows the same."""
    often, once = (drifting("page", "insert=3/s:delete=2/s:change=5/s") for _ in range(2))
    for tick in range(100):
        often.handle(tick / 10, Ask("list"))
    assert often.truth(10.0).report() == once.truth(10.0).report()
