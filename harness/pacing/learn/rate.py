"""Collect the limits that refusals showed, and search for a rate where room comes back bit by bit.

Limits are found, told apart from one another, and corrected. The pauses so far show whether what refuses is a limit
whose room comes back bit by bit; then its rate is searched for.
"""

from __future__ import annotations

import math

from harness.pacing.base import Grant, Later, LearnedFact, Quota, TierStatistics
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.explain import Explanation
from harness.pacing.learn.headers import Headers
from harness.pacing.learn.history import History
from harness.pacing.learn.prior import Trust, roundness
from harness.pacing.learn.refill import UNDER, Emptied, Refill
from harness.pacing.tiers import Kind, Tier

# Limits this close are the same one, counted once with and once without what was on its way.
ALIKE = 0.03
ROUND = 2


class Inferred:
    """Beliefs that do not come from headers."""

    def __init__(self, history: History, headers: Headers, trust: Trust) -> None:
        self._history = history
        self._headers = headers
        self._trust = trust
        self.beliefs: list[Belief] = []

    def remember(self, tier: Tier) -> None:
        """Remember a limit that an earlier run learned."""
        why = "learned by an earlier run"
        kinds: tuple[Kind, ...] = ("counter",) if tier.kind == "counter" else ()
        belief = Belief(tier.limit, tier.period_s, tier.period_s, "remembered", why, kinds, told=True)
        belief.shut_s = tier.period_s
        self.beliefs.append(belief)

    def forget_short(self, shut_s: float) -> None:
        """Drop windows that were shut no longer than `shut_s`: they were pauses of one bucket."""
        learned = [belief for belief in self.beliefs if belief.source == "refusal"]
        self.beliefs = [belief for belief in self.beliefs if belief not in learned or belief.shut_s > shut_s]

    def lengthen(self, refused_s: float, shut_until_s: float, explained: int) -> Belief | None:
        """Return the belief that a refusal disproves, if the period that it had before would have prevented it, and
        would have been over by when it was let in again; not where `explained` requests make a limit of their own.
        """
        for belief in self.beliefs:
            # All that was let through in windows of L is a multiple of it; another round number is another limit.
            if explained % belief.limit and roundness(explained) >= ROUND:
                continue
            for period_s in reversed(belief.longer_s):
                if self._history.opens_after(refused_s, period_s, belief.limit) > shut_until_s:
                    belief.lengthen(period_s)
                    return belief
        return None

    def adopt(self, explanations: list[Explanation], told: bool, shut_s: float) -> tuple[Belief, str | None]:
        """Return the belief that the most plausible explanation makes or corrects, and the header that
        this disproves.
        """
        found = next((each for each in explanations if self._mends(each)), explanations[0])
        strangers = self._headers.explains(found.limit, found.low_s, found.high_s)
        if strangers is not None:
            strangers.evidence += f"; refused after {found.limit:,}, so others use it too"
            return strangers, None
        how = "the server named a time" if told else "requests got through again"
        counted = f"{found.limit - found.refused:,} accepted" + (
            f" and {found.refused:,} refused" if found.refused else ""
        )
        evidence = f"refused after {counted} requests; {how} {found.high_s:.3g} s after the first"
        belief = self._alike(found)
        if belief is not None:
            belief.shut_s = max(belief.shut_s, shut_s)
            return belief, self._correct(belief, found, told, evidence)
        belief = Belief(found.limit, found.low_s, found.period_s, "refusal", evidence, found.kinds, told=told)
        belief.blur_s, belief.shut_s = self._history.blur_s(), shut_s
        if not told:
            belief.narrow()
        self.beliefs.append(belief)
        return belief, None

    def _mends(self, found: Explanation) -> bool:
        """Return whether this is a limit that is kept to already, with a period that was taken for a
        little too short.
        """
        return bool(found.kinds) and any(
            _same_count(belief, found) and belief.high_s <= found.high_s <= 1.5 * belief.high_s
            for belief in self.beliefs
        )

    def _alike(self, found: Explanation) -> Belief | None:
        """Return the belief that this is about: as many in another period, or another count in the same period."""
        for belief in (*self._headers.beliefs.values(), *self.beliefs):
            if _same_count(belief, found):
                return belief
        return next(
            (b for b in self.beliefs if found.low_s < b.high_s * 1.02 and b.high_s <= found.high_s * 1.02), None
        )

    def _correct(self, belief: Belief, found: Explanation, told: bool, evidence: str) -> str | None:
        """Correct `belief` to the tighter count and longer period; return the header that this disproves, if that is
        new.
        """
        belief.contradicted += 1
        belief.limit = min(belief.limit, found.limit)
        belief.low_s, belief.high_s = found.low_s, max(found.period_s, belief.high_s if belief.settled else 0.0)
        belief.kinds, belief.evidence, belief.told, belief.settled = found.kinds, evidence, told, True
        model = belief.model
        if model is None or model.last is None or model.last.remaining <= len(self._history.in_flight):
            return None
        header, left = f"{model.header}-Remaining", model.last.remaining
        if not self._trust.drop(header, f"refused while it said {left} were left"):
            return None
        self._headers.forget_counts()
        return header


