"""The grammar of limits: everything UX.md promises is read, all else refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from harness.errors import BadLimits
from harness.pacing.tiers import (
    MAX_LIMIT,
    MAX_PERIOD_S,
    Tier,
    Tiers,
    format_tiers,
    held_to,
    names_routes,
    of_route,
    parse_all,
    parse_tiers,
)

ZONES = ("UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Buenos_Aires")


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        ("500/20s", (Tier(500, 20.0),)),
        ("100/m", (Tier(100, 60.0),)),
        ("100/min", (Tier(100, 60.0),)),
        ("10000/d", (Tier(10_000, 86400.0),)),
        ("10/1.5h", (Tier(10, 5400.0),)),
        ("5/250ms", (Tier(5, 0.25),)),
        ("500/20", (Tier(500, 20.0),)),
        ("500/20s+2000/100s", (Tier(500, 20.0), Tier(2000, 100.0))),
        (" 500/20s + 2000/100s ", (Tier(500, 20.0), Tier(2000, 100.0))),
        ("2000/100s+500/20s", (Tier(2000, 100.0), Tier(500, 20.0))),
        ("500/20s:counter", (Tier(500, 20.0, "counter"),)),
        ("10/s:leaky:burst=0", (Tier(10, 1.0, "leaky", 0),)),
        ("2/s:bucket:burst=40", (Tier(2, 1.0, "bucket", 40),)),  # C11: as Shopify and others write a bucket
        ("2/s:gcra:burst=40+1/s:leaky:burst=9", (Tier(2, 1.0, "gcra", 40), Tier(1, 1.0, "leaky", 9))),
        ("20:concurrency+5/s", (Tier(20, 1.0, "concurrency"), Tier(5, 1.0))),
        ("5/s+20:concurrency", (Tier(5, 1.0), Tier(20, 1.0, "concurrency"))),
        ("500/20s:gcra:burst=10", (Tier(500, 20.0, "gcra", 10),)),
        ("500/20s:burst=10:bucket", (Tier(500, 20.0, "bucket", 10),)),
        ("10000/d:aligned:tz=UTC", (Tier(10_000, 86400.0, "aligned", tz="UTC"),)),
        ("9/d:aligned:tz=Etc/GMT+5+100/m", (Tier(9, 86400.0, "aligned", tz="Etc/GMT+5"), Tier(100, 60.0))),
        ("500,20:2000,100", (Tier(500, 20.0), Tier(2000, 100.0))),
        ("500,20", (Tier(500, 20.0),)),
        ("500/20s:log+500/20s", (Tier(500, 20.0, "log"), Tier(500, 20.0))),
    ],
)
def test_limits_people_type(text: str, tiers: Tiers) -> None:
    """Counts, periods, kinds and options as documented, in the order written; Laravel's way too."""
    assert parse_tiers(text) == tiers


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is not a limit; write limits like 500/20s"),
        ("500", "'500' is not a limit"),
        ("500/", "no usable period"),
        ("/20s", "'/20s' is not a limit"),
        ("-5/20s", "'-5/20s' is not a limit"),
        ("5.5/20s", "'5.5/20s' is not a limit"),
        ("٥/20s", "is not a limit"),
        ("9999999999999/s", "is not a limit"),
        ("500/20s+", "no usable period"),
        ("500/20s,2000/100s", "no usable period"),
        ("500/0s", "period of zero"),
        ("0/20s", "limit of 0 cannot be used: it must be from 1"),
        ("0,20", "limit of 0 cannot be used"),
        ("2000000000/s", "it must be from 1 to 1,000,000,000"),
        ("5/0.1ms", "it must be from 1 ms to 366 d"),
        ("5/400d", "it must be from 1 ms to 366 d"),
        ("5/s:fixed", "'fixed' in the limit '5/s:fixed' is unknown; use one of anchored, aligned"),
        ("5/s:", "'' in the limit '5/s:' is unknown"),
        ("5/s:log:aligned", "gives its kind twice; keep one"),
        ("5/s:gcra:burst=1:burst=2", "gives burst= twice; keep one"),
        ("5/s:gcra:burst=2000000000", "burst=2000000000 cannot be used: it must be from 1 to 1,000,000,000"),
        ("5/s:concurrency", "counts requests at once and has no period; write it like 20:concurrency"),
        ("5/s:gcra:burst=0", "burst=0 cannot be used"),
        ("5/s:gcra:burst=x", "'burst=x' in the limit"),
        ("5/s:burst=2", "burst=2 only applies to the kinds gcra, bucket and leaky"),
        ("5/s:log:burst=2", "burst=2 only applies to the kinds gcra, bucket and leaky"),
        ("5/d:tz=UTC", "tz='UTC' only applies to the kind aligned"),
        ("5/d:aligned:tz=Mars", "tz='Mars' in the limit '5/d:aligned:tz=Mars' is not a known time zone"),
        ("5/d:aligned:tz=../UTC", "is not a known time zone"),
        ("5/d:aligned:tz=Europe", "is not a known time zone"),
        ("5/s+5/s", "names the same limit twice; write each once"),
    ],
)
def test_what_is_refused_says_what_to_change(text: str, says: str) -> None:
    """Each mistake has its own sentence, naming the part that is wrong."""
    with pytest.raises(BadLimits) as refused:
        parse_tiers(text)
    assert says in str(refused.value)


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"period_s": float("nan")}, {"burst": 1}, {"tz": "UTC"}])
def test_a_tier_made_in_code_obeys_the_same_rules(wrong: dict[str, Any]) -> None:
    """What the grammar refuses cannot be made by hand either, so that every tier can be written and read back."""
    with pytest.raises(BadLimits):
        Tier(**{"limit": 5, "period_s": 1.0, **wrong})


