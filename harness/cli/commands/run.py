"""The commands that make, steer and remove runs, or help to set one up.

`import`, `resume`, `simulate` and `sweep` make runs; `server` starts the test API. `recommend`, `infer` and `check` say
what to set before an import. `pause`, `set` and `stop` are commands to a running import; `prune` removes old runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.options import (
    CHECKED,
    LIMIT,
    PATH,
    RECOMMENDED,
    WORKERS,
    SettingsCommand,
    config_options,
    results_option,
)
from harness.errors import BadInput
from harness.flags import RESUMED, SIMULATED, SWEPT
from harness.installation import need_server
from harness.paths import program

_AS_GIVEN = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("import", cls=SettingsCommand)
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings")
@config_options()
def import_command(toml: Path | None, **flags: Any) -> int:
    """Import everything from a list and its items.

    Without --url it starts the test API on a free port, imports it, and stops it. Flags win over the
    environment (HARNESS_IMPORT_WORKERS=20), which wins over the TOML file.
    """
    from harness.cli.run import import_command as carry_out

    return carry_out(toml, **flags)


@click.command("resume", cls=SettingsCommand)
@click.argument("run", required=False)
@config_options(RESUMED)
def resume_command(run: str | None, **flags: Any) -> int:
    """Continue a run that was stopped, failed or is paused.

    RUN defaults to the latest. Its settings come from the run itself; secrets must be given again.
    """
    from harness.cli.run import resume_command as carry_out

    return carry_out(run, **flags)


@click.command("simulate", cls=SettingsCommand)
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings")
@click.option("--keep", is_flag=True, help="keep the run's files in --results, as an import does; implied by --run")
@config_options(SIMULATED)
def simulate_command(toml: Path | None, keep: bool, **flags: Any) -> int:
    """Import in virtual time: hours in seconds, no sockets.

    It uses the core that imports, and the test API's own limits, faults and latencies. The latency defaults to
    lognormal:80ms. The same --seed gives the same events.
    """
    from harness.cli.sweep import simulate_command as carry_out

    return carry_out(toml, keep, **flags)


@click.command("sweep", cls=SettingsCommand)
@click.argument("file", required=False, type=PATH)
@click.option("--grid", "grids", multiple=True, metavar="NAME=A,B", help="values of a setting to try; may be repeated")
@click.option("--repeat", type=click.IntRange(1), help="runs of each combination, each with its own seed [default 1]")
@click.option("--jobs", type=click.IntRange(1, 256), help="processes to simulate on [default one per core]")
@click.option(
    "--executor",
    metavar="dask://HOST:PORT",
    help="make the runs on the Dask cluster with this scheduler, instead of in processes here",
)
@click.option("--live", is_flag=True, help="import over real sockets instead of simulating, one run at a time")
@click.option("--keep", is_flag=True, help="keep the files of each run in the sweep's folder; --live always does")
@click.option(
    "--papermill", is_flag=True, help="make each run with notebooks/experiment.ipynb, and keep the executed notebook"
)
@click.option("--name", help="name of the sweep [default sweep- and a timestamp]")
@click.option("--fresh", is_flag=True, help="replace the sweep of that name")
@click.option("--resume", is_flag=True, help="continue a sweep that was stopped: --name NAME, or the latest")
@click.option("--progress", type=click.Choice(["bar", "plain", "none"]), help="[default bar on a terminal, else plain]")
@results_option
@config_options(SWEPT)
def sweep_command(file: Path | None, results: Path, **said: Any) -> int:
    """Run every combination of settings and compare them.

    Settings that all runs share are flags, as in `simulate`; those that vary are --grid, or lists under [grid]
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
    if not {"-h", "--help", "--list-scenarios"} & {*words}:  # these it answers without serving anything
        need_server()
    # In this process's place, so that a signal meant for the server reaches it. -P: the current folder may hold
    # files of the user's own that bear the name of a module.
    environment = {**os.environ, "HARNESS_TEST_API_TYPED": f"{program()} server"}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "harness_test_api", *words], environment)


