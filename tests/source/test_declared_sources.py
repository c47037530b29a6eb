"""What a declaration cannot know: a path that never matches, a cursor that leads back, links to other hosts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.config import ImportConfig
from harness.record.events import FIRST_PAGE, Batch, PageRef, linked, numbered
from harness.source.rest import Garbled, Malformed, Rest
from harness.spec.source import (
    AnswerRule,
    CursorPaging,
    Item,
    KeysetPaging,
    LinkPaging,
    OffsetPaging,
    PageNumberPaging,
    Paging,
    Resource,
    SinglePage,
    Source,
)
from tests.core.lists import Reply, importing, records

URL = "https://api.test/items"
NEVER = (
    "3 records, and nothing stands where --next is to be found, and nothing else shows that this page is the last; "
    "correct it, or add --absent-is-end if that ends the list"
)


def rest(paging: Paging | None, *, source: dict[str, Any] | None = None, **resource: Any) -> Rest:
    fields = {"url": URL, "records": "data", "size_param": "limit", "per_page": 3, "paging": paging, **resource}
    return Rest(Source(resource=Resource(**fields), **(source or {})))


def ended(mapping: Rest, *bodies: dict[str, Any]) -> tuple[str, int, str]:
    """What an import of these answers, one after another, comes to; the last for ever."""
    left = list(bodies)
    play = importing(lambda _: Reply(left.pop(0) if len(left) > 1 else left[0]), mapping, detail=False)
    assert play.done is not None
    return play.done.status.value, play.core.state.imported, play.done.reason or play.core.state.listing.evidence


def test_a_path_that_never_matched_is_no_end_of_a_full_page() -> None:
    """It may be misspelt: A1's neighbour."""
    mapping = rest(CursorPaging(next="meta.nxt", param="after"))
    assert ended(mapping, {"data": records(1, 2, 3)}) == ("failed", 3, NEVER)


def test_a_path_that_never_matched_beside_a_way_on_names_that() -> None:
    mapping = rest(CursorPaging(next="meta.nxt", param="after"))
    status, items, why = ended(mapping, {"data": records(1), "meta": {"next": "c2"}})
    assert (status, items) == ("failed", 1)
    assert why.startswith(
        '1 record, but the list goes on: the body holds "meta.next", which nothing follows: add --next'
    )


@pytest.mark.parametrize(
    ("paging", "body"),
    [
        (CursorPaging(next="meta.next", param="after"), {"data": records(1, 2)}),  # shorter than asked for
        (CursorPaging(next="next", param="after"), {"data": records(1, 2, 3), "next": None}),
        (CursorPaging(next="next", param="after"), {"data": records(1, 2, 3), "next": ""}),
        (CursorPaging(next="next", param="after", absent_is_end=True), {"data": records(1, 2, 3)}),
        (CursorPaging(next="next", param="after", more="more"), {"data": records(1, 2, 3), "next": "c", "more": False}),
        (CursorPaging(next="next", param="after", total="n"), {"data": records(1, 2, 3), "n": 3}),
        (LinkPaging(next="next"), {"data": records(1, 2, 3), "next": None}),
        (LinkPaging(absent_is_end=True), {"data": records(1, 2, 3)}),
        (KeysetPaging(param="after", more="has_more"), {"data": records(1, 2, 3), "has_more": False}),
        (KeysetPaging(param="after", more="has_more", absent_is_end=True), {"data": records(1, 2, 3)}),
        (SinglePage(), {"data": records(1, 2, 3)}),
        (CursorPaging(next="next", param="after"), {"data": []}),
    ],
)
def test_what_ends_a_list_at_its_first_page(paging: Paging, body: dict[str, Any]) -> None:
    assert ended(rest(paging), body)[:2] == ("complete", len(body["data"]))


