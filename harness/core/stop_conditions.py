"""End a run before it is done, by rules: too many failures or requests, too much time, nothing that works.

A server that is down, or a network that is, would cost every item its attempts, as fast as the limits allow. So when
everything fails, everyone pauses and one request probes, and after enough probes in vain the run ends. Failures that
no retry can mend (a 404) are answers: a server that gives them is there. So is a refusal by a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.core.answers import Done, Wait
from harness.pacing.breaker import Breaker, Setback
from harness.record.state import State
from harness.record.status import RunStatus

# One failure among three items is no rate yet.
LEAST_JUDGED = 20
# As long as a restart takes, doubled with each failed probe, and never so long that nobody notices the recovery.
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0
# 10 + 20 + 40 + 80 + 160 + 5 * 300 s: what has not come back in half an hour is somebody's to look at.
MOST_PROBES = 10


def outage_breaker(after: int) -> Breaker:
    """Return what pauses everyone after so many failures in a row (0: never), until somebody gets an answer."""
    return Breaker(_outage_until, "failing", opens_at=after, gives_up_at=MOST_PROBES + 1, closed_by="anyone")


def _outage_until(failure: Setback) -> float | None:
    """Double the pause with each probe that fails; what was on its way when it began makes it no longer."""
    if not failure.begins:
        return None
    return failure.now + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(16, failure.consecutive - 1))


@dataclass(frozen=True, slots=True)
class StopConditions:
    """Conditions that end a session early; None: never for that. Times count from the session's start.

    max_failures: items that failed for good in this session. max_failure_rate: of those that came to an end in it.
    max_requests: sent in this session, whatever became of them. until_quota: end where a quota is used up, in place of
    a wait for it; writes for people when it opens. until: what the time was given as, for people.
    """

    max_failures: int | None = None
    max_failure_rate: float | None = None
    max_time_s: float | None = None
    until_s: float | None = None
    until: str = ""
    max_requests: int | None = None
    until_quota: Callable[[float], str] | None = None


class StopRules:
    """Judges one session, which began in `state`."""

    def __init__(self, conditions: StopConditions, state: State) -> None:
        self._conditions = conditions
        self._before = (state.failed, state.imported)
        times = [time for time in (conditions.max_time_s, conditions.until_s) if time is not None]
        self.at = min(times, default=None)  # when, whatever happens
        self.until_quota = conditions.until_quota
        self._none = conditions == StopConditions()

    def bounded(self, now: float, wait: Wait) -> Wait:
        """Return `wait`, but none beyond the moment at which the session ends whatever happens."""
        if self.at is None or self.at <= now:
            return wait
        return wait if wait.until is not None and wait.until <= self.at else replace(wait, until=self.at)

    def is_sent(self, requests: int) -> bool:
        """Return whether the session may send no more than the `requests` that it has."""
        return self._conditions.max_requests is not None and requests >= self._conditions.max_requests

    def verdict(self, now: float, state: State, breaker: Breaker, requests: int) -> Done | None:
        """Return the Done that ends the session at `now`, or None to continue.

        requests: sent in this session for certain; one in flight may yet come back as never sent.
        """
        if self._none and not breaker.given_up:  # it is asked before each request
            return None
        return self._failed(state, breaker) or self._stopped(now, requests)

    def _failed(self, state: State, breaker: Breaker) -> Done | None:
        """Return the Done that ends a session of which too much failed."""
        conditions = self._conditions
        failed, imported = state.failed - self._before[0], state.imported - self._before[1]
        if conditions.max_failures is not None and failed >= conditions.max_failures:
            return Done(
                RunStatus.FAILED, f"--max-failures {conditions.max_failures}: {_items(failed)} failed in this session"
            )
        judged = failed + imported
        if (
            conditions.max_failure_rate is not None
            and judged >= LEAST_JUDGED
            and failed > conditions.max_failure_rate * judged
        ):
            rate = f"--max-failure-rate {100 * conditions.max_failure_rate:g}%"
            return Done(RunStatus.FAILED, f"{rate}: {failed:,} of {_items(judged)} failed in this session")
        if breaker.given_up:
            return Done(
                RunStatus.FAILED, f"nothing works any more: {MOST_PROBES} probes in a row failed; check the server"
            )
        return None

    def _stopped(self, now: float, requests: int) -> Done | None:
        """Return the Done that ends a session which has used the time or the requests that it was given."""
        conditions = self._conditions
        if conditions.max_time_s is not None and now >= conditions.max_time_s:
            return Done(RunStatus.STOPPED, f"--max-time: {_duration(conditions.max_time_s)} have passed")
        if conditions.until_s is not None and now >= conditions.until_s:
            return Done(RunStatus.STOPPED, f"--until {conditions.until} was reached")
        if self.is_sent(requests):
            were = "1 request was" if requests == 1 else f"{requests:,} requests were"
            return Done(RunStatus.STOPPED, f"--max-requests {conditions.max_requests}: {were} sent in this session")
        return None


def _items(number: int) -> str:
    return f"{number:,} item{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    for unit_s, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.4g} {unit}"
    return f"{seconds:g} s"
