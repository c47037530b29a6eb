"""APIs as their owners document them, with made-up data: seven records in three pages, and details where there are.

Each function makes a `Case`: the stand-in's answers, how it is imported, and what must come of it. The requests are
written out as the documentation has them, not computed by the importer's rules.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.presets.stub import KEY, ORIGIN, Answers, Asked, Reply, cut, not_found, wrong

SIZE = 3
BEARER = f"Bearer {KEY}"
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An API, how it is imported, and what must come of it. preset: None where there is none, and a guess must do.

    settings: besides preset, url and a page size of SIZE. key: what the variable KEY holds; variables: and others,
    which the settings name. pages: the requests for the list (and for a token), in order; items: those for the items,
    in any order. rows: the items in the order of the list.
    """

    preset: str | None
    url: str
    answers: Answers
    pages: list[str]
    items: list[str]
    rows: list[Row]
    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = KEY
    sized: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)


def basic(pair: str) -> str:
    """Return the header of HTTP Basic."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def by_id(rows: list[Row], name: str, value: str) -> Row | None:
    """Return the row whose field `name` is `value`."""
    return next((row for row in rows if str(row[name]) == value), None)


def item(row: Row | None, *wrap: str) -> Reply:
    """Return an answer with an item in envelopes, or a 404."""
    if row is None:
        return not_found()
    body: Any = row
    for name in wrap:
        body = {name: body}
    return Reply(body)


def few(rows: list[Row], *names: str) -> list[Row]:
    """Return the records of a list: fewer fields than the items have."""
    return [{name: row[name] for name in names} for row in rows]


# --- links ------------------------------------------------------------------------------------------------------------


def github() -> Case:
    """A Link header whose next pages lie at another path; the issue's number, not its id, is in its URL."""
    rows = [
        {
            "url": f"{ORIGIN}/repos/o/r/issues/{n}",
            "id": 9000 + n,
            "number": n,
            "title": f"Issue {n}",
            "body": f"Text {n}",
        }
        for n in range(41, 48)
    ]

    def answers(asked: Asked) -> Reply:
        refused = wrong(asked, authorization=BEARER, x_github_api_version="2022-11-28")
        if refused is not None:
            return refused
        if asked.path in ("/repos/o/r/issues", "/repositories/77/issues"):
            page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 30))
            found, more = cut(few(rows, "url", "id", "number", "title"), (page - 1) * size, min(size, 100))
            base = f"{ORIGIN}/repositories/77/issues?state=all&per_page={size}&page="
            links = [f'<{base}{page + 1}>; rel="next"', f'<{base}3>; rel="last"'] if more else []
            links += [f'<{base}1>; rel="first"'] if page > 1 else []
            return Reply(found, headers={"Link": ", ".join(links)} if links else {})
        return item(by_id(rows, "number", asked.path.removeprefix("/repos/o/r/issues/")))

    return Case(
        "github",
        f"{ORIGIN}/repos/o/r/issues?state=all",
        answers,
        [
            "GET /repos/o/r/issues?per_page=3&state=all",
            "GET /repositories/77/issues?page=2&per_page=3&state=all",
            "GET /repositories/77/issues?page=3&per_page=3&state=all",
        ],
        [f"GET /repos/o/r/issues/{n}" for n in range(41, 48)],
        rows,
    )


def gitlab() -> Case:
    """Page numbers in a Link header and in X-Next-Page, which is empty at the end; issues go by their iid."""
    path = "/api/v4/projects/4/issues"
    rows = [
        {"id": 500 + n, "iid": n, "title": f"Issue {n}", "weight": n, "_links": {"self": f"{ORIGIN}{path}/{n}"}}
        for n in range(1, 8)
    ]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, private_token=KEY)) is not None:
            return refused
        if asked.path == path:
            page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 20))
            found, more = cut(few(rows, "id", "iid", "title", "_links"), (page - 1) * size, min(size, 100))
            base = f"{ORIGIN}{path}?per_page={size}&page="
            links = [f'<{base}{page + 1}>; rel="next"'] if more else []
            links += [f'<{base}1>; rel="first"', f'<{base}3>; rel="last"']
            return Reply(
                found,
                headers={"Link": ", ".join(links), "X-Next-Page": str(page + 1) if more else "", "X-Total": "7"},
            )
        return item(by_id(rows, "iid", asked.path.removeprefix(path + "/")))

    return Case(
        "gitlab",
        f"{ORIGIN}/api/v4/projects/4/issues",
        answers,
        [
            "GET /api/v4/projects/4/issues?per_page=3",
            "GET /api/v4/projects/4/issues?page=2&per_page=3",
            "GET /api/v4/projects/4/issues?page=3&per_page=3",
        ],
        [f"GET /api/v4/projects/4/issues/{n}" for n in range(1, 8)],
        rows,
    )


