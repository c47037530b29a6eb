"""`export` and `prune`: what is kept of runs, where, and what goes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.errors import BadInput, RecordError
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
    for run in going:
        remove_run(run)
    click.echo(f"removed {count(len(going))}, kept {count(len(list_runs(results)))}")
    return 0


def _status(run: Run) -> str:
    try:
        return run.status
    except RecordError:
        return "damaged"


def _bytes(run: Run) -> int:
    return sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
