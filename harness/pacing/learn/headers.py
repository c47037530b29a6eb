"""Keep every limit that headers describe: its count, its period, how it counts, and what is left of it.

Limits are kept to by a rule of their own, once it is known how they count: sliding counters so far. The rules are
`window`'s (`harness.pacing.limiters`, `server_clock`), which hold their proofs. What was sent before is told to it
as it is made.

Servers that show one limit at a time mostly show the tightest, so that any other has as much left at least, also one
that was never shown. Those that do not are found out when they refuse while there must be room.

How long windows are, where headers do not say, is measured from resets, by the server's own clock where that is known.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from harness.pacing.base import Notice, Outcome, Quota
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.counting import Countings
from harness.pacing.learn.header_model import ROUNDED_UP_S, HeaderModel
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import ABSURD_S, Trust
from harness.pacing.limiters import Limiter
from harness.pacing.server_clock import CounterLimiter, ServerClock
from harness.pacing.shared_quota import Headroom, Reading
from harness.pacing.tiers import Tier

_UNKNOWN = 10**9
# A reading that shows this many more used than we sent, so often, shows that somebody else sends too (or that the
# limit is a bucket shallower than its name): then only the server's own count opens it.
STRANGERS, READINGS = 2, 3
# Nothing left after each of the first so many requests, of a limit of more: one at a time, a bucket without any depth.
SINGLES = 3


class Headers:
    """All limits that headers describe for one budget. Each belief opens by itself once its period is known."""

    def __init__(self, history: Observations, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self.beliefs: dict[tuple[str, str | int | None], Belief] = {}
        self.tightest = Tightest(history, trust)
        self.periods = Periods(history, trust)
        self.limiters = RuledLimiters(history)
        self._strange: dict[Belief, int] = {}
        self._countings: dict[Belief, tuple[float, Countings]] = {}  # by the period that is judged
        self.grown: list[Belief] = []  # that were found to be buckets since they were last asked for
        self.single: Quota | None = None  # the latest limit that was seen to let one through at a time
        self._gone: set[tuple[str, str | int | None]] = set()
        self._singles: dict[tuple[str, str | int | None], int] = {}  # answers with nothing left, or any other below 0

    def read(self, notice: Notice | None, sent_s: float, now: float) -> list[Belief]:
        """Take in an answer's headers; the beliefs that are new or newly settled by them."""
        changed = []
        quotas = notice.quotas if notice is not None else ()
        self.periods.heard(notice, sent_s, now)
        told = {quota.header for quota in quotas if quota.remaining is not None}
        for (header, name), belief in self.beliefs.items():
            # Most servers show one limit at a time: what they said of the others is out of date.
            if belief.model is not None and header in told and not any(_is(quota, header, name) for quota in quotas):
                belief.model.outdate(sent_s, now)
                changed += [belief] if self.periods.settle(belief) else []
        self.tightest.read(notice, sent_s, now)
        for quota in quotas:
            key = (quota.header, quota.name or quota.limit)
            if self._is_single(key, quota, refused=notice is not None and notice.refused):
                continue
            if key not in self.beliefs:
                if not self._worth(quota):
                    continue
                self.beliefs[key] = self.periods.all[key] = _believe(quota)
                changed += [self.beliefs[key]] if self.beliefs[key].settled else []
            belief = self.beliefs[key]
            self._read(belief, quota, sent_s, now, refused=notice is not None and notice.refused)
            changed += [belief] if self.periods.settle(belief) else []
        if notice is not None and not notice.refused:
            self._watch_levels(notice, sent_s, now)
        return changed

    def _watch_levels(self, notice: Notice, sent_s: float, now: float) -> None:
        """Learn whether a limit that is taken for a window is a bucket of that depth and rate."""
        for belief in self.beliefs.values():
            if not belief.settled or belief.bucket is not None or belief.contradicted or belief.kinds:
                continue
            period_s, countings = self._countings.get(belief, (0.0, None))
            if countings is None or period_s != belief.high_s:
                last = None if belief.model is None or self._history.in_flight else belief.model.last
                left = last.remaining + 1 if last is not None and last.sent_s == sent_s else None
                countings = Countings((Tier(belief.limit, belief.high_s),), self._history, sent_s, left)
                self._countings[belief] = belief.high_s, countings
            if countings.read(sent_s, now, 1, notice) is not None:
                belief.bucket = Tier(belief.limit, belief.high_s, "bucket", belief.limit)
                belief.kinds = ("bucket",)
                belief.evidence += "; what is left grows all the time, so it is a bucket"
                self.grown.append(belief)

    def _read(self, belief: Belief, quota: Quota, sent_s: float, now: float, refused: bool) -> None:
        model, counted = belief.model, f"{quota.header}-Remaining"
        assert model is not None
        believed, ends = self._trust.believes(counted), self.periods.ends(quota, sent_s, now)
        model.read(quota, sent_s, now, self._trust, refused, ends)
        if believed and not self._trust.believes(counted):
            self.forget_counts()
        if model.polled and refused:
            belief.polls = False
        self._count_strangers(belief, quota, sent_s, now)
        self.periods.measure(model, quota, ends)
        self._watch_growth(belief, quota, sent_s, now)

    def _watch_growth(self, belief: Belief, quota: Quota, sent_s: float, now: float) -> None:
        """Learn whether the limit refills bit by bit: by a reset that runs ahead of the requests, or by what is left.

        Not where one header tells of several limits in turn, for what happened unseen would look like growth.
        """
        model = belief.model
        if model is None or quota.remaining is None or belief.limit >= _UNKNOWN or belief.contradicted:
            return
        others = sum(header == model.header for header, _ in self.beliefs)
        if quota.period_s is not None or self.is_shared(belief) or others > 1 or model.reset_pattern.moves is False:
            return
        bucket = model.full_by_reset(quota) or self._grown(model, quota, sent_s, now)
        if model.growth.refuted and belief.bucket is not None:
            belief.bucket, belief.kinds, belief.contradicted = None, (), belief.contradicted + 1
            belief.settled = False
            belief.evidence = f"{model.header} says {belief.limit}; what is left grew faster than a bucket fills"
            self.grown.append(belief)
            return
        if bucket is not None and bucket != belief.bucket:
            said = f"{model.header} says {belief.limit} at once, and what is left of them grows by"
            belief.evidence = f"{said} {bucket.limit / bucket.period_s:.3g} a second"
            belief.bucket, belief.kinds, belief.settled = bucket, ("bucket",), True
            belief.low_s = belief.high_s = bucket.depth * bucket.period_s / bucket.limit
            self.grown.append(belief)

    def _grown(self, model: HeaderModel, quota: Quota, sent_s: float, now: float) -> Tier | None:
        """Return the bucket that answers with nothing else in flight show, if they do."""
        growth, limit, left = model.growth, model.limit or 0, quota.remaining or 0
        if left >= limit - 1:
            before, here = bisect_left(self._history.sends, sent_s), bisect_right(self._history.answered, sent_s)
            if before == here:  # nothing else was in flight when it was sent
                growth.full(sent_s, now, before, limit)
            else:
                growth.points, growth.lefts = [], set()
        elif not self._history.in_flight:
            growth.read(sent_s, now, len(self._history), left)
        return growth.tier(limit)

    def _is_single(self, key: tuple[str, str | int | None], quota: Quota, refused: bool) -> bool:
        """Return whether its count says nothing and its reset is in whole seconds: how soon the next may go is not
        told.
        """
        seen = self._singles.get(key, 0)
        if 0 <= seen < SINGLES and quota.remaining is not None and not refused:
            seen = self._singles[key] = seen + 1 if quota.remaining == 0 else -1
            # From the first request on: a limit that is shown only once it is used up has nothing left either.
            first = len(self._history) <= SINGLES + 1
            if seen == SINGLES and first and (quota.limit or 0) > SINGLES and key in self.beliefs:
                self.single = quota
                self._gone.add(key)
                del self.beliefs[key], self.periods.all[key]
        return key in self._gone

    def _worth(self, quota: Quota) -> bool:
        return quota.limit != 0 and (quota.limit is not None or quota.remaining is not None)

    def _count_strangers(self, belief: Belief, quota: Quota, sent_s: float, now: float) -> None:
        if quota.remaining is None or quota.limit is None or not self._trust.believes(f"{quota.header}-Remaining"):
            return
        # As the server counted when the request came, at its send or later.
        span_s = belief.span_s + now - sent_s if belief.settled else now + 1e9
        if belief in self.limiters.rules:  # the last window's share has fallen since, by so much at most
            ours = self.limiters.used(belief, now) + math.ceil(belief.limit * (now - sent_s) / belief.high_s)
        else:
            ours = self._history.used(now, span_s)
        if quota.limit - quota.remaining > ours + 1 + STRANGERS:
            self._strange[belief] = self._strange.get(belief, 0) + 1

    def is_shared(self, belief: Belief) -> bool:
        return self._strange.get(belief, 0) >= READINGS

    def explains(self, limit: int, low_s: float, high_s: float) -> Belief | None:
        """Return the limit that headers tell in a period of (low_s, high_s], if it is more than `limit`: others used
        the rest.

        It is taken for shared from then on.
        """
        for belief in self.beliefs.values():
            told = belief.settled and belief.model is not None and belief.source == "header"
            if told and low_s < belief.high_s <= high_s * 1.02 and limit < belief.limit:
                self._strange[belief] = READINGS
                return belief
        return None

    def names_limits(self) -> bool:
        """Return whether headers tell of a limit, whatever its period."""
        return any(belief.model is not None and belief.limit < _UNKNOWN for belief in self.beliefs.values())

    def used_up_by_others(self, notice: Notice | None) -> bool:
        """Return whether a refusal says that nothing is left of a limit that others are known to use, too."""
        empty = [quota for quota in notice.quotas if quota.remaining == 0] if notice is not None else []
        beliefs = (self.beliefs.get((quota.header, quota.name or quota.limit)) for quota in empty)
        return any(belief is not None and self.is_shared(belief) for belief in beliefs)

    def is_strangers(self, wait_s: float) -> bool:
        """Return whether a refusal that was over after `wait_s` is to be expected of a limit that others use too."""
        return any(self.is_shared(b) and b.settled and wait_s <= 1.05 * b.high_s for b in self.beliefs.values())

    def keep_counters(self, now: float) -> None:
        """Keep the limits that are known to be sliding counters by the rule of their own."""
        for belief in self.beliefs.values():
            if belief.kinds == ("counter",):
                self.limiters.keep_counter(belief, self.periods.clock, now)

    def forget_counts(self) -> None:
        """Forget all counts: Remaining is no longer believed."""
        for belief in self.beliefs.values():
            if belief.model is not None:
                belief.model.forget()


