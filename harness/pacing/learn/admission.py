"""Decide whether a request may go by what headers say. To ask changes nothing; a grant does."""

from __future__ import annotations

import math
from bisect import bisect_right

from harness.pacing.base import Later
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.header_model import HeaderModel
from harness.pacing.learn.headers import Headers
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import Trust


class Admission:
    """Opens by the server's own count, or by ours where that is sure enough."""

    def __init__(self, headers: Headers, history: Observations, trust: Trust) -> None:
        self.left = 0  # requests that are still to be sent, if that was told
        self._headers = headers
        self._limiters = headers.limiters
        self._history = history
        self._trust = trust
        self._intents: list[tuple[HeaderModel, bool | None]] = []  # see `granted`

    def begin(self) -> None:
        """Begin to ask for one request: what was asked before and not granted is void."""
        self._intents = []

    def granted(self, now: float, cost: int) -> None:
        """Note that what was asked for last goes: it looks at limits whose headers said that nothing was left."""
        self.left -= 1
        self._limiters.granted(cost)
        for model, polled in self._intents:
            if polled is None:
                model.looks += 1
            else:
                model.polled, model.waited_out = polled, now
                model.doubts += model.doubt_s() > 0
        self._intents = []

    def ahead(self, cost: int) -> Later | None:
        """Make others wait while one request goes ahead after a window's turn: where headers show one limit at a time
        there may be more, and its answer shows the tightest. Not for logs, whose slots come free one by one.
        """
        if not self._history.in_flight:
            return None
        tightest = self._headers.tightest
        for belief in self._headers.beliefs.values():
            model = belief.model
            assert model is not None
            blind = (
                model.period_s is None
                and belief.bucket is None
                and (model.last is not None or model.first_reset_s is not None)  # without a count it paces nothing
                and belief not in self._limiters.rules
                and not model.is_log(self._headers.periods.kin(belief))
            )
            if blind and tightest.shown_by(model.header) and not tightest.has_room(model.header, cost):
                return Later(None, "in flight", belief.tier)
        return None

    def later(self, belief: Belief, now: float, cost: int) -> Later | None:
        """Return None where `cost` more may go by the server's own count, or by ours where that is sure enough."""
        model, history = belief.model, self._history
        assert model is not None
        if belief.bucket is not None and not self._headers.is_shared(belief):
            return None  # its own rule holds
        least = model.least
        spare = None if least is None or model.period_s is not None else least - history.in_flight_cost
        if spare in (cost, 2 * cost):
            kept = self._keep_back(belief, model, now, spare == cost)
            if kept is not None:
                return kept
        if self._headers.tightest.has_room(model.header, cost):
            return None
        if least is None:
            if belief.settled and not self._fits(belief, now, cost):
                return _wait(belief, self._opens_at(belief, now, cost))
            return None if belief.settled else self._unread(belief, model, cost)
        if least - history.in_flight_cost >= cost:
            return None
        sure = belief.settled and not self._headers.is_shared(belief)
        if sure and not self._shut(belief, model, now) and self._fits(belief, now, cost):
            return None
        if history.in_flight and least >= cost:
            return _wait(belief, None)
        return self._exhausted(belief, model, now, cost, sure)

    def _fits(self, belief: Belief, now: float, cost: int) -> bool:
        """Return whether `cost` fits by our own count, or by the rule that the limit has."""
        fits = self._limiters.fits(belief, now, cost)
        return belief.fits(now, cost, self._history) if fits is None else fits

    def _opens_at(self, belief: Belief, now: float, cost: int) -> float | None:
        if belief in self._limiters.rules:
            return self._limiters.opens_at(belief, cost)
        return belief.opens_at(now, cost, self._history)

    def _keep_back(self, belief: Belief, model: HeaderModel, now: float, is_last: bool) -> Later | None:
        """Keep back the last two requests of a window. What their later answers say of the reset tells how this limit
        counts, and there is nothing to be done afterwards but wait anyway: the first tells whether it moves, the second
        whether it jumps. Where the reset is no time, so that it cannot be seen to jump, only the last.
        """
        pattern = model.reset_pattern
        if not is_last and not pattern.tells_times:
            return None
        until = pattern.watch_until()
        if until is not None:
            if now < until:
                return _wait(belief, until)
            asked = is_last and pattern.tells_times and self._history.in_flight
            return _wait(belief, None) if asked else None
        looks = pattern.looks_at()[model.looks :] if is_last and self.left > 1 else ()
        if not looks:
            return None
        if now >= looks[0]:
            self._intents.append((model, None))
            return None
        return _wait(belief, looks[0])

    def _shut(self, belief: Belief, model: HeaderModel, now: float) -> bool:
        """Return whether a window that ends at its reset is still open, and used up."""
        by_reset = belief not in self._limiters.rules and model.is_by_reset(self._headers.periods.kin(belief))
        by_reset = by_reset and self._trust.believes(f"{model.header}-Reset")
        return by_reset and model.resets_at is not None and now < model.resets_at[1]

    def _unread(self, belief: Belief, model: HeaderModel, cost: int) -> Later | None:
        """Return how long to wait where headers have been silent: assume what was last left, less all that may have
        been counted since.
        """
        if model.last is None:
            return None
        history = self._history
        since = len(history) - bisect_right(history.answered, model.last.sent_s)
        if model.last.remaining - since - history.in_flight_cost >= cost:
            return None
        return _wait(belief, None) if history.in_flight else None

    def _exhausted(self, belief: Belief, model: HeaderModel, now: float, cost: int, sure: bool) -> Later | None:
        """Return how long to wait where nothing is left: until the oldest slot comes free, or the reset, whichever is
        sooner; then one goes ahead.
        """
        by_reset = belief not in self._limiters.rules and model.is_by_reset(self._headers.periods.kin(belief))
        ours = not by_reset and (sure or (belief.settled and not self._fits(belief, now, cost)))
        at = self._opens_at(belief, now, cost) if ours else None
        resets_at = model.resets_at
        if resets_at is not None and self._trust.believes(f"{model.header}-Reset"):
            late_s = model.doubt_s()
            at = resets_at[1] + late_s if at is None else min(at, resets_at[1] + late_s)
        elif at is None and not sure and model.last is not None:
            at = model.last.answered_s + 1.0  # nobody says when: look once a second
        poll_at = math.inf if ours else self._poll_at(belief, model)
        if at is not None and now < min(at, poll_at):
            return _wait(belief, min(at, poll_at))
        if self._history.in_flight:
            return Later(None, "probe", belief.tier)
        self._intents.append((model, now < (at or now)))
        return None

    @staticmethod
    def _poll_at(belief: Belief, model: HeaderModel) -> float:
        """Return when to look again early, where by our count something should be left: a counter or a bucket gives
        some back all the time.
        """
        if not (belief.polls and belief.settled and model.period_s is not None and model.last is not None):
            return math.inf
        return model.last.answered_s + belief.high_s / 10


def _wait(belief: Belief, at: float | None) -> Later:
    return Later(at, "in flight" if at is None else "limit", belief.tier)
