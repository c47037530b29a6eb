"""The client against the test API in virtual time: what is asked, what is told, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import trio
from harness_test_api import ServerConfig, create_app
from hypothesis import given, settings, strategies as st

from harness.core.answers import Failed, ItemRead, PageRead
from harness.pacing import Notice
from harness.record.events import FIRST_PAGE, Key, Role, linked
from harness.source import Got
from harness.source.client import HttpApi
from harness.source.credentials import LEAST_SECRET
from harness.source.rest import Rest
from tests.asgi import InProcess

pytestmark = pytest.mark.anyio

LIST = "http://api.test/api/items"
SECRET = "Bearer sk-live/0123+456="


def api(transport: httpx2.AsyncBaseTransport, **settings: Any) -> HttpApi:
    told = {"workers": 5, "timeout_s": 10.0, "wall": lambda: 1_800_000_000.0, **settings}
    return HttpApi(Rest(told.pop("url", LIST), 10), transport=transport, **told)


def served(**config: Any) -> InProcess:
    return InProcess(create_app(ServerConfig(**config)))


def answering(*args: Any, **kwargs: Any) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(*args, **kwargs))


async def fetch(client: HttpApi, role: Role = "item", key: Key = 1) -> tuple[Got | None, list[Notice]]:
    """What became of one fetch, and the notices on the way; a refusal is answered as the core does."""
    notices: list[Notice] = []

    def on_headers(notice: Notice) -> bool:
        notices.append(notice)
        return not notice.refused

    async with client:
        return await client.fetch(role, key, on_headers), notices


async def failure(transport: httpx2.AsyncBaseTransport, role: Role = "item", **settings: Any) -> Failed:
    got, _ = await fetch(api(transport, **settings), role)
    assert got is not None
    assert isinstance(got.result, Failed)
    return got.result


async def test_a_page_and_its_items() -> None:
    """A page tells ids, total and last page; an item's payload is the body; both tell of the limit on the way."""
    config = {"items": 25, "limit": "9/10s"}
    got, notices = await fetch(api(served(**config)), "list", FIRST_PAGE)
    assert got == Got(PageRead(tuple(range(1, 11)), 25, 3))
    assert [(n.status, n.refused, n.quotas[0].limit, n.quotas[0].remaining) for n in notices] == [(200, False, 9, 8)]
    got, _ = await fetch(api(served(**config)), "item", 7)
    assert got is not None
    ((item, payload),) = got.payloads
    assert (item, json.loads(payload)["id"]) == (7, 7)
    assert got.result == ItemRead(len(payload.encode()), carried=True)


async def test_records_are_kept_where_they_are_the_items() -> None:
    """With keep_records a page brings a payload for each of its records."""
    got, _ = await fetch(api(served(items=3), keep_records=True), "list", FIRST_PAGE)
    assert got is not None
    assert [(item, json.loads(payload)["id"]) for item, payload in got.payloads] == [(1, 1), (2, 2), (3, 3)]


async def test_a_refusal_is_told_at_its_headers_and_is_no_result() -> None:
    """The notice carries Retry-After; None says that there is nothing more to tell."""
    transport = served(limit="1/20s", items=5)
    await fetch(api(transport))
    got, notices = await fetch(api(transport))
    assert got is None
    assert [(n.status, n.refused, n.retry_after_s) for n in notices] == [(429, True, 20.0)]


async def test_gone_is_for_good() -> None:
    """A 404 or 410 is not worth a second attempt."""
    got, _ = await fetch(api(served(items=5)), "item", 99)
    assert got == Got(Failed("gone", "Not Found, \"there is no item '99'\"", passing=False))
    assert await failure(answering(410), "list") == Failed("gone", "Gone", passing=False)


@pytest.mark.parametrize(
    ("status", "passing"),
    [(400, False), (401, False), (403, False), (408, True), (418, False), (425, True), (500, True), (503, True)],
)
async def test_which_statuses_may_pass(status: int, passing: bool) -> None:
    """What the server calls its own fault may pass, and what RFCs say may; the rest will be the same next time."""
    failed = await failure(answering(status))
    assert (failed.reason, failed.passing, failed.sent) == (f"status {status}", passing, True)


