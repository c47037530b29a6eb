"""One pause for everyone, then one probe: histories on a named time axis, with a strategy that never says no."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.pacing import (
    Budget,
    Grant,
    Hold,
    Later,
    Notice,
    Outcome,
    Quota,
    Unpaced,
    WindowPacer,
    parse_tiers,
)
from tests.pacing.models import AnchoredWindow, Server

ANSWERED, REFUSED, LOST, UNUSED = Outcome.ANSWERED, Outcome.REFUSED, Outcome.LOST, Outcome.UNUSED


def budget() -> Budget:
    return Budget("api.example.com", Unpaced())


def sent(to: Budget, now: float) -> Grant:
    answer = to.reserve(now)
    assert isinstance(answer, Grant)
    return answer


def refused(retry_after_s: float | None = None, *quotas: Quota) -> Notice:
    return Notice(429, retry_after_s, quotas)


def refused_from(to: Budget, now: float, notice: Notice | None) -> Hold:
    """A request is sent and refused at `now`, and that begins a hold."""
    hold = to.settle(sent(to, now), now, REFUSED, notice)
    assert hold is not None
    return hold


def knock_for_ever(notice: Notice | None, until: float) -> list[float]:
    """When a client that asks as soon as it may sends a request, if each is refused with `notice` at once."""
    it, now, sends = budget(), 0.0, []
    while now < until:
        hold = refused_from(it, now, notice)
        sends.append(now)
        assert it.reserve(now) == Later(hold.until, "refused")
        now = hold.until
    return sends


@pytest.mark.parametrize("seconds", [20, 20.0, 0.25, 19.999, 86400.0])
def test_retry_after_is_obeyed_to_the_fraction(seconds: float) -> None:
    """Nobody sends before now + Retry-After, and somebody may at exactly that time."""
    it = budget()
    assert refused_from(it, 100.0, refused(seconds)) == Hold(
        100.0 + seconds, "refused", seconds, consecutive_refusals=1
    )
    assert it.reserve(100.0) == it.reserve(99.999 + seconds) == Later(100.0 + seconds, "refused")
    assert isinstance(it.reserve(100.0 + seconds), Grant)


NOTHING_USABLE = {
    "no notice": None,
    "no header": refused(),
    "zero": refused(0),
    "negative": refused(-5.0),
    "not a number": refused(float("nan")),
    "infinite": refused(float("inf")),
    "a reset that is over": refused(None, Quota(remaining=0, reset_s=-1.0)),
    "a reset of a quota with room": refused(None, Quota(remaining=7, reset_s=90.0)),
}


@pytest.mark.parametrize("notice", NOTHING_USABLE.values(), ids=NOTHING_USABLE)
def test_a_retry_after_that_names_no_time_is_no_hot_loop(notice: Notice | None) -> None:
    """One refused probe per pause, and pauses of 1, 2, 4, 8, 16, 32, 60, 60 ... s."""
    sends = knock_for_ever(notice, until=240.0)
    assert [after - before for before, after in pairwise(sends)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_wrong_retry_after_is_no_hot_loop() -> None:
    """A refused probe is told too little: what it is told is the least of it, the doubling goes on beside it."""
    sends = knock_for_ever(refused(5), until=77.0)
    assert [after - before for before, after in pairwise(sends)] == [5, 5, 5, 5, 8, 16, 32]
    sends = knock_for_ever(refused(0.01), until=16.0)
    assert [after - before for before, after in pairwise(sends)] == pytest.approx([0.01, 1, 2, 4, 8])


def test_the_guess_is_forgotten_once_a_probe_got_through() -> None:
    """The next refusal starts again at 1 s."""
    it = budget()
    for now, until in [(0.0, 1.0), (1.0, 3.0), (3.0, 7.0)]:
        assert refused_from(it, now, None).until == until
    assert it.settle(sent(it, 7.0), 7.5, ANSWERED) is None
    assert it.hold is None
    assert refused_from(it, 8.0, None) == Hold(9.0, "refused", None, consecutive_refusals=1)


def test_without_retry_after_the_reset_of_what_is_used_up_counts() -> None:
    """The latest reset of the quotas that are not said to have room; Retry-After goes first where both stand."""
    quotas = (Quota(remaining=0, reset_s=12.0), Quota(remaining=None, reset_s=30.0), Quota(remaining=3, reset_s=99.0))
    assert refused_from(budget(), 0.0, refused(None, *quotas)).until == 30.0
    assert refused_from(budget(), 0.0, refused(5.0, *quotas)).until == 5.0


def test_a_burst_of_refusals_is_one_hold() -> None:
    """Twenty in flight are refused: the first begins the hold, the others are part of it."""
    it = budget()
    grants = [sent(it, 0.0) for _ in range(20)]
    holds = [it.settle(grant, 0.5 + n / 100, REFUSED, refused(10.0 - n / 100)) for n, grant in enumerate(grants)]
    assert holds == [Hold(10.5, "refused", 10.0, consecutive_refusals=1)] + [None] * 19
    assert it.hold is not None
    assert (it.hold.until, it.hold.consecutive_refusals) == (pytest.approx(10.5), 1)


def test_a_later_and_longer_retry_after_is_honoured() -> None:
    """The longest of a burst counts, whether it comes first or last; none of them begins another hold."""
    it = budget()
    a, b, c = (sent(it, 0.0) for _ in range(3))
    assert it.settle(a, 1.0, REFUSED, refused(2.0)) is not None
    assert it.settle(b, 1.1, REFUSED, refused(30.0)) is None
    assert it.settle(c, 1.2, REFUSED, refused(1.0)) is None
    assert it.hold == Hold(31.1, "refused", 30.0, consecutive_refusals=1)
    assert it.reserve(31.0) == Later(31.1, "refused")


def test_a_longer_retry_after_that_comes_during_the_probe_is_honoured_too() -> None:
    """The probe's answer does not open what a slow refusal has just made longer; one more probe does."""
    it = budget()
    slow = sent(it, 0.0)
    refused_from(it, 0.0, refused(1.0))
    probe = sent(it, 1.0)
    assert it.settle(slow, 1.5, REFUSED, refused(20.0)) is None
    assert it.settle(probe, 2.0, ANSWERED) is None
    assert it.reserve(2.0) == Later(21.5, "refused")
    assert it.settle(sent(it, 21.5), 22.0, ANSWERED) is None
    assert it.hold is None


