"""What to choose of a sweep, and why: the answer that its report begins with, and the table that it rests on.

Settings are compared where they did the same work on the same server, and nowhere else. Those that the noise does not
tell apart are not ranked (`harness.record.choice`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.record.choice import WORLD, Candidate, choose, tied
from harness.views.plots.means import ENDED, complete, means, measured, refusal_word, varied
from harness.views.plots.panels import name_of
from harness.views.report.tables import Column, Table, as_setting, decimal, settings_columns, share, table_of
from harness.views.text import duration, percent, plural

if TYPE_CHECKING:
    from harness.views.report.content import SweepPart

# A table of more settings is not read; the figures and the sweep's own table have them all.
_MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings that did the same work on the same server. world: what sets them apart from others, in words.

    table: a row for each, the fastest first: its settings, mean, low and high of the duration, optimality,
    hits_per_1000, lost (runs that did not complete), times (as long as the fastest), verdict. chosen: which to take.
    """

    world: str
    keys: list[str]
    table: pd.DataFrame
    chosen: int | None
    word: str

    @property
    def sentence(self) -> str:
        """What to choose, and why."""
        if self.chosen is None:
            return f"{self.world}Nothing can be chosen: every setting failed."
        row = self.table.iloc[self.chosen].to_dict()
        if len(self.table) == 1:
            return f"{self.world}{_named(row, self.keys)} took {duration(row['mean'])}{_price(row, self.word)}."
        others = [other for at, other in enumerate(self.table.to_dict("records")) if at != self.chosen]
        what = f"Choose {_named(row, self.keys)}: {duration(row['mean'])}{_price(row, self.word)}."
        return f"{self.world}{what} {self._why(row, others)}"

    def _why(self, row: Mapping[Any, Any], others: list[dict[Any, Any]]) -> str:
        faster = [other for other in others if other["mean"] < row["mean"] and not other["lost"]]
        said = [self._faster(row, faster)]
        fewer = _slower_with_fewer(row, others)
        if fewer is not None:
            more_s = fewer["mean"] - row["mean"]
            said.append(f"{_workers(fewer).capitalize()} would take {duration(more_s)} longer.")
        clean = [other for other in others if not other["hits_per_1000"] and not other["lost"]]
        if row["hits_per_1000"] and clean:
            best = min(clean, key=lambda other: other["mean"])
            said.append(
                f"Without {self.word}: {_named(best, self.keys)}, {duration(best['mean'] - row['mean'])} longer."
            )
        refused = [other for other in others if other["hits_per_1000"] > 0]
        if refused and not row["hits_per_1000"]:
            worst = max(refused, key=lambda other: other["hits_per_1000"])
            said.append(
                f"{plural(len(refused), 'setting')} had {self.word}, {worst['hits_per_1000']:,.1f} per 1,000 at most."
            )
        return " ".join(said)

    def _faster(self, row: Mapping[Any, Any], faster: list[dict[Any, Any]]) -> str:
        if not faster:
            return "No setting is faster."
        best = min(faster, key=lambda other: other["mean"])
        gain = f"{duration(row['mean'] - best['mean'])}"
        if tied(measured(best), measured(row)):
            return f"No setting is faster beyond the noise ({_named(best, self.keys)}: {gain} less)."
        cost = f", for {best['hits_per_1000']:,.1f} {self.word} per 1,000" if best["hits_per_1000"] else ""
        return f"The fastest, {_named(best, self.keys)}, saves {gain}{cost}."


def _slower_with_fewer(row: Mapping[Any, Any], others: list[dict[Any, Any]]) -> dict[Any, Any] | None:
    """Return the setting with the next fewer workers and all else alike, where it is slower beyond the noise."""
    fewer = [
        other
        for other in others
        if _number(other["workers"]) < _number(row["workers"])
        and all(other[name] == row[name] for name in other if name in _SAME)
        and not tied(measured(other), measured(row))
        and other["mean"] > row["mean"]
    ]
    return max(fewer, key=lambda other: _number(other["workers"]), default=None)


_SAME = (
    "pacing",
    "limit",
    "per_page",
    "cost",
    "sequential",
    "detail",
    "timeout",
    "retry_delays",
    "rtt_floor",
    "linger",
)


def _number(workers: Any) -> float:
    number = pd.to_numeric(workers, errors="coerce")
    return math.inf if pd.isna(number) else float(number)


def _price(row: Mapping[Any, Any], word: str) -> str:
    of_best = "" if pd.isna(row["optimality"]) else f", {percent(float(row['optimality']), 1)} of best possible"
    hits = row["hits_per_1000"]
    return f"{of_best}, no {word}" if not hits else f"{of_best}, {hits:,.1f} {word} per 1,000"


def _workers(row: Mapping[Any, Any]) -> str:
    number = _number(row["workers"])
    return f"{row['workers']} workers" if math.isinf(number) else plural(int(number), "worker")


