"""Presets: how a file is read, what is refused in it, and what comes of one for an import, a rehearsal and a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli.run import first_line
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.pacing import parse_tiers
from harness.record.run import create_run
from harness.session.importing import config_of
from harness.settings import resolve
from harness.spec.presets import load
from harness.spec.source import BearerAuth, HeaderAuth, Item, KeysetPaging, LinkPaging, OffsetPaging, Source

URL = "https://api.example.com/v1/orders.json"
MINE = """
about = "Orders of our shop"
url = "https://api.example.com/v1/orders.json"
records = "data"
id = "order_id"
paging = "keyset"
cursor_param = "after"
more = "has_more"
item = "{list}/{id}.json"
header = ["X-Shop-Mode: batch"]
auth = "header:X-Shop-Key"
most_per_page = 200
per_page = 100
size_param = "limit"
warn = "The header of the limit counts per key, the documentation per shop."
[limits]
default = "100/m"
gold = ["1000/m", "10/s"]
[docs]
limits = "https://docs.example.com/limits read 2026-11-30"
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.toml").write_text(MINE)
    return str(tmp_path / "mine.toml")


def made(mine: str, **settings: Any) -> Source:
    source = ImportConfig(**{"preset": mine, "url": URL, **settings}).source.declared()
    assert source is not None
    return source


def test_a_file_of_ones_own(mine: str) -> None:
    """Its settings, its headers, its limits by plan and its largest page are those of the source."""
    source = made(mine)
    assert (source.name, source.headers, source.auth) == ("mine", {"X-Shop-Mode": "batch"}, None)
    resource = source.resource
    assert (resource.url, resource.records, resource.id, resource.most_per_page) == (URL, "data", ("order_id",), 200)
    assert resource.paging == KeysetPaging(param="after", more="has_more")
    assert resource.item == Item(url="{list}/{id}.json")
    assert source.limits == ("100/m",)
    assert made(mine, plan="gold").limits == ("1000/m+10/s",)
    assert made(mine, token_env="KEY").auth == HeaderAuth(token_env=("KEY",), name="X-Shop-Key")
    preset = load(mine)
    assert (preset.about, preset.docs, len(preset.warn)) == (
        "Orders of our shop",
        (("limits", "https://docs.example.com/limits read 2026-11-30"),),
        1,
    )


def test_settings_win_over_a_preset(mine: str) -> None:
    """One by one; a paging or an auth of another kind leaves nothing of the preset's."""
    source = made(mine, id="number", paging="offset", token_env="KEY", auth="bearer", header="X-Shop-Mode: {env:MODE}")
    assert (source.resource.id, source.resource.paging, source.resource.records) == (
        ("number",),
        OffsetPaging(),
        "data",
    )
    assert (source.auth, source.headers) == (BearerAuth(token_env=("KEY",)), {"X-Shop-Mode": "{env:MODE}"})
    assert made(mine, cursor_param="since_id").resource.paging == KeysetPaging(param="since_id", more="has_more")
    assert made(mine, next="meta.next").resource.paging == LinkPaging(next="meta.next")


def test_documented_limits_stand_for_limit_until_it_is_given(mine: str) -> None:
    """They are what the client keeps to, but they do not count as given."""
    config = ImportConfig(preset=mine, url=URL)
    assert (config.limits, config.strategy, "limit" in config.given()) == (parse_tiers("100/m"), "window", False)
    assert ImportConfig(preset=mine, url=URL, plan="gold").limits == parse_tiers("1000/m+10/s")
    assert ImportConfig(preset=mine, url=URL, limit="7/s").limits == parse_tiers("7/s")
    assert config.with_settings(plan="gold").limits == parse_tiers("1000/m+10/s")
    assert config.as_written()["limit"] == "100/1m"


def test_a_preset_without_a_url_is_rehearsed_on_the_test_api_of_its_name() -> None:
    """The client believes the preset; what the test API enforces is up to its scenario."""
    config = ImportConfig(preset="github")
    assert (config.test_api.scenario, config.server_limits, config.source.declared()) == ("github", None, None)
    assert config.limits
    assert ImportConfig(preset="github", scenario="laravel").test_api.scenario == "laravel"
    source = config.source.declared("http://127.0.0.1:8000/api/items")
    assert source is not None
    assert source.resource.item == Item(url="{list}/{id}")
    assert ImportConfig(preset="github", url="https://api.github.com/x").test_api.scenario is None
    assert "scenario" not in config.given()


