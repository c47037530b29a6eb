"""How the pages of a list follow on each other: told from what its first page says of itself, or not told.

In order of what an API means by it: a link to the next page (Link header, or a field with a URL), a cursor (a field
that is to be sent back, under a name that its own name suggests), `has_more` alone (the last id is to be sent back),
the place in the list that the answer repeats (`offset`, `startAt`), the number of pages. A few APIs do not say how they
are to be asked, and are known by the fields they have (`_DIALECTS`).

Which parameter takes a cursor back is a guess by name, so there may be several candidates; the first is assumed, and
the second page shows whether it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from harness.source.declared import declared, link_targets, whole
from harness.source.guess_fields import Keys, at, is_scalar, path_of, plain_fields
from harness.source.way_on import SIZE, words_of
from harness.spec.source import (
    CursorPaging,
    KeysetPaging,
    LinkPaging,
    OffsetPaging,
    PageNumberPaging,
    Paging,
)


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


def find_paging(seen: Seen) -> Way | None:
    """Return the way on, None where the page does not tell one."""
    for look in (_link_header, _linked, _dialect, _token, _page_header, _has_more, _offset, _numbered):
        found = look(seen)
        if found is not None:
            return _with_body(found, seen)
    return None


# --- what several of them ask ---------------------------------------------------------------------------------------

_MORE = {"hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "hasmoreresults", "moreavailable",
         "istruncated", "exceededtransferlimit"}  # fmt: skip
_NO_MORE = {"islast", "islastpage", "lastpagereached", "done", "last"}
_BACK = {"prev", "previous", "before", "first", "last", "self", "start", "back", "backward"}


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
        return _as_path(said.by)
    plain: list[Keys] = [
        (name,) for name in ("total", "total_count", "count") if whole(seen.about.get(name)) is not None
    ]
    plain += [keys for keys, value in plain_fields(dict(seen.about)) if _is_total(keys, value)]
    return next((path_of(keys) for keys in plain if whole(at(dict(seen.about), keys)) != len(seen.rows)), None)


def _is_total(keys: Keys, value: Any) -> bool:
    kinds = {"size", "results", "records", "items", "elements", "hits", "entries", "number", "rows"}
    words = words_of(keys[-1])
    return (
        whole(value) is not None
        and not isinstance(value, bool)
        and words[:1] == ("total",)
        and set(words[1:2]) <= kinds
    )


def _as_path(by: str) -> str:
    return f"header:{by.removeprefix('header ')}" if by.startswith("header ") else by


def _pages_of(seen: Seen) -> str | None:
    said = declared(seen.about, seen.headers, seen.url).get("pages")
    return None if said is None or said.by == "header Link" or "link" in said.by.lower() else _as_path(said.by)


def _is_link(value: Any) -> bool:
    """Return whether a value is a URL or a path; some APIs leave the spaces of a filter in its query as they are."""
    is_link = isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))
    return is_link and " " not in value.partition("?")[0]


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value is False


def _is_onward(keys: Keys) -> bool:
    """Return whether a field speaks of the next page, by its own name or that of the object around it."""
    own = words_of(keys[-1])
    onward = any(word.startswith("next") for key in keys for word in words_of(key))
    return onward and not set(own) & (_BACK - {"start"}) and not set(own) & {"sync", "delta", "retry", "reset"}


def _with_body(way: Way, seen: Seen) -> Way:
    """Put the cursor of a POST into its JSON body, where the parameters of such a request are."""
    paging = way.paging
    if seen.method != "POST" or not isinstance(paging, (CursorPaging, OffsetPaging)) or paging.param is None:
        return way
    place = "{cursor}" if isinstance(paging, CursorPaging) else "{offset}"
    body = {**(seen.body or {}), paging.param: place}
    if isinstance(paging, CursorPaging):
        paging = paging.model_copy(update={"param": None})
    return replace(way, paging=paging, shown=f"{way.shown} in the body", body=body)


# --- links ----------------------------------------------------------------------------------------------------------


def _link_header(seen: Seen) -> Way | None:
    header = seen.headers.get("link") or ""
    more, total = more_of(seen.about)[0], total_of(seen)
    if link_targets(header, "next"):
        paging = LinkPaging(more=more, total=total)
        return Way(paging, "Link header, rel next", "the header names the next page", "no rel next any more")
    pages = [rel for rel in ("prev", "previous", "first", "last") if link_targets(header, rel)]
    if pages and not any(_is_onward(keys) for keys, _ in plain_fields(dict(seen.about))):
        why = f"the Link header names {', '.join(pages)} and no next"
        return Way(LinkPaging(total=total), "Link header", why, "no rel next", ended=True)
    return None


def _linked(seen: Seen) -> Way | None:
    onward = [(keys, value) for keys, value in plain_fields(dict(seen.about)) if _is_onward(keys)]
    links = [(path_of(keys), value) for keys, value in onward if _is_link(value)] + list(_by_relation(seen.about))
    more, says = more_of(seen.about)
    if links:
        path, value = min(links, key=lambda one: not one[1].startswith("http"))
        if _is_elsewhere(value, seen.url) and _token(seen) is not None:
            return None  # behind a gateway links name another host; the cursor beside them asks here
        kind = "URL" if value.startswith("http") else "path"
        if says is False:  # Zendesk names a next page even on the last
            end = f"{more} is false"
            return Way(LinkPaging(next=path, more=more), path, f"it holds a {kind}", end, ended=True)
        end = f"{path} is null or absent" if more is None else f"{_says_end(more)}"
        known = {"absent_is_end": True} if "odata" in path.lower() else {}
        return Way(LinkPaging(next=path, more=more, total=total_of(seen), **known), path, f"it holds a {kind}", end)
    empty = [keys for keys, value in onward if _is_empty(value) and _may_be_link(keys)]
    if empty and says is not True and not any(not _is_empty(value) for _, value in onward):
        path = path_of(empty[0])
        said = "null" if at(dict(seen.about), empty[0]) is None else "empty"
        paging = LinkPaging(next=path, more=more, total=total_of(seen))
        return Way(paging, path, "it is there, for the next page", f"{path} is {said}", ended=True)
    return None


def _is_elsewhere(link: str, url: str) -> bool:
    try:
        there, here = urlsplit(urljoin(url, link)), urlsplit(url)
    except ValueError:  # no URL, which is said when it is followed
        return False
    return there.hostname != here.hostname


def _may_be_link(keys: Keys) -> bool:
    own = "".join(words_of(keys[-1]))
    return own in ("next", "nextlink", "odatanextlink", "href") or own.endswith(("url", "uri", "link", "href"))


def _by_relation(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield next links of arrays such as `link: [{"relation": "next", "url": …}]` (FHIR) and `links` with `rel`."""
    for name, links in about.items():
        for link in links if isinstance(links, list) else ():
            for rel in ("relation", "rel"):
                if isinstance(link, dict) and str(link.get(rel)).lower() == "next":
                    to = next((to for to in ("url", "href", "uri") if _is_link(link.get(to))), None)
                    if to is not None:
                        yield f"{name}[?{rel}=='{link[rel]}'].{to} | [0]", link[to]


