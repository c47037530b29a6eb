"""The open connections of a running server, so that one can be cut off on purpose."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

import trio

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
        """The connection is closed."""
        self._open.pop(peer, None)

    def of(self, client: object) -> Connection | None:
        """The connection of a scope's `client`; None in process, where there is none."""
        return self._open.get((client[0], client[1])) if isinstance(client, list | tuple) else None
