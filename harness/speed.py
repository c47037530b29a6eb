"""An API's time that passes faster than the wall clock's: a rehearsal of hours in minutes (`--speed`).

Trio's own clock runs faster, here and in the test API. So limits, waits and latencies are those of the API, and so is
every time that is recorded or shown: a run at 100 times the speed reads like one that took 100 times as long. What
belongs to this machine stays as it is: how often the record is written or a view drawn, and how long a request may
take on the wire. See `by_the_wall`.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from harness.errors import BadInput


def clock_at(speed: float) -> trio.abc.Clock | None:
    """Return a clock for trio that runs `speed` times as fast as the wall's; None where trio's own does."""
    if speed == 1:
        return None
    from trio.testing import MockClock

    return MockClock(rate=speed)


def by_the_wall(seconds: float) -> float:
    """Return how long `seconds` by the wall clock take on the clock that trio runs by; outside trio the same."""
    if not trio.lowlevel.in_trio_run():
        return seconds
    # In virtual time, which jumps, the rate is 0: there is no wall clock to go by.
    return seconds * (getattr(trio.lowlevel.current_clock(), "rate", 1.0) or 1.0)


def check_clock(speed: float) -> None:
    """Raise BadInput where trio runs by another clock than `speed` needs; in virtual time any will do."""
    if speed != 1 and getattr(trio.lowlevel.current_clock(), "rate", 1.0) not in (0.0, speed):
        raise BadInput(
            f"--speed {speed:g} needs a clock that runs as fast; write harness.run(config), "
            f"or start trio with trio.run(..., clock=trio.testing.MockClock(rate={speed:g}))"
        )


def wall_since(began_utc_s: float) -> Callable[[], float]:
    """Return a clock that says the API's time of day: `began_utc_s` now, and on from there as trio's time passes."""
    began_s = trio.current_time()
    return lambda: began_utc_s + trio.current_time() - began_s
