"""A declared source on the wire: what the client sends, and what it makes of the answers."""

from __future__ import annotations

import json
from typing import Any

import trio

from harness.core.answers import Failed, ItemRead, PageRead
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
        "if you trust it, add --allow-host evil.test",
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
