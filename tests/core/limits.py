"""Servers of a few lines that refuse as they like: limits of three kinds, and statuses of the items' own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from random import Random
from typing import Any

from harness.core.answers import Fetch, Result, failed_status
from harness.core.rules import Rules
from harness.pacing import Notice, parse_tiers
from harness.pacing.refusals import by_body, by_headers
from harness.pacing.strategies import make_pacer
from harness.record import events as e
from tests.core.play import UTC_S, Play, Server, catalogue

# now -> is it let in?
Limit = Callable[[float], bool]
FORBIDDEN = Notice(403)


def window(limit: int, period_s: float) -> Limit:
    """A fixed window that opens with the first request after the last one."""
    opened_s, used = float("-inf"), 0

    def admit(now: float) -> bool:
        nonlocal opened_s, used
        if now - opened_s >= period_s:
            opened_s, used = now, 0
        if used < limit:
            used += 1
            return True
        return False

    return admit


def log(limit: int, period_s: float) -> Limit:
    """At most so many in any span."""
    times: deque[float] = deque()

    def admit(now: float) -> bool:
        while times and times[0] <= now - period_s:
            times.popleft()
        if len(times) < limit:
            times.append(now)
            return True
        return False

    return admit


def bucket(rate: float, burst: float = 1.0) -> Limit:
    """A token bucket; with a burst of 1 a strict one, that wants even spacing."""
    level, at_s = burst, 0.0

    def admit(now: float) -> bool:
        nonlocal level, at_s
        level, at_s = min(burst, level + (now - at_s) * rate), now
        if level < 1:
            return False
        level -= 1
        return True

    return admit


def limited(
    items: int,
    limit: Limit | None = None,
    refusal: Notice = FORBIDDEN,
    own: Collection[Any] = (),
    own_status: int = 403,
    jitter: float = 0.0,
    also: Callable[[Fetch, float], int | None] = lambda fetch, now: None,
) -> Server:
    """A list of `items` behind `limit`, which refuses with `refusal`; the items in `own` are answered `own_status`.

    also: a status that a request gets for another reason. Latencies are 80 ms, or lognormal with `jitter`.
    """
    random, base = Random(7), catalogue(items)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s = 0.08 * (random.lognormvariate(0.0, jitter) if jitter else 1.0)
        _, notice, result = base(fetch, now)
        if limit is not None and not limit(now + latency_s / 2):
            return latency_s, refusal, failed_status(refusal.status)
        status = own_status if fetch.role == "item" and fetch.key in own else also(fetch, now)
        if status is not None:
            return latency_s, by_headers(Notice(status)), failed_status(status)
        return latency_s, notice, result

    return serve


def said(status: int, retry_after_s: float | None = None, body: Any = None) -> Notice:
    """What a client makes of an answer, by its headers and its body."""
    notice = by_headers(Notice(status, retry_after_s))
    return notice if body is None else by_body(notice, body, UTC_S)


def imported(server: Server, strategy: str, workers: int = 10, limits: str = "5000/h", **rules: Any) -> Play:
    """One import by `strategy`; those that are told limits are told `limits`, which are wider than the true one."""
    if strategy == "reference":  # it sleeps for a whole window each time
        limits = "300/5s"
    told = parse_tiers(limits) if strategy in ("window", "spaced", "reference") else ()
    pacer = make_pacer(strategy, told, 30.0, 0.0, 1, ())
    return Play(server, Rules(workers, breaker=20, **rules), pacer).run(until=1e5)


def failed(play: Play) -> set[Any]:
    """Keys of what failed for good."""
    failures = play.core.state.failures.values()
    return {failure.key for failure in failures if failure.retry_at_utc_s is None}


def attempts(play: Play) -> set[Any]:
    """Keys of what had a failed attempt."""
    return {event.key for event in play.of(e.AttemptFailed)}
