"""Windows count what was admitted in a span of time W, and refuse beyond the limit of L units.

Fixed windows count to the limit, then wait for the window's end. Anchored: the window opens at the first request after
the last one expired (Laravel, express-rate-limit, `limits` on Redis). Aligned: windows lie on the wall clock,
`floor(epoch / W)` (Envoy ratelimit, hourly and daily quotas). Both admit up to 2L in a span across a border; that is
how they are.

The sliding log (moving window) admits at most L units in any span of W (Django REST Framework, `limits` moving-window).
It keeps the units of one limit at most, however many requests are refused.

The sliding counter takes this window's count plus the last one's, weighted by how much of it a span of W still covers
(like Cloudflare, Kong). Windows are aligned to the epoch. It never admits L at once after a busy window: room comes
back in proportion.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from harness_test_api.policies.base import ADMIT, Verdict, Windowed
from harness_test_api.tiers import Tier


class FixedWindow(Windowed):
    """A fixed window whose end is found by `end_of(now)`, asked at the first charge after the last window."""

    def __init__(self, tier: Tier, end_of: Callable[[float], float]) -> None:
        self.tier = tier
        self._end_of = end_of
        self._ends = -math.inf
        self._used = 0

    def decide(self, now: float, cost: int) -> Verdict:
        if now >= self._ends or self._used + cost <= self.tier.limit:
            return ADMIT
        return Verdict(False, retry_at=self._ends)

    def charge(self, now: float, cost: int) -> None:
        if now >= self._ends:
            self._ends = self._end_of(now)
            self._used = 0
        self._used += cost

    def remaining(self, now: float) -> int:
        return self.tier.limit if now >= self._ends else max(0, self.tier.limit - self._used)

    def reset_at(self, now: float) -> float:
        return max(now, self._ends)


def anchored(tier: Tier) -> FixedWindow:
    """A window that opens at the first request charged after the last one expired."""
    period_s = tier.period_s
    return FixedWindow(tier, lambda now: now + period_s)


def aligned(tier: Tier, epoch_offset: float) -> FixedWindow:
    """Windows on the wall clock of `tier.tz`; epoch_offset: what added to `now` gives epoch seconds."""
    if tier.tz is None:
        return FixedWindow(tier, lambda now: border_after(now, tier.period_s, epoch_offset))
    zone = ZoneInfo(tier.tz)
    return FixedWindow(tier, lambda now: _local_border(now + epoch_offset, tier.period_s, zone) - epoch_offset)


def border_after(now: float, period_s: float, epoch_offset: float) -> float:
    """The first multiple of `period_s` on the epoch clock that lies after `now`, on the clock of `now`."""
    # Only the offset's remainder matters, and adding it alone keeps what precision `now` has.
    phase = math.fmod(epoch_offset, period_s)
    border = (math.floor((now + phase) / period_s) + 1) * period_s - phase
    return border if border > now else border + period_s


def _local_border(epoch_s: float, period_s: float, zone: ZoneInfo) -> float:
    local_s = epoch_s + _offset_s(epoch_s, zone)
    border = (math.floor(local_s / period_s) + 1) * period_s
    # The clocks may change before the border: its own offset counts. Guess with the present one, then look again.
    return border - _offset_s(border - _offset_s(epoch_s, zone), zone)


def _offset_s(epoch_s: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(epoch_s, zone).utcoffset()
    return (offset or timedelta()).total_seconds()


class SlidingLog(Windowed):
    """Keeps when each admitted unit expires; a unit charged at t counts until exactly t + W."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._log: deque[tuple[float, int]] = deque()
        self._used = 0

    def decide(self, now: float, cost: int) -> Verdict:
        self._expire(now)
        over = self._used + cost - self.tier.limit
        if over <= 0:
            return ADMIT
        for expires, units in self._log:
            over -= units
            if over <= 0:
                return Verdict(False, retry_at=expires)
        raise AssertionError("a cost above the limit is refused when the server is configured")

    def charge(self, now: float, cost: int) -> None:
        self._expire(now)
        self._log.append((now + self.tier.period_s, cost))
        self._used += cost
        # Charged beyond the limit (servers that count refusals): only the newest L units can still decide anything.
        while self._used - self._log[0][1] >= self.tier.limit:
            self._used -= self._log.popleft()[1]

    def remaining(self, now: float) -> int:
        self._expire(now)
        return max(0, self.tier.limit - self._used)

    def reset_at(self, now: float) -> float:
        self._expire(now)
        return self._log[-1][0] if self._log else now

    def frees_at(self, now: float) -> float:
        self._expire(now)
        return self._log[0][0] if self._log else now

    def _expire(self, now: float) -> None:
        while self._log and self._log[0][0] <= now:
            self._used -= self._log.popleft()[1]


class SlidingCounter(Windowed):
    """Two counts; the weighted sum and the cost together may reach the limit."""

    def __init__(self, tier: Tier, epoch_offset: float) -> None:
        self.tier = tier
        self._offset = epoch_offset
        self._ends = -math.inf
        self._last = 0
        self._this = 0

    def decide(self, now: float, cost: int) -> Verdict:
        self._roll(now)
        if self._weighted(now) + cost <= self.tier.limit:
            return ADMIT
        return Verdict(False, retry_at=self._retry_at(cost))

    def charge(self, now: float, cost: int) -> None:
        self._roll(now)
        self._this += cost

    def remaining(self, now: float) -> int:
        self._roll(now)
        return max(0, math.floor(self.tier.limit - self._weighted(now)))

    def reset_at(self, now: float) -> float:
        self._roll(now)
        if self._this:
            return self._ends + self.tier.period_s
        return self._ends if self._last else now

    def frees_at(self, now: float) -> float:
        self._roll(now)
        return self._ends if self._this or self._last else now

    def _roll(self, now: float) -> None:
        if now < self._ends:
            return
        # One window further the present count becomes the last one; two further nothing of it is left.
        self._last = self._this if now < self._ends + self.tier.period_s else 0
        self._this = 0
        self._ends = border_after(now, self.tier.period_s, self._offset)

    def _weighted(self, now: float) -> float:
        return self._last * ((self._ends - now) / self.tier.period_s) + self._this

    def _retry_at(self, cost: int) -> float:
        period_s, room = self.tier.period_s, self.tier.limit - cost
        if room >= self._this:  # the last window's share must fall to what this one leaves
            at, share, counted, used = self._ends, room - self._this, self._last, self._this
        else:  # not in this window; in the next one this count is the last
            at, share, counted, used = self._ends + period_s, room, self._this, 0
        retry = at - period_s * min(1.0, share / counted)
        step = math.ulp(retry)
        # Rounding may put the answer just before the truth; a promise must hold to the bit.
        while counted * ((at - retry) / period_s) + used + cost > self.tier.limit:
            retry, step = retry + step, step * 2
        return retry
