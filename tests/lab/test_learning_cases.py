"""What learning got wrong on small servers, by number (C1 to C10, F1 to F6), and what is right.

C4 is in tests/source/test_dialects.py, C11 in test_bursts.py, C12 in tests/record/test_optimality.py, C13 in
test_infer.py; F1 in tests/pacing/test_patience.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from harness.config import ImportConfig
from harness.pacing import (
    AutoPacer,
    DeclaredPacer,
    Grant,
    Later,
    Notice,
    Outcome,
    Quota,
    WindowPacer,
    format_tiers,
    parse_tiers,
)
from harness.pacing.limiters import BucketLimiter
from harness.record import events as e
from harness.session.optimality import as_buckets
from tests.lab.auto_play import Played, play

pytestmark = pytest.mark.matrix

WIRE = {"latency": "uniform:60ms-90ms"}


def told(limit: str, dialect: str, items: int, workers: int = 10) -> Played:
    """The same import by `window`, told the truth and its kind."""
    known = limit.partition(":penalty")[0]
    return play(limit, dialect, items, workers=workers, pacer=WindowPacer(parse_tiers(known), 30.0))


def share(run: Played, limit: str, dialect: str, items: int) -> float:
    return told(limit, dialect, items).state.duration_s / run.state.duration_s


def periods(run: Played, count: int) -> list[tuple[float, float]]:
    """(when, period in seconds) each time that a window of `count` was learned anew."""
    news = [event for event in run.events if isinstance(event, e.Learned) and event.tier]
    tiers = [(event.t_s, parse_tiers(event.tier or "")[0]) for event in news]
    return [(t_s, tier.period_s) for t_s, tier in tiers if tier.limit == count]


@pytest.mark.parametrize("quotas", [(Quota(600), Quota(30000)), (Quota(5, None, None, 3600.0),)])
def test_c1_a_limit_without_a_count_paces_nothing(quotas: tuple[Quota, ...]) -> None:
    """`X-RateLimit-Limit: 600,30000` and no more, or five an hour by a header's name: any number goes at once."""
    pacer = AutoPacer()
    first = pacer.reserve(0.0)
    assert isinstance(first, Grant)
    pacer.settle(first, 0.1, Outcome.ANSWERED, Notice(quotas=quotas))
    assert all(isinstance(pacer.reserve(0.1), Grant) for _ in range(50))


def refused_roles(run: Played) -> dict[str, int]:
    """How many were refused, by what they asked for."""
    return Counter(event.role for event in run.events if isinstance(event, e.Refused))


@pytest.mark.parametrize("dialect", ["retry-after", "none"])
@pytest.mark.parametrize(("limit", "role"), [("list=4/5s+item=80/5s", "list"), ("item=20/5s+list=90/5s", "item")])
def test_c2_a_limit_of_one_kind_of_request_is_learned_of_that_kind(limit: str, role: str, dialect: str) -> None:
    """A list of 4 in 5 s held all items up (177 of 300 in 87 s). Only its pages wait, and no item is ever refused."""
    run = play(limit, dialect, 300, per_page=10)
    assert set(refused_roles(run)) == {role}
    assert run.refused <= (5 if dialect == "retry-after" else 12)
    assert run.optimality >= 0.95
    assert run.state.limits == next(part for part in limit.split("+") if part.startswith(role))


@pytest.mark.parametrize("declared", ["80/5s", "500/20s"])
def test_c2_beside_a_declared_limit(declared: str) -> None:
    """What was declared for all stays in force for all; the list's own limit is learned beside it."""
    run = play("list=4/5s+item=80/5s", "retry-after", 300, per_page=10, pacer=DeclaredPacer(parse_tiers(declared)))
    assert set(refused_roles(run)) == {"list"}
    assert run.refused <= 5
    assert run.optimality >= 0.9
    kept = [str(tier.tier) for tier in run.core.tier_statistics(run.state.duration_s)]
    assert kept == [*map(str, parse_tiers(declared)), "list=4/5s"]


@pytest.mark.parametrize("limit", ["20/5s", "20/5s:log", "20/s:bucket:burst=20", "6:concurrency", "40/10s:counter"])
@pytest.mark.parametrize("dialect", ["retry-after", "none"])
def test_a_limit_of_all_requests_is_not_taken_for_that_of_one_kind(limit: str, dialect: str) -> None:
    """Half of the requests are pages: whichever kind is refused first, the other is refused, too, when it is asked."""
    run = play(limit, dialect, 200, per_page=1)
    assert not any(isinstance(event, e.Learned) and event.counting == "routes" for event in run.events)


