"""A way on by a cursor: a field, or a header, that is to be sent back. Its own name suggests the parameter.

Which parameter takes it is a guess by name, so there may be several; the first is assumed, and page 2 shows whether it
is right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.source.guess_fields import Keys, at, is_scalar, path_of, plain_fields
from harness.source.guess_seen import (
    Seen,
    Way,
    is_empty,
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
from harness.spec.source import CursorPaging, PageNumberPaging

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


def token(seen: Seen) -> Way | None:
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
            return of_params(path, params, None, total_of(seen), "the header holds a cursor", "the header is absent")
    empty = [keys for keys, value in found if is_empty(value)]
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
    return joined in _CURSORS or (is_onward(keys) and not is_link(value))


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
    end = f"{path} is null, empty or absent" if more is None else says_end(more)
    evidence = "it holds a cursor" if not str(value).isdecimal() else f"it holds the next, {value}"
    way = of_params(path, params, more, total_of(seen), evidence, end)
    if says is False:
        return replace(way, ended=True)
    if isinstance(value, int) and "page" in (params[0], params[0].lstrip("_")) and pages_of(seen) is not None:
        paging = PageNumberPaging(param=params[0], pages=pages_of(seen), total=total_of(seen))
        return Way(paging, f"page numbers -> {params[0]}", f"{path} holds the next, {value}", pages_end(paging))
    return way


def _asked_as(params: tuple[str, ...], seen: Seen) -> str | None:
    """Return the field of the POST's body that already takes the cursor."""
    return next((name for name in params if name in (seen.body or {})), None)


def of_params(path: str, params: tuple[str, ...], more: str | None, total: str | None, evidence: str, end: str) -> Way:
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
        return ("_page", "page") if is_json_server(seen.about) else ("page", "cursor", "after")
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


def page_header(seen: Seen) -> Way | None:
    """GitLab's X-Next-Page, and its like."""
    name = next((name for name in seen.headers if words_of(name)[-2:] == ("next", "page")), None)
    if name is None:
        return None
    title = "-".join(part.capitalize() for part in name.split("-"))
    value, pages, total = seen.headers[name].strip(), pages_of(seen), total_of(seen)
    end = f"{title} is empty"
    if pages is not None:
        paging = PageNumberPaging(param="page", pages=pages, total=total)
        return Way(paging, "page numbers -> page", f"the header {title}, {pages}", end, ended=not value)
    way = of_params(f"header:{title}", ("page",), None, total, f"the header {title}", end)
    return replace(way, ended=not value)
