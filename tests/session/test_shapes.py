"""`check` on lists as public APIs document them: it never says of one that it can be imported where it cannot.

Seven records, three a page, in each API's own words: which field holds the records, what leads on, which parameter is
read, what comes behind the end. The servers are written from the owners' documentation, not recorded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
import trio.testing

from harness.config import ImportConfig
from harness.core.answers import Done
from harness.errors import BadInput
from harness.record.run import Run
from harness.session.checking import Checked, check
from harness.session.importing import import_into, prepared
from harness.settings import read_settings
from harness.source.client import HttpApi
from harness.source.rest import Rest
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.core.lists import REST, URL, Answers, Reply, importing, records

IDS = list(range(1, 8))
SIZE = 3


def window(first: int) -> list[dict[str, Any]]:
    return records(*IDS[max(0, first) : max(0, first) + SIZE])


def by_page(query: dict[str, str], name: str = "page") -> tuple[list[dict[str, Any]], int, bool]:
    """(records, number, is there more) of a numbered page."""
    number = int(query.get(name, 1))
    return window(SIZE * (number - 1)) if number >= 1 else [], number, 0 < number * SIZE < len(IDS)


def by_offset(query: dict[str, str], name: str) -> tuple[list[dict[str, Any]], int, bool]:
    """(records, where the next page begins, is there more) of an offset or of a cursor that holds one."""
    first = int("0" + "".join(mark for mark in query.get(name, "0") if mark.isdigit()))
    return window(first), first + SIZE, first + SIZE < len(IDS)


def tokens(body: str, token: str, parameter: str, *, more: str = "", empty: Any = ..., **about: Any) -> Answers:
    """A list whose `token` (a path) holds what `parameter` must repeat; empty: what it holds at the end (...: gone)."""

    def answer(query: dict[str, str]) -> Reply:
        rows, following, has_more = by_offset(query, parameter)
        said: dict[str, Any] = {**about, body: rows}
        if more:
            said[more] = has_more
        at, (*path, name) = said, token.split(".")
        if has_more or empty is not ...:
            for key in path:
                at = at.setdefault(key, {})
            at[name] = f"x{following}" if has_more else empty
        return Reply(said)

    return answer


def github(query: dict[str, str]) -> Reply:
    rows, number, more = by_page({"page": str(max(1, int(query.get("page", 1))))})
    links = [f'<{URL}?page={number + 1}>; rel="next"', f'<{URL}?page=3>; rel="last"'] if more else []
    links += [f'<{URL}?page={number - 1}>; rel="prev"'] if number > 1 else []
    return Reply(rows, headers={"link": ", ".join(links)} if links else {})


def gitlab(query: dict[str, str]) -> Reply:
    rows, number, more = by_page(query)
    return Reply(rows, headers={"x-next-page": str(number + 1) if more else "", "x-page": str(number), "x-total": "7"})


def wordpress(query: dict[str, str]) -> Reply:
    rows, number, _ = by_page(query)
    headers = {"x-wp-total": "7", "x-wp-totalpages": "3"}
    if number < 1:
        return Reply(
            {"code": "rest_invalid_param", "message": "Invalid parameter(s): page", "data": {"status": 400}}, 400
        )
    if not rows:
        words = "The page number requested is larger than the number of pages available."
        return Reply({"code": "rest_post_invalid_page_number", "message": words, "data": {"status": 400}}, 400)
    return Reply(rows, headers=headers)


def django(query: dict[str, str]) -> Reply:
    rows, number, more = by_page(query)
    if not rows:
        return Reply({"detail": "Invalid page."}, 404)
    previous = f"{URL}?page={number - 1}" if number > 1 else None
    return Reply(
        {"count": 7, "next": f"{URL}?page={number + 1}" if more else None, "previous": previous, "results": rows}
    )


def laravel(query: dict[str, str]) -> Reply:
    rows, number, more = by_page({"page": str(max(1, int(query.get("page", 1))))})
    following = f"{URL}?page={number + 1}" if more else None
    about = {"current_page": number, "last_page": 3, "per_page": 3, "total": 7, "path": URL, "from": 1, "to": 3}
    return Reply({**about, "data": rows, "next_page_url": following, "first_page_url": f"{URL}?page=1"})


def laravel_resource(query: dict[str, str]) -> Reply:
    rows, number, more = by_page({"page": str(max(1, int(query.get("page", 1))))})
    links = {"first": f"{URL}?page=1", "last": f"{URL}?page=3", "prev": None}
    links["next"] = f"{URL}?page={number + 1}" if more else None
    marks = [{"url": f"{URL}?page={number + 1}", "label": "Next &raquo;", "active": False}]
    return Reply({"data": rows, "links": links, "meta": {"current_page": number, "last_page": 3, "links": marks}})


def spring(query: dict[str, str], body: str = "content", one_based: bool = False) -> Reply:
    number = int(query.get("page", 0)) - one_based
    rows, last = window(SIZE * number) if number >= 0 else [], number >= 2
    about = {"totalPages": 3, "totalElements": 7, "number": number, "size": 3, "first": number == 0, "last": last}
    return Reply({body: rows, **about, "empty": not rows})


def json_api(query: dict[str, str], href: bool = False) -> Reply:
    rows, number, more = by_page(query, "page[number]")
    following: Any = f"{URL}?page%5Bnumber%5D={number + 1}" if more else None
    return Reply({"data": rows, "links": {"self": URL, "next": {"href": following} if href and more else following}})


def zendesk(query: dict[str, str], body: str = "tickets") -> Reply:
    rows, following, more = by_offset(query, "page[after]")
    links = {"next": f"{URL}?page%5Bafter%5D={following}", "prev": f"{URL}?page%5Bbefore%5D=x"}
    return Reply({body: rows, "meta": {"has_more": more, "after_cursor": f"x{following}"}, "links": links})


def spotify(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "offset")
    url = f"{URL}?offset={following}&limit=3" if more else None
    return Reply(
        {"href": URL, "items": rows, "limit": 3, "next": url, "offset": following - 3, "previous": None, "total": 7}
    )


def contentful(query: dict[str, str]) -> Reply:
    rows, following, _ = by_offset(query, "skip")
    return Reply({"sys": {"type": "Array"}, "total": 7, "skip": following - 3, "limit": 3, "items": rows})


def facebook(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "after")
    paging: dict[str, Any] = {"cursors": {"before": "QVF", "after": f"x{following}"}}
    return Reply({"data": rows, "paging": {**paging, "next": f"{URL}?after={following}"} if more else paging})


def json_server_1(query: dict[str, str]) -> Reply:
    rows, number, more = by_page(query, "_page")
    return Reply(
        {
            "first": 1,
            "prev": None,
            "next": number + 1 if more else None,
            "last": 3,
            "pages": 3,
            "items": 7,
            "data": rows,
        }
    )


def json_server_0(query: dict[str, str]) -> Reply:
    return Reply(records(*IDS), headers={"x-total-count": "7"})  # without `_page` it gives everything


def asana(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "offset")
    ahead = {"offset": f"x{following}", "path": f"/tasks?offset=x{following}", "uri": f"{URL}?offset=x{following}"}
    return Reply({"data": rows, "next_page": ahead if more else None})


def twilio(query: dict[str, str]) -> Reply:
    rows, number, more = by_page({"page": str(int(query.get("Page", 0)) + 1)})
    return Reply({"data": rows, "page": number - 1, "next_page_uri": f"/items?Page={number}" if more else None})


def paypal(query: dict[str, str]) -> Reply:
    rows, number, more = by_page(query)
    links = [{"href": URL, "rel": "self"}] + ([{"href": f"{URL}?page={number + 1}", "rel": "next"}] if more else [])
    return Reply({"items": rows, "total_items": 7, "total_pages": 3, "links": links})


def confluence(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "start")
    links = {"base": URL, "self": URL, **({"next": f"/items?start={following}"} if more else {})}
    return Reply({"results": rows, "start": following - 3, "limit": 3, "size": len(rows), "_links": links})


def okta(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "after")
    links = [f'<{URL}?limit=3>; rel="self"', *([f'<{URL}?after=x{following}&limit=3>; rel="next"'] if more else [])]
    return Reply(rows, headers={"link": ", ".join(links)})


def reddit(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "after")
    return Reply({"kind": "Listing", "data": {"after": f"t{following}" if more else None, "children": rows}})


def pokeapi(query: dict[str, str]) -> Reply:
    rows, following, more = by_offset(query, "offset")
    named = [{"name": f"n{row['id']}", "url": f"{URL}/{row['id']}/"} for row in rows]
    return Reply(
        {"count": 7, "next": f"{URL}?offset={following}" if more else None, "previous": None, "results": named}
    )


def elastic(query: dict[str, str]) -> Reply:
    return Reply({"took": 1, "timed_out": False, "hits": {"total": {"value": 7}, "hits": window(0)}})


def plain(query: dict[str, str]) -> Reply:
    return Reply(by_page(query)[0])


def one_page(query: dict[str, str]) -> Reply:
    return Reply(records(*IDS))


SHAPES: dict[str, tuple[Answers, bool]] = {  # and whether an import can read all of it today
    "GitHub issues": (github, True),
    "GitLab, X-Next-Page": (gitlab, True),
    "Stripe": (tokens("data", "object", "starting_after", more="has_more", empty="list"), True),
    "Shopify REST": (
        lambda query: Reply({"orders": window(0)}, headers={"link": f"<{URL}?page_info=x>; rel=next"}),
        False,
    ),
    "HubSpot v3": (tokens("results", "paging.next.after", "after"), True),
    "Zendesk tickets": (zendesk, True),
    "Zendesk's paging over data": (lambda query: zendesk(query, "data"), True),
    "Notion": (tokens("results", "next_cursor", "start_cursor", more="has_more", empty=None, object="list"), True),
    "Jira": (lambda query: Reply({"issues": window(0), "startAt": 0, "maxResults": 3, "total": 7}), False),
    "Jira, tokens": (tokens("items", "nextPageToken", "nextPageToken"), True),
    "Salesforce": (tokens("records", "nextRecordsUrl", "cursor", totalSize=7), False),
    "Airtable": (tokens("items", "offset", "offset"), True),
    "Slack": (tokens("channels", "response_metadata.next_cursor", "cursor", empty="", ok=True), True),
    "Slack's paging over items": (tokens("items", "response_metadata.next_cursor", "cursor", empty="", ok=True), True),
    "JSON:API": (json_api, True),
    "JSON:API with link objects": (lambda query: json_api(query, True), True),
    "Django REST Framework": (django, True),
    "Microsoft Graph": (tokens("value", "@odata.nextLink", "$skiptoken"), False),
    "OData over items": (tokens("items", "@odata.nextLink", "$skiptoken"), False),
    "PokeAPI": (pokeapi, True),
    "Elasticsearch": (elastic, False),
    "WordPress": (wordpress, True),
    "json-server 0.17": (json_server_0, True),
    "json-server 1.0": (json_server_1, True),
    "Laravel paginate": (laravel, True),
    "Laravel resources": (laravel_resource, True),
    "Spring Data": (spring, True),
    "Spring Data over items": (lambda query: spring(query, "items"), True),
    "Spring Data, one-indexed": (lambda query: spring(query, "items", True), True),
    "Google Calendar": (tokens("items", "nextPageToken", "pageToken", kind="calendar#events"), True),
    "YouTube": (
        tokens("items", "nextPageToken", "pageToken", pageInfo={"totalResults": 7, "resultsPerPage": 3}),
        True,
    ),
    "X (Twitter) v2": (tokens("data", "meta.next_token", "pagination_token"), False),
    "Facebook Graph": (facebook, True),
    "Spotify": (spotify, True),
    "Contentful": (contentful, True),
    "Square": (tokens("items", "cursor", "cursor"), True),
    "Dropbox": (tokens("items", "cursor", "cursor", more="has_more"), True),
    "Intercom": (tokens("data", "pages.next.starting_after", "starting_after"), True),
    "Asana": (asana, True),
    "Twilio": (twilio, True),
    "PayPal": (paypal, True),
    "Confluence": (confluence, True),
    "Okta": (okta, True),
    "Reddit": (reddit, True),
    "DynamoDB": (tokens("items", "LastEvaluatedKey.id", "ExclusiveStartKey"), False),
    "a plain array in pages": (plain, True),
    "a plain array, all of it": (one_page, False),
}


def handling(answers: Answers) -> httpx2.MockTransport:
    """The list at /items, and below it items that hold their id and nothing else."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.rstrip("/").endswith("/items"):
            name = request.url.path.rstrip("/").rpartition("/")[2]
            return httpx2.Response(200, json={"id": int(name.removeprefix("n")), "name": f"n{name}", "more": "x"})
        reply = answers(dict(request.url.params))
        return httpx2.Response(reply.status, text=reply.text, headers=dict(reply.headers))

    return httpx2.MockTransport(handle)


