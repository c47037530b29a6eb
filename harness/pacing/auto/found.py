"""The limits that refusals taught: found, told apart from one another, corrected."""

from __future__ import annotations

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.explain import Explanation
from harness.pacing.auto.headers import Headers
from harness.pacing.auto.history import History
from harness.pacing.auto.plausible import roundness
from harness.pacing.auto.trust import Trust
from harness.pacing.tiers import Kind, Tier

# Limits this close are the same one, counted once with and once without what was on its way.
ALIKE = 0.03
ROUND = 2


class Found:
    """Beliefs that do not come from headers."""

    def __init__(self, history: History, headers: Headers, trust: Trust) -> None:
        self._history = history
        self._headers = headers
        self._trust = trust
        self.beliefs: list[Belief] = []

    def remember(self, tier: Tier) -> None:
        """A limit that an earlier run learned."""
        why = "learned by an earlier run"
        kinds: tuple[Kind, ...] = ("counter",) if tier.kind == "counter" else ()
        belief = Belief(tier.limit, tier.period_s, tier.period_s, "remembered", why, kinds, told=True)
        belief.shut_s = tier.period_s
        self.beliefs.append(belief)

    def forget_short(self, shut_s: float) -> None:
        """What was taken for windows, but was not shut for so long as far as is known, were moments of one bucket."""
        learned = [belief for belief in self.beliefs if belief.source == "refusal"]
        self.beliefs = [belief for belief in self.beliefs if belief not in learned or belief.shut_s > shut_s]

    def lengthen(self, refused_s: float, shut_until_s: float, explained: int) -> Belief | None:
        """The belief that a refusal disproves, if the period that it had before would have prevented it, and would have
        been over by when it was let in again; not where `explained` requests make a limit of their own.
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
        """The belief that the most plausible explanation makes or corrects, and the header that this belies."""
        found = next((each for each in explanations if self._mends(each)), explanations[0])
        strangers = self._headers.explains(found.limit, found.low_s, found.high_s)
        if strangers is not None:
            strangers.evidence += f"; refused after {found.limit:,}, so that others use it too"
            return strangers, None
        how = "told when to come back" if told else "let in again"
        counted = f"{found.limit - found.refused:,} accepted" + (
            f" and {found.refused:,} refused" if found.refused else ""
        )
        evidence = f"refused after {counted}, {how} {found.high_s:.3g} s after the first of them"
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
        """Is this a limit that we keep to already, with a period that was taken for a little too short?"""
        return bool(found.kinds) and any(
            _same_count(belief, found) and belief.high_s <= found.high_s <= 1.5 * belief.high_s
            for belief in self.beliefs
        )

    def _alike(self, found: Explanation) -> Belief | None:
        """The belief that this is about: as many in another period, or another count in the same period."""
        for belief in (*self._headers.beliefs.values(), *self.beliefs):
            if _same_count(belief, found):
                return belief
        return next(
            (b for b in self.beliefs if found.low_s < b.high_s * 1.02 and b.high_s <= found.high_s * 1.02), None
        )

    def _correct(self, belief: Belief, found: Explanation, told: bool, evidence: str) -> str | None:
        """Keep to the tighter count and the longer period; the header that said otherwise, if that is new."""
        belief.contradicted += 1
        belief.limit = min(belief.limit, found.limit)
        belief.low_s, belief.high_s = found.low_s, max(found.period_s, belief.high_s if belief.settled else 0.0)
        belief.kinds, belief.evidence, belief.told, belief.settled = found.kinds, evidence, told, True
        meter = belief.meter
        if meter is None or meter.last is None or meter.last.remaining <= len(self._history.in_flight):
            return None
        header, left = f"{meter.header}-Remaining", meter.last.remaining
        if not self._trust.drop(header, f"refused while it said {left} were left"):
            return None
        self._headers.forget_counts()
        return header


def _same_count(belief: Belief, found: Explanation) -> bool:
    return abs(belief.limit - found.limit) <= max(1, ALIKE * belief.limit)
