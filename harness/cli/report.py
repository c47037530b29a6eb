"""`report`: write runs and sweeps as a page to read, print and pass on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.record.run import Run, find_run
from harness.reporting import open_page, report_of, write_report

if TYPE_CHECKING:
    from harness.lab.sweeps import Sweep

_PAGE = "report.html"


def report_command(names: tuple[str, ...], output: Path | None, results: Path, open_: bool = False) -> int:
    """Write the report, and say where it is; open it in a browser where that is asked for and there is one."""
    found = [_find(results, name) for name in names] or [find_run(results)]
    runs = [one for one in found if isinstance(one, Run)]
    sweeps = [one.folder for one in found if not isinstance(one, Run)]
    report = report_of(runs, sweeps)
    page = output or _place(results, runs, sweeps)
    folder = write_report(report, page)
    click.echo(f"report    {page}\nfigures   {folder}/ ({len(report.pictures)} as SVG and PNG)")
    if open_ and not open_page(page):
        click.echo(f"no browser was found here; open this file in one: {page.resolve()}", err=True)
    return 0


def _find(results: Path, name: str) -> Run | Sweep:
    """Find a run by name, or a sweep by its folder."""
    from harness.lab.comparison import find_any
    from harness.lab.sweeps import Sweep

    return Sweep(Path(name)) if (Path(name) / "sweep.json").is_file() else find_any(results, name)


def _place(results: Path, runs: Sequence[Run], sweeps: Sequence[Path]) -> Path:
    folders = [*sweeps, *(run.folder for run in runs)]
    return (folders[0] if len(folders) == 1 else results) / _PAGE
