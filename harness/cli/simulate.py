"""`simulate`: an import in virtual time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.api.child import DEFAULT_ITEMS
from harness.cli.exit_codes import exit_code
from harness.cli.options import this_program, where
from harness.config import ImportConfig
from harness.record.clock import utc_s
from harness.settings import given, read_settings
from harness.views.progress import choose_mode
from harness.views.screen import Screen
from harness.views.simulated import simulated_text
from harness.views.sweep import counting

if TYPE_CHECKING:
    from harness.lab.experiment import Outcome
    from harness.record.state import State


def simulate_command(toml: Path | None, keep: bool, **flags: Any) -> int:
    """Import in virtual time and show what came of it."""
    config = read_settings(given(flags), toml, os.environ)
    began_s = utc_s()
    outcome = _simulate(config, keep or config.run is not None)
    _report(outcome, config, utc_s() - began_s)
    return exit_code(outcome.summary.status)


def _simulate(config: ImportConfig, keep: bool) -> Outcome:
    from harness.lab.experiment import simulate_run  # the test API takes a moment to load

    mode = "none" if config.quiet or config.as_json else choose_mode(config.progress, sys.stderr)
    if mode == "plain" and config.progress is None:  # most are over before a line could be read
        mode = "none"
    total = DEFAULT_ITEMS if config.items is None else config.items
    with counting("item", total, mode, sys.stderr) as tell:

        def look(state: State) -> None:
            tell(state.imported, state.failed)

        return simulate_run(config, results=config.results if keep else None, on_look=look)


def _report(outcome: Outcome, config: ImportConfig, took_s: float) -> None:
    summary = outcome.summary
    if config.as_json:
        click.echo(json.dumps(summary.as_dict()))
    if config.as_json or config.quiet:
        return
    run = outcome.run
    items = None if run is None else str(run.folder / "items.parquet")
    commands = () if run is None else ("show {run}" + where(config.results),)
    screen = Screen.of(sys.stdout)
    click.echo(simulated_text(summary, screen, took_s, program=this_program(), items=items, commands=commands))
