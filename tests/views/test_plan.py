"""What is said before an import starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.session.planning import ListOnly, Plan
from harness.views.plan import before_start, plan_text
from harness.views.screen import Screen

PLAN = Plan(
    requests_made=2,
    requests_page=800,
    requests_item=80000,
    limits="100/1m",
    limits_source="declared",
    best_s=48420.0,
    best_workers_s=48420.0,
    latency_s=0.21,
    workers=1,
    enough_workers=1,
    list_only=ListOnly(14, 800, 420.21),
)


def test_the_plan() -> None:
    """How many requests, under which limits, how long at best, with how many workers; and what could be saved."""
    assert plan_text(PLAN, Screen(100)) == (
        "Plan (2 requests made)\n"
        "  requests       800 pages + 80,000 items = 80,800\n"
        "  limits         100/1m (declared)\n"
        "  best possible  13 h 27 min; 1 worker is enough at 210 ms, more save nothing\n"
        "  ! list records already hold all 14 item fields: --no-detail = 800 requests, 7 min"
    )


def test_too_few_workers_are_told_what_they_cost() -> None:
    """Where more workers than set would help, the plan says how many, and what the set ones take."""
    plan = replace(PLAN, best_s=40.0, best_workers_s=55.1, latency_s=0.9, workers=2, enough_workers=23, list_only=None)
    assert plan_text(plan, Screen(80)).splitlines()[3:] == [
        "  best possible  40 s; 23 workers are enough at 900 ms, more save nothing; with",
        "                 2 it takes 55 s",
    ]


def test_what_is_not_known_is_not_guessed() -> None:
    """A list that does not say how long it is, and limits that nobody declared, are called unknown."""
    plan = Plan(1, None, None, "", "auto", None, None, None, 10, None)
    assert plan_text(plan, Screen(80)) == (
        "Plan (1 request made)\n"
        "  requests       unknown: the list does not say how many items it holds\n"
        "  limits         none known\n"
        "  best possible  unknown"
    )


@pytest.mark.parametrize(
    ("best_s", "requests", "limit", "period_s", "words"),
    [
        (40.05, 1010, 500, 20.0, "About 40 s. The bar will pause twice, waiting for the rate limit."),
        (20.0, 501, 500, 20.0, "About 20 s. The bar will pause once, waiting for the rate limit."),
        (48420.0, 80800, 100, 60.0, "About 13 h 27 min. The bar will pause 807 times, waiting for the rate limit."),
        (10.0, 1010, 100, 1.0, "About 10 s. The limit sets the pace."),
        (3.2, 500, 500, 20.0, "About 3 s."),
        (0.01, 0, 500, 20.0, "About 1 s."),
        (3.2, 1010, None, None, "About 3 s."),
        (None, 1010, 500, 20.0, ""),
    ],
)
def test_before_the_start(
    best_s: float | None, requests: int, limit: int | None, period_s: float | None, words: str
) -> None:
    """Whoever watches is told beforehand how long it takes and that the pauses are the limit's."""
    assert before_start(best_s, requests, limit, period_s, "The bar") == words
