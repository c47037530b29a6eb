"""Model one limit from its headers: what is left, when it resets, and which way of counting its resets show.

A fixed window's end stands still until it has come. A log's moves on with each request, a whole window ahead of it; so
does the Reset of servers that always name a whole window, and to keep to them as to a log is right as well. A bucket's,
which is when it will be full again, runs ahead: the more were used, the further away. So two answers, the second of
which came before the first one's reset, tell a fixed window from the rest.

The ends of windows that lie on the server's clock are multiples of their period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.pacing.base import Quota
from harness.pacing.learn.growth import Growth
from harness.pacing.learn.prior import ABSURD_S, PERIODS, Trust, commonness, period_between
from harness.pacing.shared_quota import Headroom, Reading
from harness.pacing.tiers import Tier

# Whole seconds: a reset may be rounded either way, and a Date that it is counted from is rounded down.
ROUNDING_S, ROUNDED_UP_S = 1.0, 2.0
# Of two periods further apart than this one is no approximation of the other: the longer is kept to.
FAR = 1.5
# So short that it matters by which part of a second a reset was rounded.
SHORT_S = 3.0
# More answers than one cannot say the same; that many in a row are no accident.
MOST_ALIKE = 4
# So many resets that are all beyond a window's end are no rounding.
ENOUGH_WORDS = 10
# It is not tried more often than this to tell short windows apart.
MOST_DOUBTS = 3


class HeaderModel:
    """The model of the limit called `header` (of `limit` units, and `name` where limits have names)."""

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
        self.varies = False  # that was shorter in one window than in another
        self.reset_pattern = ResetPattern()
        self.growth = Growth()
        self.doubts = 0  # times that a window was begun later to learn of it
        self.looks = 0  # times that it was looked whether this is a sliding counter
        self.fresh = False  # the first word of it was of its first request
        self.most_s = math.inf  # its period is no longer than this: something got through
        self._headroom = Headroom()
        self._shortest_reset_s, self._words = math.inf, 0
        self._reset_utc_s: float | None = None
        self._last_utc_s: float | None = None  # the reset as `last` had it
        self._said: tuple[float | None, int | None] = (None, None)
        self._alike = 0  # answers in a row that said just that
        self._ahead_s = (0.0, math.inf)  # from a request to the reset that it was told, if that were always as long

    def read(
        self,
        quota: Quota,
        sent_s: float,
        answered_s: float,
        trust: Trust,
        refused: bool = False,
        ends: tuple[float, float] | None = None,
    ) -> None:
        """Take in what one answer says. ends: between which times its window ends, where that is known better."""
        if refused:
            waited = self.waited_out is not None and sent_s >= self.waited_out and self.first_reset_s is not None
            if waited and not self.polled:
                trust.too_short(f"{self.header}-Reset")
            self.waited_out = None
        elif quota.remaining is not None:
            self._turned(sent_s)
        self.period_s = quota.period_s or self.period_s
        if not refused and self._stands_still(quota):
            trust.drop(f"{self.header}-Remaining", "it stood still while requests were let through")
        if quota.remaining is not None and trust.believes(f"{self.header}-Remaining"):
            self._remain(Reading(sent_s, answered_s, quota.remaining), quota.reset_utc_s)
        reset_s = quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not trust.believes(f"{self.header}-Reset"):
            return
        self.longest_reset_s = max(self.longest_reset_s, reset_s)
        self._shortest_reset_s, self._words = min(self._shortest_reset_s, reset_s), self._words + 1
        if self.first_reset_s is None:
            self.first_reset_s = reset_s
            self.fresh = quota.limit is not None and quota.remaining == quota.limit - 1
        low_s, high_s = ends or (sent_s + reset_s - ROUNDED_UP_S, answered_s + reset_s)
        if not refused:  # what is not counted moves nothing
            self._ahead_s = max(self._ahead_s[0], low_s - answered_s), min(self._ahead_s[1], high_s - sent_s)
            self.reset_pattern.read(Word(sent_s, answered_s, low_s, answered_s + reset_s, quota.reset_utc_s))
        # Rounded up, as it should be, until a probe at that time was refused.
        high_s += trust.slack_s.get(f"{self.header}-Reset", 0.0)
        before = self.resets_at
        same = self._reset_utc_s == quota.reset_utc_s  # ends of short windows are told to no more than their length
        if before is not None and same and max(low_s, before[0]) < min(high_s, before[1]):
            low_s, high_s = max(low_s, before[0]), min(high_s, before[1])
        self.resets_at, self._reset_utc_s = (low_s, high_s), quota.reset_utc_s

    def _stands_still(self, quota: Quota) -> bool:
        """Return whether a cache answers: several requests in one window, each told that as much was left. Of a log or
        bucket some comes back, so that it may be as much.
        """
        said = (quota.reset_utc_s, quota.remaining)
        self._alike = self._alike + 1 if said == self._said and None not in said else 1
        self._said = said
        no_refill = self.reset_pattern.moves is False or (self.reset_pattern.moves is None and not self.turns)
        return self._alike >= MOST_ALIKE and no_refill

    def _remain(self, reading: Reading, reset_utc_s: float | None) -> None:
        last = self.last
        if last is not None and reading.sent_s > last.answered_s and reading.remaining >= last.remaining:
            # Within one window it can only fall.
            risen = reading.remaining > last.remaining
            if self.limit is not None and risen and reading.remaining >= self.limit // 2 >= last.remaining:
                self.turns += 1
            elif risen and (last.remaining == 0 or (reset_utc_s is not None and reset_utc_s == self._last_utc_s)):
                self.reset_pattern.trickles()
            self.resets_at = None
        self._headroom.read(reading)
        if last is None or reading.sent_s >= last.sent_s:
            self.last, self._last_utc_s = reading, reset_utc_s

    def span(self, low_s: float, high_s: float) -> None:
        """Narrow how long a window lasts: between these, from the request that must have opened it to its reset."""
        before = self.spans_s
        if before is not None and max(before[0], low_s) < min(before[1], high_s):
            low_s, high_s = max(before[0], low_s), min(before[1], high_s)
        elif before is not None:
            self.varies = True
        self.spans_s = (low_s, high_s)

    def outdate(self, sent_s: float, answered_s: float) -> None:
        """Note that an answer told of another limit: what was left is less certain now."""
        self._headroom.outdate(answered_s)
        self._turned(sent_s)

    def _turned(self, sent_s: float) -> None:
        """Note that a request sent after the reset got through: the window has turned."""
        if self.waited_out is not None and sent_s >= self.waited_out:
            self.turns += 1
            self.waited_out = None

    def forget(self) -> None:
        """Forget what it said: its count is not to be had or not believed."""
        self._headroom.forget()
        self.last = None

    @property
    def least(self) -> int | None:
        """Return the least that may be left, or None if unknown."""
        return self._headroom.least

    @property
    def used(self) -> int | None:
        """Return how much is used, where the latest answer is known."""
        return self.limit - (self.least or 0) if self.limit is not None and self._headroom.is_exact else None

    def is_log(self, kin: bool | None) -> bool:
        """Return whether its reset moves, a whole window ahead. kin: whether another limit of the same server's does.

        Where neither was watched for long enough, what people choose decides: if the time from the window's first
        request to the reset is no usual period, but the reset's distance is, then it is that distance.
        """
        if self.reset_pattern.moves is not None or kin is not None:
            return bool(kin if self.reset_pattern.moves is None else self.reset_pattern.moves)
        log_s, fixed_s = self._log_period_s(), self._fixed_period_s()
        usual = commonness(log_s) > 0 and fixed_s is not None and not commonness(fixed_s)
        return usual and self.reset_pattern.on_the_clock(log_s) is None

    def is_by_reset(self, kin: bool | None) -> bool:
        """Return whether a fixed window ends at its reset, and not a period after our first request in it."""
        if self.period_s is not None or self.is_log(kin):
            return False
        return self.varies or self.doubt_s() > 0 or self._aligned_period_s() is not None

    def doubt_s(self) -> float:
        """Return how much later than necessary to open a short window, so that its reset can be read.

        Whole seconds tell windows of one and of two seconds apart only if these do not begin on the second; and whether
        they begin with us or lie on the server's clock only if one begins a second later: its end moves, the clock's
        not.
        """
        spans_s = self.spans_s
        if self.reset_pattern.moves is not None or spans_s is None or self.doubts >= MOST_DOUBTS:
            return 0.0
        usual = [period for period in PERIODS if spans_s[0] < period <= spans_s[1]]
        if len(usual) == 1 or spans_s[1] <= FAR * spans_s[0]:
            return 0.0
        return 0.5 if self.reset_pattern.on_the_clock(0.0) is None else 1.3

    def _aligned_period_s(self) -> float | None:
        """Return the period of windows on the server's clock, unless one of windows that begin with us
        is more usual.
        """
        # Such ends need no rounding.
        least_s = self.spans_s[0] + 0.98 if self.spans_s is not None else 0.0
        aligned_s, ours_s = self.reset_pattern.on_the_clock(least_s), self._fixed_period_s()
        more = aligned_s is not None and ours_s is not None and commonness(ours_s) > commonness(aligned_s)
        return None if more and not self.doubt_s() else aligned_s

    def counter_s(self) -> float | None:
        """Return the period of a sliding counter, if it is one by its resets; they lie up to two periods ahead."""
        if self.period_s is not None and self.reset_pattern.moves is not True and not self.reset_pattern.grows:
            # Rounded up, counted from a Date that is rounded down, and floats: a second more, or two, prove nothing.
            rounded_s = 1.5 if self._reset_utc_s is None else 1.5 + ROUNDED_UP_S
            short = self._words >= ENOUGH_WORDS and self._shortest_reset_s >= self.period_s + 1
            return self.period_s if short or self.longest_reset_s > self.period_s + rounded_s else None
        return self.reset_pattern.jumped_s if self.period_s is None else None

    def whole_period_s(self, kin: bool | None = None) -> float | None:
        """Return the period as told, else as resets make likely; None where there is neither.

        Of a fixed window from the request that opened it, as many ago as are used, to its reset. Of a log or bucket,
        whose reset moves, the longest reset: it is a whole window away when all is used.
        """
        if self.period_s is not None:
            return self.period_s
        if self.longest_reset_s <= 0:
            return None
        fixed_s = None if self.is_log(kin) else self._aligned_period_s() or self._fixed_period_s()
        if fixed_s is None and self._ahead_s[1] == math.inf:
            return None  # seen only where it refused: how far ahead its reset can be is not known
        return min(self.most_s, self._log_period_s() if fixed_s is None else fixed_s)

    def full_by_reset(self, quota: Quota) -> Tier | None:
        """Return the bucket whose Reset says when it will be full again, where that runs ahead of the requests and half
        of it is used: as far away as what is missing takes.
        """
        if not self.reset_pattern.grows or self.limit is None or quota.remaining is None or quota.reset_s is None:
            return None
        missing = self.limit - quota.remaining
        if missing < max(4, self.limit / 2) or not WATCH_S < quota.reset_s < ABSURD_S:
            return None
        # Remaining is rounded down, so that up to one less is missing.
        low_s, high_s = (
            (quota.reset_s - ROUNDED_UP_S) * self.limit / missing,
            quota.reset_s * self.limit / (missing - 1),
        )
        return Tier(self.limit, period_between(low_s, high_s) or round(high_s, 3), "bucket", self.limit)

    @property
    def named_s(self) -> float:
        """Return the longest that the server itself named: its period, its furthest reset, or a whole window until a
        reset.
        """
        span_s = 0.0 if self.spans_s is None else self.spans_s[1]
        return max(self.period_s or 0.0, self.longest_reset_s, span_s)

    def _fixed_period_s(self) -> float | None:
        if self.spans_s is None or self.spans_s[1] <= 0:
            return None
        return _usual(*self.spans_s)

    def _log_period_s(self) -> float:
        if self.longest_reset_s <= SHORT_S and self._ahead_s[0] < self._ahead_s[1]:
            return _usual(*self._ahead_s)
        return _usual(self.longest_reset_s - ROUNDING_S - 0.5, self.longest_reset_s + ROUNDING_S - 0.5)


def _usual(low_s: float, high_s: float) -> float:
    """Return the usual period in (low, high], if all of them are about the same; else the longest, to be on the safe
    side.
    """
    if high_s > FAR * low_s:
        return max((period for period in PERIODS if low_s < period <= high_s), default=high_s)
    return period_between(low_s, high_s) or high_s


# So long a watch tells a reset that stands still from one that moves, though both are told in whole seconds and counted
# from a Date that is rounded down; one that is told as a time is as it is, but for its own rounding.
WATCH_S, WATCH_TIME_S = 2.5, 1.05
# So long before a reset all earlier borders have passed, and the answer is still there before it.
JUMP_S = 0.3
# Times are told to the millisecond at best.
SAME_S = 0.002
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Word:
    """The times of an answer: when it was sent for and came, and when by it the reset is. That is not before `over_s`;
    about at `reset_at_s` by our clock, at `utc_s` by the server's, where it was told as a time.
    """

    sent_s: float
    answered_s: float
    over_s: float
    reset_at_s: float
    utc_s: float | None


class ResetPattern:
    """moves: the reset moves on with the requests; None: not known yet. grows: it runs ahead of them.

    jumped_s: it stood still, and before it had come it was this much later: a sliding counter's, which is over two
    borders of its clock ahead, when one of them is passed.
    """

    def __init__(self) -> None:
        self.moves: bool | None = None
        self.grows = False
        self.jumped_s: float | None = None
        self._first: Word | None = None
        self._divisor: int | None = None  # of all ends of windows

    def read(self, word: Word) -> None:
        """Take in one more answer."""
        self._divide(word.utc_s)
        first = self._first
        if first is None or word.answered_s >= first.over_s:
            self._first = word
            return
        watched_s = word.answered_s - first.answered_s
        moved_s = word.reset_at_s - first.reset_at_s
        if first.utc_s is not None and word.utc_s is not None:
            moved_s = word.utc_s - first.utc_s
            if moved_s > SAME_S and self.moves is False:
                self.jumped_s, self._first = moved_s, word
            elif moved_s > SAME_S:
                self.moves = True
            elif word.sent_s - first.answered_s > WATCH_TIME_S and abs(moved_s) <= SAME_S:
                self.moves = False
        elif watched_s > WATCH_S:
            self.moves = moved_s > 0.5 * watched_s
        # More than rounding can do, and faster than time goes by.
        self.grows = self.grows or moved_s > watched_s + WATCH_S

    def trickles(self) -> None:
        """Note that a part of what was used is there again before the reset: no fixed window does that."""
        self.moves = True if self.moves is None else self.moves

    def watch_until(self) -> float | None:
        """Return when a request should be sent for its answer to tell how this counts; None where it is known, or too
        late.
        """
        first = self._first
        if self.moves is not None or first is None:
            return None
        watch_s = WATCH_S if first.utc_s is None else WATCH_TIME_S
        at = first.answered_s + watch_s + 0.01
        return at if at + 2 * (first.answered_s - first.sent_s) < first.over_s else None

    @property
    def tells_times(self) -> bool:
        """Return whether the reset is told as a time, so that a jump can be told from time that goes by."""
        return self._first is not None and self._first.utc_s is not None

    def looks_at(self) -> tuple[float, ...]:
        """Return when requests should be sent for their answers to tell whether this is a sliding counter; () where
        that is known.

        The reset of one lies a period beyond a border, and jumps as that border passes. First just after the latest
        border by a usual period: half a window may be gained. Then as late as can be, when any border has passed.
        """
        first = self._first
        if first is None or first.utc_s is None or self.moves is not False or self.jumped_s is not None:
            return ()
        latest_s = first.over_s - 2 * (first.answered_s - first.sent_s) - JUMP_S
        ahead_s = first.over_s - first.answered_s  # at least
        usual = [period_s for period_s in self._on_the_clock(ahead_s / 2) if period_s < ahead_s]
        early_s = first.reset_at_s - min(usual, default=0.0) + JUMP_S
        return (early_s, latest_s) if early_s < latest_s else (latest_s,)

    def _divide(self, utc_s: float | None) -> None:
        if utc_s is not None and self._divisor != 1:
            self._divisor = math.gcd(self._divisor or 0, int(utc_s)) if utc_s == int(utc_s) else 1

    def on_the_clock(self, least_s: float) -> float | None:
        """Return the most common period, `least_s` or longer, whose windows on the server's clock end
        where these did.
        """
        return max(self._on_the_clock(least_s), key=commonness, default=None)

    def _on_the_clock(self, least_s: float) -> list[float]:
        divisor = self._divisor
        return [p for p in PERIODS if least_s <= p <= _DAY_S and divisor is not None and divisor % p == 0]
