"""Paging cuts the list into pages: each way reads the query and makes the page, or says what is wrong with it.

By number: Laravel's body, and bare arrays with a Link header (RFC 8288) as GitHub's. By offset and limit: the way of
SQL, where page borders move when the list changes. After the last id seen, in the open (keyset) or sealed (cursor):
nothing is lost or doubled when the list changes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from harness_test_api.catalogue import Catalogue, Record
from harness_test_api.dialects import Headers
from harness_test_api.errors import BadConfig

MOST_PER_PAGE = 100
DEFAULT_PER_PAGE = 10


class BadQuery(Exception):
    """A query parameter that cannot be used; answered with 422."""

    def __init__(self, name: str, text: str, must_be: str = "a whole number of at least 1") -> None:
        self.name = name
        super().__init__(f"{name} must be {must_be}, not {text[:40]!r}")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its JSON value, and headers if it has any."""

    body: Any
    headers: Headers = field(default_factory=list)


class Pager(Protocol):
    """One way of paging, made with `total`: whether the size of the list is told."""

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> Page:
        """The page that `query` asks for; url: of the list, without query. Raises BadQuery."""


def read_number(query: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """The parameter `name`, at least `least`; raises BadQuery."""
    text = query.get(name)
    if text is None:
        return default
    # Python refuses to read numbers of more than 4,300 digits; no list has that many pages.
    if not (text.isascii() and text.isdecimal() and len(text) <= 1000) or int(text) < least:
        raise BadQuery(name, text, f"a whole number of at least {least}")
    return int(text)


def read_per_page(query: Mapping[str, str], name: str = "perPage") -> int:
    """Read how many records a page may have: as asked, at most MOST_PER_PAGE."""
    return min(MOST_PER_PAGE, read_number(query, name, DEFAULT_PER_PAGE))


def link(url: str, **query: object) -> str:
    """Join `url` and a query."""
    return f"{url}?{urlencode(query)}"


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


__all__ = ["PAGERS", "BadQuery", "Page", "Pager", "make_pager"]

PAGERS: dict[str, Callable[[bool], Pager]] = {
    "page": NumberedPages,
    "offset": Offset,
    "cursor": Cursor,
    "link": LinkHeader,
    "keyset": Keyset,
}


def make_pager(name: str, total: bool) -> Pager:
    """The way of paging called `name`; BadConfig for an unknown one."""
    if name not in PAGERS:
        raise BadConfig(f"paging: {name!r} is unknown; use {', '.join(PAGERS)}")
    return PAGERS[name](total)
