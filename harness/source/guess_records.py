"""Where the records of an answer stand: told from one page alone, or not told.

The records are the array of objects. Where there are several, each gets marks for what makes records likely: its name,
the last part of the list's URL, fields that look like ids. The best counts only if it is ahead of the others by a
margin; else nothing is believed and a person is asked. A path that was declared is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.source.guess_fields import MOST_DEPTH, Keys, at, is_scalar, path_of, rank_of, words_of_url
from harness.spec.paths import Path

_NAMES = {
    "data",
    "items",
    "item",
    "results",
    "result",
    "records",
    "value",
    "values",
    "entries",
    "entry",
    "rows",
    "list",
    "content",
    "hits",
    "docs",
    "documents",
    "elements",
    "objects",
    "children",
    "edges",
    "nodes",
    "features",
    "members",
    "member",
    "collection",
    "resources",
}
# What stands beside records: how they were found, what went wrong, where else to look.
_BESIDE = {
    "errors",
    "error",
    "warnings",
    "links",
    "link",
    "included",
    "includes",
    "facets",
    "aggregations",
    "filters",
    "columns",
    "fields",
    "messages",
    "sort",
    "meta",
    "metadata",
    "notices",
    "parameters",
    "schema",
    "suggestions",
    "paging",
    "pagination",
    "federation",
    "breadcrumbs",
    "userdata",
}
# Objects that wrap one record each, beside what the list says of it.
_WRAPPERS = ("node", "resource", "data")
_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a page. keys: of the array; path: as it is declared, None where the body is the array itself."""

    keys: Keys
    path: str | None
    rows: list[Any]
    evidence: str

    @property
    def bare(self) -> bool:
        """Return whether the records are ids and nothing else."""
        return bool(self.rows) and all(is_scalar(row) for row in self.rows)

    @property
    def shown(self) -> str:
        return self.path or "the array itself"


def find_records(value: Any, url: str) -> Records | str:
    """Return the records of a page, or in words why they cannot be told. url: of the list."""
    if isinstance(value, list):
        return _array(value)
    if not isinstance(value, dict):
        return "the body is neither an array nor an object"
    found = [(keys, rows) for keys, rows in _arrays(value) if rows and all(isinstance(row, dict) for row in rows)]
    found = [(keys, rows) for keys, rows in found if _marks(keys, rows, url) > -_MARGIN]
    if found:
        return _best(found, url)
    return _by_key(value) or _bare(value, url) or _empty(value, url) or _nothing(value)


def _array(rows: list[Any]) -> Records | str:
    if all(isinstance(row, dict) for row in rows):
        found = Records((), None, rows, "the body is an array of objects" if rows else "the body is an empty array")
        return _unwrapped(found)
    if all(is_scalar(row) for row in rows):
        return Records((), None, rows, "the body is an array of ids")
    return "the body is an array of neither objects nor ids"


def _arrays(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, list[Any]]]:
    if isinstance(value, dict) and len(keys) < MOST_DEPTH:
        for key, inner in value.items():
            yield from _arrays(inner, (*keys, str(key)))
    elif isinstance(value, list) and keys:
        yield keys, value


def _best(found: list[tuple[Keys, list[Any]]], url: str) -> Records | str:
    marks = {keys: _marks(keys, rows, url) for keys, rows in found}
    ranked = sorted(found, key=lambda one: -marks[one[0]])
    keys, rows = ranked[0]
    if len(ranked) == 1:
        return _unwrapped(Records(keys, path_of(keys), rows, "the only array of objects"))
    if marks[keys] - marks[ranked[1][0]] < _MARGIN:
        names = ", ".join(path_of(other) for other, _ in ranked[:4])
        return f"{len(ranked)} arrays of objects look alike: {names}"
    others = ", ".join(path_of(other) for other, _ in ranked[1:4])
    return _unwrapped(Records(keys, path_of(keys), rows, f"more like records than {others}"))


