"""Whose account a run takes part in, and what becomes of what was learned."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.account.account import Account
from harness.account.store import AccountKey
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.pacing import parse_tiers
from harness.record.limits import remember, remembered
from harness.session.joining import FILE, account_for, keys_of, remembered_in, span_of, taking_part
from harness.settings import resolve

URL = "https://api.example.com/items"
KEY = b"k" * 32
VALUE = "s3cr3t-value-0123456789"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"A": VALUE, "B": "another", "ID": "client-7", "SECRET": "x" * 20}.items():
        monkeypatch.setenv(name, value)


def keys(**settings: Any) -> dict[str | None, AccountKey]:
    config = ImportConfig(url=URL, **settings)
    return keys_of(config, resolve(config), KEY)


def identity(**settings: Any) -> str:
    (key,) = keys(**settings).values()
    assert key.host == "api.example.com"
    return key.identity


def test_a_key_is_the_same_however_it_is_sent() -> None:
    """In a header, in the query, by its variable's name: the value decides, and is not in the identity."""
    same = {
        identity(token_env="A"),
        identity(header=f"Authorization: Bearer {VALUE}"),
        identity(header=f"X-Api-Key: {VALUE}"),
        identity(header="X-Api-Key: {env:A}"),
        identity(token_env="A", auth="query:key"),
    }
    assert len(same) == 1
    assert VALUE not in same.pop()
    assert identity(token_env="B") != identity(token_env="A")


def test_without_a_key_it_is_the_hosts_and_a_header_that_is_no_secret_is_none() -> None:
    assert identity() == ""
    assert identity(header="Accept: application/json") == ""


def test_another_store_has_another_hash_of_the_same_key() -> None:
    config = ImportConfig(url=URL, token_env="A")
    found = {one.identity for key in (KEY, b"l" * 32) for one in keys_of(config, resolve(config), key).values()}
    assert len(found) == 2


def test_oauth_is_known_by_its_client_not_by_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens change, and so may the secret."""
    about = {"token_url": "https://api.example.com/token", "client_id_env": "ID", "client_secret_env": "SECRET"}
    before = identity(**about)
    monkeypatch.setenv("SECRET", "y" * 20)
    assert identity(**about) == before
    monkeypatch.setenv("ID", "client-8")
    assert identity(**about) != before


def test_several_keys_have_an_account_each_unless_people_say_otherwise() -> None:
    several = keys(token_env=["A", "B"])
    assert list(several) == ["A", "B"]
    assert len({key.identity for key in several.values()}) == 2
    assert {key.identity for key in keys(token_env=["A", "B"], account="plan-7").values()} == {"name:plan-7"}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_no_secret_is_in_the_file_and_only_the_user_reads_it(state: Path) -> None:
    """Not in its tables, not in its pages."""

    async def main() -> None:
        async with taking_part(ImportConfig(url=URL, token_env="A"), "a check") as (account, _):
            assert account is not None

    trio.run(main)
    assert VALUE.encode() not in (state / FILE).read_bytes()
    assert (state / FILE).stat().st_mode & 0o077 == 0
    with sqlite3.connect(state / FILE) as db:
        assert [row[0] for row in db.execute("SELECT label FROM account")] == ["A"]
    db.close()


def test_what_older_versions_learned_is_taken_over_once_and_forgotten_when_asked(state: Path, tmp_path: Path) -> None:
    """From beside the runs into the account; there it stays, whatever becomes of the file."""
    remember(tmp_path, "api.example.com", parse_tiers("100/7s"), 0.0)

    async def learned(**settings: Any) -> object:
        config = ImportConfig(url=URL, results=tmp_path, **settings)
        account = await account_for(config, "r")
        assert isinstance(account, Account)
        try:
            return await remembered_in(account, config)
        finally:
            await account.close()

    assert trio.run(learned) == parse_tiers("100/7s")
    remember(tmp_path, "api.example.com", parse_tiers("1/1h"), 0.0)
    assert trio.run(learned) == parse_tiers("100/7s")

    async def forgetting() -> object:
        return await learned(forget_limits=True)

    assert trio.run(forgetting) == ()
    assert trio.run(learned) == ()
    assert remembered(tmp_path, "api.example.com") == ()


def test_neither_a_test_api_nor_virtual_time_has_an_account(state: Path) -> None:
    async def main(config: ImportConfig) -> object:
        return await account_for(config, "r")

    assert trio.run(main, ImportConfig()) is None
    assert trio.run(main, ImportConfig(url=URL, budget="none")) is None
    assert trio.run(main, ImportConfig(url=URL), clock=trio.testing.MockClock(autojump_threshold=0)) is None
    assert not state.exists()


def test_an_account_of_the_future_is_refused_where_it_was_named_and_done_without_where_not(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer version wrote it: one line, and the run paces by itself."""
    state.mkdir()
    with sqlite3.connect(state / FILE) as db:
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
        db.execute("INSERT INTO meta VALUES ('schema', 99)")
    db.close()

    async def main() -> object:
        return await account_for(ImportConfig(url=URL), "r")

    assert trio.run(main) is None
    (line,) = (record.getMessage() for record in caplog.records)
    assert "newer version" in line
    assert "paces by itself" in line


def test_a_store_that_is_not_there_is_bad_input() -> None:
    async def main() -> object:
        return await account_for(ImportConfig(url=URL, budget="redis://127.0.0.1:1"), "r")

    with pytest.raises(BadInput, match=r"127\.0\.0\.1:1.*check --budget$"):
        trio.run(main)


def test_what_may_count_reaches_two_windows_back() -> None:
    """A sliding counter weighs the one before."""
    assert span_of(()) == 120.0
    assert span_of(parse_tiers("10/1s+100/1h")) == 7200.0
