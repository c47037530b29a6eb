"""The project's own test API as a child process: for imports that name no URL."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO

import httpx
import trio

from harness.errors import ServerFailed

# Python, Quart and Hypercorn take about a second to import; a loaded machine takes longer.
START_S = 30.0
STOP_S = 5.0


@asynccontextmanager
async def child_api(
    *, items: int, limits: str, latency_s: float, seed: int, costs: Mapping[str, int] | None = None
) -> AsyncIterator[str]:
    """Serve a catalogue of `items` on a free loopback port while the block runs; yields the list's URL.

    The child also ends by itself when our end of its standard input closes, so that a kill -9 of ours leaves no
    server behind. Raises ServerFailed with its first words if it does not come up.
    """
    told = ["--port", "0", "--items", str(items), "--limit", limits, "--seed", str(seed)]
    told += ["--latency", f"{latency_s:.9g}s", "--until-stdin-closes"]
    told += [word for name, cost in (costs or {}).items() for word in ("--cost", f"{name}={cost}")]
    pipe = subprocess.PIPE
    # Not a pipe: nobody would read it, and a full one would stop the server.
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C goes to the whole foreground group, and what is in flight must be answered.
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "server", *told], stdin=pipe, stdout=pipe, stderr=words, start_new_session=True
        )
        try:
            yield await _first_line(process, words)
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process)


async def _first_line(process: trio.Process, words: IO[bytes]) -> str:
    assert process.stdout is not None
    text = b""
    with trio.move_on_after(START_S):
        while b"\n" not in text:
            more = await process.stdout.receive_some()
            if not more:
                break
            text += more
    if b"\n" not in text:
        words.seek(0)
        last = words.read().decode(errors="replace").strip().rpartition("\n")[2][:300] or "it said nothing"
        raise ServerFailed(f"the test API did not start ({last}); try it alone: python -m server")
    return text.split(b"\n", 1)[0].decode()


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(STOP_S):
        await process.wait()
        return
    process.kill()
    await process.wait()


async def ledger_counts(list_url: str) -> tuple[int, int]:
    """(admitted, refused) as the test API at `list_url` counted them."""
    url = list_url.removesuffix("/api/items") + "/_ledger"
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        report = (await client.get(url)).raise_for_status().json()
    return int(report["admitted"]), int(report["refused"])