def _same_count(belief: Belief, found: Explanation) -> bool:
    return abs(belief.limit - found.limit) <= max(1, ALIKE * belief.limit)


# A pause no longer than this, the least that Retry-After can say and a little, says that something refills steadily.
SHORT_S = 1.25
# Windows shorter than this are nobody's choice: what lets in again so soon refills.
WINDOW_S = 0.9
# Windows whose rate is so near to the one that is found are a sliding counter's, if they were shut for long: a bucket
# of that depth would have been open again at once.
SAME_RATE = 0.12
# A count this round may be a counter's limit, although its window was over at once.
ROUND = 2


class RateSearch:
    """At most one rate, and the pauses that were over at once."""

    def __init__(self, history: History, found: Inferred) -> None:
        self._history = history
        self._inferred = found
        self.search: Refill | None = None
        self.counts = False  # the rate is that at which the windows that were found let in: they are sliding counters
        self._short: Emptied | None = None
        self._told_rate = math.inf
        self._why = ""
        self._windows: list[tuple[int, float]] = []  # that were believed, and are not a bucket's if round
        self._window: Belief | None = None  # found since the last refusal
        self._new_facts: list[LearnedFact] = []

    def later(self, now: float, cost: int) -> Later | None:
        return None if self.search is None else self.search.later(now, cost)

    def sent(self, now: float, cost: int) -> None:
        if self.search is not None:
            self.search.sent(now, cost)

    def accepted(self, grant: Grant) -> None:
        search = self.search
        if search is None:
            return
        search.accepted(grant.at, len(self._history))
        if search.held > 1.01 * self._told_rate:
            self._tell()

    def explains(self, pause: Emptied, length_s: float) -> bool:
        """Return whether a rate explains this: refused again and again, and each time let in again at once, as no
        window does.
        """
        if length_s > SHORT_S:
            return False
        if self.search is not None:
            self._again(self.search, pause)
            return True
        before, self._short = self._short, pause
        # One or two at a time are no window that anybody would choose, nor are 13 a second.
        if before is None and pause.accepted > 2 and roundness(pause.accepted) > 0:
            return False
        search = self._begin(before or pause)
        if before is not None:
            search.refused(pause, paced=False)
        self._tell()
        return True

    def _again(self, search: Refill, pause: Emptied) -> None:
        """Learn from one more refusal: too fast, or a window that was found meanwhile is a counter's, which lets in
        less.
        """
        belief, self._window = self._window, None
        since = pause.accepted - search.last.accepted
        search.refused(pause)
        if belief is not None and since < belief.limit / 2:
            search.slow_down((belief.limit - 1) / belief.high_s)
        self._tell()

    def found(self, belief: Belief) -> None:
        """Note that a window was found."""
        if self.search is not None:
            self._window = belief

    def loosen(self, belief: Belief) -> None:
        """Search for a rate instead: a window of `belief` was shorter than anybody would choose. So many a second at
        least.
        """
        now = self._history.answered[-1]
        first_s = belief.high_s
        pause = Emptied(now - first_s, now, now, len(self._history))
        self.search = Refill(pause, 0.0, self._rates, low=belief.limit / first_s)
        self.search.no_burst(belief.limit)
        self._tell()

    def one_by_one(self, quota: Quota) -> None:
        """Search for an even rate, for headers say that nothing is left after each request: as often as was seen or is
        told.
        """
        sent = self._history.sent
        pause = Emptied(sent[-2], sent[-1], self._history.answered[-1], len(self._history))
        self.search = Refill(pause, 0.0, self._rates)
        if quota.limit is not None and quota.period_s is not None:
            self.search = Refill.known(UNDER * quota.limit / quota.period_s, 1, self._rates)
            self.search.sent(sent[-1], 1)
        self.search.no_burst(1)
        self._why = f"{quota.header}-Remaining was 0 after every single request, so they must come evenly; "
        self._tell()

    def recall(self, pause: Emptied | None) -> None:
        """Remember a pause that was over at once and has been put down to something else, wrongly."""
        self._short = self._short or pause

    def forget(self) -> None:
        """Forget the rate: one got through long before it would have."""
        self.search, self.counts, self._short = None, False, None

    def _begin(self, pause: Emptied) -> Refill:
        first_s = pause.closed_s - (self._history.sent[0] if len(self._history) else pause.closed_s)
        self._windows = [(b.limit, b.high_s) for b in self._inferred.beliefs if roundness(b.limit) >= ROUND]
        self._inferred.forget_short(SHORT_S)
        self.search = Refill(pause, first_s, prefer=self._rates)
        return self.search

    def _rates(self) -> list[float]:
        """Return the rates of windows that were found: a sliding counter lets one less than its limit
        through in each.
        """
        likely = [(belief.limit, belief.high_s) for belief in self._inferred.beliefs] + self._windows
        return [(limit - 1) / period_s for limit, period_s in likely if limit > 1]

    def remember(self, tier: Tier) -> None:
        """Remember a rate that an earlier run found: of a bucket, or of a counter, which lets its limit through at
        first.
        """
        counter = tier.kind == "counter"
        rate = max(0.5, tier.limit - 1 if counter else tier.limit) / tier.period_s
        if self.search is None or rate < self.search.rate:
            self.search = Refill.known(UNDER * rate, tier.limit if counter else tier.depth, self._rates)
            self.counts = counter

    def _tell(self) -> None:
        search = self.search
        assert search is not None
        self._told_rate = max(search.held, search.rate)
        often = f"refused {search.refusals} times; requests got through again at once"
        shown = f"{often}: {search.rate:.3g} a second get through"
        evidence = self._why + shown
        counters = self._counters(search)
        self.counts = bool(counters)
        if not counters:
            self._new_facts.append(LearnedFact(str(search.tier), "bucket", evidence, "fair"))
        for belief in counters:
            before = belief.tier
            if belief.kinds != ("counter",):
                belief.kinds = ("counter",)
                belief.evidence += f"; then {evidence}, so room comes back in proportion"
            if belief.is_rate and search.held:
                belief.narrow_to((belief.limit - 1) * UNDER / search.held)
            if belief.tier != before:
                self._new_facts.append(LearnedFact(str(belief.tier), "counter", belief.evidence, belief.trust))

    def _counters(self, search: Refill) -> list[Belief]:
        """Return the windows that the rate shows to be a sliding counter's: shut for long, and the slowest of just that
        rate.
        """
        shut = [belief for belief in self._inferred.beliefs if belief.shut_s >= SHORT_S]
        slowest = min(shut, key=lambda belief: belief.limit / belief.high_s, default=None)
        if search.depth > 1 or slowest is None:
            return []
        rate = search.rate
        low = (1 - SAME_RATE) * slowest.limit / slowest.high_s
        high = (1 + SAME_RATE) * slowest.limit / (slowest.high_s if slowest.told else max(0.1, slowest.low_s))
        return shut if low <= rate <= high else []

    def tiers(self) -> list[Tier]:
        """Return the rate as a limit, where it is one of its own."""
        return [] if self.search is None or self.counts else [self.search.tier]

    def statistics(self, now: float) -> list[TierStatistics]:
        return [] if self.search is None or self.counts else [self.search.statistics(now)]

    def new_facts(self) -> list[LearnedFact]:
        fresh, self._new_facts = self._new_facts, []
        return fresh

    def sentences(self) -> list[str]:
        if self.search is None:
            return []
        return [f"{self.search.rate:.3g} a second, as {'the counters let through' if self.counts else 'a bucket'}"]
