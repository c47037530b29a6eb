"""Texts with placeholders: the URL of a list, its JSON body, and the URL of an item.

In a list's URL and body stand `{page}`, `{per_page}`, `{offset}`, `{cursor}`, `{last_id}` and `{env:NAME}`. In an
item's URL stand `{id}`, `{ids:100}` (a batch of at most a hundred), `{env:NAME}`, and any field of the record by its
path, such as `{url}` or `{owner.login}`. An item's URL may also be told by where it is from the list's, with `{list}`
or as a link on the list's page would be, `../pages/{id}`: `on_list` makes it whole.

**A value is encoded for its place**, so that none of it can be taken for another part of the URL: ids with slashes,
dots, spaces and any letters arrive as they are. There are two exceptions, both of an item's URL. A placeholder at its
very beginning is a URL, or a path that the list's URL completes: `{url}`. One behind the host is a path that begins
with a slash: `https://api.test{attributes.url}`.

**What has no value is left out**: of a query its parameter, of a body its field. In a path nothing is written. In a
body only a string that is nothing but a placeholder is one, for the others may be GraphQL, which is full of braces.
There a value keeps its JSON type.

`{env:NAME}` stays as it is: `harness.source.credentials` fills it when the request leaves, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from harness.spec.paths import Path

OF_LIST = ("page", "per_page", "offset", "cursor", "last_id")
_PLACE = re.compile(r"\{([^{}]*)\}")
_WHOLE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(?::[^{}\s]*)?\}")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_BATCH = re.compile(r"ids(?::([0-9]{1,6}))?")
_LIST = "{list}"
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#{]*")
# Where a placeholder stands in a URL.
_START, _BEHIND_HOST, _PATH, _QUERY = "start", "behind host", "path", "query"

Values = Mapping[str, Any]  # of placeholders; None or missing: it has none


def as_text(value: Any) -> str:
    """Return a JSON value as it is written into a URL: text as it is, anything else as JSON."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(value: Any) -> str:
    """Return a value percent-encoded: for any place of a path or a query."""
    text = quote(as_text(value), safe="", errors="surrogatepass")
    # `.` and `..` would be taken for steps through the path.
    return text.replace(".", "%2E") if text and not text.strip(".") else text


def encoded_name(name: str) -> str:
    """Return the name of a parameter, percent-encoded but for `$`, which a query may hold (`$top`)."""
    return quote(name, safe="$")


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    where: str


class UrlTemplate:
    """A URL with placeholders of `allowed`, or of any name where that is None; ValueError, one sentence, else."""

    __slots__ = ("_pieces", "names", "text")

    def __init__(self, text: str, allowed: Collection[str] | None = OF_LIST) -> None:
        self.text = text
        url = text.partition("#")[0]
        path, mark, query = url.partition("?")
        start = _AUTHORITY.match(path)
        # Of an item, what stands right behind the host may be the whole path.
        in_host = start is not None and path[start.end() : start.end() + 1] == "{"
        if start is not None and in_host and (allowed is not None or start[0].endswith("/")):
            raise ValueError(f"the URL {text} has a placeholder in its host: write the host as it is")
        host_ends = 0 if start is None else start.end()
        # The path, then each parameter: lists of texts and placeholders.
        self._pieces = [_split(path, text, allowed, host_ends, start is not None)]
        if mark:
            self._pieces += [_split(part, text, allowed, None, absolute=False) for part in query.split("&")]
        self.names = frozenset(part.name for piece in self._pieces for part in piece if isinstance(part, _Place))

    def fill(self, values: Values) -> str:
        """Return the URL with `values`; without the parameters whose placeholders have none."""
        path, *parameters = ([_filled(part, values) for part in piece] for piece in self._pieces)
        query = ["".join(piece) for piece in parameters if None not in piece]  # type: ignore[arg-type]
        url = "".join(part or "" for part in path)
        return f"{url}?{'&'.join(query)}" if query else url


