"""Lists by page number and offset."""

from __future__ import annotations

from tests.presets.stub import ORIGIN, Reply, not_found
from tests.presets.unlisted.api import FULL, ROWS, SIZE, Api, N, api, at, details, listing, num, told


@api
def contentful():
    rows = [{"sys": {"id": f"e{n}", "type": "Entry"}, "fields": {"title": f"T{n}"}} for n in range(1, N + 1)]

    def page(a):
        off = num(a.query.get("skip"), 0)
        lim = min(num(a.query.get("limit"), SIZE), SIZE)
        got, _ = at(off, lim, rows)
        return Reply({"sys": {"type": "Array"}, "total": N, "skip": off, "limit": lim, "items": got})

    def detail(a):
        return next((Reply(r) for r in rows if a.path == f"/spaces/s/entries/{r['sys']['id']}"), not_found())

    return Api(
        f"{ORIGIN}/spaces/s/entries",
        listing("/spaces/s/entries", page, detail),
        rows,
        told(id=["sys.id"], paging="offset", offset_param="skip", total="total"),
    )


@api
def mailchimp():
    rows = [{"id": f"a{n}", "name": f"n{n}", "stats": {"opens": n}} for n in range(1, N + 1)]

    def page(a):
        got, _ = at(num(a.query.get("offset"), 0), min(num(a.query.get("count"), SIZE), 1000), rows)
        return Reply(
            {
                "lists": got,
                "total_items": N,
                "_links": [{"rel": "self", "href": f"{ORIGIN}/3.0/lists", "method": "GET"}],
                "constraints": {"may_create": True},
            }
        )

    return Api(
        f"{ORIGIN}/3.0/lists",
        listing("/3.0/lists", page, lambda a: details(a, "/3.0/lists", rows)),
        rows,
        told(records="lists", paging="offset", offset_param="offset", size_param="count", total="total_items"),
    )


@api
def quickbooks():  # positions begin at 1
    rows = [{"Id": str(n), "DisplayName": f"n{n}"} for n in range(1, N + 1)]

    def page(a):
        start = num(a.query.get("startPosition"), 1)
        got, _ = at(start - 1, SIZE, rows)
        return Reply(
            {
                "QueryResponse": {"Customer": got, "startPosition": start, "maxResults": len(got), "totalCount": N},
                "time": "2026",
            }
        )

    return Api(
        f"{ORIGIN}/v3/company/1/customer",
        listing("/v3/company/1/customer", page),
        rows,
        told(
            records="QueryResponse.Customer",
            id=["Id"],
            paging="offset",
            offset_param="startPosition",
            total="QueryResponse.totalCount",
            first_page=1,
            detail=False,
        ),
        knows=False,
    )


@api
def magento():  # a page past the end is the last page again
    rows = [{"id": n, "sku": f"s/{n}", "price": n} for n in range(1, N + 1)]

    def page(a):
        pg = min(num(a.query.get("searchCriteria[currentPage]"), 1), 3)
        got, _ = at((pg - 1) * SIZE, SIZE, rows)
        return Reply(
            {
                "items": got,
                "search_criteria": {"filter_groups": [], "page_size": SIZE, "current_page": pg},
                "total_count": N,
            }
        )

    return Api(
        f"{ORIGIN}/rest/V1/products?searchCriteria[pageSize]=3",
        listing("/rest/V1/products", page),
        rows,
        told(paging="page", page_param="searchCriteria[currentPage]", total="total_count", detail=False),
        knows=False,
    )


@api
def socrata():
    def page(a):
        got, _ = at(num(a.query.get("$offset"), 0), min(num(a.query.get("$limit"), SIZE), 1000), FULL)
        return Reply(got)

    return Api(
        f"{ORIGIN}/resource/abcd.json?$limit=3",
        listing("/resource/abcd.json", page),
        FULL,
        told(paging="offset", offset_param="$offset", detail=False),
        knows=False,
    )


