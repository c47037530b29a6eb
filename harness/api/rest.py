"""The mapping of a REST API: which URL a page or an item has, and what a list says.

Read without configuration: a list is an array, or an object with the records under `data`, `items` or `results`;
pages are numbered where `last_page` or `total_pages` says how many, or where the total and the first page do, else
each names the next (in the body, in a Link header, or by `has_more` and its last id), else each is followed by another,
to the first that names nothing new.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from harness.api.credentials import origin
from harness.engine.answers import PageRead
from harness.record.events import ItemId, Key, canonical_id, is_same_id
from harness.values import variables_in

# Ten million pages of one item are still a list; more is a number gone wrong.
MOST_PAGES = 10_000_000
_LINK = re.compile(r"""<([^<>]*)>[^<]*?;\s*rel="?([a-z ]+)"?""", re.ASCII | re.IGNORECASE)


class Malformed(Exception):
    """A body that is not what was asked for; the message says why, in words for the failure's detail."""


class Garbled(Malformed):
    """A body that is not even JSON: cut short, or somebody else's page. Asked again it may be whole."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A list at `url` (which may hold `{page}` and `{per_page}`) whose items lie one path segment below it.

    allowed: other hosts (`host` or `host:port`) to which a next link may lead. What the URL's query says with an
    `{env:NAME}` proves who we are, and is said with every request.
    """

    url: str
    per_page: int
    allowed: frozenset[str] = frozenset()

    def page_url(self, page: Key) -> str:
        """Of a numbered page, or the link that the page before it gave."""
        if isinstance(page, str):
            return page
        missing = [] if "{page}" in self.url else [f"page={page}"]
        if not missing or "{per_page}" in self.url:
            url = self.url.replace("{page}", str(page)).replace("{per_page}", str(self.per_page))
        else:
            url, missing = self.url, [*missing, f"perPage={self.per_page}"]
        mark = "&" if urlsplit(url).query else "?"
        return url + mark + "&".join(missing) if missing else url

    def item_url(self, item: ItemId) -> str:
        parts = urlsplit(self.url)
        segment = quote(str(item), safe="")
        # `.` and `..` would be taken for steps through the path.
        segment = segment.replace(".", "%2E") if not segment.strip(".") else segment
        path = parts.path.rstrip("/") + "/" + segment
        return urlunsplit((parts.scheme, parts.netloc, path, "&".join(self._proof()), ""))

    def _proof(self) -> list[str]:
        return [part for part in urlsplit(self.url).query.split("&") if variables_in(part)]

    def read_page(
        self, page: Key, body: str, links: str | None = None
    ) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """What a page of the list says, and its records by id. Malformed where it is no list.

        links: the answer's Link header (RFC 8288), the way on where the body names none. `next_page` is a link, or the
        number of the next page in text.
        """
        return self.page_of(page, _json(body), links)

    def page_of(
        self, page: Key, value: Any, links: str | None = None
    ) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """The same from the JSON value."""
        records = value if isinstance(value, list) else _records(value)
        about = value if isinstance(value, dict) else {}
        if links is not None and not _has_link(about) and (found := _LINK.findall(links)):
            about = {**about, "next": next((url for url, rel in found if "next" in rel.split()), None)}
        elif isinstance(about.get("has_more"), bool) and not _has_link(about):
            about = {**about, "next": self._after(records) if about["has_more"] else None}
        by_id = [(_id(record), record) for record in records]
        last_page, total = self._extent(page, about, len(by_id))
        if last_page is not None and last_page > MOST_PAGES:
            raise Malformed(f"the list says it has {last_page:,} pages; up to {MOST_PAGES:,} can be read")
        next_page = None if last_page is not None else self._next_page(page, about, len(records), total)
        return PageRead(tuple(item for item, _ in by_id), total, last_page, next_page), by_id

    def read_item(self, item: ItemId, body: str) -> tuple[str, bool]:
        """The payload to keep: the item's object as JSON text, out of its `data` envelope if it has one.

        And whether it carries the id it was asked by. Malformed for the answer of another item, of an error or a list.
        """
        value = _json(body)
        inner, carried = self.item_of(item, value)
        return body if inner is value else as_text(inner), carried

    def item_of(self, item: ItemId, value: Any) -> tuple[dict[str, Any], bool]:
        """The same from the JSON value."""
        if not isinstance(value, dict):
            raise Malformed(f"the item is not an object but {_kind(value)}")
        inner: dict[str, Any] = value
        if "id" not in value and isinstance(value.get("data"), dict):
            inner = value["data"]
        found = inner.get("id")
        if is_same_id(found, item):
            return inner, True
        if isinstance(found, (int, float, str)) and not isinstance(found, bool) and found != "":
            raise Malformed(f"the answer is of another item: it carries the id {str(found)[:60]}, not {item}")
        if (error := _error(value) or _error(inner)) is not None:
            raise Malformed(f"the answer tells of an error and carries no id: {error}")
        if _is_page(value):
            raise Malformed("the answer is a page of a list and not an item")
        return inner, False

    def _extent(self, page: Key, about: dict[str, Any], records: int) -> tuple[int | None, int | None]:
        """(last page, total) as far as they are said, or follow from a first page that is not all there is.

        Servers cut `perPage` to what they like: a page shorter than asked for need not be the last.
        """
        last_page = _count(about, "last_page", "total_pages")
        total = _count(about, "total", "total_count", "count")
        if last_page is None and total is not None and page == 1 and not _has_link(about) and total > records > 0:
            last_page = -(-total // records)
        return last_page, total

    def _after(self, records: list[Any]) -> str | None:
        """The page after the last record of this one (keyset paging: `has_more`, and `after=` the last id)."""
        if not records:
            return None
        parts = urlsplit(self.url)
        query = urlencode({"after": _id(records[-1]), "perPage": self.per_page})
        return urlunsplit((*parts[:3], "&".join([query, *self._proof()]), ""))

    def _next_page(self, page: Key, about: dict[str, Any], records: int, total: int | None) -> str | None:
        for name in ("next_page_url", "next"):
            if name in about:
                return None if not about[name] else self._link(page, about[name])
        links = about.get("links")
        if isinstance(links, dict) and "next" in links:
            return None if not links["next"] else self._link(page, links["next"])
        if not isinstance(page, int) or (total is not None and total > records):  # then page 1 has said it all
            return None
        # Nothing says whether there is more, and a short page does not: servers cut `perPage` to what they like. So on
        # to the first that is empty, or that the engine finds to name nothing new.
        return str(page + 1) if records else None

    def _link(self, page: Key, link: Any) -> str:
        """A next link as an absolute URL on the list's own host: credentials go nowhere else."""
        if not isinstance(link, str):
            raise Malformed(f"the link to the next page is not text but {_kind(link)}")
        try:
            url = urljoin(self.page_url(page), link)
            here, there = origin(self.url), origin(url)
        except ValueError:
            here, there, url = ("", "", 0), ("", "", 0), ""
        if not url.isprintable() or there[0] not in ("http", "https", "") or not there[1]:
            raise Malformed("the link to the next page is no URL")
        if here == there:
            return self._with_proof(url)
        if self.allowed.isdisjoint((there[1], f"{there[1]}:{there[2]}", f"[{there[1]}]", f"[{there[1]}]:{there[2]}")):
            where = "{}://{}:{}".format(*there)
            why = f"the next page is on another host, {where}, where credentials must not go"
            raise Malformed(f"{why}; if it is to be trusted, add --allow-host {there[1]}")
        return url

    def _with_proof(self, url: str) -> str:
        """`url` with what proves who we are by its variables' names, whatever of it the server put there."""
        proof = self._proof()
        if not proof:
            return url
        names = {part.partition("=")[0] for part in proof}
        parts = urlsplit(url)
        kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] not in names]
        return urlunsplit((*parts[:3], "&".join([*kept, *proof]), ""))


