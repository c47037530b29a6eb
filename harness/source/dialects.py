"""The dialects in which servers tell their limits, as one table: names of fields, and one grammar of values.

A row of `ROWS` is a pattern of header names (in lower case) with the groups `family` (whose fields belong together),
`scope` (which of several limits), `field` and `unit`. What a field means is in `FIELDS`. One more line reads the next
vendor. Values of any field are read alike:

    100    598.0    0.5 (a rate)    100, 1000 (one for each limit)    80;w=6    32/40 and api-usage=18/5000 (used/limit)
    15     1795449139    1795449139000    6m0s    120ms    an RFC 3339, HTTP or JavaScript date

How much of a limit is left is what it counts less what is used, where only that is told. Tokens and other units than
requests are left out: what one request costs of them is not known beforehand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from harness.pacing import Quota

_FAMILY = r"(?P<family>(?:x-)?(?:[a-z0-9]+-)?rate-?limit)"
_FIELD = (
    r"(?P<field>limit|max|remaining|left|used|usage|observed|consumed"
    r"|reset-after|reset-?time|reset-at|reset|interval|window|period)"
)
_UNIT = r"(?:-(?P<unit>milliseconds|ms|seconds|s|minutes))?"
_SPANS = r"secondly|minutely|hourly|daily|monthly"

ROWS: tuple[str, ...] = (
    _FAMILY + "-" + _FIELD + _UNIT + r"(?:-(?P<scope>[a-z0-9-]+))?",  # GitHub, Discord, Reddit, OpenAI, Azure, Strava
    _FAMILY + r"-(?P<scope>[a-z0-9]+(?:-tokens)?)-" + _FIELD + _UNIT,  # Anthropic, HubSpot
    _FAMILY + rf"-(?P<scope>{_SPANS})",  # HubSpot: the limit a day, under that name alone
    r"(?P<family>x-rate-limit)",  # Zendesk: the limit
    r"(?P<family>[a-z0-9-]+-(?:call|calls)-limit|[a-z]+-limit-info)",  # Shopify, Salesforce: used/limit
    r"(?P<family>[a-z0-9-]+)-(?P<field>used)-weight-(?P<scope>\d+[smhd])",  # Binance: used, the period in the name
)
FIELDS = {
    "limit": "limit", "max": "limit", "remaining": "remaining", "left": "remaining",
    "used": "used", "usage": "used", "observed": "used", "consumed": "used",
    "reset": "reset", "reset-time": "until", "resettime": "until", "reset-at": "until", "reset-after": "after",
    "interval": "period", "window": "period", "period": "period",
}  # fmt: skip
_PERIODS = {"secondly": 1.0, "minutely": 60.0, "hourly": 3600.0, "daily": 86400.0, "monthly": 30 * 86400.0}
_UNITS = {"milliseconds": 0.001, "ms": 0.001, "s": 1.0, "m": 60.0, "minutes": 60.0, "h": 3600.0, "d": 86400.0}
_ROWS = tuple(re.compile(row) for row in ROWS)
_CALLED = {"x-ratelimit": "X-RateLimit", "ratelimit": "RateLimit"}

EPOCH_MS = 1e11  # in seconds that is the year 5138; in milliseconds 1973
EPOCH_S = 1e8  # as seconds to go it would be three years
_LONGEST = 120
_WITHIN = re.compile(r";\s*w=(\d{1,9})")
_COUNTS = re.compile(r"(\d{1,12})/(\d{1,12})")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
# Python's parser also takes long rows of digits for dates.
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SCRIPT = re.compile(r"(\w{3}) (\w{3}) (\d{1,2}) (\d{4}) (\d\d:\d\d:\d\d) GMT([+-]\d{4})( \(.*\))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """What a header is by its name. period_s: where the name tells it. scale: of its value, in seconds."""

    family: str
    scope: str
    field: str
    period_s: float | None
    scale: float


@lru_cache(maxsize=4096)
def named(header: str) -> Named | None:
    """Return what a header called so (in lower case) tells of limits; None: nothing."""
    if "limit" not in header and "weight" not in header:  # nearly every header
        return None
    for row in _ROWS:
        found = row.fullmatch(header)
        if found is not None:
            groups = {"scope": None, "field": None, "unit": None, **found.groupdict()}
            scope = groups["scope"] or ""
            if "token" in scope:
                return None
            period = re.fullmatch(r"(\d+)([smhd])", scope)
            period_s = _PERIODS.get(scope) if period is None else int(period[1]) * _UNITS[period[2]]
            field = FIELDS[groups["field"]] if groups["field"] else "limit"
            return Named(groups["family"] or "", scope, field, period_s, _UNITS.get(groups["unit"] or "", 1.0))
    return None


def quotas(headers: Mapping[str, str], now_s: float, without: frozenset[str] = frozenset()) -> tuple[Quota, ...]:
    """Return a quota for each limit that headers tell of, in the order in which they come.

    now_s: the server's clock. without: families that are read elsewhere.
    """
    told: dict[tuple[str, str], dict[str, tuple[str, Named]]] = {}
    for header in headers:
        name = named(header if header.islower() else header.lower())
        if name is not None and name.family not in without:
            told.setdefault((name.family, name.scope), {})[name.field] = (headers[header], name)
    return tuple(quota for (family, scope), fields in told.items() for quota in _of_one(family, scope, fields, now_s))


def _of_one(family: str, scope: str, fields: dict[str, tuple[str, Named]], now_s: float) -> list[Quota]:
    """Return the quotas that the fields of one family and scope tell: one for each value of a list."""
    pair = _COUNTS.search(fields["limit"][0]) if "limit" in fields and not fields["limit"][0].isdecimal() else None
    if pair is not None:
        return [Quota(int(pair[2]), max(0, int(pair[2]) - int(pair[1])), None, None, scope or None, _called(family))]
    limits, remaining, used_up = (_numbers(fields, field) for field in ("limit", "remaining", "used"))
    reset_s, reset_utc_s = _reset(fields, now_s)
    made = []
    for at in range(max(len(limits[:1]), len(remaining), len(used_up), reset_s is not None)):
        limit, left, used = (values[at] if at < len(values) else None for values in (limits, remaining, used_up))
        period_s = _period_s(fields)
        if limit is not None and limit != int(limit):
            limit, period_s = (1.0, 1.0 / limit) if 0 < limit < 1 else (float(int(limit)), 1.0)
        if left is None and used is not None and limit is not None:
            left = max(0.0, limit - used)
        if limit is not None or left is not None or (reset_s is not None and not at):
            most, rest = (None if value is None else int(value) for value in (limit, left))
            made.append(Quota(most, rest, reset_s, period_s, scope or None, _called(family), reset_utc_s))
    return made


def _numbers(fields: dict[str, tuple[str, Named]], field: str) -> list[float | None]:
    """Return the numbers of a field's list; [] where it is not there."""
    text = fields[field][0] if field in fields else ""
    if not text or len(text) > _LONGEST:
        return []
    return [number(part) for part in text.split(",")] if "," in text else [number(text)]


