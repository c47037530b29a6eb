"""Limits whose windows lie on the server's clock: aligned windows and sliding counters, and how that clock is learnt.

Every answer's Date header (RFC 9110 6.6.1: whole seconds, rounded down) was written between the request's send s and
its answer r: server clock - our clock lies in [Date - r, Date + 1 - s]. The intersection of a few such intervals is
as narrow as a round trip once a second has ticked over. `low` and `high` are its ends; e = high - low.

  Aligned. A request answered at r arrived by r + high on the server's clock, and before the end of its own Date's
  second; one sent at s arrives at s + low or later. So a slot comes free at the first border after what is earlier of
  r + high and that end, judged at s + low. Proof: were L+1 counted in one
  window, take the last one sent, x; one of the L others, y, held no slot then: the window in which y arrived at the
  latest was over at s(x) + low, so that x is in a later one. Contradiction. It costs e for each window.

  Counter. A request weighs 1 while its window lasts, its window's share that is still in sight in the next one, then
  nothing: never more the earlier it arrived and the later one looks. Taking r + high for its arrival and s + low for
  the moment to be judged, and 1 for what is in flight, therefore never weighs too little.

  Without a Date: a Reset in seconds to go says when a window ends by our clock, to a second either way. Of the server's
clock that tells the phase of this limit's windows, which is all that its borders need. A server that always names a
whole window is found out when the end moves, and is not asked again.

Until a Date or such an end was seen an aligned window is paced as a log, and a counter as the log that is at least as
strict in every phase (`paced_as`): both are safe whatever the phase. Assumed: the limiter counts by the clock of its
Date.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from harness.pacing.base import Quota
from harness.pacing.limiters import DRIFT, Counted, freed_at, guard_s
from harness.pacing.tiers import Tier

# A Date says the second, not where in it.
_DATE_S = 1.0
# A Reset is in whole seconds, rounded up or down; one that moves is further away than that after so long.
_ROUNDED_S, _PROOF_S = 1.0, 2.5
# Rounding of floats, and clocks read in whole milliseconds.
_BORDER_GUARD_S = 0.001
_LONGEST_CHANGE_S = 7200.0
# In units of cost: more than floats lose in epoch seconds, and less than the guard of 1e-4 windows.
_ROUNDING = 1e-5


class ServerClock:
    """The server's clock, less ours: between `low` and `high` seconds, for ever less sure without news."""

    __slots__ = ("_at", "_end_heard_at", "_ends_lie", "contradicted", "high", "known", "low", "second_ends")

    def __init__(self) -> None:
        self.known = False
        self.low = -math.inf
        self.high = math.inf
        self.second_ends = math.inf  # of the Date of the answer that is being settled, if it has one
        self.contradicted = 0  # times that a Date did not fit what was known
        self._at = 0.0
        self._ends_lie = False
        self._end_heard_at = math.inf

    def learn(self, sent_at: float, answered_at: float, server_utc_s: float) -> None:
        """Learn the clock from a Date. One that contradicts the others widens what is believed, as both may be true."""
        low, high = server_utc_s - answered_at, server_utc_s + _DATE_S - sent_at
        self.second_ends = server_utc_s + _DATE_S
        self._take(low, high, answered_at)

    def learn_end(self, after: float, before: float, now: float, period_s: float) -> None:
        """Learn the clock from when a window of `period_s` ends: between these, by our clock, an answer at `now` said.
        Ends that move lie; one is believed once it has stood still for so long that a moving one would have been found
        out.
        """
        if self._ends_lie:
            return
        self._end_heard_at = min(self._end_heard_at, now)
        now_there = (self.low + self.high) / 2 if math.isfinite(self.low) else 0.0
        end = period_s * max(1, round(((after + before) / 2 + now_there) / period_s))
        self._take(end - before, end - after, now)
        self._ends_lie = self.contradicted > 0
        self.known = not self._ends_lie and now - self._end_heard_at > _PROOF_S

    def _take(self, low: float, high: float, now: float) -> None:
        drift_s = DRIFT * (now - self._at) if self.known else 0.0
        self._at, self.known = now, True
        self.low, self.high = self.low - drift_s, self.high + drift_s
        if low <= self.high and high >= self.low:
            self.low, self.high = max(low, self.low), min(high, self.high)
        else:
            self.contradicted += 1
            self.low, self.high = min(low, self.low), max(high, self.high)

    def bounds(self, now: float) -> tuple[float, float]:
        """Return (low, high) as far as they can have drifted by `now`."""
        drift_s = DRIFT * max(0.0, now - self._at)
        return self.low - drift_s, self.high + drift_s


