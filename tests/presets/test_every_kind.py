"""Each kind of paging with each kind of id and each kind of auth, against the test API; keys and tokens under limits.

Whole imports over HTTP, in virtual time. The test API's ledger says what it counted: a request without a grant would be
one more than the importer knows of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from harness.config import ImportConfig
from harness.record.run import Run
from tests.presets.play import at_test_api

HOST = "http://api.test"
LIST = f"{HOST}/api/items"
ITEMS = 7
Settings = Mapping[str, Any]
# Of the test API, and of the import.
PAGINGS: dict[str, tuple[Settings, Settings]] = {
    "number": ({"paging": "page"}, {"paging": "page", "size_param": "perPage", "total": "total", "pages": "last_page"}),
    "number from 0": (
        {"paging": "page", "shape": ["first-page=0", "tell=meta.total=total"]},
        {"paging": "page", "first_page": 0, "size_param": "perPage", "total": "meta.total"},
    ),
    "offset": ({"paging": "offset"}, {"offset_param": "offset", "size_param": "limit", "total": "total"}),
    "offset, no total": (
        {"paging": "offset", "shape": ["tell=offset=offset"]},
        {"offset_param": "offset", "size_param": "limit"},
    ),
    "cursor": ({"paging": "cursor"}, {"next": "next_cursor", "cursor_param": "cursor", "size_param": "perPage"}),
    "cursor in a header": (
        {"paging": "cursor", "shape": ["tell=header:X-Next=cursor"]},
        {"next": "header:X-Next", "cursor_param": "cursor", "size_param": "perPage", "absent_is_end": True},
    ),
    "cursor in a body": (
        {"paging": "cursor", "shape": ["method=POST"]},
        {"method": "POST", "body": {"perPage": "{per_page}", "cursor": "{cursor}"}, "next": "next_cursor"},
    ),
    "link": ({"paging": "cursor"}, {"paging": "link", "next": "next_page_url", "size_param": "perPage"}),
    "link header": (
        {"paging": "link"},
        {"paging": "link", "size_param": "perPage", "absent_is_end": True, "records": None},
    ),
    "last id": (
        {"paging": "keyset"},
        {"paging": "keyset", "cursor_param": "after", "more": "has_more", "size_param": "perPage"},
    ),
    "single page": ({"paging": "single"}, {"paging": "single"}),
}
IDS: dict[str, tuple[list[str], Settings]] = {
    **{kind: ([f"id-kind={kind}"], {}) for kind in ("int", "digits", "big", "uuid", "path", "key", "name")},
    "prefix": (["id-kind=prefix:cus_"], {}),
    "nested": (["id-kind=uuid", "id=meta.key"], {"id": "meta.key"}),
    "pair": (["id=shelf box", "item={list}/{shelf}/{box}"], {"id": ["shelf", "box"], "item": "{list}/{shelf}/{box}"}),
}
# Of an id of two fields no one parameter says what comes after it.
PAIRS = [(paging, ids) for paging in PAGINGS for ids in IDS if (paging, ids) != ("last id", "pair")]
KEYS = {"KEY": "first-k3y-of-tests", "OTHER": "other-k3y-of-tests", "USER": "me:first-k3y-of-tests"}
OAUTH = {"token_url": f"{HOST}/oauth/token", "client_id_env": "KEY", "client_secret_env": "OTHER"}
AUTHS: dict[str, tuple[str, Settings]] = {
    "none": ("none", {}),
    "bearer": ("bearer", {"token_env": "KEY"}),
    "basic": ("basic", {"auth": "basic", "token_env": "USER"}),
    "basic with a user": ("basic", {"auth": "basic:me", "token_env": "KEY"}),
    "header": ("header:X-Shop-Key", {"auth": "header:X-Shop-Key", "token_env": "KEY"}),
    "header with a word": (
        "header:Authorization:Token",
        {"auth": "header:Authorization:Token", "token_env": "KEY"},
    ),
    "query": ("query:api_key", {"auth": "query:api_key", "token_env": "KEY"}),
    "oauth2": ("oauth2", OAUTH),
}


def played(
    server: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[Run, dict[str, Any]]:
    """Import everything that a test API with these settings holds; the run, and the server's counts."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    config = ImportConfig(url=LIST, results=folder / "results", run="r", **settings)
    about = {"items": ITEMS, "limit": "none", **server}
    return trio.run(at_test_api, about, config, monkeypatch, clock=trio.testing.MockClock(autojump_threshold=0))


