"""Each bad spec: one sentence before any request, which names the setting and says what to change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import FLAGS, OF_SOURCE, flag_of
from harness.record.events import FIRST_PAGE
from harness.settings import resolve
from harness.source.rest import Rest
from harness.spec.source import Source

URL = "https://api.example.com/orders"
POST = {"url": URL, "method": "POST"}
CURSOR = {"url": URL, "next": "next", "cursor_param": "after"}
OAUTH = {"url": URL, "token_url": "https://login.example.com/t", "client_id_env": "ID", "client_secret_env": "SECRET"}
SECRET = "sk-l1ve-0123"

BAD: list[tuple[dict[str, Any], str]] = [
    # placeholders
    ({"url": f"{URL}?p={{pge}}"}, "--url: unknown placeholder {pge}"),
    ({"url": f"{URL}/{{id}}"}, "--url: unknown placeholder {id}"),
    ({"url": "https://{page}.example.com/x"}, "--url: the URL https://{page}.example.com/x has a placeholder in i"),
    ({"url": f"{URL}?c={{cursor}}"}, "--url holds {cursor}, but nothing says where a page tells it; add --next, s"),
    ({"url": f"{URL}?c={{cursor}}", "paging": "page"}, "--url holds {cursor}, but nothing says where a page tells"),
    ({"url": f"{URL}?c={{last_id}}", "paging": "link"}, "--url holds {last_id}, but the list is not paged by the "),
    ({"url": f"{URL}?c={{offset}}", "paging": "page"}, "--url holds {offset}, but the list is not paged by offset"),
    ({"url": f"{URL}?a={{cursor}}&b={{offset}}", "next": "n"}, "--url pages by cursor (by {cursor} in it) and ano"),
    ({"url": URL, "param": "c={nope}"}, "--param: unknown placeholder {nope}: allowed are {page}"),
    ({"url": URL, "param": "c={cursor}", "paging": "page"}, "--param holds {cursor}, but nothing says where a page te"),
    ({"url": URL, "param": "c={cursor}"}, "--param holds {cursor}, but nothing says where a page tells it; add --nex"),
    ({"url": URL, "header": "X-Shop: {nope}"}, "--header: unknown placeholder {nope} in a header: the only one"),
    # the body
    ({"url": URL, "body": "{}"}, "--body is sent with a POST, and the list is asked for by GET; add --method POST"),
    ({"url": URL, "method": "GET", "body": "{}"}, "--body is sent with a POST, and the list is asked for by GET; "),
    ({**POST, "body": '{"a": "{nope}"}'}, '--body: unknown placeholder "{nope}" in the body: allowed are'),
    ({**POST, "body": '{"a": {"b": ["{cursor}"]}}'}, "--body holds {cursor}, but nothing says where a page tells "),
    ({**POST, "body": {"a": {"api_key": SECRET}}}, "--body holds what looks like a secret in api_key, wh"),
    ({**POST, "body": "[]"}, "--body: the body is not a JSON object; write it like"),
    ({**POST, "body": "nope"}, "--body: the body is not JSON (Expecting value: line 1 column 1 (char 0)); write i"),
    # two ways of paging
    ({"url": URL, "page_param": "p", "cursor_param": "c"}, "--cursor-param pages by cursor and --page-param by an"),
    ({"url": URL, "offset_param": "o", "last_id": "x"}, "--last-id pages by last id and --offset-param by another"),
    ({"url": URL, "offset_param": "o", "next": "n"}, "--next does not fit paging by offset (--offset-param); leav"),
    ({"url": URL, "paging": "link", "cursor_param": "c"}, "--cursor-param does not fit paging by link (--paging l"),
    ({"url": URL, "paging": "single", "next": "n"}, "--next does not fit paging by a single page (--paging single"),
    ({"url": URL, "paging": "offset", "pages": "n"}, "--pages does not fit paging by offset (--paging offset); le"),
    # half a way
    ({"url": URL, "paging": "cursor"}, "--paging needs the path of the cursor in a page; add --next, such as --ne"),
    ({"url": URL, "cursor_param": "c"}, "--cursor-param needs the path of the cursor in a page; add --next, such "),
    ({"url": URL, "paging": "cursor", "next": "n"}, "--next tells a cursor, but nothing sends it; add --cursor-pa"),
    ({"url": URL, "paging": "keyset"}, "--paging keyset sends the last id in nothing; add --cursor-param, or {las"),
    ({"url": URL, "more": "has_more"}, "--more does not say how pages follow on each other; add --paging page, of"),
    ({"url": URL, "absent_is_end": True}, "--absent-is-end does not say how pages follow on each other; add --pag"),
    ({"url": URL, "first_page": 2}, "--first-page must be at most 1, not 2"),
    ({"url": URL, "first_page": -1}, "--first-page must be at least 0, not -1"),
    # paths
    *[
        ({"url": URL, "paging": "page" if name in ("total", "pages") else "link", **one}, f"{flag_of(name)}: 'a[?'")
        for name in ("records", "next", "more", "total", "pages", "id")
        for one in ([{name: ["a[?"]}] if name == "id" else [{name: "a[?"}])
    ],
    ({"url": URL, "split": "created_at"}, "--split 'created_at' does not name the two parameters that take a range;"),
    ({**CURSOR, "split": "since..until"}, "--split says not where to cut; add START..END/PARTS, like 'created[gte]"),
    ({**CURSOR, "split": "a..b=2024-01-01..x/3"}, "--split 'x' is not a date such as 2024-01-31, nor a moment, nor"),
    ({**CURSOR, "split": "a..b=5..2024-01-01/3"}, "--split '2024-01-01' is not a whole number, as its other border"),
    ({**CURSOR, "split": "a..b=1..9/2", "method": "POST", "body": {"c": "{cursor}"}}, "--split sends its range in"),
    ({"url": URL, "total": "header:", "paging": "page"}, "--total: 'header:' names no header: write it as header:"),
    ({"url": URL, "item": "{url}", "item_records": "a..b"}, "--item-records: 'a..b' is not a path: a key is missi"),
    ({"url": URL, "fail_when": "a..b=c"}, "--fail-when: 'a..b' is not a path: a key is missing beside one of its "),
    ({"url": URL, "refused_when": "=x"}, "--refused-when: '=x' is not PATH=VALUE in one short line; write it like"),
    # parameters and sizes
    ({**CURSOR, "param": ["after=x"]}, "--param 'after' is what the paging sends; leave it out"),
    ({"url": f"{URL}?a=1", "param": "a=2"}, "--param 'a' is in the URL, too; leave one of the two out"),
    ({"url": URL, "param": ["a=1", "a=2"]}, "--param: 'a' is given twice; leave one of the two out"),
    ({"url": URL, "param": f"token={SECRET}"}, "--param holds what looks like a secret in token, which would be s"),
    ({"url": URL, "param": "key={env:no-name}"}, "--param: give the name of an environment variable, such as API_"),
    ({"url": URL, "per_page": 0}, "--per-page must be at least 1, not 0"),
    # items
    ({"url": URL, "item": URL}, "--item names no item; add {id}, {url} or another field of the record"),
    ({"url": URL, "item": f"{URL}?key={{env:KEY}}"}, "--item names no item; add {id}, {url} or another field of t"),
    ({"url": URL, "item": f"{URL}?i={{ids:1}}"}, "--item names a batch of 1 ids; write {ids:100} with a number fr"),
    ({"url": URL, "item": f"{URL}?i={{ids:1001}}"}, "--item names a batch of 1001 ids; write {ids:100} with a num"),
    ({"url": URL, "item": f"{URL}?i={{ids}}"}, "--item names a batch of no number of ids; write {ids:100} with a "),
    ({"url": URL, "item": "ftp://x/{id}"}, "--item is not a URL; write it like https://api.example.com/orders"),
    ({"url": URL, "item": f"{URL}/{{id}}?token={SECRET}"}, "--item holds what looks like a secret in token=, whic"),
    ({"url": URL, "item": "{list}"}, "--item names no item; add {id}, {url} or another field of the record"),
    ({"url": f"{URL}/{{page}}", "item": "{list}/{id}"}, "--item: the item URL {list}/{id} holds {list}, but the path"),
    # statuses
    ({"url": URL, "end": 99}, "--end: 99 is not a status from 100 to 599; write one like 404"),
    ({"url": URL, "end": "600"}, "--end: '600' is not a status from 100 to 599; write one like 404"),
    ({"url": URL, "end": [401]}, "--end: 401 never ends a list, since it tells of a failure; leave it out"),
    ({"url": URL, "end": 503}, "--end: 503 never ends a list, since it tells of a failure; leave it out"),
    ({"url": URL, "fail_when": "200"}, "--fail-when: 200 alone would make every success a failure; add words of t"),
    # auth
    ({"url": URL, "auth": "digest", "token_env": "A"}, "--auth: write how the key is sent: bearer, basic, basic:U"),
    ({"url": URL, "auth": "header", "token_env": "A"}, "--auth: write how the key is sent: bearer, basic, basic:U"),
    ({"url": URL, "auth": "header:X Key", "token_env": "A"}, "--auth names no header; write it like header:X-Api-"),
    ({"url": URL, "auth": "query:a=b", "token_env": "A"}, "--auth names no parameter; write it like query:api_key"),
    ({"url": URL, "auth": "basic:a:b", "token_env": "A"}, "--auth has a user's name with a colon, which Basic can"),
    ({"url": URL, "auth": "basic:USER"}, "--auth basic needs the variable that holds the key; add --token-env API"),
    ({"url": URL, "auth": "oauth2"}, "--auth needs --token-url too; add it, such as --token-url https://login.exa"),
    ({"url": URL, "auth": "oauth2", "token_env": "A"}, "--token-env holds a key that is sent as it is, and OAuth2"),
    ({"url": URL, "token_url": "https://x/t", "client_id_env": "A"}, "--token-url needs --client-secret-env too; "),
    ({**OAUTH, "token_url": "login"}, "--token-url is not a URL; write it like https://api.example.com/orders"),
    ({**OAUTH, "auth": "bearer"}, "--token-url belongs to OAuth2, and --auth is bearer; leave one of the two out"),
    ({"url": URL, "token_env": ["A", "A"]}, "--token-env: one variable is named twice; name another, or leave it "),
    ({"url": URL, "token_env": "A", "header": "authorization: x"}, "--token-env and --header both set Authorizati"),
    ({"url": URL, "header": ["A: b", "a: c"]}, "--header a is given twice; leave one of the two out"),
    ({**CURSOR, "size_param": "after"}, "--cursor-param and --size-param are both 'after'; they must differ"),
    ({"url": "ftp://x/y"}, "--url is not a URL; write it like https://api.example.com/orders"),
]


@pytest.mark.parametrize(("values", "said"), BAD, ids=range(len(BAD)))
def test_a_bad_spec_is_one_sentence(values: dict[str, Any], said: str) -> None:
    """It names the setting, says what to change, and holds no secret."""
    with pytest.raises(BadInput) as caught:
        ImportConfig(**values)
    text = str(caught.value)
    assert text.startswith(said), text
    assert "\n" not in text
    assert not text.endswith(".")
    assert SECRET not in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": f"{URL}?k={{env:NO_SUCH}}"}, "--url names the variable NO_SUCH, which is not set; export it firs"),
        ({"url": URL, "param": "k={env:NO_SUCH}"}, "--param names the variable NO_SUCH, which is not set; export "),
        ({"url": URL, "header": "K: {env:NO_SUCH}"}, "--header names the variable NO_SUCH, which is not set; expo"),
        ({**POST, "body": '{"k": "{env:NO_SUCH}"}'}, "--body names the variable NO_SUCH, which is not set; export"),
        ({"url": URL, "item": "x/{id}?k={env:NO_SUCH}"}, "--item names the variable NO_SUCH, which is not set; ex"),
        (OAUTH, "--client-id-env names the variable ID, which is not set; export it first"),
        ({"url": URL, "token_env": ["SET", "NO_SUCH"]}, "--token-env names the variable NO_SUCH, which is not set; "),
    ],
)
def test_a_variable_that_is_not_set(values: dict[str, Any], said: str) -> None:
    """Where it is named; a token's is not repeated, since it may be the token itself."""
    with pytest.raises(BadInput) as caught:
        resolve(ImportConfig(**values), {"SET": "abc123456"})
    assert str(caught.value).startswith(said)


