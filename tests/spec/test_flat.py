"""Flat settings to a source: which kind of paging and auth they declare, and what wins over what."""

from __future__ import annotations

from typing import Any

import pytest

from harness import ImportConfig
from harness.errors import BadInput
from harness.settings import from_environ
from harness.spec.source import (
    AnswerRule,
    BasicAuth,
    BearerAuth,
    CursorPaging,
    HeaderAuth,
    Item,
    KeysetPaging,
    LinkPaging,
    OAuth2,
    OffsetPaging,
    PageNumberPaging,
    QueryAuth,
    Resource,
    SinglePage,
    Source,
)

URL = "https://api.example.com/orders"
OAUTH = {"token_url": "https://login.example.com/t", "client_id_env": "ID", "client_secret_env": "SECRET"}


def declared(**settings: Any) -> Source:
    source = ImportConfig(**{"url": URL, **settings}).source.declared()
    assert source is not None
    return source


def test_a_url_alone_declares_nothing_else() -> None:
    """Everything is open: the first answers decide."""
    assert declared() == Source(resource=Resource(url=URL))
    assert not ImportConfig(url=URL, token_env="A").source.paging
    assert ImportConfig().source.declared() is None


@pytest.mark.parametrize(
    ("settings", "paging"),
    [
        ({"paging": "page"}, PageNumberPaging()),
        ({"page_param": "p", "first_page": 0}, PageNumberPaging(param="p", first=0)),
        ({"pages": "meta.pages", "total": "meta.n"}, PageNumberPaging(pages="meta.pages", total="meta.n")),
        ({"paging": "page", "total": "header:X-Total"}, PageNumberPaging(total="header:X-Total")),
        ({"offset_param": "skip", "total": "count"}, OffsetPaging(param="skip", total="count")),
        ({"url": f"{URL}?from={{offset}}"}, OffsetPaging()),
        ({"next": "meta.next"}, LinkPaging(next="meta.next")),
        ({"paging": "link"}, LinkPaging()),
        ({"next": "next", "cursor_param": "after"}, CursorPaging(next="next", param="after")),
        ({"url": f"{URL}?after={{cursor}}", "next": "next"}, CursorPaging(next="next")),
        ({"method": "POST", "body": '{"page": {"at": "{cursor}"}}', "next": "n"}, CursorPaging(next="n")),
        (
            {"paging": "keyset", "cursor_param": "starting_after", "more": "has_more"},
            KeysetPaging(param="starting_after", more="has_more"),
        ),
        ({"url": f"{URL}?since_id={{last_id}}"}, KeysetPaging()),
        ({"method": "POST", "body": {"search_after": "{last_id}"}, "last_id": "sort"}, KeysetPaging(last="sort")),
        (
            {"next": "n", "cursor_param": "c", "absent_is_end": True},
            CursorPaging(next="n", param="c", absent_is_end=True),
        ),
        ({"paging": "single"}, SinglePage()),
    ],
)
def test_the_kind_of_paging_is_said_or_follows(settings: dict[str, Any], paging: Any) -> None:
    """By --paging, by a setting that only one kind has, or by a placeholder."""
    assert declared(**settings).resource.paging == paging


@pytest.mark.parametrize(
    ("settings", "auth"),
    [
        ({"token_env": "A"}, BearerAuth(token_env=("A",))),
        ({"token_env": ["A", "B"]}, BearerAuth(token_env=("A", "B"))),
        ({"token_env": "A", "auth": "basic"}, BasicAuth(token_env=("A",))),
        (
            {"token_env": "A", "auth": "basic:mail@example.com/token"},
            BasicAuth(token_env=("A",), user="mail@example.com/token"),
        ),
        ({"token_env": "A", "auth": "header:X-Api-Key"}, HeaderAuth(token_env=("A",), name="X-Api-Key")),
        (
            {"token_env": "A", "auth": "header:Authorization:Token"},
            HeaderAuth(token_env=("A",), name="Authorization", prefix="Token "),
        ),
        ({"token_env": "A", "auth": "query:key"}, QueryAuth(token_env=("A",), name="key")),
        (OAUTH, OAuth2(**OAUTH)),
        ({"auth": "oauth2", **OAUTH, "scope": "all"}, OAuth2(**OAUTH, scope="all")),
    ],
)
def test_the_kind_of_auth_is_said_or_follows(settings: dict[str, Any], auth: Any) -> None:
    """A key alone is a bearer token."""
    assert declared(**settings).auth == auth


