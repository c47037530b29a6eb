"""The test API in any shape: exact answers, and a naive client that reads each shape to its end."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from harness_test_api import BadConfig, Decision, ServerConfig, Service, create_app
from harness_test_api.identity import ID_KINDS
from harness_test_api.shape import WAYS, Shape
from hypothesis import given, settings, strategies as st

from tests.asgi import InProcess
from tests.server.naive import BASE, Naive, at


def served(**settings: Any) -> Service:
    return Service(ServerConfig(**{"limit": "none", "items": 7, **settings}))


def get(service: Service, target: str, method: str = "GET", body: Any = None, **headers: str) -> Decision:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.handle(0.0, service.ask(method, target, named, body))


def body_of(service: Service, target: str, **more: Any) -> Any:
    return get(service, target, **more).body()


def test_records_lie_where_the_shape_says() -> None:
    """A nested path, a bare array, bare ids, and fields in an object of their own."""
    nested = served(items=1, paging="single", shape={"records": "data.orders"})
    assert body_of(nested, "/api/items") == {"data": {"orders": [{"id": 1, "name": "silver guitar 1"}]}}
    array = served(items=2, paging="single", shape={"records": "", "record": "id", "id-kind": "digits"})
    assert body_of(array, "/api/items") == ["1", "2"]
    shape = {"records": "hits.hits", "id": "_id", "wrap": "_source", "tell": {"hits.total.value": "total"}}
    search = served(items=1, paging="single", shape=shape)
    assert body_of(search, "/api/items") == {
        "hits": {"hits": [{"_id": 1, "_source": {"name": "silver guitar 1"}}], "total": {"value": 1}}
    }


def test_the_list_may_hold_all_that_the_items_have() -> None:
    """`list-fields = all`: then each record is its item."""
    service = served(paging="single", shape={"records": "", "list-fields": "all"})
    records = body_of(service, "/api/items")
    assert records == [body_of(service, f"/api/items/{number}") for number in range(1, 8)]


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ({"item": "{list}/{id}/"}, "/api/items/3/"),
        ({"item": "{list}/{id}.json"}, "/api/items/3.json"),
        ({"item": "/api/items.info?item={id}"}, "/api/items.info?item=3"),
        ({"item": "/other/{id}/whole"}, "/other/3/whole"),
    ],
)
def test_items_have_the_addresses_of_the_shape(shape: dict[str, str], target: str) -> None:
    """Each form of URL leads to the item, and the usual one nowhere."""
    service = served(shape=shape | {"item-records": "order"})
    assert body_of(service, target)["order"]["id"] == 3
    assert get(service, "/api/items/3").status == 404


def test_an_id_of_two_parts_is_no_text_joined() -> None:
    """("a", "b-1") and ("a-b", "1") are two items."""
    service = served(paging="single", shape={"id": ["region", "number"], "item": "{list}/{region}/{number}"})
    listed = [(record["region"], record["number"]) for record in body_of(service, "/api/items")["data"]]
    assert listed[:2] == [("a", "b-1"), ("a-b", "1")]
    one, other = (body_of(service, f"/api/items/{region}/{number}") for region, number in listed[:2])
    assert (one["name"], other["name"]) == ("silver guitar 1", body_of(served(), "/api/items/2")["name"])
    assert get(service, "/api/items/a/1").status == 404


def test_a_number_beside_an_id_is_what_items_are_asked_by() -> None:
    """GitHub's `number`: the `id` of the same record leads nowhere."""
    service = served(paging="single", shape={"records": "", "id": "number", "other-id": "id", "list-fields": "all"})
    record = body_of(service, "/api/items")[0]
    assert (record["number"], record["id"] > 10**9) == (1, True)
    assert get(service, f"/api/items/{record['id']}").status == 404
    assert body_of(service, "/api/items/1") == record


def test_records_tell_their_own_address() -> None:
    """As a URL, or as a path; the last segment need not be the id."""
    shape = {"id": "name", "id-kind": "name", "item": "{list}/{n}/", "urls": "url attributes.url:path"}
    service = served(paging="single", shape=shape)
    record = body_of(service, "http://api.test/api/items")["data"][2]
    assert record["url"] == "http://api.test/api/items/3/"
    assert record["attributes"] == {"url": "/api/items/3/"}
    assert body_of(service, "/api/items/3/")["name"] == body_of(service, f"/api/items/{record['name']}/")["name"]


