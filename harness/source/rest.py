"""The mapping of a REST API: the request of a page or an item, and what a list says.

What a `Source` declares is sent and read as declared, and nothing else is sent, for some APIs refuse a parameter they
do not know. What it leaves open is read by rules: a list is an array, or an object with the records under `data`,
`items` or `results`; pages are numbered where `last_page` or `total_pages` says
how many, or where the total and the first page do, else each names the next (in the body, in a Link header, or by
`has_more` and its last id), else each is followed by another. What a page says is read here (`harness.source.paging`
for declared ways on, `harness.source.records` for records and items); where the list ends is judged by
`harness.core.listing`.

**Where requests go.** A link, or an item's URL that a record names, may lead to the list's own origin, or to a host
that was allowed, without credentials; anywhere else it is refused before it is asked. Of a service that spells its own
host in several ways (`same_host`), links are rewritten to the list's origin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from harness.core.answers import BatchRead, PageRead
from harness.record.discovery import holds_number
from harness.record.events import FIRST_PAGE, Batch, ItemId, Key, PageRef, linked
from harness.source.batches import match_batch
from harness.source.declared import link_targets, whole
from harness.source.fail_when import failed_by
from harness.source.formats import may_be_json, no_list
from harness.source.guess_fields import singular
from harness.source.links import Links, with_parameters
from harness.source.paging import USUAL_SIZE, Pages, Seen
from harness.source.records import (
    Garbled as Garbled,
    Malformed as Malformed,
    Records,
    as_text as as_text,
    parsed,
    without_records,
)
from harness.source.remarks import remarks
from harness.source.usual import MOST_PAGES, extent, followed, lost_link, spoken
from harness.source.way_on import error_told, ways_on
from harness.spec import ids as joined_ids
from harness.spec.paths import Path
from harness.spec.source import Item, Resource, Source
from harness.spec.split import parse
from harness.spec.templates import BodyTemplate, ItemTemplate, UrlTemplate, encoded, encoded_name, on_list

_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent, but for `{env:NAME}`, which stands for a secret until it leaves. json: None for no body.

    headers: of the source, none for a host that is not the list's.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


class Rest:
    """How a source is asked and read. ValueError where its templates, paths and paging do not fit together.

    source: what is declared. A URL alone declares nothing else; then `per_page`, `allowed` (other hosts, `host` or
    `host:port`, to which links may lead) and `item` (the template of its URL) say what is to be said. What the list's
    query says with an `{env:NAME}` proves who we are, and is said with every request.

    refused: which of the parameters that nobody declared, `page` and `size`, the API has refused: they are not sent.
    """

    def __init__(
        self,
        source: Source | str,
        per_page: int | None = None,
        allowed: frozenset[str] = frozenset(),
        item: str | None = None,
        *,
        refused: Collection[str] = (),
    ) -> None:
        self.refused = frozenset(refused)
        if isinstance(source, str):
            where = None if item is None else Item(url=item)
            resource = Resource(url=source, per_page=per_page or USUAL_SIZE, item=where)
            source = Source(resource=resource, allow_host=tuple(allowed))
        self.source = source
        resource = source.resource
        self.url = resource.url
        self._template = UrlTemplate(resource.url)
        self._links = Links(source, self._template.fill({}))
        self._parts = urlsplit(self._template.fill({}))
        self._params = {
            encoded_name(name): UrlTemplate(f"?={quote(value, safe='{}:*,')}")
            for name, value in source.list_params.items()
        }
        self._everywhere = {encoded_name(name): self._params[encoded_name(name)] for name in source.params}
        self._body = None if resource.body is None else BodyTemplate(resource.body)
        self._placed = self._template.names | (self._body.names if self._body is not None else frozenset())
        self._size = _size(source, self._placed)
        paging = resource.paging
        typed = self._body is not None and bool(self._body.names & {"cursor", "last_id"})
        self._pages = None if paging is None else Pages(paging, self._size, typed=typed)
        self._param = getattr(paging, "param", None)
        self._split = None if resource.split is None else parse(resource.split)
        total = getattr(paging, "total", None)
        self._total = None if total is None else Path(total)
        place = resource.item
        self._item = None if place is None else ItemTemplate(on_list(place.url, resource.url))
        called = singular((resource.records or "").rpartition(".")[2], self._template.fill({}))
        self._records = Records(resource.records, resource.id, None if place is None else place.records, called)
        self.per_page = self._size or USUAL_SIZE
        # Does the item's URL follow from its id? Else a page says where each item lies.
        self._needs_place = self._item is not None and any(name not in resource.id for name in self._item.fields)

    # --- requests -------------------------------------------------------------------------------------------------

    def request(self, key: Key, place: str | None = None) -> Request:
        """Return the request of a page, an item or several items. place: as of `item_request`."""
        if isinstance(key, PageRef):
            return self.page_request(key)
        return self.batch_request(key) if isinstance(key, Batch) else self.item_request(key, place)

    def page_request(self, page: PageRef) -> Request:
        """Return the request of a page of the list."""
        resource = self.source.resource
        values = self._values(page)
        url = self._page_url(page, values)
        body = None if self._body is None else self._body.fill(values)
        return Request(resource.method, url, self._headers(url), body)

    def page_url(self, page: PageRef) -> str:
        """Return the URL of a page: its own, or the list's with what asks for that page."""
        return self._page_url(page, self._values(page))

    def item_request(self, item: ItemId, place: str | None = None) -> Request:
        """Return the request of an item. place: where its page said that it lies, where its id does not say so."""
        url = self._with_everywhere(self.item_url(item, place))
        return Request("GET", url, self._headers(url))

    def batch_request(self, batch: Batch) -> Request:
        """Return the request of several items at once; only where the item's URL has `{ids:N}`."""
        url = self._with_everywhere(self.batch_url(batch))
        return Request("GET", url, self._headers(url))

    def _with_everywhere(self, url: str) -> str:
        """Return an item's URL with the parameters of every request, but for those that it has."""
        if not self._everywhere or not self._links.is_own(url):
            return url
        added = {name: part.fill({}).removeprefix("?=") for name, part in self._everywhere.items()}
        return with_parameters(url, added, keep=True)

    def batch_url(self, batch: Batch) -> str:
        """Return the URL that asks for several items."""
        assert self._item is not None, "a batch without its URL"
        return self._links.resolved(self._item.of_ids(*batch.ids))

    def item_url(self, item: ItemId, place: str | None = None) -> str:
        """Return the URL of an item."""
        if place is not None:
            return self._links.resolved(place)
        if self._item is not None:
            return self._links.resolved(self._of_id(item))
        parts = self._parts
        segment = encoded(str(item))
        path = parts.path.rstrip("/") + "/" + segment
        return urlunsplit((parts.scheme, parts.netloc, path, "&".join(self._links.proof), ""))

    def _of_id(self, item: ItemId) -> str:
        assert self._item is not None
        if self._item.batch is not None:
            return self._item.of_ids(item)
        if self._needs_place:
            raise Malformed(f"the list has not said where item {item} lies; start anew with --fresh")
        names = self.source.resource.id
        return self._item.of_parts(
            item, dict(zip(names, joined_ids.parts(item, len(names)), strict=True)) if names else {}
        )

    def _headers(self, url: str) -> Mapping[str, str]:
        headers = self.source.headers
        return headers if not headers or self._links.is_own(url) else {}

    def _values(self, page: PageRef) -> dict[str, Any]:
        if self._pages is not None:
            return self._pages.values(page)
        return {"page": page.number, "per_page": self.per_page}

    def _page_url(self, page: PageRef, values: Mapping[str, Any]) -> str:
        if page.kind == "url":
            return str(page.value)
        url = self._template.fill(values)
        url = with_parameters(url, {name: part.fill(values).removeprefix("?=") for name, part in self._params.items()})
        resource = self.source.resource
        size_name, added = resource.size_param, {}
        if self._pages is None:
            first = page == FIRST_PAGE and ("page" in self.refused or resource.method != "GET")
            added = {} if "page" in self._placed or first else {"page": page.number}
            size_name = _GUESSED_SIZE if self.size_is == "guessed" else size_name
        elif self._param is not None:
            added = {self._param: next((values.get(name) for name in _SENT if values.get(name) is not None), None)}
            added = {} if self._placed & {*_SENT} else added
        url = with_parameters(
            url, {encoded_name(name): encoded(value) for name, value in added.items() if value is not None}
        )
        if size_name and self._size is not None and "per_page" not in self._placed:
            url = with_parameters(url, {encoded_name(size_name): str(self._size)}, keep=True)
        if self._split is not None:  # also beside a cursor: most servers read the range again with each page
            asked = self._split.parameters(page.part).items()
            url = with_parameters(url, {encoded_name(name): encoded(value) for name, value in asked})
        return url

    @property
    def size_is(self) -> Literal["declared", "guessed", "refused"] | None:
        """Whether the page size that is asked for goes by a declared name, or by a usual one; refused: by none, since
        the API refused that. None: no name is known, and none is tried.
        """
        resource = self.source.resource
        if resource.size_param or "per_page" in self._placed:
            return "declared"
        tries = self._pages is None and resource.size_param is None and "page" not in self._placed
        if not tries or resource.method != "GET":
            return None
        return "refused" if "size" in self.refused else "guessed"

    def refusing(self) -> Rest | None:
        """Return how the first page is asked for once an API has refused it with parameters that nobody declared.

        First without a page size, then as its address was given. None where nothing is sent that was not declared.
        """
        if self.size_is == "guessed":
            return self._without("size")
        sends = self._pages is None and "page" not in self._placed and self.source.resource.method == "GET"
        return self._without("page") if sends and "page" not in self.refused else None

    def counts(self, key: Key) -> bool:
        """Return whether what an answer to `key` says of the end counts: not of a number that the API refuses."""
        numbered = isinstance(key, PageRef) and key.number is not None and key != FIRST_PAGE
        return not (numbered and self._pages is None and "page" in self.refused)

    def _without(self, name: str) -> Rest:
        return Rest(self.source, refused=self.refused | {name})

    def check_declared(self, status: int, body: str) -> None:
        """Raise Malformed for an answer that is declared to be a failure, with what it says of itself."""
        if (rule := self.failure(status, body)) is not None:
            said = " ".join(body.split())[:200]
            raise Malformed(f"the answer is a failure, as --fail-when {rule} says: {said}")

    def failure(self, status: int, body: str | Callable[[], Any]) -> str | None:
        """Return the rule by which an answer is declared to be a failure; None where none is.

        body: its text, or what makes its JSON value where that is wanted.
        """
        rules = self.source.resource.fail_when
        return None if not rules else failed_by(rules, status, body() if callable(body) else body)

    def ends_with(self, status: int) -> str | None:
        """Return what an answer of `status` says of a page that was only guessed, where that is declared."""
        return f"answered {status}" if status in self.source.resource.end else None

    # --- pages ----------------------------------------------------------------------------------------------------

    def read_page(
        self, page: PageRef, body: str, headers: Mapping[str, str] = _NO_HEADERS, *, kept: bool = False
    ) -> tuple[PageRead, list[tuple[ItemId, Any]]]:
        """Return what a page of the list says, and its records by id. Malformed where it is no list.

        headers: of the answer, by lower-case name, lines of one name joined. `next_page` is a link, never a guess.
        kept: the records are the items, so two with one id must be the same.
        """
        if not body.strip():
            kind = Malformed if page.is_first else Garbled
            raise kind("the body is empty", "has an empty body")
        try:
            value = parsed(body)
        except Garbled:
            if not page.is_first or may_be_json(body):
                raise
            raise Malformed(no_list("", body.encode("utf-8", "replace"))) from None
        return self.page_of(page, value, headers, kept=kept)

    def page_of(
        self, page: PageRef, value: Any, headers: Mapping[str, str] = _NO_HEADERS, *, kept: bool = False
    ) -> tuple[PageRead, list[tuple[ItemId, Any]]]:
        """Read the same from a JSON value that was parsed already."""
        url = self.page_url(page)
        _, records = self._records.of_page(value, url)
        about = without_records(value, records)
        if error_told(about) is not None:
            raise Malformed(f"the list reports an error: {as_text(about)[:200]}")
        by_id = self._records.ids_of(records, kept=kept)
        if self._pages is None:
            read = self._by_rules(page, about, headers, by_id, url)
        else:
            read = self._as_declared(page, value, about, headers, by_id, url)
        if page.part and read.next_page is not None:
            read = replace(read, next_page=read.next_page._replace(part=page.part))
        if self._needs_place and (not kept or self.source.resource.detail is not False):
            read = replace(read, places=tuple(self._place_of(item, record) for item, record in by_id))
        return read, by_id

    def _place_of(self, item: ItemId, record: Any) -> str:
        """Return where an item lies whose id does not say so, without the list's origin.

        Malformed where the record does not say it either, or names another host.
        """
        assert self._item is not None
        try:
            url = self._links.resolved(self._item.of_record(item, record))
        except ValueError as error:
            raise Malformed(str(error)) from None
        return self._links.without_origin(url)

    def _as_declared(
        self, page: PageRef, value: Any, about: dict[str, Any], headers: Mapping[str, str], by_id: Any, url: str
    ) -> PageRead:
        """Read what a page says by the declared paging; what that leaves open, by the rules."""
        assert self._pages is not None
        ids, paging = tuple(item for item, _ in by_id), self.source.resource.paging
        numbers = self._pages.kind in (None, "page")
        found = ways_on(about, headers, url, set(self._known_ways(about)))
        last_page, total, said_by = extent(about, headers, url, numbered=numbers)
        if self._total is not None and (said := whole(self._total.find(value, headers))) is not None:
            total, said_by = said, ""
        last = by_id[-1][1] if by_id else None
        seen = Seen(page, value, headers, ids, last, self._records.raw_id(last), total, found.ways)
        follows = self._pages.after(seen)
        if getattr(paging, "pages", None) is not None or not numbers:
            last_page = follows.last_page
        self._check_extent(last_page, 0, page, len(by_id))
        next_page = follows.page
        if next_page is not None and next_page.number is not None and paging is not None and paging.type == "link":
            self._check_number(next_page.number)
        if follows.target is not None:
            next_page = linked(self._link(page, follows.target))
        more = follows.more
        if more is None and getattr(paging, "more", None) is None and (next_page is None or found.more is False):
            more = found.more
        unread = () if follows.sure or (next_page is not None and not follows.guessed) else found.ways
        return PageRead(
            ids, total, last_page, next_page, follows.way, more, ", ".join(unread), said_by=said_by,
            remarks=remarks(about, url), paging=self._pages.kind, guessed=follows.guessed,
        )  # fmt: skip

    def _check_number(self, number: int) -> None:
        """Raise Malformed where a link turns out to be a number, and nothing sends it."""
        if "page" not in self._placed:
            why = f"the next page is told as the number {number}, not as a link"
            raise Malformed(f"{why}; say which parameter it is sent in, such as --cursor-param page")

    def _known_ways(self, about: dict[str, Any]) -> Iterator[str]:
        """Yield the fields that are no unread way on: the declared ones, and links where pages are numbered."""
        paging = self.source.resource.paging
        yield from (path for name in ("next", "more") if (path := getattr(paging, name, None)) is not None)
        if paging is not None and paging.type in ("page", "offset"):
            yield from followed(about)

    def _by_rules(
        self, page: PageRef, about: dict[str, Any], headers: Mapping[str, str], by_id: Any, url: str
    ) -> PageRead:
        records = [record for _, record in by_id]
        found = ways_on(about, headers, url, followed(about))
        way, next_page = self._way(page, about, headers, records)
        last_page, total, said_by = extent(about, headers, url, numbered=page.number is not None and next_page is None)
        self._check_extent(last_page, 0 if said_by or way else total or 0, page, len(by_id))
        more = found.more if next_page is None or found.more is False else None
        unread = () if next_page is not None else (*found.ways, *lost_link(headers.get("link") or ""))
        counted = page.number is not None and page.number < (last_page or 0) and way != "has_more"
        if counted and next_page is not None and holds_number(next_page, (page.number or 0) + 1):
            way = next_page = None  # the count of pages is enough, and lets them be read side by side
        ids = tuple(item for item, _ in by_id)
        says = remarks(about, url)
        following = None if next_page is None else linked(next_page)
        return PageRead(ids, total, last_page, following, way, more, ", ".join(unread), said_by=said_by, remarks=says)

    # --- items ----------------------------------------------------------------------------------------------------

    def read_item(self, item: ItemId, body: str) -> tuple[str, bool, ItemId | None]:
        """Return the payload to keep: the item's object as JSON text, out of its envelope if it has one.

        And whether it carries the id it was asked by, and the id where it spells it in another case. Malformed for the
        answer of another item, of an error or a list, and for an empty object.
        """
        value = parsed(body)
        inner, carried = self.item_of(item, value)
        spelt = self._records.spelt(inner) if carried and isinstance(item, str) else item
        return body if inner is value else as_text(inner), carried, None if spelt == item else spelt

    def item_of(self, item: ItemId, value: Any) -> tuple[dict[str, Any], bool]:
        """Read the same from a JSON value that was parsed already."""
        return self._records.item_of(item, value)

    def read_batch(self, batch: Batch, body: str) -> tuple[BatchRead, list[tuple[ItemId, str]]]:
        """Return which of the items an answer holds, and their payloads. Malformed where it holds no records."""
        read, by_id = match_batch(batch, self._records.items_of(parsed(body), self.batch_url(batch)))
        texts = [(item, as_text(record)) for item, record in by_id.items()]
        return replace(read, sizes_bytes={item: len(text) for item, text in texts}), texts

    def _check_extent(self, last_page: int | None, total: int, page: PageRef, records: int) -> None:
        implied = -(-total // records) if page.is_first and records else 0
        if (pages := max(last_page or 0, implied)) > MOST_PAGES:
            raise Malformed(f"the list says it has {pages:,} pages; up to {MOST_PAGES:,} can be read")

    def _way(
        self, page: PageRef, about: dict[str, Any], headers: Mapping[str, str], records: list[Any]
    ) -> tuple[str | None, str | None]:
        """Return (the field that speaks of the next page, the link in it or None)."""
        fields = list(spoken(about))
        for name, link in fields:
            if link and isinstance(link, str):
                return name, self._link(page, link)
        for link in link_targets(headers.get("link") or "", "next"):
            return "Link", self._link(page, link)
        if about.get("has_more") is True and records and not any(link for _, link in fields):
            return "has_more", self._after(records)
        return next((name for name, link in fields if not link), None), None

    def _after(self, records: list[Any]) -> str:
        """Return the page after the last record of this one (keyset paging: `has_more`, and `after=` the last id)."""
        parts = urlsplit(self.url)
        asked = {"after": self._records.ids_of(records[-1:], kept=False)[0][0]}
        query = urlencode({**asked, _GUESSED_SIZE: self.per_page} if self.size_is == "guessed" else asked)
        return urlunsplit((*parts[:3], "&".join([query, *self._links.proof]), ""))

    def _link(self, page: PageRef, link: str) -> str:
        """Return a next link as an absolute URL on the list's own host: credentials go nowhere else."""
        return self._links.resolved(
            link, self.page_url(page), "the next page", "the link to the next page is not a URL"
        )


# What the page size is asked for by where nothing is declared.
_GUESSED_SIZE = "perPage"
# What a paging parameter sends: the first of these that has a value.
_SENT = ("cursor", "last_id", "offset", "page")


def _size(source: Source, placed: frozenset[str]) -> int | None:
    """Return the page size that is asked for; None where it is not said to the server."""
    resource = source.resource
    if resource.per_page is not None and (resource.paging is None or resource.size_param or "per_page" in placed):
        return resource.per_page
    said = _said_size(source)
    if said is not None:
        return said
    asks = resource.size_param or "per_page" in placed or (resource.paging is None and resource.size_param is None)
    return USUAL_SIZE if asks else None


def _said_size(source: Source) -> int | None:
    """Return the page size that the URL or a parameter says by itself."""
    resource = source.resource
    if not resource.size_param:
        return None
    said = [*parse_qsl(urlsplit(resource.url).query), *source.list_params.items()]
    return next((whole(value) or None for name, value in said if name == resource.size_param), None)
