"""Answers that go wrong: when a fault strikes, and what a client sees of it."""

from __future__ import annotations

import json
from collections import Counter

import httpx2
import pytest
import trio
from harness_test_api import Ask, BadConfig, ServerConfig, Service, create_app, running

from tests.asgi import InProcess

LIST = Ask("list")


def item(number: int) -> Ask:
    return Ask("item", str(number))


def service(*faults: str, **settings: str) -> Service:
    return Service(ServerConfig(items=1000, limit="none", fault=faults, **settings))


def statuses(service: Service, asks: list[Ask], now: float = 0.0) -> list[int]:
    return [service.handle(now, ask).status for ask in asks]


def test_a_rate_strikes_about_so_many_and_the_same_ones_for_a_seed() -> None:
    """10 % of requests fail; two servers of one seed fail the same ones."""
    first = statuses(service("500:rate=10%"), [LIST] * 2000)
    assert Counter(first)[500] == pytest.approx(200, abs=50)
    assert first == statuses(service("500:rate=10%"), [LIST] * 2000)


def test_a_share_strikes_always_the_same_items() -> None:
    """2 % of items are gone, at each request, and nothing else is."""
    broken = service("410:share=2%")
    asks = [item(number) for number in range(1, 1001)]
    first = statuses(broken, asks)
    assert 5 <= first.count(410) <= 40
    assert statuses(broken, asks) == first
    assert statuses(broken, [LIST] * 50) == [200] * 50


def test_items_can_be_named_and_fail_only_so_often() -> None:
    """Items 3 and 7 fail twice each, then answer."""
    broken = service("503:items=3,7:times=2")
    assert statuses(broken, [item(3), item(4), item(3), item(7), item(3), item(7), item(7)]) == [
        503, 200, 503, 503, 200, 503, 200,
    ]  # fmt: skip


def test_a_fault_can_have_its_time_and_its_route() -> None:
    """Between 10 and 20 s after the start, lists only."""
    broken = Service(ServerConfig(limit="none", fault="502:from=10s:until=20s:route=list"), started_at=100.0)
    assert [broken.handle(now, LIST).status for now in (100.0, 109.9, 110.0, 119.9, 120.0)] == [200, 200, 502, 502, 200]
    assert broken.handle(115.0, item(1)).status == 200


def test_a_503_can_say_when_to_come_back() -> None:
    """With and without Retry-After, as written."""
    for text, told in (("503:retry-after=5", "5"), ("503:retry-after=1.5s", "1.5"), ("503", None)):
        assert dict(service(text).handle(0.0, LIST).headers).get("Retry-After") == told


def test_a_struck_request_has_been_counted() -> None:
    """Faults come after the limit: a 500 uses quota, and a refusal is no fault."""
    broken = Service(ServerConfig(limit="1/10s", fault="500"))
    assert statuses(broken, [LIST, LIST]) == [500, 429]
    assert broken.report()["admitted"] == 1
    assert [row.fault for row in broken.ledger.rows()] == ["500", ""]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("oops", "'oops'"),
        ("200", "'200'"),
        ("500:rate=2", "rate="),
        ("500:chance=1%", "'chance'"),
        ("500:rate=1%:rate=2%", "twice"),
        ("reset:retry-after=5", "goes with a status"),
        ("500:seconds=5", "goes with stall or drip"),
        ("500:route=home", "route=home"),
        ("500:times=0", "times="),
    ],
)
def test_faults_that_make_no_sense_are_refused(text: str, word: str) -> None:
    """One sentence that quotes what was wrong."""
    with pytest.raises(BadConfig, match=word):
        ServerConfig(fault=text)


def client(**settings: object) -> httpx2.AsyncClient:
    config = ServerConfig.from_mapping({"limit": "none", **settings})
    return httpx2.AsyncClient(transport=InProcess(create_app(config)), base_url="http://api.test")


@pytest.mark.anyio
async def test_json_can_be_cut_or_garbled_in_a_well_framed_answer() -> None:
    """Status 200, a body of the announced length, and no JSON in it."""
    for kind in ("truncated", "malformed"):
        async with client(fault=kind) as api:
            answer = await api.get("/api/items/1")
            assert (answer.status_code, int(answer.headers["Content-Length"])) == (200, len(answer.content))
            with pytest.raises(json.JSONDecodeError):
                answer.json()


