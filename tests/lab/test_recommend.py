"""How many workers: advice that is checked against every number of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.lab import recommend as module
from harness.lab.experiment import simulate_run
from harness.lab.recommend import WORKERS, from_run, recommend
from harness.pacing import format_tiers

pytestmark = pytest.mark.matrix


@pytest.mark.parametrize(
    "values",
    [
        {"limit": "50/2s+150/10s"},
        {"limit": "20/2s:gcra:burst=5", "items": 200},
        {"limit": "5/1s", "items": 100, "latency": "20ms"},
        {"limit": "list=2/2s+item=60/2s", "per_page": 20},
        pytest.param({"limit": "50/2s+150/10s", "latency": "lognormal:400ms"}, marks=pytest.mark.slow),
        pytest.param({"limit": "200/1s", "latency": "150ms"}, marks=pytest.mark.slow),
        pytest.param({"limit": "100/2s", "server_limit": "50/2s"}, marks=pytest.mark.slow),
        pytest.param({"limit": "60/2s", "pacing": "retry-after"}, marks=pytest.mark.slow),
        pytest.param({"scenario": "slow"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_no_other_number_of_workers_is_more_than_a_percent_faster(values: dict[str, Any]) -> None:
    """Of all that could have been tried; and none with fewer workers is as fast."""
    config = ImportConfig(**{"items": 300, **values})
    advice = recommend(config)
    durations = {workers: simulate_run(config.with_settings(workers=workers)).summary.duration_s for workers in WORKERS}
    assert advice.duration_s == durations[advice.workers]
    assert min(durations.values()) >= advice.duration_s / 1.01
    tried = {trial.workers: trial.duration_s for trial in advice.tried}
    assert all(durations[workers] == tried[workers] for workers in tried if workers in durations)
    assert all(tried[workers] > 1.01 * min(tried.values()) for workers in tried if workers < advice.workers)


@pytest.mark.parametrize(
    ("limit", "least_s"),
    [
        ("list=200/2s+item=20/2s", 28),  # 300 items are 15 windows of them
        ("list=2/2s+item=1000/2s", 28),  # 30 pages are 15
        ("20/2s", 32),  # and 330 requests are 17, the last not full
        ("list=2/2s+item=20/2s", 28),  # each route waits at the side of the other
    ],
)
def test_each_route_is_as_slow_as_its_own_limit(limit: str, least_s: float) -> None:
    """30 pages of 10: the time is that of the route which takes longest, and no page is charged to the items."""
    config = ImportConfig(items=300, per_page=10, limit=limit, latency="20ms", detail=True)
    advice = recommend(config)
    assert advice.best_s is not None
    assert least_s <= advice.best_s <= advice.duration_s < least_s + 2
    assert (advice.requests, advice.hits_per_1000, advice.limits) == (330, 0, format_tiers(config.limits))
    halved = next(variant for variant in advice.variants if variant.name == "limits halved")
    assert halved.as_advised.duration_s == pytest.approx(2 * advice.duration_s, rel=0.1)


def test_the_advice_says_what_happens_if_things_are_different() -> None:
    """Latency doubled, limits halved whether told or not, others on the same key; and what somebody asks."""
    advice = recommend(ImportConfig(items=500, limit="50/2s"), ["workers=40", "latency=10ms workers=1"])
    named = {variant.name: variant for variant in advice.variants}
    assert list(named) == [
        "latency doubled",
        "limits halved",
        "server allows half",
        "another client uses 1/4",
        "workers=40",
        "latency=10ms workers=1",
    ]
    assert named["limits halved"].as_advised.duration_s == pytest.approx(2 * advice.duration_s, rel=0.1)
    assert named["limits halved"].as_advised.hits_per_1000 == 0 < named["server allows half"].as_advised.hits_per_1000
    assert named["another client uses 1/4"].as_advised.hits_per_1000 > 0
    assert named["workers=40"].as_advised.workers == 40
    alone = simulate_run(ImportConfig(items=500, limit="50/2s", workers=1, latency="10ms")).summary
    assert named["latency=10ms workers=1"].as_advised.duration_s == alone.duration_s


def test_a_long_import_is_judged_by_its_first_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """What 300 items take, times how much longer the bound of 800 is: close to all of them simulated."""
    whole = recommend(ImportConfig(items=800, limit="50/2s+150/10s"))
    monkeypatch.setattr(module, "SAMPLE", 300)
    part = recommend(ImportConfig(items=800, limit="50/2s+150/10s"))
    assert (whole.sampled, part.sampled) == (None, 300)
    assert (part.requests, part.best_s) == (whole.requests, whole.best_s)
    assert part.duration_s == pytest.approx(whole.duration_s, rel=0.03)


@pytest.mark.parametrize("latency", ["80ms", "lognormal:80ms"])
def test_a_run_tells_its_limits_and_its_latency(latency: str, tmp_path: Path) -> None:
    """As inferred where it was refused, as measured; and what it took itself."""
    config = ImportConfig(items=300, server_limit="50/5s", pacing="retry-after", workers=10, latency=latency, run="r")
    run = simulate_run(config, results=tmp_path).run
    assert run is not None
    found, was = from_run(run)
    assert (format_tiers(found.limits).split("+")[0], found.test_api.items) == ("50/5s", 300)
    assert (was.workers, was.hits_per_1000 > 0) == (10, True)
    if latency == "80ms":
        assert found.test_api.latency == pytest.approx(0.08, rel=0.02)
    else:
        kind, median, sigma = str(found.test_api.latency).split(":")
        assert kind == "lognormal"
        assert float(median.removesuffix("ms")) == pytest.approx(80, rel=0.1)
        assert float(sigma.removeprefix("sigma=")) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("what_if", "sentence"),
    [
        ("workers", "--what-if 'workers' names no setting; write it like --what-if workers=40"),
        ("", "--what-if '' names no setting"),
        ("wrokers=4", "--what-if 'wrokers=4': unknown setting 'wrokers'"),
        ("workers=0", "--workers must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_asked(what_if: str, sentence: str) -> None:
    """Refused before anything is simulated."""
    with pytest.raises(BadInput) as refused:
        recommend(ImportConfig(items=10**8, limit="1/d"), [what_if])
    assert sentence in str(refused.value)


def test_an_import_that_never_gets_through_is_no_advice() -> None:
    """A server that wants a key: said in one sentence."""
    with pytest.raises(BadInput, match=r"this import would not complete \(page 1 of the list could not be read"):
        recommend(ImportConfig(scenario="plans"))
