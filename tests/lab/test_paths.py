"""Paths that run the same core must agree: simulated, over HTTP and over sockets in virtual time, in real time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from harness_test_api import ServerConfig, running

from benchmarks.asgi import asgi_run
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record import events as e
from harness.record.summary import Summary
from harness.session.importing import run_import
from tests.conftest import sockets_clock


def rhythm(events: list[e.Event]) -> list[tuple[str, float, float]]:
    """What happened when, without whose answer it was: of those sent at the same instant any may have come first.

    So it is left out when the first item and the last page came: those two say it. What is predicted is left out, too:
    a simulation knows more, and earlier.
    """
    events = [event for event in events if not isinstance(event, e.Predicted)]
    answers = (e.PageListed, e.ItemImported)
    names = ("answer" if isinstance(event, answers) else type(event).__name__ for event in events)
    times = (0.0 if isinstance(event, (e.IdsCarried, e.ListEnded)) else event.t_s for event in events)
    sent = (getattr(event, "sent_s", 0.0) for event in events)
    return sorted(zip(names, times, sent, strict=True))


@pytest.mark.parametrize(
    "values",
    [
        {"limit": "50/2s+150/10s", "workers": 10},
        {"limit": "50/2s+150/10s", "workers": 40, "latency": "80ms"},
        {"limit": "100/2s", "server_limit": "50/2s", "workers": 40},
        {"limit": "50/5s", "pacing": "retry-after", "seed": 5, "detail": True},
        {"limit": "100/5s", "pacing": "reference", "sequential": True},
        {"limit": "20/2s:gcra:burst=5", "items": 100},
        {"limit": "60/2s:aligned", "workers": "auto"},
        {"scenario": "laravel"},
        {"scenario": "github"},
        {"scenario": "slow-leaky"},
        {"scenario": "draft-8", "per_page": 20},
    ],
    ids=str,
)
def test_the_simulation_is_what_http_in_virtual_time_is(values: dict[str, Any]) -> None:
    """To the bit: every request, refusal and wait at the same moment, and so the same makespan; the ledgers too."""
    config = ImportConfig(**{"items": 250, **values})
    events: list[e.Event] = []
    simulated = simulate_run(config, on_event=events.append)
    state, over_http, ledger = asgi_run(config)
    assert rhythm(events) == rhythm(over_http)
    assert simulated.state.duration_s == state.duration_s
    assert (simulated.state.answered, simulated.state.refused) == (state.answered, state.refused)
    assert simulated.state.waits == state.waits
    assert simulated.summary.server is not None
    assert (simulated.summary.server.admitted, simulated.summary.server.refused) == (
        ledger["admitted"],
        ledger["refused"],
    )


@pytest.mark.parametrize(
    ("refusal", "values"),
    [
        ('403:{"error": {"errors": [{"reason": "rateLimitExceeded"}]}}', {}),
        ('429:{"retry_after": 1.5}', {"pacing": "retry-after"}),
        ("503:<html><title>Busy</title></html>", {}),
        ('400:{"error": "Too fast, try later"}', {"refused_when": "400:too  fast"}),
        ('200:{"ok": false, "error": "ratelimited"}', {"refused_when": "200:ratelimited"}),
        ("418:slow down", {"pacing": "backoff"}),
    ],
)
def test_so_it_is_whatever_a_refusal_looks_like(refusal: str, values: dict[str, Any], tmp_path: Path) -> None:
    """Told by the body alone, or suspected: the simulation looks into the same bodies as the client.

    One worker: whose refusal is the first decides what is tried next, and at the same instant any may come first.
    """
    scenario = tmp_path / "server.toml"
    scenario.write_text(f"items = 200\nlimit = '30/2s'\ndialect = 'none'\nlatency = '50ms'\nrefusal = {refusal!r}\n")
    config = ImportConfig(scenario=str(scenario), workers=1, **values)
    events: list[e.Event] = []
    simulated = simulate_run(config, on_event=events.append)
    state, over_http, _ = asgi_run(config)
    assert rhythm(events) == rhythm(over_http)
    assert simulated.state.refused == state.refused > 0
    assert simulated.state.refusals.keys() == {int(refusal[:3])}
    assert (state.status, state.imported) == ("complete", 200)
    assert not any(isinstance(event, e.AttemptFailed) for event in (*events, *over_http))


@pytest.mark.realtime
@pytest.mark.parametrize(
    "values",
    [
        {"items": 98, "limit": "40/6s", "workers": 10},
        {"items": 13, "limit": "6/6s", "pacing": "retry-after", "workers": 1},
    ],
    ids=str,
)
def test_sockets_in_virtual_time_agree_with_the_simulation(values: dict[str, Any], tmp_path: Path) -> None:
    """The same requests, refusals and waits, and the same makespan: httpx2, Hypercorn and TCP add nothing to them."""
    config = ImportConfig(latency="50ms", detail=True, **values)
    simulated = simulate_run(config).summary

    async def over_sockets() -> tuple[Summary, dict[str, Any]]:
        async with running(
            ServerConfig(items=config.test_api.items or 0, limit=values["limit"], latency="50ms")
        ) as api:
            told = {**values, "items": None, "detail": True}
            run = await run_import(ImportConfig(url=api.url, results=tmp_path, **told))
            return Summary.from_dict(run.summary() or {}), api.ledger()

    real, ledger = trio.run(over_sockets, clock=sockets_clock())
    assert (real.imported, real.requests_page, real.requests_item) == (
        simulated.imported,
        simulated.requests_page,
        simulated.requests_item,
    )
    assert (real.hits, real.sleeps) == (simulated.hits, simulated.sleeps)
    assert (ledger["admitted"], ledger["refused"]) == (
        real.requests_page + real.requests_item - real.hits,
        real.hits,
    )
    assert real.duration_s == pytest.approx(simulated.duration_s, abs=1e-6)


@pytest.mark.realtime
def test_sockets_in_real_time_agree_with_the_simulation(tmp_path: Path) -> None:
    """A test API in another process, on the real clock: the same requests, none refused, never faster than possible."""
    config = ImportConfig(items=45, limit="40/2s", latency="50ms")
    simulated = simulate_run(config).summary
    run = trio.run(partial(run_import, config.with_settings(results=tmp_path)))
    real = Summary.from_dict(run.summary() or {})
    assert real.server is not None
    assert real.server.agrees
    assert (real.imported, real.requests_page, real.requests_item, real.hits) == (
        simulated.imported,
        simulated.requests_page,
        simulated.requests_item,
        0,
    )
    assert real.bound_s is not None
    assert real.duration_s >= real.bound_s
