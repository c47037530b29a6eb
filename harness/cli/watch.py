"""`watch`: a run in this terminal, whichever process writes it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from harness import signals
from harness.cli.ended import report
from harness.cli.exit_codes import exit_code
from harness.cli.steer import steered
from harness.config import ImportConfig
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.views.progress import Mode, Progress, choose_mode

_EVERY_S = 0.25


def watch_command(run: str | None, results: Path, progress: Mode | None) -> int:
    """Show the run until its writer ends."""
    found = steered(results, run)
    if found.writer_pid is None:
        click.echo(f"nobody is writing run {found.name}", err=True)
    else:
        try:
            signals.run(_watch, found, choose_mode(progress, sys.stderr))
        except KeyboardInterrupt:
            click.echo(f"run {found.name} goes on unwatched", err=True)
            return 0
    report(found, ImportConfig(results=results))
    return exit_code(found.status)


async def _watch(run: Run, mode: Mode) -> None:
    """Until nobody writes the run any more: its last words are on disk then."""
    from harness.record.follow import Follower  # reads Parquet, which a run that has ended is shown without

    follower = Follower(run)
    with Progress(run.name, mode, sys.stderr) as shown:
        while run.writer_pid is not None:
            state = await trio.to_thread.run_sync(follower.poll)
            live = follower.live(utc_s())
            if live is not None:
                shown.update(state, live)
            await trio.sleep(_EVERY_S)
