"""Print how a run ended: its summary, and the commands to type next."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import click

from harness.cli.options import this_program, where
from harness.config import ImportConfig
from harness.core.choosing import MISNAMED
from harness.flags import flag_of
from harness.record.discovery import ACCEPT, LEAVES_REST, NO_HELP
from harness.record.run import Run
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.screen import Screen
from harness.views.summary import NEXT, summary_text


def next_commands(run: Run, status: RunStatus, results: Path) -> list[str]:
    """Return the next commands to type, after `-m harness`, with `{run}` for the name; a simulated run has no server.

    --accept-list is no next step for a list that says that it goes on: it would leave out the rest. Where the list only
    is not what it declared, it comes after a look at what there is.
    """
    commands = NEXT[status]
    reason = str(run.about.get("reason", ""))
    if status is RunStatus.FAILED and ACCEPT in reason:
        accept = f"resume {{run}} {ACCEPT}"
        if LEAVES_REST in reason:
            commands = (*_check_of(run), "show {run}")
        else:
            commands = ("show {run}", accept) if NO_HELP in reason else (*commands, accept)
    if status is RunStatus.FAILED and (_SAME_AGAIN.match(reason) or MISNAMED in reason):
        commands = _check_of(run) or commands
    if run.about.get("simulated"):
        commands = tuple(command for command in commands if command.startswith(("show", "failed list")))
    return [command if command.startswith("check") else command + where(results) for command in commands]


# The first page cannot be read for a reason that resuming does not change: the run keeps its settings.
_SAME_AGAIN = re.compile(r"page 1 of the list could not be read, tried once \((status 4(?!0[138])|gone|malformed)")


def _check_of(run: Run) -> tuple[str, ...]:
    """Return the check of a run's list, to type where its settings do not fit the API; none where it has no URL."""
    settings = run.about.get("config", {})
    if not settings.get("url"):
        return ()
    typed = run.about.get("typed")
    if isinstance(typed, list) and all(isinstance(word, str) for word in typed):
        return (shlex.join(["check", *typed]).replace("{", "{{").replace("}", "}}"),)
    words = ["check"]  # of a run that was started from Python or a notebook, or by an earlier version
    for name in ("preset", "url", "token_env"):
        value = settings.get(name) or ()
        words += [word for one in ([value] if isinstance(value, str) else value) for word in (flag_of(name), one)]
    return (shlex.join(words).replace("{", "{{").replace("}", "}}"),)


def report(run: Run, config: ImportConfig) -> None:
    """Say how a run ended, as `config` wants it said."""
    figures = run.summary()
    if figures is None:
        return
    if config.run.as_json:
        click.echo(json.dumps(figures))
    if config.run.as_json or config.run.quiet:
        return
    items = str(run.folder / "items.parquet")
    commands = next_commands(run, RunStatus(figures["status"]), config.run.results)
    summary = Summary.from_dict(figures)
    click.echo(summary_text(summary, Screen.of(sys.stdout), program=this_program(), items=items, commands=commands))
