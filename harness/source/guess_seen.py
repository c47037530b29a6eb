"""The first page as the ways on look at it, and what several of them ask of it: totals, `has_more`, onward fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.source.extent import declared, whole
from harness.source.guess_fields import Keys, at, path_of, plain_fields
from harness.source.way_on import words_of
from harness.spec.source import PageNumberPaging, Paging


@dataclass(frozen=True, slots=True)
class Seen:
    """The first page, as it is looked at. about: the body without its records; url, body: as they were sent."""

    about: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str
    rows: list[Any]
    method: str = "GET"
    body: Mapping[str, Any] | None = None

    @property
    def sent(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Way:
    """A way on. shown: for people. end: how the list says that it ends. ended: this page says so.

    others: the same under other parameters, to be tried where the first is refuted. body: of POST, with the cursor.
    """

    paging: Paging
    shown: str
    evidence: str
    end: str = ""
    ended: bool = False
    others: tuple[Paging, ...] = ()
    body: dict[str, Any] | None = field(default=None, compare=False)

    def by(self, other: Paging) -> Way:
        """Return another of the ways that are likely."""
        left = tuple(one for one in (self.paging, *self.others) if one != other)
        return replace(self, paging=other, shown=by_param(self.shown, other), others=left)


def by_param(shown: str, other: Paging) -> str:
    """Return a way on as it is shown, with the parameter of another."""
    what = shown.rpartition(" -> ")[0] or "next"
    what = {"page": "page numbers", "offset": "offset"}.get(other.type, what)
    return f"{what} -> {getattr(other, 'param', None)}"


_MORE = {"hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "hasmoreresults", "moreavailable",
         "istruncated", "exceededtransferlimit"}  # fmt: skip
_NO_MORE = {"islast", "islastpage", "lastpagereached", "done", "last"}
BACK = {"prev", "previous", "before", "first", "last", "self", "start", "back", "backward"}


def more_of(about: Mapping[str, Any]) -> tuple[str | None, bool | None]:
    """Return the path of a boolean that says whether more follow (`!done` where it says the opposite), and what it
    says.
    """
    for keys, value in plain_fields(dict(about)):
        name = "".join(words_of(keys[-1]))
        if isinstance(value, bool) and name in _MORE:
            return path_of(keys), value
        if isinstance(value, bool) and name in _NO_MORE:
            return f"!{path_of(keys)}", not value
    return None, None


def total_of(seen: Seen) -> str | None:
    """Return the path of the number of records; None where none is said, or it may be that of the page."""
    said = declared(seen.about, seen.headers, seen.url).get("total")
    if said is not None and said.value != len(seen.rows):
        return as_path(said.by)
    plain: list[Keys] = [
        (name,) for name in ("total", "total_count", "count") if whole(seen.about.get(name)) is not None
    ]
    plain += [keys for keys, value in plain_fields(dict(seen.about)) if is_total(keys, value)]
    return next((path_of(keys) for keys in plain if whole(at(dict(seen.about), keys)) != len(seen.rows)), None)


def is_total(keys: Keys, value: Any) -> bool:
    kinds = {"size", "results", "records", "items", "elements", "hits", "entries", "number", "rows"}
    words = words_of(keys[-1])
    return (
        whole(value) is not None
        and not isinstance(value, bool)
        and words[:1] == ("total",)
        and set(words[1:2]) <= kinds
    )


def as_path(by: str) -> str:
    return f"header:{by.removeprefix('header ')}" if by.startswith("header ") else by


def pages_of(seen: Seen) -> str | None:
    said = declared(seen.about, seen.headers, seen.url).get("pages")
    return None if said is None or said.by == "header Link" or "link" in said.by.lower() else as_path(said.by)


def is_link(value: Any) -> bool:
    """Return whether a value is a URL or a path; some APIs leave the spaces of a filter in its query as they are."""
    may_be = isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))
    return may_be and " " not in value.partition("?")[0]


def is_empty(value: Any) -> bool:
    return value is None or value == "" or value is False


def is_onward(keys: Keys) -> bool:
    """Return whether a field speaks of the next page, by its own name or that of the object around it."""
    own = words_of(keys[-1])
    onward = any(word.startswith("next") for key in keys for word in words_of(key))
    return onward and not set(own) & (BACK - {"start"}) and not set(own) & {"sync", "delta", "retry", "reset"}


def says_end(more: str | None) -> str:
    if more is None:
        return ""
    return f"{more[1:]} is true" if more.startswith("!") else f"{more} is false"


def pages_end(paging: PageNumberPaging) -> str:
    if paging.pages is not None:
        return f"{paging.pages} pages"
    return says_end(paging.more) if paging.more else counted_end(paging.total)


def counted_end(total: str | None) -> str:
    return "a page is empty" if total is None else f"{total} records"


def is_json_server(about: Mapping[str, Any]) -> bool:
    return {"first", "next", "last", "pages", "items"} <= set(about)
