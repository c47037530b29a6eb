"""What headers say about limits, in every dialect known; nonsense is left out, never an error."""

from __future__ import annotations

import math

import httpx2
import pytest
from hypothesis import given, settings, strategies as st

from harness.pacing import Notice, Quota
from harness.source.headers import notice

# 2026-11-23 15:52:04 UTC; the server's clock below is a minute ahead of ours.
OURS = 1_795_449_124.0
DATE = "Mon, 23 Nov 2026 15:53:04 GMT"
THEIRS = OURS + 60

DAYS = "Mon, 23 Nov 2026 15:53:{:02d} {}"


def said(status: int = 200, /, **headers: str) -> Notice:
    return notice(status, httpx2.Headers({name.replace("_", "-"): value for name, value in headers.items()}), OURS)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20.0),
        ("0", 0.0),
        ("0.35", 0.35),
        ("-3", -3.0),
        ("1000000000", 1e9),
        (" 7 ", 7.0),
        ("30, 30", 30.0),
        (DAYS.format(24, "GMT"), 20.0),
        (DAYS.format(24, "-0000"), 20.0),
        (DAYS.format(24, "+0000"), 20.0),
        ("Mon, 23 Nov 2026 16:53:24 +0100", 20.0),
        ("Monday, 23-Nov-26 15:53:24 GMT", 20.0),
        ("Mon Nov 23 15:53:24 2026", 20.0),
        ("2026-11-23T15:53:24Z", 20.0),
        (DAYS.format(0, "GMT"), -4.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1" * 50, None),
        ("Mon, 99 Nov 2026 15:53:24 GMT", None),
    ],
)
def test_retry_after_in_every_form(text: str, seconds: float | None) -> None:
    """Seconds, fractions, zero, negative; dates of all three HTTP kinds and zones, by the server's clock, not ours."""
    assert said(429, retry_after=text, date=DATE).retry_after_s == seconds


def test_a_date_is_judged_by_our_clock_where_the_server_names_none() -> None:
    """Without a Date header there is only our clock."""
    assert said(429, retry_after=DATE).retry_after_s == 60.0
    assert said(429, retry_after=DATE, date="yesterday").retry_after_s == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15", 15.0),
        ("0", 0.0),
        (str(int(THEIRS) + 15), 15.0),
        (f"{THEIRS + 15.25:.2f}", 15.25),
        (str(int(THEIRS + 15) * 1000), 15.0),
        (str(int(THEIRS) - 5), -5.0),
        (DAYS.format(19, "GMT"), 15.0),
        ("2026-11-23T15:53:19+00:00", 15.0),
        ("86400", 86400.0),
        ("later", None),
    ],
)
def test_reset_is_told_apart_by_its_size(text: str, seconds: float | None) -> None:
    """The same name means seconds to go, epoch seconds (whole or not), milliseconds, or a date, by the sender."""
    quotas = said(x_ratelimit_limit="500", x_ratelimit_remaining="3", x_ratelimit_reset=text, date=DATE).quotas
    assert quotas == (Quota(500, 3, seconds),)


@pytest.mark.parametrize(
    ("text", "utc_s"),
    [("15", None), (str(int(THEIRS) + 15), THEIRS + 15), (DAYS.format(19, "GMT"), THEIRS + 15), ("later", None)],
)
def test_a_reset_told_as_a_time_is_kept_as_the_servers_clock_has_it(text: str, utc_s: float | None) -> None:
    """Seconds to go say nothing of that clock; a time does, whatever ours shows."""
    (quota,) = said(x_ratelimit_limit="100", x_ratelimit_reset=text, date=DATE).quotas
    assert quota.reset_utc_s == utc_s


def test_both_families_of_headers_are_read() -> None:
    """X-RateLimit-* and draft-6 RateLimit-*, each a quota of its own; what is not said is None."""
    assert said(
        x_ratelimit_limit="100, 100;w=60", x_ratelimit_remaining="7", ratelimit_remaining="3", ratelimit_reset="9"
    ).quotas == (Quota(100, 7, None), Quota(None, 3, 9.0))
    assert said().quotas == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit": "limit=100, remaining=50; reset=5,"},
        {"ratelimit": '"burst";r="many";t', "ratelimit_policy": '"burst";q=n o;w=60'},
        {"x_ratelimit_limit": "many", "x_ratelimit_remaining": "", "x_ratelimit_reset": "-"},
    ],
)
def test_what_is_not_understood_says_nothing(headers: dict[str, str]) -> None:
    """A dialect that is not read yet, or no numbers at all, leave no quota and no refusal."""
    assert said(200, **headers) == Notice(200)


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [
        (429, {}, True),
        (429, {"retry_after": "0"}, True),
        (200, {"retry_after": "12"}, False),
        (200, {"x_ratelimit_remaining": "0"}, False),
        (403, {}, False),
        (403, {"x_ratelimit_remaining": "12"}, False),
        (403, {"x_ratelimit_remaining": "0"}, True),
        (403, {"retry_after": "60"}, True),
        (503, {}, False),
        (503, {"x_ratelimit_remaining": "0"}, True),
        (500, {"x_ratelimit_remaining": "0"}, False),
        (503, {"retry_after": "60"}, True),
        (404, {"retry_after": "60"}, False),
        (500, {"retry_after": "60"}, True),
        (529, {"retry_after": "2"}, True),
        (418, {"retry_after": "5"}, True),
        (400, {"retry_after": "5"}, True),
        (401, {"retry_after": "60"}, False),
        (410, {"retry_after": "60"}, False),
        (302, {"retry_after": "60"}, False),
    ],
)
def test_which_answers_are_refusals_by_a_limit(status: int, headers: dict[str, str], refused: bool) -> None:
    """429; B1, B5: from 400 on what has a Retry-After, but 401, 404, 410; a 403 or 503 with an empty quota."""
    assert said(status, **headers).refused is refused


VALUES = st.text(st.characters(codec="latin-1"), max_size=70) | st.from_regex(
    r"-?[0-9]{1,45}(\.[0-9]+)?([eE][0-9]{1,4})?"
    r"|[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9]{2}:[0-9]{2}:[0-9]{2} "
    r"(GMT|[+-][0-9]{4,9})|[0-9]{4}-[0-9]{2}-[0-9]{2}T?([0-9]{2}:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    fullmatch=True,
)
NAMES = [f"{family}{name}" for family in ("x-ratelimit-", "ratelimit-") for name in ("limit", "remaining", "reset")]


@given(st.dictionaries(st.sampled_from(["retry-after", "date", *NAMES]), VALUES), st.sampled_from([200, 403, 429, 503]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_header_is_an_error(headers: dict[str, str], status: int) -> None:
    """Any bytes under any of the names: an answer comes out, and each number in it is one."""
    heard = notice(status, httpx2.Headers([(k.encode(), v.encode("latin-1")) for k, v in headers.items()]), OURS)
    numbers = [heard.retry_after_s, *(value for q in heard.quotas for value in (q.limit, q.remaining, q.reset_s))]
    assert all(number is None or math.isfinite(number) for number in numbers)
    listed = sum(value.count(",") for value in headers.values())  # several limits in one value
    assert len(heard.quotas) <= 2 + listed
