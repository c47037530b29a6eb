"""Count what of one limit is occupied: a sliding log, which is at least as strict as most kinds, and a bucket.

Both count a request from the moment it is granted, as in flight, and from its answer on as if it had arrived with
it. The proof for the log is in `window`. For the bucket, which lets b + rate * d through in any span d:

  Claim: no set S of requests whose arrivals span d is larger than b + rate * d.
  Proof. Let x be the one of S sent last, at s, and m the first arrival in S. Each y in S that was answered by s was
  answered at m or later, so that the debt at s, to which each answer adds one and which drains at `rate`, is at least
  their number less rate * (s - m). x was granted with debt + in flight + 1 <= b. So |S| <= b + rate * (s - m), and x
  arrived at s or later: d >= s - m. (Where m > s, all the others were in flight: |S| <= b.)

A declared floor of the round trip moves "at s" by as much: x arrives at least the way there after s, and y at least
the way back before its answer. The spacing of a strict leaky bucket is the case b = 1: the next is sent one interval
after the *answer* of the last; anything shorter is refused as soon as one is late and the next is early.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from harness.pacing.tiers import Tier

# Clocks may differ by this part, ten times the drift of an undisciplined quartz clock.
DRIFT = 1e-4
# A sliding counter is paced in up to this many parts of its window; more parts waste less of the rate and lose a
# round trip more often (see `paced_as`). Whole requests decide: 19 are 16 a window in 8 parts, but 9 in 9.
COUNTER_PARTS = 9

Counted = tuple[float, int]  # (latest arrival, cost)


def guard_s(period_s: float) -> float:
    """Return what is added to every window: rounding of floats and drift between the clocks of client and server.

    Without it constant latency alone got 50 refusals in 600 requests, by float rounding.
    """
    return max(0.001, DRIFT * period_s)


def paced_as(tier: Tier) -> tuple[int, float]:
    """Return the (limit, period in seconds) of the sliding log that is at least as strict as `tier`.

    Anchored, aligned, log and any: the tier itself. A bucket or GCRA of burst b and rate r is never overdrawn by
    b in any b/r, because k of those windows hold at most k*b. A sliding counter weighs the last window by the part
    of it still in sight: with at most m in any W/k, previous*(1-f) + current <= k*m*(1-f) + m*(f*k + 1) = m*(k+1).
    """
    if tier.kind in ("gcra", "bucket", "leaky"):
        return tier.depth, tier.depth * tier.period_s / tier.limit
    if tier.kind == "counter":
        if tier.limit == 1:
            return 1, 2 * tier.period_s
        choices = range(1, min(COUNTER_PARTS, tier.limit - 1) + 1)
        parts = max(choices, key=lambda parts: parts * (tier.limit // (parts + 1)))
        return tier.limit // (parts + 1), tier.period_s / parts
    return tier.limit, tier.period_s


def freed_at(excess: int, releases: Iterable[Counted]) -> float | None:
    """Return when the first `releases` that free `excess` units together are over; None where all of them free less."""
    for free_at, freed in releases:
        excess -= freed
        if excess <= 0:
            return free_at
    return None


class Limiter(Protocol):
    """One tier's books. `used`, in units of cost and with what is in flight, is true after `expire(now)`.

    To grant is to add to `used`, to hand back is to subtract from it.
    """

    used: int

    @property
    def tier(self) -> Tier:
        """Return the limit."""

    @property
    def limit(self) -> int:
        """Return what `used` may reach."""

    @property
    def span_s(self) -> float:
        """Return how long an answered request is remembered at most."""

    def expire(self, now: float) -> None:
        """Let go of what no longer counts at `now`, which never goes back."""

    def opens_at(self, cost: int) -> float | None:
        """Return when `cost` fits, if nothing more is sent; None if that takes an answer to something in flight."""

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        """Turn `reserved` units in flight into `cost` units that arrived by `at`, which never goes back.

        sent_at: when they were granted, where that is known.
        """

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        """Settle a request that may arrive as late as `at`, in the future maybe; in no order."""

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        """Return what `settle` and `settle_late` were told and still counts, each in order of time."""

    def releases(self) -> Iterable[Counted]:
        """Return (when it comes free, cost) of what is occupied but not in flight, in order of time;
        about, for shares.
        """


class LogLimiter:
    """At most `limit` in any window: those in flight, and those that wait for their window to pass."""

    __slots__ = ("answered", "late", "limit", "span_s", "tier", "used")

    def __init__(self, tier: Tier, rtt_floor_s: float) -> None:
        self.tier = tier
        self.limit, period_s = paced_as(tier)
        self.span_s = max(0.0, period_s + guard_s(period_s) - rtt_floor_s)
        self.used = 0
        # (free again at, cost). Each is sorted by itself, because now never goes back; together they are not.
        self.answered: deque[Counted] = deque()
        self.late: deque[Counted] = deque()

    def expire(self, now: float) -> None:
        answered, late = self.answered, self.late
        while answered and answered[0][0] <= now:
            self.used -= answered.popleft()[1]
        while late and late[0][0] <= now:
            self.used -= late.popleft()[1]

    def opens_at(self, cost: int) -> float | None:
        return freed_at(self.used + cost - self.limit, self.releases())

    def releases(self) -> Iterable[Counted]:
        return heapq.merge(self.answered, self.late) if self.late else self.answered

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        self.used += cost - reserved
        self.answered.append((at + self.span_s, cost))

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        self.late.append((at + self.span_s, cost))

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        answered, late = ([(at - self.span_s, cost) for at, cost in queue] for queue in (self.answered, self.late))
        return answered, late


class BucketLimiter:
    """`burst` at once, then `limit` each period: a debt that grows with answers and drains at the rate.

    The debt is kept as the time at which it will have drained (GCRA's theoretical arrival time). What may arrive late
    stays in flight until then: as a debt of the future it would block everything before.
    """

    __slots__ = ("_debt", "_due", "_late", "_lead_s", "_recent", "limit", "span_s", "tier", "unit_s", "used")

    def __init__(self, tier: Tier, rtt_floor_s: float, depth: int | None = None) -> None:
        self.tier = tier
        self.limit = tier.depth if depth is None else depth
        self.unit_s = tier.period_s / tier.limit * (1 + DRIFT)
        # Rounding again; a floor lets the next be sent as much earlier.
        self._lead_s = rtt_floor_s - guard_s(self.unit_s)
        self.span_s = self.limit * self.unit_s - self._lead_s
        self.used = 0
        self._debt = 0  # the part of `used` that drains
        self._due = -math.inf
        self._late: list[Counted] = []
        self._recent: deque[Counted] = deque()

    def expire(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, cost = heapq.heappop(self._late)
            self.settle(at, cost, cost)
        while self._recent and self._recent[0][0] + self.span_s <= now:
            self._recent.popleft()
        debt = self._debt_at(now)
        self.used += debt - self._debt
        self._debt = debt

    def _debt_at(self, now: float) -> int:
        """Return the least n with now >= drained - n * unit: to the bit, as `opens_at` names just such times."""
        drained_at = self._due - self._lead_s
        if now >= drained_at:
            return 0
        debt = math.ceil((drained_at - now) / self.unit_s)
        if now < drained_at - debt * self.unit_s:
            return debt + 1
        return debt - 1 if now >= drained_at - (debt - 1) * self.unit_s else debt

    def opens_at(self, cost: int) -> float | None:
        headroom = self.limit - cost - (self.used - self._debt)
        due, late = self._due, sorted(self._late)
        for at, held in [(-math.inf, 0), *late]:
            headroom += held
            due = max(due, at) + held * self.unit_s
            opens_at = max(at, due - self._lead_s - headroom * self.unit_s)
            following = next((other for other, _ in late if other > at), math.inf)
            if headroom >= 0 and opens_at <= following:
                return opens_at
        return None

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        self.used -= reserved
        self._due = max(self._due, at) + cost * self.unit_s
        self._recent.append((max(at, self._recent[-1][0]) if self._recent else at, cost))

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        heapq.heappush(self._late, (at, cost))

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        return list(self._recent), sorted(self._late)

    def releases(self) -> Iterable[Counted]:
        drained_at = self._due - self._lead_s
        draining = ((drained_at - (self._debt - 1 - unit) * self.unit_s, 1) for unit in range(self._debt))
        return heapq.merge(draining, sorted((at + self.unit_s, cost) for at, cost in self._late))
