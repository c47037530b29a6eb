"""Whole imports over sockets, with quick settings, and servers of a few lines that misbehave."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from harness import ImportConfig, run_import
from harness.record.run import Run

QUICK: dict[str, Any] = {"limit": "1000/1s", "workers": 4, "timeout": 5, "retry_delays": (0.05, 0.1), "linger": 0}


async def imported(tmp_path: Path, url: str, **settings: Any) -> Run:
    """The run that an import of `url` ends as, whatever it ends as."""
    named = {"url": url, "results": tmp_path / "results", "run": "r", **QUICK, **settings}
    # These servers' items are what their lists hold: without a word nothing would be fetched, and nothing refused.
    return await run_import(ImportConfig(**{"detail": True, **named}))


def ids(run: Run) -> list[Any]:
    """The ids in items.parquet, in order."""
    found: list[Any] = sorted(run.items().column("id").to_pylist())
    return found


def events(run: Run, *names: str) -> list[dict[str, Any]]:
    """The events of these classes, as rows."""
    return [row for row in run.events().to_pylist() if row["event"] in names]


def reasons(run: Run) -> set[str]:
    """Why attempts failed."""
    return {row["reason"] for row in events(run, "AttemptFailed")}


@dataclass
class Heard:
    """A server: what it was asked, in order; requests in lower case."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    sent: int = 0


Answer = Callable[[str], Any]  # of a path: a JSON value, or the bytes of a whole answer, or an async sender


def http(body: bytes | Any, status: str = "200 OK", **headers: str) -> bytes:
    """An answer as it goes over the wire."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "application/json", "Content-Length": str(len(text)), **named}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + text


@asynccontextmanager
async def answering(answer: Answer, host: str = "127.0.0.1", ssl: Any = None) -> AsyncIterator[Heard]:
    """A server on loopback that answers each path with what `answer` says."""
    heard = Heard()

    async def serve(stream: Any) -> None:
        heard.connections += 1
        with trio.CancelScope():
            try:
                await _serve(heard, answer, stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async with trio.open_nursery() as nursery:
        listen = partial(trio.serve_tcp if ssl is None else partial(trio.serve_ssl_over_tcp, ssl_context=ssl), serve, 0)
        listeners = await nursery.start(partial(listen, host=host))
        listener = listeners[0] if ssl is None else listeners[0].transport_listener
        where = f"[{host}]" if ":" in host else host
        scheme = "http" if ssl is None else "https"
        heard.url = f"{scheme}://{where}:{listener.socket.getsockname()[1]}/items"
        yield heard
        nursery.cancel_scope.cancel()


async def _serve(heard: Heard, answer: Answer, stream: Any) -> None:
    text = b""
    async with stream:
        while True:
            while b"\r\n\r\n" not in text:
                more = await stream.receive_some()
                if not more:
                    return
                text += more
            request, _, text = text.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\ncontent-length: *([0-9]+)", request)
            while length is not None and len(text) < int(length[1]):
                text += await stream.receive_some()
            body, text = (text[: int(length[1])], text[int(length[1]) :]) if length is not None else (b"", text)
            heard.requests.append((request + b"\r\n\r\n" * bool(body) + body).decode("latin-1"))
            said = answer(heard.requests[-1].split(" ")[1])
            if callable(said):
                await said(stream, heard)
                return
            await stream.send_all(said if isinstance(said, bytes) else http(said))


def catalogue(*names: Any, **about: Any) -> Answer:
    """A list of one page with these ids, and each of its items. It says how many there are, unless `about` does."""
    extent = {"total": len({str(name) for name in names}), "last_page": 1, **about}
    said = {name: value for name, value in extent.items() if value is not None}

    def answer(path: str) -> Any:
        if path.startswith("/items?"):
            return {"data": [{"id": name} for name in names], **said}
        return {"id": path.rpartition("/")[2].partition("?")[0]}

    return answer
