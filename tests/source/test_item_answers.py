"""A12: what an API answers in place of the item it was asked for, over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import run_import
from harness.session.importing import config_of
from harness.source.rest import Garbled, Malformed, Rest
from tests.faults.imports import answering, events, ids, imported

REST = Rest("https://api.test/v1/orders", 3)

A_LIST = {"data": [{"id": 1}, {"id": 2}], "total": 2}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"success": False, "error": "no such order"}, r'reports an error and has no id: error: "no such order"'),
        ({"success": False}, "reports an error and has no id: success: false"),
        ({"ok": False, "data": {"x": 1}}, "ok: false"),
        ({"data": {"errors": [{"message": "gone"}]}}, "gone"),
        ({"id": 18}, "is for another item: its id is 18, not 17"),
        ({"data": {"id": "18"}}, "is for another item: its id is 18, not 17"),
        (A_LIST, "is a page of a list"),
        ({"status": "error", "message": "x"}, "reports an error and has no id: status: error"),
        ({"code": 500, "msg": "busy"}, "reports an error and has no id: code=500"),
        ({"message": "Internal error"}, "reports an error and has no id: message=Internal error"),
        ({"errcode": 1, "errmsg": "x"}, "reports an error and has no id: errcode=1"),
        ({"stat": "fail"}, "reports an error and has no id: stat=fail"),
        ({"return_code": "FAIL", "return_msg": "x"}, "return_code=FAIL"),
        ({"data": {"hasError": True}}, "hasError=True"),
        ({}, "is an empty object"),
        ({"data": {}}, "is an empty object"),
        ({"results": [{"id": 1}], "next": None}, "is a page of a list"),
    ],
)
def test_what_is_never_the_item(answer: Any, why: str) -> None:
    """Whatever its siblings carry: an error, another item, a page of the list."""
    with pytest.raises(Malformed, match=why):
        REST.item_of(17, answer)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_python_alone_takes_for_a_number(word: str) -> None:
    """It is no JSON, and no other program could read what is exported; asked again it would be the same."""
    with pytest.raises(Malformed, match=f"the body holds {word}, which JSON does not have") as refused:
        REST.read_item(17, f'{{"id": 17, "prices": [1, {word}]}}')
    assert not isinstance(refused.value, Garbled)
    assert REST.read_item(17, f'{{"id": 17, "word": "{word}"}}')[1] is True


@pytest.mark.parametrize(
    ("answer", "carried"),
    [
        ({"id": "17", "success": False, "error": "card declined"}, True),
        ({"data": {"id": 17}, "errors": []}, True),
        ({"success": True, "data": {"name": "x"}}, False),
        ({"error": None, "name": "x"}, False),
        ({"number": 17, "items": [{"id": 1}], "total": 99}, False),
        ({"order": {"id": 17}}, True),
        ({"order": {"id": 17}, "users": [{"id": 1}], "meta": {"x": 1}}, True),
        ({"result": {"order": {"id": "17"}}, "status": "ok"}, True),
        ({"orders": [{"id": 17}]}, True),
        ({"name": "x", "author": {"id": 17}}, False),
        ({"buyer": {"id": 17}, "seller": {"id": 17}}, False),
        ({"id": None}, False),
        ({"sha": "f3", "message": "Fix an error"}, False),
        ({"status": "failed", "job": 7, "code": 500}, False),
        ({"code": 0, "msg": "ok", "order": {"n": 1}}, False),
        ({"id": 17, "code": 500, "message": "Internal error"}, True),
    ],
)
def test_what_may_be_the_item(answer: Any, carried: bool) -> None:
    """One that carries its id is one, whatever else it says; of others their siblings tell."""
    assert REST.item_of(17, answer)[1] is carried


def server(bad: dict[int, Any], named: bool = True) -> Any:
    """A list of ids 1 to 6, and its items; `bad`: what is answered in place of some."""

    def answer(path: str) -> Any:
        if path.startswith("/items?"):
            return {"data": [{"id": n} for n in range(1, 7)], "total": 6, "last_page": 1}
        item = int(path.rpartition("/")[2])
        return bad.get(item, {"id": str(item), "name": f"n{item}"} if named else {"name": f"n{item}"})

    return answer


@pytest.mark.anyio
@pytest.mark.realtime
@pytest.mark.parametrize(
    "bad",
    [{"success": False, "error": "no"}, {"message": "come back later"}, {"id": 99}, {"data": [{"id": 1}], "total": 6}],
)
@pytest.mark.parametrize("which", [1, 6])
async def test_an_answer_that_is_not_the_item_is_no_item(tmp_path: Path, bad: Any, which: int) -> None:
    """A12: five items, one failure that says why, and nothing of it in items.parquet; the first of all or the last."""
    async with answering(server({which: bad})) as at:
        run = await imported(tmp_path, at.url, workers=1)
    assert run.status == "complete with failures"
    assert ids(run) == [str(n) for n in range(1, 7) if n != which]
    (failed,) = events(run, "AttemptFailed")
    assert (failed["key"], failed["reason"]) == (str(which), "malformed")
    assert json.loads(failed["body"]) == bad


@pytest.mark.anyio
@pytest.mark.realtime
async def test_retried_once_the_server_is_mended_it_is_the_item(tmp_path: Path) -> None:
    """The first answer was none; what is asked again later replaces it, in a session of its own."""
    from harness.session.importing import reopen

    async with answering(server({1: {"message": "come back later"}})) as at:
        run = await imported(tmp_path, at.url, workers=1)
    async with answering(server({})) as again:
        reopen(run)
        await run_import(config_of(run).with_settings(url=again.url))
    assert run.status == "complete"
    assert ids(run) == [str(n) for n in range(1, 7)]
    assert sorted(run.items().column("name").to_pylist()) == [f"n{n}" for n in range(1, 7)]
    assert len(again.requests) == 1


@pytest.mark.anyio
@pytest.mark.realtime
async def test_items_that_never_carry_their_id_are_imported(tmp_path: Path) -> None:
    """As before: the id is the list's."""
    async with answering(server({}, named=False)) as at:
        run = await imported(tmp_path, at.url)
    assert (run.status, len(at.requests)) == ("complete", 7)
    assert ids(run) == list(range(1, 7))