@pytest.mark.parametrize("penalty_s", [6, 30])
@pytest.mark.parametrize("rate", [5, 20])
def test_c3_a_penalty_is_told_from_a_window(rate: int, penalty_s: int) -> None:
    """So many a second, then shut: let in after a second, so that the time before was a penalty; met once."""
    limit, items = f"{rate}/1s:penalty={penalty_s}s", 60 * rate
    run = play(limit, "none", items)
    assert f"{rate}/1s" in [str(tier) for tier in run.learned()]
    refused_s = [event.sent_s for event in run.events if isinstance(event, e.Refused)]
    assert max(refused_s) < 2.2 * penalty_s  # none after the first overstep was understood
    # What is left but the one penalty, found to within a third.
    assert run.state.duration_s <= told(limit, "none", items).state.duration_s + 1.4 * penalty_s + 5


def test_c5_a_limit_in_view_that_never_binds_is_not_the_one_that_refuses() -> None:
    """3,500 an hour are shown, 80 in 6 s refuse: those are believed, for a burst of refusals."""
    run = play("80/6s+3500/1h", "honest", 800, lie=("one-tier",))
    assert "80/6s" in [str(tier) for tier in run.learned()]
    assert run.refused <= 10
    assert not any("cost quota" in said for said in run.beliefs)
    assert run.optimality >= 0.9


@pytest.mark.parametrize("most", [3, 6])
def test_c6_a_number_in_flight_is_found(most: int) -> None:
    """A bare 429 with more in flight: at most so many, at the speed of who knows."""
    run = play(f"{most}:concurrency", "none", 1000)
    assert [str(tier) for tier in run.learned()] == [f"{most}:concurrency"]
    assert run.refused <= 12
    assert share(run, f"{most}:concurrency", "none", 1000) >= 0.95


def test_c7_a_bucket_is_read_from_its_header() -> None:
    """Shopify, `32/40` and a leak of 2 a second: one bucket, and nothing is refused."""
    run = play("2/s:bucket:burst=40", "shopify", 400)
    assert run.refused == 0
    (tier,) = run.learned()
    assert (tier.kind, tier.burst) == ("bucket", 40)
    assert tier.limit / tier.period_s == pytest.approx(2.0, rel=0.02)
    assert share(run, "2/s:bucket:burst=40", "shopify", 400) >= 0.98


@pytest.mark.parametrize(("limit", "dialect"), [("60/60s", "okta"), ("200/60s", "zendesk"), ("100/10s:log", "hubspot")])
def test_c8_limits_under_other_names_are_read(limit: str, dialect: str) -> None:
    """X-Rate-Limit-* and X-HubSpot-RateLimit-*: nothing is refused."""
    items = 3 * parse_tiers(limit)[0].limit
    run = play(limit, dialect, items)
    assert run.refused == 0
    assert share(run, limit, dialect, items) >= 0.95


def test_c9_two_sliding_counters_without_hints() -> None:
    """0.54 of the best before; now 0.85 of what who knows them reaches."""
    limit = "20/10s:counter+100/60s:counter"
    run = play(limit, "none", 800)
    assert share(run, limit, "none", 800) >= 0.85


@pytest.mark.parametrize("limit", ["100/11s", "200/13s", "100/33s"])
def test_c10_odd_periods_without_hints(limit: str) -> None:
    """Within 5 % after five windows, 1 % after ten, and 0.95 of who knows."""
    count, period_s = parse_tiers(limit)[0].limit, parse_tiers(limit)[0].period_s
    run = play(limit, "none", 13 * count)
    found = periods(run, count)
    for windows, within in ((5, 0.05), (10, 0.01)):
        latest = [period for t_s, period in found if t_s <= windows * period_s][-1]
        assert latest == pytest.approx(period_s, rel=within)
    assert share(run, limit, "none", 13 * count) >= 0.95


@pytest.mark.parametrize("dialect", ["retry-after", "none"])
def test_f3_a_strict_leaky_bucket_told_as_windows(dialect: str) -> None:
    """3,079 refusals and 0.19 before: what is tighter is learned beside what was declared."""
    limit, declared = "15/2s:leaky:burst=0", "50/5s+150/20s"
    run = play(limit, dialect, 306, workers=20, pacer=DeclaredPacer(parse_tiers(declared)), **WIRE)
    assert run.refused <= 40
    assert run.optimality >= 0.8
    shown = [str(tier.tier) for tier in run.pacer.statistics(run.state.duration_s).tiers]
    assert shown[:2] == ["50/5s", "150/20s"]
    assert any(isinstance(event, e.Learned) for event in run.events)


