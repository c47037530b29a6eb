"""A test API in the foreground of a process: served until a signal, or until standard input closes."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator

import click
import trio

from harness_test_api.config import ServerConfig


def serve_until_stopped(
    config: ServerConfig, host: str, port: int, until_stdin_closes: bool, clock: trio.abc.Clock | None = None
) -> None:
    """Serve, print the list's URL when it answers, and return after SIGTERM, Ctrl-C or the end of standard input.

    clock: by which the API's time passes (None: trio's own).
    """
    trio.run(_serve, config, host, port, until_stdin_closes, clock=clock)


async def _serve(config: ServerConfig, host: str, port: int, until_stdin_closes: bool) -> None:
    # Signals are caught before the URL is out, so that whoever reads it may stop us at once.
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            if until_stdin_closes:
                nursery.start_soon(_wait_for_stdin, nursery.cancel_scope)
            nursery.start_soon(_wait_for_signal, signals, nursery.cancel_scope)
            await _announce(config, host, port)


async def _announce(config: ServerConfig, host: str, port: int) -> None:
    from harness_test_api.serving import running  # takes a second to load, in which a signal must already be heard

    async with running(config, host, port) as api:
        click.echo(api.url)
        sys.stdout.flush()
        await trio.sleep_forever()


async def _wait_for_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


async def _wait_for_stdin(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(sys.stdin.fileno()) as stdin:
        while await stdin.receive_some():
            pass
    scope.cancel()
