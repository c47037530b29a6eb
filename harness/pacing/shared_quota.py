"""Work out what is left of a shared quota, whatever the latency does.

**Room, read safely.** An answer's Remaining is the server's count at some moment between its send and its answer.
Of the answered requests let j be the one that arrived last; nobody knows which it is, but it is one of those
answered no earlier than the latest send of any. What arrived after j is still in flight. So

    room >= min over those candidates of Remaining - units in flight

whatever the latency, for windows, logs and buckets alike: a window's turn or a refill only adds to it.

**Others.** Where `Remaining` is lower than our own sends explain, other clients use them, or the limit counts
in another way than was declared (a sliding counter, a small burst): from then on a request needs room by the server's
count as well as by ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.pacing.base import Later, Notice, Quota
from harness.pacing.limiters import Limiter
from harness.pacing.tiers import Tier


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer's word: sent, answered, what was left."""

    sent_s: float
    answered_s: float
    remaining: int


class Headroom:
    """The readings that may be the last."""

    def __init__(self) -> None:
        self._candidates: list[Reading] = []
        self.least: int | None = None  # the least that may be left, if that is known
        self._latest_sent_s = self._unread_until_s = float("-inf")

    def read(self, reading: Reading) -> None:
        """Take in one more."""
        self._latest_sent_s = max(self._latest_sent_s, reading.sent_s)
        self._candidates = [old for old in self._candidates if old.answered_s >= self._latest_sent_s]
        self._candidates.append(reading)
        known = self._latest_sent_s >= self._unread_until_s
        self.least = min([old.remaining for old in self._candidates]) if known else None

    def outdate(self, answered_s: float) -> None:
        """Note an answer without a reading. It may have arrived after all that were read: only after one that was sent
        later is it known again what was left.
        """
        self.forget()
        self._unread_until_s = max(self._unread_until_s, answered_s)

    def forget(self) -> None:
        """Forget what was read: it is not believed."""
        self._candidates, self.least = [], None

    @property
    def is_exact(self) -> bool:
        """Return whether it is known which reading is the last."""
        return len(self._candidates) == 1 and self.least is not None


# A reading that shows this many more used than we sent, so often, is no accident of what is on its way.
STRANGERS, READINGS = 2, 3
# Where nothing is left, one request looks again after half a second or this part of the window, if that is before the
# reset: what is free again by our count is so by theirs, unless others were faster.
LOOK_S, LOOK = 0.5, 0.03


@dataclass(slots=True)
class _Seen:
    """One tier, as answers tell of it. empty_s: when the last answer that said it was used up came."""

    headroom: Headroom = field(default_factory=Headroom)
    strange: int = 0
    resets_at: float = math.inf
    empty_s: float = -math.inf

    @property
    def is_shared(self) -> bool:
        return self.strange >= READINGS


class SharedQuota:
    """Watches `limiters` for the strategy that keeps them. is_alone: nobody was seen yet, so that nothing is asked."""

    def __init__(self, limiters: list[Limiter]) -> None:
        self.is_alone = True
        self._limiters = limiters
        self._seen = [_Seen() for _ in limiters]

    @property
    def shared(self) -> tuple[Tier, ...]:
        """Return the tiers of which the server counts more than we sent: others use them, or it counts
        in another way.
        """
        return tuple(limiter.tier for limiter, seen in zip(self._limiters, self._seen) if seen.is_shared)

    def read(self, notice: Notice, sent_at: float, now: float) -> None:
        """Read an answer, before it is settled: its own request still counts as in flight."""
        for limiter, seen in zip(self._limiters, self._seen):
            quota = next((quota for quota in notice.quotas if tells_of(quota, limiter.tier)), None)
            if quota is not None and quota.remaining is not None:
                self._count(limiter, seen, quota.remaining, sent_at, now)
                seen.resets_at = math.inf if quota.reset_s is None else now + quota.reset_s
            elif any(other.remaining is not None for other in notice.quotas):
                seen.headroom.outdate(now)

    def _count(self, limiter: Limiter, seen: _Seen, remaining: int, sent_at: float, now: float) -> None:
        seen.headroom.read(Reading(sent_at, now, remaining))
        seen.empty_s = now if remaining == 0 else seen.empty_s
        limiter.expire(now)
        if limiter.tier.depth - remaining > limiter.used + STRANGERS:
            seen.strange += 1
            self.is_alone = self.is_alone and not seen.is_shared

    def later(self, now: float, cost: int, in_flight: int) -> Later | None:
        """Return why `cost` more should not go although by our count they may."""
        for limiter, seen in zip(self._limiters, self._seen):
            least = seen.headroom.least
            if not seen.is_shared or least is None or least - in_flight >= cost:
                continue
            if in_flight:
                return Later(None, "in flight", limiter.tier)
            look_at = min(seen.resets_at, seen.empty_s + _look_s(limiter.tier.period_s))
            if least < cost and now < look_at:
                return Later(look_at, "limit", limiter.tier)
        return None


def tells_of(quota: Quota, tier: Tier) -> bool:
    """Return whether it is this limit that the header tells of."""
    return quota.limit == tier.limit and quota.period_s in (None, tier.period_s)


def _look_s(period_s: float) -> float:
    return min(period_s / 10, max(LOOK_S, LOOK * period_s))
