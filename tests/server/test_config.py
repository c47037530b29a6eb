"""One definition of every setting: Python, TOML, scenarios and flags agree."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness_test_api import BadConfig, ServerConfig, cli, foreground, scenarios
from harness_test_api.config import settings
from harness_test_api.tiers import Tier

TOML = """
about = "a server for this test"
items = 12
limit = ["5/1s", "9/10s:log"]
latency = "lognormal:80ms"
require-key = true
fault = ["503:rate=1%", "reset:items=3"]
cost = { list = 2 }

[plan]
pro = "50/1s"

[api-key]
k1 = "pro"
"""


def test_toml_says_what_python_says(tmp_path: Path) -> None:
    """The same settings, written as TOML with dashes and tables, give the same config."""
    path = tmp_path / "server.toml"
    path.write_text(TOML)
    expected = ServerConfig(
        items=12,
        limit="5/1s+9/10s:log",
        latency="lognormal:80ms",
        require_key=True,
        fault=("503:rate=1%", "reset:items=3"),
        cost="list=2",
        plan="pro=50/1s",
        api_key="k1=pro",
    )
    config = ServerConfig.from_toml(path)
    assert config.parsed == expected.parsed
    assert config.parsed.plans == {"default": (Tier(5, 1.0), Tier(9, 10.0, "log")), "pro": (Tier(50, 1.0),)}
    assert (config.items, config.require_key) == (12, True)
    assert ServerConfig.from_toml(path, items=7).items == 7


@pytest.mark.parametrize(
    ("text", "word"),
    [("items = ", "cannot be read"), ("speed = 3", "unknown setting 'speed'"), ("items = 'x'", "whole number")],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, word: str) -> None:
    """Broken TOML, an unknown name, a wrong type."""
    path = tmp_path / "server.toml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=word):
        ServerConfig.from_toml(path)


def test_a_file_that_is_not_there_is_named() -> None:
    """The message says which."""
    with pytest.raises(BadConfig, match=r"nowhere\.toml"):
        ServerConfig.from_toml("nowhere.toml")


def test_every_setting_has_a_flag_with_its_help() -> None:
    """--help is made from the settings, and names each with its default."""
    text = CliRunner().invoke(cli.main, ["--help"]).output
    for setting in settings():
        assert f"--{setting.name.replace('_', '-')} " in text
        assert setting.help.split()[0] in text
    assert "500/20s+2000/100s" in text


def test_flags_win_over_the_file_and_the_file_over_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three layers, the later wins; what no layer says is the default."""
    served: list[ServerConfig] = []
    monkeypatch.setattr(foreground, "serve_until_stopped", lambda config, *rest: served.append(config))
    path = tmp_path / "server.toml"
    path.write_text("items = 12\nlatency = '1s'\n")
    flags = ["--scenario", "github", "--config", str(path), "--latency", "2s", "--limit", "5/1s", "--limit", "9/9s"]
    result = CliRunner().invoke(cli.main, [*flags, "--no-total", "--slots", "0"])
    assert (result.exit_code, result.output) == (0, "")
    (config,) = served
    assert (config.dialect, config.items, config.latency, config.seed) == ("github", 12, "2s", 0)
    assert (config.limit, config.no_total, config.fault_header) == (("5/1s", "9/9s"), True, False)


@pytest.mark.parametrize(
    ("flag", "text", "bare"),
    [
        ("--latency", "80", "80"),
        ("--latency", " 1.5", "1.5"),
        ("--latency", "uniform:20-80ms", "20"),
        ("--latency", "uniform:20ms-80", "80"),
        ("--latency", "lognormal:80:sigma=0.5", "80"),
        ("--latency", "bimodal:50ms-1:share=5%", "1"),
        ("--idle-timeout", "5", "5"),
        ("--idle-reset", "2", "2"),
        ("--plan-change", "30:default=100/20s", "30"),
    ],
)
def test_a_duration_that_is_typed_without_a_unit_is_refused(flag: str, text: str, bare: str) -> None:
    """80 may be meant as 80 ms or as 80 s: nothing is served, and the sentence says what to write."""
    result = CliRunner().invoke(cli.main, [flag, text])
    assert result.exit_code == 2
    assert result.output == f"Error: {flag}: {bare} has no unit; write {bare}ms, {bare}s or {bare}m\n"


@pytest.mark.parametrize(
    "flags",
    [
        ("--latency", "0"),
        ("--latency", "0.0"),
        ("--latency", "lognormal:80ms:sigma=0.5"),
        ("--idle-reset", ""),
        ("--latency", "2", "--until-stdin-closes"),
    ],
)
def test_0_needs_no_unit_and_a_program_means_seconds(flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does a file, in which a text has always been read so."""
    served: list[ServerConfig] = []
    monkeypatch.setattr(foreground, "serve_until_stopped", lambda config, *rest: served.append(config))
    result = CliRunner().invoke(cli.main, list(flags))
    assert (result.exit_code, result.output) == (0, "")
    assert len(served) == 1


def test_scenarios_are_listed_by_the_command() -> None:
    """One line each, name first."""
    lines = CliRunner().invoke(cli.main, ["--list-scenarios"]).output.splitlines()
    assert [line.split()[0] for line in lines] == scenarios.names()


DOC = Path(__file__).parents[2] / "docs" / "test-api.md"


def test_the_page_names_every_setting_and_scenario() -> None:
    """docs/test-api.md has a row for each."""
    text = DOC.read_text(encoding="utf-8")
    missing = [s.name for s in settings() if f"`{s.name.replace('_', '-')}`" not in text]
    missing += [name for name in scenarios.names() if f"`{name}`" not in text]
    assert missing == []


def test_the_commands_on_the_page_are_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `python -m harness server` line of the page is taken by the command line."""
    served: list[ServerConfig] = []
    monkeypatch.setattr(foreground, "serve_until_stopped", lambda config, *rest: served.append(config))
    monkeypatch.chdir(DOC.parents[1])
    commands = re.findall(r"^python -m harness server (.*)$", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        result = CliRunner().invoke(cli.main, shlex.split(command, comments=True))
        assert result.exit_code == 0, (command, result.output)
    assert len(served) >= len(commands) - 1  # one of them lists the scenarios


def test_the_toml_on_the_page_is_a_config(tmp_path: Path) -> None:
    """Each TOML block of the page can be served."""
    blocks = re.findall(r"```toml\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        ServerConfig.from_toml(path)


def test_the_container_starts_what_the_command_line_takes() -> None:
    """The Dockerfile copies what exists and its entry point is a command line."""
    root = DOC.parents[1]
    lines = (root / "server" / "Dockerfile").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY"):
            for source in shlex.split(line)[1:-1]:
                assert (root / source).exists(), source
    (entry,) = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in lines if line.startswith("ENTRYPOINT ")]
    assert entry[:4] == ["python", "-P", "-m", "harness_test_api"]
    assert CliRunner().invoke(cli.main, [*entry[4:], "--list-scenarios"]).exit_code == 0
