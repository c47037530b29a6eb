"""The commands that say what is known beforehand."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option


@click.command("presets")
@click.argument("name", required=False)
def presets_command(name: str | None) -> int:
    """List the APIs that are known, or show what is known of one.

    NAME shows its file: the settings, the documented limits by plan, and the page and day that each fact is from.
    A file of your own is checked and shown by its path, such as ./mine.toml.
    """
    from harness.cli.know import presets_command as carry_out

    return carry_out(name)


@click.command("calibration")
@click.option("--json", "as_json", is_flag=True, help="print only the figures, as JSON")
@results_option
def calibration_command(results: Path, as_json: bool) -> int:
    """Say how often runs took as long as predicted.

    Over all runs in the results folder, apart for simulated and real ones. Each run is predicted as soon as it is known
    how many items there are; see `show`. Runs that were stopped, paused by hand or given other settings on the way are
    not judged.
    """
    from harness.cli.know import calibration_command as carry_out

    return carry_out(results, as_json)