def _period_s(fields: dict[str, tuple[str, Named]]) -> float | None:
    if "period" in fields:
        text, name = fields["period"]
        told = number(text)
        return None if told is None or told <= 0 else told * name.scale
    limit = fields["limit"][0] if "limit" in fields else ""
    within = _WITHIN.search(limit.partition(",")[0]) if limit and not limit.isdecimal() else None
    if within is not None:
        return float(within[1]) or None
    return next((name.period_s for _, name in fields.values() if name.period_s is not None), None)


def _reset(fields: dict[str, tuple[str, Named]], now_s: float) -> tuple[float | None, float | None]:
    """Return (seconds from the answer to the reset, its time on the server's clock): as told to a fraction, else as a
    time or in seconds to go.
    """
    for field in ("after", "reset", "until"):
        if field in fields:
            reset_s, utc_s = moment(fields[field][0], now_s)
            if reset_s is not None:
                return reset_s, utc_s
    return None, None


@lru_cache(maxsize=256)
def _called(family: str) -> str:
    return _CALLED.get(family) or "-".join(word.capitalize() for word in family.split("-"))


# --- values ---------------------------------------------------------------------------------------------------------


def number(text: str | None) -> float | None:
    """Return the number that a field begins with, up to a comma or a parameter; None where it is none."""
    if text is None or len(text) > 40:
        return None
    try:
        told = float(text if text.isdecimal() else text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return told if math.isfinite(told) else None


def moment(text: str | None, now_s: float) -> tuple[float | None, float | None]:
    """Return (seconds from the answer to a moment, epoch seconds of it): given as epoch seconds or milliseconds, a
    date, or as seconds to go or a duration, which say nothing of the server's clock.
    """
    told = number(text)
    if told is None:
        lasts_s = _duration_s(text)
        if lasts_s is not None:
            return lasts_s, None
    at_s = date_s(text) if told is None else told / 1000 if told >= EPOCH_MS else told
    if at_s is None:
        return None, None
    return (at_s - now_s, at_s) if told is None or at_s >= EPOCH_S else (at_s, None)


def _duration_s(text: str | None) -> float | None:
    found = _DURATION.fullmatch(text.strip()) if text and len(text) <= 40 else None
    if found is None or not any(found.groups()):
        return None
    scales = (86400.0, 3600.0, 60.0, 1.0, 0.001)
    return sum(float(part) * scale for part, scale in zip(found.groups(), scales) if part)


def date_s(text: str | None) -> float | None:
    """Return the epoch seconds of an HTTP, ISO 8601 or JavaScript date; one without a zone is UTC (RFC 9110 5.6.7)."""
    return _parsed_date(text) if text and len(text) <= 80 else None


@lru_cache(maxsize=64)
def _parsed_date(text: str) -> float | None:
    """Parse a date, once for the many answers that bear it: dates are whole seconds, and the dearest header to read."""
    script = _SCRIPT.fullmatch(text)
    if script is not None:
        text = "{}, {} {} {} {} {}".format(*(script[at] for at in (1, 3, 2, 4, 5, 6)))
    parse = datetime.fromisoformat if _ISO.match(text) else parsedate_to_datetime
    try:
        at = parse(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
