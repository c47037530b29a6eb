"""Limits inferred from recorded runs: the right ones, with the evidence, whatever strategy made the record."""

from __future__ import annotations

import pytest

from harness.lab.infer import as_flag, infer
from harness.pacing import AutoPacer, RetryAfterPacer, WindowPacer, parse_tiers
from tests.lab.auto_play import play


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
