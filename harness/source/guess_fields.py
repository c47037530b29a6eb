"""Where the records of an answer stand, and what names each of them: told from one page alone, or not told.

The records are the array of objects. Where there are several, each gets marks for what makes records likely: its name,
the last part of the list's URL, fields that look like ids. The best counts only if it is ahead of the others by a
margin; else nothing is believed and a person is asked. The same holds for the id: it must be there in every record, be
a plain value, differ from record to record, and be called like an id or stand at the end of the record's own URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from harness.source.way_on import words_of
from harness.spec.paths import Path

Keys = tuple[str, ...]
_MOST_DEPTH = 5
_OPERATORS = re.compile(r"[\[\]{}()|&*?!<>=\"'`,]")

# --- paths ----------------------------------------------------------------------------------------------------------


def path_of(keys: Keys) -> str:
    """Return a path of keys as `harness.spec.paths` reads it: plain, or quoted where a key cannot stand as it is.

    That is one with an operator in it, with a space at its end, or without a letter: anybody may have named it.
    """
    plain = ".".join(keys)
    if (len(keys) == 1 or not any(_OPERATORS.search(key) for key in keys)) and _is_path(plain):
        return plain
    return ".".join(json.dumps(key, ensure_ascii=not key.isprintable()) for key in keys)


def _is_path(text: str) -> bool:
    try:
        return Path(text).header is None
    except ValueError:
        return False


def at(value: Any, keys: Keys) -> Any:
    """Return what stands at a path of keys, None where nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without(value: Any, keys: Keys) -> dict[str, Any]:
    """Return what a body says besides the records at `keys`."""
    if not isinstance(value, dict) or not keys:
        return {}
    inner = {name: one for name, one in value.items() if name != keys[0]}
    if len(keys) > 1 and isinstance(value.get(keys[0]), dict):
        inner[keys[0]] = without(value[keys[0]], keys[1:])
    return inner


