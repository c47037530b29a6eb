"""Stores for tests: one in memory that remembers every state it was in, and moto's server in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import obstore
from obstore.store import MemoryStore

from harness.errors import StoreUnavailable
from harness.remote.bucket import Bucket, Conflict, Entry, Got, Version

URL = "s3://bucket/runs"

# All objects at a moment, by name.
Objects = dict[str, bytes]


def in_memory(objects: Objects | None = None) -> Bucket:
    """A bucket that holds some objects."""
    store = MemoryStore()
    for name, content in (objects or {}).items():
        obstore.put(store, name, content)
    return Bucket(store, URL)


def objects_of(bucket: Bucket) -> Objects:
    return {entry.name: bucket.get(entry.name).content for entry in bucket.entries()}  # type: ignore[union-attr]


class Remembering(Bucket):
    """Keeps what the store held after each change of one object. before: called before each change."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), URL)
        self.states: list[Objects] = []

    def put(self, name: str, content: bytes | Path, *, over: Version | None = None, new: bool = False) -> Version:
        version = super().put(name, content, over=over, new=new)
        self.states.append(objects_of(self))
        return version

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            super().delete([name])
            self.states.append(objects_of(self))


class Moving(Bucket):
    """Goes from one state to the next while it is read: `step` states on with each answer, from one to another."""

    def __init__(self, states: list[Objects], at: int, step: int, moves: range = range(10**6)) -> None:
        super().__init__(MemoryStore(), URL)
        self._states, self._at, self._step = states, at, step
        self._moves, self._answers = moves, 0
        self._now = in_memory(states[at])

    def _on(self) -> None:
        at = min(self._at + self._step * (self._answers in self._moves), len(self._states) - 1)
        self._answers += 1
        if at != self._at:
            self._at, self._now = at, in_memory(self._states[at])

    def get(self, name: str) -> Got | None:
        found = self._now.get(name)
        self._on()
        # A store in memory counts its versions; what it holds says as well which it is.
        return None if found is None else found._replace(version={"e_tag": str(hash(found.content))})

    def entries(self, under: str = "", *, deep: bool = True) -> list[Entry]:
        found = self._now.entries(under, deep=deep)
        self._on()
        return found

    def fetch(self, name: str, path: Path) -> Version:
        version = self._now.fetch(name, path)
        self._on()
        return version


class Flaky(Bucket):
    """Does what is asked, and lets the answer get lost where `lost` says so, by the number of the write."""

    def __init__(self, lost: set[int]) -> None:
        super().__init__(MemoryStore(), URL)
        self._lost, self._writes = lost, 0

    def put(self, name: str, content: bytes | Path, *, over: Version | None = None, new: bool = False) -> Version:
        version = super().put(name, content, over=over, new=new)
        self._writes += 1
        if self._writes in self._lost:
            raise Conflict  # the library tried again, and met what it had written itself
        return version


class Silent(Bucket):
    """Does what is asked; while `quiet`, its answers never come."""

    quiet = False

    def __init__(self) -> None:
        super().__init__(MemoryStore(), URL)

    def put(self, name: str, content: bytes | Path, *, over: Version | None = None, new: bool = False) -> Version:
        version = super().put(name, content, over=over, new=new)
        if self.quiet:
            raise StoreUnavailable("no answer came")
        return version


class Gate:
    """A way to a port of loopback that can be shut: then nobody gets through, and who is on it is cut off."""

    def __init__(self, to: int) -> None:
        self._to = ("127.0.0.1", to)
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listen(self._listener)

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen(self._listener)

    def shut(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _listen(self, listener: socket.socket) -> None:
        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, far = listener.accept()[0], socket.create_connection(self._to)
                    self._open += [near, far]
                    for pair in ((near, far), (far, near)):
                        Thread(target=self._pass_on, args=pair, daemon=True).start()

        Thread(target=accept, daemon=True).start()

    @staticmethod
    def _pass_on(take: socket.socket, give: socket.socket) -> None:
        with suppress(OSError):
            while some := take.recv(65536):
                give.sendall(some)
        for one in (take, give):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def moto() -> Iterator[int]:
    """moto's server on a free port of loopback, ended with the block."""
    # It begins a thread that outlives a test, and warns of what is not ours: not in the process of the tests.
    command = [sys.executable, "-W", "ignore", "-c", _SERVER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as server:
        assert server.stdout is not None
        try:
            line = ""
            while not line.strip().isdecimal():  # it greets first
                line = server.stdout.readline()
                assert line, "moto's server did not start"
            yield int(line)
        finally:
            server.kill()


def variables(port: int) -> dict[str, str]:
    """The environment in which commands use that server."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }


def make_bucket(port: int, name: str = "bucket") -> None:
    """Make a bucket, which obstore does not."""
    httpx2.put(f"http://127.0.0.1:{port}/{name}", trust_env=False).raise_for_status()