def test_f4_a_sliding_counter_told_as_windows() -> None:
    """239 refusals before; now a burst and some steps, at the speed of before."""
    limit, declared = "50/5s:counter+150/20s:counter", "50/5s+150/20s"
    run = play(limit, "retry-after", 306, workers=20, pacer=DeclaredPacer(parse_tiers(declared)), **WIRE)
    plain = play(limit, "retry-after", 306, workers=20, pacer=WindowPacer(parse_tiers(declared), 30.0), **WIRE)
    assert run.refused <= 40 < plain.refused
    assert run.state.duration_s <= 1.05 * plain.state.duration_s


def test_f5_a_reset_of_a_second_is_not_a_period() -> None:
    """GCRA, ten at once and ten a second: no odd window is learned, nothing is refused, and the bucket is found."""
    run = play("10/s:gcra:burst=10", "honest", 600)
    assert run.refused == 0
    (tier,) = run.learned()
    assert (tier.kind, tier.limit / tier.period_s) == ("bucket", pytest.approx(10.0, rel=0.02))
    assert share(run, "10/s:gcra:burst=10", "honest", 600) >= 0.95


def counted(limit: str, declared: str, workers: int = 20) -> tuple[Played, list[str]]:
    """An import with declared limits, and what it told of how they are counted."""
    run = play(limit, "honest", 306, workers=workers, pacer=DeclaredPacer(parse_tiers(declared)), **WIRE)
    news = [event for event in run.events if isinstance(event, e.Learned) and event.counting == "bucket"]
    return run, [event.evidence for event in news]


@pytest.mark.parametrize("workers", [3, 20])
@pytest.mark.parametrize(
    ("limit", "declared"),
    [("50/5s:bucket+150/20s:bucket", "50/5s+150/20s"), ("20/2s:gcra:burst=20", "20/2s"), ("10/s:bucket", "10/s")],
)
def test_f6_a_bucket_declared_as_a_window_is_kept_and_said(limit: str, declared: str, workers: int) -> None:
    """Paced as before to the digit; told once that it is a bucket, and the figures say what that would gain."""
    run, said = counted(limit, declared, workers)
    plain = play(limit, "honest", 306, workers=workers, pacer=WindowPacer(parse_tiers(declared), 30.0), **WIRE)
    assert [event for event in run.events if not isinstance(event, e.Learned)] == plain.events
    first = str(parse_tiers(declared)[0])
    assert said == [f"{first} counts as a bucket: what its headers say is left grows all the time, as no window's does"]
    buckets = format_tiers(tuple(replace(tier, kind="bucket") for tier in parse_tiers(declared)))
    sentence = as_buckets(run.state, ImportConfig(url="http://127.0.0.1:1/items", limit=declared))
    assert sentence.startswith(f"the server counts {first} as a bucket, which was kept as a window: ")
    assert f"--limit {buckets} could take " in sentence


@pytest.mark.parametrize("kind", ["", ":log", ":aligned", ":counter"])
@pytest.mark.parametrize("workers", [3, 20])
def test_f6_no_window_is_taken_for_a_bucket(kind: str, workers: int) -> None:
    """Whatever lies between a send and its answer, and whoever's clock the windows lie on."""
    assert counted(f"50/5s{kind}", "50/5s", workers)[1] == []


@pytest.mark.parametrize("limit", ["100/5s", "500/20s+2000/100s", "20/2s:log"])
def test_declared_limits_are_kept_as_by_window_to_the_digit(limit: str) -> None:
    """Until something is refused within them, the events of both are the same."""
    both = [
        play(limit, "honest", 600, workers=20, pacer=pacer)
        for pacer in (WindowPacer(parse_tiers(limit), 30.0), DeclaredPacer(parse_tiers(limit)))
    ]
    assert both[0].refused == both[1].refused == 0
    assert both[0].events == both[1].events