@pytest.mark.anyio
async def test_the_content_type_can_be_wrong() -> None:
    """A sign-in page instead of JSON, with status 200."""
    async with client(fault="wrong-type") as api:
        answer = await api.get("/api/items")
        assert (answer.status_code, answer.headers["Content-Type"], "<html>" in answer.text) == (200, "text/html", True)


@pytest.mark.anyio
async def test_a_stall_and_a_drip_take_their_seconds() -> None:
    """A stall delays the first byte, a drip the last; both answer in the end, in virtual time to the instant."""
    for kind in ("stall:seconds=90", "drip:seconds=30"):
        async with client(fault=kind, latency="1s") as api:
            before = trio.current_time()
            answer = await api.get("/api/items/1")
            assert answer.json()["id"] == 1
            assert trio.current_time() - before == pytest.approx(91 if "stall" in kind else 31, abs=1e-9)


@pytest.mark.anyio
async def test_in_process_a_reset_is_raised() -> None:
    """Without a socket the caller gets the error that a socket would give."""
    for kind in ("reset", "reset-body"):
        async with client(fault=kind) as api:
            with pytest.raises(ConnectionResetError):
                await api.get("/api/items")


@pytest.mark.anyio
async def test_a_request_can_ask_for_its_fault_where_that_is_allowed() -> None:
    """X-Test-Fault works on a server that opted in, is refused when wrong, and ignored elsewhere."""
    async with client(fault_header=True) as api:
        assert (await api.get("/api/items", headers={"X-Test-Fault": "503:retry-after=2"})).status_code == 503
        assert (await api.get("/api/items", headers={"X-Test-Fault": "nonsense"})).status_code == 422
        assert (await api.get("/api/items")).status_code == 200
    async with client() as api:
        assert (await api.get("/api/items", headers={"X-Test-Fault": "503"})).status_code == 200


@pytest.mark.realtime
@pytest.mark.anyio
async def test_a_reset_is_a_reset_on_the_wire() -> None:
    """Before any answer, and in the middle of the body after status and headers; the server lives on."""
    config = ServerConfig(limit="none", fault=("reset:items=1", "reset-body:items=2"))
    async with running(config) as api, httpx2.AsyncClient() as client:
        with pytest.raises(httpx2.ReadError):
            await client.get(f"{api.url}/1")
        async with client.stream("GET", f"{api.url}/2") as answer:
            assert answer.status_code == 200
            with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
                await answer.aread()
        assert (await client.get(f"{api.url}/3")).json()["id"] == 3
        assert [row.fault for row in api.decisions()] == ["reset", "reset-body", ""]


@pytest.mark.realtime
@pytest.mark.sockets
@pytest.mark.anyio
async def test_idle_connections_are_closed_after_their_time() -> None:
    """A connection idle for longer than idle-timeout is closed by the server; one in use is not."""
    async with running(ServerConfig(limit="none", idle_timeout="200ms")) as api:
        stream = await trio.open_tcp_stream("127.0.0.1", int(api.base_url.rpartition(":")[2]))
        received = b""
        for count in (1, 2):
            await trio.sleep(0.1)
            await stream.send_all(b"GET /api/items/1 HTTP/1.1\r\nHost: x\r\n\r\n")
            while received.count(b"updated_at") < count:
                received += await stream.receive_some()
        answered = trio.current_time()
        received += b"".join([chunk async for chunk in stream])
        await stream.aclose()
        assert trio.current_time() - answered == pytest.approx(0.2, abs=1e-9)


@pytest.mark.realtime
@pytest.mark.sockets
@pytest.mark.anyio
async def test_a_stale_connection_is_reset_before_it_counts() -> None:
    """After idle-reset the next request on a pooled connection is reset and not in the ledger; a new one works."""
    config = ServerConfig(limit="none", idle_reset="200ms")
    async with running(config) as api, httpx2.AsyncClient() as client:
        assert (await client.get(api.url)).status_code == 200
        await trio.sleep(0.3)
        with pytest.raises(httpx2.ReadError):
            await client.get(api.url)
        assert (await client.get(api.url)).status_code == 200
        assert api.ledger()["admitted"] == 2
