"""`pause`, `set`, `stop` and `prune`: a word to a running import, and the end of old runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import LIMIT, WORKERS, results_option


@click.command("pause")
@click.argument("run", required=False)
@results_option
def pause_command(run: str | None, results: Path) -> int:
    """Let a running import send nothing new, until `resume`.

    Without RUN, the latest that is running.
    """
    from harness.cli.steer import pause_command as carry_out

    return carry_out(run, results)


@click.command("set")
@click.argument("run", required=False)
@WORKERS
@LIMIT
@results_option
def set_command(run: str | None, results: Path, **flags: Any) -> int:
    """Change the workers or limits of a running import.

    Without RUN, of the latest that is running.
    """
    from harness.cli.steer import set_command as carry_out

    return carry_out(run, results, **flags)


@click.command("stop")
@click.argument("run", required=False)
@results_option
def stop_command(run: str | None, results: Path) -> int:
    """End a running import after what is in flight.

    Asked twice, it ends at once. Without RUN, the latest that is running.
    """
    from harness.cli.steer import stop_command as carry_out

    return carry_out(run, results)


@click.command("prune")
@click.option("--keep", type=click.IntRange(0), required=True, metavar="N", help="how many of the newest runs stay")
@click.option("--yes", is_flag=True, help="do not ask")
@results_option
def prune_command(keep: int, yes: bool, results: Path) -> int:
    """Remove all but the newest runs.

    Their items go with them; runs that are being written stay.
    """
    from harness.cli.keep import prune_command as carry_out

    return carry_out(keep, yes, results)
