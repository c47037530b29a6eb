"""The next question to a server: one request a window goes a little early, and its fate narrows a period.

**Which.** Of a period between `low` and `high` the request that tells most is sent that long after the window's opening
at which about half of what is possible lies on either side (`prior.worth_trying`). Let through, the window was over;
refused, it was not, and nothing is lost, for everyone would have waited anyway.

**When.** Only after a window that was opened by a request known to be its first: one that came after a silence. At most
one such question a window; after a refused one there is silence until the window is over for certain, because a log
that is knocked at again and again lets in one by one, and its period settles short.

**A penalty.** A limit that was filled in no time and then shut for long may be a short window whose overstep is
punished. So in its second window one request goes after the shortest period that people would choose. Refused, that
cost a refusal. Let through, the shut time is a penalty, and nothing is asked of this limit any more: each refused
question would cost it again.

**Knocks.** A limit that was shut while it was asked again and again may have been kept shut by that. If refused
requests count, each of them took what would have let another in; so, once, one request goes after the silence that
would be enough then. Let through, refused requests count.

**Above the count.** A window on the server's clock, of a limit that is read off too low, would be kept to for ever, for
nothing is refused any more. So, once, one request more is sent than it counts. Refused, it is as it was thought; let
through, it is looked for anew, and what was let through tells what it cannot be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.pacing.base import Grant
from harness.pacing.learn.hypotheses import Window, known_by
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import roundness, worth_trying
from harness.pacing.tiers import Kind

# The silence before a window, as a part of its period, by which its first request is known.
SILENCE = 0.15
# Windows whose oversteps are punished are short: seconds, by how people choose them.
SHORT = (1.0, 2.0, 5.0, 10.0, 60.0)
# A period that knocks explain must be shorter by what the ladder leaves open of it, a quarter, or nothing is learned.
SHORTER = 0.75
# So much longer than its shortest likely period must a limit have been shut for a penalty to be thought of.
MUCH_LONGER = 2.8


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way that asks for the period of `window`, whose opener is the request at index `opener`.

    penalty: it asks whether the time for which the limit was shut is a penalty; knocks: whether the refused requests
    made it so long.
    """

    grant: Grant
    window: Window
    opener: int
    penalty: bool = False
    knocks: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The next question about `window`: not before `at`."""

    at: float
    window: Window
    opener: int
    penalty: bool = False
    knocks: bool = False


class Experiments:
    """At most one question at a time."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        self.asked: Question | None = None
        self._last = (-1, False)  # the opener whose window was asked about last, and whether for a penalty
        self._penalty_asked: set[int] = set()  # by count
        self._knocks_asked: set[int] = set()
        self._asked_above: set[tuple[Kind, int, float]] = set()

    def due(self, window: Window) -> Due | None:
        """Return the next question about a limit that is full; None where there is none. It changes nothing."""
        seen = self._seen
        opener = seen.opener(window.limit, len(seen), math.inf)
        if opener < 0 or opener >= len(seen) or self.asked is not None:
            return None
        if seen.charging and window.limit * (window.high_s - window.low_s) < window.high_s:
            return None  # what is left to gain in each window is less than the one request that it costs
        if window.kind != "any":  # its period is read off the clock
            asked = window.source != "refusal" or known_by(window) in self._asked_above
            return None if asked else Due(0.0, window, opener)
        penalty_s = self._penalty_s(window, opener)
        if penalty_s is not None:
            return Due(seen.answered[opener] + penalty_s, window, opener, penalty=True)
        knocked_s = self._knocked_s(window)
        if knocked_s is not None and self._opened(window, opener):
            return Due(seen.answered[opener] + knocked_s, window, opener, knocks=True)
        if window.is_fine or self._last == (opener, False) or not self._opened(window, opener):
            return None
        at = seen.answered[opener] + worth_trying(window.low_s, window.high_s, window.blur_s)
        return Due(at, window, opener)

    def _penalty_s(self, window: Window, opener: int) -> float | None:
        """Return how long after the opening to ask for a penalty; None: not in this window."""
        known = window.limit in self._penalty_asked or window.kind != "any" or window.penalty_s > 0
        # A count that nobody would choose is what others left: then one more getting through says nothing of penalties.
        if known or window.source != "refusal" or not roundness(window.limit):
            return None
        filled_s = self._seen.answered[-1] - self._seen.sent[opener]
        likely = next((period for period in SHORT if period > 1.05 * filled_s), None)
        if likely is None or window.shut_s < MUCH_LONGER * likely or likely * 1.05 > window.low_s:
            return None
        return 1.02 * likely + window.blur_s / 2

    def _knocked_s(self, window: Window) -> float | None:
        """Return how long after the opening to ask whether a limit is full for that long by itself.

        If refused requests count, each took one of what came back while it was shut, and so did the one that got
        through: so many came back in that time.
        """
        known = self._seen.free or self._seen.charging or window.limit in self._knocks_asked
        if known or window.kind != "any" or window.penalty_s > 0 or window.source != "refusal":
            return None
        knocked_s = window.limit * window.high_s / (window.knocks + 1) + window.blur_s
        return knocked_s if knocked_s < SHORTER * window.low_s else None

    def _opened(self, window: Window, opener: int) -> bool:
        """Return whether the opener came after a silence, so that it was the first of a window."""
        seen = self._seen
        if opener == 0:
            return True
        return seen.sent[opener] - seen.answered[opener - 1] > max(SILENCE * window.low_s, window.blur_s)

    def ask(self, grant: Grant, due: Due) -> None:
        """Note that `grant` is the question that was due."""
        self.asked = Question(grant, due.window, due.opener, due.penalty, due.knocks)
        if due.window.kind != "any":
            self._asked_above.add(known_by(due.window))
        elif due.penalty:
            self._penalty_asked.add(due.window.limit)
        elif due.knocks:
            self._knocks_asked.add(due.window.limit)
        else:
            self._last = (due.opener, False)

    def answered(self, grant: Grant) -> Question | None:
        """End the question that `grant` was, and return it; None if it was none."""
        asked = self.asked
        if asked is None or asked.grant is not grant:
            return None
        self.asked = None
        return asked
