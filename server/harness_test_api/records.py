"""A record of the catalogue as the API shows it: in a list, by itself, or in a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from harness_test_api.catalogue import Catalogue, Record, mix
from harness_test_api.identity import Ids
from harness_test_api.shape import Shape, form_of, keys_of, put

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Records:
    """Makes records in one shape."""

    def __init__(self, shape: Shape, ids: Ids, seed: int) -> None:
        self._shape = shape
        self._ids = ids
        self._seed = seed
        self._urls = [form_of(word) for word in shape.urls]
        # Records that the catalogue has in the very form in which they are shown are handed on as they are.
        self._as_they_are = (
            ids.plain
            and shape.id == ("id",)
            and not (shape.wrap or shape.urls or shape.last or shape.record_extra or shape.other_id)
        )

    def listed(self, catalogue: Catalogue, now: float, data: list[Record], base: str) -> list[Any]:
        """Show a page of the catalogue's records; base: scheme and host of their URLs."""
        if self._shape.record == "id":
            return [self._id(record) for record in data]
        whole = self._shape.list_fields == "all"
        if whole:
            made = (catalogue.find(now, str(record["id"])) for record in data)
            data = [make() for make in made if make is not None]
        return data if self._as_they_are else [self._shown(record, base, whole) for record in data]

    def item(self, record: Record, base: str) -> Any:
        """Show an item as it is answered by itself, in its envelope."""
        shape = self._shape
        shown = record if self._as_they_are else self._shown(record, base, whole=True)
        if not shape.item_records:
            return {**shown, **shape.item_extra} if shape.item_extra else shown
        body: dict[str, Any] = {}
        put(body, shape.item_records, shown)
        return {**body, **shape.item_extra}

    def batch(self, records: list[Record], base: str) -> Any:
        """Show several items in one answer."""
        shape = self._shape
        shown = records if self._as_they_are else [self._shown(record, base, whole=True) for record in records]
        path = shape.records if shape.batch_records == "-" else shape.batch_records
        if not path:
            return shown
        body: dict[str, Any] = {}
        put(body, path, shown)
        return body

    def last_of(self, record: Record) -> Any:
        """Return what asks for the records after this one."""
        return record["id"] if self._shape.last else self._ids.shown(record["id"])[-1]

    def _id(self, record: Record) -> Any:
        parts = self._ids.shown(record["id"])
        return parts[0] if len(parts) == 1 else list(parts)

    def _shown(self, record: Record, base: str, whole: bool) -> dict[str, Any]:
        shape, key = self._shape, record["id"]
        parts = self._ids.shown(key)
        about = {name: value for name, value in record.items() if name != "id"}
        body: dict[str, Any] = {}
        for path, part in zip(shape.id, parts):
            put(body, path, part)
        if shape.wrap:
            put(body, shape.wrap, about | _inner(body, shape.wrap))
        else:
            body = about | body
        if shape.other_id and whole:
            put(body, shape.other_id, 10**9 + mix(self._seed, int(key)) % 10**9)
        if shape.last:
            put(body, shape.last, [key])
        for name, value in shape.record_extra.items():
            body[name] = body[name] | value if isinstance(value, dict) and isinstance(body.get(name), dict) else value
        if self._urls and shape.item_path:
            url = base + filled(shape.item_path, self._names(key, parts))
            for path, form in self._urls:
                put(body, path, formed(url, form))
        return body

    def _names(self, key: Any, parts: tuple[Any, ...]) -> dict[str, Any]:
        return names_of(self._shape, parts) | {"n": key}


def names_of(shape: Shape, parts: tuple[Any, ...]) -> dict[str, Any]:
    """The values that stand for placeholders in the template of an item's path."""
    return {"id": parts[0]} | {keys_of(path)[-1]: part for path, part in zip(shape.id, parts)}


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template; values are quoted, so that each stays in its segment."""
    return _PLACEHOLDER.sub(lambda found: quote(str(values[found[1]]), safe=""), template)


def _inner(body: dict[str, Any], path: str) -> dict[str, Any]:
    for key in keys_of(path):
        body = body.get(key, {})
    return body


def formed(url: str, form: str) -> Any:
    """Write a URL in a form: as it is, its path and query, in an object, or with another host or scheme."""
    if form == "object":
        return {"href": url}
    name, _, value = form.partition("=")
    parts = urlsplit(url)
    if form == "path":
        return parts._replace(scheme="", netloc="").geturl()
    if name == "scheme":
        return parts._replace(scheme=value).geturl()
    if name == "host":
        port = f":{parts.port}" if parts.port else ""
        return parts._replace(netloc=value + port).geturl()
    return url
