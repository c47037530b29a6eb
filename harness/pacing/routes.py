"""The limits of one route beside those of every route: both are asked, and only what both allow is sent.

A list and its items may have limits of their own, and one for all requests besides. Each route has a strategy of its
own then, and one strategy that all of them share keeps the common limits. `RoutePacer` joins the two: it asks both
before it sends, and hands a grant back that only one of them gives, so that a no of one costs the other nothing. What
the two answer is the later of both, for neither alone lets the request go.

A refusal tells both, but only the route pauses (each has a budget of its own around this): where the common limit was
meant, every other route finds that out with one request, while a list that is refused for a minute would otherwise
hold up all items.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from harness.pacing.base import Grant, Later, LearnedFact, Learning, Notice, Outcome, Pacer, Planning, Statistics
from harness.pacing.tiers import EVERY_ROUTE, Route, Tier, Tiers, of_route, parse_tiers, unnamed


@dataclass(slots=True)
class Common:
    """The strategy that keeps the limits of every route, shared by the routes of one credential."""

    pacer: Pacer
    left: dict[Route, int] = field(default_factory=dict)

    def set_tiers(self, tiers: Tiers, now: float) -> None:
        """Keep to these from now on; each route says so, and only the first time changes anything."""
        if tuple(tier.tier for tier in self.pacer.statistics(now).tiers) != tiers:
            self.pacer.set_tiers(tiers, now)

    def expect(self, route: Route, requests: int) -> None:
        """Note how many requests of a route are still to come: what is planned for is the sum."""
        self.left[route] = requests
        if isinstance(self.pacer, Planning):
            self.pacer.expect(sum(self.left.values()))


class RoutePacer:
    """The strategy of `route`: `own` for its own limits, `common` for those of every route."""

    def __init__(self, route: Route, own: Pacer, common: Common) -> None:
        self.name = own.name
        self.route = route
        self._own = own
        self.common = common
        self._pairs: dict[int, Grant] = {}

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Reserve what both allow; else the later of what they answer, and nothing has changed."""
        return self._joined(self._own.reserve(now, cost), now, cost)

    def _joined(self, mine: Grant | Later, now: float, cost: int) -> Grant | Later:
        other = self.common.pacer.reserve(now, cost)
        if isinstance(mine, Grant) and isinstance(other, Grant):
            self._pairs[id(mine)] = other
            return mine
        if isinstance(mine, Grant):
            self._own.settle(mine, now, Outcome.UNUSED)
            return other
        if isinstance(other, Grant):
            self.common.pacer.settle(other, now, Outcome.UNUSED)
            return mine
        return max(mine, other, key=_opens)

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        other = self._pairs.pop(id(grant))
        untils = (
            self._own.settle(grant, now, outcome, notice, cost),
            self.common.pacer.settle(other, now, outcome, notice, cost),
        )
        return max((until for until in untils if until is not None), default=None)

    def charge(self, at: float, cost: int) -> None:
        self.charge_one(at, cost)

    def charge_one(self, at: float, cost: int, commonly: bool = True) -> None:
        """Count `cost` units of this route. commonly: by the common limits as well; else another route told them."""
        self._own.charge(at, cost)
        if commonly:
            self.common.pacer.charge(at, cost)

    def set_tiers(self, tiers: Tiers, now: float) -> None:
        """Keep to these limits of all routes from now on, as far as they are of this one."""
        self._own.set_tiers(of_route(tiers, self.route), now)
        self.common.set_tiers(of_route(tiers, EVERY_ROUTE), now)

    def expect(self, requests: int) -> None:
        """Note how many requests of this route are still to be sent, beyond those in flight."""
        if isinstance(self._own, Planning):
            self._own.expect(requests)
        self.common.expect(self.route, requests)

    def statistics(self, now: float) -> Statistics:
        own, common = self._own.statistics(now), self.common.pacer.statistics(now)
        return Statistics(self.name, own.in_flight, common.tiers + own.tiers, own.beliefs + common.beliefs)


def _opens(later: Later) -> float:
    """Return when a wait may end; one that only a settlement can end is the longest."""
    return float("inf") if later.until is None else later.until


class Learner(Learning, Pacer, Protocol):
    """A strategy that learns, and can say what."""

    def learned(self) -> Tiers:
        """Return the limits that were learned, for the next run."""


@runtime_checkable
class Parting(Protocol):
    """A strategy in whose place each kind of request can get one of its own."""

    def common(self, now: float) -> Pacer:
        """Return a strategy for what was declared, which knows all that was sent: it is for all requests."""

    def alike(self) -> Learner:
        """Return a strategy with the same settings that was told nothing so far."""


class LearningRoutePacer(RoutePacer):
    """A strategy that learns the limits of one route; what it knows of no route is told as this route's."""

    _own: Learner

    def __init__(self, route: Route, own: Learner, common: Common) -> None:
        super().__init__(route, own, common)

    def set_tiers(self, tiers: Tiers, now: float) -> None:
        self._own.set_tiers(unnamed(of_route(tiers, self.route)), now)
        self.common.set_tiers(of_route(tiers, EVERY_ROUTE), now)

    def statistics(self, now: float) -> Statistics:
        own, common = self._own.statistics(now), self.common.pacer.statistics(now)
        mine = tuple(replace(tier, tier=self._mine(tier.tier)) for tier in own.tiers)
        return Statistics(self.name, own.in_flight, common.tiers + mine, own.beliefs + common.beliefs)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        return self._joined(self._told(self._own.reserve(now, cost)), now, cost)

    def overrule(self, now: float, cost: int = 1) -> Grant | Later:
        """Grant by declared limits alone: those of every route are declared."""
        return self._joined(self._told(self._own.overrule(now, cost)), now, cost)

    def belied(self, grant: Grant, now: float) -> None:
        self._own.belied(grant, now)

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server named for a learned limit; inf for those of every route: all declared."""
        if tier is not None and tier.route == EVERY_ROUTE:
            return math.inf
        return self._own.named_s(None if tier is None else replace(tier, route=EVERY_ROUTE))

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        self._own.resolved(reason)

    def new_facts(self) -> tuple[LearnedFact, ...]:
        return tuple(
            replace(fact, limit=str(self._mine(parse_tiers(fact.limit)[0]))) if fact.limit else fact
            for fact in self._own.new_facts()
        )

    def learned(self) -> Tiers:
        """Return what is to be remembered for the next run, as this route's."""
        return tuple(map(self._mine, self._own.learned()))

    def _told(self, answer: Grant | Later) -> Grant | Later:
        if isinstance(answer, Grant) or answer.tier is None:
            return answer
        return replace(answer, tier=self._mine(answer.tier))

    def _mine(self, tier: Tier) -> Tier:
        return replace(tier, route=self.route)


def several(tiers: Tiers, keys: int) -> Tiers:
    """Return limits that `keys` keys together cannot exceed where each keeps `tiers`: so many times as much.

    In any span each key lets at most its own limit through, and all of them the sum. A leaky bucket's queue is as deep
    as that many buckets; the order in which it works on them is nobody's.
    """
    return tiers if keys == 1 else tuple(_times(tier, keys) for tier in tiers)


def _times(tier: Tier, keys: int) -> Tier:
    if tier.kind == "leaky":
        return replace(tier, limit=tier.limit * keys, kind="bucket", burst=tier.depth * keys)
    burst = None if tier.burst is None else tier.burst * keys
    return replace(tier, limit=tier.limit * keys, burst=burst)
