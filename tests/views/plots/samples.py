"""A small sweep and two small runs, in figures that can be worked out by hand."""

from __future__ import annotations

import itertools

import pandas as pd

from harness.record import events as e
from harness.record.arrow import to_table

LIMIT, SERVER = "4/10s", "5/10s"


def sweep() -> pd.DataFrame:
    """Two strategies, three worker counts, two limits, three repeats; one run failed.

    window takes 100/workers + 10 s (+ 0, 1, 2 by repeat) and is never refused; retry-after takes 5 s more and has
    `workers` 429s per 1,000. Best possible is 20 s.
    """
    rows = []
    for pacing, workers, limit, repeat in itertools.product(
        ("window", "retry-after"), (1, 10, 100), (LIMIT, SERVER), range(3)
    ):
        duration_s = 100 / workers + 10 + repeat + (5 if pacing == "retry-after" else 0)
        hits = float(workers) if pacing == "retry-after" else 0.0
        rows.append(
            {
                "sweep": "demo",
                "point": len(rows) // 3,
                "repeat": repeat,
                "seed": repeat,
                "status": "complete",
                "error": None,
                "pacing": pacing,
                "strategy": pacing,
                "workers": workers,
                "limit": limit,
                "server_limit": SERVER,
                "items": 100,
                "latency": "lognormal:80ms",
                "duration_s": duration_s,
                "bound_s": 10.0,
                "optimality": 10.0 / duration_s,
                "hits_per_1000": hits,
                "hits": int(hits),
                "sleeps": 3,
                "reference_efficiency": 3 / (3 + hits),
            }
        )
    rows[-1] |= {"status": "failed", "error": "it broke", "duration_s": None, "optimality": None}
    return pd.DataFrame(rows)


def _item(item: int, sent_s: float, answered_s: float) -> e.ItemImported:
    return e.ItemImported(answered_s, item, 1, sent_s, answered_s, 200, 10)


def frame(*sessions: list[e.Event]) -> pd.DataFrame:
    """The events of a run of so many sessions, as `run.events().to_pandas()` gives them."""
    tables = [to_table(session, "run", at, f"w{at}", 1).to_pandas() for at, session in enumerate(sessions, 1)]
    return pd.concat(tables, ignore_index=True)


# t0 list; t1-t3 items fill 4/10s; asleep until t11 (the list's answer + 10 s); t11 one item; t12 refused; t15 the last.
FIRST: list[e.Event] = [
    e.SessionStarted(0.0, 1, 0.0, 2, LIMIT, "window", "host"),
    e.PageListed(1.0, e.FIRST_PAGE, 1, 0.0, 1.0, 200, (1, 2, 3, 4, 5), 5, 1, None),
    _item(1, 1.0, 2.0),
    _item(2, 1.0, 3.0),
    _item(3, 2.0, 3.0),
    e.WaitBegan(3.0, "limit", LIMIT, 11.0),
    e.Waited(11.0, 3.0, 11.0, 8.0, 1, "limit", LIMIT),
    _item(4, 11.0, 12.0),
    e.Refused(13.0, "item", 5, 1, 12.0, 13.0, 429, 2.0),
    e.Held(13.0, "api", 15.0, "refused", 2.0, 1),
    e.Waited(15.0, 13.0, 15.0, 2.0, 1, "refused", None),
    _item(5, 15.0, 16.0),
    e.SessionEnded(16.0, "complete", ""),
]
# Paused by hand from t1 to t4, then a request without an answer and one that never left.
SECOND: list[e.Event] = [
    e.SessionStarted(0.0, 2, 100.0, 3, LIMIT, "window", "host"),
    e.Paused(1.0),
    e.Resumed(4.0),
    e.AttemptFailed(6.0, "item", 6, 1, 4.0, None, None, "timed out", "", True, None),
    e.Returned(6.0, "item", 7, 1, 6.0, "unused", False),
    e.SessionEnded(7.0, "stopped", "Ctrl-C"),
]