def gitlab_keyset() -> Case:
    """Keyset pagination: the Link header leads on by the last id, and the last page is empty and has none."""
    rows = [{"id": n, "name": f"Project {n}", "stars": n} for n in (3, 5, 8, 13, 21, 34, 55)]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, private_token=KEY)) is not None:
            return refused
        if asked.path == "/api/v4/projects":
            size = int(asked.query["per_page"])
            after = int(asked.query.get("id_after", 0))
            found = [row for row in few(rows, "id", "name") if row["id"] > after][:size]
            if not found:
                return Reply([])
            on = f"pagination=keyset&order_by=id&sort=asc&per_page={size}&id_after={found[-1]['id']}"
            return Reply(found, headers={"Link": f'<{ORIGIN}/api/v4/projects?{on}>; rel="next"'})
        return item(by_id(rows, "id", asked.path.removeprefix("/api/v4/projects/")))

    base = "order_by=id&pagination=keyset&per_page=3&sort=asc"
    return Case(
        "gitlab",
        f"{ORIGIN}/api/v4/projects?pagination=keyset&order_by=id&sort=asc",
        answers,
        [
            f"GET /api/v4/projects?{base}",
            *(f"GET /api/v4/projects?id_after={last}&{base}" for last in (8, 34, 55)),
        ],
        [f"GET /api/v4/projects/{row['id']}" for row in rows],
        rows,
    )


def shopify() -> Case:
    """The envelope is named after the resource, and its singular in an item; page_info goes alone with limit."""
    rows = [{"id": 450789400 + n, "name": f"#{n}", "total_price": f"{n}.00"} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, x_shopify_access_token=KEY)) is not None:
            return refused
        base = "/admin/api/2025-01/orders"
        if asked.path == base + ".json":
            first, size = int(asked.query.get("page_info", "p0")[1:]), int(asked.query.get("limit", 50))
            found, more = cut(few(rows, "id", "name"), first, size)
            to = f"{ORIGIN}{base}.json?limit={size}&page_info=p"
            links = [f'<{to}{first - size}>; rel="previous"'] if first else []
            links += [f'<{to}{first + size}>; rel="next"'] if more else []
            about = {"X-Shopify-Shop-Api-Call-Limit": "1/40"} | ({"Link": ", ".join(links)} if links else {})
            return Reply({"orders": found}, headers=about)
        name = asked.path.removeprefix(base + "/")
        return item(by_id(rows, "id", name.removesuffix(".json")) if name.endswith(".json") else None, "order")

    return Case(
        "shopify",
        f"{ORIGIN}/admin/api/2025-01/orders.json?status=any",
        answers,
        [
            "GET /admin/api/2025-01/orders.json?limit=3&status=any",
            "GET /admin/api/2025-01/orders.json?limit=3&page_info=p3",
            "GET /admin/api/2025-01/orders.json?limit=3&page_info=p6",
        ],
        [f"GET /admin/api/2025-01/orders/{row['id']}.json" for row in rows],
        rows,
    )


