"""What it brings to read a list in parts, in virtual time: round trips are saved, requests are not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import ImportConfig
from harness.lab.experiment import Outcome, simulate_run

SHAPE = {"paging": "cursor", "shape": ["from_param=since", "to_param=until"]}
DECLARED: dict[str, Any] = {
    **{"records": "data", "id": "id", "next": "next_cursor", "cursor_param": "cursor", "size_param": "perPage"},
    **{"per_page": 100, "detail": False, "items": 20_000, "latency": "200ms", "paging": "cursor"},
}


def outcome(limit: str, split: str | None, **server: Any) -> Outcome:
    config = ImportConfig(**DECLARED, limit=limit, split=split)
    return simulate_run(config, server={**SHAPE, **server})


@pytest.mark.parametrize(
    ("limit", "split", "requests", "duration_s"),
    [
        ("1000/s", None, 200, 40.0),
        ("1000/s", "since..until=1..20001/8", 207, 5.4),
        ("1000/s", "since..until=1..10001/8", 204, 22.8),
        ("5/s", None, 200, 47.8),
        ("5/s", "since..until=1..20001/8", 207, 49.6),
    ],
)
def test_the_table_of_the_docs(limit: str, split: str | None, requests: int, duration_s: float) -> None:
    """Each record once, whatever it costs."""
    found = outcome(limit, split)
    summary = found.summary
    assert (summary.status, summary.imported, summary.total) == ("complete", 20_000, 20_000)
    assert summary.requests_page == requests
    assert round(summary.duration_s, 1) == duration_s
    assert summary.refused == 0


@pytest.mark.parametrize("split", [None, "since..until=1..20001/8"])
def test_the_best_time_knows_of_the_parts(split: str | None) -> None:
    """Nearly all of it is reached: the first page of the first part is read alone."""
    found = outcome("1000/s", split)
    best = found.summary.optimality
    assert best is not None
    assert 0.95 < best <= 1.0


def test_a_server_without_ranges_is_found_out() -> None:
    """By its first pages, before any quota is spent on the rest."""
    found = outcome("1000/s", "since..until=1..20001/8", shape=[])
    assert found.summary.status == "failed"
    assert found.summary.requests_page <= 16
