"""Fields of an answer that look like a way to the next page, and words that say that a page is past the end.

The importer follows a few ways on (`harness.source.page_reader`). Others exist by the hundred, and a list with one
must not be taken for a list of one page. So everything outside the records is searched by what fields are called:
`next*`, `*cursor*`, page tokens, `has_more` and its like, in objects such as `paging` or `_links` too, and in headers.
Too wide a net costs a person one flag; too narrow a one costs records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SIZE = re.compile("per|size|limit|count|max|top")
_DEPTH = 4
_MOST_NAMES = 5  # in a sentence
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# In a path of words, these lead elsewhere: a cursor to the page before, a link to the last page, a token with which to
# ask tomorrow for what has changed, the moment at which a limit is renewed.
_BACK = {"prev", "previous", "before", "first", "last", "self", "start", "back", "backward", "begin", "initial"}
_LATER = {"sync", "delta", "reset", "refresh", "retry", "poll", "ratelimit", "limit", "rate"}
_TOKENS = {
    "paging",
    "pagination",
    "cursor",
    "page",
    "continuation",
    "continue",
    "resumption",
    "resume",
    "scroll",
    "skip",
    "list",
    "iterator",
}
_ALONE = {
    "continuation",
    "continue",
    "marker",
    "bookmark",
    "scroll",
    "resumption",
    "pagetoken",
    "pagestate",
    "skiptoken",
}
# `after` alone may be anything; in one of these it is a cursor. So is what a has_more in one of them says of the list.
CONTAINERS = {"paging", "pagination", "paginator", "page", "pages", "info", "cursor", "cursors", "meta", "metadata",
               "links", "link", "response"}  # fmt: skip
_MORE = {"hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "hasmoreresults"}
_MAYBE_MORE = {"more", "moreresults", "moreavailable", "istruncated", "truncated", "incomplete", "incompleteresults",
               "next", "nextpage"}  # fmt: skip
_LAST = {"islast", "islastpage", "lastpagereached"}


@dataclass(frozen=True, slots=True)
class Found:
    """The rest of an answer, besides its records. ways: names of fields; more: what a has_more says, None without."""

    ways: tuple[str, ...]
    more: bool | None


def ways_on(about: Mapping[str, Any], headers: Mapping[str, str], sent: str, followed: Collection[str]) -> Found:
    """Return the fields of a body and of headers that look like a way on.

    about: the body without its records. headers: by lower-case name. sent: the URL that was asked, whose values a
    server may repeat. followed: fields that are read as what they are, by their path.
    """
    echo = values_of(sent)
    ways: list[str] = []
    said: list[bool] = []
    for path, value in leaves(about):
        if ".".join(path) in followed:
            continue
        more = _more(path, value)
        said += [] if more is None else [more]
        if more or (more is None and _looks_on(path, value) and not _is_echo(path, value, echo)):
            ways.append(name_of(path))
    ways += [f"header {title_of(name)}" for name, value in headers.items() if _header_looks_on(name, value, echo)]
    return Found(tuple(dict.fromkeys(ways))[:_MOST_NAMES], any(said) if said else None)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every plain value with its path of keys. Of arrays only links are read: by their `rel` in place of a
    number.
    """
    if isinstance(value, dict) and len(path) < _DEPTH:
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        if path and set(words_of(path[-1])) & {"link", "links"}:
            for link in value[:20]:
                if isinstance(link, dict) and isinstance(link.get("rel"), str):
                    yield (*path, link["rel"]), link.get("href") or link.get("url") or link.get("uri")
        elif path and value and any(map(_is_plain, value)):
            yield path, value  # a cursor may be an array, such as Elasticsearch's `search_after`
    elif path:
        yield path, value


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _more(path: tuple[str, ...], value: Any) -> bool | None:
    """Return what a field says of whether there is more; None where it is not such a field."""
    name = "".join(words_of(path[-1]))
    if (isinstance(value, str) and value.lower() in ("true", "false")) or (name in _MORE and value in (0, 1)):
        value = str(value).lower() in ("true", "1")
    if not isinstance(value, bool) or not all(set(words_of(key)) & CONTAINERS for key in path[:-1]):
        return None
    if name in _MORE:
        return value
    if name in _LAST or (name == "last" and value is False):
        return not value
    # Words that may mean something else are believed only where they ask for caution.
    return True if (name in _MAYBE_MORE and value) or (name == "done" and not value) else None