def zendesk() -> Case:
    """links.next is told with the last page too: only has_more ends the list. Basic auth with a key for the mail."""
    rows = [{"id": n, "subject": f"Ticket {n}", "description": f"Text {n}"} for n in range(11, 18)]
    pair = "me@example.com/token:" + KEY

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(pair))) is not None:
            return refused
        if asked.path == "/api/v2/tickets.json":
            first, size = int(asked.query.get("page[after]", "c0")[1:]), int(asked.query["page[size]"])
            found, more = cut(few(rows, "id", "subject"), first, size)
            on = f"{ORIGIN}/api/v2/tickets.json?page%5Bsize%5D={size}&page%5Bafter%5D=c{first + size}"
            meta = {"has_more": more, "after_cursor": f"c{first + size}", "before_cursor": f"c{first}"}
            return Reply({"tickets": found, "meta": meta, "links": {"prev": None, "next": on}})
        name = asked.path.removeprefix("/api/v2/tickets/")
        return item(by_id(rows, "id", name.removesuffix(".json")) if name.endswith(".json") else None, "ticket")

    return Case(
        "zendesk",
        f"{ORIGIN}/api/v2/tickets.json",
        answers,
        [
            "GET /api/v2/tickets.json?page[size]=3",
            "GET /api/v2/tickets.json?page[after]=c3&page[size]=3",
            "GET /api/v2/tickets.json?page[after]=c6&page[size]=3",
        ],
        [f"GET /api/v2/tickets/{n}.json" for n in range(11, 18)],
        rows,
        key=pair,
    )


def salesforce() -> Case:
    """nextRecordsUrl is a path, the item's URL another, in `attributes`; `done` says the contrary of more."""
    ids = [f"001xx00000{n}AAA" for n in range(7)]
    base = "/services/data/v60.0"
    rows = [
        {"attributes": {"type": "Account", "url": f"{base}/sobjects/Account/{one}"}, "Id": one, "Name": f"Account {n}"}
        for n, one in enumerate(ids)
    ]
    full = [{**row, "Industry": "Energy"} for row in rows]

    def answers(asked: Asked) -> Reply:
        refused = wrong(asked, authorization=BEARER)
        if refused is not None:
            return refused
        if asked.path.startswith(f"{base}/query"):
            if asked.headers.get("sforce-query-options") != "batchSize=2000":
                return Reply([{"errorCode": "NO_BATCH_SIZE"}], 400)
            first = int(asked.path.partition("01g-")[2] or 0)
            found, more = cut(rows, first, SIZE)
            body: Row = {"totalSize": 7, "done": not more, "records": found}
            if more:
                body["nextRecordsUrl"] = f"{base}/query/01g-{first + SIZE}"
            return Reply(body, headers={"Sforce-Limit-Info": "api-usage=18/100000"})
        return item(by_id(full, "Id", asked.path.removeprefix(f"{base}/sobjects/Account/")))

    return Case(
        "salesforce",
        f"{ORIGIN}{base}/query?q=SELECT+Id,Name+FROM+Account",
        answers,
        [
            f"GET {base}/query?q=SELECT Id,Name FROM Account",
            f"GET {base}/query/01g-3",
            f"GET {base}/query/01g-6",
        ],
        [f"GET {base}/sobjects/Account/{one}" for one in ids],
        full,
        sized=False,
    )


def jsonapi() -> Case:
    """links.next is an object with href, then text, then null."""
    rows = [
        {"type": "articles", "id": str(n), "attributes": {"title": f"Article {n}", "body": f"Text {n}"}}
        for n in range(1, 8)
    ]
    short = [{**row, "attributes": {"title": row["attributes"]["title"]}} for row in rows]  # type: ignore[index]

    def answers(asked: Asked) -> Reply:
        refused = wrong(asked, ("page[number]", "page[size]"), accept="application/vnd.api+json")
        if refused is not None:
            return refused
        if asked.path == "/articles":
            page, size = int(asked.query.get("page[number]", 1)), int(asked.query.get("page[size]", 10))
            found, more = cut(short, (page - 1) * size, size)
            to = f"{ORIGIN}/articles?page%5Bnumber%5D={page + 1}&page%5Bsize%5D={size}"
            link: Any = None if not more else {"href": to, "meta": {"page": 2}} if page == 1 else to
            links = {"self": f"{ORIGIN}/articles", "next": link, "last": f"{ORIGIN}/articles?page%5Bnumber%5D=3"}
            return Reply({"data": found, "links": links, "jsonapi": {"version": "1.1"}})
        return item(by_id(rows, "id", asked.path.removeprefix("/articles/")), "data")

    return Case(
        "jsonapi",
        f"{ORIGIN}/articles",
        answers,
        [
            "GET /articles?page[size]=3",
            "GET /articles?page[number]=2&page[size]=3",
            "GET /articles?page[number]=3&page[size]=3",
        ],
        [f"GET /articles/{n}" for n in range(1, 8)],
        rows,
        key=None,
    )


