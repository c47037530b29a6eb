"""From a request to what the service is asked: method, target, headers and body become an `Ask`. Without IO.

Where the form of a request decides its answer (a redirect, a method that is not allowed, a parameter that is missing),
the answer is in the Ask: limits count it first, as they count any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from harness_test_api.auth import asked_for_token
from harness_test_api.config import ServerConfig
from harness_test_api.errors import BadConfig
from harness_test_api.exchange import Ask, Reply
from harness_test_api.faults import Fault, parse_fault
from harness_test_api.identity import Ids
from harness_test_api.shape import HEADER

FAULT_HEADER = "X-Test-Fault"
_NOTHING: Mapping[str, str] = {}
_METHODS = {"list": "GET", "item": "GET", "batch": "GET", "token": "POST", "other": ""}


class BadRequest(Exception):
    """A request that cannot be given to the service at all; answered with 422 and uncounted."""


class Template:
    """A path, and perhaps a query, with placeholders, to be recognised."""

    def __init__(self, text: str) -> None:
        path, _, query = text.partition("?")
        self.names = re.findall(r"\{([^{}]*)\}", path)
        pattern = "([^/]+)".join(map(re.escape, re.split(r"\{[^{}]*\}", path)))
        self.pattern = re.compile(pattern)
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        self.query = {unquote(name): value.strip("{}") for name, _, value in pairs if value.startswith("{")}

    def match(self, path: str) -> tuple[str, ...] | None:
        """Return what stands in the place of the path's placeholders; None where it is another path."""
        found = self.pattern.fullmatch(path)
        return None if found is None else tuple(map(unquote, found.groups()))


