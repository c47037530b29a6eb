"""A truth inside the family is never dropped, whatever the latency; and to ask changes nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from harness.pacing import AutoPacer, Grant, Later, Notice, Outcome
from harness.pacing.learn.experiments import Experiments
from harness.pacing.learn.hypotheses import Clocked, Closure, Window
from harness.pacing.learn.identify import Identifier, Model
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import LADDER, count_bits, next_step, period_bits, settled_period, worth_trying
from harness.pacing.server_clock import ServerClock

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


class Server:
    """A window of `limit` in `period_s`, anchored or a log, that decides when a request arrives."""

    def __init__(self, limit: int, period_s: float, is_log: bool) -> None:
        self.limit, self.period_s, self.is_log = limit, period_s, is_log
        self.counted: list[float] = []
        self.opened_s = -1e9

    def admits(self, at: float) -> bool:
        if self.is_log:
            self.counted = [then for then in self.counted if then > at - self.period_s]
        elif at >= self.opened_s + self.period_s:
            self.counted, self.opened_s = [], at
        if len(self.counted) >= self.limit:
            return False
        self.counted.append(at)
        return True


@given(
    limit=st.integers(3, 30),
    period_s=st.floats(1.0, 60.0),
    is_log=st.booleans(),
    slow=st.floats(0.0, 0.99),
    seed=st.integers(0, 999),
)
@QUICK
def test_a_truth_inside_the_family_is_never_dropped(
    limit: int, period_s: float, is_log: bool, slow: float, seed: int
) -> None:
    """Any latency there and back with which requests one by one can fill a window at all: what narrows the period
    always leaves the true one in it, over five windows.
    """
    slow_s = slow * period_s / (2 * limit)
    random, server, seen = Random(seed), Server(limit, period_s, is_log), Observations(30.0)
    now, window = 0.0, Window(limit, 0.0, 1e6, "")

    def ask() -> tuple[bool, float]:
        nonlocal now
        sent_s, there_s, back_s = now, random.uniform(0, slow_s), random.uniform(0, slow_s)
        now += there_s + back_s
        let_in = server.admits(sent_s + there_s)
        if let_in:
            seen.accept(sent_s, now, 1)
        return let_in, sent_s

    for _ in range(5):
        while True:
            let_in, first_s = ask()
            if not let_in:
                break
        accepted, closed_s = len(seen), first_s
        while True:
            now += random.uniform(0.01, period_s / 3)
            let_in, sent_s = ask()
            if let_in:
                break
            closed_s = sent_s
        closure = Closure(first_s, closed_s, now, sent_s, accepted)
        assert window.explains(closure, seen)
        between = window.bracket(closure, seen)
        assert between is not None
        assert between[0] < period_s <= between[1] + 1e-9
        window = replace(window, low_s=max(window.low_s, between[0]), high_s=min(window.high_s, between[1]))
        assert window.low_s < period_s <= window.high_s + 1e-9


@given(
    counts=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 2)), min_size=1, max_size=60),
    offset_s=st.floats(-5, 5),
    doubt_s=st.floats(0.0, 1.0),
    at=st.floats(0, 100),
    period_s=st.sampled_from([2.0, 5.0, 13.0, 60.0]),
)
@QUICK
def test_how_full_a_window_on_the_clock_was_is_never_misjudged(
    counts: list[tuple[float, float]], offset_s: float, doubt_s: float, at: float, period_s: float
) -> None:
    """What really counted lies between the least and the most, wherever in its round trip each request arrived."""
    seen, clock, random = Observations(30.0), ServerClock(), Random(1)
    clock.low, clock.high, clock.known = offset_s - doubt_s * random.random(), offset_s + doubt_s, True
    requests = sorted((sent + slow, sent, sent + slow * random.random()) for sent, slow in counts)
    for answered_s, sent_s, _ in requests:
        seen.accept(sent_s, answered_s, 1)
    border = (at + offset_s) // period_s * period_s
    true = sum(border <= arrived + offset_s < at + offset_s for _, _, arrived in requests)
    before = sum(border - period_s <= arrived + offset_s < border for _, _, arrived in requests)
    share = 1 - (at + offset_s - border) / period_s
    for kind, counted in (("aligned", true), ("counter", true + before * share)):
        least, most = Clocked(seen, clock).occupied(kind, period_s, at, at)
        assert least - 1e-6 <= counted <= most + 1e-6


class Asked:
    """An import by hand: `asks` questions for each grant, answers of a server that knows a window."""

    def __init__(self, asks: int) -> None:
        self.pacer, self.server, self.asks = AutoPacer(), Server(10, 7.0, True), asks
        self.now, self.history, self.flying = 0.0, [], []

    def run(self, steps: int) -> list[tuple[float, bool]]:
        paused_until = 0.0
        for _ in range(steps):
            answers = [self.pacer.reserve(self.now) for _ in range(1)] if self.now >= paused_until else []
            for answer in answers:
                while isinstance(answer, Later) and self.asks > 1:
                    again = [self.pacer.reserve(self.now) for _ in range(self.asks - 1)]
                    assert all(other == answer for other in again)
                    break
                if isinstance(answer, Grant):
                    self._settle(answer)
                    paused_until = max(paused_until, self.paused)
            self.now += 0.13
        return self.history

    def _settle(self, grant: Grant) -> None:
        let_in, self.now, self.paused = self.server.admits(self.now + 0.02), self.now + 0.05, 0.0
        outcome = Outcome.ANSWERED if let_in else Outcome.REFUSED
        until = self.pacer.settle(grant, self.now, outcome, Notice(200 if let_in else 429, refused=not let_in))
        self.paused = until or 0.0
        self.history.append((grant.at, let_in))


def test_to_ask_is_a_query_until_it_grants() -> None:
    """Asked once or five times each time, refusals and questions and all: the same requests go at the same moments."""
    once, often = Asked(1).run(1500), Asked(5).run(1500)
    assert once == often
    assert sum(let_in for _, let_in in once) > 150
    assert 0 < sum(not let_in for _, let_in in once) < 30


def test_a_question_is_asked_once_a_window_and_only_after_a_silence() -> None:
    """Of a window whose opener follows another request at once nothing is asked."""
    seen = Observations(30.0)
    for at in range(10):
        seen.accept(at * 0.05, at * 0.05 + 0.04, 1)
    experiments = Experiments(seen)
    due = experiments.due(Window(10, 6.0, 12.0, "", shut_s=6.0))  # filled within half a second: is it a penalty?
    assert due is not None
    assert due.asks == "penalty"
    assert 1.0 < due.at < 1.1
    window = Window(10, 6.0, 12.0, "", shut_s=2.0)
    due = experiments.due(window)
    assert due is not None
    assert due.asks == "period"
    assert 6.0 < due.at < 12.0
    assert experiments.due(window) == due  # nothing changes by asking
    experiments.ask(Grant(due.at), due)
    assert experiments.due(window) is None
    assert experiments.due(replace(window, limit=5)) is None  # its opener came 0.01 s after another


def test_a_period_is_settled_only_where_one_is_left() -> None:
    """Ten alone in (9.9, 10.1]; nine, ten and eleven in (8.5, 11.2]; none in (10.1, 10.9]."""
    assert settled_period(9.9, 10.1, 0.0) == 10.0
    assert settled_period(8.5, 11.2, 0.0) is None
    assert settled_period(10.1, 10.9, 0.0) is None


@given(low_s=st.floats(0.5, 1000), factor=st.floats(1.02, 1.4), blur_s=st.floats(0, 0.3))
@QUICK
def test_what_is_tried_lies_in_what_is_possible(low_s: float, factor: float, blur_s: float) -> None:
    """Between both ends, so that either answer tells something."""
    high_s = low_s * factor + blur_s
    assert low_s < worth_trying(low_s, high_s, blur_s) < high_s


def test_the_ladder_loses_no_more_than_a_third_of_a_window() -> None:
    """From 3 s on; the derivation beside it needs that."""
    steps = [step for step in LADDER if step >= 3]
    assert max(two / one for one, two in pairwise(steps)) <= 4 / 3
    assert all(next_step(step) > step for step in (0.1, 3.0, 59.9, 86400.0, 1e6))


def test_what_people_choose_is_short() -> None:
    """500 a minute before 37 in 11 s, and a third of a second before nothing at all."""
    assert count_bits(500) + period_bits(59, 61) < count_bits(37) + period_bits(10.5, 11.5)
    assert period_bits(59, 61) < period_bits(10.5, 11.5) < period_bits(11.1, 11.9) < period_bits(0.2, 0.3)


def test_the_longer_of_two_limits_is_told_from_windows_of_the_shorter() -> None:
    """Four windows of 500/20s, then shut until 100 s: 2000/100s is believed beside it, and nothing else."""
    seen = Observations(30.0)
    for window in range(4):
        for at in range(500):
            sent_s = 20.05 * window + 0.01 * at
            seen.accept(sent_s, sent_s + 0.04, 1)
    identifier = Identifier(seen, ServerClock())
    closure = Closure(80.3, 98.5, 100.5, 100.4, 2000)
    identifier.closures.append(closure)
    known = Model((Window(500, 19.9, 20.0, "known", named=True),))
    found = identifier.identify(known, closure)
    assert [window.limit for window in found.windows] == [500, 2000]
    assert found.windows[1].low_s < 100.0 <= found.windows[1].high_s
    assert identifier.explains(found, closure)
    assert not identifier.explains(known, closure)


@pytest.mark.parametrize(("crowd", "expected"), [(6, 6), (1, None)])
def test_a_refusal_that_was_over_at_once_may_be_for_the_number_in_flight(crowd: int, expected: int | None) -> None:
    """Six in flight and the seventh refused, let in at once with none: at most six. One at a time is a rate."""
    seen = Observations(30.0)
    seen.accept(0.0, 0.1, 1)
    for at in range(crowd):
        seen.accept(0.1, 0.2 + at / 100, 1)
    identifier = Identifier(seen, ServerClock())
    closure = Closure(0.1, 0.1, 0.5, 0.4, 1 + crowd)
    identifier.closures.append(closure)
    assert identifier.identify(Model(), closure).at_once == expected


def bucket_closures(
    rate: float, depth: int, count: int, latency_s: float, seed: int
) -> tuple[Identifier, Observations]:
    """Ask a bucket one request at a time, with pauses of any length, until it has refused `count` times."""
    random, seen = Random(seed), Observations(30.0)
    identifier = Identifier(seen, ServerClock())
    level, filled_s, now = float(depth), 0.0, 0.0

    def ask() -> tuple[bool, float]:
        nonlocal level, filled_s, now
        sent_s = now
        arrived_s = sent_s + random.uniform(0, latency_s)
        level, filled_s = min(depth, level + rate * (arrived_s - filled_s)), arrived_s
        let_in = level >= 1
        level -= let_in
        now = arrived_s + random.uniform(0, latency_s)
        if let_in:
            seen.accept(sent_s, now, 1)
        return let_in, sent_s

    while len(identifier.closures) < count:
        let_in, first_s = ask()
        if let_in:
            continue
        accepted, closed_s = len(seen), first_s
        while True:
            now += random.uniform(0.1, 1.0) / rate
            let_in, sent_s = ask()
            if let_in:
                break
            closed_s = sent_s
        identifier.take(Closure(first_s, closed_s, now, sent_s, accepted))
    return identifier, seen


@given(rate=st.floats(0.05, 2.0), depth=st.integers(1, 30), part=st.floats(0.0, 0.4), seed=st.integers(0, 999))
@QUICK
def test_one_rate_explains_every_closure_of_a_bucket(rate: float, depth: int, part: float, seed: int) -> None:
    """Whatever the latency, as long as a bucket can be emptied at all: none of its closures is left out."""
    identifier, _ = bucket_closures(rate, depth, 6, part / rate, seed)
    assert identifier.steady == frozenset(identifier.closures)


def test_no_rate_explains_the_closures_of_a_window() -> None:
    """20 in 45 s: twenty at once, then nothing for three quarters of a minute."""
    seen = Observations(30.0)
    identifier = Identifier(seen, ServerClock())
    for window in range(4):
        began_s = 45.1 * window
        for at in range(20):
            seen.accept(began_s + 0.1 * at, began_s + 0.1 * at + 0.08, 1)
        identifier.take(Closure(began_s + 2.0, began_s + 44.0, began_s + 45.2, began_s + 45.1, 20 * (window + 1)))
    assert not identifier.steady


def test_one_more_than_a_window_on_the_clock_counts_is_asked_now_and_then() -> None:
    """Half way through its wait, three quarters through after two periods; of what an earlier run learned, never."""
    seen = Observations(30.0)
    for at in range(10):
        seen.accept(at * 0.05, at * 0.05 + 0.04, 1)
    experiments = Experiments(seen)
    window = Window(10, 8.99, 9.0, "", kind="aligned", named=True)
    due = experiments.due(window, 8.49)
    assert due is not None
    assert (due.at, due.asks) == (pytest.approx(4.49), "count")  # full since 0.49
    assert experiments.due(window, 8.49) == due  # nothing changes by asking
    counter = experiments.due(replace(window, kind="counter"), 8.49)
    assert counter is not None
    assert counter.at == seen.answered[-1]  # it gives some back all the time
    assert experiments.due(replace(window, source="remembered"), 8.49) is None
    grant = Grant(due.at)
    experiments.ask(grant, due)
    assert experiments.answered(grant) is not None
    assert experiments.due(window, 8.49) is None
    assert experiments.due(replace(window, limit=9), 8.49) is not None  # another belief
    for at in range(10):
        seen.accept(27.0 + at * 0.05, 27.0 + at * 0.05 + 0.04, 1)  # two periods after the question
    again = experiments.due(window, 35.49)
    assert again is not None
    assert again.at == pytest.approx(33.49)
    experiments.ask(Grant(again.at), again)
    assert experiments.due(window, 35.49) is None


def test_a_slow_answer_lengthens_no_period() -> None:
    """A question was let through after 1.2 s, then one after 1.7 s, for its answer was slow."""
    window = Window(25, 0.4, 2.1, "").shortened(1.2)
    assert window.shortened(1.7).high_s == window.high_s <= 1.2


def test_a_minute_is_told_from_59_seconds() -> None:
    """Both are left, and 60 s are more usual, but so near that only a hundredth apart would do."""
    assert settled_period(58.5, 60.1, 0.05) is None
    assert settled_period(59.5, 60.1, 0.05) == 60.0
