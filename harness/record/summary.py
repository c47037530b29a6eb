"""The figures of a run, each defined once: `summarise(state, ...)` makes them, `summary.json` keeps them.

duration: first request to last answer, over all sessions, without time paused by a person. waiting: the time in
which work was ready, a worker free and no limit open; active is the rest. best possible: see `harness.bound`; how near
a run came to it, or why that cannot be said: `harness.record.optimality`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bound import Bound
from harness.pacing.refusals import TOO_MANY_REQUESTS as TOO_MANY_REQUESTS  # for views, which do not pace
from harness.record.fold import (
    latency_bucket as latency_bucket,  # for views, which do not fold
    latency_quantile as latency_quantile,
)
from harness.record.optimality import (
    LearnedLimit as LearnedLimit,  # parts of a Summary
    Ledger as Ledger,
    LostTo as LostTo,
    Optimality,
    lost_to,
    optimality,
    refused_within,
)
from harness.record.prediction import Prediction as Prediction  # part of a Summary
from harness.record.state import State
from harness.record.status import RunStatus

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# What `list_ended` says of a complete run whose list was read by a revision that recorded no evidence.
NOT_RECORDED = "an older version read it and did not record how it ended; audit reads it again"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Time asleep for one limit (or reason): `count` pauses."""

    by: str
    seconds: float
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures. Seconds end in `_s`; optimality, of_learned and reference_efficiency are 0 to 1 (or None).

    total: items that there are, as declared or as named, whichever is more; listed: those that the list has named.
    hits: refusals with status 429 alone; refused: all of them, by status in `refusals`. optimality: share of the best
    possible; of_learned: the same where limits were learned; unmeasured: why neither is given. learned: limits that the
    run revealed. refused_within: the sentence where the server refused although the declared limits were kept.
    counted_as: the sentence where the server counts a declared limit in another way than was kept, which is slower.
    list_ended: the evidence that the list had ended, NOT_RECORDED where there is none; None before the list has ended.
    assumed: what page 1 made believe of an API that was not declared; "" where nothing was. requests_saved: how many
    more an item per request and 100 a page would have taken, by what is in saved_by, for people. from_list: items were
    taken from the list's records. shared_with: the names of other runs that used the same limits at the same time.
    predictions: how long its sessions were thought to take, beside what they took.
    speed: how many times as fast as the wall clock's the API's time passed, in which all times are.
    """

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
    refusals: dict[str, int] = field(default_factory=dict)
    list_ended: str | None = None
    refused: int = 0
    refused_per_1000: float = 0.0
    listed: int = 0
    of_learned: float | None = None
    unmeasured: str = ""
    learned: tuple[LearnedLimit, ...] = ()
    refused_within: str = ""
    counted_as: str = ""
    requests_token: int = 0
    assumed: str = ""
    requests_saved: int = 0
    from_list: bool = False
    saved_by: tuple[str, ...] = ()
    speed: float = 1.0
    shared_with: tuple[str, ...] = ()
    predictions: tuple[Prediction, ...] = ()

    @property
    def sent(self) -> int:
        """Requests that were sent, whatever came of them."""
        return self.requests_page + self.requests_item + self.requests_token

    @property
    def lacks_evidence(self) -> bool:
        """Return True if the run is complete without a recorded reason why its list had ended."""
        return self.list_ended == NOT_RECORDED

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, figures: dict[str, Any]) -> Summary:
        """Make the summary that `as_dict` was taken of, by this version or an earlier one (`_upgraded` reads that)."""
        known = {f.name for f in fields(cls)}
        plain = {name: value for name, value in _upgraded(figures).items() if name in known}
        waits = tuple(Waiting(**wait) for wait in plain["waits"])
        lost_to = LostTo(**plain["lost_to"]) if plain["lost_to"] else None
        server = Ledger(**plain["server"]) if plain["server"] else None
        learned = tuple(LearnedLimit(**limit) for limit in plain.get("learned", ()))
        more: dict[str, Any] = {"status": RunStatus(plain["status"]), "saved_by": tuple(plain.get("saved_by", ()))}
        more["shared_with"] = tuple(plain.get("shared_with", ()))
        more["predictions"] = tuple(Prediction(**one) for one in plain.get("predictions", ()))
        more |= {"waits": waits, "lost_to": lost_to, "server": server, "learned": learned}
        return cls(**{**plain, **more})


def read_figures(path: Path) -> dict[str, Any] | None:
    """Read what `as_dict` gave from its file; None where there is none, or not all of it is as it was written.

    Figures that an earlier revision counted otherwise, or did not know, are as this one says them.
    """
    found = _read(path)
    return None if found is None else found[0]


def read_summary(path: Path) -> Summary | None:
    """Read the summary in a file that holds all of its figures; None where it does not, as in an earlier version's."""
    found = _read(path)
    return found[1] if found is not None and "learned" in found[0] else None