def drf() -> Case:
    """Behind a proxy: next links name the server's own host and scheme. Items end in a slash."""
    rows = [{"id": n, "username": f"user{n}", "email": f"user{n}@example.com"} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=f"Token {KEY}")) is not None:
            return refused
        if asked.path == "/api/users/":
            page = int(asked.query.get("page", 1))
            found, more = cut(few(rows, "id", "username"), (page - 1) * SIZE, SIZE)
            on = f"http://backend:8000/api/users/?active=1&page={page + 1}" if more else None
            return Reply({"count": 7, "next": on, "previous": None, "results": found})
        name = asked.path.removeprefix("/api/users/")
        if not name.endswith("/"):
            return Reply("", 301, {"Location": f"{ORIGIN}{asked.path}/"})
        return item(by_id(rows, "id", name[:-1]))

    return Case(
        "drf",
        f"{ORIGIN}/api/users/?active=1",
        answers,
        ["GET /api/users/?active=1", "GET /api/users/?active=1&page=2", "GET /api/users/?active=1&page=3"],
        [f"GET /api/users/{n}/" for n in range(1, 8)],
        rows,
        sized=False,
    )


def odata() -> Case:
    """@odata.nextLink, left out with the last page."""
    rows = [{"id": f"{n:08x}-aaaa", "displayName": f"User {n}", "mail": f"u{n}@example.com"} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        refused = wrong(asked, authorization=BEARER, prefer="odata.maxpagesize=999")
        if refused is not None:
            return refused
        if asked.path == "/v1.0/users":
            first = int(asked.query.get("$skiptoken", "s0")[1:])
            found, more = cut(few(rows, "id", "displayName"), first, SIZE)
            body: Row = {"@odata.context": f"{ORIGIN}/v1.0/$metadata#users", "value": found}
            if more:
                body["@odata.nextLink"] = f"{ORIGIN}/v1.0/users?$skiptoken=s{first + SIZE}"
            return Reply(body)
        return item(by_id(rows, "id", asked.path.removeprefix("/v1.0/users/")))

    return Case(
        "odata",
        f"{ORIGIN}/v1.0/users",
        answers,
        ["GET /v1.0/users", "GET /v1.0/users?$skiptoken=s3", "GET /v1.0/users?$skiptoken=s6"],
        [f"GET /v1.0/users/{row['id']}" for row in rows],
        rows,
        sized=False,
    )


def pokeapi() -> Case:
    """Records of a name and a URL, which does not follow from the name."""
    names = ("bulbasaur", "ivysaur", "venusaur", "charmander", "charmeleon", "charizard", "mr-mime")
    rows = [{"id": n, "name": name, "height": n * 2} for n, name in enumerate(names, 1)]
    base = "/api/v2/pokemon"

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, ("limit", "offset"))) is not None:
            return refused
        if asked.path == base:
            first, size = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 20))
            found, more = cut(rows, first, size)
            listed = [{"name": row["name"], "url": f"{ORIGIN}{base}/{row['id']}/"} for row in found]
            on = f"{ORIGIN}{base}?offset={first + size}&limit={size}" if more else None
            return Reply({"count": 7, "next": on, "previous": None, "results": listed})
        name = asked.path.removeprefix(base + "/")
        return item(by_id(rows, "id", name[:-1]) if name.endswith("/") else None)

    return Case(
        "pokeapi",
        f"{ORIGIN}{base}",
        answers,
        [f"GET {base}?limit=3", f"GET {base}?limit=3&offset=3", f"GET {base}?limit=3&offset=6"],
        [f"GET {base}/{n}/" for n in range(1, 8)],
        rows,
        key=None,
    )


# --- cursors and keys -------------------------------------------------------------------------------------------------


