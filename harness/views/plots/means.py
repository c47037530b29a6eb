"""Means over repeats with their 95 % confidence intervals, which of them tie, and which settings a sweep varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from harness.record.choice import FULL_SPEED, Measured, tied
from harness.record.status import RunStatus
from harness.record.summary import TOO_MANY_REQUESTS, refusals_from_text

# The settings that a sweep can vary, in the order in which people name them; any other column is a result.
SETTINGS = (
    "pacing",
    "workers",
    "limit",
    "server_limit",
    "items",
    "latency",
    "scenario",
    "url",
    "per_page",
    "cost",
    "sequential",
    "detail",
    "max_items",
    "timeout",
    "retry_delays",
    "rtt_floor",
    "linger",
)
_SHARES = ("optimality", "of_learned", "reference_efficiency")
ENDED = tuple(status.value for status in RunStatus if status.is_complete)


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that ended, as they can be compared: one name for the default strategy, every setting as text.

    Best possible is that under the server's limits, where the table has it: clients that keep to other limits than the
    server's are measured by one measure.
    """
    runs = frame.copy()
    if "pacing" not in runs:
        runs["pacing"] = None
    runs["pacing"] = runs["pacing"].where(runs["pacing"].notna(), runs.get("strategy", "default")).fillna("default")
    for name in ("optimality", "bound_s"):
        if f"server_{name}" in runs:
            theirs = runs[f"server_{name}"]
            runs[name] = theirs.where(theirs.notna(), runs.get(name, np.nan))
    if "refused_per_1000" in runs:  # what is compared are all refusals: `refusal_word` says which they were
        refused = runs["refused_per_1000"]
        runs["hits_per_1000"] = refused.where(refused.notna(), runs["hits_per_1000"])
    if "status" in runs:
        runs = runs[runs["status"].isin(ENDED)]
    for name in SETTINGS:
        if name in runs and name != "workers":
            runs[name] = runs[name].map(_as_text)
    if "workers" not in runs:
        runs["workers"] = np.nan
    return runs.reset_index(drop=True)


def _as_text(value: object) -> str:
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def varied(frame: pd.DataFrame, besides: Sequence[str] = ()) -> list[str]:
    """Return the settings with more than one value in `frame`, in the order of SETTINGS, without those in `besides`."""
    known = [name for name in SETTINGS if name in frame and name not in besides]
    return [name for name in known if frame[name].astype(str).nunique() > 1]


def means(frame: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return a row for each combination of `by`: mean, low and high of its 95 % confidence interval, n.

    Student's t over the repeats, cut off at what is possible: 0 to 1 for a share, never shorter than best possible for
    a duration, never below 0. With a single repeat there is no interval, and low and high are the mean.
    """
    known = frame[frame[value].notna()] if value in frame else frame.iloc[:0].assign(**{value: np.nan})
    grouped = known.groupby(list(by), sort=True, dropna=False)[value]
    table = grouped.agg(["mean", "std", "count"]).reset_index().rename(columns={"count": "n"})
    n = table["n"].to_numpy(float)
    # The quantile of scipy.stats.t, which would take a second to load.
    with np.errstate(divide="ignore", invalid="ignore"):
        half = stdtrit(n - 1, 0.975) * table["std"].to_numpy(float) / np.sqrt(n)
    half = np.nan_to_num(half, nan=0.0)
    mean = table["mean"].to_numpy(float)
    least, most = np.zeros(len(table)), 1.0 if value in _SHARES else np.inf
    if value == "duration_s" and "bound_s" in known:
        shortest = known.groupby(list(by), sort=True, dropna=False)["bound_s"].min()
        least = np.nan_to_num(shortest.to_numpy(float), nan=0.0)
    low, high = np.minimum(mean, np.maximum(mean - half, least)), np.maximum(mean, np.minimum(mean + half, most))
    return table.drop(columns="std").assign(low=low, high=high)


def measured(row: Mapping[Any, Any], of: str = "") -> Measured:
    """Return the mean and interval in a row of `means`. of: what its columns end in, `_hits` for `mean_hits`."""
    return Measured(*(float(row[f"{name}{of}"]) for name in ("mean", "low", "high")))


def tied_with_least(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose mean cannot be told from the least, the least first. table: as `means` gives it."""
    ranked = table.sort_values("mean", kind="stable")
    if ranked.empty:
        return ranked
    least = measured(ranked.iloc[0].to_dict())
    return ranked[[tied(least, measured(row)) for row in ranked.to_dict("records")]]


def refusal_word(frame: pd.DataFrame) -> str:
    """Return the word for the refusals in a table: 429s, or refusals where other statuses are among them."""
    if "refusals" not in frame:
        return "429s"
    seen = {status for text in frame["refusals"].dropna() for status in refusals_from_text(str(text))}
    return "429s" if seen <= {str(TOO_MANY_REQUESTS)} else "refusals"


def numeric_workers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with a number of workers; `auto` has none that could stand on an axis."""
    workers = pd.to_numeric(frame["workers"], errors="coerce")
    return frame.assign(workers=workers)[workers.notna()]


def enough_workers(table: pd.DataFrame) -> tuple[int, str] | None:
    """(workers, strategy): the fewest that come within 1 % of the shortest mean duration in `table`, and with what.

    table: columns pacing, workers and mean. None where there is nothing to choose from.
    """
    if table.empty or table["workers"].nunique() < 2:
        return None
    good = table[table["mean"] <= FULL_SPEED * table["mean"].min()].sort_values(["workers", "mean"])
    return int(good.iloc[0]["workers"]), str(good.iloc[0]["pacing"])
