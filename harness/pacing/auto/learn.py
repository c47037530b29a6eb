"""What refusals teach: a second of silence is worth more than a hundred requests."""

from __future__ import annotations

from collections.abc import Iterator

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.explain import Refusal, explain
from harness.pacing.auto.found import Found
from harness.pacing.auto.gate import Gate
from harness.pacing.auto.headers import Headers
from harness.pacing.auto.history import History
from harness.pacing.auto.news import News
from harness.pacing.auto.pause import Pause
from harness.pacing.auto.probe import PeriodProbe
from harness.pacing.auto.search import RateSearch
from harness.pacing.auto.trust import Trust, says_why
from harness.pacing.base import Grant, Later, Notice, Outcome
from harness.pacing.tiers import Tier

# A refusal that comes with more in flight than ever passed may be a limit on just that; it is over at once.
AT_ONCE_S = 0.15
# A pause no longer than this, Retry-After's least second and a round trip, says that something refills steadily.
SHORT_S = 1.6
# Statuses with which gateways refuse without a word; so many answers first, for before them it is a wrong key; and
# so many probes refused, then it is no limit.
SUSPECT, ENOUGH_TO_SUSPECT, MOST_SUSPECTED = (403, 503), 5, 4


class Learner:
    """Beliefs, the pause that a refusal began, and the probes that sharpen what is believed."""

    def __init__(self, history: History, headers: Headers, trust: Trust) -> None:
        self._history = history
        self._headers = headers
        self._trust = trust
        self._kept = headers.kept
        self._gate = Gate(headers, history, trust)
        self._found = Found(history, headers, trust)
        self._probe = PeriodProbe(history)
        self._pause: Pause | None = None
        self._bare_is_real = False
        self._cap: int | None = None
        self._search: RateSearch | None = None
        self._empty: list[tuple[float, int]] = []  # (time, accepted) at refusals that were over at once
        self._others: dict[Grant, int] = {}
        self._most_others = 0
        self._opened_s: float | None = None
        self._news: list[News] = []

    # --- what is believed -----------------------------------------------------------------------------------------

    @property
    def beliefs(self) -> list[Belief]:
        """Those of headers first."""
        return [*self._headers.beliefs.values(), *self._found.beliefs]

    def remember(self, tier: Tier) -> None:
        """A limit that an earlier run learned."""
        self._found.remember(tier)

    def keep(self) -> list[Tier]:
        """What is worth remembering: settled limits, and a rate that was searched, as the log it is paced as."""
        searched = [] if self._search is None else [self._search.tier]
        return list(dict.fromkeys([belief.tier for belief in self.shown()] + searched))

    def shown(self) -> list[Belief]:
        return [belief for belief in self.beliefs if belief.settled]

    def sentences(self) -> tuple[str, ...]:
        told = [f"{b.tier} ({b.source}, trust {b.trust}): {b.evidence}" for b in self.shown()]
        shared = [f"{b.tier} is shared with others" for b in self.beliefs if self._headers.is_shared(b)]
        cap = [f"at most {self._cap} in flight"] if self._cap is not None else []
        rate = [f"{self._search.rate:.3g} a second, as a bucket"] if self._search is not None else []
        return (*told, *shared, *cap, *rate, *self._trust.sentences())

    def news(self) -> tuple[News, ...]:
        fresh, self._news = tuple(self._news), []
        return fresh

    def _tell(self, belief: Belief) -> None:
        kinds = "/".join(belief.kinds) or "any"
        self._news.append(News(str(belief.tier), kinds, belief.evidence, belief.trust))

    def _tell_trust(self, header: str) -> None:
        why = self._trust.dropped.get(header)
        said = f"{header} is no longer trusted: {why}" if why else f"{header} is rounded down"
        self._news.append(News("", "trust", said, "none" if why else "fair"))

    # --- may it go? -----------------------------------------------------------------------------------------------

    def laters(self, now: float, cost: int) -> Iterator[Later]:
        """What is in the way of `cost` more, by each belief."""
        probing = self._probe.in_the_way()
        if probing is not None:
            yield probing
            return
        if self._cap is not None and len(self._history.in_flight) >= self._cap:
            yield Later(None, "in flight")
        ahead = self._gate.ahead(cost)
        if ahead is not None:
            yield ahead
        for belief in self._headers.beliefs.values():
            later = self._gate.later(belief, now, cost)
            if later is not None:
                yield later
        for belief in self._found.beliefs:
            if not belief.fits(now, cost, self._history):
                later = self._probe.later(belief, now, cost)
                if later is not None:
                    yield later
        searched = None if self._search is None else self._search.later(now, cost)
        if searched is not None:
            yield searched

    def granted(self, grant: Grant, now: float) -> None:
        """This request goes: it may be the probe of a period."""
        self._others[grant] = len(self._history.in_flight)
        if self._search is not None:
            self._search.sent(now, grant.cost)
        self._probe.granted(grant, now)
        self._kept.granted(grant.cost)
        self._gate.left -= 1

    def expect(self, requests: int) -> None:
        """So many are still to be sent."""
        self._gate.left = requests

    # --- what became of it ----------------------------------------------------------------------------------------

    def settled(self, grant: Grant, now: float, outcome: Outcome, cost: int) -> None:
        """After all that an answer taught: the rules of limits whose way of counting is known go on."""
        self._kept.settled(outcome, now, grant.at, grant.cost, cost)
        for belief in self._headers.beliefs.values():
            if belief.kinds == ("counter",):
                self._kept.keep_counter(belief, self._headers.periods.clock, now)

    def accepted(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """An answer: its headers, and perhaps the end of a pause or of a test."""
        self._most_others = max(self._most_others, self._others.pop(grant, 0))
        if self._opened_s is None:
            self._opened_s = grant.at
        self._read(grant, now, notice)
        probed = self._probe.passed(grant, now)
        if probed is not None:
            self._opened_s = grant.at
            self._tell(probed)
            self._loosen(probed, now)
        if self._search is not None and self._pause is None:
            self._search.accepted(now, len(self._history))
        if self._pause is not None and self._pause.is_probe(grant):
            self._conclude(self._pause, grant, now)

    def _read(self, grant: Grant, now: float, notice: Notice | None) -> None:
        """What the headers of an answer teach of limits, and of headers."""
        before = len(self._trust.dropped)
        for belief in self._headers.read(notice, grant.at, now):
            self._tell(belief)
        for header in list(self._trust.dropped)[before:]:
            self._tell_trust(header)

    def _loosen(self, belief: Belief, now: float) -> None:
        """One or two at a time and again in no time: that is no window but even spacing, and its rate is searched."""
        if belief.limit > 2 or belief.high_s > 0.9:
            return
        point = (now, len(self._history))
        self._found.beliefs.remove(belief)
        self._search = RateSearch(belief.limit / belief.high_s, 1, point, point, changed=point)

    def suspects(self, notice: Notice) -> bool:
        """A 403 or 503 without a sign, from a server that has let enough through: many gateways refuse like that."""
        bare = notice.status in SUSPECT and not notice.refused
        return bare and not self._bare_is_real and len(self._history) >= ENOUGH_TO_SUSPECT

    def unanswered(self, grant: Grant) -> None:
        """Lost, or never sent."""
        self._others.pop(grant, None)
        self._probe.ended(grant)

    def refused(self, grant: Grant, now: float, notice: Notice | None) -> float:
        """A refusal; the answer is how long everyone is to pause, in seconds."""
        others = self._others.pop(grant, 0)
        self._read(grant, now, notice)
        pause = self._pause
        suspected = notice is not None and notice.status in SUSPECT and not says_why(notice)
        if pause is None:
            opened_s = grant.at if self._opened_s is None else self._opened_s
            pause = self._pause = Pause(now, grant.at, now, opened_s, others=others)
            self._blame(pause, grant)
        elif pause.is_probe(grant):
            pause.probes += 1
            # A limit opens some day; what is refused so often without a sign is meant.
            self._bare_is_real = self._bare_is_real or (suspected and pause.probes >= MOST_SUSPECTED)
            if pause.promised is not None and self._trust.too_short(pause.promised):
                self._tell_trust(pause.promised)
        belied = self._trust.weigh(notice)
        if belied is not None:
            self._tell_trust(belied)
        pause.refusals += 1
        pause.suspected = suspected
        pause.doubtful = notice is not None and notice.status != 429
        return self._pause_s(pause, grant, now, notice)

    def _pause_s(self, pause: Pause, grant: Grant, now: float, notice: Notice | None) -> float:
        """How long to pause: as told, else to the next guess; shortly, where it may be a limit on what is in flight."""
        told = notice is not None and notice.retry_after_s is not None and notice.retry_after_s > 0
        crowded = pause.probes == 0 and pause.others > self._most_others
        if crowded and not told and pause.blamed is None and self._cap is None:
            pause.closed_s, pause.until = grant.at, now + AT_ONCE_S
            return AT_ONCE_S
        pause.extend(now, grant.at, notice, self._trust)
        if self._search is not None and pause.promised is None:
            pause.until = now + self._search.pause_s(pause.probes)
        return max(0.0, pause.until - now)

    def _blame(self, pause: Pause, grant: Grant) -> None:
        """Refused in a test: the period is longer than that."""
        belief = self._probe.refused(grant)
        if belief is None:
            return
        self._tell(belief)
        at = belief.opens_at(grant.at, 1, self._history)
        pause.blamed, pause.until = belief, grant.at if at is None else at
        pause.guesses = 1  # the belief itself is the first guess

    def _conclude(self, pause: Pause, probe: Grant, now: float) -> None:
        """A probe got through: what does the pause tell?"""
        self._pause = None
        self._opened_s = probe.at
        at_once = pause.promised is None and pause.guesses == 0 and pause.probes == 0
        if at_once and pause.others > self._most_others:
            self._cap = self._most_others + 1
            why = f"refused with {pause.others + 1} in flight, and let in at once with fewer"
            self._news.append(News(f"{self._cap} in flight", "concurrency", why, "fair"))
            return
        # A limit refuses all that is in flight; one of many that fails with 503 is a failure.
        alone = pause.doubtful and pause.refusals == 1 and pause.others > 1 and self._search is None
        if pause.blamed is not None or alone or (pause.suspected and self._bare_is_real):
            return
        if self._headers.is_strangers(now - pause.began_s):
            return
        refusal = pause.refusal(len(self._history) - probe.cost, now)
        if self._is_bucket(pause, refusal, now):
            return
        explanations = explain(self._history.sent, self._history.answered, refusal)
        if explanations:
            was_short = now - pause.began_s <= SHORT_S
            belief, belied = self._found.adopt(explanations, refusal.told, was_short)
            self._tell(belief)
            if belied is not None:
                self._tell_trust(belied)

    def _is_bucket(self, pause: Pause, refusal: Refusal, now: float) -> bool:
        """Refused again and again, and each time let in again at once: no window does that, a bucket does."""
        if now - pause.began_s > SHORT_S:
            return False
        self._empty.append((pause.began_s, refusal.accepted))
        if self._search is not None:
            self._search.refused(*self._empty[-1])
            self._tell_search()
            return True
        if len(self._empty) < 2:
            return False
        (began_s, count), (ended_s, total) = self._empty[0], self._empty[-1]
        rate = max(total - count, 1) / max(ended_s - began_s, 0.001)
        since_s = began_s - (self._history.sent[0] if len(self._history) else 0.0)
        depth = max(1, int(0.8 * (count - rate * since_s)))
        self._search = RateSearch(rate, depth, self._empty[0], self._empty[-1], changed=(now, total))
        self._found.forget_short()
        self._tell_search()
        return True

    def _tell_search(self) -> None:
        search = self._search
        assert search is not None
        evidence = f"refused {len(self._empty)} times and let in again at once: {search.rate:.3g} a second get through"
        self._news.append(News(str(search.tier), "bucket", evidence, "fair"))