def stripe() -> Case:
    """The last id of a page asks for the next; what the API does not know is a 400."""
    rows = [{"id": f"ch_{n}Q", "object": "charge", "amount": 100 * n, "paid": True} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        at_list = asked.path == "/v1/charges"
        if (refused := wrong(asked, ("limit", "starting_after") if at_list else (), authorization=BEARER)) is not None:
            return refused
        if at_list:
            after = asked.query.get("starting_after")
            first = 0 if after is None else 1 + [row["id"] for row in rows].index(after)
            found, more = cut(few(rows, "id", "object", "amount"), first, int(asked.query.get("limit", 10)))
            return Reply({"object": "list", "url": "/v1/charges", "has_more": more, "data": found})
        return item(by_id(rows, "id", asked.path.removeprefix("/v1/charges/")))

    return Case(
        "stripe",
        f"{ORIGIN}/v1/charges",
        answers,
        [
            "GET /v1/charges?limit=3",
            "GET /v1/charges?limit=3&starting_after=ch_3Q",
            "GET /v1/charges?limit=3&starting_after=ch_6Q",
        ],
        [f"GET /v1/charges/{row['id']}" for row in rows],
        rows,
    )


def hubspot() -> Case:
    """paging.next.after; without more pages there is no `paging`."""
    rows = [
        {"id": str(n), "properties": {"email": f"c{n}@example.com", "phone": f"+49 {n}"}, "archived": False}
        for n in range(1, 8)
    ]
    short = [{**row, "properties": {"email": row["properties"]["email"]}} for row in rows]  # type: ignore[index]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=BEARER)) is not None:
            return refused
        base = "/crm/v3/objects/contacts"
        if asked.path == base:
            first, size = int(asked.query.get("after", 0)), int(asked.query.get("limit", 10))
            found, more = cut(short, first, size)
            link = f"https://api.hubapi.com{base}?limit={size}&after={first + size}"
            on = {"paging": {"next": {"after": str(first + size), "link": link}}} if more else {}
            return Reply({"results": found, **on})
        return item(by_id(rows, "id", asked.path.removeprefix(base + "/")))

    base = "/crm/v3/objects/contacts"
    return Case(
        "hubspot",
        f"{ORIGIN}{base}",
        answers,
        [f"GET {base}?limit=3", f"GET {base}?after=3&limit=3", f"GET {base}?after=6&limit=3"],
        [f"GET {base}/{n}" for n in range(1, 8)],
        rows,
    )


def notion() -> Case:
    """A POST whose body holds size and cursor; pages are elsewhere."""
    ids = [f"59833787-2cf9-4fdf-8782-e53db20768a{n}" for n in range(7)]
    rows = [
        {"object": "page", "id": one, "archived": False, "properties": {"Name": {"id": "title"}}, "url": f"n{n}"}
        for n, one in enumerate(ids)
    ]

    def answers(asked: Asked) -> Reply:
        refused = wrong(asked, authorization=BEARER, notion_version="2022-06-28")
        if refused is not None:
            return refused
        if asked.path == "/v1/databases/d1/query" and asked.method == "POST":
            if asked.body is None or set(asked.body) - {"page_size", "start_cursor"}:
                return Reply({"object": "error", "status": 400, "code": "validation_error"}, 400)
            start = asked.body.get("start_cursor")
            first = 0 if start is None else ids.index(start)
            found, more = cut(few(rows, "object", "id", "properties"), first, asked.body["page_size"])
            on = ids[first + len(found)] if more else None
            return Reply({"object": "list", "results": found, "next_cursor": on, "has_more": more, "type": "page"})
        if asked.method != "GET":
            return not_found()
        return item(by_id(rows, "id", asked.path.removeprefix("/v1/pages/")))

    return Case(
        "notion",
        f"{ORIGIN}/v1/databases/d1/query",
        answers,
        [
            'POST /v1/databases/d1/query {"page_size": 3}',
            f'POST /v1/databases/d1/query {{"page_size": 3, "start_cursor": "{ids[3]}"}}',
            f'POST /v1/databases/d1/query {{"page_size": 3, "start_cursor": "{ids[6]}"}}',
        ],
        [f"GET /v1/pages/{one}" for one in ids],
        rows,
    )


def _issues(base: str) -> list[Row]:
    """Return Jira's issues, which are found by their key and by their id; their own URL ends with the id."""
    return [
        {
            "id": str(10000 + n),
            "self": f"{ORIGIN}{base}/{10000 + n}",
            "key": f"ABC-{n}",
            "fields": {"summary": f"S {n}"},
            "x": n,
        }
        for n in range(1, 8)
    ]


def jira() -> Case:
    """The newer search of Jira Cloud: a token, and isLast."""
    rows = _issues("/rest/api/3/issue")

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(f"me@example.com:{KEY}"))) is not None:
            return refused
        if asked.path == "/rest/api/3/search/jql":
            first = int(asked.query.get("nextPageToken", "t0")[1:])
            found, more = cut(few(rows, "id", "self", "key", "fields"), first, int(asked.query.get("maxResults", 50)))
            on = {"nextPageToken": f"t{first + len(found)}"} if more else {}
            return Reply({"issues": found, "isLast": not more, **on})
        name = asked.path.removeprefix("/rest/api/3/issue/")
        return item(by_id(rows, "key", name) or by_id(rows, "id", name))

    base = "fields=*all&jql=project=ABC&maxResults=3"
    return Case(
        "jira",
        f"{ORIGIN}/rest/api/3/search/jql?jql=project%3DABC",
        answers,
        [
            f"GET /rest/api/3/search/jql?{base}",
            *(f"GET /rest/api/3/search/jql?{base}&nextPageToken=t{n}" for n in (3, 6)),
        ],
        [f"GET /rest/api/3/issue/ABC-{n}?fields=*all" for n in range(1, 8)],
        rows,
        key=f"me@example.com:{KEY}",
    )


