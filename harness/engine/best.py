"""The least time that what a run got could have taken, session by session."""

from __future__ import annotations

from dataclasses import replace

from harness.bound import Bound, Paging, bound
from harness.bound import Work as BoundWork
from harness.config import ImportConfig
from harness.pacing import Tiers, parse_tiers
from harness.record.state import State


def best_possible(state: State, config: ImportConfig) -> Bound | None:
    """The bound of what `state` got, with its least round trip; None before there is anything to bound.

    Windows renew between sessions, so each is bounded by itself and the bounds are added, as the durations are.
    """
    if not state.pages or not limits_of(state, config) or state.least_latency_s is None:
        return None
    bounds = [_session_bound(pages, items, state, config) for pages, items in state.sessions() if pages + items]
    greedy = [b.bound_s if b.greedy_s is None else b.greedy_s for b in bounds]
    return replace(
        max(bounds, key=lambda b: b.bound_s),
        bound_s=sum(b.bound_s for b in bounds),
        bound_workers_s=sum(b.bound_workers_s for b in bounds),
        exact=all(b.exact for b in bounds),
        greedy_s=None if all(b.greedy_s is None for b in bounds) else sum(greedy),
        enough_workers=max(b.enough_workers for b in bounds),
    )


def _session_bound(pages: int, items: int, state: State, config: ImportConfig) -> Bound:
    """The bound of one session; one without a page had its items ready, so the list's round trip is not counted."""
    rtt_s = state.least_latency_s or 0.0
    paging: Paging = "numbered" if state.last_page is not None else "cursor"
    named = items if pages else items - 1
    # The last page of a list without an extent is empty, so the pages can hold more than they named.
    per_page = max(config.per_page, -(-named // max(1, pages)))
    costs = (config.list_cost, config.item_cost)
    most = per_page if paging == "cursor" else None
    work = BoundWork(max(1, pages), named, paging, config.detail, most, *costs)
    best = bound(work, limits_of(state, config), rtt_s, max(1, state.workers))
    if pages:
        return best
    return replace(best, bound_s=best.bound_s - rtt_s, bound_workers_s=best.bound_workers_s - rtt_s)


def limits_of(state: State, config: ImportConfig) -> Tiers:
    """The limits that count for what is best possible: as declared, else as learned; () where none is known."""
    if config.limits:
        return config.limits
    return parse_tiers(state.limits) if state.strategy == "auto" and state.limits else ()
