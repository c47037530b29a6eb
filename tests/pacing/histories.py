"""An import as a heap of future events, and a witness who keeps the books again to check every "no".

No core and no clock: `play` gives jobs to workers, asks the strategy whenever one is free, and lets each request
arrive at the server and settle at the client at the moments that its job names.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.pacing import Budget, Grant, Later, Notice, Outcome, Pacer, Tier
from tests.pacing.models import Server

# Two ways to add the same floats up differ by less; asking "just before" is this much before.
EPSILON_S = 1e-7


@dataclass(frozen=True)
class Job:
    """One request and its fate, in seconds from the moment it is sent.

    counted_s: when the server counts it (None: never). settled_s: when the client knows its outcome.
    true_cost: what the server charges where that is not what was reserved.
    """

    counted_s: float | None
    settled_s: float
    outcome: Outcome = Outcome.ANSWERED
    cost: int = 1
    true_cost: int | None = None

    @property
    def charged(self) -> int:
        return self.cost if self.true_cost is None else self.true_cost


@dataclass
class Sent:
    """A job on its way: when it was granted, and what the server said (None: nothing yet)."""

    job: Job
    grant: Grant
    admitted: bool | None = None
    refusal: Notice | None = None


@dataclass
class History:
    """What happened. arrivals: (time, cost charged, granted at), in order of time."""

    arrivals: list[tuple[float, int, float]] = field(default_factory=list)
    refusals: list[tuple[float, float]] = field(default_factory=list)  # (at, granted at)
    noes: list[tuple[float, Later]] = field(default_factory=list)
    granted_at: list[float] = field(default_factory=list)
    ended_at: float = 0.0

    def replay(self, server: Server, since: float = -math.inf) -> int:
        """How many of these requests, of those granted at `since` or later, `server` refuses."""
        verdicts = [(server.arrive(at, cost), granted_at) for at, cost, granted_at in self.arrivals]
        return sum(not admitted and granted_at >= since for admitted, granted_at in verdicts)


class Witness:
    """Recomputes from the history alone what is occupied, and holds every answer of the strategy against it.

    tiers: each as declared, with the limit and period of the log that it is paced as.
    """

    def __init__(self, tiers: Sequence[tuple[Tier, int, float]], linger_s: float, rtt_floor_s: float = 0.0) -> None:
        self.linger_s = linger_s
        self.rtt_floor_s = rtt_floor_s
        self.held: dict[Grant, int] = {}
        self.ended: list[tuple[float, bool, int]] = []  # (settled at, lost, cost)
        self.promised: Later | None = None
        self.checked = 0
        self.tiers = {tier: (limit, period_s) for tier, limit, period_s in tiers}

    def set_tiers(self, tiers: Sequence[tuple[Tier, int, float]], now: float) -> None:
        """What every old tier has forgotten by now counts as answered at the last moment that allows that."""
        longest = max(self.tiers, key=lambda tier: self.tiers[tier][1])
        answered_s, lost_s = self.spans(longest)
        self.ended = [
            (now - answered_s, False, cost) if at + (lost_s if lost else answered_s) <= now else (at, lost, cost)
            for at, lost, cost in self.ended
        ]
        self.tiers = {tier: (limit, period_s) for tier, limit, period_s in tiers}
        self.promised = None

    def spans(self, tier: Tier) -> tuple[float, float]:
        """How long an answered and a lost request occupy their slot, from when they settle."""
        period_s = self.tiers[tier][1] + max(0.001, self.tiers[tier][1] / 10_000)
        return max(0.0, period_s - self.rtt_floor_s), self.linger_s + max(period_s, self.rtt_floor_s)

    def releases(self, tier: Tier) -> list[tuple[float, int]]:
        """(when, cost) of everything that is no longer in flight, in order of time."""
        answered_s, lost_s = self.spans(tier)
        return sorted((at + (lost_s if lost else answered_s), cost) for at, lost, cost in self.ended)

    def opens_at(self, tier: Tier, now: float, cost: int) -> float | None:
        """The earliest time, `now` or later, at which `cost` fits if nothing more is sent; None: not even then."""
        left = self.tiers[tier][0] - sum(self.held.values()) - cost
        releases = self.releases(tier)
        for at in [now, *(at for at, _ in releases if at > now)]:
            if sum(held for free_at, held in releases if free_at > at) <= left:
                return at
        return None

    def says_no(self, now: float, cost: int, later: Later) -> None:
        """The named tier is full, and `until` is when the last of the full tiers opens."""
        self.checked += 1
        opens = {tier: self.opens_at(tier, now - EPSILON_S, cost) for tier in self.tiers}
        assert later.tier in opens, "a no must name one of the tiers"
        assert opens[later.tier] != now - EPSILON_S, f"{later.tier} had room for {cost} at {now}"
        if later.until is None:
            assert opens[later.tier] is None, "only a settlement can help, it says, but time alone does"
            assert self.held, "told to wait for a settlement with nothing in flight"
            assert later.reason == "in flight"
        else:
            assert None not in opens.values(), "a time was given although something in flight must settle first"
            assert abs(later.until - max(at for at in opens.values() if at is not None)) < EPSILON_S
            assert later.reason == "limit"
        if self.promised is not None and self.promised.until is not None:
            assert now < self.promised.until, f"promised at {self.promised.until}, refused at {now}"
        self.promised = later

    def grants(self, now: float, grant: Grant) -> None:
        if self.promised is not None:
            assert self.promised.until is not None, "granted without the settlement it was to wait for"
            assert now >= self.promised.until, f"granted at {now} although it was a no until {self.promised.until}"
        self.promised = None
        self.held[grant] = grant.cost

    def settles(self, now: float, grant: Grant, outcome: Outcome, true_cost: int) -> None:
        handed_back = outcome in (Outcome.UNUSED, Outcome.REFUSED)
        del self.held[grant]
        if not handed_back:
            self.ended.append((now, outcome is Outcome.LOST, true_cost))
        self.promised = None  # what was in flight may free a slot before the time that was given


@dataclass(frozen=True)
class Change:
    """Something that happens at a time of its own, such as new limits."""

    at: float
    happen: Callable[[float], None]


class Play:
    """The state of one import. See `play`."""

    def __init__(self, pacer: Pacer | Budget, jobs: Sequence[Job], workers: int, server: Server) -> None:
        self.pacer = pacer
        self.server = server
        self.queue = deque(jobs)
        self.free = workers
        self.witness: Witness | None = None
        self.history = History()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._alarms: set[float] = set()
        self._now = -math.inf

    def at(self, when: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happen))

    def run(self, start: float) -> History:
        self.at(start, lambda now: None)
        while self._events:
            self._now, _, happen = heapq.heappop(self._events)
            happen(self._now)
            if self._now >= start:
                self.ask(self._now)
        assert not self.queue, f"nothing will ever happen again, but {len(self.queue)} requests wait"
        return self.history

    def ask(self, now: float) -> None:
        while self.queue and self.free:
            cost = self.queue[0].cost
            answer = self.pacer.reserve(now, cost)
            if isinstance(answer, Later):
                return self.wait(now, cost, answer)
            if self.witness is not None:
                self.witness.grants(now, answer)
            self.send(now, self.queue.popleft(), answer)

    def wait(self, now: float, cost: int, later: Later) -> None:
        """Ask again just before the time given and at it; nobody polls in between."""
        self.history.noes.append((now, later))
        if self.witness is not None:
            self.witness.says_no(now, cost, later)
        if later.until is not None:
            assert later.until > now, "a wait must end after it begins"
            for when in (later.until - 2 * EPSILON_S, later.until):
                if when > now and when not in self._alarms:
                    self._alarms.add(when)
                    self.at(when, lambda now: None)

    def send(self, now: float, job: Job, grant: Grant) -> None:
        sent = Sent(job, grant)
        self.free -= 1
        self.history.granted_at.append(now)
        if job.counted_s is not None:
            self.at(now + job.counted_s, lambda at: self.arrive(at, sent))
        self.at(now + job.settled_s, lambda at: self.settle(at, sent))

    def arrive(self, now: float, sent: Sent) -> None:
        self.history.arrivals.append((now, sent.job.charged, sent.grant.at))
        sent.admitted = self.server.arrive(now, sent.job.charged)
        if not sent.admitted:
            sent.refusal = Notice(429, self.server.retry_after(now))
            self.history.refusals.append((now, sent.grant.at))

    def settle(self, now: float, sent: Sent) -> None:
        refused = sent.job.outcome is Outcome.ANSWERED and sent.admitted is False
        outcome = Outcome.REFUSED if refused else sent.job.outcome
        if refused and isinstance(self.pacer, Budget):  # without its pause, trying again would be a hot loop
            self.queue.appendleft(sent.job)
        self.pacer.settle(sent.grant, now, outcome, sent.refusal, sent.job.true_cost)
        if self.witness is not None:
            self.witness.settles(now, sent.grant, outcome, sent.job.charged)
        self.free += 1
        self.history.ended_at = now


def play(
    pacer: Pacer | Budget,
    jobs: Sequence[Job],
    workers: int,
    *,
    server: Server | None = None,
    witness: Witness | None = None,
    changes: Sequence[Change] = (),
    start: float = 0.0,
) -> History:
    """Send every job; without a server everything is let through. Each answer is checked by the witness."""
    it = Play(pacer, jobs, workers, server or Server([]))
    it.witness = witness
    for change in changes:
        it.at(change.at, change.happen)
    return it.run(start)
