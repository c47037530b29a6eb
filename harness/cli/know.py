"""`presets`: which APIs are known beforehand, and what is known of one."""

from __future__ import annotations

import sys

import click

from harness.cli.options import this_program
from harness.config import settings_of
from harness.spec.presets import load, names
from harness.views.screen import Screen
from harness.views.text import printable


def presets_command(name: str | None) -> int:
    """List the presets, or print one as its file has it."""
    if name is not None:
        found = load(name)
        settings_of(found)  # a mistake in a file of one's own is said here
        click.echo(found.text.rstrip("\n"))
        return 0
    screen = Screen.of(sys.stdout)
    known = [load(one) for one in names()]
    width = max(len(preset.name) for preset in known)
    for preset in known:
        limits = preset.limits.get("default", "")
        line = f"{preset.name:<{width}}  {preset.about}" + (f"  [{limits}]" if limits else "")
        click.echo(_cut(printable(line), screen.width))
    click.echo(f"\nOne of them, with the pages it is from: {this_program()} presets {known[0].name}")
    click.echo(f"Import with it: {this_program()} import --preset NAME --url URL")
    return 0


def _cut(line: str, width: int | None) -> str:
    """Return the line within `width` columns, None: however long."""
    return line if width is None or len(line) <= width else line[: width - 1] + "…"
