"""A server whose time passes faster: which speeds its limits allow, and that nothing but its clock knows."""

from __future__ import annotations

import re

import pytest
import trio
from harness_test_api import ServerConfig, scenario, scenarios
from harness_test_api.errors import BadConfig
from harness_test_api.speed import LEAST_ROUND_TRIPS, MOST_SPEED, ROUND_TRIP_S, by_the_wall, check_speed, clock_at
from hypothesis import example, given, strategies as st

pytestmark = pytest.mark.anyio


def most_said(config: ServerConfig) -> int:
    """Return the largest speed that is named where a larger one is refused."""
    with pytest.raises(BadConfig) as refused:
        check_speed(config, MOST_SPEED)
    named = re.search(r"use at most --speed (\d+)$", str(refused.value))
    return 1 if named is None else int(named[1])


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("500/20s+2000/100s", 200),
        ("5/s", 10),
        ("5000/h+100:concurrency", 36_000),
        ("2/s:bucket:burst=40", 200),  # it takes 20 s to fill
        ("3/s:leaky:burst=1", 3),
        ("list=20/m item=50/10s", 100),
    ],
)
def test_the_shortest_window_decides(limit: str, most: int) -> None:
    """It must hold so many round trips; the largest speed that does is named, and works."""
    config = ServerConfig(limit=limit)
    assert most_said(config) == most
    check_speed(config, most)
    with pytest.raises(BadConfig, match=f"^speed: {most + 1:g} times as fast, a window of .* use at most"):
        check_speed(config, most + 1)


@given(st.floats(0.2, 3600.0), st.integers(1, 5000))
@example(102.8, 1)  # 102.8 s by 0.1 s is 1028, but 1028 times 0.1 s is more
def test_the_speed_that_is_named_works_and_the_next_does_not(period_s: float, count: int) -> None:
    """For any window: at the speed named it lasts so many round trips, one more and it does not."""
    config = ServerConfig(limit=f"{count}/{period_s:.3f}s")
    tier = config.parsed.plans["default"][0]
    most = most_said(config)
    check_speed(config, most)
    assert tier.period_s / (most + 1) < LEAST_ROUND_TRIPS * ROUND_TRIP_S


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_runs_at_the_speed_that_its_refusal_names(name: str) -> None:
    """Or at any, where nothing in it has a window."""
    config = scenario(name)
    try:
        check_speed(config, MOST_SPEED)
    except BadConfig:
        check_speed(config, most_said(config))


def test_where_a_window_is_too_short_for_any_speed_it_says_so() -> None:
    """At its own speed any limit can be served."""
    config = ServerConfig(limit="5/50ms")
    check_speed(config, 1)
    with pytest.raises(BadConfig, match=r"leave it out$"):
        check_speed(config, 2)


@pytest.mark.parametrize("speed", [0.5, 0, -3, float("nan"), float("inf"), 2 * MOST_SPEED])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    """Slower than the clock, or so fast that nothing can be seen of it."""
    with pytest.raises(BadConfig, match="is not from 1 to 100,000"):
        check_speed(ServerConfig(limit="none"), speed)


def test_limits_at_their_own_speed_need_no_other_clock() -> None:
    """So that nothing changes where nobody asks for it."""
    assert clock_at(1) is None


@pytest.mark.parametrize("speed", [1, 50])
def test_what_belongs_to_the_wire_takes_as_long_as_ever(speed: int) -> None:
    """In the API's time that is so many times as long."""

    async def asked() -> float:
        return by_the_wall(2.0)

    assert trio.run(asked, clock=clock_at(speed)) == 2.0 * speed


async def test_in_virtual_time_there_is_no_wall_clock() -> None:
    """Nothing takes longer there."""
    assert by_the_wall(2.0) == 2.0
