"""Every ready-made server can be listed, started, and read by a polite client, or shows why not."""

from __future__ import annotations

import httpx2
import pytest
import trio
import trio.testing
from harness_test_api import Ask, BadConfig, ServerConfig, Service, create_app, scenario, scenarios
from harness_test_api.catalogue import Truth
from harness_test_api.ledger import DecisionRow

from tests.asgi import InProcess
from tests.server.polite import Polite

ITEMS = 250
# What a polite client meets: at least this many refusals, and nothing missing unless said here.
MAY_MISS = {"faulty": "items that are gone", "drifting": "items hidden when the page borders move"}
# The others look like the API whose name they bear: see tests/presets.
OF_OUR_SHAPE = [name for name in scenarios.names() if not scenario(name).shape]
NEVER_REFUSED = {"slow", "slow-leaky", "default", "laravel", "concurrency"}


def start(name: str) -> tuple[httpx2.AsyncClient, Service]:
    config = scenario(name, items=ITEMS)
    service = Service(config, trio.current_time(), 1_795_000_000.0)
    transport = InProcess(create_app(config, service))
    return httpx2.AsyncClient(transport=transport, base_url="http://api.test"), service


async def read(name: str) -> tuple[Polite, Service]:
    client, service = start(name)
    headers = {"X-Api-Key": "demo-free"} if name == "plans" else {}
    async with client:
        polite = Polite(client, headers)
        await polite.run()
    return polite, service


def test_scenarios_are_listed_with_a_line_each() -> None:
    """Each has a name, a line about it and settings that hold."""
    assert len(scenarios.names()) >= 20
    for name in scenarios.names():
        assert scenarios.about(name).endswith(".")
        assert isinstance(scenario(name), ServerConfig)
    with pytest.raises(BadConfig, match="'atlantis' is unknown; use one of airtable, aligned, "):
        scenario("atlantis")


@pytest.mark.anyio
@pytest.mark.parametrize("name", OF_OUR_SHAPE)
async def test_a_polite_client_reads_each_scenario(name: str) -> None:
    """Every item ends imported or failed for a reason, the ledger saw each request, and refusals are what they are."""
    polite, service = await read(name)
    everything = {str(number) for number in range(1, ITEMS + 1)}
    if name not in MAY_MISS:
        assert (set(polite.imported), polite.failed) == (everything, {})
    elif name == "faulty":
        assert set(polite.imported) | set(polite.failed) == everything
        assert 0 < len(polite.failed) < ITEMS / 10
    else:
        lost = lost_while_paging(polite, service.truth(trio.current_time()))
        assert len(lost) <= len(service.truth(trio.current_time()).deleted)
    mine = [row for row in service.ledger.rows() if row.client != "tenant"]
    assert sum(row.verdict == "refused" for row in mine) == polite.refused
    assert (polite.refused > 0) == (name not in NEVER_REFUSED)


def lost_while_paging(polite: Polite, truth: Truth) -> set[int]:
    """Items there all the time that the client never saw."""
    seen = {int(item_id) for item_id in (*polite.imported, *polite.failed)}
    now = trio.current_time()
    assert seen <= truth.may_hold(0.0, now)
    return truth.must_hold(0.0, now) - seen


def test_hostile_lets_nobody_in_who_keeps_knocking() -> None:
    """The documented failure: 25 tries a second are refused for ever, allowed 20; after silence the door is open."""
    service = Service(scenario("hostile", fault=()))
    burst = [service.handle(0.0, Ask("list")).status for _ in range(70)]
    assert burst == [200] * 60 + [403] * 10
    # A client that the plain limits would admit 60 times each 3 s: here each knock renews the wait of all.
    knocks = [service.handle(knock / 25, Ask("list")).status for knock in range(1, 2500)]
    assert set(knocks) == {403}
    assert service.handle(100.0 + 15.0, Ask("list")).status == 200


@pytest.mark.anyio
async def test_plans_answers_nobody_without_a_key() -> None:
    """The documented failure: 401, in words; the free plan is halved after 15 s."""
    client, service = start("plans")
    async with client:
        answer = await client.get("/api/items")
        assert (answer.status_code, "requires a known key" in answer.json()["message"]) == (401, True)
    free = Ask("list", api_key="demo-free")
    assert sum(service.handle(trio.current_time(), free).status == 200 for _ in range(150)) == 100
    later = trio.current_time() + 60
    assert sum(service.handle(later, free).status == 200 for _ in range(150)) == 50


def ledger_of(name: str) -> list[DecisionRow]:
    async def main() -> list[DecisionRow]:
        return (await read(name))[1].ledger.rows()

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("name", ["faulty", "secondary", "tenants", "drifting", "hostile"])
def test_the_whole_server_in_virtual_time_gives_the_same_ledger_twice(name: str) -> None:
    """Four workers, random latencies, faults, refusals: the same seed gives the same decisions, to the last digit."""
    first = ledger_of(name)
    assert len(first) > ITEMS
    assert ledger_of(name) == first
