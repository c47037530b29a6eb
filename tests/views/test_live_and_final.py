"""What is shown while a run goes on, and what its files say once it has ended: the same figure, or another name (E)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.core.core import Core
from harness.core.rules import Rules
from harness.record.events import Event, SessionEnded, SessionStarted
from harness.record.fold import fold
from harness.record.live import Live, elapsed_s
from harness.record.optimality import CUT_SHORT, RUNNING
from harness.record.run_view import RunView, view_of
from harness.record.state import State
from harness.record.summary import summarise
from harness.views.frame import frame
from harness.views.panel.html import sections
from harness.views.screen import Screen
from harness.views.summary import summary_text
from tests.core.play import UTC_S, Play, catalogue, windowed

STOP_S = 7.0


def stopped() -> tuple[State, Live, State]:
    """The state at Stop, the live moment beside it, and the state after: 7 s in, 5 s into the wait for 20/10s."""
    at_stop: list[int] = []
    play = Play(catalogue(60, per_page=20), Rules(workers=4), windowed("20/10s", linger_s=0.1))

    def stop(core: Core, now: float) -> None:
        at_stop.append(len(play.events))
        core.stop(now, "Ctrl-C")

    play.at = [(STOP_S, stop)]
    play.run()
    before: list[Event] = play.events[: at_stop[0]]
    assert isinstance(play.events[-1], SessionEnded)
    return fold(before), Live(STOP_S, UTC_S + STOP_S, 4, 0, "limit", tier="20/10s"), fold(play.events)


def seen(state: State, live: Live | None = None) -> RunView:
    return view_of(summarise("r", state, None), state, live)


def drawn(state: State, live: Live) -> str:
    return "\n".join(line.plain for line in frame(seen(state, live), 79))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_duration_does_not_jump_at_stop() -> None:
    """E: 7 s have elapsed, and the duration is 0.3 s before and after, whoever looks."""
    before, live, after = stopped()
    figures, final = summarise("r", before, None), summarise("r", after, None)
    assert elapsed_s(before, live.t_s) == STOP_S
    assert figures.duration_s == final.duration_s == before.duration_s == after.duration_s
    assert final.duration_s == pytest.approx(0.3)
    assert figures.active_s + figures.waiting_s == final.active_s + final.waiting_s


def test_what_has_elapsed_is_never_called_duration() -> None:
    """E: the frame of progress and watch, the panel and the summary, just before the end and after it."""
    before, live, after = stopped()
    final = summarise("r", after, None)
    assert "7 s elapsed" in drawn(before, live)
    assert "duration" not in drawn(before, live)
    running = words(sections(seen(before, live), UTC_S)["totals"])
    assert "elapsed 7 s so far active so far 0 s waiting so far 7 s 0 waits" in running
    assert "duration" not in running

    assert "duration 300 ms" in drawn(after, live)
    assert "elapsed" not in drawn(after, live)
    ended = words(sections(seen(after), UTC_S)["totals"])
    assert "duration 300 ms first request to last answer" in ended
    assert "last answer active 250 ms waiting 50 ms 1 wait" in ended
    assert "elapsed" not in ended
    assert "so far" not in ended
    assert "  duration   300 ms" in summary_text(final, Screen())


def test_every_other_live_figure_is_the_final_one() -> None:
    """E: nothing was sent between the two moments, so only what the wait that Stop ended adds may differ."""
    before, _, after = stopped()
    figures, final = summarise("r", before, None).as_dict(), summarise("r", after, None).as_dict()
    differing = {name for name in figures if figures[name] != final[name]}
    of_the_wait = {"waits", "waiting_s", "active_s", "sleeps", "reference_efficiency"}
    assert differing <= {"status", "reason", "unmeasured"} | of_the_wait
    assert before.status == "running"
    assert after.status == "stopped"


def test_what_the_end_will_leave_out_is_not_foretold() -> None:
    """E: of a run that was interrupted and goes on, no share of the best possible is said, neither now nor in the end;
    of one in one piece the share that is expected is.
    """
    before, live, after = stopped()
    known = replace(live, best_s=20.0, eta_s=10.0)
    assert seen(before, known).expected_optimality == 1.0
    assert summarise("r", before, None).unmeasured == RUNNING
    again = fold([SessionStarted(0.0, 2, UTC_S + 60, 4, "20/10s", "window", "host")], after)
    assert again.status.is_open
    shown = seen(again, known)
    assert shown.expected_optimality is None
    assert shown.summary.unmeasured == CUT_SHORT
    quality = words(sections(shown, UTC_S)["quality"])
    assert f"of best possible - {CUT_SHORT}" in quality
    assert "%" not in quality
