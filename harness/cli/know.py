"""`presets`: which APIs are known beforehand, and what is known of one."""

from __future__ import annotations

import shlex
import sys

import click

from harness.cli.options import this_program
from harness.config import settings_of
from harness.spec.presets import Preset, load, names
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
