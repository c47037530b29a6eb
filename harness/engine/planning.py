"""What an import would do, from two requests: one page of the list, one item."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from harness.api.base import Api, Got
from harness.bound import Bound, Paging, Work, bound
from harness.config import ImportConfig
from harness.engine.answers import Failed, PageRead
from harness.errors import BadInput
from harness.pacing import Notice
from harness.record.events import Key, Kind


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the API says it holds, how fast it answered, and what follows from that.

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


async def look_ahead(api: Api, config: ImportConfig) -> Outlook:
    """Ask for the first page and the first item; BadInput where the list cannot be read."""
    page, records, page_s = await _ask(api, "page", 1)
    if not isinstance(page, PageRead):
        why = f"{page.reason}: {page.detail}" if isinstance(page, Failed) else "it is refused by a rate limit"
        raise BadInput(f"the list cannot be read ({why}); check --url and the credentials")
    latency_s, made, fields = page_s, 1, frozenset[str]()
    if page.ids and config.detail:
        _, payloads, item_s = await _ask(api, "item", page.ids[0])
        latency_s, made, fields = min(page_s, item_s), 2, _fields(payloads)
    work = work_for(page, config)
    return Outlook(
        made,
        work,
        latency_s,
        fields,
        _fields(records[:1]),
        _bound(work, config, latency_s, detail=config.detail),
        _bound(work, config, latency_s, detail=False),
    )


def work_for(page: PageRead, config: ImportConfig) -> Work | None:
    """The requests that an import needs whose first page is `page`; None where it does not say."""
    if page.total is None and page.last_page is None:
        return None
    paging: Paging = "numbered" if page.last_page is not None else "cursor"
    a_page = max(1, len(page.ids))
    total = page.total if page.total is not None else (page.last_page or 1) * a_page
    items = total if config.max_items is None else min(total, config.max_items)
    pages = math.ceil(items / a_page) if config.max_items is not None or page.last_page is None else page.last_page
    return Work(max(1, pages), items, paging, config.detail, None, config.list_cost, config.item_cost)


def _bound(work: Work | None, config: ImportConfig, latency_s: float, *, detail: bool) -> Bound | None:
    if work is None or not config.limits:
        return None
    return bound(replace(work, detail=detail), config.limits, latency_s, config.most_workers)


async def _ask(api: Api, kind: Kind, key: Key) -> tuple[object, list[str], float]:
    """The result, the payloads as JSON texts, and how long it took."""
    began = trio.current_time()
    wanted: Callable[[Notice], bool] = lambda notice: not notice.refused  # noqa: E731
    got: Got | None = await api.fetch(kind, key, wanted)
    took_s = trio.current_time() - began
    if got is None:
        return None, [], took_s
    return got.result, [payload for _, payload in got.payloads], took_s


def _fields(payloads: list[str]) -> frozenset[str]:
    value = json.loads(payloads[0]) if payloads else None
    return frozenset(value) if isinstance(value, dict) else frozenset()
