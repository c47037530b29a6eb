"""Limits inferred from recorded runs: the right ones, with the evidence, whatever strategy made the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness_test_api.config import ServerConfig

from harness.pacing import AutoPacer, RetryAfterPacer, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.inferred import as_flag, infer
from tests.lab.auto_play import play
from tests.lab.test_simulate import simulated

pytestmark = pytest.mark.matrix


@pytest.mark.parametrize("limit", ["100/5s", "50/3s+120/10s", "500/20s+2000/100s", "100/5s:log+300/30s:log"])
@pytest.mark.parametrize("strategy", [AutoPacer, RetryAfterPacer])
def test_a_run_that_was_refused_reveals_the_limits(limit: str, strategy: type) -> None:
    """Counts and periods of every tier that refused, as a flag that the client reads back to the true ones."""
    run = play(limit, "retry-after", 3000, pacer=strategy())
    findings = infer(run.events)
    found = {(finding.tier.limit, finding.tier.period_s) for finding in findings}
    true = {(tier.limit, tier.period_s) for tier in parse_tiers(limit)}
    assert true <= found if strategy is RetryAfterPacer else true == found
    assert all(str(finding.tier.limit) in finding.evidence.replace(",", "") for finding in findings)
    assert parse_tiers(as_flag(findings).removeprefix("--limit "))


@pytest.mark.parametrize("limit", ["100/5s:counter", "500/20s:counter"])
@pytest.mark.parametrize("strategy", [AutoPacer, RetryAfterPacer])
def test_a_sliding_counter_is_told_from_a_window(limit: str, strategy: type) -> None:
    """Room that came back in proportion, at the rate of the window that refused first: the kind is part of the flag."""
    run = play(limit, "retry-after", 2000, pacer=strategy())
    findings = infer(run.events)
    assert as_flag(findings) == f"--limit {limit}"
    assert findings[0].counting == "counter"


@pytest.mark.parametrize(("limit", "rate"), [("25/s:leaky:burst=0", 25), ("50/s:bucket:burst=5", 50)])
def test_a_rate_that_auto_found_is_in_the_record(limit: str, rate: float) -> None:
    """A bucket is printed as one: the rate within 5 %, and how often it took a refusal to find it."""
    finding = infer(play(limit, "retry-after", 2500).events)[0]
    assert finding.tier.kind == "gcra"
    assert finding.tier.limit / finding.tier.period_s == pytest.approx(rate, rel=0.05)
    assert "requests got through again at once" in finding.evidence


def test_a_bucket_is_told_from_the_pauses_of_a_client_that_just_retries() -> None:
    """A deep bucket: the rate at which room came back between the pauses, which no window explains."""
    findings = infer(play("100/5s:bucket", "retry-after", 2000, pacer=RetryAfterPacer()).events)
    assert [finding.tier.kind for finding in findings] == ["gcra"]
    assert findings[0].tier.limit / findings[0].tier.period_s == pytest.approx(20, rel=0.06)


def test_what_headers_told_is_in_the_record() -> None:
    """A run that was never refused because headers told all reveals the limits all the same."""
    run = play("100/5s+300/30s", "draft-8", 1000)
    assert run.refused == 0
    assert as_flag(infer(run.events)) == "--limit 100/5s+300/30s"
    assert all("Policy" in finding.evidence for finding in infer(run.events))


def test_a_run_that_met_no_limit_reveals_none() -> None:
    """No refusal and no header: nothing is made up."""
    run = play("1000/1s", "none", 50)
    assert infer(run.events) == []
    assert as_flag([]) == ""


def test_a_declared_run_without_refusals_reveals_none() -> None:
    """What was declared is no finding: the run shows nothing of what the server enforces."""
    run = play("100/5s", "none", 300, pacer=WindowPacer(parse_tiers("100/5s"), 30.0))
    assert infer(run.events) == []


def test_faults_that_are_answered_as_refusals_are_no_limit() -> None:
    """A 503 with Retry-After at random is explained by no count, and nothing is made up for it."""
    server = ServerConfig(items=1000, limit=("100/2s",), latency="50ms", fault=("503:rate=1%:retry-after=2",), seed=3)
    simulation, events = simulated(server, WindowPacer(parse_tiers("100/2s"), 30.0))
    simulation.run()
    assert simulation.core.state.refusals.keys() == {503}
    assert infer(events) == []


@pytest.mark.parametrize("dialect", ["honest", "retry-after", "draft-8"])
@pytest.mark.parametrize("rate", ["1%", "3%"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_c13_faults_beside_a_declared_limit_teach_nothing_and_cost_no_refusal(
    dialect: str, rate: str, seed: int
) -> None:
    """C13: 503s with Retry-After 2 beside 200/10s, declared: none is inferred; and as a 503 was let through, it is
    counted, so that no 429 follows (a client that took its slots back got up to 13).
    """
    fault = (f"503:rate={rate}:retry-after=2",)
    server = ServerConfig(items=1500, limit=("200/10s",), latency="50ms", fault=fault, seed=seed, dialect=dialect)
    simulation, events = simulated(server, WindowPacer(parse_tiers("200/10s"), 30.0))
    simulation.run()
    assert simulation.core.state.refusals.keys() == {503}
    assert infer(events) == []


@pytest.mark.parametrize("dialect", ["honest", "draft-8"])
@pytest.mark.parametrize("rate", ["1%", "3%"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_c13_faults_beside_a_limit_that_headers_tell_teach_nothing(dialect: str, rate: str, seed: int) -> None:
    """C13: `65/3s+200/10s` was printed. Untold, `auto` keeps to what headers say, and `infer` prints just that."""
    fault = (f"503:rate={rate}:retry-after=2",)
    server = ServerConfig(items=1500, limit=("200/10s",), latency="50ms", fault=fault, seed=seed, dialect=dialect)
    simulation, events = simulated(server, AutoPacer())
    simulation.run()
    assert as_flag(infer(events)) == "--limit 200/10s"
    assert simulation.core.state.limits == "200/10s"


def test_what_a_declared_limit_explains_is_no_finding() -> None:
    """A limit that was declared and held is not found again; one that is tighter is, which is B9's `probably about`."""
    held = play("100/5s", "retry-after", 600, pacer=WindowPacer(parse_tiers("100/5s"), 30.0))
    assert infer(held.events) == []
    wrong = play("100/5s", "retry-after", 1500, pacer=WindowPacer(parse_tiers("500/20s"), 30.0))
    assert wrong.refused > 0
    assert as_flag(infer(wrong.events)) == "--limit 100/5s"


