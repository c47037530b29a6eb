"""The whole app in virtual time, through httpx2's ASGI transport."""

from __future__ import annotations

import httpx2
import pytest
import trio
from harness_test_api import ServerConfig, create_app

from tests.asgi import InProcess

pytestmark = pytest.mark.anyio


def client(config: ServerConfig) -> httpx2.AsyncClient:
    transport = InProcess(create_app(config))
    return httpx2.AsyncClient(transport=transport, base_url="http://api.test")


async def test_latency_delays_every_answer_exactly() -> None:
    """An answer arrives at the very virtual instant: admitted, refused or not found."""
    async with client(ServerConfig(limit="2/10s", latency="7s")) as api:
        for path, status in (("/api/items", 200), ("/api/items/0", 404), ("/api/items", 429)):
            before = trio.current_time()
            answer = await api.get(path)
            # The window opened at 0 and 14 s have passed by the third: ask it at once instead.
            if status == 429:
                assert trio.current_time() == 21.0
                continue
            assert (answer.status_code, trio.current_time()) == (status, before + 7.0)


async def test_refused_until_the_window_ends() -> None:
    """A client that sleeps exactly Retry-After is let in, in virtual time to the instant."""
    async with client(ServerConfig(limit="2/20s")) as api:
        assert [(await api.get("/api/items")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await api.get("/api/items/1")
        assert refused.headers["Retry-After"] == "20"
        await trio.sleep(int(refused.headers["Retry-After"]))
        assert (await api.get("/api/items/1")).status_code == 200


async def test_the_ledger_is_never_limited_and_can_be_reset() -> None:
    """GET /_ledger counts nothing; POST /_ledger/reset empties the records and leaves the windows."""
    async with client(ServerConfig(limit="1/20s")) as api:
        await api.get("/api/items")
        for _ in range(3):
            ledger = (await api.get("/_ledger")).json()
        assert (ledger["admitted"], ledger["refused"]) == (1, 0)
        assert (await api.post("/_ledger/reset")).status_code == 200
        assert (await api.get("/_ledger")).json()["admitted"] == 0
        assert (await api.get("/api/items")).status_code == 429


async def test_unknown_paths_and_methods_are_json() -> None:
    """Under /api they are counted like any request; all errors have a message."""
    async with client(ServerConfig(limit="1/20s")) as api:
        missing = await api.get("/api/orders/7")
        assert (missing.status_code, missing.headers["X-RateLimit-Remaining"]) == (404, "0")
        assert (await api.get("/nowhere")).json()["message"]
        wrong = await api.delete("/api/items")
        assert (wrong.status_code, wrong.json()["message"] != "") == (405, True)


@pytest.mark.parametrize("headers", [{"X-Api-Key": "k1"}, {"Authorization": "Bearer k1"}])
async def test_an_api_key_has_its_own_budget(headers: dict[str, str]) -> None:
    """A key, however it is sent, is counted apart from the address."""
    async with client(ServerConfig(limit="1/20s")) as api:
        assert (await api.get("/api/items")).status_code == 200
        assert (await api.get("/api/items", headers=headers)).status_code == 200
        assert (await api.get("/api/items", headers={"X-Api-Key": "k1"})).status_code == 429


async def test_links_lead_back_to_where_the_request_came_in() -> None:
    """next_page_url names the host the client used, and can be followed."""
    async with client(ServerConfig(items=30, limit="none")) as api:
        following = (await api.get("/api/items")).json()["next_page_url"]
        assert following == "http://api.test/api/items?page=2&perPage=10"
        assert (await api.get(following)).json()["from"] == 11


async def test_slow_answers_do_not_wait_for_each_other() -> None:
    """Fifty requests of one second each take one virtual second together."""
    async with client(ServerConfig(limit="none", latency="1s")) as api, trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(api.get, "/api/items/1")
    assert trio.current_time() == 1.0