def checked(answers: Answers, **settings: Any) -> Checked | None:
    """What `check` finds; None where it cannot read the list."""

    async def main() -> Checked:
        config = ImportConfig(url=URL, **settings)
        async with HttpApi(REST, workers=1, timeout_s=30.0, keep_records=True, transport=handling(answers)) as api:
            return await check(api, config, 0.0)

    try:
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except BadInput:
        return None


def imported(answers: Answers, folder: Path, rest: Rest = REST, **settings: Any) -> Run:
    """A real import that has ended, in virtual time."""

    async def main() -> Run:
        config = ImportConfig(
            url=URL, results=folder / "results", run="r", retry_delays="1", pacing="retry-after", **settings
        )
        with prepared(config) as run:
            async with HttpApi(rest, workers=4, timeout_s=30.0, transport=handling(answers)) as api:
                return await import_into(run, config, api, URL, inline=True)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def saved(found: Checked, folder: Path) -> Rest:
    """The mapping of the file that `check --save` writes."""
    file = folder / "saved.toml"
    file.write_text(found.toml)
    declared = read_settings({}, file, {}).source.declared()
    assert declared is not None
    return Rest(declared)


# Of these page 1 does not tell which parameter takes the cursor; another is tried where page 2 is page 1 again.
TRIED = {"Stripe", "Notion", "Jira, tokens"}


