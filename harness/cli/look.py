"""`runs`, `show` and `watch`: what was imported, and what became of it. Of a run that has ended, JSON is enough."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
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
from harness.record.clock import utc_s
from harness.record.run import Run, find_run, list_runs
from harness.record.state import State
from harness.record.summary import Summary
from harness.views.progress import Mode, Progress, choose_mode
from harness.views.runs import RunRow, row_of, runs_text
from harness.views.screen import Screen
from harness.views.show import NOT_OF_A_RUN, learned_text, settings_text, show_text
from harness.views.text import printable


def runs_command(results: Path) -> int:
    """List the runs; a damaged one is said and left out."""
    rows = []
    for run in list_runs(results):
        try:
            rows.append(_row(run))
        except RecordError as error:  # one damaged run must not hide the others
            click.echo(f"harness: {error}", err=True)
    click.echo(runs_text(rows, Screen.of(sys.stdout), program=this_program(), where=where(results)))
    return 0


def show_command(run: str | None, results: Path, as_json: bool = False) -> int:
    """Show one run."""
    found = find_run(results, run)
    if as_json:
        click.echo(json.dumps(summary_now(found).as_dict()))
        return 0
    path = found.folder / "items.parquet"
    state = found.state()
    summary = summary_now(found, state)
    text = show_text(
        summary,
        Screen.of(sys.stdout),
        settings=_settings(found),
        failures=list(state.failures.values()),
        now_utc_s=utc_s(),
        program=this_program(),
        learned=learned_text(summary, state.learned),
        items=str(path) if path.exists() and found.settled else None,
        commands=[
            command for command in next_commands(found, summary.status, results) if not command.startswith("show")
        ],
    )
    click.echo(text)
    return 0


def _row(run: Run) -> RunRow:
    return row_of(run.name, summary_now(run), simulated=bool(run.about.get("simulated")))


def summary_now(run: Run, state: State | None = None) -> Summary:
    """As it was written when the run's last session ended; folded anew (from `state`) where that is not all."""
    figures = run.summary()
    if figures is not None and "learned" in figures:  # else of an earlier version
        return replace(Summary.from_dict(figures), run=run.name)
    from harness.session.retry_failed import ended_summary  # reads events, and so Parquet

    alive = run.writer_pid is not None
    state = run.state() if state is None else state
    status = run.status if alive else run.status_of(state)
    summary = ended_summary(run, state, status)
    return replace(summary, reason=str(run.about.get("reason", ""))) if status == "failed" else summary


def _settings(run: Run) -> dict[str, str]:
    """What differs from the defaults, and what people ask for first, with what it was at the start if that differs."""
    about, start, in_force = run.about, run.config, run.in_force
    defaults = {**ImportConfig().as_written(), **dict.fromkeys(NOT_OF_A_RUN)}
    names = [name for name in in_force if name not in NOT_OF_A_RUN]
    differing = [n for n in names if in_force[n] != defaults.get(n) or in_force[n] != start.get(n)]
    simulated = {"simulated": "in virtual time"} if about.get("simulated") else {}
    shown: dict[str, Any] = {**simulated, "started": about.get("created", "unknown")}
    shown |= dict(settings_text(start, {"workers": defaults["workers"], **in_force}, ["workers", *differing]))
    shown["seed"] = about.get("seed")
    return {name.replace("_", " "): printable(str(value)) for name, value in shown.items()}


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
