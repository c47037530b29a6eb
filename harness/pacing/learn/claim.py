"""What headers say of one limit: a claim, which can be revoked.

A claim has two sides. *Headroom*: what the server says is left, less what is on its way, may go whatever the latency
does (`shared_quota` has the proof); that holds from the first answer on, whatever the limit's period. And *a limit*,
once its period is known: from then on our own count opens it as well. How long a window is, where headers do not say,
is measured from resets; whether it is a window at all, by how they move (`resets`).

Trust is lost by what proves wrong: a header altogether (`prior.Trust`), or this claim, whose count and period are
corrected by a refusal that they do not explain, and by a request let through that they forbid.

The claims of one family of headers count alike: what the resets of one show is believed of the others.
"""

from __future__ import annotations

import math
from functools import lru_cache

from harness.pacing.base import Quota, TierStatistics
from harness.pacing.learn.hypotheses import Window, tier_of
from harness.pacing.learn.levels import Countings, Growth
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import ABSURD_S, PERIODS, Trust, commonness, period_between
from harness.pacing.learn.resets import WATCH_S, ResetPattern, Word
from harness.pacing.server_clock import ServerClock
from harness.pacing.shared_quota import READINGS, Headroom, Reading
from harness.pacing.tiers import Tier
from harness.pacing.window import guard_s

UNKNOWN = 10**9
# Whole seconds: a reset may be rounded either way, and a Date that it is counted from is rounded down.
ROUNDING_S, ROUNDED_UP_S = 1.0, 2.0
# Of two periods further apart than this one is no approximation of the other: the longer is kept to.
FAR = 1.5
# So short that it matters by which part of a second a reset was rounded.
ROUGH_S = 3.0
# More answers than one cannot say the same; that many in a row are no accident.
MOST_ALIKE = 4
# So many resets that are all beyond a window's end are no rounding.
ENOUGH_WORDS = 10
# It is not tried more often than this to tell short windows apart.
MOST_DOUBTS = 3


class Family:
    """The claims of all headers that begin alike. Most servers show the tightest of their limits: then any other has as
    much left at least, also one that was never shown.
    """

    def __init__(self, header: str, trust: Trust, clock: ServerClock | None = None) -> None:
        self.header = header
        self.clock = ServerClock() if clock is None else clock
        self.remaining, self.reset = f"{header}-Remaining", f"{header}-Reset"
        self.claims: list[Claim] = []
        self.trust = trust
        self.is_tightest = True  # what is shown, as far as is known
        self._shown = Headroom()

    def read(self, left: int | None, sent_s: float, now: float, surely: int | None) -> None:
        """Take in what is left of the tightest that an answer shows. surely: of a refusal, so many were in flight."""
        least = self._shown.least
        if surely is not None and least is not None and least > surely:
            self.is_tightest = False
        if left is not None:
            self._shown.read(Reading(sent_s, now, left))
        else:
            self._shown.outdate(now)

    def has_room(self, units: int) -> bool:
        """Return whether so many fit into every limit of the family, whichever it shows."""
        least = self._shown.least
        return least is not None and least >= units and self.is_tightest and self.trust.believes(self.remaining)

    def moves(self, claim: Claim) -> bool | None:
        """Return whether the reset of another claim moves; None where that is not known of any."""
        known = [other.resets.moves for other in self.claims if other is not claim]
        return True if True in known else False if False in known else None

    @property
    def counts(self) -> bool:
        """Return whether one of them is known to be a sliding counter by its resets."""
        return any(claim.own_counter_s is not None for claim in self.claims)


