"""Read what an answer means: a page, an item, a batch or a token, or why it is none of these.

An answer is looked at in this order, and the first that applies is its result:

1. It is page 1 with a size that the API refuses: ask again with another (`Again`).
2. It is refused for parameters that nobody declared: ask without them (`Redirected`; see `Reading`).
3. It redirects, which is the client's business (`harness.source.client`).
4. It has no success: a failure, with the server's words where they help and with evidence.
5. It is no data, another kind of data, or declared to be a failure: malformed, with evidence.
6. It is what was asked for.

**Page 1 decides more than itself.** What nobody declared is assumed from it before it is read. While the page size is
looked for it is asked for several times; then the largest answer that came is kept as it came and read once, at the
end, for a page that is large should stand here once.

What is read here may still hold secrets: `harness.source.evidence` takes them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.core.answers import Again, Failed, ItemRead, PageRead, Redirected, TokenRead, failed_status, own_words
from harness.record.events import FIRST_PAGE, Batch, ItemId, Key, PageRef, Role
from harness.record.literals import loads
from harness.source.assuming import contradicted
from harness.source.base import Got
from harness.source.body import TooLarge
from harness.source.evidence import LOOKED_AT, with_evidence
from harness.source.formats import Body, NoData, decoded, is_file, no_list, read_text
from harness.source.guess import Answer
from harness.source.http import Response
from harness.source.reading import Reading
from harness.source.records import Garbled, Malformed, as_text
from harness.source.redefined import Redefined
from harness.source.redirects import FOLLOWED, not_followed
from harness.source.tokens import Client as TokenClient, read_token
from harness.source.way_on import past_end

_NO_CONTENT = 204
_UTF_8 = "utf-8-sig"  # with or without the mark that some put before it


class AnswerReader:
    """Reads answers as `reading` says. keep_records: the list's records are payloads, as if they were the items."""

    def __init__(self, reading: Reading, *, keep_records: bool) -> None:
        self._reading = reading
        self._keep_records = keep_records
        self.offers_records = False  # see `HttpApi`
        self._places_too = False
        self.on_answer: Callable[[Key, Answer], None] | None = None  # see `HttpApi`
        self._largest: tuple[int, Response, Body, str] | None = None  # the answer to page 1 with the most records
        self._page_1_at = ""  # the URL of that one, once it is the page that is read
        self._near: dict[ItemId, str] = {}
        self._redefined = Redefined()

    def offer_records(self) -> None:
        """Hand out the records of pages beside where their items lie."""
        self.offers_records = self._places_too = True

    # --- where items lie ------------------------------------------------------------------------------------------

    def noted(self, got: Got) -> Got:
        """Remember where the items of the first page lie: a check, which keeps no record, asks for some of them."""
        if not self._near and isinstance(got.result, PageRead) and got.result.places:
            self._near = dict(zip(got.result.ids, got.result.places, strict=True))
        return got

    def place_of(self, key: Key) -> str | None:
        """Return where an item lies, if the first page said so."""
        return None if not self._near or isinstance(key, (PageRef, Batch)) else self._near.get(key)

    # --- asking otherwise -----------------------------------------------------------------------------------------

    def otherwise(self, key: Key, asked: str, response: Response, body: Body | Malformed) -> Got | None:
        """Return how to ask for the same in another way; None where the answer is to be read. asked: the URL."""
        if key == FIRST_PAGE and not response.is_success:
            why = self._reading.size_refused(response.status_code, _words(body))
            if why is not None:
                return Got(Again(why))
        target = self._reading.refused(key, response.status_code)
        return None if target is None else Got(Redirected(target, asked))

    def for_less(self, key: Key, got: Got) -> Got:
        """Ask for fewer records from here on where page 1 failed as requests do that ask for too much; at once, where
        an answer came.
        """
        if key != FIRST_PAGE or not self._reading.seeks_size or not _may_be_large(got.result):
            return got
        why = self._reading.too_much()
        at_once = isinstance(got.result, Failed) and got.result.reason == "too large"
        return got if why is None or not at_once else Got(Again(why))

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, key: Key, asked: str, response: Response, body: Body | Malformed) -> Got:
        """Return the result of an answer that is to be read. asked: the URL."""
        got = self._read(key, response, body)
        if not isinstance(got.result, PageRead) or not isinstance(key, PageRef):
            return got
        again = self._reading.read(key, got.result, self._page_1_at or asked)
        return got if again is None else Got(Redirected(again, asked))

    def _read(self, key: Key, response: Response, body: Body | Malformed) -> Got:
        status = response.status_code
        if not response.is_success:
            return self._failed(key, response, body)
        if status == _NO_CONTENT and isinstance(key, PageRef):
            nothing = Failed("malformed", "the answer has no content", passing=False, past_end=f"answered {status}")
            return Got(with_evidence(nothing, response, b""))
        try:
            if isinstance(body, Malformed):
                raise body
            text = _data(key, response, body)
            self._reading.rest.check_declared(status, text)
            return self._data_of(key, response, body, text)
        except Malformed as error:
            return Got(with_evidence(self._malformed(key, error), response, body))

    def _malformed(self, key: Key, error: Malformed) -> Failed:
        reason = "too large" if isinstance(error, TooLarge) else "malformed"
        why, assumed = str(error), self._reading.assumed
        if assumed is not None and not isinstance(error, (Garbled, TooLarge)):
            why = contradicted(assumed, key, why)
        failed = Failed(reason, why, passing=isinstance(error, Garbled), past_end=error.past_end)
        return replace(failed, remarks=error.remarks)

    def _failed(self, key: Key, response: Response, body: Body | Malformed) -> Got:
        status, rest = response.status_code, self._reading.rest
        words = _words(body)
        failed = _explained(_by_status("list" if isinstance(key, PageRef) else "item", response), words)
        says = past_end(status, words) if rest.counts(key) else None
        failed = replace(failed, past_end=says or rest.ends_with(status))
        if hint := self._reading.hint(key, status):
            failed = replace(failed, detail=f"{failed.detail}; {hint}" if failed.detail else hint)
        return Got(with_evidence(failed, response, body))

    def _data_of(self, key: Key, response: Response, body: Body, text: str) -> Got:
        """Return the result of a body that is data; Malformed where it is not what was asked for. text: as JSON."""
        file = is_file(response.headers.get("content-type", ""), body)
        if self.on_answer is not None:
            self.on_answer(key, self._answer(key, response, text, file))
        if isinstance(key, Batch):
            read, payloads = self._reading.rest.read_batch(key, text)
            return Got(read, tuple(payloads))
        if isinstance(key, PageRef):
            return self._page(key, response, body, text, file)
        payload, carried, spelt = self._reading.rest.read_item(key, text)
        body_start = None if carried else text[:LOOKED_AT]
        return Got(ItemRead(len(body), carried, body_start, spelt), ((key, payload),))

    def _page(self, key: PageRef, response: Response, body: Body, text: str, file: bool) -> Got:
        reading = self._reading
        if file and reading.repeats_file(key, text):
            return Got(PageRead((), paging="single", past=f"is the same file as page 1{unsaid_end(response.headers)}"))
        if key == FIRST_PAGE and reading.is_undecided:
            reading.decide(self._answer(key, response, text, file))
        kept_as_items = self._keep_records and not self._places_too
        page, records = reading.rest.read_page(reading.known_as(key), text, response.headers, kept=kept_as_items)
        if key == FIRST_PAGE and reading.seeks_size:
            del records  # the page is read again there, and one that is large would stand here twice
            return self._sized(page, response, body, text)
        kept = records if self._keep_records or self.offers_records else []
        other = self._redefined.other_record(kept)
        page = replace(page, itemless=reading.itemless, rivals=reading.rivals, other=other)
        return Got(page, tuple((item, as_text(record)) for item, record in kept))

    def _sized(self, read: PageRead, response: Response, body: Body, text: str) -> Got:
        """Take in page 1 while its size is looked for: ask again, or read the largest that came."""
        got = len(read.ids)
        if self._largest is None or got >= self._largest[0]:
            self._largest = (got, response, body, text)
        why = self._reading.sized(lambda rest: rest.read_page(FIRST_PAGE, text, response.headers)[0], got)
        if why is not None:
            self._largest = self._largest if self._reading.keeps_largest else None
            return Got(Again(why))
        _, response, body, text = self._largest
        self._largest, self._page_1_at = None, str(response.url)
        return self._data_of(FIRST_PAGE, response, body, text)

    def _answer(self, key: Key, response: Response, text: str, file: bool) -> Answer:
        """Return an answer to guess from; its URL with the names of variables, as everything that may be shown."""
        item = None if isinstance(key, (PageRef, Batch)) else key
        try:
            value = loads(text)
        except (ValueError, RecursionError):
            value = None
        headers = {name.lower(): said for name, said in response.headers.items()}
        url = self._reading.rest.request(key, self.place_of(key)).url
        return Answer(url, value, headers, response.status_code, text=text[:1000], item=item, is_file=file)


