"""`pause`, `stop`, `set`: commands to a running import, from any terminal. `export`, `prune`: what is kept of runs.

A command goes through the run's handle (`harness.session.control`), and is answered within seconds or not at all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import click
import trio

from harness import signals
from harness.cli.options import this_program, where
from harness.errors import BadInput, NoSuchRun, NotRunning, RecordError, RunLocked
from harness.record.folder import clear_leftovers
from harness.record.run import Run, find_run, list_runs
from harness.session.control import Answer, Asked, RemoteHandle
from harness.settings import read_settings
from harness.views.text import count, plural, printable, size

# Sessions look every quarter of a second; one that writes to a slow disk may take longer.
_PATIENCE_S, _LOOK_S = 10.0, 0.05


def steered(results: Path, name: str | None) -> Run:
    """Return the run `name`, or the latest that is running; NotRunning in one sentence where nobody would hear."""
    if name is not None:
        return find_run(results, name)
    running = next((run for run in list_runs(results) if run.writer_pid is not None), None)
    return find_run(results, None) if running is None else running


def answered(run: Run, asked: Asked) -> Answer:
    """Return what the session that writes `run` answers to a command; BadInput with its sentence where it refuses."""
    said = signals.run(_answer, asked)
    if said is None:
        raise NotRunning(
            f"run {run.name} (process {run.writer_pid}) has not reacted within {_PATIENCE_S:g} s; "
            "wait, or end that process"
        )
    if said.error:
        raise BadInput(f"run {run.name} refused: {said.error}")
    return said


async def _answer(asked: Asked) -> Answer | None:
    with trio.move_on_after(_PATIENCE_S):
        while True:
            if (said := asked.answer()) is not None:
                return said
            await trio.sleep(_LOOK_S)
    return None


def go_on(run: Run) -> None:
    """Let a paused run go on."""
    answered(run, RemoteHandle(run).resume())
    click.echo(f"run {run.name} continues")


def pause_command(run: str | None, results: Path) -> int:
    """Ask the session to pause."""
    found = steered(results, run)
    answered(found, RemoteHandle(found).pause())
    click.echo(f"run {found.name} pauses once the requests in flight are answered; continue it with:")
    click.echo(f"  {this_program()} resume {found.name}{where(results)}")
    return 0


def stop_command(run: str | None, results: Path) -> int:
    """Ask the session to stop."""
    found = steered(results, run)
    answered(found, RemoteHandle(found).stop())
    click.echo(f"run {found.name} stops after the requests in flight; continue it with:")
    click.echo(f"  {this_program()} resume {found.name}{where(results)}")
    return 0


def set_command(run: str | None, results: Path, **flags: Any) -> int:
    """Ask the session to go on with other workers or limits."""
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    if not given:
        raise BadInput("nothing to set; add --workers N or --limit TEXT")
    config = read_settings(given, None, {})
    if config.pacing.workers == "auto":
        raise BadInput("--workers auto only works from the start of a run; give a number")
    found = steered(results, run)
    wanted = {name: value for name, value in config.as_written().items() if name in given}
    answered(found, RemoteHandle(found).set(**wanted))
    click.echo(f"run {found.name} continues with {' and '.join(f'{name} {value}' for name, value in wanted.items())}")
    return 0


def export_command(run: str | None, output: Path, results: Path, kind: str | None = None, **told: bool | None) -> int:
    """Write the items to `output`, or to standard output where that is `-`; told: what differs from the run's."""
    from harness.record.formats import Options
    from harness.record.items import export  # Parquet, which `prune` does not need

    found = find_run(results, run)
    ending = kind or ("jsonl" if str(output) == "-" else output.suffix.lower().removeprefix("."))
    if told.get("safe_cells") and ending in ("jsonl", "parquet"):
        raise BadInput("--safe-cells is for CSV, which spreadsheets open; leave it out, or export as .csv")
    options = replace(Options.of(found.in_force), **{name: value for name, value in told.items() if value is not None})
    if str(output) == "-":
        return _to_stdout(lambda stream: export(found, stream, kind or "jsonl", options))
    number = export(found, output, kind, options)
    so_far = " so far" if found.status.is_open else ""
    click.echo(f"{output}: {plural(number, 'item')} of run {found.name}{so_far}")
    return 0


def _to_stdout(write: Callable[[IO[bytes]], object]) -> int:
    """Let `write` write to standard output; end quietly where whoever reads it has seen enough."""
    try:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # What is still buffered would fail again when Python ends, and be said there.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return 0


def prune_command(keep: int, yes: bool, results: Path) -> int:
    """Remove all but the newest `keep` runs, if the answer is yes."""
    going = [run for run in list_runs(results)[keep:] if run.writer_pid is None]
    clear_leftovers(results)
    if not going:
        click.echo(f"nothing to remove: {plural(len(list_runs(results)), 'run')} in {results}")
        return 0
    for run in going:
        click.echo(f"  {printable(run.name)}  {_status(run)}  {size(_bytes(run))}")
    what = f"{plural(len(going), 'run')} ({size(sum(map(_bytes, going)))})"
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(f"refusing to delete {what} without a terminal; pass --yes")
        if not click.confirm(f"Delete {what} for good?"):
            click.echo("nothing was deleted")
            return 0
    removed = sum(_removed(run) for run in going)
    click.echo(f"deleted {count(removed)}, kept {count(len(list_runs(results)))}")
    return 0


def _removed(run: Run) -> bool:
    """Remove a run; False where somebody has taken it up or removed it since it was looked at."""
    try:
        run.remove()
    except RunLocked as error:
        click.echo(f"kept: {error}", err=True)
        return False
    except NoSuchRun:
        return False
    return True


def _status(run: Run) -> str:
    try:
        return run.status
    except RecordError:
        return "damaged"


def _bytes(run: Run) -> int:
    sizes = 0
    for path in run.folder.rglob("*"):
        with suppress(OSError):  # somebody else removes it as well
            sizes += path.lstat().st_size if path.is_file() else 0
    return sizes
