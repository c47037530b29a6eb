"""`presets`: which APIs are known beforehand. `calibration`: how often predictions came true."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.options import this_program
from harness.config import settings_of
from harness.errors import RecordError
from harness.record.calibration import calibrate
from harness.record.run import list_runs
from harness.record.run_view import RunView
from harness.session.reader import view_ended
from harness.spec.presets import Preset, load, names
from harness.views.calibration import calibration_text
from harness.views.screen import Screen, labelled
from harness.views.text import printable


def presets_command(name: str | None) -> int:
    """List the presets, or print one as its file has it."""
    if name is not None:
        found = load(name)
        settings_of(found)  # a mistake in a file of one's own is said here
        click.echo(found.text.rstrip("\n"))
        url = found.url or "URL"
        key = " --token-env API_TOKEN" if "auth" in found.settings else ""
        click.echo(
            f"\nTry it: {this_program()} check --preset {shlex.quote(name)} --url {shlex.quote(url)}{key}", err=True
        )
        return 0
    screen = Screen.of(sys.stdout)
    known = [load(one) for one in names()]
    rows = [(preset.name, printable(preset.about + _limits(preset)), "") for preset in known]
    click.echo(screen.render(*labelled(rows, screen, max(len(preset.name) for preset in known))))
    click.echo(f"\nOne of them, with the pages it is from: {this_program()} presets {known[0].name}")
    click.echo(f"Import with it: {this_program()} import --preset NAME --url URL")
    return 0


def _limits(preset: Preset) -> str:
    """Return the documented limits of whoever names no plan, to stand behind a line."""
    default = preset.limits.get("default")
    return "" if default is None else f" ({default})"


def calibration_command(results: Path, as_json: bool) -> int:
    """Print how often the runs in `results` took as long as predicted."""
    found = calibrate(_views(results))
    click.echo(json.dumps(asdict(found)) if as_json else calibration_text(found, Screen.of(sys.stdout)))
    return 0


def _views(results: Path) -> Iterator[RunView]:
    """Yield every run; a damaged one is said and left out."""
    for run in list_runs(results):
        try:
            yield view_ended(run)
        except RecordError as error:
            click.echo(f"harness: {error}", err=True)