def test_what_is_odd_and_right() -> None:
    """A POST without a body, a size of its own, two keys, an item by a path from the list's."""
    for values in (
        POST,
        {"url": URL, "auth": "header:Authorization:Token", "token_env": "A"},
        {**CURSOR, "param": {"page[size]": 3, "open": True}},
        {"url": f"{URL}?page={{page}}&next=x"},
        {"url": URL, "item": "../issue/{id}"},
        {"url": URL, "item": "https://api.example.com{attributes.url}"},
        {"url": URL, "records": "@odata.items", "next": "@odata.nextLink"},
        {
            **POST,
            "body": {"query": "query { orders(first: 10) { id } }", "variables": {"after": "{cursor}"}},
            "next": "n",
        },
    ):
        assert isinstance(ImportConfig(**values).source.declared(), Source)  # type: ignore[arg-type]


TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "{id}",
        "{cursor}",
        "a=b",
        "{",
        "}",
        "[",
        "header:",
        "https://",
        "400:x",
        "a=",
        "basic:",
        "a.b",
        "{env:A}",
        "c={x}",
        'f={"a":1}',
        "c={cursor}",
        "link",
    ]
)
NAMES = sorted(name for name in OF_SOURCE if not FLAGS[name].is_switch)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT, max_size=4))
@settings(max_examples=400, deadline=None)
def test_any_texts_are_a_source_or_one_sentence(values: dict[str, str]) -> None:
    """Whatever is typed, nothing else is raised; and what is accepted can be written and read again."""
    try:
        config = ImportConfig(**{"url": URL, **values})
    except BadInput as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said
    if said:
        return
    declared = config.source.declared()
    assert declared is not None
    Rest(declared).page_url(FIRST_PAGE)  # and it can be asked for
    again = {key: one for key, one in config.as_written().items() if key != "header_names" and one is not None}
    assert ImportConfig(**again).source.declared() == config.source.declared()
