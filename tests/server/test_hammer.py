"""Real concurrency: 64 connections at once over sockets, and the ledger shows never one admitted request too many."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
import trio
from harness_test_api import ServerConfig, running_in_thread
from harness_test_api.ledger import DecisionRow
from harness_test_api.tiers import parse_tiers

from tests.patience import PATIENCE_S
from tests.server import models
from tests.server.raw import RawConnection

CONNECTIONS = 64
SECONDS = 1.1
LIMITS = [
    "20/300ms",
    "20/300ms:aligned",
    "20/300ms:log",
    "20/300ms:counter",
    "20/300ms:bucket:burst=10",
    "20/300ms:gcra:burst=10",
    "20/300ms:leaky:burst=3",
    "7:concurrency",
    "20/300ms+35/600ms:log",
]


async def hammer(base_url: str) -> Counter[int]:
    """Statuses that CONNECTIONS clients, each asking again at once, were answered in SECONDS."""
    statuses: Counter[int] = Counter()

    async def ask_on() -> None:
        connection = await RawConnection.open(base_url)
        while trio.current_time() < end or len(statuses) < 2:  # a busy machine hammers gently
            statuses[await connection.get("/api/items/1")] += 1
        await connection.close()

    end = trio.current_time() + SECONDS
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS):
                nursery.start_soon(ask_on)
    return statuses


def too_many(limit: str, rows: list[DecisionRow]) -> list[DecisionRow]:
    """Admitted requests that a slow model of any tier would not have let through after those before them."""
    over = []
    for tier in parse_tiers(limit):
        if tier.kind == "concurrency":
            continue
        period = Fraction(tier.period_s)
        model = {
            "bucket": lambda p, t=tier: models.bucket(t.limit, p, t.depth),
            "gcra": lambda p, t=tier: models.bucket(t.limit, p, t.depth),
            "leaky": lambda p, t=tier: models.leaky(t.limit, p, t.depth),
        }.get(tier.kind, lambda p, t=tier: getattr(models, t.kind)(t.limit, p))(period)
        history: models.History = []
        for row in rows:
            # A billionth of a period later: the server counts in floats, the model in fractions.
            now = Fraction(row.t_s) + period / 10**9
            if model(history, now, 1) is None:
                over.append(row)
            history.append((Fraction(row.t_s), 1))
    return over


def most_at_once(rows: list[DecisionRow]) -> int:
    """How many answers were under way at the same time."""
    edges = sorted([(row.t_s, 1) for row in rows] + [(row.t_s + row.delay_s, -1) for row in rows])
    return max(sum(step for _, step in edges[: index + 1]) for index in range(len(edges)))


@pytest.mark.realtime
@pytest.mark.parametrize("limit", LIMITS)
def test_never_one_too_many_under_real_concurrency(limit: str) -> None:
    """Hammered by 64 connections: the ledger agrees with the clients, and with a slow model of each tier."""
    latency = "10ms" if "concurrency" in limit else "0"
    with running_in_thread(ServerConfig(limit=limit, latency=latency, epoch=0.0)) as api:
        statuses = trio.run(hammer, api.base_url)
        rows = api.decisions()
    admitted = [row for row in rows if row.verdict != "refused"]
    assert Counter(row.status for row in rows) == statuses
    assert set(statuses) == {200, 429}, "hammered too gently to be refused"
    assert not too_many(limit, admitted)
    if "concurrency" in limit:
        assert most_at_once(admitted) <= 7
