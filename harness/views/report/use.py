"""How much of the limits a run used: window by window, and against what could have been used at all.

A perfect run need not use its windows up: where a shorter limit or the last window says so, there is nothing to use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.record.limits import Limit, most_admitted
from harness.views.plots import moments
from harness.views.plots.strips import windows

_COLUMNS = ["limit", "held_s", "windows", "mean", "most"]
# Limits that were kept for less than this part of the run were a moment of learning.
_LEAST_HELD = 0.01
_MOST_ROWS = 6


def use_table(events: pd.DataFrame) -> pd.DataFrame:
    """A row for each limit that was kept for long, the longest first: how long it was, its windows in that time (each
    opened by the first request after the last one), and the share of the limit that they used, on average and at most.

    Where it was kept for less than a window there is nothing to say of its use. events: `run.events().to_pandas()`.
    """
    moved = moments.on_one_axis(events)
    if moved.empty:
        return pd.DataFrame(columns=_COLUMNS)
    admitted, end_s = _admitted(moved), moments.span_s(moved)
    held = moments.held(moved)
    lasted = {limit: sum(to - since for since, to in spans) for limit, spans in held.items()}
    ranked = sorted(lasted, key=lambda limit: -lasted[limit])
    rows = [
        (limit.text, lasted[limit], *_used(admitted, limit, held[limit]))
        for limit in ranked[:_MOST_ROWS]
        if lasted[limit] >= _LEAST_HELD * end_s and not limit.at_once
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _used(admitted: np.ndarray, limit: Limit, spans: list[tuple[float, float]]) -> tuple[float, float, float]:
    """How many windows of `limit` lay in `spans`, and the share of it that they used on average and at most."""
    shares: list[float] = []
    for since, to in spans:
        inside = admitted[(admitted >= since) & (admitted <= to)]
        # The first window of a limit that came later may be part of one: what was sent before is not in it.
        opened = [span for span in windows(inside, limit.period_s) if len(spans) == 1 or span[1] <= to]
        edges = np.searchsorted(inside, np.array(opened)) if opened else np.empty((0, 2), int)
        shares += list((edges[:, 1] - edges[:, 0]) / limit.limit)
    if not shares or max(to - since for since, to in spans) < limit.period_s < len(spans) * limit.period_s:
        return (float("nan"),) * 3
    return float(len(shares)), float(np.mean(shares)), float(np.max(shares))


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
