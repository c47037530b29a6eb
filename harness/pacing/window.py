"""The `window` strategy: arrival-interval accounting over any number of tiers."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable

from harness.errors import NeverFits
from harness.pacing.base import RELEASES, Grant, Later, Notice, Outcome, Statistics, TierStatistics
from harness.pacing.tiers import Tier

# A sliding counter is paced in up to this many parts of its window; more parts waste less of the rate and lose a
# round trip more often (see `paced_as`). Whole requests decide: 19 are 16 a window in 8 parts, but 9 in 9.
COUNTER_PARTS = 9
# Python 3.11 looks an enum's members up in Python code, which is slow where every request passes.
_ANSWERED, _LOST = Outcome.ANSWERED, Outcome.LOST


def guard_s(period_s: float) -> float:
    """Added to every window: rounding of floats and drift between the clocks of client and server.

    Without it constant latency alone got 50 refusals in 600 requests, by float rounding. 1e-4 is ten times the
    drift of an undisciplined quartz clock.
    """
    return max(0.001, 1e-4 * period_s)


def paced_as(tier: Tier) -> tuple[int, float]:
    """The (limit, period in seconds) of the sliding log that is at least as strict as `tier`.

    Anchored, aligned, log and any: the tier itself. A bucket or GCRA of burst b and rate r is never overdrawn by
    b in any b/r, because k of those windows hold at most k*b. A sliding counter weighs the last window by the part
    of it still in sight: with at most m in any W/k, previous*(1-f) + current <= k*m*(1-f) + m*(f*k + 1) = m*(k+1).
    """
    if tier.kind in ("gcra", "bucket") and tier.burst is not None:
        return tier.burst, tier.burst * tier.period_s / tier.limit
    if tier.kind == "counter":
        if tier.limit == 1:
            return 1, 2 * tier.period_s
        choices = range(1, min(COUNTER_PARTS, tier.limit - 1) + 1)
        parts = max(choices, key=lambda parts: parts * (tier.limit // (parts + 1)))
        return tier.limit // (parts + 1), tier.period_s / parts
    return tier.limit, tier.period_s


class _Slots:
    """The slots of one tier: those in flight, and those that wait for their window to pass."""

    __slots__ = ("answered", "limit", "lost", "span_s", "tier", "used")

    def __init__(self, tier: Tier, rtt_floor_s: float) -> None:
        self.tier = tier
        self.limit, period_s = paced_as(tier)
        self.span_s = max(0.0, period_s + guard_s(period_s) - rtt_floor_s)
        self.used = 0  # in flight, answered and lost, in units of cost
        # (free again at, cost). Each is sorted by itself, because now never goes back; together they are not.
        self.answered: deque[tuple[float, int]] = deque()
        self.lost: deque[tuple[float, int]] = deque()  # and what was charged

    def expire(self, now: float) -> None:
        answered, lost = self.answered, self.lost
        while answered and answered[0][0] <= now:
            self.used -= answered.popleft()[1]
        while lost and lost[0][0] <= now:
            self.used -= lost.popleft()[1]

    def opens_at(self, cost: int) -> float | None:
        """When `cost` fits, if nothing more is sent; None if that takes an answer to something in flight."""
        excess = self.used + cost - self.limit
        for free_at, freed in self.releases():
            excess -= freed
            if excess <= 0:
                return free_at
        return None

    def releases(self) -> Iterable[tuple[float, int]]:
        return heapq.merge(self.answered, self.lost) if self.lost else self.answered


class WindowPacer:
    """At most `limit` arrivals in any window of each tier, at any latency: see the package for the proof.

    tiers: all hold at once. linger_s: how long after giving up on a request the server may still count it.
    rtt_floor_s: a declared lower bound of the way there plus the way back, never an observed one: the smallest
    round trip seen is no bound (FIELD: 30-38 refusals in 600 where latency fell or its asymmetry wandered).
    """

    name = "window"

    def __init__(self, tiers: tuple[Tier, ...], linger_s: float, rtt_floor_s: float = 0.0) -> None:
        self._linger_s = linger_s
        self._rtt_floor_s = rtt_floor_s
        self._slots = [_Slots(tier, rtt_floor_s) for tier in tiers]
        self._in_flight: set[Grant] = set()
        self._settled = 0  # units of cost answered or lost since the start
        self._counted_by = -math.inf  # no lost request is counted later than this

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """A grant, or the tier in whose way this request would be and when it opens.

        All tiers are checked before any is charged. Raises NeverFits where `cost` exceeds a limit.
        """
        for slots in self._slots:
            slots.expire(now)
            if slots.used + cost > slots.limit:
                return self._later(now, cost)
        for slots in self._slots:
            slots.used += cost
        grant = Grant(now, cost)
        self._in_flight.add(grant)
        return grant

    def _later(self, now: float, cost: int) -> Later:
        """The full tier that opens last: no other can make the wait longer. In flight counts as last of all."""
        latest = Later(now, "limit")
        for slots in self._slots:
            if cost > slots.limit:
                ask = "raise the limit or lower the cost"
                raise NeverFits(f"a request of cost {cost} never fits into {slots.tier}; {ask}")
        for slots in self._slots:
            slots.expire(now)
            if slots.used + cost <= slots.limit:
                continue
            opens_at = slots.opens_at(cost)
            if opens_at is None:
                return Later(None, "in flight", slots.tier)
            if latest.until is None or opens_at >= latest.until:
                latest = Later(opens_at, "limit", slots.tier)
        return latest

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        """Free the grant's slots (unused, refused) or start their window (answered, lost).

        A refusal frees at once: servers that check all tiers before charging any count nothing then, and holding
        the slot as well would charge the request twice. KeyError if the grant was settled before.
        """
        self._in_flight.remove(grant)
        if outcome is not _ANSWERED and outcome is not _LOST:
            self._occupy(-grant.cost)
            return None
        true_cost = grant.cost if cost is None else cost
        if true_cost != grant.cost:
            self._occupy(true_cost - grant.cost)
        self._settled += true_cost
        if outcome is _ANSWERED:
            for slots in self._slots:
                slots.answered.append((now + slots.span_s, true_cost))
            return None
        self._counted_by = now + self._linger_s + self._rtt_floor_s
        for slots in self._slots:
            # Its arrival has no known end but the linger, so the round trip's floor must not shorten this.
            slots.lost.append((now + self._linger_s + slots.span_s + self._rtt_floor_s, true_cost))
        return None

    def _occupy(self, units: int) -> None:
        for slots in self._slots:
            slots.used += units

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that the server counted at `at` or before. Call before the first grant, in order of `at`.

        That late, the way back is not part of it: as with a lost request, the round trip's floor must not shorten this.
        """
        self._settled += cost
        for slots in self._slots:
            slots.used += cost
            slots.lost.append((at + slots.span_s + self._rtt_floor_s, cost))

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of a running import; whatever was sent before still occupies its slots.

        Requests that the old tiers have already forgotten are charged as if they had been answered at the last
        moment at which they can have been, so that a longer new window starts out on the safe side.
        """
        old = max(self._slots, key=lambda slots: slots.span_s, default=None)
        answered: list[tuple[float, int]] = []
        lost: list[tuple[float, int]] = []
        horizon = max(now, self._counted_by)  # with no tiers so far, nothing was remembered
        if old is not None:
            old.expire(now)
            answered = [(free_at - old.span_s, cost) for free_at, cost in old.answered]
            lost = [(free_at - old.span_s, cost) for free_at, cost in old.lost]
            horizon = now - old.span_s
        forgotten = self._settled - sum(cost for _, cost in answered + lost)
        if forgotten:
            lost.insert(0, (horizon, forgotten))
        self._slots = [_Slots(tier, self._rtt_floor_s) for tier in tiers]
        for slots in self._slots:
            slots.used = self._settled + sum(grant.cost for grant in self._in_flight)
            slots.answered.extend((at + slots.span_s, cost) for at, cost in answered)
            slots.lost.extend((at + slots.span_s, cost) for at, cost in lost)

    def statistics(self, now: float) -> Statistics:
        return Statistics(self.name, len(self._in_flight), tuple(self._tier(slots, now) for slots in self._slots))

    @staticmethod
    def _tier(slots: _Slots, now: float) -> TierStatistics:
        slots.expire(now)
        times = [free_at for free_at, _ in slots.releases()]
        last = len(times) - 1
        ranks = range(RELEASES) if last >= RELEASES else range(last + 1)
        return TierStatistics(
            tier=slots.tier,
            used=slots.used,
            left=max(0, slots.limit - slots.used),
            opens_at=times[0] if times else None,
            full_at=times[-1] if times else None,
            span_s=slots.span_s,
            known=len(times),
            releases=tuple(times[rank * last // max(1, len(ranks) - 1)] for rank in ranks),
        )
