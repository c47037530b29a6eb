"""What an answer says besides its records: errors, in the one rule that lists, pages and items share."""

from __future__ import annotations

from typing import Any

import pytest

from harness.record.events import FIRST_PAGE, numbered
from harness.source.rest import Malformed, Rest
from harness.source.way_on import error_told

REST = Rest("https://api.test/items", 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"success": False}, "success: false"),
        ({"success": "false"}, "success: false"),
        ({"OK": "False"}, "ok: false"),
        ({"succeeded": False}, "succeeded: false"),
        ({"error": "no"}, 'error: "no"'),
        ({"_error": True}, "error: true"),
        ({"errors": [{"message": "gone"}]}, 'errors: [{"message": "gone"}]'),
        ({"fault": {"faultstring": "quota"}}, 'fault: {"faultstring": "quota"}'),
        ({"errorCode": "E1"}, 'errorcode: "E1"'),
        ({"status": "error", "message": "no such thing"}, "status: error"),
        ({"status": "fail", "data": {"title": "is required"}}, "status: fail"),
        ({"status": "Failure", "code": 7, "data": None}, "status: Failure"),
    ],
)
def test_one_rule_tells_of_errors(answer: dict[str, Any], said: str) -> None:
    """A11, A12: what is an error in place of an item is one beside the records of a page, and in place of a page."""
    assert error_told(answer) == said
    with pytest.raises(Malformed, match="reports an error"):
        REST.item_of(17, answer)
    with pytest.raises(Malformed, match="reports an error"):
        REST.page_of(FIRST_PAGE, {**answer, "data": [{"id": 1}]})
    with pytest.raises(Malformed, match="reports an error") as past:
        REST.page_of(numbered(2), answer)
    assert past.value.past_end is None


@pytest.mark.parametrize(
    "answer",
    [
        {"error": None},
        {"error": "none"},
        {"errors": []},
        {"error": 0},
        {"success": True},
        {"success": "true"},
        {"status": "ok"},
        {"status": 200},
        {"status": "failed", "job": 17},
        {"name": "error"},
    ],
)
def test_what_tells_of_none(answer: dict[str, Any]) -> None:
    """Empty fields, success, and the status of a job, which is the item."""
    assert error_told(answer) is None
    assert REST.item_of(17, answer) == (answer, False)
    assert REST.page_of(FIRST_PAGE, {**answer, "data": [{"id": 1}]})[0].ids == (1,)


@pytest.mark.parametrize("answer", [None, [], "error", 5])
def test_what_is_no_object_tells_of_no_error(answer: Any) -> None:
    """Other rules say what such an answer is."""
    assert error_told(answer) is None
