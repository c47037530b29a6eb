"""The test API: a list of items behind real rate limits.

    async with running(ServerConfig(items=50, limit="10/1s")) as api:
        ...  # api.url is the list's URL, api.ledger() the truth

`Service` is the decision path without an event loop; `create_app` the ASGI app. The two that need Quart are
imported when first used, so that a simulator pays for the pure part alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness_test_api.config import ServerConfig
from harness_test_api.errors import BadConfig, PortTaken, ServerError
from harness_test_api.exchange import Ask, Decision
from harness_test_api.scenarios import scenario
from harness_test_api.service import Service

if TYPE_CHECKING:
    from harness_test_api.app import create_app
    from harness_test_api.serving import Api, running, running_in_thread

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
    "Api": "harness_test_api.serving",
    "create_app": "harness_test_api.app",
    "running": "harness_test_api.serving",
    "running_in_thread": "harness_test_api.serving",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'harness_test_api' has no attribute {name!r}")
