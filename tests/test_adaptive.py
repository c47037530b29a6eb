"""ATB and AATB of arXiv:2510.04516, by their rules: whose rate grows or falls by how much, and when it may send."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given, strategies as st

from benchmarks.adaptive import AdaptiveTokenBucket, AssistedTokenBucket, Telemetry
from harness.pacing import Grant, Later, Outcome, parse_tiers

ANSWERED, REFUSED = Outcome.ANSWERED, Outcome.REFUSED
# A token in 2 s.
TIERS = parse_tiers("30/60s")
Adaptive = AdaptiveTokenBucket | AssistedTokenBucket


def granted(bucket: Adaptive, now: float) -> Grant:
    answer = bucket.reserve(now)
    assert isinstance(answer, Grant)
    return answer


def waits_until(bucket: Adaptive, now: float) -> float:
    answer = bucket.reserve(now)
    assert isinstance(answer, Later)
    assert answer.until is not None
    return answer.until


def send(bucket: Adaptive, at: float, outcome: Outcome) -> None:
    """One request whose answer comes in no time."""
    bucket.settle(granted(bucket, at), at, outcome)


# --- ATB --------------------------------------------------------------------------------------------------------------


def test_atb_begins_with_one_token_and_a_tenth_a_second() -> None:
    """The second request waits 10 s; a bucket that was left alone for an hour holds four."""
    bucket = AdaptiveTokenBucket()
    granted(bucket, 0.0)
    assert waits_until(bucket, 0.0) == 10.0
    for _ in range(4):
        granted(bucket, 3600.0)
    assert waits_until(bucket, 3600.0) == 3610.0


def test_atb_grows_by_half_below_the_rate_of_the_last_refusal_and_by_a_fifth_above() -> None:
    """That rate is 1/s at first; a refusal halves the rate and empties the bucket."""
    bucket = AdaptiveTokenBucket()
    rates = []
    for number in range(8):
        send(bucket, 100.0 * number, ANSWERED)
        rates.append(bucket.rate)
    assert rates == pytest.approx([0.15, 0.225, 0.3375, 0.50625, 0.759375, 1.1390625, 1.366875, 1.64025])
    send(bucket, 800.0, REFUSED)
    assert bucket.rate == pytest.approx(0.820125)
    assert waits_until(bucket, 800.0) == pytest.approx(800.0 + 1 / 0.820125)
    send(bucket, 900.0, ANSWERED)  # below 1.64025: by half
    assert bucket.rate == pytest.approx(1.5 * 0.820125)


def test_atb_never_falls_below_a_hundredth_and_grows_by_no_less() -> None:
    """From the floor it grows by the least step, which is more than by half."""
    bucket = AdaptiveTokenBucket()
    for number in range(6):
        send(bucket, 1000.0 * number, REFUSED)
    assert bucket.rate == 0.01
    send(bucket, 6000.0, ANSWERED)
    assert bucket.rate == 0.02


def test_answers_of_an_older_rate_do_not_move_the_rate_of_atb() -> None:
    """Four in flight: the first answer moves it, the others were sent before that."""
    bucket = AdaptiveTokenBucket()
    granted(bucket, 0.0)
    grants = [granted(bucket, 100.0) for _ in range(4)]
    for number, grant in enumerate(grants):
        bucket.settle(grant, 101.0 + number, REFUSED if number else ANSWERED)
    assert bucket.rate == pytest.approx(0.15)
    bucket.settle(granted(bucket, 200.0), 201.0, Outcome.LOST)
    assert bucket.rate == pytest.approx(0.15)


# --- AATB -------------------------------------------------------------------------------------------------------------


def test_aatb_alone_grows_by_half_every_ten_seconds() -> None:
    """Whatever it sent; answers do not move it. It wakes for its report, so that the new rate holds from then on."""
    bucket = AssistedTokenBucket(Telemetry(TIERS))
    send(bucket, 0.0, ANSWERED)
    assert bucket.rate == 0.1
    assert waits_until(bucket, 9.0) == 10.0
    send(bucket, 10.0, ANSWERED)  # the token of the first 10 s
    assert bucket.rate == pytest.approx(0.15)
    assert waits_until(bucket, 10.0) == pytest.approx(10.0 + 1 / 0.15)
    send(bucket, 20.0, ANSWERED)
    assert bucket.rate == pytest.approx(0.225)


def test_aatb_falls_to_a_third_and_waits_for_a_token_of_the_api() -> None:
    """It reports at once, and waits 2 s and up to one more by chance; another refusal within 10 s moves nothing."""
    bucket = AssistedTokenBucket(Telemetry(TIERS), seed=7)
    send(bucket, 0.0, REFUSED)
    assert bucket.rate == pytest.approx(0.1 / 3)
    opens_at = 2.0 + Random(7).random()
    assert waits_until(bucket, 0.0) == opens_at
    send(bucket, opens_at, REFUSED)
    assert bucket.rate == pytest.approx(0.1 / 3)


def test_aatb_sends_nothing_for_ten_seconds_while_refusals_are_reported() -> None:
    """Its own of the last half minute, too. The report within 10 s of its refusal is left out."""
    bucket = AssistedTokenBucket(Telemetry(TIERS), seed=7)
    send(bucket, 5.0, REFUSED)  # reports at 15, 25, 35 ...
    chance = Random(7)
    chance.random()
    shut_until = [at + 10.0 + chance.uniform(-2, 2) for at in (15.0, 25.0)]
    assert waits_until(bucket, 15.0) == min(25.0, shut_until[0])
    assert waits_until(bucket, 25.0) == min(35.0, shut_until[1])
    rate = bucket.rate
    granted(bucket, 38.0)  # at 35 the refusal is half a minute old: the rate grows
    assert bucket.rate == pytest.approx(rate * 1.5)


def test_aatb_hears_of_the_others_refusals() -> None:
    """One client's refusal stops the other at its next report, and its wait counts both."""
    telemetry = Telemetry(TIERS)
    one, other = AssistedTokenBucket(telemetry, 0, 1), AssistedTokenBucket(telemetry, 1, 2)
    granted(other, 0.0)
    send(one, 4.0, REFUSED)
    assert waits_until(other, 10.0) == 10.0 + min(10.0, 10.0 + Random(2).uniform(-2, 2))
    third = AssistedTokenBucket(telemetry, 2, 3)
    send(third, 12.0, REFUSED)
    assert waits_until(third, 12.0) == 12.0 + 2 * 2.0 + Random(3).random()