class Router:
    """The routes of one config."""

    def __init__(self, config: ServerConfig) -> None:
        shape = self._shape = config.parsed.shape
        self._auth = config.parsed.auth
        self._fault_header = config.fault_header
        self._ids = Ids(shape.id_kind, config.seed, len(shape.id))
        self._item = Template(shape.item_path) if shape.item_path else None
        self._batch = Template(shape.batch_path) if shape.batch else None
        self._cursor = shape.list + "/" if shape.cursor_in == "path" and shape.cursor_param else ""
        name, _, word = shape.size_header.partition(":")
        self._size = (name.lower(), re.compile(re.escape(word) + r"\s*=\s*(\d+)")) if word else None
        # The common form of an item's path needs no pattern.
        self._prefix = shape.list + "/" if shape.item == "{list}/{id}" and self._ids.plain else ""

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: Any = None, address: str = "127.0.0.1"
    ) -> Ask:
        """Return what a request asks. target: a path with its query, or a whole URL. body: bytes, or a JSON value.

        Raises BadRequest where the request asks for a fault that there is not.
        """
        base, path, text = _split(target)
        given = {name.lower(): value for name, value in headers.items()} if headers else _NOTHING
        query: Mapping[str, str] = _pairs(parse_qsl(text, keep_blank_values=True)) if text else _NOTHING
        key = self._auth.credential(given, query) if given or query else None
        if text and self._auth.query:
            query = {name: value for name, value in query.items() if name not in self._auth.query}
        if self._size is not None:
            query = self._with_size(query, given)
        ask = Ask("other", "", query, address, key, base, self._fault(given))
        ask = self._route(ask, path, given, body)
        return self._checked(ask, method, path, given, body)

    def _with_size(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, str]:
        assert self._size is not None
        found = self._size[1].search(headers.get(self._size[0], ""))
        if found is None or self._shape.size_param in query:
            return query
        return {**query, self._shape.size_param: found[1]}

    def _fault(self, headers: Mapping[str, str]) -> Fault | None:
        wanted = headers.get(FAULT_HEADER.lower()) if self._fault_header else None
        try:
            return None if wanted is None else parse_fault(wanted)
        except BadConfig as error:
            raise BadRequest(f"{FAULT_HEADER}: {error}") from None

    def _route(self, ask: Ask, path: str, headers: Mapping[str, str], body: Any) -> Ask:
        found = self._found(ask, path)
        if found is not None:
            return found
        if path == self._shape.token and self._auth.oauth2:
            return ask._replace(route="token")
        if self._shape.redirect:
            other = path[:-1] if path.endswith("/") else path + "/"
            found = self._found(ask, other)
            if found is not None:
                text = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in ask.query.items())
                location = f"{other}?{text}" if text else other
                return found._replace(reply=Reply(self._shape.redirect, "", (("Location", location),)))
        return ask

    def _found(self, ask: Ask, path: str) -> Ask | None:
        if self._batch is not None and (found := self._in_batch(ask, path)) is not None:
            return found
        if path == self._shape.list:
            return ask._replace(route="list")
        if self._prefix:
            segment = path[len(self._prefix) :] if path.startswith(self._prefix) else ""
            return ask._replace(route="item", item_id=unquote(segment)) if segment and "/" not in segment else None
        if self._cursor and path.startswith(self._cursor) and "/" not in path[len(self._cursor) :]:
            cursor = unquote(path[len(self._cursor) :])
            return ask._replace(route="list", query={**ask.query, self._shape.cursor_param: cursor})
        return self._one(ask, path) if self._item is not None else None

    def _one(self, ask: Ask, path: str) -> Ask | None:
        assert self._item is not None
        found = self._item.match(path)
        if found is None:
            return None
        values = dict(zip(self._item.names, found))
        for name, placeholder in self._item.query.items():
            if name not in ask.query:
                return ask._replace(route="item", reply=Reply(self._shape.bad_status, f"{name} is missing"))
            values[placeholder] = ask.query[name]
        return self._of_key(ask, self._key(values), "/".join(values.values()))

    def _key(self, values: Mapping[str, str]) -> str | None:
        if "n" in values and values["n"].isdecimal():
            return values["n"]
        names = [path.rpartition(".")[2] for path in self._shape.id]
        if len(names) > 1:
            return self._ids.key_of(tuple(values.get(name, "") for name in names))
        return self._ids.key_of((next(iter(values.values())),))

    def _of_key(self, ask: Ask, key: str | None, asked: str) -> Ask:
        if key is None:
            return ask._replace(route="item", item_id=asked, reply=Reply(404, f"there is no item {asked[:40]!r}"))
        return ask._replace(route="item", item_id=key)

    def _in_batch(self, ask: Ask, path: str) -> Ask | None:
        assert self._batch is not None
        found = self._batch.match(path)
        name = next(iter(self._batch.query), "")
        if found is None or (name and name not in ask.query):
            return None
        asked = dict.fromkeys((found[0] if found else ask.query[name]).split(","))
        if len(asked) > self._shape.batch_most:
            words = f"{len(asked)} ids are too many; ask for at most {self._shape.batch_most}"
            return ask._replace(route="batch", reply=Reply(400, words))
        keys = (self._ids.key_of((text,)) for text in asked)
        return ask._replace(route="batch", ids=tuple(key for key in keys if key is not None))

    def _checked(self, ask: Ask, method: str, path: str, headers: Mapping[str, str], body: Any) -> Ask:
        wanted = self._shape.method if ask.route == "list" else _METHODS[ask.route]
        if wanted and method != wanted and not (wanted == "GET" and method == "HEAD"):
            reply = Reply(405, f"{method} is not allowed here; use {wanted}", (("Allow", wanted),))
            return ask._replace(reply=reply)
        if ask.route == "token":
            client, problem = asked_for_token(headers, _bytes_of(body))
            if client is None:
                return ask._replace(reply=Reply(401 if problem == "invalid_client" else 400, problem))
            return ask._replace(api_key=client)
        if self._shape.needs and ask.reply is None:
            for name in self._shape.needs:
                there = headers.get(name.removeprefix(HEADER).lower()) if name.startswith(HEADER) else name in ask.query
                if not there:
                    words = f"{name.removeprefix(HEADER)} is missing; every request needs it"
                    return ask._replace(reply=Reply(400, words))
        if ask.route == "list" and wanted == "POST":
            return self._with_body(ask, body)
        return ask

    def _with_body(self, ask: Ask, body: Any) -> Ask:
        try:
            value = json.loads(body) if isinstance(body, bytes | str) and body else body or {}
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return ask._replace(reply=Reply(400, "the body must be a JSON object"))
        return ask._replace(query={**ask.query, **{name: _as_text(inner) for name, inner in value.items()}})


def _pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name; those of a name that ends in `[]` are joined with commas."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif name.endswith("[]"):
            found[name] += "," + value
    return found


def _split(target: str) -> tuple[str, str, str]:
    """Take a target apart: scheme and host, path (as sent), query."""
    base = "http://127.0.0.1"
    if not target.startswith("/"):
        scheme, _, rest = target.partition("://")
        host, slash, rest = rest.partition("/")
        base, target = f"{scheme}://{host}", slash + rest
    target = target.partition("#")[0]
    path, _, query = target.partition("?")
    return base, path, query


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return value if isinstance(value, str) else json.dumps(value)


def _bytes_of(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, Mapping):
        return "&".join(f"{_quoted(str(name))}={_quoted(str(value))}" for name, value in body.items()).encode()
    return str(body or "").encode()


def _quoted(text: str) -> str:
    return quote(text, safe="")
