"""The OpenAPI document, and a fuzzer that reads it and attacks the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from harness_test_api import ServerConfig, create_app, running_in_thread
from harness_test_api.shape import WAYS

from tests.asgi import InProcess
from tests.patience import PATIENCE_S


@pytest.mark.anyio
@pytest.mark.parametrize("paging", WAYS)
async def test_the_document_names_every_route_and_the_parameters_of_the_paging(paging: str) -> None:
    """/openapi.json lists what there is, and /docs shows it."""
    app = create_app(ServerConfig(paging=paging))
    async with httpx2.AsyncClient(transport=InProcess(app), base_url="http://api.test") as api:
        paths = (await api.get("/openapi.json")).json()["paths"]
        assert set(paths) == {
            "/api/items", "/api/items/{item_id}", "/_ledger", "/_ledger/decisions",
            "/_truth", "/_ledger/reset", "/_ledger/snapshot", "/_control",
        }  # fmt: skip
        named = {parameter["name"] for parameter in paths["/api/items"]["get"]["parameters"]}
        first = {"page": "page", "link": "page", "offset": "offset", "cursor": "cursor", "keyset": "after"}.get(paging)
        assert first in named or (paging == "single" and not named)
        assert "429" in paths["/api/items"]["get"]["responses"]
        assert "swagger-ui" in (await api.get("/docs")).text


def attack(url: str, folder: Path, *flags: str) -> str:
    """Run schemathesis against a server; returns what it printed, fails when it found something."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "run", f"{url}/openapi.json", "--seed", "1", "--no-color", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.realtime
def test_nothing_the_fuzzer_tries_breaks_the_server(tmp_path: Path) -> None:
    """No server error, no undocumented status, no answer beside its schema, on any route."""
    # Texts that cannot be read (limits, snapshots of another time) are refused though the document cannot say which.
    with running_in_thread(ServerConfig(items=50, limit="none")) as api:
        flags = ["--phases", "fuzzing", "-n", "8", "--exclude-checks", "positive_data_acceptance"]
        printed = attack(api.base_url, tmp_path, *flags)
    assert "8 selected / 8 total" in printed


@pytest.mark.slow
@pytest.mark.parametrize("paging", WAYS)
def test_the_api_keeps_its_document_in_every_way_of_paging(tmp_path: Path, paging: str) -> None:
    """All checks, a hundred examples for each operation of the API itself."""
    # A cursor and a key are texts that the API gave: made-up ones are refused.
    sealed = ["--exclude-checks", "positive_data_acceptance"] if paging in ("cursor", "keyset") else []
    with running_in_thread(ServerConfig(items=50, limit="none", paging=paging)) as api:
        attack(api.base_url, tmp_path, "--include-path-regex", "^/api", "-n", "100", *sealed)
