"""What a page of a list says: its records by id, how much there is, and which page follows.

The records and their ids are found by `harness.source.records`. What follows is read in one of two ways:

**As declared**, where the source says how its pages follow (`harness.source.paging`). What that leaves open, such as
how many records there are, is read by the rules.

**By rules**, where it says nothing: pages are numbered where `last_page` or `total_pages` says how many, or where the
total and the first page do; else each page names the next, in the body, in a Link header, or by `has_more` and its last
id; else each is followed by another. Where there are both a count of pages and a link with the next number, the count
is enough, and lets pages be read side by side.

Fields that look like a way on and are not followed are told (`unread`), as is what the page says of itself (`remarks`):
where the list ends is judged by `harness.core.listing`, from all pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from harness.core.answers import PageRead
from harness.record.discovery import holds_number
from harness.record.events import ItemId, PageRef, linked
from harness.source.extent import link_targets, whole
from harness.source.item_urls import ItemUrls
from harness.source.links import Links
from harness.source.paging import Pages, Seen
from harness.source.records import Malformed, Records, says_error, without_records
from harness.source.remarks import remarks
from harness.source.usual import MOST_PAGES, extent, followed, lost_link, spoken
from harness.source.way_on import error_told, ways_on
from harness.spec.paths import Path
from harness.spec.source import Source


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that is read. url: as it was asked for; about: the body without its records."""

    page: PageRef
    url: str
    value: Any
    about: dict[str, Any]
    headers: Mapping[str, str]
    by_id: list[tuple[ItemId, Any]]

    @property
    def ids(self) -> tuple[ItemId, ...]:
        return tuple(item for item, _ in self.by_id)


