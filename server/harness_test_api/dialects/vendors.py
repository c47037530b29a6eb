"""What known APIs say of their limits, as a table: one entry each, and a header is a name and a pattern.

Patterns are texts with fields of the limit that binds first (`{remaining}`), or of the limit at a place in the order
written (`{0.remaining}`); a header about a limit that is not there is left out. Seconds that people write as whole
numbers are rounded up. Where the facts come from: the owners' documentation, read in November 2026 (see the scenarios).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness_test_api.dialects.headers import Headers, Level, Refusal, Situation, whole_seconds


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal: status, body (texts in it are patterns), headers of its own, and how Retry-After is written.

    retry_after: a pattern; empty: it is not sent.
    """

    status: int
    body: Any
    retry_after: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """Headers of every answer, and the refusals by the place of the limit that refused (the last one for the rest)."""

    headers: tuple[tuple[str, str], ...]
    refusals: tuple[Said, ...]


_WAIT = "{wait}"
_MANY = "Too Many Requests"


def _three(prefix: str, reset: str = "{reset}", place: str = "") -> tuple[tuple[str, str], ...]:
    fields = (("Limit", f"{{{place}limit}}"), ("Remaining", f"{{{place}remaining}}"), ("Reset", reset))
    return tuple((prefix + name, pattern) for name, pattern in fields)


