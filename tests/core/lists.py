"""Servers of lists, honest and not, without IO: what they answer to a URL, and an import of them by Rest and Core."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.core.answers import Failed, Fetch, ItemRead, Result, failed_status
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record.state import State
from harness.source.rest import Garbled, Malformed, Rest
from harness.source.way_on import past_end
from tests.core.play import Play

URL = "https://api.test/items"
PER_PAGE = 3
REST = Rest(URL, PER_PAGE)


@dataclass(frozen=True)
class Reply:
    """An answer: a JSON value or a text, a status, headers by lower-case name."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


Answers = Callable[[dict[str, str]], Reply]  # of a query


def result_of(rest: Rest, fetch: Fetch, reply: Reply) -> Result:
    """What the client makes of an answer."""
    if not 200 <= reply.status < 300:
        return replace(failed_status(reply.status), past_end=past_end(reply.status, reply.text))
    if reply.status == 204:
        return Failed("malformed", "the answer has no content", passing=False, past_end="answered 204")
    try:
        return rest.read_page(fetch.page, reply.text, reply.headers)[0]
    except Malformed as error:
        passing = isinstance(error, Garbled)
        return Failed("malformed", str(error), passing=passing, past_end=error.past_end, remarks=error.remarks)


def importing(answers: Answers, rest: Rest = REST, state: State | None = None, **rules: Any) -> Play:
    """An import that has ended."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            return 0.01, Notice(200), ItemRead(1)
        reply = answers(dict(parse_qsl(urlsplit(rest.page_url(fetch.page)).query)))
        # Later numbers answer sooner, so that what arrives is in no order.
        latency_s = 0.05 + (0.04 / max(1, fetch.page.number or 0) if (fetch.page.number or 0) > 0 else 0.0)
        return latency_s, Notice(reply.status), result_of(rest, fetch, reply)

    return Play(serve, Rules(retry_delays_s=(1.0,), **rules), state=state).run()


def pages_asked(play: Play) -> list[Any]:
    """The pages that were asked for, in order: numbers, and links as text."""
    return [key.value for _, role, key, _ in play.sent if role == "list"]


def records(*ids: Any) -> list[dict[str, Any]]:
    return [{"id": name} for name in ids]


def numbered(
    pages: list[list[int]],
    about: Callable[[int], dict[str, Any]] | None = None,
    past: Reply | None = None,
    start: int = 1,
) -> Answers:
    """A list of these pages by `?page=`, counted from `start`; about: more of a page's body; past: behind the last."""

    def answer(query: dict[str, str]) -> Reply:
        number = int(query.get("page", start))
        extra = {} if about is None else about(number)
        if 0 <= number - start < len(pages):
            return Reply({"data": records(*pages[number - start]), **extra})
        return past if past is not None else Reply({"data": [], **extra})

    return answer
