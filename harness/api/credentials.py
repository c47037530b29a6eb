"""What proves who we are: added to a request at the last moment, sent to one origin alone, and never repeated.

Headers, and `{env:NAME}` in the list's URL. Until a request leaves, its URL holds the name of the variable and not its
value, so that nothing that shows a URL (an event, a message, the locals of a traceback) can show the value.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from urllib.parse import quote, urlsplit

import httpx

# Shorter header values are flags and versions, and would be blotted out of every word.
LEAST_SECRET = 6
# A payload is somebody's data: there only what is surely a secret, and long enough not to be met by chance.
LEAST_IN_DATA = 8
_PROVES = re.compile(r"auth|token|key|secret|cookie|password|session", re.IGNORECASE)


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of `url`, so written that two spellings of one are equal; ValueError where it is none."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", port


class Credentials(httpx.Auth):
    """For the list at `url`: `headers` go to its origin alone, and `variables` into its `{env:NAME}`."""

    def __init__(self, url: str, headers: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._origin = origin(url)
        self._headers = dict(headers)
        self._places = {f"{{env:{name}}}": quote(value, safe="") for name, value in variables.items()}
        self._told = _spelt([*headers.values(), *variables.values()], LEAST_SECRET)
        proofs = [value for name, value in headers.items() if _PROVES.search(name)]
        # The first word of `Bearer …` and `Basic …` is a scheme, which anybody may write.
        proofs = [value.partition(" ")[2] or value for value in proofs]
        self._proofs = _spelt([*proofs, *variables.values()], LEAST_IN_DATA)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx asks here, after which only the socket sees the request."""
        if origin(str(request.url)) == self._origin:
            request.headers.update(self._headers)
            if self._places:
                request.url = _Filled(request.url, self._places)
        yield request

    def hushed(self, text: str) -> str:
        """`text` for people, without what was sent to prove who we are, should somebody repeat it."""
        return _without(text, self._told)

    def out_of_data(self, text: str) -> str:
        """A payload without what is surely a secret."""
        return _without(text, self._proofs)

    def unfilled(self, link: str) -> str:
        """A link with the variables' names in place of their values."""
        for place, value in self._places.items():
            if len(value) >= LEAST_SECRET:
                link = link.replace(value, place)
        return link


class _Filled(httpx.URL):
    """A URL that shows its variables' names and sends their values."""

    def __init__(self, url: httpx.URL, places: Mapping[str, str]) -> None:
        super().__init__(url)
        self._target = url.raw_path
        for place, value in places.items():
            for written in (place, quote(place, safe=":")):
                self._target = self._target.replace(written.encode(), value.encode())

    @property
    def raw_path(self) -> bytes:
        return self._target


def _spelt(values: Iterable[str], least: int) -> list[str]:
    """What must not be repeated, the longest first: values, their words, and all as a URL would spell them."""
    words = {word for value in values for word in (value, *value.split())}
    words |= {word.partition("=")[2].strip("\"',;") for word in words}  # Token token="..."
    spelt = words | {quote(word, safe="") for word in words}
    return sorted((word for word in spelt if len(word) >= least), key=len, reverse=True)


def _without(text: str, words: list[str]) -> str:
    for word in words:
        if word in text:
            text = text.replace(word, "***")
    return text
