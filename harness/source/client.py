"""An API over HTTP: one wire request per fetch, and everything that can go wrong mapped to a result.

This module sends. What an answer means is read by `harness.source.answer_reader`, where a redirect leads is said by
`harness.source.redirects`, and `harness.source.evidence` takes secrets out of what is handed on.

**An answer is heard before it is read.** What its headers say of limits is told at once (`on_headers`), for other
requests wait for it; where only the body tells whether the answer is a refusal, once that is read. It is told once, and
a refusal is one from then on, however its body ends: then the body is read only so that the connection can be used
again. One time limit bounds all of it, connecting and the body included.

**A stale connection** is one that the server closed while it was idle in the pool. After a long pause all of them are,
so a request that met one is sent again on a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import trio

from harness.core.answers import Failed
from harness.pacing import Notice, Quota
from harness.pacing.refusals import MOST_BODY, Declared, by_body, wants_body, without_hint
from harness.record.clock import utc_s
from harness.record.events import Key, Role
from harness.source.answer_reader import AnswerReader, token_of
from harness.source.assuming import Assumed
from harness.source.base import Got, OnHeaders
from harness.source.body import ACCEPTED, read_body, read_start
from harness.source.credentials import CREDENTIAL, Credentials, KeyAuth
from harness.source.evidence import evidence, recordable, redacted
from harness.source.formats import Body, decoded
from harness.source.guess import Answer
from harness.source.headers import notice
from harness.source.http import ERRORS, AsyncBaseTransport, AsyncClient, Response, failure, open_client, trusted
from harness.source.reading import Reading
from harness.source.records import Malformed, as_text
from harness.source.redirects import Addresses, Sent
from harness.source.rest import Rest
from harness.source.tokens import Client as TokenClient
from harness.spec.source import Source
from harness.speed import by_the_wall

# Error bodies are small, and everyone else's requests go on meanwhile: one that drips is judged by what has come.
LONGEST_LOOK_S = 5.0
_REFUSED = Got(Failed("refused"))


class HttpApi:
    """An API over HTTP. timeout_s bounds each request as a whole, max_body each answer, unpacked. Redirects are told
    and not followed (each would be a request without a grant); same_host: those to other origins lead to the list's.

    headers, and variables for the URL's `{env:NAME}`, go to the list's origin alone. So do the keys of `auth` (`keys`:
    by name), and the tokens that `oauth` is asked for; its secret goes to its own address alone. refused_when: answers
    that are refusals because people said so. `keep_records` keeps the list's records as payloads; `trust_env` uses
    proxy variables, and BadInput says where they cannot be used. `find_size` looks for the largest page that the API
    hands out, where nothing says how many records to ask for.
    """

    def __init__(
        self,
        rest: Rest,
        *,
        workers: int,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        max_body: int = 32_000_000,
        keep_records: bool = False,
        trust_env: bool = True,
        transport: AsyncBaseTransport | None = None,
        wall: Callable[[], float] = utc_s,
        refused_when: Declared = (),
        auth: KeyAuth | None = None,
        keys: Mapping[str, str] | None = None,
        oauth: TokenClient | None = None,
        same_host: bool = False,
        find_size: bool = False,
    ) -> None:
        self._timeout_s = timeout_s
        self._timed_out = Got(Failed("timed out", f"no complete answer within {timeout_s:g} s"))
        self._refused_when = refused_when
        self._wall = wall
        self._max_body = max_body
        unsaid = () if oauth is None else oauth.secrets
        self._credentials = Credentials(rest.url, headers or {}, variables or {}, auth, keys, unsaid)
        self._oauth = oauth
        # Told once, of the first answer whose headers tell of limits.
        self.on_quotas: Callable[[tuple[Quota, ...]], None] | None = None
        self._hints_always = False  # Retry-After came with a success
        self._addresses = Addresses(self._credentials, same_host=same_host)
        self.reading = Reading(rest, self._credentials.redact, find_size=find_size)
        self._answers = AnswerReader(self.reading, keep_records=keep_records)
        # To be sent again, on a connection that is surely none of the pool's.
        self._stale: set[tuple[Role, Key]] = set()
        # One connection a worker; more workers later share them, which costs a wait and no error.
        most = max(workers, 100)

        verify = trusted(trust_env=trust_env)

        def opened(kept_alive: int) -> AsyncClient:
            return open_client(
                verify,
                self._credentials,
                headers={"Accept-Encoding": ACCEPTED},
                connections=most,
                kept_alive=kept_alive,
                timeout_s=timeout_s,
                trust_env=trust_env,
                transport=transport,
            )

        self._client, self._fresh = opened(most), opened(0)

    async def __aenter__(self) -> HttpApi:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()
        await self._fresh.aclose()

    async def fetch(
        self,
        role: Role,
        key: Key,
        on_headers: OnHeaders,
        *,
        credential: str | None = None,
        target: str | None = None,
        place: str | None = None,
    ) -> Got | None:
        """Send one request and return its one result, as `Api` asks."""
        heard = _Heard(on_headers)
        got = self._timed_out
        client = self._fresh if (role, key) in self._stale else self._client
        with trio.move_on_after(self._timeout_s):
            if role == "token":
                got = await self._ask_for_token(client, heard)
            else:
                try:
                    where = self._answers.place_of(key) if place is None else place
                    own = self.reading.rest.request(key, where)
                    sent = self._addresses.sent(role, key, own, target)
                    got = await self._ask(client, sent, credential, heard)
                except Malformed as error:  # an item that lies where nothing may be sent
                    got = Got(Failed("malformed", str(error), passing=False, sent=False))
        heard.tell()  # where the time was up while its body was read
        got = self._answers.for_less(key, got)
        self._note_stale(role, key, got)
        # A refusal is one from its verdict on, however its body ends.
        return self._answers.noted(redacted(got, self._credentials)) if heard.wanted else None

    def _note_stale(self, role: Role, key: Key, got: Got) -> None:
        """Remember a request that met a stale connection: after a long pause every pooled connection is stale, and its
        next attempt may be reset too.
        """
        if isinstance(got.result, Failed) and got.result.stale:
            self._stale.add((role, key))
        elif self._stale:
            self._stale.discard((role, key))

    async def _ask_for_token(self, client: AsyncClient, heard: _Heard) -> Got:
        oauth = self._oauth
        assert oauth is not None, "a token of nobody"
        try:
            # Nothing that is meant for the list goes there.
            async with client.stream(
                "POST", oauth.url, headers=oauth.headers(), content=oauth.form(), auth=None
            ) as response:
                heard.said = notice(response.status_code, response.headers, self._wall(), ())
                body = await self._body(response)
                if not heard.tell():
                    return _REFUSED
                got, token = token_of(oauth, response, body)
                if token is not None:
                    self._credentials.use_token(token)
                return got
        except ERRORS as error:
            return Got(failure(error, answered=heard.said is not None))

    def _as_meant(self, said: Notice) -> Notice:
        if 200 <= said.status < 300 and said.retry_after_s is not None:
            self._hints_always = True
        if said.quotas and self.on_quotas is not None:
            on_quotas, self.on_quotas = self.on_quotas, None
            on_quotas(said.quotas)
        return without_hint(said) if self._hints_always else said

    async def _ask(self, client: AsyncClient, sent: Sent, credential: str | None, heard: _Heard) -> Got:
        extensions = {} if credential is None else {CREDENTIAL: credential}
        try:
            own = sent.own
            # A body is sent as text of our own making, so that a canonical cursor leaves as it was read.
            content = None if own.json is None else as_text(self._credentials.filled(sent.url, own.json)).encode()
            headers = dict(own.headers) if own.json is None else {"Content-Type": "application/json", **own.headers}
            async with client.stream(
                own.method, sent.url, headers=headers, content=content, extensions=extensions
            ) as response:
                heard.said = self._as_meant(
                    notice(response.status_code, response.headers, self._wall(), self._refused_when)
                )
                body = await self._looked_into(response, heard)
                if not heard.tell():
                    if body is None:
                        await self._start_of(response)  # then the connection can be used again
                    return _REFUSED
                if body is None:
                    body = await self._body(response)
                return (
                    self._answers.otherwise(sent.key, sent.url, response, body)
                    or self._addresses.redirected(sent, response.status_code, response.extensions.get("location"))
                    or self._answers.read(sent.key, sent.url, response, body)
                )
        except ERRORS as error:
            return Got(failure(error, answered=heard.said is not None))

    async def _looked_into(self, response: Response, heard: _Heard) -> Body | Malformed | None:
        """Read the body where the verdict takes it into account (`heard` is told); None: it has not been read."""
        said = heard.said
        assert said is not None
        body: Body | Malformed | None = None
        if wants_body(said, self._refused_when):
            body = await self._body(response)
            if isinstance(body, Body):
                text = decoded(body[:MOST_BODY], response.charset_encoding)
                since_s = self._wall() if said.server_utc_s is None else said.server_utc_s
                said = by_body(said, text, since_s, self._refused_when)
        if said.status >= 400:
            lines, start = (recordable(text, self._credentials) for text in evidence(response.headers, body))
            said = replace(said, headers=lines, body=start or None)
        heard.said = said
        return body

    async def _body(self, response: Response) -> Body | Malformed:
        """Read the whole body of a success; of anything else the beginning, which may be all that came."""
        if not response.is_success:
            return await self._start_of(response)
        try:
            return await read_body(response, self._max_body)
        except Malformed as error:
            return error

    async def _start_of(self, response: Response) -> bytes:
        start = bytearray()
        with trio.move_on_after(by_the_wall(LONGEST_LOOK_S)):
            await read_start(response, start, MOST_BODY)
        return bytes(start)

    @property
    def source(self) -> Source:
        """What the API is taken for: as it was declared, and assumed since."""
        return self.reading.rest.source

    def go_by(self, source: Source, refused: Collection[str] | None = None, file: str = "") -> None:
        """Read the API as `source` says from here on: what a run has assumed, say; see `Reading`."""
        self.reading.go_by(source, refused, file)

    @property
    def assumed(self) -> Assumed | None:
        """What page 1 made believe; None where nothing was open, or it has not come yet."""
        return self.reading.assumed

    def offer_records(self) -> None:
        """Hand out the records of pages beside where their items lie: for a look, which asks for both."""
        self._answers.offer_records()

    @property
    def offers_records(self) -> bool:
        """Whether the records of pages are payloads too, for somebody who decides with them if items are fetched."""
        return self._answers.offers_records

    @offers_records.setter
    def offers_records(self, offers: bool) -> None:
        self._answers.offers_records = offers

    @property
    def on_answer(self) -> Callable[[Key, Answer], None] | None:
        """Told each answer that could be read as JSON: for a check, which says what the API looks like."""
        return self._answers.on_answer

    @on_answer.setter
    def on_answer(self, told: Callable[[Key, Answer], None] | None) -> None:
        self._answers.on_answer = told


class _Heard:
    """The word of an answer about limits, told once; `wanted` is False from the moment at which it turned out a
    refusal.
    """

    def __init__(self, on_headers: OnHeaders) -> None:
        self.said: Notice | None = None
        self.wanted = True
        self._on_headers: OnHeaders | None = on_headers

    def tell(self) -> bool:
        """Tell it, unless there is nothing to tell or it was told already; answers whether its body is wanted."""
        if self.said is not None and self._on_headers is not None:
            on_headers, self._on_headers = self._on_headers, None
            self.wanted = on_headers(self.said)
        return self.wanted