def jira_server() -> Case:
    """The search of Jira Data Center, and the older one of the Cloud: offsets and a total."""
    rows = _issues("/rest/api/2/issue")

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(f"me:{KEY}"))) is not None:
            return refused
        if asked.path == "/rest/api/2/search":
            first, size = int(asked.query.get("startAt", 0)), int(asked.query.get("maxResults", 50))
            found, _ = cut(few(rows, "id", "self", "key", "fields"), first, size)
            return Reply({"expand": "names", "startAt": first, "maxResults": size, "total": 7, "issues": found})
        name = asked.path.removeprefix("/rest/api/2/issue/")
        return item(by_id(rows, "key", name) or by_id(rows, "id", name))

    base = "GET /rest/api/2/search?fields=*all&jql=project=ABC&maxResults=3"
    return Case(
        "jira",
        f"{ORIGIN}/rest/api/2/search?jql=project%3DABC",
        answers,
        [f"{base}&startAt={first}" for first in (0, 3, 6)],
        [f"GET /rest/api/2/issue/ABC-{n}?fields=*all" for n in range(1, 8)],
        rows,
        key=f"me:{KEY}",
    )


def airtable() -> Case:
    """`offset` is a token, and absent at the end; fields are under `fields`."""
    rows = [
        {"id": f"rec{n}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": {"Name": f"N {n}"}, "commentCount": n}
        for n in range(1, 8)
    ]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=BEARER)) is not None:
            return refused
        if asked.path == "/v0/app1/Tasks":
            first = int(asked.query.get("offset", "itr/rec0").removeprefix("itr/rec"))
            found, more = cut(few(rows, "id", "createdTime", "fields"), first, int(asked.query.get("pageSize", 100)))
            return Reply({"records": found, **({"offset": f"itr/rec{first + len(found)}"} if more else {})})
        return item(by_id(rows, "id", asked.path.removeprefix("/v0/app1/Tasks/")))

    return Case(
        "airtable",
        f"{ORIGIN}/v0/app1/Tasks",
        answers,
        [
            "GET /v0/app1/Tasks?pageSize=3",
            "GET /v0/app1/Tasks?offset=itr/rec3&pageSize=3",
            "GET /v0/app1/Tasks?offset=itr/rec6&pageSize=3",
        ],
        [f"GET /v0/app1/Tasks/rec{n}" for n in range(1, 8)],
        rows,
    )


