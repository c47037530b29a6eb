"""The strategies that people can name: those to compare with, an even one, and `make_pacer`, which knows them all.

`retry-after`, `backoff` and `aimd` are what people do who do not pace; `reference` is what the reference system does;
`spaced` sends evenly, for leaky buckets that take no burst. `window` and `auto` have modules of their own.
"""

from __future__ import annotations

from random import Random
from typing import Literal, get_args

from harness.errors import NeverFits
from harness.pacing.base import Grant, Later, Notice, Outcome, Pacer, Statistics, TierStatistics, Unpaced
from harness.pacing.learn import AutoPacer
from harness.pacing.limiters import BucketLimiter, Limiter
from harness.pacing.tiers import Tier, Tiers
from harness.pacing.window import WindowPacer

Strategy = Literal["auto", "window", "spaced", "reference", "retry-after", "backoff", "aimd"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


class RetryAfterPacer(Unpaced):
    """Send without pacing until refused, then obey Retry-After (the budget's rule for every strategy)."""

    name = "retry-after"


class _Streak(Unpaced):
    """Tells the first refusal of a burst from the rest, which were sent before the first was known."""

    def __init__(self) -> None:
        super().__init__()
        self._reacted_at = float("-inf")

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        super().settle(grant, now, outcome, notice, cost)
        if outcome is Outcome.ANSWERED:
            self._answered(now)
        if outcome is not Outcome.REFUSED:
            return None
        if grant.at >= self._reacted_at:
            self._reacted_at = now
            return self._refused(now)
        return now if self._own_pauses else None

    _own_pauses = False

    def _answered(self, now: float) -> None:
        """Note that a request was let through."""

    def _refused(self, now: float) -> float | None:
        """Take in the first refusal of a burst; return until when to pause (absolute), None to obey Retry-After."""
        return None


class BackoffPacer(_Streak):
    """Send without pacing, with exponential backoff and full jitter: after the n-th refusal in a row, 0 to 2^n s, at
    most 64 s.

    Deaf to Retry-After, as most retry decorators are. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """

    name = "backoff"
    _own_pauses = True

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._random = Random(seed)
        self._refusals = 0

    def _answered(self, now: float) -> None:
        self._refusals = 0

    def _refused(self, now: float) -> float | None:
        self._refusals += 1
        return now + self._random.uniform(0.0, min(64.0, 2.0**self._refusals))


class AimdPacer(_Streak):
    """A rate that grows by 1/s each second and is halved by a refusal, once for each burst; sends are spaced evenly.

    Until the first refusal it doubles each second, as TCP starts (RFC 5681 3.1). It knows no limits.
    """

    name = "aimd"

    def __init__(self, rate: float = 10.0) -> None:
        super().__init__()
        self.rate = rate
        self._doubling = True
        self._next_at = float("-inf")
        self._grown_at: float | None = None

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        if now < self._next_at:
            return Later(self._next_at, "limit")
        self._next_at = now + cost / self.rate
        return super().reserve(now, cost)

    def _answered(self, now: float) -> None:
        # Only while it is used: time spent waiting proves nothing.
        passed_s = min(1.0, now - self._grown_at) if self._grown_at is not None else 0.0
        self._grown_at = now
        self.rate = self.rate * 2.0**passed_s if self._doubling else self.rate + passed_s

    def _refused(self, now: float) -> float | None:
        self._doubling = False
        self.rate = max(0.1, self.rate / 2)
        return None

    def statistics(self, now: float) -> Statistics:
        return Statistics(self.name, self.in_flight, beliefs=(f"{self.rate:.1f} requests/s are let through",))


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
            return max((now + tier.period_s for tier in self._tiers), default=None)
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


# Part of an interval by which a release is late at random, so that several clients of one limit that were let go at
# the same moment do not stay in step. Half of it is the rate that it costs.
JITTER = 0.02


class SpacedPacer(WindowPacer):
    """Each tier as a bucket: `burst` at once (the tier's own where it has one, else 1), then one each period / limit.

    What is spaced are arrivals. A send says little about when the request arrives, so the next is sent one interval
    after the *answer* of the last: `limiters` has the proof, and the counter-example is any two requests of which the
    first is slow and the second fast. It costs a round trip per interval; a declared `rtt_floor_s` or a burst above
    the rate times the round trip gives it back. Exactly as safe as `window` with `:gcra:burst=1`, whatever the tier's
    kind, and slower than it wherever bursts are allowed. seed: of the jitter.
    """

    name = "spaced"
    _watches = False  # its own count is of one at a time, whatever the server's is of

    def __init__(self, tiers: tuple[Tier, ...], linger_s: float, rtt_floor_s: float = 0.0, seed: int = 0) -> None:
        self._random = Random(seed)
        self._released_at: float | None = None
        super().__init__(tiers, linger_s, rtt_floor_s)

    def _limiter_of(self, tier: Tier) -> Limiter:
        return BucketLimiter(tier, self._rtt_floor_s, 1 if tier.burst is None else tier.depth)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Reserve as `window` does, but let what had to wait go up to JITTER intervals later than it could be."""
        if self._released_at is not None and now < self._released_at:
            return Later(self._released_at, "limit", self._tiers[0])
        answer = super().reserve(now, cost)
        self._released_at = None
        if isinstance(answer, Grant) or answer.until is None or answer.tier is None:
            return answer
        interval_s = answer.tier.period_s / answer.tier.limit
        self._released_at = answer.until + JITTER * interval_s * self._random.random()
        return Later(self._released_at, answer.reason, answer.tier)


def make_pacer(
    strategy: Strategy, tiers: Tiers, linger_s: float, rtt_floor_s: float, seed: int = 0, remembered: Tiers = ()
) -> Pacer:
    """Make a pacer of that name; the last three know no limits and ignore them.

    seed: where it draws lots. remembered: what an earlier run learned; only `auto` starts from it.
    """
    match strategy:
        case "auto":
            return AutoPacer(tiers, linger_s, rtt_floor_s, remembered)
        case "window":
            return WindowPacer(tiers, linger_s, rtt_floor_s)
        case "spaced":
            return SpacedPacer(tiers, linger_s, rtt_floor_s, seed)
        case "reference":
            return ReferencePacer(tiers)
        case "retry-after":
            return RetryAfterPacer()
        case "backoff":
            return BackoffPacer(seed)
        case "aimd":
            return AimdPacer()
