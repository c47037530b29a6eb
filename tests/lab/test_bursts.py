"""C11: a bucket whose burst is more than its limit, as Shopify and others write it: `2/s:bucket:burst=40`."""

from __future__ import annotations

import pytest
from harness_test_api.config import ServerConfig
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.bound import Work, bound
from harness.config import ImportConfig
from harness.core.rules import Rules
from harness.lab.experiment import simulate_run
from harness.lab.simulate import Network
from harness.pacing import WindowPacer, parse_tiers
from harness.pacing.tiers import scaled
from harness.record.limits import limits_in
from tests.lab.test_simulate import simulated


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit=st.integers(1, 10),
    burst=st.integers(1, 60),
    kind=st.sampled_from(["bucket", "gcra"]),
    jitter_ms=st.integers(0, 400),
    workers=st.integers(1, 30),
    seed=st.integers(0, 999),
)
def test_never_refused_and_nearly_all_of_it_used(
    limit: int, burst: int, kind: str, jitter_ms: int, workers: int, seed: int
) -> None:
    """Safety: 0 refusals at any latency, jitter and worker count. Usefulness: a round trip per burst from the bound."""
    from random import Random

    random, text = Random(seed), f"{limit}/s:{kind}:burst={burst}"
    network = Network(lambda: random.uniform(0.0, jitter_ms / 1000), lambda: random.uniform(0.0, jitter_ms / 1000))
    server = ServerConfig(items=120, limit=(text,), latency="20ms", seed=seed)
    pacer = WindowPacer(parse_tiers(text), 30.0)
    simulation, _ = simulated(server, pacer, Rules(workers=workers), network)
    done = simulation.run()
    state = simulation.core.state
    assert done is not None
    assert (done.status, state.refused) == ("complete", 0)
    assert simulation.service.report()["refused"] == 0
    least_s = bound(Work(2, 120), parse_tiers(text), state.least_latency_s or 0.0, workers).bound_workers_s
    trip_s = 0.02 + 2 * jitter_ms / 1000
    # Each of the last burst's slots may be known to be free a round trip late; workers wait for their answers.
    assert least_s <= state.duration_s + 1e-9
    assert state.duration_s <= 1.01 * (122 / limit + trip_s * (4 + 122 / min(workers, burst)))


def test_the_simulator_the_bound_and_the_importer_agree() -> None:
    """142 requests, 40 at once and then two a second: 51 s, of which the import takes at least 98 %."""
    config = ImportConfig(limit="2/s:bucket:burst=40", items=140, latency="20ms", workers=10)
    summary = simulate_run(config).summary
    assert (summary.status, summary.refused) == ("complete", 0)
    assert summary.bound_s == pytest.approx((142 - 40) / 2 + 0.02, abs=0.1)
    assert summary.optimality is not None
    assert 0.98 <= summary.optimality <= 1.0


def test_a_share_of_a_bucket_is_a_share_of_its_rate_and_of_its_burst() -> None:
    """Half of two a second and forty at once: one and twenty."""
    assert [str(tier) for tier in scaled(parse_tiers("2/s:bucket:burst=40"), 0.5)] == ["1/1s:bucket:burst=20"]


def test_what_a_view_draws_of_it() -> None:
    """Its burst, and how long the whole of it takes to come back; the rate is that of the limit."""
    (limit,) = limits_in("2/s:bucket:burst=40")
    assert (limit.limit, limit.period_s, limit.per_s, limit.is_bucket) == (40, 20.0, 2.0, True)
