"""`simulate`: an import in virtual time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.api.child import DEFAULT_ITEMS
from harness.cli.ended import exit_code
from harness.cli.options import PATH, config_options, given, python, where
from harness.config import ImportConfig
from harness.lab.grid import LIVE_ONLY
from harness.record.clock import utc_s
from harness.settings import read_settings
from harness.views.progress import choose_mode
from harness.views.screen import Screen
from harness.views.simulated import simulated_text
from harness.views.sweep import counting

if TYPE_CHECKING:
    from harness.lab.experiment import Outcome
    from harness.record.state import State

# Of an import: what means nothing in virtual time, or to a test API that is never started.
_NOT_SIMULATED = (*LIVE_ONLY, "url", "forget_limits", "header", "token_env", "resume", "dry_run")
SIMULATED_FIELDS = [name for name in ImportConfig.model_fields if name not in _NOT_SIMULATED]


@click.command("simulate")
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings")
@click.option("--keep", is_flag=True, help="keep the run's files in --results, as an import does; so does --run")
@config_options(SIMULATED_FIELDS)
def simulate_command(toml: Path | None, keep: bool, **flags: Any) -> int:
    """Import in virtual time: hours in seconds, no sockets.

    The engine is the one that imports, the limits, faults and latencies are the test API's own. An answer takes
    lognormal:80ms unless told otherwise. The same --seed gives the same events.
    """
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
    click.echo(simulated_text(summary, screen, took_s, python=python(), items=items, commands=commands))
