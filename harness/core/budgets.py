"""The budgets of an import, by the endpoint that a request asks, and what the core asks of all of them.

A budget is what one credential may use of one route, or of all of them: two keys, or a list and its items, can have
limits of their own. Where no route has limits of its own, one budget of a key pays for every request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.pacing import Budget, Pacer, Planning, Tier, Tiers, WindowPacer, format_tiers
from harness.pacing.leases import LeasePacer
from harness.pacing.routes import Common, RoutePacer
from harness.pacing.tiers import EVERY_ROUTE, held_to, of_route
from harness.record import events as e

Budgets = Mapping[e.Endpoint, Budget]
# Until a source holds several resources, the one it holds is called so.
RESOURCE = "records"
ROLES: tuple[e.Role, ...] = ("list", "item")


def budget_name(credential: str | None, route: str = EVERY_ROUTE) -> str:
    """Name a budget by its credential and route: `API_TOKEN *`, and `- *` without any credential."""
    return f"{credential or '-'} {route}"


def shared(budget: Budget, credential: str | None = None, roles: Sequence[e.Role] = ROLES) -> Budgets:
    """Let the list and its items share one budget. credential: the name of what says who asks."""
    return {e.Endpoint(RESOURCE, role, role, credential, budget.name): budget for role in roles}


def by_routes(
    credential: str | None,
    common: Pacer,
    own: Callable[[e.Role, Common], Pacer],
    longest_s: float,
    roles: Sequence[e.Role],
    account: Callable[[e.Role], LeasePacer | None] = lambda _: None,
) -> Budgets:
    """Give each role a budget of its own, beside the limits that `common` keeps for all. longest_s: as of `Budget`.

    own: makes the strategy of a role, which asks the common one too. account: what a role shares with other runs.
    """
    every = Common(common)
    names = {role: budget_name(credential, role) for role in roles}
    return {
        e.Endpoint(RESOURCE, role, role, credential, name): Budget(name, own(role, every), longest_s, account(role))
        for role, name in names.items()
    }


def split(budgets: Budgets, tiers: Tiers, now: float, linger_s: float, state_sent: Mapping[e.Role, int]) -> Budgets:
    """Return budgets by route in place of ones that all routes share, for limits that name routes amid a session.

    The strategy so far keeps the common limits, and all that it knows. Of what was sent only the number for each role
    is known: it is charged as if the server had counted all of it in the last moment at which it can, those in flight
    once they have lingered; that costs a window, once, and is safe.
    """
    made: dict[e.Endpoint, Budget] = {}
    commons: dict[int, Common] = {}
    for endpoint, budget in budgets.items():
        common = commons.setdefault(id(budget), Common(budget.pacer))
        own = WindowPacer((), linger_s)
        own.set_tiers(of_route(tiers, endpoint.role), now)
        if state_sent.get(endpoint.role):
            own.charge(now + linger_s, state_sent[endpoint.role])
        name = budget_name(endpoint.credential, endpoint.role)
        account = None if budget.account is None else budget.account.part(endpoint.role)
        new = Budget(name, RoutePacer(endpoint.role, own, common), budget.longest_s, account)
        if budget.hold is not None:
            new.breaker.hold_until(budget.hold.until, "refused")
        made[endpoint._replace(budget=name)] = new
    return made


def charge(budgets: Budgets, at: float, cost: int, role: e.Role | None = None, credential: str | None = None) -> None:
    """Count what an earlier session sent, where it belongs: of a role or key that is not known, everywhere."""
    known = credential in {endpoint.credential for endpoint in budgets}
    mine = {
        id(budget): budget
        for endpoint, budget in budgets.items()
        if role in (None, endpoint.role) and (not known or endpoint.credential == credential)
    }
    commons: set[int] = set()
    for budget in mine.values():
        if isinstance(budget.pacer, RoutePacer):
            common = budget.pacer.common
            budget.pacer.charge_one(at, cost, id(common) not in commons)
            commons.add(id(common))
        else:
            budget.pacer.charge(at, cost)


def each(budgets: Budgets) -> Iterable[Budget]:
    """Return every budget once: pages and items usually share one."""
    return {id(budget): budget for budget in budgets.values()}.values()


def all_tiers(budgets: Budgets, now: float) -> Tiers:
    """Return the limits that are kept to by any budget, each once."""
    return tuple(dict.fromkeys(tier for budget in each(budgets) for tier in budget.tiers(now)))


def places(tiers: Iterable[Tier]) -> float:
    """Return the least concurrency limit: a request holds its place until its body is read, which no pacer hears."""
    return min((tier.limit for tier in tiers if tier.kind == "concurrency"), default=math.inf)


class Places:
    """How many requests may be in flight by the concurrency limits: of each key, and of each of its routes."""

    def __init__(self, budgets: Budgets, tiers: Tiers) -> None:
        keys = {endpoint.credential for endpoint in budgets}
        self.in_all = places(of_route(tiers, EVERY_ROUTE)) * len(keys)
        self._at_once = [tier for tier in tiers if tier.kind == "concurrency"]
        self.apart = bool(self._at_once) and (len(keys) > 1 or any(tier.route != EVERY_ROUTE for tier in self._at_once))

    def full(self, endpoint: e.Endpoint, in_flight: Iterable[e.Endpoint]) -> Tier | None:
        """Return the limit by which one more request of `endpoint` would be too many; None if it has a place."""
        if not self.apart:
            return None
        mine = [other.role for other in in_flight if other.credential == endpoint.credential]
        for tier in held_to(self._at_once, endpoint.role):
            if (len(mine) if tier.route == EVERY_ROUTE else mine.count(endpoint.role)) >= tier.limit:
                return tier
        return None


def learned(budget: Budget, now: float, budgets: Budgets) -> list[e.Learned]:
    """Return what the strategy has learned since this was last asked, and what all `budgets` keep to now."""
    facts = budget.new_facts()
    if not facts:
        return []
    limits = format_tiers(all_tiers(budgets, now))
    return [
        e.Learned(now, budget.name, fact.limit or None, fact.kind, fact.evidence, fact.trust, limits) for fact in facts
    ]


def plan_for(budgets: Budgets, left: Mapping[e.Role, int]) -> None:
    """Tell strategies that plan how many requests are still to come, each at a cost of 1. left: by role."""
    keys = len({endpoint.credential for endpoint in budgets})
    requests: dict[int, int] = {}
    for endpoint, budget in budgets.items():
        requests[id(budget)] = requests.get(id(budget), 0) + left.get(endpoint.role, 0)
    for budget in each(budgets):
        if isinstance(budget.pacer, Planning):
            budget.pacer.expect(max(0, -(-requests[id(budget)] // keys)))
