"""A fixture for the test suites of API clients, by this line in conftest.py:

pytest_plugins = ["harness_test_api.pytest_plugin"]

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

from harness_test_api.config import ServerConfig
from harness_test_api.scenarios import scenario
from harness_test_api.serving import Api, running_in_thread


@pytest.fixture
def rate_limited_api() -> Iterator[Callable[..., Api]]:
    """A function that starts a test API from a scenario's name and settings; all stop when the test ends."""
    with ExitStack() as stack:

        def start(name: str | None = None, **settings: Any) -> Api:
            config = scenario(name, **settings) if name else ServerConfig.from_mapping(settings)
            return stack.enter_context(running_in_thread(config))

        yield start
