"""The six kinds of paging, as pure functions: which request brings a page, and which page follows it.

A page is a `PageRef`. The first is always number 1, the list's own address. The others:

    page     number n, which is n - 1 on the wire where pages count from 0
    offset   number n stands for the offset (n - 1) * size while a total and full pages let the list be read side by
             side; else each page leads to the offset behind its last record, so that nothing is lost where a server
             gives fewer records than it was asked for
    cursor   what the page before told, as text; where a body sends it, as canonical JSON unless it is plain text
    keyset   the last id of the page before, written alike
    link     a URL

What follows is *told* (the page names it, or says that there is more) or only *guessed* (`guessed`): the offset behind
a page of a list without a total, say. `harness.core.listing` knows what an answer to either means.

**A path that finds nothing** proves an end where earlier pages had one (any page but the first was led to by it), where
the source says so (`absent_is_end`), or where nothing else looks like a way on and the page is shorter than asked for.
Else it may be misspelt, and the run says so instead of ending.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.record.events import ItemId, PageRef, numbered
from harness.source.extent import link_targets, whole
from harness.spec.paths import Path
from harness.spec.source import CursorPaging, KeysetPaging, LinkPaging, OffsetPaging, PageNumberPaging, Paging

# The page size that is asked for where nothing says another.
USUAL_SIZE = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that was read. about: the body without its records, ways: fields of it that look like a way on."""

    page: PageRef
    value: Any
    headers: Mapping[str, str]
    ids: Sequence[ItemId]
    last: Any  # the last record
    last_id: Any  # its id, as the record holds it
    total: int | None
    ways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Follows:
    """What follows a page. way, more, last_page: as of `PageRead`. target: a link that is still to be resolved.

    sure: nothing else has to be looked at, whatever looks like a way on.
    """

    page: PageRef | None = None
    way: str | None = None
    more: bool | None = None
    last_page: int | None = None
    guessed: bool = False
    target: str | None = None
    sure: bool = False


