"""Flat settings to a source: what `--next meta.next --cursor-param after` declares.

Settings are given by flat names, one beside the other, while a source is a tree. Two things are decided on the way:

**Which kind of paging.** `--paging` says it; else the settings that only one kind has (`--cursor-param`, say, or
`--offset-param`) and the placeholders of the URL and the body (`{cursor}`, `{offset}`, `{last_id}`) do; `--next` alone
is a link. Settings of two kinds contradict each other and are refused.

**What wins.** Settings may be given over a base: a source that a TOML file or Python declares. A setting that is given
replaces the base's, a list wholly. A paging or an auth of another kind than the base's starts afresh.

`settings_of` is the way back, as far as flat names go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from harness.pacing.refusals import RefusedWhen
from harness.spec.source import (
    AnswerRule,
    Auth,
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
    Paging,
    QueryAuth,
    Resource,
    SinglePage,
    Source,
)
from harness.spec.templates import usual_item
from harness.unusable import BadSetting

Kind = Literal["page", "offset", "cursor", "link", "keyset", "single"]
_ANY_LINK = {"more": "more", "total": "total", "absent_is_end": "absent_is_end"}
# Of each kind of paging: its model, and its fields by the flat names of the settings.
PAGINGS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "page": (
        PageNumberPaging,
        {"page_param": "param", "first_page": "first", "total": "total", "pages": "pages", "more": "more"},
    ),
    "offset": (
        OffsetPaging,
        {"offset_param": "param", "first_page": "first", "total": "total", "more": "more"},
    ),
    "cursor": (CursorPaging, {"next": "next", "cursor_param": "param", **_ANY_LINK}),
    "link": (LinkPaging, {"next": "next", **_ANY_LINK}),
    "keyset": (KeysetPaging, {"cursor_param": "param", "last_id": "last", **_ANY_LINK}),
    "single": (SinglePage, {}),
}
PAGING_SETTINGS = tuple(dict.fromkeys(name for _, fields in PAGINGS.values() for name in fields))
# Settings that say by themselves how pages follow on each other.
_IMPLIED: dict[str, Kind] = {
    "page_param": "page",
    "first_page": "page",
    "pages": "page",
    "offset_param": "offset",
    "cursor_param": "cursor",
    "last_id": "keyset",
}
_TEXTS = ("url", "body", "param")  # in which placeholders stand
_PLACES: dict[str, Kind] = {"{offset}": "offset", "{cursor}": "cursor", "{last_id}": "keyset"}
AUTH_SETTINGS = ("auth", "token_env", "token_url", "client_id_env", "client_secret_env", "scope")
_OF_OAUTH = ("token_url", "client_id_env", "client_secret_env", "scope")
_OF_RESOURCE = ("url", "method", "body", "records", "id", "per_page", "size_param", "detail", "end", "split")
EXAMPLE = {
    "next": "--next meta.next_cursor",
    "cursor_param": "--cursor-param cursor",
    "token_url": "--token-url https://login.example.com/oauth/token",
    "client_id_env": "--client-id-env CLIENT_ID",
    "client_secret_env": "--client-secret-env CLIENT_SECRET",
    "token_env": "--token-env API_TOKEN",
}


def compiled(given: Mapping[str, Any], base: Source | None = None, *, lenient: bool = False) -> Source:
    """Return the source that settings, by flat name and of their own types, declare over `base`.

    given: only what was given; `url` where there is no base. lenient: an auth without a key is none, since a preset
    leaves the key to people. BadSetting for settings that contradict each other, or lack another.
    """
    resource = Resource(url=given["url"]) if base is None else base.resource
    changes: dict[str, Any] = {name: given[name] for name in _OF_RESOURCE if name in given}
    for name in ("refused_when", "fail_when"):
        if name in given:
            changes[name] = tuple(map(_as_rule, given[name]))
    changed = resource.model_copy(update=changes)
    everywhere = given.get("param", {} if base is None else base.params)
    paging = _paging(given, changed, {**everywhere, **changed.params})
    changed = changed.model_copy(update={"paging": paging, "item": _item(given, changed)})
    source = Source(resource=changed) if base is None else base.model_copy(update={"resource": changed})
    about = {name: given[name] for name in ("same_host", "allow_host") if name in given}
    if "param" in given:
        about["params"] = given["param"]
    if "headers" in given:
        about["headers"] = {**source.headers, **given["headers"]}
    return source.model_copy(update={**about, "auth": _auth(given, source.auth, lenient=lenient)})


def over(preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset's settings with those given in their place; of another paging or auth nothing is left."""
    kept = left_of(preset, given)
    headers = {**kept.pop("headers", {}), **given.get("headers", {})}
    return {**kept, **given, **({"headers": headers} if headers else {})}


