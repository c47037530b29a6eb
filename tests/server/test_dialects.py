"""What servers say about their limits, truly and otherwise."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from harness_test_api import Ask, BadConfig, Decision, ServerConfig, Service
from http_sf import parse

LIST = Ask("list")
EPOCH = 1_795_000_000.0


def service(dialect: str, *lies: str, limit: str = "3/10s+5/60s") -> Service:
    return Service(ServerConfig(limit=limit, dialect=dialect, lie=lies, epoch=EPOCH))


def passed_and_refused(service: Service) -> tuple[Decision, Decision]:
    """The first of the requests that pass at 0 s, and one refused at 2.4 s, 7.6 s before the window ends."""
    first = service.handle(0.0, LIST)
    for _ in range(2):
        service.handle(0.0, LIST)
    return first, service.handle(2.4, LIST)


def told(decision: Decision) -> dict[str, str]:
    return {name: value for name, value in decision.headers if name != "Date"}


def test_honest_headers_are_true_and_retry_after_is_enough() -> None:
    """Limit, Remaining, the true Reset, and Retry-After rounded up."""
    first, refused = passed_and_refused(service("honest"))
    limit = {"X-RateLimit-Limit": "3", "X-RateLimit-Reset": "1795000010"}
    assert told(first) == limit | {"X-RateLimit-Remaining": "2"}
    assert told(refused) == limit | {"X-RateLimit-Remaining": "0", "Retry-After": "8"}


def test_laravel_tells_a_whole_window_on_success_and_is_short_on_refusal() -> None:
    """The last tier is shown; Reset is now + its period on a 200; Retry-After is rounded down."""
    first, refused = passed_and_refused(service("laravel"))
    assert told(first) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "1795000060",
    }
    assert (refused.status, refused.body()) == (429, {"message": "Too Many Attempts."})
    assert (told(refused)["Retry-After"], told(refused)["X-RateLimit-Reset"]) == ("7", "1795000010")


def test_github_refuses_with_403_and_tells_the_two_kinds_apart() -> None:
    """Primary: Remaining 0 and only Reset to go by. Secondary: Retry-After, and a Remaining above 0."""
    _, primary = passed_and_refused(service("github", limit="3/10s:aligned+50/60s"))
    assert (primary.status, "rate limit" in primary.body()["message"]) == (403, True)
    assert told(primary)["x-ratelimit-remaining"] == "0"
    assert told(primary)["x-ratelimit-used"] == "3"
    assert "Retry-After" not in told(primary)
    _, secondary = passed_and_refused(service("github", limit="50/60s:aligned+3/10s"))
    assert (secondary.status, "secondary" in secondary.body()["message"]) == (403, True)
    assert (told(secondary)["x-ratelimit-remaining"], told(secondary)["Retry-After"]) == ("47", "8")


def test_draft_6_counts_seconds_to_go() -> None:
    """RateLimit-Reset is a delta, and the policy names every tier."""
    first, refused = passed_and_refused(service("draft-6"))
    assert told(first) == {
        "RateLimit-Policy": "3;w=10, 5;w=60",
        "RateLimit-Limit": "3",
        "RateLimit-Remaining": "2",
        "RateLimit-Reset": "10",
    }
    assert (told(refused)["RateLimit-Reset"], told(refused)["Retry-After"]) == ("8", "8")


def test_draft_7_says_it_in_one_field() -> None:
    """limit, remaining and reset of the tier that binds."""
    first, _ = passed_and_refused(service("draft-7"))
    assert told(first) == {"RateLimit-Policy": "3;w=10, 5;w=60", "RateLimit": "limit=3, remaining=2, reset=10"}


def test_draft_8_tells_all_tiers_in_structured_fields() -> None:
    """Both fields parse, list the same names, and a refusal names the policy violated."""
    first, refused = passed_and_refused(service("draft-8"))
    policies = parse(told(first)["RateLimit-Policy"].encode(), tltype="list")
    levels = parse(told(first)["RateLimit"].encode(), tltype="list")
    assert policies == [("per-10s", {"q": 3, "w": 10}), ("per-1m", {"q": 5, "w": 60})]
    assert levels == [("per-10s", {"r": 2, "t": 10}), ("per-1m", {"r": 4, "t": 60})]
    assert refused.content_type == "application/problem+json"
    assert refused.body()["violated-policies"] == ["per-10s"]
    assert told(refused)["Retry-After"] == "8"


def test_draft_8_names_are_unique() -> None:
    """Two tiers of one period get names of their own."""
    first, _ = passed_and_refused(service("draft-8", limit="9/10s+3/10s:log+20:concurrency"))
    levels = parse(told(first)["RateLimit"].encode(), tltype="list")
    assert [name for name, _ in levels] == ["per-10s-1", "per-10s-2", "in-flight"]


@pytest.mark.parametrize(
    ("dialect", "status", "kind"),
    [("none", 429, "application/json"), ("nginx", 503, "text/html"), ("forbidden", 403, "text/html")],
)
def test_silent_servers_give_no_hint(dialect: str, status: int, kind: str) -> None:
    """No header on success or refusal."""
    first, refused = passed_and_refused(service(dialect))
    assert (told(first), told(refused)) == ({}, {})
    assert (refused.status, refused.content_type) == (status, kind)


@pytest.mark.parametrize(
    ("lie", "value"),
    [
        ("retry-after-zero", "0"),
        ("retry-after-floor", "7"),
        ("retry-after-fraction", "7.600"),
        ("retry-after-negative", "-1"),
        ("retry-after-absurd", "1000000000"),
    ],
)
def test_retry_after_can_be_wrong(lie: str, value: str) -> None:
    """Zero, rounded down, fractional, negative or absurd; a passing answer has none."""
    first, refused = passed_and_refused(service("honest", lie))
    assert ("Retry-After" in told(first), told(refused)["Retry-After"]) == (False, value)


def test_retry_after_can_be_a_date() -> None:
    """An HTTP-date rounded up to the second; with -0000 the standard library reads it as naive."""
    _, refused = passed_and_refused(service("honest", "retry-after-date"))
    assert parsedate_to_datetime(told(refused)["Retry-After"]).timestamp() == EPOCH + 10
    _, refused = passed_and_refused(service("honest", "retry-after-naive-date"))
    assert parsedate_to_datetime(told(refused)["Retry-After"]).tzinfo is None


def test_retry_after_can_stand_on_a_success() -> None:
    """There it is the time to the window's end; a refusal keeps its own."""
    first, refused = passed_and_refused(service("honest", "retry-after-on-200"))
    assert (told(first)["Retry-After"], told(refused)["Retry-After"]) == ("10", "8")


