"""Show one run in full: its summary, its settings, what it learned, what it waited for, and what failed.

Its parts are shown elsewhere as well: the settings in force beside those of the start, the failures as a table, and
every attempt at one item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.record.events import fetch_name
from harness.record.run_view import RunView
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.screen import Screen, columns, cut, folded, labelled
from harness.views.summary import REASONS, summary_lines
from harness.views.text import UNKNOWN, count, duration, percent, printable, time_of_day

if TYPE_CHECKING:
    from harness.record.attempts import Attempt

# Settings of one session, or of the terminal it was started in, which say nothing of the run.
NOT_OF_A_RUN = ("declaration", "results", "run", "resume", "fresh", "progress", "quiet", "as_json", "header_names")


def settings_text(
    start: Mapping[str, Any], in_force: Mapping[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """(name, `100/1s (500/20s at the start)`) of each of `names`."""
    for name in dict.fromkeys(names):
        now, then = in_force.get(name), start.get(name)
        words = _words(now)
        yield name, words if now == then or name not in start else f"{words} ({_words(then)} at the start)"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


_LONGEST_KEY = 36  # a UUID is shown whole
_LEAST_WHY = 22  # columns; in fewer the reasons would stand one word below the other
_HEADS = ("  FAILED", "TRIES", "STATUS", "WHEN", "AGAIN", "WHY")


def failures_table(
    failures: Sequence[Failure], screen: Screen, now_utc_s: float, most: int | None = None
) -> list[RenderableType]:
    """List what failed for good, then what is tried again; as a table, or where that is too narrow as lines.

    most: no more than so many are shown, and how many are left out is said.
    """
    if not failures:
        return []
    ordered = sorted(failures, key=lambda failure: failure.retry_at_utc_s is not None)
    rows = [_failure(failure, now_utc_s) for failure in ordered[:most]]
    more = [Text(f"  and {count(len(ordered) - len(rows))} more")] if len(ordered) > len(rows) else []
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
    """Return the cells of a failure: what, tries, status, when, again, why."""
    again = failure.retry_at_utc_s
    return (
        cut(printable(fetch_name("list", failure.key) if failure.role == "list" else str(failure.key)), _LONGEST_KEY),
        count(failure.attempts),
        UNKNOWN if failure.status is None else str(failure.status),
        time_of_day(failure.at_utc_s, now_utc_s, seconds=True),
        "no" if again is None else time_of_day(again, now_utc_s, seconds=True),
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


def attempts_lines(tried: Sequence[Attempt], screen: Screen, now_utc_s: float) -> list[RenderableType]:
    """Return every attempt at one item or page: when, what came of it and how long that took, what the server said."""
    what = printable(fetch_name(tried[0].role, tried[0].key))
    lines: list[RenderableType] = [Text(what, "bold")]
    for attempt in tried:
        status = "" if attempt.status is None else f" ({attempt.status})"
        why = f"{attempt.reason}: {attempt.detail}" if attempt.detail else attempt.reason
        took = f"after {duration(attempt.latency_s)}" if attempt.sent else "never sent"
        again_s = attempt.retry_at_utc_s
        again = "" if again_s is None else f"; again {time_of_day(again_s, now_utc_s, seconds=True)}"
        when = time_of_day(attempt.at_utc_s, now_utc_s, seconds=True)
        rows = [(f"{attempt.attempt}.", f"{when}  {why}{status}, {took}{again}", "")]
        rows += [("", line, "dim") for line in (attempt.headers or "").splitlines()]
        rows += [("body", _broken(attempt.body, screen), "dim")] if attempt.body else []
        lines += labelled(rows, screen, label_width=4)
    return lines


def _broken(body: str, screen: Screen) -> str:
    """Return the text in one line, with a place to wrap wherever a word is too long: JSON has few spaces."""
    text = " ".join(body.split())
    return text if screen.width is None else re.sub(rf"(\S{{{max(20, screen.width - 12)}}})", r"\1 ", text)


# Twenty fill a screen; all of them are what `failed list` shows.
FIRST = 20


def show_text(
    view: RunView,
    screen: Screen,
    *,
    settings: Mapping[str, str],
    now_utc_s: float,
    program: str = "python -m harness",
    items: str | None = None,
    commands: Sequence[str] | None = None,
) -> str:
    """Return a run in full, without a newline at the end.

    settings: what its last session was run with, ready to be read. now_utc_s: to say a date only where it is not today.
    The rest is as for `summary_text`.
    """
    summary = view.summary
    if commands is None and summary.status is RunStatus.COMPLETE:
        commands = ()  # the next command would be this one
    parts: list[list[RenderableType]] = [
        summary_lines(summary, screen, program=program, items=items, commands=commands, full=True),
        _settings(settings, screen),
        _learned(view.learned, screen),
        _waits(summary),
        failures_table(view.failures, screen, now_utc_s, FIRST),
    ]
    return "\n\n".join(screen.render(*part) for part in parts if part)


def _settings(settings: Mapping[str, str], screen: Screen) -> list[RenderableType]:
    if not settings:
        return []
    width = min(24, max(len(name) for name in settings))
    rows = labelled(((name, text, "") for name, text in settings.items()), screen, label_width=width)
    return [Text("Settings", "bold"), *rows]


def _learned(learned: Mapping[str, str], screen: Screen) -> list[RenderableType]:
    """Return lines for what `auto` pacing believes, and why."""
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
