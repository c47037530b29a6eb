"""A header that says another limit than the one that is declared."""

from __future__ import annotations

import pytest

from harness.pacing import Quota, parse_tiers
from harness.pacing.disagreement import disagreement

IN_WORDS = (
    "X-RateLimit says a limit of 60, where 5000/1h+900/1m is declared: if the header is right, give --limit 60/PERIOD"
)


@pytest.mark.parametrize(
    ("declared", "limit", "period_s", "said"),
    [
        ("5000/h+900/m", 5000, None, None),
        ("5000/h+900/m", 60, None, IN_WORDS),
        ("5000/h+900/m", 15000, None, None),
        ("100/10s", 100, 10.0, None),
        ("100/10s", 80, 10.0, "80/10s"),
        ("100/10s", 120, 10.0, None),
        ("100/m", 5000, 3600.0, "5000/1h"),
        ("100/m", 6000, 3600.0, None),
        ("2000/100s", 100, 10.0, "100/10s"),
        ("2/s:bucket:burst=40", 40, None, None),
        ("10:concurrency", 5, None, None),
        ("100/10s", 0, None, None),
        ("100/10s", None, None, None),
        ("", 5, None, None),
    ],
)
def test_only_a_tighter_limit_is_said(
    declared: str, limit: int | None, period_s: float | None, said: str | None
) -> None:
    """Never one that is declared, nor one that the declared ones cannot reach."""
    tiers = parse_tiers(declared) if declared else ()
    found = disagreement(tiers, [Quota(limit, 1, 1.0, period_s, header="X-RateLimit")])
    assert found == said if said is None or said == IN_WORDS else f"--limit {said}" in (found or "")
