"""Placeholders in URLs and bodies: every value arrives as it was, and what has none is left out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from harness.spec.templates import BodyTemplate, ItemTemplate, UrlTemplate

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)


@pytest.mark.parametrize(
    ("text", "values", "url"),
    [
        ("https://x/a?page={page}&n={per_page}", {"page": 2, "per_page": 50}, "https://x/a?page=2&n=50"),
        ("https://x/a?n=5&after={cursor}", {"cursor": None}, "https://x/a?n=5"),
        ("https://x/a?after={cursor}", {}, "https://x/a"),
        ("https://x/a?after={cursor}&z", {"cursor": "a b/c&d=é"}, "https://x/a?after=a%20b%2Fc%26d%3D%C3%A9&z"),
        ("https://x/p{page}/l", {"page": 0}, "https://x/p0/l"),
        ("https://x/{cursor}/l", {"cursor": ".."}, "https://x/%2E%2E/l"),
        ("https://x/a?s={cursor}", {"cursor": [1, "b"]}, "https://x/a?s=%5B1%2C%22b%22%5D"),
        ("https://x/a?s={last_id}", {"last_id": 12.0}, "https://x/a?s=12"),
        ("https://x/a?key={env:API_KEY}&p={page}#top", {"page": 1}, "https://x/a?key={env:API_KEY}&p=1"),
    ],
)
def test_a_list_url_is_filled(text: str, values: dict[str, Any], url: str) -> None:
    assert UrlTemplate(text).fill(values) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://x/a?p={pge}", "unknown placeholder {pge} in https://x/a?p={pge}: allowed are {page}, {per_page}, "
         "{offset}, {cursor}, {last_id}, {env:NAME}; write %7B for a brace itself"),
        ("https://x/a?p={}", "unknown placeholder {} in https://x/a?p={}: allowed are {page}, {per_page}, "
         "{offset}, {cursor}, {last_id}, {env:NAME}; write %7B for a brace itself"),
        ("https://x/a?p={page", "the URL https://x/a?p={page has a brace without its other one; "
         "write %7B or %7D for a brace itself"),
        ("https://{page}.x/a", "the URL https://{page}.x/a has a placeholder in its host: write the host as it is"),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_filled_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        UrlTemplate(text)
    assert str(caught.value) == why


@given(TEXTS, TEXTS)
def test_what_is_filled_in_arrives_as_it_was(cursor: str, last: str) -> None:
    url = urlsplit(UrlTemplate("https://x/a/{last_id}/b?c={cursor}&d=1").fill({"cursor": cursor, "last_id": last}))
    assert dict(parse_qsl(url.query, keep_blank_values=True)) == {"c": cursor, "d": "1"}
    assert [unquote(part) for part in url.path.split("/")] == ["", "a", last, "b"]
    assert (url.netloc, url.fragment) == ("x", "")


QUERY = "query($c: String) { users(after: $c, first: 5) { nodes { id } } }"


def test_a_body_keeps_types_and_braces_and_leaves_out_what_has_no_value() -> None:
    body = {
        "query": QUERY,
        "variables": {"c": "{cursor}", "n": "{per_page}", "deep": ["{offset}", "x{page}", {"key": "{env:KEY}"}]},
        "n": 5,
    }
    template = BodyTemplate(body)
    assert template.names == {"cursor", "per_page", "offset"}
    first = template.fill({"per_page": 50, "offset": 0})
    assert first == {"query": QUERY, "variables": {"n": 50, "deep": [0, "x{page}", {"key": "{env:KEY}"}]}, "n": 5}
    then = template.fill({"cursor": [1, "é"], "per_page": 50, "offset": 100})
    assert then["variables"] == {"c": [1, "é"], "n": 50, "deep": [100, "x{page}", {"key": "{env:KEY}"}]}
    assert body["variables"]["c"] == "{cursor}"  # type: ignore[index]


def test_an_unknown_placeholder_of_a_body_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        BodyTemplate({"a": ["{curser}"]})
    assert str(caught.value) == (
        'unknown placeholder "{curser}" in the body: allowed are "{page}", "{per_page}", "{offset}", "{cursor}", '
        '"{last_id}", "{env:NAME}"; to send it as text, put a space before it'
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), JSON, max_size=3), JSON)
def test_a_body_without_placeholders_stays_and_a_value_is_put_in_as_it_is(body: dict[str, Any], value: Any) -> None:
    try:
        template = BodyTemplate(body)
    except ValueError:
        return
    if not template.names:
        assert template.fill({"cursor": "c"}) == body
    filled = BodyTemplate({"a": {"b": "{cursor}"}}).fill({"cursor": value})
    assert filled == {"a": {} if value is None else {"b": value}}


@pytest.mark.parametrize(
    ("text", "item", "record", "url"),
    [
        ("https://x/i/{id}/", "a/b", {}, "https://x/i/a%2Fb/"),
        ("https://x/i/{id}.json", 7, {}, "https://x/i/7.json"),
        ("https://x/i?channel={id}", "C é", {}, "https://x/i?channel=C%20%C3%A9"),
        ("https://x/{owner.login}/{name}", 1, {"owner": {"login": "a b"}, "name": "c"}, "https://x/a%20b/c"),
        ("{url}", "n", {"url": "https://x/i/1/?a=b%20c"}, "https://x/i/1/?a=b%20c"),
        ("{links.self}?full=1", "n", {"links": {"self": "/i/1"}}, "/i/1?full=1"),
        ("https://x{attributes.url}", "n", {"attributes": {"url": "/s/v60/1"}}, "https://x/s/v60/1"),
        ("https://x/i/{number}", "n", {"number": 12.0}, "https://x/i/12"),
    ],
)
def test_an_item_url_is_filled_from_its_record(text: str, item: Any, record: Any, url: str) -> None:
    assert ItemTemplate(text).of_record(item, record) == url


def test_a_batch_names_its_ids_and_how_many_there_may_be() -> None:
    template = ItemTemplate("https://x/show_many.json?ids={ids:100}")
    assert (template.batch, template.fields) == (100, ())
    assert template.of_ids(1, "a,b", "c") == "https://x/show_many.json?ids=1,a%2Cb,c"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://x/all", "the item URL https://x/all names no item: put {id}, {url} or a field of the record into it"),
        ("https://x/{ids}", "the item URL https://x/{ids} must hold {ids:100} alone, with how many ids a request "
         "may name"),
        ("https://x/{ids:0}", "the item URL https://x/{ids:0} must hold {ids:100} alone, with how many ids a request "
         "may name"),
        ("https://x/{a..b}", "the item URL https://x/{a..b} holds {a..b}, which is no field: write %7B for a brace"),
    ],
)  # fmt: skip
def test_an_item_url_that_names_no_item_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        ItemTemplate(text)
    assert str(caught.value) == why


def test_a_record_without_the_field_is_told() -> None:
    with pytest.raises(ValueError, match=r"a record has no url, which the item URL \{url\} needs"):
        ItemTemplate("{url}").of_record(1, {"id": 1, "url": None})
    with pytest.raises(ValueError, match="does not begin with one slash"):
        ItemTemplate("https://x{url}").of_record(1, {"url": "@evil.test/"})
    with pytest.raises(ValueError, match="does not begin with one slash"):
        ItemTemplate("https://x{url}").of_record(1, {"url": "//evil.test/"})


@given(st.one_of(TEXTS, st.integers()))
def test_every_id_arrives_as_it_was(item: int | str) -> None:
    url = urlsplit(ItemTemplate("https://x/i/{id}/?again={id}").of_ids(item))
    assert url.netloc == "x"
    assert unquote(url.path.split("/")[2]) == str(item)
    assert len(url.path.split("/")) == 4
    assert dict(parse_qsl(url.query))["again"] == str(item)
