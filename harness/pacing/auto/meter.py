"""One limit as headers tell it: how much is left, when it is reset, and how long its window must be.

**Room, read safely.** An answer's Remaining is the server's count at some moment between its send and its answer.
Of the answered requests let j be the one that arrived last; nobody knows which it is, but it is one of those
answered no earlier than the latest send of any. What arrived after j is still in flight. So

    room >= min over those candidates of Remaining - units in flight

whatever the latency, for windows, logs and buckets alike: a window's turn or a refill only adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.auto.plausible import period_between
from harness.pacing.auto.trust import ABSURD_S, Trust
from harness.pacing.base import Quota

# Whole seconds: a reset may be rounded either way, and a Date that it is counted from is rounded down.
ROUNDING_S, ROUNDED_UP_S = 1.0, 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer's word: sent, answered, what was left."""

    sent_s: float
    answered_s: float
    remaining: int


class Meter:
    """What is known of the limit called `header` (of `limit` units, and `name` where limits have names)."""

    def __init__(self, quota: Quota) -> None:
        self.header = quota.header or "X-RateLimit"
        self.name = quota.name
        self.limit = quota.limit
        self.period_s = quota.period_s
        self.last: Reading | None = None
        self.turns = 0  # times that the whole limit was there again
        self.longest_reset_s = 0.0
        self.first_reset_s: float | None = None
        self.resets_at: tuple[float, float] | None = None  # between these, by every answer of this window
        self.polled = False  # the last request went though nothing was left, before any reset
        self.waited_out: float | None = None  # when, after all was used up, its reset had come
        self.spans_s: tuple[float, float] | None = None  # from the window's first request to its reset, between these
        self.moves: bool | None = None  # the reset moves on with each request, as a log's does; None: not known yet
        self._first: tuple[float, float] | None = None  # this window's first word of a reset: (answered, reset at)
        self._candidates: list[Reading] = []
        self._latest_sent_s = self._unread_until_s = float("-inf")

    def read(self, quota: Quota, sent_s: float, answered_s: float, trust: Trust, refused: bool = False) -> None:
        """Take in the word of one answer."""
        if refused:
            if self.waited_out is not None and sent_s >= self.waited_out and not self.polled:
                trust.too_short(f"{self.header}-Reset")
            self.waited_out = None
        elif quota.remaining is not None:
            self._turned(sent_s)
        self.period_s = quota.period_s or self.period_s
        if quota.remaining is not None and trust.believes(f"{self.header}-Remaining"):
            self._remain(Reading(sent_s, answered_s, quota.remaining))
        reset_s = quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not trust.believes(f"{self.header}-Reset"):
            return
        self.longest_reset_s = max(self.longest_reset_s, reset_s)
        if self.first_reset_s is None:
            self.first_reset_s = reset_s
        if self._first is None:
            self._first = (answered_s, answered_s + reset_s)
        elif answered_s - self._first[0] > 2.5 * ROUNDING_S:
            moved_s = answered_s + reset_s - self._first[1]
            self.moves = moved_s > 0.5 * (answered_s - self._first[0])
        # Rounded up, as it should be, until a probe at that time was refused.
        slack_s = trust.slack_s.get(f"{self.header}-Reset", 0.0)
        low_s, high_s = sent_s + reset_s - ROUNDED_UP_S, answered_s + reset_s + slack_s
        before = self.resets_at
        if before is not None and max(low_s, before[0]) < min(high_s, before[1]):
            low_s, high_s = max(low_s, before[0]), min(high_s, before[1])
        self.resets_at = (low_s, high_s)

    def _remain(self, reading: Reading) -> None:
        last = self.last
        if last is not None and reading.sent_s > last.answered_s and reading.remaining >= last.remaining:
            # Within one window it can only fall.
            risen = reading.remaining > last.remaining
            if self.limit is not None and risen and reading.remaining >= self.limit // 2 >= last.remaining:
                self.turns += 1
            self.resets_at = self._first = None
        self._latest_sent_s = max(self._latest_sent_s, reading.sent_s)
        self._candidates = [old for old in self._candidates if old.answered_s >= self._latest_sent_s]
        if reading.sent_s >= self._unread_until_s:
            self._candidates.append(reading)
        if last is None or reading.sent_s >= last.sent_s:
            self.last = reading

    def span(self, low_s: float, high_s: float) -> None:
        """A window lasted between these: from the request that must have opened it to its reset."""
        before = self.spans_s
        if before is not None and max(before[0], low_s) < min(before[1], high_s):
            low_s, high_s = max(before[0], low_s), min(before[1], high_s)
        self.spans_s = (low_s, high_s)

    def outdate(self, sent_s: float, answered_s: float) -> None:
        """An answer told of another limit. It may have arrived after all that were read, so that their words, and those
        of what was sent before it was answered, say too much.
        """
        self._candidates = []
        self._unread_until_s = max(self._unread_until_s, answered_s)
        self._turned(sent_s)

    def _turned(self, sent_s: float) -> None:
        """What was sent after all was used up and its reset had come got through."""
        if self.waited_out is not None and sent_s >= self.waited_out:
            self.turns += 1
            self.waited_out = None

    def forget(self) -> None:
        """Its count is not to be had or not believed: what it said is void."""
        self._candidates, self.last = [], None

    @property
    def least(self) -> int | None:
        """What was left by the lowest word that may be the last; None where there is none."""
        return min((reading.remaining for reading in self._candidates), default=None)

    def age_s(self, now: float) -> float:
        return now - self._latest_sent_s

    def whole_period_s(self) -> float | None:
        """The period as told, else as resets make plausible; None where there is neither.

        Of a fixed window from the request that opened it, as many ago as are used, to its reset. Of a log or bucket,
        whose reset moves, the longest reset: it is a whole window away when all is used.
        """
        if self.period_s is not None:
            return self.period_s
        if self.spans_s is not None and self.moves is False and self.spans_s[1] > 0:
            return period_between(*self.spans_s) or self.spans_s[1]
        longest_s = self.longest_reset_s
        if longest_s <= 0:
            return None
        return period_between(longest_s - ROUNDING_S - 0.5, longest_s + ROUNDING_S - 0.5) or longest_s
