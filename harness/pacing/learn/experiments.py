"""The next question to a server: one request a window goes a little early, and its fate narrows a period.

**Which.** Of a period between `low` and `high` the request that tells most is sent that long after the window's opening
at which about half of what is possible lies on either side (`prior.worth_trying`). Let through, the window was over;
refused, it was not, and nothing is lost, for everyone would have waited anyway.

**When.** Only in a window whose first request is known: one that was let through though the window before was full; one
that was sent after the window of such a request was over, while all others in between had come before it was; or one
that came after a silence, unless it fell into the window of such a request for certain. At most one such question a
window; after a refused one there is silence until the window is over for certain, because a log that is knocked at
again and again lets in one by one, and its period settles short.

**A penalty.** A limit that was filled in no time and then shut for long may be a short window whose overstep is
punished. So in its second window one request goes after the shortest period that people would choose. Refused, that
cost a refusal. Let through, the shut time is a penalty, and nothing is asked of this limit any more: each refused
question would cost it again.

**Knocks.** A limit that was shut while it was asked again and again may have been kept shut by that. If refused
requests count, each of them took what would have let another in; so, once, one request goes after the silence that
would be enough then. Let through, refused requests count.

**Above the count.** A window on the server's clock that is believed to be longer, or to count less, than it does, would
be kept to for ever, for nothing is refused any more. So one request more is sent than it counts, when half of the time
has passed for which it is full; and again, after 2, 8, 32 ... of its periods, when three quarters have, and so on.
Refused, it is as it was thought; let through, it is looked for anew, and what was let through tells what it cannot be.
(A log is no such belief: it is kept to by when answers came, so that one more may well fit.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.pacing.base import Grant
from harness.pacing.learn.hypotheses import Window, known_by
from harness.pacing.learn.observations import SILENCE, Observations
from harness.pacing.learn.prior import roundness, worth_trying
from harness.pacing.tiers import Kind

# Windows whose oversteps are punished are short: seconds, by how people choose them.
SHORT = (1.0, 2.0, 5.0, 10.0, 60.0)
# A window on the clock is asked again after so many periods, and each time after so many times more.
AGAIN, RARER = 2, 4
# A period that knocks explain must be shorter by what the ladder leaves open of it, a quarter, or nothing is learned.
SHORTER = 0.75
# So much longer than its shortest likely period must a limit have been shut for a penalty to be thought of.
MUCH_LONGER = 2.8


Asks = Literal["period", "penalty", "knocks", "count"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way that asks for the period of `window`, whose opener is the request at index `opener`.

    asks: for its period; whether the time for which it was shut is a penalty, or was made so long by the knocks, which
    are refused requests; or whether it counts more.
    """

    grant: Grant
    window: Window
    opener: int
    asks: Asks


@dataclass(frozen=True, slots=True)
class Due:
    """The next question about `window`: not before `at`."""

    at: float
    window: Window
    opener: int
    asks: Asks


class Experiments:
    """At most one question at a time."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        self.asked: Question | None = None
        self._last = -1  # the opener whose window was asked about last
        self._penalty_asked: set[int] = set()  # by count
        self._openers: dict[int, int] = {}  # by count: the latest request that is known to have opened a window
        self._knocks_asked: set[int] = set()
        self._asked_above: dict[tuple[Kind, int, float], tuple[int, float]] = {}  # how often, and when last

    def due(self, window: Window, until: float | None = None) -> Due | None:
        """Return the next question about a limit that is full, until the time given; None where there is none. It
        changes nothing.
        """
        seen = self._seen
        opener = seen.opener(window.limit, len(seen), math.inf)
        if opener < 0 or opener >= len(seen) or self.asked is not None:
            return None
        if seen.charging and window.limit * (window.high_s - window.low_s) < window.high_s:
            return None  # what is left to gain in each window is less than the one request that it costs
        if window.kind != "any":  # its period is read off the clock
            at = self._above_at(window, seen.answered[-1], until)
            return None if at is None else Due(at, window, opener, "count")
        penalty_s = self._penalty_s(window, opener)
        if penalty_s is not None:
            return Due(seen.answered[opener] + penalty_s, window, opener, "penalty")
        knocked_s = self._knocked_s(window)
        if knocked_s is not None and self._opened(window, opener):
            return Due(seen.answered[opener] + knocked_s, window, opener, "knocks")
        if window.is_fine or self._last == opener or not self._opened(window, opener):
            return None
        at = seen.answered[opener] + worth_trying(window.low_s, window.high_s, window.blur_s)
        return Due(at, window, opener, "period")

    def plans(self, window: Window) -> Asks | None:
        """Return what a limit is to be asked next, full or not; None where nothing is left to ask."""
        if window.kind != "any":
            return "count" if window.source == "refusal" else None
        return None if window.is_fine else "period"

    def _above_at(self, window: Window, full_s: float, until: float | None) -> float | None:
        """Return when to ask a window on the clock, full since `full_s`, for more than it counts; None: not yet."""
        times, asked_s = self._asked_above.get(known_by(window), (0, -math.inf))
        rest_s = AGAIN * RARER ** (times - 1) * window.high_s
        if window.source != "refusal" or full_s < asked_s + rest_s:
            return None
        if until is None or window.kind == "counter":  # it gives some back all the time: no wait of it is long
            return full_s
        return until - (until - full_s) / 2.0 ** (times + 1)

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
        """Return whether the opener was the first of a window."""
        seen, before = self._seen, self._openers.get(window.limit, 0)
        if opener in (0, before):
            return True
        if seen.answered[opener] < seen.sent[before] + window.low_s:
            return False
        if seen.sent[opener] - seen.answered[opener - 1] > max(SILENCE * window.low_s, window.blur_s):
            return True
        all_before = seen.answered[opener - 1] < seen.sent[before] + window.low_s
        return all_before and seen.sent[opener] > seen.answered[before] + window.high_s

    def opened(self, window: Window, at: int) -> None:
        """Note that the request at the index `at` was let through though `window` had been full."""
        self._openers[window.limit] = at

    def opened_s(self, window: Window) -> float:
        """Return when the latest request was sent that is known to have opened a window of this limit."""
        at = self._openers.get(window.limit)
        return -math.inf if at is None else self._seen.sent[at]

    def ask(self, grant: Grant, due: Due) -> None:
        """Note that `grant` is the question that was due."""
        self.asked = Question(grant, due.window, due.opener, due.asks)
        if due.asks == "penalty":
            self._penalty_asked.add(due.window.limit)
        elif due.asks == "period":
            self._last = self._openers[due.window.limit] = due.opener
        elif due.asks == "knocks":
            self._knocks_asked.add(due.window.limit)
        else:
            times, _ = self._asked_above.get(known_by(due.window), (0, 0.0))
            self._asked_above[known_by(due.window)] = times + 1, grant.at

    def answered(self, grant: Grant) -> Question | None:
        """End the question that `grant` was, and return it; None if it was none."""
        asked = self.asked
        if asked is None or asked.grant is not grant:
            return None
        self.asked = None
        return asked
