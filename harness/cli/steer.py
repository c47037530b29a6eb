"""`pause`, `stop`, `set`: a word to a running import, from any terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import trio

from harness import signals
from harness.cli.options import this_program, where
from harness.errors import BadInput, NotRunning
from harness.record.control import Command, ask, reply
from harness.record.run import Run, find_run, list_runs
from harness.settings import read_settings

# Sessions look every quarter of a second; one that writes to a slow disk may take longer.
_PATIENCE_S, _LOOK_S = 10.0, 0.05


def steered(results: Path, name: str | None) -> Run:
    """The run `name`, or the latest that is running; NotRunning in one sentence where nobody would hear."""
    if name is not None:
        return find_run(results, name)
    running = next((run for run in list_runs(results) if run.writer_pid is not None), None)
    return find_run(results, None) if running is None else running


def asked(run: Run, command: Command, **values: Any) -> dict[str, Any]:
    """What the session that writes `run` answers to a request; BadInput with its sentence where it refuses."""
    said = signals.run(_answer, ask(run, command, **values))
    if said is None:
        raise NotRunning(
            f"process {run.writer_pid} writes run {run.name} and has not answered within {_PATIENCE_S:g} s; "
            "it will when it can, else end it by its number"
        )
    if "error" in said:
        raise BadInput(f"run {run.name} refused: {said['error']}")
    return said


async def _answer(request: Path) -> dict[str, Any] | None:
    with trio.move_on_after(_PATIENCE_S):
        while True:
            if (said := reply(request)) is not None:
                return said
            await trio.sleep(_LOOK_S)
    return None


def go_on(run: Run) -> None:
    """Let a paused run go on."""
    asked(run, "resume")
    click.echo(f"run {run.name} goes on")


def pause_command(run: str | None, results: Path) -> int:
    """Ask the session to pause."""
    found = steered(results, run)
    asked(found, "pause")
    click.echo(f"run {found.name} is paused once what is in flight is answered; let it go on with:")
    click.echo(f"  {this_program()} resume {found.name}{where(results)}")
    return 0


def stop_command(run: str | None, results: Path) -> int:
    """Ask the session to stop."""
    found = steered(results, run)
    asked(found, "stop")
    click.echo(f"run {found.name} stops after what is in flight; go on later with:")
    click.echo(f"  {this_program()} resume {found.name}{where(results)}")
    return 0


def set_command(run: str | None, results: Path, **flags: Any) -> int:
    """Ask the session to go on with other workers or limits."""
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    if not given:
        raise BadInput("there is nothing to set; add --workers N or --limit TEXT")
    config = read_settings(given, None, {})
    if config.workers == "auto":
        raise BadInput("--workers auto begins with a run; give a number here")
    found = steered(results, run)
    wanted = {name: value for name, value in config.as_written().items() if name in given}
    asked(found, "set", **wanted)
    click.echo(f"run {found.name} goes on with {' and '.join(f'{name} {value}' for name, value in wanted.items())}")
    return 0
