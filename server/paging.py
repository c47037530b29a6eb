"""How a list is cut into pages: the answer's body, and what a query may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.catalogue import Catalogue

MOST_PER_PAGE = 100
_DEFAULT_PER_PAGE = 10


class BadQuery(Exception):
    """A query parameter that cannot be used; answered with 422."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        super().__init__(f"{name} must be a whole number of at least 1, not {text[:40]!r}")


def read_number(query: Mapping[str, str], name: str, default: int) -> int:
    """The parameter `name`, at least 1; raises BadQuery."""
    text = query.get(name)
    if text is None:
        return default
    # Python refuses to read numbers of more than 4,300 digits; no list has that many pages.
    if not (text.isascii() and text.isdecimal() and len(text) <= 1000) or int(text) < 1:
        raise BadQuery(name, text)
    return int(text)


def numbered_page(catalogue: Catalogue, now: float, query: Mapping[str, str], path: str) -> dict[str, Any]:
    """Laravel's length-aware page: `?page=&perPage=`; a page out of range has empty data. path: the list's URL."""
    page = read_number(query, "page", 1)
    per_page = min(MOST_PER_PAGE, read_number(query, "perPage", _DEFAULT_PER_PAGE))
    total = catalogue.total(now)
    last = max(1, -(-total // per_page))
    offset = (page - 1) * per_page
    data = catalogue.slice(now, offset, per_page)

    def url(number: int) -> str:
        return f"{path}?page={number}&perPage={per_page}"

    return {
        "current_page": page,
        "data": data,
        "first_page_url": url(1),
        "from": offset + 1 if data else None,
        "last_page": last,
        "last_page_url": url(last),
        "next_page_url": url(page + 1) if page < last else None,
        "path": path,
        "per_page": per_page,
        "prev_page_url": url(page - 1) if page > 1 else None,
        "to": offset + len(data) if data else None,
        "total": total,
    }
