"""Each assumption of the proof in harness.pacing: a history that fails once it is dropped, and holds while it is kept.

600 requests each, 50 per 10 s unless said otherwise, judged by counters that know nothing of the client.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.pacing import Outcome, Tier, WindowPacer, parse_tiers
from tests.pacing.histories import History, Job, play
from tests.pacing.models import Counter, Gcra, Server, SlidingCounter, SlidingLog, TokenBucket as Bucket
from tests.pacing.scenes import KINDS

LIMIT, PERIOD_S = 50, 10.0
TIERS = (Tier(LIMIT, PERIOD_S),)
AT_ONCE = [Job(0.0, 0.0)] * 600


def paced(jobs: Sequence[Job], tiers: tuple[Tier, ...] = TIERS, linger_s: float = 0.0, floor_s: float = 0.0) -> History:
    return play(WindowPacer(tiers, linger_s, floor_s), jobs, workers=20)


def refusals(history: History, clock: float = 1.0) -> int:
    """Of the strictest of the servers for which an undeclared tier is promised to hold."""
    servers = [Server([kind(LIMIT, PERIOD_S, phase)], clock) for kind in KINDS.values() for phase in (0.0, 0.3, 0.99)]
    return max(history.replay(server) for server in servers)


# --- (a) the guard ----------------------------------------------------------------------------------------------


@pytest.fixture
def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.pacing.limiters.guard_s", lambda period_s: 0.0)


CONSTANT = [Job(0.03, 0.07)] * 600  # a round trip that never changes, and is declared: its floor is exact


def test_without_the_guard_rounding_alone_is_refused(no_guard: None) -> None:
    """At constant latency the windows touch exactly, and the last bit of a float decides."""
    assert refusals(paced(CONSTANT, floor_s=0.07)) > 0


def test_with_the_guard_rounding_is_covered() -> None:
    """The same history with its millisecond."""
    assert refusals(paced(CONSTANT, floor_s=0.07)) == 0


def test_without_the_guard_a_slow_server_clock_is_refused(no_guard: None) -> None:
    """A server whose second is 50 millionths longer sees each window a little early."""
    assert refusals(paced(AT_ONCE), clock=1 - 5e-5) > 0


def test_with_the_guard_clocks_may_drift() -> None:
    """Up to a ten-thousandth, either way."""
    assert [refusals(paced(AT_ONCE), clock) for clock in (1 - 9e-5, 1 - 5e-5, 1 + 9e-5)] == [0, 0, 0]


# --- (b) the linger ---------------------------------------------------------------------------------------------


def counted_late(seed: int) -> list[Job]:
    """One in ten is given up after 1 s and counted up to 4 s later: it stood in a queue before the limiter."""
    rng = random.Random(seed)
    late = [Job(1.0 + rng.uniform(0.0, 4.0), 1.0, Outcome.LOST) for _ in range(60)]
    jobs = late + [Job(0.02, 0.05)] * 540
    rng.shuffle(jobs)
    return jobs


def test_without_the_linger_what_was_given_up_is_counted_too_late() -> None:
    """Slots that come free one window after giving up are used while the server still counts the lost request."""
    assert all(refusals(paced(counted_late(seed))) > 0 for seed in range(5))


def test_with_the_linger_a_lost_request_holds_its_slot_long_enough() -> None:
    """The same histories with the 4 s declared; and with more than is needed."""
    assert [refusals(paced(counted_late(seed), linger_s=4.0)) for seed in range(5)] == [0] * 5
    assert refusals(paced(counted_late(0), linger_s=30.0)) == 0


# --- (c) servers that allow less than L in any W ----------------------------------------------------------------

STRICTER = {
    "50/10s:counter": lambda: SlidingCounter(LIMIT, PERIOD_S, phase_s=3.0),
    "50/10s:gcra:burst=5": lambda: Gcra(LIMIT, PERIOD_S, burst=5),
    "50/10s:bucket:burst=1": lambda: Bucket(LIMIT, PERIOD_S, burst=1),
    "50/10s:bucket:burst=49": lambda: Bucket(LIMIT, PERIOD_S, burst=49),
}


@pytest.mark.parametrize("text", STRICTER)
def test_an_undeclared_stricter_server_refuses(text: str) -> None:
    """Told only 50 per 10 s, the strategy sends 50 at once, and then as many in a window as there were in the last."""
    server: Counter = STRICTER[text]()
    assert paced([Job(0.02, 0.05)] * 600).replay(Server([server])) > 0


@pytest.mark.parametrize("text", STRICTER)
def test_a_declared_stricter_server_does_not(text: str) -> None:
    """The same requests under the tier's own kind."""
    server: Counter = STRICTER[text]()
    assert paced([Job(0.02, 0.05)] * 600, parse_tiers(text)).replay(Server([server])) == 0


# --- (d) one grant, one request on the wire ---------------------------------------------------------------------


def redirected(history: History) -> History:
    """Every request is answered with a redirect that is followed at once: a second one under the same grant."""
    doubled = [(at + hop_s, cost, at) for at, cost, _ in history.arrivals for hop_s in (0.0, 0.05)]
    return History(arrivals=sorted(doubled))


def test_a_redirect_without_its_own_grant_is_one_too_many() -> None:
    """300 requests, 600 on the wire, and half of what each window gets is refused."""
    assert refusals(redirected(paced([Job(0.02, 0.05)] * 300))) >= 250


def test_a_redirect_with_its_own_grant_is_not() -> None:
    """The same 600 on the wire, each granted."""
    assert refusals(paced([Job(0.02, 0.05)] * 600)) == 0


# --- the round trip's floor -------------------------------------------------------------------------------------

FALLING = [Job(0.25, 0.5)] * 300 + [Job(0.01, 0.02)] * 300
WANDERING = [Job(0.2, 0.2) if n // 20 % 2 else Job(0.0, 0.2) for n in range(600)]  # all there, or all back
TRUE_FLOORS = {"falling": (FALLING, 0.02), "wandering": (WANDERING, 0.0)}


@pytest.mark.parametrize(("jobs", "observed_s"), [(FALLING, 0.5), (WANDERING, 0.2)], ids=["falling", "wandering"])
def test_the_smallest_round_trip_seen_is_no_floor(jobs: list[Job], observed_s: float) -> None:
    """Latency falls below it, or each way falls by itself: the least sum seen is not the sum of the least."""
    assert refusals(paced(jobs, floor_s=observed_s)) > 0


@pytest.mark.parametrize(("jobs", "true_s"), TRUE_FLOORS.values(), ids=TRUE_FLOORS)
def test_a_true_floor_is_safe_and_so_is_none(jobs: list[Job], true_s: float) -> None:
    """The same histories with the least way there plus the least way back, and with 0."""
    assert refusals(paced(jobs, floor_s=true_s)) == 0
    assert refusals(paced(jobs, floor_s=0.0)) == 0


def test_a_true_floor_gives_its_round_trip_back() -> None:
    """At W = 1 s and 200 ms, 11 windows of waiting are 2.2 s shorter: the price of safety is one round trip each."""
    jobs, tiers = [Job(0.1, 0.2)] * 600, parse_tiers("50/1s")
    without, with_floor = (play(WindowPacer(tiers, 0.0, floor_s), jobs, workers=50) for floor_s in (0.0, 0.2))
    assert without.ended_at == pytest.approx(11 * (0.2 + 1.001) + 0.2)
    assert with_floor.ended_at == pytest.approx(11 * 1.001 + 0.2)
    assert with_floor.replay(Server([SlidingLog(50, 1.0)])) == 0