def slack() -> Case:
    """Errors are a 200; a page may hold no records and yet lead on; the cursor of the last is an empty text."""
    rows = [{"id": f"C{n}", "name": f"channel-{n}", "topic": {"value": f"Topic {n}"}} for n in range(1, 8)]
    pages = {"": (rows[:3], "dXNlcjoz="), "dXNlcjoz=": ([], "dXNlcjo0="), "dXNlcjo0=": (rows[3:], "")}

    def answers(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != BEARER:
            return Reply({"ok": False, "error": "invalid_auth"})
        if asked.path == "/api/conversations.list":
            if (refused := wrong(asked)) is not None:
                return refused
            found, on = pages[asked.query.get("cursor", "")]
            return Reply({"ok": True, "channels": few(found, "id", "name"), "response_metadata": {"next_cursor": on}})
        found_one = by_id(rows, "id", asked.query.get("channel", ""))
        if asked.path != "/api/conversations.info" or found_one is None:
            return Reply({"ok": False, "error": "channel_not_found"})
        return Reply({"ok": True, "channel": found_one})

    return Case(
        "slack",
        f"{ORIGIN}/api/conversations.list",
        answers,
        [
            "GET /api/conversations.list?limit=3",
            "GET /api/conversations.list?cursor=dXNlcjoz=&limit=3",
            "GET /api/conversations.list?cursor=dXNlcjo0=&limit=3",
        ],
        [f"GET /api/conversations.info?channel=C{n}" for n in range(1, 8)],
        rows,
    )


def elasticsearch() -> Case:
    """A POST; the sort values of the last document, an array, ask for the next page; the total ends it."""
    docs: list[Row] = [{"_index": "logs", "_id": f"d/{n}", "_source": {"n": n}} for n in range(1, 8)]
    rows = [{**doc, "_version": 1, "found": True} for doc in docs]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(f"elastic:{KEY}"))) is not None:
            return refused
        if asked.path == "/logs/_search":
            if asked.method != "POST" or asked.headers.get("content-type") != "application/json":
                return Reply({"error": "Content-Type header [] is not supported", "status": 406}, 406)
            after = asked.body.get("search_after")
            first = 0 if after is None else 1 + [[doc["_id"]] for doc in docs].index(after)
            found, _ = cut(docs, first, asked.body["size"])
            hits = [{**doc, "_score": None, "sort": [doc["_id"]]} for doc in found]
            return Reply({"took": 1, "hits": {"total": {"value": 7, "relation": "eq"}, "hits": hits}})
        return item(by_id(rows, "_id", asked.path.removeprefix("/logs/_doc/")))

    def body(after: str) -> str:
        said = f'"search_after": ["{after}"], ' if after else ""
        return f'POST /logs/_search {{{said}"size": 3, "sort": [{{"_id": "asc"}}], "track_total_hits": true}}'

    return Case(
        "elasticsearch",
        f"{ORIGIN}/logs/_search",
        answers,
        [body(""), body("d/3"), body("d/6")],
        [f"GET /logs/_doc/d/{n}" for n in range(1, 8)],
        rows,
        key=f"elastic:{KEY}",
    )


# --- numbers ----------------------------------------------------------------------------------------------------------