def left_of(weaker: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `weaker` that those of `given`, which win over them, do not make void."""
    kept = dict(weaker)
    chosen, before = (
        None if vote is None else vote.kind for vote in (_implied(one, _texts(one), None) for one in (given, weaker))
    )
    of_both = {chosen, before} == {"cursor", "keyset"} and "next" not in given and "paging" not in given
    if chosen not in (None, before) and not of_both:
        kept = {name: value for name, value in kept.items() if name not in (*PAGING_SETTINGS, "paging")}
    oauth = given.get("auth") == "oauth2" or any(name in given for name in _OF_OAUTH)
    if "auth" in given or (oauth and "token_url" not in kept):
        stays = () if oauth else ("token_env",)
        kept = {name: value for name, value in kept.items() if name not in AUTH_SETTINGS or name in stays}
    return kept


def _as_rule(rule: RefusedWhen) -> AnswerRule:
    return AnswerRule(status=rule.status, text=rule.text, path=rule.path or None, value=rule.value or None)


def _item(given: Mapping[str, Any], resource: Resource) -> Item | None:
    before = resource.item
    if "item" not in given and "item_records" not in given:
        return before
    url = given["item"] if "item" in given else usual_item(resource.url) if before is None else before.url
    return Item(url=url, records=given.get("item_records", None if before is None else before.records))


# --- paging -----------------------------------------------------------------------------------------------------------


def _paging(given: Mapping[str, Any], resource: Resource, params: Mapping[str, str]) -> Paging | None:
    """Return how pages follow on each other. params: what is sent with the list's requests."""
    base = resource.paging
    vote = _implied(given, _texts({"url": resource.url, "body": resource.body, "param": params}), base)
    own = [name for name in PAGING_SETTINGS if name in given]
    if vote is None:
        if own:
            said = " does not say how pages follow on each other; add --paging page, offset, cursor, link or keyset"
            raise BadSetting(own[0], said)
        return base
    model, fields = PAGINGS[vote.kind]
    for name in own:
        if name not in fields:
            said = f" does not fit paging by {_WORDS[vote.kind]} ({vote.words}); leave one of the two out"
            raise BadSetting(name, said)
    values = {field: given[name] for name, field in fields.items() if name in given}
    if base is not None and base.type == vote.kind:
        return base.model_copy(update=values)
    if vote.kind == "cursor" and "next" not in values:
        if vote.setting in _TEXTS:
            said = f" holds {{cursor}}, but nothing says where a page tells it; add --next, such as {EXAMPLE['next']}"
            raise BadSetting(vote.setting, said)
        said = f" needs the path of the cursor in a page; add --next, such as {EXAMPLE['next']}"
        raise BadSetting(vote.setting, said)
    return cast(Paging, model(**values))


_WORDS: dict[str, str] = {
    "page": "page number",
    "offset": "offset",
    "cursor": "cursor",
    "link": "link",
    "keyset": "last id",
    "single": "a single page",
}


@dataclass(frozen=True, slots=True)
class _Vote:
    """A setting that says how pages follow: by a kind, and in which words."""

    kind: Kind
    setting: str
    words: str


def _texts(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the settings in which placeholders stand, by name; each parameter by itself. They may be as typed."""
    params = given.get("param") or ()
    values = params.values() if isinstance(params, Mapping) else [params] if isinstance(params, str) else params
    return [("url", given.get("url")), ("body", given.get("body")), *(("param", one) for one in values)]


def _implied(given: Mapping[str, Any], texts: list[tuple[str, Any]], base: Paging | None) -> _Vote | None:
    """Return what says the kind of paging; None where nothing does. BadSetting for two that say different ones."""
    if isinstance(given.get("paging"), str):
        return _Vote(given["paging"], "paging", f"--paging {given['paging']}")
    votes = [_Vote(kind, name, _flag(name)) for name, kind in _IMPLIED.items() if name in given]
    if "last_id" in given or (base is not None and base.type == "keyset" and "next" not in given):
        votes = [vote for vote in votes if vote.setting != "cursor_param"]  # which both have
    for name, text in texts:
        votes += [_Vote(kind, name, f"{place} in it") for place, kind in _PLACES.items() if _stands(place, text)]
    if any(vote.kind == "offset" for vote in votes):
        votes = [vote for vote in votes if vote.setting != "first_page"]  # it counts records then
    for vote in votes[1:]:
        if vote.kind != votes[0].kind:
            first = votes[0].words if votes[0].setting not in _TEXTS else "another placeholder"
            how = f" (by {vote.words})" if vote.setting in _TEXTS else ""
            said = f" pages by {_WORDS[vote.kind]}{how} and {first} by another way; leave one of the two out"
            raise BadSetting(vote.setting, said)
    if votes:
        return votes[0]
    if base is not None and any(name in given for name in PAGING_SETTINGS):
        return _Vote(base.type, "paging", f"as it is declared, {base.type}")
    return _Vote("link", "next", "--next alone") if "next" in given else None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _stands(place: str, value: Any, *, whole: bool = False) -> bool:
    """Return whether a placeholder stands in a URL, or as a whole value in a body."""
    if isinstance(value, Mapping):
        return any(_stands(place, one, whole=True) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(_stands(place, one, whole=True) for one in value)
    return isinstance(value, str) and (value == place if whole else place in value)


# --- auth -------------------------------------------------------------------------------------------------------------


def _auth(given: Mapping[str, Any], base: Auth | None, *, lenient: bool) -> Auth | None:
    """Return the auth; `lenient`, None where it has no key: many APIs answer without one, a little."""
    if not any(name in given for name in AUTH_SETTINGS):
        return base
    kind, _, rest = str(given.get("auth", "")).partition(":")
    if not kind:
        oauth = any(name in given for name in _OF_OAUTH) or (base is not None and base.type == "oauth2")
        kind = "oauth2" if oauth else "bearer" if base is None else base.type
    if kind == "oauth2":
        return _oauth(given, base)
    for name in _OF_OAUTH:
        if name in given:
            raise BadSetting(name, f" belongs to OAuth2, and --auth is {kind}; leave one of the two out")
    same = base if base is not None and base.type == kind and "auth" not in given else None
    if same is not None:
        return same.model_copy(update={"token_env": given["token_env"]} if "token_env" in given else {})
    keys = given.get("token_env", () if base is None or isinstance(base, OAuth2) else base.token_env)
    if not keys:
        if lenient:
            return None
        raise BadSetting("auth", f" {kind} needs the variable that holds the key; add {EXAMPLE['token_env']}")
    return _with_key(kind, rest, keys)


def _with_key(kind: str, rest: str, keys: tuple[str, ...]) -> Auth:
    if kind == "basic":
        return BasicAuth(token_env=keys, user=rest or None)
    if kind == "query":
        return QueryAuth(token_env=keys, name=rest)
    if kind == "header":
        name, _, word = rest.partition(":")
        return HeaderAuth(token_env=keys, name=name.strip(), prefix=f"{word.strip()} " if word.strip() else "")
    return BearerAuth(token_env=keys)


def _oauth(given: Mapping[str, Any], base: Auth | None) -> OAuth2:
    if "token_env" in given:
        said = " holds a key that is sent as it is, and OAuth2 gets its tokens by itself; leave one of the two out"
        raise BadSetting("token_env", said)
    before = base.model_dump(exclude={"type"}) if isinstance(base, OAuth2) else {}
    values = {**before, **{name: given[name] for name in _OF_OAUTH if name in given}}
    for name in ("token_url", "client_id_env", "client_secret_env"):
        if values.get(name) is None:
            what = "auth" if "auth" in given else next(one for one in _OF_OAUTH if one in given)
            raise BadSetting(what, f" needs {_flag(name)} too; add it, such as {EXAMPLE[name]}")
    return OAuth2(**values)
