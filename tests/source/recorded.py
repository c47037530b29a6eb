"""First pages and items of public APIs, in the shapes that their owners document; the data are made up.

Each is an answer to the list's first request, an answer for one item, and what can be told of the two: records, id,
way on and item URL as `guess` writes them, and what it cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Recorded:
    """One API. records: None where the body is the array. paging: its type and fields; None: not told.

    item_answer: of the first record. unknown: what cannot be told.
    """

    url: str
    body: Any
    records: str | None
    id: tuple[str, ...]
    paging: Mapping[str, Any] | None
    item: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    sent: Mapping[str, Any] | None = None
    item_answer: Any = None
    envelope: str | None = None
    size: str | None = None
    unknown: tuple[str, ...] = ()
    ended: bool = False


def rows(*ids: Any, name: str = "id", **more: Any) -> list[dict[str, Any]]:
    return [{name: one, "title": f"no. {at % 2}", **more} for at, one in enumerate(ids)]


GH = "https://api.github.test/repos/o/r/issues"
GL = "https://gitlab.test/api/v4/projects/7/issues"
ZD = "https://acme.zendesk.test/api/v2/tickets.json"
SHOP = "https://acme.shopify.test/admin/api/2026-07/orders.json"
SF = "https://acme.salesforce.test/services/data/v60.0"
POKE = "https://pokeapi.test/api/v2/pokemon"
FHIR = "https://hapi.fhir.test/baseR4/Patient"

RECORDED: dict[str, Recorded] = {
    # --- rows of APIS.md ---
    "GitHub issues": Recorded(
        GH,
        [
            {
                "id": 9001 + at,
                "node_id": f"I_{at}",
                "number": 40 + at,
                "url": f"{GH}/{40 + at}",
                "user": {"id": 1},
                "html_url": f"https://github.test/o/r/issues/{40 + at}",
                "repository_url": GH[:-7],
                "title": "t",
            }
            for at in range(3)
        ],
        None,
        ("number",),
        {"type": "link"},
        GH + "/{id}",
        headers={"link": f'<{GH}?page=2&per_page=3>; rel="next", <{GH}?page=9&per_page=3>; rel="last"'},
        item_answer={"id": 9001, "number": 40},
        size="per_page",
    ),
    "GitLab issues": Recorded(
        GL,
        [{"id": 500 + at, "iid": at + 1, "_links": {"self": f"{GL}/{at + 1}"}, "project_id": 7} for at in range(3)],
        None,
        ("iid",),
        {"type": "page", "total": "header:X-Total", "pages": "header:X-Total-Pages"},
        GL + "/{id}",
        headers={"x-next-page": "2", "x-page": "1", "x-per-page": "3", "x-total": "8", "x-total-pages": "3"},
        item_answer={"id": 500, "iid": 1},
    ),
    "GitLab, keyset": Recorded(
        "https://gitlab.test/api/v4/projects",
        rows(3, 2, 1),
        None,
        ("id",),
        {"type": "link"},
        "https://gitlab.test/api/v4/projects/{id}",
        headers={"link": '<https://gitlab.test/api/v4/projects?pagination=keyset&id_before=1>; rel="next"'},
    ),
    "Stripe": Recorded(
        "https://api.stripe.test/v1/charges",
        {"object": "list", "url": "/v1/charges", "has_more": True, "data": rows("ch_1", "ch_2", object="charge")},
        "data",
        ("id",),
        {"type": "keyset", "param": "starting_after", "more": "has_more"},
        "https://api.stripe.test/v1/charges/{id}",
        size="limit",
    ),
    "Stripe search": Recorded(
        "https://api.stripe.test/v1/charges/search?query=x",
        {"object": "search_result", "has_more": True, "next_page": "WzE=", "data": rows("ch_1", "ch_2")},
        "data",
        ("id",),
        {"type": "cursor", "next": "next_page", "param": "page", "more": "has_more"},
        None,
        unknown=("items",),
    ),
    "Shopify REST": Recorded(
        SHOP,
        {"orders": [{"id": 11, "line_items": [{"id": 1}]}, {"id": 12, "line_items": [{"id": 2}, {"id": 3}]}]},
        "orders",
        ("id",),
        {"type": "link"},
        SHOP[:-5] + "/{id}.json",
        headers={"link": f'<{SHOP}?limit=2&page_info=abc>; rel="next"'},
        item_answer={"order": {"id": 11, "email": "a@b.test"}},
        envelope="order",
        size="limit",
    ),
    "HubSpot v3": Recorded(
        "https://api.hubapi.test/crm/v3/objects/contacts",
        {
            "results": rows("1", "2", properties={"email": "x"}),
            "paging": {"next": {"after": "NTI", "link": "https://api.hubapi.test/crm/v3/objects/contacts?after=NTI"}},
        },
        "results",
        ("id",),
        {"type": "link", "next": "paging.next.link"},
        "https://api.hubapi.test/crm/v3/objects/contacts/{id}",
    ),
    "HubSpot v3 without link": Recorded(
        "https://api.hubapi.test/crm/v3/objects/contacts",
        {"results": rows("1", "2", archived=False), "paging": {"next": {"after": "NTI"}}},
        "results",
        ("id",),
        {"type": "cursor", "next": "paging.next.after", "param": "after"},
        "https://api.hubapi.test/crm/v3/objects/contacts/{id}",
    ),
    "Zendesk": Recorded(
        ZD,
        {
            "tickets": [{"id": at, "url": f"{ZD[:-5]}/{at}.json", "requester_id": at + 9} for at in (4, 5)],
            "meta": {"has_more": True, "after_cursor": "xx", "before_cursor": "yy"},
            "links": {"next": f"{ZD}?page%5Bafter%5D=xx", "prev": f"{ZD}?page%5Bbefore%5D=yy"},
        },
        "tickets",
        ("id",),
        {"type": "link", "next": "links.next", "more": "meta.has_more"},
        ZD[:-5] + "/{id}.json",
        item_answer={"ticket": {"id": 4}},
        envelope="ticket",
    ),
    "Zendesk, older": Recorded(
        ZD,
        {"tickets": rows(4, 5), "next_page": f"{ZD}?page=2", "previous_page": None, "count": 9},
        "tickets",
        ("id",),
        {"type": "link", "next": "next_page", "total": "count"},
        ZD[:-5] + "/{id}.json",
    ),
    "Notion": Recorded(
        "https://api.notion.test/v1/databases/d/query",
        {
            "object": "list",
            "has_more": True,
            "next_cursor": "c-2",
            "type": "page_or_database",
            "page_or_database": {},
            "results": [
                {"object": "page", "id": f"0000-{at}", "url": f"https://www.notion.test/{at}"} for at in (1, 2)
            ],
        },
        "results",
        ("id",),
        {"type": "cursor", "next": "next_cursor", "more": "has_more"},
        None,
        method="POST",
        sent={"page_size": 2},
        unknown=("items",),
    ),
    "Jira": Recorded(
        "https://acme.atlassian.test/rest/api/3/search?jql=x",
        {
            "expand": "names",
            "startAt": 0,
            "maxResults": 2,
            "total": 5,
            "issues": [
                {
                    "id": str(100 + at),
                    "key": f"P-{at}",
                    "self": f"https://acme.atlassian.test/rest/api/3/issue/{100 + at}",
                }
                for at in (1, 2)
            ],
        },
        "issues",
        ("id",),
        {"type": "offset", "param": "startAt", "total": "total"},
        "https://acme.atlassian.test/rest/api/3/issue/{id}",
        size="maxResults",
    ),
    "Jira, tokens": Recorded(
        "https://acme.atlassian.test/rest/api/3/search/jql?jql=x",
        {"isLast": False, "nextPageToken": "tok", "issues": [{"id": "1", "key": "P-1"}, {"id": "2", "key": "P-2"}]},
        "issues",
        ("id",),
        {"type": "cursor", "next": "nextPageToken", "param": "nextPageToken", "more": "!isLast"},
        None,
        unknown=("items",),
    ),
    "Salesforce": Recorded(
        SF + "/query?q=SELECT",
        {
            "totalSize": 5,
            "done": False,
            "nextRecordsUrl": "/services/data/v60.0/query/01g-2",
            "records": [
                {
                    "attributes": {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/00{at}"},
                    "Id": f"00{at}",
                    "Name": "n",
                }
                for at in (1, 2)
            ],
        },
        "records",
        ("Id",),
        {"type": "link", "next": "nextRecordsUrl", "more": "!done", "total": "totalSize"},
        SF + "/sobjects/Account/{id}",
    ),
    "Airtable": Recorded(
        "https://api.airtable.test/v0/app/Table",
        {
            "records": [{"id": f"rec{at}", "createdTime": "2026", "fields": {"Name": "n"}} for at in (1, 2)],
            "offset": "itr/rec2",
        },
        "records",
        ("id",),
        {"type": "cursor", "next": "offset", "param": "offset"},
        "https://api.airtable.test/v0/app/Table/{id}",
    ),
    "Slack": Recorded(
        "https://slack.test/api/conversations.list",
        {"ok": True, "channels": rows("C1", "C2", name_normalized="x"), "response_metadata": {"next_cursor": "dGVh="}},
        "channels",
        ("id",),
        {"type": "cursor", "next": "response_metadata.next_cursor", "param": "cursor"},
        None,
        unknown=("items",),
    ),
    "Slack, the last page": Recorded(
        "https://slack.test/api/conversations.list",
        {"ok": True, "channels": rows("C1", "C2"), "response_metadata": {"next_cursor": ""}},
        "channels",
        ("id",),
        {"type": "cursor", "next": "response_metadata.next_cursor", "param": "cursor"},
        None,
        unknown=("items",),
        ended=True,
    ),
    "JSON:API": Recorded(
        "https://api.example.test/articles",
        {
            "data": [
                {
                    "type": "articles",
                    "id": str(at),
                    "attributes": {"title": "t"},
                    "links": {"self": f"https://api.example.test/articles/{at}"},
                }
                for at in (1, 2)
            ],
            "included": [{"type": "people", "id": "9"}],
            "links": {
                "self": "https://api.example.test/articles",
                "next": "https://api.example.test/articles?page[number]=2",
            },
        },
        "data",
        ("id",),
        {"type": "link", "next": "links.next"},
        "https://api.example.test/articles/{id}",
        item_answer={"data": {"type": "articles", "id": "1"}},
        envelope="data",
    ),
    "JSON:API, link objects": Recorded(
        "https://api.example.test/articles",
        {
            "data": [{"type": "articles", "id": "1"}, {"type": "articles", "id": "2"}],
            "links": {"next": {"href": "https://api.example.test/articles?page[number]=2", "meta": {}}},
        },
        "data",
        ("id",),
        {"type": "link", "next": "links.next.href"},
        "https://api.example.test/articles/{id}",
    ),
    "JSON:API, the last page": Recorded(
        "https://api.example.test/articles",
        {
            "data": [{"type": "articles", "id": "1"}, {"type": "articles", "id": "2"}],
            "links": {"prev": None, "next": None},
        },
        "data",
        ("id",),
        {"type": "link", "next": "links.next"},
        "https://api.example.test/articles/{id}",
        ended=True,
    ),
    "Django REST Framework": Recorded(
        "https://drf.test/api/users/",
        {"count": 5, "next": "https://drf.test/api/users/?page=2", "previous": None, "results": rows(1, 2)},
        "results",
        ("id",),
        {"type": "link", "next": "next", "total": "count"},
        "https://drf.test/api/users/{id}/",
    ),
    "Microsoft Graph": Recorded(
        "https://graph.test/v1.0/users",
        {
            "@odata.context": "https://graph.test/v1.0/$metadata#users",
            "@odata.nextLink": "https://graph.test/v1.0/users?$skiptoken=X",
            "value": rows("a-1", "b-2"),
        },
        "value",
        ("id",),
        {"type": "link", "next": "@odata.nextLink", "absent_is_end": True},
        "https://graph.test/v1.0/users/{id}",
    ),
    "PokeAPI": Recorded(
        POKE,
        {
            "count": 1302,
            "next": f"{POKE}?offset=2&limit=2",
            "previous": None,
            "results": [{"name": "bulba", "url": f"{POKE}/1/"}, {"name": "ivy", "url": f"{POKE}/2/"}],
        },
        "results",
        ("name",),
        {"type": "link", "next": "next", "total": "count"},
        "{url}",
        item_answer={"id": 1, "name": "bulba", "forms": []},
        size="limit",
    ),
    "Elasticsearch": Recorded(
        "https://es.test/books/_search",
        {
            "took": 2,
            "timed_out": False,
            "_shards": {"total": 1},
            "hits": {
                "total": {"value": 7, "relation": "eq"},
                "max_score": 1.0,
                "hits": [{"_index": "books", "_id": f"b{at}", "_score": 1.0, "_source": {"t": "x"}} for at in (1, 2)],
            },
        },
        "hits.hits",
        ("_id",),
        {"type": "offset", "param": "from", "total": "hits.total.value"},
        None,
        unknown=("items",),
    ),
    "WordPress": Recorded(
        "https://wp.test/wp-json/wp/v2/posts",
        [
            {
                "id": at,
                "slug": f"s{at}",
                "link": f"https://wp.test/s{at}/",
                "_links": {"self": [{"href": f"https://wp.test/wp-json/wp/v2/posts/{at}"}]},
            }
            for at in (3, 4)
        ],
        None,
        ("id",),
        {"type": "link", "total": "header:X-Wp-Total"},
        "https://wp.test/wp-json/wp/v2/posts/{id}",
        headers={
            "x-wp-total": "7",
            "x-wp-totalpages": "4",
            "link": '<https://wp.test/wp-json/wp/v2/posts?page=2>; rel="next"',
        },
    ),
    "json-server 0.17": Recorded(
        "http://localhost:3000/posts",
        rows(1, 2),
        None,
        ("id",),
        {"type": "link", "total": "header:X-Total-Count"},
        "http://localhost:3000/posts/{id}",
        headers={
            "x-total-count": "5",
            "link": '<http://localhost:3000/posts?_page=1&_limit=2>; rel="first", '
            '<http://localhost:3000/posts?_page=2&_limit=2>; rel="next"',
        },
        size="_limit",
    ),
    "json-server 1.0": Recorded(
        "http://localhost:3000/posts",
        {"first": 1, "prev": None, "next": 2, "last": 3, "pages": 3, "items": 5, "data": rows("1", "2")},
        "data",
        ("id",),
        {"type": "page", "param": "_page", "pages": "pages", "total": "items"},
        "http://localhost:3000/posts/{id}",
        size="_per_page",
    ),
    # --- others ---
    "X (Twitter) v2": Recorded(
        "https://api.x.test/2/users/1/tweets",
        {
            "data": [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}],
            "includes": {"users": [{"id": "7"}, {"id": "8"}]},
            "meta": {"result_count": 2, "next_token": "t2", "newest_id": "2", "oldest_id": "1"},
        },
        "data",
        ("id",),
        {"type": "cursor", "next": "meta.next_token", "param": "pagination_token"},
        "https://api.x.test/2/users/1/tweets/{id}",
    ),
    "Mailchimp": Recorded(
        "https://us1.api.mailchimp.test/3.0/lists?offset=0&count=2",
        {"lists": rows("a1", "b2", web_id=1), "total_items": 5, "_links": [{"rel": "self", "href": "https://x"}]},
        "lists",
        ("id",),
        {"type": "offset", "param": "offset", "total": "total_items"},
        "https://us1.api.mailchimp.test/3.0/lists/{id}",
        size="count",
    ),
    "Mailchimp without parameters": Recorded(
        "https://us1.api.mailchimp.test/3.0/lists",
        {"lists": rows("a1", "b2"), "total_items": 5},
        "lists",
        ("id",),
        None,
        "https://us1.api.mailchimp.test/3.0/lists/{id}",
        unknown=("paging",),
    ),
    "Intercom": Recorded(
        "https://api.intercom.test/contacts",
        {
            "type": "list",
            "data": rows("a", "b", type="contact"),
            "total_count": 5,
            "pages": {
                "type": "pages",
                "page": 1,
                "per_page": 2,
                "total_pages": 3,
                "next": {"page": 2, "starting_after": "WzE"},
            },
        },
        "data",
        ("id",),
        {"type": "cursor", "next": "pages.next.starting_after", "param": "starting_after", "total": "total_count"},
        "https://api.intercom.test/contacts/{id}",
        size="per_page",
    ),
    "Zoom": Recorded(
        "https://api.zoom.test/v2/users",
        {"page_count": 3, "page_size": 2, "total_records": 5, "next_page_token": "tok", "users": rows("z1", "z2")},
        "users",
        ("id",),
        {"type": "cursor", "next": "next_page_token", "param": "next_page_token", "total": "total_records"},
        "https://api.zoom.test/v2/users/{id}",
        size="page_size",
    ),
    "Trello": Recorded(
        "https://api.trello.test/1/boards/b/cards",
        rows("5f1", "5f2", idBoard="b", idList="l"),
        None,
        ("id",),
        None,
        "https://api.trello.test/1/boards/b/cards/{id}",
        unknown=("paging",),
    ),
    "Contentful": Recorded(
        "https://cdn.contentful.test/spaces/s/entries",
        {
            "sys": {"type": "Array"},
            "total": 7,
            "skip": 0,
            "limit": 2,
            "items": [
                {"sys": {"id": f"e{at}", "type": "Entry", "revision": 1}, "fields": {"title": "t"}} for at in (1, 2)
            ],
            "includes": {"Asset": [{"sys": {"id": "a1"}}]},
        },
        "items",
        ("sys.id",),
        {"type": "offset", "param": "skip", "total": "total"},
        "https://cdn.contentful.test/spaces/s/entries/{id}",
        size="limit",
    ),
    "Reddit": Recorded(
        "https://oauth.reddit.test/r/python/new",
        {
            "kind": "Listing",
            "data": {
                "after": "t3_b",
                "before": None,
                "dist": 2,
                "modhash": "",
                "children": [{"kind": "t3", "data": {"id": one, "name": f"t3_{one}"}} for one in "ab"],
            },
        },
        "data.children[].data",
        ("id",),
        {"type": "cursor", "next": "data.after", "param": "after"},
        "https://oauth.reddit.test/r/python/new/{id}",
    ),
    "Discourse": Recorded(
        "https://forum.test/latest.json",
        {
            "users": [{"id": 1, "username": "u"}, {"id": 2, "username": "v"}],
            "topic_list": {
                "can_create_topic": False,
                "more_topics_url": "/latest?page=1",
                "per_page": 2,
                "topics": [{"id": 8, "title": "t", "slug": "s8"}, {"id": 9, "title": "u", "slug": "s9"}],
            },
        },
        None,
        (),
        None,
        None,
        unknown=("records",),
    ),
    "MediaWiki, formatversion 2": Recorded(
        "https://wiki.test/w/api.php?action=query&list=allpages&format=json",
        {
            "batchcomplete": True,
            "continue": {"apcontinue": "B", "continue": "-||"},
            "query": {"allpages": [{"pageid": 1, "ns": 0, "title": "A"}, {"pageid": 2, "ns": 0, "title": "AA"}]},
        },
        "query.allpages",
        ("pageid",),
        {"type": "cursor", "next": "continue.apcontinue", "param": "apcontinue"},
        None,
        unknown=("items",),
    ),
    "MediaWiki, pages by id": Recorded(
        "https://wiki.test/w/api.php?action=query&generator=allpages&format=json",
        {
            "continue": {"gapcontinue": "B", "continue": "gapcontinue||"},
            "query": {"pages": {"1": {"pageid": 1, "title": "A"}, "2": {"pageid": 2, "title": "B"}}},
        },
        "query.pages.*",
        ("pageid",),
        {"type": "cursor", "next": "continue.gapcontinue", "param": "gapcontinue"},
        None,
        unknown=("items",),
    ),
    "Wikidata": Recorded(
        "https://wikidata.test/w/api.php?action=wbgetentities&ids=Q1|Q2",
        {"entities": {"Q1": {"id": "Q1", "type": "item"}, "Q2": {"id": "Q2", "type": "item"}}, "success": 1},
        "entities.*",
        ("id",),
        None,
        None,
        unknown=("paging", "items"),
    ),
    "CKAN": Recorded(
        "https://data.test/api/3/action/package_search",
        {
            "help": "https://data.test/api/3/action/help_show",
            "success": True,
            "result": {
                "count": 7,
                "sort": "score",
                "facets": {},
                "search_facets": {},
                "results": [{"id": "u-1", "name": "a", "resources": [{"id": "r"}]}, {"id": "u-2", "name": "b"}],
            },
        },
        "result.results",
        ("id",),
        {"type": "offset", "param": "start", "total": "result.count"},
        None,
        unknown=("items",),
    ),
    "Socrata": Recorded(
        "https://data.test/resource/abcd-1234.json",
        [{"unique_key": "1", "borough": "x"}, {"unique_key": "2", "borough": "x"}],
        None,
        (),
        None,
        None,
        unknown=("id", "paging", "items"),
    ),
    "Socrata, paged": Recorded(
        "https://data.test/resource/abcd-1234.json?$limit=2&$offset=0",
        [{":id": "row-1", "a": 1}, {":id": "row-2", "a": 1}],
        None,
        (":id",),
        {"type": "offset", "param": "$offset"},
        "https://data.test/resource/abcd-1234/{id}.json",
        size="$limit",
    ),
    "ArcGIS": Recorded(
        "https://gis.test/rest/services/x/FeatureServer/0/query?where=1%3D1&f=json",
        {
            "objectIdFieldName": "OBJECTID",
            "fields": [{"name": "OBJECTID"}, {"name": "NAME"}],
            "exceededTransferLimit": True,
            "features": [{"attributes": {"OBJECTID": at, "NAME": "n"}} for at in (1, 2)],
        },
        "features",
        ("attributes.OBJECTID",),
        {"type": "offset", "param": "resultOffset", "more": "exceededTransferLimit"},
        None,
        unknown=("items",),
    ),
    "OpenAlex": Recorded(
        "https://api.openalex.test/works?cursor=*",
        {
            "meta": {"count": 900, "db_response_time_ms": 9, "page": None, "per_page": 2, "next_cursor": "Ik"},
            "results": [{"id": f"https://openalex.test/W{at}", "doi": f"https://doi.test/{at}"} for at in (1, 2)],
            "group_by": [],
        },
        "results",
        ("id",),
        {"type": "cursor", "next": "meta.next_cursor", "param": "cursor", "total": "meta.count"},
        "https://api.openalex.test/works/{id}",
        size="per_page",
    ),
    "Crossref": Recorded(
        "https://api.crossref.test/works?cursor=*",
        {
            "status": "ok",
            "message-type": "work-list",
            "message": {
                "facets": {},
                "next-cursor": "DnF",
                "total-results": 900,
                "items-per-page": 2,
                "query": {},
                "items": [
                    {"DOI": "10.1/a", "publisher": "p", "author": [{"given": "x"}]},
                    {"DOI": "10.1/b", "publisher": "p"},
                ],
            },
        },
        "message.items",
        ("DOI",),
        {"type": "cursor", "next": "message.next-cursor", "param": "cursor", "total": "message.total-results"},
        "https://api.crossref.test/works/{id}",
        size="items-per-page",
    ),
    "NASA NEO": Recorded(
        "https://api.nasa.test/neo/rest/v1/neo/browse?api_key={env:NASA_KEY}",
        {
            "links": {
                "next": "http://api.nasa.test/neo/rest/v1/neo/browse?page=1&size=2&api_key=x",
                "self": "http://api.nasa.test/neo/rest/v1/neo/browse?page=0&size=2&api_key=x",
            },
            "page": {"size": 2, "total_elements": 9, "total_pages": 5, "number": 0},
            "near_earth_objects": [
                {"id": "2000433", "neo_reference_id": "2000433", "name": "Eros"},
                {"id": "2000719", "neo_reference_id": "2000719", "name": "Albert"},
            ],
        },
        "near_earth_objects",
        ("id",),
        {"type": "link", "next": "links.next", "total": "page.total_elements"},
        "https://api.nasa.test/neo/rest/v1/neo/browse/{id}?api_key={env:NASA_KEY}",
        size="size",
    ),
    "FHIR": Recorded(
        FHIR,
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": 9,
            "link": [
                {"relation": "self", "url": FHIR},
                {"relation": "next", "url": "https://hapi.fhir.test/baseR4?_getpages=1"},
            ],
            "entry": [
                {"fullUrl": f"{FHIR}/{at}", "resource": {"resourceType": "Patient", "id": str(at)}} for at in (1, 2)
            ],
        },
        "entry[].resource",
        ("id",),
        {"type": "link", "next": "link[?relation=='next'].url | [0]", "total": "total"},
        FHIR + "/{id}",
    ),
    "Google Calendar": Recorded(
        "https://www.googleapis.test/calendar/v3/calendars/c/events",
        {
            "kind": "calendar#events",
            "etag": "e",
            "nextPageToken": "tok",
            "defaultReminders": [{"method": "popup", "minutes": 1}],
            "items": rows("e1", "e2", kind="calendar#event", iCalUID="x"),
        },
        "items",
        ("id",),
        {"type": "cursor", "next": "nextPageToken", "param": "pageToken"},
        "https://www.googleapis.test/calendar/v3/calendars/c/events/{id}",
    ),
    "AWS-like": Recorded(
        "https://api.aws.test/v1/things",
        {"Things": [{"ThingId": "t1", "Arn": "a1"}, {"ThingId": "t2", "Arn": "a2"}], "NextToken": "tok"},
        "Things",
        ("ThingId",),
        {"type": "cursor", "next": "NextToken", "param": "NextToken"},
        "https://api.aws.test/v1/things/{id}",
    ),
    "GraphQL connection": Recorded(
        "https://api.linear.test/graphql",
        {
            "data": {
                "issues": {
                    "edges": [{"cursor": one, "node": {"id": one, "title": "t"}} for one in ("i1", "i2")],
                    "pageInfo": {"hasNextPage": True, "endCursor": "i2"},
                }
            }
        },
        "data.issues.edges[].node",
        ("id",),
        {"type": "cursor", "next": "data.issues.pageInfo.endCursor", "more": "data.issues.pageInfo.hasNextPage"},
        None,
        method="POST",
        sent={"query": "query($after: String) { issues { edges { node { id } } } }"},
        unknown=("items",),
    ),
    "Spring Data REST": Recorded(
        "https://spring.test/api/people",
        {
            "_embedded": {
                "people": [
                    {"firstName": "a", "_links": {"self": {"href": f"https://spring.test/api/people/{at}"}}}
                    for at in (1, 2)
                ]
            },
            "_links": {
                "self": {"href": "https://spring.test/api/people"},
                "next": {"href": "https://spring.test/api/people?page=1&size=2"},
            },
            "page": {"size": 2, "totalElements": 5, "totalPages": 3, "number": 0},
        },
        "_embedded.people",
        ("_links.self.href",),
        {"type": "link", "next": "_links.next.href", "total": "page.totalElements"},
        "{_links.self.href}",
        size="size",
    ),
    "Laravel": Recorded(
        "https://laravel.test/api/items",
        {
            "current_page": 1,
            "data": rows(1, 2),
            "last_page": 3,
            "per_page": 2,
            "total": 5,
            "next_page_url": "https://laravel.test/api/items?page=2",
        },
        "data",
        ("id",),
        {"type": "link", "next": "next_page_url", "total": "total"},
        "https://laravel.test/api/items/{id}",
        size="per_page",
    ),
    "Spotify": Recorded(
        "https://api.spotify.test/v1/me/tracks",
        {
            "href": "https://api.spotify.test/v1/me/tracks",
            "limit": 2,
            "next": "https://api.spotify.test/v1/me/tracks?offset=2&limit=2",
            "offset": 0,
            "total": 5,
            "items": [{"id": one, "href": f"https://api.spotify.test/v1/tracks/{one}"} for one in ("a", "b")],
        },
        "items",
        ("id",),
        {"type": "link", "next": "next", "total": "total"},
        "https://api.spotify.test/v1/tracks/{id}",
        size="limit",
    ),
    "Kubernetes": Recorded(
        "https://k8s.test/api/v1/namespaces/n/pods",
        {
            "kind": "PodList",
            "apiVersion": "v1",
            "metadata": {"continue": "tok", "remainingItemCount": 9, "resourceVersion": "1"},
            "items": [{"metadata": {"name": one, "uid": f"u-{one}"}, "spec": {}} for one in ("p1", "p2")],
        },
        "items",
        ("metadata.name",),
        {"type": "cursor", "next": "metadata.continue", "param": "continue"},
        "https://k8s.test/api/v1/namespaces/n/pods/{id}",
    ),
    "Azure DevOps": Recorded(
        "https://dev.azure.test/org/_apis/projects?api-version=7.1",
        {"count": 2, "value": rows("p-1", "p-2")},
        "value",
        ("id",),
        {"type": "cursor", "next": "header:X-Ms-Continuationtoken", "param": "continuationToken"},
        "https://dev.azure.test/org/_apis/projects/{id}",
        headers={"x-ms-continuationtoken": "tok"},
    ),
    "Asana": Recorded(
        "https://app.asana.test/api/1.0/tasks",
        {
            "data": [
                {"gid": "1", "name": "a", "resource_type": "task"},
                {"gid": "2", "name": "a", "resource_type": "task"},
            ],
            "next_page": {
                "offset": "eyJ",
                "path": "/tasks?offset=eyJ",
                "uri": "https://app.asana.test/api/1.0/tasks?offset=eyJ",
            },
        },
        "data",
        ("gid",),
        {"type": "link", "next": "next_page.uri"},
        "https://app.asana.test/api/1.0/tasks/{id}",
    ),
    "Hacker News": Recorded(
        "https://hn.test/v0/topstories.json",
        [101, 102, 103],
        None,
        (),
        None,
        "https://hn.test/v0/topstories/{id}.json",
        unknown=("paging",),
    ),
    "OpenAI": Recorded(
        "https://api.openai.test/v1/files",
        {
            "object": "list",
            "data": rows("f-1", "f-2", object="file"),
            "first_id": "f-1",
            "last_id": "f-2",
            "has_more": True,
        },
        "data",
        ("id",),
        {"type": "keyset", "param": "after", "more": "has_more"},
        "https://api.openai.test/v1/files/{id}",
        size="limit",
    ),
    "Anthropic": Recorded(
        "https://api.anthropic.test/v1/models",
        {"data": rows("m-1", "m-2", type="model"), "first_id": "m-1", "last_id": "m-2", "has_more": True},
        "data",
        ("id",),
        {"type": "keyset", "param": "after_id", "more": "has_more"},
        "https://api.anthropic.test/v1/models/{id}",
    ),
    "TMDB, mixed search": Recorded(
        "https://api.tmdb.test/3/discover",
        {
            "page": 1,
            "total_pages": 4,
            "total_results": 9,
            "results": [{"id": 1, "media_type": "movie"}, {"id": 1, "media_type": "tv"}, {"id": 2, "media_type": "tv"}],
        },
        "results",
        ("media_type", "id"),
        {"type": "page", "pages": "total_pages", "total": "total_results"},
        None,
        unknown=("items",),
    ),
    "Google Sheets": Recorded(
        "https://sheets.test/v4/spreadsheets/s/values/A1",
        {"range": "A1:B2", "majorDimension": "ROWS", "values": [["a", "b"], ["1", "2"]]},
        None,
        (),
        None,
        None,
        unknown=("records",),
    ),
}
