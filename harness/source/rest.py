"""The mapping of a REST API: which URL a page or an item has, and what a list says.

Read without configuration: a list is an array, or an object with the records under `data`, `items` or `results`;
pages are numbered where `last_page` or `total_pages` says how many, or where the total and the first page do, else
each names the next (in the body, in a Link header, or by `has_more` and its last id), else each is followed by another.
What a page says is read here; where the list ends is judged by `harness.core.listing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from harness.core.answers import BatchRead, PageRead
from harness.record.discovery import holds_number, shown
from harness.record.events import FIRST_PAGE, Batch, ItemId, PageRef, canonical_id, is_same_id, linked
from harness.source.batches import batch_url, match_batch
from harness.source.credentials import origin
from harness.source.declared import declared, link_targets, whole
from harness.source.remarks import remarks, tells_of_error
from harness.source.way_on import error_told, hints_at_error, ways_on, words_of
from harness.values import variables_in

# Ten million pages of one item are still a list; more is a number gone wrong.
MOST_PAGES = 10_000_000
_RECORDS = ("data", "items", "results")
# Fields that are read for what they are: the others are searched for a way on.
_NEXT = ("next_page_url", "next")
_NO_HEADERS: Mapping[str, str] = {}


class Malformed(Exception):
    """A body that is not what was asked for; the message says why, in words for the failure's detail.

    past_end: what came, in words for people, where it ends a list if the page was only guessed; else None.
    remarks: what the body says of itself, which may take that back.
    """

    def __init__(self, why: str, past_end: str | None = None, remarks: str = "") -> None:
        super().__init__(why)
        self.past_end = past_end
        self.remarks = remarks


class Garbled(Malformed):
    """A body that is not even JSON: cut short, or somebody else's page. Asked again it may be whole."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A list at `url` (which may hold `{page}` and `{per_page}`) whose items lie one path segment below it.

    allowed: other hosts (`host` or `host:port`) to which a next link may lead. What the URL's query says with an
    `{env:NAME}` proves who we are, and is said with every request. item: the URL of a batch of items, with `{ids:100}`.
    """

    url: str
    per_page: int
    allowed: frozenset[str] = frozenset()
    item: str | None = None

    def page_url(self, page: PageRef) -> str:
        """Return the URL of a page: its own, or the list's with the page's number."""
        if page.kind == "url":
            return str(page)
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
        self, page: PageRef, body: str, headers: Mapping[str, str] = _NO_HEADERS, *, kept: bool = False
    ) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """Return what a page of the list says, and its records by id. Malformed where it is no list.

        headers: of the answer, by lower-case name, lines of one name joined. `next_page` is a link, never a guess.
        kept: the records are the items, so two with one id must be the same.
        """
        if not body.strip():
            raise Garbled("the body is empty", "has an empty body")
        return self.page_of(page, _json(body), headers, kept=kept)

    def page_of(
        self, page: PageRef, value: Any, headers: Mapping[str, str] = _NO_HEADERS, *, kept: bool = False
    ) -> tuple[PageRead, list[tuple[ItemId, dict[str, Any]]]]:
        """Read the same from a JSON value that was parsed already."""
        url = self.page_url(page)
        name, records = _records(value, url)
        about = {key: inner for key, inner in value.items() if key != name} if isinstance(value, dict) else {}
        if error_told(about) is not None:
            raise Malformed(_says_error(about))
        by_id = [(_id(record), record) for record in records]
        _check_unique(by_id, kept=kept)
        found = ways_on(about, headers, url, _followed(about))
        way, next_page = self._way(page, about, headers, records)
        last_page, total, said_by = _extent(about, headers, url, numbered=page.number is not None and next_page is None)
        self._check_extent(last_page, 0 if said_by or way else total or 0, page, len(by_id))
        more = found.more if next_page is None or found.more is False else None
        unread = () if next_page is not None else (*found.ways, *_lost_link(headers.get("link") or ""))
        counted = page.number is not None and page.number < (last_page or 0) and way != "has_more"
        if counted and next_page is not None and holds_number(next_page, (page.number or 0) + 1):
            way = next_page = None  # the count of pages is enough, and lets them be read side by side
        ids = tuple(item for item, _ in by_id)
        says = remarks(about, url)
        following = None if next_page is None else linked(next_page)
        read = PageRead(ids, total, last_page, following, way, more, ", ".join(unread), said_by=said_by, remarks=says)
        return read, by_id

    def batch_url(self, batch: Batch) -> str:
        """Return the URL that asks for several items."""
        assert self.item is not None, "a batch without its URL"
        return batch_url(self.item, batch)

    def read_batch(self, batch: Batch, body: str) -> tuple[BatchRead, list[tuple[ItemId, str]]]:
        """Return which of the items an answer holds, and their payloads. Malformed where it holds no records."""
        _, records = _records(_json(body), self.batch_url(batch))
        read, by_id = match_batch(batch, [(_id(record), record) for record in records])
        texts = [(item, as_text(record)) for item, record in by_id.items()]
        return replace(read, sizes_bytes={item: len(text) for item, text in texts}), texts

    def read_item(self, item: ItemId, body: str) -> tuple[str, bool, ItemId | None]:
        """Return the payload to keep: the item's object as JSON text, out of its `data` envelope if it has one.

        And whether it carries the id it was asked by, and the id where it spells it in another case. Malformed for the
        answer of another item, of an error or a list, and for an empty object.
        """
        value = _json(body)
        inner, carried = self.item_of(item, value)
        spelt = canonical_id(str(inner["id"])) if carried and isinstance(item, str) else item
        return body if inner is value else as_text(inner), carried, None if spelt == item else spelt

    def item_of(self, item: ItemId, value: Any) -> tuple[dict[str, Any], bool]:
        """Read the same from a JSON value that was parsed already."""
        if not isinstance(value, dict):
            raise Malformed(f"the item is not an object but {_kind(value)}")
        inner: dict[str, Any] = value
        if "id" not in value and isinstance(value.get("data"), dict):
            inner = value["data"]
        found = inner.get("id")
        if is_same_id(found, item):
            return inner, True
        if isinstance(found, (int, float, str)) and not isinstance(found, bool) and found != "":
            raise Malformed(f"the answer is for another item: its id is {str(found)[:60]}, not {item}")
        if (error := error_told(value) or error_told(inner)) is not None:
            raise Malformed(f"the answer reports an error and has no id: {error}")
        if (said := tells_of_error(value) or tells_of_error(inner)) is not None:
            raise Malformed(f"the answer reports an error and has no id: {said}")
        if not inner:
            raise Malformed("the item is an empty object")
        if _is_page(value):
            raise Malformed("the answer is a page of a list, not an item")
        return inner, False

    def _check_extent(self, last_page: int | None, total: int, page: PageRef, records: int) -> None:
        implied = -(-total // records) if page == FIRST_PAGE and records else 0
        if (pages := max(last_page or 0, implied)) > MOST_PAGES:
            raise Malformed(f"the list says it has {pages:,} pages; up to {MOST_PAGES:,} can be read")

    def _way(
        self, page: PageRef, about: dict[str, Any], headers: Mapping[str, str], records: list[Any]
    ) -> tuple[str | None, str | None]:
        """Return (the field that speaks of the next page, the link in it or None)."""
        spoken = list(_spoken(about))
        for name, link in spoken:
            if link and isinstance(link, str):
                return name, self._link(page, link)
        for link in link_targets(headers.get("link") or "", "next"):
            return "Link", self._link(page, link)
        if about.get("has_more") is True and records and not any(link for _, link in spoken):
            return "has_more", self._after(records)
        return next((name for name, link in spoken if not link), None), None

    def _after(self, records: list[Any]) -> str:
        """Return the page after the last record of this one (keyset paging: `has_more`, and `after=` the last id)."""
        parts = urlsplit(self.url)
        query = urlencode({"after": _id(records[-1]), "perPage": self.per_page})
        return urlunsplit((*parts[:3], "&".join([query, *self._proof()]), ""))

    def _link(self, page: PageRef, link: str) -> str:
        """Return a next link as an absolute URL on the list's own host: credentials go nowhere else."""
        try:
            url = urljoin(self.page_url(page), link)
            here, there = origin(self.url), origin(url)
        except ValueError:
            here, there, url = ("", "", 0), ("", "", 0), ""
        if not url.isprintable() or there[0] not in ("http", "https", "") or not there[1]:
            raise Malformed("the link to the next page is not a URL")
        if here == there:
            return self._with_proof(url)
        if self.allowed.isdisjoint((there[1], f"{there[1]}:{there[2]}", f"[{there[1]}]", f"[{there[1]}]:{there[2]}")):
            where = "{}://{}:{}".format(*there)
            why = f"the next page is on another host, {where}, which must not receive the credentials"
            raise Malformed(f"{why}; if you trust it, add --allow-host {there[1]}")
        return url

    def _with_proof(self, url: str) -> str:
        """Return `url` with what proves who we are by its variables' names, whatever of it the server put there."""
        proof = self._proof()
        if not proof:
            return url
        names = {part.partition("=")[0] for part in proof}
        parts = urlsplit(url)
        kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] not in names]
        return urlunsplit((*parts[:3], "&".join([*kept, *proof]), ""))


