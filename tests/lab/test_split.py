"""What it brings to read a list in parts, in virtual time: round trips are saved, requests are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from harness.config import ImportConfig
from harness.lab.experiment import Outcome, simulate_run
from harness.record.events import FIRST_PAGE, PageListed
from harness.record.history import read_events
from harness.session.importing import http_api

SHAPE = {"paging": "cursor", "shape": ["from_param=since", "to_param=until"]}
DECLARED: dict[str, Any] = {
    **{"records": "data", "id": "id", "next": "next_cursor", "cursor_param": "cursor", "size_param": "perPage"},
    **{"per_page": 100, "detail": False, "items": 20_000, "latency": "200ms", "paging": "cursor"},
}


_SAID = ("records", "id", "next", "cursor_param", "size_param", "per_page", "detail")


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


def test_its_record_says_how_it_was_read(tmp_path: Path) -> None:
    """Rows in the order of the list, the parts in the events, the weakest evidence in the summary."""
    config = ImportConfig(**{**DECLARED, "items": 1000}, limit="1000/s", split="since..until=1..1001/4", run="r")
    found = simulate_run(config, results=tmp_path, server=SHAPE)
    assert found.run is not None
    assert [row["id"] for row in found.run.items().to_pylist()] == list(range(1, 1001))
    pages = [event for event in read_events(found.run.folder) if isinstance(event, PageListed)]
    assert {page.page.part for page in pages} == {0, 1, 2, 3}
    assert found.summary.list_ended == (
        "each of 4 parts was read to its end; the weakest evidence is that of part 1, until=252: total 251 reached, "
        '"next_cursor" names no next page'
    )


def test_a_look_is_at_the_list_as_a_whole() -> None:
    """So that `check` and `--dry-run` count all of it; an import asks for a part."""
    trio.run(_look)


async def _look() -> None:
    url = "https://api.example.com/v2/orders"
    config = ImportConfig(**{name: DECLARED[name] for name in _SAID}, url=url, split="since..until=1..1001/4")
    for looks in (True, False):
        async with http_api(config, url, keep_records=looks) as api:
            assert ("until=252" in api.reading.rest.page_url(FIRST_PAGE)) is not looks


def test_a_server_without_ranges_is_found_out() -> None:
    """By its first pages, before any quota is spent on the rest."""
    found = outcome("1000/s", "since..until=1..20001/8", shape=[])
    assert found.summary.status == "failed"
    assert found.summary.requests_page <= 16
