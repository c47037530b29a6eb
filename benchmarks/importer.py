"""Requests a second of the importer over real HTTP, beside a bare httpx2 loop with as many workers."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import httpx2
import trio

from benchmarks.measure import Figure, alone, beside, turns
from harness.config import ImportConfig
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Budget, Tier
from harness.record.run import create_run
from harness.session.driver import Driver
from harness.session.factory import pacer_for
from harness.session.importing import http_api
from harness.session.session import Session
from harness.source.child import child_api
from harness.source.client import HttpApi

# Never full, so that the pacer decides about every request and never waits.
LIMIT = (Tier(1_000_000_000, 20.0),)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run of `requests` took: first request to last answer, this process's processor (the server is another),
    and how long it took from the last answer until everything was on disk.
    """

    requests: int
    wall_s: float
    cpu_s: float
    rest_s: float = 0.0

    @property
    def rate(self) -> float:
        return self.requests / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor per request: what is left of the comparison where the server is the slower."""
        return 1000 * self.cpu_s / self.requests


def measure(rounds: int = 9, items: int = 1000, workers: int = 10) -> list[Figure]:
    """The importer with its record and without, and the bare loop, in turns against one server without limits."""
    return trio.run(_measure, rounds, items, workers)


async def _measure(rounds: int, items: int, workers: int) -> list[Figure]:
    spent: dict[str, list[Spent]] = {"bare": [], "on": [], "off": []}
    async with child_api(["--items", str(items), "--limit", "none"]) as url:
        config = ImportConfig(url=url, limit=LIMIT, workers=workers)
        runs: dict[str, Callable[[], Awaitable[Spent]]] = {
            "bare": partial(bare, config, items),
            "on": partial(recorded, config),
            "off": partial(unrecorded, config),
        }
        for run in runs.values():  # both sides import and connect for the first time here
            await run()
        for name in turns(list(runs), rounds):
            spent[name].append(await runs[name]())
    return _figures(spent)


def _figures(spent: dict[str, list[Spent]]) -> list[Figure]:
    rates = {name: [run.rate for run in runs] for name, runs in spent.items()}
    cpu = {name: [run.cpu_ms for run in runs] for name, runs in spent.items()}
    return [
        beside("importer : bare httpx2 loop", "requests/s", rates["on"], rates["bare"], at_least=0.85),
        beside("importer without record : bare httpx2 loop", "requests/s", rates["off"], rates["bare"]),
        beside("importer with record : without", "requests/s", rates["on"], rates["off"], at_least=0.95),
        beside("importer : bare httpx2 loop, processor", "ms/request", cpu["on"], cpu["bare"]),
        beside("importer without record : bare loop, processor", "ms/request", cpu["off"], cpu["bare"]),
        alone("importer, last answer to last event on disk", "ms", [1000 * run.rest_s for run in spent["on"]]),
    ]


async def recorded(config: ImportConfig) -> Spent:
    """A session as `harness import` runs it, until its last event is on disk; without the results made of it later."""
    with TemporaryDirectory() as folder:
        session = Session(create_run(Path(folder), "bench", {}, 0.0), config)
        async with _opened(config) as api:
            clock = _Clock()
            done = await session.run(api)
            assert done.status == "complete", done
            return clock.spent(session.state.answered, session.state.duration_s)


async def unrecorded(config: ImportConfig) -> Spent:
    """The same core, driver and client with nowhere to write."""
    budget = Budget("api", pacer_for(config))
    core = Core(Rules(config.pacing.workers), shared(budget), _forget, utc_s=0.0)
    async with _opened(config) as api:
        clock = _Clock()
        core.start()
        done = await Driver(core, api, _forget).run()
        assert done.status == "complete", done
        return clock.spent(core.state.answered, core.state.duration_s)


def _forget(*_: object) -> None:
    """Neither event nor payload is kept."""


async def bare(config: ImportConfig, items: int) -> Spent:
    """As little as one can write: workers that take the next URL and read its answer whole, pages first."""
    assert config.source.url is not None
    pages = math.ceil(items / config.source.page_size)
    urls = [f"{config.source.url}?page={page}&perPage={config.source.page_size}" for page in range(1, pages + 1)]
    urls += [f"{config.source.url}/{item}" for item in range(1, items + 1)]
    limits = httpx2.Limits(max_connections=config.pacing.workers, max_keepalive_connections=config.pacing.workers)
    async with httpx2.AsyncClient(limits=limits, timeout=30.0, trust_env=False) as client:
        clock = _Clock()
        todo = iter(urls)
        async with trio.open_nursery() as nursery:
            for _ in range(config.pacing.workers):
                nursery.start_soon(_take, client, todo)
        return clock.spent(len(urls))


async def _take(client: httpx2.AsyncClient, todo: Iterator[str]) -> None:
    for url in todo:
        response = await client.get(url)
        response.raise_for_status()


@asynccontextmanager
async def _opened(config: ImportConfig) -> AsyncIterator[HttpApi]:
    assert config.source.url is not None
    async with http_api(config, config.source.url) as api:
        yield api


class _Clock:
    """Started when made."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = perf_counter(), process_time()

    def spent(self, requests: int, duration_s: float | None = None) -> Spent:
        """duration_s: from first request to last answer, where that is less than all of it."""
        all_s, cpu_s = perf_counter() - self._wall_s, process_time() - self._cpu_s
        return (
            Spent(requests, all_s, cpu_s)
            if duration_s is None
            else Spent(requests, duration_s, cpu_s, all_s - duration_s)
        )
