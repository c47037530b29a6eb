"""Ways on that count: a last id beside `has_more`, the place that an answer repeats, the number of pages.

A few APIs do not say how they are asked, and are known by the fields that they have together. And the parameter that
sets the size of pages, where an answer shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.source.extent import declared, link_targets, whole
from harness.source.guess_fields import Keys, at, path_of, plain_fields
from harness.source.guess_seen import (
    Seen,
    Way,
    counted_end,
    is_json_server,
    is_link,
    is_onward,
    more_of,
    pages_end,
    pages_of,
    says_end,
    total_of,
)
from harness.source.way_on import SIZE, words_of
from harness.spec.source import KeysetPaging, OffsetPaging, PageNumberPaging, Paging


def has_more(seen: Seen) -> Way | None:
    """`has_more` and nothing to send back: the last id is."""
    more, says = more_of(seen.about)
    names = set(seen.about)
    if more is None or more.startswith("!") or not set(words_of(more.rpartition(".")[2])) & {"more"}:
        return None
    if any(place_of(seen)):
        return None
    params: tuple[str, ...] = ("after", "starting_after", "after_id", "since_id")
    evidence = "nothing to send back but the last id"
    if {"first_id", "last_id"} <= names:
        params = ("after", "after_id") if seen.about.get("object") == "list" else ("after_id", "after")
        evidence = "first_id and last_id stand beside it"
    elif seen.about.get("object") == "list":
        params, evidence = ("starting_after", "after"), 'a list that says "object": "list", as Stripe\'s'
    known = next((name for name in params if name in seen.sent), None)
    params = params if known is None else (known, *(name for name in params if name != known))
    ways = tuple(KeysetPaging(param=name, more=more, total=total_of(seen)) for name in params)
    others: tuple[Paging, ...] = ways[1:]
    if evidence.startswith("nothing"):  # then pages may be numbered as well
        others = (ways[1], PageNumberPaging(more=more, total=total_of(seen)), *ways[2:])
    shown = f"{more}, the last id -> {params[0]}"
    return Way(ways[0], shown, evidence, says_end(more), ended=says is False, others=others)


_PLACES = {"offset", "skip", "start", "startat", "startindex", "from", "startposition", "firstresult"}
_SIZES = {"limit", "size", "perpage", "pagesize", "maxresults", "count", "rows", "top", "take", "pagelength",
          "itemsperpage", "resultsperpage", "num"}  # fmt: skip


def place_of(seen: Seen) -> Iterator[tuple[Keys, int]]:
    """Yield the fields that repeat where in the list this page begins."""
    for keys, value in plain_fields(dict(seen.about)):
        number = whole(value)
        if number is not None and "".join(words_of(keys[-1])) in _PLACES and not isinstance(value, bool):
            yield keys, number


def offset(seen: Seen) -> Way | None:
    places = list(place_of(seen))
    asked = next((name for name in seen.sent if "".join(words_of(name)) in _PLACES), None)
    total, (more, says) = total_of(seen), more_of(seen.about)
    whole_list = _is_whole(seen)
    if asked is not None and whole(seen.sent[asked]) is not None:
        shown = f"offset -> {asked}"
        return Way(OffsetPaging(param=asked, total=total, more=more), shown, "the URL asks for it", counted_end(total))
    sized = [keys for keys, _ in plain_fields(dict(seen.about)) if "".join(words_of(keys[-1])) in _SIZES]
    if not places or not (sized or total) or (pages_of(seen) is not None and _echoes(seen)):
        return None
    keys, number = places[0]
    if number > 1:  # it began elsewhere than at the beginning: some other number
        return None
    paging = OffsetPaging(param=keys[-1], total=total, more=more)
    beside = path_of(sized[0]) if sized else total
    evidence = f"{path_of(keys)} is {number}, beside {beside}"
    end = says_end(more) if more else counted_end(total)
    return Way(paging, f"offset -> {keys[-1]}", evidence, end, ended=says is False or whole_list)


def _is_whole(seen: Seen) -> bool:
    """Return whether a declared total is the number of records on the page."""
    said = declared(seen.about, seen.headers, seen.url).get("total")
    return said is not None and said.value == len(seen.rows)


_NUMBERS = {"page", "currentpage", "pagenumber", "pageno", "pagenum", "number", "pageindex"}


def numbered(seen: Seen) -> Way | None:
    pages, total = pages_of(seen), total_of(seen)
    more, says = more_of(seen.about)
    echoes = _echoes(seen)
    if pages is None and not (echoes and (total or more)):
        return None
    asked = [name for name in seen.sent if _page_word(name)]
    param = asked[0] if asked else _numbered_param(echoes)
    paging = PageNumberPaging(param=param, pages=pages, total=total, more=more)
    evidence = " and ".join(part for part in (path_of(echoes[0]) if echoes else "", pages or total or more) if part)
    last = pages is not None and _value_of(pages, seen) in (0, 1)
    return Way(paging, f"page numbers -> {param}", evidence, pages_end(paging), ended=says is False or last)


def _echoes(seen: Seen) -> list[Keys]:
    """Return the fields that repeat the number of the page."""
    return [keys for keys, value in plain_fields(dict(seen.about)) if _is_page_number(keys, value)]


def _page_word(name: str) -> bool:
    return "page" in words_of(name) and not SIZE.search(name.lower())


def _is_page_number(keys: Keys, value: Any) -> bool:
    return whole(value) in (0, 1) and not isinstance(value, bool) and "".join(words_of(keys[-1])) in _NUMBERS


def _numbered_param(echoes: list[Keys]) -> str:
    """Return `page`, unless the answer calls it otherwise and does not mean its own count by that."""
    own = echoes[0][-1] if echoes else "page"
    return own if _page_word(own) and "current" not in words_of(own) else "page"


def _value_of(path: str, seen: Seen) -> int | None:
    if path.startswith("header:"):
        return whole(seen.headers.get(path.removeprefix("header:").lower()))
    return whole(at(dict(seen.about), tuple(path.split("."))))


# --- APIs known by their fields -------------------------------------------------------------------------------------


def dialect(seen: Seen) -> Way | None:
    """Answers that do not say how the next page is asked for, of APIs whose fields nobody else has together."""
    about, names = dict(seen.about), set(seen.about)
    first = seen.rows[0] if seen.rows and isinstance(seen.rows[0], dict) else {}
    if is_json_server(about):
        paging = PageNumberPaging(param="_page", pages="pages", total="items")
        last = about.get("next") is None
        return Way(paging, "page numbers -> _page", "first, prev, next, last, pages and items are json-server's",
                   "next is null", ended=last)  # fmt: skip
    if "hits" in names and {"took", "timed_out"} & names and "_id" in first:
        total = "hits.total.value" if isinstance(at(about, ("hits", "total")), dict) else "hits.total"
        return _by_offset("from", total, "took and hits.total are Elasticsearch's", seen)
    if {"objectIdFieldName", "exceededTransferLimit"} & names and isinstance(first.get("attributes"), dict):
        more = "exceededTransferLimit"
        by_offset = OffsetPaging(param="resultOffset", more=more)
        says = about.get(more)
        said, end = f"{more} and attributes are ArcGIS's", f"{more} is false or absent"
        return Way(by_offset, "offset -> resultOffset", said, end, ended=says is not True)
    if {"help", "success", "result"} <= names and isinstance(about["result"], dict) and "count" in about["result"]:
        return _by_offset("start", "result.count", "help, success and result.count are CKAN's", seen)
    if isinstance(about.get("response"), dict) and "numFound" in about["response"]:
        return _by_offset("start", "response.numFound", "response.numFound is Solr's", seen)
    return None


def _by_offset(param: str, total: str, evidence: str, seen: Seen) -> Way:
    is_all = whole(at(dict(seen.about), tuple(total.split(".")))) == len(seen.rows)
    paging = OffsetPaging(param=param, total=total)
    return Way(paging, f"offset -> {param}", evidence, f"{total} records", ended=is_all)


# --- the size of pages ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """The parameter that sets the size of pages, and what shows it. is_sure: nothing else can be meant."""

    param: str
    evidence: str
    is_sure: bool = False


def find_size(seen: Seen) -> Size | None:
    """Return the parameter that sets the size of pages, None where nothing shows it."""
    for name, value in _next_query(seen):
        if "".join(words_of(name)) in _SIZES | {"first"} and whole(value) is not None:
            return Size(name, f"the next link sends {name}={value}", is_sure=True)
    for name, value in seen.sent.items():
        if SIZE.search(name.lower()) and whole(value) == len(seen.rows) and name != "perPage":
            return Size(name, f"{name}={value} was asked for, and as many came")
    for name, api in _own_names(seen):
        return Size(name, f"as of {api}", is_sure=True)
    for keys, value in plain_fields(dict(seen.about)):
        joined = "".join(words_of(keys[-1]))
        if joined in _SIZES - {"count", "num", "rows"} and (whole(value) or 0) >= max(1, len(seen.rows)):
            return Size(keys[-1], f"{path_of(keys)} is {value}")
    return None


def _own_names(seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield (the parameter, whose) for APIs that are known by their fields and never say how they are asked."""
    about = dict(seen.about)
    by_last_id = isinstance(about.get("has_more"), bool) and not any(is_onward(keys) for keys, _ in plain_fields(about))
    if about.get("object") == "list" and by_last_id and seen.method == "GET":
        yield "limit", 'lists that say "object": "list" and has_more, as Stripe\'s'
    if is_json_server(about):
        yield "_per_page", "json-server, whose first, prev, next, last, pages and items these are"


def _next_query(seen: Seen) -> list[tuple[str, str]]:
    links = link_targets(seen.headers.get("link") or "", "next")
    links += [value for keys, value in plain_fields(dict(seen.about)) if is_onward(keys) and is_link(value)]
    try:
        return parse_qsl(urlsplit(links[0]).query) if links else []
    except ValueError:
        return []
