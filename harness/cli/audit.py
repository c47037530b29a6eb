"""`audit`: the list read again, to find what moved while it was read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from harness import signals
from harness.cli.run import import_now, ready_to_resume
from harness.errors import BadInput
from harness.record.audit import audited
from harness.record.discovery import ACCEPT, LEAVES_REST, NO_HELP
from harness.record.history import read_events
from harness.record.run import find_run
from harness.settings import typed_to_resume
from harness.views.audit import audit_text
from harness.views.screen import Screen


def audit_command(run: str | None, **flags: Any) -> int:
    """Read the list again; import what was missed."""
    typed = typed_to_resume(flags)
    found = find_run(Path(typed.get("results", "results")), run)
    if not found.status.startswith("complete"):
        reason = str(found.about.get("reason", ""))
        how = f"resume it first{f', with {ACCEPT}' if NO_HELP in reason else ''}"
        how = "its list goes on in a way that this release cannot follow" if LEAVES_REST in reason else how
        raise BadInput(f"run {found.name} is {found.status}, and only a complete one can be audited; {how}")
    config = ready_to_resume(found, typed)
    if config.max_items is not None:
        raise BadInput(f"run {found.name} has --max-items, so that its list was never read whole; import it without")
    shown = config if not config.as_json else config.model_copy(update={"as_json": False, "quiet": True})
    code = signals.run(import_now, shown, True)
    audit = audited(read_events(found.folder))
    if audit is not None and config.as_json:
        click.echo(json.dumps(audit.as_dict()))
    elif audit is not None and not config.quiet:
        click.echo(audit_text(audit, Screen.of(sys.stdout)))
    return code
