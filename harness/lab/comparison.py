"""Compare runs and sweeps: means with confidence intervals, by pandas and scipy. `views` shows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import stdev
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, NoSuchRun
from harness.installation import need
from harness.lab.rows import COLUMNS, SETTINGS, measured, settings, table_of
from harness.lab.sweeps import Sweep, find_sweep, list_sweeps, read_sweep
from harness.record.choice import WORLD, Candidate, Measured, choose, tied
from harness.record.run import Run, find_run, list_runs
from harness.record.status import RunStatus
from harness.record.summary import TOO_MANY_REQUESTS, refusals_from_text
from harness.session.retry_failed import last_figures
from harness.settings import written_config

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_SECRET = ("token_env", "header_names")
_COMPLETE = tuple(status.value for status in RunStatus if status.is_complete)


@dataclass(frozen=True, slots=True)
class Line:
    """One combination of settings over its runs.

    labels: what tells it from the others, by setting. runs: how many ended complete; failed: how many did not, and why.
    duration_s: their mean, and half of its 95 % confidence interval (None with fewer than two), which never goes below
    least_s, the best possible. hits_per_1000: 429s alone; others_per_1000: other refusals by their status. times: the
    mean as a multiple of the shortest in the table.
    """

    labels: dict[str, str]
    runs: int
    failed: int
    why: str
    duration_s: float | None = None
    half_s: float | None = None
    optimality: float | None = None
    hits_per_1000: float | None = None
    times: float | None = None
    least_s: float | None = None
    others_per_1000: Mapping[str, float] = field(default_factory=dict)

    @property
    def refused_per_1000(self) -> float:
        """Refusals of every status."""
        return (self.hits_per_1000 or 0.0) + sum(self.others_per_1000.values())


@dataclass(frozen=True, slots=True)
class Panel:
    """A table of combinations that can be compared: the same work on the same server.

    fastest: the fastest setting that never failed. best: of those as fast, the one with the fewest refusals, then the
    fewest workers. Both are None where every setting failed. tied: the two cannot be told apart by their speed.
    """

    title: str
    lines: tuple[Line, ...]
    best: Line | None = None
    fastest: Line | None = None

    @property
    def tied(self) -> bool:
        if self.best is None or self.fastest is None:
            return False
        return tied(_measured(self.best), _measured(self.fastest))


def find_any(results: Path, name: str) -> Run | Sweep:
    """Return the run or sweep of that name, or of the unique prefix; NoSuchRun where neither fits."""
    runs = [run for run in list_runs(results) if run.name.startswith(name)]
    sweeps = [sweep for sweep in list_sweeps(results) if sweep.name.startswith(name)]
    alike: list[Run | Sweep] = [*runs, *sweeps]
    fitting = [found for found in alike if found.name == name] or alike
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and not list_runs(results):
        return find_sweep(results, name)
    if not fitting or not sweeps:
        return find_run(results, name)
    names = ", ".join(found.name for found in fitting[:5])
    raise NoSuchRun(f"{name!r} fits several runs and sweeps in {results}; use one of: {names}")


def frame_of(found: Sequence[Run | Sweep]) -> pd.DataFrame:
    """Return one table of everything found, a row for each run; a run that is in no sweep is a point of its own."""
    pandas = need("pandas")
    frames = [read_sweep(one.folder) for one in found if isinstance(one, Sweep)]
    runs = [run for run in found if isinstance(run, Run)]
    if runs:
        frames.append(table_of([_row(number, run) for number, run in enumerate(runs, 1)]).to_pandas())
    frame: pd.DataFrame = pandas.concat([part.dropna(axis=1, how="all") for part in frames], ignore_index=True)
    missing = [name for name in COLUMNS if name not in frame.columns]
    return frame.reindex(columns=[*frame.columns, *missing])


def _row(number: int, run: Run) -> dict[str, Any]:
    summary = last_figures(run)
    if summary is None:
        raise BadInput(f"run {run.name} has not ended, so there is nothing to compare; wait for it, or resume it")
    said = {name: value for name, value in run.in_force.items() if name not in _SECRET and value is not None}
    config = written_config(run.folder / "run.json", said)
    place = {"sweep": "", "point": number, "repeat": 1, "run": run.name, "seed": config.run.seed}
    place |= {"simulated": bool(run.about.get("simulated"))}
    row = {**place, **settings(config), **measured(config, run.state(), summary)}
    return {**row, "pacing": summary.strategy, "limit": summary.limits}


def panels(frame: pd.DataFrame) -> list[Panel]:
    """Return the comparison, a panel for each server and amount of work: between them no duration means anything."""
    world = [name for name in WORLD if name in frame.columns]
    groups = frame.groupby(world, dropna=False, sort=False)
    if (frame["sweep"] == "").all():
        return [_panel(part, ["run", *varied(part)]) for _, part in groups]
    return [_panel(part, varied(frame)) for _, part in groups]


def varied(frame: pd.DataFrame) -> list[str]:
    """Return the settings that differ between the rows but for those of WORLD, pacing and workers always first."""
    asked = [name for name in frame.columns if name in SETTINGS or name not in COLUMNS]
    left_out = {"pacing", "workers", "workers_auto", *WORLD}
    differing = [name for name in asked if name not in left_out and frame[name].astype(str).nunique() > 1]
    # Told nothing, the client keeps to what the server enforces, which is a matter of the panel.
    if "limit" in differing and (frame["limit"] == frame["server_limit"]).all():
        differing.remove("limit")
    return ["pacing", "workers", *differing]


def _panel(part: pd.DataFrame, names: list[str]) -> Panel:
    lines = [_line(group, names) for _, group in part.groupby(["sweep", "point"], sort=False)]
    ended = [line for line in lines if line.duration_s is not None]
    fastest = min(ended, key=lambda line: line.duration_s or math.inf, default=None)
    lines = [_beside(line, fastest) for line in lines]
    lines.sort(key=lambda line: (line.duration_s is None, line.duration_s))
    return Panel(_title(part, names), tuple(lines), *_best_and_fastest(lines))


def _line(group: pd.DataFrame, names: list[str]) -> Line:
    first = group.iloc[0]
    labels = {name: _label(name, first) for name in names}
    complete = group[group["status"].isin(_COMPLETE)]
    failed = group[~group["status"].isin(_COMPLETE)]
    why = str(failed["error"].iloc[0]) if len(failed) else ""
    if not len(complete):
        return Line(labels, 0, len(failed), why)
    best = complete["server_optimality"].fillna(complete["optimality"]).mean()
    durations = [float(value) for value in complete["duration_s"]]
    mean_s, half_s = mean_and_half(durations)
    least_s = complete["server_bound_s"].fillna(complete["bound_s"]).min()
    rates = _refused_per_1000(complete)
    return Line(
        labels,
        len(complete),
        len(failed),
        why,
        duration_s=mean_s,
        half_s=half_s,
        least_s=None if math.isnan(least_s) else float(least_s),
        optimality=None if math.isnan(best) else best,
        hits_per_1000=rates.pop(str(TOO_MANY_REQUESTS), 0.0),
        others_per_1000=rates,
    )


def _refused_per_1000(runs: pd.DataFrame) -> dict[str, float]:
    """Return the mean of refusals per 1,000 requests, by status. A table of an earlier version knows but their sum."""
    known = runs["refusals"].notna()
    if not known.all():
        return {str(TOO_MANY_REQUESTS): float(runs["hits_per_1000"].mean())}
    rates: dict[str, float] = {}
    for row in runs.to_dict("records"):
        sent = row["requests_page"] + row["requests_item"]
        for status, number in refusals_from_text(row["refusals"]).items():
            rates[status] = rates.get(status, 0.0) + 1000 * number / sent / len(runs)
    return dict(sorted(rates.items()))


def mean_and_half(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean, and half of its 95 % confidence interval by Student's t; None with fewer than two values."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    # The same as scipy.stats.t.ppf, which takes a second to load.
    quantile = float(need("scipy.special").stdtrit(len(values) - 1, 0.975))
    return mean, quantile * stdev(values) / math.sqrt(len(values))


def _label(name: str, row: pd.Series[Any]) -> str:
    if name == "workers" and row["workers_auto"]:
        return "auto"
    value = row[name]
    if value is None or value != value or value == "":
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _beside(line: Line, fastest: Line | None) -> Line:
    if fastest is None or line.duration_s is None or not fastest.duration_s:
        return line
    return replace(line, times=line.duration_s / fastest.duration_s)


def _best_and_fastest(lines: list[Line]) -> tuple[Line | None, Line | None]:
    ended = [line for line in lines if line.duration_s is not None and not line.failed]
    if not ended:
        return None, None
    at = choose([Candidate(_measured(line), line.refused_per_1000, _workers(line)) for line in ended])
    return (None if at is None else ended[at]), ended[0]


def _measured(line: Line) -> Measured:
    mean_s, half_s = line.duration_s or 0.0, line.half_s or 0.0
    return Measured(mean_s, max(mean_s - half_s, min(mean_s, line.least_s or 0.0)), mean_s + half_s)


def _workers(line: Line) -> float:
    text = line.labels["workers"]
    return int(text) if text.isdecimal() else math.inf


def _title(part: pd.DataFrame, names: list[str]) -> str:
    """`sweep-7  10,000 items, server 500/20s+2000/100s, latency lognormal:80ms`: what all lines have in common."""
    return "  ".join(text for text in (_names(part), ", ".join(_facts(part.iloc[0].drop(names)))) if text)


def _names(part: pd.DataFrame) -> str:
    return ", ".join(str(name) for name in part["sweep"].dropna().unique() if name)


def _facts(first: pd.Series[Any]) -> Iterator[str]:
    told = {name: first[name] for name in WORLD if name in first.index}
    present = {name: value for name, value in told.items() if value not in ("", None) and value == value}
    if "items" in present:
        yield f"{int(present['items']):,} items"
    if "scenario" in present:
        yield f"scenario {present['scenario']}"
    if "server_limit" in present:
        yield f"server {present['server_limit']}"
    if "latency" in present:
        yield f"latency {present['latency']}"
    if "url" in present:
        yield str(present["url"])
