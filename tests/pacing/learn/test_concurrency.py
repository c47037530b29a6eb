"""How many may be in flight: learned from a burst refused in part, tried once more, dropped when it proves wrong."""

from __future__ import annotations

from harness.pacing.learn.history import History

from harness.pacing import Grant
from harness.pacing.learn.admission import ENOUGH, LearnedConcurrency
from harness.pacing.learn.refill import Emptied

PAUSE = Emptied(1.0, 1.2, 1.3, 5)


def concurrency_of(most: int) -> LearnedConcurrency:
    """One that saw `most` in flight get through."""
    history = History(30.0)
    concurrency = LearnedConcurrency(history)
    through(concurrency, history, most)
    return concurrency


def through(concurrency: LearnedConcurrency, history: History, count: int) -> None:
    """`count` are sent together, and all get through."""
    grants = [Grant(0.0) for _ in range(count)]
    for grant in grants:
        concurrency.sent(grant)
        history.send(grant)
    for grant in grants:
        history.end(grant)
        concurrency.accepted(grant)


def test_as_many_as_got_through_are_allowed() -> None:
    """Five of eight got through, and the others at once after that: five may be in flight."""
    concurrency = concurrency_of(5)
    news = concurrency.learn(7, PAUSE)
    assert news is not None
    assert (concurrency.cap, news.limit) == (5, "5 in flight")
    assert concurrency.learn(4, PAUSE) is None
    assert [concurrency.is_crowded(others) for others in (4, 5)] == [False, True]


def test_one_more_is_tried_and_never_again_once_it_was_refused() -> None:
    """After enough with all places taken there is one more; its refusal is the end of it."""
    history = History(30.0)
    concurrency = LearnedConcurrency(history)
    through(concurrency, history, 5)
    concurrency.learn(7, PAUSE)
    for _ in range(ENOUGH):
        through(concurrency, history, 5)
    assert concurrency.cap == 6
    assert concurrency.is_crowded(5)
    concurrency.refused(5)
    assert concurrency.learn(5, PAUSE) is not None
    for _ in range(2 * ENOUGH):
        through(concurrency, history, 5)
    assert concurrency.cap == 5
    assert concurrency.dropped is None


def test_a_refusal_with_fewer_in_flight_disproves_it() -> None:
    """Refused with no more than ever got through: their number was not it; the pause is told to what may explain it."""
    concurrency = concurrency_of(5)
    concurrency.learn(7, PAUSE)
    concurrency.refused(3)
    assert concurrency.cap is None
    assert concurrency.dropped == PAUSE
    assert concurrency.sentences() == []