def _read(path: Path) -> tuple[dict[str, Any], Summary] | None:
    from pydantic import ValidationError  # only readers of a run that has ended need it

    try:
        text = path.read_bytes()
        _adapter().validate_json(text, strict=True)
        figures: dict[str, Any] = _upgraded(json.loads(text))
        return figures, Summary.from_dict(figures)
    except (OSError, ValidationError, ValueError, TypeError, KeyError, RecursionError):
        return None


@cache
def _adapter() -> TypeAdapter[Summary]:
    from pydantic import TypeAdapter

    return TypeAdapter(Summary)


def _upgraded(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of an earlier revision as this one says them."""
    # Revisions without this figure recorded no evidence.
    ended = figures.get("list_ended") or (NOT_RECORDED if RunStatus(figures["status"]).is_complete else None)
    return {**_refusals_by_status(figures), "list_ended": ended}


def _refusals_by_status(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """Figures in which `hits` were all refusals, whatever their status, as they are counted now."""
    if "refused" in figures:
        return figures
    refused, sent = figures["hits"], figures["requests_page"] + figures["requests_item"]
    refusals = figures.get("refusals") or ({str(TOO_MANY_REQUESTS): refused} if refused else {})
    hits = refusals.get(str(TOO_MANY_REQUESTS), 0)
    rates = {"hits_per_1000": _per_1000(hits, sent), "refused_per_1000": _per_1000(refused, sent)}
    total, imported = figures["total"], figures["imported"]
    total = None if total is None else max(total, imported + figures["failed"] + figures.get("forgotten", 0))
    return {**figures, **rates, "hits": hits, "refused": refused, "refusals": refusals, "total": total}


def refusals_as_text(refusals: Mapping[str, int]) -> str:
    """`403: 12, 429: 3`: one cell of a table; "" without refusals."""
    return ", ".join(f"{status}: {number}" for status, number in refusals.items())


def refusals_from_text(text: str) -> dict[str, int]:
    """Return the refusals that `refusals_as_text` was given."""
    pairs = (cell.partition(": ") for cell in text.split(", ") if cell)
    return {status: int(number) for status, _, number in pairs}


def _per_1000(part: int, whole: int) -> float:
    return 1000 * part / whole if whole else 0.0


def reference_efficiency(sleeps: int, refused: int) -> float | None:
    """Return the reference system's figure, waits / (refusals + waits): not a measure of speed. None with neither."""
    return sleeps / (refused + sleeps) if refused + sleeps else None


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
    learned: Sequence[LearnedLimit] = (),
    counted_as: str = "",
) -> Summary:
    """Make the figures of `state`. `bound`: of the requests that succeeded and were needed; None without limits."""
    shown = status or state.status
    known = {"limits_source": limits_source, "server": server, "learned": learned}
    judged = optimality(state, bound, status=shown, **known)  # type: ignore[arg-type]
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
        learned=tuple(learned),
        predictions=tuple(state.predictions),
        refused_within=refused_within(state, limits_source, server, learned),
        counted_as=counted_as,
        **_items(state),
        **_requests(state),
        **_times(state),
        **_beside_best(state, bound, judged),
    )


