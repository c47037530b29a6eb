"""Tables of a report: frames as text (which columns, under which heading, in which words), and the use of each limit.

Use is measured window by window, and against what could have been used at all. A perfect run need not use its windows
up: where a shorter limit or the last window says so, there is nothing to use. A bucket has no windows: its use is what
it let through of what it could have. Of a limit of requests at once it is how many were in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from harness.record.limits import Limit, most_admitted
from harness.record.status import RunStatus
from harness.views.plots import run_axis
from harness.views.plots.panels import name_of
from harness.views.plots.strips import windows
from harness.views.text import UNKNOWN, count, duration, percent, printable

Words = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: of which name in the frame, under which heading, in which words. number: set to the right."""

    name: str
    heading: str
    words: Words
    number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown. numbers: which columns hold numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]


def table_of(frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """`frame` as text, its columns as `columns` say; those it does not have are left out."""
    shown = [column for column in columns if column.name in frame]
    rows = [tuple(_words(column, row[column.name]) for column in shown) for row in frame.to_dict("records")]
    headings = tuple(column.heading for column in shown)
    return Table(headings, tuple(rows), tuple(column.number for column in shown))


def table_of_pairs(pairs: Mapping[str, str] | Sequence[tuple[str, str]], headings: tuple[str, str]) -> Table:
    """Return a table of two columns of text."""
    rows = tuple(pairs.items()) if isinstance(pairs, Mapping) else tuple(pairs)
    return Table(headings, rows, (False, False))


def _words(column: Column, value: Any) -> str:
    return UNKNOWN if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else column.words(value)


def as_setting(value: Any) -> str:
    """Return a setting as it was given."""
    return f"{value:g}" if isinstance(value, float) else printable(str(value)) or UNKNOWN


def settings_columns(frame: pd.DataFrame, before: str) -> list[Column]:
    """Return a column for each setting that stands in `frame` before the column `before`."""
    names = list(frame.columns[: frame.columns.get_loc(before)])
    return [Column(name, name_of(name), as_setting, number=name == "workers") for name in names]


def seconds(name: str, heading: str) -> Column:
    """Return a column of times."""
    return Column(name, heading, duration)


def share(name: str, heading: str, digits: int = 1) -> Column:
    """Return a column of shares of 1, in percent."""
    return Column(name, heading, lambda value: percent(float(value), digits))


def whole(name: str, heading: str) -> Column:
    """Return a column of counts."""
    return Column(name, heading, lambda value: count(int(value)))


def decimal(name: str, heading: str, digits: int = 1) -> Column:
    """Return a column of numbers with so many digits."""
    return Column(name, heading, lambda value: f"{value:,.{digits}f}")


def sessions_table(events: pd.DataFrame) -> pd.DataFrame:
    """A row for each session: when it began, how long it took, its requests and refusals, with how many workers and
    under which limits (`10, then 13` where that was changed), and how it ended. The durations add up to the run's.
    """
    moved = run_axis.on_one_axis(events)
    columns = ["session", "utc_s", "duration_s", "requests", "refused", "workers", "limits", "ended"]
    if moved.empty:
        return pd.DataFrame(columns=columns)
    sent = run_axis.requests(moved)
    rows = []
    for (number, events_of), took_s in zip(moved.groupby("session", sort=True), run_axis.durations(moved)):
        mine = sent[sent["session"] == number]
        said = {name: events_of[name].dropna() for name in ("utc_s", "workers", "limits")}
        ended = events_of[events_of["event"] == "SessionEnded"]
        how = str(ended["status"].iloc[-1]) if len(ended) else RunStatus.INTERRUPTED.value
        rows.append(
            (
                number,
                float(said["utc_s"].iloc[0]) if len(said["utc_s"]) else float("nan"),
                took_s,
                len(mine),
                int((mine["outcome"] == "refused").sum()),
                _first_and_last([f"{number:.0f}" for number in said["workers"]]),
                _first_and_last([as_setting(limits) for limits in said["limits"]]),
                how,
            )
        )
    return pd.DataFrame(rows, columns=columns)


def _first_and_last(said: list[str]) -> str:
    return "" if not said else said[0] if said[0] == said[-1] else f"{said[0]}, then {said[-1]}"


_COLUMNS = ["limit", "held_s", "windows", "mean", "most"]
# Limits that were kept for less than this part of the run were a moment of learning.
_LEAST_HELD = 0.01
_MOST_ROWS = 12


def use_table(events: pd.DataFrame) -> pd.DataFrame:
    """A row for each limit that was kept for long, the longest first: how long it was, its windows in that time (each
    opened by the first request after the last one), and the share of the limit that they used, on average and at most.

    Where it was kept for less than a window there is nothing to say of its use. events: `run.events().to_pandas()`.
    """
    moved = run_axis.on_one_axis(events)
    if moved.empty:
        return pd.DataFrame(columns=_COLUMNS)
    held = run_axis.held(moved)
    rows = [(limit.text, _lasted(held[limit]), *_use(moved, limit, held[limit])) for limit in _shown(moved, held)]
    return pd.DataFrame(rows, columns=_COLUMNS)


def moments(events: pd.DataFrame) -> int:
    """Count the limits that `use_table` leaves out: kept for less than 1 % of the run, or beyond the longest twelve."""
    moved = run_axis.on_one_axis(events)
    held = {} if moved.empty else run_axis.held(moved)
    return len(held) - len(_shown(moved, held)) if held else 0


def _lasted(spans: Sequence[tuple[float, float]]) -> float:
    return sum(to - since for since, to in spans)


def _shown(moved: pd.DataFrame, held: run_axis.Kept) -> list[Limit]:
    least_s = _LEAST_HELD * run_axis.span_s(moved)
    ranked = sorted(held, key=lambda limit: -_lasted(held[limit]))
    return [limit for limit in ranked if _lasted(held[limit]) >= least_s][:_MOST_ROWS]


def _use(moved: pd.DataFrame, limit: Limit, spans: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return how many windows of `limit` lay in `spans`, and the share of it that was used on average and at most."""
    if limit.at_once:
        return (float("nan"), *_in_flight(moved, limit, spans))
    admitted = _admitted(moved, limit)
    # On the axis sessions follow without a gap, but limits renew between them: no window goes from one into the next.
    apart = [piece for span in spans for piece in _cut(span, run_axis.session_starts(moved))]
    return _of_bucket(admitted, limit, apart) if limit.is_bucket else _used(admitted, limit, apart)


def _cut(span: tuple[float, float], at_s: Sequence[float]) -> list[tuple[float, float]]:
    """Return the pieces of `span` between the moments `at_s`."""
    edges = [span[0], *(moment for moment in at_s if span[0] < moment < span[1]), span[1]]
    return list(pairwise(edges))


def _in_flight(moved: pd.DataFrame, limit: Limit, spans: list[tuple[float, float]]) -> tuple[float, float]:
    """Return which share of a limit of requests at once was in flight, on average and at most."""
    sent = run_axis.of_route(run_axis.requests(moved), limit)
    at_s, busy = run_axis.in_flight(sent)
    lengths = np.diff(at_s, append=at_s[-1:])
    within = np.any([(at_s >= since) & (at_s < to) for since, to in spans], axis=0)
    if not within.any():
        return (float("nan"),) * 2
    mean = float((busy * lengths)[within].sum()) / _lasted(spans)
    return mean / limit.limit, float(busy[within].max()) / limit.limit


def _of_bucket(admitted: np.ndarray, limit: Limit, spans: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return what a bucket let through, as a share of what it could have from the first request to the last."""
    through, could, rate = 0, 0, limit.text.removeprefix(f"{limit.route}=")
    for since, to in spans:
        inside = admitted[(admitted >= since) & (admitted < to)]
        most = most_admitted(rate, float(np.ptp(inside))) if len(inside) else None
        if most:
            through, could = through + len(inside), could + most
    return float("nan"), through / could if could else float("nan"), float("nan")


def _used(admitted: np.ndarray, limit: Limit, spans: list[tuple[float, float]]) -> tuple[float, float, float]:
    shares: list[float] = []
    for since, to in spans:
        inside = admitted[(admitted >= since) & (admitted < to)]
        # The first window of a limit that came later may be part of one: what was sent before is not in it.
        opened = [span for span in windows(inside, limit.period_s) if len(spans) == 1 or span[1] <= to]
        edges = np.searchsorted(inside, np.array(opened)) if opened else np.empty((0, 2), int)
        shares += list((edges[:, 1] - edges[:, 0]) / limit.limit)
    if not shares or max(to - since for since, to in spans) < limit.period_s < len(spans) * limit.period_s:
        return (float("nan"),) * 3
    return float(len(shares)), float(np.mean(shares)), float(np.max(shares))


def utilisation(events: pd.DataFrame, limits: str | None) -> float | None:
    """Return requests let through, as a share of what any client could have got through until the last was sent.

    None without a limit, and for a run of several sessions, between which limits renew.
    """
    moved = run_axis.on_one_axis(events)
    admitted = _admitted(moved) if len(moved) else np.array([])
    if not len(admitted) or run_axis.session_starts(moved):
        return None
    most = most_admitted(limits, float(admitted[-1] - admitted[0]))
    return len(admitted) / most if most else None


def _admitted(moved: pd.DataFrame, limit: Limit | None = None) -> np.ndarray:
    """Return when requests were sent that were let through. limit: only those that it counts."""
    sent = run_axis.requests(moved)
    sent = sent if limit is None else run_axis.of_route(sent, limit)
    return np.sort(sent[sent["outcome"] == "admitted"]["sent_s"].to_numpy(float))