@pytest.mark.parametrize(("sent", "factor"), [(1, 1.5), (4, 1.2)])
def test_aatb_grows_quickly_where_others_send_more(sent: int, factor: float) -> None:
    """Three quarters of the average are the border, which is 4 a client here."""
    telemetry = Telemetry(TIERS)
    for client in (1, 2):
        telemetry.report(0.0, client, 4)
    bucket = AssistedTokenBucket(telemetry, 0)
    for _ in range(sent):
        bucket._tokens = 1.0
        granted(bucket, 1.0)
    bucket.reserve(11.0)
    assert bucket.rate == pytest.approx(0.1 * factor)


@pytest.mark.parametrize(("sent", "divisor"), [(1, 2), (2, 3)])
def test_aatb_falls_less_where_others_send_more(sent: int, divisor: int) -> None:
    """Half of the average is the border."""
    telemetry = Telemetry(TIERS)
    for client in (1, 2):
        telemetry.report(0.0, client, 4)
    bucket = AssistedTokenBucket(telemetry, 0)
    for _ in range(sent):
        bucket._tokens = 1.0
        grant = granted(bucket, 1.0)
    bucket.settle(grant, 1.0, REFUSED)
    assert bucket.rate == pytest.approx(0.1 / divisor)


def test_the_telemetry_adds_up_half_a_minute_and_counts_clients_for_a_minute() -> None:
    """What a client reports itself is told from the next report on."""
    telemetry = Telemetry(parse_tiers("10/1s+60/60s"))
    assert telemetry.token_s == 1.0
    assert telemetry.report(0.0, 0, 6, refused=True) == (0.0, 0)
    assert telemetry.report(10.0, 1, 4) == (6.0, 1)
    assert not telemetry.is_alone(1)
    assert telemetry.report(30.0, 1, 2) == (2.0, 0)  # 4 of two clients
    assert telemetry.report(60.0, 1, 0) == (0.0, 0)
    assert telemetry.is_alone(1)


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [AdaptiveTokenBucket, lambda: AssistedTokenBucket(Telemetry(TIERS))])
@given(steps=st.lists(st.tuples(st.floats(0.01, 30.0), st.sampled_from([ANSWERED, REFUSED, None])), max_size=30))
def test_whoever_waits_as_told_gets_through_and_asking_changes_nothing(make, steps) -> None:  # type: ignore[no-untyped-def]
    """Asked twice the answer is the same; asked when it said, one goes, after a few reports at most; the bucket never
    holds more than four.
    """
    asked, alike, now = make(), make(), 0.0
    for passed_s, outcome in steps:
        now += passed_s
        answers = []
        for bucket in (asked, alike):
            at, reports = now, 0
            answer = bucket.reserve(at)
            while isinstance(answer, Later):
                assert answer.until is not None
                assert at < answer.until < inf
                if bucket is asked:
                    assert bucket.reserve(at) == answer
                at, reports = answer.until, reports + 1
                answer = bucket.reserve(at)
            assert reports <= 20
            answers.append((at, answer))
            assert 0 <= bucket._tokens <= 3
            if outcome is not None:
                bucket.settle(answer, at, outcome)
        assert answers[0][0] == pytest.approx(answers[1][0])
        now = max(at for at, _ in answers)
