"""The Quart shell around `Service`: reads the request, sleeps the latency, writes the answer. It decides nothing."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import trio
from quart import Request, Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from server.config import ServerConfig
from server.service import Ask, Decision, Route, Service


def create_app(config: ServerConfig, service: Service | None = None) -> QuartTrio:
    """The ASGI app of one test API; serve it with `running`, or call it through `httpx.ASGITransport`.

    All times come from `trio.current_time()`: under `trio.testing.MockClock` the whole API runs in virtual time.
    Without `service` one is made at the first request, so that its clock is that of the event loop it runs in.
    """
    app = QuartTrio("server")
    shell = _Shell(config, service)
    for path, handler in (
        ("/api/items", shell.list_items),
        ("/api/items/<item_id>", shell.show_item),
        ("/api/<path:path>", shell.other),
        ("/_ledger", shell.ledger),
    ):
        app.add_url_rule(path, handler.__name__, handler, methods=["GET"])
    app.add_url_rule("/_ledger/reset", "reset", shell.reset, methods=["POST"])
    app.register_error_handler(HTTPException, _as_json)
    return app


class _Shell:
    """The routes. One service, made late, for the app's life."""

    def __init__(self, config: ServerConfig, service: Service | None) -> None:
        self._config = config
        self._service = service

    def service(self) -> Service:
        if self._service is None:
            self._service = Service(self._config, trio.current_time())
        return self._service

    async def list_items(self) -> Response:
        return await self._serve("list")

    async def show_item(self, item_id: str) -> Response:
        return await self._serve("item", item_id)

    async def other(self, path: str) -> Response:
        return await self._serve("other")

    async def _serve(self, route: Route, item_id: str = "") -> Response:
        service = self.service()
        now = trio.current_time()
        decision = service.handle(now, _ask(request, route, item_id))
        try:
            # Rendered before the sleep: the answer shows the catalogue as it was when the request arrived.
            response = _render(decision)
            if decision.delay_s > 0:
                await trio.sleep_until(now + decision.delay_s)
            return response
        finally:
            service.finish(decision)

    async def ledger(self) -> Response:
        return _json(self.service().report())

    async def reset(self) -> Response:
        self.service().ledger.reset()
        return _json({"message": "the records are empty; the windows stay as they are"})


def _ask(asked: Request, route: Route, item_id: str) -> Ask:
    return Ask(
        route,
        item_id,
        asked.args,
        asked.remote_addr or "unknown",
        _api_key(asked),
        f"{asked.scheme}://{asked.host}",
    )


def _api_key(asked: Request) -> str | None:
    key = asked.headers.get("X-Api-Key")
    if key is None:
        scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else None
    return key or None


def _render(decision: Decision) -> Response:
    response = _json(decision.body(), decision.status)
    for name, value in decision.headers:
        response.headers.add(name, value)
    return response


_dump = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


def _json(value: Any, status: int = 200) -> Response:
    return Response(_dump(value), status, content_type="application/json")


def _as_json(error: HTTPException) -> Response:
    """Quart's own refusals (no such path, wrong method) in the shape of ours."""
    return _json({"message": error.description or error.name}, error.code or 500)
