"""A request and what it gets, as the shell and a simulator exchange them with `Service`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness_test_api.dialects import Headers
from harness_test_api.faults import Fault
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
    """What one request gets.

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
    """A body that is known already."""
    return lambda: value