def plain_fields(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield each plain value or null of nested objects with its keys; arrays are not looked into."""
    if isinstance(value, dict) and len(keys) < _MOST_DEPTH:
        for key, inner in value.items():
            yield from plain_fields(inner, (*keys, str(key)))
    elif keys and not isinstance(value, (dict, list)):
        yield keys, value


def is_scalar(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool) and value != ""


# --- records --------------------------------------------------------------------------------------------------------

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
    if isinstance(value, dict) and len(keys) < _MOST_DEPTH:
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
    marks += 4.0 if last.replace("_", "") in _words_of_url(url) else 0.0
    marks += 3.0 if "_embedded" in keys[:-1] else 0.0
    marks -= 6.0 if last in _BESIDE and not marks >= 4.0 else 0.0
    marks -= 3.0 if any(key.lower().lstrip("_") in _BESIDE for key in keys[:-1]) else 0.0
    marks += 3.0 if rows and isinstance(rows[0], dict) and any(_rank(key) is not None for key in _inner(rows[0])) else 0
    return marks - 0.5 * (len(keys) - 1)


def _inner(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record without its wrapper."""
    wrapped = next((row[name] for name in _WRAPPERS if isinstance(row.get(name), dict)), None)
    return {**wrapped, **row} if wrapped is not None else row


def _words_of_url(url: str) -> set[str]:
    """Return the last parts of the path as fields may be called: `orders` of `/v2/orders.json`."""
    parts = [part.partition(".")[0].lower() for part in urlsplit(url).path.split("/") if part]
    return {part.replace("-", "").replace("_", "") for part in parts[-2:] if not part.isdecimal()}


def _unwrapped(found: Records) -> Records:
    """Step into the wrappers of records, as in GraphQL (`edges[].node`), Reddit and FHIR, where those hold the ids."""
    for name in _WRAPPERS:
        inner = [row.get(name) for row in found.rows]
        bare = any(_rank(key) is not None and is_scalar(one) for row in found.rows for key, one in row.items())
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
        if isinstance(inner, dict) and len(keys) < _MOST_DEPTH:
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


# --- ids ------------------------------------------------------------------------------------------------------------

_IDS = (
    *("id", "_id", "uuid", "guid", "uid", "gid", "key", "iid", "pk", "oid", "identifier", "number", "objectid"),
    *("pageid", "sid", "sku", "code", "slug", "login", "username", "symbol", "ticker", "isbn", "doi", "name"),
)
# Objects within a record in which its id may stand; the id in any other, such as `user.id`, is somebody else's.
_HOLDERS = ("sys", "_id", "data", "node", "resource", "attributes", "properties", "metadata", "identity", "key")
_WEAK = ("code", "name")  # they name a record only where nothing else does
# Beside an id that repeats, these tell records apart.
_KINDS = ("type", "kind", "media_type", "mediatype", "object", "collection", "namespace", "ns")


@dataclass(frozen=True, slots=True)
class IdFound:
    """paths: one, or several that make the id together. rivals: other fields that could be it as well."""

    paths: tuple[str, ...]
    evidence: str
    rivals: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return " + ".join(self.paths)


def find_id(rows: Sequence[Any], later: Sequence[Any], url: str, name: str = "") -> IdFound | str:
    """Return what names each record, or in words why nothing does.

    rows: of the first page; later: of the second. name: of the records' field, such as `orders`.
    """
    if not rows:
        return "the page has no records"
    everywhere = _fields_of_all(rows)
    ranked = _ranked(everywhere, singular(name, url))
    unique = [keys for keys in ranked if _is_unique([at(row, keys) for row in rows])]
    repeats = [keys for keys in unique if later and not _is_unique([at(row, keys) for row in (*rows, *later)])]
    sure = [keys for keys in unique if keys not in repeats]
    pages = "unique on 2 pages" if later else f"unique on the page{' of one record' if len(rows) == 1 else ''}"
    for keys, field in _in_own_url(sure, rows, url):
        return IdFound((path_of(keys),), f"{pages}; {path_of(field)} ends with it")
    strong = [keys for keys in sure if keys[-1].lower() not in _WEAK or len(keys) > 1]
    for keys in strong or sure:
        rivals = [path_of(other) for other in strong if other != keys and len(other) == 1 and not _is_foreign(other)]
        return IdFound((path_of(keys),), pages, tuple(rivals))
    return _joined(everywhere, rows, later) or _by_own_url(rows, url, pages) or _no_id(ranked, repeats, rows)


def _fields_of_all(rows: Sequence[Any]) -> list[Keys]:
    """Return the fields that every record has with a plain value that is not empty."""
    first = [keys for keys, value in plain_fields(rows[0]) if is_scalar(value) and len(keys) <= 2]
    return [keys for keys in first if all(is_scalar(at(row, keys)) for row in rows)]


def singular(name: str, url: str) -> set[str]:
    """Return what a record is called, by its list's field and URL: order, for orders."""
    words = {name.lower().replace("_", "")} | _words_of_url(url)
    words |= {word[:-3] + "y" for word in words if word.endswith("ies")} | {word.removesuffix("s") for word in words}
    return {word for word in words if word}


def _ranked(fields: Sequence[Keys], singular: set[str]) -> list[Keys]:
    def order(keys: Keys) -> tuple[int, int]:
        own = _rank(keys[-1], singular)
        assert own is not None
        nested = len(keys) > 1
        by_name = keys == ("metadata", "name")  # Kubernetes asks for its objects by name
        return (own + 1000 * nested - 1000 * by_name, len(keys))

    known = [keys for keys in fields if _rank(keys[-1], singular) is not None]
    known = [keys for keys in known if len(keys) == 1 or keys[0].lower() in _HOLDERS]
    foreign = [keys for keys in known if _rank(keys[-1], singular) == _FOREIGN]
    # A record's own id may be called anything_id; where several are, it cannot be told which.
    return sorted((keys for keys in known if keys not in foreign or len(foreign) == 1), key=order)


_OWN, _FOREIGN = 0, 500


def _is_foreign(keys: Keys) -> bool:
    return _rank(keys[-1]) == _FOREIGN


def _rank(key: str, singular: Mapping[str, Any] | set[str] = frozenset()) -> int | None:  # type: ignore[assignment]
    """Return how much a field is called like an id, 0 most; None: it is not."""
    lower = key.lower().lstrip("@$")
    if lower in _IDS:
        return _IDS.index(lower) * 2 + (1 if lower != "id" else 0)
    joined = "".join(words_of(key))
    if joined in _IDS:
        return _IDS.index(joined) * 2 + 1
    ending = next((end for end in ("id", "uuid", "guid", "key", "number", "no", "code") if joined.endswith(end)), None)
    if ending is not None and joined.removesuffix(ending) in singular:
        return 3
    return _FOREIGN if words_of(key)[-1:] and words_of(key)[-1] in ("id", "uuid", "guid") else None


def _is_unique(values: Sequence[Any]) -> bool:
    return len({str(value) for value in values if is_scalar(value)}) == len(values)


def _joined(everywhere: Sequence[Keys], rows: Sequence[Any], later: Sequence[Any]) -> IdFound | None:
    """Join an id that repeats with the kind of its record; or the one pair of ids that is unique."""
    ids = [keys for keys in everywhere if len(keys) == 1 and _rank(keys[0]) is not None]
    kinds = [keys for keys in everywhere if len(keys) == 1 and keys[0].lower() in _KINDS]
    every = [*rows, *later]
    named = [keys for keys in ids if _rank(keys[0]) != _FOREIGN and keys[0].lower() not in _WEAK]
    for kind, own in ((kind, own) for own in named for kind in kinds):
        if _is_unique([f"{at(row, kind)}\n{at(row, own)}" for row in every]):
            return IdFound((path_of(kind), path_of(own)), f"{path_of(own)} repeats, with {path_of(kind)} it does not")
    parts = [keys for keys in everywhere if len(keys) == 1 and (keys in ids or _counts(keys[0]))]
    pairs = [
        (one, two)
        for place, one in enumerate(parts)
        for two in parts[place + 1 :]
        if _is_unique([f"{at(row, one)}\n{at(row, two)}" for row in every])
    ]
    if len(pairs) == 1 and len(every) >= 3:
        paths = tuple(map(path_of, pairs[0]))
        return IdFound(paths, f"neither is unique, together they are on {len(every)} records")
    return None


def _counts(key: str) -> bool:
    return bool(set(words_of(key)) & {"line", "number", "no", "seq", "sequence", "position", "index", "version"})


def _no_id(ranked: Sequence[Keys], repeats: Sequence[Keys], rows: Sequence[Any]) -> str:
    if repeats:
        return f"{path_of(repeats[0])} is unique on page 1, but page 2 repeats it"
    if ranked:
        return f"no field is unique: {path_of(ranked[0])} repeats on the page"
    names = ", ".join(list(map(str, rows[0]))[:6]) if isinstance(rows[0], dict) else ""
    return f"no field is called like an id and differs from record to record; they have {names}"


# --- a record's own URL ---------------------------------------------------------------------------------------------

# Fields that hold the URL of the record itself, likeliest first. Not `link` or `html_url`: those are for browsers.
_OWN_URLS: tuple[Keys, ...] = (
    ("self",), ("links", "self"), ("links", "self", "href"), ("_links", "self", "href"), ("_links", "self"),
    ("@odata.id",), ("attributes", "url"), ("url",), ("href",), ("uri",), ("resource_uri",), ("resource_url",),
    ("api_url",), ("apiUrl",), ("api_href",), ("selfLink",), ("self_link",), ("detail_url",), ("@id",),
    ("meta", "href"), ("meta", "self"), ("sys", "href"), ("links", "url"),
)  # fmt: skip
_CERTAIN = {"self", "selfLink", "self_link", "@odata.id", "resource_uri", "api_url", "apiUrl", "detail_url"}


def own_urls(rows: Sequence[Any], url: str) -> Iterator[tuple[Keys, list[str]]]:
    """Yield the fields that hold the URL of each record, with the URLs, absolute; url: of the list.

    They lie on the list's host, differ from record to record, and lie below the list unless their name is certain.
    """
    here = urlsplit(url)
    for keys in _OWN_URLS:
        found = [at(row, keys) for row in rows]
        if not all(isinstance(one, str) and ("/" in one) for one in found):
            continue
        try:
            absolute = [urljoin(url, one) for one in found]
        except ValueError:
            continue
        if len(set(absolute)) < len(absolute) or any(urlsplit(one).netloc != here.netloc for one in absolute):
            continue
        if set(keys) & _CERTAIN or all(_is_near(one, url) for one in absolute):
            yield keys, absolute


def _is_near(one: str, url: str) -> bool:
    """Return whether a URL is surely of the API: below the list, on a host that is one, or beside it below `/api`."""
    here, there = urlsplit(url), urlsplit(one)
    base = here.path.rstrip("/").removesuffix(".json")
    if there.path.startswith((base + "/", base + ".")) or here.netloc.startswith("api."):
        return True
    first = [part for part in here.path.split("/") if part][:1]
    is_api = bool(first) and re.fullmatch("api|rest|services|v[0-9.]+", first[0]) is not None
    return is_api and first[0] in there.path.split("/")[1:2]


def last_part(url: str) -> str:
    """Return the last part of a URL's path, without `.json` and the slash behind it."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]).removesuffix(".json")


def _by_own_url(rows: Sequence[Any], url: str, pages: str) -> IdFound | None:
    """Take a record's own URL for its id, where it has no other (Spring Data REST)."""
    field = next((keys for keys, _ in own_urls(rows, url) if set(keys) & _CERTAIN), None)
    return None if field is None else IdFound((path_of(field),), f"{pages}; the records have no other id")


def _in_own_url(unique: Sequence[Keys], rows: Sequence[Any], url: str) -> Iterator[tuple[Keys, Keys]]:
    """Yield (id, URL field) where the record's own URL ends with that field."""
    for field, urls in own_urls(rows, url):
        ends = [last_part(one) for one in urls]
        yield from ((keys, field) for keys in unique if [str(at(row, keys)) for row in rows] == ends)