def _says_end(more: str | None) -> str:
    if more is None:
        return ""
    return f"{more[1:]} is true" if more.startswith("!") else f"{more} is false"


# --- cursors --------------------------------------------------------------------------------------------------------

# What a cursor of this name is sent back as; several where APIs differ. Names as words without marks between them.
_PARAMS: dict[str, tuple[str, ...]] = {
    "after": ("after",),
    "aftercursor": ("page[after]", "after"),
    "endcursor": ("after",),
    "cursor": ("cursor",),
    "nextcursor": ("cursor", "next_cursor", "start_cursor", "after"),
    "startingafter": ("starting_after",),
    "offset": ("offset",),
    "nextoffset": ("offset",),
    "nextstart": ("start",),
    "nextpagestart": ("start",),
    "continue": ("continue",),
    "continuation": ("continuation",),
    "marker": ("marker",),
    "nextmarker": ("marker", "Marker"),
    "bookmark": ("bookmark",),
    "nextbookmark": ("bookmark",),
    "scrollid": ("scroll_id",),
    "nextkey": ("start_key", "key"),
}
_CURSORS = {"after", "aftercursor", "endcursor", "cursor", "continuation", "continuationtoken", "nextcontinuationtoken",
            "startingafter", "scrollid", "bookmark", "resumptiontoken", "pagetoken", "marker"}  # fmt: skip