def test_a_refused_probe_does_not_shorten_a_longer_hold() -> None:
    """Both were told something while the probe was on its way: the longer counts."""
    it = budget()
    slow = sent(it, 0.0)
    refused_from(it, 0.0, refused(1.0))
    probe = sent(it, 1.0)
    it.settle(slow, 1.5, REFUSED, refused(20.0))
    hold = it.settle(probe, 2.0, REFUSED, refused(3.0))
    assert hold == it.hold == Hold(21.5, "refused", 20.0, consecutive_refusals=2)


def test_one_probe_goes_before_everyone_goes_on() -> None:
    """The others wait for its answer, not for a time; then all may go."""
    it = budget()
    refused_from(it, 0.0, refused(10.0))
    probe = sent(it, 10.0)
    assert it.reserve(10.0) == it.reserve(99.0) == Later(None, "probe")
    it.settle(probe, 99.0, ANSWERED)
    assert all(isinstance(it.reserve(99.0), Grant) for _ in range(50))


@pytest.mark.parametrize("outcome", [LOST, UNUSED])
def test_a_probe_without_an_answer_lets_the_next_one_probe(outcome: Outcome) -> None:
    """Lost or never sent, it has opened nothing, and it blocks nobody."""
    it = budget()
    refused_from(it, 0.0, refused(10.0))
    assert it.settle(sent(it, 10.0), 40.0, outcome) is None
    second = sent(it, 40.0)
    assert it.reserve(40.0) == Later(None, "probe")
    it.settle(second, 41.0, ANSWERED)
    assert it.hold is None