@pytest.mark.parametrize(("over", "answer"), [("cap", (200, 5)), ("default", (200, 3)), ("refuse", (400, None))])
def test_a_page_that_is_too_large(over: str, answer: tuple[int, int | None]) -> None:
    """Capped, of the usual size, or refused."""
    shape = {"size": 3, "most": 5, "over": over, "bad-status": 400, "size-param": "limit"}
    decision = get(served(shape=shape), "/api/items?limit=6")
    assert (decision.status, len(decision.body()["data"]) if decision.status == 200 else None) == answer


@pytest.mark.parametrize(
    ("past", "status", "body"),
    [
        ("empty", 200, {"items": []}),
        ("null", 200, {"items": None}),
        ("404", 404, {"message": "there is no such page"}),
        ("400:page is out of range", 400, {"message": "page is out of range"}),
        ("204", 204, None),
    ],
)
def test_a_page_past_the_end(past: str, status: int, body: Any) -> None:
    """Each answer that APIs give there; the first page of an empty list is a page."""
    shape = {"records": "items", "tell": {}, "past": past}
    for items, page in ((7, 2), (10, 2), (0, 2)):
        decision = get(served(items=items, shape=shape), f"/api/items?page={page}")
        assert (decision.status, decision.body()) == (status, body)
    assert body_of(served(items=0, shape=shape), "/api/items") == {"items": []}


def test_pages_may_count_from_zero() -> None:
    """The first page is 0, and what pages tell counts alike."""
    shape = {"first-page": 0, "tell": {"page": "page", "next": "next_page", "pages": "pages"}, "size": 4}
    bodies = [body_of(served(shape=shape), f"/api/items{query}") for query in ("", "?page=0", "?page=1")]
    assert [(b["page"], b["next"], b["pages"], len(b["data"])) for b in bodies] == [(0, 1, 2, 4)] * 2 + [
        (1, None, 2, 3)
    ]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("next", "http://api.test/api/items?page=2&size=4"),
        ("next:path", "/api/items?page=2&size=4"),
        ("next:object", {"href": "http://api.test/api/items?page=2&size=4"}),
        ("next:scheme=https", "https://api.test/api/items?page=2&size=4"),
        ("next:host=other.test", "http://other.test/api/items?page=2&size=4"),
    ],
)
def test_the_next_url_has_the_form_of_the_shape(form: str, told: Any) -> None:
    """Absolute, a path, an object, or the same service by another name."""
    shape = {"size": 4, "size-param": "size", "tell": {"links.next": form}}
    assert body_of(served(shape=shape), "http://api.test/api/items")["links"] == {"next": told}
    assert body_of(served(shape=shape), "/api/items?page=2")["links"] == {"next": None}


@pytest.mark.parametrize(("end", "told"), [("null", {"next": None}), ("empty", {"next": ""}), ("absent", {})])
def test_the_last_page_tells_no_cursor(end: str, told: dict[str, Any]) -> None:
    """Null, an empty text, or nothing."""
    service = served(items=1, paging="cursor", shape={"records": "r", "tell": "next=cursor", "end": end})
    body = body_of(service, "/api/items")
    assert {name: value for name, value in body.items() if name != "r"} == told


def test_totals_and_cursors_may_stand_in_headers() -> None:
    """`header:NAME`, and no header where there is nothing to tell."""
    shape = {"records": "", "size": 4, "tell": {"header:X-Total": "total", "header:X-Next-Page": "next_page"}}
    first, last = (get(served(shape=shape), f"/api/items?page={page}") for page in (1, 2))
    assert [dict(first.headers).get(name) for name in ("X-Total", "X-Next-Page")] == ["7", "2"]
    assert [dict(last.headers).get(name) for name in ("X-Total", "X-Next-Page")] == ["7", None]


def test_a_list_may_be_asked_for_by_post() -> None:
    """The parameters stand in the body; GET is not allowed."""
    service = served(paging="cursor", shape={"method": "POST", "size": 4, "cursor-param": "start"})
    first = body_of(service, "/api/items", method="POST", body=b'{"filter": {"a": 1}}')
    rest = body_of(service, "/api/items", method="POST", body={"start": first["next_cursor"], "perPage": 100})
    assert [record["id"] for record in (*first["data"], *rest["data"])] == list(range(1, 8))
    assert get(service, "/api/items").status == 405
    assert get(service, "/api/items", method="POST", body=b"[").status == 400