VENDORS: dict[str, Vendor] = {
    # Primary limit in headers; a secondary one refuses with Retry-After and a Remaining that looks like room.
    "github": Vendor(
        (
            ("x-ratelimit-limit", "{0.limit}"),
            ("x-ratelimit-remaining", "{0.remaining}"),
            ("x-ratelimit-reset", "{0.reset}"),
            ("x-ratelimit-used", "{0.used}"),
            ("x-ratelimit-resource", "core"),
        ),
        (
            Said(403, {"message": "API rate limit exceeded for {client}."}),
            Said(
                403, {"message": "You have exceeded a secondary rate limit. Please wait before you try again."}, _WAIT
            ),
        ),
    ),
    "gitlab": Vendor(
        (
            ("RateLimit-Limit", "{limit}"),
            ("RateLimit-Observed", "{used}"),
            ("RateLimit-Remaining", "{remaining}"),
            ("RateLimit-Reset", "{reset}"),
            ("RateLimit-ResetTime", "{reset_date}"),
        ),
        (Said(429, {"message": "Retry later"}, _WAIT),),
    ),
    "stripe": Vendor(
        (),
        (
            Said(
                429,
                {"error": {"type": "rate_limit", "message": _MANY}},
                "",
                (("Stripe-Rate-Limited-Reason", "global-rate"),),
            ),
            Said(
                429,
                {"error": {"type": "rate_limit", "message": _MANY}},
                "",
                (("Stripe-Rate-Limited-Reason", "endpoint-rate"),),
            ),
        ),
    ),
    "shopify": Vendor(
        (("X-Shopify-Shop-Api-Call-Limit", "{used}/{limit}"),),
        (Said(429, {"errors": "Exceeded 2 calls per second for api client."}, "{wait}.0"),),
    ),
    "hubspot": Vendor(
        (
            ("X-HubSpot-RateLimit-Max", "{0.limit}"),
            ("X-HubSpot-RateLimit-Remaining", "{0.remaining}"),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", "{0.period_ms}"),
            ("X-HubSpot-RateLimit-Daily", "{1.limit}"),
            ("X-HubSpot-RateLimit-Daily-Remaining", "{1.remaining}"),
        ),
        (
            Said(
                429,
                {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": _MANY},
            ),
            Said(429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": _MANY}),
        ),
    ),
    "zendesk": Vendor(
        (
            ("X-Rate-Limit", "{limit}"),
            ("X-Rate-Limit-Remaining", "{remaining}"),
            ("ratelimit-limit", "{limit}"),
            ("ratelimit-remaining", "{remaining}"),
            ("ratelimit-reset", "{reset_s}"),
        ),
        (
            Said(
                429, {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests exceeded"}, _WAIT
            ),
        ),
    ),
    "notion": Vendor(
        (), (Said(429, {"object": "error", "status": 429, "code": "rate_limited", "message": _MANY}, _WAIT),)
    ),
    "jira": Vendor(
        _three("X-RateLimit-", "{reset_iso}"),
        (Said(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, _WAIT),),
    ),
    "salesforce": Vendor(
        (("Sforce-Limit-Info", "api-usage={0.used}/{0.limit}"),),
        (Said(403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]),),
    ),
    "airtable": Vendor((), (Said(429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": _MANY}]}),)),
    "slack": Vendor((), (Said(429, {"ok": False, "error": "ratelimited"}, _WAIT),)),
    "graph": Vendor((), (Said(429, {"error": {"code": "TooManyRequests", "message": "Please retry later."}}, _WAIT),)),
    "drf": Vendor((), (Said(429, {"detail": "Request was throttled. Expected available in {wait} seconds."}, _WAIT),)),
    "okta": Vendor(_three("X-Rate-Limit-"), (Said(429, {"errorCode": "E0000047", "errorSummary": _MANY}),)),
    "discord": Vendor(
        (*_three("X-RateLimit-"), ("X-RateLimit-Reset-After", "{reset_in}"), ("X-RateLimit-Bucket", "{period_ms}")),
        (Said(429, {"message": "You are being rate limited.", "retry_after": "{wait_in}", "global": False}, _WAIT),),
    ),
    "strava": Vendor(
        (("X-RateLimit-Limit", "{all.limit}"), ("X-RateLimit-Usage", "{all.used}")),
        (Said(429, {"message": "Rate Limit Exceeded"}),),
    ),
    "reddit": Vendor(
        (
            ("x-ratelimit-used", "{used}"),
            ("x-ratelimit-remaining", "{remaining}.0"),
            ("x-ratelimit-reset", "{reset_s}"),
        ),
        (Said(429, {"message": _MANY, "error": 429}),),
    ),
    "openai": Vendor(
        (
            ("x-ratelimit-limit-requests", "{limit}"),
            ("x-ratelimit-remaining-requests", "{remaining}"),
            ("x-ratelimit-reset-requests", "{reset_in}s"),
        ),
        (Said(429, {"error": {"message": _MANY, "type": "requests", "code": "rate_limit_exceeded"}}, _WAIT),),
    ),
    "anthropic": Vendor(
        tuple((name.lower(), value) for name, value in _three("anthropic-ratelimit-requests-", "{reset_iso}")),
        (Said(429, {"type": "error", "error": {"type": "rate_limit_error", "message": _MANY}}, _WAIT),),
    ),
    "google": Vendor(
        (),
        (Said(403, {"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}], "message": _MANY}}),),
    ),
    "binance": Vendor(
        (("X-MBX-USED-WEIGHT-1M", "{used}"),), (Said(429, {"code": -1003, "msg": "Too many requests."}, _WAIT),)
    ),
    # What is left of one kind of calls, and no limit.
    "azure": Vendor(
        (("x-ms-ratelimit-remaining-subscription-reads", "{remaining}"),),
        (Said(429, {"error": {"code": "TooManyRequests", "message": _MANY}}, _WAIT),),
    ),
    # A rate in requests a second, not what is left of it.
    "aws": Vendor(
        (("x-amzn-RateLimit-Limit", "{rate}"),),
        (Said(429, {"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota."}]}),),
    ),
}


class OfVendor:
    """The dialect of one entry of the table."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._patterns = [(name, _compiled(pattern)) for name, pattern in vendor.headers]

    def headers(self, situation: Situation) -> Headers:
        headers = [(name, text) for name, say in self._patterns if (text := say(situation)) is not None]
        if situation.refused:
            said = self._said(situation)
            headers += said.headers
            if said.retry_after and situation.retry_after_s is not None:
                headers.append(("Retry-After", _compiled(said.retry_after)(situation) or ""))
        return headers

    def refusal(self, situation: Situation) -> Refusal:
        said = self._said(situation)
        return Refusal(said.status, _filled(said.body, situation))

    def _said(self, situation: Situation) -> Said:
        return self._vendor.refusals[min(situation.binding, len(self._vendor.refusals) - 1)]


_FIELD = re.compile(r"\{(?:(\d+|all)\.)?([a-z_]+)\}")
_Say = Callable[[Situation], str | None]


def _compiled(pattern: str) -> _Say:
    """A function that fills the pattern; it returns None where the pattern speaks of a limit that is not there."""
    fields = list(_FIELD.finditer(pattern))
    texts = _FIELD.split(pattern)[::3]

    def say(situation: Situation) -> str | None:
        parts = [texts[0]]
        for found, after in zip(fields, texts[1:]):
            value = _value(found[1], found[2], situation)
            if value is None:
                return None
            parts += (value, after)
        return "".join(parts)

    return say


def _value(place: str | None, name: str, situation: Situation) -> str | None:
    if name in _OF_ALL:
        return _OF_ALL[name](situation)
    if place == "all":
        return ",".join(_OF_LEVEL[name](situation, level) for level in situation.levels)
    if place is not None and int(place) >= len(situation.levels):
        return None
    level = situation.level if place is None else situation.levels[int(place)]
    return _OF_LEVEL[name](situation, level)


def _most(level: Level) -> int:
    return level.tier.most_cost


def _reset_s(level: Level) -> float:
    return level.reset_s if math.isfinite(level.reset_s) else 1.0


def _date(situation: Situation, level: Level) -> datetime:
    return datetime.fromtimestamp(math.ceil(situation.epoch_s + _reset_s(level)), UTC)


def _wait_in(situation: Situation) -> str:
    return f"{math.ceil((situation.retry_after_s or 0.0) * 1000) / 1000:.12g}"


_OF_ALL: dict[str, Callable[[Situation], str]] = {
    "client": lambda situation: situation.client,
    "wait": lambda situation: str(whole_seconds(situation.retry_after_s or 0.0)),
    "wait_in": _wait_in,
}
_OF_LEVEL: dict[str, Callable[[Situation, Level], str]] = {
    "limit": lambda _situation, level: str(_most(level)),
    "remaining": lambda _situation, level: str(level.remaining),
    "used": lambda _situation, level: str(max(0, _most(level) - level.remaining)),
    "reset": lambda situation, level: str(math.ceil(situation.epoch_s + _reset_s(level))),
    "reset_s": lambda _situation, level: str(math.ceil(_reset_s(level))),
    "reset_in": lambda _situation, level: f"{math.ceil(_reset_s(level) * 1000) / 1000:.12g}",
    "reset_date": lambda situation, level: _date(situation, level).strftime("%a, %d %b %Y %H:%M:%S GMT"),
    "reset_iso": lambda situation, level: _date(situation, level).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "rate": lambda _situation, level: f"{level.tier.limit / level.tier.period_s:.12g}",
    "period_ms": lambda _situation, level: f"{level.tier.period_s * 1000:.12g}",
}


def _filled(body: Any, situation: Situation) -> Any:
    """Fill the patterns in a body; a text that is a number afterwards, and was a pattern alone, is that number."""
    if isinstance(body, dict):
        return {name: _filled(value, situation) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, situation) for value in body]
    if not isinstance(body, str) or "{" not in body:
        return body
    text = _compiled(body)(situation) or ""
    return json.loads(text) if _FIELD.fullmatch(body) and body != "{client}" else text