def parameter(value: str) -> UrlTemplate:
    """Return a parameter's value as the query of a URL: `{cursor}` and the like in it are placeholders.

    Other braces are themselves, for a value may be JSON or GraphQL; but a value that is nothing but `{something}` is a
    mistake: ValueError.
    """
    name = value[1:-1]
    if _WHOLE.fullmatch(value) and name not in OF_LIST and not _VARIABLE.fullmatch(name):
        raise ValueError(_unknown(name, value, OF_LIST))
    written, at = [], 0
    for found in _PLACE.finditer(value):
        if found[1] in OF_LIST or _VARIABLE.fullmatch(found[1]):
            written += [quote(value[at : found.start()], safe=":*,"), found[0]]
            at = found.end()
    return UrlTemplate("?=" + "".join(written) + quote(value[at:], safe=":*,"))


def _split(
    text: str, whole: str, allowed: Collection[str] | None, host_ends: int | None, absolute: bool
) -> list[str | _Place]:
    """Return the texts and placeholders of one part of a URL. host_ends: None in the query."""
    pieces: list[str | _Place] = []
    at = 0
    for found in _PLACE.finditer(text):
        name = found[1]
        if allowed is not None and name not in allowed and not _VARIABLE.fullmatch(name):
            raise ValueError(_unknown(name, whole, allowed))
        where = _QUERY if host_ends is None else _PATH
        if host_ends is not None and found.start() == host_ends:
            where = _BEHIND_HOST if absolute else _START
        pieces += [text[at : found.start()]] if found.start() > at else []
        is_variable = _VARIABLE.fullmatch(name) is not None
        pieces.append(found[0] if is_variable else _Place(name, where))
        at = found.end()
    rest = text[at:]
    if any(mark in piece for piece in [*pieces, rest] if isinstance(piece, str) for mark in _loose_braces(piece)):
        raise ValueError(f"the URL {whole} has a brace without its other one; write %7B or %7D for a brace itself")
    return pieces + ([rest] if rest else [])


def _loose_braces(piece: str) -> str:
    return "" if _PLACE.fullmatch(piece) else "{}"


def _unknown(name: str, whole: str, allowed: Collection[str]) -> str:
    known = ", ".join(f"{{{one}}}" for one in (*allowed, "env:NAME"))
    if whole == f"{{{name}}}":
        return f"unknown placeholder {whole}: allowed are {known}"
    return f"unknown placeholder {{{name}}} in {whole}: allowed are {known}; write %7B for a brace itself"


def _filled(part: str | _Place, values: Values) -> str | None:
    if isinstance(part, str):
        return part
    value = values.get(part.name)
    if value is None:
        return None
    if part.where == _START:
        return as_text(value)
    if part.where == _BEHIND_HOST:
        text = as_text(value)
        if not text.startswith("/") or text.startswith("//"):
            raise ValueError(f"{{{part.name}}} stands behind the host, but {text[:80]!r} does not begin with one slash")
        return text
    return ",".join(map(encoded, value)) if _BATCH.fullmatch(part.name) else encoded(value)


class BodyTemplate:
    """A JSON body in which a string that is nothing but `{cursor}`, say, is a placeholder; ValueError if unknown."""

    __slots__ = ("_body", "names")

    def __init__(self, body: Mapping[str, Any], allowed: Collection[str] = OF_LIST) -> None:
        self._body = body
        self.names = frozenset(_names(body, allowed))

    def fill(self, values: Values) -> dict[str, Any]:
        """Return the body with `values`, which keep their JSON types; what has none is left out."""
        filled = _filled_json(self._body, values)
        assert isinstance(filled, dict)
        return filled


def _names(value: Any, allowed: Collection[str]) -> set[str]:
    if isinstance(value, str):
        name = value[1:-1]
        if not _WHOLE.fullmatch(value) or _VARIABLE.fullmatch(name):
            return set()
        if name not in allowed:
            known = ", ".join(f'"{{{one}}}"' for one in (*allowed, "env:NAME"))
            raise ValueError(
                f'unknown placeholder "{value}" in the body: allowed are {known}; to send it as text, put a space '
                "before it"
            )
        return {name}
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return {name for one in inner for name in _names(one, allowed)}


_NONE: Any = object()


