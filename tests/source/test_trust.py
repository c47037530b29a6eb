"""Whose certificates are trusted: those that SSL_CERT_FILE names, else the system's, else certifi's."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import httpcore2
import pytest
import trustme

from harness.errors import BadInput
from harness.source import http
from harness.source.http import trusted
from tests.faults.imports import answering, catalogue, ids, imported


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA, tmp_path: Path) -> Path:
    """A file with the authority's certificate."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def no_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Make this a container without the package ca-certificates: what OpenSSL was built to look at is not there."""

    def remove() -> None:
        nowhere = str(tmp_path / "nowhere")
        paths = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", nowhere, "SSL_CERT_DIR", nowhere)  # type: ignore[arg-type]
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        monkeypatch.setattr(httpcore2._ssl, "CA_FILE_CANDIDATES", [])
        monkeypatch.setattr(httpcore2._ssl.platform, "system", lambda: "Linux")

    return remove


def names(context: ssl.SSLContext) -> list[Any]:
    return [dict(part[0] for part in found["subject"]) for found in context.get_ca_certs()]


def server_side(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.anyio
@pytest.mark.realtime
async def test_an_import_with_an_authority_of_ones_own(
    authority: trustme.CA, pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not trusted, the import fails and says what to do; that done, it goes through."""
    async with answering(catalogue(1), ssl=server_side(authority)) as server:
        refused = await imported(tmp_path / "before", server.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        run = await imported(tmp_path / "after", server.url)
    assert refused.status == "failed"
    assert refused.failed()[0].detail == (
        "the server's certificate is not trusted (CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate); "
        "if you trust its issuer, name a file with the issuer's certificate in SSL_CERT_FILE"
    )
    assert (run.status, ids(run)) == ("complete", ["1"])


@pytest.mark.anyio
@pytest.mark.realtime
async def test_a_certificate_for_another_name(
    authority: trustme.CA, pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE could not help, and is not advised."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with answering(catalogue(1), ssl=server_side(authority, "elsewhere.test")) as server:
        run = await imported(tmp_path, server.url)
    detail = run.failed()[0].detail
    assert "CERTIFICATE_VERIFY_FAILED: IP address mismatch" in detail
    assert "SSL_CERT_FILE" not in detail


@pytest.mark.anyio
@pytest.mark.realtime
async def test_an_import_in_a_container_without_certificates(
    authority: trustme.CA,
    pem: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_system: Callable[[], None],
) -> None:
    """certifi's list stands in: here it names the authority, and so the import goes through."""
    no_system()
    monkeypatch.setattr(certifi, "where", lambda: str(pem))
    async with answering(catalogue(1), ssl=server_side(authority)) as server:
        run = await imported(tmp_path, server.url)
    assert (run.status, ids(run)) == ("complete", ["1"])


def test_without_a_system_store_the_list_is_certifis(no_system: Callable[[], None]) -> None:
    """Over a hundred authorities where the system has none, and no request without verification."""
    no_system()
    context = trusted()
    assert len(context.get_ca_certs()) > 100
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_what_is_named_is_all_that_is_trusted(pem: Path, tmp_path: Path, no_system: Callable[[], None]) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR in place of the system's store and of certifi, alone or together."""
    no_system()
    (folder := tmp_path / "folder").mkdir()
    (one,) = names(trusted({"SSL_CERT_FILE": str(pem)}))
    assert one["organizationName"].startswith("trustme")
    assert names(trusted({"SSL_CERT_FILE": str(pem), "SSL_CERT_DIR": str(folder)})) == [one]
    assert names(trusted({"SSL_CERT_DIR": str(folder)})) == []
    assert names(trusted({"SSL_CERT_DIR": f"{folder}{os.pathsep}{tmp_path}"})) == []
    assert len(names(trusted({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}))) > 100  # set to nothing is not set


@pytest.mark.parametrize("in_a_folder", [False, True])
def test_certifi_is_not_loaded_beside_a_store(
    pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_folder: bool
) -> None:
    """It would trust again what an administrator took out of the system's store."""
    (folder := tmp_path / "hashed").mkdir()
    if in_a_folder:
        (folder / "0a1b2c3d.0").write_bytes(pem.read_bytes())
    file = tmp_path / "nowhere" if in_a_folder else pem
    paths = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", str(file), "SSL_CERT_DIR", str(folder))  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(http.platform, "system", lambda: "Linux")
    assert len(names(trusted())) == (0 if in_a_folder else 1)


def test_our_own_server_needs_no_trust() -> None:
    """Without the environment nothing is loaded, and so nothing can be wrong with it."""
    assert names(trusted({"SSL_CERT_FILE": "nowhere"}, trust_env=False)) == []


@pytest.mark.parametrize(
    ("variable", "content", "said"),
    [
        ("SSL_CERT_FILE", None, "SSL_CERT_FILE={} cannot be read (No such file or directory); name a file of"),
        ("SSL_CERT_FILE", "not a certificate\n", "SSL_CERT_FILE={} holds no certificate that can be used; name a file"),
        ("SSL_CERT_FILE", "", "SSL_CERT_FILE={} holds no certificate that can be used; name a file of"),
        ("SSL_CERT_DIR", None, "SSL_CERT_DIR={} names no folder '{}'; name one of certificates, or unset it"),
    ],
)
def test_what_cannot_be_used_is_refused(variable: str, content: str | None, said: str, tmp_path: Path) -> None:
    """One sentence that names the variable, its value, and what to do."""
    path = tmp_path / "it"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput) as caught:
        trusted({variable: str(path)})
    assert str(caught.value).startswith(said.replace("{}", str(path)))


@pytest.mark.anyio
@pytest.mark.realtime
async def test_it_is_refused_before_the_first_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked and nothing written."""
    (bad := tmp_path / "bad.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(bad))
    async with answering(catalogue(1)) as server:
        with pytest.raises(BadInput, match=r"^SSL_CERT_FILE=.* holds no certificate that can be used; "):
            await imported(tmp_path, server.url)
    assert server.requests == []
    assert not (tmp_path / "results").exists()


def test_a_broken_system_store_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_system: Callable[[], None]
) -> None:
    """As where a file of the system holds no certificates at all."""
    no_system()
    (broken := tmp_path / "broken.pem").write_text("no certificate")
    monkeypatch.setattr(httpcore2._ssl, "CA_FILE_CANDIDATES", [str(broken)])
    with pytest.raises(BadInput, match=r"^the system's certificates cannot be read \(SSLError\); mend that store, or"):
        trusted()
