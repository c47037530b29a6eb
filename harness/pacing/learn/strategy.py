"""The `auto` strategy: told nothing, it learns which limits hold, and lets `WindowPacer` enforce them.

To reserve is a query until it grants: what a grant would change is carried out with the grant alone, so that to ask
once or ten times comes to the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from heapq import merge
from typing import Literal

from harness.pacing.base import Grant, Later, LearnedFact, Notice, Outcome, Statistics
from harness.pacing.learn.claims import Claims
from harness.pacing.learn.experiments import Due
from harness.pacing.learn.hypotheses import Window
from harness.pacing.learn.learning import SERVER_ERROR, Learner
from harness.pacing.learn.levels import COUNTS_AS_BUCKET, Countings
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import Trust
from harness.pacing.limiters import Counted
from harness.pacing.tiers import Tier, Tiers, scaled
from harness.pacing.window import WindowPacer


class Enforcement(WindowPacer):
    """`window` for limits that are declared and learned. What others use is read from headers elsewhere."""

    _watches = False


class AutoPacer:
    """A strategy without any configuration. tiers: limits that were declared after all; the tighter wins.

    remembered: what an earlier run learned from the same host; kept to until it is contradicted. linger_s,
    rtt_floor_s: as for `WindowPacer`. Until the first answer there is one request in flight: what it says may be all
    there is to know.
    """

    name = "auto"

    def __init__(
        self, tiers: Tiers = (), linger_s: float = 30.0, rtt_floor_s: float = 0.0, remembered: Tiers = ()
    ) -> None:
        self._rtt_floor_s = rtt_floor_s
        self._seen = Observations(linger_s)
        self._trust = Trust()
        self._claims = Claims(self._seen, self._trust)
        self._learner = Learner(self._seen, self._claims, self._trust)
        self._window: WindowPacer = Enforcement((), linger_s, rtt_floor_s, self._claims.clock)
        self._declared = tiers
        self._latest_s = 0.0  # the last answer
        self._learner.declared = bool(tiers)
        for tier in remembered:
            self._learner.remember(tier)
        self._heard = bool(remembered)
        self._adopt(0.0)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant, or the limit that opens last. NeverFits where `cost` exceeds a limit."""
        later = self._first() or self._learner.later(now, cost)
        if later is not None and later.until is None:
            return later
        answer = self._window.reserve(now, cost)
        if later is None:
            return self._granted(answer, now, None) if isinstance(answer, Grant) else self._ask(answer, now, cost)
        if isinstance(answer, Grant):
            self._window.settle(answer, now, Outcome.UNUSED)
            return later
        return answer if answer.until is None or answer.until > (later.until or 0.0) else later

    def _ask(self, full: Later, now: float, cost: int) -> Grant | Later:
        """Return `full`, or leave for a request that asks something of the limit that is."""
        if self._has_room(full.tier, cost):
            kept = tuple(tier for tier in self._window.limits if not self._has_room(tier, cost))
            answer = self._window.past(now, cost, kept)
            return answer if isinstance(answer, Later) else self._granted(answer, now, None)
        asked = self._learner.question(full, now, cost)
        if asked is None or full.reason != "limit":
            return full
        at = asked.at if isinstance(asked, Due) else now
        if now < at:
            return full if full.until is not None and full.until <= at else Later(at, full.reason, full.tier)
        if self._seen.in_flight:
            return full
        grant = self._window.past(now, cost, self._declared)
        return grant if isinstance(grant, Later) else self._granted(grant, now, asked)

    def _has_room(self, tier: Tier | None, cost: int) -> bool:
        """Return whether headers say that there is room in a limit that was not declared, whatever our count says."""
        return tier is not None and tier not in self._declared and self._learner.has_room(tier, cost)

    def _granted(self, grant: Grant, now: float, asked: Due | Window | None) -> Grant:
        self._learner.granted(grant, now, asked)
        self._seen.send(grant)
        return grant

    def overrule(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant, or the declared limit that opens last; what was learned is not asked."""
        self._learner.overruled(now, cost)
        answer = self._window.past(now, cost, self._declared)
        return answer if isinstance(answer, Later) else self._granted(answer, now, None)

    def belied(self, grant: Grant, now: float) -> None:
        """Correct what would have kept `grant` waiting."""
        self._learner.belied(grant)
        self._follow(now)

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server itself named for the learned limit `tier`; inf for a declared one."""
        return math.inf if tier in self._declared else self._learner.named_s(tier)

    def _first(self) -> Later | None:
        return Later(None, "in flight") if not self._heard and self._seen.in_flight else None

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        """Take in what became of a request; after a refusal return until when (absolute) everyone is to pause."""
        self._latest_s = now
        true_cost = grant.cost if cost is None else cost
        self._seen.end(grant)
        self._heard = self._heard or outcome is not Outcome.UNUSED
        overload = (
            outcome is Outcome.REFUSED
            and notice is not None
            and notice.status >= SERVER_ERROR
            and self._learner.explains_overload()
        )
        counted = overload or (outcome is Outcome.REFUSED and self._seen.charging)
        spent = Outcome.ANSWERED if counted else Outcome.UNUSED if outcome is Outcome.REFUSED else outcome
        self._window.settle(grant, now, spent, notice, cost)
        until = None
        if outcome is Outcome.LOST:
            self._seen.lose(now, true_cost)
        if outcome is Outcome.REFUSED:
            until = self._learner.refused(grant, now, notice)
            if overload:
                self._seen.accept(grant.at, now, true_cost)
        elif outcome is Outcome.ANSWERED:
            self._seen.accept(grant.at, now, true_cost)
            self._learner.accepted(grant, now, self._told(notice))
        else:
            self._learner.unanswered(grant)
        self._follow(now)
        return until

    def _told(self, notice: Notice | None) -> Notice | None:
        """Return what is read of an answer that was let through."""
        return notice

    def _follow(self, now: float) -> None:
        """Enforce what is believed, if that has changed."""
        if self._learner.changed:
            self._adopt(now)

    def _adopt(self, now: float) -> None:
        self._learner.changed = False
        learned = self._scaled(self._learner.enforced())
        tiers = tuple(dict.fromkeys((*self._declared, *learned)))
        # A bucket that was drained at the start may still show it: its record is the whole.
        spans = (math.inf if tier.kind in ("bucket", "gcra") else 2 * tier.period_s for tier in tiers)
        longest_s = max(spans, default=0.0) + 1.0
        self._window.adopt(tiers, now, *self._record(now - longest_s), self._learner.paced())

    def _scaled(self, tiers: Tiers) -> Tiers:
        return tiers

    def _record(self, since_s: float) -> tuple[list[Counted], list[Counted]]:
        """Return what was answered, and what was lost, since then."""
        seen = self._seen
        answered = seen.answered[bisect_left(seen.answered, since_s) :]
        counted = merge(answered, seen.refused_since(since_s)) if seen.charging else answered
        return [(at, 1) for at in counted], [(at, 1) for at in seen.lost]

    def common(self, now: float) -> WindowPacer:
        """Return a strategy for what was declared: where each kind of request learns for itself, it is for all."""
        return self.keeping(self._declared, now)

    def keeping(self, tiers: Tiers, now: float) -> WindowPacer:
        """Return a strategy that keeps `tiers` and knows all that was sent."""
        kept = type(self._window)((), self._seen.linger_s, self._rtt_floor_s, self._claims.clock)
        kept.adopt(tiers, now, *self._record(-math.inf))
        return kept

    def alike(self) -> AutoPacer:
        """Return a strategy with the same settings that was told nothing so far."""
        return AutoPacer((), self._seen.linger_s, self._rtt_floor_s)

    def expect(self, requests: int) -> None:
        """Note how many requests are still to be sent, beyond those in flight."""
        self._learner.admission.left = requests
        self._window.expect(requests)

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        """Take in what doubtful refusals turned out to be: `limit`, or `own`, the fault of the requests themselves."""
        self._learner.resolved(reason)
        self._follow(self._latest_s)

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that the server counted at `at` or before."""
        self._seen.accept(at, at, cost)
        self._window.charge(at, cost)

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Declare these limits from now on; what was learned stays, and the tighter wins."""
        self._declared = tiers
        self._learner.declared = bool(tiers)
        self._adopt(now)

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what was learned since this was last asked."""
        return self._learner.new_facts()

    def learned(self) -> Tiers:
        """Return the limits worth keeping for the next run: those that are settled, and a rate that was searched."""
        return tuple(self._learner.keep())

    def statistics(self, now: float) -> Statistics:
        """Return the declared limits, those that headers tell, and those that refusals showed."""
        kept = self._window.statistics(now)
        claims = [claim for claim in self._learner.claims() if claim.refilling is None]
        told = tuple(claim.statistics(now, self._seen) for claim in claims)
        declared = tuple(tier for tier in kept.tiers if tier.tier in self._declared)
        learned = tuple(tier for tier in kept.tiers if tier.tier not in self._declared)
        return Statistics(self.name, kept.in_flight, (*declared, *told, *learned), self._learner.sentences())


class DeclaredPacer(AutoPacer):
    """`window` for declared limits, to the digit, until the server refuses within them; then it learns beside them.

    What is learned is enforced besides and never instead: a declared limit is not loosened. share: the part of what is
    learned that is used; declared limits are scaled already.
    """

    name = "window"

    def __init__(self, tiers: Tiers, linger_s: float = 30.0, rtt_floor_s: float = 0.0, share: float = 1.0) -> None:
        self._share = share
        super().__init__(tiers, linger_s, rtt_floor_s)
        self._window = WindowPacer(tiers, linger_s, rtt_floor_s)
        self._heard = True
        self._learns = False  # a refusal has come
        self._countings = Countings(tiers, self._seen)
        self._facts: list[LearnedFact] = []

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        if self._learns:
            return super().reserve(now, cost)
        answer = self._window.reserve(now, cost)
        if isinstance(answer, Grant):
            self._seen.send(answer)
        return answer

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        if self._learns or self._is_news(outcome, notice):
            if not self._learns:
                self._begin(now)
            return super().settle(grant, now, outcome, notice, cost)
        self._window.settle(grant, now, outcome, notice, cost)
        self._seen.end(grant)
        true_cost = grant.cost if cost is None else cost
        if outcome is Outcome.LOST:
            self._seen.lose(now, true_cost)
            self._countings.lost()
        elif outcome is not Outcome.UNUSED:  # a 5xx that refuses came after the limits had let it through
            self._seen.accept(grant.at, now, true_cost)
            self._count(grant, now, true_cost, notice)
        return None

    def _count(self, grant: Grant, now: float, cost: int, notice: Notice | None) -> None:
        """Tell once where the server counts a declared limit as a bucket."""
        tier = self._countings.read(grant.at, now, cost, notice)
        if tier is not None:
            why = "what its headers say is left grows all the time, as no window's does"
            self._facts.append(LearnedFact("", "bucket", f"{tier} {COUNTS_AS_BUCKET}: {why}", "high"))

    def new_facts(self) -> tuple[LearnedFact, ...]:
        facts, self._facts = self._facts, []
        return (*facts, *super().new_facts())

    def _told(self, notice: Notice | None) -> Notice | None:
        """Return the notice without its quotas: limits were declared, so that only refusals contradict them."""
        return replace(notice, quotas=()) if notice is not None and notice.quotas else notice

    def _is_news(self, outcome: Outcome, notice: Notice | None) -> bool:
        """Return whether this is a refusal by a limit that is not declared: where others use the key, none is news."""
        if outcome is not Outcome.REFUSED or not self._window.is_alone:
            return False
        return notice is None or notice.status < SERVER_ERROR

    def _begin(self, now: float) -> None:
        """Begin to learn, with all that was sent."""
        self._learns = True
        self._learner.began(self._seen.sent[0] if len(self._seen) else None)

    def _scaled(self, tiers: Tiers) -> Tiers:
        return scaled(tiers, self._share)

    def alike(self) -> DeclaredPacer:
        """Return one without any limits, which learns from the start."""
        made = DeclaredPacer((), self._seen.linger_s, self._rtt_floor_s, self._share)
        made._learns = True
        return made

    def statistics(self, now: float) -> Statistics:
        return super().statistics(now) if self._learns else self._window.statistics(now)

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        if self._learns:
            super().set_tiers(tiers, now)
            return
        self._declared = tiers
        self._window.set_tiers(tiers, now)

    def charge(self, at: float, cost: int) -> None:
        self._seen.accept(at, at, cost)
        self._window.charge(at, cost)
