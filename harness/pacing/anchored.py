"""Anchored windows, declared so: each opens at the first request that arrives after the last one expired.

Kept as *cohorts*: the requests that may be in one window. Windows open in order and do not overlap; W is their length.
`began`: when this cohort began. `low`: no window that is open then or later opened earlier. `high`: the first answer to
a request sent since `began` that cost something. It was counted in a window T, which opened between `low` and `high`: T
lasts until low + W at least and is over by high + W. Then the next cohort begins, and in it counts again whatever may
have come after T: what is in flight, and what was answered after low + W. Every other request arrived before T was over
and is in T or in an earlier window. Where nothing tells of T, the cohort is over W after the latest answer of all.

  Claim: no window holds more than L. Proof. Let x be the last sent of those in one window, and k its cohort. Requests
  that were dropped when k or an earlier cohort began are in windows that were over by then, so not in x's. All others
  of that window were in the books when x was granted, and with it they were at most L.

  `low` is true. When a cohort begins after T, each window still to be seen is after T: it opens at low + W or later.
  Where there is neither anything in the books nor anything else that may have opened a window, none is open: low is the
  present moment. And a window that is open opened less than W ago, whatever happened before.

What costs nothing in the end (true cost 0) occupies no place, and yet it opens a window at some servers and none at
others. Both must hold. So it says nothing about `high`, but until W after its answer, or until a T that it cannot have
come after, `low` may not move up to the present. Clocks differ by a guard for each W (`limiters.guard_s`), which `low`
gives away each time that it moves on.

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
        "_dropped",
        "_free_at",
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
        self._last = -math.inf  # the latest answer to what cost something
        self._free_at = -math.inf  # the latest answer to what cost nothing and may have opened a window
        self._answered = 0  # of `used`, what is neither in flight nor late
        self._missed = 0  # of that, what may have missed the window
        self._late: list[Counted] = []
        self._dropped: tuple[Counted, ...] = ()  # less than W ago: places here no more, but under new limits maybe

    def expire(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, cost = self._late.pop(0)
            self._count(at, cost)
        while self.used and now >= self.ends_at():
            self._next_cohort(now)
        if self.used == 0:
            self._begin(now, self._low)

    def _next_cohort(self, now: float) -> None:
        low, missed = self._low, 0
        if self._high < math.inf:
            low, missed = self._lasts_until(), self._missed
            if self._free_at <= low:
                self._free_at = -math.inf
        dropped = self._answered - missed
        if dropped:
            lately = (counted for counted in self._dropped if counted[0] + self.span_s > now)
            self._dropped = (*lately, (self._last, dropped))
        self.used -= dropped
        self._begin(now, low)
        self._answered = missed

    def _begin(self, now: float, low: float) -> None:
        """Begin a cohort. low: no window that is still open, or opens later, opened before this."""
        if self.used == 0 and now >= self._free_at + self.span_s:
            low = now
        self._began, self._high = now, math.inf
        self._low = max(low, now - self.tier.period_s - self._guard_s)
        self._answered = self._missed = 0

    def _lasts_until(self) -> float:
        """Return the earliest that the window is over, if there is one."""
        return self._low + self.tier.period_s - self._guard_s

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
        if cost and sent_at >= self._began:
            self._high = min(self._high, at)

    def _count(self, at: float, cost: int) -> None:
        if cost == 0:
            self._free_at = max(self._free_at, at)
            return
        self._answered += cost
        self._last = max(self._last, at)
        if at > self._lasts_until():
            self._missed += cost

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        if cost == 0:
            self._count(at, 0)
            return
        self._late.append((at, cost))
        self._late.sort()

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        free = [(self._free_at, 0)] if self._free_at > -math.inf else []
        answered = [(self._last, self._answered)] if self._answered else []
        return [*self._dropped, *answered], sorted(free + self._late)

    def releases(self) -> Iterable[Counted]:
        settled = self._answered - self._missed
        ends_at = self.ends_at()
        if settled and ends_at < math.inf:
            yield ends_at, settled
        if self._missed:
            yield max(self._last + self.span_s, ends_at if ends_at < math.inf else -math.inf), self._missed
        for at, cost in self._late:
            yield at + self.span_s, cost