def test_a_server_that_refuses_with_503_reveals_its_limits_all_the_same() -> None:
    """Every pause shows the same count; where there are 429s too, a 503 was let through and counts as accepted."""
    run = play("500/20s", "retry-after", 3000, pacer=RetryAfterPacer())
    as_503 = [replace(event, status=503) if isinstance(event, e.Refused) else event for event in run.events]
    assert [finding.tier for finding in infer(as_503)] == list(parse_tiers("500/20s"))
    fault = next(event for event in run.events if isinstance(event, e.ItemImported) and event.t_s > 5)
    faulty = e.Refused(fault.t_s, "item", fault.item, 1, fault.sent_s, fault.answered_s, 503, 1.0)
    mixed = [faulty if event is fault else event for event in run.events]
    assert as_flag(infer(mixed)) == as_flag(infer(run.events)) == "--limit 500/20s"


@pytest.mark.parametrize("limit", ["40/4s+150/25s", "100/11s"])
def test_what_auto_believed_in_the_end_is_what_a_run_reveals(limit: str) -> None:
    """Each of its pauses explained alone would be 40/4.066s, 80/8.183s and 120/12.3s besides."""
    run = play(limit, "none", 900, workers=6)
    found = infer(run.events)
    assert [str(finding.tier) for finding in found] == run.state.limits.split("+")
    assert {finding.counting for finding in found} == {"log/anchored"}
