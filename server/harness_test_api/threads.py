"""The test API in a thread of its own: for clients that are not async, or that live in another event loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

import trio

from harness_test_api.api import Api
from harness_test_api.config import ServerConfig
from harness_test_api.serving import running


@contextmanager
def running_in_thread(config: ServerConfig, host: str = "127.0.0.1", port: int = 0) -> Iterator[Api]:
    """Like `running`, for code without trio: serves while the block runs. Raises what `running` raises.

    The Api's methods run in the server's thread, so that they see its state between two requests, never within one.
    """
    started: SimpleQueue[Api | BaseException] = SimpleQueue()
    stop = trio.Event()
    thread = Thread(target=_run, args=(config, host, port, started, stop), name="test API", daemon=True)
    thread.start()
    api = started.get()
    if isinstance(api, BaseException):
        thread.join()
        raise api
    try:
        yield api
    finally:
        with suppress(trio.RunFinishedError):  # it has ended already, by an error: raised below
            api.call(stop.set)
        thread.join()
    if not started.empty():
        raise started.get()  # type: ignore[misc]


def _run(
    config: ServerConfig, host: str, port: int, started: SimpleQueue[Api | BaseException], stop: trio.Event
) -> None:
    async def serve() -> None:
        token = trio.lowlevel.current_trio_token()

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            return trio.from_thread.run_sync(function, *arguments, trio_token=token)

        async with running(config, host, port) as api:
            started.put(dataclasses.replace(api, call=call))
            await stop.wait()

    try:
        trio.run(serve)
    except BaseException as error:  # whatever it is, the thread that waits must hear of it
        started.put(error)
