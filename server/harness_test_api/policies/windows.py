"""Fixed windows: count to the limit, then wait for the window's end.

Anchored: the window opens at the first request after the last one expired (Laravel, express-rate-limit, `limits` on
Redis). Aligned: windows lie on the wall clock, `floor(epoch / W)` (Envoy ratelimit, hourly and daily quotas).
Both admit up to 2L in a span across a border; that is how they are.
"""

from __future__ import annotations

import math
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
