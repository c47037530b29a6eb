"""The part that says what is imported: settings by flat name, over a preset or a declared source, as one source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PrivateAttr, SecretStr, model_validator

from harness.config.fields import Count, FailuresSetting, Part, RefusalsSetting, Variable, VariablesSetting, setting
from harness.errors import BadInput
from harness.flags import FLAGS
from harness.spec.checks import KINDS, check, may_be_stored, place_of
from harness.spec.flat import compiled, over
from harness.spec.presets import Preset, load
from harness.spec.source import Auth, Source
from harness.spec.split import EXAMPLE, parse
from harness.unusable import BadSetting
from harness.values import (
    as_body,
    as_headers,
    as_hosts,
    as_number,
    as_params,
    as_preset,
    as_size,
    as_statuses,
    as_texts,
    proves_who,
    variables_in,
)

_AUTH = re.compile(r"bearer|basic(:.+)?|header:.+|query:.+|oauth2")
# RFC 9110 5.5; what is not ASCII has no one meaning on the wire.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*")


def _as_auth(value: str) -> str:
    if not _AUTH.fullmatch(value):
        raise ValueError(f"write how the key is sent: {KINDS}")  # without the value, which may be the key itself
    return value


class SourceSpec(Part):
    """What is imported: where its list is, how it is read, and what its answers mean.

    `declared` is what all of it comes to. declaration: a source as a TOML file or Python declares it, or as a run was
    started with; the other settings win over it, and over those of a preset.
    """

    group: ClassVar[str] = "source"
    preset: Annotated[str, AfterValidator(as_preset)] | None = setting("preset")
    plan: str | None = setting("plan")
    url: str | None = setting("url")
    method: Literal["GET", "POST"] | None = setting("method")
    body: Annotated[dict[str, Any], BeforeValidator(as_body)] | None = setting("body")
    param: Annotated[dict[str, str], BeforeValidator(as_params)] = setting("param")
    headers: Annotated[tuple[SecretStr, ...], BeforeValidator(as_headers)] = setting("header")
    max_body: Annotated[int, BeforeValidator(as_size), BeforeValidator(as_number)] = setting(
        "max_body", ge=1000, le=10**11
    )
    same_host: bool | None = setting("same_host")
    allow_host: Annotated[tuple[str, ...], BeforeValidator(as_hosts)] = setting("allow_host", max_length=20)
    # How the list is read.
    records: str | None = setting("records")
    id: Annotated[tuple[str, ...], BeforeValidator(as_texts("paths", "id"))] = setting("id", max_length=10)
    per_page: Count | None = setting("per_page", ge=1, le=10_000)
    size_param: str | None = setting("size_param")
    paging: Literal["page", "offset", "cursor", "link", "keyset", "single"] | None = setting("paging")
    page_param: str | None = setting("page_param")
    first_page: Count | None = setting("first_page", ge=0, le=1)
    offset_param: str | None = setting("offset_param")
    next: str | None = setting("next")
    cursor_param: str | None = setting("cursor_param")
    last_id: str | None = setting("last_id")
    more: str | None = setting("more")
    total: str | None = setting("total")
    pages: str | None = setting("pages")
    absent_is_end: bool | None = setting("absent_is_end")
    end: Annotated[tuple[int, ...], BeforeValidator(as_statuses)] = setting("end", max_length=20)
    accept_list: bool = setting("accept_list")
    split: str | None = setting("split")
    sequential: bool = setting("sequential")
    # Items.
    item: str | None = setting("item")
    item_records: str | None = setting("item_records")
    detail: bool | None = setting("detail")
    refused_when: RefusalsSetting = setting("refused_when", max_length=20)
    fail_when: FailuresSetting = setting("fail_when", max_length=20)
    # Auth.
    token_env: VariablesSetting = setting("token_env", max_length=20)
    auth: Annotated[str, AfterValidator(_as_auth)] | None = setting("auth")
    token_url: str | None = setting("token_url")
    client_id_env: Variable | None = setting("client_id_env")
    client_secret_env: Variable | None = setting("client_secret_env")
    scope: str | None = setting("scope")
    declaration: Source | None = None

    _source: Source | None = PrivateAttr(None)
    _ranges: tuple[str, ...] = PrivateAttr(())
    _lenient: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _at_its_url(cls, given: Any) -> Any:
        """A declaration says where its list is, as --url does, which wins."""
        declared = given.get("declaration") if isinstance(given, Mapping) else None
        if isinstance(declared, Source) and given.get("url") is None:
            return {**given, "url": declared.resource.url}
        return given

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        for header in self.headers:
            if not _HEADER.fullmatch(header.get_secret_value()):
                raise ValueError("--header is not 'Name: value' in ASCII; write it like 'Authorization: Bearer …'")
        names = [name.strip().lower() for name, _ in self._pairs()]
        if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
            raise BadSetting("header", f" {twice} is given twice; leave one of the two out")
        if self.plan is not None and self.preset is None:
            raise BadSetting("plan", " is a plan of a preset's API; add --preset, or give its limits with --limit")
        source = self._compiled(_NOWHERE if self.url is None else self.url)
        try:
            check(source)
            if source.resource.split is not None and not self._lenient and not source.resource.ranges:
                raise BadSetting("split", f" says not where to cut; add START..END/PARTS, like {EXAMPLE}")
        except BadSetting as error:
            if self.declaration is None or error.setting is None or error.setting in self.model_fields_set:
                raise
            raise error.named(f"{place_of(error.setting, source)} of the Source") from None
        self._check_headers(source)
        self._source = source if self.url is not None else None
        self._ranges = source.resource.ranges
        return self

    def _check_headers(self, source: Source) -> None:
        sets = None if source.auth is None else source.auth.header
        if sets is not None and sets.lower() in map(str.lower, self.header_names):
            flag = "--token-env" if self.token_env else "--auth"
            raise ValueError(f"{flag} and --header both set {sets}; leave out one of the two")

    # --- what is declared -----------------------------------------------------------------------------------------

    def declared(self, url: str | None = None) -> Source | None:
        """Return the source that all this declares; None where there is no URL, neither here nor as `url`.

        url: of the list, where none is given: the test API that stands in for a preset's.
        """
        return self._source if self.url is not None or url is None else self._compiled(url)

    @property
    def is_declared(self) -> bool:
        """Whether anything is said of how the list is read, beside where it is."""
        named = (name for name in SHAPE if getattr(self, FLAGS[name].field))
        return self.preset is not None or self.declaration is not None or any(named)

    def _compiled(self, url: str) -> Source:
        given = {**self._given(), "url": url}
        if self.declaration is not None:
            return compiled(given, self.declaration)
        if self.preset is None:
            return compiled(given, lenient=self._lenient)
        preset = load(self.preset).at(url)
        known = settings_of(preset)
        takes = known.pop("split", None)  # how this API takes a range, which by itself splits nothing
        if self.split is not None and takes is not None:
            given["split"] = _completed(self.split, takes)
        source = compiled(over(known, given), lenient=True)
        return preset.on(source, self.plan, keyless=self._is_keyless(source.auth))

    def _is_keyless(self, auth: Auth | None) -> bool:
        """Whether requests to an API that is there prove nothing: neither its auth, nor a header, nor a parameter."""
        if self.url is None or auth is not None:
            return False
        placed = any(variables_in(text) for text in (self.url, *self.param.values()))
        return not placed and not any(proves_who(name) or "auth" in name.lower() for name in self.header_names)

    def _given(self) -> dict[str, Any]:
        """Return what is given of the source, by flat name; headers as far as they may be written down."""
        given = {name: value for name in SHAPE if (value := getattr(self, FLAGS[name].field)) not in (None, (), {})}
        given |= {} if self.body is None else {"body": self.body}
        if self.url is not None:
            given["url"] = self.url
        pairs = [header.get_secret_value().partition(":") for header in self.headers]
        # Those of a preset are written down already; what looks like a secret there is refused.
        kept = [
            (name.strip(), value.strip()) for name, _, value in pairs if self._lenient or may_be_stored(name, value)
        ]
        headers = dict(kept)
        return {**given, "headers": headers} if headers else given

    @property
    def limits(self) -> tuple[str, ...]:
        """The documented limits of this API, in the grammar of --limit; () where none are known."""
        if self.declaration is not None:
            return self.declaration.limits
        if self.preset is None:
            return ()
        declared = self._source
        return load(self.preset).limits_of(self.plan) if declared is None else declared.limits

    @property
    def page_size(self) -> int:
        """How many records a page is asked for where nothing else decides it."""
        return self.per_page or 100

    @property
    def details(self) -> bool:
        """Whether each item is fetched by itself, as far as it is decided before the first answer."""
        return self.detail is not False

    @property
    def chooses(self) -> bool:
        """Whether the first answers decide if each item is fetched: nobody said so.

        To say where items lie is not to say that they hold more than the list.
        """
        declared = None if self._source is None else self._source.resource.detail
        return self.detail is None and declared is None

    @property
    def is_placed(self) -> bool:
        """Whether it is declared where items lie."""
        return self._source is not None and self._source.resource.item is not None

    @property
    def batch(self) -> int | None:
        """How many items one request asks for; None where each is asked for by itself."""
        item = None if self._source is None else self._source.resource.item
        return None if item is None else item.batch

    @property
    def ranges(self) -> tuple[str, ...]:
        """The ranges of the parts in which the list is read; () where it is read as one."""
        return self._ranges

    @property
    def parts(self) -> int:
        """In how many parts the list is read."""
        return len(self.ranges) or 1

    @property
    def header_names(self) -> list[str]:
        """Of the headers that are not written down only this may be."""
        return [name for name, value in self._pairs() if not may_be_stored(name, value)]

    @property
    def stored_headers(self) -> list[str]:
        """The headers that may be written down as they are: their secrets are names of variables."""
        return [f"{name}:{value}" for name, value in self._pairs() if may_be_stored(name, value)]

    def _pairs(self) -> list[tuple[str, str]]:
        parts = (header.get_secret_value().partition(":") for header in self.headers)
        return [(name, value) for name, _, value in parts]

    @property
    def learned_for(self) -> str | None:
        """Whose limits are learned: the host, and the names (never the values) of what we send to prove who we are.

        None for a test API of our own, which is another one each time.
        """
        keys = self.token_env
        source = self._source
        if not keys and source is not None and source.auth is not None:
            keys = source.auth.variables
        url = self.url if source is None else source.resource.url
        return sent_as(url, keys, tuple(name for name, _ in self._pairs()))


def _completed(text: str, known: str) -> str:
    """Return --split with the parameters and the form that a preset knows, where it does not say them."""
    try:
        return parse(text, parse(known)).text
    except ValueError as error:
        raise BadSetting("split", str(error)) from None


class _PresetSpec(SourceSpec):
    """The settings of a preset: it may say how a key is sent, and leave it to people to have one."""

    _lenient: ClassVar[bool] = True


def settings_of(preset: Preset) -> dict[str, Any]:
    """Return a preset's settings by flat name, of their own types; BadInput, which names the preset, for a bad one."""
    where, given = preset.where, dict(preset.settings)
    for key in given:
        if key not in SHAPE and key != "header":
            like = get_close_matches(key, SHAPE, 1, 0.6)
            ask = f"write {like[0]}" if like else "see docs/sources.md"
            raise BadInput(f"unknown setting {key!r} {where}; leave it out, or {ask}")
    try:
        settings = _PresetSpec(**given)._given()
        if preset.most_per_page is not None and settings.get("per_page", 0) > preset.most_per_page:
            raise BadSetting("per_page", f" is more than most_per_page, {preset.most_per_page}; lower it")
        return settings
    except BadSetting as error:
        raise BadInput(error.told_as(f"{error.setting} {where}")) from None


# Where a preset's settings are tried out that have no URL yet.
_NOWHERE = "https://api.example.com/list"
# What declares how the source is read, beside its URL and its headers.
SHAPE = (
    *("method", "body", "param", "same_host", "allow_host", "records", "id", "per_page", "size_param", "paging"),
    *("page_param", "first_page", "offset_param", "next", "cursor_param", "last_id", "more", "total", "pages"),
    *("absent_is_end", "end", "split", "item", "item_records", "detail", "refused_when", "fail_when"),
    *("token_env", "auth", "token_url", "client_id_env", "client_secret_env", "scope"),
)


def sent_as(url: str | None, token_env: tuple[str, ...], header_names: tuple[str, ...]) -> str | None:
    """Host and name of the key of an import with these settings; see `learned_for`."""
    if url is None:
        return None
    names = sorted(name.strip().lower() for name in header_names)
    key = "+".join(token_env or [*names, *variables_in(url)])
    return f"{urlsplit(url).netloc} {key}".strip()
