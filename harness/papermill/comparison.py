"""Show sweeps in a notebook: the fastest settings, the refusals, and how many workers are enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from harness.lab.sweeps import Sweep, find_sweep, read_sweep
from harness.papermill.cells import parameters, plainly, show_html, show_picture, show_table
from harness.settings import notebook_folder
from harness.views.report import SweepPart
from harness.views.report.choices import sweep_headline
from harness.views.report.content import sweep_settings, sweep_size
from harness.views.report.pictures import Picture, sweep_pictures
from harness.views.report.sections import efficiencies
from harness.views.report.tables import table_of_pairs

_NEEDS = {
    "workers": "more than one number of workers",
    "speed": "more than one limit",
    "429s": "more than one limit",
    "frontier": "a run that ended",
}


@dataclass(frozen=True)
class Comparison:
    """One or more sweeps as one table; settings that differ between them count as varied."""

    part: SweepPart

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each run."""
        return self.part.frame

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        """Those of workers, speed, 429s and frontier that have something to show."""
        found = sweep_pictures(self.part.name, self.frame)
        return {picture.name.removeprefix(f"{self.part.name}-"): picture for picture in found}

    def _ipython_display_(self) -> None:
        """The answer first, then what was run."""
        said = f"{sweep_headline(self.part)} {sweep_size(self.part)}"
        show_html(f"<p><b>{escape(said)}</b></p>", said)
        over, same = sweep_settings(self.part)
        show_table(table_of_pairs([*over, *same], ("setting", "value")))

    def show(self, name: str) -> None:
        """Show one of the figures with its data; say so where these sweeps have nothing for it."""
        if name in self.pictures:
            show_picture(self.pictures[name])
        else:
            said = f"Nothing to show: this needs {_NEEDS[name]}."
            show_html(f"<p>{said}</p>", said)

    def efficiency(self) -> None:
        """Show the reference efficiency beside the share of the best possible, the misleading cases first."""
        table = efficiencies(self.part)
        if table is not None:
            show_table(table)


@plainly
def read_comparison(namespace: Mapping[str, Any]) -> Comparison:
    """Return the sweeps that the parameters `sweeps` and `results` in a notebook's `globals()` name.

    sweeps: names (a unique prefix is enough) or folders, as a list or with commas between them; none: the latest.
    """
    given = parameters(namespace)
    results = notebook_folder(given.get("results"))
    names = given.get("sweeps") or []
    names = names.split(",") if isinstance(names, str) else list(names)
    sweeps = [_sweep(results, str(name).strip()) for name in names] or [find_sweep(results)]
    frame = pd.concat([read_sweep(sweep.folder) for sweep in sweeps], ignore_index=True)
    return Comparison(SweepPart(" and ".join(sweep.name for sweep in sweeps), frame, sweeps[0].about))


def _sweep(results: Path, name: str) -> Sweep:
    folder = notebook_folder(name)
    return Sweep(folder) if (folder / "sweep.json").is_file() else find_sweep(results, name)
