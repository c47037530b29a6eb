"""The decision path, called directly: histories on a time axis, no event loop."""

from __future__ import annotations

from typing import Any

import pytest
from harness_test_api import Ask, Decision, ServerConfig, Service

LIST = Ask("list")


def header(decision: Decision, name: str) -> str | None:
    return dict(decision.headers).get(name)


def statuses(service: Service, times: list[float], ask: Ask = LIST) -> list[int]:
    return [service.handle(now, ask).status for now in times]


def test_a_window_opens_with_its_first_request_and_ends_exactly_one_period_later() -> None:
    """An anchored window admits up to its limit until exactly start + period."""
    service = Service(ServerConfig(limit="2/10s"))
    assert statuses(service, [3.0, 3.0, 3.0, 12.999, 13.0, 13.0, 13.0]) == [200, 200, 429, 429, 200, 200, 429]


def test_all_tiers_are_checked_before_any_is_charged() -> None:
    """A refusal by one tier takes nothing from another."""
    service = Service(ServerConfig(limit="2/1s+3/10s"))
    assert statuses(service, [0.0, 0.0, 0.5, 0.5, 0.5]) == [200, 200, 429, 429, 429]
    last_of_the_long_window = service.handle(1.0, LIST)
    assert last_of_the_long_window.status == 200
    assert header(last_of_the_long_window, "X-RateLimit-Remaining") == "0"
    assert service.handle(1.0, LIST).refused_by == "3/10s"


def test_list_and_detail_draw_on_one_budget() -> None:
    """The limit holds over all routes together, so the detail phase is limited too."""
    service = Service(ServerConfig(limit="3/10s"))
    asks = [LIST, Ask("item", "1"), Ask("item", "2"), Ask("item", "3"), LIST]
    assert [service.handle(0.0, ask).status for ask in asks] == [200, 200, 200, 429, 429]


def test_clients_are_counted_apart() -> None:
    """An API key has a budget of its own, and so has an address without one."""
    service = Service(ServerConfig(limit="1/10s"))
    asks = [LIST, LIST, LIST._replace(address="10.0.0.9"), LIST._replace(api_key="a"), LIST._replace(api_key="b")]
    assert [service.handle(0.0, ask).status for ask in asks] == [200, 429, 200, 200, 200]


def test_headers_tell_the_truth_about_the_tier_that_binds_first() -> None:
    """Limit, Remaining and Reset belong to the tier with the least left, and Reset is its true end, rounded up."""
    service = Service(ServerConfig(limit="5/1s+6/100s", epoch=1_000_000.25))
    first = service.handle(0.5, LIST)
    assert [header(first, f"X-RateLimit-{name}") for name in ("Limit", "Remaining", "Reset")] == ["5", "4", "1000002"]
    statuses(service, [0.5] * 4)
    later = service.handle(50.0, LIST)
    assert [header(later, f"X-RateLimit-{name}") for name in ("Limit", "Remaining", "Reset")] == ["6", "0", "1000101"]


def test_a_refusal_says_when_to_come_back_and_waiting_so_long_is_enough() -> None:
    """Retry-After is in whole seconds, rounded up; a request sent then is admitted."""
    service = Service(ServerConfig(limit="1/20s"))
    service.handle(0.0, LIST)
    refused = service.handle(7.5, LIST)
    assert (refused.status, header(refused, "Retry-After")) == (429, "13")
    assert refused.body() == {"message": "Too Many Requests", "retry_after": 13}
    assert service.handle(7.5 + 13, LIST).status == 200


def test_no_limit_means_no_limit_headers() -> None:
    """A server without limits refuses nothing and says nothing of limits."""
    service = Service(ServerConfig(limit="none"))
    assert {service.handle(0.0, LIST).status for _ in range(1000)} == {200}
    assert header(service.handle(0.0, LIST), "X-RateLimit-Limit") is None


def page(service: Service, **query: str) -> dict[str, Any]:
    body = service.handle(0.0, Ask("list", query=query, base="http://api.test")).body()
    assert isinstance(body, dict)
    return body


def test_pages_together_hold_every_item_once() -> None:
    """Following next_page_url's numbers from page 1 on shows ids 1 to N, each once."""
    service = Service(ServerConfig(items=23, limit="none"))
    seen: list[int] = []
    number: int | None = 1
    while number is not None:
        body = page(service, page=str(number), perPage="5")
        seen += [record["id"] for record in body["data"]]
        number = number + 1 if body["next_page_url"] else None
    assert seen == list(range(1, 24))


