"""Estimate when an import will be done: from the quota that is left and the windows to come, not from the mean rate.

A mean rate taken in the middle of a burst promises half an hour for what takes ten; the quota knows better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.core.core import Core
from harness.core.list_reader import left_by_role
from harness.pacing import TierStatistics
from harness.pacing.tiers import EVERY_ROUTE
from harness.record.fold import latency_quantile


def eta_s(core: Core, now: float) -> float | None:
    """Return the seconds from `now` until the last answer; None while the list has not said how much there is."""
    by_role = left_by_role(core.rules, core.state)
    if by_role is None:
        return None
    left = sum(by_role.values())
    latency_s = latency_quantile(core.state.latency, 0.5) or 0.0
    budget = core.budget_of("item")
    tiers, keys = core.tier_statistics(now), len(core.keys.live)
    workers = max(1, core.desired.workers * core.rules.processes)
    by_workers = now + latency_s * math.ceil(left / workers) if left else now
    at = max([by_workers, *(admits_at(tier, counted(core, tier, by_role, keys), now) + latency_s for tier in tiers)])
    if budget.hold is not None and left:
        at += max(0.0, budget.hold.until - now)
    if not tiers and left:
        at = max(at, now + _by_mean_rate(core, left))
    if core.work.last_retry_at is not None:
        at = max(at, core.work.last_retry_at + latency_s)
    return at - now


def counted(core: Core, tier: TierStatistics, left: Mapping[Any, int], keys: int) -> int:
    """Return how much of what is left one limit counts, of one of so many keys."""
    route = tier.tier.route
    requests = sum(left.values()) if route == EVERY_ROUTE else left.get(route, 0)
    return -(-requests // keys) * (core.rules.item_cost if route == EVERY_ROUTE else core.rules.cost(route))


def admits_at(tier: TierStatistics, requests: int, now: float) -> float:
    """Return when the last of `requests` more would be let through by one tier, sent as early as it allows.

    Every slot is used again one span after it was: first those of which it is known when they come free, then those
    in flight or free now, which will be occupied from about now on.
    """
    beyond = requests - tier.left
    if beyond <= 0:
        return now
    limit = max(1, tier.used + tier.left)
    rounds, place = divmod(beyond - 1, limit)
    if place < tier.known:
        opens_at = tier.releases[place * (len(tier.releases) - 1) // max(1, tier.known - 1)]
    else:
        opens_at = now + tier.span_s
    return max(now, opens_at) + rounds * tier.span_s


def _by_mean_rate(core: Core, left: int) -> float:
    state = core.state
    sent = state.answered + state.refused
    return left * state.session.duration_s() / sent if sent else 0.0
