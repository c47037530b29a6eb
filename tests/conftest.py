"""Async tests run on trio: in virtual time by default, on the real clock when marked `realtime`."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """trio on a MockClock that jumps when everything sleeps: exact virtual time, asserted with ==."""
    if request.node.get_closest_marker("realtime"):
        return ("trio", {})
    return ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})