def test_search_after_is_the_last_records_sort() -> None:
    """Elasticsearch: `search_after` is the array `sort` of the last record."""
    shape = {
        "method": "POST",
        "offset-param": "from",
        "size-param": "size",
        "last-param": "search_after",
        "last": "sort",
    }
    service = served(paging="offset", shape=shape)
    first = body_of(service, "/api/items", method="POST", body={"size": 3})["data"]
    after = body_of(service, "/api/items", method="POST", body={"size": 3, "search_after": first[-1]["sort"]})["data"]
    offset = body_of(service, "/api/items", method="POST", body={"size": 3, "from": 3})["data"]
    assert first[-1]["sort"] == [3]
    assert after == offset != first


def test_unknown_parameters_may_be_refused_and_others_needed() -> None:
    """`strict` names the parameter; `needs` wants a parameter or a header with every request."""
    strict = served(paging="keyset", shape={"strict": True, "bad-status": 400, "error": "error.message"})
    decision = get(strict, "/api/items?page=1")
    assert (decision.status, "page must be left out" in decision.body()["error"]["message"]) == (400, True)
    assert get(strict, "/api/items?perPage=2&after=2").status == 200
    needy = served(shape={"needs": ["api-version", "header:Notion-Version"]})
    assert get(needy, "/api/items/1?api-version=1", Notion_Version="2022-06-28").status == 200
    assert get(needy, "/api/items/1", Notion_Version="2022-06-28").status == 400
    assert get(needy, "/api/items?api-version=1").status == 400


def test_links_carry_the_other_parameters_but_no_secret() -> None:
    """What the request asked for beside its place stays in the next URL; its key does not."""
    service = served(auth="query:key", shape={"size": 4, "tell": "next=next", "size-param": ""})
    body = body_of(service, "http://api.test/api/items?state=all&key=s3cret")
    assert body["next"] == "http://api.test/api/items?page=2&state=all"


def test_errors_may_be_told_in_a_200() -> None:
    """Slack: `ok` is false, and the status 200."""
    shape = {"ok": True, "extra": {"ok": True}, "item-extra": {"ok": True}, "item-records": "item"}
    service = served(auth="bearer", shape=shape)
    assert body_of(service, "/api/items/1", Authorization="Bearer x")["ok"] is True
    missing = get(service, "/api/items/99", Authorization="Bearer x")
    assert (missing.status, missing.body()) == (200, {"ok": False, "error": "there is no item '99'"})
    assert get(service, "/api/items").body()["ok"] is False


def test_a_batch_answers_the_ids_that_there_are() -> None:
    """In the order asked for, each once; unknown ids are left out, and too many are a 400."""
    shape = {"batch": "{list}/show_many.json?ids={ids}", "batch-most": 3, "records": "tickets"}
    service = served(shape=shape)
    items = [body_of(service, f"/api/items/{number}") for number in (3, 1)]
    for ids in ("3,99,1", "3%2C1%2C3", "3,x,1"):
        assert body_of(service, f"/api/items/show_many.json?ids={ids}") == {"tickets": items}
    assert get(service, "/api/items/show_many.json?ids=1,2,3,4").status == 400


def test_a_batch_costs_what_it_is_told_to() -> None:
    """`cost = { batch = 5 }`, and a limit of its own."""
    service = served(
        limit=["12/m", "batch=2/m"], cost={"batch": 1, "list": 4}, shape={"batch": "{list}/many?ids={ids}"}
    )
    targets = ["/api/items", "/api/items/many?ids=1", "/api/items/many?ids=1", "/api/items/many?ids=1", "/api/items/1"]
    assert [get(service, target).status for target in targets] == [200, 200, 200, 429, 200]
    assert service.report()["routes"]["batch"] == {"admitted": 2, "refused": 1}
    assert service.report()["units"] == 7


def test_each_route_has_limits_of_its_own_and_headers_speak_of_them() -> None:
    """`list=2/m item=3/m`: enforced apart; Limit and Remaining are those of the route."""
    service = served(limit="list=2/m item=3/m")
    seen = [
        (decision.status, dict(decision.headers)["X-RateLimit-Limit"], dict(decision.headers)["X-RateLimit-Remaining"])
        for decision in (get(service, target) for target in ("/api/items", *["/api/items/1"] * 4, *["/api/items"] * 2))
    ]
    ok, no = 200, 429
    items = [(ok, "3", "2"), (ok, "3", "1"), (ok, "3", "0"), (no, "3", "0")]
    assert seen == [(ok, "2", "1"), *items, (ok, "2", "0"), (no, "2", "0")]
    assert service.report()["tiers"] == [
        {"tier": "list=2/1m", "admitted": 2, "refused": 1},
        {"tier": "item=3/1m", "admitted": 3, "refused": 1},
    ]


