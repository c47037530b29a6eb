"""Limits that may hold: frozen, their parameters intervals, judged by what was let through and what was refused.

**Two-sided replay.** A request sent at s and answered at r reached the server at some moment of [s, r]. So under any
way of counting, the number that counted when it arrived lies between the least that must have and the most that can
have. Let through says least + 1 <= L. Refused *by this limit* says most + 1 > L. For a window of W seconds whose
count L is known that can be read the other way, for W: let o be the L-th last request that was let through.

    refused at s         W > s - answered(o)       the oldest that counts arrived by its answer
    let in at [s, r]     W <= r - sent(o)          it arrived at its send or later, and counts no more

Each bound is taken at its generous end, so that the truth is never dropped, whatever the latency. In anchored windows
and in logs alike o is the oldest that counts; so one interval serves both, and `any` is enforced.

**On the server's clock** (`Clocked`) windows lie where Date headers say: for each W it is known which requests were in
one window, up to those at a border. There W is tried from a list, and L is read off between what was let through and
what was refused. Sliding counters are replayed in the same way, with the last window's share.

A *closure* is what refusals show: from the first that was refused to the first that was let through after it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import count_bits, period_bits, settled_period
from harness.pacing.limiters import guard_s
from harness.pacing.server_clock import ServerClock
from harness.pacing.tiers import MAX_PERIOD_S, Kind, Tier

Source = Literal["refusal", "remembered"]
# A period known to 2 % is known: what probes cost is more than what they could gain.
FINE = 1.01
PENALTY_BITS = 2.5
# A period that is one number and no interval.
EXACT = 0.999
# A pause no longer than this, the least that Retry-After can say and a little, is over at once.
SHORT_S = 1.25
# Nothing that people choose is shorter; what lets in again so soon refills.
SHORTEST_S = 0.9


@lru_cache(maxsize=256)  # asked with every wait, and a Tier checks itself
def tier_of(limit: int, period_s: float, kind: Kind) -> Tier:
    """Return a limit as it is enforced and shown: to the millisecond."""
    return Tier(max(1, limit), min(MAX_PERIOD_S, max(0.001, round(period_s, 3))), kind)


@dataclass(frozen=True, slots=True)
class Closure:
    """From a first refusal, sent at `first_s`, to the request let through after it, sent and answered as `through_s`.

    closed_s: it was shut until then, by the last refusal or as the server told. ended_by_s: it was open by then.
    accepted: how many had been let through before. others: let through and in flight when the first was sent.
    told: the server named the end. probes: how many were refused. known_s: when the last refusal was known. tested: the
    first was a question, which goes although a limit is full.
    """

    first_s: float
    closed_s: float
    ended_by_s: float
    through_s: float
    accepted: int
    others: int = 0
    told: bool = False
    probes: int = 0
    known_s: float | None = None
    tested: bool = False

    @property
    def is_short(self) -> bool:
        """Return whether it was over at once: after the least that anybody waits, nothing was refused any more."""
        known_s = self.closed_s if self.known_s is None else self.known_s
        return not self.probes and self.through_s - known_s <= SHORT_S

    @property
    def shut_s(self) -> float:
        """Return how long it is known to have refused before it was open again."""
        return self.closed_s - self.first_s

    @property
    def lasted_s(self) -> float:
        """Return how long it took until something was let through."""
        return self.through_s - self.first_s


@dataclass(frozen=True, slots=True)
class Window:
    """`limit` units in a window, anchored or a log, of more than `low_s` and at most `high_s`, which is kept to.

    penalty_s: after a refusal nothing is let through for so long, whatever the window; 0: none. named: the server told
    the end, so that no probe is worth it. blur_s: what round trips leave uncertain. charged: refused ones count.
    alone: the count without the refused requests, where they were added to make `limit`; 0: they were not.
    unlikely: bits of what else it takes. knocks: so many were refused while it was shut, if those may have kept it so.
    """

    limit: int
    low_s: float
    high_s: float
    evidence: str
    source: Source = "refusal"
    named: bool = False
    penalty_s: float = 0.0
    blur_s: float = 0.0
    belied: int = 0
    shut_s: float = 0.0
    kind: Kind = "any"
    charged: bool = False
    alone: int = 0
    unlikely: float = 0.0
    knocks: int = 0

    @property
    def tier(self) -> Tier:
        return tier_of(self.limit, self.high_s, self.kind)

    @property
    def span_s(self) -> float:
        return self.high_s + guard_s(self.high_s)

    @property
    def is_fine(self) -> bool:
        """Return whether the period is known as well as it can be."""
        known = self.high_s <= FINE * self.low_s or self.high_s - self.low_s <= 1.1 * self.blur_s
        return self.named or self.source == "remembered" or self.kind != "any" or self.penalty_s > 0 or known

    @property
    def trust(self) -> str:
        return "high" if self.is_fine and not self.belied else "fair"

    @property
    def bits(self) -> float:
        """Return the length of its description: what is usual is short."""
        kinds = {"any": 0.0, "aligned": 2.0, "counter": 3.0}
        length = (
            count_bits(self.limit) + period_bits(min(self.low_s, EXACT * self.high_s), self.high_s) + kinds[self.kind]
        )
        return length + self.unlikely + (PENALTY_BITS if self.penalty_s else 0.0)

    def bracket(self, closure: Closure, seen: Observations) -> tuple[float, float] | None:
        """Return between which periods the closure would be this limit's; None: fewer were let through than it
        counts.
        """
        limit = self.limit if seen.charging or not self.alone else self.alone
        opener = last = seen.opener(limit, closure.accepted, closure.first_s)
        if not 0 <= opener < closure.accepted:
            return None
        shut_s = closure.first_s if self.penalty_s else closure.closed_s
        if seen.charging:  # each refused probe may have kept it shut, until there were no more of them
            openers = (seen.opener(limit, closure.accepted, at) for at in (shut_s, closure.through_s))
            opener, last = (min(closure.accepted - 1, max(0, at)) for at in openers)
        return shut_s - seen.answered[opener], closure.ended_by_s - seen.earliest_sent(last)

    def explains(self, closure: Closure, seen: Observations) -> bool:
        """Return whether the closure can be this limit's, with some period that is still possible."""
        between = self.bracket(closure, seen)
        if between is None:
            return False
        if self.penalty_s:
            return between[0] < self.high_s and closure.shut_s < self.penalty_s
        return between[0] < self.high_s and between[1] > self.low_s

    def narrowed(self, closure: Closure, seen: Observations) -> Window:
        """Return it with what a closure that it explains says of the period."""
        between = self.bracket(closure, seen)
        if between is None:
            return self
        high_s = self.high_s if self.penalty_s else min(self.high_s, between[1])
        told = f"; refused after {between[0]:.3g} s" if between[0] > self.low_s else ""
        made = replace(
            self, low_s=max(self.low_s, between[0]), high_s=high_s, shut_s=max(self.shut_s, closure.shut_s),
            evidence=self.evidence + told,
        )  # fmt: skip
        return made.settled()

    def shortened(self, high_s: float) -> Window:
        """Return it with a period of at most `high_s`: a request was let through so long after its opener."""
        said = f"; a probe after {high_s:.3g} s got through"
        return replace(self, high_s=min(self.high_s, high_s), evidence=self.evidence + said).settled()

    def settled(self) -> Window:
        """Return it with the period that people would choose, where that alone is left within what round trips blur."""
        if self.is_fine or self.high_s <= self.low_s:
            return self
        period_s = settled_period(self.low_s, self.high_s, self.blur_s)
        if period_s is None:
            return self
        return replace(self, low_s=max(self.low_s, period_s / FINE), high_s=period_s)


