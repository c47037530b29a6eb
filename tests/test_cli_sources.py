"""Presets, settings files and bad ones, as somebody meets them who types them for the first time."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness.spec.presets import names
from tests.test_cli import run

URL = "https://api.example.com/v2/orders"
DECLARED = f'[source]\n[[resource]]\nurl = "{URL}"\nrecords = "data"\n'


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is but what a test writes."""
    monkeypatch.chdir(tmp_path)


def test_the_known_apis_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each by its name, with what it is and its limits; then what to type next."""
    code, out, _ = run(capsys, "presets")
    assert code == 0
    listed = [line.split()[0] for line in out.splitlines() if line[:2] == "  " and line[2:3].strip()]
    assert listed == names()
    assert "  notion         Notion: the pages of a database (3/s)\n" in out
    assert out.endswith("import --preset NAME --url URL\n")


def test_one_preset_is_a_file_to_start_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is printed is the preset; the advice beside it is not in the way. As a file of one's own it is taken."""
    code, out, err = run(capsys, "presets", "github")
    assert (code, tomllib.loads(out)["id"]) == (0, "number")
    assert "check --preset github --url https://api.github.com/repos/OWNER/REPO/issues --token-env API_TOKEN" in err
    (tmp_path / "mine.toml").write_text(out)
    code, again, err = run(capsys, "presets", "./mine.toml")
    assert (code, again) == (0, out)
    assert "check --preset ./mine.toml --url" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["presets", "githb"], "--preset 'githb' is not known; did you mean github?"),
        (["presets", "./typo.toml"], "unknown setting 'recods' in ./typo.toml; leave it out, or write records"),
        (["import", "--preset", "githb", "--url", URL], "--preset 'githb' is not known; did you mean github?"),
        (["check", "--preset", "./no.toml", "--url", URL], "--preset ./no.toml cannot be read (No such file"),
        (["import", "--preset", "./orders.toml", "--url", URL], "[[resource]] in ./orders.toml declares a source, not"),
        (["import", "--preset", "github", "--config", "orders.toml"], "--preset and [[resource]] in orders.toml both"),
        (["import", "--config", "two.toml"], "two.toml declares 2 resources, and one is read; keep one in this file"),
        (["import", "--preset", "github", "--plan", "gold", "--url", URL], "--plan 'gold' is not known of github; use"),
        (["import", "--plan", "gold", "--url", URL], "--plan is a plan of a preset's API; add --preset, or give its"),
        (
            ["import", "--preset", "github", "--url", URL, "--token-env", "NOT_SET"],
            "--token-env names the variable NOT_SET, which",
        ),
        (["import", "--url", URL, "--header", "X-Key: {env:NOT_SET}"], "--header names the variable NOT_SET, which is"),
        (["recommend", "--from", "a", "--config", "orders.toml"], "--from and --config both say what is imported;"),
        (["recommend", "--config", "no.toml"], "--config no.toml cannot be read (No such file or directory); name a"),
        (["simulate", "--preset", "./mine.toml"], "--preset FILE needs the URL of a list; add --url, or --scenario to"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It says where, and what to do; nothing is written."""
    (tmp_path / "orders.toml").write_text(DECLARED)
    (tmp_path / "two.toml").write_text(DECLARED + f'[[resource]]\nurl = "{URL}"\n')
    (tmp_path / "mine.toml").write_text('url = "https://api.example.com/orders"\nrecords = "data"\n')
    (tmp_path / "typo.toml").write_text('recods = "data"\n')
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert err.startswith(f"harness: {said}")
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_recommendation_from_a_settings_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its limits are simulated, and the import that it names is of that file."""
    (tmp_path / "orders.toml").write_text('limit = "20/s"\n' + DECLARED)
    code, out, _ = run(capsys, "recommend", "--config", "orders.toml", "--items", "60", "--latency", "50ms")
    assert code == 0
    assert "  limits                   20/1s; latency 50ms\n" in out
    assert "import --config orders.toml --workers 1" in out


@pytest.mark.realtime
def test_a_first_page_that_cannot_be_read_leads_to_a_check(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the server's own words; resuming is advised only where it could help: with another key, say."""
    monkeypatch.setenv("API_TOKEN", "abc123456")
    server = ServerConfig.from_mapping({"items": 20, "paging": "keyset", "shape": ["strict=true", "bad-status=400"]})
    with running_in_thread(server) as api:
        args = ("--url", api.url, "--token-env", "API_TOKEN", "--param", "colour=red", "--progress", "none")
        code, out, _ = run(capsys, "import", *args, "--run", "a", "--no-detail")
    assert code == 3
    assert "(status 400: Bad Request, " in out
    assert "colour" in out
    assert f"-m harness check --url {api.url} --param colour=red --no-detail --token-env API_TOKEN\n" in out
    assert "resume" not in out
    with running_in_thread(server) as api:
        Path("orders.toml").write_text(f'url = "{api.url}"\nparam = "colour=red"\n')
        code, out, _ = run(
            capsys, "import", "--config", "orders.toml", "--progress", "none", "--no-detail", "--run", "f"
        )
    assert code == 3
    assert "-m harness check --config orders.toml --no-detail\n" in out
    locked = ServerConfig.from_mapping({"items": 20, "auth": ["bearer"], "api_key": ["k-123=default"]})
    with running_in_thread(locked) as api:
        code, out, _ = run(capsys, "import", "--url", api.url, "--progress", "none", "--run", "b")
    assert code == 3
    assert "(status 401: Unauthorized, " in out
    assert "-m harness resume b" in out


@pytest.mark.realtime
def test_the_check_that_saves_is_typed_with_its_headers(capsys: pytest.CaptureFixture[str]) -> None:
    """One that is no secret as it is, one that is by its name alone; its file imports."""
    about = {"items": 5, "limit": "none", "shape": ["needs=header:X-Version", "list-fields=all"]}
    with running_in_thread(ServerConfig.from_mapping(about)) as api:
        typed = ("--header", "X-Version: 3", "--header", "X-Secret: abc123456")
        code, out, _ = run(capsys, "check", "--url", api.url, *typed)
        assert code == 0
        advised = out.partition("Save it:")[2].splitlines()[0]
        assert "--header 'X-Version: 3' --header 'X-Secret: …'" in advised
        assert run(capsys, "check", "--url", api.url, *typed, "--save", "items.toml")[0] == 0
        assert "abc123456" not in Path("items.toml").read_text()
        code, out, _ = run(capsys, "import", "--config", "items.toml", "--progress", "none")
        assert (code, out.split()[1]) == (0, "complete")
        code, _, err = run(capsys, "check", "--url", api.url)
    assert code == 2
    assert err.startswith('harness: the list cannot be read (status 400: Bad Request, "X-Version is missing; ')
