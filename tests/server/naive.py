"""A naive client of any shape, written with nothing of the importer or the server: it does what a page tells it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from harness_test_api import Service

BASE = "http://127.0.0.1"


def at(value: Any, path: str) -> Any:
    """What stands at a path (keys with dots, quoted keys, one key behind @); None where nothing does."""
    keys = [path] if path.startswith("@") else [key.strip('"') for key in re.findall(r'"[^"]*"|[^.]+', path)]
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


class Naive:
    """Reads the list of one service by the one thing that its pages tell (`tell` of its shape)."""

    def __init__(self, service: Service, shape: dict[str, Any], paging: str) -> None:
        self._service = service
        self._shape = shape
        self._paging = paging
        self._path, _, what = shape["tell"].rpartition("=")
        self._what = what.partition(":")[0]

    def read_all(self) -> list[dict[str, Any]]:
        """Every record, in order."""
        records: list[dict[str, Any]] = []
        url: str | None = "/api/items"
        query: dict[str, Any] | None = {}
        for _ in range(100):
            body, headers = self._page(url, query or {})
            found = body if isinstance(body, list) else at(body, self._shape["records"])
            records += found
            url, query = self._following(body, headers, records)
            if url is None and query is None:
                return records
            url = url or "/api/items"
        raise AssertionError("the list never ends")

    def _page(self, url: str | None, query: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        method, body = self._shape["method"], None
        target = url or "/api/items"
        if method == "POST":
            body = query
        elif query:
            target += "?" + urlencode(query)
        decision = self._service.handle(0.0, self._service.ask(method, target, {}, body))
        assert decision.status == 200, (decision.status, decision.body(), target)
        return decision.body(), dict(decision.headers)

    def _following(
        self, body: Any, headers: dict[str, str], records: list[Any]
    ) -> tuple[str | None, dict[str, Any] | None]:
        path = self._path
        told = headers.get(path.removeprefix("header:")) if path.startswith("header:") else at(body, path)
        read = len(records)
        if self._what == "links":
            found = re.search(r'<([^>]+)>; rel="next"', told or "")
            return (found[1] if found else None), None
        if self._what == "next" and self._shape["method"] == "GET":
            return (told or None), None
        if self._what == "next_page":
            return None, {"page": told} if told not in (None, "") else None
        if self._what == "pages":
            page = self._shape["first-page"] + -(-read // self._shape["size"])
            return None, {"page": page} if page - self._shape["first-page"] < told and read else None
        if self._what == "cursor":
            return None, {"cursor": told} if told else None
        if self._what == "total":
            return None, {"offset": read} if read < told else None
        if self._paging == "offset":
            return None, {"offset": read} if told else None
        if self._what in ("more", "done"):
            return None, {"after": at(records[-1], self._shape["id"])} if told is (self._what == "more") else None
        return None, None
