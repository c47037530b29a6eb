"""Anchored windows, declared so: each opens at the first request that arrives after the last one expired.

Kept as *cohorts*: the requests that may be in one window. A cohort's window opened between `low`, the first send of
the cohort, and `high`, the first answer to one of its requests; it is over for certain W after `high`. Then the next
cohort begins, and in it counts again whatever may have missed the window: what is in flight, and what was answered
after low + W. Where there is such, the next window may have been opened by it, as early as low + W.

  Claim: no window holds more than L. Proof. Let x be the last sent of those in a window T, granted in cohort k, and y
  another that is not among cohort k: it was answered before low + W of cohort k-1 (or of an earlier one), and x was
  sent at high + W or later. So T opened after high, and before low + W. But of cohort k-1 one request was counted by
  `high`, in a window that opened at `low` or later (by the same argument, one cohort earlier), and that was open until
  low + W at least: T cannot have opened in it. So all of T are among cohort k, which holds at most L.

Unlike a log this lets through L just before a window ends and L just after: what a planner makes use of.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import copy

from harness.pacing.limiters import Counted, guard_s
from harness.pacing.tiers import Tier


class AnchoredLimiter:
    """At most `limit` in each window that opens with a request."""

    __slots__ = (
        "_answered",
        "_began",
        "_guard_s",
        "_high",
        "_last",
        "_late",
        "_low",
        "_missed",
        "limit",
        "span_s",
        "tier",
        "used",
    )

    def __init__(self, tier: Tier, rtt_floor_s: float) -> None:
        self.tier = tier
        self.limit = tier.limit
        self.used = 0
        self._guard_s = guard_s(tier.period_s)
        self.span_s = max(0.0, tier.period_s + self._guard_s - rtt_floor_s)
        self._began = (
            self._low
        ) = -math.inf  # the cohort's first moment, and the earliest that its window can have opened
        self._high = math.inf
        self._last = -math.inf  # the latest answer
        self._answered = 0  # of `used`, what is neither in flight nor late
        self._missed = 0  # of that, what may have missed the window
        self._late: list[Counted] = []

    def expire(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, cost = self._late.pop(0)
            self._count(at, cost)
        while self.used and now >= self.ends_at():
            missed = self._missed
            self.used += missed - self._answered
            # Windows do not overlap: what missed the last one came after it.
            self._begin(now, self._low + self.tier.period_s if self.used else now)
            self._answered = missed
        if self.used == 0:
            self._begin(now, now)

    def _begin(self, now: float, low: float) -> None:
        self._began, self._low, self._high = now, low, math.inf
        self._answered = self._missed = 0

    def ends_at(self) -> float:
        """Return when the window is over for certain; infinity while nothing tells when it opened."""
        if self._high < math.inf:
            return self._high + self.span_s
        # Nothing of this cohort was answered. If all of it has settled: as in a log, W after the latest of it.
        if self.used > self._answered + sum(cost for _, cost in self._late):
            return math.inf
        return max([self._last, *(at for at, _ in self._late)]) + self.span_s

    def latest_end(self, now: float) -> float:
        """Return about when the window will be over if its first answer were to come now."""
        return max(self._began, now) + self.span_s

    def opens_at(self, cost: int) -> float | None:
        ahead = copy(self)
        ahead._late = list(self._late)
        while True:
            at = min([ahead.ends_at(), *(at for at, _ in ahead._late[:1])])
            if at == math.inf:
                return None
            ahead.expire(at)
            if ahead.used + cost <= ahead.limit:
                return at

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        self.used += cost - reserved
        self._count(at, cost)
        if sent_at >= self._began:
            self._high = min(self._high, at)

    def _count(self, at: float, cost: int) -> None:
        self._answered += cost
        self._last = max(self._last, at)
        if at > self._low + self.tier.period_s - self._guard_s:
            self._missed += cost

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        self._late.append((at, cost))
        self._late.sort()

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        return ([(self._last, self._answered)] if self._answered else []), list(self._late)

    def releases(self) -> Iterable[Counted]:
        settled = self._answered - self._missed
        ends_at = self.ends_at()
        if settled and ends_at < math.inf:
            yield ends_at, settled
        if self._missed:
            yield max(self._last + self.span_s, ends_at if ends_at < math.inf else -math.inf), self._missed
        for at, cost in self._late:
            yield at + self.span_s, cost
