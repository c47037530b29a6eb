"""Learn from refusals: a pause becomes a closure, and the limits that explain all closures are what is kept to.

Nothing here lets a request wait: `strategy` hands what is believed to `WindowPacer`, which enforces it beside what was
declared. What is asked of headers is in `claims` and `admission`.
"""

from __future__ import annotations

from dataclasses import replace

from harness.pacing.base import Grant, Later, LearnedFact, Notice
from harness.pacing.learn.admission import Admission
from harness.pacing.learn.claim import Claim
from harness.pacing.learn.claims import Claims
from harness.pacing.learn.experiments import Due, Experiments, Question
from harness.pacing.learn.explain import openers
from harness.pacing.learn.facts import Facts, left_open
from harness.pacing.learn.hypotheses import SHORTEST_S, Closure, Window
from harness.pacing.learn.identify import Identifier, Model
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.pause import BEYOND, Pause
from harness.pacing.learn.prior import PERIODS, Trust, commonness, roundness
from harness.pacing.learn.refill import UNDER, Emptied, PacedLimiter, Refill
from harness.pacing.learn.refusal_cost import RefusalCost
from harness.pacing.shared_quota import Reading
from harness.pacing.tiers import Tier, Tiers

SERVER_ERROR = 500
# Windows of a count as round as this lend their rate to a search, and may be what was met in vain.
ROUND_ENOUGH = 2
# Where fewer were let through a knock is dear. At 11, limits of 5 and 10 that refusals count against gained a few per
# cent in the mean, but a list of 4/5s that they do not fell from 0.95 to 0.91, and 5/1s with a penalty overslept.
DEAR = 4
# So many let through with the most that is allowed in flight, then one more is tried: once it is refused, never again.
ENOUGH = 100
# Others who leave less than this part of a limit are taken for another limit.
LEFT = 0.3
# So many of the latest closures must be unexplained for others to be thought of: one may be of a limit that is unknown.
OTHERS, ENOUGH_OF_OTHERS = 4, 2
# So few were let through, by what is in flight, that it may be their number that is limited.
FEW_ROUNDS = 3