async def test_a_status_nobody_knows_is_no_error() -> None:
    """599 and 299 are handled by their class."""
    assert (await failure(answering(599))).reason == "status 599"
    got, _ = await fetch(api(answering(299, json={"id": 1})))
    assert got is not None
    assert isinstance(got.result, ItemRead)


async def test_the_timeout_is_for_the_whole_request() -> None:
    """An answer slower than the timeout is given up at that very moment; the request may still count."""
    got, notices = await fetch(api(served(latency="12s"), timeout_s=10.0))
    assert got == Got(Failed("timed out", "no complete answer within 10 s"))
    assert (trio.current_time(), notices) == (10.0, [])


class Dripping(httpx2.AsyncByteStream):
    """A body that brings some of itself, and then an error or nothing for ever."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def __aiter__(self) -> Any:
        yield b'{"id": '
        if self.error is not None:
            raise self.error
        await trio.sleep_forever()


@pytest.mark.parametrize("error", [None, httpx2.RemoteProtocolError("peer closed"), httpx2.ReadError("")])
async def test_a_refusal_is_one_however_its_body_ends(error: Exception | None) -> None:
    """A 429 whose body stalls or is cut off was told at its headers; the core knows no such fetch any more."""
    got, notices = await fetch(api(answering(429, stream=Dripping(error))))
    assert (got, len(notices)) == (None, 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, "timed out"), (httpx2.RemoteProtocolError("peer closed"), "cut off"), (httpx2.ReadError(""), "cut off")],
)
async def test_a_body_that_does_not_end_is_no_stale_connection(error: Exception | None, reason: str) -> None:
    """Headers came, so the request counts; it is tried again as any failure that may pass."""
    failed = await failure(answering(200, stream=Dripping(error)))
    assert (failed.reason, failed.sent, failed.stale, failed.passing) == (reason, True, False, True)


@pytest.mark.parametrize(
    ("error", "reason", "sent", "stale"),
    [
        (httpx2.ConnectError("refused"), "could not connect", False, False),
        (httpx2.ConnectTimeout("slow"), "could not connect", False, False),
        (httpx2.PoolTimeout("full"), "could not connect", False, False),
        (httpx2.ReadError("reset"), "connection reset", True, True),
        (httpx2.WriteError("pipe"), "connection reset", True, True),
        (httpx2.RemoteProtocolError("closed"), "connection reset", True, True),
        (httpx2.DecodingError("gzip"), "no usable answer", True, False),
        (httpx2.ProxyError("403"), "no usable answer", True, False),
    ],
)
async def test_what_goes_wrong_on_the_way(error: Exception, reason: str, sent: bool, stale: bool) -> None:
    """Each error of httpx2 is one kind of failure: unsent (the slot comes back), lost, or stale (again at once)."""

    def broken(_: httpx2.Request) -> httpx2.Response:
        raise error

    failed = await failure(httpx2.MockTransport(broken))
    assert (failed.reason, failed.sent, failed.stale, failed.passing) == (reason, sent, stale, True)


async def test_an_address_too_long_was_never_sent() -> None:
    """An id that makes no URL fails that item for good, at once, and takes no slot."""
    got, notices = await fetch(api(answering(200)), "item", "x" * 70_000)
    assert got is not None
    assert isinstance(got.result, Failed)
    assert (got.result.reason, got.result.sent, got.result.passing, notices) == ("no such address", False, False, [])


@pytest.mark.parametrize(
    ("content", "charset", "name"),
    [
        ('{"id": 1, "n": "ü"}'.encode(), "", "ü"),
        ('\ufeff{"id": 1, "n": "ü"}'.encode(), "", "ü"),
        ('{"id": 1, "n": "ü"}'.encode("latin-1"), "iso-8859-1", "ü"),
        ('{"id": 1, "n": "ü"}'.encode("latin-1"), "", "\ufffd"),
        ('{"id": 1, "n": "ü"}'.encode(), "nonsense", "ü"),
    ],
)
async def test_text_in_any_charset(content: bytes, charset: str, name: str) -> None:
    """UTF-8, with or without its mark, unless told otherwise; what does not fit is replaced, not an error."""
    content_type = "application/json" + (f"; charset={charset}" if charset else "")
    got, _ = await fetch(api(answering(200, content=content, headers={"Content-Type": content_type})))
    assert got is not None
    assert json.loads(got.payloads[0][1])["n"] == name


@pytest.mark.parametrize("charset", ["hex", "base64", "rot13", "unicode_escape", "undefined", "idna", "zlib", "mbcs"])
async def test_a_charset_that_is_none_for_text(charset: str) -> None:
    """Python knows codecs that are no charsets; a server that names one gets no exception out of us."""
    content_type = f"application/json; charset={charset}"
    content = rb'{"id": 1, "n": "\udc00"}'
    got, _ = await fetch(api(answering(200, content=content, headers={"Content-Type": content_type})))
    assert got is not None
    assert all(payload.encode() for _, payload in got.payloads)


async def test_redirects_to_other_hosts_are_not_followed() -> None:
    """Nor is any by the client itself: each would be a request without a grant. The detail says where to."""
    asked: list[str] = []

    def moved(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(302, headers={"Location": f"https://login.test/in?token={SECRET}"})

    failed = await failure(httpx2.MockTransport(moved))
    assert failed == Failed(
        "redirected",
        "redirects to other hosts are not followed; it points to https://login.test/in; "
        "if you trust that address, use it as --item, or, if it is another name of this service, add --same-host",
        passing=False,
    )
    assert asked == [f"{LIST}/1"]


@pytest.mark.parametrize("location", ["http://[", "", "http://x:99999/", "//", "\x80"])
async def test_a_redirect_to_no_address_is_one_all_the_same(location: str) -> None:
    """Its headers came, so it is an answer; it is not taken for a connection that broke."""
    transport = answering(301, headers=[(b"Location", location.encode("latin-1"))])
    got, notices = await fetch(api(transport))
    assert got is not None
    assert isinstance(got.result, Failed)
    assert (got.result.reason, got.result.stale, len(notices)) == ("redirected", False, 1)


async def test_no_cookie_is_kept() -> None:
    """The second request is as the first, whatever the first answer set, and though it could not be sent back."""
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("cookie"))
        return httpx2.Response(200, json={"id": 1}, headers=[(b"Set-Cookie", b"a=\x80"), (b"Set-Cookie", b"b=1")])

    async with api(httpx2.MockTransport(answer)) as client:
        for _ in range(2):
            await client.fetch("item", 1, lambda notice: True)
    assert seen == [None, None]


async def test_credentials_go_with_each_request_to_the_list_alone() -> None:
    """Pages by link and items carry the headers."""
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization"))
        return httpx2.Response(200, json={"id": 1})

    for role, key in (("item", 1), ("list", linked(f"{LIST}?cursor=2"))):
        await fetch(api(httpx2.MockTransport(answer), headers={"Authorization": SECRET}), role, key)  # type: ignore[arg-type]
    assert seen == [SECRET, SECRET]


ECHOES: list[Callable[[str], httpx2.Response]] = [
    lambda secret: httpx2.Response(302, headers={"Location": f"https://x.test/{secret}/y"}),
    lambda secret: httpx2.Response(200, text=f"you sent {secret}"),
    lambda secret: httpx2.Response(200, json={"data": [{"id": 1}], "next": f"https://{secret}.test/x"}),
    lambda secret: httpx2.Response(200, json={"data": [{"id": 1}], "next": f"https://{secret}@evil.test/x"}),
    lambda secret: httpx2.Response(200, headers={"Content-Type": f"text/plain; charset={secret}"}, text="{"),
    lambda secret: httpx2.Response(401, json={"message": f"bad token {secret}"}),
]
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=LEAST_SECRET)
# The name of a scheme alone is no secret: anybody may write it.
TOKENS = PRINTABLE.filter(lambda token: token.lower() not in {"bearer", "digest", "apikey", "negotiate"})
# A reason is one of ours, whatever was sent: "status" may be somebody's password.
OUR_WORDS = {"redirected", "malformed", "status 401", "could not connect", "connection reset", "no usable answer"}


@pytest.mark.matrix
@given(token=TOKENS, scheme=st.sampled_from(["", "Bearer ", "Token token="]), role=st.sampled_from(["list", "item"]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_no_secret_reaches_a_detail(token: str, scheme: str, role: Role) -> None:
    """Whatever a server or a library repeats of the headers sent, none of it is in what is recorded."""

    def failing(error: type[httpx2.TransportError]) -> Callable[[str], httpx2.Response]:
        def fail(secret: str) -> httpx2.Response:
            raise error(f"Illegal header value {secret!r}: {secret}")

        return fail

    async def ask(respond: Callable[[str], httpx2.Response]) -> Failed | None:
        client = api(httpx2.MockTransport(lambda _: respond(token)), headers={"Authorization": scheme + token})
        got, _ = await fetch(client, role)
        return got.result if got is not None and isinstance(got.result, Failed) else None

    for respond in [*ECHOES, *(failing(error) for error in (httpx2.ConnectError, httpx2.ReadError, httpx2.ProxyError))]:
        try:
            respond(token)
        except (httpx2.InvalidURL, ValueError):
            continue
        except httpx2.TransportError:
            pass
        failed = trio.run(ask, respond)
        assert failed is None or failed.reason in OUR_WORDS
        assert failed is None or token not in failed.detail


HEADER = st.tuples(
    st.sampled_from(
        ["content-type", "location", "set-cookie", "retry-after", "date", "x-ratelimit-reset", "content-encoding"]
    ),
    st.binary(max_size=30) | st.sampled_from([b"http://[", b"gzip", b"a=\xff", b"text/x; charset"]),
)


@pytest.mark.matrix
# httpx2 leaves a generator behind where a body cannot be unpacked.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(st.sampled_from([200, 204, 299, 302, 403, 429, 500, 503, 999]), st.lists(HEADER, max_size=4), st.binary())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_answer_is_an_exception(status: int, headers: list[tuple[str, bytes]], body: bytes) -> None:
    """Any status, headers and bytes: a result that can be recorded, or a refusal."""

    async def ask(role: Role) -> None:
        raw = [(name.encode(), value) for name, value in headers]
        transport = httpx2.MockTransport(lambda _: httpx2.Response(status, headers=raw, stream=httpx2.ByteStream(body)))
        got, notices = await fetch(api(transport), role)
        assert len(notices) <= 1
        assert (got is None) == any(notice.refused for notice in notices)
        if got is not None and isinstance(got.result, Failed):
            assert f"{got.result.reason} {got.result.detail}".encode()

    for role in ("list", "item"):
        trio.run(ask, role)


async def test_a_failure_keeps_what_the_server_said() -> None:
    """The headers that tell something of it and the beginning of the body, without the rest of either."""
    said = {"Server": "nginx", "X-Request-ID": "abc", "X-RateLimit-Remaining": "1", "Set-Cookie": "a=b", "X-Own": "c"}
    failed = await failure(answering(503, headers=said, text="down\x07\n" + "x" * 5000))
    assert (failed.headers or "").splitlines() == [
        "server: nginx", "x-request-id: abc", "x-ratelimit-remaining: 1", "content-length: 5006",
        "content-type: text/plain; charset=utf-8",
    ]  # fmt: skip
    assert failed.body == "down \n" + "x" * 494
    assert (await failure(answering(200, text="<html>"))).body == "<html>"


@pytest.mark.parametrize("at", range(475, 506, 5))
async def test_no_secret_is_kept_with_a_failure_however_it_is_cut(at: int) -> None:
    """A server that repeats the token in headers and body, also right where the body is cut, is not quoted."""
    token = "sk-l1ve-0123456789"
    repeats = answering(500, headers={"X-Request-ID": f"Bearer {token}"}, text="x" * at + token + "y" * 50)
    failed = await failure(repeats, headers={"Authorization": f"Bearer {token}"})
    assert token[:6] not in (failed.headers or "") + (failed.body or "")
