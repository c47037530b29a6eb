"""The half-open breaker: its table, and what holds whatever happens in whatever order, with each of its schedules."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.core.rulings import MOST_PROBES, Probes
from harness.core.stop_conditions import outage_breaker
from harness.pacing import Breaker, Hold, Later, Notice
from harness.pacing.breaker import TRANSITIONS, Event, Setback, State, guessed_s, outage_s
from harness.pacing.budget import RefusalSchedule

QUICK = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
LONGEST_S = 600.0


def fixed(pause_s: float) -> Breaker:
    return Breaker(lambda setback: setback.now + pause_s if setback.begins else None)


# --- the table ----------------------------------------------------------------------------------------------------


def test_every_state_is_left_and_reached() -> None:
    """No state is a trap: from each the breaker can close, and each is reached from closed."""
    for state in get_args(State):
        assert closing(state), state
    reached: set[str] = {"closed"}
    for _ in get_args(State):
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(get_args(State))


def closing(state: str) -> bool:
    seen = {state}
    for _ in get_args(State):
        seen |= {after for (before, _), after in TRANSITIONS.items() if before in seen}
    return "closed" in seen


@pytest.mark.parametrize(("state", "event"), list(product(get_args(State), get_args(Event))))
def test_what_is_not_in_the_table_is_refused(state: State, event: Event) -> None:
    """Every pair is either a transition or an error; none is passed over in silence."""
    breaker = fixed(1.0)
    breaker.state = state
    if (state, event) in TRANSITIONS:
        breaker._go(event)
        assert breaker.state == TRANSITIONS[state, event]
    else:
        with pytest.raises(ValueError, match="cannot be told"):
            breaker._go(event)


def test_a_request_that_is_sent_while_everyone_pauses_is_an_error() -> None:
    """`held` says so before; at the very end of the pause one may go, and no second one."""
    breaker = fixed(10.0)
    assert breaker.refused("a", 1.0) == Hold(11.0, "refused", None, 1)
    with pytest.raises(ValueError, match=r"sent at 10\.9 although everyone pauses until 11\.0"):
        breaker.sent("b", 10.9)
    assert breaker.held(10.9) == Later(11.0, "refused")
    assert breaker.held(11.0) is None
    breaker.sent("b", 11.0)
    assert breaker.held(11.0) == Later(None, "probe")
    with pytest.raises(ValueError, match="half-open cannot be told 'sent'"):
        breaker.sent("c", 12.0)


def test_success_of_what_was_in_flight_closes_only_where_anyone_counts() -> None:
    """A limit may have let it through before it was used up; a server that was down and answers is there."""
    probe_alone, anyone = fixed(5.0), Breaker(lambda setback: setback.now + 5.0, closed_by="anyone")
    for breaker in (probe_alone, anyone):
        breaker.refused("first", 0.0)
        breaker.passed("straggler", 1.0)
    assert (probe_alone.state, anyone.state) == ("open", "closed")


def test_a_row_is_broken_by_a_success() -> None:
    """It opens at the third refusal in a row, and counts anew after a success."""
    breaker = Breaker(lambda setback: setback.now + 1.0, opens_at=3)
    assert [breaker.refused(n, float(n)) for n in range(2)] == [None, None]
    breaker.passed("x", 2.0)
    assert [breaker.refused(n, 3.0) for n in range(3)] == [None, None, Hold(4.0, "refused", None, 1)]


def test_the_schedules() -> None:
    """As they are documented: guesses, outages, failures of everything, comparisons in vain."""
    assert [guessed_s(n) for n in (1, 2, 3, 7, 99)] == [1.0, 2.0, 4.0, 60.0, 60.0]
    assert [outage_s(n) for n in (1, 2, 4, 5, 7, 99)] == [1.0, 3.0, 27.0, 81.0, 729.0, 900.0]
    assert lengths(outage_breaker(1), 7) == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    probes = Probes()
    assert lengths(probes._breaker, MOST_PROBES) == [1.0, 2.0, 27.0, 81.0, 243.0, 729.0, 900.0, 900.0]
    assert probes.given_up is not None


def lengths(breaker: Breaker, pauses: int) -> list[float]:
    """How long each pause is, where every probe is refused at once."""
    now, found = 0.0, []
    for number in range(pauses):
        breaker.sent(number, now)
        hold = breaker.refused(number, now)
        assert hold is not None
        found.append(hold.until - now)
        now = hold.until
    return found


# --- whatever happens ---------------------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Requests are sent when the breaker allows it, and end in any way, in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.sent = 0
        self.in_flight: set[int] = set()
        self.probe: int | None = None
        self.until = -math.inf  # the latest end of the pause in force
        self.begun = 0  # pauses in a row
        self.breaker = self.make()

    def make(self) -> Breaker:
        return Breaker(RefusalSchedule(LONGEST_S), gives_up_at=9)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 7.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.hold is not None)
    @rule()
    def wait_for_the_end(self) -> None:
        self.now = max(self.now, self.until)

    @rule()
    def send(self) -> None:
        held = self.breaker.held(self.now)
        if held is not None:
            with pytest.raises(ValueError):
                self.breaker.sent(self.sent, self.now)
            return
        if self.breaker.hold is not None:
            assert self.probe is None  # never two probes at once
            assert self.now >= self.until  # never a request while open
            self.probe = self.sent
        self.breaker.sent(self.sent, self.now)
        self.in_flight.add(self.sent)
        self.sent += 1

    def land(self, data: Any) -> tuple[int, bool]:
        request = data.draw(st.sampled_from(sorted(self.in_flight)))
        self.in_flight.discard(request)
        assert self.breaker.is_probe(request) == (request == self.probe)
        return request, request == self.probe

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), told=st.sampled_from([None, 0.0, 0.5, 20.0, 9999.0]))
    def refuse(self, data: Any, told: float | None) -> None:
        request, probed = self.land(data)
        before = self.breaker.hold
        begun = self.breaker.refused(request, self.now, Notice(429, told, refused=True))
        assert (begun is not None) == (before is None or probed)  # a burst is one pause
        self.begun = 1 if before is None else max(1, self.begun + probed)
        self.probe = None if probed else self.probe
        assert self.breaker.consecutive_refusals == self.begun
        assert self.breaker.hold is not None
        assert self.breaker.hold.until >= max(self.until, self.now)  # times never go back
        assert self.breaker.hold.until <= max(self.until, self.now + LONGEST_S)
        if told == 20.0:
            assert self.breaker.hold.until >= self.now + told  # what was told is waited for

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def let_through(self, data: Any) -> None:
        request, probed = self.land(data)
        before, over = self.breaker.hold, self.now >= self.until
        self.breaker.passed(request, self.now)
        self.probe = None if probed else self.probe
        closes = before is not None and (self.anyone() or (probed and over))
        assert (self.breaker.hold is None) == (before is None or closes)

    def anyone(self) -> bool:
        return False

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def lose(self, data: Any) -> None:
        request, probed = self.land(data)
        before = self.breaker.hold
        self.breaker.returned(request)
        assert self.breaker.hold == before  # nothing was learned
        self.probe = None if probed else self.probe

    @rule(seconds=st.sampled_from([0.0, 3.0, 100.0]))
    def hold(self, seconds: float) -> None:
        assert self.breaker.hold_until(self.now + seconds).until == max(self.until, self.now + seconds)

    @rule()
    def lift(self) -> None:
        self.breaker.lift()
        assert self.breaker.hold is None

    @invariant()
    def its_words_agree(self) -> None:
        hold, state = self.breaker.hold, self.breaker.state
        assert (hold is None) == (state == "closed")
        if hold is None:
            self.probe, self.until, self.begun = None, -math.inf, 0
        else:
            assert hold.until >= self.until
            self.until, self.begun = hold.until, hold.consecutive_refusals
        assert (state == "half-open") == (self.probe is not None)
        assert self.breaker.given_up == (self.breaker.consecutive_refusals >= 9)

    def teardown(self) -> None:
        """Every path leads back: wait, probe, and let it through; or, refused for ever, to given up."""
        if self.probe is not None:
            self.breaker.returned(self.probe)
        self.now = max(self.now, self.until)
        if self.breaker.hold is not None:
            assert self.breaker.held(self.now) is None
            self.breaker.sent("last", self.now)
            self.breaker.passed("last", self.now)
        assert self.breaker.state == "closed"
        for number in range(20):
            self.breaker.sent(number, self.now)
            self.breaker.refused(number, self.now)
            assert self.breaker.hold is not None
            self.now = self.breaker.hold.until
        assert self.breaker.given_up


class OutageHistories(Histories):
    """The same where anyone's answer closes, and the pause grows only with refused probes."""

    def make(self) -> Breaker:
        return Breaker(self.doubling, "failing", gives_up_at=9, closed_by="anyone")

    @staticmethod
    def doubling(setback: Setback) -> float | None:
        return setback.now + min(LONGEST_S, 20.0 * 2.0**setback.consecutive) if setback.begins else None

    def anyone(self) -> bool:
        return True

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def refuse(self, data: Any) -> None:  # type: ignore[override]
        request, probed = self.land(data)
        before = self.breaker.hold
        begun = self.breaker.refused(request, self.now)
        assert (begun is not None) == (before is None or probed)
        self.probe = None if probed else self.probe
        assert self.breaker.hold is not None
        if begun is None and before is not None:
            assert self.breaker.hold.until == before.until  # nothing that was on its way makes it longer


TestHistories = Histories.TestCase
TestHistories.settings = QUICK
TestOutageHistories = OutageHistories.TestCase
TestOutageHistories.settings = QUICK


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.none() | st.floats(0.0, 100.0)), min_size=1, max_size=30))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_burst_waits_for_the_latest_time_that_was_told(burst: list[tuple[float, float | None]]) -> None:
    """However many are refused: one pause, and nothing goes before the latest of their times."""
    breaker, now, latest, begun = Breaker(RefusalSchedule(LONGEST_S)), 0.0, -math.inf, 0
    for number, (gap_s, told) in enumerate(burst):
        now += gap_s
        begun += breaker.refused(number, now, Notice(429, told, refused=True)) is not None
        latest = max(latest, now + (told or guessed_s(1)))
        assert breaker.hold is not None
        assert breaker.hold.until >= latest
    assert (begun, breaker.consecutive_refusals) == (1, 1)
