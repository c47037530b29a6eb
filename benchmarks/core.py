"""Requests a second of the core alone: no IO but the record's, and every answer is there at once."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import trio

from benchmarks.measure import Figure, alone, beside, turns
from harness.core.answers import Done, Fetch, ItemRead, PageRead
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Budget, Notice, Tier, WindowPacer
from harness.record.events import Event, ItemId
from harness.record.items import write_items
from harness.record.parts import compact
from harness.record.recorder import FLUSH_EVENTS, FLUSH_S, Recorder
from harness.record.state import State
from harness.session.driver import Flusher

PER_PAGE = 100
# Never full, so that nothing waits.
TIER = Tier(1_000_000_000, 1.0)
# Of the core's clock, per request: 10,000 a second, so that parts are due for being full, not for being old.
STEP_S = 1e-4
SLOW_STEP_S = 1 / 25
ANSWER = Notice(200)


def measure(rounds: int = 5, items: int = 100_000, slow_items: int = 2_000) -> list[Figure]:
    """Recording off, on, and on at 25 requests a second of the core's clock, the rate of the default limits."""
    runs = {"off": (items, False, STEP_S), "on": (items, True, STEP_S), "slow": (slow_items, True, SLOW_STEP_S)}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    trio.run(import_instantly, PER_PAGE, True)  # the first part of a process imports what Arrow needs for it
    for name in turns(list(runs), rounds):
        rates[name].append(trio.run(import_instantly, *runs[name]))
    unit = "requests/s"
    return [
        alone("core, recording off", unit, rates["off"], at_least=25_000),
        alone("core, recording on", unit, rates["on"], at_least=15_000),
        beside("core, recording on : off", unit, rates["on"], rates["off"]),
        alone("core, recording on, 25/s of its clock", unit, rates["slow"]),
    ]


async def import_instantly(items: int, recording: bool, step_s: float = STEP_S, *, results: bool = False) -> float:
    """Import `items`, a request every `step_s` of the core's clock; answers the real requests a second.

    results: then write items.parquet and compact, as an import does at its end; that is not timed.

    Async only because the flusher is: nothing here ever waits.
    """
    with TemporaryDirectory() as folder:
        log = Log(Path(folder)) if recording else NoLog()
        budget = Budget("api", WindowPacer((TIER,), linger_s=30.0))
        core = Core(Rules(), shared(budget), log.record, utc_s=0.0, state=log.state)
        began = perf_counter()
        core.start()
        requests = await _run(core, items, log, step_s)
        await log.close()
        seconds = perf_counter() - began
        if results:
            write_items(Path(folder), lambda item: core.state.items.state(item) == "imported")
            compact(Path(folder))
    assert core.state.imported == items, "not everything was imported"
    return requests / seconds


async def _run(core: Core, items: int, log: NoLog, step_s: float) -> int:
    """Answer every fetch at once until the core is done; how many there were."""
    now, requests, pages = 0.0, 0, math.ceil(items / PER_PAGE)
    while isinstance(answer := core.next(now), Fetch):
        now += step_s
        requests += 1
        core.answered(answer.id, now, ANSWER)
        if answer.role == "item":
            core.finished(answer.id, now, ItemRead(log.put(answer.item)))
        else:
            first = ((answer.page.number or 1) - 1) * PER_PAGE + 1
            ids = tuple(range(first, min(first + PER_PAGE, items + 1)))
            core.finished(answer.id, now, PageRead(ids, items, pages))
        if log.is_due(now):
            await log.flush(now)
    assert isinstance(answer, Done), "nothing here gives a reason to wait"
    return requests


class NoLog:
    """Recording off: the state is still folded, for the core lives by it."""

    def __init__(self) -> None:
        self.state = State()

    def record(self, event: Event) -> None:
        """Forget it."""

    def put(self, item: ItemId) -> int:
        """Keep an item's payload; answers its size in bytes."""
        return 200

    def is_due(self, now: float) -> bool:
        return False

    async def flush(self, now: float) -> None:
        """Nothing to write."""

    async def close(self) -> None:
        """Nothing to write."""


class Log(NoLog):
    """Recording on, as the importer records: parts and snapshots, in this thread, by the core's clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._recorder = Recorder(folder, "bench", 1)
        self._flusher = Flusher(self._recorder, lambda: self.state, inline=True)
        self._flushed_s = 0.0
        self.record = self._recorder.record  # type: ignore[method-assign]  # as direct as a session has it

    def put(self, item: ItemId) -> int:
        payload = f'{{"id":{item},"name":"Item {item}","description":"{PROSE}","price":"{item % 1000}.50"}}'
        self._recorder.put(item, payload)
        return len(payload)

    def is_due(self, now: float) -> bool:
        return self._recorder.unwritten >= FLUSH_EVENTS or now - self._flushed_s >= FLUSH_S

    async def flush(self, now: float) -> None:
        self._flushed_s = now
        await self._flusher.flush()

    async def close(self) -> None:
        await self._flusher.flush(snapshot=True)


PROSE = "made to be about as long as the description of an item of the test API is, no more and no less"
