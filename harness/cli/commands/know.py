"""The commands that say what is known beforehand."""

from __future__ import annotations

import click


@click.command("presets")
@click.argument("name", required=False)
def presets_command(name: str | None) -> int:
    """List the APIs that are known, or show what is known of one.

    NAME shows its file: the settings, the documented limits by plan, and the page and day that each fact is from.
    A file of your own is checked and shown by its path, such as ./mine.toml.
    """
    from harness.cli.know import presets_command as carry_out

    return carry_out(name)
