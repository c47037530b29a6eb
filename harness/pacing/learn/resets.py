"""Tell how a limit counts by its resets.

A fixed window's end stands still until it has come. A log's moves on with each request, a whole window ahead of it; so
does the Reset of servers that always name a whole window, and to keep to them as to a log is right as well. A bucket's,
which is when it will be full again, runs ahead: the more were used, the further away. So two answers, the second of
which came before the first one's reset, tell a fixed window from the rest.

The ends of windows that lie on the server's clock are multiples of their period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from harness.pacing.learn.prior import PERIODS, commonness

# So long a watch tells a reset that stands still from one that moves, though both are told in whole seconds and counted
# from a Date that is rounded down; one that is told as a time is as it is, but for its own rounding.
WATCH_S, WATCH_TIME_S = 2.5, 1.05
# So long before a reset all earlier borders have passed, and the answer is still there before it.
JUMP_S = 0.3
# Times are told to the millisecond at best.
SAME_S = 0.002
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Word:
    """The times of an answer: when it was sent for and came, and when by it the reset is. That is not before `over_s`;
    about at `reset_at_s` by our clock, at `utc_s` by the server's, where it was told as a time.
    """

    sent_s: float
    answered_s: float
    over_s: float
    reset_at_s: float
    utc_s: float | None


class ResetPattern:
    """moves: the reset moves on with the requests; None: not known yet. grows: it runs ahead of them.

    jumped_s: it stood still, and before it had come it was this much later: a sliding counter's, which is over two
    borders of its clock ahead, when one of them is passed.
    """

    def __init__(self) -> None:
        self.moves: bool | None = None
        self.grows = False
        self.jumped_s: float | None = None
        self._first: Word | None = None
        self._divisor: int | None = None  # of all ends of windows

    def read(self, word: Word) -> None:
        """Take in one more answer."""
        self._divide(word.utc_s)
        first = self._first
        if first is None or word.answered_s >= first.over_s:
            self._first = word
            return
        watched_s = word.answered_s - first.answered_s
        moved_s = word.reset_at_s - first.reset_at_s
        if first.utc_s is not None and word.utc_s is not None:
            moved_s = word.utc_s - first.utc_s
            if moved_s > SAME_S and self.moves is False:
                self.jumped_s, self._first = moved_s, word
            elif moved_s > SAME_S:
                self.moves = True
            elif word.sent_s - first.answered_s > WATCH_TIME_S and abs(moved_s) <= SAME_S:
                self.moves = False
        elif watched_s > WATCH_S:
            self.moves = moved_s > 0.5 * watched_s
        # More than rounding can do, and faster than time goes by.
        self.grows = self.grows or moved_s > watched_s + WATCH_S

    def trickles(self) -> None:
        """Note that a part of what was used is there again before the reset: no fixed window does that."""
        self.moves = True if self.moves is None else self.moves

    def watch_until(self) -> float | None:
        """Return when a request should be sent for its answer to tell how this counts; None where it is known, or too
        late.
        """
        first = self._first
        if self.moves is not None or first is None:
            return None
        watch_s = WATCH_S if first.utc_s is None else WATCH_TIME_S
        at = first.answered_s + watch_s + 0.01
        return at if at + 2 * (first.answered_s - first.sent_s) < first.over_s else None

    @property
    def tells_times(self) -> bool:
        """Return whether the reset is told as a time, so that a jump can be told from time that goes by."""
        return self._first is not None and self._first.utc_s is not None

    def looks_at(self) -> tuple[float, ...]:
        """Return when requests should be sent for their answers to tell whether this is a sliding counter; () where
        that is known.

        The reset of one lies a period beyond a border, and jumps as that border passes. First just after the latest
        border by a usual period: half a window may be gained. Then as late as can be, when any border has passed.
        """
        first = self._first
        if first is None or first.utc_s is None or self.moves is not False or self.jumped_s is not None:
            return ()
        latest_s = first.over_s - 2 * (first.answered_s - first.sent_s) - JUMP_S
        ahead_s = first.over_s - first.answered_s  # at least
        usual = () if self._divisor is None else _usual_on_clock(self._divisor, ahead_s / 2)
        early_s = first.reset_at_s - min((one for one in usual if one < ahead_s), default=0.0) + JUMP_S
        return (early_s, latest_s) if early_s < latest_s else (latest_s,)

    def _divide(self, utc_s: float | None) -> None:
        if utc_s is not None and self._divisor != 1:
            self._divisor = math.gcd(self._divisor or 0, int(utc_s)) if utc_s == int(utc_s) else 1

    def on_the_clock(self, least_s: float) -> float | None:
        """Return the most common period, `least_s` or longer, whose windows on the server's clock end
        where these did.
        """
        return None if self._divisor is None else _on_clock(self._divisor, least_s)


@lru_cache(maxsize=64)  # asked again with each answer, though it changes once or twice in a window
def _on_clock(divisor: int, least_s: float) -> float | None:
    return max(_usual_on_clock(divisor, least_s), key=commonness, default=None)


def _usual_on_clock(divisor: int, least_s: float) -> list[float]:
    return [period for period in PERIODS if least_s <= period <= _DAY_S and divisor % period == 0]
