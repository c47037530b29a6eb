"""`runs`, the tags of runs, `show`, `watch`: print what was imported. Of a run that has ended they read JSON alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
import trio

from harness import signals
from harness.cli.ended import next_commands, report
from harness.cli.exit_codes import exit_code
from harness.cli.manage import steered
from harness.cli.options import this_program, where
from harness.config import ImportConfig
from harness.errors import RecordError
from harness.paths import results_url
from harness.record.clock import utc_s
from harness.record.run import Run, find_run, list_runs
from harness.record.run_view import RunSettings
from harness.record.tags import change_tags, checked_tag, read_tags
from harness.session.reader import RunReader, view_ended
from harness.views.progress import Mode, Progress, choose_mode
from harness.views.runs import row_of, runs_text
from harness.views.screen import Screen
from harness.views.show import NOT_OF_A_RUN, settings_text, show_text
from harness.views.text import printable


def runs_command(results: Path, tags: Sequence[str] = ()) -> int:
    """List the runs, or those that have all the tags; a damaged one is said and left out."""
    wanted = {checked_tag(tag) for tag in tags}
    rows = []
    for run in list_runs(results):
        if not wanted <= set(read_tags(run.folder)):
            continue
        try:
            rows.append(row_of(view_ended(run)))
        except RecordError as error:  # one damaged run must not hide the others
            click.echo(f"harness: {error}", err=True)
    if wanted and not rows:
        click.echo(f"no run in {results} is tagged {' and '.join(sorted(wanted))}")
        return 0
    click.echo(runs_text(rows, Screen.of(sys.stdout), program=this_program(), where=where(results)))
    return 0


def tag_command(run: str | None, add: Sequence[str], remove: Sequence[str], results: Path) -> int:
    """Change the tags of a run, and show those that it has then."""
    found = find_run(results, run)
    tags = change_tags(found.folder, add, remove) if add or remove else read_tags(found.folder)
    click.echo(f"run {found.name} is tagged {', '.join(tags)}" if tags else f"run {found.name} has no tags")
    return 0


def show_command(run: str | None, results: Path, as_json: bool = False) -> int:
    """Show one run."""
    found = find_run(results, run)
    if as_json:
        click.echo(json.dumps(view_ended(found).summary.as_dict()))
        return 0
    path = found.folder / "items.parquet"
    view = view_ended(found, found.state())
    text = show_text(
        view,
        Screen.of(sys.stdout),
        settings=_settings(view.settings),
        now_utc_s=utc_s(),
        program=this_program(),
        items=str(path) if path.exists() and found.settled else None,
        commands=[command for command in next_commands(found, view.status, results) if not command.startswith("show")],
    )
    click.echo(text)
    return 0


def _settings(settings: RunSettings) -> dict[str, str]:
    """Return the settings that differ from the defaults or are asked for first, and what each was at the start."""
    start, in_force = settings.start, settings.in_force
    defaults = {**ImportConfig().as_written(), **dict.fromkeys(NOT_OF_A_RUN)}
    names = [name for name in in_force if name not in NOT_OF_A_RUN]
    differing = [n for n in names if in_force[n] != defaults.get(n) or in_force[n] != start.get(n)]
    simulated = {"simulated": "in virtual time"} if settings.simulated else {}
    shown: dict[str, Any] = {**simulated, "started": settings.created}
    shown |= dict(settings_text(start, {"workers": defaults["workers"], **in_force}, ["workers", *differing]))
    shown["seed"] = settings.seed
    return {name.replace("_", " "): printable(str(value)) for name, value in shown.items()}


# How often a run is looked at: one here, and one that is downloaded each time.
_EVERY_S, _ELSEWHERE_S = 0.25, 2.0


def watch_command(run: str | None, results: Path, progress: Mode | None) -> int:
    """Show the run until its writer ends."""
    found = steered(results, run)
    with _elsewhere(found) as alive:
        if found.writer_pid is None:
            click.echo(f"run {found.name} is not running; its summary:", err=True)
        else:
            try:
                signals.run(_watch, found, choose_mode(progress, sys.stderr), alive)
            except KeyboardInterrupt:
                click.echo(f"run {found.name} continues; only the watching has ended", err=True)
                return 0
    report(found, ImportConfig(results=results))
    return exit_code(found.status)


def _elsewhere(run: Run) -> AbstractContextManager[Callable[[], bool] | None]:
    """Let a run that is written on another machine count as running; see `standing_in`."""
    if results_url(run.folder.parent) is None:
        return nullcontext()
    from harness.remote.reading import standing_in  # loads Parquet

    return standing_in(run)


async def _watch(run: Run, mode: Mode, alive: Callable[[], bool] | None) -> None:
    """Show the run until no process writes it. alive: brings it here anew, where it is written on another machine."""
    reader = RunReader(run)
    every_s = _EVERY_S if alive is None else _ELSEWHERE_S
    with Progress(mode, sys.stderr) as shown:
        while run.writer_pid is not None:
            view = await trio.to_thread.run_sync(reader.view, utc_s())
            shown.update(view)
            await trio.sleep(every_s)
            if alive is not None and not await trio.to_thread.run_sync(alive):
                return
