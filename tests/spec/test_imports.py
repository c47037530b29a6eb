"""Imports of declared sources from the test API: what is said first, what run.json keeps, and how a run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_test_api import Api, ServerConfig, running_in_thread

from harness.cli import main
from harness.record.run import find_run
from harness.session.importing import config_of

pytestmark = pytest.mark.realtime


@pytest.fixture
def api() -> Iterator[Api]:
    with running_in_thread(ServerConfig(items=12, limit="none")) as served:
        yield served


def harness(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return int(ended.value.code or 0)


def test_an_import_from_a_file_says_where_the_key_goes_and_goes_on_without_the_file(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first line on standard error; run.json holds the source as it was compiled, without secrets, and enough."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_TOKEN", "tok-123456789")
    monkeypatch.setenv("TRACE", "trace-98765")
    host = api.url.partition("//")[2].partition("/")[0]
    Path("mine.toml").write_text(
        f'limit = "100/s"\n[source]\nname = "shop"\nheaders = {{ X-Trace = "{{env:TRACE}}" }}\n'
        'auth = { type = "bearer", token_env = ["API_TOKEN"] }\n'
        f'[[resource]]\nname = "orders"\nurl = "{api.url}"\n'
    )
    words = ("--config", "mine.toml", "--run", "r", "--max-items", "5", "--progress", "plain")
    assert harness("import", *words) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"API_TOKEN and TRACE go to {host} alone\n")
    written = (tmp_path / "results" / "r" / "run.json").read_text()
    assert "tok-123456789" not in written
    assert "trace-98765" not in written
    kept = json.loads(written)["source"]
    assert (kept["name"], kept["resource"]["name"], kept["resource"]["url"]) == ("shop", "orders", api.url)
    assert kept["auth"] == {"type": "bearer", "token_env": ["API_TOKEN"]}
    Path("mine.toml").unlink()
    again = config_of(find_run(Path("results"), "r")).source.declared()
    assert again is not None
    assert again.as_written() == kept


def test_a_file_of_a_source_fixes_what_a_run_is(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--resume` with a file that declares a source is refused, as any setting is that comes from the run."""
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(f'[[resource]]\nurl = "{api.url}"\n')
    assert harness("import", "--config", "mine.toml", "--run", "r", "--resume") == 2
    assert "[[resource]] comes from the run and cannot change on --resume; leave it out" in capsys.readouterr().err
