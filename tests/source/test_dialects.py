"""The table of dialects: what each API of the field sends, and neighbours that nobody has listed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from harness.pacing import Quota
from harness.source.dialects import moment, named, quotas
from harness.source.headers import notice

NOW_S = 1_795_449_184.0  # 2026-11-23 15:53:04 UTC
EPOCH = str(int(NOW_S) + 30)

# By API: the headers that it sends, and what they say.
ROWS: dict[str, tuple[dict[str, str], tuple[Quota, ...]]] = {
    "github": (
        {
            "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4990", "x-ratelimit-used": "10",
            "x-ratelimit-reset": EPOCH, "x-ratelimit-resource": "core",
        },
        (Quota(5000, 4990, 30.0, reset_utc_s=NOW_S + 30),),
    ),
    "gitlab": (
        {
            "ratelimit-limit": "60", "ratelimit-observed": "3", "ratelimit-remaining": "57", "ratelimit-reset": EPOCH,
            "ratelimit-resettime": "Mon, 23 Nov 2026 15:53:34 GMT",
        },
        (Quota(60, 57, 30.0),),
    ),
    "shopify": ({"x-shopify-shop-api-call-limit": "32/40"}, (Quota(40, 8),)),
    "hubspot": (
        {
            "x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": "99",
            "x-hubspot-ratelimit-interval-milliseconds": "10000", "x-hubspot-ratelimit-daily": "250000",
            "x-hubspot-ratelimit-daily-remaining": "249000", "x-hubspot-ratelimit-secondly": "10",
        },
        (
            Quota(100, 99, None, 10.0),
            Quota(250000, 249000, None, 86400.0, "daily"),
            Quota(10, None, None, 1.0, "secondly"),
        ),
    ),
    "zendesk": ({"x-rate-limit": "700", "x-rate-limit-remaining": "699"}, (Quota(700, 699),)),
    "okta": (
        {"x-rate-limit-limit": "600", "x-rate-limit-remaining": "599", "x-rate-limit-reset": EPOCH},
        (Quota(600, 599, 30.0),),
    ),
    "discord": (
        {
            "x-ratelimit-limit": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795449184.470",
            "x-ratelimit-reset-after": "0.470", "x-ratelimit-bucket": "abcd1234", "x-ratelimit-global": "true",
        },
        (Quota(5, 0, 0.47),),
    ),
    "strava": (
        {"x-ratelimit-limit": "100,1000", "x-ratelimit-usage": "12,340"},
        (Quota(100, 88), Quota(1000, 660)),
    ),
    "reddit": (
        {"x-ratelimit-used": "2", "x-ratelimit-remaining": "598.0", "x-ratelimit-reset": "360"},
        (Quota(None, 598, 360.0),),
    ),
    "openai": (
        {
            "x-ratelimit-limit-requests": "60", "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-requests": "59", "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "6s",
        },
        (Quota(60, 59, 360.0, None, "requests"),),
    ),
    "anthropic": (
        {
            "anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-23T15:53:34Z",
            "anthropic-ratelimit-input-tokens-limit": "40000", "anthropic-ratelimit-tokens-remaining": "39000",
        },
        (Quota(50, 49, 30.0, None, "requests", reset_utc_s=NOW_S + 30),),
    ),
    "salesforce": ({"sforce-limit-info": "api-usage=18/5000"}, (Quota(5000, 4982),)),
    "binance": ({"x-mbx-used-weight-1m": "20", "x-mbx-used-weight": "20"}, ()),
    "azure": (
        {"x-ms-ratelimit-remaining-subscription-reads": "11999"},
        (Quota(None, 11999, None, None, "subscription-reads"),),
    ),
    "aws": ({"x-amzn-ratelimit-limit": "0.5"}, (Quota(1, None, None, 2.0),)),
    "a window in a parameter": (
        {"ratelimit-limit": "80;w=6", "ratelimit-remaining": "79;w=6"},
        (Quota(80, 79, None, 6.0),),
    ),
    "a vendor that nobody has listed": (
        {"x-acme-ratelimit-hourly-limit": "900", "x-acme-ratelimit-hourly-used": "4"},
        (Quota(900, 896, None, 3600.0, "hourly"),),
    ),
    "a list of nothing": (
        {"x-ratelimit-limit": "", "x-ratelimit-remaining": ",", "x-ratelimit-reset": "7"},
        (Quota(None, None, 7.0),),
    ),
    "what has no count": ({"x-ratelimit-limit": "600,30000"}, (Quota(600),)),
}  # fmt: skip


@pytest.mark.parametrize("api", ROWS)
def test_each_row_is_read(api: str) -> None:
    """C1, C4, C7, C8: counts, resets and periods of every API of the table, through the door that answers come by."""
    headers, expected = ROWS[api]
    found = notice(200, headers, NOW_S).quotas
    assert [(q.limit, q.remaining, q.period_s, q.name) for q in found] == [
        (q.limit, q.remaining, q.period_s, q.name) for q in expected
    ]
    assert [q.reset_s for q in found] == [pytest.approx(q.reset_s) if q.reset_s is not None else None for q in expected]


@pytest.mark.parametrize(
    ("text", "seconds", "is_time"),
    [
        ("6m0s", 360.0, False), ("120ms", 0.12, False), ("1h30m", 5400.0, False), ("1d", 86400.0, False),
        ("1.5s", 1.5, False), ("2m30.5s", 150.5, False), ("30", 30.0, False), (EPOCH, 30.0, True),
        (EPOCH + "000", 30.0, True), ("2026-11-23T15:53:34.000Z", 30.0, True),
        ("Mon Nov 23 2026 15:53:34 GMT+0000 (Coordinated Universal Time)", 30.0, True),
        ("Mon Nov 23 2026 16:53:34 GMT+0100", 30.0, True), ("Mon, 23 Nov 2026 15:53:34 GMT", 30.0, True),
        ("soon", None, False), ("m", None, False), ("", None, False),
    ],
)  # fmt: skip
def test_moments_in_every_grammar(text: str, seconds: float | None, is_time: bool) -> None:
    """Durations and seconds to go say nothing of the server's clock; times do."""
    assert moment(text, NOW_S) == (seconds, NOW_S + 30 if is_time else None)


@given(
    st.dictionaries(st.sampled_from([name for headers, _ in ROWS.values() for name in headers]), st.text(max_size=60))
)
def test_nonsense_is_no_error_and_never_a_negative_count(headers: dict[str, str]) -> None:
    """Whatever stands in whichever field."""
    for quota in quotas(headers, NOW_S):
        assert quota.remaining is None or isinstance(quota.remaining, int)
        assert quota.period_s is None or quota.period_s > 0


def test_names_that_tell_nothing_of_requests() -> None:
    """Tokens, buckets' names, and headers of other matters."""
    for name in ("x-ratelimit-bucket", "x-ratelimit-limit-tokens", "content-length", "x-upload-limit", "retry-after"):
        assert named(name) is None
