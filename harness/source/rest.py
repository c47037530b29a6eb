"""The mapping of a REST API: the request of a page or an item, and what a list says.

What a `Source` declares is sent and read as declared, and nothing else is sent, for some APIs refuse a parameter they
do not know. What it leaves open is asked for and read by rules. This module says how pages are asked for, and is the
one door to the rest: where items lie (`harness.source.item_urls`), what a page says (`harness.source.page_reader`), an
item (`harness.source.records`) and several (`harness.source.batches`), and whether an answer is declared to be a
failure (`harness.source.fail_when`).

**Where requests go.** A link, or an item's URL that a record names, may lead to the list's own origin, or to a host
that was allowed, without credentials; anywhere else it is refused before it is asked. Of a service that spells its own
host in several ways (`same_host`), links are rewritten to the list's origin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harness.core.answers import BatchRead, PageRead
from harness.record.events import FIRST_PAGE, Batch, ItemId, Key, PageRef
from harness.source.batches import match_batch
from harness.source.fail_when import failed_by
from harness.source.formats import may_be_json, no_list
from harness.source.guess_fields import singular
from harness.source.item_urls import ItemUrls
from harness.source.links import Links, with_parameters
from harness.source.page_reader import PageReader
from harness.source.page_sizes import asked_size
from harness.source.paging import USUAL_SIZE, Pages
from harness.source.records import Garbled as Garbled, Malformed as Malformed, Records, as_text, parsed
from harness.spec.source import Item, Resource, Source
from harness.spec.split import parse
from harness.spec.templates import BodyTemplate, UrlTemplate, encoded, encoded_name, parameter

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
        base = self._template.fill({})
        self._links = Links(source, base)
        self._items = ItemUrls(source, self._links, base)
        self._params = {encoded_name(name): parameter(value) for name, value in source.list_params.items()}
        self._everywhere = {encoded_name(name): self._params[encoded_name(name)] for name in source.params}
        self._body = None if resource.body is None else BodyTemplate(resource.body)
        placed = [self._template.names, *(one.names for one in self._params.values())]
        self._placed = frozenset().union(*placed, () if self._body is None else self._body.names)
        self._size = asked_size(source, self._placed)
        paging = resource.paging
        typed = self._body is not None and bool(self._body.names & {"cursor", "last_id"})
        self._pages = None if paging is None else Pages(paging, self._size, typed=typed)
        self._param = getattr(paging, "param", None)
        self._split = None if resource.split is None else parse(resource.split)
        self.per_page = self._size or USUAL_SIZE
        called = singular((resource.records or "").rpartition(".")[2], base)
        item_records = None if resource.item is None else resource.item.records
        self._records = Records(resource.records, resource.id, item_records, called)
        self._reader = PageReader(
            source,
            self._records,
            self._links,
            self._pages,
            self._items,
            sends_number="page" in self._placed,
            with_last_id={_GUESSED_SIZE: self.per_page} if self.size_is == "guessed" else {},
        )

    # --- requests -------------------------------------------------------------------------------------------------

    def request(self, key: Key, place: str | None = None) -> Request:
        """Return the request of a page, an item or several items. place: as of `item_url`."""
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
        """Return the request of an item. place: as of `item_url`."""
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
        filled = {name: part.fill({}) for name, part in self._everywhere.items()}
        added = {name: part.removeprefix("?=") for name, part in filled.items() if part}
        return with_parameters(url, added, keep=True)

    def batch_url(self, batch: Batch) -> str:
        """Return the URL that asks for several items."""
        return self._items.of_batch(batch)

    def item_url(self, item: ItemId, place: str | None = None) -> str:
        """Return the URL of an item. place: where its page said that it lies, where its id does not say so."""
        return self._items.of(item, place)

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
        filled = {name: part.fill(values) for name, part in self._params.items()}
        url = with_parameters(url, {name: part.removeprefix("?=") for name, part in filled.items() if part})
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
        return self._reader.read(page, self.page_url(page), value, headers, kept=kept)

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


# What the page size is asked for by where nothing is declared.
_GUESSED_SIZE = "perPage"
# What a paging parameter sends: the first of these that has a value.
_SENT = ("cursor", "last_id", "offset", "page")
