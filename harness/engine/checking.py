"""A few requests, one after another, to see whether an API can be imported and what it says of its limits."""

from __future__ import annotations

import json

import trio

from harness.api.base import Api
from harness.config import ImportConfig
from harness.engine.answers import Failed, PageRead, Result
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

    async def ask(self, kind: Kind, key: Key) -> tuple[Result, list[str]]:
        began_s = trio.current_time()
        got = await self._api.fetch(kind, key, self._heard)
        self.latencies_s.append(trio.current_time() - began_s)
        if got is None:
            raise BadInput(f"the {kind} was refused by a rate limit{_when(self.notices[-1])}; try again later")
        if isinstance(got.result, Failed):
            what = "list" if kind == "page" else f"item {key}"
            why = f"{got.result.reason}: {got.result.detail}" if got.result.detail else got.result.reason
            raise BadInput(f"the {what} cannot be read ({why}); check --url and the credentials")
        return got.result, [payload for _, payload in got.payloads]

    def _heard(self, notice: Notice) -> bool:
        self.notices.append(notice)
        return not notice.refused


async def check(api: Api, config: ImportConfig, utc_s: float) -> Checked:
    """Ask for the first page and for up to two items; BadInput where that does not go well. utc_s: the time now."""
    asker = _Asker(api)
    page, records = await asker.ask("page", 1)
    assert isinstance(page, PageRead)
    fields: frozenset[str] = frozenset()
    if config.detail:
        for item in page.ids[:2]:
            _, payloads = await asker.ask("item", item)
            fields = fields or _fields(payloads)
    server_s = asker.notices[0].server_utc_s
    return Checked(
        url=config.url or "the test API",
        latencies_s=tuple(asker.latencies_s),
        a_page=len(page.ids),
        items=page.total,
        pages=page.last_page,
        paging="pages are numbered" if page.last_page is not None else "each page names the next",
        item_fields=len(fields),
        alike=bool(fields) and fields <= _fields(records),
        told=_told(asker.notices),
        skew_s=None if server_s is None else server_s - utc_s,
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
