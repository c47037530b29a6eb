"""The most memory that an import takes of records that are large, wide or many, over HTTP: the whole process."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trio

from benchmarks.measure import Figure, alone
from benchmarks.memory import peak_mb

Say = Callable[[int, "int | None"], bytes]  # (page, None) or (1, item): the body


def _items(count: int, item: Callable[[int], bytes], page: int, at: int | None) -> bytes:
    """A list of `count` items, 100 a page, and each of them."""
    if at is not None:
        return item(at)
    ids = range((page - 1) * 100 + 1, min(page * 100, count) + 1)
    return json.dumps({"data": [{"id": one} for one in ids], "total": count, "last_page": -(-count // 100)}).encode()


def _prose(at: int) -> bytes:
    """78 kB: an item with a few long texts."""
    texts = {f"text_{n}": f"item {at} says {n} " * 600 for n in range(8)}
    return json.dumps({"id": at, **texts}).encode()[:-1] + b', "fill": "' + b"x" * 4_000 + b'"}'


def _wide(at: int) -> bytes:
    """20,000 keys that no other item has."""
    return json.dumps({"id": at, **{f"k{at}_{n}": n for n in range(20_000)}}).encode()


def _wide_inside(at: int) -> bytes:
    return json.dumps({"id": at, "by_day": {f"k{at}_{n}": n for n in range(20_000)}}).encode()


def _string(at: int) -> bytes:
    """One text of 30 MB."""
    return json.dumps({"id": at, "text": "x" * 30_000_000}).encode()


def _page_of_records(size: int, *_: int | None) -> bytes:
    """One page of 30 MB: 30,000 records of 1 kB."""
    usual = {"tags": ["a", "b"], "text": "x" * 920}
    records = [{"id": n, "name": f"item {n}", "price": n / 4, **usual} for n in range(size)]
    return json.dumps({"data": records, "total": size, "last_page": 1}).encode()


def _liar(page: int, _: int | None) -> bytes:
    """A list that says it has ten million pages, and is stopped after ten of them."""
    ids = [{"id": (page - 1) * 3 + n} for n in range(3)]
    return json.dumps({"data": ids, "total": 30_000_000, "last_page": 10_000_000}).encode()


CASES: dict[str, tuple[Say, dict[str, Any]]] = {
    "1,500 items of 78 kB": (partial(_items, 1_500, _prose), {}),
    "4 items of 20,000 keys each": (partial(_items, 4, _wide), {}),
    "4 items with an object of 20,000 keys each": (partial(_items, 4, _wide_inside), {}),
    "3 items of 30 MB": (partial(_items, 3, _string), {"workers": 1}),
    "a page of 30 MB, no detail": (partial(_page_of_records, 30_000), {"detail": False}),
    "10,000,000 pages declared": (_liar, {"detail": False, "max_items": 30}),
    "10,000,000 pages declared, stopped": (_liar, {"max_failures": 1, "detail": False, "max_time": 1.0}),
}


def measure(rounds: int = 1, cases: tuple[str, ...] = tuple(CASES)) -> list[Figure]:
    """Peak of a process that imports each of the cases from a server in another."""
    figures = []
    for name in cases:
        peaks = [_peak_of(name) for _ in range(rounds)]
        # What one body of 30 MB becomes, all in all, bounds what any importer of whole bodies can do.
        figures.append(
            alone(f"memory, {name}", "MB", peaks, at_most=None if "30 MB" in name and "items" in name else 300)
        )
    return figures


def _peak_of(name: str) -> float:
    with _server(CASES[name][0]) as url, ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
        return pool.submit(_import_and_weigh, url, CASES[name][1]).result()


def _import_and_weigh(url: str, settings: dict[str, Any]) -> float:
    from harness import ImportConfig, run_import
    from harness.record.arrow import sparing_memory

    with TemporaryDirectory() as folder, sparing_memory():  # as the command line does
        named = {"url": url, "results": Path(folder) / "results", "limit": "100000/1s", "timeout": 60, **settings}
        run = trio.run(run_import, ImportConfig(**named))
        assert run.status in ("complete", "stopped"), run.about
    return peak_mb()


@contextmanager
def _server(say: Say) -> Iterator[str]:
    """The address of a list on loopback, served by threads of this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            name = parts.path.removeprefix("/items").strip("/")
            body = say(int(parse_qs(parts.query).get("page", ["1"])[0]), int(name) if name else None)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/items"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_SPAWN = multiprocessing.get_context("spawn")
