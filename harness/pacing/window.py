"""The `window` strategy: arrival-interval accounting over any number of tiers."""

from __future__ import annotations

import math

from harness.errors import NeverFits
from harness.pacing.anchored import AnchoredLimiter
from harness.pacing.base import RELEASES, Grant, Later, Notice, Outcome, Statistics, TierStatistics
from harness.pacing.limiters import BucketLimiter, Counted, Limiter, LogLimiter, guard_s, paced_as
from harness.pacing.schedule import Foresight
from harness.pacing.server_clock import AlignedLimiter, CounterLimiter, ServerClock
from harness.pacing.shared_quota import SharedQuota, tells_of
from harness.pacing.tiers import Tier

__all__ = ["WindowPacer", "guard_s", "paced_as"]

SERVER_ERROR = 500
# Python 3.11 looks an enum's members up in Python code, which is slow where every request passes.
_ANSWERED, _LOST = Outcome.ANSWERED, Outcome.LOST


class WindowPacer:
    """At most `limit` arrivals in any window of each tier, at any latency: see the package for the proof.

    Kinds with a rule of their own are kept to it: buckets (`meters`), aligned windows and sliding counters by what
    Date headers tell of the server's clock (`phased`), and how many may be in flight for `concurrency`.
    tiers: all hold at once. linger_s: how long after giving up on a request the server may still count it.
    rtt_floor_s: a declared lower bound of the way there plus the way back, never an observed one: the smallest
    round trip seen is no bound (80-90 refusals in 600 where latency fell or its asymmetry wandered: see the tests).
    """

    name = "window"
    _watches = True  # whether others use the limits

    def __init__(self, tiers: tuple[Tier, ...], linger_s: float, rtt_floor_s: float = 0.0) -> None:
        self._linger_s = linger_s
        self._rtt_floor_s = rtt_floor_s
        self._clock = ServerClock()
        self._meters: list[Limiter] = []
        self._places: list[_Places] = []
        self._foresight: Foresight | None = None
        self._in_flight: set[Grant] = set()
        self._settled = 0  # units of cost answered or lost since the start
        self._counted_by = -math.inf  # no lost request is counted later than this
        self._make_meters(tiers)

    def _make_meters(self, tiers: tuple[Tier, ...]) -> None:
        self._tiers = tiers
        self._meters = [self._meter(tier) for tier in tiers if tier.kind != "concurrency"]
        self._places = [_Places(tier) for tier in tiers if tier.kind == "concurrency"]
        self._learns = any(tier.kind in ("aligned", "counter") for tier in tiers)
        anchored = [meter for meter in self._meters if isinstance(meter, AnchoredLimiter)]
        left = 0 if self._foresight is None else self._foresight.left
        # With any other kind of limit beside them nothing is known of what the best schedule is.
        self._foresight = Foresight(anchored, left) if 1 < len(anchored) == len(tiers) else None
        self._holds = bool(self._places) or self._foresight is not None
        self._others = SharedQuota(self._meters if self._watches else [])
        self._logs = [meter for meter in self._meters if isinstance(meter, LogLimiter)]
        self._all_logs = len(self._logs) == len(self._meters) and not self._learns

    def expect(self, requests: int) -> None:
        """So many requests are still to be sent, beyond those in flight: what there is to plan for.

        Several anchored limits need it, for sending as soon as they allow is not the best then (`planner`). Without
        it, and where requests do not cost 1 each, everything goes as soon as it may.
        """
        if self._foresight is not None:
            self._foresight.left = requests

    def _meter(self, tier: Tier) -> Limiter:
        if tier.kind in ("gcra", "bucket"):
            return BucketLimiter(tier, self._rtt_floor_s)
        if tier.kind == "leaky":
            # Who queues is answered late and no earlier: a queue that outlasts the time-out (the linger, unless told)
            # loses requests that were paid for.
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
        """A grant, or the tier in whose way this request would be and when it opens.

        All tiers are checked before any is charged. Raises NeverFits where `cost` exceeds a limit.
        """
        for meter in self._meters:
            meter.expire(now)
            if meter.used + cost > meter.limit:
                return self._later(now, cost)
        if not self._others.is_alone:
            later = self._others.later(now, cost, self._in_flight_cost())
            if later is not None:
                return later
        if self._holds:
            later = self._hold(now)
            if later is not None:
                return later
        for meter in self._meters:
            meter.used += cost
        grant = Grant(now, cost)
        self._in_flight.add(grant)
        return grant

    def _in_flight_cost(self) -> int:
        return sum(grant.cost for grant in self._in_flight)

    def _hold(self, now: float) -> Later | None:
        """Why not to send although there is room: too many in flight, or a better moment to come."""
        for places in self._places:
            if not places.free(now, len(self._in_flight)):
                return Later(places.opens_at(), "in flight", places.tier)
        if self._foresight is None:
            return None
        held_until = self._foresight.wait_until(now)
        if held_until is None:
            self._foresight.granted(now)
            return None
        return Later(held_until, "limit", self._tiers[0])

    def _later(self, now: float, cost: int) -> Later:
        """The full tier that opens last: no other can make the wait longer. In flight counts as last of all."""
        latest = Later(now, "limit")
        for meter in self._meters:
            if cost > meter.limit:
                ask = "raise the limit or lower the cost"
                raise NeverFits(f"a request of cost {cost} never fits into {meter.tier}; {ask}")
        for meter in self._meters:
            meter.expire(now)
            if meter.used + cost <= meter.limit:
                continue
            opens_at = meter.opens_at(cost)
            if opens_at is None:
                return Later(None, "in flight", meter.tier)
            if latest.until is None or opens_at >= latest.until:
                latest = Later(opens_at, "limit", meter.tier)
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
            self._others.read(notice, grant.at, now)
        if outcome is not _ANSWERED or not self._all_logs:
            self._settle_any(grant, now, outcome, notice, cost)
            return None
        # A log's `settle` written out: where every request passes, calling it is a tenth of the whole.
        true_cost = grant.cost
        if cost is not None and cost != true_cost:
            true_cost = cost
            for meter in self._meters:
                meter.used += cost - grant.cost
        self._settled += true_cost
        for log in self._logs:
            log.answered.append((now + log.span_s, true_cost))
        return None

    def _settle_any(self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None, cost: int | None) -> None:
        back = outcome is not _ANSWERED and outcome is not _LOST
        if self._learns:
            self._learn(grant, now, notice)
        if self._foresight is not None:
            self._foresight.settled(grant.at, now, back)
        if back:
            for meter in self._meters:
                meter.used -= grant.cost
            return
        true_cost = grant.cost if cost is None else cost
        self._settled += true_cost
        if outcome is _LOST:
            self._lose(grant, now, true_cost)
            return
        for meter in self._meters:
            meter.settle(now, true_cost, grant.cost, grant.at)

    def _lose(self, grant: Grant, now: float, true_cost: int) -> None:
        self._counted_by = now + self._linger_s + self._rtt_floor_s
        for meter in self._meters:
            # Its arrival has no known end but the linger, so the round trip's floor must not shorten this.
            meter.settle_late(self._counted_by, true_cost, grant.cost)
        for places in self._places:
            places.lost_until.append(self._counted_by)

    def _learn(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """A Date may have come: from the first one on, sliding counters are kept by the server's clock."""
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
        """No Date so far: what resets say of windows on the server's clock."""
        for meter in self._meters:
            quota = next((quota for quota in notice.quotas if tells_of(quota, meter.tier)), None)
            if isinstance(meter, AlignedLimiter) and quota is not None:
                meter.hear_end(quota, grant.at, now)

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that the server counted at `at` or before. Call before the first grant, in order of `at`.

        That late, the way back is not part of it: as with a lost request, the round trip's floor must not shorten this.
        """
        self._settled += cost
        for meter in self._meters:
            meter.settle_late(at + self._rtt_floor_s, cost, 0)

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of a running import; whatever was sent before still occupies its slots.

        Requests that the old tiers have already forgotten are charged as if they had been answered at the last
        moment at which they can have been, so that a longer new window starts out on the safe side.
        """
        self._rebuild(tiers, now, self._in_flight_cost())

    def _rebuild(self, tiers: tuple[Tier, ...], now: float, in_flight: int) -> None:
        old = max(self._meters, key=lambda meter: meter.span_s, default=None)
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
        self._make_meters(tiers)
        for meter in self._meters:
            meter.used = in_flight
            for at, cost in late:
                meter.settle_late(at, cost, 0)
            for at, cost in answered:
                meter.settle(at, cost, 0)

    def statistics(self, now: float) -> Statistics:
        tiers = (
            *(_tier(meter, now) for meter in self._meters),
            *(p.statistics(len(self._in_flight)) for p in self._places),
        )
        return Statistics(self.name, len(self._in_flight), tiers, self._beliefs(now))

    def _beliefs(self, now: float) -> tuple[str, ...]:
        shared = tuple(
            f"{tier}: the server counts more than we sent, so that its count is kept to as well"
            for tier in self._others.shared
        )
        if not self._learns:
            return shared
        ends = [(m.tier, m.told_to_s(now)) for m in self._meters if isinstance(m, AlignedLimiter)]
        if not self._clock.known and any(told_s is not None for _, told_s in ends):
            told = (f"the ends of {tier} are known to {told_s:.3f} s, from Reset" for tier, told_s in ends if told_s)
            return (*shared, *told)
        if not self._clock.known:
            unknown = "the server's clock is not known yet: its windows are paced as if they could begin at any moment"
            return (*shared, unknown)
        low, high = self._clock.bounds(now)
        doubt = f"; {self._clock.contradicted} Date headers contradicted others" if self._clock.contradicted else ""
        return (
            *shared,
            f"the server's clock is known to {high - low:.3f} s, from its Date headers{doubt}",
        )


class _Places:
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


def _tier(meter: Limiter, now: float) -> TierStatistics:
    meter.expire(now)
    times = [free_at for free_at, _ in meter.releases()]
    last = len(times) - 1
    ranks = range(RELEASES) if last >= RELEASES else range(last + 1)
    return TierStatistics(
        tier=meter.tier,
        used=meter.used,
        left=max(0, meter.limit - meter.used),
        opens_at=times[0] if times else None,
        full_at=times[-1] if times else None,
        span_s=meter.span_s,
        known=len(times),
        releases=tuple(times[rank * last // max(1, len(ranks) - 1)] for rank in ranks),
    )
