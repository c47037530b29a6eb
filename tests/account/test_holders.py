"""Several holders of one account in virtual time: no window sees too many, and everyone who lives finishes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.account.store import AccountKey
from harness.pacing import Tiers, parse_tiers
from tests.account import world as worlds
from tests.account.valkey_server import Direct, Server
from tests.account.world import Client, Ways, World, most_in

LIMITS = ("5/1s", "10/2s+30/10s", "20/1s", "3/2s+4/5s", "100/2s+400/10s")
_numbers = count()

WAYS = st.builds(
    Ways,
    trip_s=st.sampled_from((0.0, 0.01, 0.5, 1.5)),
    lost=st.sampled_from((0.0, 0.1, 0.4)),
    request_s=st.sampled_from((0.01, 0.2, 1.0)),
    lost_requests=st.sampled_from((0.0, 0.1)),
    drift=st.sampled_from((0.0, 5e-5)),
)
# items, workers, when it dies, when it joins
HOLDER = st.tuples(
    st.integers(1, 60), st.sampled_from((1, 3, 10)), st.sampled_from((math.inf, math.inf, 0.7, 3.1, 5.0)),
    st.sampled_from((0.0, 0.0, 0.3, 2.5, 7.0)),
)  # fmt: skip
SCENE = {
    "limits": st.sampled_from(LIMITS),
    "ways": WAYS,
    "holders": st.lists(HOLDER, min_size=1, max_size=4),
    "seed": st.integers(0, 10_000),
}


def bound_s(tiers: Tiers, holders: list[tuple[Any, ...]], ways: Ways) -> float:
    """Return by when all that live are done, however badly it goes.

    As long as all items take at the slowest limit, several times where exchanges are slow or lost; as long as each item
    of the slowest holder takes with an exchange of its own; and a lease's life, a request and a window for each holder
    that may die.
    """
    items = sum(one[0] for one in holders)
    slowest_s = max(tier.period_s / tier.limit * items + tier.period_s for tier in tiers)
    harsh = 1 + 2 * (ways.trip_s > 0.1) + 2 * (ways.lost > 0.2) + (ways.lost_requests > 0) + (ways.request_s > 0.5)
    each_s = 2 * ways.request_s + (2 * ways.trip_s + 0.5) / (1 - ways.lost) + 3.0 * (ways.lost_requests > 0)
    in_turn_s = max(one[0] / one[1] for one in holders) * each_s
    return 20.0 + (2.0 + harsh) * slowest_s + 5 * in_turn_s + 12.0 * len(holders)


def played(
    limits: str, ways: Ways, holders: list[tuple[Any, ...]], seed: int, prepare: Callable[[World], None]
) -> None:
    tiers = parse_tiers(limits)
    world = World(seed, ways)
    prepare(world)
    clients: list[Client] = []
    for index, (items, workers, dies_s, joins_s) in enumerate(holders):

        def join(index: int = index, items: int = items, workers: int = workers, dies_s: float = dies_s) -> None:
            clients.append(Client(world, f"h{index}", tiers, items, workers, dies_s))

        world.at(world.now + joins_s, join)
    world.run(world.now + 7.0 + bound_s(tiers, holders, ways))
    for tier in tiers:
        assert most_in(world.arrivals, tier.period_s) <= tier.limit
    assert [one.items for one in clients if not one.is_dead and one.done_at is None] == []


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(**SCENE)
def test_never_over_and_everyone_finishes(limits: str, ways: Ways, holders: list[tuple[Any, ...]], seed: int) -> None:
    played(limits, ways, holders, seed, lambda world: None)


@pytest.mark.slow
@settings(max_examples=3000, suppress_health_check=list(HealthCheck))
@given(**SCENE)
def test_never_over_in_many_worlds(limits: str, ways: Ways, holders: list[tuple[Any, ...]], seed: int) -> None:
    played(limits, ways, holders, seed, lambda world: None)


@pytest.mark.realtime
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(**SCENE)
def test_never_over_on_valkey(
    valkey_server: Server, limits: str, ways: Ways, holders: list[tuple[Any, ...]], seed: int
) -> None:
    with valkey_server.client() as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "KEY", AccountKey(f"world{next(_numbers)}.test", "k", "T"))

        def prepare(world: World) -> None:
            world.store = Direct(client, lambda: world.now)  # type: ignore[assignment]
            world.store_id = "s"

        played(limits, ways, holders, seed, prepare)


@pytest.mark.parametrize("seed", range(8))
def test_what_a_dead_holder_had_under_way_counts_as_late_as_it_can(seed: int) -> None:
    """Its requests are slow; another begins after it, and is not to send while they may still arrive."""
    world = World(seed, Ways(request_s=0.01, lost_requests=1.0))
    tiers = parse_tiers("5/1s")
    Client(world, "dead", tiers, 5, 10, dies_s=0.3)
    world.run(world.now + 0.31)
    world.ways.lost_requests = 0.0
    other = Client(world, "other", tiers, 30, 10)
    world.run(world.now + 60.0)
    assert other.done_at is not None
    assert most_in(world.arrivals, 1.0) <= 5


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holders", [2, 4])
def test_a_server_that_shuts_is_asked_by_one_probe_at_a_time(holders: int) -> None:
    """It shuts for 4 s and says 1 s: what was in flight is refused once, then one request a pause, whoever sends it."""
    world = World(1, Ways(request_s=0.02))
    asked: list[float] = []

    def refuses(now: float) -> bool:
        shut = 1010.0 <= now < 1014.0
        if shut:
            asked.append(now)
        return shut

    world.refuses = refuses
    clients = [Client(world, f"h{index}", parse_tiers("50/1s"), 300, 5) for index in range(holders)]
    world.run(world.now + 60.0)
    assert all(one.done_at is not None for one in clients)
    in_flight = [at for at in asked if at < asked[0] + 0.1]
    probes = [at for at in asked if at >= asked[0] + 0.1]
    assert len(in_flight) <= 5 * holders
    assert 2 <= len(probes) <= 3
    assert all(later - before >= 1.0 for before, later in zip([in_flight[0], *probes], probes, strict=False))


# --- how fast, and how alike ------------------------------------------------------------------------------------------

BEST_S = 36.0  # 1,600 requests of 100/2s+400/10s as a log: the last 400 begin at 30 s, and their last 100 6 s later


@pytest.mark.parametrize("trip_s", [0.0, 0.02])
@pytest.mark.parametrize("holders", [1, 2, 4, 8])
def test_together_as_fast_as_one_and_all_alike(holders: int, trip_s: float) -> None:
    tiers = parse_tiers("100/2s+400/10s")
    world = World(1, Ways(trip_s=trip_s, request_s=0.025))
    clients = [Client(world, f"h{index}", tiers, 1600 // holders, 10) for index in range(holders)]
    began = world.now
    world.run(world.now + 60.0)
    took = [one.done_at - began for one in clients if one.done_at is not None]
    assert len(took) == holders
    assert [most_in(world.arrivals, tier.period_s) for tier in tiers] == [100, 400]
    assert max(took) <= BEST_S / 0.95
    assert min(took) >= 0.9 * max(took)