@pytest.mark.parametrize(
    ("paging", "body", "why"),
    [
        (CursorPaging(next="next", param="after"), {"data": records(1, 2, 3), "next": "c"},
         '3 records, but the list goes on: "next" leads back to a page that was already read'),
        (KeysetPaging(param="after", more="has_more"), {"data": records(1, 2, 3), "has_more": True},
         '3 records, but the list goes on: "after" leads back to a page that was already read'),
        (OffsetPaging(param="skip"), {"data": records(1, 2, 3)},
         "3 records, and page 2 repeats page 1, so the server ignores the offset"),
        (PageNumberPaging(param="p", first=1), {"data": records(1, 2, 3)},
         "3 records, and page 2 repeats page 1, so the server ignores `page`"),
        (SinglePage(), {"data": records(1, 2, 3), "next_cursor": "c"},
         '3 records, but the list goes on: the body holds "next_cursor", which nothing follows'),
        (SinglePage(), {"data": records(1, 2, 3), "total": 60}, "the list declares 60 items but named 3"),
        (KeysetPaging(param="after", more="has_more"), {"data": [], "has_more": True},
         "0 records, and the last page says that more follow, but holds no records"),
        (OffsetPaging(param="skip", total="total"), {"data": [], "total": 5}, "the list declares 5 items but named 0"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_do_as_declared_fails(paging: Paging, body: dict[str, Any], why: str) -> None:
    """A2, A3, A10: never complete, never for ever."""
    status, items, said = ended(rest(paging), body)
    assert (status, items) == ("failed", len(body["data"]))
    assert said.startswith(why)


def test_an_empty_page_with_a_told_cursor_is_not_the_end() -> None:
    """A5."""
    mapping = rest(CursorPaging(next="next", param="after"))
    pages = ({"data": [], "next": "c1"}, {"data": records(1, 2), "next": "c2"}, {"data": [], "next": None})
    assert ended(mapping, *pages)[:2] == ("complete", 2)


def test_records_that_are_not_where_they_are_declared_are_told() -> None:
    mapping = rest(PageNumberPaging(first=1), records="rows")
    with pytest.raises(Malformed, match="the body holds nothing at rows, where the records are declared"):
        mapping.read_page(FIRST_PAGE, '{"data": [{"id": 1}]}')
    with pytest.raises(Malformed, match="the body holds an object at rows, where the records are declared"):
        mapping.read_page(FIRST_PAGE, '{"rows": {"id": 1}}')
    with pytest.raises(Malformed, match=r"there are records at my rows \(--records 'my rows'\)"):
        mapping.read_page(FIRST_PAGE, '{"my rows": [{"id": 1}]}')
    with pytest.raises(Malformed, match=r"declared; the body is itself an array of records \(leave --records out\)"):
        mapping.read_page(FIRST_PAGE, '[{"id": 1}]')
    with pytest.raises(Malformed, match=r"no usable id at a and b"):
        rest(None, id=("a", "b")).read_page(FIRST_PAGE, '{"data": [{"a": 1}]}')


def test_nothing_undeclared_is_sent() -> None:
    """Stripe answers 400 to a parameter that it does not know."""
    mapping = rest(KeysetPaging(param="starting_after", more="has_more"), size_param="", per_page=None)
    assert mapping.page_request(FIRST_PAGE).url == URL
    assert mapping.page_request(PageRef("keyset", "a/b c")).url == f"{URL}?starting_after=a%2Fb%20c"
    assert Rest(Source(resource=Resource(url=URL))).page_request(FIRST_PAGE).url == f"{URL}?page=1&perPage=100"


def test_what_the_url_says_already_is_not_said_twice() -> None:
    mapping = rest(OffsetPaging(param="skip"), url=f"{URL}?limit=2&skip=0&x=a%20b", per_page=None)
    assert mapping.page_request(PageRef("offset", 4)).url == f"{URL}?limit=2&x=a%20b&skip=4"


def test_parameters_and_headers_of_every_request_keep_variables_by_name() -> None:
    mapping = rest(
        PageNumberPaging(param="p", first=0),
        params={"api-version": "2024 1", "key": "{env:KEY}"},
        source={"headers": {"X-Auth": "{env:TOKEN}"}},
    )
    asked = mapping.page_request(numbered(2))
    assert asked.url == f"{URL}?api-version=2024%201&key={{env:KEY}}&p=1&limit=3"
    assert (asked.method, asked.headers, asked.json) == ("GET", {"X-Auth": "{env:TOKEN}"}, None)
    elsewhere = rest(LinkPaging(), source={"headers": {"X-Auth": "{env:TOKEN}"}, "allow_host": ("cdn.test",)})
    assert elsewhere.page_request(linked("https://cdn.test/p2")).headers == {}


ITEM = "{url}"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.test/v2/a?b=c%20d", "/v2/a?b=c%20d"),
        ("HTTPS://API.test:443/v2/a", "/v2/a"),
        ("/v2/a", "/v2/a"),
        ("v2/a", "/v2/a"),
        ("https://cdn.test/a", "https://cdn.test/a"),
    ],
)
def test_an_item_lies_where_its_record_says(url: str, place: str) -> None:
    mapping = rest(LinkPaging(), item=Item(url=ITEM), source={"allow_host": ("cdn.test",)})
    read, _ = mapping.read_page(FIRST_PAGE, json.dumps({"data": [{"id": 1, "url": url}], "next": None}))
    assert read.places == (place,)
    sent = mapping.item_request(1, place).url
    assert sent == (place if place.startswith("https:") else f"https://api.test{place}")


@pytest.mark.parametrize(
    "url", ["https://evil.test/a", "//evil.test/a", "http://api.test/a", "https://api.test:8443/a", "ftp://api.test/a",
            "https://api.test@evil.test/a", "javascript:alert(1)", "https://[::1", "\thttps://evil.test/"]
)  # fmt: skip
def test_an_item_elsewhere_is_refused_before_it_is_asked(url: str) -> None:
    body = json.dumps({"data": [{"id": 1, "url": url}], "next": None})
    with pytest.raises(Malformed):
        rest(LinkPaging(), item=Item(url=ITEM)).read_page(FIRST_PAGE, body)


def test_the_same_host_by_another_name_is_the_lists_own() -> None:
    mapping = rest(
        LinkPaging(next="next"), item=Item(url=ITEM), source={"same_host": True, "allow_host": ("cdn.test",)}
    )
    body = {"data": [{"id": 1, "url": "http://inside:8080/i/1?a=1"}, {"id": 2, "url": "https://cdn.test/2"}],
            "next": "http://inside:8080/items?p=2"}  # fmt: skip
    read, _ = mapping.read_page(FIRST_PAGE, json.dumps(body))
    assert read.places == ("/i/1?a=1", "https://cdn.test/2")
    assert read.next_page == linked("https://api.test/items?p=2")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<!DOCTYPE html><html><head><title> Wel\ncome </title>", "answers with an HTML page, title Wel come, not"),
        ("<html><body>502", "answers with an HTML page, not with JSON"),
        ("<?xml version='1.0'?><feed/>", "answers with XML, root element feed, not with JSON"),
        ("Hello\nworld", 'answers with plain text, "Hello world", not with JSON'),
        ("", "the body is empty"),
    ],
)
def test_what_is_no_list_is_said_at_once(body: str, why: str) -> None:
    """It is not asked for again: the address is wrong. A list that is cut short may be whole the next time."""
    with pytest.raises(Malformed, match=why) as caught:
        rest(None).read_page(FIRST_PAGE, body)
    assert not isinstance(caught.value, Garbled)
    with pytest.raises(Garbled):
        rest(None).read_page(FIRST_PAGE, '{"data": [{"id": 1}, {"i')
    with pytest.raises(Garbled):
        rest(None).read_page(numbered(7), body)


