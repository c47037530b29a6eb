"""What an admitted request is answered: a page, an item, or why not; and what a status fault makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness_test_api.catalogue import Catalogue, GeneratedCatalogue
from harness_test_api.config import ServerConfig
from harness_test_api.dialects import Headers
from harness_test_api.exchange import JSON, Ask, Body, always
from harness_test_api.faults import Fault
from harness_test_api.paging import BadQuery, make_pager


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
        """What `ask` gets at `now` when nothing goes wrong."""
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
    """`answer` as a status fault or a wrong content type leaves it; other faults happen on the wire."""
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
        from harness_test_api.data_file import DataCatalogue  # reads Parquet: loaded only by who asks for it

        return DataCatalogue(config.data)
    return GeneratedCatalogue(config.items, config.seed, config.parsed.drift, started_at, config.newest_first)
