"""Lists whose pages link to the next."""

from __future__ import annotations

from tests.presets.stub import ORIGIN, Reply, not_found
from tests.presets.unlisted.api import FULL, ROWS, SIZE, Api, N, api, at, details, listing, num, told


@api
def spotify():
    def page(a):
        off = num(a.query.get("offset"), 0)
        lim = min(num(a.query.get("limit"), SIZE), SIZE)
        got, more = at(off, lim, FULL)
        return Reply(
            {
                "href": f"{ORIGIN}/v1/me/albums?offset={off}&limit={lim}",
                "items": got,
                "limit": lim,
                "next": f"{ORIGIN}/v1/me/albums?offset={off + lim}&limit={lim}" if more else None,
                "offset": off,
                "previous": None,
                "total": N,
            }
        )

    return Api(f"{ORIGIN}/v1/me/albums", listing("/v1/me/albums", page), FULL, told(next="next", detail=False))


@api
def asana():
    rows = [{"gid": f"{n}00", "name": f"n{n}", "resource_type": "task"} for n in range(1, N + 1)]
    full = [{**r, "notes": "x" + r["gid"]} for r in rows]

    def page(a):
        known = {"limit", "offset", "opt_fields"}
        if set(a.query) - known:
            return Reply({"errors": [{"message": "unknown parameter"}]}, 400)
        if "limit" not in a.query:
            return Reply({"data": rows, "next_page": None})
        lim = min(num(a.query["limit"], 3), 3)
        first = num(a.query.get("offset", "o0")[1:], 0)
        got, more = at(first, lim, rows)
        return Reply(
            {
                "data": got,
                "next_page": {
                    "offset": f"o{first + lim}",
                    "path": f"/tasks?limit={lim}&offset=o{first + lim}",
                    "uri": f"{ORIGIN}/api/1.0/tasks?limit={lim}&offset=o{first + lim}",
                }
                if more
                else None,
            }
        )

    return Api(
        f"{ORIGIN}/api/1.0/tasks?limit=3",
        listing("/api/1.0/tasks", page, lambda a: details(a, "/api/1.0/tasks", full, "gid", wrap=("data",))),
        full,
        told(id=["gid"], next="next_page.uri", item_records="data", paging="link"),
    )


@api
def twilio():
    rows = [
        {"sid": f"SM{n}", "body": f"b{n}", "uri": f"/2010-04-01/Accounts/AC1/Messages/SM{n}.json"}
        for n in range(1, N + 1)
    ]
    p = "/2010-04-01/Accounts/AC1/Messages.json"

    def page(a):
        pg = num(a.query.get("Page"), 0)
        got, more = at(pg * SIZE, SIZE, rows)
        return Reply(
            {
                "messages": got,
                "page": pg,
                "page_size": SIZE,
                "first_page_uri": f"{p}?PageSize=3&Page=0",
                "next_page_uri": f"{p}?PageSize=3&Page={pg + 1}&PageToken=PASM" if more else None,
                "previous_page_uri": None,
                "uri": f"{p}?Page={pg}",
                "start": pg * SIZE,
                "end": pg * SIZE + len(got) - 1,
            }
        )

    def detail(a):
        return next((Reply({**r, "price": "1"}) for r in rows if a.path == r["uri"]), not_found())

    return Api(
        ORIGIN + p,
        listing(p, page, detail),
        [{**r, "price": "1"} for r in rows],
        told(id=["sid"], next="next_page_uri", item="{uri}", paging="link"),
    )


@api
def okta():
    def page(a):
        first = num(a.query.get("after", "u0")[1:], 0)
        got, more = at(first, SIZE, ROWS)
        link = [f'<{ORIGIN}/api/v1/users?limit=3>; rel="self"'] + (
            [f'<{ORIGIN}/api/v1/users?after=u{first + SIZE}&limit=3>; rel="next"'] if more else []
        )
        return Reply(got, headers={"link": ", ".join(link)})

    return Api(
        f"{ORIGIN}/api/v1/users",
        listing("/api/v1/users", page, lambda a: details(a, "/api/v1/users")),
        FULL,
        told(paging="link", absent_is_end=True),
    )


