"""Requests and answers have the shape in which the shell and a simulator exchange them with `Service`.

An admitted request is answered here, too: with a page, an item, or the reason why not; a status fault then changes that
answer. A body is bytes only when someone asks for them: the simulator does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from harness_test_api.catalogue import Catalogue, GeneratedCatalogue
from harness_test_api.config import ServerConfig
from harness_test_api.dialects import Headers
from harness_test_api.faults import Fault
from harness_test_api.paging import BadQuery, make_pager
from harness_test_api.policies import Budget

Route = Literal["list", "item", "other"]
Body = Callable[[], Any]

_NO_QUERY: Mapping[str, str] = {}
JSON = "application/json"


class Ask(NamedTuple):
    """One request, as far as the decision needs it.

    base: scheme and host of the URLs in the answer. fault: what the request itself asks to go wrong.
    """

    route: Route
    item_id: str = ""
    query: Mapping[str, str] = _NO_QUERY
    address: str = "127.0.0.1"
    api_key: str | None = None
    base: str = "http://127.0.0.1"
    fault: Fault | None = None


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
    """The list and its items."""

    def __init__(self, config: ServerConfig, started_at: float) -> None:
        self.catalogue = _catalogue(config, started_at)
        self._pager = make_pager(config.paging, not config.no_total)

    def answer(self, now: float, ask: Ask) -> Answer:
        """Answer `ask` at `now` as when nothing goes wrong."""
        if ask.route == "list":
            return self._list(now, ask)
        if ask.route == "item":
            return self._item(now, ask.item_id)
        return message(404, "there is no such page; the list is at /api/items")

    def _item(self, now: float, item_id: str) -> Answer:
        item = self.catalogue.find(now, item_id)
        if item is not None:
            return Answer(200, item)
        status = self.catalogue.missing(item_id)
        gone = "is no item" if status == 404 else "was an item, now deleted,"
        return message(status, f"there {gone} {item_id[:40]!r}")

    def _list(self, now: float, ask: Ask) -> Answer:
        try:
            page = self._pager.page(self.catalogue, now, ask.query, f"{ask.base}/api/items")
        except BadQuery as error:
            return message(422, str(error), errors={error.name: [str(error)]})
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
    return Answer(status, always({"message": text, **more}))


def _catalogue(config: ServerConfig, started_at: float) -> Catalogue:
    if config.data:
        from harness_test_api.data_file import DataCatalogue  # reads Parquet: loaded only where a file is served

        return DataCatalogue(config.data)
    return GeneratedCatalogue(config.items, config.seed, config.parsed.drift, started_at, config.newest_first)
