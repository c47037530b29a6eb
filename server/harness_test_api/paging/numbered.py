"""Pages by number: Laravel's body, and bare arrays with a Link header (RFC 8288) as GitHub's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness_test_api.catalogue import Catalogue, Record
from harness_test_api.paging.base import Page, link, read_number, read_per_page


@dataclass(frozen=True)
class _Cut:
    """One numbered page cut out of the list; last: None where the total is not told."""

    number: int
    per_page: int
    data: list[Record]
    more: bool
    total: int
    last: int


def _cut(catalogue: Catalogue, now: float, query: Mapping[str, str]) -> _Cut:
    number, per_page = read_number(query, "page", 1), read_per_page(query)
    total = catalogue.total(now)
    last = max(1, -(-total // per_page))
    data = catalogue.slice(now, (number - 1) * per_page, per_page)
    return _Cut(number, per_page, data, number < last, total, last)


@dataclass(frozen=True)
class NumberedPages:
    """`?page=&perPage=`; Laravel's length-aware body, or its simple one without total and last page.

    A page out of range has empty data.
    """

    total: bool = True

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        cut = _cut(catalogue, now, query)

        def at(number: int) -> str:
            return link(url, page=number, perPage=cut.per_page)

        offset = (cut.number - 1) * cut.per_page
        body: dict[str, Any] = {
            "current_page": cut.number,
            "data": cut.data,
            "first_page_url": at(1),
            "from": offset + 1 if cut.data else None,
            "last_page": cut.last,
            "last_page_url": at(cut.last),
            "next_page_url": at(cut.number + 1) if cut.more else None,
            "path": url,
            "per_page": cut.per_page,
            "prev_page_url": at(cut.number - 1) if cut.number > 1 else None,
            "to": offset + len(cut.data) if cut.data else None,
            "total": cut.total,
        }
        if not self.total:
            for name in ("last_page", "last_page_url", "total"):
                del body[name]
        return Page(body)


@dataclass(frozen=True)
class LinkHeader:
    """`?page=&perPage=`; the body is the bare array, the way on is in `Link`; `last` only where the total is told."""

    total: bool = True

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        cut = _cut(catalogue, now, query)
        targets = {"first": 1}
        if cut.number > 1:
            targets["prev"] = cut.number - 1
        if cut.more:
            targets["next"] = cut.number + 1
        if self.total:
            targets["last"] = cut.last
        links = (f'<{link(url, page=n, perPage=cut.per_page)}>; rel="{rel}"' for rel, n in targets.items())
        return Page(cut.data, [("Link", ", ".join(links))])
