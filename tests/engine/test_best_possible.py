"""The bound of a run as it went, over one session or several."""

from __future__ import annotations

import pytest

from harness.config import ImportConfig
from harness.engine.session import best_possible
from harness.record.fold import fold
from harness.record.summary import summarise
from tests.engine.play import Play, catalogue, windowed

LIMIT = "500/20s+2000/100s"
CONFIG = ImportConfig(limit=LIMIT)


def test_one_session_is_bounded_by_its_requests() -> None:
    """1,010 requests at 500/20s: two windows and the round trips of list and item."""
    play = Play(catalogue(1000), pacer=windowed(LIMIT)).run()
    best = best_possible(play.core.state, CONFIG)
    assert best is not None
    assert best.bound_s == pytest.approx(40.1)
    assert summarise("r", play.core.state, best).optimality == pytest.approx(0.995, abs=0.003)


def test_windows_renew_between_sessions_so_bounds_are_added() -> None:
    """Stopped after the first burst and resumed an hour later: no run is ever better than best possible."""
    stop = [(4.0, lambda core, now: core.stop(now, "Ctrl-C"))]
    first = Play(catalogue(1000), pacer=windowed(LIMIT), at=stop).run()
    second = Play(catalogue(1000), pacer=windowed(LIMIT), state=fold(first.events), utc_s=first.utc_s + 3600).run()
    state = second.core.state
    assert state.sessions()[0] == (10, first.core.state.imported)
    assert sum(items for _, items in state.sessions()) == 1000
    best = best_possible(state, CONFIG)
    assert best is not None
    summary = summarise("r", state, best)
    assert summary.optimality is not None
    assert 0.85 < summary.optimality <= 1.0  # the first burst is bounded as if it had any number of workers


def test_half_an_import_is_not_measured_against_the_best() -> None:
    """A stopped run has a bound and no `of best`: most of it would be the window it did not wait for."""
    stop = [(4.0, lambda core, now: core.stop(now, "Ctrl-C"))]
    state = Play(catalogue(1000), pacer=windowed(LIMIT), at=stop).run().core.state
    summary = summarise("r", state, best_possible(state, CONFIG))
    assert (summary.optimality, summary.lost_to) == (None, None)
    assert summary.bound_s is not None
