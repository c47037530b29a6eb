"""Batches over HTTP and in whole sessions: what is asked, what is kept, and what a killed run asks for again."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import httpx2
import pytest
import trio

from harness.config import ImportConfig
from harness.core.answers import BatchRead, Failed, PageRead
from harness.pacing import Notice
from harness.record.events import Batch, Key, PageRef, Role
from harness.source.base import Got, OnHeaders
from harness.source.client import HttpApi
from harness.source.rest import Rest
from tests.faults.power import session

LIST = "https://api.example.com/tickets"
ITEMS = "https://api.example.com/tickets/show_many.json?ids={ids:3}"


def fetched(batch: Batch, answer: httpx2.Response) -> tuple[Got | None, str]:
    """What the client makes of an answer to a batch, and the URL that it asked."""
    asked: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return answer

    async def main() -> Got | None:
        rest = Rest(LIST, 100, item=ITEMS)
        async with HttpApi(rest, workers=1, timeout_s=5, transport=httpx2.MockTransport(respond)) as api:
            return await api.fetch("item", batch, lambda _: True)

    return trio.run(main), asked[0]


def test_the_ids_are_asked_for_and_found_in_any_order() -> None:
    records = [{"id": 3, "name": "c"}, {"id": "1", "name": "a"}]
    got, url = fetched(Batch((1, 2, 3)), httpx2.Response(200, json={"data": records}))
    assert url == "https://api.example.com/tickets/show_many.json?ids=1,2,3"
    assert got is not None
    assert isinstance(got.result, BatchRead)
    assert set(got.result.sizes_bytes) == {1, 3}
    assert {item: json.loads(text)["name"] for item, text in got.payloads} == {1: "a", 3: "c"}


def test_ids_are_escaped_and_spelt_as_the_server_likes() -> None:
    got, url = fetched(Batch(("a/b", "X,1", "n")), httpx2.Response(200, json=[{"id": "A/B"}, {"id": "q"}]))
    assert "ids=a%2Fb,X%2C1,n" in url
    assert got is not None
    assert isinstance(got.result, BatchRead)
    assert (list(got.result.sizes_bytes), got.result.strangers) == (["a/b"], ("q",))


@pytest.mark.parametrize("answer", [httpx2.Response(413), httpx2.Response(200, json={"error": "no"})])
def test_an_answer_without_records_is_a_failure(answer: httpx2.Response) -> None:
    got, _ = fetched(Batch((1,)), answer)
    assert got is not None
    assert isinstance(got.result, Failed)
    assert not got.result.passing


class Server:
    """Lists 20 items, five a page, and answers batches of them; 7 is not there. It dies at request `kill_at`."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.asked: list[tuple[Role, Key]] = []
        self._kill_at = kill_at

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        self.asked.append((role, key))
        await trio.sleep(0.05)
        if len(self.asked) == self._kill_at:
            raise RuntimeError("killed")
        on_headers(Notice(200))
        if isinstance(key, PageRef):
            first = 5 * (int(key.value) - 1) + 1
            return Got(PageRead(tuple(range(first, first + 5)), 20, 4))
        assert isinstance(key, Batch)
        here = [item for item in key.ids if item != 7]
        payloads = tuple((item, json.dumps({"id": item})) for item in here)
        return Got(BatchRead(dict.fromkeys(here, 10)), payloads)


def config(tmp_path: Path, **more: object) -> ImportConfig:
    where = {"url": LIST, "item": ITEMS.replace("3}", "8}"), "results": tmp_path, "run": "r", "limit": "100/1s"}
    return ImportConfig(**{**where, "workers": 1, **more})


def test_a_whole_run(tmp_path: Path) -> None:
    server = Server()
    run = session(config(tmp_path), server)  # type: ignore[arg-type]
    state = run.state()
    assert (run.status, state.imported, state.failed) == ("complete with failures", 19, 1)
    assert state.requests == {"list": 4, "item": 3}
    assert len(server.asked) == 7
    assert run.items().column("id").to_pylist() == [*range(1, 7), *range(8, 21)]
    summary = run.summary()
    assert summary is not None
    assert summary["failures"] == {"gone (200)": 1}


@pytest.mark.parametrize("kill_at", range(1, 8))
def test_killed_anywhere_and_resumed(tmp_path: Path, kill_at: int) -> None:
    """Nothing is lost and nothing had twice, whichever request a process died at."""
    with pytest.raises(BaseExceptionGroup):
        session(config(tmp_path), Server(kill_at))  # type: ignore[arg-type]
    run = session(config(tmp_path, resume=True), Server())  # type: ignore[arg-type]
    state = run.state()
    assert (run.status, state.imported, state.failed, state.pending) == ("complete with failures", 19, 1, 0)
    assert sorted(run.items().column("id").to_pylist()) == [*range(1, 7), *range(8, 21)]


def test_a_batch_is_named_for_people() -> None:
    """And its text reads back as the same ids."""
    batch = Batch((1, "a,b", "é"))
    assert Batch.from_text(str(batch)) == batch
    assert unquote(str(batch)) == '["1", "a,b", "é"]'
