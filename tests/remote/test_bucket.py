"""What is said of a store that cannot be used, and which URLs name one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import MissingLibrary
from harness.paths import STATE_VARIABLE, results_folder, results_url
from harness.remote.bucket import _plain, open_bucket

_S3 = "Generic S3 error: Error performing PUT http://s3/r?X-Amz-Signature=hidden in 2ms - Server returned non-2xx "


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "status code: 404 Not Found: <Error><Code>NoSuchBucket</Code>",
            "there is no bucket acme; create it, or correct",
        ),
        (
            "status code: 403 Forbidden: <Code>InvalidAccessKeyId</Code>",
            "the access key is not known there; correct AWS_",
        ),
        (
            "status code: 403 Forbidden: <Code>SignatureDoesNotMatch</Code>",
            "the secret does not fit the access key; corr",
        ),
        (
            "status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "access is denied; let these credentials read and wri",
        ),
        ("status code: 401 Unauthorized: x", "the credentials are refused; correct them"),
        (
            "status code: 501 Not Implemented: <Code>NotImplemented</Code>",
            "the store failed (501 Not Implemented NotImplem",
        ),
    ],
)
def test_each_cause_has_a_sentence(said: str, told: str) -> None:
    """By status and code alone: the rest of an answer may hold anything."""
    text = _plain("s3://acme/runs", _S3 + said)
    assert text.startswith(f"s3://acme/runs: {told}")
    assert "hidden" not in text


def test_no_credentials() -> None:
    """The library asks the machine's metadata service then, which is not there."""
    said = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 1ms - HTTP error"
    assert "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in _plain("s3://b/x", said)
    assert "hidden" not in _plain("s3://b/x", "Generic: see http://u/?hidden=1")


@pytest.mark.parametrize("url", ["s3://acme-imports", "s3://acme/a/b.c/d e", "gs://acme/ü"])
def test_the_folder_of_a_url_names_it(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is made; a path of Python's, which makes one slash of two, is taken, and a slash too many."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    for written in (url, url + "/", Path(url)):
        folder = results_folder(written)
        assert results_url(folder) == url
    assert folder.parent == tmp_path / "copies"
    assert not list(tmp_path.iterdir())
    assert results_url(tmp_path / folder.name) is None


@pytest.mark.parametrize("path", ["results", "/a/b%3A", "s3", "./s3:x"])
def test_a_path_is_a_path(path: str) -> None:
    """Whatever is in it."""
    assert results_folder(path) == Path(path)
    assert results_url(Path(path)) is None


@pytest.mark.parametrize("url", ["s3://", "s3://a//b", "s3://b/../c", "s3:///x", "https://x/y", "s3://" + "b" * 300])
def test_what_is_no_url_of_a_bucket(url: str) -> None:
    """Refused by its text."""
    with pytest.raises(ValueError, match=r"names no bucket|is not a folder|is too long"):
        results_folder(url)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingLibrary, match=r"this needs obstore, which is not installed; run: pip install .*\[s3\]"):
        open_bucket("s3://acme/x")


def test_google_opens_by_the_same_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of it here."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    assert open_bucket("gs://acme/x").at("r") == "gs://acme/x/r"


def test_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE is read by boto3, where that is there; one that is none is named."""
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    open_bucket("s3://acme/x")
    monkeypatch.setenv("AWS_PROFILE", "other")
    with pytest.raises(ValueError, match=r"AWS_PROFILE 'other' cannot be used \(ProfileNotFound\); correct"):
        open_bucket("s3://acme/x")
    monkeypatch.setitem(sys.modules, "obstore.auth.boto3", None)
    with pytest.raises(MissingLibrary, match="AWS_PROFILE needs boto3"):
        open_bucket("s3://acme/x")