RULES = (AnswerRule(path="ok", value="false"), AnswerRule(status=202, text="not yet"))


@pytest.mark.parametrize(
    ("status", "body", "rule"),
    [
        (200, '{"ok": false, "error": "no_such_channel"}', "ok=false"),
        (200, '{"ok": "FALSE"}', "ok=false"),
        (200, '{"ok": true, "text": "not yet"}', None),
        (200, '{"items": []}', None),
        (202, "Not  yet", "202:not yet"),
        (202, '{"ok": true}', None),
    ],
)
def test_declared_failures(status: int, body: str, rule: str | None) -> None:
    assert rest(None, fail_when=RULES).failure(status, body) == rule


def test_an_item_in_its_declared_envelope_is_checked_by_the_declared_id() -> None:
    mapping = rest(None, id=("number",), item=Item(url=URL + "/{id}.json", records="order"))
    assert mapping.item_url("a/b") == f"{URL}/a%2Fb.json"
    assert mapping.read_item(7, '{"order": {"number": 7, "id": 99}}') == ('{"number": 7, "id": 99}', True, None)
    assert mapping.read_item(7, '{"order": {"n": 1}}')[1] is False
    with pytest.raises(Malformed, match="the answer is for another item: its id is 8, not 7"):
        mapping.read_item(7, '{"order": {"number": 8}}')
    with pytest.raises(Malformed, match="the answer holds nothing at order, where the item is declared"):
        mapping.read_item(7, '{"orders": []}')


