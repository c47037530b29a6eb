"""The mapping of a REST API, and bodies that are not what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings, strategies as st

from harness.core.answers import PageRead
from harness.core.list_reader import known_pages, pages_after
from harness.record import events as e
from harness.record.events import FIRST_PAGE, ItemId, PageRef, linked, numbered
from harness.record.fold import apply
from harness.record.state import State
from harness.source.rest import Malformed, Rest
from harness.source.usual import MOST_PAGES

T = TypeVar("T")
REST = Rest("https://api.test/v1/orders", 3)
FULL = [{"id": 1}, {"id": 2}, {"id": 3}]


def read(value: Any, page: PageRef = FIRST_PAGE, rest: Rest = REST) -> PageRead:
    return rest.read_page(page, json.dumps(value))[0]


# --- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "page", "expected"),
    [
        ("https://api.test/orders", 2, "https://api.test/orders?page=2&perPage=3"),
        ("https://api.test/orders?sort=id", 2, "https://api.test/orders?sort=id&page=2&perPage=3"),
        ("https://api.test/orders/p{page}", 2, "https://api.test/orders/p2"),
        ("https://api.test/orders?p={page}&n={per_page}", 2, "https://api.test/orders?p=2&n=3"),
        ("https://api.test/orders?limit={per_page}", 2, "https://api.test/orders?limit=3&page=2"),
        ("https://api.test/orders", "https://api.test/orders?after=x", "https://api.test/orders?after=x"),
    ],
)
def test_where_a_page_is(url: str, page: int | str, expected: str) -> None:
    """Numbered pages are asked for as the URL says or by page and perPage; a link is followed as it is."""
    assert Rest(url, 3).page_url(numbered(page) if isinstance(page, int) else linked(page)) == expected


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (7, "/v1/orders/7"),
        ("a/b c?d#e%", "/v1/orders/a%2Fb%20c%3Fd%23e%25"),
        ("..", "/v1/orders/%2E%2E"),
        (".", "/v1/orders/%2E"),
        ("a.b", "/v1/orders/a.b"),
        ("ü", "/v1/orders/%C3%BC"),
    ],
)
def test_where_an_item_is(item: ItemId, path: str) -> None:
    """One segment below the list, whatever its id holds: no id leads out of the list's path."""
    assert Rest("https://api.test/v1/orders/?page={page}", 3).item_url(item) == f"https://api.test{path}"


# --- lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data", "items", "results"])
def test_a_list_is_an_array_or_an_object_with_one(name: str) -> None:
    """Bare or under data, items or results; the records come with their ids, in order."""
    read_page, records = REST.read_page(FIRST_PAGE, json.dumps({name: [{"id": "b", "n": 1}, {"id": 1}]}))
    assert read_page.ids == ("b", 1)
    assert records == [("b", {"id": "b", "n": 1}), (1, {"id": 1})]
    assert read([{"id": 5}]).ids == (5,)


@pytest.mark.parametrize(
    ("about", "total", "last_page"),
    [
        ({"total": 9, "last_page": 3}, 9, 3),
        ({"total_count": 9, "total_pages": 3}, 9, 3),
        ({"count": 0, "last_page": 0}, 0, 0),
        ({"total": "9", "last_page": 2.0}, 9, 2),
        ({"total": "nine", "last_page": 2.5}, None, None),
        ({"total": True, "last_page": -1}, None, None),
        ({"total": None, "last_page": MOST_PAGES}, None, MOST_PAGES),
    ],
)
def test_how_much_there_is(about: dict[str, Any], total: int | None, last_page: int | None) -> None:
    """Counts are whole numbers from 0, as text too; anything else is not said."""
    found = read({"data": FULL, **about})
    assert (found.total, found.last_page) == (total, last_page)


def test_more_pages_than_can_be_is_a_mistake() -> None:
    """A list is not believed that it has so many pages that their numbers alone would fill the memory."""
    with pytest.raises(Malformed, match=r"says it has 10,000,001 pages; up to 10,000,000 can be read"):
        read({"data": [], "last_page": MOST_PAGES + 1})


