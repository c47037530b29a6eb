"""Turns, figures with their aims, and the table that shows them."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table, medians of all rounds.

    ours, other: in `unit`; other is None where nothing is compared. ratio: ours / other, the median of the rounds'.
    aim: as people read it, "" where there is none; met: whether it was reached, None without an aim.
    """

    name: str
    unit: str
    ours: float
    other: float | None = None
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None


def turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """`names` in `rounds` rounds, every second one backwards, so that nobody always comes first."""
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            gc.collect()  # nobody pays for what the one before left behind
            yield name


def beside(
    name: str, unit: str, ours: Sequence[float], other: Sequence[float], at_least: float | None = None
) -> Figure:
    """Ours and other of the same rounds; `at_least`: the least ratio aimed at."""
    ratio = median(mine / theirs for mine, theirs in zip(ours, other, strict=True))
    aim = "" if at_least is None else f">= {at_least:g} of it"
    met = None if at_least is None else ratio >= at_least
    return Figure(name, unit, median(ours), median(other), ratio, aim, met)


def alone(
    name: str, unit: str, ours: Sequence[float], at_least: float | None = None, at_most: float | None = None
) -> Figure:
    """Ours with nothing beside it; at_least, at_most: an aim in `unit`, at most one of the two."""
    value = median(ours)
    if at_least is not None:
        return Figure(name, unit, value, aim=f">= {at_least:,g}", met=value >= at_least)
    if at_most is not None:
        return Figure(name, unit, value, aim=f"<= {at_most:,g}", met=value <= at_most)
    return Figure(name, unit, value)


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text: figure, unit, ours, other, ratio, aim, met or MISSED."""
    rows: list[tuple[str, ...]] = [("figure", "unit", "ours", "other", "ratio", "aim", "")]
    rows += [_row(figure) for figure in figures]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return (figure.name, figure.unit, _number(figure.ours), _number(figure.other), ratio, figure.aim, verdict)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (2, 3, 4)  # ours, other, ratio
    aligned = (str.rjust if at in numbers else str.ljust for at in range(len(row)))
    return "  ".join(align(cell, width) for align, cell, width in zip(aligned, row, widths)).rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
