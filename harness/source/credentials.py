"""Add what proves who we are to a request, at the last moment and for one origin alone; never repeat it.

Headers, keys, tokens, and `{env:NAME}` in the list's URL. Where there are several keys, each request says the name of
the one it goes with (`CREDENTIAL` among its extensions). Until a request leaves, its URL holds the name of the variable
and not its value, so that nothing that shows a URL (an event, a message, the locals of a traceback) can show the value.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Generator, Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from harness.settings import header_of
from harness.source.http import URL, Auth, Request, Response
from harness.source.redaction import MARK, Redactor
from harness.spec.source import BasicAuth, BearerAuth, HeaderAuth, QueryAuth

KeyAuth = BearerAuth | BasicAuth | HeaderAuth | QueryAuth
# Shorter header values are flags and versions, and would be blotted out of every word.
LEAST_SECRET = 6
# A payload is somebody's data: there only what is surely a secret, and long enough not to be met by chance.
LEAST_IN_DATA = 8
# What may stand before a secret in a parameter: `Bearer%20…`, `token:…`.
_NOTHING_ELSE = re.compile(r"(?:[A-Za-z]{1,10}(?:[ +:]|%20|%3[aA]))?" + re.escape(MARK) + "=*")
# The first word of a header says how the second proves who we are; anybody may write it.
_SCHEMES = frozenset({"basic", "bearer", "digest", "token", "apikey", "negotiate", "hawk", "key"})
_PROVES = re.compile(r"auth|token|key|secret|cookie|password|session", re.IGNORECASE)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of `url`, so written that two spellings of one are equal; ValueError where it is
    none.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", port


CREDENTIAL = "credential"
# Tokens of a session that are still redacted once newer ones are in use.
_MOST_TOKENS = 20


class Credentials(Auth):
    """For the list at `url`: `headers` go to its origin alone, and `variables` into its `{env:NAME}`.

    auth: how a key is sent; keys: the keys by name (of a variable), in order: the first where a request names none.
    unsaid: secrets that are sent elsewhere, and repeated nowhere.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        variables: Mapping[str, str],
        auth: KeyAuth | None = None,
        keys: Mapping[str, str] | None = None,
        unsaid: Iterable[str] = (),
    ) -> None:
        self._origin = origin(url)
        self._headers = dict(headers)
        self._keys = {} if auth is None else dict(keys or {})
        self._proof = {name: header_of(auth, key) for name, key in self._keys.items() if auth is not None}
        self._param = auth.name if isinstance(auth, QueryAuth) else None
        placed = {**variables, **(self._keys if self._param is not None else {})}
        self._places = {f"{{env:{name}}}": quote(value, safe="") for name, value in placed.items()}
        sent = [header for proof in self._proof.values() for header in proof.values()]
        self._all = [*headers.values(), *variables.values(), *self._keys.values(), *sent, *unsaid]
        proofs = [value for name, value in headers.items() if _PROVES.search(name)] + sent
        # The first word of `Bearer …` and `Basic …` is a scheme, which anybody may write.
        proofs = [value.partition(" ")[2] or value for value in proofs]
        self._proving = [*_words(proofs), *variables.values(), *self._keys.values(), *unsaid]
        self._tokens: list[str] = []
        self._know()

    def _know(self) -> None:
        """Know what must not be repeated."""
        self._told = Redactor(_words([*self._all, *self._tokens]), LEAST_SECRET)
        self._proofs = Redactor([*self._proving, *self._tokens], LEAST_IN_DATA)
        self._links = Redactor([*self._proving, *self._tokens], LEAST_SECRET)

    def use_token(self, token: str) -> None:
        """Send this token from now on; those before are redacted still."""
        self._tokens = [*self._tokens[-_MOST_TOKENS:], token]
        self._know()

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Add the credentials, as httpx2 asks for them here: after this only the socket sees the request."""
        if origin(str(request.url)) == self._origin:
            request.headers.update(self._headers)
            name = request.extensions.get(CREDENTIAL) or next(iter(self._keys), None)
            if name is not None:
                request.headers.update(self._proof[name])
            if self._tokens:
                request.headers["Authorization"] = f"Bearer {self._tokens[-1]}"
            url = request.url
            if self._param is not None and name is not None:
                url = _with_param(url, self._param, f"{{env:{name}}}")
            if self._places:
                request.url = _Filled(url, self._places)
        yield request

    def redact(self, text: str) -> str:
        """Return `text` for people, without what was sent to prove who we are, should somebody repeat it."""
        return self._told.clean(text)

    def redact_payload(self, text: str) -> str:
        """Return a payload, JSON text, without what is surely a secret."""
        return self._proofs.clean_json(text)

    def in_ids(self, ids: Iterable[int | str]) -> bool:
        """Return whether a secret is in one of these ids, which are written as they are."""
        return self._proofs.holds("\n".join(one for one in ids if isinstance(one, str)))

    def restore_placeholders(self, link: str) -> str | None:
        """Return a link that can be recorded: variables' names in place of their values, and without parameters that
        repeat a credential under any name. None where a secret is in it elsewhere.
        """
        for place, value in self._places.items():
            if len(value) >= LEAST_SECRET:
                link = link.replace(value, place)
        if not self._links.holds(link):
            return link
        parts = urlsplit(link)
        said = [part for part in parts.query.split("&") if not self._is_secret(part.partition("=")[2])]
        link = urlunsplit((*parts[:3], "&".join(said), ""))
        return None if self._links.holds(link) else link

    def _is_secret(self, value: str) -> bool:
        """Return whether a parameter's value is a secret, and nothing but it and perhaps the name of its scheme."""
        return self._links.clean(value) != value and _NOTHING_ELSE.fullmatch(self._links.clean(value)) is not None


def _with_param(url: URL, name: str, place: str) -> URL:
    """Return `url` with the key's place as the parameter `name`; in a link that holds that of another key, instead."""
    parts = urlsplit(str(url))
    mine = {name, quote(name, safe="")}
    kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] not in mine]
    query = "&".join([*kept, f"{quote(name, safe='')}={place}"])
    return URL(urlunsplit(parts._replace(query=query)))


class _Filled(URL):
    """A URL that shows its variables' names and sends their values."""

    def __init__(self, url: URL, places: Mapping[str, str]) -> None:
        super().__init__(url)
        self._target = url.raw_path
        for place, value in places.items():
            for written in (place, quote(place, safe=":")):
                self._target = self._target.replace(written.encode(), value.encode())

    @property
    def raw_path(self) -> bytes:
        return self._target


def _words(values: Iterable[str]) -> list[str]:
    """List what must not be repeated: values, their words, and of a user and password in base64 both and each."""
    words = {word for value in values for word in (value, *value.split())}
    said = {word.partition("=")[2] for word in words}  # Token token="..."
    words |= said | {word.strip("\"',;") for word in said}  # the mark at its end may be a part of it
    words = {word for word in words if word.lower() not in _SCHEMES}
    for word in list(words):
        if (pair := _pair(word)) is not None:
            words |= {pair, pair.partition(":")[2]}
    return sorted(words)


def _pair(word: str) -> str | None:
    """Return `user:password` where `word` is that in base64 (RFC 7617)."""
    try:
        pair = b64decode(word + "=" * (-len(word) % 4), validate=True).decode()
    except ValueError:
        return None
    return pair if ":" in pair and pair.isprintable() else None
