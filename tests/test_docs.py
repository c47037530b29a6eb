"""The documents cannot lie: commands are parsed, Python is run, tables are compared with what they describe."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import trio
import yaml
from harness_test_api.cli import main as server_cli
from trio.testing import MockClock

from harness.cli.main import cli
from harness.errors import BadInput
from harness.record.arrow import EVENT_SCHEMA
from harness.record.state import MOVES
from harness.session.checking import Checked, check
from harness.session.importing import http_api
from harness.settings import read_settings
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.presets.play import at_test_api, opened_at_test_api

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(text: str) -> list[str]:
    """Every `python -m …` in a page, in code blocks and in passing."""
    found = re.findall(r"python -m harness[^`\n|#…]*", text)
    return [command.strip() for command in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_docs_is_one(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, flags and values are taken by the command line as they stand."""
    monkeypatch.setenv("API_TOKEN", "x")
    for command in commands(page.read_text()):
        _, _, _, *words = shlex.split(command)
        if words[:1] == ["server"]:
            server_cli.make_context("server", words[1:], resilient_parsing="--help" in words or "-h" in words)
        elif words and "--help" not in words:
            parse(words)


def parse(words: list[str]) -> None:
    with click.Context(cli) as group:
        name, command, rest = cli.resolve_command(group, words)
        assert command is not None, f"{name} is no command"
        parsed = command.make_context(name, rest, parent=group)
    flags = {key: value for key, value in parsed.params.items() if value not in (None, ()) and key != "toml"}
    if name == "import" and flags.get("workers") != "0":  # of which the README shows what it says: see below
        read_settings(flags, None, {})


def test_the_readme_shows_what_a_bad_value_says() -> None:
    """The sentence is the program's own."""
    with pytest.raises(BadInput) as said:
        read_settings({"workers": "0"}, None, {})
    assert f"$ python -m harness import --workers 0\nharness: {said.value}\n" in README


def test_the_readme_shows_what_check_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a test API in that shape, whose answers take 90 ms."""
    monkeypatch.setenv("API_TOKEN", "abc123456")
    shape = [
        "list=/v2/orders",
        "records=data.orders",
        "id=order_id",
        "cursor-param=after",
        "size-param=limit",
        "size=25",
    ]
    server = {
        **{"items": 250, "paging": "cursor", "limit": "100/m", "latency": "90ms", "auth": ["bearer"]},
        "shape": [*shape, "tell=meta.next=cursor", "item-records=order"],
    }
    url = "https://api.example.com/v2/orders"
    config = read_settings({"url": url, "token_env": ["API_TOKEN"]}, None, {})

    async def main() -> Checked:
        opened_at_test_api(server, monkeypatch)
        async with http_api(config, url, keep_records=True) as api:
            return await check(api, config, 0.0)

    found = replace(trio.run(main, clock=MockClock(autojump_threshold=0)), skew_s=None)
    assert f"```\n{check_text(found, Screen(), program='python -m harness')}\n```\n" in README


def test_the_readme_names_every_command() -> None:
    """A command that the README does not know is one that nobody finds."""
    for name in cli.commands:
        assert f"python -m harness {name}" in README


OPERATING = (ROOT / "docs/operating.md").read_text()


@pytest.mark.realtime
def test_the_python_of_the_operating_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Imported, steered, followed and exported, as it stands."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", OPERATING, re.DOTALL)
    exec(compile(block, "operating.md", "exec"), {"__name__": "operating"})
    assert capsys.readouterr().out == "complete 40 40\n"


@pytest.mark.realtime
@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_python_of_the_readme_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each example is run as it stands and prints what one expects of it."""
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    said = capsys.readouterr().out
    assert said.startswith("complete ") or said == "0\n"