@pytest.mark.parametrize("name", SHAPES)
def test_check_is_never_wrong_about_a_public_shape(name: str, tmp_path: Path) -> None:
    """Where it says that a list can be imported, an import of it is complete with every record; else it has failed.

    By the file that it saves, and where page 1 alone tells all of it by the URL alone.
    """
    answers, importable = SHAPES[name]
    found, run = checked(answers), imported(answers, tmp_path)
    can = found is not None and not found.problem
    assert (can, run.status == "complete") == (importable, importable), run.about.get("reason")
    assert not importable or run.state().imported == len(IDS)
    if found is not None and can:
        again = imported(answers, tmp_path / "saved", saved(found, tmp_path))
        assert (again.status, again.state().imported) == ("complete", len(IDS)), (again.about, found.toml)
    if found is not None:
        assert len(found.latencies_s) <= 5 + (name in TRIED)
        text = check_text(found, Screen(), program="python -m harness", command="import --url u")
        assert text.startswith("✓ can be imported  (" if can else "✗ cannot be imported completely  (")
        assert "  end        " in text


def test_check_says_beforehand_that_pages_are_counted_from_0() -> None:
    """A4: page 0 has records that page 1 has not."""
    found = checked(lambda query: spring(query, "items"))
    assert found is not None
    assert found.paging == "numbered pages, counted from 0"
    assert found.problem == ""


