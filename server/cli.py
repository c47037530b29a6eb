"""`python -m server`: serve one test API until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys

import click
import trio

from server.config import DEFAULT_LIMIT, ServerConfig
from server.errors import ServerError
from server.serving import running


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=8000, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free one.")
@click.option("--items", default=1000, type=click.IntRange(0), help="Size of the generated catalogue.")
@click.option("--limit", multiple=True, default=[DEFAULT_LIMIT], help="Limits enforced; none: no limit. Repeatable.")
@click.option("--latency", default="0", help="Delay of every answer, such as 50ms.")
@click.option("--seed", default=0, type=int, help="Seed of everything random.")
@click.option("--until-stdin-closes", is_flag=True, help="Stop when standard input ends: with the parent process.")
def main(
    host: str, port: int, items: int, limit: tuple[str, ...], latency: str, seed: int, until_stdin_closes: bool
) -> None:
    """Serve an API whose limits are real. Prints the list's URL when it answers."""
    try:
        config = ServerConfig(items=items, limit="+".join(limit), latency=latency, seed=seed)
        trio.run(_serve, config, host, port, until_stdin_closes)
    except* ServerError as errors:
        click.echo(f"Error: {_first(errors)}", err=True)
        sys.exit(2)


def _first(error: BaseException) -> BaseException:
    # trio wraps what leaves a nursery in a group; there is only ever one here.
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _serve(config: ServerConfig, host: str, port: int, until_stdin_closes: bool) -> None:
    # Signals are caught before the URL is out, so that whoever reads it may stop us at once.
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            if until_stdin_closes:
                nursery.start_soon(_wait_for_stdin, nursery.cancel_scope)
            nursery.start_soon(_wait_for_signal, signals, nursery.cancel_scope)
            await _announce(config, host, port)


async def _announce(config: ServerConfig, host: str, port: int) -> None:
    async with running(config, host, port) as api:
        click.echo(api.url)
        sys.stdout.flush()
        await trio.sleep_forever()


async def _wait_for_signal(signals: object, scope: trio.CancelScope) -> None:
    async for _ in signals:  # type: ignore[attr-defined]
        scope.cancel()


async def _wait_for_stdin(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(sys.stdin.fileno()) as stdin:
        while await stdin.receive_some():
            pass
    scope.cancel()