def border_after(epoch_s: float, tier: Tier) -> float:
    """Return the end, in epoch seconds, of the window of an aligned `tier` that `epoch_s` is in. Always after
    `epoch_s`.
    """
    zone = None if tier.tz in (None, "UTC") else ZoneInfo(tier.tz or "UTC")
    local_s = epoch_s + _offset_s(epoch_s, zone)
    border = (math.floor(local_s / tier.period_s) + 1) * tier.period_s
    # The clocks may change before the border: its own offset counts. Guess with the present one, then look again.
    border -= _offset_s(border - _offset_s(epoch_s, zone), zone)
    return border if border > epoch_s else border + tier.period_s


def _offset_s(epoch_s: float, zone: ZoneInfo | None) -> float:
    if zone is None:
        return 0.0
    offset = datetime.fromtimestamp(epoch_s, UTC).astimezone(zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


class AlignedLimiter:
    """At most `limit` between two borders on the server's clock; `clock` is its own where only ends of windows tell."""

    __slots__ = ("_answered", "_blind_s", "_clock", "_freed", "_in_zone", "_late", "limit", "span_s", "tier", "used")

    def __init__(self, tier: Tier, clock: ServerClock) -> None:
        self.tier = tier
        self.limit = tier.limit
        self.used = 0
        self._clock = clock
        self.span_s = tier.period_s + guard_s(tier.period_s)
        # A local day or hour in which the clocks go back lasts longer than W.
        self._in_zone = tier.tz not in (None, "UTC")
        self._blind_s = self.span_s + (_LONGEST_CHANGE_S if self._in_zone else 0.0)
        # (latest arrival, cost, latest arrival on the server's clock as its own Date has it), as is the other.
        self._answered: deque[tuple[float, int, float]] = deque()
        self._late: deque[tuple[float, int, float]] = deque()
        self._freed: deque[Counted] = deque()  # past a border: places here no more, but under new limits maybe

    def told_to_s(self, now: float) -> float | None:
        """Return to how many seconds the borders of its windows are known; None where they are not."""
        low, high = self._clock.bounds(now)
        return high - low if self._clock.known else None

    def hear_end(self, quota: Quota, sent_at: float, now: float) -> None:
        """Take in when this limit's window ends, as an answer without a Date said: in seconds to go, rounded up or
        down.
        """
        if quota.reset_s is None or quota.reset_utc_s is not None or self._in_zone:
            return
        if 0 < quota.reset_s <= self.tier.period_s + _ROUNDED_S:
            self._clock.learn_end(
                sent_at + quota.reset_s - _ROUNDED_S, now + quota.reset_s + _ROUNDED_S, now, self.tier.period_s
            )

    def expire(self, now: float) -> None:
        for queue in (self._answered, self._late):
            while queue and self._free_at(queue[0]) <= now:
                at, cost, _ = queue.popleft()
                self.used -= cost
                self._freed.append((at, cost))
        while self._freed and self._freed[0][0] + self.span_s <= now:
            self._freed.popleft()

    def _free_at(self, counted: tuple[float, int, float]) -> float:
        arrived_by, _, second_ends = counted
        blind = arrived_by + self._blind_s
        if not self._clock.known:
            return blind
        _, high = self._clock.bounds(arrived_by)
        # The end of the second is the first moment at which it cannot have arrived any more.
        latest = min(arrived_by + high, math.nextafter(second_ends, 0.0))
        border = border_after(latest, self.tier) + _BORDER_GUARD_S
        low, _ = self._clock.bounds(border - self._clock.low)
        return border - low if self._in_zone else min(border - low, blind)

    def opens_at(self, cost: int) -> float | None:
        return freed_at(self.used + cost - self.limit, self.releases())

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        self.used += cost - reserved
        self._answered.append((at, cost, self._clock.second_ends))

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        self._late.append((at, cost, math.inf))

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        answered, late = ([(at, cost) for at, cost, _ in queue] for queue in (self._answered, self._late))
        return sorted([*self._freed, *answered]), late

    def releases(self) -> Iterable[Counted]:
        return ((self._free_at(counted), counted[1]) for counted in heapq.merge(self._answered, self._late))


class CounterLimiter:
    """This window's count, and the last one's by the share of it that is still in sight: together at most `limit`.

    Only for a clock that is known. What may still arrive late weighs as if in flight until it has.
    """

    __slots__ = ("_clock", "_counts", "_guard_s", "_late", "_looked", "_weight", "limit", "span_s", "tier", "used")

    def __init__(self, tier: Tier, clock: ServerClock) -> None:
        self.tier = tier
        self.limit = tier.limit
        self.span_s = 2 * tier.period_s
        self.used = 0
        self._clock = clock
        self._guard_s = guard_s(tier.period_s)
        self._late: list[Counted] = []
        self._counts: dict[int, int] = {}  # by the window's number on the server's clock
        self._weight = 0  # the part of `used` that is no longer in flight
        self._looked = (-math.inf, 0.0)  # when `expire` last looked, and how many windows the server had seen

    def expire(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, cost = heapq.heappop(self._late)
            self._count(at + self._clock.bounds(at)[1], cost)
            self.used -= cost
        windows = (now + self._clock.bounds(now)[0] - self._guard_s) / self.tier.period_s
        self._looked = (now, windows)
        current, before = self._now_and_before(windows)
        share = 1 - (windows - math.floor(windows))
        weight = current + math.ceil(before * share - _ROUNDING)
        self.used += weight - self._weight
        self._weight = weight

    def _now_and_before(self, windows: float) -> tuple[int, int]:
        """Return what counts in full, and what by its share."""
        number = math.floor(windows)
        for old in [old for old in self._counts if old < number - 2]:
            del self._counts[old]
        current = sum(count for window, count in self._counts.items() if window >= number)
        return current, self._counts.get(number - 1, 0)

    def opens_at(self, cost: int) -> float | None:
        """Return when `cost` more fit, as every limiter does; where something late holds it up, when to look again."""
        now, windows = self._looked
        headroom = self.limit - cost - (self.used - self._weight)
        if headroom < 0:
            return self._late[0][0] if self._late else None
        current, before = self._now_and_before(windows)
        if current <= headroom:
            opens = math.floor(windows) + 1 - (headroom - current) / max(1, before)
        else:  # not in this window; in the next one this count is the one before
            opens = math.floor(windows) + 2 - headroom / current
        # Our clock may gain on the server's meanwhile; epoch seconds in floats are no finer than a quarter microsecond.
        return now + max(1e-6, (opens - windows) * self.tier.period_s / (1 - DRIFT))

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        self.used -= reserved
        self._count(min(at + self._clock.bounds(at)[1], math.nextafter(self._clock.second_ends, 0.0)), cost)

    def _count(self, latest: float, cost: int) -> None:
        window = math.floor(latest / self.tier.period_s)
        self._counts[window] = self._counts.get(window, 0) + cost

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        self.used += cost - reserved
        heapq.heappush(self._late, (at, cost))

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        # Where in its window a request was is not kept: the window's end is the latest that it can have been.
        ends = [((window + 1) * self.tier.period_s - self._clock.low, n) for window, n in self._counts.items()]
        return sorted((min(end, self._looked[0]), count) for end, count in ends), sorted(self._late)

    def releases(self) -> Iterable[Counted]:
        # What counts in full now is gone two borders on, and what counts by its share by the next one.
        now, windows = self._looked
        left_s = (math.floor(windows) + 1 - windows) * self.tier.period_s
        current, _ = self._now_and_before(windows)
        share = self._weight - current
        fading = ((now + left_s * (unit + 1) / share, 1) for unit in range(share))
        lasting = ((now + left_s + self.tier.period_s * (unit + 1) / current, 1) for unit in range(current))
        return itertools.chain(fading, lasting)
