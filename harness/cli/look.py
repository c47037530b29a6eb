"""`runs` and `show`: what was imported, and what became of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.ended import next_commands
from harness.cli.options import python, where
from harness.config import ImportConfig
from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.run import Run, find_run, list_runs
from harness.record.summary import Summary
from harness.views.runs import RunRow, row_of, runs_text
from harness.views.screen import Screen
from harness.views.show import show_text

_OPEN = ("running", "paused", "interrupted")


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
    text = show_text(
        summary_now(found),
        Screen.of(sys.stdout),
        settings=_settings(found),
        failures=list(state.failures.values()),
        now_utc_s=utc_s(),
        python=python(),
        learned=state.learned,
        items=str(path) if path.exists() else None,
        commands=next_commands(found, found.status, results) if found.status != "complete" else (),
    )
    click.echo(text)
    return 0


def _row(run: Run) -> RunRow:
    return row_of(run.name, summary_now(run), simulated=bool(run.about.get("simulated")))


def summary_now(run: Run) -> Summary:
    """As it was written when the run's last session ended; folded anew where none did."""
    figures = run.summary()
    if figures is not None and run.status not in _OPEN:
        return Summary.from_dict(figures)
    from harness.engine.reopening import ended_summary  # reads events, and so Parquet

    return ended_summary(run, run.state(), run.status)


def _settings(run: Run) -> dict[str, str]:
    """What differs from the defaults, and what people ask for first."""
    about = run.about
    defaults = ImportConfig().as_written()
    changed = {name: value for name, value in about["config"].items() if value != defaults.get(name)}
    simulated = {"simulated": "in virtual time"} if about.get("simulated") else {}
    shown: dict[str, Any] = {**simulated, "started": about["created"], "workers": about["config"]["workers"], **changed}
    return {name.replace("_", " "): str(value) for name, value in {**shown, "seed": about["seed"]}.items()}
