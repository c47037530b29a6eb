"""Which answers are refusals by a rate limit: what real servers say, and what only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from harness.pacing import Notice, Quota
from harness.pacing.learn.prior import Trust
from harness.pacing.refusals import MOST_BODY, RefusedWhen, by_body, by_headers, wants_body, without_hint

UTC_S = 1_800_000_000.0
RATE_LIMIT = (RefusedWhen(400, "rate limit"),)


def judged(status: int, body: Any = None, declared: tuple[RefusedWhen, ...] = (), **told: Any) -> Notice:
    """The verdict after the headers and, where they leave it open, the body."""
    said = by_headers(Notice(status, **told), declared)
    return by_body(said, body, UTC_S, declared) if wants_body(said, declared) and body is not None else said


REFUSALS = [
    # Google (B4), the envelope of its older APIs and of its newer ones
    (403, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}),
    (403, {"error": {"code": 403, "errors": [{"domain": "usageLimits", "reason": "userRateLimitExceeded"}]}}),
    (403, {"error": {"errors": [{"reason": "dailyLimitExceeded"}]}}),
    (403, {"error": {"errors": [{"reason": "quotaExceeded"}]}}),
    (403, {"error": {"code": 8, "status": "RESOURCE_EXHAUSTED"}}),
    # Salesforce answers an array
    (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]),
    # GitHub's secondary limit, without any header
    (403, {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}),
    (403, {"message": "API rate limit exceeded for user ID 1."}),
    # AWS: JSON and XML
    (400, {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}),
    (400, {"__type": "ThrottlingException"}),
    (503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
    (400, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"),
    (400, {"Error": {"Code": "RequestThrottled"}}),
    # B7 and its neighbours
    (400, {"error": "rate limit exceeded"}),
    (400, {"error": "rate limit"}),
    (400, {"error": "rate_limited"}),
    (400, "Rate limit exceeded"),
    (400, '{"code": 7, "error": "throttled", "detail": "cut o'),
    (400, '{"retry_after": 5, "detail": "cut o'),
    (422, {"errors": ["Rate limit: 10 requests per second"]}),
    # HTML of a gateway, and of another whose title says it all
    (403, "<html><head><title>429 Too Many Requests</title></head><body>nginx</body></html>"),
    (403, "<h1>Developer Over Rate</h1>"),
    # Facebook, Apigee, Binance, Django REST Framework, Airtable, HubSpot, Twitter's old one, Discord
    (400, {"error": {"message": "(#4) Application request limit reached", "type": "OAuthException", "code": 4}}),
    (400, {"error": {"message": "(#613) Calls to this api have exceeded the rate limit."}}),
    (500, {"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}}),
    (418, {"code": -1003, "msg": "Way too many requests; IP banned until 1573670400000."}),
    (403, {"detail": "Request was throttled. Expected available in 5 seconds."}),
    (403, {"errors": [{"error": "RATE_LIMIT_REACHED"}]}),
    (403, {"status": "error", "category": "RATE_LIMITS"}),
    (420, {"error": "Enhance Your Calm"}),
    (403, {"message": "You are being rate limited."}),
    (403, {"type": "https://iana.org/assignments/http-problem-types#quota-exceeded", "title": "no"}),
    # A time to wait is word enough
    (503, {"retry_after": 30}),
    (400, {"error": {"details": [{"retryDelay": "12.5s"}]}}),
]  # fmt: skip
OTHERWISE = [
    (400, {"error": "field rate_limit is invalid"}),
    (403, {"message": "you do not have access to rate limit settings"}),
    (403, {"message": "rate limiting is not enabled for this plan"}),
    (422, {"errors": {"rate_limit": ["must be a number"]}}),
    (403, {"message": "Forbidden", "documentation_url": "https://docs.example.com/rate-limit-exceeded"}),
    (400, {"data": {"text": "rate limit exceeded"}, "message": "bad"}),
    (400, {"message": "Upload size limit exceeded"}),
    (400, {"message": "request size limit exceeded"}),
    (403, {"error": {"errors": [{"reason": "storageQuotaExceeded"}]}}),
    (403, {"message": "storage quota exceeded"}),
    (400, {"code": "LIMIT_EXCEEDED"}),
    (400, {"message": "ids: too many values"}),
    (500, {"message": "Internal error", "retry_after": None}),
    (500, "<script>var hint = 'rate limit exceeded'</script>Oops"),
    (403, "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"),
    (500, "not JSON {"),
    (500, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), REFUSALS, ids=str)
def test_what_servers_say_in_a_body(status: int, body: Any) -> None:
    """B4: whatever the status, and as text the same as parsed; and it is doubtful, for words can mislead."""
    text = body if isinstance(body, str) else json.dumps(body)
    assert judged(status, text).doubtful
    assert judged(status, body).doubtful


@pytest.mark.parametrize(("status", "body"), OTHERWISE, ids=str)
def test_what_only_talks_of_limits(status: int, body: Any) -> None:
    """A failure of the request's own may name a limit, a quota or a size."""
    assert not judged(status, body if isinstance(body, str) else json.dumps(body)).refused


