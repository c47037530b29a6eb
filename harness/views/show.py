"""One run in full: its summary, its settings, what it waited for, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.record.state import Failure
from harness.record.summary import Summary
from harness.views.failures import failures_table
from harness.views.screen import Screen, columns, labelled
from harness.views.summary import REASONS, summary_lines
from harness.views.text import count, duration, percent, printable

# Twenty fill a screen; all of them are what `failed list` shows.
FIRST = 20


def show_text(
    summary: Summary,
    screen: Screen,
    *,
    settings: Mapping[str, str],
    failures: Sequence[Failure],
    now_utc_s: float,
    program: str = "python -m harness",
    items: str | None = None,
    commands: Sequence[str] | None = None,
    learned: Mapping[str, str] | None = None,
) -> str:
    """A run in full, without a newline at the end.

    settings: what its last session was run with, ready to be read. failures: of `State.failures`, what failed and what
    waits for a retry. learned: as `learned_text` gives it. now_utc_s: to say a date only where it is not today. The
    rest is as for `summary_text`.
    """
    if commands is None and summary.status == "complete":
        commands = ()  # the next command would be this one
    parts: list[list[RenderableType]] = [
        summary_lines(summary, screen, program=program, items=items, commands=commands),
        _settings(settings, screen),
        _learned(learned or {}, screen),
        _waits(summary),
        failures_table(failures, screen, now_utc_s, FIRST),
    ]
    return "\n\n".join(screen.render(*part) for part in parts if part)


def learned_text(summary: Summary, believed: Mapping[str, str]) -> dict[str, str]:
    """What a run revealed of limits, as `infer` prints it; of what was `believed` while it ran only what is of headers.

    A run under way has revealed nothing yet, so that what is believed stands.
    """
    if summary.status in ("running", "paused"):
        return dict(believed)
    of_headers = {what: why for what, why in believed.items() if not what[:1].isdigit()}
    return {limit.limit: limit.evidence for limit in summary.learned} | of_headers


def _settings(settings: Mapping[str, str], screen: Screen) -> list[RenderableType]:
    if not settings:
        return []
    width = min(24, max(len(name) for name in settings))
    rows = labelled(((name, text, "") for name, text in settings.items()), screen, label_width=width)
    return [Text("Settings", "bold"), *rows]


def _learned(learned: Mapping[str, str], screen: Screen) -> list[RenderableType]:
    """What `auto` pacing believes, and why."""
    if not learned:
        return []
    width = min(24, max(len(what) for what in learned))
    rows = labelled(((printable(what), printable(why), "") for what, why in learned.items()), screen, label_width=width)
    return [Text("Learned", "bold"), *rows]


def _waits(summary: Summary) -> list[RenderableType]:
    if not summary.waits:
        return []
    table = columns(("  WAITED FOR", "TIMES", "TIME", "SHARE"), right=("TIMES", "TIME", "SHARE"))
    for wait in summary.waits:
        share = wait.seconds / summary.duration_s if summary.duration_s > 0 else None
        by = "  " + printable(REASONS.get(wait.by, wait.by))
        table.add_row(by, count(wait.count) if wait.count else "short", duration(wait.seconds), percent(share, 1))
    return [table]