def _filled_json(value: Any, values: Values) -> Any:
    if isinstance(value, Mapping):
        fields = {name: _filled_json(inner, values) for name, inner in value.items()}
        return {name: inner for name, inner in fields.items() if inner is not _NONE}
    if isinstance(value, (list, tuple)):
        return [inner for one in value if (inner := _filled_json(one, values)) is not _NONE]
    if not isinstance(value, str) or not _WHOLE.fullmatch(value) or _VARIABLE.fullmatch(value[1:-1]):
        return value
    found = values.get(value[1:-1])
    return _NONE if found is None else found


def on_list(item: str, list_url: str) -> str:
    """Return the template of an item's URL as a whole URL, if it says where the item is from its list.

    `{list}` is the list's URL without its query, its last slash and `.json`; any other template that has no scheme is a
    reference (RFC 3986 5.2) from the list's URL. One that begins with a placeholder is as the record has it, and stays.
    ValueError where `{list}` stands in for a path that differs from page to page.
    """
    parts = urlsplit(list_url)
    if _LIST in item:
        path = parts.path.rstrip("/").removesuffix(".json")
        if any(not _VARIABLE.fullmatch(name) for name in _PLACE.findall(path)):
            said = f"the item URL {item} holds {_LIST}, but the path of {list_url} has a placeholder"
            raise ValueError(f"{said}: write the item URL whole")
        item = item.replace(_LIST, urlunsplit((parts.scheme, parts.netloc, path, "", "")))
    if item.startswith("{") or _AUTHORITY.match(item):
        return item
    return urljoin(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), item)


def usual_item(list_url: str) -> str:
    """Return the template of where an item lies unless another place is declared: under its list."""
    return f"{_LIST}/{{id}}" + (".json" if urlsplit(list_url).path.endswith(".json") else "")


class ItemTemplate:
    """The URL of an item. batch: how many ids one request may name, None without `{ids:N}`."""

    __slots__ = ("_paths", "_url", "batch", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._url = UrlTemplate(text, None)
        self._paths: dict[str, Path] = {}
        self.batch: int | None = None
        for name in self._url.names:
            batch = _BATCH.fullmatch(name)
            if batch is not None:
                self.batch = int(batch[1] or 0)
            elif name != "id":
                self._paths[name] = _field(name, text)
        if self.batch is not None and (self.batch < 1 or len(self._url.names) > 1):
            raise ValueError(f"the item URL {text} must hold {{ids:100}} alone, with how many ids a request may name")
        if not self._url.names:
            raise ValueError(f"the item URL {text} names no item: put {{id}}, {{url}} or a field of the record into it")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the record that it needs besides the id."""
        return tuple(self._paths)

    def of_record(self, item: int | str, record: Any) -> str:
        """Return the URL of `item`; ValueError where the record lacks a field of it."""
        return self._url.fill({"id": item, **{name: self._value(path, record) for name, path in self._paths.items()}})

    def of_ids(self, *items: int | str) -> str:
        """Return the URL of one item, or of a batch, by their ids alone."""
        name = next((name for name in self._url.names if _BATCH.fullmatch(name)), None)
        if name is None:
            return self._url.fill({"id": items[0]})
        return self._url.fill({name: list(items)})

    def of_parts(self, item: int | str, fields: Mapping[str, Any]) -> str:
        """Return the URL of one item by its id and the fields that this is made of."""
        return self._url.fill({**fields, "id": item})

    def _value(self, path: Path, record: Any) -> Any:
        found = path.find(record)
        if found is None or found == "" or isinstance(found, (bool, dict, list)):
            has = f" (it has {', '.join(map(str, list(record)[:8]))})" if _lacks(record, path) else ""
            raise ValueError(f"a record has no {path}{has}, which the item URL {self.text} needs")
        return found


def _lacks(record: Any, path: Path) -> bool:
    return isinstance(record, dict) and str(path).partition(".")[0] not in record


def _field(name: str, text: str) -> Path:
    try:
        return Path(name)
    except ValueError:
        raise ValueError(f"the item URL {text} holds {{{name}}}, which is no field: write %7B for a brace") from None