def _marks(keys: Keys, rows: list[Any], url: str) -> float:
    last = keys[-1].lower().lstrip("_")
    marks = 3.0 if last in _NAMES else 0.0
    marks += 4.0 if last.replace("_", "") in words_of_url(url) else 0.0
    marks += 3.0 if "_embedded" in keys[:-1] else 0.0
    marks -= 6.0 if last in _BESIDE and not marks >= 4.0 else 0.0
    marks -= 3.0 if any(key.lower().lstrip("_") in _BESIDE for key in keys[:-1]) else 0.0
    marks += (
        3.0 if rows and isinstance(rows[0], dict) and any(rank_of(key) is not None for key in _inner(rows[0])) else 0
    )
    return marks - 0.5 * (len(keys) - 1)


def _inner(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record without its wrapper."""
    wrapped = next((row[name] for name in _WRAPPERS if isinstance(row.get(name), dict)), None)
    return {**wrapped, **row} if wrapped is not None else row


def _unwrapped(found: Records) -> Records:
    """Step into the wrappers of records, as in GraphQL (`edges[].node`), Reddit and FHIR, where those hold the ids."""
    for name in _WRAPPERS:
        inner = [row.get(name) for row in found.rows]
        bare = any(rank_of(key) is not None and is_scalar(one) for row in found.rows for key, one in row.items())
        if found.rows and all(isinstance(one, dict) and one for one in inner) and not bare:
            path = f"{'' if found.path is None else _quoted(found.keys)}[].{name}"
            return Records(found.keys, path, inner, f"{found.evidence}; each record is wrapped in {name}")
    return found


def _quoted(keys: Keys) -> str:
    """Return keys as JMESPath, quoted where they are no identifiers."""
    names = (key if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key) else f'"{key}"' for key in keys)
    return ".".join(names)


def _by_key(value: dict[str, Any]) -> Records | None:
    """Find an object of records by their ids, as MediaWiki's `query.pages` and Wikidata's `entities`."""
    for keys, inner in _objects(value):
        rows = list(inner.values())
        if not rows or not all(isinstance(row, dict) for row in rows):
            continue
        if all(any(is_scalar(one) and str(one) == key for one in row.values()) for key, row in inner.items()):
            return Records(keys, f"{_quoted(keys)}.*", rows, "the only object of objects that are keyed by their ids")
    return None


def _objects(value: dict[str, Any], keys: Keys = ()) -> Iterator[tuple[Keys, dict[str, Any]]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and len(keys) < MOST_DEPTH:
            yield (*keys, str(key)), inner
            yield from _objects(inner, (*keys, str(key)))


def _bare(value: dict[str, Any], url: str) -> Records | None:
    found = [(keys, rows) for keys, rows in _arrays(value) if rows and all(is_scalar(row) for row in rows)]
    found = [(keys, rows) for keys, rows in found if _marks(keys, [], url) >= 3.0 - 0.5 * len(keys)]
    if len(found) != 1:
        return None
    (keys, rows), *_ = found
    return Records(keys, path_of(keys), rows, "the only array of ids")


def _empty(value: dict[str, Any], url: str) -> Records | None:
    found = [keys for keys, rows in _arrays(value) if not rows and _marks(keys, [], url) >= 2.0]
    if len(found) != 1:
        return None
    return Records(found[0], path_of(found[0]), [], "the only array, which is empty")


def _nothing(value: dict[str, Any]) -> str:
    of_arrays = [path_of(keys) for keys, rows in _arrays(value) if rows and all(isinstance(row, list) for row in rows)]
    if of_arrays:
        return f"{of_arrays[0]} is an array of arrays, whose rows have no names"
    names = ", ".join(list(map(str, value))[:6])
    return f"the body holds no array of objects; it has {names}" if names else "the body is an empty object"


def declared_records(value: Any, path: str) -> Records | None:
    """Return the records at a declared path; None where no array is there."""
    rows = Path(path).find(value)
    if not isinstance(rows, list):
        return None
    plain = tuple(path.split("."))
    keys = plain if isinstance(at(value, plain), list) else (path,) if isinstance(at(value, (path,)), list) else ()
    return Records(keys or _array_keys(value, rows), path, rows, "declared")


def _array_keys(value: Any, rows: list[Any], keys: Keys = ()) -> Keys:
    """Return the keys of the array that an expression took its records from: as many, at the same place."""
    if isinstance(value, dict) and len(keys) < 5:
        for key, inner in value.items():
            found = (*keys, str(key)) if isinstance(inner, list) and len(inner) == len(rows) else ()
            found = found or _array_keys(inner, rows, (*keys, str(key)))
            if found:
                return found
    return ()
