"""`explain`: what held a run up at one moment."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.errors import BadInput
from harness.record.clock import next_local
from harness.record.explain import explain
from harness.record.history import read_events
from harness.record.run import Run, find_run
from harness.units import parse_duration
from harness.views.explain import explain_text
from harness.views.screen import Screen


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
            f"--at {moment!r} is no moment; write seconds since the start (90), 18:04:24, or 2026-11-24T18:04:24"
        ) from None