@pytest.mark.parametrize("status", [200, 204, 301, 401, 404, 410])
def test_bodies_that_are_not_looked_into(status: int) -> None:
    """A success may talk of rate limits; 401, 404 and 410 mean something else, whatever they say."""
    assert not wants_body(by_headers(Notice(status, 5.0 if status >= 400 else None)))
    assert not judged(status, {"error": "rate limit exceeded", "retry_after": 3}, retry_after_s=5.0).refused


@pytest.mark.parametrize(
    ("body", "told_s"),
    [
        ({"retry_after": 1.5}, 1.5),
        ({"retry_after": "1.5"}, 1.5),
        ({"retryAfter": 3}, 3.0),
        ({"Retry-After": 3}, 3.0),
        ({"retry_after_seconds": 3}, 3.0),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retryAfterMs": 1500}, 1.5),
        ({"parameters": {"retry_after": 7}}, 7.0),
        ({"error": {"details": [{"@type": "RetryInfo"}, {"retryDelay": "12.5s"}]}}, 12.5),
        ({"retry_after": "250ms"}, 0.25),
        ({"retryAfter": (UTC_S + 9) * 1000}, 9.0),
        ({"retry_after": UTC_S + 9}, 9.0),
        ({"retry_after": UTC_S - 9}, 0.0),
        ({"retry_after": 0}, 0.0),
        ({"retry_after": -1}, None),
        ({"retry_after": True}, None),
        ({"retry_after": None}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": 1e400}, None),
        ("Too Many Requests", None),
    ],
    ids=str,
)
def test_the_time_to_wait_in_a_body(body: Any, told_s: float | None) -> None:
    """B6: in seconds, in any of the usual spellings; milliseconds where the name says so; a moment counts from now."""
    said = judged(429, json.dumps(body))
    assert said.refused
    assert said.retry_after_s == (None if told_s is None else pytest.approx(told_s, abs=1e-6))


def test_a_header_wins_over_the_body() -> None:
    """Where headers name a time nobody waits for the body; a Retry-After of 0 names none."""
    assert not wants_body(by_headers(Notice(429, 5.0)))
    assert not wants_body(by_headers(Notice(429, quotas=(Quota(10, 0, 8.0),))))
    said = judged(429, {"retry_after": 3}, retry_after_s=0.0)
    assert (said.retry_after_s, said.in_body, said.header_s) == (3.0, True, 0.0)
    said = judged(429, {"retry_after": 0}, retry_after_s=0.0)
    assert (said.retry_after_s, said.in_body, said.header_s) == (0.0, False, None)


@pytest.mark.parametrize(
    ("header_s", "body_s", "says"),
    [
        (0.0, 3, "Retry-After is no longer trusted: a refusal said 0 s, its body 3 s"),
        (-1.0, 3, "Retry-After is no longer trusted: a refusal said -1 s, its body 3 s"),
        (0.0, 0.4, "Retry-After is rounded down: a second is added"),
        (0.0, 0, "Retry-After is rounded down: a second is added"),
        (0.0, None, "Retry-After is rounded down: a second is added"),
        (None, 0, "the time to wait in the body is rounded down: a second is added"),
        (None, 9e7, "the time to wait in the body is no longer trusted: a refusal said 9e+07 s, longer than any quota"),
        (None, 3, None),
        (5.0, 3, None),
    ],
)
def test_a_header_that_lies_is_named_though_the_body_tells_the_truth(
    header_s: float | None, body_s: float | None, says: str | None
) -> None:
    """B6: the body's time is waited for, under its own name, and `auto` says which header it belies."""
    trust = Trust()
    said = judged(429, {"retry_after": body_s}, retry_after_s=header_s)
    assert (trust.weigh(said) is None) == (says is None)
    assert trust.weigh(said) is None  # nothing new
    assert trust.sentences() == (() if says is None else (says,))
    if said.retry_after_s == 3.0:
        assert trust.wait_s(said.waited_by, 3.0) == 3.0


@pytest.mark.parametrize(
    ("path", "value", "body", "refused"),
    [
        ("ok", "false", {"ok": False}, True),
        ("ok", "false", {"ok": True}, False),
        ("ok", "false", {}, False),
        ("error.code", "Throttled", '{"error": {"code": "throttled"}}', True),
        ("[0].errorCode", "REQUEST_LIMIT_EXCEEDED", [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], True),
        ("@odata.error", "429", {"@odata.error": 429}, True),
        ("sort(@)", "x", {"a": 1}, False),
        ("ok", "false", "<html>ok=false</html>", False),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_value_at_a_path_that_is_declared(path: str, value: str, body: Any, refused: bool, status: int) -> None:
    """Whatever the status: the body is awaited, and the value compared as text in any case of letters."""
    declared = (RefusedWhen(None, "", path, value),)
    assert not by_headers(Notice(status), declared).refused
    assert wants_body(by_headers(Notice(status), declared), declared)
    assert judged(status, body, declared).refused == refused
    assert judged(status, body, declared).certain == refused
    assert str(declared[0]) == f"{path}={value}"


def test_what_is_declared() -> None:
    """B7: certain where status and words match, in any case and spacing; another status or other words are not."""
    assert judged(400, {"error": "Rate  Limit hit"}, RATE_LIMIT).certain
    assert not judged(400, {"error": "bad field"}, RATE_LIMIT).refused
    assert not judged(409, {"error": "x"}, RATE_LIMIT).refused
    slack = (RefusedWhen(200, "ratelimited"),)
    assert judged(200, {"ok": False, "error": "ratelimited"}, slack).certain
    assert not judged(200, {"ok": True}, slack).refused
    assert by_headers(Notice(420), (RefusedWhen(420),)).certain
    assert by_headers(Notice(404), (RefusedWhen(404),)).certain
    assert judged(404, {"error": "quota"}, (RefusedWhen(404, "quota"),)).certain
    assert judged(400, '{"error": "d\\u00e9bit"}', (RefusedWhen(400, "débit"),)).certain


def test_no_more_than_64_kb_count() -> None:
    """What comes later in a body is not looked at."""
    assert judged(403, " " * 100 + "rate limit exceeded").refused
    assert not judged(403, " " * MOST_BODY + "rate limit exceeded").refused


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
    max_leaves=20,
)


@given(st.integers(100, 999), st.text() | JSON | JSON.map(lambda value: json.dumps(value)))
def test_any_body(status: int, body: Any) -> None:
    """Whatever comes: a verdict, no error; only from 400 on; and no time to wait that cannot be waited for."""
    said = judged(status, body)
    assert said.refused or status != 429
    assert not said.refused or status >= 400
    assert said.retry_after_s is None or 0 <= said.retry_after_s < float("inf")


@pytest.mark.parametrize(("status", "refused"), [(400, False), (422, False), (418, False), (429, True), (503, True)])
def test_a_retry_after_that_stands_on_successes_is_no_sign(status: int, refused: bool) -> None:
    """slowapi puts it on whatever passes: a 422 for a page that is too large would be waited out for ever."""
    assert without_hint(by_headers(Notice(status, 2.0))).refused is refused
    assert by_headers(Notice(status, 2.0)).refused
    emptied = by_headers(Notice(403, 2.0, quotas=(Quota(10, 0, 8.0),)))
    assert without_hint(emptied).refused
