"""The grid of a sweep: settings that are fixed, settings that vary, and how often each is repeated. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import DURATIONS, FLAGS, LIVE_ONLY
from harness.paths import program
from harness.settings import flattened, read_settings
from harness.units import refuse_bare
from harness.values import is_preset_file, is_scenario_file

# What a sweep decides itself, point by point, or what means nothing to one.
_NOT_SWEPT = (
    *("results", "run", "fresh", "resume", "dry_run", "progress", "quiet", "as_json", "header", "token_env"),
    *("executor", "auth", "token_url", "client_id_env", "client_secret_env", "scope"),
)
MOST_RUNS = 1_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep: combination `number` of the grid, its `repeat`-th time (both from 1)."""

    number: int
    repeat: int
    seed: int
    values: dict[str, Any]

    @property
    def key(self) -> tuple[int, int]:
        return self.number, self.repeat

    @property
    def name(self) -> str:
        """Return the name of its folder, where one is kept."""
        return f"p{self.number:04d}-{self.repeat:03d}"


@dataclass(frozen=True, slots=True)
class Grid:
    """Settings by the names of ImportConfig's fields; those of `varied` hold the values to be tried.

    Every run has a seed of its own, counted up from the fixed one: repeats differ, and each can be made again alone.
    """

    fixed: dict[str, Any] = field(default_factory=dict)
    varied: dict[str, list[Any]] = field(default_factory=dict)
    repeat: int = 1

    def points(self) -> list[Point]:
        """Return all runs: every combination in order, the last of `varied` changing fastest, each `repeat` times."""
        first = read_settings({name: value for name, value in self.fixed.items() if name == "seed"}, None, {}).run.seed
        combinations = itertools.product(*self.varied.values())
        values = [dict(zip(self.varied, combination, strict=True)) for combination in combinations]
        runs = ((at, values[at], again) for at in range(len(values)) for again in range(self.repeat))
        return [Point(at + 1, again + 1, first + at * self.repeat + again, chosen) for at, chosen, again in runs]

    def config(self, point: Point) -> ImportConfig:
        """Return the settings of one run; BadInput, naming the combination, where they cannot be used."""
        try:
            return read_settings({**self.fixed, **point.values, "seed": point.seed}, None, {})
        except BadInput as error:
            where = ", ".join(f"{name}={value}" for name, value in point.values.items())
            raise BadInput(f"{error} (at {where})" if where else str(error)) from None

    def files(self) -> list[Path]:
        """Return the files that its settings name, which a run reads where it is made."""
        values = [(name, [value]) for name, value in self.fixed.items()] + [*self.varied.items()]
        is_file = {"scenario": is_scenario_file, "preset": is_preset_file}
        return [Path(text) for name, texts in values if name in is_file for text in texts if is_file[name](str(text))]

    def check_simulable(self) -> None:
        """Raise BadInput for a setting that would do nothing in virtual time."""
        for name in LIVE_ONLY:
            if name in self.fixed or name in self.varied:
                raise BadInput(f"{name} does nothing in a simulation; leave it out, or add --live")

    def as_dict(self) -> dict[str, Any]:
        return {"settings": self.fixed, "grid": self.varied, "repeat": self.repeat}


def read_grid(table: Mapping[str, Any], flags: Mapping[str, Any], texts: Sequence[str], repeat: int | None) -> Grid:
    """Read the sweep of a TOML table; flags and `--grid name=a,b` texts win; BadInput for what cannot be one.

    table: settings by name, `repeat`, and a table `grid` of lists.
    """
    named = flattened({name: table[name] for name in table if name not in _OWN}, "in the sweep's file", _field)
    inside = table.get("grid", {})
    if not isinstance(inside, Mapping):
        raise BadInput("grid in the sweep's file is not a table; write [grid] and below it workers = [1, 2, 5]")
    varied = {_field(name, "in [grid]"): _values(name, values) for name, values in inside.items()}
    varied |= dict(map(_from_text, texts))
    fixed = {name: value for name, value in {**named, **flags}.items() if name not in varied}
    times = table.get("repeat", 1) if repeat is None else repeat
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise BadInput(f"repeat must be a whole number from 1, not {times!r}")
    runs = times
    for values in varied.values():
        runs *= len(values)
    if runs > MOST_RUNS:
        raise BadInput(f"that would be {runs:,} runs; take fewer values, or repeat less (at most {MOST_RUNS:,})")
    return Grid(fixed, varied, times)


_OWN = ("grid", "repeat")


def _from_text(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise BadInput(f"--grid {text!r} names no values; write it like --grid workers=1,2,5")
    field_name, texts = _field(name.strip(), "in --grid"), [value.strip() for value in values.split(",")]
    if field_name in DURATIONS:
        for value in texts:
            refuse_bare(f"--grid {name.strip()}", value)
    return field_name, _distinct(name, texts)


def _values(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise BadInput(f"{name} in [grid] is not a list of values; write it like {name} = [1, 2, 5]")
    return _distinct(name, values)


def _distinct(name: str, values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value in kept:
            raise BadInput(f"the grid has {name}={value} twice; leave one out, and use --repeat to repeat")
        kept.append(value)
    return kept


def _field(key: str, where: str) -> str:
    name = key.replace("-", "_")
    known = [known for known in FLAGS if known not in _NOT_SWEPT]
    if name not in known:
        meant = get_close_matches(name, known, 1, 0.75)
        ask = f"write {meant[0]}" if meant else f"see {program()} sweep --help for those that it can"
        raise BadInput(f"{key!r} {where} is not a setting that a sweep can vary; {ask}")
    if name == "seed" and where != "in the sweep's file":
        raise BadInput("every run of a sweep has a seed of its own; use --repeat instead of a grid of seeds")
    return name