@pytest.mark.parametrize(
    ("about", "following"),
    [
        ({"next_page_url": "https://api.test/v1/orders?page=9"}, "https://api.test/v1/orders?page=9"),
        ({"next": "?cursor=abc"}, "https://api.test/v1/orders?cursor=abc"),
        ({"next": "/v2/orders?after=ü"}, "https://api.test/v2/orders?after=ü"),
        ({"links": {"next": "HTTPS://API.test:443/v1/x"}}, "https://API.test:443/v1/x"),
        ({"next": None}, None),
        ({"next_page_url": ""}, None),
        ({"links": {"next": None}}, None),
        ({}, None),
        ({"last_page": 5, "next": "?page=2"}, None),
        ({"last_page": 1, "next": "?page=2"}, "https://api.test/v1/orders?page=2"),
        ({"last_page": 5, "next": "?cursor=abc"}, "https://api.test/v1/orders?cursor=abc"),
        ({"next_page_url": None, "next": "?cursor=abc"}, "https://api.test/v1/orders?cursor=abc"),
        ({"next": 2}, None),
    ],
)
def test_which_page_comes_next(about: dict[str, Any], following: str | None) -> None:
    """A link where there is one, absolute or not: told, never guessed. A count of pages spares its links."""
    assert read({"data": FULL, **about}).next_page == (None if following is None else linked(following))


@pytest.mark.parametrize(
    ("about", "way", "more"),
    [
        ({"next": None}, "next", None),
        ({"next_page_url": ""}, "next_page_url", None),
        ({"links": {"next": False}}, "links.next", None),
        ({"next": "?c=2"}, "next", None),
        ({"has_more": True}, "has_more", None),
        ({"has_more": False}, None, False),
        ({"meta": {"has_more": False}, "links": {"next": "?c=2"}}, "links.next", False),
        ({"has_more": True, "data": []}, None, True),
        ({}, None, None),
    ],
)
def test_what_a_page_says_of_the_next_one(about: dict[str, Any], way: str | None, more: bool | None) -> None:
    """The field that speaks of it, whether it names one or is empty, and what has_more says: read, and not judged."""
    found = read({"data": FULL, **about})
    assert (found.way, found.more) == (way, more)


def test_a_page_cut_shorter_than_asked_for_is_not_the_last() -> None:
    """A server that gives 2 a page where 3 were asked for, of 5: the total says that there are 3 pages."""
    state = State()
    first = read({"total": 5, "data": [{"id": 1}, {"id": 2}]})
    assert (first.total, first.last_page, first.next_page) == (5, None, None)
    apply(state, e.PageListed(0.1, e.FIRST_PAGE, 1, 0.0, 0.1, 200, first.ids, first.total, None, None, new=2))
    assert (state.last_page, list(pages_after(state, None, None)), list(known_pages(state))) == (
        3,
        [range(2, 4)],
        [range(2, 4)],
    )
    assert list(pages_after(state, None, 2)) == [range(2, 3)]


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (
            "https://evil.test/v1/orders?page=2",
            "on another host, https://evil.test:443, which must not receive the credentials",
        ),
        ("http://api.test/v1/orders?page=2", "on another host, http://api.test:80"),
        ("//evil.test/x", "on another host, https://evil.test:443"),
        ("https://api.test:8443/x", "on another host, https://api.test:8443"),
        ("https://user:pw@evil.test/", "on another host, https://evil.test:443,"),
        ("https://api.test@evil.test/", "on another host, https://evil.test:443,"),
        ("http://[", "is not a URL"),
        ("https://api.test:99999/", "is not a URL"),
        ("?a=\ud800", "is not a URL"),
        ("?a=\x00", "is not a URL"),
        ("mailto:x", "is not a URL"),
    ],
)
def test_links_to_elsewhere_are_refused(link: Any, why: str) -> None:
    """Credentials go to the list's own scheme, host and port, and nowhere else; no link is an error of ours."""
    with pytest.raises(Malformed, match=why):
        read({"data": FULL, "next": link})


@pytest.mark.parametrize("id_", [True, False, 1.5, "", None, {"$oid": "x"}, ["x"], "\ud800"], ids=repr)
def test_an_id_that_is_none_is_said(id_: Any) -> None:
    """An id is a whole number or text that can be stored; a page with another one cannot be read."""
    with pytest.raises(Malformed, match="a record of the list has no usable id"):
        read([{"id": 1}, {"id": id_}])