def test_a_declared_limit_is_never_loosened() -> None:
    """50 in 10 s declared where the server allows 100 in 5 s, then 20 in 5 s: the tighter of both holds."""
    loose = play("100/5s", "none", 300, pacer=DeclaredPacer(parse_tiers("50/10s")))
    assert loose.refused == 0
    assert loose.state.duration_s == pytest.approx(60, abs=2)
    tight = play("20/5s", "none", 300, pacer=DeclaredPacer(parse_tiers("50/10s")))
    assert tight.refused <= 30
    assert tight.optimality >= 0.85


def test_what_is_learned_of_a_bucket_is_enforced_by_its_limiter() -> None:
    """Read from headers, it stands among the limiters of `WindowPacer`, and its statistics among its tiers."""
    run = play("2/s:bucket:burst=40", "shopify", 300)
    pacer = run.pacer
    assert isinstance(pacer, AutoPacer)
    assert any(isinstance(limiter, BucketLimiter) for limiter in pacer._window._limiters)
    assert [tier.tier.kind for tier in pacer.statistics(run.state.duration_s).tiers] == ["bucket"]


def test_a_count_without_a_reset_is_looked_at_after_usual_periods_alone() -> None:
    """Strava, 100 in a quarter of an hour on the clock: a dozen looks, once, and no header is blamed for it."""
    limit = "100/15m:aligned+1000/1d"
    run = play(limit, "strava", 350)
    assert run.refused <= 12
    assert share(run, limit, "strava", 350) >= 0.95
    assert not any("no longer trusted" in said for said in run.beliefs)


@pytest.mark.parametrize("limit", ["7/9s:aligned", "13/17s:aligned", "20/7s:aligned"])
def test_a_small_window_on_the_clock_is_found_exactly(limit: str) -> None:
    """6 in 9 s were believed of 7, for ever: which of our own requests came first takes no other's clock, and one more
    than is believed is asked once.
    """
    items = 20 * parse_tiers(limit)[0].limit
    run = play(limit, "none", items)
    assert [str(tier) for tier in run.learned()] == [limit]
    assert share(run, limit, "none", items) >= 0.95


def test_a_border_in_the_first_burst_is_no_cheap_explanation() -> None:
    """30 at once, half of them before a border of half a minute, so that 10 in 30 s were believed of 30 in 20 s."""
    wire = {"lie": ("remaining-missing",), "seed": 79, "latency": "uniform:60ms-90ms"}
    run = play("30/20s:counter", "retry-after", 390, workers=30, **wire)
    assert [str(tier) for tier in run.learned()] == ["30/20s:counter"]
    assert run.state.duration_s <= 1.05 * 270


# By API: its limit, how it tells of it, and whether each limit is shown before it binds.
VENDORS = [
    ("100/60s:aligned+1000/1h", "github", True),
    ("60/60s", "gitlab", True),
    ("25/2s", "stripe", False),
    ("190/10s:log", "hubspot", True),
    ("5/5s", "discord", True),
    ("50/60s", "slack", False),
    ("3/s:bucket:burst=3", "notion", False),
    ("600/600s", "reddit", True),
    ("50/60s:bucket", "anthropic", True),
    ("100/60s", "google", False),
    ("300/60s:aligned", "binance", False),
    ("100/60s", "graph", False),
    ("350/60s", "jira", True),
    ("2/s:bucket:burst=10", "aws", False),
    ("600/60s:bucket", "azure", True),
]


@pytest.mark.parametrize(("limit", "dialect", "is_shown"), VENDORS)
def test_what_each_api_says_of_its_limits_is_used(limit: str, dialect: str, is_shown: bool) -> None:
    """Nothing is refused where each limit is shown before it binds; else no more than one burst and the first pause.

    After two windows it is as fast as who knows: within a twentieth.
    """
    tiers = parse_tiers(limit)
    items, early_s = max(300, 6 * tiers[0].limit), 2 * tiers[0].period_s
    run, known = play(limit, dialect, items), told(limit, dialect, items)
    print(limit, dialect, run.refused, run.learned(), run.state.duration_s, known.state.duration_s)
    assert run.state.status == "complete"
    assert run.refused <= (0 if is_shown else 40)
    imported = [
        sum(isinstance(event, e.ItemImported) and event.t_s > early_s for event in one.events) for one in (run, known)
    ]
    speed, aim = (number / (one.state.duration_s - early_s) for number, one in zip(imported, (run, known)))
    assert speed >= 0.95 * aim