def test_an_answer_that_arrives_during_a_hold_does_not_open_it() -> None:
    """It was sent before the refusal, so it says nothing about now: neither before the probe nor beside it."""
    it = budget()
    early, late = sent(it, 0.0), sent(it, 0.0)
    refused_from(it, 0.5, refused(10.0))
    it.settle(early, 1.0, ANSWERED)
    assert it.reserve(1.0) == Later(10.5, "refused")
    sent(it, 10.5)
    it.settle(late, 11.0, ANSWERED)
    assert it.reserve(11.0) == Later(None, "probe")


def test_a_retry_after_one_second_short_costs_one_probe() -> None:
    """4 per 10 s, Retry-After rounded down to 9 although 9.9 s are left: refused once more, then everyone goes on."""
    it = budget()
    server = Server([AnchoredWindow(4, 10.0)])
    assert [server.arrive(0.0) for _ in range(4)] == [True] * 4
    assert not server.arrive(0.1)
    assert refused_from(it, 0.1, refused(9)).until == 9.1
    assert not server.arrive(9.1)
    assert refused_from(it, 9.1, refused(0)) == Hold(10.1, "refused", 0, consecutive_refusals=2)
    assert server.arrive(10.1)
    it.settle(sent(it, 10.1), 10.2, ANSWERED)
    assert (it.hold, server.refused) == (None, 2)


def test_hold_until_pauses_everyone_and_ends_with_a_probe() -> None:
    """A longer hold wins over a shorter one, whichever came first."""
    it = budget()
    assert it.breaker.hold_until(50.0) == Hold(50.0, "hold")
    assert it.breaker.hold_until(20.0) == Hold(50.0, "hold")
    assert it.reserve(49.0) == Later(50.0, "hold")
    assert isinstance(it.reserve(50.0), Grant)
    assert it.reserve(50.0) == Later(None, "probe")


def test_hold_until_is_kept_whatever_is_still_in_flight() -> None:
    """Neither a refusal with a shorter time, nor the answer or the refusal of a probe, ends it early."""
    it = budget()
    straggler = sent(it, 0.0)
    refused_from(it, 0.0, refused(1.0))
    probe = sent(it, 1.0)
    it.breaker.hold_until(100.0)
    assert it.settle(straggler, 1.5, REFUSED, refused(2.0)) is None
    assert it.hold == Hold(100.0, "hold", None, consecutive_refusals=1)
    it.settle(probe, 2.0, ANSWERED)
    assert it.reserve(99.0) == Later(100.0, "hold")
    probe = sent(it, 100.0)
    it.breaker.hold_until(200.0)
    it.settle(probe, 100.5, REFUSED, refused(2.0))
    assert it.reserve(199.0) == Later(200.0, "hold")


def test_the_probe_too_must_fit_the_limits() -> None:
    """After a pause shorter than the window the strategy still says no, and that is no probe."""
    it = Budget("api", WindowPacer(parse_tiers("1/20s"), linger_s=0.0))
    it.settle(sent(it, 0.0), 0.0, ANSWERED)
    it.breaker.hold_until(5.0)
    later = it.reserve(5.0)
    assert isinstance(later, Later)
    assert (later.until, later.reason) == (20.002, "limit")
    assert isinstance(it.reserve(20.002), Grant)


class Stubborn(Unpaced):
    """A strategy that names its own pause."""

    def settle(self, *args: object, **kwargs: object) -> float | None:
        super().settle(*args, **kwargs)  # type: ignore[arg-type]
        return float(args[1]) + 7.0  # type: ignore[arg-type]


def test_a_strategy_may_name_its_own_pause() -> None:
    """It goes before Retry-After, each time."""
    it = Budget("api", Stubborn())
    assert refused_from(it, 0.0, refused(99.0)).until == 7.0
    assert refused_from(it, 7.0, refused(99.0)) == Hold(14.0, "refused", 99.0, consecutive_refusals=2)
