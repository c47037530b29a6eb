"""The `window` strategy: no limit is ever exceeded, and no request waits that every limit would have let through.

**Arrival-interval accounting.** A request sent at s and answered at r reached
the server at some moment of [s, r], and nobody but the server knows which. So a slot comes free one window W after
the *answer* of the request that held it, judged at the *send* of the next; requests in flight hold their slots.

  Claim: no window of length W, closed at one end, sees more than L arrivals.
  Proof. Suppose L+1 requests arrive within less than W. Let x be the one of them that was sent last, at s(x).
  When x was granted, fewer than L others held a slot: each either in flight or answered less than W before s(x).
  So one of the L others, y, held none: it was answered at r(y) <= s(x) - W.
  y arrived by r(y), and x arrived at s(x) or later: their arrivals lie at least W apart. Contradiction.

The assumptions, each with a history in the tests that fails once it is dropped: (a) clocks agree to the guard of
max(1 ms, W/10,000); (b) the server counts a request before it answers it, and one that we give up on within the
linger; (c) the server's rule is no stricter than "L in any W" (sliding counters and small bursts are stricter; where
declared, they are kept by rules of their own, see `limiters` and `server_clock`); (d) every request takes its own
grant.

**Any number of limits at once.** `WindowPacer` asks every limiter before it charges any, so that a no of one costs the
others nothing, and names the limiter that opens last. Each limiter keeps the books of one tier by a rule of its own:
a log (`limiters.LogLimiter`, the rule above), a bucket, anchored windows (`anchored`), aligned windows and sliding
counters by the server's clock (`server_clock`), and requests at once (`_AtOnce`). Two more may hold a request back that
the books would let go: what the server says others have used (`shared_quota`), and a better moment to open a window
(`schedule`).

**When what is known changes** (`set_tiers`, or a first Date header that tells of the server's clock), the limiters are
made anew from what the old ones remember; what they have forgotten is charged as late as it can have been.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.errors import NeverFits
from harness.pacing.anchored import AnchoredLimiter
from harness.pacing.base import RELEASES, Grant, Later, Notice, Outcome, Statistics, TierStatistics
from harness.pacing.limiters import BucketLimiter, Counted, Limiter, LogLimiter, guard_s, paced_as
from harness.pacing.schedule import Schedule
from harness.pacing.server_clock import AlignedLimiter, CounterLimiter, ServerClock
from harness.pacing.shared_quota import SharedQuota, tells_of
from harness.pacing.tiers import Tier, Tiers

__all__ = ["WindowPacer", "guard_s", "paced_as"]

SERVER_ERROR = 500
# Python 3.11 looks an enum's members up in Python code, which is slow where every request passes.
_ANSWERED, _LOST = Outcome.ANSWERED, Outcome.LOST


class WindowPacer:
    """At most `limit` arrivals in any window of each tier, at any latency: the module has the proof.

    Kinds with a rule of their own are kept to it: buckets (`limiters`), aligned windows and sliding counters by what
    Date headers tell of the server's clock (`server_clock`), and how many may be in flight for `concurrency`.
    tiers: all hold at once. linger_s: how long after giving up on a request the server may still count it.
    rtt_floor_s: a declared lower bound of the way there plus the way back, never an observed one: the smallest
    round trip seen is no bound (80-90 refusals in 600 where latency fell or its asymmetry wandered: see the tests).
    clock: the server's, where somebody else has begun to learn it.
    """

    name = "window"
    _watches = True  # whether others use the limits

    def __init__(
        self, tiers: Tiers, linger_s: float, rtt_floor_s: float = 0.0, clock: ServerClock | None = None
    ) -> None:
        self._linger_s = linger_s
        self._rtt_floor_s = rtt_floor_s
        self._clock = ServerClock() if clock is None else clock
        self._limiters: list[Limiter] = []
        self._at_once: list[_AtOnce] = []
        self._schedule: Schedule | None = None
        self._extra: tuple[Limiter, ...] = ()
        self._in_flight: set[Grant] = set()
        self._settled = 0  # units of cost answered or lost since the start
        self._counted_by = -math.inf  # no lost request is counted later than this
        self._make_limiters(tiers)

    def _make_limiters(self, tiers: tuple[Tier, ...]) -> None:
        self._tiers = tiers
        self._limiters = [self._limiter_of(tier) for tier in tiers if tier.kind != "concurrency"] + list(self._extra)
        self._at_once = [_AtOnce(tier) for tier in tiers if tier.kind == "concurrency"]
        self._learns = any(tier.kind in ("aligned", "counter") for tier in tiers)
        anchored = [limiter for limiter in self._limiters if isinstance(limiter, AnchoredLimiter)]
        left = 0 if self._schedule is None else self._schedule.left
        # With any other kind of limit beside them nothing is known of what the best schedule is.
        self._schedule = Schedule(anchored, left) if 1 < len(anchored) == len(tiers) else None
        self._may_hold = bool(self._at_once) or self._schedule is not None
        self._shared_quota = SharedQuota(self._limiters if self._watches else [])
        self._logs = [limiter for limiter in self._limiters if isinstance(limiter, LogLimiter)]
        self._all_logs = len(self._logs) == len(self._limiters) and not self._learns

    def expect(self, requests: int) -> None:
        """Note how many requests are still to be sent, beyond those in flight: what there is to plan for.

        Several anchored limits need it, for sending as soon as they allow is not the best then (`schedule`). Without
        it, and where requests do not cost 1 each, everything goes as soon as it may.
        """
        if self._schedule is not None:
            self._schedule.left = requests

    @property
    def limits(self) -> Tiers:
        """Return the limits that are kept now."""
        return (*(limiter.tier for limiter in self._limiters), *(at_once.tier for at_once in self._at_once))

    @property
    def is_alone(self) -> bool:
        """Return whether nothing showed that others use these limits."""
        return self._shared_quota.is_alone

    def _limiter_of(self, tier: Tier) -> Limiter:
        if tier.kind in ("gcra", "bucket"):
            return BucketLimiter(tier, self._rtt_floor_s)
        if tier.kind == "leaky":
            # A request that queues is answered late and no earlier: a queue that outlasts the time-out (by default the
            # linger) loses requests that were paid for.
            queue = max(1, int(self._linger_s / 4 * tier.limit / tier.period_s))
            return BucketLimiter(tier, self._rtt_floor_s, min(tier.depth, 1 + queue))
        if tier.kind == "aligned":
            return AlignedLimiter(tier, self._clock if self._clock.known else ServerClock())
        if tier.kind == "anchored":
            return AnchoredLimiter(tier, self._rtt_floor_s)
        if tier.kind == "counter" and self._clock.known:
            return CounterLimiter(tier, self._clock)
        return LogLimiter(tier, self._rtt_floor_s)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant, or the tier in whose way this request would be and when it opens.

        All tiers are checked before any is charged. Raises NeverFits where `cost` exceeds a limit.
        """
        for limiter in self._limiters:
            limiter.expire(now)
            if limiter.used + cost > limiter.limit:
                return self._later(now, cost)
        if not self._shared_quota.is_alone:
            later = self._shared_quota.later(now, cost, self._in_flight_cost())
            if later is not None:
                return later
        if self._may_hold:
            later = self._hold(now)
            if later is not None:
                return later
        return self._grant(now, cost)

    def _grant(self, now: float, cost: int) -> Grant:
        for limiter in self._limiters:
            limiter.used += cost
        grant = Grant(now, cost)
        self._in_flight.add(grant)
        return grant

    def past(self, now: float, cost: int, kept: Tiers) -> Grant | Later:
        """Grant whatever learned limits say; only those of `kept`, which are declared, are asked. All count it.

        Who learns needs it, to find out whether what it believes is true.
        """
        full: list[Later] = []
        for limiter in self._limiters:
            limiter.expire(now)
            if limiter.tier in kept and limiter.used + cost > limiter.limit:
                opens_at = limiter.opens_at(cost)
                full.append(Later(opens_at, "in flight" if opens_at is None else "limit", limiter.tier))
        crowded = [one for one in self._at_once if one.tier in kept and not one.free(now, len(self._in_flight))]
        full += [Later(at_once.opens_at(), "in flight", at_once.tier) for at_once in crowded]
        if full:
            return max(full, key=lambda later: math.inf if later.until is None else later.until)
        return self._grant(now, cost)

    def _in_flight_cost(self) -> int:
        return sum(grant.cost for grant in self._in_flight)

    def _hold(self, now: float) -> Later | None:
        """Return why not to send although there is room: too many in flight, or a better moment to come."""
        for at_once in self._at_once:
            if not at_once.free(now, len(self._in_flight)):
                return Later(at_once.opens_at(), "in flight", at_once.tier)
        if self._schedule is None:
            return None
        held_until = self._schedule.wait_until(now)
        if held_until is None:
            self._schedule.granted(now)
            return None
        return Later(held_until, "limit", self._tiers[0])

    def _later(self, now: float, cost: int) -> Later:
        """Return the full tier that opens last: no other can make the wait longer. In flight counts as last of all."""
        latest = Later(now, "limit")
        for limiter in self._limiters:
            if cost > limiter.limit:
                ask = "raise the limit or lower the cost"
                raise NeverFits(f"a request of cost {cost} never fits into {limiter.tier}; {ask}")
        for limiter in self._limiters:
            limiter.expire(now)
            if limiter.used + cost <= limiter.limit:
                continue
            opens_at = limiter.opens_at(cost)
            if opens_at is None:
                return Later(None, "in flight", limiter.tier)
            if latest.until is None or opens_at >= latest.until:
                latest = Later(opens_at, "limit", limiter.tier)
        return latest

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        """Free the grant's slots (unused, refused) or start their window (answered, lost).

        A refusal frees at once: servers that check all tiers before charging any count nothing then, and holding
        the slot as well would charge the request twice. A refusal with a 5xx is an overload that came after the limits
        had let the request through, so that it occupies its slots. KeyError if the grant was settled before.
        """
        self._in_flight.remove(grant)
        if outcome is Outcome.REFUSED and notice is not None and notice.status >= SERVER_ERROR:
            outcome = _ANSWERED
        if notice is not None and notice.quotas:
            self._shared_quota.read(notice, grant.at, now)
        if outcome is not _ANSWERED or not self._all_logs:
            self._settle_any(grant, now, outcome, notice, cost)
            return None
        # A log's `settle` written out: where every request passes, calling it is a tenth of the whole.
        true_cost = grant.cost
        if cost is not None and cost != true_cost:
            true_cost = cost
            for limiter in self._limiters:
                limiter.used += cost - grant.cost
        self._settled += true_cost
        for log in self._logs:
            log.answered.append((now + log.span_s, true_cost))
        return None

    def _settle_any(self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None, cost: int | None) -> None:
        back = outcome is not _ANSWERED and outcome is not _LOST
        if self._learns:
            self._learn(grant, now, notice)
        if self._schedule is not None:
            self._schedule.settled(grant.at, now, back)
        if back:
            for limiter in self._limiters:
                limiter.used -= grant.cost
            return
        true_cost = grant.cost if cost is None else cost
        self._settled += true_cost
        if outcome is _LOST:
            self._lose(grant, now, true_cost)
            return
        for limiter in self._limiters:
            limiter.settle(now, true_cost, grant.cost, grant.at)

    def _lose(self, grant: Grant, now: float, true_cost: int) -> None:
        self._counted_by = now + self._linger_s + self._rtt_floor_s
        for limiter in self._limiters:
            # Its arrival has no known end but the linger, so the round trip's floor must not shorten this.
            limiter.settle_late(self._counted_by, true_cost, grant.cost)
        for at_once in self._at_once:
            at_once.lost_until.append(self._counted_by)

    def _learn(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """Learn the clock from a Date, if one came: from the first on, sliding counters are kept by the
        server's clock.
        """
        if notice is None or notice.server_utc_s is None:
            self._clock.second_ends = math.inf
            if notice is not None and notice.quotas and not self._clock.known:
                self._hear_ends(grant, now, notice)
            return
        first = not self._clock.known
        self._clock.learn(grant.at, now, notice.server_utc_s)
        if first:
            self._rebuild(self._tiers, now, grant.cost + sum(flying.cost for flying in self._in_flight))

    def _hear_ends(self, grant: Grant, now: float, notice: Notice) -> None:
        """Take in what resets say of windows on the server's clock, as no Date has come so far."""
        for limiter in self._limiters:
            quota = next((quota for quota in notice.quotas if tells_of(quota, limiter.tier)), None)
            if isinstance(limiter, AlignedLimiter) and quota is not None:
                limiter.hear_end(quota, grant.at, now)

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that the server counted at `at` or before. Call before the first grant, in order of `at`.

        That late, the way back is not part of it: as with a lost request, the round trip's floor must not shorten this.
        """
        self._settled += cost
        for limiter in self._limiters:
            limiter.settle_late(at + self._rtt_floor_s, cost, 0)

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of a running import; whatever was sent before still occupies its slots.

        Requests that the old tiers have already forgotten are charged as if they had been answered at the last
        moment at which they can have been, so that a longer new window starts out on the safe side.
        """
        self._rebuild(tiers, now, self._in_flight_cost())

    def adopt(
        self,
        tiers: Tiers,
        now: float,
        answered: Iterable[Counted],
        late: Iterable[Counted],
        extra: tuple[Limiter, ...] = (),
    ) -> None:
        """Change the limits as `set_tiers` does, for who has kept a record of all that was sent.

        answered: when requests were answered, and their costs, in order of time, as far back as any of `tiers` reaches.
        late: those that were lost, and by when they are counted. extra: limiters with books of their own besides.
        """
        self._extra = extra
        self._make_limiters(tiers)
        self._fill(self._in_flight_cost(), answered, late)
        for limiter in self._limiters:
            limiter.expire(now)

    def _fill(self, in_flight: int, answered: Iterable[Counted], late: Iterable[Counted]) -> None:
        """Tell the limiters that were just made what was sent before."""
        for limiter in self._limiters[: len(self._limiters) - len(self._extra)]:
            limiter.used = in_flight
            for at, cost in late:
                limiter.settle_late(at, cost, 0)
            for at, cost in answered:
                limiter.settle(at, cost, 0)

    def _rebuild(self, tiers: tuple[Tier, ...], now: float, in_flight: int) -> None:
        own = self._limiters[: len(self._limiters) - len(self._extra)]
        old = max(own, key=lambda limiter: limiter.span_s, default=None)
        answered: list[Counted] = []
        late: list[Counted] = []
        horizon = max(now, self._counted_by)  # with no tiers so far, nothing was remembered
        if old is not None:
            old.expire(now)
            answered, late = old.recent()
            horizon = now - old.span_s
        forgotten = self._settled - sum(cost for _, cost in answered + late)
        if forgotten > 0:
            late.insert(0, (horizon, forgotten))
        self._make_limiters(tiers)
        self._fill(in_flight, answered, late)

    def statistics(self, now: float) -> Statistics:
        tiers = (
            *(_tier(limiter, now) for limiter in self._limiters),
            *(p.statistics(len(self._in_flight)) for p in self._at_once),
        )
        return Statistics(self.name, len(self._in_flight), tiers, self._beliefs(now))

    def _beliefs(self, now: float) -> tuple[str, ...]:
        shared = tuple(
            f"{tier}: the server counts more requests than were sent here, so its count is kept to as well"
            for tier in self._shared_quota.shared
        )
        if not self._learns:
            return shared
        ends = [(m.tier, m.told_to_s(now)) for m in self._limiters if isinstance(m, AlignedLimiter)]
        if not self._clock.known and any(told_s is not None for _, told_s in ends):
            told = (
                f"the ends of {tier} are known to within {told_s:.3f} s, from Reset" for tier, told_s in ends if told_s
            )
            return (*shared, *told)
        if not self._clock.known:
            unknown = "the server's clock is not known yet: its windows are paced as if they could begin at any moment"
            return (*shared, unknown)
        low, high = self._clock.bounds(now)
        doubt = f"; {self._clock.contradicted} Date headers contradicted others" if self._clock.contradicted else ""
        return (
            *shared,
            f"the server's clock is known to within {high - low:.3f} s, from its Date headers{doubt}",
        )


class _AtOnce:
    """A limit of requests at once: in flight, and lost ones that the server may still be busy with."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.lost_until: list[float] = []  # in order, because now never goes back

    def free(self, now: float, in_flight: int) -> bool:
        while self.lost_until and self.lost_until[0] <= now:
            del self.lost_until[0]
        return in_flight + len(self.lost_until) < self.tier.limit

    def opens_at(self) -> float | None:
        return self.lost_until[0] if self.lost_until else None

    def statistics(self, in_flight: int) -> TierStatistics:
        used = in_flight + len(self.lost_until)
        return TierStatistics(self.tier, used, max(0, self.tier.limit - used), self.opens_at(), self.opens_at(), 0.0)


def _tier(limiter: Limiter, now: float) -> TierStatistics:
    limiter.expire(now)
    times = [free_at for free_at, _ in limiter.releases()]
    last = len(times) - 1
    ranks = range(RELEASES) if last >= RELEASES else range(last + 1)
    return TierStatistics(
        tier=limiter.tier,
        used=limiter.used,
        left=max(0, limiter.limit - limiter.used),
        opens_at=times[0] if times else None,
        full_at=times[-1] if times else None,
        span_s=limiter.span_s,
        known=len(times),
        releases=tuple(times[rank * last // max(1, len(ranks) - 1)] for rank in ranks),
    )
