"""Frames as tables of text: which columns, under which heading, in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.views.plots.canvas import name_of
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
    """A table of two columns of text."""
    rows = tuple(pairs.items()) if isinstance(pairs, Mapping) else tuple(pairs)
    return Table(headings, rows, (False, False))


def _words(column: Column, value: Any) -> str:
    return UNKNOWN if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else column.words(value)


def as_setting(value: Any) -> str:
    """A setting as it was given."""
    return f"{value:g}" if isinstance(value, float) else printable(str(value)) or UNKNOWN


def settings_columns(frame: pd.DataFrame, before: str) -> list[Column]:
    """A column for each setting that stands in `frame` before the column `before`."""
    names = list(frame.columns[: frame.columns.get_loc(before)])
    return [Column(name, name_of(name), as_setting, number=name == "workers") for name in names]


def seconds(name: str, heading: str) -> Column:
    """A column of times."""
    return Column(name, heading, duration)


def share(name: str, heading: str, digits: int = 1) -> Column:
    """A column of shares of 1, in percent."""
    return Column(name, heading, lambda value: percent(float(value), digits))


def whole(name: str, heading: str) -> Column:
    """A column of counts."""
    return Column(name, heading, lambda value: count(int(value)))


def decimal(name: str, heading: str, digits: int = 1) -> Column:
    """A column of numbers with so many digits."""
    return Column(name, heading, lambda value: f"{value:,.{digits}f}")
