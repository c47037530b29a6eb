"""The `auto` strategy: told nothing, it learns which limits hold, from headers and from refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from harness.errors import NeverFits
from harness.pacing.base import Grant, Later, LearnedFact, Notice, Outcome, Statistics
from harness.pacing.learn.belief import declared
from harness.pacing.learn.headers import Headers
from harness.pacing.learn.history import History
from harness.pacing.learn.learning import SERVER_ERROR, Learner
from harness.pacing.learn.prior import Trust
from harness.pacing.tiers import Tier, Tiers


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
        self._history = History(linger_s)
        self._trust = Trust()
        self._headers = Headers(self._history, self._trust)
        self._learner = Learner(self._history, self._headers, self._trust)
        self._declared = [declared(tier, rtt_floor_s) for tier in tiers]
        self._learner.declared = bool(tiers)
        for tier in remembered:
            self._learner.remember(tier)
        self._heard = bool(remembered)

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant, or the limit that opens last. NeverFits where `cost` exceeds a declared limit."""
        later = self._first(now) or self._latest(self._laters(now, cost))
        if later is not None:
            return later
        grant = Grant(now, cost)
        self._learner.granted(grant, now)
        self._history.send(grant)
        return grant

    def overrule(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant, or the declared limit that opens last; what was learned is not asked."""
        later = self._latest(self._declared_laters(now, cost))
        if later is not None:
            return later
        self._learner.overruled(now, cost)
        grant = Grant(now, cost)
        self._learner.granted(grant, now)
        self._history.send(grant)
        return grant

    def belied(self, grant: Grant, now: float) -> None:
        """Correct what would have kept `grant` waiting."""
        self._learner.belied(grant)

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server itself named for the learned limit `tier`."""
        return self._learner.named_s(tier)

    def _first(self, now: float) -> Later | None:
        return Later(None, "in flight") if not self._heard and self._history.in_flight else None

    def _laters(self, now: float, cost: int) -> Iterable[Later]:
        yield from self._declared_laters(now, cost)
        yield from self._learner.laters(now, cost)

    def _declared_laters(self, now: float, cost: int) -> Iterable[Later]:
        for belief in self._declared:
            if cost > belief.limit:
                ask = "raise the limit or lower the cost"
                raise NeverFits(f"a request of cost {cost} never fits into {belief.tier}; {ask}")
            if not belief.fits(now, cost, self._history):
                at = belief.opens_at(now, cost, self._history)
                yield Later(at, "in flight" if at is None else "limit", belief.tier)

    @staticmethod
    def _latest(laters: Iterable[Later]) -> Later | None:
        """Return the one in the way longest; what waits for an answer counts as longest of all."""
        latest: Later | None = None
        for later in laters:
            if later.until is None:
                return later
            if latest is None or latest.until is None or later.until > latest.until:
                latest = later
        return latest

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        """Take in what became of a request; after a refusal return until when (absolute) everyone is to pause."""
        true_cost = grant.cost if cost is None else cost
        self._history.end(grant)
        self._heard = self._heard or outcome is not Outcome.UNUSED
        if outcome is Outcome.LOST:
            self._history.lose(now, true_cost)
        until = None
        if outcome is Outcome.REFUSED:
            until = self._learner.refused(grant, now, notice)
            if notice is not None and notice.status >= SERVER_ERROR and self._learner.explains_overload():
                self._history.accept(grant.at, now, true_cost)
        elif outcome is Outcome.ANSWERED:
            self._history.accept(grant.at, now, true_cost)
            self._learner.accepted(grant, now, notice)
        else:
            self._learner.unanswered(grant)
        self._learner.settled(grant, now, outcome, true_cost)
        return until

    def expect(self, requests: int) -> None:
        """Note how many requests are still to be sent, beyond those in flight."""
        self._learner.expect(requests)

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        """Take in what doubtful refusals turned out to be: `limit`, or `own`, the fault of the requests themselves."""
        self._learner.resolved(reason)

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that the server counted at `at` or before."""
        self._history.accept(at, at, cost)

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Declare these limits from now on; what was learned stays, and the tighter wins."""
        self._declared = [declared(tier, self._rtt_floor_s) for tier in tiers]
        self._learner.declared = bool(tiers)

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what was learned since this was last asked."""
        return self._learner.new_facts()

    def learned(self) -> Tiers:
        """Return the limits worth keeping for the next run: those that are settled, and a rate that was searched."""
        return tuple(self._learner.keep())

    def statistics(self, now: float) -> Statistics:
        declared = [belief.statistics(now, self._history) for belief in self._declared]
        tiers = (*declared, *self._learner.statistics(now))
        return Statistics(self.name, len(self._history.in_flight), tiers, self._learner.sentences())
