"""The time at which an import will be done, told while it runs."""

from __future__ import annotations

import pytest

from harness.core.core import Core
from harness.core.eta import admits_at, eta_s
from harness.core.rules import Rules
from harness.pacing import TierStatistics, parse_tiers
from tests.core.play import Play, catalogue, windowed


def promised(at_s: float, items: int, limits: str, workers: int = 10) -> tuple[float, float]:
    """(when it was said at `at_s` that the import would end, when it did end)."""
    said: list[float] = []

    def ask(core: Core, now: float) -> None:
        told = eta_s(core, now)
        assert told is not None
        said.append(now + told)

    play = Play(catalogue(items), Rules(workers=workers), windowed(limits), at=[(at_s, ask)]).run()
    return said[0], play.now


@pytest.mark.parametrize("at_s", [0.5, 2.4, 10.0, 21.0, 35.0])
def test_the_end_is_known_from_the_quota_at_any_moment(at_s: float) -> None:
    """In a burst, in a wait, between them: within 3 % of the whole for 1,000 items at 500/20s."""
    said, ended = promised(at_s, 1000, "500/20s+2000/100s")
    assert said == pytest.approx(ended, rel=0.03)


@pytest.mark.parametrize("at_s", [0.5, 20.0, 150.0])
def test_the_longer_limit_counts_where_it_binds(at_s: float) -> None:
    """5,000 items at 500/20s+1000/100s end with the long tier's sixth window."""
    said, ended = promised(at_s, 5000, "500/20s+1000/100s")
    assert ended == pytest.approx(500, rel=0.01)
    assert said == pytest.approx(ended, rel=0.05)


def test_without_limits_the_workers_decide() -> None:
    """1,000 items at 50 ms by 5 workers: ten seconds, known from the second on."""
    said, ended = promised(1.0, 1000, "100000/1s", workers=5)
    assert said == pytest.approx(ended, rel=0.06)


def test_nothing_is_said_before_the_list_answered() -> None:
    """No page, no ETA: a guess would mislead."""
    play = Play(catalogue(10)).run(until=0.0)
    assert eta_s(play.core, 0.01) is None


def test_slots_come_round_once_a_span() -> None:
    """10 per 20 s, all used: the 11th more is one span after the first to come free."""
    tier = TierStatistics(parse_tiers("10/20s")[0], 10, 0, 5.0, 6.0, 20.0, 2, (5.0, 6.0))
    assert admits_at(tier, 1, 0.0) == 5.0
    assert admits_at(tier, 2, 0.0) == 6.0
    assert admits_at(tier, 3, 1.0) == 21.0
    assert admits_at(tier, 11, 0.0) == 25.0
    assert admits_at(tier, 0, 3.0) == 3.0
