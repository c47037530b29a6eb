"""Lists by a cursor or the last id, by POST, and of one page."""

from __future__ import annotations

from tests.presets.stub import ORIGIN, Reply, not_found
from tests.presets.unlisted.api import FULL, ROWS, SIZE, Api, N, api, at, details, listing, num, told


@api
def reddit():
    rows = [{"kind": "t3", "data": {"id": f"x{n}", "name": f"t3_x{n}", "title": f"T{n}"}} for n in range(1, N + 1)]

    def page(a):
        first = num(a.query.get("after", "t3_x0")[4:], 0)
        size = min(num(a.query.get("limit"), SIZE), SIZE)
        got, more = at(first, size, rows)
        return Reply(
            {
                "kind": "Listing",
                "data": {
                    "after": got[-1]["data"]["name"] if more else None,
                    "dist": len(got),
                    "before": None,
                    "children": got,
                },
            }
        )

    return Api(
        f"{ORIGIN}/r/python/new.json",
        listing("/r/python/new.json", page),
        rows,
        told(
            records="data.children",
            id=["data.id"],
            next="data.after",
            cursor_param="after",
            detail=False,
            paging="cursor",
        ),
        listed=[row["data"] for row in rows],
    )


@api
def x_v2():
    def page(a):
        first = num(a.query.get("pagination_token", "t0")[1:], 0)
        got, more = at(first, SIZE, FULL)
        return Reply(
            {"data": got, "meta": {"result_count": len(got), **({"next_token": f"t{first + SIZE}"} if more else {})}}
        )

    return Api(
        f"{ORIGIN}/2/tweets",
        listing("/2/tweets", page),
        FULL,
        told(next="meta.next_token", cursor_param="pagination_token", absent_is_end=True, detail=False),
    )


