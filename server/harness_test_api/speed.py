"""Time that passes faster than the wall clock's, so that hours of limits can be lived through in minutes (`--speed`).

It is trio's own clock that runs faster. Limits, latency, faults, tokens and dates are all counted in it, and none of
them needs to know. What belongs to the wire is as slow as ever: a round trip on this machine takes `speed` times as
long in the API's time. Where a window lasted only a few round trips, an import would be held up by the machine and not
by the limit; such a speed is refused.
"""

from __future__ import annotations

import math

import trio
import trio.testing

from harness_test_api.config import ServerConfig
from harness_test_api.errors import BadConfig
from harness_test_api.tiers import Tier

# What a request to another process of this machine and its answer take, by the wall clock; under load it is more.
ROUND_TRIP_S = 0.005
# Of these a window must hold at least so many.
LEAST_ROUND_TRIPS = 20
MOST_SPEED = 100_000


def clock_at(speed: float) -> trio.abc.Clock | None:
    """Return a clock for trio that runs `speed` times as fast as the wall's; None where trio's own does."""
    return None if speed == 1 else trio.testing.MockClock(rate=speed)


def by_the_wall(seconds: float) -> float:
    """Return how long `seconds` by the wall clock take on the clock that trio runs by."""
    # In virtual time, which jumps, the rate is 0: there is no wall clock to go by.
    return seconds * (getattr(trio.lowlevel.current_clock(), "rate", 1.0) or 1.0)


def _most(window_s: float) -> int:
    """Return the most times as fast, a whole number, at which a window lasts long enough; 0 where there is none."""
    most = math.floor(window_s / _needed_s())
    while most and window_s / most < _needed_s():  # division rounds
        most -= 1
    return most


def check_speed(config: ServerConfig, speed: float) -> None:
    """Raise BadConfig for a speed at which a window of `config` would last too few round trips; it names the most."""
    if not 1 <= speed <= MOST_SPEED:
        raise BadConfig(f"speed: {speed:g} is not from 1 to {MOST_SPEED:,}; write how many times as fast, such as 100")
    parsed = config.parsed
    of_plans = [*parsed.plans.values(), *(change.tiers for change in parsed.plan_changes)]
    tiers = [tier for tiers in of_plans for tier in tiers if tier.kind != "concurrency"]
    shortest = min(tiers, key=_window_s, default=None)
    if speed == 1 or shortest is None or _window_s(shortest) / speed >= _needed_s():
        return
    most = _most(_window_s(shortest))
    ask = f"use at most --speed {most}" if most > 1 else "leave it out"
    lasts = f"{1000 * _window_s(shortest) / speed:.3g} ms"
    needs = f"{LEAST_ROUND_TRIPS} round trips of {1000 * ROUND_TRIP_S:g} ms"
    raise BadConfig(f"speed: {speed:g} times as fast, a window of {shortest} lasts {lasts}, less than {needs}; {ask}")


def _needed_s() -> float:
    """Return how long a window must last by the wall clock."""
    return LEAST_ROUND_TRIPS * ROUND_TRIP_S


def _window_s(tier: Tier) -> float:
    """Return in what time a tier lets its whole limit through: of a bucket, in what time it fills."""
    if tier.kind in ("bucket", "gcra", "leaky"):
        return tier.period_s * max(1, tier.depth) / tier.limit
    return tier.period_s
