"""What limiting costs: the server's requests per CPU second with limits, without, and under quart-rate-limiter.

    python -m tests.server.bench_limiter

All three are the same app, called through ASGI without sockets, where the limiter's share is largest; rounds
alternate, so that what else the machine does strikes all alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import trio
from harness_test_api import ServerConfig, create_app
from quart_rate_limiter import RateLimit, RateLimiter

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
ROUNDS = 15
REQUESTS = 300
# Two tiers as in the reference system, too large to refuse: refusals would be cheaper than answers.
LIMIT = "100000000/20s+100000000/100s"


@dataclass(frozen=True)
class Measured:
    """Requests per CPU second, medians over rounds; overhead: share of its speed a limiter costs, median of rounds."""

    free: float
    limited: float
    other: float
    overhead: float
    other_overhead: float


def apps() -> tuple[App, App, App]:
    """Without limits, with ours, with quart-rate-limiter's."""
    other = create_app(ServerConfig(limit="none"))
    pair = [RateLimit(1_000_000, timedelta(seconds=period)) for period in (20, 100)]
    RateLimiter(other, default_limits=pair)
    return create_app(ServerConfig(limit="none")), create_app(ServerConfig(limit=LIMIT)), other


async def call(app: App, number: int) -> int:
    """One request through ASGI; its status."""
    status = 0
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"/api/items/{number}", "raw_path": b"", "root_path": "", "query_string": b"",
        "headers": [(b"host", b"api.test")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    waiting = trio.Event()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await waiting.wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


async def speed(app: App) -> float:
    """Requests per CPU second of one round."""
    started = time.process_time()
    for number in range(1, REQUESTS + 1):
        assert await call(app, number) == 200
    return REQUESTS / (time.process_time() - started)


async def measure(rounds: int = ROUNDS) -> Measured:
    """Alternate the three apps and compare them round by round."""
    contenders = apps()
    for app in contenders:
        await speed(app)  # warm up
    speeds = [[await speed(app) for app in contenders] for _ in range(rounds)]
    free, limited, other = (statistics.median(column) for column in zip(*speeds))
    overhead, other_overhead = (statistics.median(1 - row[index] / row[0] for row in speeds) for index in (1, 2))
    return Measured(free, limited, other, overhead, other_overhead)


def main() -> None:
    """Print the comparison."""
    found = trio.run(measure)
    print(f"without limits        {found.free:7.0f} requests per CPU second")
    print(f"two tiers             {found.limited:7.0f}   overhead {found.overhead:6.1%}")
    print(f"quart-rate-limiter    {found.other:7.0f}   overhead {found.other_overhead:6.1%}")


if __name__ == "__main__":
    main()
