"""An import of a stand-in in virtual time: the session, the client, HTTP and the record are the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from harness_test_api import ServerConfig, Service, create_app

from harness.config import ImportConfig
from harness.record.run import Run
from harness.session.checking import Checked, check
from harness.session.importing import http_api, import_into, prepared
from harness.session.planning import Outlook, look_ahead
from harness.source import client
from tests.asgi import InProcess
from tests.presets.stub import Stub

EPOCH_S = 1_764_000_000.0


OPENED = client.open_client


def imported(stub: Stub, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Run:
    """Import from `stub` with these settings; the run, complete or not."""
    return imported_by(ImportConfig(results=folder / "results", run="r", **settings), stub, monkeypatch)


def imported_by(config: ImportConfig, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Import from `stub` by a config; the run, complete or not."""
    _answered_by(stub, monkeypatch)
    return trio.run(_import, config, clock=trio.testing.MockClock(autojump_threshold=0))


def checked(config: ImportConfig, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Checked:
    """Look at `stub` as `check` does."""
    _answered_by(stub, monkeypatch)
    return trio.run(_check, config, clock=trio.testing.MockClock(autojump_threshold=0))


def looked_ahead(config: ImportConfig, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Outlook:
    """Look at `stub` as a dry run does."""
    _answered_by(stub, monkeypatch)
    return trio.run(_look_ahead, config, clock=trio.testing.MockClock(autojump_threshold=0))


def _answered_by(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_client(*args: Any, **about: Any) -> Any:
        return OPENED(*args, **{**about, "transport": InProcess(stub)})

    monkeypatch.setattr(client, "open_client", open_client)


async def _check(config: ImportConfig) -> Checked:
    assert config.source.url is not None
    async with http_api(config, config.source.url) as api:
        return await check(api, config, EPOCH_S)


async def _look_ahead(config: ImportConfig) -> Outlook:
    assert config.source.url is not None
    async with http_api(config, config.source.url) as api:
        return await look_ahead(api, config)


async def at_test_api(
    server: Mapping[str, Any], config: ImportConfig, monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, dict[str, Any]]:
    """Import from a test API with the settings `server`, whatever host the URL names; the run, and its counts."""
    service = opened_at_test_api(server, monkeypatch)
    return await _import(config), service.report()


def opened_at_test_api(server: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Service:
    """Make every client that is opened from now on ask a test API with the settings `server`."""
    about = ServerConfig.from_mapping(server)
    service = Service(about, trio.current_time())
    app, opened = create_app(about, service), client.open_client
    monkeypatch.setattr(
        client, "open_client", lambda *args, **how: opened(*args, **{**how, "transport": InProcess(app)})
    )
    return service


async def _import(config: ImportConfig) -> Run:
    assert config.source.url is not None
    with prepared(config) as run:
        async with http_api(config, config.source.url) as api:
            return await import_into(run, config, api, config.source.url, inline=True)


def rows_of(run: Run) -> list[dict[str, Any]]:
    """Return the items as they were, but for fields without a value."""
    return [{name: value for name, value in row.items() if value is not None} for row in run.items().to_pylist()]


def with_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as they are kept: where a record's id goes by another name, a column `id` has it too."""
    named = [next(row[name] for name in ("id", "Id", "ID", "_id") if name in row) for row in rows]
    return [{"id": name, **row} for name, row in zip(named, rows, strict=True)]