@st.composite
def some_tier(draw: st.DrawFn) -> Tier:
    kind: Any = draw(st.sampled_from(("any", "anchored", "aligned", "log", "counter", "gcra", "bucket")))
    limit = draw(st.integers(1, 20) | st.integers(1, MAX_LIMIT))
    period_s = draw(st.floats(0.001, MAX_PERIOD_S) | st.sampled_from((1.0, 20.0, 60.0, 0.25, 86400.0, 1 / 3)))
    burst = draw(st.none() | st.integers(1, limit) | st.integers(1, MAX_LIMIT)) if kind in ("gcra", "bucket") else None
    zone = draw(st.none() | st.sampled_from(ZONES)) if kind == "aligned" else None
    return Tier(limit, period_s, kind, burst, zone)


@given(st.lists(some_tier(), min_size=1, max_size=4, unique=True).map(tuple))
def test_what_is_written_is_read_back(tiers: Tiers) -> None:
    """parse_tiers(format_tiers(x)) == x for every tuple of distinct tiers."""
    assert parse_tiers(format_tiers(tiers)) == tiers


PIECES = ["500", "20s", "/", "+", ":", "=", ",", " ", "\n", "0", "ms", "d", "gcra", "aligned", "burst", "tz", *ZONES]
LIKE_LIMITS = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=14).map("".join)


@given(st.text() | LIKE_LIMITS | LIKE_LIMITS.map("500/20s".__add__))
@example("5/d:aligned:tz=a\nb")
@example("5/d:aligned:tz=\x00")
@example("5/d:aligned:tz=\ud800")
@example("5/d:aligned:tz=" + "x" * 5000)
@example("9" * 5000 + "," + "9" * 5000)
@example("5/" + "9" * 5000)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    """Whatever is typed either parses, and can then be written and read back, or raises BadLimits with one line."""
    refusal, tiers = "", None
    try:
        tiers = parse_tiers(text)
    except BadLimits as error:
        refusal = str(error)
    if tiers is None:
        assert len(refusal.splitlines()) == 1
    else:
        assert parse_tiers(format_tiers(tiers)) == tiers


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("list=20/m", "list=20/1m"),
        ("item=50/m+*=500/20s", "500/20s+item=50/1m"),
        ("500/20s+list=20/m+500/h", "500/20s+list=20/1m+list=500/1h"),
        ("item=5:concurrency+list=2/s:bucket:burst=40", "list=2/1s:bucket:burst=40+item=5:concurrency"),
        ("list=20/m+1000/d item=50/m", "list=20/1m+list=1000/1d+item=50/1m"),
        ("10000/d:aligned:tz=Etc/GMT+5+token=3/m", "10000/1d:aligned:tz=Etc/GMT+5+token=3/1m"),
        ("batch=10/m", "item=10/1m"),
    ],
)
def test_limits_of_routes(text: str, canonical: str) -> None:
    """A route holds for what follows it in the same text; each is written out in the one text that all read back."""
    tiers = parse_tiers(text)
    assert format_tiers(tiers) == canonical
    assert parse_tiers(canonical) == tiers


def test_a_flag_that_is_repeated_names_its_route_anew() -> None:
    """`--limit list=20/m --limit 500/20s`: the second is of every route."""
    assert format_tiers(parse_all(["list=20/m", "500/20s"])) == "500/20s+list=20/1m"
    with pytest.raises(BadLimits, match="names the same limit twice"):
        parse_all(["list=20/m", "list=20/m"])


@pytest.mark.parametrize("text", ["lst=20/m", "burst=3/m", "List=3/m"])
def test_a_route_that_is_none(text: str) -> None:
    """One sentence with the routes that there are."""
    with pytest.raises(BadLimits, match="is no route; write list=, item= or token=, or no route for a limit of every"):
        parse_tiers(text)


def test_what_a_request_of_a_route_is_held_to() -> None:
    """Its own limits, and those of every route."""
    tiers = parse_tiers("500/20s+list=20/m+item=50/m")
    assert [str(tier) for tier in held_to(tiers, "list")] == ["500/20s", "list=20/1m"]
    assert [str(tier) for tier in of_route(tiers, "item")] == ["item=50/1m"]
    assert (names_routes(tiers), names_routes(tiers[:1])) == (True, False)
