"""How long answers take."""

from __future__ import annotations

from random import Random
from statistics import median, quantiles

import pytest
from harness_test_api import Ask, BadConfig, ServerConfig, Service
from harness_test_api.latency import Slots, parse_latency

LIST = Ask("list")


def draws(text: str, count: int = 4000) -> list[float]:
    draw = parse_latency(text, Random(7))
    return [draw() for _ in range(count)]


def test_constant_and_uniform_stay_in_their_bounds() -> None:
    """A constant is one value; uniform covers its range from end to end."""
    assert set(draws("50ms", 10)) == {0.05}
    values = draws("uniform:20ms-80ms")
    assert 0.02 <= min(values) < 0.021 < 0.079 < max(values) <= 0.08


def test_lognormal_has_its_median_and_its_tail() -> None:
    """The number written is the median; p95 lies at exp(1.645 sigma) times it."""
    values = draws("lognormal:80ms:sigma=0.5")
    assert median(values) == pytest.approx(0.08, rel=0.05)
    assert quantiles(values, n=20)[-1] == pytest.approx(0.08 * 2.276, rel=0.1)


def test_bimodal_is_slow_as_often_as_written() -> None:
    """Two values, the slow one with its share."""
    values = draws("bimodal:50ms-1s:share=10%")
    assert set(values) == {0.05, 1.0}
    assert values.count(1.0) / len(values) == pytest.approx(0.1, abs=0.02)


def test_the_same_seed_draws_the_same_latencies() -> None:
    """Two services of one seed delay alike; another seed otherwise."""

    def delays(seed: int) -> list[float]:
        service = Service(ServerConfig(latency="lognormal:80ms", seed=seed))
        return [service.handle(0.0, LIST).delay_s for _ in range(20)]

    assert delays(1) == delays(1) != delays(2)


def test_slots_make_waiting_real() -> None:
    """With two slots of one second each, six requests at once are done after 1, 1, 2, 2, 3 and 3 seconds."""
    slots = Slots(2)
    assert [slots.occupy(10.0, 1.0) for _ in range(6)] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    assert slots.occupy(20.0, 1.0) == 1.0


def test_a_refusal_takes_no_slot() -> None:
    """Limits stand in front of the workers: a refused request does not slow the others down."""
    service = Service(ServerConfig(limit="2/10s", latency="1s", slots=1))
    assert [service.handle(0.0, LIST).delay_s for _ in range(3)] == [1.0, 2.0, 1.0]
    assert service.handle(10.0, LIST).delay_s == 1.0


def test_a_leaky_delay_adds_to_the_latency() -> None:
    """What waits in the bucket is answered its wait and its latency later."""
    service = Service(ServerConfig(limit="1/s:leaky:burst=5", latency="100ms"))
    assert [service.handle(0.0, LIST).delay_s for _ in range(3)] == [0.1, 1.1, 2.1]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fast", "'fast' is not a duration"),
        ("50ms:sigma=1", "'sigma'"),
        ("uniform:20ms", "two durations"),
        ("uniform:80ms-20ms", "wrong way round"),
        ("lognormal", "no duration"),
        ("lognormal:80ms:sigma=-1", "above 0"),
        ("bimodal:50ms-1s:share=2", "share"),
        ("lognormal:80ms:mu=1", "'mu'"),
    ],
)
def test_latencies_that_make_no_sense_are_refused(text: str, word: str) -> None:
    """One sentence that quotes what was wrong."""
    with pytest.raises(BadConfig, match=word):
        ServerConfig(latency=text)
