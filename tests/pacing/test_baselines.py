"""What the strategies to compare with do, and that the window strategy and the budget do not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.errors import NeverFits
from harness.pacing import (
    Budget,
    Grant,
    Later,
    Notice,
    Outcome,
    Pacer,
    Quota,
    ReferencePacer,
    RetryAfterPacer,
    Tier,
    WindowPacer,
    parse_tiers,
)
from tests.pacing.histories import Job, play
from tests.pacing.models import AnchoredWindow, Server, SlidingLog

DEMO = parse_tiers("500/20s+2000/100s")
ANSWERED, REFUSED, LOST = Outcome.ANSWERED, Outcome.REFUSED, Outcome.LOST


def sent_at(pacer: Pacer, per_second: float, n: int) -> list[float]:
    """When each of n requests goes out: evenly, as fast as the client is, answered at once, asleep when told to."""
    now, times = 0.0, []
    while len(times) < n:
        answer = pacer.reserve(now)
        if isinstance(answer, Later):
            assert answer.until is not None
            now = answer.until
            continue
        pacer.settle(answer, now, ANSWERED)
        times.append(now)
        now += 1 / per_second
    return times


def cycle_s(pacer: Pacer, per_second: float) -> float:
    """How long 2000 requests take in the long run, from the start of one burst to the start of the next."""
    times = sent_at(pacer, per_second, 8001)
    return (times[8000] - times[0]) / 4


LONG = parse_tiers("2000/100s")


@pytest.mark.parametrize(("per_second", "lost"), [(25, 80 / 180), (100, 20 / 120), (1000, 2 / 102)])
def test_the_reference_sleeps_a_whole_window(per_second: float, lost: float) -> None:
    """Under 2000/100s it loses the time that it took to fill the window: 44 % at 25 req/s, 17 % at 100 req/s."""
    assert 1 - 100 / cycle_s(ReferencePacer(LONG), per_second) == pytest.approx(lost, abs=1e-4)


def test_with_both_tiers_the_reference_stands_on_a_knifes_edge() -> None:
    """Slower than 25 req/s only the long tier sleeps. Near 100 req/s the fourth short sleep ends at 100 s: a little
    slower and the long window is just over, with nothing lost; a little faster and it sleeps it all over again.
    """
    assert 1 - 100 / cycle_s(ReferencePacer(DEMO), 24.9) == pytest.approx(0.445, abs=0.001)
    assert 1 - 100 / cycle_s(ReferencePacer(DEMO), 99) == pytest.approx(0.0, abs=0.005)
    assert 1 - 100 / cycle_s(ReferencePacer(DEMO), 101) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("per_second", [24.9, 25, 99, 100, 101, 1000])
@pytest.mark.parametrize("tiers", [LONG, DEMO], ids=["one tier", "both tiers"])
def test_the_window_strategy_sleeps_the_time_that_is_left(tiers: tuple[Tier, ...], per_second: float) -> None:
    """Once the limit binds, 2000 requests take 100 s and the guard of 10 ms, at any speed of the client."""
    assert cycle_s(WindowPacer(tiers, linger_s=0.0), per_second) == pytest.approx(100.01, abs=0.01)


def test_the_reference_counts_at_the_send_and_is_refused_for_it() -> None:
    """Its window ends before the server's, which opened at an arrival: with jitter that is one too many."""
    jobs, tiers = [Job(0.24 if n == 0 else 0.01, 0.25) for n in range(80)], parse_tiers("8/2s")
    reference = play(ReferencePacer(tiers), jobs, workers=1)
    window = play(WindowPacer(tiers, linger_s=0.0), jobs, workers=1)
    for kind in (AnchoredWindow, SlidingLog):
        assert reference.replay(Server([kind(8, 2.0)])) == 1
        assert window.replay(Server([kind(8, 2.0)])) == 0


def test_a_refusal_without_a_time_puts_the_reference_to_sleep_for_its_longest_window() -> None:
    """Retry-After is obeyed where there is one; a 0 counts as none."""
    for notice, until in [(Notice(429), 100.0), (Notice(429, 0.0), 100.0), (Notice(429, 7.0), 7.0)]:
        budget = Budget("api", ReferencePacer(DEMO))
        grant = budget.reserve(0.0)
        assert isinstance(grant, Grant)
        hold = budget.settle(grant, 0.0, REFUSED, notice)
        assert hold is not None
        assert hold.until == until


@pytest.mark.parametrize("pacer", [ReferencePacer(DEMO), WindowPacer(DEMO, 0.0)], ids=["reference", "window"])
def test_a_cost_above_a_limit_never_fits(pacer: Pacer) -> None:
    """It is an error, whatever is in flight, and not a wait."""
    for _ in range(500):
        pacer.reserve(0.0)
    with pytest.raises(NeverFits, match="cost 501 never fits into 500/20s"):
        pacer.reserve(0.0, 501)


