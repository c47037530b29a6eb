"""Everything known of one run: as the board, which is a widget, and as a piece of HTML where no browser shows widgets.

The board is one widget and not a box of the toolkit's, so that the browser itself can tell when the kernel is gone and
take away what could not be obeyed, every control can be reached by Tab, and the focus stays while figures change. What
it shows comes ready from Python. What is pressed comes back as a message, and on a page without controls nobody hears
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from harness.record.run_view import RunView
from harness.views.panel.chart import colours, described
from harness.views.panel.failures import MOST_GROUPS, as_data, grouped
from harness.views.panel.html import PLACES, esc, sections, spoken, table
from harness.views.panel.runs import COLUMNS, MOST_ROWS, SHOWN, standing
from harness.views.runs import RunRow

HERE = Path(__file__).parent
# What a kernel's widgets load must be one file.
_SCRIPTS = ("pieces.js", "connection.js", "chart.js", "failures.js", "form.js", "run_widget.js")

Heard = Callable[[Mapping[str, Any]], object]


class RunWidget(anywidget.AnyWidget):
    """Shows what it is given and nothing by itself; only what changed is sent to the browser.

    heard: called with what somebody pressed, `{"do": "pause"}` for instance. None makes a page to look at: it has no
    controls, and what a browser sends all the same reaches nobody.
    """

    _esm = "\n".join((HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = HERE / "panel.css"
    parts = traitlets.Dict().tag(sync=True)
    timeline = traitlets.Dict().tag(sync=True)  # for hovering: the bins, and the colours of refusals
    failures: Any = traitlets.List().tag(sync=True)
    other_failures = traitlets.Int(0).tag(sync=True)
    said = traitlets.List(["", ""]).tag(sync=True)  # status and sentence
    note = traitlets.List(["", False]).tag(sync=True)  # a sentence, and whether it is bad news
    beat = traitlets.Int(0).tag(sync=True)  # the browser says so when it stops
    answers = traitlets.Int(0).tag(
        sync=True
    )  # to how much of what was pressed; the answer itself may be the same again
    folder = traitlets.Unicode("").tag(sync=True)  # a mark that a board and its table have in common
    steers = traitlets.Bool(False).tag(sync=True)
    enabled: Any = traitlets.List().tag(sync=True)  # the controls that are of use now
    steering = traitlets.Dict().tag(sync=True)  # workers and limit now
    newest = traitlets.Unicode("").tag(sync=True)  # what is under way while another run was chosen
    fields: Any = traitlets.List().tag(sync=True)
    typed = traitlets.Dict().tag(sync=True)
    hints = traitlets.Dict().tag(sync=True)
    also = traitlets.Unicode("").tag(sync=True)  # settings of the form that have no field
    form_open = traitlets.Int(0).tag(sync=True)  # counts how often it was to be opened

    def __init__(self, heard: Heard | None = None) -> None:
        super().__init__(steers=heard is not None)
        self._opened: list[str] = []  # groups of failures
        if heard is not None:
            self.on_msg(lambda _, content, __: heard(content) if isinstance(content, dict) else None)

    def open_failures(self, keys: Sequence[str]) -> None:
        """From the next `show` on, tell which failures are in these groups."""
        self._opened = list(keys)[:MOST_GROUPS]

    def show(self, now: RunView, now_utc_s: float) -> None:
        """Show the run at this moment."""
        groups = grouped(now.failures)
        with self.hold_sync():
            parts = sections(now, now_utc_s)
            parts["chart_said"] = described(now.timeline)
            self.parts = parts
            if now.timeline is not None:
                of_status = {str(status): name for status, name in colours(now.timeline).items()}
                self.timeline = {**asdict(now.timeline), "colours": of_status}
            opened = (
                self._opened if self.steers else [group.key for group in groups[:MOST_GROUPS]]
            )  # nobody hears which
            self.failures = as_data(groups, opened, now_utc_s)
            self.other_failures = sum(len(group.failures) for group in groups[MOST_GROUPS:])
            self.said = [now.status, spoken(now)]
            self.steering = {"workers": now.summary.workers, "limit": now.summary.limits}
            self.beat += 1

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a sentence in place of a run."""
        with self.hold_sync():
            tone = ' class="hx-bad"' if bad else ""
            self.parts = {"head": f'<div class="hx-title"><span{tone}>{esc(text)}</span></div>' if text else ""}
            self.timeline, self.failures, self.other_failures = {}, [], 0
            self.said = ["", text]


def page(now: RunView, now_utc_s: float) -> str:
    """Return the run without its widget: the same pieces with the style."""
    parts = sections(now, now_utc_s)
    about = f'role="img" aria-label="{esc(described(now.timeline))}"'
    parts["chart"] = f'<div class="hx-chart" {about}>{parts["chart"]}</div>' if parts["chart"] else ""
    places = "".join(f'<div class="hx-place hx-at-{name}">{parts[name]}</div>' for name in PLACES if parts[name])
    return _styled(f'<div class="hx-panel">{places}</div>')


def rows_page(rows: Sequence[RunRow]) -> str:
    """Return the table of runs as it is now, the newest first."""
    if not rows:
        return _styled("<p>no runs yet</p>")
    shown = [[_cell(row, name) for name in SHOWN] for row in rows[:MOST_ROWS]]
    right = [at for at, name in enumerate(SHOWN) if COLUMNS[name].right]
    return _styled(table([COLUMNS[name].head for name in SHOWN], shown, right))


def _cell(row: RunRow, name: str) -> str:
    text = esc(COLUMNS[name].cell(row, 0.0))
    if name != "status":
        return text
    stands = standing(row)
    return f'<span class="hx-badge hx-{stands.tone}">{stands.glyph} {text}</span>'


def _styled(html: str) -> str:
    return f'<style>{(HERE / "panel.css").read_text()}</style><div class="hx hx-root">{html}</div>'
