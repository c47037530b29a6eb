"""D11, D12: a run says in one line that another has just used its host and key, or does so now."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.record.clock import Boot
from harness.record.sent import SentCounter
from harness.session.importing import prepare_run
from harness.session.session import Session
from harness.spec.source import BearerAuth, Resource, Source

URL = "http://api.example.com/orders"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "t0ken-5ecret")
    monkeypatch.setenv("B_TOKEN", "t0ken-5ecret")


def config(results: Path, run: str, **settings: object) -> ImportConfig:
    named = {"url": URL, "limit": "50/1s+100/20s", "token_env": "A_TOKEN", "results": results, "run": run, **settings}
    return ImportConfig(**named)  # type: ignore[arg-type]


def lines(caplog: pytest.LogCaptureFixture, settings: ImportConfig, now: Boot) -> list[str]:
    """What a session that begins `now` says."""
    run = prepare_run(settings)
    with run.locked(), caplog.at_level(logging.WARNING, "harness"):
        Session(run, settings, inline=True, machine=lambda: now)
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    shutil.rmtree(run.folder)
    return said


def has_sent(settings: ImportConfig, at: Boot) -> None:
    """A run that sent its last request then."""
    counter = SentCounter(prepare_run(settings).folder)
    counter.add(0.0, at)
    counter.close()


def test_right_after_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """D11: within the longest window it says who, how long ago and what to do; after it, nothing; no secret in it."""
    has_sent(config(tmp_path, "first"), Boot("b", 100.0))
    (said,) = lines(caplog, config(tmp_path, "second"), Boot("b", 107.5))
    first, rest = said.split(": ")
    assert first == "run first sent to this host with this key 8s ago, which may still count"
    assert rest == "some requests may be refused at first; wait 13s before you start, or use less with --share 50%"
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 121.0)) == []
    assert lines(caplog, config(tmp_path, "second", limit=None), Boot("b", 121.0)) != []  # nothing known: a minute


def test_long_times_are_minutes_and_hours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody counts to 3220 seconds."""
    has_sent(config(tmp_path, "first"), Boot("b", 100.0))
    (said,) = lines(caplog, config(tmp_path, "second", limit="100/h"), Boot("b", 480.0))
    assert "7 min ago" in said
    assert "wait 54 min before you start" in said
    (said,) = lines(caplog, config(tmp_path, "third", limit="100/d"), Boot("b", 480.0))
    assert "wait 24 h before you start" in said


@pytest.mark.parametrize(
    "other", [{"url": "http://api.example.com:8080/orders"}, {"token_env": "B_TOKEN"}, {"token_env": None}]
)
def test_another_host_or_key_is_no_neighbour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, other: dict[str, object]
) -> None:
    """By their names: the value of a key is kept nowhere."""
    has_sent(config(tmp_path, "first", **other), Boot("b", 100.0))
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 101.0)) == []


def test_another_list_of_the_same_host_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The limits are those of the key; also by a header, whose name is kept."""
    header = {"token_env": None, "header": "X-Api-Key: abcdefgh"}
    has_sent(config(tmp_path, "first", url="http://api.example.com/users", **header), Boot("b", 100.0))
    assert len(lines(caplog, config(tmp_path, "second", **header), Boot("b", 101.0))) == 1
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 101.0)) == []


@pytest.mark.parametrize(
    "auth",
    [
        {"token_url": "https://login.example.com/t", "client_id_env": "A_TOKEN", "client_secret_env": "B_TOKEN"},
        {"source": Source(resource=Resource(url=URL), auth=BearerAuth(token_env=("A_TOKEN",)))},
    ],
)
def test_a_key_that_a_source_declares_is_the_same_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, auth: dict[str, object]
) -> None:
    """A client of OAuth2, or the auth of a declared source: run.json holds the names of its variables."""

    def named(run: str) -> ImportConfig:
        given = {"url": URL, "limit": "50/1s+100/20s", "results": tmp_path, "run": run, **auth}
        return ImportConfig(**{name: value for name, value in given.items() if "source" not in auth or name != "url"})

    has_sent(named("first"), Boot("b", 100.0))
    assert len(lines(caplog, named("second"), Boot("b", 101.0))) == 1
    assert lines(caplog, config(tmp_path, "third", token_env="B_TOKEN"), Boot("b", 101.0)) == []


def test_at_the_same_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """D12: one that is being written now, whenever it sent last, comes before all that are over."""
    has_sent(config(tmp_path, "over"), Boot("b", 100.5))
    first = config(tmp_path, "first")
    has_sent(first, Boot("b", 1.0))
    with prepare_run(first.with_settings(resume=True)).locked():
        (said,) = lines(caplog, config(tmp_path, "second"), Boot("b", 101.0))
    assert said == (
        f"run first is importing from this host with this key now, in process {os.getpid()}: both may be refused; "
        "let it end first, or give each a part with --share 50%"
    )


def test_a_run_of_another_start_or_of_the_test_api_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the machine was started it was long ago; a test API of our own is a new one each time."""
    has_sent(config(tmp_path, "first"), Boot("a", 100.0))
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 101.0)) == []
    own = {"url": None, "token_env": None}
    has_sent(config(tmp_path, "own", **own), Boot("b", 100.0))
    assert lines(caplog, config(tmp_path, "second", **own), Boot("b", 101.0)) == []


def test_a_run_that_cannot_be_read_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damaged, or of another program."""
    has_sent(config(tmp_path, "first"), Boot("b", 100.0))
    (tmp_path / "first" / "run.json").write_text('{"config": {"url": 5, "header_names": [1]}}')
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 101.0)) == []
    (tmp_path / "first" / "run.json").write_text("{")
    assert lines(caplog, config(tmp_path, "second"), Boot("b", 101.0)) == []
