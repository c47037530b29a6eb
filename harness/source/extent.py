"""Read how many records or pages a list declares, wherever APIs say so: in objects such as `meta`, headers, links.

Missing such a number costs records: a list that ends early and says `"meta": {"total": 60}` leaves no other trace.
Believing one that counts something else (all records without the filter, say) costs a person one flag, --accept-list.
So the largest of several declared numbers counts.

A Link header (RFC 8288) looks like `<https://api.test/x?page=2>; rel="next", <...>; rel=last`. It is read character by
character: a target may hold commas and semicolons, a title may hold `>` and quotes, parameters come in any order, and
relation types and parameter names come in any case, quoted or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from harness.source.way_on import CONTAINERS, SIZE, leaves, name_of, title_of, words_of

_KINDS = "count|items?|results?|elements?|records?|entries|rows|docs|documents|hits|objects|resources|found|available"
_TOTAL = re.compile(
    rf"total((number|num|no)?(of)?({_KINDS}))?|({_KINDS}|full|overall)total|recordsfiltered|totalsize|numfound|(full|overall)count"
)
_PAGES = re.compile(
    r"lastpage(number|num)?|totalpages?|totalpagecount|pages?count|pages?total|(num|nb|no|max)(of)?pages?|numberofpages"
)
# Beside the records a plain `count` is often that of the page, or how many were asked for; these hold that of the list.
_COUNTED_IN = {"meta", "metadata", "info", "pagination"}
_PREFIXES = {"x", "wp", "pagination", "paging", "paginator", "pager", "page", "list"}
_MOST = 2**53

Kind = Literal["total", "pages"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number of records or of pages; by: the path of the field, or `header` and its name."""

    value: int
    by: str


def declared(about: Mapping[str, Any], headers: Mapping[str, str], sent: str) -> dict[Kind, Number]:
    """Return the largest number of each kind that the answer declares; a 0 declares nothing.

    about: the body without its records. headers: by lower-case name. sent: the URL that was requested.
    """
    asked = {value for name, value in parse_qsl(urlsplit(sent).query) if SIZE.search(name.lower())}
    found: dict[Kind, Number] = {}
    for kind, value, by in (*_in_body(about, asked), *_in_headers(headers)):
        if value and value < _MOST and (kind not in found or value > found[kind].value):
            found[kind] = Number(value, by)
    return found


def whole(value: Any) -> int | None:
    """Return `value` as a count of things, also where it is written as text or as 60.0; None if it is no count."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _in_body(about: Mapping[str, Any], asked: set[str]) -> Iterator[tuple[Kind, int, str]]:
    for path, value in leaves(about):
        own = path[:-1] if len(path) > 1 and path[-1] in ("value", "count") and _kind(path[-2]) else path
        if all(set(words_of(key)) & CONTAINERS for key in own[:-1]):
            number, kind = whole(value), _kind(own[-1])
            if number is not None and (kind := kind or _in_container(own, str(number) in asked)) is not None:
                yield kind, number, name_of(path)
        if any(words_of(key)[:1] == ("last",) for key in path) and isinstance(value, str):
            yield "pages", _page_of(value), name_of(path)


def _kind(key: str) -> Kind | None:
    """Return what a field of this name counts, wherever it stands."""
    name = "".join(words_of(key))
    if _TOTAL.fullmatch(name):
        return "total"
    return "pages" if _PAGES.fullmatch(name) or name == "pages" else None


def _in_container(path: tuple[str, ...], is_asked: bool) -> Kind | None:
    """Return what a field counts if only its name and the object around it together say so."""
    own, within = path[-1].lower(), {word for key in path[:-1] for word in words_of(key)}
    if own == "count" and within & _COUNTED_IN and not is_asked:
        return "total"
    return "pages" if own == "last" and within else None


def _in_headers(headers: Mapping[str, str]) -> Iterator[tuple[Kind, int, str]]:
    for name, value in headers.items():
        words = list(words_of(name))
        if words in (["pagination"], ["x", "pagination"], ["paging"], ["x", "paging"]) and value.startswith("{"):
            yield from ((kind, number, f"header {title_of(name)}") for kind, number, _ in _in_json(value))
        elif words == ["content", "range"]:
            number = whole(value.rpartition("/")[2])
            if not value.strip().lower().startswith("bytes") and number is not None:
                yield "total", number, f"header {title_of(name)}"
        elif (number := whole(value)) is not None and (kind := _header_kind(words)) is not None:
            yield kind, number, f"header {title_of(name)}"
    for link in link_targets(headers.get("link") or "", "last"):
        yield "pages", _page_of(link), "header Link"


def _in_json(text: str) -> Iterator[tuple[Kind, int, str]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        yield from _in_body(value, set())


def _header_kind(words: list[str]) -> Kind | None:
    """Return what a header counts, by its name without a prefix such as `X-WP-`."""
    while words:
        if (kind := _kind("-".join(words))) is not None:
            return kind
        if words[0] not in _PREFIXES:
            return None
        words = words[1:]
    return None


def _page_of(link: str) -> int:
    """Return the number of the page that a link leads to, or 0."""
    try:
        query = parse_qsl(urlsplit(link).query)
    except ValueError:
        return 0
    numbers = (whole(value) for name, value in query if "page" in words_of(name) and not SIZE.search(name.lower()))
    return next((number for number in numbers if number is not None), 0)


# No list sends more links than this in one header; reading more would only cost time.
_MOST_LINKS = 100
NO_NEXT = "no next"  # no relation can be called so, with a space


def link_targets(header: str, relation: str) -> list[str]:
    """Return the targets of the links with this relation (lower case), in order."""
    return [target for target, relations in _links(header) if relation in relations]


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (target, relation types in lower case) of each link; skip anything else.

    A next link with `results="false"` is none but NO_NEXT: Sentry sends one with the last page, for whoever polls.
    """
    at = 0
    for _ in range(_MOST_LINKS):
        begin = header.find("<", at)
        end = header.find(">", begin)
        if begin < 0 or end < 0:
            return
        at, relations, void = end + 1, None, False
        while at < len(header) and header[at] != ",":
            name, value, at = _parameter(header, at)
            if name == "rel" and relations is None:  # RFC 8288 3.3: the first one counts
                relations = value.lower().split()
            void = void or (name == "results" and value.lower() == "false")
        yield header[begin + 1 : end].strip(), [NO_NEXT if void and one == "next" else one for one in relations or ()]


def _parameter(header: str, at: int) -> tuple[str, str, int]:
    """Return the parameter that begins at or after `at` (name, value), and where it ends: at `;`, `,` or the end."""
    begin = at
    while at < len(header) and header[at] not in "=;,":
        at += 1
    name = header[begin:at].strip(" \t").lower()
    if at == len(header) or header[at] != "=":
        return name, "", at + (at < len(header) and header[at] == ";")
    at += 1
    while at < len(header) and header[at] in " \t":
        at += 1
    if at < len(header) and header[at] == '"':
        value, at = _quoted(header, at + 1)
        while at < len(header) and header[at] not in ";,":
            at += 1
    else:
        begin = at
        while at < len(header) and header[at] not in ";,":
            at += 1
        value = header[begin:at].strip(" \t'")
    return name, value, at + (at < len(header) and header[at] == ";")


def _quoted(header: str, at: int) -> tuple[str, int]:
    """Return the quoted string that begins after the quote before `at`, and the position after its closing quote."""
    text = []
    while at < len(header) and header[at] != '"':
        at += header[at] == "\\"
        text.append(header[at : at + 1])
        at += 1
    return "".join(text), at + 1
