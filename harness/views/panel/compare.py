"""Several runs side by side: first the settings in which they differ, then their figures.

Only like is compared with like: a figure is called best among complete runs of the same source, the same limits and the
same number of items, and among no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.record.run_view import RunView
from harness.record.summary import Summary
from harness.views.figures import hits_cell, items_cell
from harness.views.panel.html import badge, card, esc, table
from harness.views.show import NOT_OF_A_RUN
from harness.views.source import alike, source_text, why_not_alike
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


def compare(runs: Sequence[RunView], left_out: int = 0) -> str:
    """Return a table with a column for each run; the best of a row among like ones is marked by a word.

    left_out: how many more were chosen, which have no room beside these.
    """
    groups = alike(runs)
    summaries = [view.summary for view in runs]
    rows = [*_differing(runs), *_of_same_work(runs, groups)]
    rows += [_figures(label, figure, by, summaries, groups) for label, figure, by in FIGURES]
    names = [f"<b>{esc(view.run)}</b>" for view in runs]
    notes = [why_not_alike(runs), f"{plural(left_out, 'more run')} left out." if left_out else ""]
    note = "".join(f'<p class="hx-dim">{esc(text)}</p>' for text in notes if text)
    return card("Compared", note + table(["", *names], rows, right=range(1, len(runs) + 1)))


def _of_same_work(runs: Sequence[RunView], groups: Sequence[Sequence[int]]) -> list[list[str]]:
    """Say which runs are compared with which, where these are not all of them."""
    if not groups or len(groups[0]) == len(runs):
        return []
    letters = {place: chr(ord("A") + number) for number, places in enumerate(groups) for place in places}
    return [["same work", *(letters.get(at, UNKNOWN) for at in range(len(runs)))]]


def _figures(
    label: str,
    figure: Figure,
    by: Callable[[Summary], float | None] | None,
    summaries: Sequence[Summary],
    groups: Sequence[Sequence[int]],
) -> list[str]:
    best: set[int] = set()
    compared = [None if by is None else by(summary) for summary in summaries]
    for places in groups:
        values = {at: value for at in places if (value := compared[at]) is not None}
        if len(values) > 1 and min(values.values()) < max(values.values()):
            best |= {at for at, value in values.items() if value == min(values.values())}
    return [
        label,
        *(figure(summary) + " <small>(best)</small>" * (at in best) for at, summary in enumerate(summaries)),
    ]


def _differing(runs: Sequence[RunView]) -> list[list[str]]:
    """Return the settings that differ, with the source in words and the limits as they were kept."""
    of_runs: list[Mapping[str, Any]] = [view.settings.in_force for view in runs]
    names = [name for name in dict.fromkeys(name for told in of_runs for name in told) if name not in NOT_OF_A_RUN]
    kept = {"limit": [view.summary.limits for view in runs], "pacing": [view.summary.strategy for view in runs]}
    columns: dict[str, list[Any]] = {
        "source": [source_text(view.settings) for view in runs],
        **{name.replace("_", " "): [told.get(name) for told in of_runs] for name in names},
        # What was kept to in the end says more than what was told, which may be nothing.
        **{name: [now or told.get(name) for now, told in zip(kept[name], of_runs, strict=True)] for name in kept},
    }
    return [
        [esc(name), *map(_setting, values)] for name, values in columns.items() if len({str(v) for v in values}) > 1
    ]


def _setting(value: Any) -> str:
    nothing = value is None or value in ([], {}, ())
    return UNKNOWN if nothing else f'<span class="hx-differs">{esc(_words(value))}</span>'


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
