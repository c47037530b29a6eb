"""Who asks: the kinds of credentials that an API accepts, and the tokens of OAuth2 client credentials.

Any credential of the right kind that is not empty will do, and is a client with budgets of its own; `require-key`
accepts those of `api-key` alone. What is read here is the client's name for the limits: the key, the user and password
of Basic auth (without the colon where one of them is empty), or the id of the OAuth2 client, whichever token it shows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from harness_test_api.errors import BadConfig
from harness_test_api.spec import duration_s, read_spec, whole

KINDS = ("bearer", "basic", "header:NAME", "header:NAME:PREFIX", "query:NAME", "oauth2", "none")
_LASTS_S = 3600.0  # what most token endpoints say


@dataclass(frozen=True)
class Auth:
    """The accepted kinds. open: a request without any is answered, too. query: parameters that hold credentials."""

    kinds: tuple[tuple[str, ...], ...] = ()
    open: bool = True

    @property
    def oauth2(self) -> bool:
        """Whether there is a token endpoint."""
        return ("oauth2",) in self.kinds

    @property
    def any_token(self) -> bool:
        """Whether tokens that the endpoint has not given out are accepted, as in a rehearsal without one."""
        return ("bearer",) in self.kinds

    @property
    def query(self) -> tuple[str, ...]:
        """Parameters that hold a credential."""
        return tuple(kind[1] for kind in self.kinds if kind[0] == "query")

    @property
    def challenge(self) -> str:
        """The scheme that a 401 asks for (RFC 9110 section 11.6.1)."""
        return 'Basic realm="api"' if self.kinds and self.kinds[0] == ("basic",) else "Bearer"

    def credential(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """Return whose request this is; None where it has no credential of a kind. headers: by lower-case name."""
        if not self.kinds:
            key = headers.get("x-api-key")
            return (_after_scheme(headers, "bearer") if key is None else key) or None
        for kind in self.kinds:
            found = _read(kind, headers, query)
            if found:
                return found
        return None


def _read(kind: tuple[str, ...], headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    match kind[0]:
        case "bearer" | "oauth2":
            return _after_scheme(headers, "bearer")
        case "basic":
            return _basic(headers)
        case "query":
            return query.get(kind[1])
        case "header":
            value, prefix = headers.get(kind[1].lower(), ""), kind[2] if len(kind) > 2 else ""
            return value[len(prefix) :].strip() if value.lower().startswith(prefix.lower()) else None
    return None


def _after_scheme(headers: Mapping[str, str], scheme: str) -> str | None:
    named, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if named.lower() == scheme else None


def _basic(headers: Mapping[str, str]) -> str | None:
    value = _after_scheme(headers, "basic")
    if not value:
        return None
    try:
        return base64.b64decode(value, validate=True).decode().strip(":")
    except (binascii.Error, ValueError):  # a rehearsal without secrets sends the name of one
        return value


def parse_auth(texts: Iterable[str]) -> Auth:
    """The kinds in `texts`; BadConfig for an unknown one."""
    kinds = []
    for text in texts:
        name, _, more = text.partition(":")
        if name not in ("bearer", "basic", "header", "query", "oauth2", "none") or (
            (name in ("header", "query")) != bool(more)
        ):
            raise BadConfig(f"auth: {text!r} is unknown; use {', '.join(KINDS)}")
        kinds.append((name, *more.split(":", 1)) if more else (name,))
    return Auth(tuple(kind for kind in kinds if kind != ("none",)), not kinds or ("none",) in kinds)


@dataclass(frozen=True)
class TokenRules:
    """How long a token lasts. counted: limits of every route count the requests for tokens, too."""

    requests: int | None = None
    seconds: float = _LASTS_S
    counted: bool = False


def parse_tokens(text: str) -> TokenRules:
    """The rules in `requests=30:seconds=600:counted`; BadConfig for what cannot be read."""
    if not text:
        return TokenRules()
    spec = read_spec("tokens", text)
    counted = "counted" in spec.words
    spec.words = [word for word in spec.words if word != "counted"]
    requests, seconds = spec.take("requests"), spec.take("seconds")
    spec.end(("requests", "seconds", "counted"))
    return TokenRules(
        None if requests is None else whole(requests, spec.label("requests"), least=1),
        _LASTS_S if seconds is None else duration_s(seconds, spec.label("seconds")),
        counted,
    )


@dataclass(slots=True)
class _Token:
    client: str
    ends_at: float
    left: int | None


class Tokens:
    """The tokens of one server. Each is good until its time is over or it has been shown often enough."""

    def __init__(self, rules: TokenRules, seed: int, *, any_token: bool = False) -> None:
        """any_token: others than those given out are good, too, and clients of their own."""
        self._any = any_token
        self._rules = rules
        self._seed = seed
        self._tokens: dict[str, _Token] = {}

    def issue(self, now: float, client: str) -> dict[str, Any]:
        """Give `client` a token, in the answer of RFC 6749 section 5.1."""
        token = f"token-{self._seed}-{len(self._tokens) + 1}"
        self._tokens[token] = _Token(client, now + self._rules.seconds, self._rules.requests)
        return {"access_token": token, "token_type": "bearer", "expires_in": _plain(self._rules.seconds)}

    def show(self, now: float, token: str) -> str | None:
        """Use `token` once: return whose it is, or None where it is unknown or no longer good."""
        known = self._tokens.get(token)
        if known is None and self._any:
            return token
        if known is None or now >= known.ends_at or known.left == 0:
            return None
        if known.left is not None:
            known.left -= 1
        return known.client


def _plain(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def asked_for_token(headers: Mapping[str, str], body: bytes) -> tuple[str | None, str]:
    """Read a request for a token (RFC 6749 4.4.2): the client's id, or None, and the error by its name in 5.2."""
    try:
        form = dict(parse_qsl(body.decode()))
    except ValueError:
        form = {}
    client, secret = form.get("client_id", ""), form.get("client_secret", "")
    basic = _basic(headers)
    if basic:
        client, _, secret = basic.partition(":")
    if form.get("grant_type") != "client_credentials":
        return None, "unsupported_grant_type"
    return (client, "") if client and secret else (None, "invalid_client")