def _is(quota: Quota, header: str, name: str | int | None) -> bool:
    return quota.header == header and (quota.name or quota.limit) == name and quota.remaining is not None


def _believe(quota: Quota) -> Belief:
    model = HeaderModel(quota)
    period_s = quota.period_s or 1.0
    said = f"{model.header}-Policy says so" if quota.period_s else f"{model.header}-Limit says {quota.limit}"
    settled = quota.period_s is not None and quota.limit is not None
    return Belief(quota.limit or _UNKNOWN, period_s, period_s, "header", said, settled=settled, model=model)


class RuledLimiters:
    """The rules in force. Each is told of every request, as the history is."""

    def __init__(self, history: Observations) -> None:
        self._history = history
        self.rules: dict[Belief, Limiter] = {}

    def keep_counter(self, belief: Belief, clock: ServerClock, now: float) -> bool:
        """Keep to `belief` as a sliding counter on the server's `clock`; return True where that is new."""
        if belief in self.rules or not clock.known:
            return False
        rule = CounterLimiter(Tier(belief.limit, belief.high_s, "counter"), clock)
        rule.used = self._history.in_flight_cost
        for at in self._history.answered_since(now - 3 * belief.high_s):
            rule.settle_late(at, 1, 0)
        rule.expire(now)
        self.rules[belief] = rule
        return True

    def used(self, belief: Belief, now: float) -> int:
        """Return how much is used by its rule."""
        rule = self.rules[belief]
        rule.expire(now)
        return rule.used

    def fits(self, belief: Belief, now: float, cost: int) -> bool | None:
        """Return whether `cost` more may go by its rule; None where it has none."""
        rule = self.rules.get(belief)
        if rule is None:
            return None
        rule.expire(now)
        return rule.used + cost <= rule.limit

    def opens_at(self, belief: Belief, cost: int) -> float | None:
        """Return when its rule lets `cost` through, asked after `fits`; None: that takes an answer."""
        return self.rules[belief].opens_at(cost)

    def granted(self, cost: int) -> None:
        """Count one more on its way."""
        for rule in self.rules.values():
            rule.used += cost

    def settled(self, outcome: Outcome, now: float, sent_s: float, reserved: int, cost: int) -> None:
        """Settle a request by its outcome."""
        for rule in self.rules.values():
            if outcome is Outcome.ANSWERED:
                rule.settle(now, cost, reserved, sent_s)
            elif outcome is Outcome.LOST:
                rule.settle_late(now + self._history.linger_s, cost, reserved)
            else:
                rule.used -= reserved


