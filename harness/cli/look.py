"""`runs` and `show`: what was imported, and what became of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.ended import next_commands
from harness.cli.options import python, results_option, where
from harness.config import ImportConfig
from harness.engine.reopening import ended_summary
from harness.errors import RecordError
from harness.record.clock import utc_s
from harness.record.run import Run, find_run, list_runs
from harness.record.summary import Summary
from harness.views.runs import RunRow, row_of, runs_text
from harness.views.screen import Screen
from harness.views.settings import NOT_OF_A_RUN, settings_text
from harness.views.show import learned_text, show_text

_OPEN = ("running", "paused", "interrupted")


@click.command("runs")
@results_option
def runs_command(results: Path) -> int:
    """List the runs, the newest first."""
    rows = []
    for run in list_runs(results):
        try:
            rows.append(_row(run))
        except RecordError as error:  # one damaged run must not hide the others
            click.echo(f"harness: {error}", err=True)
    click.echo(runs_text(rows, Screen.of(sys.stdout), python=python(), where=where(results)))
    return 0


@click.command("show")
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="print its figures as JSON, as in summary.json, nothing else")
@results_option
def show_command(run: str | None, as_json: bool, results: Path) -> int:
    """Show a run in full, with its failed items.

    Without RUN, the latest.
    """
    found = find_run(results, run)
    if as_json:
        click.echo(json.dumps(summary_now(found).as_dict()))
        return 0
    path = found.folder / "items.parquet"
    state = found.state()
    summary = summary_now(found)
    text = show_text(
        summary,
        Screen.of(sys.stdout),
        settings=_settings(found),
        failures=list(state.failures.values()),
        now_utc_s=utc_s(),
        python=python(),
        learned=learned_text(summary, state.learned),
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
    if figures is not None and run.status not in _OPEN and "learned" in figures:  # else of an earlier version
        return replace(Summary.from_dict(figures), run=run.name)
    return ended_summary(run, run.state(), run.status)


def _settings(run: Run) -> dict[str, str]:
    """What differs from the defaults, and what people ask for first, with what it was at the start if that differs."""
    about, in_force = run.about, run.in_force
    defaults = {**ImportConfig().as_written(), **dict.fromkeys(NOT_OF_A_RUN)}
    names = [name for name in in_force if name not in NOT_OF_A_RUN]
    differing = [n for n in names if in_force[n] != defaults.get(n) or in_force[n] != about["config"].get(n)]
    simulated = {"simulated": "in virtual time"} if about.get("simulated") else {}
    shown: dict[str, Any] = {**simulated, "started": about["created"]}
    shown |= dict(settings_text(about["config"], in_force, ["workers", *differing]))
    return {name.replace("_", " "): str(value) for name, value in {**shown, "seed": about["seed"]}.items()}
