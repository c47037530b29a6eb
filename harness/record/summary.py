"""The figures of a run, each defined once: `summarise(state, ...)` makes them, `summary.json` keeps them.

duration: first request to last answer, over all sessions, without time paused by a person. waiting: the time in
which work was ready, a worker free and no limit open; active is the rest. best possible: see `harness.bound`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bound import Bound
from harness.record.events import RunStatus
from harness.record.fold import latency_quantile
from harness.record.state import State

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Waiting:
    """Time asleep for one limit (or reason): `count` pauses."""

    by: str
    seconds: float
    count: int


@dataclass(frozen=True, slots=True)
class LostTo:
    """How many seconds beyond best possible went where; they add up to duration - best possible."""

    workers_s: float
    refusals_s: float
    retries_s: float
    other_s: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the test API counted of the last session. faults: let through, and answered as if they were refused."""

    admitted: int
    refused: int
    agrees: bool
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures. Seconds end in `_s`; optimality, utilisation and reference_efficiency are 0 to 1 (or None)."""

    run: str
    status: RunStatus
    reason: str
    total: int | None
    imported: int
    failed: int
    waiting_items: int
    pending: int
    failures: dict[str, int]
    requests_page: int
    requests_item: int
    hits: int
    holds: int
    lost: int
    duration_s: float
    active_s: float
    waiting_s: float
    waits: tuple[Waiting, ...]
    sleeps: int
    limits: str
    limits_source: str
    strategy: str
    workers: int
    sessions: int
    bound_s: float | None
    bound_workers_s: float | None
    bound_exact: bool
    greedy_s: float | None
    enough_workers: int | None
    optimality: float | None
    lost_to: LostTo | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_max_s: float | None
    latency_min_s: float | None
    requests_per_s: float | None
    hits_per_1000: float
    reference_efficiency: float | None
    server: Ledger | None = None
    forgotten: int = 0
    refusals: dict[str, int] = field(default_factory=dict)  # hits by status
    # The evidence that the list had ended: "" where none was recorded, None where that says nothing yet.
    list_ended: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, figures: dict[str, Any]) -> Summary:
        """The summary that `as_dict` was taken of."""
        waits = tuple(Waiting(**wait) for wait in figures["waits"])
        lost_to = LostTo(**figures["lost_to"]) if figures["lost_to"] else None
        server = Ledger(**figures["server"]) if figures["server"] else None
        # Revisions without this figure recorded no evidence.
        ended = figures.get("list_ended", "" if figures["status"] in _COMPLETE else None)
        return cls(**{**figures, "waits": waits, "lost_to": lost_to, "server": server, "list_ended": ended})


_COMPLETE = ("complete", "complete with failures")


def read_figures(path: Path) -> dict[str, Any] | None:
    """What `as_dict` gave, from its file; None where there is none, or not all of it is there as it was written."""
    from pydantic import ValidationError  # only readers of a run that has ended need it

    try:
        text = path.read_bytes()
        _adapter().validate_json(text, strict=True)
        figures: dict[str, Any] = json.loads(text)
        Summary.from_dict(figures)
    except (OSError, ValidationError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return figures


@cache
def _adapter() -> TypeAdapter[Summary]:
    from pydantic import TypeAdapter

    return TypeAdapter(Summary)


def reference_efficiency(sleeps: int, hits: int) -> float | None:
    """The reference system's figure, waits / (429s + waits): not a measure of speed. None with neither."""
    return sleeps / (hits + sleeps) if hits + sleeps else None


def efficiency_band(value: float) -> str:
    """`excellent` above 0.9, `fair` from 0.5, `poor` below, as the reference system shows it."""
    return "excellent" if value > 0.9 else "fair" if value >= 0.5 else "poor"


def summarise(
    run: str,
    state: State,
    bound: Bound | None,
    *,
    status: RunStatus | None = None,
    limits_source: str = "declared",
    server: Ledger | None = None,
) -> Summary:
    """The figures of `state`. `bound`: of the requests that succeeded and were needed; None where no limit is known."""
    shown = status or state.status
    # Half an import that waits for its window would be a few percent of the best possible half: that tells nothing.
    # Nor does a part of what was possible under limits that a person changed meanwhile.
    measured = shown in _COMPLETE and not state.changed
    return Summary(
        run=run,
        status=shown,
        reason=state.reason,
        limits=state.limits,
        limits_source=limits_source,
        strategy=state.strategy,
        workers=state.workers,
        sessions=state.session.number,
        server=server,
        list_ended=_list_ended(state, shown),
        **_items(state),
        **_requests(state),
        **_times(state),
        **_beside_best(state, bound, measured),
    )


