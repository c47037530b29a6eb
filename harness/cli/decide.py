"""`infer`: what past runs say about how to set up the next."""

from __future__ import annotations

from pathlib import Path

import click

from harness.record.inferred import as_flag, infer_recorded
from harness.record.run import find_run
from harness.views.text import plural, printable


def infer_command(run: str | None, results: Path) -> int:
    """Print the limits found, each with its evidence."""
    found = find_run(results, run)
    findings = infer_recorded(found.folder)
    if not findings:
        click.echo(f"{found.name} reveals no limit: no refusal and no header tells of one that was not declared")
        return 0
    click.echo(f"{found.name} reveals {plural(len(findings), 'limit')}")
    for finding in findings:
        click.echo(f"  {finding.tier}  counted as {printable(finding.counting)}")
        seen = f" (and {plural(finding.seen - 1, 'more time')})" if finding.seen > 1 else ""
        click.echo(f"    {printable(finding.evidence)}{seen}")
    click.echo(as_flag(findings))
    return 0
