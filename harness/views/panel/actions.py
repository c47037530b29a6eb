"""Several chosen runs: their figures side by side with the settings in which they differ, and what can be done to them.

The actions are buttons, with a question before anything is deleted, and a line that says what came of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as w

from harness.record.run_view import RunView
from harness.record.summary import Summary
from harness.views.figures import hits_cell, items_cell
from harness.views.panel.html import badge, card, esc, table
from harness.views.text import UNKNOWN, count, duration, percent, plural

Figure = Callable[[Summary], str]
# Label, how it reads, and what it is compared by (None: not at all; the least is best, so a share is negated).
FIGURES: tuple[tuple[str, Figure, Callable[[Summary], float | None] | None], ...] = (
    ("status", lambda s: badge(s.status), None),
    ("items", items_cell, None),
    ("failed", lambda s: count(s.failed), lambda s: s.failed),
    ("duration", lambda s: duration(s.duration_s), lambda s: s.duration_s),
    ("best possible", lambda s: UNKNOWN if s.optimality is None else duration(s.bound_s), None),
    ("of best possible", lambda s: percent(s.optimality, 1), lambda s: None if s.optimality is None else -s.optimality),
    ("429s", lambda s: hits_cell(s.hits, s.refusals), lambda s: s.refused),
    ("refused per 1,000", lambda s: f"{s.refused_per_1000:.1f}", lambda s: s.refused_per_1000),
    ("waits", lambda s: count(s.sleeps), None),
    ("waiting", lambda s: duration(s.waiting_s), None),
    ("requests/s", lambda s: UNKNOWN if s.requests_per_s is None else f"{s.requests_per_s:.1f}", None),
    ("latency p95", lambda s: duration(s.latency_p95_s), None),
)


def compare(runs: Sequence[RunView]) -> str:
    """Return a table with a column for each run; the best of a row is marked by a word. Settings: those that differ."""
    names = [f"<b>{esc(view.run)}</b>" for view in runs]
    summaries = [view.summary for view in runs]
    rows = [_figures(label, figure, by, summaries) for label, figure, by in FIGURES]
    rows += _settings([view.settings.in_force for view in runs])
    return card("Compared", table(["", *names], rows, right=range(1, len(runs) + 1)))


def _figures(
    label: str, figure: Figure, by: Callable[[Summary], float | None] | None, summaries: Sequence[Summary]
) -> list[str]:
    values = [None if by is None else by(summary) for summary in summaries]
    known = [value for value in values if value is not None]
    least = min(known) if len(known) > 1 and min(known) < max(known) else None
    marks = [" <small>(best)</small>" if least is not None and value == least else "" for value in values]
    return [label, *(figure(summary) + mark for summary, mark in zip(summaries, marks, strict=True))]


def _settings(of_runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    names = dict.fromkeys(name for settings in of_runs for name in settings)
    differing = [name for name in names if len({str(settings.get(name)) for settings in of_runs}) > 1]
    return [
        [esc(name.replace("_", " ")), *(_setting(settings.get(name)) for settings in of_runs)] for name in differing
    ]


def _setting(value: Any) -> str:
    return UNKNOWN if value is None else f'<span class="hx-differs">{esc(value)}</span>'


ACTIONS = {
    "pause": ("Pause", "Pause the running imports"),
    "resume": ("Resume", "Let paused imports continue"),
    "stop": ("Stop", "Stop the running imports; they can be resumed"),
    "go on": ("Go on", "Continue here a run that ended early"),
    "retry": ("Retry failed", "Fetch the failed items again"),
    "csv": ("Export CSV", "Write the imported items as CSV"),
    "parquet": ("Export Parquet", "Write the imported items as Parquet"),
    "ask": ("Delete…", "Delete the chosen runs; it asks first"),
}
_ROW = {"flex_flow": "row wrap", "align_items": "center"}


class Actions:
    """Calls `do` with the name of the action; `delete` only after the question was answered with yes."""

    def __init__(self, do: Callable[[str], object]) -> None:
        self._do = do
        self.enabled: frozenset[str] = frozenset()
        self.buttons = {name: self._button(name) for name in ACTIONS}
        self._question = w.HTML()
        self.yes = w.Button(description="Delete for good", button_style="danger", layout={"width": "auto"})
        self.no = w.Button(description="Keep", layout={"width": "auto"})
        self.confirm = w.HBox([self._question, self.yes, self.no], layout={**_ROW, "display": "none"})
        self.note = w.HTML()
        self._chosen: list[str] = []
        self.yes.on_click(lambda _: self._answer(True))
        self.no.on_click(lambda _: self._answer(False))
        self.widget = w.VBox([w.HBox(list(self.buttons.values()), layout=_ROW), self.confirm, self.note])
        self.enable(under_way=0, ended_early=0, failed=0, chosen=[])

    def enable(self, *, under_way: int, ended_early: int, failed: int, chosen: Sequence[str]) -> None:
        """Enable the actions that make sense for what is chosen; another choice takes the question back."""
        if list(chosen) != self._chosen:
            self._chosen = list(chosen)
            self.confirm.layout.display = "none"
        some, one = bool(chosen), len(chosen) == 1
        holds = {"pause": under_way, "resume": under_way, "stop": under_way, "go on": one and ended_early}
        holds |= {"retry": failed, "csv": some, "parquet": some, "ask": some and not under_way}
        enabled = frozenset(name for name, of_use in holds.items() if of_use)
        if enabled != self.enabled:
            self.enabled = enabled
        for name, button in self.buttons.items():
            button.disabled = name not in enabled

    def say(self, text: str, bad: bool = False) -> None:
        """Show a sentence below the buttons."""
        role, tone = ("alert", "hx-bad") if bad else ("status", "hx-dim")
        said = f'<p role="{role}" class="hx {tone}">{"✗ " if bad else ""}{esc(text)}</p>' if text else ""
        if self.note.value != said:
            self.note.value = said

    def _button(self, name: str) -> Any:
        label, tooltip = ACTIONS[name]
        button = w.Button(description=label, tooltip=tooltip, layout={"width": "auto"}, disabled=True)
        button.on_click(lambda _: self._ask() if name == "ask" else self._do(name))
        return button

    def _ask(self) -> None:
        names = ", ".join(self._chosen[:5]) + (" …" if len(self._chosen) > 5 else "")
        what = f"Delete {plural(len(self._chosen), 'run')} with all data: {names}? This cannot be undone."
        self._question.value = f'<p role="alert" class="hx">{esc(what)}</p>'
        self.confirm.layout.display = ""

    def _answer(self, yes: bool) -> None:
        self.confirm.layout.display = "none"
        if yes:
            self._do("delete")