def _token(seen: Seen) -> Way | None:
    """Find the field, or the header, that holds a cursor."""
    about = dict(seen.about)
    found = [(keys, value) for keys, value in plain_fields(about) if _is_cursor(keys, value, seen)]
    more, says = more_of(about)
    held = [(keys, value) for keys, value in found if is_scalar(value)]
    if held:
        return _cursor_way(min(held, key=lambda one: _order(one[0]))[0], more, says, seen)
    for name, value in seen.headers.items():
        words = words_of(name)
        if value.strip() and (set(words) & {"continuation", "continuationtoken"} or words[-2:] == ("next", "cursor")):
            params = ("continuationToken",) if "cursor" not in words else ("cursor",)
            path = "header:" + "-".join(part.capitalize() for part in name.split("-"))
            return _of_params(path, params, None, total_of(seen), "the header holds a cursor", "the header is absent")
    empty = [keys for keys, value in found if _is_empty(value)]
    if empty and says is not True:
        keys = empty[0]
        said = "null" if at(about, keys) is None else "empty"
        way = _cursor_way(keys, more, says, seen)
        return replace(way, end=f"{path_of(keys)} is {said}", ended=True, evidence="it is there, for the next page")
    return None


def _is_cursor(keys: Keys, value: Any, seen: Seen) -> bool:
    own, joined = words_of(keys[-1]), "".join(words_of(keys[-1]))
    if isinstance(value, (bool, float)) and value is not False:
        return False
    if set(own) & {"sync", "delta", "retry", "reset", "prev", "previous", "before", "refresh", "has"}:
        return False
    if joined == "offset" and not any("next" in words_of(key) for key in keys[:-1]):
        return isinstance(value, str) and not value.strip().isdecimal() and value != ""
    if keys[0] == "continue" and len(keys) > 1:  # MediaWiki: continue.apcontinue
        return joined.endswith("continue") and joined != "continue"
    if joined == "continue":
        return isinstance(value, str)
    onward = any("next" in words_of(key) for key in keys[:-1])
    echoed = {said for name, said in seen.sent.items() if not SIZE.search(name.lower())}
    if joined in ("cursor", "marker", "bookmark", "after") and not onward and str(value) in echoed:
        return False  # it repeats what was asked for
    return joined in _CURSORS or (_is_onward(keys) and not _is_link(value))


def _order(keys: Keys) -> tuple[bool, bool, bool, int]:
    """The likelier cursor first: one that is called so, or next; no count; not deep."""
    own = words_of(keys[-1])
    named = "".join(own) in _CURSORS or "cursor" in own or "token" in own
    return (not named, not any(word.startswith("next") for word in own), "total" in own or "count" in own, len(keys))


def _cursor_way(keys: Keys, more: str | None, says: bool | None, seen: Seen) -> Way:
    path, value = path_of(keys), at(dict(seen.about), keys)
    params = _params(keys, value, seen)
    known = next((name for name in params if name in seen.sent), None) or _asked_as(params, seen)
    params = params if known is None else (known, *(name for name in params if name != known))
    end = f"{path} is null, empty or absent" if more is None else _says_end(more)
    evidence = "it holds a cursor" if not str(value).isdecimal() else f"it holds the next, {value}"
    way = _of_params(path, params, more, total_of(seen), evidence, end)
    if says is False:
        return replace(way, ended=True)
    if isinstance(value, int) and "page" in (params[0], params[0].lstrip("_")) and _pages_of(seen) is not None:
        paging = PageNumberPaging(param=params[0], pages=_pages_of(seen), total=total_of(seen))
        return Way(paging, f"page numbers -> {params[0]}", f"{path} holds the next, {value}", _pages_end(paging))
    return way


def _asked_as(params: tuple[str, ...], seen: Seen) -> str | None:
    """Return the field of the POST's body that already takes the cursor."""
    return next((name for name in params if name in (seen.body or {})), None)


