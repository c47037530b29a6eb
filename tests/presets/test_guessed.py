"""The same APIs by guessing alone: right where a guess can know, and never complete where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.errors import HarnessError
from harness.record.run import Run
from tests.presets.apis import CASES, EXPORTS, Case, by_id, few, item
from tests.presets.play import checked, imported, looked_ahead, rows_of, with_ids
from tests.presets.stub import ORIGIN, Asked, Reply, Stub, cut

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


@pytest.mark.parametrize("name", [*CASES, *EXPORTS])
def test_what_is_complete_is_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record with its exact content, wherever an import by guessing alone says that it is complete."""
    case = (CASES | EXPORTS)[name]()
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


# --- items that go by another field than the id -----------------------------------------------------------------------

NAMED = [{"id": 9000 + n, "key": f"ABC-{n}", "title": f"Thing {n}", "body": f"Text {n}"} for n in range(1, 61)]


def by_key(asked: Asked) -> Reply:
    """Answer with twenty things a page, or with one by its key; by its id there is none."""
    if asked.path == "/v2/things":
        page = int(asked.query.get("page", 1))
        found, _ = cut(few(NAMED, "id", "key", "title"), 20 * (page - 1), 20)
        return Reply({"data": found, "total": 60, "last_page": 3})
    return item(by_id(NAMED, "key", asked.path.removeprefix("/v2/things/")))


def test_items_that_may_go_by_another_field_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jira's ids and keys. Three requests for items, not all of them; and the run says which flag there is."""
    url, stub = f"{ORIGIN}/v2/things", Stub(by_key)
    run = imported(stub, tmp_path / "guessed", monkeypatch, url=url)
    assert (run.status, run.failed()) == ("failed", [])
    assert [asked.path for asked in stub.asked].count("/v2/things") == 1
    assert len(stub.asked) == 1 + 3
    reason = run.state().reason
    assert reason is not None
    assert "(status 404), and key may name the items as well; start again with --id key, or with --no-detail" in reason
    run = imported(Stub(by_key), tmp_path / "declared", monkeypatch, url=url, id="key")
    assert (run.status, rows_of(run)) == ("complete", NAMED)
    run = imported(Stub(by_key), tmp_path / "listed", monkeypatch, url=url, detail=False)
    assert (run.status, rows_of(run)) == ("complete", few(NAMED, "id", "key", "title"))


def test_check_says_the_same_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """It promises no import, names the flag, and saves no file that takes the list's records. So does a dry run."""
    config = ImportConfig(url=f"{ORIGIN}/v2/things")
    found = checked(config, Stub(by_key), monkeypatch)
    assert "(gone: Not Found), and key may name the items as well; start again with --id key, or" in found.problem
    assert [(one.what, one.flag) for one in found.unknown] == [("items", "--id key, or --item URL")]
    assert "detail" not in found.toml
    told = checked(ImportConfig(url=f"{ORIGIN}/v2/things", id="key"), Stub(by_key), monkeypatch)
    assert (told.problem, told.unknown, told.item_fields) == ("", (), 4)
    with pytest.raises(HarnessError, match=r"could not end as complete: no item is at .* start again with --id key"):
        looked_ahead(config, Stub(by_key), monkeypatch)