@pytest.mark.parametrize(
    ("lie", "value"),
    [
        ("reset-delta", "8"),
        ("reset-epoch", "1795000010"),
        ("reset-fraction", "1795000010.000"),
        ("reset-ms", "1795000010000"),
        ("reset-date", "Thu, 18 Nov 2026 13:06:50 GMT"),
    ],
)
def test_reset_can_have_any_form(lie: str, value: str) -> None:
    """Seconds to go, epoch seconds, fractions, milliseconds or a date, under the same name."""
    for dialect, name in (("honest", "X-RateLimit-Reset"), ("draft-6", "RateLimit-Reset")):
        _, refused = passed_and_refused(service(dialect, lie))
        if lie == "reset-date":
            assert parsedate_to_datetime(told(refused)[name]).timestamp() == EPOCH + 10
        else:
            assert told(refused)[name] == value


def test_remaining_can_be_missing_or_stale() -> None:
    """Missing: no such header. Stale: looked up on every tenth answer only."""
    first, _ = passed_and_refused(service("honest", "remaining-missing"))
    assert "X-RateLimit-Remaining" not in told(first)
    stale = service("honest", "remaining-stale", limit="100/10s")
    seen = [told(stale.handle(0.0, LIST))["X-RateLimit-Remaining"] for _ in range(12)]
    assert seen == ["99"] * 10 + ["89"] * 2


def test_one_of_several_tiers_can_be_shown() -> None:
    """Stacked limiters overwrite each other: a refusal by the first tier shows room in the last."""
    _, refused = passed_and_refused(service("honest", "one-tier"))
    assert (told(refused)["X-RateLimit-Limit"], told(refused)["X-RateLimit-Remaining"]) == ("5", "2")
    first, _ = passed_and_refused(service("draft-8", "one-tier"))
    assert len(parse(told(first)["RateLimit"].encode(), tltype="list")) == 1


def test_a_concurrency_refusal_names_no_time() -> None:
    """Nobody knows when a place comes free: no Retry-After, in any honest dialect."""
    for dialect in ("honest", "draft-6", "draft-7", "draft-8"):
        held = service(dialect, limit="1:concurrency")
        held.handle(0.0, LIST)
        refused = held.handle(0.0, LIST)
        assert (refused.status, "Retry-After" in told(refused)) == (429, False)


