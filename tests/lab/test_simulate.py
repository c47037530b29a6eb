"""The simulating driver: the same core, the server's own decisions, no event loop."""

from __future__ import annotations

from random import Random

import pytest
from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from harness.bound import Work, bound
from harness.config import ImportConfig
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Network, Simulation
from harness.pacing import Budget, Pacer, RetryAfterPacer, WindowPacer, parse_tiers
from harness.record import events as e
from harness.session.session import best_possible


def simulated(
    server: ServerConfig, pacer: Pacer, rules: Rules | None = None, network: Network | None = None
) -> tuple[Simulation, list[e.Event]]:
    events: list[e.Event] = []
    budget = Budget("api", pacer)
    core = Core(rules or Rules(), shared(budget), events.append, 0.0)
    core.start()
    return Simulation(core, Service(server, 0.0), network=network), events


def test_the_reference_import_takes_the_bound_and_the_ledger_agrees() -> None:
    """10,000 items at 500/20s+2000/100s: 500.1 s of virtual time within 0.2 %, no refusal, same counts."""
    server = ServerConfig(items=10_000, latency="80ms")
    simulation, _ = simulated(server, WindowPacer(parse_tiers("500/20s+2000/100s"), 30.0), Rules(workers=20))
    done = simulation.run()
    state, report = simulation.core.state, simulation.service.report()
    assert done is not None
    assert (done.status, state.imported) == ("complete", 10_000)
    assert state.duration_s == pytest.approx(500.08, rel=0.002)
    assert (report["admitted"], report["refused"]) == (state.answered, state.refused) == (10_100, 0)


@pytest.mark.parametrize("kind", ["", ":log", ":aligned", ":bucket"])
def test_no_refusal_whatever_the_network_does(kind: str) -> None:
    """Jittered ways there and back, 40 workers, two tiers of each kind: zero refusals."""
    random = Random(7)
    network = Network(lambda: random.expovariate(10.0), lambda: random.expovariate(10.0))
    limit = f"30/1s{kind}+100/5s{kind}"
    simulation, _ = simulated(
        ServerConfig(items=600, limit=(limit,), latency="lognormal:30ms"),
        WindowPacer(parse_tiers("30/1s+100/5s"), 30.0),
        Rules(workers=40),
        network,
    )
    simulation.run()
    assert simulation.core.state.imported == 600
    assert simulation.service.report()["refused"] == simulation.core.state.refused == 0


def test_the_same_seed_gives_the_same_events() -> None:
    """Two simulations of a server with random latencies and faults are equal, event by event."""

    def play() -> list[e.Event]:
        server = ServerConfig(items=300, latency="lognormal:80ms", fault=("503:rate=5%", "reset:rate=2%"), seed=3)
        simulation, events = simulated(server, WindowPacer(parse_tiers("500/20s"), 30.0))
        simulation.run()
        return events

    assert play() == play()


def test_faults_are_retried_and_the_lost_are_lost() -> None:
    """Stalls run into the timeout, drips and truncations fail an attempt; in the end every item is there."""
    faults = ("stall:items=3:times=1", "drip:items=4:times=1:seconds=60", "truncated:items=5:times=1", "404:items=9")
    simulation, events = simulated(ServerConfig(items=50, latency="20ms", fault=faults), RetryAfterPacer())
    done = simulation.run()
    state = simulation.core.state
    assert done is not None
    assert (done.status, state.imported, state.failed, state.lost) == ("complete with failures", 49, 1, 1)
    failed = {event.key: event.reason for event in events if isinstance(event, e.AttemptFailed)}
    assert failed == {3: "timed out", 4: "timed out", 5: "malformed", 9: "gone"}


@pytest.mark.parametrize(
    ("items", "limit", "workers", "best_s"),
    [(1000, "500/20s+2000/100s", 10, 40.1), (1500, "100/2s+300/10s", 40, 50.15)],
)
def test_what_the_readme_promises(items: int, limit: str, workers: int, best_s: float) -> None:
    """Both imports of the README's table: 0 refusals, and at least 99 % of the best possible (97 % is the aim)."""
    server = ServerConfig(items=items, limit=(limit,), latency="50ms")
    simulation, _ = simulated(server, WindowPacer(parse_tiers(limit), 30.0), Rules(workers=workers))
    simulation.run()
    state = simulation.core.state
    best = best_possible(state, ImportConfig(limit=limit))
    assert best is not None
    assert best.bound_s == pytest.approx(best_s, abs=0.06)
    assert (state.imported, simulation.service.report()["refused"]) == (items, 0)
    assert best.bound_s / state.duration_s > 0.99


def test_half_the_limits_that_were_believed_are_survived() -> None:
    """The server allows half: the import finishes within a tenth of what that allows, with one pause per burst."""
    server = ServerConfig(items=1500, limit=("50/2s+150/10s",), latency="50ms")
    simulation, _ = simulated(server, WindowPacer(parse_tiers("100/2s+300/10s"), 30.0), Rules(workers=40))
    simulation.run()
    state = simulation.core.state
    allowed = best_possible(state, ImportConfig(), parse_tiers("50/2s+150/10s"))
    assert allowed is not None
    assert state.imported == 1500
    assert 0 < state.refused <= state.holds * 40
    assert state.duration_s < 1.1 * allowed.bound_s


@pytest.mark.parametrize("limit", ["30/2s:anchored+80/10s:anchored", "30/2s:log", "30/2s:gcra:burst=6"])
def test_what_requests_cost_is_reserved_before_they_are_sent(limit: str) -> None:
    """Pages cost 3 and items 2: no refusal, and as fast as the units of the limits allow."""
    random = Random(7)
    network = Network(lambda: random.expovariate(20.0), lambda: random.expovariate(20.0))
    server = ServerConfig(items=150, limit=(limit,), cost=("list=3", "item=2"))
    rules = Rules(workers=20, list_cost=3, item_cost=2)
    simulation, _ = simulated(server, WindowPacer(parse_tiers(limit), 30.0), rules, network)
    simulation.run()
    state = simulation.core.state
    assert (state.imported, state.refused, simulation.service.report()["refused"]) == (150, 0, 0)
    least_s = bound(Work(2, 150, list_cost=3, item_cost=2), parse_tiers(limit), 0.0, 20).bound_s
    assert least_s <= state.duration_s <= 1.25 * least_s + 1.0


def test_two_keys_of_the_test_api_take_half_the_time_of_one() -> None:
    """The test API keeps a budget for each key: nothing is refused, the ledger agrees, and 51 s become 26 s."""
    times = {}
    for names in (("A",), ("A", "B")):
        budgets: dict[e.Endpoint, Budget] = {}
        for name in names:
            budgets |= shared(Budget(f"{name} *", WindowPacer(parse_tiers("100/5s"), 30.0)), name)
        core = Core(Rules(workers=40), budgets, lambda event: None, 0.0)
        core.start()
        simulation = Simulation(core, Service(ServerConfig(items=1000, limit=("100/5s",), latency="50ms"), 0.0))
        simulation.run()
        report = simulation.service.report()
        assert (core.state.imported, core.state.refused, report["refused"]) == (1000, 0, 0)
        assert report["admitted"] == core.state.answered
        times[len(names)] = simulation.now
    assert times[2] < 0.51 * times[1]
