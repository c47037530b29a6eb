"""The budgets of an import, by the endpoint that a request asks, and what the core asks of all of them.

A budget is what one credential may use of one route, or of all of them: two keys, or a list and its items, can have
limits of their own. Today one budget, of every route, pays for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from harness.pacing import Budget, Planning, Tier, format_tiers
from harness.record import events as e

Budgets = Mapping[e.Endpoint, Budget]
# Until a source holds several resources, the one it holds is called so.
RESOURCE = "records"
_EVERY_ROUTE = "*"


def budget_name(credential: str | None, route: str = _EVERY_ROUTE) -> str:
    """Name a budget by its credential and route: `API_TOKEN *`, and `- *` without any credential."""
    return f"{credential or '-'} {route}"


def shared(budget: Budget, credential: str | None = None) -> Budgets:
    """Let the list and its items share one budget. credential: the name of what says who asks."""
    roles: tuple[e.Role, ...] = ("list", "item")
    return {e.Endpoint(RESOURCE, role, role, credential, budget.name): budget for role in roles}


def each(budgets: Budgets) -> Iterable[Budget]:
    """Return every budget once: pages and items usually share one."""
    return {id(budget): budget for budget in budgets.values()}.values()


def tiers_of(budget: Budget, now: float) -> tuple[Tier, ...]:
    """Return the limits that are kept to, each once."""
    return tuple(dict.fromkeys(tier.tier for tier in budget.pacer.statistics(now).tiers))


def places(tiers: Iterable[Tier]) -> float:
    """Return the least concurrency limit: a request holds its place until its body is read, which no pacer hears."""
    return min((tier.limit for tier in tiers if tier.kind == "concurrency"), default=math.inf)


def learned(budget: Budget, now: float) -> list[e.Learned]:
    """Return what the strategy has learned since this was last asked."""
    facts = budget.new_facts()
    if not facts:
        return []
    limits = format_tiers(tiers_of(budget, now))
    return [
        e.Learned(now, budget.name, fact.limit or None, fact.kind, fact.evidence, fact.trust, limits) for fact in facts
    ]


def plan_for(budgets: Budgets, requests: int) -> None:
    """Tell strategies that plan how many requests are still to come, each at a cost of 1."""
    for budget in each(budgets):
        if isinstance(budget.pacer, Planning):
            budget.pacer.expect(max(0, requests))