def _of_params(path: str, params: tuple[str, ...], more: str | None, total: str | None, evidence: str, end: str) -> Way:
    ways = tuple(CursorPaging(next=path, param=name, more=more, total=total) for name in params)
    return Way(ways[0], f"{path} -> {params[0]}", evidence, end, others=ways[1:])


def _params(keys: Keys, value: Any, seen: Seen) -> tuple[str, ...]:
    """Return the names under which a cursor may be sent back, likeliest first."""
    own = keys[-1]
    joined, names = "".join(words_of(own)), {"".join(words_of(key)) for key in seen.about}
    if keys[0] == "continue" and len(keys) > 1:
        return (own,)
    if joined == "nextpagetoken":
        own_name = own if "islast" in names or {"pagesize", "totalrecords"} <= names else None
        plain = "page_token" if "_" in own else "pageToken"
        return (own_name, plain) if own_name else (plain, own)
    if joined == "nexttoken":
        counted = "resultcount" in {"".join(words_of(keys[-1])) for keys, _ in plain_fields(dict(seen.about))}
        return ("pagination_token", own) if counted else (own,)
    if joined == "nextcursor" and seen.method == "POST":
        return ("start_cursor", "cursor")
    if joined in ("next", "nextpage", "nextpagenumber") and str(value).isdecimal():
        return ("_page", "page") if _is_json_server(seen.about) else ("page", "cursor", "after")
    if joined == "next":
        return ("cursor", "after", own)
    if joined in ("nextcontinuationtoken", "continuationtoken"):
        return ("continuation-token", "continuationToken") if own[:1].isupper() else ("continuationToken",)
    return _PARAMS.get(joined) or tuple(dict.fromkeys((_less_next(own), own)))


def _less_next(name: str) -> str:
    for start in ("next_", "next-"):
        if name.lower().startswith(start):
            return name[len(start) :]
    if name.lower().startswith("next") and name[4:5].isupper():
        return name[4:] if name[:1].isupper() else name[4].lower() + name[5:]
    return {"next": "cursor"}.get(name.lower(), name)


def _page_header(seen: Seen) -> Way | None:
    """GitLab's X-Next-Page, and its like."""
    name = next((name for name in seen.headers if words_of(name)[-2:] == ("next", "page")), None)
    if name is None:
        return None
    title = "-".join(part.capitalize() for part in name.split("-"))
    value, pages, total = seen.headers[name].strip(), _pages_of(seen), total_of(seen)
    end = f"{title} is empty"
    if pages is not None:
        paging = PageNumberPaging(param="page", pages=pages, total=total)
        return Way(paging, "page numbers -> page", f"the header {title}, {pages}", end, ended=not value)
    way = _of_params(f"header:{title}", ("page",), None, total, f"the header {title}", end)
    return replace(way, ended=not value)


# --- without a cursor -----------------------------------------------------------------------------------------------


def _has_more(seen: Seen) -> Way | None:
    """`has_more` and nothing to send back: the last id is."""
    more, says = more_of(seen.about)
    names = set(seen.about)
    if more is None or more.startswith("!") or not set(words_of(more.rpartition(".")[2])) & {"more"}:
        return None
    if any(_place_of(seen)):
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
    return Way(ways[0], shown, evidence, _says_end(more), ended=says is False, others=others)


_PLACES = {"offset", "skip", "start", "startat", "startindex", "from", "startposition", "firstresult"}
_SIZES = {"limit", "size", "perpage", "pagesize", "maxresults", "count", "rows", "top", "take", "pagelength",
          "itemsperpage", "resultsperpage", "num"}  # fmt: skip


def _place_of(seen: Seen) -> Iterator[tuple[Keys, int]]:
    """Yield the fields that repeat where in the list this page begins."""
    for keys, value in plain_fields(dict(seen.about)):
        number = whole(value)
        if number is not None and "".join(words_of(keys[-1])) in _PLACES and not isinstance(value, bool):
            yield keys, number