@api
def confluence():
    def page(a):
        start = num(a.query.get("start"), 0)
        got, more = at(start, SIZE, ROWS)
        links = {"base": f"{ORIGIN}/wiki", "self": f"{ORIGIN}/wiki/rest/api/content"}
        if more:
            links["next"] = f"/wiki/rest/api/content?limit=3&start={start + SIZE}"
        return Reply({"results": got, "start": start, "limit": SIZE, "size": len(got), "_links": links})

    return Api(
        f"{ORIGIN}/wiki/rest/api/content",
        listing("/wiki/rest/api/content", page, lambda a: details(a, "/wiki/rest/api/content")),
        FULL,
        told(next="_links.next", paging="link", absent_is_end=True),
    )


@api
def swapi():  # no id: the URL is all there is
    rows = [{"name": f"n{n}", "url": f"{ORIGIN}/api/people/{n}/"} for n in range(1, N + 1)]

    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, rows)
        return Reply(
            {
                "count": N,
                "next": f"{ORIGIN}/api/people/?page={pg + 1}" if more else None,
                "previous": None,
                "results": got,
            }
        )

    def detail(a):
        return next((Reply(r) for r in rows if r["url"] == ORIGIN + a.path), not_found())

    return Api(
        f"{ORIGIN}/api/people/",
        listing("/api/people/", page, detail),
        rows,
        told(id=["url"], next="next", item="{url}"),
    )


@api
def rickandmorty():
    rows = [{**r, "url": f"{ORIGIN}/api/character/{r['id']}"} for r in FULL]

    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, rows)
        if not got:
            return Reply({"error": "There is nothing here"}, 404)
        return Reply(
            {
                "info": {
                    "count": N,
                    "pages": 3,
                    "next": f"{ORIGIN}/api/character?page={pg + 1}" if more else None,
                    "prev": None,
                },
                "results": got,
            }
        )

    return Api(
        f"{ORIGIN}/api/character",
        listing("/api/character", page, lambda a: details(a, "/api/character", rows)),
        rows,
        told(next="info.next", paging="link"),
    )


@api
def mastodon():
    rows = [{"id": str(100 - n), "content": f"c{n}"} for n in range(1, N + 1)]

    def page(a):
        mx = num(a.query.get("max_id"), 1000)
        left = [r for r in rows if int(r["id"]) < mx]
        got = left[:SIZE]
        links = (
            [
                f'<{ORIGIN}/api/v1/timelines/public?max_id={got[-1]["id"]}>; rel="next"',
                f'<{ORIGIN}/api/v1/timelines/public?min_id={got[0]["id"]}>; rel="prev"',
            ]
            if got
            else []
        )
        return Reply(got, headers={"Link": ", ".join(links)} if links else {})

    return Api(
        f"{ORIGIN}/api/v1/timelines/public",
        listing("/api/v1/timelines/public", page),
        rows,
        told(paging="link", detail=False),
    )


@api
def fhir():
    rows = [
        {"fullUrl": f"{ORIGIN}/fhir/Patient/p{n}", "resource": {"resourceType": "Patient", "id": f"p{n}"}}
        for n in range(1, N + 1)
    ]

    def page(a):
        off = num(a.query.get("_getpagesoffset"), 0)
        got, more = at(off, SIZE, rows)
        link = [{"relation": "self", "url": f"{ORIGIN}/fhir/Patient"}]
        if more:
            link.append({"relation": "next", "url": f"{ORIGIN}/fhir/Patient?_getpages=a&_getpagesoffset={off + SIZE}"})
        return Reply({"resourceType": "Bundle", "type": "searchset", "total": N, "link": link, "entry": got})

    return Api(
        f"{ORIGIN}/fhir/Patient",
        listing("/fhir/Patient", page),
        [r["resource"] for r in rows],
        told(
            records="entry[].resource",
            next="link[?relation=='next'].url | [0]",
            paging="link",
            total="total",
            detail=False,
        ),
        knows=False,
    )


@api
def hal():
    def page(a):
        pg = num(a.query.get("page"), 0)
        got, more = at(pg * SIZE, SIZE, ROWS)
        got = [{**r, "_links": {"self": {"href": f"{ORIGIN}/orders/{r['id']}"}}} for r in got]
        links = {
            "self": {"href": f"{ORIGIN}/orders?page={pg}"},
            "first": {"href": f"{ORIGIN}/orders?page=0"},
            **({"next": {"href": f"{ORIGIN}/orders?page={pg + 1}"}} if more else {}),
        }
        return Reply(
            {
                "_embedded": {"orders": got},
                "_links": links,
                "page": {"size": SIZE, "totalElements": N, "totalPages": 3, "number": pg},
            }
        )

    full = [{**r, "_links": {"self": {"href": f"{ORIGIN}/orders/{r['id']}"}}} for r in FULL]
    return Api(
        f"{ORIGIN}/orders",
        listing("/orders", page, lambda a: details(a, "/orders", full)),
        full,
        told(records="_embedded.orders", next="_links.next", paging="link", absent_is_end=True),
    )


