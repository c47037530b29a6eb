"""Estimate what an import would do, from a few requests: a page or a few of the list, one item."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import trio

from harness.bound import Bound, Paging, Work, bound
from harness.config import ImportConfig
from harness.core.answers import Failed, PageRead
from harness.errors import BadInput
from harness.pacing import Notice, format_tiers
from harness.pacing.routes import several
from harness.record.events import Key, PageRef, Role
from harness.record.state import State
from harness.session.checking import preview, unreadable
from harness.session.factory import credentials_of
from harness.session.plans import work_of
from harness.source.base import Api, Got


@dataclass(frozen=True, slots=True)
class Outlook:
    """The API as it says it is: what it holds, how fast it answered, and what follows from that.

    requests_made: by looking. work: None where the list does not say how much there is. fields: those of an item,
    and list_fields those of a list's record. bound: None without work or limits; list_bound: without item requests.
    """

    requests_made: int
    work: Work | None
    latency_s: float
    fields: frozenset[str]
    list_fields: frozenset[str]
    bound: Bound | None
    list_bound: Bound | None


@dataclass(frozen=True, slots=True)
class ListOnly:
    """The list's records already hold every field of the items: what an import without detail would take."""

    fields: int
    requests: int
    best_s: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """An import as it would run. Seconds end in `_s`; None is what is not known.

    requests_made: by the dry run itself. best_s: with any number of workers; best_workers_s: with `workers`.
    latency_s: the least round trip, on which enough_workers rests.
    """

    requests_made: int
    requests_page: int | None
    requests_item: int | None
    limits: str
    limits_source: str
    best_s: float | None
    best_workers_s: float | None
    latency_s: float | None
    workers: int
    enough_workers: int | None
    list_only: ListOnly | None = None


async def look_ahead(api: Api, config: ImportConfig) -> Outlook:
    """Ask for the first page, for more of them where it does not say how much there is, and for the first item.

    BadInput where the list cannot be read, or an import of it could not end as complete.
    """
    records: list[str] = []
    times_s: list[float] = []

    async def ask(key: PageRef) -> tuple[PageRead | Failed, int | None]:
        result, payloads, status, took_s = await _ask(api, "list", key)
        times_s.append(took_s)
        records.extend(payloads[:1])
        if isinstance(result, (PageRead, Failed)):
            return result, status
        return Failed("it is refused by a rate limit"), status

    seen = await preview(ask, accept=config.source.accept_list, brief=True)
    failed = seen.first if isinstance(seen.first, Failed) else seen.failed[1] if seen.failed is not None else None
    if failed is not None:
        raise unreadable("list", failed)
    assert isinstance(seen.first, PageRead)
    if seen.problem and config.run.max_items is None:
        raise BadInput(f"an import could not end as complete: {seen.problem}")
    fields = frozenset[str]()
    listed = seen.state.items.in_state("pending")
    if listed and config.source.details:
        _, payloads, _, item_s = await _ask(api, "item", listed[0])
        times_s.append(item_s)
        fields = _fields(payloads)
    work, latency_s = work_for(seen.first, seen.state, config), min(times_s)
    return Outlook(
        len(times_s),
        work,
        latency_s,
        fields,
        _fields(records[:1]),
        _bound(work, config, latency_s, detail=config.source.details),
        _bound(work, config, latency_s, detail=False),
    )


def work_for(page: PageRead, state: State, config: ImportConfig) -> Work | None:
    """Return the requests that an import needs whose first page is `page`; None where the list does not say.

    state: what is known after all pages that were read.
    """
    if state.total is None and state.last_page is None:
        return None
    last, total = state.last_page, state.total
    paging: Paging = "numbered" if last is not None else "cursor"
    a_page = max(1, len(page.ids))
    total = total if total is not None else (last or 1) * a_page
    items = total if config.run.max_items is None else min(total, config.run.max_items)
    pages = math.ceil(items / a_page) if config.run.max_items is not None or last is None else last
    return work_of(config, pages, items, paging)


def _bound(work: Work | None, config: ImportConfig, latency_s: float, *, detail: bool) -> Bound | None:
    if work is None or not config.limits:
        return None
    limits = several(config.limits, len(credentials_of(config)))
    return bound(replace(work, detail=detail), limits, latency_s, config.pacing.most_workers)


def plan_of(outlook: Outlook, config: ImportConfig) -> Plan:
    """Return what an import would do, by what was seen of the API."""
    work, best = outlook.work, outlook.bound
    only = None
    if work is not None and config.source.details and outlook.fields and outlook.fields <= outlook.list_fields:
        best_s = outlook.list_bound.bound_s if outlook.list_bound else None
        only = ListOnly(len(outlook.fields), work.pages, best_s)
    return Plan(
        requests_made=outlook.requests_made,
        requests_page=work.pages if work else None,
        requests_item=work.details if work else None,
        limits=format_tiers(config.limits) if config.limits else "",
        limits_source="declared" if config.pacing.limit is not None or config.source.url is None else "unknown",
        best_s=best.bound_s if best else None,
        best_workers_s=best.bound_workers_s if best else None,
        latency_s=outlook.latency_s,
        workers=config.pacing.most_workers,
        enough_workers=best.enough_workers if best else None,
        list_only=only,
    )


async def _ask(api: Api, role: Role, key: Key) -> tuple[object, list[str], int | None, float]:
    """Return the result, the payloads as JSON texts, the status, and how long it took."""
    began = trio.current_time()
    statuses: list[int] = []

    def wanted(notice: Notice) -> bool:
        statuses.append(notice.status)
        return not notice.refused

    got: Got | None = await api.fetch(role, key, wanted)
    took_s, status = trio.current_time() - began, statuses[0] if statuses else None
    return (None, [], status, took_s) if got is None else (got.result, [p for _, p in got.payloads], status, took_s)


def _fields(payloads: list[str]) -> frozenset[str]:
    value = json.loads(payloads[0]) if payloads else None
    return frozenset(value) if isinstance(value, dict) else frozenset()
