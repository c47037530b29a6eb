"""Imports at another speed: the same figures as at the clock's, for all times are the API's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from harness_test_api import ServerConfig, Service, create_app

import harness
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.record.run import Run
from harness.record.summary import Summary
from harness.session.importing import config_of, http_api, import_into, prepared, run_import
from harness.source import client
from harness.speed import by_the_wall, clock_at, wall_since
from tests.asgi import InProcess
from tests.serving import served

URL = "http://127.0.0.1/api/items"


def in_virtual_time(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Run, dict[str, Any]]:
    """Import 60 items from a test API with 20 requests each 4 s; the run, and the server's counts."""
    config = ImportConfig(url=URL, results=folder, run="r", limit="20/4s", workers=5, detail=True, **settings)
    service = Service(ServerConfig(items=60, limit="20/4s", latency="50ms"), 0.0)

    async def imported() -> Run:
        app, opened = create_app(service.config, service), client.open_client
        with monkeypatch.context() as patch, prepared(config) as run:
            within = {"transport": InProcess(app)}
            patch.setattr(client, "open_client", lambda *args, **how: opened(*args, **{**how, **within}))
            async with http_api(config, URL) as api:
                return await import_into(run, config, api, URL, inline=True)

    return trio.run(imported, clock=trio.testing.MockClock(autojump_threshold=0)), service.report()


def test_in_virtual_time_every_figure_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit: only how long a lost request would count is other, and none is lost."""
    (plain, counted), (fast, too) = (
        in_virtual_time(tmp_path / str(speed), monkeypatch, **{} if speed == 1 else {"speed": speed})
        for speed in (1, 100)
    )
    one, other = Summary.from_dict(plain.summary() or {}), Summary.from_dict(fast.summary() or {})
    assert (one.status, one.imported, one.refused) == ("complete", 60, 0)
    assert (other.speed, one.speed) == (100, 1)
    assert {**one.as_dict(), "speed": 100} == other.as_dict()
    assert counted == too
    assert plain.items() == fast.items()


@pytest.mark.realtime
def test_a_child_and_its_import_run_faster_together(tmp_path: Path) -> None:
    """Over sockets: all records, nothing refused, the ledgers agree, and the time is the API's."""
    config = ImportConfig(items=60, limit="20/4s", latency="20ms", workers=5, speed=20, results=tmp_path)
    figures = Summary.from_dict(harness.run(config).summary() or {})
    assert (figures.status, figures.imported, figures.refused, figures.lost) == ("complete", 60, 0, 0)
    assert figures.server is not None
    assert figures.server.agrees
    # 61 requests, 20 each 4 s: three windows are over before the last is sent.
    assert figures.duration_s >= 12.0


@pytest.mark.realtime
def test_a_server_of_ones_own_can_be_as_fast(tmp_path: Path) -> None:
    """`server --speed 20` in one terminal, `import --url ... --speed 20` in another: told or not, nothing is lost."""
    with served("--items", "50", "--limit", "20/4s", "--speed", "20") as url:
        told = harness.run(ImportConfig(url=url, limit="20/4s", speed=20, results=tmp_path / "told"))
        untold = harness.run(ImportConfig(url=url, speed=20, results=tmp_path / "untold"))
    for run in (told, untold):
        assert (run.status, run.items().num_rows, run.failed()) == ("complete", 50, [])


def test_a_speed_that_leaves_a_window_too_few_round_trips_is_refused(tmp_path: Path) -> None:
    """Before the first request, naming the largest that works; no folder is left."""
    results = tmp_path / "results"
    with pytest.raises(BadInput, match=r"less than 20 round trips of 5 ms; use at most --speed 10$"):
        harness.run(ImportConfig(limit="5/s", speed=100, results=results))
    assert not any(results.glob("*"))


@pytest.mark.parametrize("url", ["https://api.example.com/items", "http://127.0.0.1.example.com/", "http://10.0.0.1/"])
def test_an_api_of_others_has_its_own_time(url: str) -> None:
    """Only a test API on this machine can be asked to hurry."""
    with pytest.raises(BadInput, match="--speed belongs to the test API, which --url replaces"):
        ImportConfig(url=url, speed=10)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/api/items", "http://localhost/x", "http://[::1]:8000/api/items"]
)
def test_a_test_api_on_this_machine_may_be_named(url: str) -> None:
    """It may run at that speed, too."""
    assert ImportConfig(url=url, speed=10).speed == 10


def test_what_a_speed_does_not_go_with() -> None:
    """A moment on the wall clock, a number that is none, and another clock."""
    with pytest.raises(BadInput, match="--until is a time by the wall clock"):
        ImportConfig(speed=10, until="06:00")
    for speed in (0.5, float("nan"), "x"):
        with pytest.raises(BadInput, match="speed"):
            ImportConfig(speed=speed)
    with pytest.raises(BadInput, match="needs a clock that runs as fast"):
        trio.run(run_import, ImportConfig(speed=10))


def test_a_run_goes_on_at_its_own_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every setting of its test API."""
    run, _ = in_virtual_time(tmp_path, monkeypatch, speed=100)
    assert config_of(run).speed == 100


def test_the_wire_is_as_slow_as_ever() -> None:
    """A time-out is by the wall clock, and so is a look at the record; the API's time of day runs ahead."""
    assert ImportConfig(speed=50, timeout=2).timeout_s == 100.0
    assert ImportConfig(speed=50, timeout=2).linger_s == 100.0
    assert by_the_wall(2.0) == 2.0

    async def asked() -> tuple[float, float, float]:
        wall, before_s = wall_since(1000.0), trio.current_time()
        await trio.sleep(30.0)
        return by_the_wall(2.0), wall() - 1000.0, trio.current_time() - before_s

    wired_s, passed_s, slept_s = trio.run(asked, clock=clock_at(1000))
    assert wired_s == 2000.0
    assert passed_s >= 30.0
    assert slept_s >= 30.0
