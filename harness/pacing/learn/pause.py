"""The time from a first refusal to the probe that gets through: what it is told meanwhile, and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.base import Grant, Notice
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.explain import Refusal
from harness.pacing.learn.history import EPSILON_S
from harness.pacing.learn.prior import Trust, next_step

# A guess waits at least this long, and longer with each guess refused: where refusals count, only silence helps.
FIRST_GAP_S, PATIENT_GAP_S = 0.3, 1.5
GROWTH = 2.5
LONGEST_GAP_S = 300.0
# Beyond a border by this share, so that clocks and round trips do not spoil the probe.
BEYOND = 1.004


@dataclass(slots=True)
class Pause:
    """closed_s: the limit was still shut at this time. until: when the next probe goes. promised: the header whose
    word `until` is, None for a guess. end_s: where the server named an end, between which times it must lie.
    """

    began_s: float
    closed_s: float
    until: float
    opened_s: float  # when the window in question opened, as far as known
    first_s: float = 0.0  # when the first refused request was sent
    last_s: float = 0.0  # when the last refusal was known
    blamed: Belief | None = None
    probes: int = 0
    guesses: int = 0
    promised: str | None = None
    end_s: tuple[float, float] | None = None
    refusals: int = 0
    suspected: bool = False  # nothing but its status speaks of a limit
    doubtful: bool = False  # refused with another status than 429
    overload: bool = True  # refused by nothing but 5xx, as a server does that is overloaded or broken
    patient: bool = False  # each probe that is refused makes it longer
    others: int = 0  # in flight when the first refused request was sent

    def is_probe(self, grant: Grant) -> bool:
        """Sent when the pause was over; whoever counts from another moment may be a rounding early."""
        return grant.at >= self.until - EPSILON_S

    def extend(self, now: float, sent_s: float, notice: Notice | None, trust: Trust) -> None:
        """Another refusal: the limit is shut until then at least."""
        self.closed_s = max(self.closed_s, sent_s)
        until, header, exact = self._told(now, sent_s, notice, trust)
        if until is not None:
            self.promised = header
            self.end_s = exact
            self.until = max(until, self.until) if sent_s < self.until else until
        elif sent_s >= self.until or self.guesses == 0:
            self._guess(now)

    def _told(
        self, now: float, sent_s: float, notice: Notice | None, trust: Trust
    ) -> tuple[float | None, str | None, tuple[float, float] | None]:
        """When to probe by what the server says, by whose word, and what that means for the window's end."""
        if notice is None:
            return None, None, None
        words = [(notice.waited_by, notice.retry_after_s)] if notice.retry_after_s is not None else []
        if not words or trust.wait_s(*words[0]) is None:
            empty = [quota for quota in notice.quotas if not quota.remaining and quota.reset_s is not None]
            words = [(f"{quota.header}-Reset", quota.reset_s or 0.0) for quota in empty]
        waits = [(wait_s, header, told) for header, told in words if (wait_s := trust.wait_s(header, told)) is not None]
        if not waits:
            return None, None, None
        wait_s, header, told = max(waits)
        # A whole number may be rounded either way; a fraction is meant to the millisecond.
        blur_s = 1.0 if told == int(told) else 0.002
        return now + wait_s, header, (sent_s + told - blur_s, now + told + blur_s)

    def _guess(self, now: float) -> None:
        """The next border, as people choose periods, that leaves silence enough."""
        self.guesses += 1
        first_s = PATIENT_GAP_S if self.patient else FIRST_GAP_S
        gap_s = min(LONGEST_GAP_S, first_s * GROWTH ** (min(self.guesses, 12) - 1))
        border_s = next_step((now - self.opened_s + gap_s) / BEYOND) * BEYOND
        self.until = min(self.opened_s + border_s, now + max(LONGEST_GAP_S, 2 * gap_s))
        self.promised, self.end_s = None, None

    def refusal(self, accepted: int, probe_answered_s: float) -> Refusal:
        """What is known once a probe has got through."""
        closed_s, ended_by_s = self.closed_s, probe_answered_s
        told = self.end_s is not None
        if self.end_s is not None and self.end_s[0] < ended_by_s and self.end_s[1] > closed_s:
            closed_s, ended_by_s = max(closed_s, self.end_s[0]), min(ended_by_s, self.end_s[1])
        return Refusal(accepted, closed_s, ended_by_s, told)
