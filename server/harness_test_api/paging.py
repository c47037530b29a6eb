"""Paging cuts the list into pages: it reads the query and makes the page that it asks for, or says what is wrong.

A page begins at an offset (of a numbered page, or told as such) or after a key, which the client sends in the open (the
last id it has seen) or sealed, as a cursor. What a page then tells of the others is told by `shape`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from harness_test_api.catalogue import Between, Catalogue, GeneratedCatalogue, Record
from harness_test_api.dialects import Headers
from harness_test_api.identity import Ids
from harness_test_api.records import Records, formed
from harness_test_api.shape import HEADER, LINKS, Shape, form_of, past, put

# The number of no record: behind all of them.
_NO_END = 10**18


class BadQuery(Exception):
    """A query parameter that cannot be used; answered with the shape's `bad_status`."""

    def __init__(self, name: str, text: str, must_be: str = "a whole number of at least 1") -> None:
        self.name = name
        super().__init__(f"{name} must be {must_be}, not {text[:40]!r}")


class PastEnd(Exception):
    """A page past the end, where the shape has no page for that. status; the words are the message."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its JSON value, and headers if it has any."""

    body: Any
    headers: Headers = field(default_factory=list)


def read_number(query: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """The parameter `name`, at least `least`; raises BadQuery."""
    text = query.get(name)
    if text is None:
        return default
    # Python refuses to read numbers of more than 4,300 digits; no list has that many pages.
    if not (text.isascii() and text.isdecimal() and len(text) <= 1000) or int(text) < least:
        raise BadQuery(name, text, f"a whole number of at least {least}")
    return int(text)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The page that was asked for. number: of the page, from 0; offset: of its first record; None: after a key.

    total: counts the list. data: the catalogue's records. carried: other parameters, which its links have too.
    """

    size: int
    data: list[Record]
    more: bool
    total: Callable[[], int]
    url: str
    carried: Mapping[str, str]
    number: int | None = None
    offset: int | None = None


class Pager:
    """The pages of one shape."""

    def __init__(self, shape: Shape, ids: Ids, records: Records) -> None:
        self._shape = shape
        self._ids = ids
        self._records = records
        ranged = (shape.from_param, shape.to_param)
        self._known = {
            *shape.parameters,
            *ranged,
            *shape.allow,
            *(name for name in shape.needs if not name.startswith(HEADER)),
        }
        self._past = past(shape)
        self._told = [(path, *form_of(what)) for path, what in shape.tell.items()]

    def page(self, catalogue: Catalogue, now: float, query: Mapping[str, str], base: str) -> Page:
        """The page that `query` asks for; base: scheme and host of URLs in it. Raises BadQuery and PastEnd."""
        shape = self._shape
        if shape.strict:
            for name in query:
                if name not in self._known:
                    raise BadQuery(name, query[name], "left out: it is not known")
        catalogue = self._within(catalogue, query)
        cut = self._cut(catalogue, now, query, base + shape.list)
        beyond = not cut.data and bool(cut.offset)
        if beyond and self._past is not None:
            raise PastEnd(*self._past)
        data = self._records.listed(catalogue, now, cut.data, base)
        if not shape.records:
            return Page(data, self._headers(cut))
        body: dict[str, Any] = {}
        put(body, shape.records, None if beyond and shape.past == "null" else data)
        for path, what, form in self._told:
            if not path.startswith(HEADER):
                self._tell(body, path, cut, what, form)
        for name, value in shape.extra.items():
            put(body, name, value)
        return Page(body, self._headers(cut))

    def _within(self, catalogue: Catalogue, query: Mapping[str, str]) -> Catalogue:
        """The records of the range that `query` asks for; all of them where it asks for none, or they are a file's."""
        shape = self._shape
        names = [name for name in (shape.from_param, shape.to_param) if name and name in query]
        if not names or not isinstance(catalogue, GeneratedCatalogue):
            return catalogue
        low = read_number(query, shape.from_param, 0, 0) + (shape.borders == "none" and shape.from_param in query)
        high = read_number(query, shape.to_param, _NO_END, 0) + (shape.borders == "both")
        return Between(catalogue, low, high)

    def _size(self, query: Mapping[str, str]) -> int:
        shape = self._shape
        asked = read_number(query, shape.size_param, shape.size) if shape.size_param else shape.size
        if asked > shape.most and shape.over == "refuse":
            raise BadQuery(shape.size_param, str(asked), f"a whole number from 1 to {shape.most}")
        return asked if asked <= shape.most else shape.most if shape.over == "cap" else shape.size

    def _cut(self, catalogue: Catalogue, now: float, query: Mapping[str, str], url: str) -> _Cut:
        shape, size = self._shape, self._size(query)
        moving = shape.parameters
        carried = {name: value for name, value in query.items() if name not in moving}

        def total() -> int:
            return catalogue.total(now)

        after = self._after(query)
        if after is None and (shape.page_param or shape.offset_param):
            number = None
            if shape.page_param and (shape.page_param in query or not shape.offset_param):
                number = read_number(query, shape.page_param, shape.first_page, shape.first_page) - shape.first_page
            offset = read_number(query, shape.offset_param, 0, 0) if number is None else number * size
            data = catalogue.slice(now, offset, size)
            return _Cut(size, data, offset + size < total(), total, url, carried, number, offset)
        name, key = after or ("", None)
        # One more than asked tells whether there is more, without counting the list.
        found = catalogue.after(now, key, size + 1) if shape.parameters[:-1] or shape.size_param else None
        if found is None and not name:  # a single page holds all there is
            found, size = catalogue.after(now, None, total()), total()
        if found is None:
            raise BadQuery(name, query[name], "an id the list has shown")
        return _Cut(size, found[:size], len(found) > size, total, url, carried)

    def _after(self, query: Mapping[str, str]) -> tuple[str, str] | None:
        """The parameter that names a place in the list, and the catalogue's key before that; None where none does."""
        shape = self._shape
        name = shape.last_param
        if name and name in query:
            text = query[name]
            key = text if shape.last else self._ids.key_of((text,))
            if key is None or (shape.last and not text.isdecimal()):
                raise BadQuery(name, text, "an id the list has shown")
            return name, key
        name = shape.cursor_param
        return (name, _open(name, query[name])) if name and name in query else None

    def _headers(self, cut: _Cut) -> Headers:
        headers: Headers = []
        for path, what, form in self._told:
            if path.startswith(HEADER):
                value = self._links(cut, form) if what == "links" else self._value(cut, what, form)
                if value not in (None, ""):
                    headers.append((path.removeprefix(HEADER), str(value)))
        return headers

    def _links(self, cut: _Cut, form: str) -> str:
        urls = {rel: self._url(cut, rel) for rel in (form or LINKS).split("-")}
        return ", ".join(f'<{url}>; rel="{rel}"' for rel, url in urls.items() if url is not None)

    def _tell(self, body: dict[str, Any], path: str, cut: _Cut, what: str, form: str) -> None:
        value = self._value(cut, what, form)
        if value is None and what in ("next", "cursor", "next_page"):
            if self._shape.end == "absent":
                return
            value = "" if self._shape.end == "empty" else None
        put(body, path, value)

    def _value(self, cut: _Cut, what: str, form: str) -> Any:
        if what in _FACTS:
            return _FACTS[what](cut, self._shape.first_page)
        if what == "cursor":
            return _seal(str(cut.data[-1]["id"])) if cut.more else None
        url = self._url(cut, what)
        return None if url is None else formed(url, form)

    def _url(self, cut: _Cut, which: str) -> str | None:
        place = self._place(cut, which)
        if place is None:
            return None
        shape = self._shape
        size = {shape.size_param: cut.size} if shape.size_param else {}
        if shape.cursor_in == "path" and shape.cursor_param in place:
            path = f"{cut.url}/{quote(str(place[shape.cursor_param]), safe='')}"
            return link(path, **size)
        return link(cut.url, **place, **size, **cut.carried)

    def _place(self, cut: _Cut, which: str) -> dict[str, Any] | None:
        """The parameters that ask for the next, previous, first or last page; None where there is no such page."""
        shape = self._shape
        if which == "next" and not cut.more:
            return None
        if cut.number is not None:
            last = pages_of(cut) - 1
            number = {"next": cut.number + 1, "prev": cut.number - 1, "first": 0, "last": last}[which]
            return {shape.page_param: number + shape.first_page} if number >= 0 else None
        if cut.offset is not None:
            if which == "prev" and cut.offset == 0:
                return None
            last = (pages_of(cut) - 1) * cut.size
            back = max(0, cut.offset - cut.size)
            return {shape.offset_param: {"next": cut.offset + cut.size, "prev": back, "first": 0, "last": last}[which]}
        if which == "first":
            return {}
        if which != "next":  # who asks for what comes after a key knows no other way
            return None
        if shape.cursor_param:
            return {shape.cursor_param: _seal(str(cut.data[-1]["id"]))}
        return {shape.last_param: self._records.last_of(cut.data[-1])}


def pages_of(cut: _Cut) -> int:
    """Count the pages of the size asked for; an empty list has one."""
    return max(1, -(-cut.total() // cut.size))


# What a page tells of itself: a function of the page and the number of the first page.
_FACTS: dict[str, Callable[[_Cut, int], Any]] = {
    "page": lambda cut, first: None if cut.number is None else cut.number + first,
    "next_page": lambda cut, first: cut.number + 1 + first if cut.more and cut.number is not None else None,
    "pages": lambda cut, _first: pages_of(cut),
    "total": lambda cut, _first: cut.total(),
    "size": lambda cut, _first: cut.size,
    "count": lambda cut, _first: len(cut.data),
    "offset": lambda cut, _first: cut.offset,
    "from": lambda cut, _first: cut.offset + 1 if cut.data and cut.offset is not None else None,
    "to": lambda cut, _first: cut.offset + len(cut.data) if cut.data and cut.offset is not None else None,
    "more": lambda cut, _first: cut.more,
    "done": lambda cut, _first: not cut.more,
    "url": lambda cut, _first: cut.url,
}


def link(url: str, /, **query: object) -> str:
    """Join `url` and a query."""
    return f"{url}?{urlencode(query)}" if query else url


def _seal(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode().rstrip("=")


def _open(name: str, cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith("after:") or _seal(text.removeprefix("after:")) != cursor:
        raise BadQuery(name, cursor, "a cursor as it was given")
    return text.removeprefix("after:")
