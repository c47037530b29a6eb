"""What limiting costs."""

from __future__ import annotations

import pytest
import trio

from tests.server.bench_limiter import measure


@pytest.mark.slow
@pytest.mark.realtime
def test_the_limiter_costs_at_most_a_tenth_of_the_servers_speed() -> None:
    """Two tiers, headers and ledger, measured in CPU time beside the same app without limits, in alternate rounds."""
    found = trio.run(measure)
    assert found.overhead <= 0.10, found
    assert found.limited > found.other, found