def as_text(value: Any) -> str:
    """JSON text that can be stored: escaped where it holds half a surrogate pair, which UTF-8 cannot."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_storable(text) else json.dumps(value)


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_link(about: dict[str, Any]) -> bool:
    links = about.get("links")
    return any(name in about for name in ("next_page_url", "next")) or (isinstance(links, dict) and "next" in links)


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"the body is not JSON ({error})") from None


def _records(value: Any) -> list[Any]:
    if isinstance(value, dict):
        for name in ("data", "items", "results"):
            if isinstance(value.get(name), list):
                records: list[Any] = value[name]
                return records
    raise Malformed("the body holds no list: neither an array nor an object with data, items or results")


def _id(record: Any) -> ItemId:
    found = record.get("id") if isinstance(record, dict) else None
    if isinstance(found, (int, str)) and not isinstance(found, bool) and found != "" and _is_storable(str(found)):
        return canonical_id(found)
    raise Malformed("a record of the list has no usable id")


def _count(about: dict[str, Any], *names: str) -> int | None:
    found = next((about[name] for name in names if name in about), None)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**53 else None


def _error(about: dict[str, Any]) -> str | None:
    """What an answer says of an error: `success` or `ok` that is false, `error` or `errors` with something in it."""
    for name in ("error", "errors"):
        if about.get(name):
            return f"{name}: {json.dumps(about[name], ensure_ascii=False)[:120]}"
    return next((f"{name}: false" for name in ("success", "ok") if str(about.get(name)).lower() == "false"), None)


# Beside records under `data` each of these tells a page of a list; an order, too, may have `items` and a `total`.
_OF_PAGES = ("last_page", "total_pages", "next_page_url", "has_more", "per_page", "next")
_OF_DATA = (*_OF_PAGES, "total", "total_count", "count", "page", "links", "meta")


def _is_page(about: dict[str, Any]) -> bool:
    for name, of_pages in (("data", _OF_DATA), ("items", _OF_PAGES), ("results", _OF_PAGES)):
        records = about.get(name)
        if isinstance(records, list) and any(field in about for field in of_pages):
            return all(isinstance(record, dict) and "id" in record for record in records)
    return False


def _kind(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "text", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )
