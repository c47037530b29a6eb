"""What is learned is recorded, shown, and kept for the next run."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from harness_test_api import ServerConfig, Service, create_app

from harness.config import ImportConfig
from harness.pacing import parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.history import read_events
from harness.record.limits import remembered
from harness.record.run import Run
from harness.session.importing import import_into, prepare_run
from harness.source.client import HttpApi
from harness.source.rest import Rest
from tests.asgi import InProcess

URL = "http://api.test/api/items"


async def imported(results: Path, run: str, **settings: object) -> Run:
    """An import in virtual time through the real client and the real app, of a server that only refuses."""
    config = ImportConfig(url=URL, results=results, run=run, per_page=50, **settings)
    server = ServerConfig(items=300, limit=("50/3s+120/10s",), dialect="retry-after", latency="20ms")
    app = create_app(server, Service(server, trio.current_time(), 1_764_000_000.0))
    made = prepare_run(config)
    rest, transport = Rest(URL, 50), InProcess(app)
    async with HttpApi(rest, workers=5, timeout_s=30.0, transport=transport, wall=lambda: 1_764_000_000.0) as api:
        with made.locked():
            return await import_into(made, config, api, URL, inline=True)


@pytest.mark.anyio
async def test_the_next_run_starts_from_what_the_last_one_learned(tmp_path: Path) -> None:
    """Refused once for each tier the first time, never the second time, and again with --forget-limits."""
    first = await imported(tmp_path, "first")
    assert first.state().refused > 0
    assert set(remembered(tmp_path, "api.test")) == set(parse_tiers("50/3s+120/10s"))
    second = await imported(tmp_path, "second")
    assert (second.state().refused, second.status) == (0, "complete")
    third = await imported(tmp_path, "third", forget_limits=True)
    assert third.state().refused > 0


@pytest.mark.anyio
async def test_what_was_learned_is_in_the_events_the_state_and_the_summary(tmp_path: Path) -> None:
    """Each belief is an event with its evidence, and so is what it leaves open; the bound is that of learned limits."""
    run = await imported(tmp_path, "run")
    news = [event for event in read_events(run.folder) if isinstance(event, e.Learned)]
    learned = [event for event in news if event.counting != "rivals"]
    assert {event.tier for event in learned} == {"50/3s", "120/10s"}
    assert all("accepted" in event.evidence and event.trust in ("high", "fair") for event in learned)
    state, summary = run.state(), run.summary()
    assert set(state.learned) == {"50/3s", "120/10s", "rivals", "next"}
    assert [event.tier for event in news if event not in learned] == [None] * (len(news) - len(learned))
    assert state.learned["next"] == "nothing: each period is settled"
    assert summary is not None
    assert summary["limits_source"] == "learned"
    assert (summary["optimality"], summary["unmeasured"]) == (None, "")  # C12: the best possible is an estimate
    assert 0.9 < summary["of_learned"] <= 1.0
    assert {limit["limit"] for limit in summary["learned"]} == {"50/3s", "120/10s"}
    assert summary["strategy"] == "auto"


def test_a_belief_that_was_corrected_is_not_shown_any_more() -> None:
    """Only limits that are still kept to stay in the state; a distrusted header stays with its reason."""
    started = e.SessionStarted(0.0, 1, 0.0, 1, "", "auto", "here")
    events: list[e.Event] = [
        started,
        e.Learned(1.0, "api", "500/20.2s", "log", "let in again", "fair", "500/20.2s"),
        e.Learned(2.0, "api", None, "trust", "Retry-After is no longer trusted: it said 0", "none", "500/20.2s"),
        e.Learned(3.0, "api", "500/20s", "log", "refused after 19.6 s", "high", "500/20s"),
    ]
    state = fold(events)
    assert state.limits == "500/20s"
    assert list(state.learned) == ["Retry-After", "500/20s"]
