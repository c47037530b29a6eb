"""Make one run from a notebook, simulated or live, show its figures, and keep its metrics for programs to read.

The metrics are one small JSON document among the outputs of the executed notebook.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from harness.config import ImportConfig
from harness.errors import HarnessError, RecordError
from harness.lab.experiment import simulate_run
from harness.papermill.cells import RunFailed, plainly, show_html, show_json, show_picture, show_table, switch
from harness.paths import program
from harness.record.run import Run
from harness.record.summary import Summary
from harness.views.plots.run_axis import NEEDED
from harness.views.report import RunPart
from harness.views.report.content import run_efficiency, run_figures, run_headline
from harness.views.report.pictures import Picture, run_pictures
from harness.views.report.tables import table_of_pairs
from harness.views.screen import LOOKS

_COLORS = {"complete": "#009e73", "complete with failures": "#e69f00"}


@dataclass(frozen=True)
class Experiment:
    """A run that has ended, as well or badly as it did."""

    run: Run
    summary: Summary

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        """Its figures: timeline, latency and workers-busy."""
        events = self.run.events().select(NEEDED).to_pandas()
        found = run_pictures(self.run.name, events)
        return {picture.name.removeprefix(f"{self.run.name}-"): picture for picture in found}

    def _ipython_display_(self) -> None:
        """Show how the run went: first whether it worked, in a word and a colour, then line by line."""
        part = RunPart(self.summary, self.run.about, self.run.events().slice(0, 0).to_pandas())
        look, reason = LOOKS[self.summary.status], self.summary.reason
        text = f"{look.glyph} {run_headline(part)}" + (f" {reason}" if reason else "")
        color = _COLORS.get(self.summary.status, "#d55e00")
        show_html(f'<p style="border-left: 6px solid {color}; padding: .5em 1em"><b>{escape(text)}</b></p>', text)
        show_table(table_of_pairs(run_figures(part), ("figure", "value")))
        if told := run_efficiency(part):
            show_html(f"<p>{escape(told)}</p>", told)

    def show(self, name: str) -> None:
        """Show one of `pictures` with its data."""
        show_picture(self.pictures[name])

    def metrics(self) -> dict[str, Any]:
        """Return what programs read: the settings, the figures, the versions, and where the files are."""
        about = self.run.about
        told = {"config": about["config"], "versions": about["versions"], "simulated": about.get("simulated", False)}
        return {"schema": 1, "run": self.run.name, "folder": str(self.run.folder), **told, **self.summary.as_dict()}

    def record(self) -> None:
        """Keep the metrics in the notebook, where `read_metrics` finds them."""
        shown = {name: value for name, value in self.metrics().items() if not isinstance(value, (dict, list, tuple))}
        show_json(MIME, json.loads(json.dumps(self.metrics())), json.dumps(shown, indent=1))

    @plainly
    def check(self) -> None:
        """Raise RunFailed where the run did not complete: the notebook, and papermill with it, ends with an error."""
        if not self.summary.status.is_complete:
            reason = f": {self.summary.reason}" if self.summary.reason else ""
            raise RunFailed(f"run {self.run.name} {self.summary.status}{reason}; the figures show how far it came")


@plainly
def run_experiment(config: ImportConfig, *, simulated: bool | str = True) -> Experiment:
    """Import as `config` says, in virtual time or (`simulated=False`) for real, and wait for the end.

    NotebookProblem, a sentence, for what cannot be run; a run that fails or is stopped is an Experiment like any other.
    """
    if switch("simulated", simulated):
        outcome = simulate_run(config, results=config.run.results)
        assert outcome.run is not None, "simulated with results, and there is no folder"
        return Experiment(outcome.run, outcome.summary)
    run = _live(config)
    figures = run.summary()
    if figures is None:
        raise HarnessError(f"run {run.name} ended without its figures; see: {program()} show {run.name}")
    return Experiment(run, Summary.from_dict(figures))


def _live(config: ImportConfig) -> Run:
    """Import in a thread of its own, as the kernel's loop runs in this one; an interrupt stops the import first."""
    from harness.notebook.handles import LocalRun  # with the widgets, which a simulation need not load

    return LocalRun(config).start().wait()


MIME = "application/vnd.harness.metrics+json"


def read_metrics(notebook: str | Path) -> dict[str, Any]:
    """Return the metrics that an executed notebook recorded; RecordError where there are none."""
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise RecordError(f"{notebook} is not a readable notebook ({error}); name an executed one") from None
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    found: list[dict[str, Any]] = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
    if not found:
        raise RecordError(f"{notebook} holds no metrics: it was not executed, or ended before it recorded them")
    return found[-1]