class Claim:
    """`limit` units in a period of `period_s`, which is what is kept to.

    settled: our own count may open it; else only the header's. told: a refusal corrected it, and the server named the
    end. bucket: it refills bit by bit, and `WindowPacer` keeps to it as to that. counter: it is a sliding counter.
    """

    source = "header"

    def __init__(self, quota: Quota, family: Family) -> None:
        self.family = family
        self.key = family.header, quota.name or quota.limit
        self.header = family.header
        self.told_limit, self.told_s = quota.limit, quota.period_s
        self.limit = quota.limit or UNKNOWN
        self.period_s = quota.period_s or 1.0
        self.settled = quota.period_s is not None and quota.limit is not None
        said = f"{self.header}-Policy says so" if quota.period_s else f"{self.header}-Limit says {quota.limit}"
        self.evidence = said
        self.bucket: Tier | None = None
        self.counter = False
        self.told = False
        self.contradicted = self.belied = 0  # by refusals; by requests let through that it would have kept waiting
        self.strange = 0  # readings that show more used than was sent
        self.singles = 0  # answers with nothing left, from the first on; below 0 once one had more
        self.polls = True  # look whether room has come back before the reset, until that was refused once
        self.last: Reading | None = None
        self.turns = 0  # times that the whole limit was there again
        self.longest_reset_s = 0.0
        self.first_reset_s: float | None = None
        self.resets_at: tuple[float, float] | None = None  # between these, by every answer of this window
        self.polled = False  # the last request went though nothing was left, before any reset
        self.waited_out: float | None = None  # when, after all was used up, its reset had come
        self.spans_s: tuple[float, float] | None = None  # from the window's first request to its reset, between these
        self.varies = False  # that was shorter in one window than in another
        self.resets = ResetPattern()
        self.growth = Growth()
        self.countings: tuple[float, Countings | None] = (0.0, None)  # by the period that is judged
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

    # --- the limit --------------------------------------------------------------------------------------------------

    @property
    def tier(self) -> Tier:
        return self.bucket or tier_of(self.limit, self.period_s, "counter" if self.counter else "any")

    @property
    def refilling(self) -> Tier | None:
        """Return the limit that `WindowPacer` keeps, of a bucket or a sliding counter; the latter once the server's
        clock is known.
        """
        return self.bucket or (self.tier if self.counter and self.family.clock.known else None)

    def has_room(self, units: int) -> bool:
        """Return whether so many, with those in flight, fit by the server's own count."""
        return self.family.has_room(units) or (self.least is not None and self.least >= units)

    @property
    def span_s(self) -> float:
        return self.period_s + guard_s(self.period_s)

    @property
    def trust(self) -> str:
        return "tentative" if not self.settled else "fair" if self.contradicted else "high"

    @property
    def is_counted(self) -> bool:
        """Return whether what it says is left is believed."""
        return self.family.trust.believes(self.family.remaining)

    @property
    def resets_when_told(self) -> bool:
        """Return whether its resets are believed."""
        return self.family.trust.believes(self.family.reset)

    @property
    def is_shared(self) -> bool:
        """Return whether others use it too."""
        return self.strange >= READINGS

    def belie(self, passed_s: float, said: str) -> None:
        """Shorten the period: a request got through that it would have blocked; no longer kept to after the second."""
        if self.period_s <= passed_s or self.belied > 1:
            self.settled = False
        self.belied += 1
        self.period_s, self.most_s = min(self.period_s, passed_s), min(self.most_s, passed_s)
        self.evidence += said

    def correct(self, found: Window, told: bool, last: Reading | None, in_flight: int) -> tuple[str, str] | None:
        """Correct it to the tighter count and longer period that a refusal showed; return the header that this
        disproves, and why, if one is: as `last` it had said, with so many in flight, that more was left.
        """
        self.contradicted += 1
        self.bucket, self.counter = None, False
        self.limit = min(self.limit, found.limit)
        self.period_s = max(found.high_s, self.period_s if self.settled else 0.0)
        self.evidence, self.told, self.settled = found.evidence, told, True
        if last is None or last.remaining <= in_flight:
            return None
        return self.family.remaining, f"refused while it said {last.remaining} were left"

    def refills(self, bucket: Tier, said: str) -> None:
        """Note that it is a bucket, and why."""
        self.bucket, self.counter, self.settled, self.evidence = bucket, False, True, said
        self.period_s = bucket.depth * bucket.period_s / bucket.limit

    def refills_not(self) -> None:
        """Take back that it is a bucket."""
        self.bucket, self.settled, self.contradicted = None, False, self.contradicted + 1
        self.evidence = f"{self.header} says {self.limit}; what is left grew faster than a bucket fills"

    def settle(self) -> bool:
        """Settle the period once a window's turn was seen where Reset said, or where only Reset can tell; return
        whether it is new.
        """
        if self.told_limit is None or self.bucket is not None:
            return False
        # A reset of a second or less is that of the next slot as often as that of a window.
        if not self.settled and self.told_s is None and self.longest_reset_s <= 1.0 and not self.turns:
            return False
        period_s = self.whole_period_s()
        if period_s is None:
            return False
        counter_s = self.counter_s
        if counter_s is not None:
            return self._count(counter_s)
        if self.settled:
            if self.told_s is not None or self.told or period_s == self.period_s:
                return False
        elif self.turns == 0 and self.last is not None and not self._shows_period():
            return False
        else:
            self.evidence = f"{self.header}-Limit says {self.told_limit}, and its Reset was {period_s:g} s away at most"
        self.period_s, self.settled = period_s, True
        return True

    def _count(self, period_s: float) -> bool:
        if self.counter:
            return False
        self.period_s, self.settled, self.counter = period_s, True, True
        self.evidence += f"; its Reset is up to two periods of {period_s:g} s ahead, so it is a sliding counter"
        return True

    def _shows_period(self) -> bool:
        """Return whether resets show the period before any turn: always a whole window away, or by the
        very first one.
        """
        as_far = (self.first_reset_s or 0.0) > self.longest_reset_s - ROUNDED_UP_S
        if self.is_log:
            return as_far and self.least == 0
        # A window that opened with our first request lasts until its reset; where half of a bucket is used its reset
        # has run away from the first.
        used = self.told_limit is not None and self.last is not None and 2 * self.last.remaining <= self.told_limit
        return self.fresh and used and as_far and not self.resets.grows

    def fits(self, now: float, cost: int, seen: Observations) -> bool:
        """Return whether `cost` more fits by our own count."""
        return seen.used(now, self.span_s) + cost <= self.limit

    def opens_at(self, now: float, cost: int, seen: Observations) -> float | None:
        return seen.opens_at(now, self.span_s, self.limit, cost)

    def statistics(self, now: float, seen: Observations) -> TierStatistics:
        used = seen.used(now, self.span_s)
        left = max(0, self.limit - used)
        opens_at = self.opens_at(now, 1, seen) if used >= self.limit else None
        full_at = seen.answered[-1] + self.span_s if used and len(seen) else None
        return TierStatistics(self.tier, used, left, opens_at, full_at, self.span_s)

    # --- what answers say -------------------------------------------------------------------------------------------

    def read(
        self,
        quota: Quota,
        sent_s: float,
        answered_s: float,
        refused: bool = False,
        ends: tuple[float, float] | None = None,
    ) -> None:
        """Take in what one answer says. ends: between which times its window ends, where that is known better."""
        family, trust = self.family, self.family.trust
        if refused:
            waited = self.waited_out is not None and sent_s >= self.waited_out and self.first_reset_s is not None
            if waited and not self.polled:
                trust.too_short(family.reset)
            self.waited_out = None
        elif quota.remaining is not None:
            self._turned(sent_s)
        self.told_s = quota.period_s or self.told_s
        if not refused and self._stands_still(quota):
            trust.drop(family.remaining, "it stood still while requests were let through")
        if quota.remaining is not None and self.is_counted:
            self._remain(Reading(sent_s, answered_s, quota.remaining), quota.reset_utc_s)
        reset_s = quota.reset_s
        if reset_s is not None and 0 <= reset_s <= ABSURD_S and self.resets_when_told:
            low_s, high_s = ends or (sent_s + reset_s - ROUNDED_UP_S, answered_s + reset_s)
            self._reset(quota, reset_s, sent_s, answered_s, refused, low_s, high_s)

    def _reset(
        self, quota: Quota, reset_s: float, sent_s: float, answered_s: float, refused: bool, low_s: float, high_s: float
    ) -> None:
        """Take in when it resets: between `low_s` and `high_s`, if that is rounded up as it should be."""
        self.longest_reset_s = max(self.longest_reset_s, reset_s)
        self._shortest_reset_s, self._words = min(self._shortest_reset_s, reset_s), self._words + 1
        if self.first_reset_s is None:
            self.first_reset_s = reset_s
            self.fresh = quota.limit is not None and quota.remaining == quota.limit - 1
        if not refused:  # what is not counted moves nothing
            self._ahead_s = max(self._ahead_s[0], low_s - answered_s), min(self._ahead_s[1], high_s - sent_s)
            self.resets.read(Word(sent_s, answered_s, low_s, answered_s + reset_s, quota.reset_utc_s))
        # Rounded up, until a probe at that time was refused.
        high_s += self.slack_s
        before = self.resets_at
        same = self._reset_utc_s == quota.reset_utc_s  # ends of short windows are told to no more than their length
        if before is not None and same and max(low_s, before[0]) < min(high_s, before[1]):
            low_s, high_s = max(low_s, before[0]), min(high_s, before[1])
        self.resets_at, self._reset_utc_s = (low_s, high_s), quota.reset_utc_s

    @property
    def slack_s(self) -> float:
        """Return what is added to its resets, which are rounded down."""
        return self.family.trust.slack_s.get(self.family.reset, 0.0)

    def _stands_still(self, quota: Quota) -> bool:
        """Return whether a cache answers: several requests in one window, each told that as much was left. Of a log or
        bucket some comes back, so that it may be as much.
        """
        said = (quota.reset_utc_s, quota.remaining)
        self._alike = self._alike + 1 if said == self._said and None not in said else 1
        self._said = said
        no_refill = self.resets.moves is False or (self.resets.moves is None and not self.turns)
        return self._alike >= MOST_ALIKE and no_refill

    def _remain(self, reading: Reading, reset_utc_s: float | None) -> None:
        last = self.last
        if last is not None and reading.sent_s > last.answered_s and reading.remaining >= last.remaining:
            # Within one window it can only fall.
            risen, limit = reading.remaining > last.remaining, self.told_limit
            if limit is not None and risen and reading.remaining >= limit // 2 >= last.remaining:
                self.turns += 1
            elif risen and (last.remaining == 0 or (reset_utc_s is not None and reset_utc_s == self._last_utc_s)):
                self.resets.trickles()
            self.resets_at = None
        self._headroom.read(reading)
        if last is None or reading.sent_s >= last.sent_s:
            self.last, self._last_utc_s = reading, reset_utc_s

    def measure(self, quota: Quota, ends: tuple[float, float], seen: Observations) -> None:
        """Measure a window: with nothing in flight the count of what is used leads back to the request that opened it,
        which was so long before its reset.
        """
        used = None if seen.in_flight else self.used
        if self.told_s is not None or used is None or (self.spans_s is not None and 4 * used > (quota.limit or 0)):
            return
        opener, reset_s = len(seen) - used, quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not 0 < used <= len(seen):
            return
        low_s = max(0.0, ends[0] - seen.answered[opener])
        high_s = ends[1] + self.slack_s - seen.earliest_sent(opener)
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
        return self.told_limit - (self.least or 0) if self.told_limit is not None and self._headroom.is_exact else None

    @property
    def named_s(self) -> float:
        """Return the longest that the server itself named: its period, its furthest reset, or a whole window until a
        reset.
        """
        span_s = 0.0 if self.spans_s is None else self.spans_s[1]
        return max(self.told_s or 0.0, self.longest_reset_s, span_s)

    # --- how it counts ----------------------------------------------------------------------------------------------

    @property
    def is_log(self) -> bool:
        """Return whether its reset moves, a whole window ahead.

        Where neither it nor another of its family was watched for long enough, what people choose decides: if the time
        from the window's first request to the reset is no usual period, but the reset's distance is, then it is that
        distance.
        """
        moves = self.resets.moves
        moves = self.family.moves(self) if moves is None else moves
        if moves is not None:
            return moves
        log_s, fixed_s = self._log_period_s(), self._fixed_period_s()
        usual = commonness(log_s) > 0 and fixed_s is not None and not commonness(fixed_s)
        return usual and self.resets.on_the_clock(log_s) is None

    @property
    def is_by_reset(self) -> bool:
        """Return whether a fixed window ends at its reset, and not a period after our first request in it."""
        if self.told_s is not None or self.counter or self.is_log:
            return False
        return self.varies or self.doubt_s() > 0 or self._aligned_period_s() is not None

    def doubt_s(self) -> float:
        """Return how much later than necessary to open a short window, so that its reset can be read.

        Whole seconds tell windows of one and of two seconds apart only if these do not begin on the second; and whether
        they begin with us or lie on the server's clock only if one begins a second later: its end moves, the clock's
        not.
        """
        spans_s = self.spans_s
        if self.resets.moves is not None or spans_s is None or self.doubts >= MOST_DOUBTS:
            return 0.0
        usual = [period for period in PERIODS if spans_s[0] < period <= spans_s[1]]
        if len(usual) == 1 or spans_s[1] <= FAR * spans_s[0]:
            return 0.0
        return 0.5 if self.resets.on_the_clock(0.0) is None else 1.3

    def _aligned_period_s(self) -> float | None:
        """Return the period of windows on the server's clock, unless one of windows that begin with us
        is more usual.
        """
        # Such ends need no rounding.
        least_s = self.spans_s[0] + 0.98 if self.spans_s is not None else 0.0
        aligned_s, ours_s = self.resets.on_the_clock(least_s), self._fixed_period_s()
        more = aligned_s is not None and ours_s is not None and commonness(ours_s) > commonness(aligned_s)
        return None if more and not self.doubt_s() else aligned_s

    @property
    def own_counter_s(self) -> float | None:
        """Return the period of a sliding counter, if it is one by its resets; they lie up to two periods ahead."""
        if self.told_s is None:
            return self.resets.jumped_s
        if self.resets.moves is True or self.resets.grows:
            return None
        # Rounded up, counted from a Date that is rounded down, and floats: a second more, or two, prove nothing.
        rounded_s = 1.5 if self._reset_utc_s is None else 1.5 + ROUNDED_UP_S
        short = self._words >= ENOUGH_WORDS and self._shortest_reset_s >= self.told_s + 1
        return self.told_s if short or self.longest_reset_s > self.told_s + rounded_s else None

    @property
    def counter_s(self) -> float | None:
        """Return the period of a sliding counter, if this or another of its family is known to be one."""
        own_s = self.own_counter_s
        if own_s is not None or not self.family.counts:
            return own_s
        # The reset lies one to two periods ahead, on a border of the server's clock.
        return self.told_s or self.resets.on_the_clock(self.longest_reset_s / 2)

    def whole_period_s(self) -> float | None:
        """Return the period as told, else as resets make likely; None where there is neither.

        Of a fixed window from the request that opened it, as many ago as are used, to its reset. Of a log or bucket,
        whose reset moves, the longest reset: it is a whole window away when all is used.
        """
        if self.told_s is not None:
            return self.told_s
        if self.longest_reset_s <= 0:
            return None
        fixed_s = None if self.is_log else self._aligned_period_s() or self._fixed_period_s()
        if fixed_s is None and self._ahead_s[1] == math.inf:
            return None  # seen only where it refused: how far ahead its reset can be is not known
        return min(self.most_s, self._log_period_s() if fixed_s is None else fixed_s)

    def full_by_reset(self, quota: Quota) -> Tier | None:
        """Return the bucket whose Reset says when it will be full again, where that runs ahead of the requests and half
        of it is used: as far away as what is missing takes.
        """
        limit = self.told_limit
        if not self.resets.grows or limit is None or quota.remaining is None or quota.reset_s is None:
            return None
        missing = limit - quota.remaining
        if missing < max(4, limit / 2) or not WATCH_S < quota.reset_s < ABSURD_S:
            return None
        # Remaining is rounded down, so that up to one less is missing.
        low_s, high_s = (quota.reset_s - ROUNDED_UP_S) * limit / missing, quota.reset_s * limit / (missing - 1)
        return Tier(limit, period_between(low_s, high_s) or round(high_s, 3), "bucket", limit)

    def _fixed_period_s(self) -> float | None:
        return None if self.spans_s is None or self.spans_s[1] <= 0 else _usual(*self.spans_s)

    def _log_period_s(self) -> float:
        if self.longest_reset_s <= ROUGH_S and self._ahead_s[0] < self._ahead_s[1]:
            return _usual(*self._ahead_s)
        return _usual(self.longest_reset_s - ROUNDING_S - 0.5, self.longest_reset_s + ROUNDING_S - 0.5)


@lru_cache(maxsize=64)  # asked again with each answer, though it changes once or twice in a window
def _usual(low_s: float, high_s: float) -> float:
    """Return the usual period in (low, high], if all of them are about the same; else the longest, to be on the safe
    side.
    """
    if high_s > FAR * low_s:
        return max((period for period in PERIODS if low_s < period <= high_s), default=high_s)
    return period_between(low_s, high_s) or high_s
