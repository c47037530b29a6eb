"""What the test API counted, beside what the client did."""

from __future__ import annotations

import pytest

from harness.record.summary import Ledger
from harness.source.ledger import compared

MINE = {"127.0.0.1": {"admitted": 7, "refused": 1}}
REPORT = {"admitted": 7, "refused": 1, "clients": MINE, "statuses": {"200": 7, "429": 1}}


@pytest.mark.parametrize(
    ("answered", "refused", "lost", "agrees"),
    [
        (7, 1, 0, True),
        (6, 1, 0, False),
        (8, 0, 0, False),
        (6, 1, 1, True),  # lost, and it was let through
        (7, 0, 1, True),  # lost, and it was refused
        (7, 1, 2, True),  # lost before they arrived
        (6, 0, 1, False),
    ],
)
def test_only_of_what_was_lost_may_the_server_know_more(answered: int, refused: int, lost: int, agrees: bool) -> None:
    """Every other count must be equal."""
    assert compared(REPORT, answered, refused, lost) == Ledger(7, 1, agrees)


def test_what_other_tenants_asked_for_is_not_ours() -> None:
    """The counts, less those of others."""
    others = {**MINE, "tenant": {"admitted": 3, "refused": 2}}
    report = {"admitted": 10, "refused": 3, "clients": others, "statuses": {"200": 10, "429": 3}}
    assert compared(report, 7, 1, 0) == Ledger(7, 1, True)


def test_a_fault_that_looks_like_a_refusal_was_let_through() -> None:
    """The client takes a 503 with Retry-After for a refusal; as many as there were such answers, and no more."""
    report = {**REPORT, "admitted": 9, "statuses": {"200": 7, "429": 1, "503": 2}}
    assert compared(report, 7, 3, 0) == Ledger(9, 1, True, faults=2)
    assert not compared(report, 6, 4, 0).agrees


def test_who_was_turned_away_for_want_of_a_key_was_answered() -> None:
    """The limits were not asked, but the client has an answer."""
    assert compared({"admitted": 0, "refused": 0, "clients": {}, "statuses": {"401": 1}}, 1, 0, 0).agrees
