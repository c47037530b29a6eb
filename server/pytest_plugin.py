"""A fixture for the test suites of API clients: add `pytest_plugins = ["server.pytest_plugin"]` to conftest.py.

def test_my_client(rate_limited_api):
    api = rate_limited_api("github", items=50)     # or rate_limited_api(items=50, limit="10/1s")
    my_client(api.url)
    assert api.ledger()["refused"] == 0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from server.api import Api
from server.config import ServerConfig
from server.scenarios import scenario
from server.threads import running_in_thread


@pytest.fixture
def rate_limited_api() -> Iterator[Callable[..., Api]]:
    """A function that starts a test API from a scenario's name and settings; all stop when the test ends."""
    with ExitStack() as stack:

        def start(name: str | None = None, **settings: Any) -> Api:
            config = scenario(name, **settings) if name else ServerConfig.from_mapping(settings)
            return stack.enter_context(running_in_thread(config))

        yield start