def test_a_limit_without_a_route_counts_all_of_them() -> None:
    """`4/m` beside `list=2/m`: a refusal by either changes nothing in the other."""
    service = served(limit=["4/m", "list=2/m"])
    targets = ["/api/items", "/api/items", "/api/items", "/api/items/1", "/api/items/1", "/api/items/1"]
    assert [get(service, target).status for target in targets] == [200, 200, 429, 200, 200, 429]


def test_a_penalty_shuts_the_limit() -> None:
    """Airtable: 5 a second, then nothing for 30 s, whoever knocks."""
    service = served(limit="2/s:penalty=30s")
    times = [0.0, 0.0, 0.5, 1.5, 30.4, 30.5, 30.5, 30.5]
    asked = service.ask("GET", "/api/items/1", {})
    assert [service.handle(now, asked).status for now in times] == [200, 200, 429, 429, 429, 200, 200, 429]


def test_redirects_lead_to_the_slash_and_are_counted() -> None:
    """301 or 308 to the same path with its slash, the query kept; both hops take from the limit."""
    service = served(limit="3/m", shape={"list": "/api/items/", "item": "{list}{id}/", "redirect": 308})
    for target, to in (("/api/items?page=1", "/api/items/?page=1"), ("/api/items/3", "/api/items/3/")):
        decision = get(service, target)
        assert (decision.status, dict(decision.headers)["Location"]) == (308, to)
    assert [get(service, "/api/items/3/").status, get(service, "/api/items/3/").status] == [200, 429]
    assert service.report()["statuses"] == {"200": 1, "308": 2, "429": 1}


KEY = "k-1"
BASIC = "Basic " + base64.b64encode(b"me:s3cret").decode()


@pytest.mark.parametrize(
    ("auth", "good", "bad"),
    [
        ("bearer", {"Authorization": f"Bearer {KEY}"}, {"Authorization": BASIC}),
        ("basic", {"authorization": BASIC}, {"Authorization": f"Bearer {KEY}"}),
        ("header:PRIVATE-TOKEN", {"Private-Token": KEY}, {"Authorization": f"Bearer {KEY}"}),
        ("header:Authorization:Token ", {"Authorization": f"Token {KEY}"}, {"Authorization": f"Bearer {KEY}"}),
        ("bearer", {"Authorization": f"bearer {KEY}"}, {"Authorization": "Bearer "}),
    ],
)
def test_a_credential_of_the_right_kind_is_accepted(auth: str, good: dict[str, str], bad: dict[str, str]) -> None:
    """Any that is not empty; none and one of another kind are a 401 that names the scheme."""
    service = served(auth=auth)

    def status(headers: dict[str, str]) -> int:
        return service.handle(0.0, service.ask("GET", "/api/items", headers)).status

    assert [status(good), status(bad), status({})] == [200, 401, 401]
    assert service.report()["statuses"] == {"200": 1, "401": 2}


def test_a_key_in_the_query_and_several_keys_with_a_budget_each() -> None:
    """`query:key`: each key has a budget; with `require-key` others are unknown."""
    service = served(auth="query:key", limit="1/m", api_key={"a": "default", "b": "default"}, require_key=True)
    asked = [get(service, f"/api/items?key={key}").status for key in ("a", "a", "b", "c")]
    assert asked == [200, 429, 200, 401]


def token_of(service: Service, now: float = 0.0) -> Decision:
    form = b"grant_type=client_credentials&client_id=me&client_secret=s"
    return service.handle(now, service.ask("POST", "/oauth/token", {}, form))