@api
def ckan():
    rows = [{"id": f"00{n}-uuid", "name": f"d{n}"} for n in range(1, N + 1)]

    def page(a):
        got, _ = at(num(a.query.get("start"), 0), min(num(a.query.get("rows"), SIZE), 1000), rows)
        return Reply(
            {
                "help": "h",
                "success": True,
                "result": {"count": N, "sort": "x", "facets": {}, "results": got, "search_facets": {}},
            }
        )

    return Api(
        f"{ORIGIN}/api/3/action/package_search",
        listing("/api/3/action/package_search", page),
        rows,
        told(records="result.results", paging="offset", offset_param="start", total="result.count", detail=False),
    )


@api
def stackexchange():
    rows = [{"question_id": n, "title": f"t{n}", "tags": ["a"]} for n in range(1, N + 1)]

    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, rows)
        return Reply({"items": got, "has_more": more, "quota_max": 300, "quota_remaining": 290 - pg})

    return Api(
        f"{ORIGIN}/2.3/questions?site=s",
        listing("/2.3/questions", page),
        rows,
        told(id=["question_id"], paging="page", more="has_more", detail=False),
    )


@api
def arcgis():
    rows = [{"attributes": {"OBJECTID": n, "NAME": f"n{n}"}} for n in range(1, N + 1)]

    def page(a):
        off = num(a.query.get("resultOffset"), 0)
        got, more = at(off, SIZE, rows)
        return Reply(
            {"objectIdFieldName": "OBJECTID", "features": got, **({"exceededTransferLimit": True} if more else {})}
        )

    return Api(
        f"{ORIGIN}/arcgis/q?where=1%3D1&f=json",
        listing("/arcgis/q", page),
        rows,
        told(
            records="features",
            id=["attributes.OBJECTID"],
            paging="offset",
            offset_param="resultOffset",
            more="exceededTransferLimit",
            detail=False,
        ),
        knows=False,
    )


@api
def algolia():
    rows = [{"objectID": f"o{n}", "name": f"n{n}"} for n in range(1, N + 1)]

    def page(a):
        pg = num(a.query.get("page"), 0)
        got, _ = at(pg * SIZE, SIZE, rows)
        return Reply({"hits": got, "nbHits": N, "page": pg, "nbPages": 3, "hitsPerPage": SIZE})

    return Api(
        f"{ORIGIN}/1/indexes/i",
        listing("/1/indexes/i", page),
        rows,
        told(records="hits", id=["objectID"], paging="page", first_page=0, pages="nbPages", detail=False),
    )


@api
def spring():
    def page(a):
        pg = num(a.query.get("page"), 0)
        got, more = at(pg * SIZE, SIZE, ROWS)
        return Reply(
            {
                "content": got,
                "pageable": {"pageNumber": pg, "pageSize": SIZE, "offset": pg * SIZE},
                "last": not more,
                "totalElements": N,
                "totalPages": 3,
                "size": SIZE,
                "number": pg,
                "first": pg == 0,
                "numberOfElements": len(got),
                "empty": not got,
            }
        )

    return Api(
        f"{ORIGIN}/api/orders",
        listing("/api/orders", page, lambda a: details(a, "/api/orders")),
        FULL,
        told(paging="page", first_page=0, pages="totalPages"),
    )


