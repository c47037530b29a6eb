"""Learn from refusals: a second of silence is worth more than a hundred requests."""

from __future__ import annotations

from collections.abc import Iterator

from harness.pacing.base import Grant, Later, LearnedFact, Notice, Outcome, TierStatistics
from harness.pacing.learn.admission import Admission, LearnedConcurrency
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.explain import explain
from harness.pacing.learn.headers import Headers
from harness.pacing.learn.history import History
from harness.pacing.learn.pause import Pause
from harness.pacing.learn.prior import Trust, says_why
from harness.pacing.learn.probe import PeriodProbe
from harness.pacing.learn.rate import WINDOW_S, Inferred, RateSearch
from harness.pacing.learn.refill import Emptied
from harness.pacing.learn.refusal_cost import RefusalCost
from harness.pacing.tiers import Tier

SERVER_ERROR = 500


class Learner:
    """Beliefs, the pause that a refusal began, and the probes that sharpen what is believed."""

    def __init__(self, history: History, headers: Headers, trust: Trust) -> None:
        self._history = history
        self._headers = headers
        self._trust = trust
        self._ruled = headers.limiters
        self._admission = Admission(headers, history, trust)
        self._inferred = Inferred(history, headers, trust)
        self._probe = PeriodProbe(history)
        self._refusal_cost = RefusalCost(history)
        self._pause: Pause | None = None
        self._unproven: tuple[Pause, Grant, float, int] | None = None  # what a doubtful pause would teach
        self._limits_refuse_so = False  # refusals without a word were found to be a limit's
        self._refuses_otherwise = False  # a status below 500 has refused
        self._concurrency = LearnedConcurrency(history)
        self._rate = RateSearch(history, self._inferred)
        self._opened_s: float | None = None
        self._new_facts: list[LearnedFact] = []
        self._overruled_rate = False
        self._overruled: list[tuple[Belief, float]] = []  # in the way of the last look, and when their windows opened
        self.declared = False  # limits are known without learning

    # --- what is believed -----------------------------------------------------------------------------------------

    @property
    def beliefs(self) -> list[Belief]:
        """Return all beliefs, those of headers first."""
        return [*self._headers.beliefs.values(), *self._inferred.beliefs]

    def remember(self, tier: Tier) -> None:
        """Remember a limit that an earlier run learned."""
        if tier.kind in ("counter", "gcra", "bucket", "leaky"):
            self._rate.remember(tier)
        if tier.kind not in ("gcra", "bucket", "leaky"):
            self._inferred.remember(tier)

    def keep(self) -> list[Tier]:
        """Return what is worth remembering: settled limits, and a rate that was searched."""
        return list(dict.fromkeys([belief.tier for belief in self.shown()] + self._rate.tiers()))

    def statistics(self, now: float) -> list[TierStatistics]:
        """Return how full each limit is."""
        return [*(b.statistics(now, self._history) for b in self.shown()), *self._rate.statistics(now)]

    def shown(self) -> list[Belief]:
        return [belief for belief in self.beliefs if belief.settled]

    def sentences(self) -> tuple[str, ...]:
        told = [f"{b.tier} ({b.source}, trust {b.trust}): {b.evidence}" for b in self.shown()]
        shared = [f"{b.tier} is shared with others" for b in self.beliefs if self._headers.is_shared(b)]
        return (
            *told,
            *shared,
            *self._concurrency.sentences(),
            *self._rate.sentences(),
            *self._refusal_cost.sentences(),
            *self._trust.sentences(),
        )

    def new_facts(self) -> tuple[LearnedFact, ...]:
        fresh, self._new_facts = (*self._new_facts, *self._rate.new_facts(), *self._refusal_cost.new_facts()), []
        return fresh

    def _tell(self, belief: Belief) -> None:
        kinds = "/".join(belief.kinds) or "any"
        self._new_facts.append(LearnedFact(str(belief.tier), kinds, belief.evidence, belief.trust))

    def _tell_trust(self, header: str) -> None:
        why = self._trust.dropped.get(header)
        said = f"{header} is no longer trusted: {why}" if why else f"{header} is rounded down"
        self._new_facts.append(LearnedFact("", "trust", said, "none" if why else "fair"))

    # --- may it go? -----------------------------------------------------------------------------------------------

    def laters(self, now: float, cost: int) -> Iterator[Later]:
        """Yield what is in the way of `cost` more, by each belief."""
        probing = self._probe.in_the_way()
        if probing is not None:
            yield probing
            return
        trying = self._refusal_cost.in_the_way()
        if trying is not None:
            yield trying
            return
        crowded = self._concurrency.later()
        if crowded is not None:
            yield crowded
        ahead = self._admission.ahead(cost)
        if ahead is not None:
            yield ahead
        for belief in self._headers.beliefs.values():
            later = self._admission.later(belief, now, cost)
            if later is not None:
                yield later
        for belief in self._inferred.beliefs:
            later = None if belief.fits(now, cost, self._history) else self._full(belief, now, cost)
            if later is not None:
                yield later
        searched = self._rate.later(now, cost)
        if searched is not None:
            yield searched

    def _full(self, belief: Belief, now: float, cost: int) -> Later | None:
        """Return how long a limit without headroom makes `cost` wait: until it opens, unless one goes ahead to learn
        something.
        """
        if not self._history.charging:
            return self._probe.later(belief, now, cost)
        if self._refusal_cost.may_try(belief, now, cost):
            return None
        at = belief.opens_at(now, cost, self._history)
        return Later(at, "in flight" if at is None else "limit", belief.tier)

    def granted(self, grant: Grant, now: float) -> None:
        """Note that this request goes: it may be the probe of a period."""
        self._concurrency.sent(grant)
        self._refusal_cost.sent(grant)
        self._rate.sent(now, grant.cost)
        self._probe.granted(grant, now)
        self._ruled.granted(grant.cost)
        self._admission.left -= 1

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server's headers named for the limit that is shown as `tier`."""
        models = [belief.model for belief in self._headers.beliefs.values() if belief.tier == tier]
        return max((model.named_s for model in models if model is not None), default=0.0)

    def overruled(self, now: float, cost: int) -> None:
        """Note that a request goes to look whether the beliefs in its way are true."""
        history = self._history
        in_the_way = [b for b in self.beliefs if b.settled and history.used(now, b.span_s) + cost > b.limit]
        openers = [max(0, len(history) - history.used(now, belief.span_s)) for belief in in_the_way]
        times = [history.earliest_sent(opener) if opener < len(history) else now for opener in openers]
        self._overruled = list(zip(in_the_way, times))
        self._overruled_rate = self._rate.later(now, cost) is not None

    def belied(self, grant: Grant) -> None:
        """Correct the beliefs that would have blocked `grant`, which got through; drop one that is
        proved wrong twice.
        """
        for belief, opened_s in self._overruled:
            passed_s = max(0.001, grant.at - opened_s)
            if belief.high_s <= passed_s or belief.belied > 1:
                self._inferred.beliefs = [other for other in self._inferred.beliefs if other is not belief]
                belief.settled = belief.model is None and belief.settled
            belief.belied += 1
            belief.low_s, belief.high_s = min(belief.low_s, passed_s), min(belief.high_s, passed_s)
            belief.evidence += f"; a request that it would have blocked got through after {passed_s:.3g} s"
            if belief.model is not None:
                belief.model.most_s = min(belief.model.most_s, passed_s)
            self._tell(belief)
        if self._overruled_rate:
            self._rate.forget()
        self._overruled, self._overruled_rate = [], False

    def expect(self, requests: int) -> None:
        """Note how many requests are still to be sent."""
        self._admission.left = requests

    # --- what became of it ----------------------------------------------------------------------------------------

    def settled(self, grant: Grant, now: float, outcome: Outcome, cost: int) -> None:
        """Settle the rules of limits whose way of counting is known, after all that an answer taught."""
        self._ruled.settled(outcome, now, grant.at, grant.cost, cost)
        for belief in self._headers.beliefs.values():
            if belief.kinds == ("counter",):
                self._ruled.keep_counter(belief, self._headers.periods.clock, now)

    def accepted(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """Learn from an answer: its headers, and perhaps the end of a pause or of a test."""
        self._concurrency.accepted(grant)
        self._refusal_cost.accepted(grant)
        if self._opened_s is None:
            self._opened_s = grant.at
        self._read(grant, now, notice)
        probed = self._probe.passed(grant, now)
        if probed is not None:
            self._opened_s = grant.at
            self._tell(probed)
            self._loosen(probed)
        if self._pause is None:
            self._rate.accepted(grant)
        if self._pause is not None and self._pause.is_probe(grant):
            self._conclude(self._pause, grant, now)

    def _read(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """Learn what the headers of an answer say of limits, and of headers."""
        before = len(self._trust.dropped)
        for belief in self._headers.read(notice, grant.at, now):
            self._tell(belief)
        single, self._headers.single = self._headers.single, None
        if single is not None:
            self._rate.one_by_one(single)
        for header in list(self._trust.dropped)[before:]:
            self._tell_trust(header)

    def _loosen(self, belief: Belief) -> None:
        """Let in again in no time: that is no window but something that refills, and its rate is searched."""
        if belief.high_s < WINDOW_S and belief in self._inferred.beliefs:
            self._inferred.beliefs.remove(belief)
            self._rate.loosen(belief)

    def resolved(self, reason: str) -> None:
        """Note what doubtful refusals turned out to be: `limit`, and then they teach, or `own`, and they do not."""
        pending, self._unproven = self._unproven, None
        self._limits_refuse_so = reason == "limit"
        if pending is not None and self._limits_refuse_so:
            self._learn_from(*pending)

    def explains_overload(self) -> bool:
        """Return whether a 5xx is no refusal by a limit: where limits are known, or refuse with another status, it is
        not.
        """
        return self.declared or self._refuses_otherwise or self._headers.names_limits()

    def unanswered(self, grant: Grant) -> None:
        """Note that a request was lost, or never sent."""
        self._concurrency.ended(grant)
        self._probe.ended(grant)

    def refused(self, grant: Grant, now: float, notice: Notice | None) -> float:
        """Take in a refusal; return until when (absolute) everyone is to pause."""
        others = self._concurrency.ended(grant)
        tried = self._refusal_cost.refused(grant, now)
        self._read(grant, now, notice)
        pause = self._pause
        if pause is None and self._opened_s is not None and grant.at < self._opened_s:
            return self._stale(grant, now, notice)
        suspected = notice is not None and notice.doubtful and not says_why(notice)
        if pause is None:
            opened_s = grant.at if self._opened_s is None else self._opened_s
            pause = self._pause = Pause(now, grant.at, opened_s, self._trust, first_s=grant.at, in_flight=others)
            self._concurrency.refused(others)
            pause.patient = self._history.charging
            blamed = tried or self._probe.refused(grant)
            if blamed is not None:
                self._blame(pause, grant, blamed)
        elif pause.is_probe(grant):
            if pause.blamed is not None and pause.blamed is not tried:
                pause.blamed.acquit()  # its period is over, and yet it is shut
                pause.blamed = None
            if pause.promised is not None and self._trust.too_short(pause.promised):
                self._tell_trust(pause.promised)
        belied = self._trust.weigh(notice)
        if belied is not None:
            self._tell_trust(belied)
        pause.refusals += 1
        pause.last_s = now
        pause.suspected = suspected
        pause.doubtful = notice is not None and notice.status != 429
        if notice is None or notice.status < SERVER_ERROR:
            pause.overload, self._refuses_otherwise = False, True
        return self._pause_until(pause, grant, now, notice)

    def _stale(self, grant: Grant, now: float, notice: Notice | None) -> float:
        """Return how long to wait after a refusal sent before the probe that got through: old news, but what it names
        counts.
        """
        if notice is None or notice.retry_after_s is None:
            return now
        wait_s = self._trust.wait_s(notice.waited_by, notice.retry_after_s)
        return now if wait_s is None else max(now, grant.at + wait_s)

    def _pause_until(self, pause: Pause, grant: Grant, now: float, notice: Notice | None) -> float:
        """Return until when to pause: as told, else the next guess; shortly, for a limit on what is in flight."""
        search = self._rate.search
        crowded = self._concurrency.is_crowded(pause.in_flight)
        return pause.refused(grant, now, notice, crowded, None if search is None else search.pause_s)

    def _blame(self, pause: Pause, grant: Grant, belief: Belief) -> None:
        """Blame a refusal in a test: the period is longer than that, or refusals count."""
        self._tell(belief)
        pause.blame(belief, belief.opens_at(grant.at, 1, self._history))

    def _conclude(self, pause: Pause, probe: Grant, now: float) -> None:
        """Conclude what a pause tells, now that a probe got through. Where it is in doubt whether it was a limit's,
        that shows.
        """
        self._pause = None
        self._opened_s = probe.at
        accepted = len(self._history) - probe.cost
        if pause.suspected and not self._limits_refuse_so:
            self._unproven = pause, probe, now, accepted
        else:
            self._learn_from(pause, probe, now, accepted)

    def _learn_from(self, pause: Pause, probe: Grant, now: float, accepted: int) -> None:
        """Explain a pause that a limit made: `accepted` requests had been let through when its probe was."""
        emptied = Emptied(pause.first_s, probe.at, now, accepted)
        if pause.promised is None and pause.guesses == 0 and pause.probes == 0:
            learned = self._concurrency.learn(pause.in_flight, emptied)
            if learned is not None:
                self._new_facts.append(learned)
                return
        # A limit refuses all that is in flight; one of many that fails with 503 is a failure.
        alone = pause.doubtful and pause.refusals == 1 and pause.in_flight > 1 and self._rate.search is None
        overload = pause.overload and self.explains_overload()
        if pause.blamed is not None or alone or overload:
            return
        if self._headers.is_strangers(now - pause.began_s):
            return
        refusal = pause.refusal(accepted, now)
        if self._refusal_cost.explains(self._inferred.beliefs, pause.first_s, pause.opened_s):
            return
        self._rate.recall(self._concurrency.dropped)
        if self._rate.explains(emptied, probe.at - pause.last_s):
            return
        explanations = explain(self._history.sent, self._history.answered, refusal)
        explanations[:1] = [self._refusal_cost.rounded(found, pause.first_s) for found in explanations[:1]]
        explained = explanations[0].limit if explanations else 0
        longer = self._inferred.lengthen(pause.first_s, pause.closed_s, explained)
        if longer is not None:
            self._tell(longer)
            return
        if explanations:
            shut_s = refusal.closed_s - pause.first_s
            belief, belied = self._inferred.adopt(explanations, refusal.told, shut_s)
            self._rate.found(belief)
            self._tell(belief)
            if belied is not None:
                self._tell_trust(belied)
