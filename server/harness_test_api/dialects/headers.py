"""A dialect puts a server's limits into headers and refusals; here are all of them, and what each is told.

Some servers say nothing of their limits, or refuse in words no client parses. Some write `X-RateLimit-*` as it was
before there was a draft: an honest one and Laravel's. The others follow one of the three shapes of
draft-ietf-httpapi-ratelimit-headers found in the field: draft 6 has three fields and a policy, draft 7 one field,
draft 8 and later structured fields (RFC 9651) with all tiers. In the drafts all times are whole seconds to go, and
Retry-After takes precedence. What known APIs say is a table, in `vendors`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from http_sf import ser
from http_sf.types import BareItemType, ItemType, ListType

from harness_test_api.errors import BadConfig
from harness_test_api.spec import period_text
from harness_test_api.tiers import Tier

Headers = list[tuple[str, str]]


# These two are made for each request. Not frozen: that took three times as long.
@dataclass(slots=True)
class Level:
    """One tier as it stands after the decision. reset_s: seconds until the whole limit is there again, maybe inf.

    frees_s: seconds until some of it comes back; only where the `reset-next` lie asks for it.
    """

    tier: Tier
    remaining: int
    reset_s: float
    frees_s: float | None = None


@dataclass(slots=True)
class Situation:
    """One decision, as a dialect needs it.

    levels: all tiers of the budget, in the order written (at least one). binding: index of the tier that will
    refuse first, or that refused. refused: whether it was. retry_after_s: exact; None: no time can be named.
    epoch_s: the wall clock. client: whom the body may address.
    """

    levels: Sequence[Level]
    binding: int
    refused: bool
    retry_after_s: float | None
    epoch_s: float
    client: str = ""

    @property
    def level(self) -> Level:
        """The tier that binds."""
        return self.levels[self.binding]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it is sent: status, body (a JSON value, or text of `content_type`)."""

    status: int
    body: Any
    content_type: str = "application/json"


class Dialect(Protocol):
    """A server's way of telling its limits."""

    def headers(self, situation: Situation) -> Headers:
        """Headers for an answer that passed, or for a refusal."""

    def refusal(self, situation: Situation) -> Refusal:
        """Status and body of a refusal."""


def parse_refusal(text: str) -> Refusal | None:
    """`403`, or `400:BODY`: status and body of every refusal; None for no text, BadConfig for what cannot be read.

    A body that is JSON is sent as such, one that begins with `<` as HTML, any other as plain text.
    """
    if not text:
        return None
    status, colon, body = text.partition(":")
    if len(status) != 3 or not status.isascii() or not status.isdecimal() or not 200 <= int(status) <= 599:
        raise BadConfig(f"refusal: {text[:60]!r} does not begin with a status from 200 to 599; write 403 or 400:BODY")
    try:
        return Refusal(int(status), json.loads(body) if colon else {"message": "refused"})
    except (ValueError, RecursionError):
        return Refusal(int(status), body, "text/html" if body.lstrip().startswith("<") else "text/plain")


def whole_seconds(seconds: float) -> int:
    """Round up to whole seconds, at least 1: a client that waits so long is let in."""
    return max(1, math.ceil(seconds))


def retry_after(situation: Situation) -> Headers:
    """Retry-After as it should be (RFC 9110 section 10.2.3), on refusals whose end can be named."""
    if not situation.refused or situation.retry_after_s is None:
        return []
    return [("Retry-After", str(whole_seconds(situation.retry_after_s)))]


def too_many(situation: Situation) -> Refusal:
    """429 (RFC 6585 section 4) with a message, and the time to wait where one can be named."""
    body: dict[str, object] = {"message": "Too Many Requests"}
    if situation.retry_after_s is not None:
        body["retry_after"] = whole_seconds(situation.retry_after_s)
    return Refusal(429, body)


def reset_delta(level: Level) -> int:
    """Whole seconds to the reset, rounded up; where nobody knows it (concurrency), 1."""
    return math.ceil(level.reset_s) if math.isfinite(level.reset_s) else 1


def reset_epoch(situation: Situation, level: Level) -> int:
    """The epoch second of the reset, rounded up."""
    return math.ceil(situation.epoch_s + (level.reset_s if math.isfinite(level.reset_s) else 1))


_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Silent:
    """No header, ever; a bare 429."""

    def headers(self, situation: Situation) -> Headers:
        return []

    def refusal(self, situation: Situation) -> Refusal:
        return Refusal(429, {"message": "Too Many Requests"})


