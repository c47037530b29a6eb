"""Commands on runs in an object store: what they read is brought into the working folder first.

From there on a command sees a folder of runs as any other. What would change a run, or many, says that it cannot.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from harness.errors import BadInput, NoSuchRun, RunLocked
from harness.paths import results_url
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.remote.copy import Need
from harness.remote.reading import bring_named

# How much of each run a command reads, by the command's name. `None`: it steers a run, which is one that runs here.
_READS: dict[str, Need | None] = {
    "show": Need.EVENTS,
    "explain": Need.EVENTS,
    "infer": Need.EVENTS,
    "report": Need.EVENTS,
    "compare": Need.EVENTS,
    "failed list": Need.EVENTS,
    "failed show": Need.EVENTS,
    "export": Need.ALL,
    "runs list": Need.FIGURES,
    "calibration": Need.FIGURES,
    "watch": Need.EVENTS,
    "pause": None,
    "set": None,
    "stop": None,
}


def brought_for_command(results: Path) -> None:
    """Bring here what the command that is being invoked reads of the runs in an object store.

    BadInput where it cannot work on those, or where the store cannot be used.
    """
    context = click.get_current_context()
    url = results_url(results)
    if url is None:
        return
    command = context.command_path.partition(" ")[2]
    name = next((name for name in _READS if command.endswith(name)), None)
    if name is None:
        typed = command.removeprefix("-m harness ")
        raise BadInput(f"{typed} works on a folder of runs, not on {url}; leave out --results, or name a folder")
    need = _READS[name]
    if need is None:
        return
    named = context.params.get("names") or [context.params.get("run")]
    for folder, seen in bring_named(results, named, need).items():
        if command.endswith("watch"):
            continue  # it looks again and again, see `standing_in`
        if seen is not None and seen.seems_alive(utc_s()):
            with suppress(RunLocked, NoSuchRun):  # its writer is here, or another command that looks
                context.with_resource(Run(folder).locked())  # so that it counts as running while we look
