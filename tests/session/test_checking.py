"""A few requests that say whether an API can be imported."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from harness_test_api import ServerConfig, Service, create_app, scenario

from harness.config import ImportConfig
from harness.core.answers import own_words
from harness.errors import BadInput
from harness.pacing import Notice, Quota
from harness.session.checking import Checked, Told, _told, check
from harness.source.client import HttpApi
from harness.source.rest import Rest
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.asgi import InProcess

EPOCH_S = 1_764_000_000.0


def checked(server: ServerConfig, utc_s: float = EPOCH_S, **settings: Any) -> tuple[Checked, int]:
    """What comes of checking `server`, in virtual time, and how many requests it got."""
    config = ImportConfig(**settings)

    async def main() -> tuple[Checked, int]:
        service = Service(server, trio.current_time(), EPOCH_S)
        transport = InProcess(create_app(server, service))
        rest = Rest("http://127.0.0.1/api/items", config.source.page_size)
        async with HttpApi(rest, workers=1, timeout_s=30.0, keep_records=True, transport=transport) as api:
            found = await check(api, config, utc_s)
        return found, service.report()["admitted"]

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_four_requests_tell_what_can_be_told() -> None:
    """The list's size and paging, the items' fields, each latency, and all limits with what is left each time."""
    found, requests = checked(scenario("draft-8", items=250))
    assert requests == 4
    assert (found.a_page, found.items, found.pages, found.item_fields, found.alike) == (100, 250, None, 6, False)
    assert (found.paging, found.ended, found.problem) == ("each page names the next (has_more)", "", "")
    assert found.latencies_s == pytest.approx((0.05, 0.05, 0.05, 0.05))
    assert [(told.header, told.limit, told.period_s, told.remaining) for told in found.told] == [
        ("RateLimit", 100, 5.0, (99, 98, 97, 96)),
        ("RateLimit", 300, 30.0, (299, 298, 297, 296)),
    ]
    assert found.limits == "100/5s+300/30s"
    assert found.skew_s == 0.0


def test_declared_limits_are_kept_and_shown() -> None:
    """No request of a check is refused where three a second are let in; no header tells of that."""
    server = ServerConfig.from_mapping({"items": 250, "limit": "2/s:log", "dialect": "none"})
    found, requests = checked(server, limit="2/s")
    assert (requests, {*found.statuses} - {200}, found.declared_limits) == (5, {422}, "2/1s")  # 422: no page 0
    text = check_text(found, Screen(), program="python -m harness")
    assert "  limits     2/1s  (declared; no header tells of any)" in text
    assert "Pass --limit" not in text


def test_a_short_wait_is_waited() -> None:
    """A limit that was not declared and asks for a second or two does not end the check."""
    found, requests = checked(ServerConfig.from_mapping({"items": 250, "limit": "2/2s"}))
    assert requests == 5
    assert found.statuses == (200, 200, 429, 422, 200, 429, 200)  # 422: no page 0


def test_limits_that_only_the_list_tells_are_told() -> None:
    """The last answer with any counts."""
    notices = [Notice(200, quotas=(Quota(100, 90, 30.0, 60.0, header="X-RateLimit"),)), Notice(200)]
    assert [(told.limit, told.remaining) for told in _told(notices)] == [(100, (90,))]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"message": "unknown parameter page."}', "unknown parameter page"),
        ('{"error": {"message": "Send the \\"key\\"", "code": 3}}', 'Send the "key"'),
        ('{"title": "Bad", "detail": "Send Api-Version"}', "Send Api-Version"),
        ('{"errorMessages": ["No such field"], "errors": {}}', "No such field"),
        ('{"message": "cut in the mid', ""),
        ("<html><title> Not\n here </title>", "Not here"),
        ("no", ""),
        (None, ""),
    ],
)
def test_the_servers_own_sentence(body: str | None, words: str) -> None:
    """Where APIs put it, in one line; of a body that is cut as well."""
    assert own_words(body) == words


def test_a_list_alone_is_one_request_and_a_clock_that_is_wrong_is_said() -> None:
    """Without detail no item is asked for; the server's Date is compared with ours."""
    found, requests = checked(ServerConfig(items=30, latency="10ms"), utc_s=EPOCH_S + 90, detail=False)
    assert (requests, found.item_fields, found.skew_s, found.limits) == (1, 0, -90.0, "")
    text = check_text(found, Screen(), program="python -m harness", command="import")
    assert "  clock      the server's is 1 min 30 s behind this machine's\n" in text
    assert "  limits     X-RateLimit: 500, 499 left, reset in 20 s\n             The period is not stated." in text


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        (
            scenario("plans"),
            'the list cannot be read (status 401: Unauthorized, "this API requires a known key; send it as X-Api-Key '
            'or as a bearer token"); check the credentials and --url',
        ),
        (ServerConfig(limit="1/20s"), "the page was refused by a rate limit, which asks to wait 20 s; try again later"),
        (
            ServerConfig(fault=("404:items=1",)),
            'the item 1 cannot be read (gone: Not Found, "fault on request: 404"); check --item (where items are)',
        ),
    ],
)
def test_what_stands_in_the_way_is_said_in_a_sentence(server: ServerConfig, sentence: str) -> None:
    """No credentials, no quota left, an item that is not there."""
    with pytest.raises(BaseException) as refused:
        checked(server)
    error = refused.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, BadInput)
    assert sentence in str(error)


def test_records_that_hold_everything_need_no_request_each() -> None:
    """It is said, and what a request costs, and that nothing is said of limits."""
    told = (Told("X-RateLimit", 100, None, (90, 85, 80), 30.0),)
    one = Checked("u", (0.1, 0.2), 10, None, None, "each page names the next", 4, True, told, None)
    text = check_text(one, Screen(), program="python -m harness", command="import --url u")
    assert "! the list's records already hold all of them: --no-detail saves a request per item" in text
    assert "X-RateLimit: 100, 80 left, reset in 30 s; a request costs 5" in text
    silent = Checked("u", (0.1,), 10, None, None, "each page names the next", 0, False, (), None)
    assert "No rate-limit headers found." in check_text(silent, Screen(), program="python -m harness", command="import")