def wordpress() -> Case:
    """An array, its size in headers; a page past the end is a 400."""
    rows = [{"id": 100 + n, "slug": f"post-{n}", "content": {"rendered": f"<p>{n}</p>"}} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(f"me:{KEY}"))) is not None:
            return refused
        base = "/wp-json/wp/v2/posts"
        if asked.path == base:
            page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 10))
            found, _ = cut(few(rows, "id", "slug"), (page - 1) * size, size)
            if not found:
                told = "The page number requested is larger than the number of pages available."
                return Reply({"code": "rest_post_invalid_page_number", "message": told, "data": {"status": 400}}, 400)
            return Reply(found, headers={"X-WP-Total": "7", "X-WP-TotalPages": str(-(-7 // size))})
        return item(by_id(rows, "id", asked.path.removeprefix(base + "/")))

    base = "/wp-json/wp/v2/posts"
    return Case(
        "wordpress",
        f"{ORIGIN}{base}",
        answers,
        [f"GET {base}?page={page}&per_page=3" for page in (1, 2, 3)],
        [f"GET {base}/{row['id']}" for row in rows],
        rows,
        key=f"me:{KEY}",
    )


def json_server() -> Case:
    """1.0: an object, whose `next` is a number; a page past the end is the last one again."""
    rows = [{"id": f"a{n}", "title": f"Post {n}", "views": n} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        if asked.path == "/posts":
            size = int(asked.query.get("_per_page", 10))
            last = -(-7 // size)
            page = min(max(1, int(asked.query.get("_page", 1))), last)
            found, more = cut(few(rows, "id", "title"), (page - 1) * size, size)
            on, back = page + 1 if more else None, page - 1 or None
            about = {"first": 1, "prev": back, "next": on, "last": last, "pages": last, "items": 7}
            return Reply({**about, "data": found})
        return item(by_id(rows, "id", asked.path.removeprefix("/posts/")))

    return Case(
        "json-server",
        f"{ORIGIN}/posts",
        answers,
        [f"GET /posts?_page={page}&_per_page=3" for page in (1, 2, 3)],
        [f"GET /posts/{row['id']}" for row in rows],
        rows,
        key=None,
    )


def json_server_old() -> Case:
    """0.17: an array with a Link header and X-Total-Count."""
    rows = [{"id": n, "title": f"Post {n}", "views": n} for n in range(1, 8)]

    def answers(asked: Asked) -> Reply:
        if asked.path == "/posts":
            size, page = int(asked.query.get("_limit", 10)), int(asked.query.get("_page", 1))
            found, more = cut(few(rows, "id", "title"), (page - 1) * size, size)
            to = f"http://api.test/posts?_limit={size}&_page="
            links = [f'<{to}1>; rel="first"', f'<{to}3>; rel="last"'] + (
                [f'<{to}{page + 1}>; rel="next"'] if more else []
            )
            return Reply(found, headers={"X-Total-Count": "7", "Link": ", ".join(links)})
        return item(by_id(rows, "id", asked.path.removeprefix("/posts/")))

    return Case(
        "json-server",
        f"{ORIGIN}/posts",
        answers,
        [f"GET /posts?_limit=3&_page={page}" for page in (1, 2, 3)],
        [f"GET /posts/{n}" for n in range(1, 8)],
        rows,
        {"size_param": "_limit", "total": "header:X-Total-Count"},
        key=None,
    )


# --- one page ---------------------------------------------------------------------------------------------------------


def _export(text: str, kind: str, rows: list[Row]) -> Case:
    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=BEARER)) is not None:
            return refused
        return Reply(text, headers={"Content-Type": kind}) if asked.path == "/export" else not_found()

    settings = {"paging": "single", "detail": False}
    return Case(None, f"{ORIGIN}/export", answers, ["GET /export"], [], rows, settings, sized=False)


def csv_export() -> Case:
    """A CSV file, with quotes, a comma, a line break and letters that are not ASCII in its values."""
    text = 'id,name,note\r\na-1,Ann,"x, y"\r\na-2,Zoë,"one\r\ntwo"\r\na-3,"the ""third""",\r\n'
    names = [("a-1", "Ann", "x, y"), ("a-2", "Zoë", "one\r\ntwo"), ("a-3", 'the "third"', "")]
    return _export(text, "text/csv; charset=utf-8", [dict(zip(("id", "name", "note"), row)) for row in names])


def lines_export() -> Case:
    """JSON lines, one of them empty."""
    rows: list[Row] = [{"id": n, "name": f"Line {n}", "tags": ["a", "b"]} for n in range(1, 8)]
    return _export("\n\n".join(map(json.dumps, rows)) + "\n", "application/x-ndjson", rows)


EXPORTS: dict[str, Callable[[], Case]] = {"csv_export": csv_export, "lines_export": lines_export}
CASES: dict[str, Callable[[], Case]] = {
    make.__name__: make
    for make in (
        github, gitlab, gitlab_keyset, shopify, zendesk, salesforce, jsonapi, drf, odata, pokeapi,
        stripe, hubspot, notion, jira, jira_server, airtable, slack, elasticsearch, wordpress, json_server,
        json_server_old,
    )
}  # fmt: skip
