"""What the headers of an answer say about limits, whatever their dialect. Nonsense is left out, never an error.

Retry-After: RFC 9110 10.2.3, delay-seconds or an HTTP-date; in the wild also fractions, and dates with `-0000`.
X-RateLimit-*: Reset is told apart by its size. RateLimit and RateLimit-Policy: see `drafts`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from harness.api.drafts import draft_quotas, has_drafts
from harness.pacing import Notice, Quota
from harness.pacing.refusals import Declared, by_headers

_EPOCH_MS = 1e11  # in seconds that is the year 5138; in milliseconds 1973
# Python's parser also takes long rows of digits for dates.
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH_S = 1e8  # as seconds to go it would be three years


def notice(status: int, headers: Mapping[str, str], utc_s: float, declared: Declared = ()) -> Notice:
    """The notice of an answer, with the verdict that status and headers allow (see `harness.pacing.refusals`).

    headers: case-insensitive. utc_s: our clock, where the answer has no Date. declared: `--refused-when`.
    """
    date_s = _date_s(headers.get("date"))
    now_s = utc_s if date_s is None else date_s
    retry_after_s = _retry_after_s(headers.get("retry-after"), now_s)
    quotas = _quotas(headers, now_s)
    # A cache answers with the Date of the answer that it keeps (RFC 9111 5.1), which may be old.
    server_utc_s = None if "age" in headers else date_s
    return by_headers(Notice(status, retry_after_s, quotas, server_utc_s=server_utc_s), declared)


def _quotas(headers: Mapping[str, str], now_s: float) -> tuple[Quota, ...]:
    legacy = _quota("x-ratelimit-", headers, now_s)
    if not has_drafts(headers):  # as most servers
        return () if legacy is None else (legacy,)
    drafted = draft_quotas(headers)
    # RateLimit-Reset with an epoch in it, or a date, is the older dialect under the newer name.
    if not drafted or any((quota.reset_s or 0) >= _EPOCH_S for quota in drafted):
        old = _quota("ratelimit-", headers, now_s)
        drafted = (old,) if old is not None else ()
    return ((legacy,) if legacy is not None else ()) + drafted


def _retry_after_s(text: str | None, now_s: float) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    at_s = _date_s(text)
    return None if at_s is None else at_s - now_s


def _quota(prefix: str, headers: Mapping[str, str], now_s: float) -> Quota | None:
    limit = _number(headers.get(prefix + "limit"))
    remaining = _number(headers.get(prefix + "remaining"))
    reset_s, reset_utc_s = _reset(headers.get(prefix + "reset"), now_s)
    if limit is None and remaining is None and reset_s is None:
        return None
    family = {"x-ratelimit-": "X-RateLimit", "ratelimit-": "RateLimit"}[prefix]
    return Quota(_int(limit), _int(remaining), reset_s, header=family, reset_utc_s=reset_utc_s)


def _int(number: float | None) -> int | None:
    return None if number is None else int(number)


def _reset(text: str | None, now_s: float) -> tuple[float | None, float | None]:
    """(seconds from the answer to the reset, epoch seconds of it): given as epoch seconds or milliseconds, a date, or
    as seconds to go, which say nothing of the server's clock.
    """
    number = _number(text)
    at_s = _date_s(text) if number is None else number / 1000 if number >= _EPOCH_MS else number
    if at_s is None:
        return None, None
    return (at_s - now_s, at_s) if number is None or at_s >= _EPOCH_S else (at_s, None)


def _number(text: str | None) -> float | None:
    if text is None or len(text) > 40:
        return None
    try:
        number = float(text if text.isdecimal() else text.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date_s(text: str | None) -> float | None:
    """Epoch seconds of an HTTP-date or an ISO 8601 date; one without a zone is UTC (RFC 9110 5.6.7)."""
    return _parsed_date(text) if text and len(text) <= 60 else None


@lru_cache(maxsize=64)
def _parsed_date(text: str) -> float | None:
    """Dates are whole seconds, so that many answers bear the same one, and they are the dearest header to read."""
    parse = datetime.fromisoformat if _ISO.match(text) else parsedate_to_datetime
    try:
        at = parse(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
