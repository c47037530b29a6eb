"""The network goes wrong

Addresses without a server, unknown names, untrusted certificates, proxies.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from harness_test_api import ServerConfig, running

from harness.errors import BadInput
from tests.faults.imports import answering, catalogue, events, ids, imported, reasons

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def unreached(tmp_path: Path, url: str, **settings: Any) -> str:
    """The failure of a list that could not be reached: said at once, nothing sent, resumable."""
    run = await imported(tmp_path, url, timeout=60, **settings)
    state = run.state()
    assert (run.status, reasons(run), state.requests["list"]) == ("failed", {"could not connect"}, 0)
    assert len(events(run, "AttemptFailed")) == 1
    return run.failed()[0].detail


async def test_nobody_listening(tmp_path: Path) -> None:
    """The run fails at the first request with that reason and can be resumed; no request was counted."""
    assert "ConnectError" in await unreached(tmp_path, f"http://127.0.0.1:{free_port()}/items")


async def test_a_host_that_nobody_knows(tmp_path: Path) -> None:
    """If the name does not resolve, the run fails with the system's message."""
    assert "ConnectError" in await unreached(tmp_path, "http://no-such-host.invalid/items")


async def test_tls_to_a_port_that_speaks_none(tmp_path: Path) -> None:
    """The failure says how the handshake ended; no request is sent."""
    async with running(ServerConfig(items=5, limit="none")) as api:
        detail = await unreached(tmp_path, api.url.replace("http:", "https:"))
        assert api.ledger()["admitted"] == 0
    assert detail.startswith("ConnectError: ")
    assert len(detail) > 20


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    """The failure says that the certificate could not be verified; the token is not sent."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with answering(catalogue(1), ssl=context) as server:
        detail = await unreached(tmp_path, server.url, header="Authorization: Bearer sk-123456")
    assert "CERTIFICATE_VERIFY_FAILED" in detail
    assert server.requests == []


async def test_ipv6(tmp_path: Path) -> None:
    """An address in brackets works like any other."""
    async with running(ServerConfig(items=5, limit="none"), "::1") as api:
        assert api.url.startswith("http://[::1]:")
        run = await imported(tmp_path, api.url)
    assert (run.status, ids(run)) == ("complete", [1, 2, 3, 4, 5])


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every request goes to the proxy, with the full URL and the proxy credentials."""

    def proxy(path: str) -> Any:
        return catalogue(1, 2, last_page=1)(path.removeprefix("http://api.test"))

    async with answering(proxy) as server:
        monkeypatch.setenv(name, server.url.removesuffix("/items"))
        run = await imported(tmp_path, "http://api.test/items?key={env:API_KEY}", header="X-Own: 1")
    assert (run.status, ids(run)) == ("complete", ["1", "2"])
    assert all(request.startswith("GET http://api.test/items") for request in server.requests)
    assert all("key=se%2Fcret" in request.partition("\r\n")[0] for request in server.requests)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "se/cret")


async def test_a_proxy_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails like a server that is not there; NO_PROXY avoids the proxy."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    async with answering(catalogue(1, last_page=1)) as server:
        await unreached(tmp_path, server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        run = await imported(tmp_path / "again", server.url)
    assert run.status == "complete"


@pytest.mark.parametrize("value", ["ftp://u:pa55word@proxy.test", "socks5://127.0.0.1:1"])
async def test_a_proxy_variable_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It is refused in one sentence that does not repeat the value, before anything is written."""
    monkeypatch.setenv("HTTP_PROXY", value)
    with pytest.raises(BadInput, match=r"^HTTP_PROXY, HTTPS_PROXY, .* cannot be used \(\w+\); fix or unset it$"):
        await imported(tmp_path, "http://api.test/items")
    assert not (tmp_path / "results").exists()


async def test_certificates_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If SSL_CERT_FILE names no file, the import is refused before anything is written."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nope.pem"))
    with pytest.raises(BadInput, match="SSL_CERT_FILE"):
        await imported(tmp_path, "http://api.test/items")
    assert not (tmp_path / "results").exists()