def _items(state: State) -> dict[str, Any]:
    """Return the figures of the items."""
    return {
        "total": state.expected,
        "listed": len(state.items),
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
        return NOT_RECORDED if status.is_complete else None
    if listing.denied is None:
        return listing.evidence
    return f"{listing.evidence}; it declared {listing.denied:,} items, which its pages contradict"


def _requests(state: State) -> dict[str, Any]:
    """Return how many requests were sent, and what came of them."""
    requests, duration_s, hits = state.sent, state.duration_s, state.refusals.get(TOO_MANY_REQUESTS, 0)
    return {
        "requests_page": state.requests["list"],
        "requests_item": state.requests["item"],
        "requests_token": state.requests.get("token", 0),
        "hits": hits,
        "refused": state.refused,
        "refusals": {str(status): count for status, count in sorted(state.refusals.items())},
        "holds": state.holds,
        "requests_saved": _saved(state),
        "from_list": state.from_list,
        "saved_by": tuple(_saved_by(state)),
        "lost": state.lost,
        "requests_per_s": requests / duration_s if duration_s else None,
        "hits_per_1000": _per_1000(hits, requests),
        "refused_per_1000": _per_1000(state.refused, requests),
        "reference_efficiency": reference_efficiency(state.sleeps, state.refused),
    }


# The plan that saved requests are counted against: so many a page, and an item per request.
_PLAIN_PAGE = 100


def _saved(state: State) -> int:
    """Count the requests that the plain plan would have taken beyond those that were let in."""
    plain = -(-len(state.items) // _PLAIN_PAGE) + state.imported + state.failed + state.forgotten
    return max(0, plain - state.answered)


def _saved_by(state: State) -> Iterator[str]:
    """Yield what made an import take fewer requests than the plain plan."""
    if not _saved(state):
        return
    if state.from_list:
        yield "items taken from the list"
    elif state.imported >= 2 * state.requests["item"] > 0:
        yield "several items at once"
    a_page = max(state.listing.last_size, state.listing.least_size or 0)
    if a_page > _PLAIN_PAGE:
        yield f"{a_page:,} a page"


def _times(state: State) -> dict[str, Any]:
    """Return where the time went, and how long answers took."""
    waiting_s = min(state.asleep_s, state.duration_s)
    return {
        "duration_s": state.duration_s,
        "active_s": state.duration_s - waiting_s,
        "waiting_s": waiting_s,
        "waits": _waits(state),
        "sleeps": state.sleeps,
        "latency_p50_s": _latency(state, 0.50),
        "latency_p95_s": _latency(state, 0.95),
        "latency_max_s": state.most_latency_s if state.latency else None,
        "latency_min_s": state.least_latency_s,
    }


def _latency(state: State, q: float) -> float | None:
    """Return a quantile of the latencies: near the true one, and never outside the least and the most there were."""
    found = latency_quantile(state.latency, q)
    if found is None or state.least_latency_s is None:
        return None
    return min(max(found, state.least_latency_s), state.most_latency_s)


def _beside_best(state: State, bound: Bound | None, judged: Optimality) -> dict[str, Any]:
    """Return how near it came to the best possible; or only what the best would be, and why not more can be said."""
    measured = judged.of_best is not None
    return {
        "bound_s": bound.bound_s if bound else None,
        "bound_workers_s": bound.bound_workers_s if bound else None,
        "bound_exact": bound.exact if bound else False,
        "greedy_s": bound.greedy_s if bound else None,
        "enough_workers": bound.enough_workers if bound else None,
        "optimality": judged.of_best,
        "of_learned": judged.of_learned,
        "unmeasured": judged.why,
        "lost_to": lost_to(state, bound, state.duration_s) if bound and measured else None,
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
    """Count the items that failed for good, by reason: `gone (404)`, `gave up after 5 (503)`."""
    counts: dict[str, int] = {}
    for failure in state.failures.values():
        if failure.role == "item" and failure.retry_at_utc_s is None:
            what = failure.reason if failure.attempts == 1 else f"gave up after {failure.attempts}"
            text = f"{what} ({failure.status})" if failure.status is not None else what
            counts[text] = counts.get(text, 0) + 1
    return counts
