"""What ends a list and what is an error with status 200, by Rest and Core without IO: neighbours of A5 to A12."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.record import events as e
from harness.record.events import FIRST_PAGE
from harness.record.fold import fold
from harness.record.optimality import refusals_by_limits
from harness.source.rest import Malformed
from tests.core.lists import REST, Answers, Reply, importing, numbered, pages_asked, records
from tests.core.test_listing import ended

THREE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

SAID: list[dict[str, Any]] = [
    {"code": 429, "message": "Too many requests"},
    {"code": 500, "message": "internal error"},
    {"code": 40029, "msg": "quota exceeded"},
    {"code": "40029", "msg": "system busy"},
    {"Code": "Throttling", "Message": "Request was denied due to user flow control."},
    {"status": 500},
    {"status": "ERROR"},
    {"status": "NOK"},
    {"success": "false"},
    {"success": 0},
    {"IsSuccess": False},
    {"is_success": False},
    {"response": {"success": False}},
    {"stat": "fail"},
    {"return_code": "FAIL", "return_msg": "x"},
    {"result": "error"},
    {"result": False},
    {"hasError": True},
    {"isError": True},
    {"errcode": 42001, "errmsg": "token expired"},
    {"errorMessages": ["boom"]},
    {"error_msg": "x"},
    {"status": {"error_code": 429, "error_message": "rate limit"}},
    {"meta": {"code": 500, "errors": ["x"]}},
    {"meta": {"status": 500, "error": "x"}},
    {"meta": {"error_type": "OAuthException", "code": 400}},
    {"_shards": {"failed": 2}, "timed_out": True},
    {"message": "Service temporarily unavailable"},
    {"message": "please come back later"},
    {"msg": "Internal server error"},
    {"warning": "partial results: backend timeout"},
]


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("empty", [{"data": []}, {"data": None}, {}])
def test_an_error_with_status_200_ends_no_list(said: dict[str, Any], empty: dict[str, Any]) -> None:
    """A5, A11: a guessed page without records that speaks as no page before it did is a failure, with its words."""
    status, items, why = ended(importing(numbered(THREE, past=Reply({**empty, **said}))))
    assert (status, items) == ("failed", 9)
    assert why.startswith("page 4 of the list could not be read, tried once (malformed: ")
    assert any(name in why for name in ("reports an error", "it says "))


# Those of them that tell of an error by themselves, with nothing to compare with.
ALONE = [said for said in SAID if said != {"message": "please come back later"}]


@pytest.mark.parametrize("said", ALONE)
def test_an_error_in_place_of_page_1_is_no_empty_list(said: dict[str, Any]) -> None:
    """A5: with status 200 and an empty list from the first page on: failed, not complete with 0 items."""
    status, items, _ = ended(importing(lambda query: Reply({"data": [], **said})))
    assert (status, items) == ("failed", 0)


ORDINARY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"code": 0, "msg": "ok"}, {"code": 0, "msg": "ok"}),
    ({"code": 1, "msg": "fetched"}, {"code": 1, "msg": "fetched"}),
    ({"code": 1000}, {"code": 1000}),
    ({"status": "OK"}, {"status": "ZERO_RESULTS"}),
    ({"success": True, "message": "9 of 9"}, {"success": True, "message": "0 of 9"}),
    ({"message": "Found 3 users"}, {"message": "No users found"}),
    ({"success": True, "code": 200}, {}),
    ({}, {"success": True, "code": "0000", "message": "success"}),
    ({}, {"message": "no more items"}),
    ({}, {"code": 404, "message": "page out of range"}),
    ({}, {"msg": "No data available."}),
    ({}, {"error": None, "errors": [], "warnings": []}),
    ({"errorCount": 0, "timed_out": False}, {"errorCount": 0, "timed_out": False}),
    ({"_shards": {"successful": 5, "failed": 0}}, {"_shards": {"successful": 5, "failed": 0}}),
    ({"status": {"error_code": 0, "elapsed": 10}}, {"status": {"error_code": 0, "elapsed": 11, "error_message": None}}),
    ({"title": "Items", "description": "all of them"}, {"title": "Items", "description": "all of them"}),
]


@pytest.mark.parametrize(("about", "past"), ORDINARY)
def test_an_empty_page_that_speaks_as_the_others_ends_the_list(about: dict[str, Any], past: dict[str, Any]) -> None:
    """A5: the same words, fewer of them, plain success, or words that say that there is no more."""
    status, items, why = ended(importing(numbered(THREE, lambda n: about, past=Reply({"data": [], **past}))))
    assert (status, items, why) == ("complete", 9, "empty: page 4 is empty, asked twice, and page 5 is empty")


@pytest.mark.parametrize("body", [{"data": []}, {"users": None}, {}, None, {"data": None, "code": 0, "msg": "success"}])
def test_nothing_at_all_ends_the_list(body: Any) -> None:
    """A6: an answer that holds nothing and says nothing."""
    status, items, _ = ended(importing(numbered(THREE, past=Reply(body))))
    assert (status, items) == ("complete", 9)


@pytest.mark.parametrize("about", [{}, {"code": 0, "message": "ok"}, {"message": ""}, {"code": 200, "status": "empty"}])
def test_an_empty_list_is_complete(about: dict[str, Any]) -> None:
    """A5: no records from page 1 on, and plain success."""
    status, items, _ = ended(importing(lambda query: Reply({"data": [], **about})))
    assert (status, items) == ("complete", 0)


def test_what_pages_said_is_recorded() -> None:
    """A run that goes on judges as the first session did: what its pages said of themselves is in its events."""
    first = importing(numbered(THREE, lambda n: {"code": 1000}, past=Reply({"data": [], "code": 1001})))
    assert ended(first)[0] == "failed"
    assert {event.remarks for event in first.of(e.PageListed)} == {"!code=1000"}
    for code, status in ((1001, "failed"), (1000, "complete")):
        answers = numbered(THREE, lambda n: {"code": 1000}, past=Reply({"data": [], "code": code}))
        again = importing(answers, state=fold(first.events))
        assert ended(again)[:2] == (status, 9)
        assert 4 in pages_asked(again)


def test_the_list_that_is_not_empty_holds_the_records() -> None:
    """A5: `data` is an empty list beside `items` with all records."""
    answers = numbered(THREE)

    def beside(query: dict[str, str]) -> Reply:
        return Reply({"data": [], "items": answers(query).body["data"]})

    assert ended(importing(beside))[:2] == ("complete", 9)


FILM, SERIES = {"id": 550, "media_type": "movie"}, {"id": 550, "media_type": "tv"}


@pytest.mark.parametrize("kept", [True, False])
def test_one_id_for_two_records_is_no_id(kept: bool) -> None:
    """A12: a search names a film and a series by the same id: one of them would be lost, so the run fails."""
    with pytest.raises(Malformed, match="names the id 550 twice, with different records: ids are not unique"):
        REST.read_page(FIRST_PAGE, json.dumps([FILM, SERIES, {"id": 7}]), kept=kept)
    for same in (FILM, {"id": "550", "media_type": "movie"}):
        assert REST.read_page(FIRST_PAGE, json.dumps([FILM, same]), kept=kept)[0].ids == (550, 550)


def test_rows_of_one_item_may_differ_where_it_is_fetched_whole() -> None:
    """A12: rows of a join: the item is fetched by its id, unless the rows are what is kept."""
    rows = json.dumps([{"id": 1, "tag": "a"}, {"id": 1, "tag": "b"}])
    assert REST.read_page(FIRST_PAGE, rows)[0].ids == (1, 1)
    with pytest.raises(Malformed, match="names the id 1 twice"):
        REST.read_page(FIRST_PAGE, rows, kept=True)


def feed(size: int, fresh: int) -> Answers:
    """The newest `size` records, whatever page is asked for; `fresh` new ones appear with each request."""
    newest = 0

    def answer(query: dict[str, str]) -> Reply:
        nonlocal newest
        newest += fresh
        return Reply({"data": records(*range(newest + size, newest, -1))})

    return answer


@pytest.mark.parametrize(("size", "fresh"), [(10, 1), (10, 4), (3, 1)])
def test_a_feed_that_ignores_page_and_moves_is_not_understood(size: int, fresh: int) -> None:
    """A2, A7: each page brings a new record, so that pages never only repeat: failed after five that mostly do."""
    play = importing(feed(size, fresh))
    status, _, why = ended(play)
    assert status == "failed"
    assert "5 pages in a row mostly repeat what was read, so the server seems to ignore `page`; " in why
    assert len(pages_asked(play)) <= 7


@pytest.mark.parametrize("step", [1, 2])
def test_a_list_that_drifts_is_read_to_its_end(step: int) -> None:
    """A9: new records at the head push a few of each page onto the next: normal, and the end is found."""
    asked = 0

    def answer(query: dict[str, str]) -> Reply:
        nonlocal asked
        page, asked = int(query.get("page", 1)), asked + 1
        ids = list(range(step * asked, -100, -1))[(page - 1) * 10 : page * 10]
        return Reply({"data": records(*ids)})

    assert ended(importing(answer))[0] == "complete"


@pytest.mark.parametrize("status", [401, 403, 405, 500, 503])
def test_a_person_may_accept_a_guessed_page_that_failed(status: int) -> None:
    """A10: the page past the end answers what proves nothing; the sentence names the flag, and the flag works."""
    answers = numbered(THREE, past=Reply({"detail": "no"}, status))
    play = importing(answers)
    _, items, why = ended(play)
    assert items == 9
    if status == 401:
        return  # the token may have expired: that is told first
    assert why.endswith("; if the list ends before it, add --accept-list"), why
    assert "credentials" not in why
    again = ended(importing(answers, state=fold(play.events), accept_list=True))
    assert again[:2] == ("complete", 9)
    assert again[2].startswith("past end: page 4 could not be read") or again[2].startswith("accepted")


@pytest.mark.parametrize(
    ("status", "words", "is_end"),
    [
        (404, "Only the first 60 results are available", False),
        (404, "Not found", True),
        (404, "Invalid page.", True),
        (410, "the maximum offset is 10000", False),
        (400, "Page is out of range: results beyond 60 cannot be fetched", False),
        (400, "Page is out of range", True),
        (404, "The requested resource could not be found", True),
    ],
)
def test_a_limit_of_depth_is_no_end(status: int, words: str, is_end: bool) -> None:
    """A5: a server that gives no page beyond a depth says so: what lies behind it was not seen."""
    found = ended(importing(numbered(THREE, past=Reply({"message": words}, status))))
    assert found[:2] == ("complete" if is_end else "failed", 9)


def test_limits_in_a_404_that_are_none_of_depth() -> None:
    """A5: the paging of a body that says that there is no such page."""
    past = Reply({"message": "Not found", "limit": 10, "offset": 60, "max": 100, "results": None}, 404)
    assert ended(importing(numbered(THREE, past=past)))[:2] == ("complete", 9)


def test_refusals_that_were_a_pages_own_are_no_limit() -> None:
    """B9, A10: the page past the end answers 403 again and again: no limit refused it within the declared one."""
    play = importing(numbered(THREE, past=Reply({}, 403)))
    assert len(play.of(e.Refused)) > 0
    assert refusals_by_limits(play.core.state) == 0
    assert play.core.state.refused_of == {}


def test_a_total_that_counts_down_is_contradicted_quietly() -> None:
    """A3: `total` is what remains, so page 0, which no list counted from 1 has, would declare more than page 1 did."""
    answers = numbered([*THREE, [10, 11, 12]], lambda n: {"total": 12 - (n - 1) * 3})
    assert ended(importing(answers))[:2] == ("complete", 12)