def test_the_rest_of_a_resource() -> None:
    """Each flat name has its place."""
    source = declared(
        **{"param": ["state=all", "sort=created"], "records": "data", "id": ["owner.id", "number"], "per_page": 50},
        **{"size_param": "limit", "item": "{url}", "item_records": "order", "end": "400,404", "same_host": True},
        **{"allow_host": "cdn.example.com", "refused_when": "error=ratelimited", "fail_when": ["ok=false", "200:x"]},
        **{"detail": True, "split": "since..until=1..9/2", "paging": "link"},
        **{"header": ["X-Key: {env:A}", "Notion-Version: 1", "X-Other: secret"]},
    )
    assert source == Source(
        resource=Resource(
            url=URL,
            records="data",
            id=("owner.id", "number"),
            per_page=50,
            size_param="limit",
            item=Item(url="{url}", records="order"),
            end=(400, 404),
            refused_when=(AnswerRule(path="error", value="ratelimited"),),
            fail_when=(AnswerRule(path="ok", value="false"), AnswerRule(status=200, text="x")),
            detail=True,
            split="since..until=1..9/2",
            paging=LinkPaging(),
        ),
        headers={"X-Key": "{env:A}", "Notion-Version": "1"},
        params={"state": "all", "sort": "created"},
        same_host=True,
        allow_host=("cdn.example.com",),
    )


def test_several_of_one_setting_in_a_variable_of_the_environment() -> None:
    """One a line, as there is no other way to write them."""
    environ = {"TOKEN_ENV": "A\nB", "ID": "x\ny", "PARAM": "a=1\nb=2", "END": "400 404", "URL": URL}
    values = from_environ({f"HARNESS_IMPORT_{name}": value for name, value in environ.items()})
    spec = ImportConfig(**values).source
    assert (spec.token_env, spec.id, spec.param, spec.end) == (("A", "B"), ("x", "y"), {"a": "1", "b": "2"}, (400, 404))


BASE = Source(
    resource=Resource(url=URL, paging=CursorPaging(next="next", param="after"), id=("a", "b"), end=(400,)),
    auth=BearerAuth(token_env=("A",)),
    headers={"X-Version": "1"},
)


def test_what_is_given_wins_over_a_declared_source() -> None:
    """One by one; a list wholly; a paging or an auth of another kind starts afresh."""
    config = ImportConfig(source=BASE)
    assert (config.source.declared(), config.source.url) == (BASE, URL)
    over = config.with_settings(id="c", next="meta.next", token_env="B", header="X-Version: 2")
    source = over.source.declared()
    assert source is not None
    assert (source.resource.id, source.resource.end) == (("c",), (400,))
    assert source.resource.paging == CursorPaging(next="meta.next", param="after")
    assert (source.auth, source.headers) == (BearerAuth(token_env=("B",)), {"X-Version": "2"})
    other = config.with_settings(paging="offset", auth="query:key").source.declared()
    assert other is not None
    assert (other.resource.paging, other.auth) == (OffsetPaging(), QueryAuth(token_env=("A",), name="key"))
    assert config.with_settings(source=Source(resource=Resource(url=URL + "/x"))).source.url == URL + "/x"


def test_a_source_made_in_python_is_checked_in_one_sentence() -> None:
    """Its own fields when it is made, what must fit together when it is used."""
    with pytest.raises(BadInput, match=r"^method of Resource must be 'GET' or 'POST'$"):
        Resource(url=URL, method="PUT")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"^unknown field 'recods' of Resource; leave it out, or write records$"):
        Resource(url=URL, recods="x")  # type: ignore[call-arg]
    with pytest.raises(BadInput, match=r"^url of Resource is missing; add it$"):
        Resource()  # type: ignore[call-arg]
    with pytest.raises(BadInput, match=r"next of CursorPaging is missing; add it"):
        CursorPaging(param="x")  # type: ignore[call-arg]
    with pytest.raises(BadInput, match=r"^resource.body of the Source is sent with a POST, and the list is asked for"):
        ImportConfig(source=Source(resource=Resource(url=URL, body={})))
    with pytest.raises(BadInput, match=r"^resource.paging.next of the Source: 'a\[' is not a path in JMESPath"):
        ImportConfig(source=Source(resource=Resource(url=URL, paging=LinkPaging(next="a["))))
    with pytest.raises(BadInput, match=r"^--records: 'a\[' is not a path in JMESPath"):
        ImportConfig(source=BASE, records="a[")
