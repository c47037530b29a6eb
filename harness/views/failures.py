"""What failed: a table of items and pages, or every attempt at one of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.record.state import Failure
from harness.views.screen import Screen, columns, cut, folded, labelled
from harness.views.text import UNKNOWN, count, duration, moment, printable

if TYPE_CHECKING:  # reading attempts loads Parquet, which a table of failures does not need
    from harness.record.attempts import Attempt

_LONGEST_KEY = 36  # a UUID is shown whole
_LEAST_WHY = 22  # columns; in fewer the reasons would stand one word below the other
_HEADS = ("  FAILED", "TRIES", "STATUS", "WHEN", "AGAIN", "WHY")


def failures_table(
    failures: Sequence[Failure], screen: Screen, now_utc_s: float, most: int | None = None
) -> list[RenderableType]:
    """What failed for good first, then what is tried again; as a table, or where that is too narrow as lines.

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


def attempts_lines(tried: Sequence[Attempt], screen: Screen, now_utc_s: float) -> list[RenderableType]:
    """Every attempt at one item or page: when, what came of it and how long that took, then what the server said."""
    what = printable(f"page {tried[0].key}" if tried[0].kind == "page" else f"item {tried[0].key}")
    lines: list[RenderableType] = [Text(what, "bold")]
    for attempt in tried:
        status = "" if attempt.status is None else f" ({attempt.status})"
        why = f"{attempt.reason}: {attempt.detail}" if attempt.detail else attempt.reason
        took = f"after {duration(attempt.latency_s)}" if attempt.sent else "never sent"
        again_s = attempt.retry_at_utc_s
        again = "" if again_s is None else f"; again {moment(again_s, now_utc_s, seconds=True)}"
        when = moment(attempt.at_utc_s, now_utc_s, seconds=True)
        rows = [(f"{attempt.attempt}.", f"{when}  {why}{status}, {took}{again}", "")]
        rows += [("", line, "dim") for line in (attempt.headers or "").splitlines()]
        rows += [("body", _broken(attempt.body, screen), "dim")] if attempt.body else []
        lines += labelled(rows, screen, label_width=4)
    return lines


def _broken(body: str, screen: Screen) -> str:
    """In one line, with a place to wrap it wherever a word is longer than there is room: JSON has few spaces."""
    text = " ".join(body.split())
    return text if screen.width is None else re.sub(rf"(\S{{{max(20, screen.width - 12)}}})", r"\1 ", text)