class Learner:
    """What is believed (`model`), the pause that a refusal began, and the questions that sharpen what is believed.

    changed: what is to be enforced is not what it was.
    """

    def __init__(self, seen: Observations, claims: Claims, trust: Trust) -> None:
        self._seen = seen
        self._claims = claims
        self._trust = trust
        self.admission = Admission(claims, seen)
        self._identifier = Identifier(seen, claims.clock)
        self.experiments = Experiments(seen)
        self._refusal_cost = RefusalCost(seen)
        self.model = Model()
        self.changed = False
        self.declared = False  # limits are known without learning
        self._search: Refill | None = None
        self._facts = Facts(trust)
        self._refilling: Tiers = ()  # limits that headers tell, as they were enforced last
        self._given_up: tuple[Window, ...] = ()  # windows in whose place a rate was believed
        self._short: Closure | None = None  # the last that was over at once
        self._pause: Pause | None = None
        self._unproven: Closure | None = None  # what a doubtful pause would teach
        self._limits_refuse_so = False  # refusals without a word were found to be a limit's
        self._refuses_otherwise = False  # a status below 500 has refused
        self._opened_s: float | None = None
        self._full = 0  # got through with as many in flight as are believed to be allowed
        self._tried_more = False
        self._said_left: dict[Claim, Reading | None] = {}  # what headers had said last when a pause began
        self._overruled: list[tuple[Window | Claim, float]] = []  # in the way of the last look, and since when

    def began(self, opened_s: float | None) -> None:
        """Begin to learn amid an import whose first request was sent then."""
        self._opened_s = opened_s

    # --- what is believed -----------------------------------------------------------------------------------------

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.model.windows

    def enforced(self) -> Tiers:
        """Return the limits that are to be enforced."""
        crowd = () if self.model.at_once is None else (Tier(self.model.at_once, 1.0, "concurrency"),)
        self._refilling = self._claims.limits()
        return (*dict.fromkeys((*(window.tier for window in self.windows), *self._refilling)), *crowd)

    def paced(self) -> tuple[PacedLimiter, ...]:
        """Return the rate that is to be enforced, if there is one."""
        return () if self._search is None else (PacedLimiter(self._search),)

    def remember(self, tier: Tier) -> None:
        """Keep to a limit that an earlier run learned."""
        if tier.kind in ("gcra", "bucket", "leaky"):
            rate = tier.limit / tier.period_s
            if self._search is None or rate < self._search.rate:
                self._search = Refill.known(UNDER * rate, tier.depth, self._rates)
            self.model = replace(self.model, rate=True)
        elif tier.kind == "concurrency":
            self.model = replace(self.model, at_once=tier.limit)
        else:
            kind = tier.kind if tier.kind in ("aligned", "counter") else "any"
            why = "learned by an earlier run"
            window = Window(tier.limit, tier.period_s, tier.period_s, why, "remembered", True, kind=kind)
            self.model = replace(self.model, windows=(*self.windows, window))
        self.changed = True

    def keep(self) -> list[Tier]:
        """Return what is worth remembering: settled limits, and a rate that was searched."""
        claimed = [claim.tier for claim in self.claims()]
        rate = [] if self._search is None else [self._search.tier]
        return list(dict.fromkeys([*claimed, *self.enforced(), *rate]))

    def claims(self) -> list[Claim]:
        """Return the limits that headers tell."""
        return [claim for claim in self._claims.all.values() if claim.settled]

    def sentences(self) -> tuple[str, ...]:
        shown: list[Claim | Window] = [*self.claims(), *self.windows]
        told = [f"{one.tier} ({one.source}, trust {one.trust}): {one.evidence}" for one in shown]
        shared = [f"{claim.tier} is shared with others" for claim in self.claims() if claim.is_shared]
        crowd = [] if self.model.at_once is None else [f"at most {self.model.at_once} in flight"]
        rate = [] if self._search is None else [f"{self._search.rate:.3g} a second, as a bucket"]
        return (
            *told,
            *shared,
            *crowd,
            *rate,
            *(self._left_open() or ()),
            *self._refusal_cost.sentences(),
            *self._trust.sentences(),
        )

    def _left_open(self) -> tuple[str, str] | None:
        """Return what else would explain the refusals, and what is asked next; None where no window is believed."""
        return left_open(self.model, self._identifier.rivals, self.experiments) if self.windows else None

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what was learned since this was last asked, and what it leaves open, where that has changed."""
        others = tuple(self._refusal_cost.new_facts())
        if not (others or self._facts.any):
            return ()
        return self._facts.take(self._left_open(), others)

    # --- may it go? -----------------------------------------------------------------------------------------------

    def later(self, now: float, cost: int) -> Later | None:
        """Return what is in the way of `cost` more, but for the limits that `WindowPacer` keeps."""
        asked = self.experiments.asked
        if asked is not None:
            return Later(None, "probe", asked.window.tier)
        return self._refusal_cost.in_the_way() or self.admission.later(now, cost)

    def has_room(self, tier: Tier, cost: int) -> bool:
        """Return whether headers say that there is room in the limit `tier`, whatever our count of it says."""
        units = self._seen.in_flight_cost + cost
        return any(claim.refilling == tier and claim.has_room(units) for claim in self._claims.all.values())

    def question(self, full: Later, now: float, cost: int) -> Due | Window | None:
        """Return what is to be asked of the limit that is full: a question about its period, or the limit itself where
        only refused requests fill it; None where nothing is. It changes nothing.
        """
        for window in self.windows:
            if window.tier == full.tier:
                if self._seen.charging and self._refusal_cost.may_try(
                    window, now, cost, self.experiments.opened_s(window)
                ):
                    return window
                return self.experiments.due(window, full.until)
        return None

    def granted(self, grant: Grant, now: float, asked: Due | Window | None) -> None:
        """Note that this request goes: it may be a question."""
        if isinstance(asked, Due):
            self.experiments.ask(grant, asked)
        elif asked is not None:
            self._refusal_cost.trial(grant, asked)
        self.admission.granted(now)

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server's headers named for the limit that is shown as `tier`."""
        claims = self._claims.all.values()
        return max([claim.named_s for claim in claims if claim.tier == tier], default=0.0)

    def overruled(self, now: float, cost: int) -> None:
        """Note that a request goes to look whether the beliefs in its way are true."""
        seen = self._seen
        shown: list[Claim | Window] = [*self.claims(), *self.windows]
        in_the_way = [one for one in shown if seen.used(now, one.span_s) + cost > one.limit]
        openers = [max(0, len(seen) - seen.used(now, one.span_s)) for one in in_the_way]
        times = [seen.earliest_sent(opener) if opener < len(seen) else now for opener in openers]
        self._overruled = list(zip(in_the_way, times))

    def belied(self, grant: Grant) -> None:
        """Correct the beliefs that would have blocked `grant`, which got through; drop one that is
        proved wrong twice.
        """
        for one, opened_s in self._overruled:
            passed_s = max(0.001, grant.at - opened_s)
            said = f"; a request that it would have blocked got through after {passed_s:.3g} s"
            if isinstance(one, Claim):
                one.belie(passed_s, said)
                self._facts.limit(one)
                continue
            rest = tuple(window for window in self.windows if window is not one)
            # What an earlier run learned holds no more, neither its period nor its count.
            if one.high_s > passed_s and one.belied < 2 and one.source != "remembered":
                shorter = replace(one, low_s=min(one.low_s, passed_s), high_s=passed_s, belied=one.belied + 1)
                self._believe(replace(self.model, windows=(*rest, replace(shorter, evidence=one.evidence + said))))
            else:
                self._believe(replace(self.model, windows=rest))
                self._facts.dropped(one, said)
        if self._search is not None and self._search.earliest(1) > grant.at:
            self._search = None
            self.model = replace(self.model, rate=False)
        self._overruled, self.changed = [], True

    # --- what became of it ----------------------------------------------------------------------------------------

    def accepted(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """Learn from an answer: its headers, and perhaps the end of a pause or of a question."""
        self._refusal_cost.accepted(grant)
        if self._opened_s is None:
            self._opened_s = grant.at
        self._read(grant, now, notice)
        asked = self.experiments.answered(grant)
        if asked is not None:
            self._opened_s = grant.at
            self._shortened(asked, now)
        if self._pause is None and self._search is not None:
            self._search.accepted(grant.at, len(self._seen))
            self._facts.risen(self._search)
        if self.model.at_once is not None:
            self._count_full(grant)
        if self._pause is not None and self._pause.is_probe(grant):
            self._conclude(self._pause, grant, now)

    def _read(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """Learn what the headers of an answer say of limits, and of headers."""
        before = len(self._trust.dropped)
        for claim in self._claims.read(notice, grant.at, now):
            self._facts.limit(claim)
        if self._claims.all and self._claims.limits() != self._refilling:
            self.changed = True
        if self._claims.single is not None:
            single, self._claims.single = self._claims.single, None
            self._one_by_one(single.header, single.limit, single.period_s)
        if len(self._trust.dropped) > before:
            for header in list(self._trust.dropped)[before:]:
                self._facts.trust(header)

    def _shortened(self, asked: Question, now: float) -> None:
        """Take in that a question was let through: the period is no longer than that."""
        seen, window = self._seen, asked.window
        if asked.asks == "count":
            rest = tuple(other for other in self.windows if other is not window)
            latest = self._identifier.closures[-1] if self._identifier.closures else None
            self._believe(self._identifier.identify(replace(self.model, windows=rest), latest))
            return
        self.experiments.opened(window, len(seen) - 1)
        sent_s, answered_s = seen.sent[asked.opener], seen.answered[asked.opener]
        blur_s = now - asked.grant.at + answered_s - sent_s
        if asked.asks == "knocks" and now - sent_s < window.low_s:
            silent_s = asked.grant.at - seen.answered[-2]
            said = f"let in after {silent_s:.3g} s of silence, though shut for {window.shut_s:.3g} s while it was asked"
            self._refusal_cost.believe(said)
            window = replace(window, low_s=0.0, named=False)
        shorter = replace(window, blur_s=blur_s).shortened(now - sent_s)
        rest = tuple(other for other in self.windows if other is not asked.window)
        model = replace(self.model, windows=(*rest, shorter))
        if shorter.high_s <= shorter.low_s:
            model = self._identifier.identify(model, None)
        elif shorter.high_s < SHORTEST_S:
            self._loosen(shorter, rest)
            return
        self._believe(model)

    def _loosen(self, window: Window, rest: tuple[Window, ...]) -> None:
        """Search for a rate: let in again in no time, that is no window but something that refills."""
        now = self._seen.answered[-1]
        pause = Emptied(now - window.high_s, now, now, len(self._seen))
        self._search = Refill(pause, 0.0, self._rates, low=window.limit / window.high_s)
        self._search.no_burst(window.limit)
        self._believe(replace(self.model, windows=rest, rate=True))
        self._facts.rate(self._search)

    def _one_by_one(self, header: str, limit: int | None, period_s: float | None) -> None:
        """Search for an even rate, for headers say that nothing is left after each request."""
        seen = self._seen
        pause = Emptied(seen.sent[-2], seen.sent[-1], seen.answered[-1], len(seen))
        self._search = Refill(pause, 0.0, self._rates)
        if limit is not None and period_s is not None:
            self._search = Refill.known(UNDER * limit / period_s, 1, self._rates)
            self._search.sent(seen.sent[-1], 1)
        self._search.no_burst(1)
        self._facts.why_rate = f"{header}-Remaining was 0 after every single request, so they must come evenly; "
        self._believe(replace(self.model, rate=True))
        self._facts.rate(self._search)

    def _rates(self) -> list[float]:
        """Return the rates of windows that are believed."""
        likely = [*self.windows, *self._given_up]
        return [(w.limit - 1) / w.high_s for w in likely if w.limit > 1 and roundness(w.limit) >= ROUND_ENOUGH]

    def _count_full(self, grant: Grant) -> None:
        """Try one more in flight after a while, once: limits change, and the first refusal may have come too late."""
        assert self.model.at_once is not None
        if self._tried_more or self._seen.in_flight_at(grant.at) < self.model.at_once:
            return
        self._full += 1
        if self._full >= ENOUGH:
            self._tried_more = True
            self._believe(replace(self.model, at_once=self.model.at_once + 1))

    def resolved(self, reason: str) -> None:
        """Note what doubtful refusals turned out to be: `limit`, and then they teach, or `own`, and they do not."""
        pending, self._unproven = self._unproven, None
        self._limits_refuse_so = reason == "limit"
        if pending is not None and self._limits_refuse_so:
            self._learn(pending)

    def explains_overload(self) -> bool:
        """Return whether a 5xx is no refusal by a limit: where limits are known, or refuse with another status, it is
        not.
        """
        return self.declared or self._refuses_otherwise or self._claims.names_limits()

    def unanswered(self, grant: Grant) -> None:
        """Note that a request was lost, or never sent."""
        self.experiments.answered(grant)

    # --- pauses ---------------------------------------------------------------------------------------------------

    def refused(self, grant: Grant, now: float, notice: Notice | None) -> float:
        """Take in a refusal; return until when (absolute) everyone is to pause."""
        tried = self._refusal_cost.refused(grant, now)
        asked = self.experiments.answered(grant)
        if self._pause is None:
            self._said_left = {claim: claim.last for claim in self._claims.all.values()}
        self._read(grant, now, notice)
        pause = self._pause
        if pause is None and self._opened_s is not None and grant.at < self._opened_s:
            return self._stale(grant, now, notice)
        suspected = notice is not None and notice.doubtful and notice.bare
        if pause is None:
            opened_s = grant.at if self._opened_s is None else self._opened_s
            others = len(self._seen.in_flight)
            pause = self._pause = Pause(now, grant.at, opened_s, self._trust, first_s=grant.at, in_flight=others)
            pause.early = self._refusal_cost.early(self.windows, grant.at, opened_s, others)
            self._test(pause, asked, tried)
        elif pause.is_probe(grant):
            pause.likely = self._likely(now)
            self._probe_refused(pause, grant, notice)
        pause.by_others = pause.by_others and self._claims.used_up_by_others(notice)
        pause.charged = self._seen.charging
        count = max((window.limit for window in self.windows), default=0)
        pause.few = max(count, self._seen.accepted_between(pause.opened_s, now)) < DEAR
        belied = self._trust.weigh(notice)
        if belied is not None:
            self._facts.trust(belied)
        pause.refusals += 1
        pause.last_s = now
        pause.suspected = suspected
        pause.doubtful = notice is not None and notice.status != 429
        if notice is None or notice.status < SERVER_ERROR:
            pause.overload, self._refuses_otherwise = False, True
        gap_s = None if self._search is None else self._search.pause_s
        return pause.refused(grant, now, notice, self._is_crowded(pause), gap_s)

    def _probe_refused(self, pause: Pause, grant: Grant, notice: Notice | None) -> None:
        """Note what it tells that a probe is refused: of the header that named its time, or of what refusals cost."""
        closures = self._identifier.closures
        if pause.early is not None and closures:
            shut_s = grant.at - pause.first_s
            self._refusal_cost.is_shut_long(pause.early, pause.first_s, shut_s, closures[-1], pause.opened_s)
        if pause.promised is None or self._claims.used_up_by_others(notice):
            return  # where others were faster the window was over, and is used up again
        if pause.begins_anew(notice):
            self._refusal_cost.believe(f"told to wait {pause.named_s:g} s, and as long again after them")
        if not self._seen.charging and self._trust.too_short(pause.promised):
            self._facts.trust(pause.promised)

    def _test(self, pause: Pause, asked: Question | None, tried: Window | None) -> None:
        """Note that the pause began with a question: the limit is open when it says so, or is asked again before."""
        window = asked.window if asked is not None else tried
        if window is None:
            return
        opener = max(0, len(self._seen) - window.limit)
        until = self._seen.answered[opener] + window.span_s if opener < len(self._seen) else pause.began_s
        if asked is not None:
            pause.opened_s = self._seen.answered[asked.opener]
            due = self.experiments.due(window) if asked.asks in ("penalty", "knocks") else None
            until = until if due is None else min(until, max(due.at, pause.began_s))
        pause.test(until)

    def _likely(self, now: float) -> tuple[float, ...]:
        """Return when windows of usual periods would be over that opened after a gap, a round number of requests ago:
        a longer limit than those that are known may have been met. In order.
        """
        seen, known = self._seen, max((window.limit for window in self.windows), default=0)
        if not known:
            return ()
        usual = [period for period in PERIODS if commonness(period) > 1]
        found = {
            seen.answered[opener] + period * BEYOND
            for opener in openers(seen.sent, seen.answered, len(seen))
            if len(seen) - opener >= 1.5 * known and roundness(len(seen) - opener) >= ROUND_ENOUGH
            for period in usual
        }
        return tuple(sorted(at for at in found if at > now)[:8])

    def _is_crowded(self, pause: Pause) -> bool:
        """Return whether a refusal may be for how many are in flight: few were let through so far."""
        if self.model.at_once is not None:
            return True
        return not self.windows and self._search is None and len(self._seen) <= FEW_ROUNDS * (pause.in_flight + 1)

    def _stale(self, grant: Grant, now: float, notice: Notice | None) -> float:
        """Return how long to wait after a refusal sent before the probe that got through: old news, but what it names
        counts.
        """
        if notice is None or notice.retry_after_s is None:
            return now
        wait_s = self._trust.wait_s(notice.waited_by, notice.retry_after_s)
        return now if wait_s is None else max(now, grant.at + wait_s)

    def _conclude(self, pause: Pause, probe: Grant, now: float) -> None:
        """Conclude what a pause tells, now that a probe got through. Where it is in doubt whether it was a limit's,
        that shows.
        """
        self._pause = None
        before = self._opened_s if self._opened_s is not None else probe.at
        self._opened_s = probe.at
        # A limit refuses all that is in flight; one of many that fails with 503 is a failure.
        alone = pause.doubtful and pause.refusals == 1 and pause.in_flight > 1 and self._search is None
        if alone or (pause.overload and self.explains_overload()):
            return
        if pause.by_others or self._claims.is_strangers(now - pause.began_s):
            return
        closure = pause.closure(len(self._seen) - probe.cost, probe, now)
        if pause.suspected and not self._limits_refuse_so:
            self._unproven = closure
        else:
            self._learn(closure, before)

    def _learn(self, closure: Closure, opened_s: float = 0.0) -> None:
        """Explain a closure by what is believed; where that does not, find what explains all of them."""
        identifier = self._identifier
        identifier.take(closure)
        self._restore()
        short = closure.is_short or closure in identifier.steady
        if not identifier.explains(self.model, closure):
            if self._refusal_cost.explains(list(self.windows), closure.first_s, opened_s) is not None:
                self._believe(identifier.widened(self.model))
                return
            found = identifier.identify(self.model, closure)
            known = max((window.limit for window in self.windows), default=0)
            shorter = max((window.limit for window in found.windows), default=0) <= known
            sure = not any(window.charged for window in self.windows) or self._is_often_unexplained(found)
            if self._seen.charging and shorter and sure:
                # No longer limit than those that are known: it is these that the refused requests do not fill.
                self._refusal_cost.unexplained()
                self._restore()
                found = identifier.identify(self.model, closure)
            self._adopt(self._less_others(found, closure), closure)
        else:
            self._believe(identifier.narrowed(self.model))
        for window in self.windows:
            if identifier.is_of(window, closure):
                self.experiments.opened(window, closure.accepted)
        if self.model.rate:
            self._search_on(closure, short)
        elif self._search is not None:
            self._search, self.changed = None, True
        self._short = closure if short else None

    def _is_often_unexplained(self, model: Model) -> bool:
        """Return whether more than one of the latest closures is none that `model` explains."""
        latest = self._identifier.closures[-OTHERS:]
        return sum(not self._identifier.explains(model, one) for one in latest) >= ENOUGH_OF_OTHERS

    def _less_others(self, found: Model, closure: Closure) -> Model:
        """Return the model with what others left of a window, if they are what explains the closure."""
        identifier = self._identifier
        if identifier.explains(found, closure) or found.windows != self.windows:
            return found
        if not self._is_often_unexplained(found):
            return found
        for window in found.windows:
            left = self._seen.accepted_between(closure.first_s - window.high_s, closure.first_s)
            if LEFT * window.limit < left < window.limit and closure.lasted_s <= window.span_s:
                said = f"{window.evidence}; refused after {left:,}, so others use it too"
                rest = tuple(other for other in found.windows if other is not window)
                return replace(found, windows=(*rest, replace(window, limit=left, evidence=said)))
        return found

    def _restore(self) -> None:
        """Take back counts to which refused requests were added, where they are found to cost nothing."""
        self.model = replace(self.model, windows=tuple(map(self._refusal_cost.restored, self.windows)))

    def _adopt(self, found: Model, closure: Closure) -> None:
        """Believe what was found; where it is what headers tell of, these are corrected."""
        kept = []
        for window in found.windows:
            if window in self.windows or not self._is_claimed(window, closure):
                kept.append(window)
                self._refusal_cost.adopt(window)
        if found.rate and self._identifier.steady_charged:
            self._refusal_cost.believe("with them, as much got through at any time as one rate gives")
        self._believe(replace(found, windows=tuple(kept)))

    def _is_claimed(self, window: Window, closure: Closure) -> bool:
        """Return whether a limit is one that headers tell of, and correct that."""
        strangers = self._claims.explains(window.limit, window.low_s, window.high_s)
        if strangers is not None:
            strangers.evidence += f"; refused after {window.limit:,}, so others use it too"
            self._facts.limit(strangers)
            return True
        for claim in self._claims.all.values():
            if abs(claim.limit - window.limit) <= max(1, 0.03 * claim.limit):
                header = claim.correct(window, closure.told, self._said_left.get(claim), closure.others)
                self._facts.limit(claim)
                if header is not None and self._trust.drop(*header):
                    self._claims.forget_counts()
                    self._facts.trust(header[0])
                return True
        return False

    def _search_on(self, closure: Closure, short: bool) -> None:
        """Learn the rate from one more closure, or begin to search for it."""
        emptied = self._emptied(closure, self._seen.answered[-1])
        if self._search is None:
            first = self._short or closure
            began = self._emptied(first, first.through_s)
            opened_s = self._seen.sent[0] if len(self._seen) else closure.first_s
            self._search = Refill(emptied if first is closure else began, first.first_s - opened_s, self._rates)
            if first is not closure:
                self._search.refused(emptied, paced=False)
            self.changed = True
        elif short:
            self._search.refused(emptied)
        else:
            return
        self._facts.rate(self._search)

    def _emptied(self, closure: Closure, reopened_s: float) -> Emptied:
        """Return a pause as a rate sees it."""
        knocks = self._seen.refused_between(closure.first_s, closure.through_s) if self._seen.charging else 0
        return Emptied(closure.first_s, closure.through_s, reopened_s, closure.accepted, knocks)

    def _believe(self, model: Model) -> None:
        """Keep to `model` from now on, and tell what is new of it."""
        before = {(str(window.tier), window.evidence) for window in self.windows}
        if model.rate and not self.model.rate:
            self._given_up = tuple(window for window in self.windows if window not in model.windows)
        crowd, self.model = self.model.at_once, model
        self._identifier.keep(model.windows, self._seen.answered[-1] if len(self._seen) else 0.0)
        for window in model.windows:
            if (str(window.tier), window.evidence) not in before:
                self._facts.limit(window)
        if model.at_once is not None and model.at_once != crowd:
            self._facts.in_flight(model.at_once)
        self.changed = True
