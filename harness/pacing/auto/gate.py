"""May a request go, by what headers say?"""

from __future__ import annotations

import math
from bisect import bisect_right

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.headers import Headers
from harness.pacing.auto.history import History
from harness.pacing.auto.meter import Meter
from harness.pacing.auto.trust import Trust
from harness.pacing.base import Later


class Gate:
    """Opens by the server's own count, or by ours where that is sure enough."""

    def __init__(self, headers: Headers, history: History, trust: Trust) -> None:
        self.left = 0  # requests that are still to be sent, if that was told
        self._headers = headers
        self._kept = headers.kept
        self._history = history
        self._trust = trust

    def ahead(self, cost: int) -> Later | None:
        """Where one limit is shown at a time there may be others: after a window's turn one request goes ahead, for its
        answer shows the tightest. Not for logs, whose slots come free one by one.
        """
        if not self._history.in_flight:
            return None
        tightest = self._headers.tightest
        for belief in self._headers.beliefs.values():
            meter = belief.meter
            assert meter is not None
            blind = (
                meter.period_s is None
                and belief not in self._kept.rules
                and not meter.is_log(self._headers.periods.kin(belief))
            )
            if blind and tightest.shown_by(meter.header) and not tightest.has_room(meter.header, cost):
                return Later(None, "in flight", belief.tier)
        return None

    def later(self, belief: Belief, now: float, cost: int) -> Later | None:
        """None where `cost` more may go by the server's own count, or by ours where that is sure enough."""
        meter, history = belief.meter, self._history
        assert meter is not None
        least = meter.least
        if least is not None and least - history.in_flight_cost == cost and meter.period_s is None:
            until = self._watch_until(meter, now)
            if until is not None:
                return _wait(belief, until)
        if self._headers.tightest.has_room(meter.header, cost):
            return None
        if least is None:
            if belief.settled and not self._fits(belief, now, cost):
                return _wait(belief, self._opens_at(belief, now, cost))
            return None if belief.settled else self._unread(belief, meter, cost)
        if least - history.in_flight_cost >= cost:
            return None
        sure = belief.settled and not self._headers.is_shared(belief)
        if sure and not self._shut(belief, meter, now) and self._fits(belief, now, cost):
            return None
        if history.in_flight and least >= cost:
            return _wait(belief, None)
        return self._exhausted(belief, meter, now, cost, sure)

    def _fits(self, belief: Belief, now: float, cost: int) -> bool:
        """By our own count, or by the rule that the limit has."""
        fits = self._kept.fits(belief, now, cost)
        return belief.fits(now, cost, self._history) if fits is None else fits

    def _opens_at(self, belief: Belief, now: float, cost: int) -> float | None:
        if belief in self._kept.rules:
            return self._kept.opens_at(belief, cost)
        return belief.opens_at(now, cost, self._history)

    def _watch_until(self, meter: Meter, now: float) -> float | None:
        """The last of a window is sent a little later than it might be: what its answer says of the reset tells how
        this limit counts, and there is nothing to be done afterwards but wait anyway.
        """
        until = meter.shape.watch_until()
        if until is None and self.left > 1 and not meter.looked:
            until = meter.shape.jumps_by()
            meter.looked = until is not None and now >= until
        return until if until is not None and now < until else None

    def _shut(self, belief: Belief, meter: Meter, now: float) -> bool:
        """Is a window that ends at its reset still open, and used up?"""
        by_reset = belief not in self._kept.rules and meter.is_by_reset(self._headers.periods.kin(belief))
        by_reset = by_reset and self._trust.believes(f"{meter.header}-Reset")
        return by_reset and meter.resets_at is not None and now < meter.resets_at[1]

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
        by_reset = belief not in self._kept.rules and meter.is_by_reset(self._headers.periods.kin(belief))
        ours = not by_reset and (sure or (belief.settled and not self._fits(belief, now, cost)))
        at = self._opens_at(belief, now, cost) if ours else None
        resets_at = meter.resets_at
        if resets_at is not None and self._trust.believes(f"{meter.header}-Reset"):
            late_s = meter.doubt_s()
            at = resets_at[1] + late_s if at is None else min(at, resets_at[1] + late_s)
        elif at is None and not sure and meter.last is not None:
            at = meter.last.answered_s + 1.0  # nobody says when: look once a second
        poll_at = math.inf if ours else self._poll_at(belief, meter)
        if at is not None and now < min(at, poll_at):
            return _wait(belief, min(at, poll_at))
        meter.polled = now < (at or now)
        if self._history.in_flight:
            return Later(None, "probe", belief.tier)
        meter.waited_out = now
        meter.doubts += meter.doubt_s() > 0
        return None

    @staticmethod
    def _poll_at(belief: Belief, meter: Meter) -> float:
        """Nothing is left, though by our count there should be: a counter or a bucket gives some back all the time."""
        if not (belief.polls and belief.settled and meter.period_s is not None and meter.last is not None):
            return math.inf
        return meter.last.answered_s + belief.high_s / 10


def _wait(belief: Belief, at: float | None) -> Later:
    return Later(at, "in flight" if at is None else "limit", belief.tier)
