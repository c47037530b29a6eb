"""The names that a declared source may have in a TOML file: the models' own, and those of dlt's rest_api."""

from __future__ import annotations

from typing import Any

from harness.spec.source import (
    BasicAuth,
    BearerAuth,
    CursorPaging,
    HeaderAuth,
    KeysetPaging,
    LinkPaging,
    OAuth2,
    OffsetPaging,
    PageNumberPaging,
    QueryAuth,
    SinglePage,
)

OF_SOURCE = {
    "name": "name",
    "headers": "headers",
    "params": "params",
    "auth": "auth",
    "limits": "limits",
    "base_url": "base_url",
    "client": "client",
    "resource": "resource",
    "resources": "resource",
}
OF_CLIENT = {"base_url": "base_url", "headers": "headers", "auth": "auth", "paginator": "paging", "paging": "paging"}
OF_ENDPOINT = {
    "path": "path",
    "method": "method",
    "params": "params",
    "json": "body",
    "body": "body",
    "paginator": "paging",
    "paging": "paging",
    "data_selector": "records",
    "records": "records",
    "headers": "headers",
}
OF_RESOURCE = {
    "name": "name",
    "url": "url",
    "endpoint": "endpoint",
    "id": "id",
    "primary_key": "id",
    "most_per_page": "most_per_page",
    **OF_ENDPOINT,
}
# What dlt has, and what to write here.
NOT_HERE = {
    "response_actions": "write end, refused_when or fail_when",
    "incremental": "leave it out: the whole list is imported",
    "write_disposition": "leave it out: an import writes new files",
    "table_name": "leave it out: the run's folder holds the items",
    "resource_defaults": "write its settings into [[resource]]",
    "processing_steps": "leave it out: records are stored as they come",
    "include_from_parent": "leave it out: one list is imported at a time",
    "maximum_page": "use max_items outside of the source",
    "maximum_offset": "use max_items outside of the source",
    "location": "write header or query",
}

# What says nothing that is not seen anyway, and values that are as they must be.
IGNORED = {"stop_after_empty_page", "default_token_expiration"}
USUAL = (("offset", "0"), ("links_next_key", "next"))
# Of each type, ours and dlt's: the model, and its fields (or the resource's) by the names that they may have.
_SIZE = {"limit": "per_page", "limit_param": "size_param", "limit_body_path": "body:{per_page}"}
_MORE = {"more": "more", "has_more_path": "more"}
_OURS = {"next": "next", "total": "total", "absent_is_end": "absent_is_end", **_MORE}
_PAGE = {
    **{"param": "param", "first": "first", "total": "total", "pages": "pages", **_MORE},
    **{"page_param": "param", "base_page": "first", "page": "first"},
    **{"page_body_path": "body:{page}"},
}
_CURSOR = {**_OURS, "param": "param", "cursor_param": "param", "cursor_path": "next"}
PAGINGS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "page": (PageNumberPaging, {**_PAGE, "total_path": "total", "pages_path": "pages"}),
    "offset": (
        OffsetPaging,
        {
            **{"param": "param", "first": "first", "total": "total", **_MORE, **_SIZE},
            **{"offset": "first", "offset_param": "param", "total_path": "total", "offset_body_path": "body:{offset}"},
        },
    ),
    "cursor": (CursorPaging, {**_CURSOR, "cursor_body_path": "body:{cursor}"}),
    "link": (LinkPaging, {**_OURS, "next_url_path": "next"}),
    "keyset": (KeysetPaging, {**{k: v for k, v in _OURS.items() if k != "next"}, "param": "param", "last": "last"}),
    "single": (SinglePage, {}),
    "page_number": (PageNumberPaging, {**_PAGE, "total_path": "pages"}),  # dlt's total is one of pages
    "json_link": (LinkPaging, {**_OURS, "next_url_path": "next"}),
    "json_response": (LinkPaging, {**_OURS, "next_url_path": "next"}),
    "header_link": (LinkPaging, {}),
    "header_cursor": (CursorPaging, {"cursor_key": "next", "cursor_param": "param"}),
    "single_page": (SinglePage, {}),
}
_KEY = {"token_env": "token_env"}
_OAUTH = {
    **{name: name for name in ("token_url", "client_id_env", "client_secret_env", "scope")},
    **{"access_token_url": "token_url", "client_id": "client_id_env", "client_secret": "client_secret_env"},
    "access_token_request_data": "request_data",
}
AUTHS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "bearer": (BearerAuth, {**_KEY, "token": "token_env"}),
    "basic": (BasicAuth, {**_KEY, "user": "user", "username": "user", "password": "token_env"}),
    "header": (HeaderAuth, {**_KEY, "name": "name", "prefix": "prefix", "api_key": "token_env"}),
    "query": (QueryAuth, {**_KEY, "name": "name", "api_key": "token_env"}),
    "oauth2": (OAuth2, _OAUTH),
    "api_key": (HeaderAuth, {}),
    "http_basic": (BasicAuth, {**_KEY, "username": "user", "password": "token_env"}),
    "oauth2_client_credentials": (OAuth2, _OAUTH),
}
# The flat name of a field, where it has another.
FLAT = {"params": "param", "headers": "header"}
