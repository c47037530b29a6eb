"""The mapping of a REST API: which URL a page or an item has, and what a list says.

Read without configuration: a list is an array, or an object with the records under `data`, `items` or `results`;
pages are numbered where `last_page` or `total_pages` says how many, else each names the next, else a full page is
followed by another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from harness.engine.answers import PageRead
from harness.record.events import ItemId, Key, canonical_id


class Malformed(Exception):
    """A body that is not what was asked for; the message says why, in words for the failure's detail."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A list at `url` (which may hold `{page}` and `{per_page}`) whose items lie one path segment below it."""

    url: str
    per_page: int

    def page_url(self, page: Key) -> str:
        """Of a numbered page, or the link that the page before it gave."""
        if isinstance(page, str):
            return page
        if "{page}" in self.url:
            return self.url.replace("{page}", str(page)).replace("{per_page}", str(self.per_page))
        mark = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{mark}page={page}&perPage={self.per_page}"

    def item_url(self, item: ItemId) -> str:
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/") + "/" + quote(str(item), safe="")
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def read_page(self, page: Key, body: str) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """What a page of the list says, and its records by id. Malformed where it is no list."""
        return self.page_of(page, _json(body))

    def page_of(self, page: Key, value: Any) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """The same from the JSON value."""
        records = value if isinstance(value, list) else _records(value)
        about = value if isinstance(value, dict) else {}
        by_id = [(_id(record), record) for record in records]
        last_page = _count(about, "last_page", "total_pages")
        next_page = None if last_page is not None else self._next_page(page, about, len(records))
        total = _count(about, "total", "total_count", "count")
        return PageRead(tuple(item for item, _ in by_id), total, last_page, next_page), by_id

    def read_item(self, body: str) -> str:
        """The payload to keep: the item's object as JSON text, out of its `data` envelope if it has one."""
        value = _json(body)
        if not isinstance(value, dict):
            raise Malformed(f"the item is not an object but {_kind(value)}")
        if "id" not in value and isinstance(value.get("data"), dict):
            return json.dumps(value["data"], ensure_ascii=False)
        return body

    def _next_page(self, page: Key, about: dict[str, Any], records: int) -> str | None:
        for name in ("next_page_url", "next"):
            if name in about:
                return None if not about[name] else self._link(page, about[name])
        links = about.get("links")
        if isinstance(links, dict) and "next" in links:
            return None if not links["next"] else self._link(page, links["next"])
        return str(page + 1) if isinstance(page, int) and records >= self.per_page else None

    def _link(self, page: Key, link: Any) -> str:
        """A next link as an absolute URL on the list's own host: credentials go nowhere else."""
        if not isinstance(link, str):
            raise Malformed(f"the link to the next page is not text but {_kind(link)}")
        url = urljoin(self.page_url(page), link)
        here, there = urlsplit(self.url), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise Malformed(f"the next page is on another host, {there.netloc}")
        return url


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON ({error})") from None


def _records(value: Any) -> list[Any]:
    if isinstance(value, dict):
        for name in ("data", "items", "results"):
            if isinstance(value.get(name), list):
                records: list[Any] = value[name]
                return records
    raise Malformed("the body holds no list: neither an array nor an object with data, items or results")


def _id(record: Any) -> ItemId:
    found = record.get("id") if isinstance(record, dict) else None
    if isinstance(found, bool) or not isinstance(found, (int, str)) or found == "":
        raise Malformed("a record of the list has no usable id")
    return canonical_id(found)


def _count(about: dict[str, Any], *names: str) -> int | None:
    found = next((about[name] for name in names if name in about), None)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**53 else None


def _kind(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "text", type(None): "null"}.get(type(value), "a number")
