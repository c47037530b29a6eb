"""A source as a TOML file declares it, with `[source]` and one `[[resource]]`; the way back is `to_toml`.

Names are those of the models in `harness.spec.source`, and those of dlt's rest_api beside them, so that a declaration
written for it can be carried over: `client.base_url` and `endpoint.path` are the URL, `data_selector` the records,
`primary_key` the id, `paginator` the paging with dlt's types and fields. What dlt has and this importer has not is
refused with what to write instead.

    [source]                                    [source.client]
    name = "shop"                               base_url = "https://api.example.com/v2"
    auth = {type = "bearer",                    auth = {type = "bearer", token = "{env:API_TOKEN}"}
            token_env = ["API_TOKEN"]}
    [[resource]]                                [[resource]]
    url = "https://api.example.com/v2/orders"   name = "orders"
    records = "data"                            primary_key = "order_id"
    id = ["order_id"]                           endpoint = {path = "orders", data_selector = "data"}
    paging = {type = "cursor",                  [resource.endpoint.paginator]
              next = "meta.next",               type = "cursor"
              param = "after"}                  cursor_path = "meta.next"
                                                cursor_param = "after"

Flat names, as flags have them, may stand in `[source]` and `[[resource]]`, too: they come out as they are, to be read
with the other settings. Each part remembers where it stood, so that what is wrong with it is said there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from harness.errors import BadInput
from harness.paths import quoted
from harness.spec.names import (
    AUTHS,
    FLAT,
    IGNORED,
    NOT_HERE,
    OF_CLIENT,
    OF_ENDPOINT,
    OF_RESOURCE,
    OF_SOURCE,
    PAGINGS,
    USUAL,
)
from harness.spec.source import (
    Auth,
    Item,
    OffsetPaging,
    PageNumberPaging,
    Resource,
    Source,
)
from harness.values import as_params, as_texts, as_tiers

_VARIABLE = re.compile(r"\{env:([^{}]+)\}")
Table = Mapping[str, Any]
# The tables of a file that declare a source.
DECLARING = ("source", "client", "resource", "resources")


@dataclass(slots=True)
class Written:
    """What a file declares. flat: settings among it by flat name. where: of each setting, how and where it stands."""

    source: Source
    flat: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)


def is_declared(table: Table) -> bool:
    """Return whether a TOML table declares a source by `[[resource]]`, not by flat settings."""
    inner = table.get("source")
    return any(name in table for name in ("resource", "resources", "client")) or (
        isinstance(inner, Mapping) and any(name in inner for name in ("resource", "resources", "client"))
    )


def read_source(table: Table, file: str, flat: Iterable[str]) -> Written:
    """Return what `table` declares; BadInput, in one sentence that says where, for what cannot be used.

    file: what the place is called, such as `in orders.toml`. flat: the names of flat settings of a source.
    """
    return _Reader(file, frozenset(flat)).read(table)


class _Reader:
    def __init__(self, file: str, flat: frozenset[str]) -> None:
        self._file = file
        self._flat = flat
        self._made = Written(Source(resource=Resource(url="")))

    def read(self, table: Table) -> Written:
        about = self._named(self._table(table.get("source", {}), "[source]"), OF_SOURCE, "[source]")
        for name in ("client", "resource", "resources"):
            if name in table:
                about = self._put(about, "resource" if name == "resources" else name, table[name], "beside [source]")
        client = self._named(self._table(about.pop("client", {}), "[client]"), OF_CLIENT, "[source.client]")
        if "base_url" in about:
            client = self._put(client, "base_url", about.pop("base_url"), "[source] and its client")
        resource = self._resource(self._one(about.pop("resource", None)), client)
        headers = {**self._texts(client.get("headers", {})), **self._texts(about.get("headers", {}))}
        auth = about.get("auth", client.get("auth"))
        self._made.source = Source(
            name=self._text(about.get("name"), "name in [source]"),
            resource=resource,
            headers={**headers, **self._headers},
            params=self._params(about.get("params", {}), "[source]"),
            auth=None if auth is None else self._auth(auth),
            limits=self._limits(about.get("limits", ())),
        )
        return self._made

    # --- tables -------------------------------------------------------------------------------------------------------

    def _table(self, value: Any, what: str) -> Table:
        if not isinstance(value, Mapping):
            raise BadInput(f"{what} {self._file} must be a table, not {quoted(value)}")
        return value

    def _named(self, table: Table, names: Mapping[str, str], what: str) -> dict[str, Any]:
        """Return a table's values by our names, with flat settings put aside."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name in names:
                found = self._put(found, names[name], value, what)
                self._made.where.setdefault(FLAT.get(names[name], names[name]), f"{key} in {what} {self._file}")
            elif name in self._flat:
                if name in self._made.flat:
                    raise BadInput(f"{name} stands twice {self._file}; leave one of the two out")
                self._made.flat[name] = value
                self._made.where[name] = f"{key} in {what} {self._file}"
            else:
                raise BadInput(self._unknown(key, [*names, *self._flat], what))
        return found

    def _put(self, found: dict[str, Any], name: str, value: Any, what: str) -> dict[str, Any]:
        if name in found:
            raise BadInput(f"{name} stands twice in {what} {self._file}; leave one of the two out")
        return {**found, name: value}

    def _unknown(self, key: str, known: Iterable[str], what: str) -> str:
        said = f"unknown setting {key!r} in {what} {self._file}"
        if key in NOT_HERE:
            return f"{said}; {NOT_HERE[key]}"
        like = get_close_matches(key.replace("-", "_"), sorted(known), 1, 0.7)
        return f"{said}; leave it out, or {f'write {like[0]}' if like else 'see docs/sources.md'}"

    def _one(self, resources: Any) -> Table:
        """Return the one resource; dlt's short form, a text, is its path."""
        several = [resources] if isinstance(resources, Mapping) else resources
        if not isinstance(several, list) or not several:
            raise BadInput(f"[source] {self._file} has no [[resource]]; add one, with the url of the list")
        if len(several) > 1:
            ask = "keep one in this file, and the others in files of their own"
            raise BadInput(
                f"{self._file.removeprefix('in ')} declares {len(several)} resources, and one is read; {ask}"
            )
        if isinstance(several[0], str):
            return {"name": several[0].strip("/").rpartition("/")[2], "endpoint": several[0]}
        return self._table(several[0], "[[resource]]")

    def _text(self, value: Any, what: str) -> str | None:
        if value is not None and not isinstance(value, str):
            raise BadInput(f"{what} {self._file} must be text, not {quoted(value)}")
        return value

    def _texts(self, value: Any) -> dict[str, str]:
        table = self._table(value, "headers")
        if bad := next((name for name, text in table.items() if not isinstance(text, str)), None):
            raise BadInput(f"the header {bad} {self._file} must be text")
        return dict(table)

    def _limits(self, value: Any) -> tuple[str, ...]:
        try:
            limits = as_texts("limits", "500/20s")(value)
            if limits:
                as_tiers(list(limits))
        except ValueError as error:
            raise BadInput(f"limits in [source] {self._file}: {error}") from None
        return cast(tuple[str, ...], limits)

    def _made_of(self, model: type[Any], values: Table, what: str) -> Any:
        try:
            return model(**values)
        except BadInput as error:
            raise BadInput(f"{what} {self._file}: {error}") from None

    # --- the resource -------------------------------------------------------------------------------------------------

    def _resource(self, table: Table, client: Table) -> Resource:
        about = self._named(table, OF_RESOURCE, "[[resource]]")
        endpoint = about.pop("endpoint", {})
        if isinstance(endpoint, str):
            endpoint = {"path": endpoint}
        within = self._named(self._table(endpoint, "endpoint"), OF_ENDPOINT, "[resource.endpoint]")
        for name, value in within.items():
            about = self._put(about, name, value, "[[resource]] and its endpoint")
        self._headers = self._texts(about.pop("headers", {}))
        paging = about.pop("paging", client.get("paging"))
        url = self._url(about.pop("url", None), about.pop("path", None), client.get("base_url"))
        values: dict[str, Any] = {name: about[name] for name in ("name", "method", "most_per_page") if name in about}
        if "body" in about:
            values["body"] = dict(self._table(about["body"], "body in [[resource]]"))
        if "params" in about:
            values["params"] = self._params(about["params"], "[[resource]]")
        if "records" in about:
            values["records"] = _path(about["records"])
        if "id" in about:
            values["id"] = self._ids(about["id"])
        if paging is not None:
            values |= self._paging(paging, values.get("body"))
        if isinstance(item := self._made.flat.get("item"), Mapping):
            values["item"] = self._made_of(Item, item, "[resource.item]")
            del self._made.flat["item"]
        return cast(Resource, self._made_of(Resource, {**values, "url": url}, "[[resource]]"))

    def _url(self, url: Any, path: Any, base: Any) -> str:
        for what, value in (("url", url), ("path", path), ("base_url", base)):
            self._text(value, what)
        if url is None and path is None and isinstance(self._made.flat.get("url"), str):
            url = self._made.flat.pop("url")  # in [source], as without a resource
        if url is None and path is None and base is None:
            raise BadInput(f"[[resource]] {self._file} has no url; add the URL of the list")
        if base is None:
            return str(url if url is not None else path)
        below = url if url is not None else path or ""
        if urlsplit(below).scheme:
            return str(below)
        return urljoin(base.rstrip("/") + "/", below.lstrip("/")) if below else str(base)

    def _params(self, value: Any, what: str) -> dict[str, str]:
        table = self._table(value, f"params in {what}")
        for name, one in table.items():
            if isinstance(one, Mapping):
                ask = "write a value, since one whole list is imported"
                raise BadInput(f"the parameter {name} {self._file} is {one.get('type', 'a table')}; {ask}")
        try:
            return cast(dict[str, str], as_params(table))
        except ValueError as error:
            raise BadInput(f"params in {what} {self._file}: {error}") from None

    def _ids(self, value: Any) -> tuple[str, ...]:
        try:
            return tuple(map(_path, as_texts("paths", "id")(value)))
        except ValueError as error:
            raise BadInput(f"id in [[resource]] {self._file}: {error}") from None

    # --- paging -------------------------------------------------------------------------------------------------------

    def _paging(self, value: Any, body: dict[str, Any] | None) -> dict[str, Any]:
        """Return the fields of the resource that a `paging` or `paginator` comes to."""
        what = "[resource.paging]"
        table = self._table({"type": value} if isinstance(value, str) else value, what)
        kind = table.get("type")
        if kind == "auto":
            return {}
        if kind not in PAGINGS:
            known = ", ".join(PAGINGS)
            raise BadInput(f"the type of paging in {what} {self._file} is {quoted(kind)}; use one of {known}")
        model, names = PAGINGS[kind]
        values: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for key, one in table.items():
            if key == "type" or key in IGNORED or (key, str(one)) in USUAL:
                continue
            if key not in names:
                raise BadInput(self._unknown(key, names, what))
            name = names[key]
            self._made.where[_flat_name(name, model)] = f"{key} in {what} {self._file}"
            if name.startswith("body:"):
                found["body"] = self._into(found.get("body", body), one, name.removeprefix("body:"), what)
            else:
                of = found if name in ("per_page", "size_param") else values
                of[name] = _path(one) if key.endswith("_path") else one
        _add_usual(kind, values, found)
        return {**found, "paging": self._made_of(model, values, what)}

    def _into(self, body: dict[str, Any] | None, path: Any, place: str, what: str) -> dict[str, Any]:
        """Return the body with a placeholder at a path of keys."""
        keys = _path(str(path)).split(".") if isinstance(path, str) else []
        if not keys or not all(keys):
            raise BadInput(f"{quoted(path)} in {what} {self._file} is not a path of keys; write it like page.cursor")
        return _with(body or {}, keys, place)

    # --- auth ---------------------------------------------------------------------------------------------------------

    def _auth(self, value: Any) -> Auth:
        what = "[source.auth]"
        table = dict(self._table({"type": value} if isinstance(value, str) else value, what))
        kind = table.pop("type", "bearer")
        if kind not in AUTHS:
            raise BadInput(f"the type of auth in {what} {self._file} is {quoted(kind)}; use one of {', '.join(AUTHS)}")
        if kind == "api_key":
            kind = {"header": "header", "query": "query", "param": "query"}.get(table.pop("location", "header"), "")
            if not kind:
                raise BadInput(f"the location of the key in {what} {self._file} must be header or query")
            table.setdefault("name", "Authorization")  # dlt's
        model, names = AUTHS[kind]
        values: dict[str, Any] = {}
        for key, one in table.items():
            if key in IGNORED:
                continue
            if key not in names:
                raise BadInput(self._unknown(key, names, what))
            name = names[key]
            self._made.where.setdefault(name, f"{key} in {what} {self._file}")
            if name == "request_data":
                values |= self._request_data(one, what)
            elif name.endswith("_env"):
                given = one if key == name else self._variable(key, one, what)
                values[name] = [given] if name == "token_env" and isinstance(given, str) else given
            else:
                values[name] = one
        if _VARIABLE.search(str(values.get("user") or "")):
            ask = "put user:password into one variable, and leave the user out"
            raise BadInput(f"the user in {what} {self._file} is a variable; {ask}")
        return cast(Auth, self._made_of(model, values, what))

    def _variable(self, key: str, value: Any, what: str) -> str:
        """Return the name in `{env:NAME}`: a secret itself would be read by whoever reads the file."""
        found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise BadInput(
                f"{key} in {what} {self._file} holds the secret itself; export it and write {{env:VARIABLE}}"
            )
        return found[1]

    def _request_data(self, value: Any, what: str) -> dict[str, Any]:
        data = dict(self._table(value, f"access_token_request_data in {what}"))
        data.pop("grant_type", None)
        if unknown := next((key for key in data if key != "scope"), None):
            raise BadInput(f"{unknown} in access_token_request_data {self._file} cannot be sent; only scope can")
        return data


def _path(text: Any) -> Any:
    """Return a path of JSONPath's simplest form, `$.data`, as one of ours; anything else as it is."""
    if not isinstance(text, str) or not text.startswith("$"):
        return text
    return text[1:].removeprefix(".") or None


def _flat_name(name: str, model: type[Any]) -> str:
    """Return the flat setting of a field of a paging."""
    if name == "param":
        return (
            "page_param" if model is PageNumberPaging else "offset_param" if model is OffsetPaging else "cursor_param"
        )
    return {"first": "first_page", "last": "last_id"}.get(name, name.partition(":")[0])


def _add_usual(kind: str, values: dict[str, Any], found: dict[str, Any]) -> None:
    """Add what dlt takes where nothing is said."""
    if kind == "offset" and "per_page" in found:
        found.setdefault("size_param", "limit")
    if kind in ("json_link", "json_response"):
        values.setdefault("next", "next")
    if kind == "header_cursor":
        values["next"] = f"header:{values.get('next', 'next')}"


def _with(body: Table, keys: list[str], place: str) -> dict[str, Any]:
    first, *rest = keys
    inner = body.get(first)
    return {**body, first: _with(inner if isinstance(inner, Mapping) else {}, rest, place) if rest else place}