def _looks_on(path: tuple[str, ...], value: Any) -> bool:
    if not value or value is True or not any(map(_is_plain, value if isinstance(value, list) else [value])):
        return False
    words = [word for key in path for word in words_of(key)]
    own = words_of(path[-1])
    onward = "evaluated" in words or any(word.startswith("next") for word in own)  # as DynamoDB's LastEvaluatedKey
    if set(words) & _LATER or (set(words) & _BACK and not onward):
        return False
    if isinstance(value, str) and value.strip().lower() in ("", "null", "none", "false", "0", "undefined"):
        return False
    if onward or any(word.startswith("next") or "cursor" in word for word in words):
        return True
    if set(words) & _ALONE or "".join(own) in _ALONE or ("token" in own and set(words) & _TOKENS):
        return True
    if own in (("after",), ("search", "after")) or own[-2:] == ("after", "url"):
        return True
    if own == ("offset",):  # a number is where this page begins; text that is none is Airtable's way on
        return isinstance(value, str) and not value.strip().isdecimal()
    return len(path) == 1 and isinstance(value, str) and own[-1:] in (("paging",), ("pagination",))


def _is_echo(path: tuple[str, ...], value: Any, sent: Mapping[str, set[str]]) -> bool:
    """Return whether the server only repeats what it was asked for: the place in the list, not how much of it."""
    text, own = str(value), words_of(path[-1])
    if text in sent.get("".join(own), ()):
        return True
    if text.isdecimal() and any(word.startswith("next") for word in own):
        return False
    return any(text in values for name, values in sent.items() if not SIZE.search(name))


def values_of(url: str) -> dict[str, set[str]]:
    """Return the values of a URL's query by parameter, names as `words_of` joins them; and the URL itself."""
    found: dict[str, set[str]] = {"": {url}}
    for name, value in parse_qsl(urlsplit(url).query):
        found.setdefault("".join(words_of(name)), set()).add(value)
    return found


def _header_looks_on(name: str, value: str, echo: Mapping[str, set[str]]) -> bool:
    words = words_of(name)
    if not value.strip() or name in ("link", "etag", "content-range", "set-cookie", "location", "content-location"):
        return False
    if set(words) & {"pagination", "paging"} and value.lstrip().startswith("{"):
        try:
            inner = json.loads(value)
        except (ValueError, RecursionError):
            return False
        return bool(ways_on(inner, {}, "", ()).ways)
    if set(words) & {"next", "cursor", "continuation", "marker"} or {"page", "token"} <= set(words):
        return _looks_on((name,), value) and not _is_echo((name,), value, echo)
    return _more((name.removeprefix("x-"),), value) is True


@lru_cache(maxsize=1024)  # a list has a few names for its fields, and says them with each page
def words_of(key: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(key))


def name_of(path: tuple[str, ...]) -> str:
    """Return a path as people write it, short enough for a sentence, without what would end the list of names."""
    return "".join(mark if mark.isprintable() else "?" for mark in ".".join(path)).replace(", ", " ")[:60]


def title_of(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))[:60]


# --- words ----------------------------------------------------------------------------------------------------------

