"""`export` and `prune`: what is kept of runs, where, and what goes."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from harness.errors import BadInput, NoSuchRun, RecordError, RunLocked
from harness.record.folder import clear_leftovers
from harness.record.run import Run, find_run, list_runs, remove_run
from harness.views.text import count, plural, printable, size


def export_command(run: str | None, output: Path, results: Path) -> int:
    """Write the items to `output`."""
    from harness.record.export import export  # Parquet, which `prune` does not need

    found = find_run(results, run)
    number = export(found, output)
    so_far = " so far" if found.status in ("running", "paused") else ""
    click.echo(f"{output}: {plural(number, 'item')} of run {found.name}{so_far}")
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
    what = f"{plural(len(going), 'run')}, {size(sum(map(_bytes, going)))}"
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(f"nobody is there to be asked whether {what} may go; add --yes")
        if not click.confirm(f"Remove these for good ({what})?"):
            click.echo("nothing was removed")
            return 0
    removed = sum(_removed(run) for run in going)
    click.echo(f"removed {count(removed)}, kept {count(len(list_runs(results)))}")
    return 0


def _removed(run: Run) -> bool:
    """Remove a run; False where somebody has taken it up or removed it since it was looked at."""
    try:
        remove_run(run)
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