def test_every_answer_has_the_date_of_the_clock_its_limits_run_on() -> None:
    """Date is the epoch at which the answer goes out, so that a Reset can be told apart by it."""
    dated = Service(ServerConfig(latency="2s", epoch=EPOCH))
    date = dict(dated.handle(5.0, LIST).headers)["Date"]
    assert parsedate_to_datetime(date).timestamp() == EPOCH + 7
    undated = Service(ServerConfig(limit="1/20s"), started_at=77.0)
    assert dict(undated.handle(78.0, LIST).headers)["Date"] == "Thu, 01 Jan 2026 00:00:01 GMT"


@pytest.mark.parametrize(("dialect", "lie", "word"), [("klingon", (), "'klingon'"), ("honest", ("fib",), "'fib'")])
def test_unknown_dialects_and_lies_are_refused(dialect: str, lie: tuple[str, ...], word: str) -> None:
    """The message lists those there are."""
    with pytest.raises(BadConfig, match=f"{word} is unknown; use "):
        ServerConfig(dialect=dialect, lie=lie)


def test_a_reset_of_the_next_slot() -> None:
    """`reset-next`: a log says when its oldest request is forgotten, a counter when its window ends."""
    for kind, until in (("log", 10), ("counter", 10)):
        told = service("honest", "reset-next", limit=f"100/10s:{kind}")
        for at in (0.0, 4.0):
            decision = told.handle(at, Ask("item", "1"))
        headers = dict(decision.headers)
        epoch = int(headers["X-RateLimit-Reset"]) - told.epoch_offset
        assert 0 < epoch <= until + 1
    whole = service("honest", limit="100/10s:log")
    for at in (0.0, 4.0):
        decision = whole.handle(at, Ask("item", "1"))
    assert int(dict(decision.headers)["X-RateLimit-Reset"]) - whole.epoch_offset >= 14


def test_the_first_of_several_limits_is_shown_until_another_refuses() -> None:
    """`first-tier`: 5/5s on every answer that was let through, and 7/60s only where that refuses."""
    told = service("honest", "first-tier", limit="5/5s+7/60s")
    seen = [dict(told.handle(at, Ask("item", "1")).headers)["X-RateLimit-Limit"] for at in (0, 0, 0, 0, 0, 6, 6, 6)]
    assert seen == ["5"] * 7 + ["7"]


@pytest.mark.parametrize(
    ("dialect", "limit", "passed", "refused"),
    [
        (
            "gitlab",
            "3/10s",
            {
                "RateLimit-Limit": "3",
                "RateLimit-Observed": "1",
                "RateLimit-Remaining": "2",
                "RateLimit-Reset": "1795000010",
            }
            | {"RateLimit-ResetTime": "Wed, 18 Nov 2026 11:06:50 GMT"},
            (429, "8"),
        ),
        ("shopify", "2/s:bucket:burst=3", {"X-Shopify-Shop-Api-Call-Limit": "1/3"}, None),
        ("stripe", "3/10s", {}, (429, None)),
        (
            "hubspot",
            "3/10s+5/d",
            {"X-HubSpot-RateLimit-Max": "3", "X-HubSpot-RateLimit-Remaining": "2"}
            | {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
            | {"X-HubSpot-RateLimit-Daily": "5", "X-HubSpot-RateLimit-Daily-Remaining": "4"},
            (429, None),
        ),
        (
            "zendesk",
            "3/10s",
            {"X-Rate-Limit": "3", "X-Rate-Limit-Remaining": "2", "ratelimit-limit": "3", "ratelimit-remaining": "2"}
            | {"ratelimit-reset": "10"},
            (429, "8"),
        ),
        ("salesforce", "3/d", {"Sforce-Limit-Info": "api-usage=1/3"}, (403, None)),
        ("strava", "3/10s+5/d", {"X-RateLimit-Limit": "3,5", "X-RateLimit-Usage": "1,1"}, (429, None)),
        ("airtable", "3/10s:penalty=30s", {}, (429, None)),
        ("slack", "3/10s", {}, (429, "8")),
        ("notion", "3/10s", {}, (429, "8")),
    ],
)
def test_known_apis_say_what_they_are_documented_to_say(
    dialect: str, limit: str, passed: dict[str, str], refused: tuple[int, str | None] | None
) -> None:
    """Each entry of the table: the headers of an answer that passed, and the status and Retry-After of a refusal."""
    first, last = passed_and_refused(service(dialect, limit=limit))
    assert told(first) == passed
    assert (None if last.status == 200 else (last.status, told(last).get("Retry-After"))) == refused
