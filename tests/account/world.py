"""Several holders of one account in virtual time, their network and deaths drawn by lot; and a server that counts."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, Holder
from harness.pacing import Budget, Grant, Later, Notice, Outcome, Tiers, WindowPacer
from harness.pacing.leases import LeasePacer

KEY = AccountKey("api.test", "k", "API_TOKEN")
LINGER_S, DEADLINE_S = 1.0, 2.0


# What is to be closed when a test is over: the fixtures of this folder do.
OPEN: list[EmbeddedStore] = []


@dataclass
class Ways:
    """How bad things are. trip_s: the longest way of an exchange; lost: the part of exchanges that get no answer;
    request_s: the longest way of a request; drift: of clocks; dies_s: when each holder dies (inf: never).
    """

    trip_s: float = 0.0
    lost: float = 0.0
    request_s: float = 0.05
    lost_requests: float = 0.0
    drift: float = 0.0
    dies_s: tuple[float, ...] = ()


@dataclass
class World:
    """The truth: time, what is to happen, and when each request was counted."""

    seed: int
    ways: Ways
    now: float = 1000.0
    arrivals: list[float] = field(default_factory=list)
    heap: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self._order = Random(self.seed), count()
        self.store = EmbeddedStore(None, clock=lambda: self.now, start="s", dead=lambda _: False)
        self.store_id = self.store.open_now()
        OPEN.append(self.store)
        self.refuses: Callable[[float], bool] = lambda _: False

    def at(self, t: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (max(t, self.now), next(self._order), what))

    def run(self, until: float) -> None:
        while self.heap and self.heap[0][0] <= until:
            self.now, _, what = heapq.heappop(self.heap)
            what()
        self.now = until

    def trip(self) -> float:
        return self.random.uniform(0, self.ways.trip_s)


class Client:
    """A holder with `workers` workers and `items` requests to send."""

    def __init__(
        self, world: World, name: str, tiers: Tiers, items: int, workers: int, dies_s: float = math.inf
    ) -> None:
        self.world, self.items, self.workers = world, items, workers
        self.dies_at = world.now + dies_s
        self._offset = world.random.uniform(-500, 500)
        self._rate = 1 + world.random.uniform(-1, 1) * world.ways.drift
        self.holder = Holder(name, name, 1, "m", world.store_id)
        counted = world.store.join_now(KEY, self.holder, 3 * max((tier.period_s for tier in tiers), default=1.0))
        pacer = WindowPacer(tiers, LINGER_S)
        for one in counted:
            pacer.charge(self.clock() - one.age_s, one.cost)
        self.account = LeasePacer("*", LINGER_S, DEADLINE_S, workers)
        self.budget = Budget("b", pacer, account=self.account)
        self.account.ring = lambda: world.at(world.now, self.carry)
        self.in_flight = 0
        self.done_at: float | None = None
        self.refusals = 0
        self._carrying = False
        self._waits_until = -math.inf
        world.at(world.now, self.carry)
        world.at(world.now, self.go)

    def clock(self) -> float:
        return self._offset + self.world.now * self._rate

    def at_local(self, t: float, what: Callable[[], None]) -> None:
        self.world.at((t - self._offset) / self._rate + 1e-9, what)

    @property
    def is_dead(self) -> bool:
        return self.world.now >= self.dies_at

    def go(self) -> None:
        """Send what may be sent."""
        while not self.is_dead and self.in_flight < self.workers and self.items > 0:
            answer = self.budget.reserve(self.clock())
            if isinstance(answer, Later):
                if answer.until is not None:
                    self.at_local(answer.until, self.go)
                return
            self.items -= 1
            self.in_flight += 1
            self._send(answer)

    def _send(self, grant: Grant) -> None:
        world, random = self.world, self.world.random
        there, back = random.uniform(0, world.ways.request_s), random.uniform(0, world.ways.request_s)
        if random.random() < world.ways.lost_requests:
            arrives = world.now + random.uniform(0, DEADLINE_S + LINGER_S * 0.99)
            if random.random() < 0.7:
                world.at(arrives, lambda: world.arrivals.append(world.now))
            world.at(world.now + DEADLINE_S, lambda: self._settle(grant, Outcome.LOST))
            return

        def arrive() -> None:
            if world.refuses(world.now):
                world.at(world.now + back, lambda: self._refused(grant))
                return
            world.arrivals.append(world.now)
            world.at(world.now + back, lambda: self._settle(grant, Outcome.ANSWERED))

        world.at(world.now + there, arrive)

    def _refused(self, grant: Grant) -> None:
        self.items += 1
        self.refusals += 1
        self._settle(grant, Outcome.REFUSED, Notice(429, retry_after_s=1.0, refused=True, certain=True))

    def _settle(self, grant: Grant, outcome: Outcome, notice: Notice | None = None) -> None:
        if self.is_dead:
            return
        self.in_flight -= 1
        self.budget.settle(grant, self.clock(), outcome, notice)
        if not self.items and not self.in_flight and self.done_at is None:
            self.done_at = self.world.now
            self.account.ring()
        self.go()

    def carry(self) -> None:
        """Carry an exchange, if one is due."""
        world = self.world
        if self.is_dead or self._carrying:
            return
        due = self.account.due_at(self.clock())
        if due > self.clock():
            if due < math.inf:
                self.at_local(due, self.carry)
            return
        self._carrying = True
        is_lost = world.random.random() < world.ways.lost
        arrives = world.random.random() < 0.5 or not is_lost
        said = self.account.exchange(self.clock())

        def heard() -> None:
            leased = world.store.exchange_now(KEY, self.holder, said) if arrives else None
            world.at(world.now + world.trip(), lambda: self._replied(None if is_lost else leased))

        world.at(world.now + world.trip(), heard)

    def _replied(self, leased: object) -> None:
        if self.is_dead:
            return
        self._carrying = False
        if leased is None:
            self.account._named = True
            self.account.failed(self.clock())
        else:
            self.account.replied(self.clock(), leased)  # type: ignore[arg-type]
            self.go()
        self.carry()


def most_in(arrivals: list[float], window_s: float) -> int:
    """Return how many arrivals lie in the fullest window, closed at one end."""
    arrivals = sorted(arrivals)
    first, most = 0, 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
