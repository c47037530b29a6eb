"""On real sockets and in child processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx2
import pytest
import trio
from harness_test_api import PortTaken, ServerConfig, running

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime

Child = subprocess.Popen[str]


@contextmanager
def child(*flags: str) -> Iterator[Child]:
    """`python -m harness server --port 0` and its end, whatever the test does."""
    command = [sys.executable, "-m", "harness_test_api", "--port", "0", *flags]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().rstrip("\n")


@pytest.mark.anyio
async def test_running_serves_from_the_first_line_of_the_block() -> None:
    """api.url answers at once on a free port, and api.ledger() is what GET /_ledger says."""
    async with running(ServerConfig(items=12, limit="2/60s")) as api, httpx2.AsyncClient() as client:
        statuses = [(await client.get(api.url)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert api.ledger() == (await client.get(f"{api.base_url}/_ledger")).json()
        assert (api.ledger()["admitted"], api.ledger()["refused"]) == (2, 1)
        api.reset_ledger()
        assert api.ledger()["admitted"] == 0


@pytest.mark.sockets
@pytest.mark.anyio
async def test_leaving_the_block_stops_the_server_though_a_connection_is_open() -> None:
    """An idle keep-alive connection does not hold the server up; afterwards nobody answers."""
    async with httpx2.AsyncClient() as client:
        async with running(ServerConfig()) as api:
            await client.get(api.url)
            leaving = trio.current_time()
        assert trio.current_time() == leaving
        with pytest.raises(httpx2.ConnectError):
            await client.get(api.url)


@pytest.mark.sockets
@pytest.mark.anyio
async def test_an_answer_in_flight_is_finished() -> None:
    """A request under way when the block is left still gets its answer."""
    answers: list[httpx2.Response] = []
    async with httpx2.AsyncClient() as client, trio.open_nursery() as nursery:

        async def ask(url: str) -> None:
            answers.append(await client.get(url))

        async with running(ServerConfig(latency="300ms")) as api:
            nursery.start_soon(ask, api.url)
            await trio.sleep(0.1)
            assert api.ledger()["admitted"] == 1
    assert [answer.status_code for answer in answers] == [200]


@pytest.mark.anyio
async def test_two_servers_cannot_have_one_port() -> None:
    """The second is refused in one sentence that names the port and the flag."""
    async with running(ServerConfig()) as api:
        port = int(api.base_url.rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port} is in use; choose another with --port"):
            async with running(ServerConfig(), port=port):
                pass


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_url_serves_and_stops_on_a_signal(stop: signal.Signals) -> None:
    """Standard output is exactly the list's URL; SIGTERM and Ctrl-C end it quietly with status 0."""
    with child("--items", "30", "--limit", "1/60s") as process:
        url = first_line(process.stdout)
        page = httpx2.get(url)
        assert (page.status_code, page.json()["total"], url.endswith("/api/items")) == (200, 30, True)
        assert httpx2.get(url).status_code == 429
        process.send_signal(stop)
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, output, errors) == (0, "", "")


def test_the_command_ends_with_its_parent_when_told_so() -> None:
    """With --until-stdin-closes the end of standard input stops it, so no orphan outlives a killed parent."""
    with child("--until-stdin-closes") as process:
        assert httpx2.get(first_line(process.stdout)).status_code == 200
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--limit", "lots"], "'lots' is not a limit"),
        (["--latency", "soon"], "'soon' is not a duration"),
        (["--items", "-1"], "items: -1 is not"),
        (["--port", "99999"], "--port"),
        (["--host", "203.0.113.1"], "cannot be listened on"),
    ],
)
def test_a_bad_flag_ends_the_command_before_it_serves(flags: list[str], word: str) -> None:
    """Exit code 2, nothing on standard output, one sentence on standard error."""
    with child(*flags) as process:
        output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (2, "")
    assert word in errors
    assert "Traceback" not in errors
