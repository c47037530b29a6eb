"""Find out whether refused requests cost quota: believed on evidence, tried once, dropped when it proves false.

Some servers charge a refusal to every limit, or to those before the one that refused: who keeps knocking never gets in.
It shows when a limit that is found is not round, but is with the refusals in its window (193 accepted and 7 refused
make 200); when one that is known refuses before its count is reached, by no more than the refusals in its window, or is
shut for longer than room that comes back bit by bit would need; when a time that the server named begins anew; and when
one request after a long silence is let through, where knocks were not (`experiments`).

From then on refusals occupy slots as accepted requests do, questions are asked only where they gain more than they
cost, and pauses that nobody names an end of are longer. One request, once, goes ahead where only refusals are in its
way: its fate decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.pacing.base import Grant, Later, LearnedFact
from harness.pacing.learn.hypotheses import Closure, Window
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import ROUND, ROUNDER, roundness

# A known limit that refuses so early, as a part of its count, is another one: room that comes back bit by bit.
EARLY = 0.5


class RefusalCost:
    """One belief, for all limits of the budget."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        self.state: Literal["unknown", "believed", "confirmed", "disproved"] = "unknown"
        self._why = ""
        self._test: tuple[Grant, Window] | None = None
        self._new_facts: list[LearnedFact] = []

    # --- evidence ---------------------------------------------------------------------------------------------------

    def adopt(self, found: Window) -> None:
        """Believe it if `found` counts refused requests."""
        if found.charged:
            self.believe("only together with them were the limits full when they refused")
        elif found.alone:
            self.believe(f"{found.alone:,} accepted and {found.limit - found.alone:,} refused make {found.limit:,}")

    def restored(self, window: Window) -> Window:
        """Return it without the refused requests that were added to its count, once they are not believed to count."""
        return window if self._seen.charging or not window.alone else replace(window, limit=window.alone, alone=0)

    def early(self, windows: Sequence[Window], refused_s: float, opened_s: float, in_flight: int = 0) -> Window | None:
        """Return the limit that refused at `refused_s` before its count was reached, by no more than the refusals in
        sight. opened_s: when it was open again; in_flight: so many beside it may have been counted.
        """
        for window in windows:
            since_s = refused_s - window.span_s
            accepted = self._seen.accepted_between(max(since_s, opened_s), refused_s) + in_flight
            refused = self._seen.refused_between(since_s, refused_s)
            if accepted < window.limit <= accepted + refused and not self._seen.free:
                return window
        return None

    def explains(self, windows: Sequence[Window], refused_s: float, opened_s: float) -> Window | None:
        """Return the limit that refused early, if so many had been let through since it opened at `opened_s` that it is
        none whose room comes back bit by bit; then it is believed.
        """
        window = self.early(windows, refused_s, -math.inf)
        fresh = self._seen.accepted_between(opened_s, refused_s)
        if window is None or fresh < EARLY * window.limit:
            return None
        self._believe_early(window, refused_s)
        return window

    def _believe_early(self, window: Window, refused_s: float) -> None:
        accepted = self._seen.accepted_between(refused_s - window.span_s, refused_s)
        refused = self._seen.refused_between(refused_s - window.span_s, refused_s)
        self.believe(f"{window.tier} refused after {accepted:,} accepted and {refused:,} refused")

    def is_shut_long(self, window: Window, first_s: float, shut_s: float, before: Closure, opened_s: float) -> None:
        """Believe it where `window` refused early and is shut for longer than anything that comes back bit by bit.

        Since `before` the rate that would be let in one request less than got through since it opened again at
        `opened_s`, so that the next would be let in after that part of the time.
        """
        back = self._seen.accepted_between(opened_s, first_s) - 1
        if back > 0 and shut_s > (first_s - before.first_s) / back:
            self._believe_early(window, first_s)

    def unexplained(self) -> None:
        """Note that a known limit refused after fewer requests, refused or not, than it counts."""
        if self._seen.charging:
            self.state, self._seen.charging = "unknown", False
            self._tell("whether refused requests cost quota is open again: a limit refused before it was full", "fair")

    def believe(self, why: str) -> None:
        """Believe it for the reason given, if nothing is known yet."""
        if self.state == "unknown":
            self.state, self._why, self._seen.charging = "believed", why, True
            self._tell(f"refused requests cost quota: {why}", "fair")

    def _drop(self, why: str) -> None:
        self.state, self._why, self._seen.charging = "disproved", why, False
        self._seen.free = True
        self._tell(f"refused requests cost nothing: {why}", "high")

    # --- one trial --------------------------------------------------------------------------------------------------

    def may_try(self, window: Window, now: float, cost: int, known_s: float = -math.inf) -> bool:
        """Return whether refusals alone are in the way of the next request, and its fate would tell whether they count.
        known_s: the window opened then or later.
        """
        seen = self._seen
        free = seen.used(now, window.span_s, charging=False) + cost <= window.limit
        if self.state != "believed" or not free or seen.in_flight:
            return False
        # Of a window that was over before, nothing may count any more: what came since this one opened must be enough.
        opened_s = max(known_s, seen.opened_s(now, window.span_s, window.high_s))
        here = seen.accepted_between(opened_s, now) + seen.refused_between(opened_s, now)
        # Let through after what may be the whole period, it tells nothing of refusals.
        return here + cost > window.limit and now - opened_s < window.low_s

    def trial(self, grant: Grant, window: Window) -> None:
        """Note that `grant` is tried, though refusals fill `window`."""
        self._test = (grant, window)

    def in_the_way(self) -> Later | None:
        """Make everyone wait for the answer of a request that is tried."""
        if self._test is None or self._test[0] not in self._seen.in_flight:
            return None
        return Later(None, "probe", self._test[1].tier)

    def accepted(self, grant: Grant) -> None:
        if self._test is not None and grant is self._test[0]:
            self._test = None
            self._drop("a request got through that they would have blocked")

    def refused(self, grant: Grant, now: float) -> Window | None:
        """Count it; the limit that was in its way if it was the trial."""
        self._seen.refuse(grant.at, now)
        if self._test is None or grant is not self._test[0]:
            return None
        window, self._test, self.state = self._test[1], None, "confirmed"
        self._why += "; a request that only they could block was refused"
        self._tell(f"refused requests cost quota: {self._why}", "high")
        return window

    def _tell(self, said: str, trust: str) -> None:
        self._new_facts.append(LearnedFact("", "charges", said, trust))

    def new_facts(self) -> list[LearnedFact]:
        fresh, self._new_facts = self._new_facts, []
        return fresh

    def sentences(self) -> list[str]:
        if self.state == "unknown":
            return []
        return [f"refused requests cost {'nothing' if self.state == 'disproved' else 'quota'}: {self._why}"]


def rounded(seen: Observations, found: Window, accepted: int, first_refused_s: float) -> Window:
    """Return `found`, with the refused requests in its window counted too, where they are believed to count or that
    makes it a limit that people would choose. accepted: how many had been let through when it refused.
    """
    refused = seen.refused_between(seen.sent[accepted - found.limit], first_refused_s)
    total = found.limit + refused
    rounder = roundness(total) >= max(ROUND, roundness(found.limit) + ROUNDER)
    if not refused or seen.free or not (rounder or seen.charging):
        return found
    evidence = found.evidence.replace(" requests", f" and {refused:,} refused requests", 1)
    return replace(found, limit=total, alone=found.limit, evidence=evidence)