@api
def intercom():
    def page(a):
        first = num(a.query.get("starting_after", "c0")[1:], 0)
        got, more = at(first, SIZE, ROWS)
        pages = {"type": "pages", "page": 1 + first // SIZE, "per_page": SIZE, "total_pages": 3}
        if more:
            pages["next"] = {"page": 2 + first // SIZE, "starting_after": f"c{first + SIZE}"}
        return Reply({"type": "list", "data": got, "total_count": N, "pages": pages})

    return Api(
        f"{ORIGIN}/contacts",
        listing("/contacts", page, lambda a: details(a, "/contacts")),
        FULL,
        told(next="pages.next.starting_after", cursor_param="starting_after", absent_is_end=True),
    )


@api
def square():
    def page(a):
        first = num(a.query.get("cursor", "c0")[1:], 0)
        got, more = at(first, SIZE, FULL)
        return Reply({"objects": got, **({"cursor": f"c{first + SIZE}"} if more else {})})

    return Api(
        f"{ORIGIN}/v2/catalog/list",
        listing("/v2/catalog/list", page),
        FULL,
        told(next="cursor", cursor_param="cursor", absent_is_end=True, detail=False),
    )


@api
def zoom():
    def page(a):
        first = num(a.query.get("next_page_token", "z0")[1:], 0)
        got, more = at(first, SIZE, FULL)
        return Reply(
            {"page_size": SIZE, "total_records": N, "next_page_token": f"z{first + SIZE}" if more else "", "users": got}
        )

    return Api(
        f"{ORIGIN}/v2/users",
        listing("/v2/users", page, lambda a: details(a, "/v2/users")),
        FULL,
        told(next="next_page_token", cursor_param="next_page_token"),
    )


@api
def youtube():
    rows = [{"kind": "v", "etag": f"e{n}", "id": f"v{n}", "snippet": {"title": f"t{n}"}} for n in range(1, N + 1)]

    def page(a):
        first = num(a.query.get("pageToken", "p0")[1:], 0)
        got, more = at(first, SIZE, rows)
        return Reply(
            {
                "kind": "l",
                "etag": "x",
                **({"nextPageToken": f"p{first + SIZE}"} if more else {}),
                "items": got,
                "pageInfo": {"totalResults": N, "resultsPerPage": SIZE},
            }
        )

    return Api(
        f"{ORIGIN}/youtube/v3/playlistItems",
        listing("/youtube/v3/playlistItems", page),
        rows,
        told(next="nextPageToken", cursor_param="pageToken", absent_is_end=True, detail=False),
    )


@api
def crossref():
    rows = [{"DOI": f"10.1/{n}", "title": [f"t{n}"]} for n in range(1, N + 1)]

    def page(a):
        c = a.query.get("cursor")
        off = num(a.query.get("offset"), 0) if c is None else (0 if c == "*" else num(c[1:], 0))
        got, _ = at(off, SIZE, rows)
        msg = {"total-results": N, "items": got, "items-per-page": SIZE}
        if c is not None:
            msg["next-cursor"] = f"k{off + len(got)}"  # never ends: an empty page does
        return Reply({"status": "ok", "message-type": "work-list", "message": msg})

    return Api(
        f"{ORIGIN}/works",
        listing("/works", page),
        rows,
        told(
            records="message.items",
            id=["DOI"],
            paging="offset",
            offset_param="offset",
            total='message."total-results"',
            detail=False,
        ),
    )


@api
def crossref_cursor():
    base = crossref()
    return Api(
        f"{ORIGIN}/works?cursor=*",
        base.answers,
        base.rows,
        told(records="message.items", id=["DOI"], next='message."next-cursor"', cursor_param="cursor", detail=False),
    )


@api
def wikipedia():  # continuation by several parameters
    rows = [{"pageid": n, "ns": 0, "title": f"t{n}"} for n in range(1, N + 1)]

    def page(a):
        off = num(a.query.get("apcontinue", "t0")[1:], 0)
        got, more = at(off, SIZE, rows)
        return Reply(
            {
                "batchcomplete": "",
                **({"continue": {"apcontinue": f"t{off + SIZE}", "continue": "-||"}} if more else {}),
                "query": {"allpages": got},
            }
        )

    return Api(
        f"{ORIGIN}/w/api.php?action=query&list=allpages&format=json",
        listing("/w/api.php", page),
        rows,
        told(
            records="query.allpages",
            id=["pageid"],
            next="continue.apcontinue",
            cursor_param="apcontinue",
            absent_is_end=True,
            detail=False,
        ),
        knows=False,
    )


@api
def header_cursor():
    def page(a):
        off = num(a.query.get("cursor", "h0")[1:], 0)
        got, more = at(off, SIZE, FULL)
        return Reply(got, headers={"X-Next-Cursor": f"h{off + SIZE}"} if more else {})

    return Api(
        f"{ORIGIN}/logs",
        listing("/logs", page),
        FULL,
        told(next="header:X-Next-Cursor", cursor_param="cursor", absent_is_end=True, detail=False),
        knows=False,
    )


@api
def next_number():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply({"results": got, "nextPage": pg + 1 if more else None})

    return Api(
        f"{ORIGIN}/things",
        listing("/things", page, lambda a: details(a, "/things")),
        FULL,
        told(next="nextPage", cursor_param="page"),
    )


@api
def linear():
    def answers(a):
        if a.method != "POST":
            return Reply({"errors": [{"message": "POST query missing"}]}, 400)
        after = ((a.body or {}).get("variables") or {}).get("after")
        off = num((after or "c0")[1:], 0)
        got, more = at(off, SIZE, FULL)
        return Reply(
            {"data": {"issues": {"nodes": got, "pageInfo": {"hasNextPage": more, "endCursor": f"c{off + len(got)}"}}}}
        )

    return Api(
        f"{ORIGIN}/graphql",
        answers,
        FULL,
        told(
            method="POST",
            body={
                "query": "query($after: String) { issues(first: 3, after: $after) { nodes { id name } } }",
                "variables": {"after": "{cursor}"},
            },
            records="data.issues.nodes",
            next="data.issues.pageInfo.endCursor",
            more="data.issues.pageInfo.hasNextPage",
            detail=False,
        ),
        knows=False,
    )


@api
def lowercase_cursor_post():
    def answers(a):
        if a.path != "/search" or a.method != "POST":
            return Reply({"message": "Method Not Allowed"}, 405)
        off = num(
            ((a.body or {}).get("page") or {}).get("after", "c0")[1:]
            if ((a.body or {}).get("page") or {}).get("after")
            else 0,
            0,
        )
        got, more = at(off, SIZE, FULL)
        return Reply({"hits": got, "paging": {"after": f"c{off + SIZE}" if more else None}})

    return Api(
        f"{ORIGIN}/search",
        answers,
        FULL,
        told(
            method="POST",
            body={"page": {"size": 3, "after": "{cursor}"}},
            records="hits",
            next="paging.after",
            detail=False,
        ),
        knows=False,
    )


@api
def discord():
    rows = [{"id": str(100 - n), "content": f"c{n}"} for n in range(1, N + 1)]

    def page(a):
        b = num(a.query.get("before"), 10**9)
        left = [r for r in rows if int(r["id"]) < b]
        return Reply(left[: min(num(a.query.get("limit"), SIZE), 100)])

    return Api(
        f"{ORIGIN}/channels/1/messages?limit=3",
        listing("/channels/1/messages", page),
        rows,
        told(paging="keyset", cursor_param="before", detail=False),
        knows=False,
    )


@api
def keyed():  # records as an object keyed by id
    def page(a):
        return Reply({"query": {"pages": {str(r["id"]): r for r in FULL}}})

    return Api(
        f"{ORIGIN}/w/pages",
        listing("/w/pages", page),
        FULL,
        told(records="query.pages.*", paging="single", detail=False),
        knows=False,
    )


@api
def list_of_names():
    def answers(a):
        if a.path == "/breeds":
            return Reply({"message": ["hound", "pug", "corgi"], "status": "success"})
        return (
            Reply({"name": a.path.split("/")[-1], "legs": 4})
            if a.path in ("/breeds/hound", "/breeds/pug", "/breeds/corgi")
            else not_found()
        )

    return Api(
        f"{ORIGIN}/breeds",
        answers,
        [{"name": n, "legs": 4} for n in ("hound", "pug", "corgi")],
        told(records="message", paging="single", item=f"{ORIGIN}/breeds/{{id}}"),
        knows=False,
    )


@api
def hackernews():
    def answers(a):
        if a.path == "/v0/topstories.json":
            return Reply([9001, 9002, 9003])
        n = a.path.removeprefix("/v0/item/").removesuffix(".json")
        return (
            Reply({"id": int(n), "type": "story", "title": f"t{n}"}) if n in ("9001", "9002", "9003") else Reply("null")
        )

    rows = [{"id": n, "type": "story", "title": f"t{n}"} for n in (9001, 9002, 9003)]
    return Api(
        f"{ORIGIN}/v0/topstories.json",
        answers,
        rows,
        told(paging="single", item=f"{ORIGIN}/v0/item/{{id}}.json"),
        knows=False,
    )


@api
def pagerduty():
    rows = [{"id": f"P{n}", "summary": f"s{n}", "self": f"{ORIGIN}/incidents/P{n}"} for n in range(1, N + 1)]
    full = [{**r, "body": {"details": r["id"]}} for r in rows]

    def page(a):
        off = num(a.query.get("offset"), 0)
        lim = min(num(a.query.get("limit"), SIZE), 100)
        got, more = at(off, lim, rows)
        return Reply({"incidents": got, "limit": lim, "offset": off, "total": None, "more": more})

    return Api(
        f"{ORIGIN}/incidents",
        listing("/incidents", page, lambda a: details(a, "/incidents", full, wrap=("incident",))),
        full,
        told(records="incidents", paging="offset", more="more", item_records="incident"),
    )
