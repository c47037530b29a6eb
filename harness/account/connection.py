"""One connection to Valkey or Redis, which coredis makes and speaks on.

A connection of coredis is two tasks, which read and write for as long as it lasts. It lasts longer than the call that
made it, and whoever calls may be in another nursery by then: so they are a system task of trio's, which ends when the
connection is closed or lost, and at the latest with the program. Nothing else of coredis is used: which connection is
made anew, and when, is the store's to say, for a new one may be to a server that forgot something.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from coredis import exceptions
from coredis.connection import (
    BaseConnection,
    BaseConnectionParams,
    TCPConnection,
    TCPLocation,
    UnixDomainSocketConnection,
    UnixDomainSocketLocation,
)

from harness.errors import BadInput

SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
FORMS = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// (TLS), valkey:// or unix:///PATH[?db=N]"
# The first words of those answers of which coredis makes a class, and leaves the word out.
_CODES: dict[type[exceptions.RedisError], str] = {
    exceptions.AuthenticationFailureError: "WRONGPASS",
    exceptions.AuthenticationRequiredError: "NOAUTH",
    exceptions.AuthorizationError: "NOPERM",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.MovedError: "MOVED",
    exceptions.NoScriptError: "NOSCRIPT",
    exceptions.ReadOnlyError: "READONLY",
}
# Whoever asks is told what went wrong; coredis would print it beside, with where it was in the code.
_log = logging.getLogger("coredis")
if _log.level == logging.NOTSET:
    _log.setLevel(logging.CRITICAL)


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


class Connection:
    """One connection, once `connect` has made it. A command that is cancelled, or fails on the way, ends it.

    Commands raise `Refused`; OSError where the connection is lost.
    """

    def __init__(self, one: BaseConnection) -> None:
        self._one = one
        self._scope = trio.CancelScope()
        self._begun, self._ended = trio.Event(), trio.Event()
        self._error: Exception | None = None

    @property
    def is_usable(self) -> bool:
        return self._one.usable

    async def ask(self, command: str, *arguments: str | int | float | bytes) -> Any:
        """Send a command and return its reply: bytes, int, None, a list or a dict of these."""
        try:
            return await self._one.create_request(
                command.encode(), *arguments, decode=False, disconnect_on_cancellation=True
            )
        except exceptions.RedisError as error:
            raise _plain(error) from None

    async def close(self) -> None:
        """Close it without a word."""
        self._scope.cancel()
        await self._ended.wait()

    async def begin(self) -> None:
        """Connect, and say who asks."""
        trio.lowlevel.spawn_system_task(self._last, name=repr(self._one))
        try:
            await self._begun.wait()
        except trio.Cancelled:
            self._scope.cancel()
            raise
        if self._error is not None:
            raise self._error

    def started(self, value: None = None) -> None:
        """Be told by coredis that the connection can be used."""
        self._begun.set()

    async def _last(self) -> None:
        """Be the connection for as long as it lasts. Nothing may be raised in a system task."""
        try:
            with self._scope:
                await self._one.run(task_status=self)
        except exceptions.RedisError as error:
            self._error = _plain(error)
        except Exception as error:
            self._error = ConnectionResetError(str(error))
        finally:
            _close_buffers(self._one)
            self._begun.set()
            self._ended.set()


async def connect(at: Address) -> Connection:
    """Connect and say who asks; OSError, `Refused`, ssl.SSLError."""
    how: BaseConnectionParams = {"db": at.db}
    if at.password:
        how |= {"username": at.user or None, "password": at.password}
    if at.tls:
        how["ssl_context"] = ssl.create_default_context(cafile=at.ca_file)
    one: BaseConnection
    if at.path:
        one = UnixDomainSocketConnection(UnixDomainSocketLocation(at.path), **how)
    else:
        one = TCPConnection(TCPLocation(at.host, at.port), **how)
    connection = Connection(one)
    await connection.begin()
    return connection


def _close_buffers(one: BaseConnection) -> None:
    """Close what coredis leaves open where it could not connect, of which Python would warn."""
    for value in vars(one).values():
        if isinstance(value, MemoryObjectReceiveStream | MemoryObjectSendStream):
            value.close()


def _plain(error: exceptions.RedisError) -> Exception:
    """Return an error of coredis as what it is of: a `Refused`, or an OSError."""
    if isinstance(error, exceptions.UnknownCommandError):
        return Refused(f"UNKNOWN {error}")
    if code := _CODES.get(type(error)):
        return Refused(f"{code} {error}")
    # Of all that coredis calls a connection's error, one is an answer.
    if isinstance(error, exceptions.ResponseError) or "max number of clients" in str(error):
        return Refused(str(error))
    cause = error.__cause__
    return cause if isinstance(cause, OSError) else ConnectionResetError(str(error))
