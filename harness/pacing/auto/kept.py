"""Limits that are kept to by a rule of their own, once it is known how they count: sliding counters so far.

The rules are `window`'s (`harness.pacing.meters`, `phased`), which hold their proofs. What was sent before is told to
the rule as it is made.
"""

from __future__ import annotations

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.history import History
from harness.pacing.base import Outcome
from harness.pacing.meters import Meter
from harness.pacing.phased import CounterMeter, ServerClock
from harness.pacing.tiers import Tier


class Kept:
    """The rules in force. Each is told of every request, as the history is."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.rules: dict[Belief, Meter] = {}

    def keep_counter(self, belief: Belief, clock: ServerClock, now: float) -> bool:
        """From now on `belief` is a sliding counter on the server's `clock`; True where that is new."""
        if belief in self.rules or not clock.known:
            return False
        rule = CounterMeter(Tier(belief.limit, belief.high_s, "counter"), clock)
        rule.used = self._history.in_flight_cost
        for at in self._history.answered_since(now - 3 * belief.high_s):
            rule.settle_late(at, 1, 0)
        rule.expire(now)
        self.rules[belief] = rule
        return True

    def used(self, belief: Belief, now: float) -> int:
        """What is used by its rule."""
        rule = self.rules[belief]
        rule.expire(now)
        return rule.used

    def fits(self, belief: Belief, now: float, cost: int) -> bool | None:
        """May `cost` more go by its rule? None where it has none."""
        rule = self.rules.get(belief)
        if rule is None:
            return None
        rule.expire(now)
        return rule.used + cost <= rule.limit

    def opens_at(self, belief: Belief, cost: int) -> float | None:
        """When its rule lets `cost` through, asked after `fits`; None: that takes an answer."""
        return self.rules[belief].opens_at(cost)

    def granted(self, cost: int) -> None:
        """One more is on its way."""
        for rule in self.rules.values():
            rule.used += cost

    def settled(self, outcome: Outcome, now: float, sent_s: float, reserved: int, cost: int) -> None:
        """What became of it."""
        for rule in self.rules.values():
            if outcome is Outcome.ANSWERED:
                rule.settle(now, cost, reserved, sent_s)
            elif outcome is Outcome.LOST:
                rule.settle_late(now + self._history.linger_s, cost, reserved)
            else:
                rule.used -= reserved