_PAST_END = re.compile(
    r"""
    \bpage\b[^.;{}]{0,60}\bout[ _-]?of[ _-]?(range|bounds) | \bout[ _-]?of[ _-]?(range|bounds)\b[^.;{}]{0,40}\bpage\b
    | invalid[ _-]?page([ _-]?number)?(?![ _-]?[a-z]*(size|token|limit|length|param|type|format|cursor|id))\b
    | \bpage\b[^.;{}]{0,40}\b(larger|greater|higher|bigger)\ than\b[^.;{}]{0,40}\b(pages|last\ page|total)
    | \bpage\b[^.;{}]{0,40}\b(exceeds?|beyond|past|after)\b[^.;{}]{0,40}\b(pages|last\ page|the\ end|total)
    | \b(past|beyond)\ the\ (end|last)\b
    | \bno\ (more|further)\ (pages?|records?|results?|items?|data|rows|entries|content)\b
    | \bno\ (records?|results?|items?|data|entries)\ (found\ )?(on|for)\ (this|that|the\ requested)\ page\b
    | \bpage\b[^.;{}]{0,20}\b((does\ not|doesn't)\ exist|(was\ )?not\ found)\b | \bno\ such\ page\b
    | \bpage\b[^.;{}]{0,20}\bcontains\ no\ (results|records|items)\b
    | \bend\ of\ (the\ )?(list|results|pages|collection|data)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A server that gives no page beyond a certain depth, or finds fault with another parameter, says nothing of the end.
_DEPTH_LIMIT = re.compile(
    r"only the first|\b(can|could)(not|n't| not) be (fetched|retrieved|returned|accessed|read|reached|requested)"
    r"|\b(maximum|max)\b[^.;{}\"]{0,40}\b(offset|depth|window|results)\b|too deep",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"only the first|maximum|\bmax\b|must be|at most|up to|\blimit|depth|window|too (deep|many)|exceeded|allowed"
    r"|per[ _-]?page|page[ _-]?size|positive|integer|numeric",
    re.IGNORECASE,
)
ERROR_WORDS = re.compile(
    r"error|fail|denied|unauthor|forbidden|invalid|expired|limit|too many|exceed|time[d -]*out|unavailable|maintenance"
    r"|wrong",
    re.IGNORECASE,
)


def says_past_end(text: str) -> bool:
    """Return whether the words of a 400 or 422 say that the page asked for is past the end, and nothing else."""
    return _PAST_END.search(text) is not None and _OTHERWISE.search(text) is None and _DEPTH_LIMIT.search(text) is None


# What these say of a page that was only guessed: it is past the end (416: RFC 9110 15.5.17). The others may say it.
_IS_PAST_END = frozenset({404, 410, 416})
_MAY_BE_PAST_END = frozenset({400, 422})
_MOST_WORDS = 64_000  # of a body, in which its words are looked for


def past_end(status: int, words: str) -> str | None:
    """Return what an answer without success says of a page that was only guessed; None where it is a failure."""
    words = words[:_MOST_WORDS]
    says = status in _IS_PAST_END and _DEPTH_LIMIT.search(words) is None
    says = says or (status in _MAY_BE_PAST_END and says_past_end(words))
    return f"answered {status}" if says else None


def error_told(value: Any) -> str | None:
    """Return what an object says of an error: `error` or its like is set, `success` or its like is false; None: it says
    none.

    One rule for lists, pages and items: what is an error of the one is no record of the other.
    """
    if not isinstance(value, dict):
        return None
    named = _by_plain_name(value)
    for name in _ERRORS:  # these first, for they say most
        if _is_set(named.get(name)):
            return f"{name}: {json.dumps(named[name], ensure_ascii=False)[:120]}"
    for name in _SUCCESSES:
        if str(named.get(name)).strip().lower() == "false":
            return f"{name}: false"
    status, bare = str(named.get("status")), all(name in ENVELOPE or not inner for name, inner in named.items())
    return f"status: {status}" if bare and status.lower() in ("error", "fail", "failed", "failure") else None


def hints_at_error(value: dict[str, Any]) -> bool:
    """Return whether an object in place of a list tells of an error: there, a status of 400 or more or a message does,
    too.
    """
    named = _by_plain_name(value)
    codes = (named.get(name) for name in ("status", "code", "statuscode", "status_code"))
    if any(isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 for code in codes):
        return True
    words = [inner for name in ("message", "detail", "title", "reason") if isinstance(inner := named.get(name), str)]
    return error_told(value) is not None or any(ERROR_WORDS.search(text) and not says_past_end(text) for text in words)


_ERRORS = ("error", "errors", "fault", "exception", "error_code", "errorcode", "error_message", "errormessage")
_SUCCESSES = ("success", "ok", "succeeded")
# A `status` of "failed" beside anything else may be the status of a job: the item that was asked for.
ENVELOPE = {"status", "message", "msg", "code", "data", "detail", "details", "description", "reason", "title", "type",
             "meta", "links", "timestamp", "path", "requestid", "request_id", "statuscode", "status_code", "page",
             "per_page", "limit", "offset", "total", "count"}  # fmt: skip


def _by_plain_name(value: dict[str, Any]) -> dict[str, Any]:
    return {str(name).lower().lstrip("_"): inner for name, inner in value.items()}


def _is_set(value: Any) -> bool:
    return bool(value) and str(value).strip().lower() not in ("", "0", "none", "null", "false", "ok")
