"""How near a run came to the best possible, or why that is not said: E, B9, C12."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.bound import Bound
from harness.record import events as e
from harness.record.fold import fold
from harness.record.optimality import CHANGED, CUT_SHORT, NO_LIMIT, NOT_COMPLETE, RUNNING, Optimality, optimality
from harness.record.state import State
from harness.record.summary import LearnedLimit, Ledger, Summary, summarise
from harness.views.screen import Screen
from harness.views.summary import summary_text

LIMIT = "5/10s"
BOUND = Bound(20.0, 20.0, True, None, None, 1)
LEARNED = (LearnedLimit("4/10s", "log", "refused after 4"),)


def events(
    strategy: str = "window", limits: str = LIMIT, refusals: tuple[int, ...] = (), span_s: float = 25.0
) -> list[e.Event]:
    """One session of `span_s` seconds from its first request to its last answer."""
    refused = [
        e.Refused(1.0 + at, "item", 2, 1, 0.9 + at, 1.0 + at, status, None) for at, status in enumerate(refusals)
    ]
    return [
        e.SessionStarted(0.0, 1, 0.0, 2, limits, strategy, "host"),
        e.PageListed(0.5, e.FIRST_PAGE, 1, 0.0, 0.5, 200, (1, 2), 2, 1, None),
        e.ItemImported(0.9, 1, 1, 0.5, 0.9, 200, 10),
        *refused,
        e.ItemImported(span_s, 2, 1, span_s - 0.5, span_s, 200, 10),
        e.SessionEnded(span_s, "complete", ""),
    ]


def judged(state: State, bound: Bound | None = BOUND, source: str = "declared", **known: Any) -> Optimality:
    return optimality(state, bound, status=known.pop("status", state.status), limits_source=source, **known)


def test_a_whole_run_in_one_piece_under_declared_limits_is_measured() -> None:
    """20 of 25 s."""
    assert judged(fold(events())) == Optimality(of_best=0.8)


def test_learned_limits_are_an_estimate() -> None:
    """C12: never `of best`, never above 100 %, though the estimate is 5 times as long ("553 % of best")."""
    state = fold(events("auto"))
    assert judged(state, source="learned") == Optimality(of_learned=0.8)
    assert judged(state, replace(BOUND, bound_s=138.0), "learned") == Optimality(of_learned=1.0)


def test_never_above_100_percent() -> None:
    """What rounding makes of the least round trip is cut off; a client faster than its limit allows says so."""
    state = fold(events())
    assert judged(state, replace(BOUND, bound_s=25.1)) == Optimality(of_best=1.0)
    fast = judged(fold(events("backoff")), replace(BOUND, bound_s=30.0))
    assert (fast.of_best, fast.why) == (None, f"it was faster than {LIMIT} allows: the server let more through")


@pytest.mark.parametrize(("status", "why"), [("running", RUNNING), ("paused", RUNNING), ("stopped", NOT_COMPLETE)])
def test_what_is_not_over_is_not_measured(status: str, why: str) -> None:
    """E: `only a complete run is measured` is never said of a complete one."""
    assert judged(fold(events()), status=e.RunStatus(status)) == Optimality(why=why)
    assert why != judged(fold(events())).why


@pytest.mark.parametrize("status", ["complete", "complete with failures"])
@pytest.mark.parametrize("bound", [BOUND, None])
@pytest.mark.parametrize("strategy", ["window", "auto", "backoff"])
@pytest.mark.parametrize("change", ["none", "set", "cut", "refused", "short"])
def test_a_complete_run_is_never_told_that_only_complete_ones_are_measured(
    status: e.RunStatus, bound: Bound | None, strategy: str, change: str
) -> None:
    """E: whatever keeps its share of the best possible from being said, in the figures and in the text made of them."""
    made = events(strategy, refusals=(429,) if change == "refused" else (), span_s=2.0 if change == "short" else 25.0)
    made[-1] = e.SessionEnded(made[-1].t_s, status, "")
    if change == "set":
        made.insert(3, e.LimitsSet(1.0, "9/10s"))
    if change == "cut":
        made = [*made[:2], e.SessionStarted(0.0, 2, 60.0, 2, LIMIT, strategy, "host"), *made[2:]]
    for source in ("declared", "learned", "unknown", "test API"):
        found = summarise("r", fold(made), bound, limits_source=source)
        text = summary_text(found, Screen())
        assert found.status == status
        assert (found.optimality is None and found.of_learned is None) == bool(found.unmeasured)
        assert found.unmeasured not in (NOT_COMPLETE, RUNNING)
        assert "only a complete run" not in text
        assert "before the run is complete" not in text
        assert "only of a run that is complete" not in text


def test_an_interrupted_session_leaves_it_out() -> None:
    """E: killed or stopped, then resumed and complete."""
    for cut in (events()[:3], [*events()[:3], e.SessionEnded(2.0, "stopped", "Ctrl-C")]):
        again = [e.SessionStarted(0.0, 2, 60.0, 2, LIMIT, "window", "host"), *events()[-2:]]
        assert judged(fold([*cut, *again])) == Optimality(why=CUT_SHORT)


def test_a_second_session_after_a_whole_one_is_measured() -> None:
    """An audit, or a retry of what failed, goes on from a list that was read to its end."""
    again: list[e.Event] = [
        e.SessionStarted(0.0, 2, 60.0, 2, LIMIT, "window", "host"),
        e.Relisted(0.0),
        e.PageListed(5.0, e.FIRST_PAGE, 1, 0.0, 5.0, 200, (1, 2), 2, 1, None),
        e.SessionEnded(5.0, "complete", ""),
    ]
    assert judged(fold([*events(), *again]), replace(BOUND, bound_s=24.0)) == Optimality(of_best=0.8)


def test_changed_limits_leave_it_out() -> None:
    """Amid a session, or from one to the next."""
    set_on_the_way = events()
    set_on_the_way.insert(3, e.LimitsSet(1.0, "9/10s"))
    assert judged(fold(set_on_the_way)) == Optimality(why=CHANGED)
    other = [
        e.SessionStarted(0.0, 2, 60.0, 2, "9/10s", "window", "host"),
        e.Relisted(0.0),
        e.PageListed(0.5, e.FIRST_PAGE, 1, 0.0, 0.5, 200, (1, 2), 2, 1, None),
        e.SessionEnded(0.5, "complete", ""),
    ]
    assert judged(fold([*events(), *other])) == Optimality(why=CHANGED)


def test_shorter_than_one_window_tells_nothing() -> None:
    """Under 10 s nothing was ever held; of a bucket, what fits into its burst."""
    assert judged(fold(events(span_s=9.9))).why == "the run fits into one window of 5/10s"
    assert judged(fold(events(span_s=10.0)), replace(BOUND, bound_s=9.0)).of_best == 0.9
    assert judged(fold(events(limits="1/s:bucket:burst=3"))).why == "the run fits into one burst of 1/1s:bucket:burst=3"
    assert judged(fold(events(limits="1/s:bucket:burst=2"))).of_best == 0.8
    assert judged(fold(events(limits="3:concurrency", span_s=9.9)), replace(BOUND, bound_s=5.0)).of_best is not None


def test_without_a_bound_no_limit_is_known() -> None:
    assert judged(fold(events("auto", "")), None, "unknown") == Optimality(why=NO_LIMIT)


@pytest.mark.parametrize(
    ("refusals", "learned", "sentence"),
    [
        (
            (429,),
            LEARNED,
            "the server refused 1 request within your --limit 5/10s; the real limit is probably about 4/10s",
        ),
        ((429, 403, 418), (), "the server refused 3 requests within your --limit 5/10s; the real limit is lower, or"),
        ((503, 529), LEARNED, ""),
        ((), LEARNED, ""),
    ],
)
def test_b9_refusals_within_the_declared_limit(
    refusals: tuple[int, ...], learned: tuple[LearnedLimit, ...], sentence: str
) -> None:
    """B9: one sentence in place of a share; an overload (5xx) is no limit."""
    state = fold(events(refusals=refusals))
    found = judged(state, learned=learned)
    assert found.why.startswith(sentence)
    assert (found.of_best is None) is bool(sentence)
    summary = summarise("r", state, BOUND, learned=learned)
    assert summary.refused_within == found.why
    assert (summary.optimality, summary.lost_to) == ((None, None) if sentence else (0.8, summary.lost_to))


def test_b9_is_not_said_where_the_ledger_knows_better_or_the_limit_was_not_kept() -> None:
    """Faults that the test API made are no limit; clients that find limits by running into them are refused anyway."""
    state = fold(events(refusals=(429, 429)))
    assert judged(state, server=Ledger(5, 0, True, faults=2)).of_best == 0.8
    assert judged(state, server=Ledger(3, 2, True)).why.startswith("the server refused 2 requests within")
    for strategy in ("retry-after", "backoff", "aimd", "reference"):
        assert judged(fold(events(strategy, refusals=(429,)))).of_best == 0.8
    assert judged(fold(events("auto", refusals=(429,))), source="learned").of_learned == 0.8


def test_a_summary_of_an_earlier_version_is_read_as_it_was_meant() -> None:
    """There `hits` were all refusals, and `total` might be less than what was imported (`993 of 972`)."""
    made = summarise("r", fold(events(refusals=(429, 503, 503))), BOUND).as_dict()
    new = ("refused", "refused_per_1000", "listed", "of_learned", "unmeasured", "learned", "refused_within")
    old = {name: value for name, value in made.items() if name not in new}
    old |= {"hits": 3, "hits_per_1000": 600.0, "total": 1, "a_field_of_the_future": 1}
    read = Summary.from_dict(old)
    assert (read.hits, read.refused, read.refusals, read.total) == (1, 3, {"429": 1, "503": 2}, 2)
    assert (read.hits_per_1000, read.refused_per_1000) == (pytest.approx(1000 / 6), pytest.approx(500))
    del old["refusals"]
    assert Summary.from_dict(old).refusals == {"429": 3}
    assert Summary.from_dict(made) == summarise("r", fold(events(refusals=(429, 503, 503))), BOUND)
