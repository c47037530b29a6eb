"""Decisions a second of the window pacer, beside those of other libraries; none ever waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter

from aiolimiter import AsyncLimiter

from benchmarks.measure import Figure, beside, turns
from harness.pacing import Grant, Outcome, Pacer, Tier, Tiers, WindowPacer

# So high that nothing is ever full: what is measured is the deciding, not the waiting.
LIMIT = 1_000_000_000
# So short that slots come free all the time, as they do in an import: one old one for each new one.
PERIOD_S = 0.01
ONE: Tiers = (Tier(LIMIT, PERIOD_S),)
TWO: Tiers = (*ONE, Tier(LIMIT, 5 * PERIOD_S))
# And such that nothing comes free.
LASTING: Tiers = (Tier(LIMIT // 10, 20.0), Tier(LIMIT // 5, 100.0))
OUTSTANDING = 10_000


def measure(rounds: int = 7, decisions: int = 100_000, outstanding: int = OUTSTANDING) -> list[Figure]:
    """One tier, two tiers, and one tier with `outstanding` grants in flight, each beside aiolimiter's `acquire`."""
    runs: dict[str, Callable[[int], float]] = {
        "one": partial(window_rate, ONE, 0),
        "aiolimiter": aiolimiter_rate,
        "two": partial(window_rate, TWO, 0),
        "outstanding": partial(window_rate, ONE, outstanding),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for name in turns(list(runs), rounds):
        rates[name].append(runs[name](decisions))
    unit, other = "decisions/s", rates["aiolimiter"]
    return [
        beside("pacer, one tier : aiolimiter", unit, rates["one"], other, at_least=1.0),
        beside("pacer, two tiers : aiolimiter", unit, rates["two"], other),
        beside(f"pacer, {outstanding:,} grants out : aiolimiter", unit, rates["outstanding"], other),
        *_beside_libraries(rounds, max(1, decisions // 20), outstanding),
    ]


def _beside_libraries(rounds: int, decisions: int, outstanding: int) -> list[Figure]:
    """Two tiers and `outstanding` grants taken before, of which none comes free while it is measured."""
    from benchmarks.libraries import LIBRARIES

    pacers: dict[str, Callable[[], Pacer]] = {"window": lambda: WindowPacer(LASTING, linger_s=30.0)}
    for name, make in LIBRARIES.items():
        pacers[name] = partial(make, LASTING)
    rates: dict[str, list[float]] = {name: [] for name in pacers}
    for name in turns(list(pacers), rounds):
        rates[name].append(_rate(pacers[name](), decisions, outstanding))
    label = f"pacer, two tiers, {outstanding:,} out"
    return [beside(f"{label} : {name}", "decisions/s", rates["window"], rates[name]) for name in LIBRARIES]


def _rate(pacer: Pacer, decisions: int, outstanding: int) -> float:
    """All through the same two calls, which are this project's; a library's own code decides within the first."""
    for _ in range(outstanding):
        pacer.reserve(0.0)
    answered = Outcome.ANSWERED
    began = perf_counter()
    for count in range(decisions):
        now = count * 1e-6
        grant = pacer.reserve(now)
        assert isinstance(grant, Grant)
        pacer.settle(grant, now, answered)
    return decisions / (perf_counter() - began)


def window_rate(tiers: Tiers, outstanding: int, decisions: int) -> float:
    """Reserve and settle, `decisions` times, with `outstanding` other grants never settled.

    The clock is read once for each, as aiolimiter does in its `acquire`.
    """
    pacer = WindowPacer(tiers, linger_s=30.0)
    for _ in range(outstanding):
        pacer.reserve(perf_counter())
    answered = Outcome.ANSWERED  # Python 3.11 takes as long to look it up as for half of a settlement
    began = perf_counter()
    for _ in range(decisions):
        now = perf_counter()
        grant = pacer.reserve(now)
        assert isinstance(grant, Grant)
        pacer.settle(grant, now, answered)
    return decisions / (perf_counter() - began)


def aiolimiter_rate(decisions: int) -> float:
    """`acquire`, `decisions` times: it has no second call to be told what became of the request."""
    return asyncio.run(_acquire(decisions))


async def _acquire(decisions: int) -> float:
    limiter = AsyncLimiter(LIMIT, PERIOD_S)
    began = perf_counter()
    for _ in range(decisions):
        await limiter.acquire()
    return decisions / (perf_counter() - began)
