"""A limit whose room comes back bit by bit, kept to by a rate: buckets, strict leaky buckets, sliding counters.

A bucket of depth b that refills at r a second is empty whenever it refuses. Between two refusals, t0 and t, with a
pause that ended at t1, n requests got through. All of them were refilled, so that n - 1 < r (t - t0); and at t1 there
was room for one at least, or for `least` of what it is known to hold, so that r (t - t1) < n + 1 - that, unless what
came back in the pause was less: then r (t - t0) < n + 1. Each stretch between refusals therefore puts the rate between
two bounds, and the longer it lasts the closer they are. While a pace holds, the lower bound rises towards it.

The pace is chosen between the bounds: a multiple of what is proven while nothing bounds it from above, then a rate that
people would choose if there is one, else the middle. Bounds that contradict each other show that arrivals are not as
even as sends, or that the limit is no bucket of that depth: the older evidence goes. Where refused requests cost
quota, those of a pause are among the n, for they took what came back in it. A pace that has held for long is
tried a little faster, for the truth may have been above the bounds, and limits change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.pacing.learn.observations import EPSILON_S
from harness.pacing.learn.prior import PER, rates_between
from harness.pacing.limiters import Counted
from harness.pacing.tiers import MAX_PERIOD_S, Tier

# Bounds this close are as good as one rate: the next refusal would cost more than is left to gain. Where the lower one
# is a rate that people choose, the truth is hardly between it and the next.
FINE, ROUND_FINE = 1.04, 1.25
# A pace counts as held once the lower bound is this close to it, and has come most of the way from where it was. While
# nothing bounds it from above a rough proof is enough for a bold step.
PROVEN, MOST, ROUGHLY, BOLD = 0.9, 0.7, 0.4, 4.0
# No pace is proven to the full, for what got through is one less than it gives: this much takes 33 requests.
NEARLY = 0.97
# Below a round rate by this, for clocks that differ and servers that count in whole milliseconds.
UNDER = 0.998
# Refused at a pace that had held: somewhat slower, for what arrives less evenly than it was sent needs room to.
BACK = 0.8
# A pace that has held for so many pauses is tried a little faster, and faster still while that holds: where it was too
# fast that costs a pause, and the next try comes later.
CREEP, PATIENCE = 0.1, 30.0
LONG_AGO_S = 1e9
# A bucket that holds less is full again so soon that only an even pace shows its rate.
SHALLOW = 8
# So many refusals that a bucket explains, then bursts of its depth are dared again.
SURE = 3
# Of the depth that bursts have shown, what is used.
OF_DEPTH = 0.8


@dataclass(frozen=True, slots=True)
class Emptied:
    """One pause: it refused at `closed_s`, when `accepted` had got through; a probe was sent at `probe_s`, and from its
    answer on, at `reopened_s`, others were. knocks: refused in it, where these take what comes back.
    """

    closed_s: float
    probe_s: float
    reopened_s: float
    accepted: int
    knocks: int = 0


@dataclass(slots=True)
class Refill:
    """`depth` at once, then `rate` a second, spaced at the send, learned from what `last` and later pauses tell.

    low, high: between these is the server's rate. first_s: how long the first burst took until it was refused, after
    `last.accepted` requests. prefer: rates that other evidence makes likely.
    """

    last: Emptied
    first_s: float
    prefer: Callable[[], Iterable[float]]
    rate: float = 0.0
    depth: int = 1
    low: float = 0.0
    high: float = math.inf
    refusals: int = 1
    contradictions: int = 0
    held: float = 0.0  # a pace that was not refused
    patience: float = PATIENCE
    creep: float = CREEP
    settled: bool = False  # known well enough not to be looked for any more
    _most: float = 1.0  # it holds no more than this at once
    _least: float = 1.0  # it holds at least this
    _burst: tuple[int, float] | None = None  # the first: how many, in how long
    _since_s: float | None = None  # when the first of this pace was sent that got through, and how many after it
    _after: int = 0
    _latest_s: float = -math.inf
    _due: float = field(default=-math.inf)  # when the last request's slot is paid for
    _proof: int = 0  # so many more than one must get through before this pace counts as held
    _goal: float = 0.0  # the lower bound at which this pace counts as held
    _binds: bool = False
    _steady: bool = True  # the pace has been the same, and kept to, since the last pause

    def __post_init__(self) -> None:
        self._burst = (self.last.accepted, self.first_s)
        self._most = max(1.0, self.last.accepted)
        self.low = self.low or (1.0 + self.last.knocks) / max(0.001, self.last.probe_s - self.last.closed_s)
        self._choose()
        self._steady = True
        self._empty()

    @classmethod
    def known(cls, rate: float, depth: int, prefer: Callable[[], Iterable[float]] = tuple) -> Refill:
        """Make the rate that an earlier run found: kept to until it is refused."""
        once = Emptied(-LONG_AGO_S, 1 - LONG_AGO_S, 1 - LONG_AGO_S, 0)
        refill = cls(once, 0.0, prefer, low=PROVEN * rate)
        refill.no_burst(depth)
        refill.rate = refill.held = rate
        refill.high, refill.depth, refill.settled, refill._due = ROUND_FINE * rate, depth, True, -math.inf
        return refill

    @property
    def tier(self) -> Tier:
        """Return the rate as a bucket in the grammar of limits; not what is only being tried."""
        return as_tier(min(self.rate, self.held or self.rate), self.depth)

    def occupied(self, now: float) -> int:
        """Return how much of the depth is paid for and not yet due: as much as leaves no room where there is none."""
        if now >= self.earliest(1) - EPSILON_S:
            ahead = (self._due - now) * self.rate
            return 0 if ahead <= 0 else min(self.depth - 1, math.ceil(ahead - EPSILON_S))
        return self.depth

    def earliest(self, cost: int) -> float:
        """Return when the bucket, as it is believed to be, has room for `cost`."""
        return self._due - (self.depth - cost) / self.rate

    def pause_s(self, guesses: int, owed: int = 0) -> float:
        """Return how long to be silent where the server does not say: until there is room for two, then for eight …
        owed: so many refused requests took of it.
        """
        return min(60.0, max(0.1, 2.0 / self.rate) * 4.0 ** min(guesses, 10)) + owed / self.rate

    def sent(self, now: float, cost: int) -> None:
        if now > self._due + 0.5 / self.rate:
            self._steady = False  # something else is in the way: a bucket may be full meanwhile
        elif now < self.earliest(cost) + 0.5 / self.rate:
            self._binds = True  # it was the rate that it waited for
        self._due = max(self._due, now) + cost / self.rate

    def accepted(self, sent_s: float, total: int) -> None:
        """Count one that got through, `total` so far: the lower bound rises, and a pace that is proven makes room for
        the next.
        """
        self._latest_s = max(self._latest_s, sent_s)
        if self._since_s is None:
            self._since_s, self._after = sent_s, 0
            return
        # Answers come in another order: what was sent before it says nothing of the time since.
        self._after += sent_s > self._since_s
        proven = (total - self.last.accepted + self.last.knocks - 1) / max(0.001, self._latest_s - self.last.closed_s)
        if self._latest_s > self._since_s:
            proven = max(proven, (self._after - self._most + 1) / (self._latest_s - self._since_s))
        self.low = max(self.low, min(proven, self.high))
        # What was not held back by the rate does not show that it could be higher.
        if not self._binds or self.low < self._goal or self._after < self._proof:
            return
        if self.high < math.inf:
            self.held = max(self.held, self.rate)
        if not self.settled:
            self._choose()
        elif self.creep > CREEP or sent_s - self._since_s > self.patience * (self.last.reopened_s - self.last.closed_s):
            self._pace(self.held * (1 + self.creep))
            self.high, self.creep = max(self.high, self.rate), min(1.0, 2 * self.creep)

    def refused(self, pause: Emptied, paced: bool = True) -> None:
        """Learn from a refusal: the interval since the last bounds the rate on both sides. paced: it was kept to
        `rate`.
        """
        self.refusals += 1
        if self.settled:
            self.patience, self.creep = 2 * self.patience, CREEP
            if self.rate > self.held > 0:
                self.high = FINE * self.held  # one step too far
        before, self.last = self.last, pause
        low, high = self._bounds(before, pause, paced)
        if before.closed_s <= 1 - LONG_AGO_S and self.depth > 1:
            self._burst = None  # the rate that an earlier run found has not been tried yet without a burst before it
        elif max(low, self.low) > 0.999 * min(high, self.high):
            self._contradict(before, pause, low)
        elif high > 0.99 * self.high and self.depth > 1:
            self._burst = None  # nothing new of the rate, so that it was the burst that was too much
        else:
            self.low, self.high = max(low, self.low), min(high, self.high)
            self.held = self.held if self.held < self.high else 0.0
        self._learn_depth()
        self._choose()
        self._since_s, self._binds, self._steady = None, False, True
        self._empty()

    def _bounds(self, before: Emptied, pause: Emptied, paced: bool) -> tuple[float, float]:
        """Return what the interval between two pauses says of the rate: (more than, less than)."""
        n = pause.accepted - before.accepted
        if before.closed_s <= 1 - LONG_AGO_S and self.depth == 1:  # what an earlier run found does not hold any more
            self.low = self.held = 0.0
            return BACK * BACK * self.rate, self.rate
        whole_s, open_s = _interval(before, pause)
        high = math.inf
        if self._steady:
            high = max((n + 1 - self._least) / open_s, (n + before.knocks + 1) / whole_s)
        if not paced and self._burst is not None and self._burst[0] - high * self._burst[1] < SHALLOW:
            high = math.inf  # a shallow bucket may have been full again in between, and what came then was lost
        if paced and self.depth == 1:
            high = min(high, self.rate)
        return max(n + before.knocks - 1, 0.5) / whole_s, high

    def _contradict(self, before: Emptied, pause: Emptied, low: float) -> None:
        """Correct the first time the depth that was thought, later the pace: the one that held is too
        fast after all.
        """
        whole_s, open_s = _interval(before, pause)
        high = self.rate
        if not self.contradictions and self._steady:
            high = max(pause.accepted - before.accepted, 1) / open_s
        elif self.contradictions and whole_s < 5 * (before.reopened_s - before.closed_s):
            low = max(low, BACK * self.rate)  # most of the stretch was a pause, so that it says little
        self.contradictions += 1
        # Arrivals are less even than sends: a few that got through by chance raised the pace again, 17 times in 40 s.
        self._proof = max(SHALLOW, 2 * self._proof)
        self._burst, self._least, self.held = None, 1.0, 0.0
        self.low, self.high = low, max(high, 1.05 * low)

    def _empty(self) -> None:
        """Note that the bucket was empty when it refused, and has been asked for one since."""
        self._due = max(self.last.closed_s + self.depth / self.rate, self.last.probe_s) + 1 / self.rate

    def _learn_depth(self) -> None:
        """Learn from the first burst: more than `_least`, and no more than `_most`, can be had at once."""
        if self._burst is None:
            self.depth = 1
            return
        count, lasted_s = self._burst
        self._least = max(1.0, count - self.high * lasted_s)
        self.depth = max(1, int(OF_DEPTH * self._least)) if self.refusals >= SURE else 1

    def no_burst(self, most: int) -> None:
        """Assume nothing of a first burst, but that no more than `most` can be had at once."""
        self._burst, self._most = None, float(most)

    def _choose(self) -> None:
        """Choose the next pace, from here on."""
        floor = max(self.low, self.held)
        is_round = self.held == floor and rates_between(0.97 * floor, 1.01 * floor) is not None
        self.settled = self.high <= (ROUND_FINE if is_round else FINE) * floor
        if self.settled:
            self._pace(floor)
            return
        likely = [rate for rate in self.prefer() if 1.01 * floor <= rate <= 1.001 * self.high]
        rate = max(likely, default=None) or rates_between(floor, self.high)
        middle = math.sqrt(floor * self.high) if self.high < math.inf else max(BOLD * floor, self.rate / ROUGHLY)
        self._pace(middle if rate is None else rate * UNDER)

    def _pace(self, rate: float) -> None:
        before, self.rate = self.rate, rate
        floor = max(self.low, self.held)
        proof = max(PROVEN * rate, min(NEARLY * rate, floor + MOST * (rate - floor)))
        self._goal = ROUGHLY * rate if self.high == math.inf else proof
        if not 0.99 * before < rate < 1.01 * before:
            self._since_s, self._binds, self._steady = None, False, False


class PacedLimiter:
    """The books of a rate that is being learned, as `window` keeps them: spaced at the send, not at the answer.

    Of a bucket that holds next to nothing, sends as even as they can be are worth more than the safety of waiting for
    each answer: that would cost a round trip each time. `used` is what is paid for and not yet due; to add to it is to
    send at the moment that was last looked at.
    """

    __slots__ = ("_now", "_used", "refill")

    def __init__(self, refill: Refill) -> None:
        self.refill = refill
        self._now = -math.inf
        self._used = 0

    @property
    def tier(self) -> Tier:
        return self.refill.tier

    @property
    def limit(self) -> int:
        return self.refill.depth

    @property
    def span_s(self) -> float:
        return self.refill.depth / self.refill.rate

    @property
    def used(self) -> int:
        return self._used

    @used.setter
    def used(self, used: int) -> None:
        if used > self._used:
            self.refill.sent(self._now, used - self._used)
        self._used = used

    def expire(self, now: float) -> None:
        self._now = now
        # Whole units: a request goes as soon as the last of what is due leaves room for it.
        self._used = self.refill.occupied(now)

    def opens_at(self, cost: int) -> float | None:
        return self.refill.earliest(cost)

    def settle(self, at: float, cost: int, reserved: int, sent_at: float = -math.inf) -> None:
        """Note nothing: what counts is when it was sent."""

    def settle_late(self, at: float, cost: int, reserved: int) -> None:
        """Note nothing, as in `settle`."""

    def recent(self) -> tuple[list[Counted], list[Counted]]:
        return [], []

    def releases(self) -> Iterable[Counted]:
        return ((self.refill.earliest(1) + unit / self.refill.rate, 1) for unit in range(self._used))


def _interval(before: Emptied, pause: Emptied) -> tuple[float, float]:
    """Return the seconds from one refusal to the next, and those from when it was open again."""
    return max(0.001, pause.closed_s - before.closed_s), max(0.001, pause.closed_s - before.reopened_s)


def as_tier(rate: float, depth: int) -> Tier:
    """Return `depth` at once and `rate` a second, as so many a second, minute, hour or day if that is a
    whole number.
    """
    rate = rates_between(0.985 * rate, rate / UNDER) or rate
    for period_s in PER:
        count = round(rate * period_s)
        if count >= depth and abs(count - rate * period_s) <= 0.005 * count:
            return Tier(count, period_s, "gcra", depth)
    return Tier(depth, min(MAX_PERIOD_S, max(0.001, round(depth / rate, 4))), "gcra", depth)