def test_the_states_of_an_item_are_the_table_of_the_record() -> None:
    """Every move that the fold makes is in the document, and no other."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(
        r"^\| ([a-z ]+) \| ([a-z, -]+) \| [^|]* ?\|$", text.partition("## States of an item")[2], re.MULTILINE
    )
    told = {was: set() if to == "-" else set(to.split(", ")) for was, to in rows if was != "from"}
    assert told == {was or "not listed": set(to) for was, to in MOVES.items()}


def test_every_module_that_the_architecture_page_names_exists() -> None:
    """Each name in the table of rooms is a module, or something that a module of that room defines."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [
        line.split(" | ")
        for line in page.split("## Three walks")[0].splitlines()
        if re.match(r"\| `(harness|server)", line)
    ]
    assert len(rooms) > 10
    for room, what, _ in rooms:
        place = ROOT / re.findall(r"`([^`]+)`", room)[0]
        assert place.exists(), place
        for name in re.findall(r"`([a-z_]+)`", what):
            near = [place / f"{name}.py", place / name, ROOT / "harness" / name, ROOT / "server" / name]
            command = name in cli.commands
            assert command or any(path.exists() for path in near), f"{name} in {place.relative_to(ROOT)}"


def test_the_architecture_page_names_the_modules_that_decide() -> None:
    """Every module of the core, where a reader looks for what decides something."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = [path.stem for path in (ROOT / "harness" / "core").glob("[a-z]*.py")]
    assert len(named) > 10
    assert [name for name in named if f"`{name}`" not in page] == []


def test_the_walks_of_the_architecture_page_are_true() -> None:
    """Every function that a walk names is in the file it names, and a walk opens at most three files of a room."""
    page = (ROOT / "docs" / "architecture.md").read_text().split("## Three walks")[1].split("\n## ")[0]
    walks = page.split("\n**")[1:]
    assert len(walks) == 3
    for walk in walks:
        steps = re.findall(r"^\| `([\w/]+\.py)` `([\w.]+)` \|", walk, re.MULTILINE)
        assert len(steps) >= 9
        files: dict[Path, set[str]] = {}
        for path, name in steps:
            body: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
            for part in name.split("."):
                found = [node for node in body if getattr(node, "name", None) == part]
                assert found, f"{path} has no {name}"
                body = getattr(found[0], "body", [])
            files.setdefault((ROOT / path).parent, set()).add(path)
        assert max(map(len, files.values())) <= 3


def test_results_readme_describes_every_column() -> None:
    """Name and type of each column of the events, in order."""
    text = (ROOT / "results/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", text, re.MULTILINE)
    short = {"list<element: string>": "list of string", "list<item: string>": "list of string"}
    assert rows == [(field.name, short.get(str(field.type), str(field.type))) for field in EVENT_SCHEMA]


def test_environment_yml_holds_what_pyproject_does() -> None:
    """conda users get the same floors; extras in brackets are pip's business."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    given = [*project["dependencies"], *extras["server"], *extras["report"], *extras["notebooks"]]
    given = [need for need in given if not need.startswith(project["name"])]  # an extra that holds another
    wanted = {re.sub(r"\[.*?\]", "", need).replace(" ", "") for need in given}
    wanted.add("python" + project["requires-python"])
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    needs = [need for need in environment["dependencies"] if isinstance(need, str) and need != "pip"]
    needs += next(need["pip"] for need in environment["dependencies"] if isinstance(need, dict))
    assert {need.replace(" ", "") for need in needs} == wanted


def test_nothing_committed_names_this_machine_or_a_host_of_packages() -> None:
    """Constraints are names and versions alone."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s/]+( ; .*)?", line) for line in lines)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    """Each relative link is a file of the project."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