def _named(row: Mapping[Any, Any], keys: list[str]) -> str:
    """`window with 3 workers, limit 500/20s`."""
    others = [f"{name_of(name)} {as_setting(row[name])}" for name in keys if name not in ("pacing", "workers")]
    with_ = f" with {_workers(row)}" if "workers" in keys else ""
    return ", ".join([f"{row['pacing']}{with_}", *others])


def choices(part: SweepPart) -> list[Choice]:
    """Return what to choose for each amount of work and each server."""
    runs = complete(part.frame)
    if runs.empty:
        return []
    apart = [name for name in WORLD if name in runs and runs[name].astype(str).nunique() > 1]
    keys = ["pacing", *varied(runs, besides=("pacing", *WORLD))]
    word, lost = refusal_word(part.frame), _lost(part.frame, [*apart, *keys])
    groups: Iterator[Any] = iter(runs.groupby(apart, sort=True, dropna=False)) if apart else iter([((), runs)])
    return [_choice(_world(apart, values), rows, keys, word, _of(lost, apart, values)) for values, rows in groups]


def _world(names: list[str], values: tuple[Any, ...]) -> str:
    text = ", ".join(f"{name_of(name)} {as_setting(value)}" for name, value in zip(names, values))
    return f"{text[:1].upper()}{text[1:]}: " if text else ""


def _lost(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Count the runs of each setting that did not complete: such a setting is never chosen."""
    if "status" not in frame:
        return pd.DataFrame(columns=[*by, "lost"])
    every = complete(frame.rename(columns={"status": "ended_as"}))  # without a status none is left out
    broken = every[~every["ended_as"].isin(ENDED)]
    return broken.groupby(by, dropna=False).size().rename("lost").reset_index()


def _of(lost: pd.DataFrame, names: list[str], values: tuple[Any, ...]) -> pd.DataFrame:
    for name, value in zip(names, values):
        lost = lost[lost[name] == value]
    return lost.drop(columns=names)


def _choice(world: str, runs: pd.DataFrame, keys: list[str], word: str, lost: pd.DataFrame) -> Choice:
    table = means(runs, keys, "duration_s")
    for name in ("optimality", "hits_per_1000"):
        mean = means(runs, keys, name)[[*keys, "mean"]].rename(columns={"mean": name})
        table = table.merge(mean, on=keys, how="left")
    table = table.merge(lost, on=keys, how="left") if len(lost) else table.assign(lost=0)
    table["lost"] = table["lost"].fillna(0).astype(int)
    if "workers" not in table:
        table["workers"] = runs["workers"].iloc[0]
    table = table.sort_values("mean", kind="stable").reset_index(drop=True)
    table["times"] = table["mean"] / table["mean"].min()
    able = [at for at in table.index if not table.loc[at, "lost"]]
    rows = table.to_dict("records")
    found = choose(
        [Candidate(measured(rows[at]), rows[at]["hits_per_1000"], _number(rows[at]["workers"])) for at in able]
    )
    chosen = None if found is None else able[found]
    verdicts = [_verdict(row, None if chosen is None else rows[chosen]) for row in rows]
    return Choice(world, keys, table.assign(verdict=verdicts), chosen, word)


def _verdict(row: Mapping[Any, Any], best: Mapping[Any, Any] | None) -> str:
    if row["lost"]:
        return f"{plural(row['lost'], 'run')} did not complete"
    if best is None or row is best:
        return "" if best is None else "choose"
    if row["mean"] > best["mean"] and not tied(measured(row), measured(best)):
        longer = row["mean"] / best["mean"] - 1
        return "slower" if longer < 0.01 else f"{percent(longer)} slower"
    what = "as fast" if tied(measured(row), measured(best)) else f"{duration(best['mean'] - row['mean'])} faster"
    if row["hits_per_1000"] > best["hits_per_1000"]:
        return f"{what}, but refused"
    return f"{what}, with more workers" if _number(row["workers"]) > _number(best["workers"]) else what


def sweep_headline(part: SweepPart) -> str:
    """Return what to choose and why, one sentence or two for each amount of work and each server."""
    found = choices(part)
    return " ".join(choice.sentence for choice in found) or "No run has ended, so there is nothing to compare."


def choices_table(choice: Choice) -> Table:
    """Return the settings, the chosen one first and then the fastest, with what speaks for or against each."""
    shown = choice.table
    if choice.chosen is not None:
        shown = pd.concat([shown.iloc[[choice.chosen]], shown.drop(shown.index[choice.chosen])])
    shown = shown.iloc[:_MOST_ROWS]
    shown = shown.assign(within=[_interval(row) for row in shown.to_dict("records")])
    return table_of(
        shown,
        [
            *settings_columns(shown, "mean"),
            Column("within", "duration (95 % interval)", str),
            share("optimality", "of best possible"),
            decimal("hits_per_1000", f"{choice.word} per 1,000"),
            decimal("times", "× fastest", 2),
            Column("verdict", "verdict", str, number=False),
        ],
    )


def _interval(row: Mapping[Any, Any]) -> str:
    low, mean, high = (f"{float(row[name]):,.1f}" for name in ("low", "mean", "high"))
    return f"{mean} s" if low == high else f"{mean} s ({low} to {high})"
