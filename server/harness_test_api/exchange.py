"""Requests and answers have the shape in which the shell and a simulator exchange them with `Service`.

An admitted request is answered here, too: with a page, an item, or the reason why not; a status fault then changes that
answer. A body is bytes only when someone asks for them: the simulator does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness_test_api.auth import Tokens
from harness_test_api.catalogue import Catalogue, GeneratedCatalogue
from harness_test_api.config import ServerConfig
from harness_test_api.dialects import Headers
from harness_test_api.faults import Fault
from harness_test_api.identity import Ids
from harness_test_api.paging import BadQuery, Pager, PastEnd
from harness_test_api.policies import Budget
from harness_test_api.records import Records
from harness_test_api.shape import put
from harness_test_api.tiers import Route

Body = Callable[[], Any]

_NO_QUERY: Mapping[str, str] = {}
JSON = "application/json"


class Ask(NamedTuple):
    """One request, as far as the decision needs it.

    base: scheme and host of the URLs in the answer. fault: what the request itself asks to go wrong. ids: of a batch.
    reply: the answer, where the request's form alone decides it (a redirect, a method that is not allowed).
    """

    route: Route
    item_id: str = ""
    query: Mapping[str, str] = _NO_QUERY
    address: str = "127.0.0.1"
    api_key: str | None = None
    base: str = "http://127.0.0.1"
    fault: Fault | None = None
    ids: tuple[str, ...] = ()
    reply: Reply | None = None


class Reply(NamedTuple):
    """An answer of the form of a request: status, words (empty: no body), and headers."""

    status: int
    words: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Decision:
    """The decision on one request.

    delay_s: from `now` to the answer's first byte. body: makes the JSON value (or text, as content_type says) when
    called; a simulator that needs none pays nothing. refused_by: the tier that refused, as text; None: admitted.
    fault: what goes wrong on the wire (`faults.WIRE_KINDS`), after status and body were decided. Hand the decision
    to `Service.finish` when the answer has gone out or the client has gone away.
    """

    status: int
    headers: Headers
    body: Body
    delay_s: float
    refused_by: str | None = None
    fault: Fault | None = None
    content_type: str = JSON
    budget: Budget | None = None
    cost: int = 1


def always(value: Any) -> Body:
    """Make a body of a value that is known already."""
    return lambda: value


@dataclass(slots=True)
class Answer:
    """Status, body and headers before the limits' headers are added."""

    status: int
    body: Body
    headers: Headers = field(default_factory=list)
    content_type: str = JSON


class Answers:
    """The list, its items, and batches of them, in the config's shape. tokens: what the token endpoint gives out."""

    def __init__(self, config: ServerConfig, started_at: float, tokens: Tokens | None = None) -> None:
        shape = self._shape = config.parsed.shape
        ids = Ids(shape.id_kind, config.seed, len(shape.id))
        self.catalogue = _catalogue(config, started_at)
        self._records = Records(shape, ids, config.seed)
        self._pager = Pager(shape, ids, self._records)
        self._tokens = tokens

    def answer(self, now: float, ask: Ask) -> Answer:
        """Answer `ask` at `now` as when nothing goes wrong."""
        if ask.reply is not None:
            return self._replied(ask.reply)
        if ask.route == "list":
            return self._list(now, ask)
        if ask.route == "item":
            return self._item(now, ask)
        if ask.route == "batch":
            found = (self.catalogue.find(now, item_id) for item_id in ask.ids)
            return Answer(200, always(self._records.batch([make() for make in found if make is not None], ask.base)))
        if ask.route == "token" and self._tokens is not None:
            return Answer(200, always(self._tokens.issue(now, ask.api_key or "")))
        return self.error(404, f"there is no such page; the list is at {self._shape.list}")

    def error(self, status: int, words: str, **more: Any) -> Answer:
        """An answer that says what went wrong, as this API says it."""
        if self._shape.ok and status < 500:
            return Answer(200, always({"ok": False, "error": words}))
        return _error(status, words, self._shape.error, more)

    def _replied(self, reply: Reply) -> Answer:
        answer = self.error(reply.status, reply.words) if reply.words else Answer(reply.status, always(None))
        answer.headers += reply.headers
        return answer

    def _item(self, now: float, ask: Ask) -> Answer:
        make = self.catalogue.find(now, ask.item_id)
        if make is not None:
            return Answer(200, lambda: self._records.item(make(), ask.base))
        status = self.catalogue.missing(ask.item_id)
        gone = "is no item" if status == 404 else "was an item, now deleted,"
        return self.error(status, f"there {gone} {ask.item_id[:40]!r}")

    def _list(self, now: float, ask: Ask) -> Answer:
        try:
            page = self._pager.page(self.catalogue, now, ask.query, ask.base)
        except BadQuery as error:
            return self.error(self._shape.bad_status, str(error), errors={error.name: [str(error)]})
        except PastEnd as error:
            return Answer(204, always(None)) if error.status == 204 else self.error(error.status, str(error))
        return Answer(200, always(page.body), list(page.headers))


def broken(answer: Answer, fault: Fault) -> Answer:
    """Change `answer` as a status fault or a wrong content type does; other faults happen on the wire."""
    if fault.status is not None:
        failed = message(fault.status, f"fault on request: {fault.status}")
        if fault.retry_after_s is not None:
            failed.headers.append(("Retry-After", f"{fault.retry_after_s:.12g}"))
        return failed
    if fault.kind == "wrong-type":
        return Answer(200, always("<html><body><h1>Please sign in</h1></body></html>"), content_type="text/html")
    return answer


def message(status: int, text: str, **more: Any) -> Answer:
    """A JSON answer that says something went wrong."""
    return _error(status, text, "message", more)


def _error(status: int, words: str, path: str, more: Mapping[str, Any]) -> Answer:
    body: dict[str, Any] = {}
    put(body, path, words)
    return Answer(status, always({**body, **more}))


def _catalogue(config: ServerConfig, started_at: float) -> Catalogue:
    if config.data:
        from harness_test_api.data_file import DataCatalogue  # reads Parquet: loaded only where a file is served

        return DataCatalogue(config.data)
    return GeneratedCatalogue(config.items, config.seed, config.parsed.drift, started_at, config.newest_first)
