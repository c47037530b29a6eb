"""`python -m benchmarks [NAME ...]`: measure, then print every figure beside its aim."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import click

from benchmarks.measure import Figure, table

DEFAULT = ("importer", "pacer", "core", "lab")
BENCHES = (
    *DEFAULT,
    "calibration",
    "presets",
    "memory",
    "large",
    "resume",
    "million",
    "panel",
    "runs-table",
    "shards",
    "learn",
    "account",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(BENCHES))
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each bench.  [default: its own]")
def main(names: tuple[str, ...], rounds: int | None) -> None:
    """Measure NAMES (importer, pacer, core and lab by default); print figures, aims and what was met."""
    figures: list[Figure] = []
    for name in names or DEFAULT:
        click.echo(f"measuring {name} ...", err=True)
        # Imported when asked for, so that one bench does not need the libraries of another.
        measure: Callable[..., list[Figure]] = import_module(f"benchmarks.{name.replace('-', '_')}").measure
        figures += measure() if rounds is None else measure(rounds)
    click.echo(table(figures))


if __name__ == "__main__":
    main()
