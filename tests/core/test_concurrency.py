"""`--workers auto`: grows while that makes it faster, bounded by the quota, and drives no server into collapse."""

from __future__ import annotations

import pytest
from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from harness.core.budgets import shared
from harness.core.concurrency import Concurrency
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Simulation
from harness.pacing import Budget, WindowPacer, parse_tiers
from harness.record import events as e


def imported(
    slots: int, latency: str, items: int = 4000, limit: str = "none", workers: int | None = None
) -> tuple[Core, list[e.Event]]:
    """An import in virtual time from a server that works on `slots` requests at a time, with auto or fixed workers."""
    events: list[e.Event] = []
    tiers = () if limit == "none" else parse_tiers(limit)
    budget = Budget("api", WindowPacer(tiers, 30.0))
    concurrency = Concurrency() if workers is None else None
    core = Core(Rules(workers=workers or 200), shared(budget), events.append, 0.0, concurrency=concurrency)
    core.start()
    server = ServerConfig(items=items, limit=(limit,), slots=slots, latency=latency, ledger_rows=0)
    Simulation(core, Service(server, 0.0)).run()
    assert core.state.imported == items
    return core, events


def levels(events: list[e.Event]) -> list[int]:
    return [event.workers for event in events if isinstance(event, e.WorkersSet)]


@pytest.mark.parametrize("latency", ["80ms", "lognormal:80ms"])
@pytest.mark.parametrize("slots", [1, 2, 8, 50])
def test_a_server_that_slows_down_is_not_driven_into_collapse(slots: int, latency: str) -> None:
    """As fast as with any number of workers within 35 %, and never asked for much more than twice what it can do."""
    core, events = imported(slots, latency)
    best, _ = imported(slots, latency, workers=200)
    assert core.state.duration_s <= 1.35 * best.state.duration_s + 1.0
    assert max(levels(events)) <= max(8, 4 * slots)
    waited = sorted(event.answered_s - event.sent_s for event in events if isinstance(event, e.ItemImported))
    assert waited[len(waited) // 2] <= max(0.2, 0.095 * 4 / slots)  # four workers are what it starts with


def test_it_grows_to_the_maximum_where_that_makes_it_faster() -> None:
    """A server without slots: each doubling doubles the throughput."""
    core, events = imported(0, "lognormal:80ms", items=8000)
    assert levels(events) == [8, 16, 32, 64, 128, 200]
    assert core.state.workers == 200


def test_the_quota_times_the_latency_is_enough() -> None:
    """25/s at 80 ms keep two workers busy: there is no use in more than a few, and no loss."""
    core, events = imported(0, "80ms", limit="500/20s")
    assert max(levels(events), default=4) <= 8
    assert core.state.duration_s == pytest.approx(161, rel=0.02)


def test_what_a_limit_held_up_measures_nothing() -> None:
    """Rounds with a wait in them are begun again."""
    concurrency = Concurrency(start=4)
    for step in range(1000):
        concurrency.answered(step * 0.02)
        if step % 30 == 0:
            concurrency.held()
    assert concurrency.workers == 4


def test_a_person_who_sets_the_number_ends_auto() -> None:
    """From then on it stays as told."""
    budget = Budget("api", WindowPacer((), 30.0))
    core = Core(Rules(), shared(budget), lambda event: None, 0.0, concurrency=Concurrency())
    core.start()
    core.set_workers(7, 1.0)
    assert (core.concurrency, core.desired.workers) == (None, 7)


def test_fewer_are_kept_where_more_made_it_much_slower() -> None:
    """A server that breaks under load: back to less than before."""
    concurrency, now = Concurrency(start=4), 0.0
    speeds = {4: 40.0, 8: 20.0, 2: 40.0}
    for _ in range(400):
        now += 1 / speeds.get(concurrency.workers, 20.0)
        concurrency.answered(now)
        if concurrency.workers == 2:
            break
    assert concurrency.workers == 2
