"""What is said to Valkey and Redis on the wire: RESP2 on a trio stream, one command at a time.

A library would do, if one that speaks trio were as fast: an exchange is the price of every lease. coredis 6.9 works on
trio, and takes three times as long for a round trip, through three tasks; it takes half a second to import, and leaves
buffers unclosed where it cannot connect. Of the protocol an account needs this page.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trio

from harness.errors import BadInput

SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
FORMS = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// (TLS), valkey:// or unix:///PATH[?db=N]"
CHUNK = 1 << 16


class Refused(Exception):
    """The server's answer is an error. code: its first word."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and who asks. where: the same for people, without user and password."""

    where: str
    path: str = ""  # of a socket on this machine; else
    host: str = ""
    port: int = 6379
    db: int = 0
    tls: bool = False
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca_file: str | None = None


def address(url: str) -> Address:
    """Return what a URL names; BadInput, without its password, where it names nothing."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port or 6379
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        db = int(query.get("db") or ("" if scheme == "unix" else parts.path.strip("/")) or 0)
    except ValueError:
        raise BadInput(f"the store's address has a port or a database that is no number; use {FORMS}") from None
    if scheme not in SCHEMES or not (parts.path if scheme == "unix" else host) or db < 0:
        raise BadInput(f"the store's address does not name a server; use {FORMS}")
    who = (unquote(parts.username or ""), unquote(parts.password or ""))
    if scheme == "unix":
        path = unquote(parts.path)
        return Address(f"unix://{path}?db={db}", path, "", 0, db, False, *who)
    shown = f"[{host}]" if ":" in host else host
    tls = scheme in ("rediss", "valkeys")
    return Address(f"{scheme}://{shown}:{port}/{db}", "", host, port, db, tls, *who, query.get("ssl_ca_certs"))


class _Plain(trio.abc.Stream):
    """A stream on a connected socket. What fits its buffer is sent at once, and an answer is one wait.

    A trio.SocketStream lets other tasks run twice more, which takes about as long as the server's work.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._socket.setblocking(False)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(max_bytes or CHUNK)
            except BlockingIOError:
                continue

    async def aclose(self) -> None:
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        await trio.lowlevel.checkpoint()


class Connection:
    """One connection, once `connect` has made it. A command that is cancelled, or fails on the way, ends it.

    Commands raise `Refused`; OSError where the connection is lost.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self.is_usable = True

    async def ask(self, *arguments: str | int | float | bytes) -> Any:
        """Send a command and return its reply: bytes, int, None, or a list of these."""
        self.is_usable = False
        try:
            await self._stream.send_all(packed(arguments))
            while (found := parsed(self._buffer, 0)) is None:
                chunk = await self._stream.receive_some(CHUNK)
                if not chunk:
                    raise ConnectionResetError("the server closed the connection")
                self._buffer += chunk
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionResetError(str(error)) from None
        reply, end = found
        del self._buffer[:end]
        self.is_usable = True
        if isinstance(reply, Refused):
            raise reply
        return reply

    async def close(self) -> None:
        """Close it without a word."""
        self.is_usable = False
        await trio.aclose_forcefully(self._stream)


async def connect(at: Address) -> Connection:
    """Connect and say who asks; OSError, `Refused`, ssl.SSLError."""
    if at.path:
        plain = await trio.open_unix_socket(at.path)
    else:
        plain = await trio.open_tcp_stream(at.host, at.port)
    stream: trio.abc.Stream = plain
    try:
        if at.tls:
            context = ssl.create_default_context(cafile=at.ca_file)
            stream = trio.SSLStream(plain, context, server_hostname=at.host)
        else:
            stream = _Plain(plain)
        one = Connection(stream)
        if at.password:
            await one.ask("AUTH", *((at.user,) if at.user else ()), at.password)
        if at.db:
            await one.ask("SELECT", at.db)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return one


def packed(arguments: Sequence[str | int | float | bytes]) -> bytes:
    """Return a command as it is sent; floats with every digit."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        value = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
    return b"".join(parts)


def parsed(buffer: bytearray, at: int) -> tuple[Any, int] | None:
    """Return the reply that begins there, and where it ends; None while some of it is missing."""
    end = buffer.find(b"\r\n", at)
    if end < 0:
        return None
    kind, head, after = buffer[at], bytes(buffer[at + 1 : end]), end + 2
    if kind == ord("$"):
        return _bulk(buffer, int(head), after)
    if kind == ord("*"):
        return _array(buffer, int(head), after)
    if kind == ord(":"):
        return int(head), after
    if kind == ord("-"):
        return Refused(head.decode(errors="replace")), after
    if kind == ord("+"):
        return head, after
    raise ConnectionResetError("what answers there is neither Valkey nor Redis")


def _bulk(buffer: bytearray, size: int, at: int) -> tuple[bytes | None, int] | None:
    if size < 0:
        return None, at
    end = at + size
    return (bytes(buffer[at:end]), end + 2) if len(buffer) >= end + 2 else None


def _array(buffer: bytearray, size: int, at: int) -> tuple[list[Any] | None, int] | None:
    if size < 0:
        return None, at
    found = []
    for _ in range(size):
        one = parsed(buffer, at)
        if one is None:
            return None
        value, at = one
        found.append(value)
    return found, at