class RetryAfterOnly:
    """No header on an answer that passes; a refusal says how long to wait (RFC 6585 section 4), and no more."""

    def headers(self, situation: Situation) -> Headers:
        return retry_after(situation)

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class HtmlPage(Silent):
    """No header; a refusal is an HTML page (nginx's limit_req: 503; firewalls in front of an API: 403)."""

    def __init__(self, status: int, title: str) -> None:
        self._refusal = Refusal(status, _PAGE.format(title), "text/html")

    def refusal(self, situation: Situation) -> Refusal:
        return self._refusal


def _x_rate_limit(level: Level, reset: int) -> Headers:
    return [
        ("X-RateLimit-Limit", str(level.tier.limit)),
        ("X-RateLimit-Remaining", str(level.remaining)),
        ("X-RateLimit-Reset", str(reset)),
    ]


class Honest:
    """The default: the tier that binds first, all true; Reset is the epoch second of its end, rounded up."""

    def headers(self, situation: Situation) -> Headers:
        level = situation.level
        return _x_rate_limit(level, reset_epoch(situation, level)) + retry_after(situation)

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class Laravel:
    """The reference system: the tier written last, Reset always a whole window away except on a refusal.

    Its Retry-After is rounded down, so it may be 0 or up to a second short.
    """

    def headers(self, situation: Situation) -> Headers:
        if not situation.refused:
            level = situation.levels[-1]
            return _x_rate_limit(level, math.floor(situation.epoch_s + level.tier.period_s))
        wait_s = situation.retry_after_s or 0.0
        headers = _x_rate_limit(situation.level, math.floor(situation.epoch_s + wait_s))
        return [*headers, ("Retry-After", str(math.floor(wait_s)))]

    def refusal(self, situation: Situation) -> Refusal:
        return Refusal(429, {"message": "Too Many Attempts."})


_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def _policies(situation: Situation) -> str:
    return ", ".join(f"{level.tier.limit};w={_window(level)}" for level in situation.levels)


def _window(level: Level) -> int:
    return whole_seconds(level.tier.period_s)


class Draft6:
    """`RateLimit-Limit`, `-Remaining`, `-Reset` of the tier that binds; all tiers in `RateLimit-Policy`."""

    def headers(self, situation: Situation) -> Headers:
        level = situation.level
        return [
            ("RateLimit-Policy", _policies(situation)),
            ("RateLimit-Limit", str(level.tier.limit)),
            ("RateLimit-Remaining", str(level.remaining)),
            ("RateLimit-Reset", str(reset_delta(level))),
            *retry_after(situation),
        ]

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class Draft7:
    """`RateLimit: limit=, remaining=, reset=` of the tier that binds; all tiers in `RateLimit-Policy`."""

    def headers(self, situation: Situation) -> Headers:
        level = situation.level
        told = f"limit={level.tier.limit}, remaining={level.remaining}, reset={reset_delta(level)}"
        return [("RateLimit-Policy", _policies(situation)), ("RateLimit", told), *retry_after(situation)]

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class Draft8:
    """Every tier by name in `RateLimit-Policy` (q, w) and `RateLimit` (r, t); refusals are problem+json."""

    def headers(self, situation: Situation) -> Headers:
        names = _names(situation)
        policies: ListType = [_item(name, q=lv.tier.limit, w=_window(lv)) for name, lv in zip(names, situation.levels)]
        # `t` is the window's end; since -11 it promises nothing about when quota comes back.
        levels: ListType = [_item(name, r=lv.remaining, t=reset_delta(lv)) for name, lv in zip(names, situation.levels)]
        return [("RateLimit-Policy", ser(policies)), ("RateLimit", ser(levels)), *retry_after(situation)]

    def refusal(self, situation: Situation) -> Refusal:
        violated = [_names(situation)[situation.binding]]
        body = {"type": _QUOTA_EXCEEDED, "title": "Request cannot be satisfied: quota exceeded", "status": 429}
        return Refusal(429, body | {"violated-policies": violated}, "application/problem+json")


def _item(name: str, **parameters: int) -> ItemType:
    # A dict of ints is a dict of bare items; the checker needs to be told.
    bare: dict[str, BareItemType] = {**parameters}
    return name, bare


def _names(situation: Situation) -> list[str]:
    """Name the tiers for the fields: `per-20s`, `in-flight`; numbered where two would be the same."""
    names = [
        "in-flight" if level.tier.kind == "concurrency" else f"per-{period_text(level.tier.period_s)}"
        for level in situation.levels
    ]
    return [name if names.count(name) == 1 else f"{name}-{n}" for n, name in enumerate(names, 1)]
