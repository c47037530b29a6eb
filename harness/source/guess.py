"""Guess what a source is from its first answers: pure, and never more than the answers show.

Three answers are looked at: the first page, the page after it as the way on that is believed leads to it, and one item.
From the first alone comes what an import assumes; the others confirm it, or refute it. Each part of the guess has its
evidence in words and the flags that declare the same. What cannot be told is *unknown*, with the flag that says it;
nothing is put in its place. What each part is told from is said by the module that finds it: `guess_records`,
`guess_ids`, `guess_paging` and `guess_items`.

What a source declares is kept: only its open parts are guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.source.guess_counted import find_size
from harness.source.guess_fields import path_of, without
from harness.source.guess_ids import IdFound, find_id
from harness.source.guess_items import envelope, item_url
from harness.source.guess_paging import find_paging, flag_of, flags_of, kind_of, no_way
from harness.source.guess_records import Records, declared_records, find_records
from harness.source.guess_seen import Seen, Way, total_of
from harness.spec.source import Item, Paging, SinglePage, Source


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to guess from. url, body: as sent; value: the JSON it holds, None where it is none; text: then.

    headers: by lower-case name. item: the id it was asked by, None for a page of the list. is_file: it came as CSV or
    JSON lines, which are one page unless something says that they are not.
    """

    url: str
    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    text: str = ""
    item: Any = None
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a guess. what: records, id, paging, end, size, items or envelope. more: what belongs to it, such as
    the field and the parameter of a cursor. flags: the flat settings that declare it. is_sure: of a size, that nothing
    else can be meant.
    """

    what: str
    found: str
    evidence: str
    flags: tuple[tuple[str, str], ...] = ()
    more: str = ""
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """What cannot be told, why, and which flag says it."""

    what: str
    why: str
    flag: str


@dataclass(frozen=True, slots=True)
class Guess:
    """A source as far as it can be told. findings: of the guessed parts alone. others: ways on to be tried where page 2
    refutes the one in `source`. ended: the first page says that it is the last. rivals: other fields like an id.
    beyond: a total says that there is more than page 1 holds.
    """

    source: Source
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...] = ()
    others: tuple[Paging, ...] = ()
    ended: bool = False
    rivals: tuple[str, ...] = ()
    beyond: bool = False

    def finding(self, what: str) -> Finding | None:
        return next((one for one in self.findings if one.what == what), None)

    @property
    def assumed(self) -> str:
        """Return the guess in one line: `records data.orders, id order_id, next meta.next -> after, items …/{id}`."""
        told = [one for one in self.findings if one.what in ("records", "id", "paging", "items") and one.flags]
        return ", ".join(_in_words(one) for one in told)


def _in_words(one: Finding) -> str:
    if one.what == "paging":
        return one.more if one.found == "single" else f"next {one.more}"
    return f"{one.what} {one.found}"


def guess(answers: Sequence[Answer], known: Source, tried: Paging | None = None) -> Guess:
    """Return what the answers show of what `known` leaves open.

    answers: page 1 first, then page 2 and items, if they were asked for. known: with the list's URL at least. tried:
    the way on by which page 2 was asked for, where it is another than the first that page 1 makes believe.
    """
    pages = [answer for answer in answers if answer.item is None]
    items = [answer for answer in answers if answer.item is not None]
    return _Guessing(known, pages, items, tried).guess()


class _Guessing:
    """One guess under way: the resource as far as it is known, what was found and what was not."""

    def __init__(self, known: Source, pages: Sequence[Answer], items: Sequence[Answer], tried: Paging | None) -> None:
        self._known = known
        self._tried = tried
        self._resource = known.resource
        self._pages = pages
        self._items = items
        self._findings: list[Finding] = []
        self._unknown: list[Unknown] = []
        self._others: tuple[Paging, ...] = ()
        self._ended = False
        self._beyond = False
        self._ids: IdFound | None = None

    def guess(self) -> Guess:
        first = self._pages[0]
        records = self._records(first)
        if records is not None:
            second = self._rows_of_second(records)
            self._id(records, second)
            self._paging(first, records, second)
            self._item(records)
        source = self._known.model_copy(update={"resource": self._resource})
        rivals = () if self._ids is None or self._known.resource.id else self._ids.rivals
        return Guess(
            source, tuple(self._findings), tuple(self._unknown), self._others, self._ended, rivals, self._beyond
        )

    def _set(self, **changes: Any) -> None:
        self._resource = self._resource.model_copy(update=changes)

    def _found(self, what: str, found: str, evidence: str, *flags: tuple[str, str], more: str = "") -> None:
        self._findings.append(Finding(what, found, evidence, flags, more))

    def _lacks(self, what: str, why: str, flag: str) -> None:
        self._unknown.append(Unknown(what, why, flag))

    # --- records and ids ------------------------------------------------------------------------------------------

    def _records(self, first: Answer) -> Records | None:
        path = self._resource.records
        if path is not None:
            return declared_records(first.value, path)
        found = _not_json(first) or find_records(first.value, first.url)
        if isinstance(found, str):
            self._lacks("records", found, "--records PATH")
            return None
        self._set(records=found.path)
        flags = () if found.path is None else (("records", found.path),)
        self._found("records", found.shown, found.evidence, *flags, more=f"{len(found.rows):,} a page")
        return found

    def _rows_of_second(self, records: Records) -> list[Any]:
        """Return the records of page 2, [] where it was not asked for, or has none."""
        if len(self._pages) < 2:
            return []
        path, page = self._resource.records, self._pages[1]
        found = find_records(page.value, page.url) if path is None else declared_records(page.value, path)
        return found.rows if isinstance(found, Records) else []

    def _id(self, records: Records, second: list[Any]) -> None:
        if self._resource.id:
            self._ids = IdFound(self._resource.id, "declared")
            return
        if records.bare:
            self._found("id", "the records are ids", "numbers and texts, no objects")
            return
        name = records.keys[-1] if records.keys else ""
        found = find_id(records.rows, second if second != records.rows else [], self._resource.url, name)
        if isinstance(found, str):
            if records.rows:
                self._lacks("id", found, "--id FIELD")
            return
        self._ids = found
        self._set(id=found.paths)
        self._found("id", found.shown, found.evidence, *(("id", path) for path in found.paths))

    # --- the way on -----------------------------------------------------------------------------------------------

    def _paging(self, first: Answer, records: Records, second: list[Any]) -> None:
        seen = Seen(
            without(first.value, records.keys), first.headers, first.url, records.rows, first.method, first.body
        )
        if self._resource.paging is not None:
            return
        way = find_paging(seen)
        self._beyond = total_of(seen) is not None
        if way is None and first.is_file and (not second or second == records.rows):
            return self._file(asked=len(self._pages) > 1)
        if way is None:
            self._lacks("paging", no_way(seen), "--paging page|offset|cursor|link|keyset|single")
            return
        if self._tried in way.others:
            way = way.by(self._tried)
        self._others, self._ended = way.others, way.ended
        self._set(paging=way.paging, **({} if way.body is None else {"body": way.body}))
        evidence = way.evidence + self._shown_by_second(way, records, second)
        self._found("paging", kind_of(way.paging), evidence, *flags_of(way.paging), more=way.shown)
        if way.end:
            self._found("end", way.end, "page 1 says so" if way.ended else "to be expected")
        self._size(seen, way)

    def _shown_by_second(self, way: Way, records: Records, second: list[Any]) -> str:
        """Return what page 2 adds to the evidence of a way on, where it was asked for."""
        if len(self._pages) < 2 or way.ended:
            return ""
        new = _are_new(records.rows, second)
        if new is None:
            return "; page 2 is empty"
        if not new:
            self._lacks("paging", f"page 2 by {way.shown} repeats page 1", flag_of(way.paging))
            return ""
        return "; page 2 has other records than page 1"

    def _file(self, *, asked: bool) -> None:
        """Take a file for one page once another page has been asked for, and was the same."""
        evidence = "a file of CSV or JSON lines" + (", and page 2 is the same file" if asked else "")
        if asked:
            self._set(paging=SinglePage())
            self._ended = True
        self._found("paging", "single", evidence, ("paging", "single"), more="one page")

    def _size(self, seen: Seen, way: Way) -> None:
        size = None if self._resource.size_param is not None else find_size(seen)
        if size is not None:
            self._set(size_param=size.param)
            flags = (("size_param", size.param),)
            self._findings.append(Finding("size", size.param, size.evidence, flags, is_sure=size.is_sure))

    # --- items ----------------------------------------------------------------------------------------------------

    def _item(self, records: Records) -> None:
        if self._resource.item is not None or self._resource.detail is False:
            return self._envelope()
        if self._pages[0].is_file and self._resource.detail is None:
            self._set(detail=False)
            self._found("items", "the records", "a file has no items below it", ("detail", "false"))
            return None
        told = item_url(records, self._ids, self._resource)
        if isinstance(told, str):
            self._lacks("items", told, "--item URL, or --no-detail")
            return None
        url, evidence = told
        self._set(item=Item(url=url))
        self._found("items", url, evidence, ("item", url))
        return self._envelope()

    def _envelope(self) -> None:
        """Say where in an answer the item is, by the id it was asked by."""
        item, resource = next(iter(self._items), None), self._resource
        if item is None or resource.item is None or resource.item.records is not None or item.status >= 300:
            return
        keys = envelope(item.value, self._ids.paths[0] if self._ids and len(self._ids.paths) == 1 else "id", item.item)
        if keys:
            path = path_of(keys)
            self._set(item=Item(url=resource.item.url, records=path))
            self._found("envelope", path, "the object that carries the id", ("item_records", path))


def _not_json(first: Answer) -> str | None:
    if first.value is None and first.text:
        start = first.text.lstrip()[:200].lower()
        what = "an HTML page" if start.startswith(("<!doctype", "<html")) else "XML" if start.startswith("<") else ""
        return f"the answer is {what or 'no JSON'}"
    return None


def _are_new(rows: list[Any], later: list[Any]) -> bool | None:
    """Return whether page 2 has other records; None where it has none."""
    known = [repr(row) for row in rows]
    return None if not later else any(repr(row) not in known for row in later)
