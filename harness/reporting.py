"""Make the report of runs and sweeps from their files: for the command line, the board's download and notebooks.

The report itself reads no files (`harness.views.report`); here they are read for it, in one place, so that the same run
gives the same page whoever asks.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.installation import need
from harness.record.clock import iso, utc_s
from harness.record.files import read_json, unwritable
from harness.session.reader import view_ended

if TYPE_CHECKING:
    from harness.record.run import Run
    from harness.views.report import Report, RunPart, SweepPart


def report_of(runs: Sequence[Run], sweeps: Sequence[Path] = ()) -> Report:
    """Return the report of `runs` and of the sweeps in the folders `sweeps`. MissingLibrary without the report extra.

    It takes seconds: call it where nothing else waits (in a thread of its own, from a board).
    """
    for library in ("pandas", "matplotlib", "scipy", "jinja2"):
        need(library)
    from harness.views.report import make_report

    parts = [part_of(run) for run in runs], [_sweep(folder) for folder in sweeps]
    return make_report(*parts, made=iso(utc_s()), version=version("rate-limit-harness"))


def part_of(run: Run) -> RunPart:
    """Read what the report tells of `run`: its figures, as every view shows them, and its events."""
    from harness.views.plots.run_axis import NEEDED
    from harness.views.report import RunPart

    view = view_ended(run, run.state())
    return RunPart.of(view, run.about, run.events().select(NEEDED).to_pandas())


def _sweep(folder: Path) -> SweepPart:
    from harness.lab.sweeps import read_sweep
    from harness.views.report import SweepPart

    return SweepPart(folder.name, read_sweep(folder), read_json(folder / "sweep.json"))


def write_report(report: Report, page: Path) -> Path:
    """Write the page and its figures; answers the folder of these. RecordError where the disk refuses."""
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


def open_page(page: Path, environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Open `page` in a browser with windows; False where there is none.

    Without a display a text browser might be found, which would take over the terminal, so that none is looked for.
    """
    shown_by = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    if platform not in ("darwin", "win32") and not any(environ.get(name) for name in shown_by):
        return False
    try:
        return webbrowser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False
