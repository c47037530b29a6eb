"""The bound of a run as it went, over one session or several."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness.config import ImportConfig
from harness.core.rules import Rules
from harness.pacing import AutoPacer, parse_tiers
from harness.record.fold import fold
from harness.record.optimality import CUT_SHORT
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from harness.record.summary import summarise
from harness.session.optimality import limits_source
from harness.session.session import best_possible
from tests.core.play import Play, catalogue, windowed

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
    # The first burst is bounded as if it had any number of workers.
    assert 0.85 < best.bound_s / state.duration_s <= 1.0
    summary = summarise("r", state, best)  # E: "3.1 % of best, 499 workers would be enough" is not said of such a run
    assert (summary.optimality, summary.lost_to, summary.unmeasured) == (None, None, CUT_SHORT)


@pytest.mark.parametrize("paused_s", [0.01, 14.0, 3600.0])
def test_limits_renew_while_a_person_pauses_it_so_what_follows_is_bounded_anew(paused_s: float) -> None:
    """Paused after a burst: the pause is no part of the duration, nor the window that it renewed of the bound."""
    hands = [(5.0, lambda core, now: core.pause(now)), (5.0 + paused_s, lambda core, now: core.resume(now))]
    state = Play(catalogue(1000), pacer=windowed(LIMIT), at=hands).run().core.state
    best = best_possible(state, CONFIG)
    assert best is not None
    optimality = summarise("r", state, best).optimality
    assert optimality is not None
    assert 0.4 < optimality <= 1.0


def test_half_an_import_is_not_measured_against_the_best() -> None:
    """A stopped run has a bound and no `of best`: most of it would be the window it did not wait for."""
    stop = [(4.0, lambda core, now: core.stop(now, "Ctrl-C"))]
    state = Play(catalogue(1000), pacer=windowed(LIMIT), at=stop).run().core.state
    summary = summarise("r", state, best_possible(state, CONFIG))
    assert (summary.optimality, summary.lost_to) == (None, None)
    assert summary.bound_s is not None


@pytest.mark.parametrize(("first", "then"), [("10/1s", "500/1s"), ("500/1s", "100/1s"), ("20/1s", "20/1s")])
def test_each_stretch_is_bounded_by_the_limits_that_then_held(first: str, then: str) -> None:
    """Changed after a second, by a person: no run is better than best possible, and how near it came is not said."""
    change = [(1.0, lambda core, now: core.set_limits(parse_tiers(then), now))]
    state = Play(catalogue(1000), pacer=windowed(first), rules=Rules(workers=50), at=change).run().core.state
    best = best_possible(state, ImportConfig(limit=first))
    assert best is not None
    assert 0.4 < best.bound_s / state.duration_s <= 1.0
    summary = summarise("r", state, best, limits_source=limits_source(state, ImportConfig(limit=first)))
    assert (summary.optimality is None) == (summary.lost_to is None) == (first != then)
    assert summary.limits_source == ("declared" if first == then else "changed on the way")
    assert len(state.segments()) == (1 if first == then else 2)
    assert state.sessions() == [(10, 1000)]
    with TemporaryDirectory() as folder:
        write_snapshot(Path(folder), freeze(state, "s1", 1))
        found = latest_snapshot(Path(folder))
        assert found is not None
        assert best_possible(found[0], ImportConfig(limit=first)) == best


def test_what_was_imported_before_any_limit_was_known_has_no_bound() -> None:
    """`auto` met no limit, then a person set one: only what came after is bounded, and that is said."""
    change = [(0.5, lambda core, now: core.set_limits(parse_tiers("50/1s"), now))]
    state = Play(catalogue(300), pacer=AutoPacer((), 0.1, 0.0), at=change).run().core.state
    best = best_possible(state, ImportConfig(url="http://x.test/api"))
    assert best is not None
    assert 0 < best.bound_s <= state.duration_s
    assert not best.exact
    assert limits_source(state, ImportConfig(url="http://x.test/api")) == "changed on the way"


def test_a_session_under_other_limits_is_bounded_by_its_own() -> None:
    """Resumed with a fifth of the limits: the first session could take less, and is not measured by the second's."""
    stop = [(1.5, lambda core, now: core.stop(now, "Ctrl-C"))]
    first = Play(catalogue(1000), pacer=windowed("500/1s"), rules=Rules(workers=50), at=stop).run()
    then = {"state": fold(first.events), "utc_s": first.utc_s + 60}
    state = Play(catalogue(1000), pacer=windowed("100/1s"), rules=Rules(workers=50), **then).run().core.state
    best = best_possible(state, ImportConfig(limit="100/1s"))
    assert best is not None
    assert 0.8 < best.bound_s / state.duration_s <= 1.0
