"""Plays an import without IO: a heap of answers to come, and a number called now."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.core.answers import Done, Failed, Fetch, ItemRead, PageRead, Result, Wait
from harness.core.budgets import Budgets, shared
from harness.core.core import Core
from harness.core.foresight import Foresight
from harness.core.rules import Rules
from harness.pacing import Budget, Notice, Pacer, Unpaced, WindowPacer, parse_tiers
from harness.record.events import Event
from harness.record.state import State

UTC_S = 1_800_000_000.0
OK = Notice(200)

E = TypeVar("E", bound=Event)
# (fetch, now) -> (latency in seconds, what the headers say or None for no answer, what comes of it)
Server = Callable[[Fetch, float], tuple[float, Notice | None, Result]]


def catalogue(items: int, per_page: int = 100, latency_s: float = 0.05) -> Server:
    """A server without limits or faults that lists items 1 to `items`."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            return latency_s, OK, ItemRead(10)
        number = fetch.page.number
        assert number is not None
        first = (number - 1) * per_page + 1
        ids = tuple(range(first, min(items, first + per_page - 1) + 1)) if first > 0 else ()
        return latency_s, OK, PageRead(ids, items, max(1, -(-items // per_page)))

    return serve


@dataclass
class Play:
    """One session. `at`: things to do at given times, such as `lambda core, now: core.pause(now)`."""

    server: Server
    rules: Rules = field(default_factory=Rules)
    pacer: Pacer = field(default_factory=Unpaced)
    state: State | None = None
    payloads: set[Any] = field(default_factory=set)
    at: list[tuple[float, Callable[[Core, float], None]]] = field(default_factory=list)
    utc_s: float = UTC_S
    relist: bool = False
    budgets: Budgets | None = None  # in place of one of `pacer`
    events: list[Event] = field(default_factory=list)
    predicts: bool = False
    sent: list[tuple[float, str, Any, int]] = field(default_factory=list)
    now: float = 0.0

    def run(self, until: float = 1e7) -> Play:
        """Until done, or until the time is up: as if killed then."""
        budget = Budget("api", self.pacer)
        budgets = self.budgets or shared(budget)
        self.core = Core(self.rules, budgets, self.events.append, self.utc_s, self.state, self.payloads)
        self.core.foresight = Foresight(self.core) if self.predicts else None
        self.core.start("here", relist=self.relist)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        for time, act in self.at:
            self._later(time, lambda act=act: act(self.core, self.now))
        while self.now < until:
            answer = self.core.next(self.now)
            if isinstance(answer, Done):
                self.done: Done | None = answer
                return self
            if isinstance(answer, Fetch):
                self._send(answer)
            else:
                self._wait(answer)
        self.done = None
        return self

    def _wait(self, wait: Wait) -> None:
        """To what comes first: an answer, somebody's act, or the time that the wait names."""
        due = min([time for time, _, _ in self._heap] + ([] if wait.until is None else [wait.until]), default=None)
        assert due is not None, f"{wait} would never end"
        assert due > self.now or self._heap, f"{wait} is over already"
        self.now = max(self.now, due)
        while self._heap and self._heap[0][0] <= self.now:
            heapq.heappop(self._heap)[2]()

    def _send(self, fetch: Fetch) -> None:
        self.sent.append((self.now, fetch.role, fetch.key, fetch.attempt))
        latency_s, notice, result = self.server(fetch, self.now)
        self._later(self.now + latency_s, lambda: self._answer(fetch, notice, result))

    def _answer(self, fetch: Fetch, notice: Notice | None, result: Result) -> None:
        if fetch.id not in self.core.in_flight:
            return
        if notice is None or self.core.answered(fetch.id, self.now, notice):
            self.core.finished(fetch.id, self.now, result)

    def _later(self, time: float, act: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._heap, (time, self._order, act))

    def of(self, kind: type[E]) -> list[E]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


def windowed(limits: str, **settings: Any) -> WindowPacer:
    return WindowPacer(parse_tiers(limits), **{"linger_s": 30.0, **settings})


def failing(base: Server, how: Callable[[Fetch, float], tuple[Notice | None, Failed] | None]) -> Server:
    """`base`, but where `how` answers something, that."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        instead = how(fetch, now)
        return (latency_s, notice, result) if instead is None else (latency_s, *instead)

    return serve
