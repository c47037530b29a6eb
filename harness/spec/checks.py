"""What can be said of a source before the first request: each thing that is wrong, as one sentence with its setting.

The models hold what has the right type; here is what must fit together: placeholders that something fills, paths that
can be read, a body that is sent, names that exist, secrets that would be stored. Whatever a later request would find
out, after quota was spent, is looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from harness.paths import quoted
from harness.spec.flat import PAGING_SETTINGS, PAGINGS
from harness.spec.paths import Path
from harness.spec.source import Auth, BasicAuth, BearerAuth, HeaderAuth, Item, OAuth2, QueryAuth, Resource, Source
from harness.spec.split import parse
from harness.spec.templates import BodyTemplate, ItemTemplate, UrlTemplate, on_list, parameter
from harness.unusable import BadSetting
from harness.values import as_variable, check_url, no_placeholder, proves_who, variables_in

# RFC 9110 5.6.2; a header's value may hold what is visible in ASCII, and blanks.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")
_PLACE = re.compile(r"\{([^{}]*)\}")
_BATCH = re.compile(r"\{ids(?::([^{}]*))?\}")
BATCHES = (2, 1000)
KINDS = "bearer, basic, basic:USER, header:NAME, query:NAME or oauth2"
# Headers that say how, and not who: their values may be stored.
_HARMLESS = re.compile(r"accept(-.*)?|user-agent|prefer|consistencylevel|(.*-)?version", re.IGNORECASE)


def check(source: Source) -> None:
    """Raise BadSetting for the first thing of `source` that cannot be used."""
    resource = source.resource
    _url("url", resource.url)
    _placeholders(resource, source.list_params)
    _query(source)
    _body(resource)
    for name, path in _paths(source):
        _try(name, Path, path)
    _paging(resource, source.list_params)
    _split(resource)
    if resource.item is not None:
        _item(resource.item, resource.url)
    if resource.most_per_page is not None and (resource.per_page or 0) > resource.most_per_page:
        most = f"{resource.most_per_page:,}, the most that this API's documentation names"
        raise BadSetting("per_page", f" {resource.per_page:,} is more than {most}; lower it")
    _headers(source)
    if source.auth is not None:
        _auth(source.auth, source)


def place_of(setting: str, source: Source) -> str:
    """Return where a flat setting is within a Source, as Python says it: `resource.paging.next` for next."""
    if setting in ("auth", "token_env", "token_url", "client_id_env", "client_secret_env", "scope"):
        return "auth" if setting == "auth" else f"auth.{setting}"
    if setting in ("header", "allow_host", "same_host"):
        return {"header": "headers"}.get(setting, setting)
    if setting in ("item", "item_records"):
        return {"item": "resource.item.url"}.get(setting, "resource.item.records")
    if setting in PAGING_SETTINGS and source.resource.paging is not None:
        return f"resource.paging.{PAGINGS[source.resource.paging.type][1].get(setting, setting)}"
    if setting == "param":
        return "params" if source.params else "resource.params"
    return f"resource.{setting}"


def may_be_stored(header: str, value: str) -> bool:
    """Return whether a header may be written down: its secrets are names, or it is one that proves nothing."""
    return bool(variables_in(value)) or _HARMLESS.fullmatch(header.strip()) is not None


def _try(name: str, read: Callable[[Any], object], value: Any) -> None:
    try:
        read(value)
    except BadSetting:
        raise
    except ValueError as error:
        raise BadSetting(name, f": {error}") from None


def _url(name: str, url: str) -> None:
    try:
        check_url(url)
    except ValueError as error:
        raise BadSetting(name, f" {error}") from None


def _split(resource: Resource) -> None:
    if resource.split is None:
        return
    try:
        split = parse(resource.split)
    except ValueError as error:
        raise BadSetting("split", str(error)) from None
    if not split.cuts:
        return
    paging = None if resource.paging is None else resource.paging.type
    why = {
        None: "needs to know how pages follow on each other; add --next, --paging or a --preset that says it",
        "page": "is of no use where pages are numbered: they are read side by side anyway; leave it out",
        "single": "is of no use for a list of one page; leave it out",
    }.get(paging)
    if why is None and resource.method != "GET":
        why = "sends its range in the query, which a list asked for by POST does not read; leave it out"
    if why is not None:
        raise BadSetting("split", f" {why}")


# --- placeholders, parameters and the body ----------------------------------------------------------------------------


def _placeholders(resource: Resource, params: Mapping[str, str]) -> None:
    _try("url", UrlTemplate, resource.url)
    for value in params.values():
        for variable in variables_in(value):
            _try("param", as_variable, variable)
        _try("param", parameter, value)
    if resource.body is not None:
        _try("body", BodyTemplate, resource.body)
    paging = resource.paging
    gives = {"{cursor}": "cursor", "{last_id}": "keyset", "{offset}": "offset"}
    asks = {
        "{cursor}": "nothing says where a page tells it; add --next, such as --next meta.next_cursor",
        "{last_id}": "the list is not paged by the last id; add --paging keyset",
        "{offset}": "the list is not paged by offset; add --paging offset",
    }
    for place, kind in gives.items():
        said = [("url", resource.url), ("body", resource.body), *(("param", value) for value in params.values())]
        for name, text in said:
            if _holds(text, place) and (paging is None or paging.type != kind):
                raise BadSetting(name, f" holds {place}, but {asks[place]}")


def _holds(value: Any, place: str) -> bool:
    if isinstance(value, Mapping):
        return any(_whole(one, place) for one in value.values())
    return isinstance(value, str) and place in value


def _whole(value: Any, place: str) -> bool:
    if isinstance(value, Mapping):
        return any(_whole(one, place) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(_whole(one, place) for one in value)
    return bool(value == place)


def _query(source: Source) -> None:
    parts = [part.partition("=")[0] for part in urlsplit(source.resource.url).query.split("&") if part]
    in_url = {unquote_plus(name) for name in parts}
    for name, value in source.list_params.items():
        if name in in_url:
            raise BadSetting("param", f" {quoted(name)} is in the URL, too; leave one of the two out")
        _secret("param", name, value)


def _secret(setting: str, name: str, value: Any) -> None:
    """Refuse what looks like a secret and is not a placeholder: the source is written down."""
    if isinstance(value, str) and value and proves_who(name) and not _PLACE.search(value):
        how = "export it as a variable and write {env:VARIABLE} as its value"
        raise BadSetting(setting, f" holds what looks like a secret in {name}, which would be stored; {how}")


def _body(resource: Resource) -> None:
    if resource.body is None:
        return
    if resource.method == "GET":
        raise BadSetting("body", " is sent with a POST, and the list is asked for by GET; add --method POST")
    for name, value in _fields(resource.body):
        _secret("body", name, value)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name), inner
            yield from _fields(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _fields(inner)


# --- paths and paging -------------------------------------------------------------------------------------------------


def _paths(source: Source) -> Iterator[tuple[str, str]]:
    resource, paging = source.resource, source.resource.paging
    named: list[tuple[str, str | None]] = [("records", resource.records)]
    named += [("id", path) for path in resource.id]
    if paging is not None:
        named += [(name, getattr(paging, name, None)) for name in ("next", "more", "total", "pages")]
        named.append(("last_id", getattr(paging, "last", None)))
    if resource.item is not None:
        named.append(("item_records", resource.item.records))
    named += [("refused_when", rule.path) for rule in resource.refused_when]
    named += [("fail_when", rule.path) for rule in resource.fail_when]
    yield from ((name, path) for name, path in named if path is not None)


def _paging(resource: Resource, params: Mapping[str, str]) -> None:
    paging = resource.paging
    if paging is None:
        return
    asked = (resource.url, resource.body, *params.values())
    if paging.type == "cursor" and paging.param is None and not any(_holds(one, "{cursor}") for one in asked):
        raise BadSetting("next", " tells a cursor, but nothing sends it; add --cursor-param, or {cursor} to the URL")
    if paging.type == "keyset" and paging.param is None and not any(_holds(one, "{last_id}") for one in asked):
        raise BadSetting("paging", " keyset sends the last id in nothing; add --cursor-param, or {last_id} to the URL")
    if paging.type == "keyset" and paging.absent_is_end and paging.more is None:
        raise BadSetting("absent_is_end", " says what it means that --more is absent; add --more, such as has_more")
    names = [("page_param", "page"), ("offset_param", "offset")]
    sent = {resource.size_param: "size_param"} if resource.size_param else {}
    if (param := getattr(paging, "param", None)) and param in sent:
        name = next((one for one, kind in names if kind == paging.type), "cursor_param")
        raise BadSetting(name, f" and --size-param are both {quoted(param)}; they must differ")
    if param and param in params:
        raise BadSetting("param", f" {quoted(param)} is what the paging sends; leave it out")


# --- items ------------------------------------------------------------------------------------------------------------


def _item(item: Item, list_url: str) -> None:
    batch = _BATCH.search(item.url)
    if batch is not None:
        size = int(batch[1]) if re.fullmatch("[0-9]{1,9}", batch[1] or "", re.ASCII) else 0
        if not BATCHES[0] <= size <= BATCHES[1]:
            ask = f"write {{ids:100}} with a number from {BATCHES[0]} to {BATCHES[1]:,}"
            raise BadSetting("item", f" names a batch of {batch[1] or 'no number of'} ids; {ask}")
    if not _PLACE.search(item.url.replace("{env:", "").replace("{list}", "")):
        raise BadSetting("item", " names no item; add {id}, {url} or another field of the record")
    _try("item", lambda text: ItemTemplate(on_list(text, list_url)), item.url)
    if not item.url.startswith("{") or item.url.startswith("{list}"):
        _url("item", on_list(item.url, list_url))


# --- headers and auth -------------------------------------------------------------------------------------------------


def _headers(source: Source) -> None:
    """Look at declared headers, which are written down (those of --header are looked at where they are read)."""
    seen: dict[str, str] = {}
    for name, value in source.headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadSetting("header", " is not 'Name: value' in ASCII; write it like 'Authorization: Bearer …'")
        if name.lower() in seen:
            raise BadSetting("header", f" {name} is given twice; leave one of the two out")
        seen[name.lower()] = name
        for variable in variables_in(value):
            _try("header", as_variable, variable)
        _try("header", no_placeholder, value)
        if re.search(r"auth|token|key|secret|cookie|password|session", name, re.I) and not variables_in(value):
            how = f"write '{name}: {{env:VARIABLE}}' and export the variable"
            raise BadSetting("header", f" {name} holds what looks like a secret, which would be stored; {how}")


def _auth(auth: Auth, source: Source) -> None:
    if isinstance(auth, OAuth2):
        _url("token_url", auth.token_url)
        for name in ("client_id_env", "client_secret_env"):
            _try(name, as_variable, getattr(auth, name))
        sets = "Authorization"
    else:
        if not auth.token_env:
            raise BadSetting("auth", f" {auth.type} needs the variable that holds the key; add --token-env API_TOKEN")
        for variable in auth.token_env:
            _try("token_env", as_variable, variable)
        sets = _sets(auth)
    if sets.lower() in {name.lower() for name in source.headers}:
        flag = "token_env" if not isinstance(auth, OAuth2) else "auth"
        raise BadSetting(flag, f" and --header both set {sets}; leave out one of the two")


def _sets(auth: BearerAuth | BasicAuth | HeaderAuth | QueryAuth) -> str:
    """Return the header that an auth sets, "" for none."""
    if isinstance(auth, HeaderAuth):
        if not _TOKEN.fullmatch(auth.name):
            raise BadSetting("auth", " names no header; write it like header:X-Api-Key")
        if not _VALUE.fullmatch(auth.prefix):
            raise BadSetting("auth", " has a word before the key that is not ASCII; write it like header:X-Auth:Token")
        return auth.name
    if isinstance(auth, QueryAuth):
        if not auth.name or not auth.name.isprintable() or any(mark in auth.name for mark in " =&#?{}"):
            raise BadSetting("auth", " names no parameter; write it like query:api_key")
        return ""
    if isinstance(auth, BasicAuth) and auth.user is not None and (":" in auth.user or not auth.user.isprintable()):
        raise BadSetting("auth", " has a user's name with a colon, which Basic cannot send; write basic:USER")
    return "Authorization"
