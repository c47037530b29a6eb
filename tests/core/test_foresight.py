"""When a session is predicted, what it rests on, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import ImportConfig
from harness.core.foresight import IN_PARTS, NO_SIZE, NOT_LEARNED, NOTHING_LEFT
from harness.core.rules import Rules
from harness.lab.experiment import Outcome, simulate_run
from harness.pacing import RetryAfterPacer, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.prediction import CHANGED, PAUSED, STOPPED, Prediction
from harness.record.state import State
from tests.core.play import Play, catalogue


def window(limit: str = "20/2s") -> WindowPacer:
    return WindowPacer(parse_tiers(limit), 30.0)


def predicted(play: Play) -> list[e.Predicted]:
    return [event for event in play.events if isinstance(event, e.Predicted)]


def test_a_list_that_says_its_size_is_predicted_after_its_first_page() -> None:
    """Once, at the first page's answer, and what it took lies inside."""
    play = Play(catalogue(100, 20), Rules(5), window(), predicts=True).run()
    names = [type(event).__name__ for event in play.events]
    assert names.index("Predicted") == names.index("PageListed") + 1
    (said,) = predicted(play)
    assert (said.t_s, said.occasion) == (0.05, "size known")
    assert said.basis == "104 requests under 20/2s, 5 workers, 1 answer so far"
    (kept,) = play.core.state.predictions
    assert (kept.inside, kept.took_s, kept.aside) == (True, play.core.state.duration_s, "")


def test_a_simulation_is_predicted_before_its_first_request() -> None:
    """By what is set, not by what is seen."""
    events: list[e.Event] = []
    outcome = simulate_run(ImportConfig(items=150, limit="50/5s", latency="80ms"), on_event=events.append)
    assert [type(event).__name__ for event in events[:2]] == ["SessionStarted", "Predicted"]
    (kept,) = outcome.state.predictions
    assert kept.basis == "152 requests under 50/5s, 10 workers, the latency that is set"
    assert kept.inside
    assert outcome.summary.predictions == (kept,)


def only(outcome: Outcome) -> Prediction:
    (kept,) = outcome.state.predictions
    return kept


@pytest.mark.parametrize(
    ("settings", "server", "why"),
    [
        ({"limit": "50/5s"}, {"no_total": True}, NO_SIZE),
        ({"scenario": "laravel"}, None, NOT_LEARNED),
        ({"pacing": "backoff"}, None, "with the strategy backoff it depends on how often the server refuses"),
    ],
)
def test_where_nothing_can_be_said_the_record_says_why(
    settings: dict[str, Any], server: dict[str, Any] | None, why: str
) -> None:
    """A list without a size, limits that are not known yet, a strategy that waits to be refused."""
    kept = only(simulate_run(ImportConfig(items=60, **settings), server=server))
    assert (kept.least_s, kept.most_s, kept.inside, kept.basis) == (None, None, None, why)


def test_a_strategy_without_limits_cannot_be_predicted() -> None:
    play = Play(catalogue(10), Rules(5), RetryAfterPacer(), predicts=True).run()
    assert predicted(play)[0].basis == "with the strategy retry-after it depends on how often the server refuses"


def test_a_list_of_one_page_whose_records_are_the_items_leaves_nothing_to_predict() -> None:
    play = Play(catalogue(10), Rules(5, detail=False), window(), predicts=True).run()
    assert predicted(play)[0].basis == NOTHING_LEFT


def test_an_empty_list_leaves_nothing_to_predict() -> None:
    play = Play(catalogue(0), Rules(5), window(), predicts=True).run()
    assert [event.basis for event in predicted(play)] == [NOTHING_LEFT]


def test_a_list_in_parts_does_not_say_how_much_it_holds() -> None:
    play = Play(catalogue(40, 5), Rules(2, parts=("to 5", "from 5")), window(), predicts=True).run()
    assert predicted(play)[0].basis == IN_PARTS


def test_changed_settings_are_predicted_anew_and_the_first_is_not_judged() -> None:
    """`set` in the middle: each change makes one, by what is left then; none of those before it is judged."""
    play = Play(catalogue(200, 50), Rules(2), window(), predicts=True)
    play.at = [
        (3.0, lambda core, now: core.set_workers(4, now)),
        (5.0, lambda core, now: core.set_limits(parse_tiers("40/2s"), now)),
    ]
    play.run()
    kept = play.core.state.predictions
    assert [one.occasion for one in kept] == ["size known", "workers set", "limits set"]
    assert [one.aside for one in kept] == [CHANGED, CHANGED, ""]
    assert [one.inside for one in kept] == [None, None, True]
    assert "40/2s, 4 workers" in kept[2].basis


def test_a_pause_and_a_stop_by_hand_are_not_judged() -> None:
    for act, why in (("pause", PAUSED), ("stop", STOPPED)):
        play = Play(catalogue(100, 20), Rules(5), window(), predicts=True)
        if act == "pause":
            play.at = [(1.0, lambda core, now: core.pause(now)), (9.0, lambda core, now: core.resume(now))]
        else:
            play.at = [(1.0, lambda core, now: core.stop(now, "stopped"))]
        play.run()
        (kept,) = play.core.state.predictions
        assert (kept.aside, kept.inside) == (why, None)
        assert kept.took_s == play.core.state.session.duration_s()


def test_a_resumed_session_is_predicted_before_its_first_request() -> None:
    """The list was read to its end: what is left is known, and so is the latency of the session before."""
    first = Play(catalogue(100, 50), Rules(5), window(), predicts=True).run(until=6.0)
    state = fold(first.events)
    second = Play(catalogue(100, 50), Rules(5), window(), state=state, predicts=True).run()
    names = [type(event).__name__ for event in second.events]
    assert names[:2] == ["SessionStarted", "Predicted"]
    one, two = second.core.state.predictions
    assert (one.aside, one.inside) == ("interrupted", None)
    assert two.inside
    assert "answers so far" in two.basis


def test_what_is_read_back_is_what_was_recorded() -> None:
    """The fold of the events alone knows every prediction, and what came of it."""
    play = Play(catalogue(60, 20), Rules(5), window(), predicts=True).run()
    assert fold(play.events, State()).predictions == play.core.state.predictions