class PageReader:
    """Reads the pages of `source`. pages: its declared paging, None where it is read by rules.

    sends_number: the list's own address says where a page's number goes. with_last_id: what is sent beside the last id
    of a page where only that leads on.
    """

    def __init__(
        self,
        source: Source,
        records: Records,
        links: Links,
        pages: Pages | None,
        items: ItemUrls,
        *,
        sends_number: bool,
        with_last_id: Mapping[str, Any],
    ) -> None:
        self._source = source
        self._paging = source.resource.paging
        self._records = records
        self._links = links
        self._pages = pages
        self._sends_number = sends_number
        self._with_last_id = with_last_id
        self._items = items
        total = getattr(self._paging, "total", None)
        self._total = None if total is None else Path(total)

    def read(
        self, page: PageRef, url: str, value: Any, headers: Mapping[str, str], *, kept: bool
    ) -> tuple[PageRead, list[tuple[ItemId, Any]]]:
        """Return what a page says, and its records by id; see `Rest.read_page`. url: of the page."""
        records = self._records.of_page(value, url)
        about = without_records(value, records)
        if error_told(about) is not None:
            raise Malformed(says_error(about))
        by_id = self._records.ids_of(records, kept=kept)
        seen = _Page(page, url, value, about, headers, by_id)
        read = self._by_rules(seen) if self._pages is None else self._as_declared(seen, self._pages)
        if page.part and read.next_page is not None:
            read = replace(read, next_page=read.next_page._replace(part=page.part))
        if self._items.are_told and (not kept or self._source.resource.detail is not False):
            read = replace(read, places=tuple(self._items.told(*one) for one in by_id))
        # A bare id is a record of nothing but that.
        return read, [(item, record if isinstance(record, (dict, list)) else {"id": record}) for item, record in by_id]

    # --- as declared ----------------------------------------------------------------------------------------------

    def _as_declared(self, seen: _Page, pages: Pages) -> PageRead:
        """Read what a page says by the declared paging; what that leaves open, by the rules."""
        ids, numbers = seen.ids, pages.kind in (None, "page")
        found = ways_on(seen.about, seen.headers, seen.url, set(self._known_ways(seen.about)))
        last_page, total, said_by = extent(seen.about, seen.headers, seen.url, numbered=numbers)
        if self._total is not None and (said := whole(self._total.find(seen.value, seen.headers))) is not None:
            total, said_by = said, ""
        last = seen.by_id[-1][1] if seen.by_id else None
        last_id = self._records.raw_id(last)
        follows = pages.after(Seen(seen.page, seen.value, seen.headers, ids, last, last_id, total, found.ways))
        if getattr(self._paging, "pages", None) is not None or not numbers:
            last_page = follows.last_page
        _check_extent(last_page, 0, seen)
        next_page = None if follows.page is None else self._checked(follows.page)
        if follows.target is not None:
            next_page = linked(self._link(seen, follows.target))
        more = follows.more
        if more is None and getattr(self._paging, "more", None) is None and (next_page is None or found.more is False):
            more = found.more
        unread = () if follows.sure or (next_page is not None and not follows.guessed) else found.ways
        return PageRead(
            ids, total, last_page, next_page, follows.way, more, ", ".join(unread), said_by=said_by,
            remarks=remarks(seen.about, seen.url), paging=pages.kind, guessed=follows.guessed,
        )  # fmt: skip

    def _checked(self, following: PageRef) -> PageRef:
        """Return the page that follows; Malformed where a link turns out to be a number, and nothing sends it."""
        is_link = self._paging is not None and self._paging.type == "link"
        if following.number is not None and is_link and not self._sends_number:
            why = f"the next page is told as the number {following.number}, not as a link"
            raise Malformed(f"{why}; say which parameter it is sent in, such as --cursor-param page")
        return following

    def _known_ways(self, about: dict[str, Any]) -> Iterator[str]:
        """Yield the fields that are no unread way on: the declared ones, and links where pages are numbered."""
        paging = self._paging
        yield from (path for name in ("next", "more") if (path := getattr(paging, name, None)) is not None)
        if paging is not None and paging.type in ("page", "offset"):
            yield from followed(about)

    # --- by rules -------------------------------------------------------------------------------------------------

    def _by_rules(self, seen: _Page) -> PageRead:
        about, headers, url, number = seen.about, seen.headers, seen.url, seen.page.number
        found = ways_on(about, headers, url, followed(about))
        way, next_page = self._way(seen)
        last_page, total, said_by = extent(about, headers, url, numbered=number is not None and next_page is None)
        _check_extent(last_page, 0 if said_by or way else total or 0, seen)
        more = found.more if next_page is None or found.more is False else None
        unread = () if next_page is not None else (*found.ways, *lost_link(headers.get("link") or ""))
        counted = number is not None and number < (last_page or 0) and way != "has_more"
        if counted and next_page is not None and holds_number(next_page, (number or 0) + 1):
            way = next_page = None  # the count of pages is enough, and lets them be read side by side
        says = remarks(about, url)
        following = None if next_page is None else linked(next_page)
        unreads = ", ".join(unread)
        return PageRead(seen.ids, total, last_page, following, way, more, unreads, said_by=said_by, remarks=says)

    def _way(self, seen: _Page) -> tuple[str | None, str | None]:
        """Return (the field that speaks of the next page, the link in it or None)."""
        fields = list(spoken(seen.about))
        for name, link in fields:
            if link and isinstance(link, str):
                return name, self._link(seen, link)
        for link in link_targets(seen.headers.get("link") or "", "next"):
            return "Link", self._link(seen, link)
        if seen.about.get("has_more") is True and seen.by_id and not any(link for _, link in fields):
            return "has_more", self._after(seen.by_id[-1][1])
        return next((name for name, link in fields if not link), None), None

    def _after(self, last: Any) -> str:
        """Return the page after the last record of this one (keyset paging: `has_more`, and `after=` the last id)."""
        parts = urlsplit(self._source.resource.url)
        query = urlencode({"after": self._records.ids_of([last], kept=False)[0][0], **self._with_last_id})
        return urlunsplit((*parts[:3], "&".join([query, *self._links.proof]), ""))

    def _link(self, seen: _Page, link: str) -> str:
        """Return a next link as an absolute URL on the list's own host: credentials go nowhere else."""
        return self._links.resolved(link, seen.url, "the next page", "the link to the next page is not a URL")


def _check_extent(last_page: int | None, total: int, seen: _Page) -> None:
    """Raise Malformed for more pages than can be read."""
    records = len(seen.by_id)
    implied = -(-total // records) if seen.page.is_first and records else 0
    if (pages := max(last_page or 0, implied)) > MOST_PAGES:
        raise Malformed(f"the list says it has {pages:,} pages; up to {MOST_PAGES:,} can be read")
