"""Control while the server runs."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
import trio
from harness_test_api import ServerConfig, create_app

from tests.asgi import InProcess


def client(**settings: Any) -> httpx2.AsyncClient:
    app = create_app(ServerConfig.from_mapping(settings))
    return httpx2.AsyncClient(transport=InProcess(app), base_url="http://api.test")


@pytest.mark.anyio
async def test_the_next_answers_fail_as_told() -> None:
    """Three 503s with Retry-After, then all is well; control itself is never limited."""
    async with client(limit="100/20s") as api:
        told = await api.post("/_control", json={"next": {"fault": "503:retry-after=2", "count": 3}})
        assert told.status_code == 200
        answers = [await api.get("/api/items/1") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [503, 503, 503, 200]
        assert answers[0].headers["Retry-After"] == "2"


@pytest.mark.anyio
async def test_limits_and_latency_change_now() -> None:
    """A lower limit holds at once, counting what was used; the new latency delays the next answer."""
    async with client(limit="100/20s") as api:
        for _ in range(3):
            await api.get("/api/items")
        await api.post("/_control", json={"limit": "2/20s", "latency": "5s"})
        before = trio.current_time()
        assert (await api.get("/api/items")).status_code == 429
        assert trio.current_time() == before + 5.0
        await api.post("/_control", json={"limit": "none"})
        assert (await api.get("/api/items")).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"", b"{", b"\x99", b"[" * 100_000, b"null"])
async def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    """Empty, cut, not UTF-8 or nested beyond reason: 422, never a server error."""
    async with client() as api:
        assert (await api.post("/_control", content=body)).status_code == 422


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({}, "JSON object"),
        ([], "JSON object"),
        ({"speed": 1}, "JSON object"),
        ({"limit": "lots"}, "'lots'"),
        ({"limit": 5}, "texts"),
        ({"plan": "pro"}, "goes with limit"),
        ({"limit": "5/1s", "plan": "gold"}, "'gold'"),
        ({"latency": "soon"}, "'soon'"),
        ({"next": "503"}, "next takes"),
        ({"next": {"fault": "oops"}}, "'oops'"),
        ({"next": {"fault": "503:rate=1%"}}, "'rate'"),
        ({"next": {"fault": "503", "count": 0}}, "count"),
        ({"next": {"fault": "503"}, "limit": "lots"}, "'lots'"),
        ({"latency": "1s", "limit": "5/1s", "plan": "gold"}, "'gold'"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(wanted: Any, word: str) -> None:
    """422 in words; not even the part that could be done is done."""
    async with client(limit="100/20s") as api:
        refused = await api.post("/_control", json=wanted)
        assert (refused.status_code, word in refused.json()["message"]) == (422, True)
        answer = await api.get("/api/items")
        assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (200, "100")
        assert trio.current_time() == 0.0
