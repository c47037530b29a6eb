"""A source as a TOML file declares it: in the models' names and in dlt's, and written so that it reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.settings import read_settings
from harness.spec.source import (
    AnswerRule,
    BasicAuth,
    BearerAuth,
    CursorPaging,
    HeaderAuth,
    Item,
    KeysetPaging,
    LinkPaging,
    OAuth2,
    OffsetPaging,
    PageNumberPaging,
    QueryAuth,
    Resource,
    SinglePage,
    Source,
)
from harness.spec.to_toml import to_toml
from harness.values import proves_who

URL = "https://api.example.com/v2/orders"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "OTHER"):
        monkeypatch.setenv(name, "abc123456")


def read(folder: Path, toml: str, **flags: Any) -> ImportConfig:
    (folder / "x.toml").write_text(toml, encoding="utf-8")
    return read_settings(flags, folder / "x.toml", {})


def declared(folder: Path, toml: str, **flags: Any) -> Source:
    source = read(folder, toml, **flags).source.declared()
    assert source is not None
    return source


OURS = """
limit = "100/m"
[source]
name = "shop"
headers = { X-Version = "3", X-Account = "{env:OTHER}" }
auth = { type = "bearer", token_env = ["API_TOKEN"] }
[[resource]]
name = "orders"
url = "https://api.example.com/v2/orders"
records = "data"
id = ["order_id"]
params = { status = "open", size = 50 }
paging = { type = "cursor", next = "meta.next", param = "after" }
"""
DLT = """
limit = "100/m"
[source]
name = "shop"
[source.client]
base_url = "https://api.example.com/v2/"
auth = { type = "bearer", token = "{env:API_TOKEN}" }
headers = { X-Version = "3", X-Account = "{env:OTHER}" }
[[resource]]
name = "orders"
primary_key = "order_id"
[resource.endpoint]
path = "orders"
data_selector = "$.data"
params = { status = "open", size = 50 }
[resource.endpoint.paginator]
type = "cursor"
cursor_path = "meta.next"
cursor_param = "after"
"""
SHOP = Source(
    name="shop",
    resource=Resource(
        name="orders",
        url=URL,
        records="data",
        id=("order_id",),
        params={"status": "open", "size": "50"},
        paging=CursorPaging(next="meta.next", param="after"),
    ),
    headers={"X-Version": "3", "X-Account": "{env:OTHER}"},
    auth=BearerAuth(token_env=("API_TOKEN",)),
)


@pytest.mark.parametrize("toml", [OURS, DLT], ids=["ours", "dlt"])
def test_a_source_in_toml(toml: str, tmp_path: Path) -> None:
    """In our names, in dlt's; beside settings of other parts; and flags win."""
    assert declared(tmp_path, toml) == SHOP
    config = read(tmp_path, toml, records="items", limit="5/s")
    assert (config.source.url, str(config.limits[0])) == (URL, "5/1s")
    source = config.source.declared()
    assert source is not None
    assert source.resource == SHOP.resource.model_copy(update={"records": "items"})


def endpoint(paginator: str) -> str:
    head = '[client]\nbase_url = "https://h"\n[[resources]]\nname = "a"\n'
    return f'{head}endpoint = {{ path = "a", paginator = {paginator} }}'