def test_an_oauth2_token_lasts_as_many_requests_as_told() -> None:
    """Then 401, until a fresh one is shown; the limit counts the client, not the token."""
    service = served(auth="oauth2", tokens="requests=2:seconds=60", limit="4/m")
    assert get(service, "/api/items").status == 401
    answer = token_of(service)
    assert (answer.status, answer.body()["token_type"], answer.body()["expires_in"]) == (200, "bearer", 60)
    token = answer.body()["access_token"]
    assert [get(service, "/api/items", Authorization=f"Bearer {token}").status for _ in range(3)] == [200, 200, 401]
    fresh = token_of(service).body()["access_token"]
    asked = service.ask("GET", "/api/items", {"Authorization": f"Bearer {fresh}"})
    assert [service.handle(59.9, asked).status, service.handle(60.0, asked).status] == [200, 401]
    third = token_of(service, 59.0).body()["access_token"]
    asked = service.ask("GET", "/api/items", {"Authorization": f"Bearer {third}"})
    assert [service.handle(59.9, asked).status for _ in range(2)] == [200, 429]


def test_the_token_endpoint_may_count() -> None:
    """`counted` by limits of every route, or by one of its own; a bad client or grant is told by its name."""
    service = served(auth="oauth2", tokens="counted", limit=["3/m", "token=2/m"])
    assert [token_of(service).status for _ in range(3)] == [200, 200, 429]
    free = served(auth="oauth2", limit="1/m")
    assert [token_of(free).status for _ in range(3)] == [200] * 3
    assert get(free, "/oauth/token", "POST", b"grant_type=client_credentials&client_id=me").status == 401
    assert get(free, "/oauth/token", "POST", b"grant_type=password").body() == {"message": "unsupported_grant_type"}


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"shape": "recods=x"}, "'recods=x'"),
        ({"shape": "records"}, "'records'"),
        ({"shape": "tell=next=nxt"}, "'nxt'"),
        ({"shape": "tell=next=total:path"}, "'total:path'"),
        ({"shape": ("records=", "tell=total=total")}, "array"),
        ({"shape": "item={list}/{uuid}"}, "{uuid} is unknown"),
        ({"shape": "item=items/{id}"}, "not a path"),
        ({"shape": "id-kind=guid"}, "'guid'"),
        ({"shape": "first-page=2"}, "first-page: 2"),
        ({"shape": "most=5"}, "size 10"),
        ({"shape": "past=gone"}, "'gone'"),
        ({"shape": "extra=[1]"}, "not a JSON object"),
        ({"shape": "strict=maybe"}, "true or false"),
        ({"paging": "scroll"}, "'scroll'"),
        ({"auth": "digest"}, "'digest'"),
        ({"auth": "header"}, "'header'"),
        ({"tokens": "requests=0"}, "requests="),
        ({"tokens": "hours=3"}, "'hours'"),
        ({"limit": "lst=5/m"}, "lst= in the limit"),
        ({"limit": ["5/m", "5/m"]}, "twice"),
        ({"cost": "list=9", "limit": "list=5/m item=20/m"}, "cost list=9"),
        ({"fault": "503:route=page"}, "route=page"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, Any], word: str) -> None:
    """One sentence, which quotes it."""
    with pytest.raises(BadConfig) as caught:
        ServerConfig(**settings)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


_PATHS = st.sampled_from(["items", "data.orders", '"a.b".rows', "@odata.value"])


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    paging = draw(st.sampled_from([*WAYS]))
    size = draw(st.integers(1, 9))
    shape: dict[str, Any] = {"records": draw(_PATHS), "size": size, "most": draw(st.integers(size, 12))}
    shape["id-kind"] = draw(st.sampled_from([*ID_KINDS, "prefix:rec"]))
    shape["id"] = draw(st.sampled_from(["id", "order_id", "attributes.id", "sys.id"]))
    shape["item"] = draw(st.sampled_from(["{list}/{id}", "{list}/{id}/", "{list}/{id}.json", "/i?x={id}", "/n/{n}"]))
    shape["urls"] = draw(st.sampled_from(["links.self", "self:path", "u:object"]))
    shape["list-fields"] = draw(st.sampled_from(["few", "all"]))
    shape["wrap"] = draw(st.sampled_from(["", "attributes", "_source"]))
    shape["end"] = draw(st.sampled_from(["null", "absent", "empty"]))
    shape["first-page"] = draw(st.sampled_from([0, 1]))
    shape["method"] = draw(st.sampled_from(["GET", "POST"])) if paging in ("cursor", "keyset", "offset") else "GET"
    ways = {
        "page": ["links.next=next:path", "header:Link=links", "n=next_page", "pages=pages"],
        "link": ["header:Link=links"],
        "offset": ["t=total", "@next=next", "more=more"],
        "cursor": ["meta.c=cursor", "header:X-Next=cursor"],
        "keyset": ["has_more=more", "done=done"],
        "single": [""],
    }
    shape["tell"] = draw(st.sampled_from(ways[paging]))
    return paging, shape


