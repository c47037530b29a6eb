"""A source as it is declared: the models that flags, TOML, presets, Python and guesses all end in.

A source holds one resource today. Its paging is one of six kinds and its auth one of five, each a model of its own that
`type` tells apart. Whatever is None or empty was not declared: `harness.source.guess` may fill it from the first
answers, and what is still open then is read by the rules of `harness.source.page_reader`.

Paths into answers are texts as `harness.spec.paths` reads them: JMESPath, a key as it is, or `header:NAME`. Secrets
stand in none of these models, only the names of environment variables that hold them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.spec.split import parse
from harness.unusable import of_model


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    if not TYPE_CHECKING:  # where the fields are the signature

        def __init__(self, **fields: Any) -> None:
            """Check the fields; BadInput, in one sentence, for the first that cannot be used or is none."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise of_model(error, type(self)) from None


# --- paging: how the pages of the list follow on each other ---------------------------------------------------------


class PageNumberPaging(_Model):
    """Numbered pages. param: of the query; first: the number of the first page, 0 or 1 (None: not known).

    total, pages: paths of the number of records and of pages. more: path of a boolean that says whether more follow.
    """

    type: Literal["page"] = "page"
    param: str = "page"
    first: Literal[0, 1] | None = None
    total: str | None = None
    pages: str | None = None
    more: str | None = None


class OffsetPaging(_Model):
    """Pages by the number of records before them, in `param`. first: what the first record is counted as, 0 or 1."""

    type: Literal["offset"] = "offset"
    param: str = "offset"
    first: Literal[0, 1] = 0
    total: str | None = None
    more: str | None = None


class CursorPaging(_Model):
    """Each page tells the cursor of the next, at the path `next`.

    It is sent as the parameter `param`, or in the place of `{cursor}` in the URL or the body. more: path of a boolean
    that ends the list even where a cursor is there. absent_is_end: a page without one is the last, as documented.
    """

    type: Literal["cursor"] = "cursor"
    next: str
    param: str | None = None
    more: str | None = None
    total: str | None = None
    absent_is_end: bool = False


class LinkPaging(_Model):
    """Each page tells the URL of the next: at `next` (text, or an object with `href`), or in a Link header."""

    type: Literal["link"] = "link"
    next: str | None = None
    more: str | None = None
    total: str | None = None
    absent_is_end: bool = False


class KeysetPaging(_Model):
    """The next page is asked for by the last id of this one, in `param` or in the place of `{last_id}`.

    last: path, within a record, of what is sent (None: its id). more: path of the boolean that says whether to go on.
    """

    type: Literal["keyset"] = "keyset"
    param: str | None = None
    last: str | None = None
    more: str | None = None
    total: str | None = None
    absent_is_end: bool = False


class SinglePage(_Model):
    """The list is one page."""

    type: Literal["single"] = "single"


Paging = Annotated[
    PageNumberPaging | OffsetPaging | CursorPaging | LinkPaging | KeysetPaging | SinglePage, Field(discriminator="type")
]


# --- auth: in whose name -------------------------------------------------------------------------------------------


class _KeyAuth(_Model):
    """token_env: the variables that hold the keys. Several are several keys, with a budget each."""

    token_env: tuple[str, ...]

    @property
    def header(self) -> str | None:
        """The header that this auth sets, None for none."""
        return "Authorization"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold its secrets."""
        return self.token_env


class BearerAuth(_KeyAuth):
    """`Authorization: Bearer …` with the key."""

    type: Literal["bearer"] = "bearer"


class BasicAuth(_KeyAuth):
    """HTTP Basic. The variable holds the password of `user`; without a user, `user:password` or a key alone."""

    type: Literal["basic"] = "basic"
    user: str | None = None


class HeaderAuth(_KeyAuth):
    """The key in the header `name`, after `prefix` (such as `Token `)."""

    type: Literal["header"] = "header"
    name: str
    prefix: str = ""

    @property
    def header(self) -> str | None:
        """Its own."""
        return self.name


class QueryAuth(_KeyAuth):
    """The key in the parameter `name` of the query."""

    type: Literal["query"] = "query"
    name: str

    @property
    def header(self) -> str | None:
        """None: it is in the URL."""
        return None


class OAuth2(_Model):
    """OAuth2 client credentials (RFC 6749 4.4): the secret goes to `token_url` alone, the token to the list."""

    type: Literal["oauth2"] = "oauth2"
    token_url: str
    client_id_env: str
    client_secret_env: str
    scope: str | None = None

    @property
    def header(self) -> str | None:
        """The header in which the token goes to the list."""
        return "Authorization"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold its secrets."""
        return (self.client_id_env, self.client_secret_env)


