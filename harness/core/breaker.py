"""A circuit breaker: when everything fails, everyone pauses, and one request probes. No IO, no clock.

A server that is down, or a network that is, would otherwise cost every item its attempts, as fast as the limits allow.
Failures that no retry can mend (a 404) are answers: whoever gives them is there. So is a refusal by a limit.
"""

from __future__ import annotations

from harness.core.answers import Wait

# As long as a restart takes, doubled with each failed probe, and never so long that nobody notices the recovery.
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0
# 10 + 20 + 40 + 80 + 160 + 5 * 300 s: what has not come back in half an hour is somebody's to look at.
MOST_PROBES = 10


class Breaker:
    """Told what becomes of fetches, it says until when everyone pauses.

    after: so many failures in a row open it; 0: nothing ever does.
    """

    def __init__(self, after: int) -> None:
        self.until: float | None = None  # while it is open
        self.strikes = 0  # pauses in a row, one for the opening and one per failed probe
        self._after = after
        self._in_a_row = 0
        self._probe: int | None = None

    @property
    def open(self) -> bool:
        return self.until is not None

    def held(self, now: float) -> Wait | None:
        """Why nothing may go out at `now`: a pause, or the probe's answer is waited for. None: something may."""
        if self.until is None:
            return None
        if self._probe is not None:
            return Wait(None, "settlement", "probe")
        return Wait(self.until, "settlement", "failing") if now < self.until else None

    @property
    def given_up(self) -> bool:
        return self.strikes > MOST_PROBES

    def sends(self, fetch_id: int) -> None:
        """A fetch goes out; while it is open, that is the probe."""
        if self.open:
            self._probe = fetch_id

    def landed(self, fetch_id: int) -> bool:
        """A fetch is over, however: was it the probe?"""
        probed = fetch_id == self._probe
        if probed:
            self._probe = None
        return probed

    def works(self) -> None:
        """Somebody answered."""
        if self._in_a_row:
            self.until, self._probe = None, None
            self.strikes = self._in_a_row = 0

    def failed(self, now: float, probed: bool) -> float | None:
        """One more failure that may pass; answers until when everyone pauses if that begins a pause, else None."""
        self._in_a_row += 1
        if self._after == 0 or self._in_a_row < self._after or (self.open and not probed):
            return None
        self.strikes += 1
        self.until = now + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(16, self.strikes - 1))
        return self.until
