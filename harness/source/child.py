"""The project's own test API as a child process: for imports that name no URL."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, Any

import trio

from harness.config import ImportConfig
from harness.errors import BadInput, ServerFailed
from harness.pacing import format_tiers
from harness.paths import program
from harness.speed import by_the_wall
from harness.values import is_scenario_file

DEFAULT_ITEMS = 1000
DEFAULT_LATENCY_S = 0.05

# Python, Quart and Hypercorn take about a second to import; on a busy machine it can be a minute.
START_S = 120.0
STOP_S = 5.0
# How its command line begins a sentence about settings that it cannot use.
_REFUSED = "Error: "


def server_settings(config: ImportConfig) -> dict[str, Any]:
    """Return what `config` tells the test API, by the names of its own settings; the rest is up to its scenario."""
    settings: dict[str, Any] = {"seed": config.run.seed}
    if config.test_api.items is not None or config.test_api.scenario is None:
        settings["items"] = DEFAULT_ITEMS if config.test_api.items is None else config.test_api.items
    if config.server_limits is not None:
        settings["limit"] = [format_tiers(config.server_limits)]
    if config.test_api.latency is not None:
        settings["latency"] = (
            config.test_api.latency if isinstance(config.test_api.latency, str) else f"{config.test_api.latency:.9g}s"
        )
    if config.pacing.cost:
        settings["cost"] = [f"{name}={cost}" for name, cost in config.pacing.cost.items()]
    return settings


def server_flags(config: ImportConfig) -> list[str]:
    """Return these settings as words of the test API's command line."""
    words = ["--unless-set", f"latency={DEFAULT_LATENCY_S:g}s"]
    if config.speed != 1:
        words += ["--speed", f"{config.speed:.9g}"]
    if config.test_api.scenario is not None:
        words += ["--config" if is_scenario_file(config.test_api.scenario) else "--scenario", config.test_api.scenario]
    for name, value in server_settings(config).items():
        for text in value if isinstance(value, list) else [value]:
            words += [f"--{name}", str(text)]
    return words


@asynccontextmanager
async def child_api(flags: Sequence[str]) -> AsyncIterator[str]:
    """Serve the test API that `flags` describe on a free loopback port while the block runs; yields the list's URL.

    The child also ends by itself when our end of its standard input closes, so that a kill -9 of ours leaves no
    server behind. Raises BadInput where it refuses its settings, ServerFailed if it does not come up.
    """
    # -P: the folder that we are in may hold files of the user's own, named as a module of ours or of a library.
    command = [sys.executable, "-P", "-m", "harness_test_api", "--port", "0", "--until-stdin-closes", *flags]
    pipe = subprocess.PIPE
    # Not a pipe: nobody would read it, and a full one would stop the server.
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C goes to the whole foreground group, and what is in flight must be answered.
        process = await trio.lowlevel.open_process(
            command, stdin=pipe, stdout=pipe, stderr=words, start_new_session=True
        )
        try:
            yield await _first_line(process, words)
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process)


async def _first_line(process: trio.Process, words: IO[bytes]) -> str:
    assert process.stdout is not None
    text = b""
    with trio.move_on_after(by_the_wall(START_S)):
        while b"\n" not in text:
            more = await process.stdout.receive_some()
            if not more:
                break
            text += more
    if b"\n" not in text:
        words.seek(0)
        last = words.read().decode(errors="replace").strip().rpartition("\n")[2][:300] or "it said nothing"
        if last.startswith(_REFUSED):
            raise BadInput(f"the test API refuses its settings: {last.removeprefix(_REFUSED)}")
        raise ServerFailed(f"the test API did not start ({last}); try it alone: {program()} server")
    return text.split(b"\n", 1)[0].decode()


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(by_the_wall(STOP_S)):
        await process.wait()
        return
    process.kill()
    await process.wait()
