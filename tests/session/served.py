"""Whole imports from the test API in this process, in virtual time, through the client of real imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import trio
import trio.testing
from harness_test_api import ServerConfig, Service, create_app

from harness.config import ImportConfig
from harness.record.run import Run
from harness.session.importing import _rest, import_into, prepared
from harness.source.client import HttpApi
from tests.asgi import InProcess

EPOCH_S = 1_764_000_000.0
LIST = "http://127.0.0.1/api/items"


@dataclass
class Served:
    """What came of an import. asked: every request, its path and its query, in order."""

    run: Run
    admitted: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def of_list(self) -> list[dict[str, str]]:
        """The queries of requests for pages."""
        return [query for path, query in self.asked if path == "/api/items"]

    @property
    def sizes(self) -> list[str | None]:
        """The page sizes that were asked for, in order."""
        return [query.get("perPage") or query.get("limit") for query in self.of_list]

    @property
    def requests(self) -> tuple[int, int]:
        """How many requests were for pages, and for items."""
        return len(self.of_list), len(self.asked) - len(self.of_list)

    def ids(self) -> list[Any]:
        """The ids in items.parquet."""
        return sorted(self.run.items().column("id").to_pylist())


class _Noting(InProcess):
    """Notes requests, and dies after `most` of them."""

    def __init__(self, app: Any, asked: list[tuple[str, dict[str, str]]], most: int | None) -> None:
        super().__init__(app)
        self._asked = asked
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._most is not None and len(self._asked) >= self._most:
            raise KeyboardInterrupt
        parts = urlsplit(str(request.url))
        self._asked.append((parts.path, dict(parse_qsl(parts.query))))
        return await super().handle_async_request(request)


def served(folder: Path, server: ServerConfig, *, die_after: int | None = None, **settings: Any) -> Served:
    """An import of `server` that has ended. die_after: so many requests, as if it had been killed then."""
    told = {"url": LIST, "results": folder, "run": "r", "limit": "100000/1s", "workers": 4, **settings}
    config = ImportConfig(**told)

    async def main() -> Served:
        service = Service(server, trio.current_time(), EPOCH_S)
        asked: list[tuple[str, dict[str, str]]] = []
        transport = _Noting(create_app(server, service), asked, die_after)
        with prepared(config) as run:
            how: dict[str, Any] = {"transport": transport, "find_size": True}
            rest = _rest(config, LIST)
            async with HttpApi(rest, workers=4, timeout_s=30.0, keep_records=not config.source.details, **how) as api:
                await import_into(run, config, api, LIST, inline=True)
        return Served(run, service.report()["admitted"], asked)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