def token_of(client: TokenClient, response: Response, body: Body | Malformed) -> tuple[Got, str | None]:
    """Return the result of asking for a token, and the token; None where none came."""
    text = "" if isinstance(body, Malformed) else decoded(body, response.charset_encoding)
    refused = client.refused(response.status_code, text)
    if refused is None and not response.is_success:
        refused = _by_status("token", response)
    if refused is not None:
        return Got(with_evidence(refused, response, body)), None
    read = read_token(text)
    if read is None:  # without its body, which may hold one all the same
        why = "the answer of the token's address has no access_token"
        return Got(Failed("malformed", why, passing=False)), None
    return Got(TokenRead(read[1])), read[0]


def unsaid_end(headers: Mapping[str, str]) -> str:
    """Say, where it is so, that nothing but the end of the connection shows where a file ends: it may be cut short."""
    if "content-length" in headers or "transfer-encoding" in headers:
        return ""
    return ", and only the close of its connection shows where it ends"


def _words(body: Body | Malformed) -> str:
    """Return what an answer that is no success says, as far as it can be read."""
    return "" if isinstance(body, Malformed) else body.decode(_UTF_8, "replace")


def _may_be_large(result: object) -> bool:
    """Return whether a request failed as those do that ask for too much."""
    if not isinstance(result, Failed):
        return False
    return result.reason in ("too large", "timed out") or result.reason.startswith("status 5")


def _explained(failed: Failed, words: str) -> Failed:
    """Return the failure with the server's own sentence beside its status, where it says more than that."""
    said = own_words(words) if failed.reason != "redirected" else ""
    if not said or said.casefold() in failed.detail.casefold():
        return failed
    return replace(failed, detail=f'{failed.detail}, "{said}"'.removeprefix(", "))


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
