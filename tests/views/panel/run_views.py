"""A run to look at in the panel, at a few points of it."""

from __future__ import annotations

from dataclasses import replace

from harness.record.live import Live, LiveFlight, LiveTier
from harness.record.run_view import RunView, view_of
from harness.record.summary import summarise
from harness.record.timeline import TimelineBins
from tests.views.samples import COMPLETE, NOW, running

LIVE = Live(
    7920.0,
    NOW,
    3,
    1,
    "limit",
    until_utc_s=NOW + 38.0,
    tier="100/1m",
    tiers=(LiveTier("100/1m", 100, 100, 0, 38.0), LiveTier("10000/1d", 10_000, 2_500, 7_500, None, "learned")),
    eta_s=40_560.0,
    best_s=48_420.0,
    flights=(LiveFlight("item", 48211, 2, 0.21),),
)
TIMELINE = TimelineBins(1.0, 4.0, (40, 60, 0, 10), (0, 10, 0, 0), ((2.0, 3.0, "100/1m"),))


def under_way() -> RunView:
    """12,431 of 80,000 items, three failed, waiting for 100/1m."""
    state = running()
    state.learned = {"10000/1d": "429 after 10,000 accepted <b>"}
    return view_of(summarise("nightly-1124", state, None), state, LIVE, TIMELINE)


def complete() -> RunView:
    """As the files of an ended run tell it."""
    state = running(imported=1000, total=1000, failed=0)
    return view_of(COMPLETE, state)


def hostile() -> RunView:
    """A run whose server and name would write HTML of their own."""
    now = under_way()
    evil = "<script>alert(1)</script>"
    bad = replace(now.failures[0], reason=evil, detail=evil, key=evil)
    live = replace(
        LIVE, tier=evil, tiers=(LiveTier(evil, 1, 1, 0, 3.0, evil),), flights=(LiveFlight("item", evil, 1, 0.1),)
    )
    summary = replace(now.summary, run=evil, reason=evil, limits=evil)
    return replace(now, summary=summary, live=live, failures=(bad,), believed=((evil, evil),))
