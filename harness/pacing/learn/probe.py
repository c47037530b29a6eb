"""Probes of a period: one request a window goes a little early, and its fate says whether the period is shorter."""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.base import Grant, Later
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.history import History

# The silence before a window, as a part of its period, by which its first request is known.
SILENCE = 0.15


@dataclass(frozen=True, slots=True)
class _Test:
    """A probe on its way. opener: index of the request from which on the period is timed."""

    grant: Grant
    belief: Belief
    opener: int


class PeriodProbe:
    """At most one probe at a time, for a limit found by refusals whose period is not known well enough."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._due: Belief | None = None
        self._test: _Test | None = None

    def in_the_way(self) -> Later | None:
        """Make everyone wait for the answer of a probe that is on its way."""
        self._due = None
        if self._test is None or self._test.grant not in self._history.in_flight:
            return None
        return Later(None, "probe", self._test.belief.tier)

    def later(self, belief: Belief, now: float, cost: int) -> Later | None:
        """Return when a full limit opens: by its period, or a little earlier for a probe; None: that probe goes now."""
        at = belief.opens_at(now, cost, self._history)
        belief.blur_s = belief.blur_s or self._history.blur_s()
        test_s = belief.test_s()
        if at is None or test_s is None:
            return Later(at, "in flight" if at is None else "limit", belief.tier)
        opens_s = at - belief.span_s
        test_at = opens_s + test_s
        if test_at - belief.tested_at < belief.low_s or not self._opened(belief, now):
            return Later(at, "limit", belief.tier)
        if now < test_at:
            belief.armed_for = opens_s  # used up from before: a probe as long after this very slot tells something
            return Later(min(at, test_at), "limit", belief.tier)
        if belief.armed_for != opens_s or self._history.in_flight:
            return Later(at, "limit", belief.tier)
        self._due = belief
        return None

    def _opened(self, belief: Belief, now: float) -> bool:
        """Return whether the oldest request that counts came after a silence. Another may lie in the middle of a
        server's window, so that the next one opens sooner after it than a whole period.
        """
        history = self._history
        opener = self._opener(belief, now)
        if not 0 < opener < len(history):
            return opener == 0
        return history.sent[opener] - history.answered[opener - 1] > max(SILENCE * belief.low_s, belief.blur_s)

    def _opener(self, belief: Belief, now: float) -> int:
        return max(0, len(self._history) - self._history.used(now, belief.span_s))

    def granted(self, grant: Grant, now: float) -> None:
        """Note that this request goes: it may be the probe."""
        belief, self._due = self._due, None
        if belief is not None:
            belief.tested_at, belief.armed_for = now, None
            self._test = _Test(grant, belief, self._opener(belief, now))

    def ended(self, grant: Grant) -> _Test | None:
        """End the probe that `grant` was, and return it; None if it was none."""
        test = self._test
        if test is None or test.grant is not grant:
            return None
        self._test = None
        return test

    def passed(self, grant: Grant, now: float) -> Belief | None:
        """Return the belief whose probe `grant` was, its period now shorter: it was let through. None if it was no
        probe.
        """
        test = self.ended(grant)
        if test is None:
            return None
        sent_s, answered_s = self._history.sent[test.opener], self._history.answered[test.opener]
        test.belief.blur_s = now - grant.at + answered_s - sent_s
        test.belief.shorten(now - sent_s)
        test.belief.evidence += f"; a probe after {now - sent_s:.3g} s got through"
        return test.belief

    def refused(self, grant: Grant) -> Belief | None:
        """Return the belief whose probe `grant` was, its period now longer than that: it was refused. None if it was no
        probe.
        """
        test = self.ended(grant)
        if test is None:
            return None
        length_s = grant.at - self._history.answered[test.opener]
        test.belief.low_was_s = test.belief.low_s
        test.belief.narrow(low_s=length_s)
        test.belief.evidence += f"; refused after {length_s:.3g} s"
        return test.belief
