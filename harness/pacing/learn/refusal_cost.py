"""Find out whether refused requests cost quota: believed on evidence, tried once, dropped when it proves false.

Some servers charge a refusal to every limit, or to those before the one that refused: who keeps knocking never gets in.
It shows in two ways. A limit that is found is not round, but with the refusals in its window it is: 193 accepted and 7
refused make 200. And a limit that is known refuses before its count is reached, by no more than the refusals in its
window. From then on refusals occupy slots as accepted requests do, no probe looks for a shorter period, and pauses that
nobody names an end of are longer. One request, once, goes ahead where only refusals are in its way: its fate decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.pacing.base import Grant, Later, LearnedFact
from harness.pacing.learn.belief import Belief
from harness.pacing.learn.explain import Explanation
from harness.pacing.learn.history import History
from harness.pacing.learn.prior import roundness

# So much rounder must a count be with the refusals than without them.
ROUNDER, ROUND = 2, 3
# A known limit that refuses so early, as a part of its count, is another one: room that comes back bit by bit.
EARLY = 0.5
# The silence before a window, as a part of its period, by which its first request is known.
SILENCE = 0.15


class RefusalCost:
    """One belief, for all limits of the budget."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.state: Literal["unknown", "believed", "confirmed", "disproved"] = "unknown"
        self._why = ""
        self._was = (0, 0)  # a limit with and without the refusals
        self._due: Belief | None = None
        self._test: tuple[Grant, Belief] | None = None
        self._new_facts: list[LearnedFact] = []

    # --- evidence ---------------------------------------------------------------------------------------------------

    def rounded(self, found: Explanation, first_refused_s: float) -> Explanation:
        """Return `found`, with the refusals in its window counted too, if that makes it a limit that people would
        choose.
        """
        refused = self._history.refused_between(self._history.sent[found.opener], first_refused_s)
        total = found.limit + refused
        rounder = roundness(total) >= max(ROUND, roundness(found.limit) + ROUNDER)
        if not refused or self.state == "disproved" or not (rounder or self._history.charging):
            return found
        self._was = (total, found.limit)
        self._believe(f"{found.limit:,} accepted and {refused:,} refused make {total:,}")
        return replace(found, limit=total, refused=refused)

    def explains(self, beliefs: list[Belief], refused_s: float, opened_s: float) -> Belief | None:
        """Return the limit that refused at `refused_s` before its count was reached, by no more than the refusals in
        sight.
        """
        for belief in beliefs:
            since_s = refused_s - belief.span_s
            accepted = self._history.accepted_between(since_s, refused_s)
            refused = self._history.refused_between(since_s, refused_s)
            fresh = self._history.accepted_between(opened_s, refused_s)
            late = accepted < belief.limit <= accepted + refused and fresh >= EARLY * belief.limit
            if late and self.state != "disproved":
                self._believe(f"{belief.tier} refused after {accepted:,} accepted and {refused:,} refused")
                return belief
        if self._history.charging:
            self._drop("it refused again after fewer requests, refused or not, than the limit counts")
            return self._restore(beliefs)
        return None

    def _restore(self, beliefs: list[Belief]) -> Belief | None:
        """Restore the limit that had the refusals added to it: it keeps to what was let through after
        all. Return it.
        """
        total, accepted = self._was
        wrong = next((belief for belief in beliefs if belief.limit == total), None)
        if wrong is not None:
            wrong.limit = accepted
        return wrong

    def _believe(self, why: str) -> None:
        if self.state == "unknown":
            self.state, self._why, self._history.charging = "believed", why, True
            self._tell(f"refused requests cost quota: {why}", "fair")

    def _drop(self, why: str) -> None:
        self.state, self._why, self._history.charging = "disproved", why, False
        self._tell(f"refused requests cost nothing: {why}", "high")

    # --- one trial --------------------------------------------------------------------------------------------------

    def may_try(self, belief: Belief, now: float, cost: int) -> bool:
        """Return whether refusals alone are in the way of the next request, and its fate would tell
        whether they count.
        """
        history = self._history
        free = history.used(now, belief.span_s, charging=False) + cost <= belief.limit
        if self.state != "believed" or not free or history.in_flight:
            return False
        # Of a window that was over before, nothing may count any more: what came since this one opened must be enough.
        opened_s = history.opened_s(now, belief.span_s, SILENCE * belief.high_s)
        here = history.accepted_between(opened_s, now) + history.refused_between(opened_s, now)
        self._due = belief if here + cost > belief.limit else None
        return self._due is not None

    def in_the_way(self) -> Later | None:
        """Make everyone wait for the answer of a request that is tried."""
        self._due = None
        if self._test is None or self._test[0] not in self._history.in_flight:
            return None
        return Later(None, "probe", self._test[1].tier)

    def sent(self, grant: Grant) -> None:
        if self._due is not None:
            self._test, self._due = (grant, self._due), None

    def accepted(self, grant: Grant) -> None:
        if self._test is not None and grant is self._test[0]:
            self._test = None
            self._drop("a request got through that they would have blocked")

    def refused(self, grant: Grant, now: float) -> Belief | None:
        """Count it; the limit that was in its way if it was the trial."""
        self._history.refuse(now)
        if self._test is None or grant is not self._test[0]:
            return None
        belief, self._test, self.state = self._test[1], None, "confirmed"
        self._why += "; a request that only they could block was refused"
        self._tell(f"refused requests cost quota: {self._why}", "high")
        return belief

    def _tell(self, said: str, trust: str) -> None:
        self._new_facts.append(LearnedFact("", "charges", said, trust))

    def new_facts(self) -> list[LearnedFact]:
        fresh, self._new_facts = self._new_facts, []
        return fresh

    def sentences(self) -> list[str]:
        if self.state == "unknown":
            return []
        return [f"refused requests cost {'nothing' if self.state == 'disproved' else 'quota'}: {self._why}"]
