"""The test API: a list of items behind real rate limits.

    async with running(ServerConfig(items=50, limit="10/1s")) as api:
        ...  # api.url is the list's URL, api.ledger() the truth

`Service` is the decision path without an event loop; `create_app` the ASGI app. The two that need Quart are
imported when first used, so that a simulator pays for the pure part alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.config import ServerConfig
from server.errors import BadConfig, PortTaken, ServerError
from server.exchange import Ask, Decision
from server.scenarios import scenario
from server.service import Service

if TYPE_CHECKING:
    from server.api import Api
    from server.app import create_app
    from server.serving import running
    from server.threads import running_in_thread

__all__ = [
    "Api",
    "Ask",
    "BadConfig",
    "Decision",
    "PortTaken",
    "ServerConfig",
    "ServerError",
    "Service",
    "create_app",
    "running",
    "running_in_thread",
    "scenario",
]

_LATE = {
    "Api": "server.api",
    "create_app": "server.app",
    "running": "server.serving",
    "running_in_thread": "server.threads",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'server' has no attribute {name!r}")
