"""Where the items of a list lie, and where in its answer an item is.

A record that holds a URL of its own says it best. Where the id stands in each of these URLs, the template follows from
one of them; else the URL is read from each record. Without such a URL an item is taken to lie one path segment below
the list, unless that cannot be: the list is asked for by POST, it has no id of one field, or its address is a verb or
a program's file, which nothing lies below.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from harness.source.guess_fields import Keys, at, is_scalar, path_of
from harness.source.guess_ids import IdFound, last_part, own_urls
from harness.source.guess_records import Records
from harness.source.way_on import words_of
from harness.spec.source import Resource

# A list that is a verb, or a program's file, has no items below it.
_VERBS = {"search", "query", "list", "graphql", "find", "filter", "lookup", "export"}


def item_url(records: Records, ids: IdFound | None, resource: Resource) -> tuple[str, str] | str:
    """Return the template of an item's URL and what shows it, or why it is not known."""
    url = resource.url.partition("#")[0]
    rows = [] if records.bare else records.rows
    for keys, urls in own_urls(rows, url) if rows else ():
        template = _by_id(rows, urls, ids)
        if template is not None:
            return _without_query(template), f"{path_of(keys)} of each record"
        if len(rows) > 1 and all(str(at(row, keys)).startswith("http") for row in rows):
            return "{" + path_of(keys) + "}", f"the URL in {path_of(keys)}, which does not follow from the id"
    if ids is None and not records.bare:
        return "without an id no item can be asked for"
    if resource.method != "GET":
        return "the list is asked for by POST, and its records hold no URL of their own"
    if ids is not None and len(ids.paths) > 1:
        return f"the id is {ids.shown}, and the records hold no URL of their own"
    last = last_part(url)
    if set(words_of(last) + words_of(last_part(url.partition("?")[0].rpartition("/")[0]))) & _VERBS or "." in last:
        return f"the list is /{last}, below which no items lie"
    return below(url), "assumed: below the list"


def below(url: str) -> str:
    """Return the template of items one path segment below the list; a slash or `.json` behind it stays behind."""
    parts = urlsplit(url)
    path = parts.path
    ending = "/" if path.endswith("/") else ".json" if path.endswith(".json") else ""
    path = path[: len(path) - len(ending)] if ending else path
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/{{id}}{ending}", _proof(parts.query), ""))


def _proof(query: str) -> str:
    return "&".join(part for part in query.split("&") if "{env:" in part)


def _by_id(rows: list[Any], urls: list[str], ids: IdFound | None) -> str | None:
    """Return the one template that gives each record's URL from its id; None where there is none."""
    if ids is None or len(ids.paths) != 1:
        return None
    found = set()
    for row, one in zip(rows, urls, strict=True):
        name = str(at(row, tuple(ids.paths[0].split("."))))
        head, mark, tail = one.rpartition(name)
        if not mark or not head.endswith(("/", "=", "(", "'")) or (tail and tail[0].isalnum()):
            return None
        found.add(f"{head}{{id}}{tail}")
    return found.pop() if len(found) == 1 else None


def _without_query(template: str) -> str:
    """Return a template without the parameters that are not the id's."""
    parts = urlsplit(template)
    query = [(name, value) for name, value in parse_qsl(parts.query) if "{id}" in value]
    return urlunsplit((*parts[:3], urlencode(query, safe="{}"), ""))


def envelope(value: Any, id_path: str, item: Any) -> Keys:
    """Return the keys of the object that carries the id `item`; () where that is the answer itself, or none does."""
    keys = tuple(id_path.split("."))
    if not isinstance(value, dict) or _carries(value, keys, item):
        return ()
    holders: list[tuple[Keys, dict[str, Any]]] = [
        ((name,), inner) for name, inner in value.items() if isinstance(inner, dict)
    ]
    holders += [
        ((*outer, name), inner)
        for outer, one in list(holders)
        for name, inner in one.items()
        if isinstance(inner, dict)
    ]
    return next((found for found, inner in holders if _carries(inner, keys, item)), ())


def _carries(value: dict[str, Any], keys: Keys, item: Any) -> bool:
    found = at(value, keys)
    return is_scalar(found) and str(found) == str(item)