def as_text(value: Any) -> str:
    """Return JSON text that can be stored: escaped where it holds half a surrogate pair, which UTF-8 cannot."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_storable(text) else json.dumps(value)


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spoken(about: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields in which a body speaks of the next page, whatever they hold."""
    yield from ((name, about[name]) for name in _NEXT if name in about)
    links = about.get("links")
    if isinstance(links, dict) and "next" in links:
        yield "links.next", links["next"]


def _lost_link(header: str) -> list[str]:
    """Name the Link header, in a list, where it speaks of a next page in a form that cannot be read."""
    return ["header Link"] if "next" in header.lower().replace('"', " ").replace("=", " ").split() else []


def _followed(about: dict[str, Any]) -> set[str]:
    """Return the fields that `_way` reads for what they are: text or nothing, but no number or object."""
    return {name for name, link in _spoken(about) if not link or isinstance(link, str)}


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"the body is not JSON ({error})") from None


def _records(value: Any, sent: str) -> tuple[str, list[Any]]:
    """Return the field that holds the records, and the records. Malformed where there is none, see `past_end` there.

    The first field with a list that is not empty: beside the records, `data` may be an empty list.
    """
    if isinstance(value, list):
        return "", value
    if isinstance(value, dict):
        lists = [name for name in _RECORDS if isinstance(value.get(name), list)]
        if lists:
            name = next((name for name in lists if value[name]), lists[0])
            return name, value[name]
    if error_told(value) is not None:
        raise Malformed(_says_error(value))
    says = remarks(value, sent) if isinstance(value, dict) else ""
    why = "the body holds no list: neither an array nor an object with data, items or results"
    if says:
        why = f"{why}; it says {shown(says)}"
    raise Malformed(why, _lacks_records(value), says)