@pytest.mark.parametrize(
    "limit", ["5/33s:bucket", "10/60s:bucket", "10/45s:gcra:burst=3", "6/60s:counter", "3/600s:bucket"]
)
@pytest.mark.parametrize("workers", [1, 10])
def test_no_item_is_lost_to_a_limit_that_refills_slowly(limit: str, workers: int) -> None:
    """A 429 meets the same item again and again while others get through: they came when there was room."""
    for seed, latency in enumerate(("uniform:60ms-90ms", "lognormal:80ms", "lognormal:200ms")):
        run = play(limit, "none", 40, workers=workers, seed=seed, latency=latency)
        assert run.state.status == "complete"
        assert run.state.imported == 40


@pytest.mark.parametrize("limit", ["2/30s:gcra:burst=1", "10/120s:bucket", "6/60s:counter"])
@pytest.mark.parametrize("dialect", ["google", "github"])
def test_nor_to_one_that_refuses_with_403(limit: str, dialect: str) -> None:
    """Another that was let through had taken the one place there was; the item is tried alone after twice that time."""
    for workers in (1, 3):
        run = play(limit, dialect, 40, workers=workers, seed=workers, latency="lognormal:80ms")
        assert run.state.status == "complete"
        assert run.state.imported == 40


@pytest.mark.parametrize("kind", [":log", ":counter", ""])
def test_f2_two_limits_that_take_turns_in_one_header_are_told_apart(kind: str) -> None:
    """Three requests a second where ten are allowed; of sliding counters the longer was believed twice as long."""
    limit = f"50/5s{kind}+150/20s{kind}"
    wire = {"workers": 20, "latency": "uniform:60ms-90ms", "lie": ("retry-after-on-200",)}

    for seed in range(3):
        run = play(limit, "honest", 600, seed=seed, **wire)
        known = play(limit, "honest", 600, seed=seed, pacer=WindowPacer(parse_tiers(limit), 30.0), **wire)
        assert run.refused == 0
        assert known.state.duration_s >= 0.97 * run.state.duration_s
        assert {(tier.limit, tier.period_s) for tier in run.learned()} == {(50, 5.0), (150, 20.0)}


class AskedThrice(AutoPacer):
    """Each no is asked for twice more, and is the same."""

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        answers = [super().reserve(now, cost)]
        while isinstance(answers[-1], Later) and len(answers) < 3:
            answers.append(super().reserve(now, cost))
        assert isinstance(answers[0], Grant) or answers == [answers[0]] * 3
        return answers[0]


KINDS = ["", ":log", ":aligned", ":counter", ":bucket", ":gcra:burst=2", ":leaky:burst=0"]


@given(
    kind=st.sampled_from(KINDS),
    counts=st.sampled_from([((20, 3),), ((30, 7),), ((10, 2), (25, 10))]),
    dialect=st.sampled_from(["none", "retry-after", "honest", "draft-7", "github", "shopify", "forbidden", "strava"]),
    charge=st.booleans(),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_to_ask_changes_nothing(
    kind: str, counts: tuple[tuple[int, int], ...], dialect: str, charge: bool, seed: int
) -> None:
    """By whatever is believed at the time: asked once or three times, the same events, to the digit."""
    limit = "+".join(f"{count}/{period_s}s{kind}" for count, period_s in counts)
    wire = {"seed": seed, "on_refusal": "charge-all" if charge else "free", "until_s": 600.0}
    once, thrice = (play(limit, dialect, 80, pacer=pacer, **wire) for pacer in (AutoPacer(), AskedThrice()))
    assert once.events == thrice.events


def test_an_early_question_does_not_make_a_window_look_shorter() -> None:
    """It opened the next window all alone, and the burst after it came after a silence: 100/6s and 400/30s."""
    run = play("100/7s", "none", 1300, seed=4)
    assert [str(tier) for tier in run.learned()] == ["100/7s"]


def test_a_second_limit_that_refuses_with_403_is_met_within_the_eight_probes() -> None:
    """All of them went within 18 s, to when usual windows would have been over, and the run ended as failed."""
    run = play("100/3s+400/100s", "forbidden", 1000, seed=6, workers=3, latency="uniform:60ms-90ms")
    assert run.state.status == "complete"


def test_a_clock_window_that_is_taken_for_a_longer_one_is_found_out() -> None:
    """20 in 13 s were believed of a counter of 20 in 5 s, for ever: it is asked again."""
    limit = "20/5s:counter+160/50s:counter"
    assert share(play(limit, "none", 1600, seed=4), limit, "none", 1600) >= 0.85
