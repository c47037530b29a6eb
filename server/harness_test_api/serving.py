"""The app on real sockets: Hypercorn's trio protocol code behind our own accept loop.

Hypercorn's `serve` hides the connections; a server that misbehaves on request must be able to reset one, so each
connection is a `TCPServer` of Hypercorn's that we start ourselves. The lifespan protocol is left out: the app has no
start-up or shutdown hooks.

`running` serves while a block of trio runs, `running_in_thread` for clients that are not async or live in another event
loop. Both give an `Api`: the address of the server, its truth, and its controls.
"""

from __future__ import annotations

import dataclasses
import errno
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import trio
from hypercorn.config import Config as HyperConfig
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import wrap_app
from quart_trio import QuartTrio

from harness_test_api.app import create_app
from harness_test_api.catalogue import Truth
from harness_test_api.config import ServerConfig
from harness_test_api.control import apply_control
from harness_test_api.errors import PortTaken
from harness_test_api.ledger import DecisionRow, Snapshot
from harness_test_api.service import Service
from harness_test_api.speed import by_the_wall
from harness_test_api.wire import Connections

if TYPE_CHECKING:
    import pyarrow as pa


def _directly(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@dataclass(frozen=True)
class Api:
    """A running test API. url: of the list, such as `http://127.0.0.1:43211/api/items`.

    None of the methods sends a request. clock: the time on the server's clock. call: how to run a function where the
    server runs (directly, unless it runs in another thread).
    """

    url: str
    service: Service
    clock: Callable[[], float]
    call: Callable[..., Any] = field(default=_directly, repr=False)

    @property
    def base_url(self) -> str:
        """Scheme, host and port alone."""
        return self.url.removesuffix(self.service.list_path)

    def ledger(self, since: int | None = None) -> dict[str, Any]:
        """Return the answer of `GET /_ledger`; since: a number that `snapshot` gave."""
        report: dict[str, Any] = self.call(self.service.report, since)
        return report

    def snapshot(self) -> int:
        """A number for this moment, to count from later."""
        snapshot: Snapshot = self.call(self.service.ledger.snapshot)
        return snapshot.number

    def decisions(self) -> list[DecisionRow]:
        """Every decision kept, in order."""
        rows: list[DecisionRow] = self.call(self.service.ledger.rows)
        return rows

    def table(self) -> pa.Table:
        """Every decision kept, as an Arrow table."""
        return self.call(self.service.ledger.table)

    def reset_ledger(self) -> None:
        """Empty the records; the windows stay as they are."""
        self.call(self.service.ledger.reset)

    def truth(self) -> Truth:
        """Tell what happened to the list up to now."""
        truth: Truth = self.call(lambda: self.service.truth(self.clock()))
        return truth

    def control(self, **wanted: Any) -> None:
        """Do as `POST /_control`: `next={"fault": "503", "count": 3}`, `limit=`, `plan=`, `latency=`."""
        self.call(apply_control, self.service, wanted)


# In-flight answers get this long to finish when the server is asked to stop.
GRACE_S = 1.0


@asynccontextmanager
async def running(config: ServerConfig, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Api]:
    """Serve `config` while the block runs, on a free port by default; it answers from the first line on.

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
            yield Api(f"http://{_address(listeners[0])}{service.list_path}", service, trio.current_time)
        finally:
            await context.terminated.set()  # no connection takes another request after its answer
            accepting.cancel_scope.cancel()
            with trio.move_on_after(by_the_wall(GRACE_S), shield=True):
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
    hyper.keep_alive_timeout = by_the_wall(config.parsed.idle_timeout_s)  # as long as clients count on
    hyper.keep_alive_max_requests = 1_000_000_000  # a connection lasts until someone means to close it
    hyper.include_server_header = False
    hyper.include_date_header = False  # the service's own, from the same clock as its limits
    return hyper


def _address(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def running_in_thread(config: ServerConfig, host: str = "127.0.0.1", port: int = 0) -> Iterator[Api]:
    """Like `running`, for code without trio: serves while the block runs. Raises what `running` raises.

    The Api's methods run in the server's thread, so that they see its state between two requests, never within one.
    """
    started: SimpleQueue[Api | BaseException] = SimpleQueue()
    stop = trio.Event()
    thread = Thread(target=_run, args=(config, host, port, started, stop), name="test API", daemon=True)
    thread.start()
    api = started.get()
    if isinstance(api, BaseException):
        thread.join()
        raise api
    try:
        yield api
    finally:
        with suppress(trio.RunFinishedError):  # it has ended already, by an error: raised below
            api.call(stop.set)
        thread.join()
    if not started.empty():
        raise started.get()  # type: ignore[misc]


def _run(
    config: ServerConfig, host: str, port: int, started: SimpleQueue[Api | BaseException], stop: trio.Event
) -> None:
    async def serve() -> None:
        token = trio.lowlevel.current_trio_token()

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            return trio.from_thread.run_sync(function, *arguments, trio_token=token)

        async with running(config, host, port) as api:
            started.put(dataclasses.replace(api, call=call))
            await stop.wait()

    try:
        trio.run(serve)
    except BaseException as error:  # whatever it is, the thread that waits must hear of it
        started.put(error)
