"""Several runs side by side: their figures, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.record.summary import Summary
from harness.views.figures import hits_cell, items_cell
from harness.views.panel.html import badge, card, esc, table
from harness.views.text import UNKNOWN, count, duration, percent

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


def compare(runs: Sequence[tuple[Summary, Mapping[str, Any]]]) -> str:
    """A table with a column for each run; the best of a row is marked by a word. Settings: those that differ."""
    names = [f"<b>{esc(summary.run)}</b>" for summary, _ in runs]
    summaries = [summary for summary, _ in runs]
    rows = [_figures(label, figure, by, summaries) for label, figure, by in FIGURES]
    rows += _settings([settings for _, settings in runs])
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