Auth = Annotated[BearerAuth | BasicAuth | HeaderAuth | QueryAuth | OAuth2, Field(discriminator="type")]


# --- what is imported ----------------------------------------------------------------------------------------------


class AnswerRule(_Model):
    """Answers that mean something of their own: of `status` (None: any), whose body holds `text` or whose `path` is
    `value` (as text; in any case of letters).
    """

    status: int | None = None
    text: str = ""
    path: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """Return it as --refused-when takes it."""
        if self.path is not None:
            return f"{self.path}={self.value}"
        return f"{self.status}:{self.text}" if self.text else str(self.status)


_BATCH = re.compile(r"\{ids:([0-9]{1,6})\}")


class Item(_Model):
    """Where an item lies. url: a template with `{id}`, `{url}` or fields of the record; `{ids:100}`: a batch of them.

    It may be told from the list's URL, with `{list}` or as a relative one: see `harness.spec.templates.on_list`.
    records: path of the item (or, of a batch, of the items) in the answer.
    """

    url: str
    records: str | None = None

    @property
    def batch(self) -> int | None:
        """Return how many items one request may ask for; None where each has a URL of its own."""
        found = _BATCH.search(self.url)
        return None if found is None else int(found[1])


class Resource(_Model):
    """One list and its items.

    url: of the list, with placeholders. params: sent with the list's requests alone. per_page: the page size that is
    asked for, in size_param ("" or None: not known; it is not sent unless the URL or the body has `{per_page}`).
    id: one path in a record, or several that make the id together. item: None where it is not declared. detail: False:
    the records of the list are the items; True: each item is fetched; None: it is decided from the first answers.
    end: statuses that end the list at a page that was only guessed. split: how the list is cut, as `harness.spec.split`
    reads it.
    """

    name: str = "records"
    url: str
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    params: dict[str, str] = Field(default_factory=dict)
    records: str | None = None
    id: tuple[str, ...] = ()
    paging: Paging | None = None
    per_page: int | None = None
    size_param: str | None = None
    most_per_page: int | None = None  # documented; what is larger is capped or refused
    item: Item | None = None
    detail: bool | None = None
    end: tuple[int, ...] = ()
    refused_when: tuple[AnswerRule, ...] = ()
    fail_when: tuple[AnswerRule, ...] = ()
    split: str | None = None

    @property
    def ranges(self) -> tuple[str, ...]:
        """The ranges of the parts in which the list is read; () where it is read as one."""
        return () if self.split is None else parse(self.split).ranges


class Source(_Model):
    """An API and what is imported of it. headers, params: sent with every request (values may hold `{env:NAME}`).

    same_host: next links that spell the list's host or scheme otherwise lead to the same service. allow_host: other
    hosts that links may lead to, without credentials. limits: documented ones, in the grammar of --limit.
    """

    name: str | None = None
    resource: Resource
    headers: dict[str, str] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)
    auth: Auth | None = None
    same_host: bool = False
    allow_host: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def list_params(self) -> dict[str, str]:
        """The parameters of the list's requests: its own, and those of every request."""
        return {**self.params, **self.resource.params}

    def as_written(self) -> dict[str, Any]:
        """Return this source for run.json: it holds no secrets, only names of variables."""
        return self.model_dump(mode="json", exclude_none=True)
