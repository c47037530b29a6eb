"""An ASGI layer around the app makes answers go wrong on the wire: it cuts, garbles, drips or resets them.

The app marks an answer's fault in the scope; everything else passes through untouched. `Connections` holds the open
connections of a running server, so that one can be reset on purpose. Without sockets (in process) a reset is a
ConnectionResetError raised to the caller.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from harness_test_api.faults import Fault

Peer = tuple[str, int]


@dataclass(slots=True)
class Connection:
    """One client's connection. answered_at: when its last answer went out, trio seconds; None before the first."""

    stream: trio.SocketStream
    answered_at: float | None = None

    def reset(self) -> None:
        """Close at once with a TCP reset: the client reads ECONNRESET, whatever it was waiting for."""
        # Lingering for zero seconds makes close() send RST instead of FIN and drop what was not sent.
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()


class Connections:
    """Connections by the client's address and port, as an ASGI scope names them."""

    def __init__(self) -> None:
        self._open: dict[Peer, Connection] = {}

    def add(self, stream: trio.SocketStream) -> Peer:
        """Remember a connection just accepted; returns what to forget it by."""
        host, port = stream.socket.getpeername()[:2]
        self._open[host, port] = Connection(stream)
        return host, port

    def remove(self, peer: Peer) -> None:
        """Forget a connection that is closed."""
        self._open.pop(peer, None)

    def of(self, client: object) -> Connection | None:
        """The connection of a scope's `client`; None in process, where there is none."""
        return self._open.get((client[0], client[1])) if isinstance(client, list | tuple) else None


Scope = dict[str, Any]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Any, Send], Awaitable[None]]

# Under this name the app leaves an answer's Fault in the scope.
FAULT = "harness_test_api.fault"
_DRIPS = 10
# Long enough for a client to read what was sent before the reset throws it away.
_BEFORE_RESET_S = 0.02


class Wire:
    """The layer. idle_reset_s: reset connections idle for longer when their next request comes, before it counts."""

    def __init__(self, app: App, connections: Connections | None = None, idle_reset_s: float | None = None) -> None:
        self._app = app
        self._connections = connections or Connections()
        self._idle_reset_s = idle_reset_s

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        connection = self._connections.of(scope.get("client"))
        if connection is not None and self._stale(connection):
            return connection.reset()
        held: list[Message] = []
        send = _finishing(send)

        async def hold_if_faulty(message: Message) -> None:
            if FAULT in scope:
                held.append(message)
            else:
                await send(message)

        await self._app(scope, receive, hold_if_faulty)
        if held:
            await _deliver(scope[FAULT], held, send, connection)
        if connection is not None:
            connection.answered_at = trio.current_time()

    def _stale(self, connection: Connection) -> bool:
        if self._idle_reset_s is None or connection.answered_at is None:
            return False
        return trio.current_time() - connection.answered_at >= self._idle_reset_s


def _finishing(send: Send) -> Send:
    """`send` that lets the server finish its work on the last message.

    Hypercorn recycles the connection inside that call and tells the app of the disconnect; quart-trio answers by
    cancelling the very task, and the idle timer is never started: the connection would stay open for ever.
    """

    async def finish(message: Message) -> None:
        with trio.CancelScope(shield=not message.get("more_body", True)):
            await send(message)

    return finish


async def _deliver(fault: Fault, held: list[Message], send: Send, connection: Connection | None) -> None:
    start, body = held[0], b"".join(message.get("body", b"") for message in held[1:])
    match fault.kind:
        case "reset":
            _reset(connection)
        case "reset-body":
            await send(start)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            if connection is not None:
                await trio.sleep(_BEFORE_RESET_S)
            _reset(connection)
        case "drip":
            await send(start)
            for index in range(_DRIPS):
                await trio.sleep(fault.seconds / _DRIPS)
                part = body[len(body) * index // _DRIPS : len(body) * (index + 1) // _DRIPS]
                await send({"type": "http.response.body", "body": part, "more_body": index < _DRIPS - 1})
        case _:
            await _send_garbled(fault, start, body, send)


async def _send_garbled(fault: Fault, start: Message, body: bytes, send: Send) -> None:
    if fault.kind == "truncated":  # well framed, and half of a JSON text
        body = body[: len(body) // 2]
    elif fault.kind == "malformed":  # a comma too many
        body = body[:-1] + b"," + body[-1:]
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _reset(connection: Connection | None) -> None:
    if connection is None:
        raise ConnectionResetError("the test API reset this connection, as its configuration asks")
    connection.reset()