def agree(run: Run, report: Mapping[str, Any]) -> bool:
    """Whether the server counted exactly the requests that the run knows of; a 401 comes before its limits count."""
    state = run.state()
    answered = report["admitted"] + report["statuses"].get("401", 0)
    return (answered, report["refused"]) == (state.answered, state.refused)


# --- every kind with every other --------------------------------------------------------------------------------------


def proven(paging: str, ids: str, auth: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import seven items of these kinds: each once, whole, in the order of the list, by requests that were granted."""
    server, asked = PAGINGS[paging]
    shape, named = IDS[ids]
    accepted, shown = AUTHS[auth]
    about = {**server, "shape": [*server.get("shape", ()), *shape], "auth": [accepted]}
    settings = {"records": "data", "per_page": 3, "detail": True, **asked, **named, **shown}
    run, report = played(about, folder, monkeypatch, **settings)
    assert (run.status, run.failed()) == ("complete", [])
    rows = run.items().to_pylist()
    # The names of the catalogue end in an item's number; other fields come with the item alone.
    assert [int(row["name"].split()[-1]) for row in rows] == [*range(1, ITEMS + 1)]
    assert all(len(row) > 3 for row in rows)
    assert agree(run, report)


@pytest.mark.matrix
@pytest.mark.parametrize(("paging", "ids"), PAIRS)
def test_each_two_kinds_go_together(paging: str, ids: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each paging with each id, and both with each auth, which takes turns."""
    turn = [*PAGINGS].index(paging) + [*IDS].index(ids)
    proven(paging, ids, [*AUTHS][turn % len(AUTHS)], tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("paging", "ids"), PAIRS)
@pytest.mark.parametrize("auth", AUTHS)
def test_any_three_kinds_go_together(
    paging: str, ids: str, auth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each paging with each id with each auth."""
    proven(paging, ids, auth, tmp_path, monkeypatch)


# --- keys and tokens under limits -------------------------------------------------------------------------------------


def test_tokens_that_last_30_requests_are_renewed_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 items with details: no item fails for a token that is used up, and each request for a token takes a grant."""
    server = {"items": 200, "auth": ["oauth2"], "tokens": "requests=30:counted", "limit": "20/s"}
    run, report = played(server, tmp_path, monkeypatch, limit="20/s", detail=True, workers=4, **OAUTH)
    assert (run.status, run.failed(), run.items().num_rows) == ("complete", [], 200)
    assert report["refused"] == 0
    assert agree(run, report)


def test_two_keys_finish_in_half_the_time_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a budget of its own, and both are used up to it."""
    took = {}
    for keys in (["KEY"], ["KEY", "OTHER"]):
        with monkeypatch.context() as patch:
            run, report = played(
                {"items": 400, "auth": ["bearer"], "limit": "10/s"}, tmp_path / str(len(keys)), patch,
                limit="10/s", token_env=keys, detail=True, workers=20,
            )  # fmt: skip
        assert (run.status, run.items().num_rows, report["refused"]) == ("complete", 400, 0)
        assert agree(run, report)
        took[len(keys)] = run.state().duration_s
    assert took[2] <= 0.52 * took[1]


def test_a_redirect_takes_a_grant_for_each_hop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items behind a slash: twice as many requests, none of them over the limit."""
    server = {"items": 40, "limit": "10/s", "shape": ["redirect=308", "item={list}/{id}/"]}
    run, report = played(server, tmp_path, monkeypatch, limit="10/s", item="{list}/{id}", detail=True, workers=8)
    assert (run.status, run.failed(), run.items().num_rows) == ("complete", [], 40)
    assert report["refused"] == 0
    assert agree(run, report)