@pytest.mark.parametrize(
    ("paginator", "resource"),
    [
        ('"header_link"', {"paging": LinkPaging()}),
        ('{ type = "json_link" }', {"paging": LinkPaging(next="next")}),
        ('{ type = "json_link", next_url_path = "$.paging.next" }', {"paging": LinkPaging(next="paging.next")}),
        ('{ type = "single_page" }', {"paging": SinglePage()}),
        ('"auto"', {}),
        (
            '{ type = "page_number", base_page = 1, page_param = "p", total_path = "meta.pages" }',
            {"paging": PageNumberPaging(param="p", first=1, pages="meta.pages")},
        ),
        (
            '{ type = "page_number", stop_after_empty_page = true, has_more_path = "more" }',
            {"paging": PageNumberPaging(more="more")},
        ),
        (
            '{ type = "offset", limit = 50, offset = 0, total_path = "total" }',
            {"paging": OffsetPaging(total="total"), "per_page": 50, "size_param": "limit"},
        ),
        (
            '{ type = "offset", limit = 50, offset_param = "skip", limit_param = "take" }',
            {"paging": OffsetPaging(param="skip"), "per_page": 50, "size_param": "take"},
        ),
        (
            '{ type = "header_cursor", cursor_key = "X-Next", cursor_param = "c" }',
            {"paging": CursorPaging(next="header:X-Next", param="c")},
        ),
    ],
)
def test_dlts_paginators(paginator: str, resource: dict[str, Any], tmp_path: Path) -> None:
    """Each comes to one of the six kinds of paging."""
    expected = Source(resource=Resource(name="a", url="https://h/a", **resource))
    assert declared(tmp_path, endpoint(paginator)) == expected


def test_a_paginator_that_sends_in_the_body(tmp_path: Path) -> None:
    """The body gets the placeholder where dlt names a path."""
    toml = """
        [[resource]]
        url = "https://h/a"
        method = "POST"
        json = { filter = "x", page = { size = 5 } }
        paginator = { type = "cursor", cursor_path = "next", cursor_body_path = "page.after" }
    """
    body = {"filter": "x", "page": {"size": 5, "after": "{cursor}"}}
    paging = CursorPaging(next="next")
    resource = Resource(url="https://h/a", method="POST", body=body, paging=paging)
    assert declared(tmp_path, toml) == Source(resource=resource)


@pytest.mark.parametrize(
    ("auth", "made"),
    [
        ('{ token = "{env:API_TOKEN}" }', BearerAuth(token_env=("API_TOKEN",))),
        ('{ type = "bearer", token_env = ["API_TOKEN", "OTHER"] }', BearerAuth(token_env=("API_TOKEN", "OTHER"))),
        (
            '{ type = "api_key", name = "X-Key", api_key = "{env:API_TOKEN}", location = "header" }',
            HeaderAuth(token_env=("API_TOKEN",), name="X-Key"),
        ),
        (
            '{ type = "api_key", name = "key", api_key = "{env:API_TOKEN}", location = "query" }',
            QueryAuth(token_env=("API_TOKEN",), name="key"),
        ),
        (
            '{ type = "http_basic", username = "me", password = "{env:API_TOKEN}" }',
            BasicAuth(token_env=("API_TOKEN",), user="me"),
        ),
        (
            '{ type = "oauth2_client_credentials", access_token_url = "https://login.h/t", client_id = '
            '"{env:CLIENT_ID}", client_secret = "{env:CLIENT_SECRET}", access_token_request_data = { scope = "all" } }',
            OAuth2(
                token_url="https://login.h/t", client_id_env="CLIENT_ID", client_secret_env="CLIENT_SECRET", scope="all"
            ),
        ),
    ],
)
def test_dlts_auth(auth: str, made: Any, tmp_path: Path) -> None:
    """The secret is always a variable."""
    toml = f'[source.client]\nbase_url = "https://h"\nauth = {auth}\n[[resource]]\npath = "a"'
    assert declared(tmp_path, toml).auth == made


def test_flat_names_in_the_tables_of_a_source(tmp_path: Path) -> None:
    """As a flag has them; a flag wins, and of another paging nothing is left."""
    toml = f'[source]\ntoken_env = "API_TOKEN"\n[[resource]]\nurl = "{URL}"\nnext = "n"\ncursor_param = "after"'
    source = declared(tmp_path, toml)
    assert (source.auth, source.resource.paging) == (
        BearerAuth(token_env=("API_TOKEN",)),
        CursorPaging(next="n", param="after"),
    )
    assert declared(tmp_path, toml, offset_param="skip").resource.paging == OffsetPaging(param="skip")
    flat = f'[source]\nurl = "{URL}"\nrecords = "data"\nitem = "{{url}}"\nend = [400, 404]\nparam = {{ a = "b" }}'
    expected = Resource(url=URL, records="data", item=Item(url="{url}"), end=(400, 404))
    assert declared(tmp_path, flat) == Source(resource=expected, params={"a": "b"})