def test_a_page_has_all_twelve_fields() -> None:
    """The middle page of three says where it lies in the list."""
    body = page(Service(ServerConfig(items=25, limit="none")), page="2")
    names = [record.pop("name") for record in body["data"]]
    assert all(isinstance(name, str) for name in names)
    url = "http://api.test/api/items?page={}&perPage=10"
    assert body == {
        "current_page": 2,
        "data": [{"id": number} for number in range(11, 21)],
        "first_page_url": url.format(1),
        "from": 11,
        "last_page": 3,
        "last_page_url": url.format(3),
        "next_page_url": url.format(3),
        "path": "http://api.test/api/items",
        "per_page": 10,
        "prev_page_url": url.format(1),
        "to": 20,
        "total": 25,
    }


def test_a_page_out_of_range_is_empty() -> None:
    """Past the end, however far, there is a page with no data and no next one."""
    service = Service(ServerConfig(items=5, limit="none"))
    for number in ("2", "10" * 30):
        body = page(service, page=number)
        assert (body["data"], body["from"], body["to"], body["next_page_url"], body["total"]) == (
            [],
            None,
            None,
            None,
            5,
        )


def test_an_empty_catalogue_has_one_empty_page() -> None:
    """Zero items are a list with one page and nothing on it."""
    body = page(Service(ServerConfig(items=0, limit="none")))
    assert (body["data"], body["total"], body["last_page"], body["next_page_url"]) == ([], 0, 1, None)


def test_per_page_is_capped_at_a_hundred() -> None:
    """A larger perPage is answered with 100 records and says so."""
    body = page(Service(ServerConfig(items=250, limit="none")), perPage="1000")
    assert (body["per_page"], len(body["data"]), body["last_page"]) == (100, 100, 3)


@pytest.mark.parametrize("name", ["page", "perPage"])
@pytest.mark.parametrize("text", ["0", "-1", "abc", "", "1.5", "²", "9" * 5000])
def test_a_parameter_that_is_no_number_is_named(name: str, text: str) -> None:
    """Not a number, zero or negative: 422, and the answer says which parameter."""
    decision = Service(ServerConfig(limit="none")).handle(0.0, Ask("list", query={name: text}))
    assert decision.status == 422
    assert name in decision.body()["message"]
    assert list(decision.body()["errors"]) == [name]


def test_an_item_has_all_its_fields_and_the_name_the_list_showed() -> None:
    """What the list says of an item and what its own address says agree."""
    service = Service(ServerConfig(items=5, limit="none"))
    listed = page(service)["data"][2]
    item = service.handle(0.0, Ask("item", "3")).body()
    assert list(item) == ["id", "name", "description", "price", "created_at", "updated_at"]
    assert (item["id"], item["name"]) == (listed["id"], listed["name"])
    assert item["created_at"] <= item["updated_at"]


@pytest.mark.parametrize("item_id", ["0", "6", "-1", "abc", "03", "9" * 30, "٣"])
def test_an_unknown_id_is_404(item_id: str) -> None:
    """An id the list does not show does not exist, and is counted by the limits all the same."""
    service = Service(ServerConfig(items=5, limit="1/10s"))
    decision = service.handle(0.0, Ask("item", item_id))
    assert decision.status == 404
    assert "message" in decision.body()
    assert service.handle(0.0, LIST).status == 429


def test_items_are_a_function_of_seed_and_id() -> None:
    """The same seed gives the same item in any catalogue size; another seed another one."""

    def item(seed: int, items: int) -> Any:
        return Service(ServerConfig(items=items, seed=seed)).handle(0.0, Ask("item", "3")).body()

    assert item(1, 10) == item(1, 10_000_000)
    assert item(1, 10) != item(2, 10)


def test_the_ledger_counts_every_decision() -> None:
    """Admitted and refused are told in all, per route, per status, per tier and per second."""
    service = Service(ServerConfig(items=3, limit="2/1s+3/10s"), started_at=100.0)
    for now, ask in ((100.0, LIST), (100.5, Ask("item", "9")), (100.5, LIST), (101.5, LIST), (102.0, LIST)):
        service.handle(now, ask)
    report = service.report()
    assert (report["admitted"], report["refused"]) == (3, 2)
    assert report["routes"] == {"item": {"admitted": 1, "refused": 0}, "list": {"admitted": 2, "refused": 2}}
    assert report["clients"] == {"127.0.0.1": {"admitted": 3, "refused": 2}}
    assert report["statuses"] == {"200": 2, "404": 1, "429": 2}
    assert report["tiers"] == [
        {"tier": "2/1s", "admitted": 3, "refused": 1},
        {"tier": "3/10s", "admitted": 3, "refused": 1},
    ]
    assert report["per_second"] == [
        {"t": 0, "admitted": 2, "refused": 1},
        {"t": 1, "admitted": 1, "refused": 0},
        {"t": 2, "admitted": 0, "refused": 1},
    ]


def test_resetting_the_ledger_leaves_the_windows() -> None:
    """Records are emptied; what was used stays used."""
    service = Service(ServerConfig(limit="1/10s"))
    service.handle(0.0, LIST)
    service.ledger.reset()
    assert service.report()["admitted"] == 0
    assert service.handle(1.0, LIST).status == 429
