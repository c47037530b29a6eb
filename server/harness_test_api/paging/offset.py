"""Offset and limit: the way of SQL, and of everyone who meets the page borders moving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_test_api.catalogue import Catalogue
from harness_test_api.paging.base import Page, link, read_number, read_per_page


@dataclass(frozen=True)
class Offset:
    """`?offset=&limit=`; `next` is the URL of the following page, or null."""

    total: bool = True

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        offset, limit = read_number(query, "offset", 0, least=0), read_per_page(query, "limit")
        total = catalogue.total(now)
        more = offset + limit < total
        body: dict[str, Any] = {
            "data": catalogue.slice(now, offset, limit),
            "offset": offset,
            "limit": limit,
            "next": link(url, offset=offset + limit, limit=limit) if more else None,
        }
        return Page(body | {"total": total} if self.total else body)
