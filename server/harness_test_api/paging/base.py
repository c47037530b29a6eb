"""What every way of paging shares: the query, the page it becomes, and how a bad parameter is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from harness_test_api.catalogue import Catalogue
from harness_test_api.dialects import Headers

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
    """How many records a page may have: as asked, at most MOST_PER_PAGE."""
    return min(MOST_PER_PAGE, read_number(query, name, DEFAULT_PER_PAGE))


def link(url: str, **query: object) -> str:
    """`url` with a query."""
    return f"{url}?{urlencode(query)}"
