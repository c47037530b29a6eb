"""Aligned windows whose ends Reset tells, on servers that send no Date: known where it is true, dropped where it
lies."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.pacing import Grant, Notice, Outcome, Pacer, Quota, WindowPacer, parse_tiers
from tests.lab.auto_play import play

DAY = parse_tiers("20/10s:aligned")


class Undated(WindowPacer):
    """`window` on a server without a Date."""

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        dateless = None if notice is None else replace(notice, server_utc_s=None)
        return super().settle(grant, now, outcome, dateless, cost)


class Silent(Undated):
    """The same, and it is not told of any limit."""

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        return super().settle(grant, now, outcome, None if notice is None else replace(notice, quotas=()), cost)


def duration_s(pacer: Pacer, dialect: str) -> float:
    run = play("200/20s:aligned", dialect, 1100, workers=20, pacer=pacer, latency="50ms")
    assert run.state.status == "complete"
    assert run.refused == 0
    return run.state.duration_s


@pytest.mark.matrix
@pytest.mark.parametrize("dialect", ["draft-6", "draft-7", "draft-8"])
def test_without_a_date_reset_gives_the_phase(dialect: str) -> None:
    """Six windows from 19.7 s before a border on: the last begins at it, to a second and a half; a log needs more."""
    tiers = parse_tiers("200/20s:aligned")
    told, blind = duration_s(Undated(tiers, 30.0), dialect), duration_s(Silent(tiers, 30.0), dialect)
    assert told <= 99.7 + 1.5 + 1.5
    assert blind == pytest.approx(100.5, abs=0.6)


def answered(pacer: WindowPacer, at: float, reset_s: float, left: int) -> None:
    grant = pacer.reserve(at)
    assert isinstance(grant, Grant)
    pacer.settle(grant, at + 0.1, Outcome.ANSWERED, Notice(quotas=(Quota(20, left, reset_s),)))


def test_the_slots_of_a_window_come_free_together_at_its_end() -> None:
    """Twenty requests over five seconds of a window that ends at 10 s: all are free a second later at the latest."""
    pacer = WindowPacer(DAY, 30.0)
    for step in range(20):
        answered(pacer, step * 0.25, math.ceil(10.0 - step * 0.25), 19 - step)
    later = pacer.reserve(5.2)
    assert not isinstance(later, Grant)
    assert later.until is not None
    assert 10.0 < later.until <= 11.2
    assert [type(pacer.reserve(11.2)) for _ in range(20)] == [Grant] * 20
    assert "known to" in pacer.statistics(5.2).beliefs[0]


def test_a_reset_that_is_always_a_whole_window_away_is_dropped() -> None:
    """It moves with each request: nothing is believed of it, and each slot comes free a window after its answer."""
    pacer = WindowPacer(DAY, 30.0)
    for step in range(20):
        answered(pacer, step * 0.5, 10.0, 19 - step)
    later = pacer.reserve(9.7)
    assert not isinstance(later, Grant)
    assert later.until == pytest.approx(10.101)
    assert "not known yet" in pacer.statistics(9.7).beliefs[0]