@api
def fastapi_pagination():
    def page(a):
        pg = num(a.query.get("page"), 1)
        size = num(a.query.get("size"), SIZE)
        if size > 100 or pg < 1:
            return Reply({"detail": [{"loc": ["query"], "msg": "too large"}]}, 422)
        got, _ = at((pg - 1) * size, size, ROWS)
        return Reply({"items": got, "total": N, "page": pg, "size": size, "pages": -(-N // size)})

    return Api(
        f"{ORIGIN}/users",
        listing("/users", page, lambda a: details(a, "/users")),
        FULL,
        told(paging="page", pages="pages"),
    )


@api
def strapi():
    rows = [{"id": n, "documentId": f"d{n}", "title": f"t{n}"} for n in range(1, N + 1)]

    def page(a):
        pg = num(a.query.get("pagination[page]"), 1)
        got, _ = at((pg - 1) * SIZE, SIZE, rows)
        return Reply({"data": got, "meta": {"pagination": {"page": pg, "pageSize": SIZE, "pageCount": 3, "total": N}}})

    return Api(
        f"{ORIGIN}/api/articles",
        listing("/api/articles", page),
        rows,
        told(paging="page", page_param="pagination[page]", pages="meta.pagination.pageCount", detail=False),
        knows=False,
    )


@api
def pocketbase():
    def page(a):
        pg = num(a.query.get("page"), 1)
        size = min(num(a.query.get("perPage"), SIZE), 500)
        got, _ = at((pg - 1) * size, size, FULL)
        return Reply({"page": pg, "perPage": size, "totalItems": N, "totalPages": -(-N // size), "items": got})

    return Api(
        f"{ORIGIN}/api/collections/c/records",
        listing("/api/collections/c/records", page, lambda a: details(a, "/api/collections/c/records")),
        FULL,
        told(paging="page", pages="totalPages"),
    )


@api
def postgrest():
    def page(a):
        off = num(a.query.get("offset"), 0)
        lim = num(a.query.get("limit"), SIZE)
        if set(a.query) - {"offset", "limit", "order", "select"}:
            return Reply({"message": "failed to parse filter"}, 400)
        got, _ = at(off, min(lim, SIZE), FULL)
        return Reply(got, 206, {"Content-Range": f"{off}-{off + len(got) - 1}/*" if got else f"*/{N}"})

    return Api(
        f"{ORIGIN}/rest/v1/todos",
        listing("/rest/v1/todos", page),
        FULL,
        told(paging="offset", offset_param="offset", detail=False),
        knows=False,
    )


@api
def nested_page():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, _ = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply(
            {
                "response": {
                    "status": "ok",
                    "total": N,
                    "startIndex": 1,
                    "pageSize": SIZE,
                    "currentPage": pg,
                    "pages": 3,
                    "orderBy": "newest",
                    "results": got,
                }
            }
        )

    return Api(
        f"{ORIGIN}/search",
        listing("/search", page),
        ROWS,
        told(records="response.results", paging="page", pages="response.pages", detail=False),
    )


@api
def content_range():
    def page(a):
        off = num(a.query.get("offset"), 0)
        got, _ = at(off, SIZE, FULL)
        return Reply(
            got,
            206 if len(got) < N else 200,
            {"Content-Range": f"items {off}-{off + len(got) - 1}/{N}", "Accept-Range": "items 3"},
        )

    return Api(
        f"{ORIGIN}/customers",
        listing("/customers", page),
        FULL,
        told(paging="offset", offset_param="offset", detail=False),
        knows=False,
    )


@api
def pagination_block():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply(
            {
                "success": True,
                "data": {"customers": got, "pagination": {"page": pg, "limit": SIZE, "total": N, "hasNext": more}},
            }
        )

    return Api(
        f"{ORIGIN}/api/customers",
        listing("/api/customers", page, lambda a: details(a, "/api/customers", wrap=("customer", "data"))),
        FULL,
        told(records="data.customers", paging="page", more="data.pagination.hasNext", item_records="data.customer"),
    )


@api
def uuid_slug():
    rows = [{"slug": f"post-{n}", "uuid": f"0000000{n}-aaaa", "title": f"T{n}"} for n in range(1, N + 1)]
    full = [{**r, "html": f"<p>{r['title']}</p>"} for r in rows]

    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, rows)
        return Reply(
            {
                "posts": got,
                "meta": {
                    "pagination": {
                        "page": pg,
                        "limit": SIZE,
                        "pages": 3,
                        "total": N,
                        "next": pg + 1 if more else None,
                        "prev": None,
                    }
                },
            }
        )

    return Api(
        f"{ORIGIN}/ghost/posts/",
        listing("/ghost/posts/", page, lambda a: details(a, "/ghost/posts", full, "slug", "/", ("post",))),
        full,
        told(
            records="posts",
            id=["slug"],
            paging="page",
            pages="meta.pagination.pages",
            item=f"{ORIGIN}/ghost/posts/{{slug}}/",
            item_records="post",
        ),
        knows=False,
        listed=rows,
    )


@api
def soft_end_400():
    def page(a):
        pg = num(a.query.get("page"), 1)
        if pg > 3:
            return Reply(
                {
                    "code": "invalid_page",
                    "message": "The page number requested is larger than the number of pages available.",
                },
                400,
            )
        got, _ = at((pg - 1) * SIZE, SIZE, FULL)
        return Reply({"entries": got})

    return Api(f"{ORIGIN}/entries", listing("/entries", page), FULL, told(paging="page", end=["400"], detail=False))


@api
def date_desc_no_total():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, _ = at((pg - 1) * SIZE, SIZE, FULL)
        return Reply(got)

    return Api(
        f"{ORIGIN}/v1/events",
        listing("/v1/events", page, lambda a: details(a, "/v1/events")),
        FULL,
        told(paging="page"),
    )


@api
def bigcommerce_v2():  # 204 at the end
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, _ = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply(got) if got else Reply("", 204)

    return Api(
        f"{ORIGIN}/v2/orders",
        listing("/v2/orders", page, lambda a: details(a, "/v2/orders")),
        FULL,
        told(paging="page"),
    )


@api
def bigcommerce_v3():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, ROWS)
        links = {"current": f"?page={pg}&limit=3", **({"next": f"?page={pg + 1}&limit=3"} if more else {})}
        return Reply(
            {
                "data": got,
                "meta": {
                    "pagination": {
                        "total": N,
                        "count": len(got),
                        "per_page": SIZE,
                        "current_page": pg,
                        "total_pages": 3,
                        "links": links,
                    }
                },
            }
        )

    return Api(
        f"{ORIGIN}/stores/h/v3/catalog/products",
        listing(
            "/stores/h/v3/catalog/products", page, lambda a: details(a, "/stores/h/v3/catalog/products", wrap=("data",))
        ),
        FULL,
        told(paging="page", pages="meta.pagination.total_pages", item_records="data"),
    )


@api
def laravel():
    def page(a):
        pg = num(a.query.get("page"), 1)
        got, more = at((pg - 1) * SIZE, SIZE, ROWS)
        return Reply(
            {
                "current_page": pg,
                "data": got,
                "first_page_url": f"{ORIGIN}/api/users?page=1",
                "from": 1,
                "last_page": 3,
                "last_page_url": f"{ORIGIN}/api/users?page=3",
                "links": [{"url": None, "label": "prev", "active": False}],
                "next_page_url": f"{ORIGIN}/api/users?page={pg + 1}" if more else None,
                "path": f"{ORIGIN}/api/users",
                "per_page": SIZE,
                "to": 3,
                "total": N,
            }
        )

    return Api(
        f"{ORIGIN}/api/users",
        listing("/api/users", page, lambda a: details(a, "/api/users", wrap=("data",))),
        FULL,
        told(paging="page", pages="last_page", item_records="data"),
    )


@api
def csv_by_offset():  # a page as a file, of a round number of rows; a parameter that it does not know changes nothing
    rows = [{"id": f"r{n}", "name": f"n{n}"} for n in range(1, 26)]

    def page(a):
        got, _ = at(num(a.query.get("$offset"), 0), num(a.query.get("$limit"), 10), rows)
        text = "id,name\n" + "".join(f"{row['id']},{row['name']}\n" for row in got)
        return Reply(text, headers={"Content-Type": "text/csv; charset=utf-8"})

    return Api(
        f"{ORIGIN}/resource/ab.csv",
        listing("/resource/ab.csv", page),
        rows,
        told(paging="offset", offset_param="$offset", size_param="$limit", per_page=10),
        knows=False,
    )
