"""The Quart shell around `Service`: reads the request, sleeps the latency, writes the answer. It decides nothing."""

from __future__ import annotations

from urllib.parse import quote

import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from harness_test_api.config import ServerConfig
from harness_test_api.control import Control, bad_query, error_reply, json_reply, reply_of
from harness_test_api.exchange import Ask
from harness_test_api.faults import WIRE_KINDS
from harness_test_api.openapi import add_routes
from harness_test_api.paging import BadQuery
from harness_test_api.routing import BadRequest
from harness_test_api.service import Service
from harness_test_api.wire import FAULT, Connections, Wire


def create_app(
    config: ServerConfig, service: Service | None = None, connections: Connections | None = None
) -> QuartTrio:
    """The ASGI app of one test API; serve it with `running`, or call it through `httpx2.ASGITransport`.

    All times come from `trio.current_time()`: under `trio.testing.MockClock` the whole API runs in virtual time.
    Without `service` one is made at the first request, so that its clock is that of the event loop it runs in.
    Without `connections` there are no sockets to reset, and a reset is raised as ConnectionResetError.
    """
    app = QuartTrio("harness_test_api")
    shell = _Shell(config, service)
    add_routes(app, config, shell, Control(shell.service))
    app.register_error_handler(HTTPException, error_reply)
    app.register_error_handler(BadQuery, bad_query)
    wire = Wire(app.asgi_app, connections, config.parsed.idle_reset_s)  # type: ignore[arg-type]
    app.asgi_app = wire  # type: ignore[assignment,method-assign]
    return app


class _Shell:
    """The API's own routes. One service, made late, for the app's life."""

    def __init__(self, config: ServerConfig, service: Service | None) -> None:
        self._config = config
        self._service = service

    def service(self) -> Service:
        if self._service is None:
            self._service = Service(self._config, trio.current_time())
        return self._service

    async def list_items(self) -> Response:
        """The list, in pages."""
        return await self._serve()

    async def show_item(self, item_id: str) -> Response:
        """One item."""
        del item_id
        return await self._serve()

    async def other(self, path: str) -> Response:
        """Anything else under the API: counted like any request."""
        del path
        return await self._serve()

    async def _serve(self) -> Response:
        service, now = self.service(), trio.current_time()
        try:
            ask = await self._ask(service)
        except BadRequest as error:
            return json_reply({"message": str(error)}, 422)
        decision = service.handle(now, ask)
        try:
            # Rendered before the sleep: the answer shows the list as it was when the request arrived.
            response = reply_of(decision)
            if decision.fault is not None and decision.fault.kind in WIRE_KINDS:
                request.scope[FAULT] = decision.fault  # type: ignore[literal-required]
            if decision.delay_s > 0:
                await trio.sleep_until(now + decision.delay_s)
            return response
        finally:
            service.finish(decision)

    async def _ask(self, service: Service) -> Ask:
        scope = request.scope
        # The path as it was sent: decoded, an id that holds a slash would be two segments.
        path = scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or quote(request.path)
        query = scope["query_string"].decode("latin-1")
        target = f"{request.scheme}://{request.host}{path}{'?' + query if query else ''}"
        body = await request.get_data() if request.method == "POST" else None
        return service.ask(
            request.method, target, dict(request.headers.items()), body, request.remote_addr or "unknown"
        )