def test_ids_of_several_fields_do_not_run_together() -> None:
    mapping = rest(None, id=("a", "b"), item=Item(url=URL + "/{a}/of/{b}"))
    body = json.dumps({"data": [{"a": "x-y", "b": "z"}, {"a": "x", "b": "y-z"}, {"a": "x/y", "b": "z%"}]})
    ids = mapping.read_page(FIRST_PAGE, body)[0].ids
    assert ids == ("x-y/z", "x/y-z", "x%2Fy/z%25")
    assert [mapping.item_url(item) for item in ids] == [
        f"{URL}/x-y/of/z", f"{URL}/x/of/y-z", f"{URL}/x%2Fy/of/z%25",
    ]  # fmt: skip


def test_bare_ids_are_records_of_nothing_but_an_id() -> None:
    """Docker's tags, say. The answer to a batch holds items, and bare ids are none."""
    mapping = rest(None, item=Item(url="https://api.test/item/{id}.json"), records=None)
    assert mapping.read_page(FIRST_PAGE, "[8, 9, 7]")[0].ids == (8, 9, 7)
    page, records = mapping.read_page(FIRST_PAGE, '["a", "b"]', kept=True)
    assert (page.ids, records) == (("a", "b"), [("a", {"id": "a"}), ("b", {"id": "b"})])
    batch = rest(None, item=Item(url="https://api.test/items?ids={ids:10}"), records=None)
    with pytest.raises(Malformed, match="the answer to a batch holds bare ids, not items"):
        batch.read_batch(Batch((8, 9)), "[8, 9]")


def test_a_link_that_is_a_number_needs_a_place() -> None:
    """json-server 1.0 tells the number of the next page."""
    body = json.dumps({"data": records(1, 2, 3), "next": 2})
    with pytest.raises(Malformed, match="told as the number 2, not as a link; say which parameter"):
        rest(LinkPaging(next="next")).read_page(FIRST_PAGE, body)
    placed = rest(LinkPaging(next="next"), url=f"{URL}?p={{page}}", size_param="")
    following = placed.read_page(FIRST_PAGE, body)[0].next_page
    assert following == numbered(2)
    assert [placed.page_url(page) for page in (FIRST_PAGE, numbered(2))] == [f"{URL}?p=1", f"{URL}?p=2"]
    sent = rest(CursorPaging(next="next", param="_page"))
    told = sent.read_page(FIRST_PAGE, body)[0].next_page
    assert told is not None
    assert sent.page_url(told) == f"{URL}?_page=2&limit=3"


