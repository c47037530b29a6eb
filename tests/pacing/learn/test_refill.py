"""A rate found from refusals alone, against buckets written anew: how near, how soon, at what price."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from harness.pacing.learn.prior import rates_between
from harness.pacing.learn.refill import Emptied, PacedLimiter, Refill, as_tier
from harness.pacing.tiers import parse_tiers

ROUND_TRIP_S = 0.08


@dataclass
class Bucket:
    """`burst` at once and `rate` a second: tokens, and when they were last counted."""

    rate: float
    burst: int
    tokens: float = -1.0
    at: float = 0.0

    def admits(self, now: float) -> bool:
        filled = self.tokens + (now - self.at) * self.rate
        self.tokens = min(float(self.burst), filled) if self.tokens >= 0 else float(self.burst)
        self.at = now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


@dataclass
class Importer:
    """One request at a time may be refused; after each refusal a pause, then a probe until one gets through."""

    bucket: Bucket
    pause_s: float
    late_s: Random | None = None  # draws how late each arrival is
    now: float = 0.0
    accepted: int = 0
    refusals: int = 0

    def _arrives(self) -> float:
        return self.now if self.late_s is None else self.now + self.late_s.uniform(0, 0.02)

    def pause(self) -> Emptied:
        """From a refusal just now to the probe's answer."""
        closed_s, count = self.now, self.accepted
        while True:
            self.refusals += 1
            self.now += self.pause_s
            if self.bucket.admits(self._arrives()):
                break
        probe_s = self.now
        self.accepted += 1
        self.now += ROUND_TRIP_S
        return Emptied(closed_s, probe_s, self.now, count)

    def burst(self) -> Refill:
        """As fast as it goes until the first refusal."""
        while self.bucket.admits(self.now):
            self.accepted += 1
            self.now += 0.001
        first_s = self.now
        return Refill(self.pause(), first_s, tuple)

    def send(self, refill: Refill, until: int) -> None:
        """By what `refill` says, until so many got through. Answers come at once: the order is not what is tested."""
        while self.accepted < until:
            self.now = max(self.now, refill.earliest(1))
            refill.sent(self.now, 1)
            if self.bucket.admits(self._arrives()):
                self.accepted += 1
                refill.accepted(self.now, self.accepted)
            else:
                refill.refused(self.pause())


@pytest.mark.parametrize("pause_s", [1.0, 0.2])
@pytest.mark.parametrize("burst", [1, 5, 100])
@pytest.mark.parametrize("rate", [2.0, 7.0, 25.0, 60.0])
def test_the_rate_of_a_bucket_is_found(rate: float, burst: int, pause_s: float) -> None:
    """Within 8 % in the requests of a hundred seconds, whatever its depth, for about a dozen refusals."""
    importer = Importer(Bucket(rate, burst), pause_s)
    refill = importer.burst()
    importer.send(refill, burst + int(100 * rate))
    best_s = 100.0
    print(rate, burst, pause_s, refill.rate, refill.tier, importer.refusals, best_s / importer.now)
    assert min(refill.rate, refill.held or refill.rate) == pytest.approx(rate, rel=0.08)
    assert importer.refusals <= (16 if pause_s == 1.0 else 40)
    assert best_s / importer.now >= 0.85


@pytest.mark.parametrize("seed", range(5))
def test_jitter_only_makes_it_a_little_slower(seed: int) -> None:
    """A strict leaky bucket and arrivals up to a fifth of an interval late: no more than one refusal in ten seconds."""
    importer = Importer(Bucket(10.0, 1), 1.0, Random(seed))
    refill = importer.burst()
    importer.send(refill, 1000)
    print(refill.rate, importer.refusals, importer.now)
    assert 100.0 / importer.now >= 0.6
    assert importer.refusals <= importer.now / 5


def test_a_known_rate_is_kept_to_from_the_first_request() -> None:
    """What an earlier run found is not looked for again: the burst at once, then evenly, and nothing is refused."""
    refill = Refill.known(9.98, 5)
    importer = Importer(Bucket(10.0, 5), 1.0)
    importer.send(refill, 100)
    assert importer.refusals == 0
    assert importer.now == pytest.approx(95 / 9.98, abs=1e-6)
    limiter = PacedLimiter(refill)
    left = []
    for at in (importer.now, importer.now + 9):
        limiter.expire(at)
        left.append(limiter.limit - limiter.used)
    assert left == [0, 5]


def test_a_limit_that_was_raised_is_found_out() -> None:
    """A pace that has held for half a minute is tried a little faster, and faster still while that holds."""
    importer = Importer(Bucket(10.0, 1), 1.0)
    refill = importer.burst()
    importer.send(refill, 500)
    assert refill.rate == pytest.approx(10.0, rel=0.03)
    importer.bucket.rate = 20.0
    importer.send(refill, 4000)
    assert refill.held == pytest.approx(20.0, rel=0.08)


def test_answers_to_what_was_sent_before_prove_nothing_of_a_pace() -> None:
    """Ten that were on their way when the pace changed are answered after its first request: the bound stays."""
    refill = Refill(Emptied(0.0, 1.0, 1.1, 1), 0.0, tuple)
    refill.accepted(2.0, 2)
    for late in range(10):
        refill.accepted(1.9, 3 + late)
    refill.accepted(2.1, 13)
    assert refill.low == pytest.approx(10.0)  # one in a tenth of a second, not eleven


@pytest.mark.parametrize(
    ("low", "high", "rate"),
    [(9.0, 11.0, 10.0), (16.0, 26.0, 20.0), (1.6, 1.7, 1.6 + 0.4 / 6), (20.5, 24.0, None), (1.0, 9.0, None)],
)
def test_people_choose_round_rates(low: float, high: float, rate: float | None) -> None:
    """So many a second, a minute, an hour or a day; none where the bounds say next to nothing."""
    assert rates_between(low, high) == (None if rate is None else pytest.approx(rate))


@pytest.mark.parametrize(
    ("rate", "depth", "limit"),
    [(24.95, 1, "25/s:gcra:burst=1"), (1.66, 3, "100/m:gcra:burst=3"), (0.02, 1, "72/h:gcra:burst=1")],
)
def test_a_rate_is_written_as_a_limit(rate: float, depth: int, limit: str) -> None:
    """In whole requests a second, a minute, an hour or a day, so that it can be pasted."""
    assert as_tier(rate, depth) == parse_tiers(limit)[0]
