"""Say why nothing is sent right now: the answer to a driver, and few events that record it.

A wait is one, however many workers wait. It begins when the core first has nothing to send although it would, and
ends when something is sent or there is nothing to send.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.core.answers import Wait
from harness.pacing import Later
from harness.pacing.leases import AWAY_S
from harness.record.events import Event, WaitBegan, Waited
from harness.record.quota import is_for_quota

# A pause shorter than this part of its window is the rhythm of pacing, not a sleep: it adds its time, no count.
LEAST_PART = 0.01
# Short pauses are gathered for at most this long before their time is recorded.
GATHER_S = 1.0


class WaitLog:
    """Follows the one wait that can be open, makes the answer of it, and records it when it is over.

    Without the gathering, two pauses of an import at the full rate came out as thirty: slots come free one by one,
    as they were taken.
    """

    def __init__(self, record: Callable[[Event], None]) -> None:
        self.record = record
        self._open: tuple[float, str, str | None, float] | None = None  # began, reason, tier, least length
        self._told_until = 0.0  # of the one that is open, as recorded
        # Until when the one that is open lasts, where it is for a quota (`harness.record.quota`).
        self.quota_until: float | None = None
        self._gathered: tuple[float, float, float, str, str | None] | None = None  # began, ended, asleep, …
        self._last_sleep: tuple[float, str | None] | None = None  # ended, tier

    def idle(self, now: float, reason: str, until: float | None = None) -> Wait:
        """Answer that nothing is to be sent, for a reason that is no waiting: all workers are busy, say."""
        self.end(now)
        return Wait(until, "input" if reason == "paused" else "settlement", reason)

    def later(self, now: float, later: Later, retry_at: float | None = None) -> Wait:
        """Answer that a limit or a pause is waited for; no longer than until a retry is due at `retry_at`."""
        if later.reason == "account" and later.until is not None and later.until - now < AWAY_S:
            return Wait(later.until, "settlement", later.reason)  # it answers in a moment: nobody waits
        tier, period_s = (None, 0.0) if later.tier is None else (str(later.tier), later.tier.period_s)
        self.begin(now, later.reason, tier, later.until, period_s)
        is_long = later.until is not None and is_for_quota(later.reason, later.until - now)
        if is_long or self.quota_until is not None:
            self.quota_until = later.until
        until = later.until if later.until is None or retry_at is None else min(later.until, retry_at)
        return Wait(until, "settlement", later.reason, tier)

    def retry(self, now: float, at: float | None) -> Wait:
        """Answer that there is nothing to do before a retry is due."""
        self.begin(now, "retry", None, at, 0.0)
        return Wait(at, "input", "retry")

    def begin(self, now: float, reason: str, tier: str | None, until: float | None, period_s: float) -> None:
        """Note that nobody can send from `now` on. A wait for the same reason that is open already goes on.

        One that turns out to last for hours more than was recorded is recorded anew: whoever follows the run from its
        events shall know when it goes on.
        """
        if self._open is not None:
            outlasts = until is not None and is_for_quota(reason, until - max(now, self._told_until))
            if self._open[1:3] == (reason, tier) and not outlasts:
                return
            self.end(now)
        least_s = LEAST_PART * period_s
        self._open, self._told_until = (now, reason, tier, least_s), now
        if until is not None and (until - now >= least_s or is_for_quota(reason, until - now)):
            self._told_until = until
            self.record(WaitBegan(now, reason, tier, until))

    def end(self, now: float) -> None:
        """Note that something was sent, or that there is nothing to send."""
        if self._open is None:
            return
        began, reason, tier, least_s = self._open
        self._open = self.quota_until = None
        if now <= began:
            return
        if now - began < least_s:
            self._gather(began, now, reason, tier)
            return
        self.flush(now)
        last = self._last_sleep
        # A probe's answer is waited for right after the pause: with nothing between them they are one.
        merged = last is not None and last[1] == tier and (began - last[0] < least_s or began == last[0])
        sleeps = 0 if merged or reason == "retry" else 1
        self._last_sleep = (now, tier)
        self.record(Waited(now, began, now, now - began, sleeps, reason, tier))

    def flush(self, now: float) -> None:
        """Record what was gathered."""
        if self._gathered is not None:
            began, ended, asleep_s, reason, tier = self._gathered
            self._gathered = None
            self.record(Waited(now, began, ended, asleep_s, 0, reason, tier))

    def _gather(self, began: float, now: float, reason: str, tier: str | None) -> None:
        held = self._gathered
        if held is not None and (held[3:] != (reason, tier) or now - held[0] > GATHER_S):
            self.flush(now)
            held = None
        first, asleep_s = (began, 0.0) if held is None else (held[0], held[2])
        self._gathered = (first, now, asleep_s + now - began, reason, tier)
