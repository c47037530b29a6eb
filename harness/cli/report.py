"""`report`: write runs and sweeps as a page to read, print and pass on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.installation import need
from harness.record.clock import iso, utc_s
from harness.record.files import read_json, unwritable
from harness.record.run import Run, find_run
from harness.session.reader import view_ended

if TYPE_CHECKING:
    from harness.lab.sweeps import Sweep
    from harness.views.report import Report, RunPart, SweepPart

_PAGE = "report.html"


def report_command(names: tuple[str, ...], output: Path | None, results: Path) -> int:
    """Write the report, and say where it is."""
    for library in ("pandas", "matplotlib", "scipy", "jinja2"):
        need(library)
    from harness.views.report import make_report

    found = [_find(results, name) for name in names] or [find_run(results)]
    runs = [one for one in found if isinstance(one, Run)]
    sweeps = [one.folder for one in found if not isinstance(one, Run)]
    report = make_report(
        [_run(run) for run in runs], [_sweep(folder) for folder in sweeps], made=iso(utc_s()), version=_version()
    )
    page = output or _place(results, runs, sweeps)
    folder = write_report(report, page)
    click.echo(f"report    {page}\nfigures   {folder}/ ({len(report.pictures)} as SVG and PNG)")
    return 0


def _find(results: Path, name: str) -> Run | Sweep:
    """Find a run by name, or a sweep by its folder."""
    from harness.lab.comparison import find_any
    from harness.lab.sweeps import Sweep

    return Sweep(Path(name)) if (Path(name) / "sweep.json").is_file() else find_any(results, name)


def _place(results: Path, runs: Sequence[Run], sweeps: Sequence[Path]) -> Path:
    folders = [*sweeps, *(run.folder for run in runs)]
    return (folders[0] if len(folders) == 1 else results) / _PAGE


def write_report(report: Report, page: Path) -> Path:
    """Write the page and its figures; answers the folder of these."""
    from harness.views.plots import png

    folder = page.with_name(f"{page.stem}-figures")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for picture in report.pictures:
            (folder / f"{picture.name}.svg").write_text(report.svgs[picture.name], encoding="utf-8")
            (folder / f"{picture.name}.png").write_bytes(png(picture.figure))
        page.write_text(report.html, encoding="utf-8")
    except OSError as error:
        raise unwritable(page, error) from None
    return folder


def _run(run: Run) -> RunPart:
    from harness.views.plots.run_axis import NEEDED
    from harness.views.report import RunPart

    view = view_ended(run, run.state())
    return RunPart.of(view, run.about, run.events().select(NEEDED).to_pandas())


def _sweep(folder: Path) -> SweepPart:
    from harness.lab.sweeps import read_sweep
    from harness.views.report import SweepPart

    return SweepPart(folder.name, read_sweep(folder), read_json(folder / "sweep.json"))


def _version() -> str:
    return version("rate-limit-harness")
