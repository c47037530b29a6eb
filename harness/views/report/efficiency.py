"""The reference system's efficiency beside the share of the best possible, and where the former misleads.

It is waits / (refusals + waits): it knows nothing of time. Who sleeps a whole window where a second would do is
"excellent"; who is refused now and then and loses nothing by it is "poor"; a single worker that waits once for each
time it is refused scores 50 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from harness.record.summary import efficiency_band
from harness.views.plots.means import complete, means, varied
from harness.views.text import percent

# From here on "it is fast"; below the other "it is not".
_FAST, _SLOW = 0.97, 0.90


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the reference efficiency says, and what it hides ("" where it does not mislead)."""

    band: str
    hides: str


def verdict(reference: float | None, optimality: float | None, hits_per_1000: float) -> Verdict:
    """Of one run or one mean; None where the figure does not exist."""
    if reference is None or math.isnan(reference):
        return Verdict("none", "neither a wait nor a refusal: there is nothing to divide")
    band = efficiency_band(reference)
    if optimality is None or math.isnan(optimality):
        return Verdict(band, "")
    if band == "excellent" and optimality < _SLOW:
        times = f"{1 / optimality:.2g} times as long as best possible" if optimality > 0 else "far too long"
        return Verdict(band, f"never refused, but it takes {times}")
    if band == "poor" and optimality >= _FAST:
        return Verdict(band, f"refused, and yet at {percent(optimality, 1)} of best possible")
    if band == "fair" and hits_per_1000 >= 300:
        return Verdict(band, f"{hits_per_1000:,.0f} of 1,000 requests are refused")
    return Verdict(band, "")


def efficiency_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Both figures for each combination of settings, the misleading ones first: optimality, reference, band, hides."""
    runs = complete(frame)
    keys = ["pacing", *varied(runs, besides=("pacing",))]
    runs = runs.assign(**{name: float("nan") for name in ("reference_efficiency", "optimality") if name not in runs})
    columns = {"duration_s": "duration_s", "optimality": "optimality", "hits_per_1000": "hits_per_1000"}
    table = means(runs, keys, "hits_per_1000")[keys]
    for name in (*columns, "reference_efficiency"):
        mean = means(runs, keys, name)[[*keys, "mean"]].rename(columns={"mean": name})
        table = table.merge(mean, on=keys, how="left")
    figures = zip(table["reference_efficiency"], table["optimality"], table["hits_per_1000"])
    verdicts = [verdict(*three) for three in figures]
    table = table.assign(band=[one.band for one in verdicts], hides=[one.hides for one in verdicts])
    order = ((table["hides"] == "") | (table["band"] == "none")).astype(int)
    return table.assign(order=order).sort_values("order", kind="stable").drop(columns="order").reset_index(drop=True)
