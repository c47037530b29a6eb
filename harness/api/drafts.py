"""The fields of draft-ietf-httpapi-ratelimit-headers, each of its shapes told apart by what parses.

Draft 6: `RateLimit-Limit`, `-Remaining`, `-Reset` of one limit, and `RateLimit-Policy: 100;w=5, 300;w=30` of all.
Draft 7: `RateLimit: limit=100, remaining=50, reset=30`. Draft 8 and later: `RateLimit-Policy: "burst";q=100;w=5` and
`RateLimit: "burst";r=50;t=30`, one member for each limit. Malformed fields are ignored, as RFC 9651 asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from http_sf import StructuredFieldError, parse

from harness.pacing import Quota

_LONGEST = 4000  # characters; no server has so many limits


def has_drafts(headers: Mapping[str, str]) -> bool:
    """Whether any of the fields is there, without reading them."""
    return (
        "ratelimit" in headers
        or "ratelimit-limit" in headers
        or "ratelimit-policy" in headers
        or "ratelimit-remaining" in headers
        or "ratelimit-reset" in headers
    )


def draft_quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """What the fields say, a quota for each limit; () where there are none. Windows and resets in seconds."""
    policies = _policies(headers.get("ratelimit-policy"))
    told = _dictionary(headers.get("ratelimit")) or _three_fields(headers)
    if told is not None:
        return _one_of(policies, told)
    named: dict[str, dict[str, Any]] = {name: {} for name in policies if isinstance(name, str)}
    named |= {name: params for name, params in _list(headers.get("ratelimit")) if isinstance(name, str)}
    quotas = []
    for name, params in named.items():
        limit, period_s = policies.get(name, (None, None))
        remaining, reset_s = _count(params.get("r")), _seconds(params.get("t"))
        if (limit, remaining, reset_s) != (None, None, None):
            quotas.append(Quota(limit, remaining, reset_s, period_s, name, "RateLimit"))
    return tuple(quotas) or tuple(_quota(limit, period_s) for limit, period_s in policies.values())


def _quota(limit: int | None, period_s: float | None) -> Quota:
    return Quota(limit, None, None, period_s, None, "RateLimit")


def _one_of(policies: dict[Any, tuple[int | None, float | None]], told: Quota) -> tuple[Quota, ...]:
    """Drafts 6 and 7 tell the state of one limit, found among the policies by its count."""
    known = [_quota(limit, period_s) for limit, period_s in policies.values()]
    at = next((at for at, quota in enumerate(known) if quota.limit == told.limit), None)
    if at is None:
        return (told, *known)
    period_s = known[at].period_s
    known[at] = Quota(told.limit, told.remaining, told.reset_s, period_s, None, "RateLimit")
    return tuple(known)


def _policies(text: str | None) -> dict[Any, tuple[int | None, float | None]]:
    """(limit, window in seconds) by name, or by position where limits have none."""
    found: dict[Any, tuple[int | None, float | None]] = {}
    for at, (item, params) in enumerate(_list(text)):
        named = isinstance(item, str)
        limit = _count(params.get("q")) if named else _count(item)
        period_s = _seconds(params.get("w"))
        if limit:
            found[item if named else at] = (limit, period_s or None)
    return found


def _three_fields(headers: Mapping[str, str]) -> Quota | None:
    limits = _list(headers.get("ratelimit-limit"))
    limit = _count(limits[0][0]) if limits else None
    remaining = _whole(headers.get("ratelimit-remaining"))
    reset_s = _whole(headers.get("ratelimit-reset"))
    if limit is None and remaining is None and reset_s is None:
        return None
    # Draft 6 means seconds to go; whoever writes an epoch here is read by the older rules.
    return Quota(limit, remaining, None if reset_s is None else float(reset_s), None, None, "RateLimit")


def _dictionary(text: str | None) -> Quota | None:
    members = _parsed(text, "dictionary") or {}
    values = {name: member[0] for name, member in members.items() if isinstance(member, tuple)}
    limit, remaining = _count(values.get("limit")), _count(values.get("remaining"))
    reset_s = _seconds(values.get("reset"))
    if limit is None and remaining is None and reset_s is None:
        return None
    return Quota(limit, remaining, reset_s, None, None, "RateLimit")


def _list(text: str | None) -> list[tuple[Any, dict[str, Any]]]:
    items = _parsed(text, "list") or []
    return [(str(value) if isinstance(value, str) else value, params) for value, params in items]


def _parsed(text: str | None, kind: str) -> Any:
    if not text or len(text) > _LONGEST:
        return None
    try:
        return parse(text.encode("ascii"), tltype=kind)
    except (StructuredFieldError, UnicodeEncodeError, ValueError):
        return None


def _whole(text: str | None) -> int | None:
    values = _list(text)
    return _count(values[0][0]) if values else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _seconds(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return float(value) if known else None
