"""Others who use the same limits, in histories: what is said to be left counts as well as what we sent."""

from __future__ import annotations

import pytest

from harness.pacing import Grant, Later, Notice, Outcome, Quota, WindowPacer, parse_tiers

TIERS = parse_tiers("10/10s")


def left(remaining: int, reset_s: float = 8.0) -> Notice:
    return Notice(quotas=(Quota(10, remaining, reset_s, header="X-RateLimit"),))


def one_by_one(pacer: WindowPacer, notices: list[Notice]) -> None:
    """A request a tenth of a second, each answered at once."""
    for step, notice in enumerate(notices):
        grant = pacer.reserve(step * 0.1)
        assert isinstance(grant, Grant)
        pacer.settle(grant, step * 0.1, Outcome.ANSWERED, notice)


def test_what_others_took_is_not_sent() -> None:
    """Four sent and none left: others took six. The fifth waits for half a second, then one looks again."""
    pacer = WindowPacer(TIERS, 30.0)
    one_by_one(pacer, [left(3), left(2), left(1), left(0)])
    assert pacer.reserve(0.4) == Later(0.3 + 0.5, "limit", TIERS[0])
    assert pacer.statistics(0.4).beliefs[0].startswith("10/10s: the server counts more requests than were sent here")
    looking = pacer.reserve(0.8)
    assert isinstance(looking, Grant)
    assert pacer.reserve(0.8) == Later(None, "in flight", TIERS[0])
    pacer.settle(looking, 0.9, Outcome.ANSWERED, left(2))
    assert [type(pacer.reserve(0.9)) for _ in range(3)] == [Grant, Grant, Later]


def test_a_reset_that_comes_sooner_is_waited_for() -> None:
    """Nothing is left, and the window ends in a fifth of a second: that is when to look."""
    pacer = WindowPacer(TIERS, 30.0)
    one_by_one(pacer, [left(3), left(2), left(1), left(0, reset_s=0.2)])
    assert pacer.reserve(0.4) == Later(0.3 + 0.2, "limit", TIERS[0])


@pytest.mark.parametrize(
    "notices",
    [
        [left(9), left(8), left(7), left(6)],  # ours alone
        [left(5), left(4), left(6), left(6)],  # twice is an accident
        [Notice(quotas=(Quota(99, 0, 8.0),))] * 4,  # of a limit that we know nothing of
        [Notice(quotas=(Quota(10, 0, 8.0, period_s=60.0),))] * 4,  # as many, but in another period
    ],
)
def test_alone_our_own_count_decides(notices: list[Notice]) -> None:
    """Six more go at once, as if nothing had been said; the eleventh waits for the first."""
    pacer = WindowPacer(TIERS, 30.0)
    one_by_one(pacer, notices)
    assert [type(pacer.reserve(0.4)) for _ in range(6)] == [Grant] * 6
    assert pacer.reserve(0.4) == Later(10.001, "limit", TIERS[0])
    assert pacer.statistics(0.4).beliefs == ()
