"""Rate-limiting libraries as pacing strategies: their own code decides, on a clock that is handed to it.

Each is given what it lets its users say: all limits that hold, of any period. Where a library has one limit per
object, all objects are asked before any is charged, which is kinder than nesting them. None is told what became of a
request, because none asks; after a refusal the importer's budget pauses them as it does every strategy.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiolimiter
import limits
import limits.storage.memory
import limits.strategies
import pyrate_limiter
import throttled
import throttled.utils

from harness.pacing import Grant, Later, Tiers, Unpaced

# A library that names no time, or one that has passed, is asked again this much later.
ASK_AGAIN_S = 0.01


class Library(Unpaced):
    """A strategy that asks a library: 0 where a request may go now, else seconds to wait."""

    def __init__(self, name: str, wait_s: Callable[[float], float]) -> None:
        super().__init__()
        self.name = name
        self._wait_s = wait_s

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        wait_s = self._wait_s(now)
        return super().reserve(now, cost) if wait_s <= 0 else Later(now + max(wait_s, ASK_AGAIN_S), "limit")


class Clock:
    """Stands in for the `time` module and for an event loop: all that these libraries ask of either is the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def is_closed(self) -> bool:
        return False


def pyrate(tiers: Tiers) -> Library:
    """pyrate-limiter: a sliding log over all rates at once, in whole milliseconds."""
    rates = [pyrate_limiter.Rate(tier.limit, round(tier.period_s * 1000)) for tier in tiers]
    bucket = pyrate_limiter.InMemoryBucket(rates)

    def wait_s(now: float) -> float:
        item = pyrate_limiter.RateItem("api", int(now * 1000))
        bucket.leak(item.timestamp)
        return 0.0 if bucket.put(item) else max(1, bucket.waiting(item)) / 1000

    return Library("pyrate-limiter", wait_s)


def aio(tiers: Tiers) -> Library:
    """aiolimiter: a leaky bucket per limit, full at first."""
    clock = Clock()
    limiters = [aiolimiter.AsyncLimiter(tier.limit, tier.period_s) for tier in tiers]
    for limiter in limiters:
        limiter._event_loop = clock

    def wait_s(now: float) -> float:
        clock.now = now
        full = [limiter for limiter in limiters if not limiter.has_capacity()]
        if full:
            return max((one._level + 1 - one.max_rate) / one._rate_per_sec for one in full)
        for limiter in limiters:
            _run(limiter.acquire())
        return 0.0

    return Library("aiolimiter", wait_s)


def _run(coroutine: Any) -> None:
    """A coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits although there was capacity")


def throttle(tiers: Tiers) -> Library:
    """throttled-py: its default, a token bucket per limit, in whole seconds."""
    clock = Clock()
    throttled.utils.time = clock
    store = throttled.MemoryStore()
    limiters = [
        throttled.Throttled(
            key=str(index),
            store=store,
            using="token_bucket",
            quota=throttled.rate_limiter.Quota(
                throttled.rate_limiter.Rate(timedelta(seconds=tier.period_s), tier.limit), burst=tier.limit
            ),
        )
        for index, tier in enumerate(tiers)
    ]

    def wait_s(now: float) -> float:
        clock.now = now
        if all(limiter.peek(str(index)).remaining >= 1 for index, limiter in enumerate(limiters)):
            for limiter in limiters:
                limiter.limit()
            return 0.0
        return 1.0 - now % 1.0  # its clock shows whole seconds: earlier than the next nothing changes

    return Library("throttled-py", wait_s)


def _limits(name: str, strategy: type[limits.strategies.RateLimiter], tiers: Tiers) -> Library:
    clock = Clock()
    stand_in = SimpleNamespace(time=clock.time)
    limits.storage.memory.time = stand_in
    limits.strategies.time = stand_in
    storage = limits.storage.memory.MemoryStorage()
    storage.timer.cancel()
    storage._MemoryStorage__schedule_expiry = lambda: None  # a thread on the real clock
    limiter = strategy(storage)
    items = [limits.RateLimitItemPerSecond(tier.limit, round(tier.period_s)) for tier in tiers]

    def wait_s(now: float) -> float:
        clock.now = now
        full = [item for item in items if not limiter.test(item)]
        if full:
            return max(limiter.get_window_stats(item).reset_time - now for item in full) or ASK_AGAIN_S
        hits = [limiter.hit(item) for item in items]
        return 0.0 if all(hits) else ASK_AGAIN_S

    return Library(name, wait_s)


def limits_fixed(tiers: Tiers) -> Library:
    """limits: fixed windows, anchored at the first request."""
    return _limits("limits, fixed window", limits.strategies.FixedWindowRateLimiter, tiers)


def limits_moving(tiers: Tiers) -> Library:
    """limits: moving windows, a sliding log."""
    return _limits("limits, moving window", limits.strategies.MovingWindowRateLimiter, tiers)


LIBRARIES: dict[str, Callable[[Tiers], Library]] = {
    "pyrate-limiter": pyrate,
    "aiolimiter": aio,
    "throttled-py": throttle,
    "limits, fixed window": limits_fixed,
    "limits, moving window": limits_moving,
}
