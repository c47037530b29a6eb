"""Everything known of one run, as a widget: a few pieces of HTML, a chart, and a line for screen readers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import anywidget
import traitlets

from harness.record.glance import Glance
from harness.record.tape import Course
from harness.views.panel.html import esc, sections, spoken

HERE = Path(__file__).parent


class Board(anywidget.AnyWidget):
    """Shows what it is given and nothing by itself; only what changed is sent to the browser."""

    _esm = HERE / "board.js"
    _css = HERE / "panel.css"
    parts = traitlets.Dict().tag(sync=True)
    course = traitlets.Dict().tag(sync=True)
    said = traitlets.List(["", ""]).tag(sync=True)  # status and sentence
    going = traitlets.Bool(False).tag(sync=True)
    beat = traitlets.Int(0).tag(sync=True)  # the browser says so when it stops

    def show(self, now: Glance, course: Course | None, now_utc_s: float) -> None:
        """The run at this moment, and its course so far."""
        with self.hold_sync():
            self.parts = sections(now, now_utc_s)
            if course is not None:
                self.course = asdict(course)
            self.said = [now.summary.status, spoken(now)]
            self.going = now.open
            self.beat += 1

    def say(self, text: str, *, bad: bool = False) -> None:
        """A sentence in place of a run."""
        with self.hold_sync():
            self.parts = {"head": f'<p class="{"hx-bad" if bad else ""}">{esc(text)}</p>' if text else ""}
            self.course = {}
            self.said = ["", text]
            self.going = False
