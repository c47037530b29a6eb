"""The truth on record: every decision, as JSON and as Parquet, from a snapshot on."""

from __future__ import annotations

import io

import httpx2
import pyarrow.parquet
import pytest
import trio
from harness_test_api import Ask, ServerConfig, Service, create_app
from harness_test_api.ledger import Snapshot, UnknownSnapshot

from tests.asgi import InProcess

LIST = Ask("list")


def busy(**settings: object) -> Service:
    """Five decisions: two admitted, one delayed by nothing, two refused."""
    service = Service(ServerConfig.from_mapping({"limit": "2/1s+3/10s", **settings}), started_at=100.0)
    for now, ask in ((100.0, LIST), (100.25, Ask("item", "2")), (100.5, LIST), (101.5, LIST), (102.0, LIST)):
        service.handle(now, ask)
    return service


def test_every_decision_is_kept_with_all_that_belongs_to_it() -> None:
    """Time, client, route, item, tiers, the tier that decided, verdict, remaining, cost, status, delay, fault."""
    first, second, third, *_ = busy(latency="50ms").ledger.rows()
    assert first == (
        0.0, "127.0.0.1", "list", "", "2/1s+3/10s", "2/1s", "admitted", 1, 1, 200, 0.05, "",
    )  # fmt: skip
    assert (second.t_s, second.route, second.item_id, second.remaining) == (0.25, "item", "2", 0)
    assert (third.verdict, third.tier, third.status) == ("refused", "2/1s", 429)


def test_a_delay_is_a_verdict_of_its_own() -> None:
    """What a leaky bucket lets wait is told as delayed."""
    service = Service(ServerConfig(limit="1/s:leaky:burst=1"))
    for _ in range(3):
        service.handle(0.0, LIST)
    assert [row.verdict for row in service.ledger.rows()] == ["admitted", "delayed", "refused"]


def test_a_snapshot_counts_from_its_moment() -> None:
    """What was decided before a snapshot is not in the report since it; a reset makes older ones unknown."""
    service = busy()
    mark = service.ledger.snapshot().number
    assert mark == 5
    service.handle(103.0, LIST)
    service.handle(110.0, LIST)
    since = service.report(mark)
    assert (since["admitted"], since["refused"], since["per_second"][-1]["t"]) == (1, 1, 10)
    assert service.report(0)["admitted"] == service.report()["admitted"] == 4
    service.ledger.reset()
    with pytest.raises(UnknownSnapshot, match="snapshot 5 is not kept"):
        service.report(mark)
    assert service.report(7)["admitted"] == 0


def test_the_oldest_decisions_are_dropped_and_the_counts_stay() -> None:
    """With room for ten, the newest are kept under their numbers; totals are of all."""
    service = Service(ServerConfig(limit="none", ledger_rows=10))
    for number in range(100):
        service.handle(float(number), LIST)
    rows = service.ledger.rows()
    assert 10 <= len(rows) <= 11
    assert rows[-1].t_s == 99.0
    assert service.report()["admitted"] == 100
    first = service.report()["decisions"]["first"]
    assert service.ledger.rows(Snapshot(first))[0].t_s == float(first)


def test_no_decisions_are_kept_when_none_are_wanted() -> None:
    """ledger_rows=0 keeps counts alone."""
    service = busy(ledger_rows=0)
    assert (service.ledger.rows(), service.ledger.table().num_rows) == ([], 0)
    assert (service.report()["admitted"], service.report()["refused"]) == (3, 2)


def test_the_table_holds_what_the_rows_say() -> None:
    """Arrow and Python tell the same decisions."""
    service = busy()
    table = service.ledger.table().to_pylist()
    assert [row.pop("number") for row in table] == [0, 1, 2, 3, 4]
    assert table == [row._asdict() for row in service.ledger.rows()]


@pytest.mark.anyio
async def test_the_ledger_is_served_as_json_and_parquet() -> None:
    """Pages of decisions with where to go on, a Parquet file of the same, snapshots by number."""
    config = ServerConfig(limit="2/20s", latency="1s")
    async with httpx2.AsyncClient(transport=InProcess(create_app(config)), base_url="http://x") as api:
        for _ in range(3):
            await api.get("/api/items/4")
        mark = (await api.post("/_ledger/snapshot")).json()["snapshot"]
        await api.get("/api/items/5")
        assert (await api.get("/_ledger", params={"since": mark})).json()["refused"] == 1
        first = (await api.get("/_ledger/decisions", params={"most": 3})).json()
        rest = (await api.get("/_ledger/decisions", params={"since": first["end"]})).json()
        decisions = first["decisions"] + rest["decisions"]
        assert [decision["t_s"] for decision in decisions] == [0.0, 1.0, 2.0, 3.0]
        file = await api.get("/_ledger/decisions.parquet")
        table = pyarrow.parquet.read_table(io.BytesIO(file.content)).drop_columns(["number"])
        assert table.to_pylist() == decisions
        assert (await api.get("/_ledger", params={"since": 99})).status_code == 404
        assert (await api.get("/_ledger/decisions", params={"since": 99})).status_code == 404
        assert (await api.get("/_ledger", params={"since": "x"})).status_code == 422


@pytest.mark.anyio
async def test_the_truth_about_the_list_is_served() -> None:
    """GET /_truth tells what happened to the list, and when it is."""
    config = ServerConfig(items=10, drift="insert=1/s:delete=1/2s")
    async with httpx2.AsyncClient(transport=InProcess(create_app(config)), base_url="http://x") as api:
        await api.get("/api/items")
        await trio.sleep(3.0)
        truth = (await api.get("/_truth")).json()
        assert (truth["now"], truth["first_last_id"]) == (3.0, 10)
        assert [change["at"] for change in truth["inserted"]] == [1.0, 2.0, 3.0]
        assert [change["at"] for change in truth["deleted"]] == [2.0]
