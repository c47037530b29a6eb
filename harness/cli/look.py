"""`runs` and `show`: what was imported, and what became of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.ended import next_commands
from harness.cli.options import python, where
from harness.config import ImportConfig
from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.run import Run, find_run, list_runs
from harness.record.state import State
from harness.record.summary import Summary
from harness.views.runs import RunRow, row_of, runs_text
from harness.views.screen import Screen
from harness.views.show import show_text
from harness.views.text import printable


def runs_command(results: Path) -> int:
    """List the runs; a damaged one is said and left out."""
    rows = []
    for run in list_runs(results):
        try:
            rows.append(_row(run))
        except RecordError as error:  # one damaged run must not hide the others
            click.echo(f"harness: {error}", err=True)
    click.echo(runs_text(rows, Screen.of(sys.stdout), python=python(), where=where(results)))
    return 0


def show_command(run: str | None, results: Path) -> int:
    """Show one run."""
    found = find_run(results, run)
    path = found.folder / "items.parquet"
    state = found.state()
    summary = summary_now(found, state)
    text = show_text(
        summary,
        Screen.of(sys.stdout),
        settings=_settings(found),
        failures=list(state.failures.values()),
        now_utc_s=utc_s(),
        python=python(),
        learned=state.learned,
        items=str(path) if path.exists() and found.settled else None,
        commands=next_commands(found, summary.status, results) if summary.status != "complete" else (),
    )
    click.echo(text)
    return 0


def _row(run: Run) -> RunRow:
    return row_of(run.name, summary_now(run), simulated=bool(run.about.get("simulated")))


def summary_now(run: Run, state: State | None = None) -> Summary:
    """As it was written when the run's last session ended; folded anew (from `state`) where that is not all."""
    figures = run.summary()
    if figures is not None:
        return Summary.from_dict(figures)
    from harness.engine.reopening import ended_summary  # reads events, and so Parquet

    alive = run.writer_pid is not None
    state = run.state() if state is None else state
    status = run.status if alive else run.status_of(state)
    summary = ended_summary(run, state, status)
    return replace(summary, reason=str(run.about.get("reason", ""))) if status == "failed" else summary


def _settings(run: Run) -> dict[str, str]:
    """What differs from the defaults, and what people ask for first."""
    about, config = run.about, run.config
    defaults = ImportConfig().as_written()
    changed = {name: value for name, value in config.items() if value != defaults.get(name)}
    simulated = {"simulated": "in virtual time"} if about.get("simulated") else {}
    first = {"started": about.get("created", "unknown"), "workers": config.get("workers", defaults["workers"])}
    shown: dict[str, Any] = {**simulated, **first, **changed, "seed": about.get("seed")}
    return {name.replace("_", " "): printable(str(value)) for name, value in shown.items()}
