"""The client on real sockets, against servers of a few lines that misbehave in one way each."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio

from harness.core.answers import Failed, ItemRead
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Budget, Unpaced
from harness.record import events as e
from harness.session.driver import Driver
from harness.source.client import HttpApi
from harness.source.rest import Rest

pytestmark = [pytest.mark.anyio, pytest.mark.realtime, pytest.mark.sockets]

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"id": 1}'
Answer = Callable[["Raw", trio.SocketStream, int], Awaitable[bool]]


@dataclass
class Raw:
    """A server on loopback: `answer` gets each request's connection and number, and says whether to keep it open."""

    answer: Answer
    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        text = b""
        async with stream:
            while True:
                while b"\r\n\r\n" not in text:
                    try:
                        more = await stream.receive_some()
                    except trio.BrokenResourceError:
                        return
                    if not more:
                        return
                    text += more
                request, _, text = text.partition(b"\r\n\r\n")
                self.requests.append(request)
                if not await self.answer(self, stream, len(self.requests)):
                    return


@asynccontextmanager
async def raw(answer: Answer) -> AsyncIterator[Raw]:
    server = Raw(answer)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        server.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/items"
        yield server
        nursery.cancel_scope.cancel()


def reset(stream: trio.SocketStream) -> None:
    """Close so that the other side gets a RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


def client(url: str, timeout_s: float = 5.0, **settings: object) -> HttpApi:
    return HttpApi(Rest(url, 10), workers=2, timeout_s=timeout_s, trust_env=False, **settings)  # type: ignore[arg-type]


async def outcome(answer: Answer, timeout_s: float = 5.0) -> Failed:
    async with raw(answer) as server, client(server.url, timeout_s) as api:
        got = await api.fetch("item", 1, lambda notice: True)
    assert got is not None
    assert isinstance(got.result, Failed)
    return got.result


async def reset_at_once(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    reset(stream)
    return False


async def close_at_once(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    return False


async def reset_in_the_body(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await stream.send_all(OK[:-3])
    await trio.sleep(0.05)
    reset(stream)
    return False


async def close_in_the_body(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await stream.send_all(OK[:-3])
    return False


async def malformed(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await stream.send_all(OK.replace(b'{"id": 1}', b'{"id": 1,'))
    return True


async def no_http(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await stream.send_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    return False


async def stall(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await trio.sleep_forever()
    return False


async def stall_in_the_body(server: Raw, stream: trio.SocketStream, number: int) -> bool:
    await stream.send_all(OK[:-3])
    await trio.sleep_forever()
    return False


@pytest.mark.parametrize(
    ("answer", "reason", "stale"),
    [
        (reset_at_once, "connection reset", True),
        (close_at_once, "connection reset", True),
        (reset_in_the_body, "cut off", False),
        (close_in_the_body, "cut off", False),
        (malformed, "malformed", False),
        (no_http, "connection reset", True),
    ],
)
async def test_a_server_that_breaks_off(answer: Answer, reason: str, stale: bool) -> None:
    """Before any answer it may be a stale connection, in the body it is not; the request was sent either way."""
    failed = await outcome(answer)
    assert (failed.reason, failed.stale, failed.sent, failed.passing) == (reason, stale, True, True)


@pytest.mark.parametrize("answer", [stall, stall_in_the_body])
async def test_a_server_that_stalls(answer: Answer) -> None:
    """Before the headers or in the body: given up when the timeout is over."""
    began = trio.current_time()
    failed = await outcome(answer, timeout_s=0.3)
    assert (failed.reason, failed.sent, failed.stale) == ("timed out", True, False)
    assert trio.current_time() - began == pytest.approx(0.3, abs=1e-9)


async def test_nobody_there_was_not_sent() -> None:
    """A refused connection used up nothing of any limit."""
    async with raw(stall) as server:
        url = server.url
    async with client(url) as api:
        got = await api.fetch("item", 1, lambda notice: True)
    assert got is not None
    assert isinstance(got.result, Failed)
    assert (got.result.reason, got.result.sent) == ("could not connect", False)


async def test_a_redirect_takes_the_credentials_nowhere() -> None:
    """The server it points to never hears of us."""
    async with raw(close_at_once) as elsewhere:

        async def moved(server: Raw, stream: trio.SocketStream, number: int) -> bool:
            location = elsewhere.url.encode()
            await stream.send_all(b"HTTP/1.1 307 X\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
            return True

        async with raw(moved) as server, client(server.url, headers={"Authorization": "Bearer sk-1234"}) as api:
            got = await api.fetch("item", 1, lambda notice: True)
        assert got is not None
        assert isinstance(got.result, Failed)
        assert (got.result.reason, len(server.requests), elsewhere.connections) == ("redirected", 1, 0)
        assert b"Bearer sk-1234" in server.requests[0]


async def test_one_connection_serves_request_after_request() -> None:
    """Each worker keeps its connection; a refusal's body does not cost it."""

    async def answer(server: Raw, stream: trio.SocketStream, number: int) -> bool:
        head = OK if number % 2 else OK.replace(b"200 OK", b"429 X")
        await stream.send_all(head)
        return True

    async with raw(answer) as server, client(server.url) as api:
        for _ in range(6):
            await api.fetch("item", 1, lambda notice: not notice.refused)
    assert (len(server.requests), server.connections) == (6, 1)


async def play(server: Raw, api: HttpApi, rules: Rules) -> list[e.Event]:
    """Import what `server` lists, with the core and its driver."""
    events: list[e.Event] = []
    budget = Budget("api", Unpaced())
    core = Core(rules, shared(budget), events.append, 1_800_000_000.0)
    driver = Driver(core, api, lambda item, payload: None)
    core.start()
    await driver.run()
    return events


async def test_a_connection_that_went_stale_is_no_failure_of_the_item() -> None:
    """The server reads the second request and resets: it is sent again at once, as the same attempt."""

    async def answer(server: Raw, stream: trio.SocketStream, number: int) -> bool:
        if number == 2:
            reset(stream)
            return False
        body = b'{"data": [{"id": 1}], "last_page": 1, "total": 1}' if number == 1 else b'{"id": 1}'
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True

    async with raw(answer) as server, client(server.url) as api:
        began = trio.current_time()
        events = await play(server, api, Rules(workers=1))
        took_s = trio.current_time() - began
    assert [type(event).__name__ for event in events] == [
        *("SessionStarted", "PageListed", "ListEnded", "Returned", "IdsCarried", "ItemImported", "SessionEnded")
    ]
    imported = next(event for event in events if isinstance(event, e.ItemImported))
    assert (imported.attempt, len(server.requests), took_s) == (1, 3, 0.0)


async def test_a_connection_closed_while_idle_is_replaced_unnoticed() -> None:
    """The server closes after each answer, as after 5 idle seconds: the next request opens a new one."""

    async def answer(server: Raw, stream: trio.SocketStream, number: int) -> bool:
        await stream.send_all(OK)
        return False

    async with raw(answer) as server, client(server.url) as api:
        for _ in range(3):
            got = await api.fetch("item", 1, lambda notice: True)
            assert got is not None
            assert isinstance(got.result, ItemRead)
            await trio.sleep(0.05)
    assert (len(server.requests), server.connections) == (3, 3)
