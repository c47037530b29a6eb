"""The files of the presets: what each must hold, and the page of the documentation that is made of them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness import BadInput, ImportConfig
from harness.pacing import parse_tiers
from harness.spec.presets import load, names
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.presets.play import checked, imported
from tests.presets.stub import ORIGIN, Asked, Reply, Stub

pytestmark = pytest.mark.matrix

ROOT = Path(__file__).parents[2]
NAMES = (
    "airtable", "drf", "elasticsearch", "github", "gitlab", "hubspot", "jira", "json-server", "jsonapi", "notion",
    "odata", "pokeapi", "salesforce", "shopify", "slack", "stripe", "wordpress", "zendesk",
)  # fmt: skip
# What a page asks for where its API names no largest size, or no parameter for one.
UNSIZED = ("drf", "json-server", "jsonapi", "odata", "pokeapi", "salesforce")


def declared(name: str, **settings: object) -> ImportConfig:
    """The preset over a URL, with a key where it takes one."""
    return ImportConfig(preset=name, url="https://api.test/v1/things", **settings)  # type: ignore[arg-type]


def test_every_known_api_has_one() -> None:
    """The names that the documentation promises, and no file that it does not speak of."""
    assert names() == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_of_and_where_each_fact_is_from(name: str) -> None:
    """One line, an example of a URL on the right scheme, and for each fact a page and a day that is not to come."""
    preset = load(name)
    assert preset.about.strip() == preset.about != ""
    assert "\n" not in preset.about
    assert preset.url is not None
    assert preset.url.startswith("http://localhost" if name == "json-server" else "https://")
    facts = dict(preset.docs)
    assert "paging" in facts
    assert ("limits" in facts) or not preset.limits
    for told in facts.values():
        address, _, when = told.partition(" ")
        assert address.startswith("https://")
        assert date(2024, 1, 1) <= date.fromisoformat(when.split()[1].strip(",;")) <= date(2026, 11, 30)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_make_a_source(name: str) -> None:
    """Records or an array, an id, a way on, items; the page size that the documentation allows."""
    source = declared(name, token_env="KEY").source.declared()
    assert source is not None
    assert source.resource.paging is not None
    assert source.resource.id
    assert source.resource.item is not None
    assert (source.resource.per_page is None) == (name in UNSIZED)
    assert source.limits == ((load(name).limits["default"],) if load(name).limits else ())


@pytest.mark.parametrize("name", NAMES)
def test_its_limits_can_be_kept_to(name: str) -> None:
    """Every plan's, in the grammar of --limit."""
    limits = {plan: parse_tiers(text) for plan, text in load(name).limits.items()}
    for plan, tiers in limits.items():
        assert declared(name, plan=plan).source.limits == (load(name).limits[plan],), tiers


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_whoever_gives_no_key_is_held_to_what_anybody_gets(name: str) -> None:
    """A key in a header or a variable in the URL is one, too; a rehearsal without a URL has the key's limits."""
    limits, url = load(name).limits, load(name).url
    anybody, keyed_tier = parse_tiers(limits["anonymous"])[0], parse_tiers(limits["default"])[0]
    assert anybody.limit / anybody.period_s < keyed_tier.limit / keyed_tier.period_s
    keyless = ImportConfig(preset=name, url=url)
    assert keyless.source.limits == (limits["anonymous"],)
    assert keyless.pacing.limit == parse_tiers(limits["anonymous"])
    keyed: list[dict[str, Any]] = [
        {"token_env": "API_TOKEN"},
        {"header": "Authorization: Bearer x"},
        {"url": f"{url}?private_token={{env:API_TOKEN}}"},
        {"url": None},
    ]
    for given in keyed:
        assert ImportConfig(**{"preset": name, "url": url, **given}).source.limits == (limits["default"],), given
    assert ImportConfig(preset=name, url=url, plan="default").source.limits == (limits["default"],)


def test_a_plan_that_is_not_there_names_those_that_are() -> None:
    """In one sentence."""
    with pytest.raises(BadInput, match="use one of: default, growth, professional, enterprise, enterprise-plus"):
        assert declared("zendesk", plan="gold").source.limits


def test_the_page_about_them_is_what_the_files_say() -> None:
    """docs/presets.md: run docs/make_presets.py after a change."""
    made = runpy.run_path(str(ROOT / "docs" / "make_presets.py"))["page"]()
    assert (ROOT / "docs" / "presets.md").read_text(encoding="utf-8") == made


def test_a_variant_is_of_lists_at_some_urls() -> None:
    """Of its own paging nothing of the other is left; lists elsewhere do not know of it."""
    pagings = []
    for path in ("/rest/api/3/search/jql", "/rest/api/2/search"):
        source = ImportConfig(preset="jira", url=f"https://api.test{path}?jql=x").source.declared()
        assert source is not None
        assert source.resource.id == ("key",)
        pagings.append(source.resource.paging)
    assert [paging and paging.model_dump(exclude_none=True) for paging in pagings] == [
        {"type": "cursor", "next": "nextPageToken", "param": "nextPageToken", "absent_is_end": True},
        {"type": "offset", "param": "startAt", "first": 0, "total": "total"},
    ]


def test_a_variant_without_a_place_is_refused(tmp_path: Path) -> None:
    """In a sentence that says what to write."""
    path = tmp_path / "mine.toml"
    path.write_text('records = "a"\n[[variant]]\npaging = "offset"\n')
    with pytest.raises(BadInput, match=r"variant in .*mine\.toml does not say at which URLs; write \[\[variant\]\]"):
        ImportConfig(preset=str(path), url="https://api.test/v1")


def test_a_header_that_says_less_than_the_preset_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By check, and by import before anything is refused; run.json keeps it."""
    rows = [{"number": n, "url": f"{ORIGIN}/repos/o/r/issues/{n}"} for n in range(1, 4)]
    headers = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "1764003600"}
    stub = Stub(_listing(rows, headers))
    known: dict[str, Any] = {
        "preset": "github",
        "url": f"{ORIGIN}/repos/o/r/issues",
        "header": "Authorization: Bearer x",
    }
    said = "X-RateLimit says a limit of 60, where 5000/1h+900/1m+100:concurrency is declared"
    text = check_text(checked(ImportConfig(**known), stub, monkeypatch), Screen(160), program="p")
    assert said in text
    run = imported(stub, tmp_path, monkeypatch, **known, detail=False)
    assert run.about["limits_in_doubt"].startswith(said)
    assert said in caplog.text
    quiet = Stub(_listing(rows, {**headers, "x-ratelimit-limit": "5000"}))
    again = imported(quiet, tmp_path / "b", monkeypatch, **known, detail=False)
    assert "limits_in_doubt" not in again.about


def _listing(rows: list[dict[str, Any]], headers: dict[str, str]) -> Callable[[Asked], Reply]:
    """A list of one page, and each of its rows."""
    by_path = {row["url"].removeprefix(ORIGIN): row for row in rows}
    return lambda asked: Reply(by_path.get(asked.path, rows), headers=headers)