@pytest.mark.parametrize(
    ("id_", "item"), [(7, 7), ("7", 7), (-7, -7), ("007", "007"), (10**20, str(10**20)), ("a b", "a b"), (0, 0)]
)
def test_ids_come_as_they_are_recorded(id_: Any, item: ItemId) -> None:
    """ "7" and 7 are one item; numbers too large for the record are text from the beginning."""
    assert read([{"id": id_}]).ids == (item,)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "the body is empty"),
        (" \n", "the body is empty"),
        ('{"data": [], "error": "no"}', "the list reports an error: {.error.: .no.}"),
        ('{"data": [{"id": 1}], "success": false}', "the list reports an error"),
        ("<html>502</html>", "answers with an HTML page, not with JSON"),
        ('{"data": [', "the body is not JSON"),
        ("[" * 100_000, "the body is not JSON"),
        ("1" * 5000, "the body holds no list"),
        ("5", "the body holds no list"),
        ("null", "the body holds no list"),
        ('{"data": {"id": 1}}', "the body holds no list"),
        ('{"error": "no"}', "the list reports an error: {.error.: .no.}"),
        ("[[5]]", "no usable id"),
        ("[[]]", "no usable id"),
        ("[{}]", "no usable id"),
    ],
)
def test_a_body_that_is_no_list_says_why(body: str, why: str) -> None:
    """Each in words for the failure's detail."""
    with pytest.raises(Malformed, match=why):
        REST.read_page(FIRST_PAGE, body)


# --- items --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ('{"id": 1, "n": 2.50}', '{"id": 1, "n": 2.50}'),
        ('{"id": "1", "error": "x"}', '{"id": "1", "error": "x"}'),
        ('{"data": {"id": 1, "n": "ü"}}', '{"id": 1, "n": "ü"}'),
        ('{"id": 1, "data": {"x": 2}}', '{"id": 1, "data": {"x": 2}}'),
        ('{"data": [1]}', '{"data": [1]}'),
        ('{"data": {"n": "\\ud800"}}', '{"n": "\\ud800"}'),
        ('{"n": null}', '{"n": null}'),
    ],
)
def test_the_payload_is_the_item_itself(body: str, payload: str) -> None:
    """As it was sent, to the digit; out of its data envelope where it has one; always storable as UTF-8."""
    assert REST.read_item(1, body) == (payload, '"id"' in payload, None)
    assert payload.encode()


@pytest.mark.parametrize(
    ("body", "why"), [("[]", "an array"), ("5", "a number"), ("null", "null"), ('"x"', "text"), ("true", "a boolean")]
)
def test_an_item_that_is_no_object_says_what_it_is(body: str, why: str) -> None:
    """A list, a number or nothing where an item was asked for."""
    with pytest.raises(Malformed, match=f"the item is not an object but {why}"):
        REST.read_item(1, body)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
LINKS = ANY | st.from_regex(r"(https?:)?(//)?[a-z@:\[\]0-9.]{0,12}(/[a-z.?&=%]{0,6})?", fullmatch=True)
RECORDS = st.lists(ANY | st.fixed_dictionaries({"id": st.integers() | st.text(st.characters())}), max_size=4)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("data", "items", "results"), RECORDS | ANY),
        **dict.fromkeys(("total", "total_count", "count", "last_page", "total_pages"), ANY),
        **dict.fromkeys(("next", "next_page_url"), LINKS),
        "links": st.fixed_dictionaries({"next": LINKS}) | ANY,
    },
)


@given(
    ENVELOPES | RECORDS | ANY, st.sampled_from([FIRST_PAGE, numbered(7), linked("https://api.test/v1/orders?cursor=x")])
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_body_is_read_or_malformed(value: Any, page: PageRef) -> None:
    """Whatever JSON a server sends, what is read can be recorded, and nothing but Malformed is raised."""
    body = json.dumps(value)
    _, (found, records) = said(lambda: REST.read_page(page, body), (PageRead(()), []))
    assert all(str(item).encode() for item in found.ids)
    assert [item for item, _ in records] == list(found.ids)
    assert found.next_page is None or str(found.next_page).encode()
    assert found.unread.encode().decode() == found.unread
    words, payload = said(lambda: REST.read_item(1, body)[0], "")
    assert words.encode() + payload.encode()


def said(ask: Callable[[], T], instead: T) -> tuple[str, T]:
    """Why it is malformed, in words that can be stored, with `instead`; or nothing, with what was read."""
    try:
        return "", ask()
    except Malformed as error:
        return str(error).encode().decode(), instead


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_is_read_or_malformed(body: str) -> None:
    """A body that is no JSON at all is Malformed, and nothing else."""
    for reader in (lambda: REST.read_page(FIRST_PAGE, body)[0].ids, lambda: REST.read_item(1, body)):
        why, got = said(reader, None)
        assert why or got is not None