@click.command("recommend", cls=SettingsCommand)
@click.option("--from", "run", metavar="RUN", help="take the limits and the latency from a run")
@click.option(
    "--config", "toml", type=PATH, metavar="FILE", help="take the limits from a TOML file, such as check --save wrote"
)
@click.option(
    "--what-if",
    "what_if",
    multiple=True,
    metavar="NAME=VALUE",
    help="also say what this other value would change; may be repeated",
)
@click.option("--json", "as_json", is_flag=True, help="print only the recommendation, as JSON")
@results_option
@config_options(RECOMMENDED)
def recommend_command(
    run: str | None, toml: Path | None, what_if: tuple[str, ...], as_json: bool, results: Path, **flags: Any
) -> int:
    """Say how many workers to use, and how long an import takes.

    It simulates the import with each number of workers. It also says what changes if the latency doubles, the limits
    are halved, or another client uses the same key.
    """
    from harness.cli.decide import recommend_command as carry_out

    return carry_out(run, toml, what_if, as_json, results, **flags)


@click.command("infer")
@click.argument("run", required=False)
@click.option("--preset", metavar="NAME", help="say beside them which limits this preset documents")
@click.option("--plan", metavar="NAME", help="of that preset's plans this one")
@results_option
def infer_command(run: str | None, preset: str | None, plan: str | None, results: Path) -> int:
    """Print the limits that a run reveals, ready to paste.

    With the evidence for each. RUN defaults to the latest.
    """
    from harness.cli.decide import infer_command as carry_out

    if plan is not None and preset is None:
        raise BadInput("--plan is a plan of a preset's API; add --preset")
    return carry_out(run, results, preset, plan)


@click.command("check", cls=SettingsCommand)
@config_options(CHECKED)
@click.option("--config", "toml", type=PATH, metavar="FILE", help="a TOML file with settings, such as a saved source")
@click.option("--save", type=PATH, metavar="FILE", help="write what was found as TOML, for import --config FILE")
def check_command(toml: Path | None, save: Path | None, **flags: Any) -> int:
    """Check with a few requests how an API can be imported.

    It requests two pages of the list, two items, and page 0 if nothing shows that pages begin at 1. It reports where
    the records, their ids, the next page and the items are and by what that is known, what it could not tell and which
    flag says it, and which limits the headers state. Exit code 2 if an import could not end as complete. Without --url
    it checks the test API. Nothing is written but what --save names.
    """
    from harness.cli.decide import check_command as carry_out

    return carry_out(toml, save, **flags)


@click.command("pause")
@click.argument("run", required=False)
@results_option
def pause_command(run: str | None, results: Path) -> int:
    """Send no new requests until `resume`.

    RUN defaults to the latest that is running.
    """
    from harness.cli.manage import pause_command as carry_out

    return carry_out(run, results)


@click.command("set")
@click.argument("run", required=False)
@WORKERS
@LIMIT
@results_option
def set_command(run: str | None, results: Path, **flags: Any) -> int:
    """Change the workers or limits of a running import.

    RUN defaults to the latest that is running.
    """
    from harness.cli.manage import set_command as carry_out

    return carry_out(run, results, **flags)


@click.command("stop")
@click.argument("run", required=False)
@results_option
def stop_command(run: str | None, results: Path) -> int:
    """End a running import after the requests in flight.

    Run it twice to end at once. RUN defaults to the latest that is running.
    """
    from harness.cli.manage import stop_command as carry_out

    return carry_out(run, results)


@click.command("prune")
@click.option("--keep", type=click.IntRange(0), required=True, metavar="N", help="how many of the newest runs to keep")
@click.option("--yes", is_flag=True, help="delete without asking")
@results_option
def prune_command(keep: int, yes: bool, results: Path) -> int:
    """Remove all but the newest runs.

    Their items are deleted too; running imports stay.
    """
    from harness.cli.manage import prune_command as carry_out

    return carry_out(keep, yes, results)