def known_by(window: Window) -> tuple[Kind, int, float]:
    """Return by what a window on the clock is known."""
    return window.kind, window.limit, window.high_s


@dataclass(frozen=True, slots=True)
class Clocked:
    """The requests that were let through and refused, on the server's clock: how full a window of it was, and when."""

    seen: Observations
    clock: ServerClock
    charged: bool = False  # refused requests count as well

    def _most(self, after: float, before: float) -> int:
        """Count all that may have arrived from `after` to `before` on the server's clock: sent before it ended, and not
        answered before it began.
        """
        seen, low, high = self.seen, self.clock.low, self.clock.high
        number = bisect_left(seen.sends, before - low) - bisect_left(seen.answered, after - high)
        if self.charged:
            number += bisect_left(seen.refused_sends, before - low) - bisect_left(seen.refused, after - high)
        return number

    def _least(self, after: float, answered: float) -> int:
        """Count all that must have arrived from `after` on, on the server's clock, and were answered by `answered`, on
        ours: which of two came first takes no other's clock.
        """
        seen, low = self.seen, self.clock.low
        number = max(0, bisect_right(seen.answered, answered) - bisect_left(seen.sends, after - low))
        if self.charged:
            number += max(0, bisect_right(seen.refused, answered) - bisect_left(seen.refused_sends, after - low))
        return number

    def occupied(self, kind: Kind, period_s: float, sent_s: float, answered_s: float) -> tuple[float, float]:
        """Return the least and the most that counted when a request arrived that was sent and answered then.

        The least is of the last to come of all that were answered by then, it not included: which one that was need not
        be known, and it came no earlier than this one was sent.
        """
        early, late = sent_s + self.clock.low, answered_s + self.clock.high
        first, last = math.floor(early / period_s), math.floor(late / period_s)
        counts = []
        for number in range(first, min(last, first + 2) + 1):
            begins = number * period_s
            here_s = (max(early, begins), min(late, begins + period_s))
            least: float = max(0, self._least(begins, answered_s) - 1)
            most: float = self._most(begins, here_s[1])
            if kind == "counter":
                before = self._least(begins - period_s, math.nextafter(begins - self.clock.high, -math.inf))
                least += before * (1 - (here_s[1] - begins) / period_s)
                most += self._most(begins - period_s, begins) * (1 - (here_s[0] - begins) / period_s)
            counts.append((least, most))
        return min(least for least, _ in counts), max(most for _, most in counts)