@api
def hydra():
    rows = [{"@id": f"/api/books/{n}", "@type": "Book", "id": n, "title": f"t{n}"} for n in range(1, N + 1)]

    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, rows)
        return Reply(
            {
                "@context": "/c",
                "@id": "/api/books",
                "@type": "hydra:Collection",
                "hydra:member": got,
                "hydra:totalItems": N,
                "hydra:view": {
                    "@id": f"/api/books?page={pg}",
                    **({"hydra:next": f"/api/books?page={pg + 1}"} if more else {}),
                },
            }
        )

    return Api(
        f"{ORIGIN}/api/books",
        listing("/api/books", page, lambda a: details(a, "/api/books", rows)),
        rows,
        told(
            records='"hydra:member"',
            next='"hydra:view"."hydra:next"',
            total="hydra:totalItems",
            paging="link",
            absent_is_end=True,
        ),
    )


@api
def freshdesk():
    def page(a):
        if set(a.query) - {"page", "per_page"}:
            return Reply(
                {
                    "description": "Validation failed",
                    "errors": [{"field": "x", "message": "Unexpected/invalid field in request"}],
                },
                400,
            )
        pg = num(a.query.get("page"), 1)
        size = num(a.query.get("per_page"), SIZE)
        if size > 100:
            return Reply({"description": "Validation failed"}, 400)
        got, more = at((pg - 1) * size, size, ROWS)
        return Reply(
            got, headers={"link": f'<{ORIGIN}/api/v2/tickets?page={pg + 1}&per_page={size}>;rel="next"'} if more else {}
        )

    return Api(
        f"{ORIGIN}/api/v2/tickets",
        listing("/api/v2/tickets", page, lambda a: details(a, "/api/v2/tickets")),
        FULL,
        told(paging="link", absent_is_end=True),
    )


@api
def two_arrays():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply(
            {
                "includes": [{"id": 900 + pg, "type": "user"}],
                "articles": got,
                "count": N,
                "next_page": f"{ORIGIN}/articles?page={pg + 1}" if more else None,
            }
        )

    return Api(
        f"{ORIGIN}/articles",
        listing("/articles", page, lambda a: details(a, "/articles", wrap=("article",))),
        FULL,
        told(records="articles", next="next_page", item_records="article", paging="link"),
    )


@api
def sentry():
    """A link to the next page stands on each page; the last says that it has no results."""

    def page(a):
        first = num(a.query.get("cursor", "0:0:0").split(":")[1], 0)
        size = min(num(a.query.get("limit"), SIZE), SIZE)
        got, more = at(first, size, FULL)
        to, says = f"{ORIGIN}/api/0/projects/o/p/issues/?", {True: "true", False: "false"}
        back = f'<{to}cursor=0:{max(first - size, 0)}:1>; rel="previous"; results="{says[first > 0]}"'
        on = f'<{to}cursor=0:{first + size}:0>; rel="next"; results="{says[more]}"'
        return Reply(got, headers={"link": f"{back}, {on}"})

    return Api(
        f"{ORIGIN}/api/0/projects/o/p/issues/",
        listing("/api/0/projects/o/p/issues/", page),
        FULL,
        told(paging="link", detail=False),
    )


@api
def travis():
    """Keys with an @, and a boolean below one that says which page is the last."""

    def page(a):
        first = num(a.query.get("offset"), 0)
        size = min(num(a.query.get("limit"), SIZE), SIZE)
        got, more = at(first, size, FULL)
        link = {"@href": f"/owner/x/repos?limit={size}&offset={first + size}"} if more else None
        about = {"limit": size, "offset": first, "count": N, "is_last": not more, "next": link}
        return Reply({"@type": "repositories", "@pagination": about, "repositories": got})

    return Api(
        f"{ORIGIN}/owner/x/repos",
        listing("/owner/x/repos", page),
        FULL,
        told(records="repositories", offset_param="offset", total="@pagination.count", detail=False),
    )
