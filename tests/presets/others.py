"""Other ways of the same APIs, which their presets do not take: offsets, last ids, older links, OAuth2's tokens.

Each is declared as a person would over the preset, or without one. As in `apis`, the requests are written out as the
documentation has them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.presets.apis import Case, Row, basic, by_id, few, item, odata, salesforce
from tests.presets.stub import KEY, ORIGIN, Answers, Asked, Reply, cut, not_found, wrong

# --- offsets ----------------------------------------------------------------------------------------------------------


def odata_skip() -> Case:
    """OData without links: `$top` and `$skip`, the total as it was asked for; an item is in round brackets."""
    rows: list[Row] = [{"ID": n, "Name": f"Product {n}", "Price": n / 2} for n in range(7)]
    base = "/V4/OData.svc/Products"

    def answers(asked: Asked) -> Reply:
        if asked.path == base:
            if (refused := wrong(asked, ("$count", "$skip", "$top"))) is not None:
                return refused
            found, _ = cut(few(rows, "ID", "Name"), int(asked.query.get("$skip", 0)), int(asked.query.get("$top", 100)))
            total = {"@odata.count": 7} if asked.query.get("$count") == "true" else {}
            return Reply({"@odata.context": f"{ORIGIN}/V4/OData.svc/$metadata#Products", **total, "value": found})
        return wrong(asked, ()) or item(by_id(rows, "ID", asked.path.removeprefix(f"{base}(").removesuffix(")")))

    settings = {
        "records": "value", "id": "ID", "offset_param": "$skip", "size_param": "$top", "total": '"@odata.count"',
        "item": "{list}({id})",
    }  # fmt: skip
    return Case(
        None,
        f"{ORIGIN}{base}?$count=true",
        answers,
        [f"GET {base}?$count=true&$skip={first}&$top=3" for first in (0, 3, 6)],
        [f"GET {base}({n})" for n in range(7)],
        rows,
        settings,
        key=None,
    )


def _documents() -> tuple[list[Row], list[Row]]:
    """Return the hits of a search, and the documents as they are got."""
    docs: list[Row] = [{"_index": "logs", "_id": f"d{n}", "_source": {"n": n}} for n in range(1, 8)]
    return [{**doc, "_score": 1.0} for doc in docs], [{**doc, "_version": 1, "found": True} for doc in docs]


def _elasticsearch(answers_to: Callable[[Asked], tuple[int, int] | None]) -> Answers:
    """Answer a search for as many hits from there on as `answers_to` reads in a request; more than 10,000 is a 400."""
    hits, rows = _documents()

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(f"elastic:{KEY}"))) is not None:
            return refused
        if asked.path != "/logs/_search":
            return item(by_id(rows, "_id", asked.path.removeprefix("/logs/_doc/")))
        window = answers_to(asked)
        if window is None or sum(window) > 10_000:
            return Reply({"error": {"type": "illegal_argument_exception"}, "status": 400}, 400)
        found, _ = cut(hits, *window)
        return Reply({"took": 1, "timed_out": False, "hits": {"total": {"value": 7, "relation": "eq"}, "hits": found}})

    return answers


def elasticsearch_from() -> Case:
    """`from` and `size` in the body of a POST."""

    def window(asked: Asked) -> tuple[int, int] | None:
        if asked.method != "POST" or not isinstance(asked.body, dict) or set(asked.body) != {"from", "size"}:
            return None
        return asked.body["from"], asked.body["size"]

    return Case(
        "elasticsearch",
        f"{ORIGIN}/logs/_search",
        _elasticsearch(window),
        [f'POST /logs/_search {{"from": {first}, "size": 3}}' for first in (0, 3, 6)],
        [f"GET /logs/_doc/d{n}" for n in range(1, 8)],
        _documents()[1],
        {"paging": "offset", "total": "hits.total.value", "body": '{"from": "{offset}", "size": "{per_page}"}'},
        key=f"elastic:{KEY}",
    )


def elasticsearch_get() -> Case:
    """The same in the query of a GET, as a search in the address bar has it."""

    def window(asked: Asked) -> tuple[int, int] | None:
        if asked.method != "GET" or set(asked.query) - {"q", "from", "size"}:
            return None
        return int(asked.query.get("from", 0)), int(asked.query.get("size", 10))

    settings = {
        "records": "hits.hits", "id": "_id", "offset_param": "from", "size_param": "size", "total": "hits.total.value",
        "item": f"{ORIGIN}/logs/_doc/{{id}}", "auth": "basic",
    }  # fmt: skip
    return Case(
        None,
        f"{ORIGIN}/logs/_search?q=*",
        _elasticsearch(window),
        [f"GET /logs/_search?from={first}&q=*&size=3" for first in (0, 3, 6)],
        [f"GET /logs/_doc/d{n}" for n in range(1, 8)],
        _documents()[1],
        settings,
        key=f"elastic:{KEY}",
    )


# --- links and last ids -----------------------------------------------------------------------------------------------


def zendesk_next_page() -> Case:
    """The older pages: `next_page` is a URL, then null, and `count` the total."""
    rows = [{"id": n, "subject": f"Ticket {n}", "description": f"Text {n}"} for n in range(11, 18)]
    base, pair = "/api/v2/tickets", "me@example.com/token:" + KEY

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, authorization=basic(pair))) is not None:
            return refused
        if asked.path == f"{base}.json":
            page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 100))
            found, more = cut(few(rows, "id", "subject"), (page - 1) * size, size)
            to = f"{ORIGIN}{base}.json?per_page={size}&page="
            on, back = f"{to}{page + 1}" if more else None, f"{to}{page - 1}" if page > 1 else None
            return Reply({"tickets": found, "next_page": on, "previous_page": back, "count": 7})
        name = asked.path.removeprefix(f"{base}/")
        return item(by_id(rows, "id", name.removesuffix(".json")) if name.endswith(".json") else None, "ticket")

    settings = {
        "records": "tickets", "id": "id", "next": "next_page", "total": "count", "size_param": "per_page",
        "item": "{list}/{id}.json", "item_records": "ticket", "auth": "basic",
    }  # fmt: skip
    return Case(
        None,
        f"{ORIGIN}{base}.json",
        answers,
        [
            f"GET {base}.json?per_page=3",
            f"GET {base}.json?page=2&per_page=3",
            f"GET {base}.json?page=3&per_page=3",
        ],
        [f"GET {base}/{n}.json" for n in range(11, 18)],
        rows,
        settings,
        key=pair,
    )


def shopify_since_id() -> Case:
    """The last id asks for what comes after it. Nothing says that there is more: an empty page ends the list."""
    rows = [{"id": 450789400 + n, "name": f"#{n}", "total_price": f"{n}.00"} for n in (1, 4, 5, 20, 21, 33, 40)]
    base = "/admin/api/2025-01/orders"

    def answers(asked: Asked) -> Reply:
        if (refused := wrong(asked, x_shopify_access_token=KEY)) is not None:
            return refused
        if asked.path == f"{base}.json":
            after, size = int(asked.query.get("since_id", 0)), int(asked.query.get("limit", 50))
            found = [row for row in few(rows, "id", "name") if row["id"] > after][:size]
            return Reply({"orders": found}, headers={"X-Shopify-Shop-Api-Call-Limit": "1/40"})
        name = asked.path.removeprefix(base + "/")
        return item(by_id(rows, "id", name.removesuffix(".json")) if name.endswith(".json") else None, "order")

    after = [450789400 + n for n in (5, 33, 40)]
    return Case(
        "shopify",
        f"{ORIGIN}{base}.json?since_id=0",
        answers,
        [f"GET {base}.json?limit=3&since_id={last}" for last in (0, *after)],
        [f"GET {base}/{row['id']}.json" for row in rows],
        rows,
        {"paging": "keyset", "cursor_param": "since_id"},
    )


# --- tokens -----------------------------------------------------------------------------------------------------------


def _by_token(case: Case, path: str, granted: Row, *, by_form: bool, **scope: str) -> Case:
    """Return a case whose key is a token, which `path` gives to one app. by_form: it reads no header Authorization."""
    name, secret = "app-1", "s3cret-of-t3sts"
    asks = {"grant_type": "client_credentials", **scope}
    forms = [asks, {**asks, "client_id": name, "client_secret": secret}] if by_form else [asks]

    def answers(asked: Asked) -> Reply:
        if asked.path != path:
            return case.answers(asked)
        if asked.method != "POST" or asked.headers.get("content-type") != "application/x-www-form-urlencoded":
            return not_found()
        if asked.body != forms[-1] or (not by_form and asked.headers.get("authorization") != basic(f"{name}:{secret}")):
            return Reply({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        return Reply({"access_token": KEY, "token_type": "Bearer", **granted})

    settings = {"token_url": f"{ORIGIN}{path}", "client_id_env": "APP", "client_secret_env": "SECRET", **scope}
    return dataclasses.replace(
        case,
        answers=answers,
        pages=[*(Asked("POST", path, {}, {}, form).line for form in forms), *case.pages],
        settings=settings,
        key=None,
        variables={"APP": name, "SECRET": secret},
    )


def odata_oauth() -> Case:
    """Microsoft Graph: the app goes in the header, and what it may read as a scope; the token lasts an hour."""
    granted = {"expires_in": 3599, "ext_expires_in": 3599}
    scope = "https://graph.microsoft.com/.default"
    return _by_token(odata(), "/tenant/oauth2/v2.0/token", granted, by_form=False, scope=scope)


def salesforce_oauth() -> Case:
    """The app goes in the form, and the token does not say how long it lasts."""
    granted = {"instance_url": ORIGIN, "issued_at": "1764000000000", "signature": "c2lnbmVk"}
    return _by_token(salesforce(), "/services/oauth2/token", granted, by_form=True)


OTHERS: dict[str, Callable[[], Case]] = {
    make.__name__: make
    for make in (
        odata_skip, elasticsearch_from, elasticsearch_get, zendesk_next_page, shopify_since_id, odata_oauth,
        salesforce_oauth,
    )
}  # fmt: skip
