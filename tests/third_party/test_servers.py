"""Imports from four servers that this project did not write, each with its framework's own or usual limiter.

Over sockets and on the real clock, since these limiters read it. What is asserted are counts and contents, never a
duration. Told means: the limit by the kind that the limiter is, and where the API's pages and items are; untold means
its URL alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import harness
from harness.config import ImportConfig
from harness.record.run import Run
from harness.record.summary import Summary
from tests.third_party.books import BOOKS, number, slug, uuid, whole

pytestmark = pytest.mark.realtime
ROOT = Path(__file__).parents[2]


class Server(NamedTuple):
    """What is known of one of them. id_of: the id of a book. limit: as it truly counts. pages: with what is declared.

    declared: what says where its pages and items are. alone: how many pages are read where nothing is declared.
    """

    id_of: Callable[[int], int | str]
    limit: str
    declared: dict[str, Any]
    pages: int
    alone: int


SERVERS = {
    # slowapi, by `limits`: a fixed window that begins with its first request.
    "fastapi": Server(
        number,
        "20/2s:anchored",
        {
            "records": "items",
            "paging": "page",
            "size_param": "size",
            "per_page": 20,
            "total": "total",
            "pages": "pages",
        },
        3,
        3,
    ),
    # Flask-Limiter with a moving window: a log of requests. No total: page 0 is looked at, where nothing is declared.
    "flask": Server(
        slug,
        "20/2s:log",
        {"paging": "link", "size_param": "per_page", "per_page": 20, "absent_is_end": True, "item": "{list}/{id}"},
        3,
        4,
    ),
    # Its own throttle: a log of the last second.
    "django": Server(number, "10/s:log", {"preset": "drf"}, 5, 5),
    # Its own middleware: whole seconds of the clock.
    "litestar": Server(
        uuid,
        "10/s:aligned",
        {"records": "items", "offset_param": "offset", "size_param": "limit", "per_page": 20, "total": "total"},
        3,
        3,
    ),
}


@contextmanager
def served(name: str) -> Iterator[str]:
    """Serve one of them in a process of its own; yield the list's URL."""
    command = [sys.executable, "-m", "tests.third_party.serve", name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def imported(name: str, folder: Path, **settings: Any) -> tuple[Run, Summary]:
    """Import everything from one of them; the run, and its figures."""
    with served(name) as url:
        run = harness.run(ImportConfig(url=url, results=folder, detail=True, **settings))
    return run, Summary.from_dict(run.summary() or {})


def holds_all(run: Run, server: Server) -> bool:
    """Whether the run holds every book once, whole, in the order of the list."""
    return bool(run.items().to_pylist() == [{"id": server.id_of(at), **whole(at)} for at in range(BOOKS)])


@pytest.mark.parametrize("name", SERVERS)
def test_told_its_limits_nothing_is_refused(name: str, tmp_path: Path) -> None:
    """Every record, exactly, by as few requests as there are pages and items."""
    server = SERVERS[name]
    run, figures = imported(name, tmp_path, limit=server.limit, **server.declared)
    assert (figures.status, run.failed(), figures.refused) == ("complete", [], 0)
    assert (figures.requests_page, figures.requests_item) == (server.pages, BOOKS)
    assert holds_all(run, server)


@pytest.mark.parametrize("name", SERVERS)
def test_told_nothing_it_comes_all_the_same(name: str, tmp_path: Path) -> None:
    """Its shape is guessed and its limits are learned; a refusal, where one comes, costs no item anything."""
    server = SERVERS[name]
    run, figures = imported(name, tmp_path)
    assert (figures.status, run.failed(), figures.strategy) == ("complete", [], "auto")
    assert holds_all(run, server)
    assert len(run.state().pages) == server.alone
    assert figures.assumed


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_told_a_limit_of_no_kind_nothing_is_refused(name: str, tmp_path: Path) -> None:
    """Whoever only knows the number is safe with any of the four ways of counting."""
    server = SERVERS[name]
    run, figures = imported(name, tmp_path, limit=server.limit.partition(":")[0], workers=20)
    assert (figures.status, figures.refused) == ("complete", 0)
    assert holds_all(run, server)
