"""Estimate what an import would do, from a few requests: a page or a few of the list, one item."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.account.account import Account
from harness.bound import Bound, Paging, Work, bound
from harness.config import ImportConfig
from harness.core.answers import Failed, PageRead
from harness.core.choosing import misnamed
from harness.errors import BadInput
from harness.pacing import Tiers, format_tiers
from harness.pacing.routes import several
from harness.record.state import State
from harness.session.asking import Asker, Sampled, rivals_of, samples, unreadable
from harness.session.factory import credentials_of
from harness.session.plans import Facts, Option as Option, options, work_of
from harness.session.preview import preview
from harness.source.base import Api


@dataclass(frozen=True, slots=True)
class Outlook:
    """The API as it says it is: what it holds, how fast it answered, and what follows from that.

    requests_made: by looking. work: None where the list does not say how much there is. bound: None without work or
    limits; list_bound: without item requests. plans: the ways to import it; plans_of: of how many items, where the list
    does not say.
    """

    requests_made: int
    work: Work | None
    latency_s: float
    sampled: Sampled
    bound: Bound | None
    list_bound: Bound | None
    plans: tuple[Option, ...] = ()
    plans_of: int | None = None


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
    latency_s: the least round trip, on which enough_workers rests. plans, plans_of: as of an `Outlook`.
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
    plans: tuple[Option, ...] = ()
    plans_of: int | None = None


async def look_ahead(api: Api, config: ImportConfig, account: Account | None = None, kept: Tiers = ()) -> Outlook:
    """Ask for the first page, for more of them where it does not say how much there is, and for the first item.

    account, kept: as of an `Asker`. BadInput where the list cannot be read, or an import of it could not end as
    complete.
    """
    asker = Asker(api, config, account, kept)
    seen = await preview(asker.page, accept=config.source.accept_list, brief=True)
    failed = seen.first if isinstance(seen.first, Failed) else seen.failed[1] if seen.failed is not None else None
    if failed is not None:
        raise unreadable("list", failed)
    assert isinstance(seen.first, PageRead)
    if seen.problem and config.run.max_items is None:
        raise BadInput(f"an import could not end as complete: {seen.problem}")
    sampled, missing = await samples(asker, seen, api, config)
    if missing and (rivals := rivals_of(api)):
        raise BadInput(f"an import could not end as complete: {misnamed(missing, rivals)}")
    if missing:
        sampled = Sampled(is_same=True)  # none lies there, so an import takes the list's records
    work, latency_s = work_for(seen.first, seen.state, config), min(asker.latencies_s)
    facts = Facts.of(seen, api, config, sampled)
    listed = config.source.chooses and bool(sampled.is_same)  # the import takes items from the list
    return Outlook(
        len(asker.latencies_s),
        work,
        latency_s,
        sampled,
        _bound(work, config, latency_s, detail=config.source.details and not listed),
        _bound(work, config, latency_s, detail=False),
        options(facts, config, config.limits, latency_s),
        None if facts.is_known else facts.items,
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
    taken = next((one for one in outlook.plans if one.is_taken), None) if outlook.plans_of is None else None
    if work is not None and config.source.detail is True and outlook.sampled.is_same and outlook.sampled.fields:
        best_s = outlook.list_bound.bound_s if outlook.list_bound else None
        only = ListOnly(len(outlook.sampled.fields), work.pages, best_s)
    return Plan(
        requests_made=outlook.requests_made,
        requests_page=work.pages if work else None,
        requests_item=None if work is None else work.details if taken is None else taken.items,
        limits=format_tiers(config.limits) if config.limits else "",
        limits_source="declared" if config.pacing.limit is not None or config.source.url is None else "unknown",
        best_s=best.bound_s if best else None,
        best_workers_s=best.bound_workers_s if best else None,
        latency_s=outlook.latency_s,
        workers=config.pacing.most_workers,
        enough_workers=best.enough_workers if best else None,
        list_only=only,
        plans=outlook.plans,
        plans_of=outlook.plans_of,
    )