def _says_error(about: dict[str, Any]) -> str:
    return f"the list reports an error: {as_text(about)[:200]}"


def _lacks_records(value: Any) -> str | None:
    """Return `is null`, or `holds no records` for an object that has none under any name and tells of no error; else
    None.
    """
    if value is None:
        return "is null"
    if not isinstance(value, dict) or hints_at_error(value) or any(value.get(name) for name in _RECORDS):
        return None
    lists = any(isinstance(inner, list) and inner for inner in value.values())
    return None if lists else "holds no records"


def _id(record: Any) -> ItemId:
    found = record.get("id") if isinstance(record, dict) else None
    if isinstance(found, (int, str)) and not isinstance(found, bool) and found != "" and _is_storable(str(found)):
        return canonical_id(found)
    raise Malformed("a record of the list has no usable id")


def _check_unique(by_id: list[tuple[ItemId, Any]], *, kept: bool) -> None:
    """Raise Malformed where one id stands for two records: a search for films and series may name a film and a series
    so.

    Where details are fetched, rows of one item may differ; then only records of different types are two.
    """
    first: dict[ItemId, Any] = {}
    for item, record in by_id:
        other = first.setdefault(item, record)
        if other is record:
            continue
        differing = [name for name in (other.keys() | record.keys()) - {"id"} if other.get(name) != record.get(name)]
        if any(kept or set(words_of(name)) & {"type", "kind"} for name in differing):
            raise Malformed(f"the page names the id {item} twice, with different records: ids are not unique here")


def _count(about: dict[str, Any], *names: str) -> int | None:
    return whole(next((about[name] for name in names if name in about), None))


def _extent(
    about: dict[str, Any], headers: Mapping[str, str], url: str, *, numbered: bool
) -> tuple[int | None, int | None, str]:
    """Return (last page, total, the fields that say so where they are not the usual ones of the body).

    numbered: pages are read by number. A count of pages that is said elsewhere is nothing to pages that are linked.
    """
    last_page, total = _count(about, "last_page", "total_pages"), _count(about, "total", "total_count", "count")
    said, by = declared(about, headers, url), []
    if "total" in said and said["total"].value > (total or 0):
        total, by = said["total"].value, [said["total"].by]
    if numbered and "pages" in said and (last_page or 0) < said["pages"].value <= MOST_PAGES:
        last_page, by = said["pages"].value, [*by, said["pages"].by]
    return last_page, total, ", ".join(by)


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
    return {list: "an array", dict: "an object", str: "text", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
