"""The same APIs by guessing alone: right where a guess can know, and elsewhere it says what it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.cli.ended import next_commands
from harness.config import ImportConfig
from harness.errors import HarnessError
from harness.settings import read_settings
from tests.presets.apis import CASES, EXPORTS, Case, Row, by_id, few, item
from tests.presets.others import OTHERS
from tests.presets.play import checked, imported, imported_by, looked_ahead, rows_of, with_ids
from tests.presets.stub import ORIGIN, Asked, Reply, Stub, cut

pytestmark = pytest.mark.matrix

# How a key is sent and what must be sent besides cannot be guessed.
SENT: dict[str, dict[str, object]] = {
    "github": {"header": ["X-GitHub-Api-Version: 2022-11-28"], "param": ["per_page=3"]},
    "gitlab": {"auth": "header:PRIVATE-TOKEN", "param": ["per_page=3"]},
    "gitlab_keyset": {"auth": "header:PRIVATE-TOKEN", "param": ["per_page=3"]},
    "shopify": {"auth": "header:X-Shopify-Access-Token", "param": ["limit=3"]},
    "zendesk": {"auth": "basic", "param": ["page[size]=3"]},
    "hubspot": {"param": ["limit=3"]},
    "airtable": {"param": ["pageSize=3"]},
    "salesforce": {"header": ["Sforce-Query-Options: batchSize=2000"]},
    "jsonapi": {"header": ["Accept: application/vnd.api+json"]},
    "drf": {"auth": "header:Authorization:Token", "same_host": True},
    "odata": {"header": ["Prefer: odata.maxpagesize=999"]},
    "jira": {"auth": "basic", "param": ["fields=*all", "maxResults=3"]},
    "jira_server": {"auth": "basic", "param": ["fields=*all", "maxResults=3"]},
    "notion": {"header": ["Notion-Version: 2022-06-28"]},
    "elasticsearch": {"auth": "basic"},
    "slack": {"param": ["limit=3"]},
    "wordpress": {"auth": "basic"},
}
# That a list is asked for by POST, and with which body, cannot be guessed: what the list answers to a GET.
UNKNOWN = {"notion": "gone: Not Found", "elasticsearch": "status 406: Not Acceptable"}
# Nor can an address that neither the id nor a field leads to: the list's records are taken, of so many fields.
LISTED = {"slack": ("id", "name")}
# A header that may hold a secret is never written down, so it is said again with the file.
UNSAVED = {"salesforce"}
ALL = [*CASES, *EXPORTS]


def wanted(name: str, case: Case) -> list[Row]:
    """Return what an import by guessing alone is to bring."""
    return few(case.rows, *LISTED[name]) if name in LISTED else with_ids(case.rows)


def settings_of(name: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a URL, a key and what must be sent, and nothing else."""
    settings = {"url": case.url, **SENT.get(name, {})}
    if case.key is not None:
        monkeypatch.setenv("KEY", case.key)
        settings["token_env"] = "KEY"
    return settings


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_complete_is_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the other ways of the same APIs a guess need not know all; what it calls complete has every record."""
    case = OTHERS[name]()
    try:
        run = imported(Stub(case.answers), tmp_path, monkeypatch, **settings_of(name, case, monkeypatch))
    except HarnessError:
        return
    if run.status == "complete":
        assert rows_of(run) == with_ids(case.rows)


@pytest.mark.parametrize("name", ALL)
def test_what_a_guess_can_know_it_knows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete, with every record and its exact content; or it fails at once, and says at what."""
    case = (CASES | EXPORTS)[name]()
    run = imported(Stub(case.answers), tmp_path, monkeypatch, **settings_of(name, case, monkeypatch))
    if name in UNKNOWN:
        assert (run.status, run.state().imported) == ("failed", 0)
        assert UNKNOWN[name] in str(run.state().reason)
    else:
        assert (run.status, rows_of(run)) == ("complete", wanted(name, case))


@pytest.mark.parametrize("name", ALL)
def test_what_check_saves_brings_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it cannot tell, and that alone; the file that it leaves is enough for the import."""
    case = (CASES | EXPORTS)[name]()
    config = ImportConfig(**settings_of(name, case, monkeypatch))
    if name in UNKNOWN:
        with pytest.raises(HarnessError, match=UNKNOWN[name]):
            checked(config, Stub(case.answers), monkeypatch)
        return
    found = checked(config, Stub(case.answers), monkeypatch)
    assert (found.problem, [one.what for one in found.unknown]) == ("", ["items"] if name in LISTED else [])
    (tmp_path / "api.toml").write_text(found.toml)
    again = {"header": SENT[name]["header"]} if name in UNSAVED else {}
    saved = read_settings({"results": tmp_path / "results", "run": "r", **again}, tmp_path / "api.toml", {})
    run = imported_by(saved, Stub(case.answers), monkeypatch)
    assert (run.status, rows_of(run)) == ("complete", wanted(name, case))


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
    assert (run.status, run.state().imported, run.failed()) == ("failed", 0, [])
    assert [asked.path for asked in stub.asked].count("/v2/things") == 1
    assert len(stub.asked) == 1 + 3
    reason = run.state().reason
    assert reason is not None
    assert "(status 404), and key may name the items as well; start again with --id key, or with --no-detail" in reason
    assert next_commands(run, run.status, Path("results")) == [f"check --url {url}"]  # to resume would change nothing
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
