"""How long a learned limit may keep everyone waiting before one request looks whether it is true.

A belief can be wrong by any factor: `150/7d` was made of a Reset of one second, and an import waited a week without a
word. So no wait for a learned limit lasts longer than what the server itself named, for this limit or for all, or than
twice the longest wait that proved right so far; then one request goes. If it is let through, the belief is told; if it
is refused, the next look comes later. Declared limits are never looked behind.
"""

from __future__ import annotations

import math

from harness.pacing.base import Notice

# Guesses where the server names no time: 1, 2, 4 ... s find a window of 20 s after 31 s. More than a minute of silence
# would cost more than a probe does.
FIRST_PAUSE_S = 1.0
LONGEST_GUESSED_PAUSE_S = 60.0
# Told times are whole seconds, rounded either way and counted from a Date that is rounded down.
ROUNDING_S = 2.0
# A quota with so few left beside those in flight is about to be used up: its reset is what will be waited for.
NEARLY_USED_UP = 10


def guessed_s(guesses: int) -> float:
    """The pause of the `guesses`-th guess in a row, from 1: 1, 2, 4 ... 60 s."""
    return min(LONGEST_GUESSED_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (min(guesses, 32) - 1))


class Patience:
    """What the server named, what has proved right, and since when nothing has been in flight. longest_s: no time that
    a server names counts for more.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._named_until = -math.inf
        self._names = False  # the server has named a time at all
        self._proven_s = 0.0
        self._refused = 0  # looks in a row that were refused
        self._in_flight = 0
        self._quiet_since: float | None = None
        self._shut_since: float | None = None

    def sent(self, now: float) -> None:
        """A request goes; the silence before it is over."""
        self._in_flight += 1

    def ended(self, now: float) -> None:
        """One is over, however."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._quiet_since = now

    def heard(self, now: float, notice: Notice | None) -> None:
        """Take in what an answer names: Retry-After, and the resets and periods of quotas that are nearly used up."""
        if notice is None:
            return
        told = [] if notice.retry_after_s is None else [notice.retry_after_s]
        for quota in notice.quotas:
            if quota.remaining is None or quota.remaining <= 2 * self._in_flight + NEARLY_USED_UP:
                told += [seconds for seconds in (quota.reset_s, quota.period_s) if seconds is not None]
        usable = [min(seconds, self._longest_s) for seconds in told if math.isfinite(seconds) and seconds > 0]
        if usable:
            self._names = True
            self._named_until = max(self._named_until, now + max(usable) + ROUNDING_S)

    def refused(self, sent_s: float, looked: bool) -> None:
        """A limit refused what was sent then; looked: it was the request that looked whether a belief is true."""
        self._refused += looked
        if self._shut_since is None:
            self._shut_since = sent_s

    def let_through(self, sent_s: float) -> None:
        """A request sent then got through: if it came after a refusal, waiting as long was right."""
        if self._shut_since is not None and sent_s > self._shut_since:
            self._proven_s = max(self._proven_s, sent_s - self._shut_since)
            self._shut_since = None
            self._refused = 0

    def until(self, named_s: float = 0.0) -> float | None:
        """Until when a learned limit may keep everyone waiting; None while something is in flight or nothing was sent.

        named_s: the longest that the server named for this very limit, in whichever window: where one limit is shown at
        a time, the longer of two that are used up together is not named again.
        A server that never names a time is given a minute from the start, for its limits are found by waiting.
        """
        if self._in_flight or self._quiet_since is None:
            return None
        guess_s = guessed_s(self._refused + 1) if self._names else LONGEST_GUESSED_PAUSE_S
        named_s = min(named_s, self._longest_s) + ROUNDING_S if named_s > 0 else 0.0
        return max(self._named_until, self._quiet_since + max(2 * self._proven_s, guess_s, named_s))
