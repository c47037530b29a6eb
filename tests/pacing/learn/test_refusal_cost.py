"""The belief that refused requests cost quota: what makes it, what it does, and what ends it."""

from __future__ import annotations

from harness.pacing import Grant
from harness.pacing.learn.hypotheses import Window
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.refusal_cost import RefusalCost, rounded


def scene(accepted: int, refused: int) -> tuple[Observations, RefusalCost]:
    """`accepted` within a second from 0 on, then `refused` at 1 s."""
    history = Observations(30.0)
    refusal_cost = RefusalCost(history)
    for at in range(accepted):
        history.accept(at / accepted, at / accepted + 0.05, 1)
    for _ in range(refused):
        refusal_cost.refused(Grant(0.9), 1.0)
    return history, refusal_cost


def found(limit: int) -> Window:
    return Window(limit, 14.0, 15.0, f"refused after {limit} accepted requests")


def adopt(history: Observations, refusal_cost: RefusalCost, accepted: int) -> int:
    """Believe what so many accepted, and those that were refused with them, make; return the count."""
    window = rounded(history, found(accepted), accepted, 2.0)
    refusal_cost.adopt(window)
    return window.limit


def belief(limit: int = 100, period_s: float = 5.0) -> Window:
    return Window(limit, period_s, period_s, "refused", named=True)


def test_a_count_that_only_the_refusals_make_round_is_evidence() -> None:
    """193 accepted and 7 refused make 200; 193 and 6 make nothing; 200 are round enough by themselves."""
    history, refusal_cost = scene(193, 7)
    assert adopt(history, refusal_cost, 193) == 200
    assert (refusal_cost.state, history.charging) == ("believed", True)
    assert refusal_cost.sentences() == ["refused requests cost quota: 193 accepted and 7 refused make 200"]
    for accepted, refused in ((193, 6), (200, 100)):
        history, refusal_cost = scene(accepted, refused)
        assert adopt(history, refusal_cost, accepted) == accepted
        assert (refusal_cost.state, history.charging, refusal_cost.new_facts()) == ("unknown", False, [])


def test_a_known_limit_that_refuses_too_early_is_evidence() -> None:
    """Of 100 in 5 s 92 were used when it refused, and 10 had been refused before; 5 would explain nothing."""
    _, refusal_cost = scene(92, 10)
    assert refusal_cost.explains([belief()], 3.0, 0.0) is not None
    assert refusal_cost.state == "believed"
    _, refusal_cost = scene(92, 5)
    assert refusal_cost.explains([belief()], 3.0, 0.0) is None
    assert refusal_cost.state == "unknown"


def test_room_that_comes_back_bit_by_bit_is_no_evidence() -> None:
    """Only a few had been let through since it was open again: that is a counter or a bucket."""
    _, refusal_cost = scene(92, 10)
    assert refusal_cost.explains([belief()], 3.0, opened_s=0.9) is None
    assert refusal_cost.state == "unknown"


def test_refusals_then_occupy_slots() -> None:
    """93 accepted and 7 refused use up 100, until those that were refused have left the window too."""
    history, refusal_cost = scene(93, 7)
    assert history.used(2.0, 5.0) == 93
    adopt(history, refusal_cost, 193)
    history.charging = True
    assert history.used(2.0, 5.0) == 100
    assert history.opens_at(2.0, 5.0, 100, 1) == history.answered[0] + 5.0
    assert history.opens_at(2.0, 5.0, 3, 1) == sorted([*history.answered, *[1.0] * 7])[97] + 5.0
    assert history.used(5.99, 5.0) - history.used(6.01, 5.0, charging=True) >= 7


def believed(accepted: int, refused: int) -> tuple[Observations, RefusalCost]:
    history, refusal_cost = scene(accepted, refused)
    refusal_cost.believe("of a test")
    refusal_cost.new_facts()
    return history, refusal_cost


def test_one_request_goes_ahead_and_its_fate_decides() -> None:
    """Where only refusals are in the way of it: let through, the belief is dropped for good; refused, it is sure."""
    for passes in (True, False):
        history, refusal_cost = believed(95, 5)
        assert refusal_cost.may_try(belief(), 2.0, 1)
        grant = Grant(2.0)
        refusal_cost.trial(grant, belief())
        history.send(grant)
        waiting = refusal_cost.in_the_way()
        assert waiting is not None
        assert waiting.reason == "probe"
        history.end(grant)
        if passes:
            refusal_cost.accepted(grant)
        else:
            assert refusal_cost.refused(grant, 2.1) is not None
        assert refusal_cost.state == ("disproved" if passes else "confirmed")
        assert history.charging is not passes
        assert [fact.trust for fact in refusal_cost.new_facts()] == ["high"]
        assert not refusal_cost.may_try(belief(), 3.0, 1)
        if passes:
            assert adopt(history, refusal_cost, 193) == 193
            assert refusal_cost.sentences()[0].startswith("refused requests cost nothing")


def test_what_was_refused_before_the_window_decides_nothing() -> None:
    """A fixed window forgets with its end: the trial waits for refusals of the window that is open."""
    for again, decides in ((3.0, False), (0.96, True)):  # after a silence, or at once: the same window still
        history, refusal_cost = believed(60, 5)
        for at in range(37):
            history.accept(again + at / 1000, again + at / 1000 + 0.05, 1)
        assert history.used(3.1, 5.0) == 102
        assert refusal_cost.may_try(belief(), 3.1, 1) is decides


def test_a_refusal_that_the_refusals_do_not_explain_ends_it() -> None:
    """Fewer than the limit, those refused included, and refused again: it is something else."""
    history, refusal_cost = believed(60, 5)
    assert refusal_cost.explains([belief()], 3.0, 0.0) is None
    refusal_cost.unexplained()
    assert (refusal_cost.state, history.charging, history.free) == ("unknown", False, False)
