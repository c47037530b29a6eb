"""Everything that headers tell, limit by limit, and the beliefs that come of it."""

from __future__ import annotations

import math

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.history import History
from harness.pacing.auto.meter import Meter
from harness.pacing.auto.trust import Trust
from harness.pacing.base import Later, Notice, Quota

_UNKNOWN = 10**9
# A reading that shows this many more used than we sent, so often, shows that somebody else sends too (or that the
# limit is a bucket shallower than its name): then only the server's own count opens it.
STRANGERS, READINGS = 2, 3


class Headers:
    """The meters of one budget. Each has a belief, which opens by itself only once its period is known."""

    def __init__(self, history: History, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self.beliefs: dict[tuple[str, str | int | None], Belief] = {}
        self._strange: dict[Belief, int] = {}

    def read(self, notice: Notice | None, sent_s: float, now: float) -> list[Belief]:
        """Take in an answer's headers; the beliefs that are new or newly settled by them."""
        changed = []
        quotas = notice.quotas if notice is not None else ()
        told = {quota.header for quota in quotas if quota.remaining is not None}
        for (header, name), belief in self.beliefs.items():
            # Most servers show one limit at a time: what they said of the others is out of date.
            if belief.meter is not None and header in told and not any(_is(quota, header, name) for quota in quotas):
                belief.meter.outdate(sent_s)
                changed += [belief] if self._settle(belief) else []
        for quota in quotas:
            key = (quota.header, quota.name or quota.limit)
            if key not in self.beliefs:
                if not self._worth(quota):
                    continue
                self.beliefs[key] = _believe(quota)
                changed += [self.beliefs[key]] if self.beliefs[key].settled else []
            belief = self.beliefs[key]
            assert belief.meter is not None
            belief.meter.read(quota, sent_s, now, self._trust, refused=notice is not None and notice.refused)
            if belief.meter.polled and notice is not None and notice.refused:
                belief.polls = False
            self._count_strangers(belief, quota, sent_s, now)
            changed += [belief] if self._settle(belief) else []
        return changed

    def _worth(self, quota: Quota) -> bool:
        return quota.limit != 0 and (quota.limit is not None or quota.remaining is not None)

    def _settle(self, belief: Belief) -> bool:
        """Once a window's turn was seen where Reset said, or where only Reset can tell; longer ones are heeded."""
        meter = belief.meter
        assert meter is not None
        period_s = meter.whole_period_s()
        if period_s is None or meter.limit is None:
            return False
        if belief.settled:
            if meter.period_s is None and belief.source == "header" and period_s > belief.high_s and not belief.told:
                belief.low_s = belief.high_s = period_s
                return True
            return False
        if meter.turns == 0 and meter.last is not None:
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled = True
        belief.evidence = f"{meter.header}-Limit says {meter.limit}, and its Reset was {period_s:g} s away at most"
        return True

    def _count_strangers(self, belief: Belief, quota: Quota, sent_s: float, now: float) -> None:
        if quota.remaining is None or quota.limit is None or not self._trust.believes(f"{quota.header}-Remaining"):
            return
        # As the server counted when the request came, at its send or later.
        span_s = belief.span_s + now - sent_s if belief.settled else now + 1e9
        if quota.limit - quota.remaining > self._history.used(now, span_s) + 1 + STRANGERS:
            self._strange[belief] = self._strange.get(belief, 0) + 1

    def is_shared(self, belief: Belief) -> bool:
        return self._strange.get(belief, 0) >= READINGS

    def forget_counts(self) -> None:
        """Remaining is no longer believed."""
        for belief in self.beliefs.values():
            if belief.meter is not None:
                belief.meter.forget()

    def later(self, belief: Belief, now: float, cost: int) -> Later | None:
        """None where `cost` more may go by the server's own count, or by ours where that is sure enough."""
        meter, history = belief.meter, self._history
        assert meter is not None
        least = meter.least
        if least is None:
            if belief.settled and not belief.fits(now, cost, history):
                return _wait(belief, belief.opens_at(now, cost, history))
            return None
        if least - history.in_flight_cost >= cost:
            return None
        sure = belief.settled and not self.is_shared(belief)
        if sure and belief.fits(now, cost, history):
            return None
        if history.in_flight and least >= cost:
            return _wait(belief, None)
        return self._exhausted(belief, meter, now, cost, sure)

    def _exhausted(self, belief: Belief, meter: Meter, now: float, cost: int, sure: bool) -> Later | None:
        """Nothing is left: until the oldest slot comes free, or the reset, whichever is sooner; then one goes ahead."""
        ours = sure or (belief.settled and not belief.fits(now, cost, self._history))
        at = belief.opens_at(now, cost, self._history) if ours else None
        resets_at = meter.resets_at
        if resets_at is not None and self._trust.believes(f"{meter.header}-Reset"):
            at = resets_at[1] if at is None else min(at, resets_at[1])
        elif at is None and not sure and meter.last is not None:
            at = meter.last.answered_s + 1.0  # nobody says when: look once a second
        poll_at = math.inf if ours else self._poll_at(belief, meter)
        if at is not None and now < min(at, poll_at):
            return _wait(belief, min(at, poll_at))
        meter.polled = now < (at or now)
        if self._history.in_flight:
            return Later(None, "probe", belief.tier)
        meter.waited_out = now
        return None

    @staticmethod
    def _poll_at(belief: Belief, meter: Meter) -> float:
        """Nothing is left, though by our count there should be: a counter or a bucket gives some back all the time."""
        if not (belief.polls and belief.settled and meter.period_s is not None and meter.last is not None):
            return math.inf
        return meter.last.answered_s + belief.high_s / 10


def _is(quota: Quota, header: str, name: str | int | None) -> bool:
    return quota.header == header and (quota.name or quota.limit) == name and quota.remaining is not None


def _believe(quota: Quota) -> Belief:
    meter = Meter(quota)
    period_s = quota.period_s or 1.0
    said = f"{meter.header}-Policy says so" if quota.period_s else f"{meter.header}-Limit says {quota.limit}"
    settled = quota.period_s is not None and quota.limit is not None
    return Belief(quota.limit or _UNKNOWN, period_s, period_s, "header", said, settled=settled, meter=meter)


def _wait(belief: Belief, at: float | None) -> Later:
    return Later(at, "in flight" if at is None else "limit", belief.tier)
