"""A few requests, one after another, to see whether an API can be imported and what it says of its limits."""

from __future__ import annotations

import json

import trio

from harness.api.base import Api
from harness.config import ImportConfig
from harness.engine.answers import Failed, PageRead, Result
from harness.engine.preview import preview
from harness.errors import BadInput
from harness.pacing import Notice
from harness.record.events import Key, Kind
from harness.views.check import Checked, Told


class _Asker:
    """Asks, and keeps what the headers said and how long it took."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.notices: list[Notice] = []
        self.latencies_s: list[float] = []
        self.payloads: list[str] = []  # of the last answer

    async def page(self, key: Key) -> tuple[PageRead | Failed, int | None]:
        heard = len(self.notices)
        result = await self._ask("page", key)
        assert isinstance(result, (PageRead, Failed))
        return result, self.notices[-1].status if len(self.notices) > heard else None

    async def item(self, key: Key) -> None:
        result = await self._ask("item", key)
        if isinstance(result, Failed):
            raise _unreadable(f"item {key}", result)

    async def _ask(self, kind: Kind, key: Key) -> Result:
        began_s = trio.current_time()
        got = await self._api.fetch(kind, key, self._heard)
        self.latencies_s.append(trio.current_time() - began_s)
        if got is None:
            raise BadInput(f"the {kind} was refused by a rate limit{_when(self.notices[-1])}; try again later")
        self.payloads = [payload for _, payload in got.payloads]
        return got.result

    def _heard(self, notice: Notice) -> bool:
        self.notices.append(notice)
        return not notice.refused


def _unreadable(what: str, failed: Failed) -> BadInput:
    why = f"{failed.reason}: {failed.detail}" if failed.detail else failed.reason
    return BadInput(f"the {what} cannot be read ({why}); check --url and the credentials")


async def check(api: Api, config: ImportConfig, utc_s: float) -> Checked:
    """Ask for the first pages and up to two items; BadInput where they cannot be read. utc_s: the time now."""
    asker = _Asker(api)
    list_fields: frozenset[str] = frozenset()

    async def ask(key: Key) -> tuple[PageRead | Failed, int | None]:
        nonlocal list_fields
        result, status = await asker.page(key)
        list_fields = _fields(asker.payloads) if key == 1 else list_fields
        return result, status

    seen = await preview(ask, accept=config.accept_list)
    if isinstance(seen.first, Failed):
        raise _unreadable("list", seen.first)
    if seen.failed is not None:
        raise _unreadable(f"page {seen.failed[0]} of the list", seen.failed[1])
    fields: frozenset[str] = frozenset()
    if config.detail:
        for item in seen.state.items.in_state("pending")[:2]:
            await asker.item(item)
            fields = fields or _fields(asker.payloads)
    server_s = asker.notices[0].server_utc_s
    return Checked(
        url=config.url or "the test API",
        latencies_s=tuple(asker.latencies_s),
        a_page=len(seen.first.ids),
        items=seen.state.total,
        pages=seen.state.last_page,
        paging=seen.paging,
        item_fields=len(fields),
        alike=bool(fields) and fields <= list_fields,
        told=_told(asker.notices),
        skew_s=None if server_s is None else server_s - utc_s,
        ended=seen.ended,
        problem=seen.problem,
    )


def _told(notices: list[Notice]) -> tuple[Told, ...]:
    """The limits that the last answer told, each with what was left of it in every answer."""
    told = []
    for quota in notices[-1].quotas:
        same = [other for notice in notices for other in notice.quotas if _alike(other, quota)]
        left = tuple(other.remaining for other in same)
        told.append(Told(quota.header or "headers", quota.limit, quota.period_s, left, quota.reset_s))
    return tuple(told)


def _alike(one: object, other: object) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("header", "name", "limit", "period_s"))


def _when(notice: Notice) -> str:
    return "" if notice.retry_after_s is None else f", which asks to wait {notice.retry_after_s:g} s"


def _fields(payloads: list[str]) -> frozenset[str]:
    value = json.loads(payloads[0]) if payloads else None
    return frozenset(value) if isinstance(value, dict) else frozenset()
