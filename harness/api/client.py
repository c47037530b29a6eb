"""The httpx client: one wire request per fetch, everything that can go wrong mapped once, here."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

import httpx
import trio

from harness.api.base import Got, OnHeaders
from harness.api.headers import notice
from harness.api.rest import Malformed, Rest
from harness.engine.answers import Failed, ItemRead
from harness.record.clock import utc_s
from harness.record.events import Key, Kind

# Servers close idle connections after 5 s; a pooled one that lives as long is reset on its next use.
KEEPALIVE_S = 4.0
# TCP and TLS: long enough for three lost SYNs (1 + 2 + 4 s).
CONNECT_S = 10.0
# May pass by itself: RFC 9110 15.5.9 (408), RFC 8470 (425), and everything the server calls its own fault.
PASSING = frozenset({408, 425})
GONE = {404: "gone", 410: "gone"}


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
        self._keep_records = keep_records
        self._wall = wall
        self._secrets = [value for value in (headers or {}).values() if value]
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
        got: Got | None = Got(Failed("timed out", f"no complete answer within {self._timeout_s:g} s"))
        with trio.move_on_after(self._timeout_s):
            got = await self._ask(kind, key, url, on_headers)
        return got

    async def _ask(self, kind: Kind, key: Key, url: str, on_headers: OnHeaders) -> Got | None:
        answered = False
        try:
            async with self._client.stream("GET", url) as response:
                wanted = on_headers(notice(response.status_code, response.headers, self._wall()))
                answered = True
                await response.aread()
                return self._read(kind, key, response) if wanted else None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            return Got(Failed("could not connect", self._say(error), sent=False))
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError) as error:
            reason = "cut off" if answered else "connection reset"
            return Got(Failed(reason, self._say(error), stale=not answered))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return Got(Failed("no usable answer", self._say(error)))

    def _read(self, kind: Kind, key: Key, response: httpx.Response) -> Got:
        status = response.status_code
        if not response.is_success:
            return Got(failed_status(status, response.headers.get("location")))
        try:
            # As httpx guesses it where no charset is named; bytes that do not fit become U+FFFD, not an error.
            body = response.text
            if kind == "item":
                payload = self._rest.read_item(body)
                return Got(ItemRead(len(response.content)), ((key, payload),))
            page, records = self._rest.read_page(key, body)
        except Malformed as error:
            return Got(Failed("malformed", str(error)))
        kept = records if self._keep_records else []
        return Got(page, tuple((item, json.dumps(record, ensure_ascii=False)) for item, record in kept))

    def _say(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".strip(": ")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:300]


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