def test_a_graphql_connection() -> None:
    query = (
        "query($c: String) { users(after: $c, first: 2) { edges { node { id } } pageInfo { endCursor hasNextPage } } }"
    )
    mapping = rest(
        CursorPaging(next="data.users.pageInfo.endCursor", more="data.users.pageInfo.hasNextPage"),
        method="POST",
        body={"query": query, "variables": {"c": "{cursor}"}},
        records="data.users.edges[*].node",
        size_param="",
    )
    assert mapping.page_request(FIRST_PAGE).json == {"query": query, "variables": {}}
    users = {
        "edges": [{"node": {"id": "a"}}, {"node": {"id": "b"}}],
        "pageInfo": {"endCursor": "b", "hasNextPage": True},
    }
    read, by_id = mapping.read_page(FIRST_PAGE, json.dumps({"data": {"users": users}}))
    assert (read.ids, read.next_page, read.more, read.unread) == (("a", "b"), PageRef("cursor", "b"), True, "")
    assert by_id == [("a", {"id": "a"}), ("b", {"id": "b"})]
    assert read.next_page is not None
    assert mapping.page_request(read.next_page).json == {"query": query, "variables": {"c": "b"}}
    users["pageInfo"]["hasNextPage"] = False  # type: ignore[call-overload]
    last, _ = mapping.read_page(read.next_page, json.dumps({"data": {"users": users}}))
    assert (last.next_page, last.more) == (None, False)
    with pytest.raises(Malformed, match="the list reports an error"):
        mapping.read_page(FIRST_PAGE, json.dumps({"data": None, "errors": [{"message": "bad"}]}))


def test_parameters_of_every_request_go_with_items_too() -> None:
    """Those of the list alone do not; nor does any to another host, to a link of the server's, or twice."""
    of_item = Item(url="{where}")
    own = {"params": {"api-version": "7.0", "k": "{env:KEY}"}, "allow_host": ("cdn.test",)}
    mapping = rest(LinkPaging(), source=own, params={"state": "open"}, size_param=None, per_page=None)
    assert mapping.page_request(FIRST_PAGE).url == f"{URL}?api-version=7.0&k={{env:KEY}}&state=open"
    assert mapping.page_request(linked(f"{URL}?c=2")).url == f"{URL}?c=2"
    assert mapping.item_request(7).url == f"{URL}/7?k={{env:KEY}}&api-version=7.0"
    placed = rest(LinkPaging(), source=own, item=of_item)
    for place, url in (
        ("/items/7", f"{URL}/7?k={{env:KEY}}&api-version=7.0"),
        ("/items/7?api-version=6", f"{URL}/7?api-version=6&k={{env:KEY}}"),
        ("https://cdn.test/7", "https://cdn.test/7"),
    ):
        assert placed.item_request(7, place).url == url
    batch = rest(LinkPaging(), source=own, item=Item(url="/items?ids={ids:9}"))
    assert batch.batch_request(Batch((1, 2))).url == f"{URL}?ids=1,2&k={{env:KEY}}&api-version=7.0"


def test_a_parameter_holds_placeholders_and_braces_of_its_own() -> None:
    """What has no value yet is left out; JSON and GraphQL in a value are themselves; an item gets no cursor."""
    config = ImportConfig(
        url="https://api.test/v1/orders",
        next="next",
        param=["after={cursor}", 'filter={"a":{b}}', "q={shop{name}}", "top={per_page}"],
        per_page=3,
    )
    declared = config.source.declared()
    assert declared is not None
    mapping = Rest(declared)
    own = "filter=%7B%22a%22:%7Bb%7D%7D&q=%7Bshop%7Bname%7D%7D&top=3"
    assert mapping.page_url(FIRST_PAGE) == f"https://api.test/v1/orders?{own}"
    page, _ = mapping.read_page(FIRST_PAGE, '{"data": [{"id": 1}], "next": "c 1"}')
    assert page.next_page is not None
    assert mapping.page_url(page.next_page) == f"https://api.test/v1/orders?after=c%201&{own}"
    assert mapping.item_request(1).url == f"https://api.test/v1/orders/1?{own}".replace("&top=3", "")
