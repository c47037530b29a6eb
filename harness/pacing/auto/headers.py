"""Everything that headers tell, limit by limit, and the beliefs that come of it."""

from __future__ import annotations

import math
from bisect import bisect_right

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.history import History
from harness.pacing.auto.meter import ROUNDED_UP_S, ROUNDING_S, Meter
from harness.pacing.auto.trust import ABSURD_S, Trust
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
                belief.meter.outdate(sent_s, now)
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
            self._measure(belief.meter, quota, sent_s, now)
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
        # A reset as far away at the first request as at the last is a log's, or a lie: it moves, a whole window away.
        as_far = (meter.first_reset_s or 0.0) > meter.longest_reset_s - ROUNDED_UP_S
        shown = meter.moves and as_far and meter.least == 0
        if meter.turns == 0 and meter.last is not None and not shown:
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled = True
        belief.evidence = f"{meter.header}-Limit says {meter.limit}, and its Reset was {period_s:g} s away at most"
        return True

    def _measure(self, meter: Meter, quota: Quota, sent_s: float, now: float) -> None:
        """With nothing in flight the count of what is used leads back to the request that opened the window."""
        if meter.period_s is not None or self._history.in_flight or None in (quota.limit, quota.remaining):
            return
        used = (quota.limit or 0) - (quota.remaining or 0)
        opener = len(self._history) - used
        reset_s = quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not 0 < used <= len(self._history):
            return
        low_s = sent_s + reset_s - ROUNDED_UP_S - self._history.answered[opener]
        meter.span(max(0.0, low_s), now + reset_s + ROUNDING_S - self._history.sent[opener])

    def _count_strangers(self, belief: Belief, quota: Quota, sent_s: float, now: float) -> None:
        if quota.remaining is None or quota.limit is None or not self._trust.believes(f"{quota.header}-Remaining"):
            return
        # As the server counted when the request came, at its send or later.
        span_s = belief.span_s + now - sent_s if belief.settled else now + 1e9
        if quota.limit - quota.remaining > self._history.used(now, span_s) + 1 + STRANGERS:
            self._strange[belief] = self._strange.get(belief, 0) + 1

    def is_shared(self, belief: Belief) -> bool:
        return self._strange.get(belief, 0) >= READINGS

    def explains(self, limit: int, low_s: float, high_s: float) -> Belief | None:
        """The limit that headers tell in a period of (low_s, high_s], if it is more than `limit`: others used the rest.

        It is taken for shared from then on.
        """
        for belief in self.beliefs.values():
            told = belief.settled and belief.meter is not None and belief.source == "header"
            if told and low_s < belief.high_s <= high_s * 1.02 and limit < belief.limit:
                self._strange[belief] = READINGS
                return belief
        return None

    def is_strangers(self, wait_s: float) -> bool:
        """Is a refusal that was over after `wait_s` what is to be expected of a limit that others use too?"""
        return any(self.is_shared(b) and b.settled and wait_s <= 1.05 * b.high_s for b in self.beliefs.values())

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
            return None if belief.settled else self._unread(belief, meter, cost)
        if least - history.in_flight_cost >= cost:
            return None
        sure = belief.settled and not self.is_shared(belief)
        if sure and belief.fits(now, cost, history):
            return None
        if history.in_flight and least >= cost:
            return _wait(belief, None)
        return self._exhausted(belief, meter, now, cost, sure)

    def _unread(self, belief: Belief, meter: Meter, cost: int) -> Later | None:
        """Not told of for a while: at least what was left then, less all that may have been counted since."""
        if meter.last is None:
            return None
        history = self._history
        since = len(history) - bisect_right(history.answered, meter.last.sent_s)
        if meter.last.remaining - since - history.in_flight_cost >= cost:
            return None
        return _wait(belief, None) if history.in_flight else None

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
