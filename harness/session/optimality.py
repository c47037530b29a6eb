"""The best possible time of a run, and its figures beside it: the least time that what it got could have taken.

Windows renew between sessions, and limits may change on the way, so a run is bounded piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.bound import Bound, Paging, bound
from harness.config import ImportConfig
from harness.pacing import Tiers, format_tiers, parse_tiers
from harness.pacing.learn.levels import COUNTS_AS_BUCKET
from harness.pacing.routes import several
from harness.record.inferred import as_learned, infer_recorded
from harness.record.state import Segment, State
from harness.record.status import RunStatus
from harness.record.summary import LearnedLimit, Ledger, Summary, summarise
from harness.session.factory import credentials_of
from harness.session.plans import least_pages, work_of

# A gain of less is not worth a sentence.
_WORTH = 0.95
CHANGED = "changed on the way"
# Nobody declared them: `auto` was told nothing, and what is best possible goes by what our own test API enforces.
TEST_API = "test API"


def figures(
    name: str,
    state: State,
    config: ImportConfig,
    ledger: Ledger | None = None,
    status: RunStatus | None = None,
    learned: Sequence[LearnedLimit] = (),
) -> Summary:
    """Return the figures of a run in `state`, from which every view is made; `status` where the state cannot know it.

    One under way has no bound yet: half an import that waits for its window says nothing of the whole.
    """
    shown = status or state.status
    best = None if shown.is_open else best_possible(state, config)
    known = {"limits_source": limits_source(state, config), "server": ledger, "learned": learned}
    counted_as = "" if shown.is_open else as_buckets(state, config)
    return summarise(name, state, best, status=status, counted_as=counted_as, **known)  # type: ignore[arg-type]


def as_buckets(state: State, config: ImportConfig) -> str:
    """Return one sentence where the server counts a declared limit as a bucket, and what declaring that would gain;
    "" otherwise.
    """
    declared = limits_of(state, config)
    found = [str(tier) for tier in declared if COUNTS_AS_BUCKET in state.learned.get(str(tier), "")]
    if not found:
        return ""
    # Whoever counts one limit so counts the others so, but a header may show one of them at a time.
    buckets = tuple(replace(tier, kind="bucket") if tier.kind == "any" else tier for tier in declared)
    text = f"the server counts {' and '.join(found)} as a bucket, which was kept as a window"
    best = best_possible(state, config, buckets)
    if best is None or best.bound_s > _WORTH * state.duration_s:
        return text
    took = f"{best.bound_s:,.0f} s where it took {state.duration_s:,.0f} s"
    return f"{text}: --limit {format_tiers(buckets)} could take {took}"


def revealed(folder: Path, state: State) -> tuple[LearnedLimit, ...]:
    """Return the limits that the run in `folder` reveals; its events are read only where they can tell of any."""
    return as_learned(infer_recorded(folder)) if state.refused or state.learned else ()


def best_possible(state: State, config: ImportConfig, under: Tiers = ()) -> Bound | None:
    """Return the bound of what `state` got, with its least round trip; None before there is anything to bound.

    Windows renew between sessions, so each is bounded by itself and the bounds are added, as the durations are. So is
    each segment between two changes of the limits, by those that then held. under: bounded by these, whatever held.
    """
    if not state.pages or state.least_latency_s is None:
        return None
    said = under or config.limits or _learned(state)
    bounds: list[Bound] = []
    for segment in state.segments():
        tiers = said if under or segment.limits is None else parse_tiers(segment.limits) if segment.limits else ()
        if segment.pages + segment.items and tiers:
            bounds.append(_segment_bound(segment, state, config, tiers))
    if not bounds:
        return None
    greedy = [b.bound_s if b.greedy_s is None else b.greedy_s for b in bounds]
    return replace(
        max(bounds, key=lambda b: b.bound_s),
        bound_s=sum(b.bound_s for b in bounds),
        bound_workers_s=sum(b.bound_workers_s for b in bounds),
        exact=all(b.exact for b in bounds) and not state.changed,
        greedy_s=None if state.changed or all(b.greedy_s is None for b in bounds) else sum(greedy),
        enough_workers=max(b.enough_workers for b in bounds),
    )


def _segment_bound(segment: Segment, state: State, config: ImportConfig, tiers: Tiers) -> Bound:
    """Return the bound of one segment; one without a page had its items ready, so the list's round trip is not counted.

    Nor is the round trip of what was in flight as one began amid a session.
    """
    rtt_s = state.least_latency_s or 0.0
    pages, items = segment.pages, segment.items
    paging: Paging = "numbered" if state.last_page is not None else "cursor"
    named = items if pages else items - 1
    pages = least_pages(config, pages, named)
    # The last page of a list without an extent is empty, so the pages can hold more than they named.
    per_page = max(config.source.page_size, -(-named // max(1, pages)))
    most = per_page if paging == "cursor" else None
    work = work_of(config, pages, named, paging, most, False if state.from_list else None)
    longest = max((len(part.pages) for part in state.parts), default=0)
    if state.parts and pages == segment.pages == len(state.pages):  # else it is not known which parts it read
        work = replace(work, parts=len(state.parts), chain=longest)
    best = bound(work, several(tiers, len(credentials_of(config))), rtt_s, max(1, state.workers))
    spared_s = rtt_s * ((not pages) + segment.goes_on)
    if not spared_s:
        return best
    bound_s, bound_workers_s = max(0.0, best.bound_s - spared_s), max(0.0, best.bound_workers_s - spared_s)
    return replace(best, bound_s=bound_s, bound_workers_s=bound_workers_s)


def limits_of(state: State, config: ImportConfig) -> Tiers:
    """Return the limits that count for what is best possible: as kept, as declared, or as learned; () where none is
    known.
    """
    return parse_tiers(state.kept) if state.kept else config.limits or _learned(state)


def limits_source(state: State, config: ImportConfig) -> str:
    """Return where the limits come from: `declared`, `learned`, `test API` or `unknown`; `changed on the way` by a
    person.
    """
    if state.changed:
        return CHANGED
    if config.limits and config.pacing.limit is None and state.strategy == "auto" and not state.kept:
        return TEST_API
    return "declared" if config.limits or state.kept else "learned" if _learned(state) else "unknown"


def _learned(state: State) -> Tiers:
    return parse_tiers(state.limits) if state.strategy == "auto" and not state.asked and state.limits else ()
