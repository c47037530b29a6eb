"""How long an import will take: the chain that the last request follows, and the interval around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.config import ImportConfig
from harness.core import ahead as of_ahead
from harness.core.ahead import Ahead, Flaw, last_sent_s
from harness.core.latency import Latency
from harness.core.prediction import interval
from harness.lab.experiment import simulate_run
from harness.pacing import parse_tiers

CONSTANT = Latency([0.08])
# An import of 1,000 items at 50/5s with 10 workers, each answer after 80 ms.
AHEAD = Ahead(10, 1000, parse_tiers("50/5s"), "window", (10, 10), CONSTANT, samples=1, retry_delays_s=(30.0, 60.0))


@pytest.mark.parametrize(
    ("limit", "workers", "items"),
    [
        ("50/5s", 10, 300),
        ("50/5s", 3, 320),
        ("30/3s:log", 40, 155),
        ("50/5s:anchored", 5, 300),
        ("200/20s:anchored", 40, 430),
        ("20/2s:bucket", 40, 200),
        ("20/2s:gcra:burst=5", 5, 150),
        ("100/5s+300/20s", 10, 420),
        ("8:concurrency", 40, 300),
    ],
)
def test_the_chain_says_when_the_last_request_of_a_simulated_import_is_sent(
    limit: str, workers: int, items: int
) -> None:
    """At constant latency nothing is left to chance: it is right to one round trip of 80 ms."""
    config = ImportConfig(limit=limit, workers=workers, items=items, latency="80ms")
    took_s = simulate_run(config).state.duration_s
    ahead = replace(AHEAD, pages=-(-items // 100), items=items, tiers=parse_tiers(limit), workers=(workers, workers))
    assert last_sent_s(ahead, 0.08, workers) + 0.08 == pytest.approx(took_s, abs=0.0801)


def looked_at(ahead: Ahead, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many chains it takes to predict."""
    looks = 0
    chain = of_ahead.last_arrival_s

    def counting(*arguments: Any) -> float:
        nonlocal looks
        looks += 1
        return chain(*arguments)

    monkeypatch.setattr(of_ahead, "last_arrival_s", counting)
    interval(ahead)
    monkeypatch.undo()
    return looks


def test_a_million_items_cost_no_more_steps_than_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step for each request: the chain is a closed form, and it is asked for as often."""
    flaws = (Flaw(0.01, 0.01), Flaw(0.001, pause_s=2.0))
    doubtful = replace(AHEAD, latency=Latency.of_counts({0.1: 1}), flaws=flaws)
    looks = looked_at(doubtful, monkeypatch)
    assert looked_at(replace(doubtful, pages=10_000, items=1_000_000), monkeypatch) == looks < 300


def test_the_same_import_is_predicted_the_same() -> None:
    """The draws have a seed of their own."""
    ahead = replace(AHEAD, latency=Latency.of_counts({0.1: 1}), flaws=(Flaw(0.01, 0.01),))
    assert interval(ahead) == interval(ahead)


def width_s(ahead: Ahead) -> float:
    found = interval(ahead)
    assert found.least_s <= found.likely_s <= found.most_s
    return found.most_s - found.least_s


def test_few_answers_make_a_wide_interval_where_latency_decides() -> None:
    """By workers alone after 1, 10 and 1,000 answers; under a limit that binds the latency hardly matters."""
    free = replace(AHEAD, tiers=(), workers=(5, 5), begun=True)
    after = [replace(free, latency=Latency.of_counts({0.1: seen})) for seen in (1, 10, 1000)]
    widths = [width_s(ahead) for ahead in after]
    assert widths[0] > 2 * widths[1] > 2 * widths[2] > 0
    bound = replace(AHEAD, begun=True, latency=Latency.of_counts({0.1: 1}))
    assert width_s(bound) / interval(bound).likely_s < 0.1 * widths[0] / interval(after[0]).likely_s


def test_what_waits_for_a_retry_is_waited_for() -> None:
    """Nothing but a retry that is due in 100 s is left."""
    found = interval(replace(AHEAD, pages=0, items=1, begun=True, retry_s=100.0))
    assert found.least_s >= 100.0
    assert found.most_s < 101.0


def test_failures_that_are_foreseen_make_room_for_their_retries() -> None:
    """One item that fails twice takes 90 s beyond the first attempt; by chance, most imports see no failure."""
    sure = interval(replace(AHEAD, items=10, pages=1, flaws=(Flaw(1.0, again=2),)))
    assert sure.least_s > 90.0
    seldom = interval(replace(AHEAD, items=10, pages=1, flaws=(Flaw(0.001, 0.001),)))
    assert seldom.most_s < 30.0


def test_workers_that_are_found_on_the_way_may_be_few_or_many() -> None:
    """From 4 to 40 workers: the interval holds what each number would take."""
    ahead = replace(AHEAD, tiers=(), workers=(4, 40))
    found = interval(ahead)
    assert found.least_s < last_sent_s(ahead, 0.08, 30) < last_sent_s(ahead, 0.08, 5) < found.most_s


@pytest.mark.parametrize("strategy", ["window", "spaced", "reference"])
@pytest.mark.parametrize(
    "limit", ["", "50/5s", "list=5/5s+item=50/5s", "5:concurrency", "2/s:bucket:burst=40", "1/366d"]
)
@pytest.mark.parametrize(("pages", "items"), [(0, 0), (0, 1), (1, 0), (1, 1), (3, 0), (0, 500), (500, 50_000)])
def test_every_kind_of_import_has_an_interval(strategy: str, limit: str, pages: int, items: int) -> None:
    """Nothing, one item, a list alone, limits of a route, a limit of a year: in order, and never negative."""
    tiers = parse_tiers(limit) if limit else ()
    for begun in (False, True):
        ahead = replace(AHEAD, pages=pages, items=items, tiers=tiers, strategy=strategy, samples=0, begun=begun)
        if pages + items or begun:
            least_s, likely_s, most_s = interval(ahead)
            assert 0.0 <= least_s <= likely_s <= most_s
