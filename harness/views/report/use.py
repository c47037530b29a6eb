"""How much of the limits a run used: window by window, and against what could have been used at all.

A perfect run need not use its windows up: where a shorter limit or the last window says so, there is nothing to use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.record.limits import most_admitted
from harness.views.plots import moments
from harness.views.plots.strips import windows

_COLUMNS = ["limit", "windows", "mean", "most"]


def use_table(events: pd.DataFrame) -> pd.DataFrame:
    """A row for each limit that was kept in the end: its windows (each opened by the first request after the last one),
    and the share of the limit that they used, on average and at most. events: `run.events().to_pandas()`.
    """
    moved = moments.on_one_axis(events)
    if moved.empty:
        return pd.DataFrame(columns=_COLUMNS)
    admitted = _admitted(moved)
    kept = next((limits for _, limits in reversed(moments.limits_over_time(moved)) if limits), ())
    rows = []
    for limit in kept:
        spans = [] if limit.at_once else windows(admitted, limit.period_s)
        if spans:
            edges = np.searchsorted(admitted, np.array(spans))
            used = (edges[:, 1] - edges[:, 0]) / limit.limit
            rows.append((limit.text, len(spans), float(used.mean()), float(used.max())))
    return pd.DataFrame(rows, columns=_COLUMNS)


def utilisation(events: pd.DataFrame, limits: str | None) -> float | None:
    """Requests let through, as a share of what any client could have got through `limits` up to the last one sent.

    None without a limit, and for a run of several sessions, between which limits renew.
    """
    moved = moments.on_one_axis(events)
    admitted = _admitted(moved) if len(moved) else np.array([])
    if not len(admitted) or moments.session_starts(moved):
        return None
    most = most_admitted(limits, float(admitted[-1] - admitted[0]))
    return len(admitted) / most if most else None


def _admitted(moved: pd.DataFrame) -> np.ndarray:
    sent = moments.requests(moved)
    return np.sort(sent[sent["outcome"] == "admitted"]["sent_s"].to_numpy(float))
