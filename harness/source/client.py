"""An API over HTTP: one wire request per fetch, and everything that can go wrong mapped to a result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import trio

from harness.core.answers import (
    Again,
    Failed,
    ItemRead,
    PageRead,
    Redirected,
    TokenRead,
    failed_status,
    own_words,
)
from harness.pacing import Notice
from harness.pacing.refusals import MOST_BODY, Declared, by_body, wants_body, without_hint
from harness.record.clock import utc_s
from harness.record.events import FIRST_PAGE, Batch, ItemId, Key, PageRef, Role
from harness.record.literals import loads
from harness.source.assuming import Assumed, contradicted
from harness.source.base import Got, OnHeaders
from harness.source.body import ACCEPTED, LOOKED_AT, TooLarge, evidence, read_body, read_start, recordable
from harness.source.credentials import CREDENTIAL, Credentials, KeyAuth
from harness.source.formats import Body, NoData, decoded, is_file, no_list, read_text
from harness.source.guess import Answer
from harness.source.headers import notice
from harness.source.http import ERRORS, AsyncBaseTransport, AsyncClient, Response, failure, open_client, trusted
from harness.source.reading import Reading
from harness.source.redirects import FOLLOWED, SEE_OTHER, Endings, leads_to, not_followed
from harness.source.rest import Garbled, Malformed, Request, Rest, as_text
from harness.source.tokens import Client as TokenClient, read_token
from harness.source.way_on import past_end
from harness.spec.source import Source
from harness.speed import by_the_wall

NO_CONTENT = 204
_TEXTS = ("url", "cursor", "keyset")  # kinds of pages that are what a server wrote
# Error bodies are small, and everyone else's requests go on meanwhile: one that drips is judged by what has come.
LONGEST_LOOK_S = 5.0
_UTF_8 = "utf-8-sig"  # with or without the mark that some put before it
_REFUSED = Got(Failed("refused"))
_TOLD_SECRET = Got(
    Failed(
        "malformed", "a link or an id of the list holds a secret that was sent; it must not be stored", passing=False
    )
)


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
        self._largest: tuple[int, Response, Body, str] | None = None  # the answer to page 1 with the most records
        self._timeout_s = timeout_s
        self._timed_out = Got(Failed("timed out", f"no complete answer within {timeout_s:g} s"))
        self._keep_records = keep_records
        # The records of pages are payloads too, for somebody who decides with them whether items are fetched.
        self.offers_records = self._places_too = False
        self._refused_when = refused_when
        self._wall = wall
        self._max_body = max_body
        unsaid = () if oauth is None else oauth.secrets
        self._credentials = Credentials(rest.url, headers or {}, variables or {}, auth, keys, unsaid)
        self._oauth = oauth
        self._same_host = same_host
        self._endings = Endings()
        self._hints_always = False  # Retry-After came with a success
        self._to_get: set[tuple[Role, Key]] = set()  # redirected to what is to be had with a GET
        self._near: dict[ItemId, str] = {}
        # Told each answer that could be read as JSON: for a check, which says what the API looks like.
        self.on_answer: Callable[[Key, Answer], None] | None = None
        self.reading = Reading(rest, self._credentials.redact, find_size=find_size)
        self._stale: set[tuple[Role, Key]] = (
            set()
        )  # to be sent again, on a connection that is surely none of the pool's
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
                    got = await self._ask(client, self._sent(role, key, credential, place, target), heard)
                except Malformed as error:  # an item that lies where nothing may be sent
                    got = Got(Failed("malformed", str(error), passing=False, sent=False))
        heard.tell()  # where the time was up while its body was read
        if key == FIRST_PAGE and self.reading.seeks_size and _may_be_large(got.result):
            got = self._less(got)
        self._note_stale(role, key, got)
        # A refusal is one from its verdict on, however its body ends.
        return self._noted(self._redacted(got)) if heard.wanted else None

    def _noted(self, got: Got) -> Got:
        """Remember where the items of the first page lie: a check, which keeps no record, asks for some of them."""
        if not self._near and isinstance(got.result, PageRead) and got.result.places:
            self._near = dict(zip(got.result.ids, got.result.places, strict=True))
        return got

    def _sent(self, role: Role, key: Key, credential: str | None, place: str | None, target: str | None) -> _Sent:
        if place is None and self._near and not isinstance(key, (PageRef, Batch)):
            place = self._near.get(key)
        own = self._request_of(key, place)
        if target is None:
            self._to_get.discard((role, key))
        elif (role, key) in self._to_get:
            own = replace(own, method="GET", json=None)
        asked = target or self._endings.with_ending(role, own.url)
        return _Sent(role, key, own.url, asked, credential, target is None and asked != own.url, own)

    def _request_of(self, key: Key, place: str | None = None) -> Request:
        if isinstance(key, PageRef):
            return self.reading.rest.page_request(key)
        return (
            self.reading.rest.batch_request(key)
            if isinstance(key, Batch)
            else self.reading.rest.item_request(key, place)
        )

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
                return self._read_token(oauth, response, body)
        except ERRORS as error:
            return Got(failure(error, answered=heard.said is not None))

    def _read_token(self, oauth: TokenClient, response: Response, body: Body | Malformed) -> Got:
        text = "" if isinstance(body, Malformed) else decoded(body, response.charset_encoding)
        refused = oauth.refused(response.status_code, text)
        if refused is not None:
            return Got(_with_evidence(refused, response, body))
        if not response.is_success:
            return Got(_with_evidence(_by_status("token", response), response, body))
        read = read_token(text)
        if read is None:  # without its body, which may hold one all the same
            return Got(Failed("malformed", "the answer of the token's address has no access_token", passing=False))
        self._credentials.use_token(read[0])
        return Got(TokenRead(read[1]))

    def _as_meant(self, said: Notice) -> Notice:
        if 200 <= said.status < 300 and said.retry_after_s is not None:
            self._hints_always = True
        return without_hint(said) if self._hints_always else said

    async def _ask(self, client: AsyncClient, sent: _Sent, heard: _Heard) -> Got:
        extensions = {} if sent.credential is None else {CREDENTIAL: sent.credential}
        try:
            own = sent.request
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
                    self._resized(sent, response, body)
                    or self._elsewhere(sent, response)
                    or self._read_as(sent, response, body)
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
            lines, start = evidence(response.headers, body if isinstance(body, Body) else b"")
            known = self._credentials
            said = replace(said, headers=recordable(known.redact(lines)), body=recordable(known.redact(start)) or None)
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

    def _elsewhere(self, sent: _Sent, response: Response) -> Got | None:
        """Return where the request is to be sent instead; None where the answer is to be read."""
        if (target := self.reading.refused(sent.key, response.status_code)) is not None:
            return Got(Redirected(target, sent.url))
        return self._redirected(sent, response)

    def _redirected(self, sent: _Sent, response: Response) -> Got | None:
        """Return where a redirect leads; None where it leads nowhere that may be asked."""
        status, location = response.status_code, response.extensions.get("location")
        if sent.ended and self._endings.is_wrong(sent.role, status):
            return Got(Redirected(sent.own, sent.url))
        if status not in FOLLOWED or not location:
            return None
        target = leads_to(sent.url, location, same_host=self._same_host)
        if target is None:
            return None
        shown = self._credentials.restore_placeholders(target)
        if shown is None:
            return _TOLD_SECRET
        if status == SEE_OTHER and sent.request.method != "GET":
            self._to_get.add((sent.role, sent.key))
        self._endings.learn(status, sent.role, sent.url, shown)
        return Got(Redirected(shown, sent.url))

    def _resized(self, sent: _Sent, response: Response, body: Body | Malformed) -> Got | None:
        """Return that page 1 is to be asked for with another size, where the one that was asked for is refused."""
        if sent.key != FIRST_PAGE or response.is_success:
            return None
        words = "" if isinstance(body, Malformed) else body.decode(_UTF_8, "replace")
        why = self.reading.size_refused(response.status_code, words)
        return None if why is None else Got(Again(why))

    def _less(self, got: Got) -> Got:
        """Ask for fewer records from here on; at once, where an answer came."""
        why = self.reading.too_much()
        at_once = isinstance(got.result, Failed) and got.result.reason == "too large"
        return got if why is None or not at_once else Got(Again(why))

    def _sized(self, read: PageRead, response: Response, body: Body, text: str) -> Got:
        """Take in page 1 while its size is looked for: ask again, or read the largest that came."""
        got = len(read.ids)
        if self._largest is None or got >= self._largest[0]:
            self._largest = (got, response, body, text)
        why = self.reading.sized(lambda rest: rest.read_page(FIRST_PAGE, text, response.headers)[0], got)
        if why is not None:
            self._largest = self._largest if self.reading.keeps_largest else None
            return Got(Again(why))
        _, response, body, text = self._largest
        self._largest = None
        return self._data_of(FIRST_PAGE, response, body, text)

    def _read_as(self, sent: _Sent, response: Response, body: Body | Malformed) -> Got:
        got = self._read(sent.key, response, body)
        if not isinstance(got.result, PageRead) or not isinstance(sent.key, PageRef):
            return got
        again = self.reading.read(sent.key, got.result)
        return got if again is None else Got(Redirected(again, sent.url))

    def _read(self, key: Key, response: Response, body: Body | Malformed) -> Got:
        status = response.status_code
        if not response.is_success:
            return self._failed(key, response, body)
        if status == NO_CONTENT and isinstance(key, PageRef):
            nothing = Failed("malformed", "the answer has no content", passing=False, past_end=f"answered {status}")
            return Got(_with_evidence(nothing, response, b""))
        try:
            if isinstance(body, Malformed):
                raise body
            text = _data(key, response, body)
            self.reading.rest.check_declared(status, text)
            return self._data_of(key, response, body, text)
        except Malformed as error:
            reason = "too large" if isinstance(error, TooLarge) else "malformed"
            why = str(error)
            if self.assumed is not None and not isinstance(error, (Garbled, TooLarge)):
                why = contradicted(self.assumed, key, why)
            failed = Failed(reason, why, passing=isinstance(error, Garbled), past_end=error.past_end)
            return Got(_with_evidence(replace(failed, remarks=error.remarks), response, body))

    def _failed(self, key: Key, response: Response, body: Body | Malformed) -> Got:
        status, rest = response.status_code, self.reading.rest
        words = "" if isinstance(body, Malformed) else body.decode(_UTF_8, "replace")
        failed = _explained(key, _by_status("list" if isinstance(key, PageRef) else "item", response), words)
        says = past_end(status, words) if rest.counts(key) else None
        failed = replace(failed, past_end=says or rest.ends_with(status))
        if hint := self.reading.hint(key, status):
            failed = replace(failed, detail=f"{failed.detail}; {hint}" if failed.detail else hint)
        return Got(_with_evidence(failed, response, body))

    def _data_of(self, key: Key, response: Response, body: Body, text: str) -> Got:
        """Return the result of a body that is data; Malformed where it is not what was asked for. text: as JSON."""
        file = is_file(response.headers.get("content-type", ""), body)
        if self.on_answer is not None:
            self.on_answer(key, self._answer(key, response, text, file))
        if isinstance(key, Batch):
            read, payloads = self.reading.rest.read_batch(key, text)
            return Got(read, tuple(payloads))
        if not isinstance(key, PageRef):
            payload, carried, spelt = self.reading.rest.read_item(key, text)
            body_start = None if carried else text[:LOOKED_AT]
            return Got(ItemRead(len(body), carried, body_start, spelt), ((key, payload),))
        if file and self.reading.repeats_file(key, text):
            return Got(PageRead((), paging="single", past=f"page {key} is the same file as page 1"))
        if key == FIRST_PAGE and self.reading.is_undecided:
            self.reading.decide(self._answer(key, response, text, file))
        kept_as_items = self._keep_records and not self._places_too
        page, records = self.reading.rest.read_page(
            self.reading.known_as(key), text, response.headers, kept=kept_as_items
        )
        if key == FIRST_PAGE and self.reading.seeks_size:
            del records  # the page is read again there, and one that is large would stand here twice
            return self._sized(page, response, body, text)
        kept = records if self._keep_records or self.offers_records else []
        page = replace(page, itemless=self.reading.itemless)
        return Got(page, tuple((item, as_text(record)) for item, record in kept))

    @property
    def source(self) -> Source:
        """What the API is taken for: as it was declared, and assumed since."""
        return self.reading.rest.source

    def offer_records(self) -> None:
        """Hand out the records of pages beside where their items lie: for a look, which asks for both."""
        self.offers_records = self._places_too = True

    def go_by(self, source: Source, refused: Collection[str] | None = None, file: str = "") -> None:
        """Read the API as `source` says from here on: what a run has assumed, say; see `Reading`."""
        self.reading.go_by(source, refused, file)

    @property
    def assumed(self) -> Assumed | None:
        """What page 1 made believe; None where nothing was open, or it has not come yet."""
        return self.reading.assumed

    def _answer(self, key: Key, response: Response, text: str, file: bool) -> Answer:
        """Return an answer to guess from; its URL with the names of variables, as everything that may be shown."""
        item = None if isinstance(key, (PageRef, Batch)) else key
        try:
            value = loads(text)
        except (ValueError, RecursionError):
            value = None
        headers = {name.lower(): said for name, said in response.headers.items()}
        place = None if isinstance(key, (PageRef, Batch)) else self._near.get(key)
        url, status = self._request_of(key, place).url, response.status_code
        return Answer(url, value, headers, status, text=text[:1000], item=item, is_file=file)

    def _redacted(self, got: Got) -> Got:
        """Return `got` without what we sent to prove who we are, should a server or a library repeat it."""
        known, result = self._credentials, got.result
        if isinstance(result, Failed):
            headers, body = (recordable(text and known.redact(text)) for text in (result.headers, result.body))
            detail = known.redact(result.detail)[:300]
            return replace(got, result=replace(result, detail=detail, headers=headers, body=body))
        if isinstance(result, ItemRead) and result.body is not None:
            result = replace(result, body=recordable(known.redact(result.body)))
        if isinstance(result, PageRead):
            following = None if result.next_page is None else known.restore_placeholders(str(result.next_page.value))
            if (following is None) != (result.next_page is None) or known.in_ids(result.ids):
                return _TOLD_SECRET
            if result.next_page is not None and following is not None and result.next_page.kind in _TEXTS:
                result = replace(result, next_page=result.next_page._replace(value=following))
            places = [known.restore_placeholders(place) for place in result.places]
            if None in places:
                return _TOLD_SECRET
            result = replace(result, places=tuple(place or "" for place in places))
        if isinstance(result, PageRead) and (result.unread or result.said_by or result.remarks):
            unread, said_by, remarks = map(known.redact, (result.unread, result.said_by, result.remarks))
            result = replace(result, unread=unread, said_by=said_by, remarks=remarks)
        return Got(result, tuple((item, known.redact_payload(payload)) for item, payload in got.payloads))


def _may_be_large(result: object) -> bool:
    """Return whether a request failed as those do that ask for too much."""
    if not isinstance(result, Failed):
        return False
    return result.reason in ("too large", "timed out") or result.reason.startswith("status 5")


class _Sent(NamedTuple):
    """A request: what it asks for, at which address (`own`: the one that is its own), with which key.

    ended: its own address was given the ending that others needed.
    """

    role: Role
    key: Key
    own: str
    url: str
    credential: str | None
    ended: bool
    request: Request


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


def _explained(key: Key, failed: Failed, words: str) -> Failed:
    """Return the failure with the server's own sentence beside its status: of page 1, for nothing else is known yet."""
    said = own_words(words) if key == FIRST_PAGE and failed.reason != "redirected" else ""
    return replace(failed, detail=f'{failed.detail}, "{said}"'.removeprefix(", ")) if said else failed


def _data(key: Key, response: Response, body: Body) -> str:
    """Return the body as JSON text. Malformed at once where the list's own address answers with no data at all."""
    content_type = response.headers.get("content-type", "")
    try:
        return read_text(content_type, body)
    except NoData:
        if key != FIRST_PAGE:  # an item or a later page, after the list had answered: somebody else's page for a while
            raise
        raise Malformed(no_list(content_type, body)) from None


def _by_status(role: Role, response: Response) -> Failed:
    """Return the failure of an answer that is no success, by its status."""
    status = response.status_code
    if status in FOLLOWED:
        return not_followed(role, status, response.extensions.get("location"))
    return failed_status(status)


def _with_evidence(failed: Failed, response: Response, body: Body | Malformed) -> Failed:
    headers, text = evidence(response.headers, b"" if isinstance(body, Malformed) else body)
    return replace(failed, headers=headers, body=text)
