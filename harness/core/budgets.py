"""What an engine asks of its budgets as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from harness.pacing import Budget, Planning, Tier, format_tiers
from harness.record import events as e

Budgets = Mapping[e.Role, Budget]


def each(budgets: Budgets) -> Iterable[Budget]:
    """Every budget once: pages and items usually share one."""
    return {id(budget): budget for budget in budgets.values()}.values()


def tiers_of(budget: Budget, now: float) -> tuple[Tier, ...]:
    """The limits that are kept to, each once."""
    return tuple(dict.fromkeys(tier.tier for tier in budget.pacer.statistics(now).tiers))


def places(tiers: Iterable[Tier]) -> float:
    """The least concurrency limit: a request holds its place until its body is read, of which no pacer is told."""
    return min((tier.limit for tier in tiers if tier.kind == "concurrency"), default=math.inf)


def learned(budget: Budget, now: float) -> list[e.Learned]:
    """What its strategy has learned since this was last asked."""
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
