"""The same APIs by guessing alone: right where a guess can know, and never complete where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.record.run import Run
from tests.presets.apis import CASES, EXPORTS, Case
from tests.presets.others import OTHERS
from tests.presets.play import imported, rows_of, with_ids
from tests.presets.stub import Stub

# How a key is sent and what must be sent besides cannot be guessed.
SENT: dict[str, dict[str, object]] = {
    "github": {"header": ["X-GitHub-Api-Version: 2022-11-28"]},
    "gitlab": {"auth": "header:PRIVATE-TOKEN"},
    "gitlab_keyset": {"auth": "header:PRIVATE-TOKEN", "param": ["per_page=3"]},
    "shopify": {"auth": "header:X-Shopify-Access-Token", "param": ["limit=3"]},
    "zendesk": {"auth": "basic", "param": ["page[size]=3"]},
    "hubspot": {"param": ["limit=3"]},
    "airtable": {"param": ["pageSize=3"]},
    "salesforce": {"header": ["Sforce-Query-Options: batchSize=2000"]},
    "jsonapi": {"header": ["Accept: application/vnd.api+json"]},
    "drf": {"auth": "header:Authorization:Token"},
    "odata": {"header": ["Prefer: odata.maxpagesize=999"]},
    "jira": {"auth": "basic", "param": ["fields=*all"]},
    "wordpress": {"auth": "basic"},
}
# What a body of a POST holds, and where an item is that neither its id nor a field leads to, cannot be guessed.
KNOWN = (
    "gitlab_keyset", "shopify", "zendesk", "salesforce", "jsonapi", "odata", "pokeapi", "stripe", "hubspot", "airtable",
    "wordpress", "json_server", "json_server_old",
)  # fmt: skip


def guessed(name: str, case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run | None:
    """Import with nothing but a URL, a key and what must be sent; None where it is refused at once."""
    settings = {"url": case.url, **SENT.get(name, {})}
    if case.key is not None:
        monkeypatch.setenv("KEY", case.key)
        settings["token_env"] = "KEY"
    try:
        return imported(Stub(case.answers), folder, monkeypatch, **settings)
    except HarnessError:
        return None


@pytest.mark.parametrize("name", [*CASES, *OTHERS, *EXPORTS])
def test_what_is_complete_is_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record with its exact content, wherever an import by guessing alone says that it is complete."""
    case = (CASES | OTHERS | EXPORTS)[name]()
    run = guessed(name, case, tmp_path, monkeypatch)
    if run is not None and run.status == "complete":
        assert rows_of(run) == with_ids(case.rows)


@pytest.mark.parametrize("name", [*KNOWN, *EXPORTS])
def test_what_a_guess_can_know_it_knows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete, with every record."""
    case = (CASES | EXPORTS)[name]()
    run = guessed(name, case, tmp_path, monkeypatch)
    assert run is not None
    assert (run.status, rows_of(run)) == ("complete", with_ids(case.rows))
