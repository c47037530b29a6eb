"""The three shapes of draft-ietf-httpapi-ratelimit-headers found in the field.

Draft 6: three fields and a policy. Draft 7: one field. Draft 8 and later: structured fields (RFC 9651), all tiers.
All times are whole seconds to go; Retry-After takes precedence.
"""

from __future__ import annotations

from http_sf import ser
from http_sf.types import BareItemType, ItemType, ListType

from harness_test_api.dialects.base import (
    Headers,
    Level,
    Refusal,
    Situation,
    reset_delta,
    retry_after,
    too_many,
    whole_seconds,
)
from harness_test_api.units import period_text

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
    """What the tiers are called in the fields: `per-20s`, `in-flight`; numbered where two would be the same."""
    names = [
        "in-flight" if level.tier.kind == "concurrency" else f"per-{period_text(level.tier.period_s)}"
        for level in situation.levels
    ]
    return [name if names.count(name) == 1 else f"{name}-{n}" for n, name in enumerate(names, 1)]
