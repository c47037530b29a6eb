"""`import`, `resume`, `simulate`, `sweep` and `server`: what makes a run, or serves one to make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import PATH, config_options, results_option
from harness.flags import RESUMED, SIMULATED, SWEPT

_AS_GIVEN = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("import")
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings")
@config_options()
def import_command(toml: Path | None, **flags: Any) -> int:
    """Import everything from a list and its items.

    Without --url it starts the test API on a free port, imports it, and stops it. Settings come from flags, from
    the environment (HARNESS_IMPORT_WORKERS=20), and from a TOML file; of these, the one named first wins.
    """
    from harness.cli.run import import_command as carry_out

    return carry_out(toml, **flags)


@click.command("resume")
@click.argument("run", required=False)
@config_options(RESUMED)
def resume_command(run: str | None, **flags: Any) -> int:
    """Go on with a run that was stopped, failed or is paused.

    Without RUN, with the latest. Its settings come from the run itself; secrets must be given again.
    """
    from harness.cli.run import resume_command as carry_out

    return carry_out(run, **flags)


@click.command("simulate")
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings")
@click.option("--keep", is_flag=True, help="keep the run's files in --results, as an import does; so does --run")
@config_options(SIMULATED)
def simulate_command(toml: Path | None, keep: bool, **flags: Any) -> int:
    """Import in virtual time: hours in seconds, no sockets.

    The engine is the one that imports, the limits, faults and latencies are the test API's own. An answer takes
    lognormal:80ms unless told otherwise. The same --seed gives the same events.
    """
    from harness.cli.simulate import simulate_command as carry_out

    return carry_out(toml, keep, **flags)


@click.command("sweep")
@click.argument("file", required=False, type=PATH)
@click.option("--grid", "grids", multiple=True, metavar="NAME=A,B", help="values to try of a setting; may be repeated")
@click.option("--repeat", type=click.IntRange(1), help="runs of each combination, each with its own seed [1]")
@click.option("--jobs", type=click.IntRange(1, 256), help="processes to simulate on [as many as the machine has cores]")
@click.option("--live", is_flag=True, help="import for real instead, over sockets, one run at a time")
@click.option("--keep", is_flag=True, help="keep the files of each run in the sweep's folder; --live always does")
@click.option("--papermill", is_flag=True, help="make each run by notebooks/experiment.ipynb, and keep it executed")
@click.option("--name", help="name of the sweep [sweep- and a timestamp]")
@click.option("--fresh", is_flag=True, help="replace a sweep of that name")
@click.option("--resume", is_flag=True, help="go on with a sweep that was stopped: --name NAME, or the latest")
@click.option("--progress", type=click.Choice(["bar", "plain", "none"]), help="[bar on a terminal, else plain]")
@results_option
@config_options(SWEPT)
def sweep_command(file: Path | None, results: Path, **said: Any) -> int:
    """Run every combination of settings and compare them.

    Settings that are the same in all runs are flags as in `simulate`; those that vary are --grid, or lists below [grid]
    in a TOML FILE:

    \b
        items = 10000
        repeat = 5
        [grid]
        workers = [1, 2, 5, 10, 20]
        pacing = ["window", "retry-after"]
    """
    from harness.cli.sweep import sweep_command as carry_out

    return carry_out(file, results, **said)


@click.command("server", context_settings=_AS_GIVEN, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def server_command(words: tuple[str, ...]) -> int:
    """Serve the test API."""
    from harness.cli.serve import server_command as carry_out

    return carry_out(words)
