"""What the API looks like, as data: where records, ids and items are, and what pages tell of each other.

Settings of the table `[shape]`, or `--shape NAME=VALUE` once for each. None changes what the list holds or which limits
are enforced. A *path* names a place in a JSON body: keys joined with dots, a key that holds dots in double quotes or
behind an `@` (`@odata.nextLink`), or `header:NAME`.

`paging` chooses which parameters move through the list and what a page tells unless the shape says so: see WAYS.
`tell` maps each path to what stands there, one of TOLD; a URL may have a form after a colon: `next:path` (without
host), `next:object` (`{"href": URL}`), `next:scheme=https`, `next:host=localhost`; `header:Link=links` tells them all,
`links:prev-next` those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, get_args, get_type_hints

from harness_test_api.errors import BadConfig
from harness_test_api.identity import ID_KINDS, is_id_kind
from harness_test_api.spec import whole

HEADER = "header:"
URLS = ("next", "prev", "first", "last")
_FACTS = ("url", "page", "next_page", "pages", "total", "size", "count", "offset", "from", "to", "more", "done")
TOLD = (*URLS, "links", "cursor", *_FACTS)
LINKS = "first-prev-next-last"
# What gives the size of the list away.
SIZE_OF_LIST = ("total", "pages", "last")


@dataclass(frozen=True)
class Shape:
    """One API's looks. What each setting means is its help text; paths and templates are as the module says."""

    list: Annotated[str, "Path of the list."] = "/api/items"
    method: Annotated[str, "GET, or POST with the parameters in a JSON body."] = "GET"
    item: Annotated[str, "Path of an item, with {list}, {id}, {n} (its number) or a part of the id; none."] = (
        "{list}/{id}"
    )
    batch: Annotated[str, "Path of several items at once, such as {list}/show_many.json?ids={ids}."] = ""
    batch_most: Annotated[int, "Ids that a batch may ask for; more are answered 400."] = 100
    redirect: Annotated[int, "Status, 301 or 308, that leads to the same path with (or without) its last slash."] = 0
    needs: Annotated[tuple[str, ...], "Parameters or header:NAME without which a request is a 400."] = ()
    records: Annotated[str, "Path of the records in a page; empty: the body is an array."] = "data"
    record: Annotated[str, "object, or id: the records are bare ids."] = "object"
    wrap: Annotated[str, "Key of a record under which its fields are, beside the id."] = ""
    list_fields: Annotated[str, "few (id and name), or all that the item has."] = "few"
    id: Annotated[tuple[str, ...], "Path of the id in a record; several make it together."] = ("id",)
    id_kind: Annotated[str, f"What ids are: {', '.join(ID_KINDS)}, or prefix:TEXT."] = "int"
    other_id: Annotated[str, "Path of another number in records with all fields, by which nothing can be asked."] = ""
    urls: Annotated[tuple[str, ...], "Paths of the item's own URL in a record, each with a form like next."] = ()
    last: Annotated[str, "Path in a record of the array that asks for what follows it (search_after)."] = ""
    item_records: Annotated[str, "Path of the item in its answer; empty: it is the answer."] = ""
    batch_records: Annotated[str, "Path of the items in a batch; - : as records."] = "-"
    extra: Annotated[Mapping[str, Any], "JSON object whose fields every page has."] = field(default_factory=dict)
    record_extra: Annotated[Mapping[str, Any], "JSON object whose fields every record has."] = field(
        default_factory=dict
    )
    item_extra: Annotated[Mapping[str, Any], "JSON object whose fields every answer with an item has."] = field(
        default_factory=dict
    )
    ok: Annotated[bool, 'Bodies say "ok": true; errors are a 200 with "ok": false.'] = False
    error: Annotated[str, "Path of the words in the body of an error."] = "message"
    bad_status: Annotated[int, "Status of a parameter that cannot be used."] = 422
    page_param: Annotated[str, "Parameter with the number of the page."] = ""
    first_page: Annotated[int, "Number of the first page, 0 or 1."] = 1
    offset_param: Annotated[str, "Parameter with the number of records to leave out."] = ""
    cursor_param: Annotated[str, "Parameter with the cursor."] = ""
    cursor_in: Annotated[str, "query, or path: the cursor is one more segment of the list's path."] = "query"
    last_param: Annotated[str, "Parameter with the id after which the page begins."] = ""
    size_param: Annotated[str, "Parameter with the size of the page; empty: there is none."] = "perPage"
    from_param: Annotated[str, "Parameter with the number (1, 2, ... as created) from which on records are listed."] = (
        ""
    )
    to_param: Annotated[str, "Parameter with the number up to which they are."] = ""
    borders: Annotated[str, "Those of a range that are in it: from, both or none."] = "from"
    size: Annotated[int, "Records on a page unless asked otherwise."] = 10
    most: Annotated[int, "Most records on a page."] = 100
    over: Annotated[str, "Asked for more than most: cap, refuse, or default (the usual size)."] = "cap"
    tell: Annotated[Mapping[str, str], "What a page tells: PATH=WHAT ..., or a table."] = field(default_factory=dict)
    end: Annotated[str, "What the last page tells in the place of the way on: null, absent or empty."] = "null"
    past: Annotated[str, "A page past the end: empty, null, or STATUS:WORDS."] = "empty"
    size_header: Annotated[str, "NAME:WORD of a header that asks for the size, as in Prefer: WORD=100."] = ""
    token: Annotated[str, "Path of the token endpoint of oauth2."] = "/oauth/token"
    strict: Annotated[bool, "Refuse parameters that are not known."] = False
    allow: Annotated[tuple[str, ...], "Other parameters that are known."] = ()

    @property
    def item_path(self) -> str:
        """The template of an item's path and query, its list filled in; empty: items have no address."""
        return "" if self.item == "none" else self.item.replace("{list}", self.list)

    @property
    def batch_path(self) -> str:
        """The template of a batch, its list filled in; empty: there is none."""
        return self.batch.replace("{list}", self.list)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that move through the list, in the order in which links name them."""
        named = (self.page_param, self.offset_param, self.cursor_param, self.last_param, self.size_param)
        return tuple(name for name in named if name)


_NUMBERED = {"page_param": "page"}
_LARAVEL = {
    "current_page": "page",
    "first_page_url": "first",
    "from": "from",
    "last_page": "pages",
    "last_page_url": "last",
    "next_page_url": "next",
    "path": "url",
    "per_page": "size",
    "prev_page_url": "prev",
    "to": "to",
    "total": "total",
}
# Ways of paging: by number as Laravel does, or as a bare array with a Link header (RFC 8288); by offset, the way of
# SQL, where page borders move when the list changes; after the last id seen, in the open (keyset) or sealed (cursor),
# where nothing is lost or doubled by a change.
WAYS: dict[str, dict[str, Any]] = {
    "page": _NUMBERED | {"tell": _LARAVEL},
    "offset": {
        "offset_param": "offset",
        "size_param": "limit",
        "tell": {"offset": "offset", "limit": "size", "next": "next", "total": "total"},
    },
    "cursor": {
        "cursor_param": "cursor",
        "tell": {"per_page": "size", "next_cursor": "cursor", "next_page_url": "next", "total": "total"},
    },
    "link": _NUMBERED | {"records": "", "tell": {"header:Link": "links"}},
    "keyset": {"last_param": "after", "tell": {"has_more": "more", "total": "total"}},
    "single": {"size_param": "", "tell": {}},
}


def parse_shape(texts: Iterable[str], paging: str, no_total: bool) -> Shape:
    """The shape in texts NAME=VALUE over that of the way of paging; BadConfig for what cannot be used."""
    if paging not in WAYS:
        raise BadConfig(f"paging: {paging!r} is unknown; use {', '.join(WAYS)}")
    values = dict(WAYS[paging])
    known = {f.name: hint for f in fields(Shape) for hint in [get_args(_HINTS[f.name])[0]]}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in known:
            names = ", ".join(known).replace("_", "-")
            raise BadConfig(f"shape: {text[:60]!r} is not NAME=VALUE of a known name; use {names}")
        values[name] = _read(name, known[name], value)
    if no_total:
        told = {path: what for path, what in values["tell"].items() if form_of(what)[0] not in SIZE_OF_LIST}
        values["tell"] = {path: "links:first-prev-next" if what == "links" else what for path, what in told.items()}
    shape = Shape(**values)
    _check(shape)
    return shape


_HINTS = get_type_hints(Shape, include_extras=True)


def _read(name: str, kind: Any, text: str) -> Any:
    where = f"shape: {name.replace('_', '-')}"
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise BadConfig(f"{where}: {text!r} is not true or false; write one")
        return text.lower() == "true"
    if kind is int:
        return whole(text, where, most=10**9)
    if kind is str:
        return text
    if name == "tell" and not text.lstrip().startswith("{"):
        pairs = [word.partition("=") for word in text.split()]
        return {path: what for path, _, what in pairs}
    if kind == tuple[str, ...]:
        return tuple(text.replace(",", " ").split())
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadConfig(f"{where}: {text[:60]!r} is not a JSON object; write a table")
    return value


_CHOICES: dict[str, tuple[Any, ...]] = {
    "method": ("GET", "POST"),
    "record": ("object", "id"),
    "list_fields": ("few", "all"),
    "redirect": (0, 301, 308),
    "first_page": (0, 1),
    "cursor_in": ("query", "path"),
    "borders": ("from", "both", "none"),
    "over": ("cap", "refuse", "default"),
    "end": ("null", "absent", "empty"),
}


def _check(shape: Shape) -> None:
    for name, choices in _CHOICES.items():
        if getattr(shape, name) not in choices:
            told = ", ".join(str(choice) for choice in choices)
            raise BadConfig(f"shape: {name.replace('_', '-')}: {getattr(shape, name)!r} is unknown; use {told}")
    if not is_id_kind(shape.id_kind):
        raise BadConfig(f"shape: id-kind: {shape.id_kind!r} is unknown; use {', '.join(ID_KINDS)} or prefix:TEXT")
    for path, what in shape.tell.items():
        _check_told(shape, path, what)
    _check_paths(shape)
    if not shape.id:
        raise BadConfig("shape: id is empty; write the path of the id in a record")
    if not 1 <= shape.size <= shape.most:
        raise BadConfig(f"shape: size {shape.size} is not from 1 to most, {shape.most}; change one of them")
    if not 400 <= shape.bad_status <= 499:
        raise BadConfig(f"shape: bad-status: {shape.bad_status} is not from 400 to 499; write one that is")
    past(shape)


def _check_paths(shape: Shape) -> None:
    for name, text in (("list", shape.list), ("item", shape.item_path), ("batch", shape.batch_path)):
        if text and not text.startswith("/"):
            raise BadConfig(f"shape: {name}: {text!r} is not a path; begin it with / or with {{list}}")
    for name, template in (("item", shape.item_path), ("batch", shape.batch_path)):
        known = {"ids"} if name == "batch" else {"id", "n", *(keys_of(path)[-1] for path in shape.id)}
        for placeholder in re.findall(r"\{([^{}]*)\}", template):
            if placeholder not in known:
                raise BadConfig(f"shape: {name}: {{{placeholder}}} is unknown; use {', '.join(sorted(known))} or list")


def _check_told(shape: Shape, path: str, what: str) -> None:
    name, form = form_of(what)
    if name not in TOLD or not _is_form(name, form):
        raise BadConfig(
            f"shape: tell {path}={what}: {what!r} is unknown; use {', '.join(TOLD)}, a URL also with a form"
        )
    if name == "links" and not path.startswith(HEADER):
        raise BadConfig(f"shape: tell {path}=links: links stand in a header; write header:Link=links")
    if not shape.records and not path.startswith(HEADER):
        raise BadConfig(f"shape: tell {path}={what}: the body is an array; tell it in header:NAME, or set records")


def _is_form(name: str, form: str) -> bool:
    if not form or (name == "links" and all(rel in URLS for rel in form.split("-"))):
        return True
    return name in URLS and (form in ("path", "object") or form.startswith(("scheme=", "host=")))


def form_of(what: str) -> tuple[str, str]:
    """Take `next:path` apart into what is told and the form of it (empty: as it is)."""
    name, _, form = what.partition(":")
    return name, form


def past(shape: Shape) -> tuple[int, str] | None:
    """Status and words of a page past the end; None where it is a page (empty or null)."""
    if shape.past in ("empty", "null"):
        return None
    status, _, words = shape.past.partition(":")
    if not status.isdecimal() or not 200 <= int(status) <= 499:
        raise BadConfig(f"shape: past: {shape.past!r} is unknown; use empty, null, 404, 204 or 400:WORDS")
    return int(status), words or "there is no such page"


def keys_of(path: str) -> tuple[str, ...]:
    """The keys of a path."""
    if path.startswith("@"):
        return (path,)
    keys, quoted = [""], False
    for char in path:
        if char == '"':
            quoted = not quoted
        elif char == "." and not quoted:
            keys.append("")
        else:
            keys[-1] += char
    return tuple(keys)


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Put `value` into `body` at `path`, making the objects on the way."""
    *outer, last = keys_of(path)
    for key in outer:
        body = body.setdefault(key, {})
    body[last] = value
