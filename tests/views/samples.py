"""A run to look at, at any point of it."""

from __future__ import annotations

from harness.record import events as e
from harness.record.fold import fold
from harness.record.live import Live, LiveTier
from harness.record.run_view import RunView, view_of
from harness.record.state import State
from harness.record.status import RunStatus
from harness.record.summary import Ledger, LostTo, Summary, Waiting, summarise

NOW = 1795543464.0  # 2026-11-24 18:04:24 UTC
MINUTE = (LiveTier("100/1m", 100, 100, 0, 38.0),)


def started(utc_s: float, workers: int, limits: str) -> e.SessionStarted:
    """The beginning of a first session."""
    return e.SessionStarted(
        t_s=0.0, number=1, utc_s=utc_s, workers=workers, limits=limits, strategy="window", host="host"
    )


def seen(state: State, live: Live | None = None, run: str = "nightly-1124") -> RunView:
    """What every view is made of."""
    return view_of(summarise(run, state, None), state, live)


def running(imported: int = 12431, total: int = 80000, failed: int = 3) -> State:
    """A run of 2 h 12 min so far, at 100/1m; its session began at NOW - 7920 s."""
    state = fold([started(NOW - 7920.0, 1, "100/1m")])
    ids = tuple(range(imported + failed))
    state = fold([e.PageListed(0.1, e.FIRST_PAGE, 1, 0.0, 0.1, 200, ids, total, 800, None)], state)
    state = fold((e.ItemImported(1.0, item, 1, 0.5, 0.9, 200, 100) for item in ids[:imported]), state)
    gone = (1, 0.5, 0.9, 404, "gone", "Not Found", True, None)
    return fold((e.AttemptFailed(1.0, "item", item, *gone) for item in ids[imported:]), state)


COMPLETE = Summary(
    run="20261123-155204",
    status=RunStatus.COMPLETE,
    reason="",
    total=1000,
    imported=1000,
    failed=0,
    waiting_items=0,
    pending=0,
    failures={},
    requests_page=10,
    requests_item=1000,
    hits=0,
    holds=0,
    lost=0,
    duration_s=40.6,
    active_s=2.4,
    waiting_s=38.2,
    waits=(Waiting("500/20s", 38.2, 2),),
    sleeps=2,
    limits="500/20s+2000/100s",
    limits_source="declared",
    strategy="window",
    workers=10,
    sessions=1,
    bound_s=40.0,
    bound_workers_s=40.0,
    bound_exact=True,
    greedy_s=None,
    enough_workers=3,
    optimality=0.98522,
    lost_to=LostTo(0.0, 0.0, 0.0, 0.6),
    latency_p50_s=0.052,
    latency_p95_s=0.061,
    latency_max_s=0.088,
    latency_min_s=0.05,
    requests_per_s=24.9,
    hits_per_1000=0.0,
    reference_efficiency=1.0,
    server=Ledger(1010, 0, True),
)
