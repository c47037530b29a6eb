"""Imports for programs: from plain Python, and from asyncio. Those on trio await `run_import` itself.

An import runs on trio. `run` starts it; `run_asyncio` runs it as a guest of the asyncio loop that is there already
(trio's guest mode): in the same thread, both at a time, so that a notebook or an asyncio service goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import outcome
import trio

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.record.run import Run
from harness.scale.importing import run_import
from harness.session.session import OnUpdate, Session
from harness.speed import clock_at


def run(
    config: ImportConfig,
    *,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
) -> Run:
    """Import as `config` says and return the run, complete or not: see its `status` and `summary()`.

    For the arguments and what is raised see `run_import`. Raises BadInput where an event loop already runs in this
    thread, as in a notebook. Ctrl-C ends the import at once; what was recorded is kept, and the run can be resumed.
    """
    _check(config)
    with suppress(RuntimeError):  # which says that there is none
        asyncio.get_running_loop()
        ask = "write: await harness.run_asyncio(config)"
        raise BadInput(f"harness.run would block the asyncio loop that runs here, as in a notebook; {ask}")
    if trio.lowlevel.in_trio_run():
        raise BadInput("harness.run starts trio, which already runs here; write: await harness.run_import(config)")

    async def main() -> Run:
        return await run_import(config, on_start=on_start, on_update=on_update)

    return trio.run(main, clock=clock_at(config.speed))


async def run_asyncio(
    config: ImportConfig,
    *,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
) -> Run:
    """Import as `run` does, awaited in asyncio, whose loop goes on meanwhile.

    One at a time in a thread: BadInput while another one runs there.
    Cancelling it cancels the import, and waits until that has put away what it has. The callbacks are called by trio,
    in this thread: they must not await anything of asyncio's.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        ask = "write: await harness.run_import(config)"
        raise BadInput(f"harness.run_asyncio needs asyncio, which does not run here; under trio {ask}") from None
    _check(config)
    if trio.lowlevel.in_trio_run():
        ask = "await that one first, or write: await asyncio.to_thread(harness.run, config)"
        raise BadInput(f"another import already runs in this thread; {ask}")
    ended: asyncio.Future[outcome.Outcome[Run | None]] = loop.create_future()
    guest = _Guest()

    async def main() -> Run | None:
        with guest.cancellable():
            return await run_import(config, on_start=on_start, on_update=on_update)
        return None

    trio.lowlevel.start_guest_run(
        main,
        clock=clock_at(config.speed),
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        run_sync_soon_not_threadsafe=loop.call_soon,
        done_callback=ended.set_result,
        host_uses_signal_set_wakeup_fd=True,  # asyncio's own way to be woken by Ctrl-C
    )
    return await _result(ended, guest)


def _check(config: object) -> None:
    if not isinstance(config, ImportConfig):
        ask = "write ImportConfig(url=…), or ImportConfig(**settings)"
        raise BadInput(f"an import takes an ImportConfig, not a {type(config).__name__}; {ask}")


async def _result(ended: asyncio.Future[outcome.Outcome[Run | None]], guest: _Guest) -> Run:
    """What the guest returned or raised; CancelledError, once it has ended, where we are cancelled before."""
    cancelled: asyncio.CancelledError | None = None
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError as error:
            cancelled = error
            guest.cancel()
    run = ended.result().unwrap()
    if run is None:
        raise cancelled or asyncio.CancelledError
    return run


class _Guest:
    """The scope around a guest's import, cancelled from outside trio."""

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._wanted = True

    def cancellable(self) -> trio.CancelScope:
        """Return the scope, to be entered as the guest's first deed."""
        self._token = trio.lowlevel.current_trio_token()
        if not self._wanted:
            self._scope.cancel()
        return self._scope

    def cancel(self) -> None:
        """Ask trio to cancel it, in a moment of its own; before it has begun, remember to."""
        self._wanted = False
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)
