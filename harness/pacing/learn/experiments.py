"""The next question to a server: one request a window goes a little early, and its fate narrows a period.

**Which.** Of a period between `low` and `high` the request that tells most is sent that long after the window's opening
at which about half of what is possible lies on either side (`prior.worth_trying`). Let through, the window was over;
refused, it was not, and nothing is lost, for everyone would have waited anyway.

**When.** Only in a window whose first request is known for certain: one that was let through though the window before was
full; one that came after a whole window of silence; or one that was sent after the window of such a request was over,
while all others in between had come before it was. At most one such question a window; after a refused one there is silence until the window is over for certain, because a log
that is knocked at again and again lets in one by one, and its period settles short.

**A penalty.** A limit that was filled in no time and then shut for long may be a short window whose overstep is
punished. So in its second window one request goes after the shortest period that people would choose. Refused, that
cost a refusal. Let through, the shut time is a penalty, and nothing is asked of this limit any more: each refused
question would cost it again.

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

# Windows whose oversteps are punished are short: seconds, by how people choose them.
SHORT = (1.0, 2.0, 5.0, 10.0, 60.0)
# Where refused requests cost quota, a question is not worth asking of a limit that it takes so much of.
DEAR = 20
# So much longer than its shortest likely period must a limit have been shut for a penalty to be thought of.
MUCH_LONGER = 2.8


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way that asks for the period of `window`, whose opener is the request at index `opener`.

    penalty: it asks whether the time for which the limit was shut is a penalty.
    """

    grant: Grant
    window: Window
    opener: int
    penalty: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The next question about `window`: not before `at`."""

    at: float
    window: Window
    opener: int
    penalty: bool


class Experiments:
    """At most one question at a time."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        self.asked: Question | None = None
        self._last = (-1, False)  # the opener whose window was asked about last, and whether for a penalty
        self._penalty_asked: set[int] = set()  # by count
        self._openers: dict[int, int] = {}  # by count: the latest request that is known to have opened a window
        self._asked_above: set[tuple[Kind, int, float]] = set()

    def due(self, window: Window) -> Due | None:
        """Return the next question about a limit that is full; None where there is none. It changes nothing."""
        seen = self._seen
        opener = seen.opener(window.limit, len(seen), math.inf)
        if opener < 0 or opener >= len(seen) or self.asked is not None:
            return None
        if seen.charging and window.limit < DEAR:
            return None
        if window.kind != "any":  # its period is read off the clock
            asked = window.source != "refusal" or known_by(window) in self._asked_above
            return None if asked else Due(0.0, window, opener, False)
        penalty_s = self._penalty_s(window, opener)
        if penalty_s is not None:
            return Due(seen.answered[opener] + penalty_s, window, opener, True)
        if window.is_fine or self._last == (opener, False) or not self._opened(window, opener):
            return None
        at = seen.answered[opener] + worth_trying(window.low_s, window.high_s, window.blur_s)
        return Due(at, window, opener, False)

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

    def _opened(self, window: Window, opener: int) -> bool:
        """Return whether the opener was the first of a window for certain."""
        seen, before = self._seen, self._openers.get(window.limit, 0)
        if opener in (0, before) or seen.sent[opener] - seen.answered[opener - 1] > window.high_s:
            return True
        all_before = seen.answered[opener - 1] < seen.sent[before] + window.low_s
        return all_before and seen.sent[opener] > seen.answered[before] + window.high_s

    def opened(self, window: Window, at: int) -> None:
        """Note that the request at the index `at` was let through though `window` had been full."""
        self._openers[window.limit] = at

    def ask(self, grant: Grant, due: Due) -> None:
        """Note that `grant` is the question that was due."""
        self.asked = Question(grant, due.window, due.opener, due.penalty)
        if due.window.kind != "any":
            self._asked_above.add(known_by(due.window))
        elif due.penalty:
            self._penalty_asked.add(due.window.limit)
        else:
            self._last = (due.opener, False)
            self._openers[due.window.limit] = due.opener

    def answered(self, grant: Grant) -> Question | None:
        """End the question that `grant` was, and return it; None if it was none."""
        asked = self.asked
        if asked is None or asked.grant is not grant:
            return None
        self.asked = None
        return asked