SOURCES = (ROOT / "docs/sources.md").read_text()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples name."""
    for name in ("API_TOKEN", "ACCOUNT", "API_VERSION", "CLIENT_ID", "CLIENT_SECRET", "OTHER_TOKEN"):
        monkeypatch.setenv(name, "abc123456")


PLAYED = re.findall(r"<!-- test API: (\{.*?\}) -->\n```toml\n(.*?)```", SOURCES, re.DOTALL)
DECLARED = [
    block for block in re.findall(r"```toml\n(.*?)```", SOURCES, re.DOTALL) if block not in dict(PLAYED).values()
]


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(("about", "block"), PLAYED)
def test_the_examples_of_the_page_of_sources_import(
    about: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each against the test API in the shape that its comment says: every item, whole, once, in the list's order."""
    (tmp_path / "x.toml").write_text(block)
    config = read_settings({"results": tmp_path / "results", "run": "r"}, tmp_path / "x.toml", {})
    server = {"items": 7, "limit": "none", **json.loads(about)}
    run, report = trio.run(at_test_api, server, config, monkeypatch, clock=MockClock(autojump_threshold=0))
    assert (run.status, run.failed()) == ("complete", [])
    assert (report["refused"] > 0) == ("refused_when" in block)
    rows = run.items().to_pylist()
    assert [int(row["name"].split()[-1]) for row in rows] == [*range(1, 8)]
    assert all("price" in row for row in rows)


def test_each_kind_of_paging_has_an_example_that_imports() -> None:
    """And so do batches, envelopes, ids of several fields, lists without details and an auth."""
    text = "".join(block for _, block in PLAYED)
    assert {*re.findall(r'paging = "(\w+)"', text)} == {"page", "link", "keyset", "single"}
    for word in (
        "{offset}",
        "cursor_param",
        "{cursor}",
        "{ids:100}",
        "item_records",
        '["shelf", "box"]',
        "detail = false",
    ):
        assert word in text
    for auth in ("header:X-Api-Key", "query:api_key", "oauth/token", 'type = "basic"'):
        assert auth in text
    for setting in ("end = ", "refused_when = ", "fail_when = ", "same_host = "):
        assert setting in text


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("block", DECLARED)
def test_the_toml_of_the_page_of_sources_declares_a_source(block: str, tmp_path: Path) -> None:
    """Each block is a file that --config takes, and that says where the list is and how it goes on."""
    (tmp_path / "x.toml").write_text(block)
    source = read_settings({}, tmp_path / "x.toml", {}).source.declared()
    assert source is not None
    assert source.resource.paging is not None
    assert source.auth is not None


@pytest.mark.usefixtures("variables")
def test_the_python_of_the_page_of_sources_declares_what_its_flags_do() -> None:
    """The source made in Python is that of the first example."""
    (block,) = re.findall(r"```python\n(.*?)```", SOURCES, re.DOTALL)
    made: dict[str, Any] = {}
    exec(compile(block, "sources.md", "exec"), made)
    (command,) = [one for one in commands(SOURCES) if "--records data.orders --id" in one]
    with click.Context(cli) as group:
        flags = cli.commands["import"].make_context("import", shlex.split(command)[4:], parent=group).params
    typed = {name: value for name, value in flags.items() if value not in (None, ())}
    assert made["config"].source.declared() == read_settings(typed, None, {}).source.declared()


def test_the_lines_beside_dlt_are_counted() -> None:
    """Lines that are not blank, of each pair of blocks; and those for dlt are Python."""
    _, _, compared = SOURCES.partition("## Lines, beside dlt's rest_api")
    rows = re.findall(r"^\| (\w+ \w+) \| (\d+) \| (\d+) \|$", compared, re.MULTILINE)
    assert len(rows) == 3
    for name, here, there in rows:
        part = compared.partition(f"### {name}\n")[2].partition("\n### ")[0]
        ours, dlts = (re.findall(rf"```{kind}\n(.*?)```", part, re.DOTALL) for kind in ("toml", "py"))
        ast.parse(dlts[0])
        counts = [sum(bool(line.strip()) for line in text.splitlines()) for text in (ours[0], dlts[0])]
        assert counts == [int(here), int(there)], name