@settings(deadline=None, max_examples=150)
@given(shaped=shapes(), items=st.integers(0, 30))
def test_whatever_the_shape_every_record_is_reached_once(shaped: tuple[str, dict[str, Any]], items: int) -> None:
    """A client that knows the shape reads each record once, and each item at the address that its record tells."""
    paging, shape = shaped
    service = Service(ServerConfig(items=items, limit="none", paging=paging, shape=shape))
    records = Naive(service, shape, paging).read_all()
    ids = [at(record, shape["id"]) for record in records]
    assert len(ids) == len(set(ids)) == items
    for record, shown in zip(records, ids):
        url = at(record, shape["urls"].partition(":")[0])
        url = url["href"] if isinstance(url, dict) else url
        item = service.handle(0.0, service.ask("GET", url, {})).body()
        assert at(item, shape["id"]) == shown
        if "{n}" not in shape["item"]:
            item_path = shape["item"].replace("{list}", "/api/items").replace("{id}", quote(str(shown), safe=""))
            assert service.handle(0.0, service.ask("GET", item_path, {})).body() == body_at(service, url)


def body_at(service: Service, url: str) -> Any:
    path = url.removeprefix("http://127.0.0.1")
    return service.handle(0.0, service.ask("GET", path, {})).body()


@pytest.mark.anyio
async def test_the_real_app_serves_any_shape() -> None:
    """Over ASGI: ids with slashes, a POST list, a redirect, a 204, and a wrong method."""
    shape = {"list": "/v1/orders/", "item": "{list}{id}/", "id-kind": "path", "redirect": 301, "past": "204"}
    transport = InProcess(create_app(ServerConfig(items=3, limit="none", auth=["bearer", "none"], shape=shape)))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as api:
        body = (await api.get("/v1/orders/")).json()
        shown = body["data"][2]["id"]
        assert "/" in shown
        assert (await api.get(f"/v1/orders/{quote(shown, safe='')}/")).json()["id"] == shown
        moved = await api.get("/v1/orders?" + urlencode({"q": "a b"}))
        assert (moved.status_code, moved.headers["Location"]) == (301, "/v1/orders/?q=a%20b")
        past = await api.get("/v1/orders/?page=9")
        assert (past.status_code, past.content) == (204, b"")
        assert (await api.post("/v1/orders/")).status_code == 405
        assert (await api.get("/_ledger")).json()["statuses"] == {"200": 2, "204": 1, "301": 1, "405": 1}


def test_the_page_names_every_setting_of_the_shape() -> None:
    """docs/test-api.md has a row for each."""
    from dataclasses import fields
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "test-api.md").read_text(encoding="utf-8")
    assert [f.name for f in fields(Shape) if f"| `{f.name.replace('_', '-')}` |" not in text] == []


def test_toml_and_flags_say_the_same(tmp_path: Any) -> None:
    """Tables, lists and booleans of TOML are the texts of flags."""
    path = tmp_path / "server.toml"
    path.write_text(
        'paging = "cursor"\n[shape]\nid = ["a", "b"]\nitem = "{list}/{a}/{b}"\nstrict = true\nsize = 3\n'
        'extra = { object = "list" }\ntell = { "meta.next" = "cursor" }\n'
    )
    texts = (
        "id=a b",
        "item={list}/{a}/{b}",
        "strict=true",
        "size=3",
        'extra={"object": "list"}',
        "tell=meta.next=cursor",
    )
    assert ServerConfig.from_toml(path).parsed.shape == ServerConfig(paging="cursor", shape=texts).parsed.shape


def test_a_next_link_may_be_read_from_the_header() -> None:
    """Link by cursor, as Shopify's `page_info`."""
    shape = {"records": "orders", "cursor-param": "page_info", "size": 4, "tell": {"header:Link": "links:prev-next"}}
    decision = get(served(paging="cursor", shape=shape), "http://api.test/api/items")
    found = re.fullmatch(r'<([^>]+)>; rel="next"', dict(decision.headers)["Link"])
    assert found is not None
    assert found[1].startswith("http://api.test/api/items?page_info=")
    assert json.dumps(decision.body()).count('"id"') == 4