def test_a_run_goes_on_with_the_preset_that_it_was_started_with(mine: str, tmp_path: Path) -> None:
    """Also where the file says something else by then, or is gone: run.json holds what it came to."""
    config = ImportConfig(results=tmp_path, preset=mine, url=URL, token_env="KEY", header="X-Trace: {env:TRACE}")
    before = config.source.declared()
    run = create_run(tmp_path, "r", {"config": json.loads(json.dumps(config.as_written()))}, 0.0)
    Path(mine).unlink()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KEY", "abc123456")
        patched.setenv("TRACE", "xyz123456")
        again = config_of(run)
        assert again.source.declared() == before
        assert (again.limits, again.source.preset) == (config.limits, mine)
        assert resolve(again).headers["X-Trace"] == "xyz123456"
        assert config_of(run, token_env="KEY", header="X-Other: plain").source.header_names == ["X-Other"]
        assert resolve(config_of(run, header="X-Other: plain")).headers["X-Trace"] == "xyz123456"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("records = ", "--preset: the text in {file} is not TOML (Invalid value (at end of document)); fix it there"),
        ("recods = 'x'", "unknown setting 'recods' in {file}; leave it out, or write records"),
        ("workers = 3", "unknown setting 'workers' in {file}; leave it out, or see docs/sources.md"),
        ("first_page = 2", "first_page in {file} must be at most 1, not 2"),
        ("cursor_param = 'a'", "cursor_param in {file} needs the path of the cursor in a page; add --next, such as"),
        ("about = 3", "about in {file} must be text, not 3"),
        ("most_per_page = 0", "most_per_page in {file} must be a whole number from 1, not 0"),
        ("most_per_page = 10\nper_page = 20", "per_page in {file} is more than most_per_page, 10; lower it"),
        ("limits = 3", "limits in {file} is not a table; write [limits] and below it default"),
        ("[limits]\ndefault = 'lots'", "limits.default in {file}: 'lots' is not a limit; write limits like"),
        ("[docs]\nlimits = 'the docs'", "docs.limits in {file} lacks the address of its page or the day it was read"),
        ("header = 'Authorization: Bearer abc'", "header in {file} Authorization holds what looks like a secret"),
    ],
)
def test_a_mistake_in_a_file_is_said_in_one_sentence_that_names_it(text: str, said: str, tmp_path: Path) -> None:
    """Before any request, as of any declaration."""
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        ImportConfig(preset=str(file), url=URL)
    assert str(caught.value).startswith(said.format(file=file))
    assert "\n" not in str(caught.value)
    assert "Bearer abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "githbu"}, "--preset 'githbu' is not known; did you mean github?"),
        ({"preset": "zzz"}, "--preset 'zzz' is not known; see: python -m harness presets"),
        ({"preset": "github", "plan": "gold", "url": URL}, "--plan 'gold' is not known of github; use one of: default"),
        (
            {"preset": "github", "per_page": 500, "url": URL},
            "--per-page 500 is more than 100, the most that this API's",
        ),
        ({"preset": "./no.toml", "url": URL}, "--preset ./no.toml cannot be read (No such file or directory); name a"),
    ],
)
def test_what_does_not_fit_a_preset(settings: dict[str, Any], said: str) -> None:
    """A name, a plan, or a page that the documentation does not know."""
    with pytest.raises(BadInput) as caught:
        ImportConfig(**settings)
    assert str(caught.value).startswith(said)


def test_a_declared_source_is_no_preset(tmp_path: Path) -> None:
    """It is said how such a file is given."""
    file = tmp_path / "orders.toml"
    file.write_text(f'[source]\n[[resource]]\nurl = "{URL}"\n')
    with pytest.raises(BadInput, match="declares a source, not a preset; give that file with --config FILE"):
        ImportConfig(preset=str(file), url=URL)


def test_a_file_alone_cannot_be_rehearsed(mine: str) -> None:
    """There is no test API of its name."""
    with pytest.raises(BadInput, match="needs the URL of a list; add --url, or --scenario to rehearse an import"):
        ImportConfig(preset=mine)
    assert ImportConfig(preset=mine, scenario="laravel").limits == parse_tiers("100/m")


OAUTH = {
    "token_url": "https://login.example.com/t",
    "client_id_env": "CLIENT_ID",
    "client_secret_env": "CLIENT_SECRET",
}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": URL}, ""),
        ({"url": URL, "token_env": "API_TOKEN"}, "API_TOKEN goes to api.example.com alone"),
        (
            {"url": f"{URL}?key={{env:A}}", "header": ["X-Key: {env:B}", "X-Other: c"], "token_env": ["C", "D"]},
            "C, D, A, B and header X-Other go to api.example.com alone",
        ),
        (
            {"url": URL, **OAUTH},
            "CLIENT_ID and CLIENT_SECRET go to login.example.com alone; the token goes to api.example.com alone",
        ),
        (
            {"url": URL, "preset": "gitlab", "token_env": "T"},
            "preset gitlab: documented limits 2000/1m; T goes to api.example.com alone",
        ),
        (
            {"url": URL, "preset": "gitlab", "limit": "5/s"},
            "preset gitlab; no key is sent; name its variable with --token-env, if this list wants one",
        ),
        (
            {"url": URL, "preset": "gitlab", "header": ["Authorization: Bearer x"], "limit": "5/s"},
            "preset gitlab; header Authorization goes to api.example.com alone",
        ),
        ({"url": URL, "preset": "pokeapi"}, "preset pokeapi"),
        (
            {"preset": "gitlab"},
            "preset gitlab: documented limits 2000/1m; no --url, so the test API stands in: scenario gitlab",
        ),
    ],
)
def test_the_first_line_says_what_stands_in_and_where_secrets_go(settings: dict[str, Any], said: str) -> None:
    """Which variable goes to which host, and what a preset stands for."""
    assert first_line(ImportConfig(**settings)) == said
