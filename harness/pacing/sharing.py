"""A share of what is allowed: the rest of the quota is left to others who use the same key.

Declared limits are scaled before a strategy is made. What `auto` learns is the whole quota, so that a window over
the scaled limits stands beside it here: both are asked, and only what both allow is sent.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from harness.pacing.base import Grant, Later, LearnedFact, Notice, Outcome, Statistics
from harness.pacing.learn.strategy import AutoPacer
from harness.pacing.tiers import MAX_LIMIT, Tier, Tiers, scaled, scaled_tier
from harness.pacing.window import WindowPacer

# What was sent before a limit was learned counts as far back as this.
_BEFORE = Tier(MAX_LIMIT, 60.0)


class SharingPacer:
    """`auto` for `share` of the limits that it learns. declared: limits kept to besides, scaled already."""

    def __init__(
        self, inner: AutoPacer, share: float, declared: Tiers, linger_s: float, rtt_floor_s: float = 0.0
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._share = share
        self._wire = (linger_s, rtt_floor_s)
        self._window = WindowPacer((_BEFORE,), linger_s, rtt_floor_s)
        self._pairs: dict[int, Grant] = {}
        self._declared = declared
        self._learned: Tiers = ()
        self._set(0.0)
        self._take_in(0.0)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Reserve what both allow; a grant that only one gives is handed back."""
        mine = self._window.reserve(now, cost)
        if isinstance(mine, Later):
            return mine
        answer = self._inner.reserve(now, cost)
        if isinstance(answer, Later):
            self._window.settle(mine, now, Outcome.UNUSED)
        else:
            self._pairs[id(answer)] = mine
        return answer

    def overrule(self, now: float, cost: int = 1) -> Grant | Later:
        """Grant by the declared limits alone; learned ones still count it."""
        tiers = {tier.tier: tier for tier in self._window.statistics(now).tiers}
        full = [tier for tier in self._declared if tier in tiers and tiers[tier].left < cost]
        if full:
            return self._window.reserve(now, cost)
        return self._inner.overrule(now, cost)

    def belied(self, grant: Grant, now: float) -> None:
        self._inner.belied(grant, now)
        self._take_in(now)

    def named_s(self, tier: Tier | None) -> float:
        """Return what the server named for the whole limit of which `tier` is the share; inf for a declared one."""
        if tier in self._declared:
            return math.inf
        wholes = [whole for whole in self._learned if tier in (whole, *scaled((whole,), self._share))]
        return max(map(self._inner.named_s, wholes), default=0.0)

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        mine = self._pairs.pop(id(grant), None)
        if mine is not None:
            self._window.settle(mine, now, outcome, notice, cost)
        elif outcome in (Outcome.ANSWERED, Outcome.LOST):  # an overruling one, which the window did not grant
            self._window.charge(now, grant.cost if cost is None else cost)
        until = self._inner.settle(grant, now, outcome, notice, cost)
        self._take_in(now)
        return until

    def _take_in(self, now: float) -> None:
        learned = tuple(dict.fromkeys(tier.tier for tier in self._inner.statistics(now).tiers))
        if learned != self._learned:
            self._learned = learned
            self._set(now)

    def _set(self, now: float) -> None:
        kept = tuple(dict.fromkeys((*self._declared, *scaled(self._learned, self._share))))
        self._window.set_tiers(kept or (_BEFORE,), now)

    def common(self, now: float) -> WindowPacer:
        """Return a strategy for what was declared, as `AutoPacer.common`."""
        return self._inner.keeping(self._declared, now)

    def alike(self) -> SharingPacer:
        """Return a strategy for the same share that was told nothing so far."""
        return SharingPacer(self._inner.alike(), self._share, (), *self._wire)

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        self._inner.resolved(reason)

    def charge(self, at: float, cost: int) -> None:
        self._window.charge(at, cost)
        self._inner.charge(at, cost)

    def set_tiers(self, tiers: Tiers, now: float) -> None:
        """Declare these limits from now on, scaled already."""
        self._declared = tiers
        self._set(now)

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what the strategy learned, told of the limits that are kept to."""
        parts = {str(tier): str(scaled_tier(tier, self._share)) for tier in self._learned}
        told = f"; {100 * self._share:g}% of it is used"
        return tuple(
            replace(fact, limit=parts[fact.limit], evidence=fact.evidence + told) if fact.limit in parts else fact
            for fact in self._inner.new_facts()
        )

    def learned(self) -> Tiers:
        """Return the whole limits, for the next run."""
        return self._inner.learned()

    def statistics(self, now: float) -> Statistics:
        """Return the statistics of the limits that are kept to."""
        inner = self._inner.statistics(now)
        tiers = self._window.statistics(now).tiers if self._learned or self._declared else ()
        return Statistics(self.name, inner.in_flight, tiers, inner.beliefs)