class Tightest:
    """The least that is left, by the family of headers that tells it."""

    def __init__(self, history: Observations, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self._headrooms: dict[str, Headroom] = {}
        self._not: set[str] = set()

    def read(self, notice: Notice | None, sent_s: float, now: float) -> None:
        """Take in an answer's headers."""
        quotas = notice.quotas if notice is not None else ()
        for header in {quota.header for quota in quotas}:
            told = [quota.remaining for quota in quotas if quota.header == header and quota.remaining is not None]
            headroom = self._headrooms.setdefault(header, Headroom())
            least = headroom.least
            if notice is not None and notice.refused and least is not None and least > self._history.in_flight_cost:
                self._not.add(header)
            if told:
                headroom.read(Reading(sent_s, now, min(told)))
            else:
                headroom.outdate(now)

    def shown_by(self, header: str) -> bool:
        """Return whether it is the tightest that `header` shows, as far as is known."""
        return header not in self._not

    def has_room(self, header: str, cost: int) -> bool:
        """Return whether there is room in every limit that `header` tells of, whichever it shows."""
        headroom = self._headrooms.get(header)
        believed = self._trust.believes(f"{header}-Remaining") and self.shown_by(header)
        least = headroom.least if headroom is not None and believed else None
        return least is not None and least - self._history.in_flight_cost >= cost


class Periods:
    """Settles beliefs; `all` are those that headers made."""

    def __init__(self, history: Observations, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self.clock = ServerClock()
        self.all: dict[tuple[str, str | int | None], Belief] = {}

    def heard(self, notice: Notice | None, sent_s: float, now: float) -> None:
        """Learn the server's clock from the Date of an answer, if it has one."""
        if notice is not None and notice.server_utc_s is not None:
            self.clock.learn(sent_s, now, notice.server_utc_s)
        else:
            self.clock.second_ends = math.inf

    def settle(self, belief: Belief) -> bool:
        """Settle the period once a window's turn was seen where Reset said, or where only Reset can tell; return
        whether it is new.
        """
        model = belief.model
        assert model is not None
        kin = self.kin(belief)
        period_s = model.whole_period_s(kin)
        if period_s is None or model.limit is None or belief.bucket is not None:
            return False
        # A reset of a second or less is that of the next slot as often as that of a window.
        if not belief.settled and model.period_s is None and model.longest_reset_s <= 1.0 and not model.turns:
            return False
        counter_s = self.counter_s(belief)
        if counter_s is not None:
            return self._count(belief, counter_s)
        if belief.settled:
            learned = model.period_s is None and belief.source == "header" and not belief.told
            if learned and period_s != belief.high_s:
                belief.low_s = belief.high_s = period_s
                return True
            return False
        if model.turns == 0 and model.last is not None and not self._shows_period(model, kin):
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled = True
        belief.evidence = f"{model.header}-Limit says {model.limit}, and its Reset was {period_s:g} s away at most"
        return True

    def counter_s(self, belief: Belief) -> float | None:
        """Return the period of a sliding counter, if `belief` or another limit of the same header is
        known to be one.
        """
        model = belief.model
        if model is None or model.counter_s() is not None:
            return None if model is None else model.counter_s()
        kin = (other.model for other in self.all.values())
        counts = any(o is not None and o.header == model.header and o.counter_s() is not None for o in kin)
        return model.period_s if counts else None

    def _count(self, belief: Belief, period_s: float) -> bool:
        if "counter" in belief.kinds:
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled, belief.kinds = True, ("counter",)
        belief.evidence += f"; its Reset is up to two periods of {period_s:g} s ahead, so it is a sliding counter"
        return True

    @staticmethod
    def _shows_period(model: HeaderModel, kin: bool | None) -> bool:
        """Return whether resets show the period before any turn: always a whole window away, or by the
        very first one.
        """
        as_far = (model.first_reset_s or 0.0) > model.longest_reset_s - ROUNDED_UP_S
        if model.is_log(kin):
            return as_far and model.least == 0
        # A window that opened with our first request lasts until its reset; where half of a bucket is used its reset
        # has run away from the first.
        used = model.limit is not None and model.last is not None and 2 * model.last.remaining <= model.limit
        return model.fresh and used and as_far and not model.reset_pattern.grows

    def kin(self, belief: Belief) -> bool | None:
        """Return whether another limit of the same header counts as a log; None where that is not known of any."""
        others = (other.model for other in self.all.values() if other is not belief)
        known = [
            o.reset_pattern.moves for o in others if o is not None and belief.model and o.header == belief.model.header
        ]
        return True if True in known else False if False in known else None

    def ends(self, quota: Quota, sent_s: float, now: float) -> tuple[float, float]:
        """Return between which times the window ends by this answer, if its reset is rounded up."""
        reset_s = quota.reset_s or 0.0
        if quota.reset_utc_s is None or not self.clock.known:
            return sent_s + reset_s - ROUNDED_UP_S, now + reset_s
        low, high = self.clock.bounds(now)
        return quota.reset_utc_s - 1 - high, quota.reset_utc_s - low

    def measure(self, model: HeaderModel, quota: Quota, ends: tuple[float, float]) -> None:
        """Measure a window: with nothing in flight the count of what is used leads back to the request
        that opened it.
        """
        used = None if self._history.in_flight else model.used
        if model.period_s is not None or used is None or (model.spans_s is not None and 4 * used > (quota.limit or 0)):
            return
        opener = len(self._history) - used
        reset_s = quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not 0 < used <= len(self._history):
            return
        slack_s = self._trust.slack_s.get(f"{model.header}-Reset", 0.0)
        low_s = ends[0] - self._history.answered[opener]
        high_s = ends[1] + slack_s - self._history.earliest_sent(opener)
        model.span(max(0.0, low_s), high_s)
