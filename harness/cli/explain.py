"""`explain` and `audit`: commands that read a run's events, and so load Parquet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from harness import signals
from harness.cli.run import bring_to_resume, import_now, ready_to_resume
from harness.errors import BadInput
from harness.paths import results_folder
from harness.record.clock import next_local
from harness.record.discovery import ACCEPT, LEAVES_REST, NO_HELP
from harness.record.explain import audited, explain
from harness.record.history import read_events
from harness.record.run import Run, find_run
from harness.settings import typed_to_resume
from harness.speed import clock_at
from harness.units import parse_duration
from harness.views.explain import audit_text, explain_text
from harness.views.screen import Screen


def audit_command(run: str | None, **flags: Any) -> int:
    """Read the list again; import what was missed."""
    typed = typed_to_resume(flags)
    results = results_folder(typed.get("results", "results"))
    bring_to_resume(results, run)
    found = find_run(results, run)
    if not found.status.is_complete:
        reason = str(found.about.get("reason", ""))
        how = f"resume it first{f', with {ACCEPT}' if NO_HELP in reason else ''}"
        how = "its list goes on in a way that nothing follows" if LEAVES_REST in reason else how
        raise BadInput(f"run {found.name} is {found.status}, and only a complete one can be audited; {how}")
    config = ready_to_resume(found, typed)
    if config.run.max_items is not None:
        raise BadInput(
            f"run {found.name} used --max-items, so its list was never read to the end; import it again without"
        )
    shown = config if not config.run.as_json else config.with_settings(as_json=False, quiet=True)
    code = signals.run(import_now, shown, True, clock=clock_at(shown.speed))
    audit = audited(read_events(found.folder))
    if audit is not None and config.run.as_json:
        click.echo(json.dumps(audit.as_dict()))
    elif audit is not None and not config.run.quiet:
        click.echo(audit_text(audit, Screen.of(sys.stdout)))
    return code


def explain_command(run: str | None, moment: str, results: Path) -> int:
    """Say what held the run up at `moment`."""
    found = find_run(results, run)
    at_utc_s = _utc_s(found, moment)
    click.echo(explain_text(found.name, explain(read_events(found.folder), at_utc_s), Screen.of(sys.stdout)))
    return 0


def _utc_s(run: Run, moment: str) -> float:
    began = run.about.get("sessions_utc_s") or [run.about.get("created_utc_s", 0.0)]
    start = float(began[0])
    try:
        if ":" in moment or "-" in moment:
            return next_local(moment, start - 1.0)
        return start + parse_duration(moment)
    except ValueError:
        raise BadInput(
            f"--at {moment!r} is not a time; write seconds since the start (90), 18:04:24, or 2026-11-24T18:04:24"
        ) from None