def test_parameters_of_every_request_and_of_the_list_alone(tmp_path: Path) -> None:
    """Those of [source] go everywhere, those of [[resource]] and its endpoint with the list."""
    toml = f'[source]\nparams = {{ v = 2 }}\n[[resource]]\nurl = "{URL}"\nparams = {{ state = "open" }}'
    source = declared(tmp_path, toml)
    assert (source.params, source.resource.params) == ({"v": "2"}, {"state": "open"})
    assert source.list_params == {"v": "2", "state": "open"}


@pytest.mark.parametrize(
    "toml",
    [
        f'[source]\nurl = "{URL}"\n[[resource]]\nid = "n"',
        '[source]\nbase_url = "https://api.example.com/v2"\n[[resource]]\npath = "/orders"\nid = "n"',
        '[source.client]\nbase_url = "https://api.example.com/v2/"\n[[resource]]\nurl = "orders"\nid = "n"',
        f'[source.client]\nbase_url = "https://other.example.com"\n[[resource]]\npath = "{URL}"\nid = "n"',
        f'[[resources]]\nid = "n"\n[resources.endpoint]\npath = "{URL}"',
    ],
)
def test_where_the_url_may_stand(toml: str, tmp_path: Path) -> None:
    """Whole, or below a base; in either table."""
    assert declared(tmp_path, toml).resource == Resource(url=URL, id=("n",))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            f'[[resource]]\nurl = "{URL}"\n[[resource]]\nurl = "{URL}"',
            "{file} declares 2 resources, and one is read; kee",
        ),
        ("[source]\nname = 'a'\nresource = []", "[source] in {file} has no [[resource]]; add one, with the url of the"),
        ("[[resource]]\nname = 'a'", "[[resource]] in {file} has no url; add the URL of the list"),
        (
            f'[[resource]]\nurl = "{URL}"\nrecord = "x"',
            "unknown setting 'record' in [[resource]] in {file}; leave it out",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\nwrite_disposition = "x"',
            "unknown setting 'write_disposition' in [[resource]] i",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\npaging = {{ type = "cursr" }}',
            "the type of paging in [resource.paging] in {file} is 'cursr'; use one of page, offset, cursor, link",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\npaging = {{ type = "page", first = 2 }}',
            "[resource.paging] in {file}: first of PageNumberPaging must be 0 or 1",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\npaginator = {{ type = "cursor", cursor_pth = "x" }}',
            "unknown setting 'cursor_pth' in [resource.paging] in {file}; leave it out, or write cursor_path",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\npaginator = {{ type = "cursor", cursor_path = "x" }}',
            "cursor_path in [resource.paging] in {file} tells a cursor, but nothing sends it; add --cursor-param, or",
        ),
        (
            f'[source]\nauth = {{ type = "bearer", token = "sk-1234" }}\n[[resource]]\nurl = "{URL}"',
            "token in [source.auth] in {file} holds the secret itself; export it and write {{env:VARIABLE}}",
        ),
        (
            f'[source]\nauth = {{ type = "bearer", token = "{{env:NOT_SET}}" }}\n[[resource]]\nurl = "{URL}"',
            "token in [source.auth] in {file} names the variable NOT_SET, which is not set; export it first",
        ),
        (
            f'[source]\nheaders = {{ X-Key = "abc" }}\n[[resource]]\nurl = "{URL}"',
            "headers in [source] in {file} X-Key holds what looks like a secret, which would be stored; write 'X-Key",
        ),
        (
            f'records = "x"\n[[resource]]\nurl = "{URL}"',
            "records in {file} belongs into [source] or [[resource]]; move it",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\nmethod = "GET"\njson = {{ a = 1 }}',
            "json in [[resource]] in {file} is sent with",
        ),
        (f'[[resource]]\nurl = "{URL}"\nper_page = 0', "per_page in [[resource]] in {file} must be at least 1, not 0"),
        (
            f'[[resource]]\nurl = "{URL}"\nmost_per_page = 100\nper_page = 500',
            "per_page in [[resource]] in {file} 500 is more than 100, the most that this API's documentation names; l",
        ),
        (
            f'[[resource]]\nurl = "{URL}"\nparams = {{ since = {{ type = "incremental", cursor_path = "x" }} }}',
            "the parameter since in {file} is incremental; write a value, since one whole list is imported",
        ),
        (
            f'[source]\npreset = "x"\n[[resource]]\nurl = "{URL}"',
            "unknown setting 'preset' in [source] in {file}; leave it",
        ),
        (
            f'preset = "./x"\n[[resource]]\nurl = "{URL}"',
            "preset in {file} and [[resource]] in {file} both declare a source",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(toml: str, said: str, tmp_path: Path) -> None:
    """In one sentence that names the place in the file, as it is written there."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, toml)
    text = str(caught.value)
    file = tmp_path / "x.toml"
    assert text.replace(f"in {file} declares", f"{file} declares").startswith(said.format(file=f"{file}"))
    assert "\n" not in text
    assert "sk-1234" not in text


# --- the way back -----------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="{}\n\r\t"), min_size=1, max_size=12).filter(str.strip)
NAMES = st.from_regex("[a-z][a-z0-9_]{0,8}", fullmatch=True)
PATHS = st.one_of(NAMES, st.tuples(NAMES, NAMES).map(".".join), NAMES.map(lambda name: f"@odata.{name}"))
VARIABLES = st.from_regex("[A-Z][A-Z_]{0,8}", fullmatch=True)
KEYS = st.lists(VARIABLES, min_size=1, max_size=3, unique=True).map(tuple)
OPEN = st.none() | PATHS
JSON = st.recursive(
    st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    # A name such as Token is refused for what it holds, as tests of `check` show.
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS.filter(lambda name: not proves_who(name)), inner, max_size=3)
    ),
    max_leaves=6,
)
# What can be split, and the same as a whole.
CHAINS, WHOLE = ("offset", "cursor", "link", "keyset"), {"split": None}
PAGINGS = st.none() | st.one_of(
    st.builds(PageNumberPaging, first=st.sampled_from([None, 0, 1]), total=OPEN, pages=OPEN, more=OPEN),
    st.builds(OffsetPaging, param=st.just("skip"), total=OPEN),
    st.builds(CursorPaging, next=PATHS, param=st.just("c!"), more=OPEN, absent_is_end=st.booleans()),
    st.builds(LinkPaging, next=OPEN, more=OPEN, total=OPEN, absent_is_end=st.booleans()),
    st.builds(KeysetPaging, param=st.just("c!"), last=OPEN, more=PATHS, absent_is_end=st.booleans()),
    st.just(SinglePage()),
)
AUTHS = st.none() | st.one_of(
    st.builds(BearerAuth, token_env=KEYS),
    st.builds(BasicAuth, token_env=KEYS, user=st.none() | st.just("mail@example.com/token")),
    st.builds(HeaderAuth, token_env=KEYS, name=st.just("X-Api"), prefix=st.sampled_from(["", "Token ", "key="])),
    st.builds(QueryAuth, token_env=KEYS, name=st.sampled_from(["key", "api.key"])),
    st.builds(
        OAuth2,
        token_url=st.just("https://login.example.com/t"),
        client_id_env=VARIABLES,
        client_secret_env=VARIABLES,
        scope=st.none() | st.just("a b"),
    ),
)
RULES = st.lists(
    st.one_of(
        st.builds(AnswerRule, status=st.integers(300, 599), text=st.sampled_from(["", "rate limit", "é: x"])),
        st.builds(AnswerRule, path=PATHS, value=st.sampled_from(["false", "ratelimited"])),
    ),
    max_size=2,
    unique_by=str,
).map(tuple)
POSTS = st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True).map(lambda name: f"f{name}x"), JSON, max_size=3)
RESOURCES = st.builds(
    Resource,
    name=NAMES,
    url=st.sampled_from([URL, URL + "?a=b", URL + "?per_page={per_page}"]),
    params=st.dictionaries(st.from_regex("[b-d]{1,3}", fullmatch=True), TEXTS, max_size=2),
    records=OPEN,
    id=st.lists(PATHS, max_size=3, unique=True).map(tuple),
    paging=PAGINGS,
    per_page=st.none() | st.integers(1, 100),
    size_param=st.none() | st.just("size"),
    most_per_page=st.none() | st.just(100),
    item=st.none() | st.builds(Item, url=st.sampled_from(["{url}", URL + "/{id}", URL + "?i={ids:50}"]), records=OPEN),
    detail=st.none() | st.booleans(),
    end=st.lists(st.integers(404, 428), max_size=2, unique=True).map(tuple),
    refused_when=RULES,
    fail_when=RULES,
    split=st.none() | st.sampled_from(["created[gte]..created[lt]=1..20/3 as epoch", "since..until=1..9/2"]),
).map(lambda made: made if made.paging is not None and made.paging.type in CHAINS else made.model_copy(update=WHOLE))
SOURCES = st.builds(
    Source,
    name=st.none() | NAMES,
    resource=st.one_of(
        RESOURCES,
        st.builds(
            lambda made, body: made.model_copy(update={"method": "POST", "body": body, **WHOLE}),
            RESOURCES,
            st.none() | POSTS,
        ),
    ),
    headers=st.dictionaries(
        st.from_regex("X-[A-F]{1,3}", fullmatch=True), st.sampled_from(["1", "{env:A}"]), max_size=2
    ),
    auth=AUTHS,
    same_host=st.booleans(),
    allow_host=st.sampled_from([(), ("cdn.example.com",)]),
    limits=st.sampled_from([(), ("100/m",), ("5/s", "100/m:aligned")]),
)


@given(SOURCES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_reads_back_the_same(source: Source) -> None:
    """`to_toml`, then the file read as any is; and the config that a run remembers comes to the same source."""
    import tomllib

    from harness.settings import OF_THE_SOURCE
    from harness.spec.written import read_source

    written = read_source(tomllib.loads(to_toml(source)), "in x.toml", OF_THE_SOURCE)
    config = ImportConfig(**written.flat, declaration=written.source)
    assert config.source.declared() == source
    again = ImportConfig(
        **{key: value for key, value in config.as_written().items() if key != "header_names" and value is not None}
    )
    assert again.source.declared() == source


KEYS_KNOWN = [
    *("name", "url", "endpoint", "path", "method", "params", "json", "body", "paginator", "paging", "data_selector"),
    *("records", "primary_key", "id", "item", "item_records", "detail", "end", "headers", "auth", "client", "limits"),
    *(
        "type",
        "cursor_path",
        "cursor_param",
        "base_url",
        "token",
        "token_env",
        "per_page",
        "next",
        "first",
        "total_path",
    ),
    *(
        "limit",
        "limit_param",
        "cursor_body_path",
        "refused_when",
        "username",
        "password",
        "api_key",
        "location",
        "nope",
    ),
    "page-param",
]
VALUES = (
    JSON
    | st.sampled_from(
        [URL, "{env:A}", "cursor", "offset", "page_number", "json_link", "bearer", "api_key", "a.b", "$.x"]
    )
    | st.floats(allow_nan=False)
)
TABLES = st.recursive(
    st.dictionaries(st.sampled_from(KEYS_KNOWN), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(KEYS_KNOWN), VALUES | inner, max_size=5),
    max_leaves=8,
)


@given(TABLES, st.one_of(TABLES, st.lists(TABLES | TEXTS, max_size=2)))
@settings(max_examples=500, deadline=None)
def test_any_tables_are_a_source_or_one_sentence(source: dict[str, Any], resource: Any) -> None:
    """Whatever stands in the tables, in whichever form: nothing but BadInput is raised, in one line."""
    from harness.settings import OF_THE_SOURCE
    from harness.spec.written import read_source

    said = ""
    try:
        written = read_source({"source": source, "resource": resource}, "in x.toml", OF_THE_SOURCE)
        ImportConfig(**written.flat, declaration=written.source)
    except BadInput as error:
        said = str(error)
    assert "\n" not in said
