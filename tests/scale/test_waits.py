"""Waits of several processes: those of the run are what all of them that have work wait together."""

from __future__ import annotations

from harness.record.events import WaitBegan, Waited
from harness.scale.waits import CommonWaits


def wait(began_s: float, ended_s: float, tier: str = "5/1s", reason: str = "limit", asleep: float = 1.0) -> Waited:
    return Waited(ended_s, began_s, ended_s, asleep * (ended_s - began_s), 1, reason, tier)


def told(waits: CommonWaits, until_s: float) -> list[tuple[float, float, float, int, str | None]]:
    return [(one.began_s, one.ended_s, one.asleep_s, one.sleeps, one.tier) for one in waits.common(until_s)]


def test_what_two_wait_together() -> None:
    waits = CommonWaits()
    waits.add(1, wait(1.0, 5.0))
    waits.add(2, wait(3.0, 8.0))
    assert told(waits, 10.0) == [(3.0, 5.0, 2.0, 1, "5/1s")]


def test_one_that_works_keeps_the_others_from_waiting() -> None:
    waits = CommonWaits()
    waits.add(1, wait(1.0, 5.0))
    waits.add(2, wait(6.0, 8.0))
    assert told(waits, 10.0) == []


def test_one_with_nothing_to_do_does_not() -> None:
    waits = CommonWaits()
    waits.add(1, wait(1.0, 5.0))
    waits.idle(2, 0.0, 2.0)
    waits.idle(2, 2.0, 4.0)
    assert told(waits, 10.0) == [(1.0, 4.0, 3.0, 1, "5/1s")]


def test_all_idle_is_no_wait() -> None:
    waits = CommonWaits()
    waits.idle(1, 0.0, 5.0)
    waits.idle(2, 0.0, 5.0)
    assert told(waits, 10.0) == []


def test_a_wait_that_goes_on_is_told_piece_by_piece_and_is_one() -> None:
    """However often it is asked: the time adds up, and the count is one."""
    waits = CommonWaits()
    waits.add(1, WaitBegan(1.0, "limit", "5/1s", 60.0))
    waits.add(2, WaitBegan(2.0, "limit", "5/1s", 60.0))
    pieces = [piece for until_s in (10.0, 20.0, 20.0, 30.0) for piece in told(waits, until_s)]
    waits.add(1, wait(1.0, 40.0))
    waits.add(2, wait(2.0, 45.0))
    pieces += told(waits, 50.0)
    assert [piece[:2] for piece in pieces] == [(2.0, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 40.0)]
    assert sum(piece[2] for piece in pieces) == 38.0
    assert sum(piece[3] for piece in pieces) == 1


def test_a_process_that_has_died_waits_no_longer() -> None:
    waits = CommonWaits()
    waits.add(1, WaitBegan(1.0, "limit", "5/1s", 60.0))
    waits.gone(1)
    waits.gone(2)
    assert told(waits, 10.0) == []


def test_short_pauses_that_were_gathered_count_by_their_share() -> None:
    """Of two seconds in which each slept half the time they slept together at most one."""
    waits = CommonWaits()
    waits.add(1, wait(0.0, 2.0, asleep=0.5))
    waits.add(2, wait(0.0, 2.0, asleep=0.25))
    assert [piece[2] for piece in told(waits, 5.0)] == [0.5]


def test_the_wait_is_for_what_the_last_of_them_waits_for() -> None:
    waits = CommonWaits()
    waits.add(1, wait(0.0, 9.0, tier="500/20s"))
    waits.add(2, wait(4.0, 9.0, tier="5/1s"))
    waits.add(2, wait(9.0, 12.0, tier="500/20s"))
    assert told(waits, 20.0) == [(4.0, 9.0, 5.0, 1, "5/1s")]
