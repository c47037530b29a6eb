"""The httpx client: one wire request per fetch, everything that can go wrong mapped once, here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from http.cookiejar import CookieJar
from urllib.parse import quote

import httpx
import trio

from harness.api.base import Got, OnHeaders
from harness.api.evidence import evidence, kept
from harness.api.headers import notice
from harness.api.rest import Garbled, Malformed, Rest, as_text
from harness.engine.answers import Failed, ItemRead
from harness.pacing import Notice
from harness.record.clock import utc_s
from harness.record.events import Key, Kind

# Servers close idle connections after 5 s; a pooled one that lives as long is reset on its next use.
KEEPALIVE_S = 4.0
# TCP and TLS: long enough for three lost SYNs (1 + 2 + 4 s).
CONNECT_S = 10.0
# May pass by itself: RFC 9110 15.5.9 (408), RFC 8470 (425), and everything the server calls its own fault.
PASSING = frozenset({408, 425})
# Shorter header values are flags and versions, and would be blotted out of every word.
LEAST_SECRET = 6
GONE = {404: "gone", 410: "gone"}
_UTF_8 = "utf-8-sig"  # with or without the mark that some put before it
_REFUSED = Got(Failed("refused"))


class HttpApi:
    """An API over HTTP. timeout_s bounds each request as a whole; redirects are not followed (each would be a
    request without a grant); `keep_records` keeps the list's records as payloads; `trust_env` uses proxy variables.
    """

    def __init__(
        self,
        rest: Rest,
        *,
        workers: int,
        timeout_s: float,
        headers: dict[str, str] | None = None,
        keep_records: bool = False,
        trust_env: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = utc_s,
    ) -> None:
        self._rest = rest
        self._timeout_s = timeout_s
        self._timed_out = Got(Failed("timed out", f"no complete answer within {timeout_s:g} s"))
        self._keep_records = keep_records
        self._wall = wall
        self._secrets = _secrets((headers or {}).values())
        # One connection a worker; more workers later share them, which costs a wait and no error.
        limits = httpx.Limits(
            max_connections=max(workers, 100), max_keepalive_connections=max(workers, 100), keepalive_expiry=KEEPALIVE_S
        )
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, timeout_s))
        self._client = httpx.AsyncClient(
            limits=limits,
            timeout=timeout,
            headers=headers,
            follow_redirects=False,
            event_hooks={"response": [_put_aside]},
            cookies=_NoCookies(),
            transport=transport,
            trust_env=trust_env,
        )

    async def __aenter__(self) -> HttpApi:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def fetch(self, kind: Kind, key: Key, on_headers: OnHeaders) -> Got | None:
        """As the protocol says: one request, one result."""
        url = self._rest.page_url(key) if kind == "page" else self._rest.item_url(key)
        refused = False

        def heard(notice: Notice) -> bool:
            nonlocal refused
            refused = not on_headers(notice)
            return not refused

        got = self._timed_out
        with trio.move_on_after(self._timeout_s):
            got = await self._ask(kind, key, url, heard)
        # A refusal is one from its headers on, however its body ends.
        return None if refused else self._hushed(got)

    async def _ask(self, kind: Kind, key: Key, url: str, on_headers: OnHeaders) -> Got:
        answered = False
        try:
            async with self._client.stream("GET", url) as response:
                wanted = on_headers(notice(response.status_code, response.headers, self._wall()))
                answered = True
                await response.aread()
                return self._read(kind, key, response) if wanted else _REFUSED
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            return Got(Failed("could not connect", _say(error), sent=False))
        except httpx.InvalidURL as error:
            return Got(Failed("no such address", _say(error), passing=False, sent=False))
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError) as error:
            reason = "cut off" if answered else "connection reset"
            return Got(Failed(reason, _say(error), stale=not answered))
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Got(Failed("no usable answer", _say(error)))

    def _read(self, kind: Kind, key: Key, response: httpx.Response) -> Got:
        status = response.status_code
        if not response.is_success:
            return Got(_with_evidence(failed_status(status, response.extensions.get("location")), response))
        try:
            body = _text(response)
            if kind == "item":
                payload = self._rest.read_item(body)
                return Got(ItemRead(len(response.content)), ((key, payload),))
            page, records = self._rest.read_page(key, body, response.headers.get("link"))
        except Malformed as error:
            failed = Failed("malformed", str(error), passing=isinstance(error, Garbled))
            return Got(_with_evidence(failed, response))
        kept = records if self._keep_records else []
        return Got(page, tuple((item, as_text(record)) for item, record in kept))

    def _hushed(self, got: Got) -> Got:
        """`got` without what we sent to prove who we are, should a server or a library repeat it."""
        if not isinstance(got.result, Failed):
            return got
        failed = got.result
        detail, headers, body = map(self._hush, (failed.detail, failed.headers, failed.body))
        result = replace(failed, detail=(detail or "")[:300], headers=kept(headers), body=kept(body))
        return replace(got, result=result)

    def _hush(self, text: str | None) -> str | None:
        for secret in self._secrets if text else ():
            text = (text or "").replace(secret, "***")
        return text


class _NoCookies(CookieJar):
    """Keeps none: each request is to be as the first, and one that is not ASCII could not be sent back.

    Not a policy, which is asked only once all that there is to know of an answer's cookies was gathered.
    """

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them."""


def _secrets(values: Iterable[str]) -> list[str]:
    """What must not be repeated, the longest first: header values, their words, and all as a URL would spell them."""
    words = {word for value in values for word in (value, *value.split())}
    words |= {word.partition("=")[2].strip("\"',;") for word in words}  # Token token="..."
    spelt = words | {quote(word, safe="") for word in words}
    return sorted((word for word in spelt if len(word) >= LEAST_SECRET), key=len, reverse=True)


def _with_evidence(failed: Failed, response: httpx.Response) -> Failed:
    headers, body = evidence(response)
    return replace(failed, headers=headers, body=body)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")


def _text(response: httpx.Response) -> str:
    """The body as text: UTF-8 (RFC 8259 8.1) unless told otherwise; bytes that do not fit become U+FFFD."""
    charset = response.charset_encoding or _UTF_8
    try:
        text = response.content.decode(_UTF_8 if charset.lower() == "utf-8" else charset, "replace")
        text.encode()
    except (LookupError, ValueError):  # no charset, or one of Python's own that is none
        return response.content.decode(_UTF_8, "replace")
    return text


async def _put_aside(response: httpx.Response) -> None:
    """Keep httpx from preparing to follow a redirect: it raises where the address is none."""
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def failed_status(status: int, location: str | None) -> Failed:
    """A status that is neither a success nor a refusal by a limit."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    if 300 <= status < 400:
        where = f"; it points to {location.partition('?')[0][:200]}" if location else ""
        return Failed("redirected", f"redirects are not followed{where}", passing=False)
    if status in GONE:
        return Failed(GONE[status], phrase, passing=False)
    return Failed(f"status {status}", phrase, passing=status >= 500 or status in PASSING)
