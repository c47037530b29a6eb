"""One run in full: its summary, its settings, what it waited for, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.record.state import Failure
from harness.record.summary import Summary
from harness.views.screen import Screen, columns, cut, folded, labelled
from harness.views.summary import REASONS, summary_lines
from harness.views.text import UNKNOWN, count, duration, moment, percent, printable

# Twenty fill a screen; all of them are what `failed` lists.
FIRST = 20
_LONGEST_KEY = 36  # a UUID is shown whole
_LEAST_WHY = 22  # columns; in fewer the reasons would stand one word below the other
_HEADS = ("  FAILED", "TRIES", "STATUS", "WHEN", "AGAIN", "WHY")


def show_text(
    summary: Summary,
    screen: Screen,
    *,
    settings: Mapping[str, str],
    failures: Sequence[Failure],
    now_utc_s: float,
    python: str = "python",
    items: str | None = None,
    commands: Sequence[str] | None = None,
    learned: Mapping[str, str] | None = None,
) -> str:
    """A run in full, without a newline at the end.

    settings: what it was run with, ready to be read. failures: of `State.failures`, what failed and what waits for a
    retry. learned: `State.learned`, limits and headers with the evidence. now_utc_s: to say a date only where it is not
    today. The rest is as for `summary_text`.
    """
    if commands is None and summary.status in ("running", "paused", "complete"):
        commands = ()  # the next command would be this one
    parts: list[list[RenderableType]] = [
        summary_lines(summary, screen, python=python, items=items, commands=commands),
        _settings(settings, screen),
        _learned(learned or {}, screen),
        _waits(summary),
        _failed(failures, screen, now_utc_s),
    ]
    return "\n\n".join(screen.render(*part) for part in parts if part)


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
        table.add_row(by, count(wait.count), duration(wait.seconds), percent(share, 1))
    return [table]


def _failed(failures: Sequence[Failure], screen: Screen, now_utc_s: float) -> list[RenderableType]:
    """What failed for good first, then what is tried again; as a table, or where that is too narrow as lines."""
    if not failures:
        return []
    ordered = sorted(failures, key=lambda failure: failure.retry_at_utc_s is not None)
    rows = [_failure(failure, now_utc_s) for failure in ordered[:FIRST]]
    more = [Text(f"  and {count(len(ordered) - FIRST)} more")] if len(ordered) > FIRST else []
    if screen.width is None or screen.width - _width_but_for_why(rows) >= _LEAST_WHY:
        return [_failed_table(rows), *more]
    lines = []
    for what, tries, status, when, again, why in rows:
        tried = f"tried {tries} times" if tries != "1" else "tried once"
        last = f"{tried}, last{'' if status == UNKNOWN else f' {status}'} at {when}"
        text = f"{what}  {why}; {last}" + ("" if again == "no" else f", again at {again}")
        first, *rest = folded(text, max(16, screen.width - 2), hang=2)
        lines += [Text(f"  {line}") for line in (first, *rest)]
    return [Text("  FAILED", "bold"), *lines, *more]


def _failure(failure: Failure, now_utc_s: float) -> tuple[str, ...]:
    """What, tries, status, when, again, why."""
    again = failure.retry_at_utc_s
    return (
        cut(printable(f"page {failure.key}" if failure.kind == "page" else str(failure.key)), _LONGEST_KEY),
        count(failure.attempts),
        UNKNOWN if failure.status is None else str(failure.status),
        moment(failure.at_utc_s, now_utc_s, seconds=True),
        "no" if again is None else moment(again, now_utc_s, seconds=True),
        printable(f"{failure.reason}: {failure.detail}" if failure.detail else failure.reason),
    )


def _width_but_for_why(rows: Sequence[tuple[str, ...]]) -> int:
    return 2 + sum(2 + max(cell_len(row[at]) for row in (_HEADS, *rows)) for at in range(len(_HEADS) - 1))


def _failed_table(rows: Sequence[tuple[str, ...]]) -> Table:
    # A column of nothing but "no" would only take room from the reasons.
    shown = [at for at in range(len(_HEADS)) if _HEADS[at] != "AGAIN" or any(row[at] != "no" for row in rows)]
    table = columns([_HEADS[at] for at in shown], right=("TRIES", "STATUS"))
    why = table.columns[-1]
    why.no_wrap, why.overflow = False, "fold"
    for row in rows:
        # Text, not str: a reason in [brackets] is no markup.
        table.add_row(*(Text(f"  {row[at]}" if at == 0 else row[at]) for at in shown))
    return table
