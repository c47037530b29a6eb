"""Everything known of one run, as a widget: a few pieces of HTML, a chart, and a line for screen readers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import anywidget
import traitlets

from harness.record.run_view import RunView
from harness.views.panel.html import esc, sections, spoken

HERE = Path(__file__).parent


class Board(anywidget.AnyWidget):
    """Shows what it is given and nothing by itself; only what changed is sent to the browser."""

    _esm = HERE / "run_widget.js"
    _css = HERE / "panel.css"
    parts = traitlets.Dict().tag(sync=True)
    timeline = traitlets.Dict().tag(sync=True)
    said = traitlets.List(["", ""]).tag(sync=True)  # status and sentence
    going = traitlets.Bool(False).tag(sync=True)
    beat = traitlets.Int(0).tag(sync=True)  # the browser says so when it stops

    def show(self, now: RunView, now_utc_s: float) -> None:
        """Show the run at this moment."""
        with self.hold_sync():
            self.parts = sections(now, now_utc_s)
            if now.timeline is not None:
                self.timeline = asdict(now.timeline)
            self.said = [now.status, spoken(now)]
            self.going = now.status.is_open
            self.beat += 1

    def say(self, text: str, *, bad: bool = False) -> None:
        """A sentence in place of a run."""
        with self.hold_sync():
            self.parts = {"head": f'<p class="{"hx-bad" if bad else ""}">{esc(text)}</p>' if text else ""}
            self.timeline = {}
            self.said = ["", text]
            self.going = False