def test_a_cost_that_only_a_later_tier_can_never_hold_is_found_at_once() -> None:
    """Even where the first tier would make it wait for an answer."""
    pacer = WindowPacer(parse_tiers("5/20s+2/100s"), linger_s=0.0)
    pacer.reserve(0.0, 2)
    with pytest.raises(NeverFits):
        pacer.reserve(0.0, 4)


@pytest.mark.parametrize("pacer", [ReferencePacer(DEMO), WindowPacer(DEMO, 0.0)], ids=["reference", "window"])
def test_a_no_by_one_tier_costs_the_others_nothing(pacer: Pacer) -> None:
    """Line 2: all tiers are checked, then all charged."""
    sent_at(pacer, 1000.0, 500)
    assert all(isinstance(pacer.reserve(1.0), Later) for _ in range(50))
    assert [tier.used for tier in pacer.statistics(1.0).tiers] == [500, 500]


def test_what_a_success_says_about_resets_changes_nothing() -> None:
    """Line 3: Reset on success is now + a whole window there; and a Retry-After on a 200 is no order to stop."""
    budget = Budget("api", WindowPacer(parse_tiers("3/20s"), linger_s=0.0))
    worthless = Notice(200, 20.0, (Quota(limit=3, remaining=0, reset_s=20.0, period_s=20.0),))
    for now in (0.0, 5.0, 6.0):
        grant = budget.reserve(now)
        assert isinstance(grant, Grant)
        assert budget.settle(grant, now + 0.5, ANSWERED, worthless) is None
    assert budget.reserve(7.0) == Later(20.502, "limit", Tier(3, 20.0))


def test_no_counter_is_immortal() -> None:
    """Line 5: even if every request is lost the slots come free, a linger and a window after the last."""
    pacer = WindowPacer(parse_tiers("2/20s"), linger_s=30.0)
    history = play(pacer, [Job(None, 10.0, LOST)] * 6, workers=4)
    assert history.granted_at == pytest.approx([0.0, 0.0, 60.002, 60.002, 120.004, 120.004])


def test_brute_force_finishes_with_many_refusals_and_pauses_together() -> None:
    """`retry-after` learns of each window by a burst of refusals: never more than it has workers, each time."""
    tiers = [AnchoredWindow(100, 2.0), AnchoredWindow(300, 10.0)]
    server = Server(list(tiers))
    history = play(Budget("api", RetryAfterPacer()), [Job(0.02, 0.05)] * 1500, workers=40, server=server)
    pauses = sum(after[0] - before[0] > 0.2 for before, after in pairwise(history.refusals)) + 1
    assert server.admitted == 1500
    assert 14 <= pauses <= 20
    assert pauses < server.refused <= 40 * pauses
    assert history.ended_at == pytest.approx(44.1, abs=1.0)


class Grudge(SlidingLog):
    """A gateway's recipe that counts every refusal too: whoever keeps knocking never gets in again."""

    def fits(self, at: float, cost: int) -> bool:
        fits = super().fits(at, cost)
        if not fits:
            self.count(at, cost)
        return fits


def test_a_server_that_counts_refusals_is_got_into_again_by_silence() -> None:
    """Knocking once a second is refused for ever; one probe per doubled pause gets everyone in."""
    knocked = Server([Grudge(5, 20.0)])
    assert sum(knocked.arrive(float(n)) for n in [0] * 5 + list(range(1, 1000))) == 5
    server = Server([Grudge(5, 20.0)])
    play(Budget("api", RetryAfterPacer()), [Job(0.02, 0.05)] * 20, workers=5, server=server)
    assert server.admitted == 20
    assert server.refused < 40


def test_a_refusal_of_one_kind_of_request_pauses_the_other() -> None:
    """Discovery and details share the budget, so what one learns the other obeys (line 7)."""
    it = Budget("api", RetryAfterPacer())
    page, item = it.reserve(0.0), it.reserve(0.0)
    assert isinstance(page, Grant)
    assert isinstance(item, Grant)
    it.settle(page, 1.0, REFUSED, Notice(429, 10.0))
    it.settle(item, 1.1, ANSWERED)
    assert it.reserve(1.2) == Later(11.0, "refused")


def test_a_server_that_is_stricter_than_declared_is_asked_in_probes_only() -> None:
    """500 jobs, told 100/2s where 50/2s holds, no Retry-After: per pause one burst at most is refused, then probes."""
    it = Budget("api", WindowPacer(parse_tiers("100/2s"), linger_s=1.0))
    server = Server([SlidingLog(50, 2.0)])
    history = play(it, [Job(0.02, 0.05)] * 500, workers=20, server=server)
    assert server.admitted == 500
    bursts = sum(after[1] - before[1] >= 0.5 for before, after in pairwise(history.refusals)) + 1
    assert server.refused <= 20 * bursts
    assert history.ended_at < 60.0
