"""A few requests that say whether an API can be imported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import pytest
import trio
import trio.testing
from harness_test_api import ServerConfig, Service, create_app, scenario

from harness.cli.decide import _advice
from harness.config import ImportConfig
from harness.core.answers import own_words
from harness.errors import BadInput
from harness.pacing import Notice, Quota, parse_tiers
from harness.record.events import Batch, Key, Role, numbered
from harness.session.checking import Checked, Told, _told, check
from harness.session.importing import _rest
from harness.session.planning import look_ahead
from harness.session.plans import costs_seen, unsaid
from harness.source.client import HttpApi
from harness.source.rest import Rest
from harness.source.tokens import Client as TokenClient
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.asgi import InProcess
from tests.presets.play import checked as seen_of
from tests.presets.stub import ORIGIN, Reply, Stub

EPOCH_S = 1_764_000_000.0


Found = TypeVar("Found")
LIST = "http://127.0.0.1/api/items"


def asked(
    server: ServerConfig,
    ask: Callable[[HttpApi, ImportConfig], Awaitable[Found]],
    *,
    find_size: bool = False,
    **settings: Any,
) -> tuple[Found, int]:
    """What `ask` finds of `server`, in virtual time, and how many requests it got.

    find_size: as the commands do it; else pages of 100 are asked for.
    """
    config = ImportConfig(**settings)
    oauth = None
    if config.source.token_url is not None:
        oauth = TokenClient(config.source.token_url, "me", "secret", None)

    async def main() -> tuple[Found, int]:
        service = Service(server, trio.current_time(), EPOCH_S)
        transport = InProcess(create_app(server, service))
        rest = _rest(config, LIST) if find_size else Rest(LIST, config.source.page_size)
        how: dict[str, Any] = {"keep_records": True, "transport": transport, "oauth": oauth, "find_size": find_size}
        async with HttpApi(rest, workers=1, timeout_s=30.0, **how) as api:
            found = await ask(api, config)
        return found, service.report()["admitted"]

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def checked(server: ServerConfig, utc_s: float = EPOCH_S, **settings: Any) -> tuple[Checked, int]:
    """What comes of checking `server`, in virtual time, and how many requests it got."""
    return asked(server, lambda api, config: check(api, config, utc_s), **settings)


def test_four_requests_tell_what_can_be_told() -> None:
    """The list's size and paging, the items' fields, each latency, and all limits with what is left each time."""
    found, requests = checked(scenario("draft-8", items=250))
    assert requests == 4
    assert (found.a_page, found.items, found.pages, found.item_fields, found.alike) == (100, 250, None, 6, False)
    how = "each page is asked for by the last id of the one before"
    assert (found.paging, found.ended, found.problem) == (how, "", "")
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
    asked: list[tuple[Role, Key]] = [("list", numbered(1)), ("item", 1)]
    assert [(told.limit, told.remaining) for told in _told(notices, asked, None)] == [(100, (90,))]


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
            ServerConfig(fault=("403:items=1",)),
            'the item 1 cannot be read (status 403: Forbidden, "fault on request: 403"); check --item ',
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
    told = (Told("X-RateLimit", 100, None, (90, 85, 80), 30.0, (("list", 5), ("item", 5))),)
    one = Checked("u", (0.1, 0.2), 10, None, None, "each page names the next", 4, True, told, None)
    text = check_text(one, Screen(), program="python -m harness", command="import --url u")
    assert "! the list's records already hold all of them: --no-detail saves a request per item" in text
    assert "X-RateLimit: 100, 80 left, reset in 30 s; a request costs 5" in text
    silent = Checked("u", (0.1,), 10, None, None, "each page names the next", 0, False, (), None)
    assert "No rate-limit headers found." in check_text(silent, Screen(), program="python -m harness", command="import")


BATCHES = {"batch": "{list}/show_many?ids={ids}", "batch-most": 100}
IN_BATCHES = "{list}/show_many?ids={ids:10}"


def in_batches(server: dict[str, Any], **settings: Any) -> Checked:
    """What comes of checking a test API of 30 items: pages of 10, and 10 items at once."""
    about = ServerConfig.from_mapping({"items": 30, "limit": "100/m", "dialect": "draft-8", "shape": BATCHES, **server})
    config = {"url": LIST, "item": IN_BATCHES, "detail": True, "per_page": 10, **settings}
    found, _ = asked(about, lambda api, config: check(api, config, EPOCH_S), find_size=True, **config)
    return found


def test_what_a_batch_costs_is_seen_said_and_used() -> None:
    """Three pages of 10 at 2 units and three batches at 7: 27 units in all, by what was left after each request."""
    found = in_batches({"cost": {"list": 2, "batch": 7}})
    assert [told.costs for told in found.told] == [(("list", 2), ("batch", 7))]
    assert found.costs == (("list", 2), ("batch", 7))
    plan = next(one for one in found.plans if one.is_taken)
    assert (plan.pages, plan.items, plan.cost) == (3, 3, 3 * 2 + 3 * 7)
    text = check_text(found, Screen(), program="p")
    assert "; a page costs 2, a batch 7\n" in text
    assert "! a page costs 2 units: say --cost list=2\n" in text
    assert "! a batch costs 7 units: say --cost batch=7" in text
    command = _advice(ImportConfig(url=LIST, item=IN_BATCHES), found, None)["command"]
    assert command.endswith(" --cost list=2 --cost batch=7")


def test_a_declared_cost_wins_over_the_one_that_was_seen() -> None:
    """And nothing is advised that was said already."""
    found = in_batches({"cost": {"batch": 7}}, cost=["batch=9"])
    assert (found.told[0].costs, found.costs) == ((("list", 1), ("batch", 7)), ())
    plan = next(one for one in found.plans if one.is_taken)
    assert plan.cost == 3 + 3 * 9


def test_a_batch_that_is_not_full_costs_by_its_ids_where_its_cost_is_a_multiple_of_them() -> None:
    """Five ids for 5 units are ten for 10; five for 7 stay 7."""
    ids = Batch((1, 2, 3, 4, 5))
    asked: list[tuple[Role, Key]] = [("list", numbered(1)), ("list", numbered(2)), ("item", ids)]
    assert costs_seen(asked, [99, 98, 93], 10) == {"list": 1, "batch": 10}
    assert costs_seen(asked, [99, 98, 91], 10) == {"list": 1, "batch": 7}
    assert costs_seen(asked, [99, 98, 93], 5) == {"list": 1, "batch": 5}


@pytest.mark.parametrize(
    ("left", "costs"),
    [
        ([99, 98, 96, 94], {"list": 1, "item": 2}),
        ([99, 98, 96, 93], {"list": 1}),  # items differ: others use the limit, too
        ([99, None, 96, 94], {"item": 2}),
        ([3, 1, 99, 97], {"list": 2, "item": 2}),  # a window began anew
        ([5, 5, 5, 5], {}),
        ([None, None, None, None], {}),
    ],
)
def test_what_cannot_be_told_of_a_cost_is_left_out(left: list[int | None], costs: dict[str, int]) -> None:
    """Of two pages and two items."""
    asked: list[tuple[Role, Key]] = [("list", numbered(1)), ("list", numbered(2)), ("item", 1), ("item", 2)]
    assert costs_seen(asked, left) == costs


def test_only_a_cost_on_which_the_limits_agree_is_advised() -> None:
    """One that fits them, too, and that nobody declared."""
    config = ImportConfig(url=LIST)
    tiers = parse_tiers("100/m+list=5/m")
    assert unsaid(config, tiers, [{"list": 5, "item": 7}, {"item": 7}]) == {"list": 5, "item": 7}
    assert unsaid(config, tiers, [{"list": 6, "item": 7}, {"item": 1}]) == {}
    assert unsaid(ImportConfig(url=LIST, cost=["item=2"]), tiers, [{"list": 1, "item": 7}]) == {}


SLASHES = {"list": "/api/items/", "item": "{list}{id}/", "redirect": "308"}


def test_redirects_are_followed_as_an_import_follows_them() -> None:
    """The list, and the first item; the second is asked for with its slash at once. Each hop is a request."""
    server = ServerConfig(items=250, limit="100/5s", shape=SLASHES)
    found, requests = checked(server, url=LIST)
    assert found.statuses == (308, 200, 200, 422, 308, 200, 200)  # 422: of page 0
    assert (requests, len(found.latencies_s), found.items, found.item_fields, found.problem) == (7, 7, 250, 6, "")
    plan, requests = asked(server, look_ahead, url=LIST)
    assert (requests, plan.requests_made) == (4, 4)
    assert plan.work is not None
    assert (plan.work.pages, plan.work.items) == (3, 250)


@pytest.mark.parametrize("ask", [lambda api, config: check(api, config, EPOCH_S), look_ahead])
def test_redirects_that_lead_in_a_circle_are_named(ask: Callable[..., Awaitable[Any]]) -> None:
    """In one sentence, after as many requests as the circle has."""

    async def main() -> None:
        moved = httpx2.MockTransport(
            lambda request: httpx2.Response(302, headers={"Location": f"/{'b' if request.url.path == '/a' else 'a'}"})
        )
        async with HttpApi(Rest("http://api.test/a"), workers=1, timeout_s=5.0, transport=moved) as api:
            with pytest.raises(BadInput, match=r"the list cannot be read .*the redirects lead in a circle"):
                await ask(api, ImportConfig(url="http://api.test/a"))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def of_oauth() -> dict[str, Any]:
    where = "http://127.0.0.1/oauth/token"
    return {"auth": "oauth2", "token_url": where, "client_id_env": "ID", "client_secret_env": "SECRET"}


def test_a_token_is_fetched_first() -> None:
    """One request more, before all others; where a token holds for two requests only, as many as are needed."""
    server = ServerConfig(items=250, limit="100/5s", auth="oauth2", tokens="counted")
    found, requests = checked(server, url=LIST, **of_oauth())
    assert found.statuses == (200, 200, 200, 422, 200, 200)  # 422: of page 0
    assert (requests, found.items, found.item_fields) == (6, 250, 6)
    plan, requests = asked(server, look_ahead, url=LIST, **of_oauth())
    assert (requests, plan.requests_made) == (3, 3)
    short = ServerConfig(items=250, limit="100/5s", auth="oauth2", tokens="requests=2:counted")
    assert checked(short, url=LIST, **of_oauth())[0].statuses == (200, 200, 200, 401, 200, 422, 200, 401, 200, 200)


def test_no_token_is_one_sentence() -> None:
    """With the names of the variables, and nothing else is asked."""
    with pytest.raises(BaseException) as failed:
        checked(ServerConfig(auth="oauth2"), url=LIST, **{**of_oauth(), "token_url": "http://127.0.0.1/elsewhere"})
    error = failed.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, BadInput)
    assert "no token came from http://127.0.0.1/elsewhere (" in str(error)
    assert str(error).endswith("; check ID and SECRET and --token-url")


def test_a_list_whose_items_lie_nowhere_is_its_own_items() -> None:
    """As an import takes it, where nobody said where items are: said, and saved so. A declared item is an error."""
    server = ServerConfig.from_mapping({"items": 250, "shape": ["item=/elsewhere/{id}"]})
    found, _ = checked(server)
    assert (found.item_fields, found.statuses[-1]) == (0, 404)
    assert not any(one.what == "items" for one in found.findings)
    assert [one.why for one in found.unknown] == [
        "none is at http://127.0.0.1/api/items/{id} (gone: Not Found, "
        '"there is no such page; the list is at /api/items"), '
        "so the list's records are the items"
    ]
    assert "detail = false" in found.toml
    found, _ = checked(ServerConfig(items=250, fault=("404:items=1",)))
    assert (found.item_fields, found.unknown) == (6, ())  # one item is gone, and others are not
    with pytest.raises(BadInput, match=r"the item 100 cannot be read \(gone: Not Found.*; check --item"):
        checked(server, detail=True)
    with pytest.raises(BadInput, match=r"the item 100 cannot be read \(gone: Not Found.*; check --item"):
        checked(server, url=LIST, item="{list}/{id}")
    found, _ = checked(ServerConfig.from_mapping({"items": 250, "shape": ["ok=true", "item=none"]}))
    assert (found.item_fields, found.statuses[-1], "detail = false" in found.toml) == (0, 200, True)
    assert [one.what for one in found.unknown] == ["items"]


def test_fields_of_the_same_names_and_other_values_are_no_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """crates.io lists `versions: null`: to leave out the items would lose what they hold."""
    rows = [{"id": n, "versions": None} for n in range(1, 4)]
    items = {f"/crates/{n}": {"id": n, "versions": [n]} for n in range(1, 4)}
    stub = Stub(lambda asked: Reply(items.get(asked.path, {"data": rows, "total": 3})))
    found = seen_of(ImportConfig(url=f"{ORIGIN}/crates"), stub, monkeypatch)
    text = check_text(found, Screen(), program="p")
    assert (found.alike, found.new_fields) == (False, 0)
    assert "2 fields each, with other values than in the list" in text
    assert "already hold" not in text