def _offset(seen: Seen) -> Way | None:
    places = list(_place_of(seen))
    asked = next((name for name in seen.sent if "".join(words_of(name)) in _PLACES), None)
    total, (more, says) = total_of(seen), more_of(seen.about)
    whole_list = _is_whole(seen)
    if asked is not None and whole(seen.sent[asked]) is not None:
        shown = f"offset -> {asked}"
        return Way(OffsetPaging(param=asked, total=total, more=more), shown, "the URL asks for it", _counted_end(total))
    sized = [keys for keys, _ in plain_fields(dict(seen.about)) if "".join(words_of(keys[-1])) in _SIZES]
    if not places or not (sized or total) or (_pages_of(seen) is not None and _echoes(seen)):
        return None
    keys, number = places[0]
    if number > 1:  # it began elsewhere than at the beginning: some other number
        return None
    paging = OffsetPaging(param=keys[-1], total=total, more=more)
    beside = path_of(sized[0]) if sized else total
    evidence = f"{path_of(keys)} is {number}, beside {beside}"
    end = _says_end(more) if more else _counted_end(total)
    return Way(paging, f"offset -> {keys[-1]}", evidence, end, ended=says is False or whole_list)


def _is_whole(seen: Seen) -> bool:
    """Return whether a declared total is the number of records on the page."""
    said = declared(seen.about, seen.headers, seen.url).get("total")
    return said is not None and said.value == len(seen.rows)


def _counted_end(total: str | None) -> str:
    return "a page is empty" if total is None else f"{total} records"


_NUMBERS = {"page", "currentpage", "pagenumber", "pageno", "pagenum", "number", "pageindex"}


def _numbered(seen: Seen) -> Way | None:
    pages, total = _pages_of(seen), total_of(seen)
    more, says = more_of(seen.about)
    echoes = _echoes(seen)
    if pages is None and not (echoes and (total or more)):
        return None
    asked = [name for name in seen.sent if _page_word(name)]
    param = asked[0] if asked else _numbered_param(echoes)
    paging = PageNumberPaging(param=param, pages=pages, total=total, more=more)
    evidence = " and ".join(part for part in (path_of(echoes[0]) if echoes else "", pages or total or more) if part)
    last = pages is not None and _value_of(pages, seen) in (0, 1)
    return Way(paging, f"page numbers -> {param}", evidence, _pages_end(paging), ended=says is False or last)


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


def _pages_end(paging: PageNumberPaging) -> str:
    if paging.pages is not None:
        return f"{paging.pages} pages"
    return _says_end(paging.more) if paging.more else _counted_end(paging.total)


def _value_of(path: str, seen: Seen) -> int | None:
    if path.startswith("header:"):
        return whole(seen.headers.get(path.removeprefix("header:").lower()))
    return whole(at(dict(seen.about), tuple(path.split("."))))


# --- APIs known by their fields -------------------------------------------------------------------------------------


def _is_json_server(about: Mapping[str, Any]) -> bool:
    return {"first", "next", "last", "pages", "items"} <= set(about)


def _dialect(seen: Seen) -> Way | None:
    """Answers that do not say how the next page is asked for, of APIs whose fields nobody else has together."""
    about, names = dict(seen.about), set(seen.about)
    first = seen.rows[0] if seen.rows and isinstance(seen.rows[0], dict) else {}
    if _is_json_server(about):
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


def find_size(seen: Seen) -> tuple[str, str] | None:
    """Return (the parameter that sets the size of pages, what shows it), None where nothing does."""
    for name, value in _next_query(seen):
        if "".join(words_of(name)) in _SIZES | {"first"} and whole(value) is not None:
            return name, f"the next link sends {name}={value}"
    for name, value in seen.sent.items():
        if SIZE.search(name.lower()) and whole(value) == len(seen.rows) and name != "perPage":
            return name, f"{name}={value} was asked for, and as many came"
    for keys, value in plain_fields(dict(seen.about)):
        joined = "".join(words_of(keys[-1]))
        if joined in _SIZES - {"count", "num", "rows"} and (whole(value) or 0) >= max(1, len(seen.rows)):
            return keys[-1], f"{path_of(keys)} is {value}"
    return None


def _next_query(seen: Seen) -> list[tuple[str, str]]:
    links = link_targets(seen.headers.get("link") or "", "next")
    links += [value for keys, value in plain_fields(dict(seen.about)) if _is_onward(keys) and _is_link(value)]
    try:
        return parse_qsl(urlsplit(links[0]).query) if links else []
    except ValueError:
        return []
