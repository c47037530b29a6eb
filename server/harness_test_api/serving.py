"""The app on real sockets: Hypercorn's trio protocol code behind our own accept loop.

Hypercorn's `serve` hides the connections; a server that misbehaves on request must be able to reset one, so each
connection is a `TCPServer` of Hypercorn's that we start ourselves. The lifespan protocol is left out: the app has no
start-up or shutdown hooks.
"""

from __future__ import annotations

import errno
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config as HyperConfig
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import wrap_app
from quart_trio import QuartTrio

from harness_test_api.api import Api
from harness_test_api.app import create_app
from harness_test_api.config import ServerConfig
from harness_test_api.connections import Connections
from harness_test_api.errors import PortTaken
from harness_test_api.service import Service

# In-flight answers get this long to finish when the server is asked to stop.
GRACE_S = 1.0


@asynccontextmanager
async def running(config: ServerConfig, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Api]:
    """Serve `config` while the block runs, on a free port unless told; it answers from the first line on.

    Leaving the block gives answers in flight GRACE_S to finish. Raises PortTaken when the address cannot be had.
    """
    listeners = await _listen(host, port)
    # The one look at the wall clock: everything after it is this anchor plus trio's time.
    service = Service(config, trio.current_time(), time.time())  # noqa: TID251
    hyper = _hypercorn_config(config)
    connections = Connections()
    in_flight = _InFlight(create_app(config, service, connections))
    app = wrap_app(in_flight, hyper.wsgi_max_body_size, "asgi")
    context = WorkerContext(None)
    async with trio.open_nursery() as handling, trio.open_nursery() as accepting:
        serve = partial(_connection, app, hyper, context, connections)
        accepting.start_soon(partial(trio.serve_listeners, serve, listeners, handler_nursery=handling))
        try:
            yield Api(f"http://{_address(listeners[0])}/api/items", service, trio.current_time)
        finally:
            await context.terminated.set()  # no connection takes another request after its answer
            accepting.cancel_scope.cancel()
            with trio.move_on_after(GRACE_S, shield=True):
                await in_flight.none()
            handling.cancel_scope.cancel()


class _InFlight:
    """An ASGI app that knows when no answer of another is under way: then connections may be cut."""

    def __init__(self, app: QuartTrio) -> None:
        self._app = app
        self._count = 0
        self._idle = trio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._count += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._count -= 1
            if self._count == 0:
                self._idle.set()

    async def none(self) -> None:
        """Return when nothing is under way."""
        while self._count:
            self._idle = trio.Event()
            await self._idle.wait()


async def _connection(
    app: AppWrapper, hyper: HyperConfig, context: WorkerContext, connections: Connections, stream: trio.SocketStream
) -> None:
    try:
        peer = connections.add(stream)
    except OSError:  # gone before it was served
        return
    try:
        # Hypercorn annotates an SSL stream and handles both.
        await TCPServer(app, hyper, context, ConnectionState({}), stream).run()  # type: ignore[arg-type]
    finally:
        connections.remove(peer)


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        # Enough for every worker of a large import to connect in the same instant.
        return await trio.open_tcp_listeners(port, host=host, backlog=1024)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is in use" if taken else f"cannot be listened on ({error.strerror or error})"
        raise PortTaken(f"{host}:{port} {why}; choose another with --port (0: any free one) or --host") from error


def _hypercorn_config(config: ServerConfig) -> HyperConfig:
    hyper = HyperConfig()
    hyper.errorlog = None  # standard error is the command line's; faults are on purpose and in the ledger
    hyper.keep_alive_timeout = config.parsed.idle_timeout_s
    hyper.keep_alive_max_requests = 1_000_000_000  # a connection lasts until someone means to close it
    hyper.include_server_header = False
    hyper.include_date_header = False  # the service's own, from the same clock as its limits
    return hyper


def _address(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