def _items(state: State) -> dict[str, Any]:
    """What became of the items."""
    return {
        "total": state.total,
        "imported": state.imported,
        "failed": state.failed,
        "waiting_items": state.waiting,
        "pending": state.pending,
        "failures": _failures(state),
        "forgotten": state.forgotten,
    }


def _list_ended(state: State, status: RunStatus) -> str | None:
    listing = state.listing
    if not listing.ended:
        return "" if status in _COMPLETE else None
    if listing.denied is None:
        return listing.evidence
    return f"{listing.evidence}; it declared {listing.denied:,} items, which its pages contradict"


def _requests(state: State) -> dict[str, Any]:
    """How many were sent, and what came of them."""
    requests, duration_s = state.answered + state.refused + state.lost, state.duration_s
    return {
        "requests_page": state.requests["page"],
        "requests_item": state.requests["item"],
        "hits": state.refused,
        "refusals": {str(status): count for status, count in sorted(state.refusals.items())},
        "holds": state.holds,
        "lost": state.lost,
        "requests_per_s": requests / duration_s if duration_s else None,
        "hits_per_1000": 1000 * state.refused / requests if requests else 0.0,
        "reference_efficiency": reference_efficiency(state.sleeps, state.refused),
    }


def _times(state: State) -> dict[str, Any]:
    """Where the time went, and how long answers took."""
    waiting_s = min(state.asleep_s, state.duration_s)
    return {
        "duration_s": state.duration_s,
        "active_s": state.duration_s - waiting_s,
        "waiting_s": waiting_s,
        "waits": _waits(state),
        "sleeps": state.sleeps,
        "latency_p50_s": latency_quantile(state.latency, 0.50),
        "latency_p95_s": latency_quantile(state.latency, 0.95),
        "latency_max_s": state.most_latency_s if state.latency else None,
        "latency_min_s": state.least_latency_s,
    }


def _beside_best(state: State, bound: Bound | None, measured: bool) -> dict[str, Any]:
    """How near to the best possible; not measured: only what that would be."""
    duration_s = state.duration_s
    return {
        "bound_s": bound.bound_s if bound else None,
        "bound_workers_s": bound.bound_workers_s if bound else None,
        "bound_exact": bound.exact if bound else False,
        "greedy_s": bound.greedy_s if bound else None,
        "enough_workers": bound.enough_workers if bound else None,
        "optimality": bound.bound_s / duration_s if bound and duration_s and measured else None,
        "lost_to": _lost_to(state, bound, duration_s) if bound and measured else None,
    }


def _waits(state: State) -> tuple[Waiting, ...]:
    """Waits by limit or reason; the wait for a probe's answer is part of the pause that it follows on."""
    waits = dict(state.waits)
    pause = next((reason for reason in ("refused", "hold") if reason in waits), None)
    if pause is not None and "probe" in waits:
        (seconds, count), (more_s, more) = waits[pause], waits.pop("probe")
        waits[pause] = (seconds + more_s, count + more)
    return tuple(Waiting(by, *figures) for by, figures in sorted(waits.items()))


def _failures(state: State) -> dict[str, int]:
    """How many items failed for good, by reason: `gone (404)`, `gave up after 5 (503)`."""
    counts: dict[str, int] = {}
    for failure in state.failures.values():
        if failure.kind == "item" and failure.retry_at_utc_s is None:
            what = failure.reason if failure.attempts == 1 else f"gave up after {failure.attempts}"
            text = f"{what} ({failure.status})" if failure.status is not None else what
            counts[text] = counts.get(text, 0) + 1
    return counts


def _lost_to(state: State, bound: Bound, duration_s: float) -> LostTo:
    """Shares in the order in which they can be told apart; what is left is waits longer than needed, and latency."""
    left = max(0.0, duration_s - bound.bound_s)
    refused_s = sum(state.waits.get(reason, (0.0, 0))[0] for reason in ("refused", "probe", "hold"))
    workers_s = min(left, max(0.0, bound.bound_workers_s - bound.bound_s))
    refusals_s = min(left - workers_s, refused_s)
    failing_s = state.waits.get("failing", (0.0, 0))[0]
    retries_s = min(left - workers_s - refusals_s, state.retry_wait_s + failing_s)
    return LostTo(workers_s, refusals_s, retries_s, left - workers_s - refusals_s - retries_s)