@pytest.mark.parametrize(
    "about", [{}, {"total": 7}, {"last_page": 3}, {"total": 7, "last_page": 3}, {"meta": {"total": 7}}]
)
def test_check_asks_for_page_0_where_an_import_would(about: dict[str, Any]) -> None:
    """A4: one judge for both. Where a total is declared an import may come to page 0, and it says that it did."""

    def answer(query: dict[str, str]) -> Reply:
        number = int(query.get("page", 1))
        return Reply({"data": window(SIZE * number), **about})

    asked: list[str] = []
    found = checked(lambda query: (asked.append(query["page"]), answer(query))[1])
    assert found is not None
    assert (asked, found.problem) == (["1", "2", "0"], "")
    assert found.paging.endswith(", counted from 0")
    play = importing(answer)
    assert (play.done is not None and play.done.status, play.core.state.imported) == ("complete", 7)
    assert play.core.state.listing.zero_new


def test_check_does_not_mind_a_page_0_that_an_import_need_not_ask_for() -> None:
    """A4: page 0 answers 500; a total that is reached by pages 1 to 3 makes that nobody's business."""

    def answers(query: dict[str, str]) -> Reply:
        return Reply({"data": by_page(query)[0], "total": 7}, 500 if query["page"] == "0" else 200)

    found = checked(answers)
    assert found is not None
    assert found.problem == ""
    assert importing(answers).done == Done("complete", "")


def test_what_check_may_be_told_to_accept() -> None:
    """--accept-list: a list of one page without paging can be imported then."""
    found = checked(one_page, accept_list=True)
    assert found is not None
    assert (found.problem, found.ended.startswith("accepted as it is (--accept-list): ")) == ("", True)
