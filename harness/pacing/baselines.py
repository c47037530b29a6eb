"""Strategies to compare with: what people do who do not pace, and what the reference system does."""

from __future__ import annotations

from harness.errors import NeverFits
from harness.pacing.base import Grant, Later, Notice, Outcome, Statistics, TierStatistics, Unpaced
from harness.pacing.tiers import Tier


class RetryAfterPacer(Unpaced):
    """No pacing at all: sends until refused, then obeys Retry-After (the budget's rule for every strategy)."""

    name = "retry-after"


class ReferencePacer(Unpaced):
    """The Laravel demo's client, one shared counter per tier.

    It counts at the send, in windows anchored at the client's first send, and sleeps a WHOLE window once a counter
    is full instead of the time that is left of it: at 25 requests/s that alone costs 44 % of the throughput.
    """

    name = "reference"

    def __init__(self, tiers: tuple[Tier, ...]) -> None:
        super().__init__()
        self._asleep_until: tuple[float, Tier] | None = None
        self.set_tiers(tiers, 0.0)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        if self._asleep_until is not None and now < self._asleep_until[0]:
            return Later(self._asleep_until[0], "limit", self._asleep_until[1])
        for tier in self._tiers:
            if cost > tier.limit:
                raise NeverFits(f"a request of cost {cost} never fits into {tier}; raise the limit or lower the cost")
            opened_at, used = self._windows[tier]
            if now - opened_at >= tier.period_s:
                opened_at, used = now, 0
                self._windows[tier] = (opened_at, used)
            if used + cost > tier.limit:
                self._asleep_until = (now + tier.period_s, tier)
                return Later(now + tier.period_s, "limit", tier)
        for tier in self._tiers:
            opened_at, used = self._windows[tier]
            self._windows[tier] = (opened_at, used + cost)
        return super().reserve(now, cost)

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        super().settle(grant, now, outcome, notice, cost)
        told = notice is not None and notice.retry_after_s is not None and notice.retry_after_s > 0
        if outcome is Outcome.REFUSED and not told:
            return max((tier.period_s for tier in self._tiers), default=None)
        return None

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        self._tiers = tiers
        self._windows = {tier: (float("-inf"), 0) for tier in tiers}
        self._asleep_until = None

    def statistics(self, now: float) -> Statistics:
        return Statistics(self.name, self.in_flight, tuple(self._tier(tier, now) for tier in self._tiers))

    def _tier(self, tier: Tier, now: float) -> TierStatistics:
        opened_at, used = self._windows[tier]
        if now - opened_at >= tier.period_s:
            used = 0
        opens_at = opened_at + tier.period_s if used else None
        if used and self._asleep_until is not None and self._asleep_until[1] == tier:
            opens_at = max(opened_at + tier.period_s, self._asleep_until[0])
        return TierStatistics(tier, used, max(0, tier.limit - used), opens_at, opens_at, tier.period_s)
