"""After the last id seen, in the open (keyset) or sealed (cursor): nothing is lost or doubled when the list changes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_test_api.catalogue import Catalogue, Record
from harness_test_api.paging.base import BadQuery, Page, link, read_per_page


@dataclass(frozen=True)
class Keyset:
    """`?after=ID&perPage=`; `has_more` says whether to go on after the last id of the page."""

    total: bool = True

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        data, more = _after(catalogue, now, query.get("after"), "after", read_per_page(query))
        body: dict[str, Any] = {"data": data, "has_more": more}
        return Page(body | {"total": catalogue.total(now)} if self.total else body)


@dataclass(frozen=True)
class Cursor:
    """`?cursor=&perPage=`; `next_cursor` is to be sent back as it is, null at the end."""

    total: bool = True

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        per_page = read_per_page(query)
        cursor = query.get("cursor")
        key = None if cursor is None else _open(cursor)
        data, more = _after(catalogue, now, key, "cursor", per_page)
        following = _seal(str(data[-1]["id"])) if more else None
        body: dict[str, Any] = {
            "data": data,
            "per_page": per_page,
            "next_cursor": following,
            "next_page_url": link(url, cursor=following, perPage=per_page) if following else None,
        }
        return Page(body | {"total": catalogue.total(now)} if self.total else body)


def _after(catalogue: Catalogue, now: float, key: str | None, name: str, count: int) -> tuple[list[Record], bool]:
    # One more than asked tells whether there is more, without counting the list.
    data = catalogue.after(now, key, count + 1)
    if data is None:
        raise BadQuery(name, key or "", "an id the list has shown")
    return data[:count], len(data) > count


def _seal(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode().rstrip("=")


def _open(cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith("after:") or _seal(text.removeprefix("after:")) != cursor:
        raise BadQuery("cursor", cursor, "a next_cursor as it was given")
    return text.removeprefix("after:")
