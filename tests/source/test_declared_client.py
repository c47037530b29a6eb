"""A declared source on the wire: what the client sends, and what it makes of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from harness.core.answers import Failed, ItemRead, PageRead, Redirected
from harness.record.events import FIRST_PAGE, PageRef
from harness.source.base import Got
from harness.source.client import HttpApi
from harness.source.rest import Rest
from harness.spec.source import AnswerRule, CursorPaging, Item, LinkPaging, Resource, Source
from tests.asgi import InProcess
from tests.presets.stub import Asked, Reply, Stub

URL = "https://api.test/search"
SECRET = "s3cret-of-a-t3st"


def asked(source: Source, answers: Any, *wanted: tuple[Any, ...]) -> tuple[Stub, list[Got | None]]:
    """The stand-in after it was asked for `wanted`: (role, key, place), and what came of each."""
    stub = Stub(answers)

    async def ask() -> list[Got | None]:
        api = HttpApi(
            Rest(source), workers=1, timeout_s=5, transport=InProcess(stub), trust_env=False, variables={"KEY": SECRET}
        )
        async with api:
            return [await api.fetch(role, key, lambda _: True, place=place) for role, key, place in wanted]

    return stub, trio.run(ask)


BODY = {"key": "{env:KEY}", "n": "{per_page}", "after": "{cursor}", "query": "{ rows { id } }"}
POSTED = Source(
    resource=Resource(
        url=URL, method="POST", body=BODY, records="rows", per_page=2, paging=CursorPaging(next="next"),
        item=Item(url="{url}"), fail_when=(AnswerRule(path="ok", value="false"),), end=(409,),
    ),
    headers={"X-Version": "7"},
)  # fmt: skip


def test_a_body_is_posted_with_its_types_and_its_secret_stays_out_of_what_is_recorded() -> None:
    def answers(asked: Asked) -> Reply:
        following = [1, "é"] if "after" not in asked.body else f"key {SECRET}"
        return Reply({"rows": [{"id": 1, "url": "/i/1"}], "next": following})

    second = PageRef("cursor", '[1,"é"]')
    stub, (first, then) = asked(POSTED, answers, ("list", FIRST_PAGE, None), ("list", second, None))
    assert [(one.method, one.path, one.query, one.body) for one in stub.asked] == [
        ("POST", "/search", {}, {"key": SECRET, "n": 2, "query": "{ rows { id } }"}),
        ("POST", "/search", {}, {"key": SECRET, "n": 2, "after": [1, "é"], "query": "{ rows { id } }"}),
    ]
    assert [(one.headers["content-type"], one.headers["x-version"]) for one in stub.asked] == [
        ("application/json", "7")
    ] * 2
    assert first is not None
    assert isinstance(first.result, PageRead)
    assert (first.result.next_page, first.result.places) == (second, ("/i/1",))
    assert then is not None
    assert SECRET not in repr(then)


def test_an_item_is_asked_for_at_its_place_by_get_without_the_lists_body() -> None:
    stub, (got,) = asked(POSTED, lambda _: Reply({"id": 1, "n": 2}), ("item", 1, "/i/1?full=1"))
    assert [one.line for one in stub.asked] == ["GET /i/1?full=1"]
    assert got == Got(ItemRead(len('{"id": 1, "n": 2}'), True), ((1, '{"id": 1, "n": 2}'),))


def test_an_item_that_would_be_asked_of_another_host_is_not_asked() -> None:
    stub, (got,) = asked(POSTED, lambda _: Reply({}), ("item", 1, "https://evil.test/i/1"))
    assert stub.asked == []
    assert got is not None
    assert got.result == Failed(
        "malformed",
        "an item is on another host, https://evil.test:443, which must not receive the credentials; "
        "if it is this service by another name, add --same-host; "
        "if it is another that you trust, add --allow-host evil.test",
        passing=False,
        sent=False,
    )


def test_declared_failures_and_ends() -> None:
    def answers(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply({"message": "no such page"}, 409)
        return Reply({"ok": False, "id": 1, "error": "not_in_channel"})

    _, (page, item) = asked(POSTED, answers, ("list", FIRST_PAGE, None), ("item", 1, "/i/1"))
    assert page is not None
    assert isinstance(page.result, Failed)
    assert page.result.past_end == "answered 409"
    said = json.dumps({"ok": False, "id": 1, "error": "not_in_channel"})
    assert item is not None
    assert item.result == Failed("malformed", f"the answer is a failure, as --fail-when ok=false says: {said}", False)


def test_a_link_to_an_allowed_host_carries_no_header_of_the_source() -> None:
    source = Source(
        resource=Resource(url=URL, records="rows", paging=LinkPaging(next="next")),
        headers={"X-Version": "7"},
        allow_host=("cdn.test",),
    )
    stub, _ = asked(source, lambda _: Reply({"rows": []}), ("list", PageRef("url", "https://cdn.test/2"), None))
    assert "x-version" not in stub.asked[0].headers


def test_where_an_item_lies_is_known_from_the_first_page_too_or_it_is_not_asked() -> None:
    page = {"rows": [{"id": 1, "url": "/i/one"}], "next": None}
    stub, results = asked(
        POSTED,
        lambda asked: Reply(page if asked.method == "POST" else {"id": 1}),
        ("item", 1, None),
        ("list", FIRST_PAGE, None),
        ("item", 1, None),
    )
    assert [one.line.partition(" {")[0] for one in stub.asked] == ["POST /search", "GET /i/one"]
    assert results[0] == Got(
        Failed("malformed", "the list has not said where item 1 lies; start anew with --fresh", False, sent=False)
    )


def redirected(source: Source, status: int, to: str, *, first: str = "/search") -> tuple[Stub, list[Any]]:
    """Ask for page 1 of a source whose list redirects so, and follow it as the core does, at most once."""

    def answers(asked: Asked) -> Reply:
        page = {"rows": [{"id": 1, "url": "/i/1"}], "next": None}
        return Reply("", status, {"location": to}) if asked.path == first else Reply(page)

    stub = Stub(answers)

    async def ask() -> list[Any]:
        transport, same_host = InProcess(stub), source.same_host
        told: dict[str, Any] = {"workers": 1, "timeout_s": 5, "trust_env": False, "variables": {"KEY": SECRET}}
        async with HttpApi(Rest(source), transport=transport, same_host=same_host, **told) as api:
            got = await api.fetch("list", FIRST_PAGE, lambda _: True)
            assert got is not None
            results: list[Any] = [got.result]
            if isinstance(got.result, Redirected):
                then = await api.fetch("list", FIRST_PAGE, lambda _: True, target=got.result.target)
                assert then is not None
                results.append(then.result)
            return results

    return stub, trio.run(ask)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_post_that_is_redirected_stays_a_post_with_its_body(status: int) -> None:
    """A GET without the body, and the cursor in it, would bring something else without a word."""
    stub, (moved, page) = redirected(POSTED, status, "/v2/search/")
    assert moved == Redirected("https://api.test/v2/search/", URL)
    assert [(one.method, one.path) for one in stub.asked] == [("POST", "/search"), ("POST", "/v2/search/")]
    assert stub.asked[0].body == stub.asked[1].body == {"key": SECRET, "n": 2, "query": "{ rows { id } }"}
    assert stub.asked[1].headers["content-type"] == "application/json"
    assert page.ids == (1,)


def test_a_post_is_answered_elsewhere() -> None:
    """303 alone says that a GET brings the answer; asked anew it is a POST again."""
    stub, (_, page) = redirected(POSTED, 303, "/results/7")
    assert [(one.method, one.path, one.body) for one in stub.asked][1] == ("GET", "/results/7", None)
    assert "content-type" not in stub.asked[1].headers
    assert page.ids == (1,)


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("https://other.test/search?k=1", "it points to https://other.test/search; if you trust that address, use it"),
        ("http://api.test/search", "if it is another name of this service, add --same-host"),
        ("ftp://api.test/", "it points to ftp://api.test/;"),
        ("", "status 307 leads to no address that could be asked instead; check --url"),
    ],
)
def test_a_redirect_out_of_the_origin_is_refused_with_what_to_do(to: str, told: str) -> None:
    """Nothing more is sent, whatever the status."""
    stub, (failed,) = redirected(POSTED, 307, to)
    assert isinstance(failed, Failed)
    assert told in failed.detail
    assert (failed.reason, failed.passing, len(stub.asked)) == ("redirected", False, 1)


def test_another_name_of_the_service_is_asked_at_its_own() -> None:
    """With --same-host, and with the credentials, which go to the list's origin alone."""
    stub, (moved, _) = redirected(POSTED.model_copy(update={"same_host": True}), 307, "http://internal:8080/v2")
    assert moved == Redirected("https://api.test/v2", URL)
    assert [one.body["key"] for one in stub.asked] == [SECRET, SECRET]