class Pages:
    """What a declared paging says of pages. size: how many records are asked for, None where that is not known.

    typed: a cursor goes into a JSON body, so that 2 and "2" differ.
    """

    def __init__(self, paging: Paging, size: int | None, *, typed: bool) -> None:
        self._paging = paging
        self._size = size
        self._typed = typed
        self._more = _path(getattr(paging, "more", None))
        self._next = _path(getattr(paging, "next", None))
        self._last = _path(getattr(paging, "last", None))
        self._pages = _path(getattr(paging, "pages", None))

    @property
    def kind(self) -> str | None:
        """What pages are told to be; None where they are numbered and the first number is not known."""
        paging = self._paging
        return None if isinstance(paging, PageNumberPaging) and paging.first is None else paging.type

    def values(self, page: PageRef) -> dict[str, Any]:
        """Return the values of placeholders with which `page` is asked for."""
        values: dict[str, Any] = {"per_page": self._size}
        paging, number = self._paging, page.number
        if isinstance(paging, PageNumberPaging) and number is not None:
            values["page"] = number - 1 if paging.first == 0 else number
        elif isinstance(paging, OffsetPaging):
            before = int(page.value) if number is None else (number - 1) * (self._size or 0)
            values["offset"] = paging.first + before
        elif isinstance(paging, LinkPaging) and number is not None:
            values["page"] = number  # where a link is no more than the number of the next page
        elif page.kind == "cursor":
            values["cursor"] = self._read_back(page)
        elif page.kind == "keyset":
            values["last_id"] = self._read_back(page)
        return values

    def after(self, seen: Seen) -> Follows:
        """Return what follows a page."""
        more = None if self._more is None else truth(self._more.find(seen.value, seen.headers))
        paging = self._paging
        if isinstance(paging, OffsetPaging):
            return self._after_offset(seen, more)
        if isinstance(paging, KeysetPaging):
            return self._after_keyset(seen, more, paging)
        if isinstance(paging, PageNumberPaging):
            return self._after_number(seen, more)
        if isinstance(paging, (CursorPaging, LinkPaging)):
            return self._after_told(seen, more, paging)
        return Follows()

    def _after_number(self, seen: Seen, more: bool | None) -> Follows:
        last_page = None if self._pages is None else whole(self._pages.find(seen.value, seen.headers))
        number = seen.page.number
        if more and not last_page and number is not None and seen.ids:
            return Follows(numbered(number + 1), more=True)
        return Follows(more=more, last_page=last_page, sure=more is False)

    def _after_offset(self, seen: Seen, more: bool | None) -> Follows:
        size, got, total, number = self._size, len(seen.ids), seen.total, seen.page.number
        if more is False or not got:
            return Follows(more=more, sure=more is False)
        full = size is not None and got == size
        if number is not None and full and size and total is not None and (number > 1 or total > got):
            return Follows(more=more, last_page=-(-total // size))
        if number is not None and number > 1:
            return Follows(more=more)  # one of those that a total told of: the others are asked for anyway
        behind = got + (0 if number is not None else int(seen.page.value))
        told = bool(more) or (total is not None and behind < total)
        return Follows(PageRef("offset", behind), more=more, guessed=not told)

    def _after_keyset(self, seen: Seen, more: bool | None, paging: KeysetPaging) -> Follows:
        way = paging.param or "last_id"
        if more is None and self._more is not None and paging.absent_is_end:
            return Follows(way=paging.more, sure=True)
        if more is False or not seen.ids:
            return Follows(more=more, sure=more is False)
        last = seen.last_id if self._last is None else self._last.find(seen.last)
        if last is None:
            return Follows(more=more)
        return Follows(PageRef("keyset", self._written(last)), way=way if more else None, more=more, guessed=not more)

    def _after_told(self, seen: Seen, more: bool | None, paging: CursorPaging | LinkPaging) -> Follows:
        name = paging.next or "Link"
        there, found = self._look(seen)
        if isinstance(paging, LinkPaging):
            found = _target(found)
        if more is False:
            return Follows(way=name, more=False, sure=True)
        if _is_set(found):
            if isinstance(paging, LinkPaging):
                if isinstance(found, int):
                    return Follows(_by_number(seen.page, found), way=name, more=more, sure=True)
                return Follows(target=str(found), way=name, more=more, sure=True)
            return Follows(PageRef("cursor", self._written(found)), way=name, more=more, sure=True)
        if there or paging.absent_is_end:
            return Follows(way=name, more=more, sure=True)
        if not seen.page.is_first:
            return Follows(more=more, sure=True)
        size = self._size
        short = (size is not None and len(seen.ids) < size) or seen.total == len(seen.ids) or not seen.ids
        return Follows(way=name if short and not seen.ways and not more else None, more=more)

    def _look(self, seen: Seen) -> tuple[bool, Any]:
        if self._next is not None:
            return self._next.look(seen.value, seen.headers)
        targets = link_targets(seen.headers.get("link") or "", "next")
        return bool(targets), targets[0] if targets else None

    def _written(self, value: Any) -> str:
        """Return a cursor or last id as the text of a PageRef."""
        if not self._typed:
            return value if isinstance(value, str) else _canonical(value)
        if isinstance(value, str) and not _is_json(value):
            return value
        return _canonical(value)

    def _read_back(self, page: PageRef) -> Any:
        text = str(page.value)
        return json.loads(text) if self._typed and _is_json(text) else text


def next_target(paging: LinkPaging, value: Any, headers: Mapping[str, str]) -> str | None:
    """Return the next link of an answer as it is written there; None where there is none."""
    if paging.next is None:
        return next(iter(link_targets(headers.get("link") or "", "next")), None)
    found = _target(Path(paging.next).find(value, headers))
    return found if isinstance(found, str) else None


def truth(found: Any) -> bool | None:
    """Return what a field says of whether there is more; None where it says neither."""
    if isinstance(found, bool):
        return found
    if isinstance(found, (int, float)):
        return bool(found)
    if isinstance(found, str):
        text = found.strip().lower()
        return True if text in ("true", "yes", "1", "y") else False if text in ("false", "no", "0", "n", "") else None
    return None


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _is_set(found: Any) -> bool:
    return found is not None and found is not False and found not in ("", 0, [], {})


def _target(found: Any) -> Any:
    """Return the link in an object such as `{"href": "..."}` (JSON:API, HAL)."""
    if isinstance(found, dict):
        return next((found[name] for name in ("href", "url", "uri") if isinstance(found.get(name), str)), None)
    return None if isinstance(found, (list, bool, float)) else found


def _by_number(page: PageRef, following: int) -> PageRef:
    return PageRef("cursor", str(following)) if page.number is None else numbered(following)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
