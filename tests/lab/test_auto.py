"""`auto` told nothing, in virtual time, against every way of counting and of telling that the test API knows.

The aims are issue 4's. Where one is missed the measured figure stands in MISSED, so that it cannot get worse unseen.
"""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from harness_test_api.dialects import LIES

from harness.lab.simulate import Network
from harness.pacing import AutoPacer, WindowPacer, parse_tiers
from harness.pacing.learn.prior import LADDER
from harness.record import events as e
from tests.lab.auto_play import Played, play

pytestmark = pytest.mark.matrix

# Import sizes of at least five windows of the longest tier.
SIZES = {
    "100/5s": 2000,
    "500/20s+2000/100s": 8000,
    "50/1s": 1500,
    "20/10s+100/60s": 800,
    "30/2s+100/10s+400/60s": 2800,
}
WINDOWS, REFILLING = ("", "log", "aligned"), ("bucket", "gcra", "counter")
DRAFTS = ("draft-6", "draft-7", "draft-8")


def kinds(limit: str, kind: str) -> str:
    return "+".join(f"{tier}:{kind}" if kind else tier for tier in limit.split("+"))


def true_tiers(limit: str) -> list[tuple[int, float]]:
    return [(tier.limit, tier.period_s) for tier in parse_tiers(limit)]


def close(run: Played, limit: str, within: float) -> bool:
    """Is each tier of `limit` among what was learned, count and period, within a share?"""
    learned = [(tier.limit, tier.period_s) for tier in run.learned()]
    return all(
        any(abs(n - count) <= within * count and abs(w - period) <= within * period for n, w in learned)
        for count, period in true_tiers(limit)
    )


def latency(workers: int) -> str:
    """Jittered; but with one worker the bound knows only the least latency, so that it must not vary."""
    return "80ms" if workers == 1 else "lognormal:80ms"


def aim(limit: str, kind: str) -> float:
    """0.95; 0.85 where room comes back bit by bit; shorter windows lose a round trip each (issue 4, item 1)."""
    shortest_s = min(period for _, period in true_tiers(limit))
    worst = 0.85 if kind in REFILLING else 0.95
    return min(worst, shortest_s / (shortest_s + 0.13))


# --- headers tell all -------------------------------------------------------------------------------------------------

# Sliding counters whose Reset lies two borders ahead are known by that and kept to by `window`'s own rule, which
# reaches 0.94, 0.75, 0.90, 0.88 and 0.86 of the bound where it is told the kind; a few per cent go to the first window.
COUNTED = {"500/20s+2000/100s": 0.72, "20/10s+100/60s": 0.84, "30/2s+100/10s+400/60s": 0.83}
# At one second, jitter and whole seconds leave room for a probe that came too early: (least optimality, refusals).
MISSED_SECONDS = {("50/1s", "log"): (0.86, 2), ("50/1s", "aligned"): (0.88, 2)}


def check_drafts(dialect: str, limit: str, kind: str, workers: int) -> None:
    run = play(kinds(limit, kind), dialect, SIZES[limit], workers=workers, latency=latency(workers))
    print(dialect, limit, kind, workers, run.refused, round(run.optimality, 3))
    assert run.state.status == "complete"
    least, most = MISSED_SECONDS.get((limit, kind), (aim(limit, kind), 0))
    if kind == "counter":
        least, most = COUNTED.get(limit, least), 0
    assert run.refused <= most
    assert run.optimality >= least
    if kind != "counter" and most == 0:
        assert {(tier.limit, tier.period_s) for tier in run.learned()} == set(true_tiers(limit))


@pytest.mark.parametrize(
    ("limit", "kind"),
    [
        ("100/5s", ""),
        ("20/10s+100/60s", "log"),
        ("100/5s", "bucket"),
        ("20/10s+100/60s", "bucket"),
        ("20/10s+100/60s", "counter"),
    ],
)
@pytest.mark.parametrize("dialect", DRAFTS)
def test_headers_that_tell_all_leave_no_refusal(dialect: str, limit: str, kind: str) -> None:
    """Drafts 6, 7 and 8 name every tier: exactly those are learned, and nothing is refused."""
    check_drafts(dialect, limit, kind, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "limit", "kind", "workers"), [*product(DRAFTS, SIZES, WINDOWS + REFILLING, (1, 10, 100))]
)
def test_headers_that_tell_all_in_every_case(dialect: str, limit: str, kind: str, workers: int) -> None:
    """The whole matrix: kinds, tiers, workers."""
    check_drafts(dialect, limit, kind, workers)


# X-RateLimit-* tells one tier at a time and no period. Short of the aim by the start alone: a window of a second is
# begun 1.3 s late once, to tell it from one of two seconds, and 30 windows are played.
HONEST_MISSED = {("50/1s", ""): 0.84, ("50/1s", "log"): 0.84}


def check_honest(limit: str, kind: str, workers: int) -> None:
    run = play(kinds(limit, kind), "honest", SIZES[limit], workers=workers, latency=latency(workers))
    print(limit, kind, workers, run.refused, round(run.optimality, 3), run.learned())
    assert run.state.status == "complete"
    assert run.refused == 0
    assert run.optimality >= HONEST_MISSED.get((limit, kind), aim(limit, kind))
    if workers > 1 and limit not in TOO_SHORT:  # one worker does not meet every limit
        assert close(run, limit, 0.01)


# Windows of a second or two that lie on the server's clock need only their borders: how often they come is never asked.
TOO_SHORT = ("50/1s", "30/2s+100/10s+400/60s")


@pytest.mark.parametrize("limit", SIZES)
@pytest.mark.parametrize("kind", WINDOWS)
def test_one_tier_at_a_time_without_its_period(limit: str, kind: str) -> None:
    """X-RateLimit-Limit, -Remaining and -Reset of the tightest of one to three tiers: each is seen before it binds, so
    that nothing is refused; periods come from resets.
    """
    check_honest(limit, kind, 10)


@pytest.mark.parametrize(("limit", "least"), [("100/5s", 0.9), ("500/20s", 0.9)])
def test_a_sliding_counter_is_known_by_a_reset_that_jumps(limit: str, least: float) -> None:
    """X-RateLimit-*: the last request of the first window is sent once a border has passed, and its reset is a period
    later than the others' were; from then on the counter's own rule holds, on the clock of Date headers. Nothing is
    refused, and nobody is taken to use it too.
    """
    run = play(kinds(limit, "counter"), "honest", 13 * true_tiers(limit)[0][0])
    assert run.refused == 0
    assert run.optimality >= least
    assert close(run, limit, 0.0)
    assert any("sliding counter" in said for said in run.beliefs)
    assert not any("shared with others" in said for said in run.beliefs)
    learned = next(event for event in run.events if isinstance(event, e.Learned) and event.counting == "counter")
    assert learned.t_s <= 1.3 * true_tiers(limit)[0][1]


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "kind", "workers"), [*product(SIZES, WINDOWS, (1, 40, 100))])
def test_one_tier_at_a_time_in_every_case(limit: str, kind: str, workers: int) -> None:
    """The whole matrix: kinds, tiers, workers."""
    check_honest(limit, kind, workers)


# --- refusals alone tell ----------------------------------------------------------------------------------------------


def check_retry_after(limit: str, kind: str, workers: int) -> None:
    run = play(kinds(limit, kind), "retry-after", SIZES[limit], workers=workers, latency=latency(workers))
    tiers = len(true_tiers(limit))
    print(limit, kind, workers, run.refused, round(run.optimality, 3), run.learned())
    assert run.state.status == "complete"
    assert run.refusals_in_a_row() <= 2
    if kind in WINDOWS:
        # One burst of what was in flight for each tier; one more where an aligned window's phase was not known, and a
        # probe where a Retry-After of one second leaves the period open.
        bursts = tiers * (2 if kind == "aligned" else 1)
        assert run.refused <= bursts * workers + tiers
        short = limit == "50/1s"
        assert run.optimality >= (0.84 if short else aim(limit, kind))
        # One worker is too slow to meet every limit.
        assert short or workers == 1 or close(run, limit, 0.02)
    else:
        # The bound lets a counter's limit through at once at any phase; who knows it all loses most of a window.
        most = play(
            kinds(limit, kind), "retry-after", SIZES[limit], pacer=WindowPacer(parse_tiers(kinds(limit, kind)), 30)
        )
        assert run.optimality >= (min(0.85, 0.94 * most.optimality) if kind == "counter" else 0.85)
        assert run.refused <= 30 * tiers + (tiers + 1) * workers


@pytest.mark.parametrize(
    ("limit", "kind"),
    [*product(("100/5s", "20/10s+100/60s", "30/2s+100/10s+400/60s"), WINDOWS), ("100/5s", "bucket")],
)
def test_retry_after_alone_tells_the_tiers(limit: str, kind: str) -> None:
    """Count and period of each tier within 2 % after its first refusal, of which there is one burst."""
    check_retry_after(limit, kind, 10)


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "kind", "workers"), [*product(SIZES, WINDOWS + REFILLING, (1, 10, 100))])
def test_retry_after_alone_in_every_case(limit: str, kind: str, workers: int) -> None:
    """The whole matrix: kinds, tiers, workers."""
    check_retry_after(limit, kind, workers)


# --- nothing tells ----------------------------------------------------------------------------------------------------


def steps(period_s: float) -> int:
    """How often the first pause looks until a window of that length is over: each step is one refusal, once."""
    return sum(step <= period_s for step in LADDER) + 1


def periods_over_time(run: Played, limit: int) -> list[tuple[float, float]]:
    """(when, period in seconds) each time that a tier of `limit` was learned anew."""
    news = [event for event in run.events if isinstance(event, e.Learned) and event.tier is not None]
    tiers = [(event.t_s, parse_tiers(event.tier or "")[0]) for event in news]
    return [(t_s, tier.period_s) for t_s, tier in tiers if tier.limit == limit]


@pytest.mark.parametrize("limit", ["100/5s", "500/20s", "100/10s", "100/60s"])
@pytest.mark.parametrize("kind", WINDOWS)
def test_without_any_hint_the_period_is_found(limit: str, kind: str) -> None:
    """Within 10 % after five windows and 2 % after ten; after the first, at most one refused probe a window."""
    count, period_s = true_tiers(limit)[0]
    run = play(kinds(limit, kind), "none", 13 * count)
    found = periods_over_time(run, count)
    known = {windows: [w for t_s, w in found if t_s <= windows * period_s][-1] for windows in (5, 10)}
    print(limit, kind, run.refused, round(run.optimality, 3), known)
    assert known[5] == pytest.approx(period_s, rel=0.10)
    assert known[10] == pytest.approx(period_s, rel=0.02)
    assert run.optimality >= 0.95
    assert run.refusals_in_a_row() <= steps(period_s)
    holds = [event for event in run.events if isinstance(event, e.Held)]
    first = next(event for event in run.events if isinstance(event, e.Learned))
    later = [event.t_s for event in holds if event.t_s > first.t_s]
    # One in each window; once a second one beside it, which asks whether it is a penalty.
    busy = [at for at in later if sum(at <= other < at + 0.9 * period_s for other in later) > 1]
    assert len(busy) <= 1


@pytest.mark.parametrize("limit", ["500/20s+2000/100s", "20/10s+100/60s", "60/3s+200/15s"])
def test_a_second_tier_is_found_without_any_hint(limit: str) -> None:
    """The longer tier is found when it first refuses, and both are kept from then on."""
    run = play(limit, "none", SIZES.get(limit, 1500))
    assert close(run, limit, 0.05)
    assert run.optimality >= 0.85


@pytest.mark.parametrize("limit", ["100/5s:bucket", "100/10s:bucket:burst=10", "20/s:gcra:burst=20"])
def test_a_bucket_without_any_hint_is_searched_for(limit: str) -> None:
    """No window explains its refusals: the rate is searched, and 0.85 of the best possible is kept."""
    run = play(limit, "none", 2000)
    print(limit, run.refused, run.optimality)
    assert run.state.status == "complete"
    assert run.optimality >= 0.85
    assert run.refused <= 40


# --- lies -------------------------------------------------------------------------------------------------------------

# Lies that mislead must be named; the others are only other ways of writing the truth.
NAMED = {
    "retry-after-zero": "Retry-After",
    "retry-after-negative": "Retry-After",
    "retry-after-absurd": "Retry-After",
    "remaining-stale": "X-RateLimit-Remaining",
}
# Lies that cost refusals: where only Retry-After speaks, and where a tier is never shown. The others cost none.
COSTLY = {
    "retry-after-zero": 20,
    "retry-after-negative": 20,
    "retry-after-absurd": 20,
    "one-tier": 10,
    # Measured. A limit that is first seen when it refuses refuses all that is in flight, here with 10 workers; its
    # reset leaves its period open then, so that it is learned from that pause.
    "first-tier": 8,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("limit", ["50/3s+120/10s", "20/2s:log"])
def test_lies_are_survived_and_named(lie: str, limit: str) -> None:
    """Every item comes, no pause sees more than five refusals in a row, and the header is named that misled."""
    dialect = "retry-after" if NAMED.get(lie) == "Retry-After" else "honest"
    run = play(limit, dialect, 800, lie=(lie,))
    print(lie, limit, run.refused, round(run.optimality, 3), run.beliefs)
    assert run.state.status == "complete"
    assert run.refusals_in_a_row() <= 5
    assert run.refused <= COSTLY.get(lie, 0)
    assert run.optimality >= 0.8
    if lie in NAMED:
        assert any(said.startswith(f"{NAMED[lie]} ") for said in run.beliefs)
        assert any(isinstance(event, e.Learned) and event.counting == "trust" for event in run.events)


def test_the_reference_servers_worthless_reset_does_no_harm() -> None:
    """Reset a whole window away on each 200, Retry-After rounded down, refusals that burn earlier tiers."""
    run = play("500/20s+2000/100s", "laravel", 8000, on_refusal="charge-earlier")
    assert run.optimality >= 0.95
    assert run.refused <= 20
    assert run.refusals_in_a_row() <= 3


# --- refusals that cost quota -----------------------------------------------------------------------------------------

CHARGED = [
    ("60/3s:log+200/15s:log", "retry-after", 10),
    ("60/3s:log+200/15s:log", "retry-after", 40),
    ("60/3s:log+200/15s:log", "forbidden", 10),
    ("100/5s+300/30s", "retry-after", 40),
    ("100/5s+300/30s", "none", 10),
]


@pytest.mark.parametrize(("limit", "dialect", "workers"), CHARGED)
def test_that_refused_requests_cost_quota_is_noticed_and_said(limit: str, dialect: str, workers: int) -> None:
    """The longer limit is round only with the refusals in it: that is believed, shown, recorded, and kept to."""
    run = play(limit, dialect, 1500, workers=workers, on_refusal="charge-all")
    free = play(limit, dialect, 1500, workers=workers)
    print(limit, dialect, run.refused, round(run.optimality, 3), run.learned(), run.beliefs)
    assert any(said.startswith("refused requests cost quota: ") for said in run.beliefs)
    assert any(isinstance(event, e.Learned) and event.counting == "charges" for event in run.events)
    assert "refused" in run.state.learned
    assert {tier.limit for tier in run.learned()} == {count for count, _ in true_tiers(limit)}
    assert run.refused <= 2 * workers + 10
    assert run.optimality >= (0.94 if dialect == "retry-after" else 0.80)
    assert not any(said.startswith("refused requests cost quota: ") for said in free.beliefs)


def test_what_only_looks_as_if_refusals_cost_quota_is_taken_back() -> None:
    """193 in 15 s, and 7 refused: 200 by accident. Refused again where that was not reached, 193 is kept to."""
    run = play("60/3s:log+193/15s:log", "retry-after", 1500)
    print(run.refused, run.optimality, run.learned(), run.beliefs)
    said = [event.evidence for event in run.events if isinstance(event, e.Learned) and event.counting == "charges"]
    taken_back = "whether refused requests cost quota is open again"
    assert [each.partition(":")[0] for each in said] == ["refused requests cost quota", taken_back]
    assert not any(each.startswith("refused requests cost") for each in run.beliefs)
    assert close(run, "60/3s+193/15s", 0.02)
    assert run.optimality >= 0.9


# --- everything else --------------------------------------------------------------------------------------------------


def test_the_network_may_do_what_it_likes() -> None:
    """Jittered ways there and back, 40 workers, headers that tell all: still no refusal.

    X-RateLimit-* shows the second tier only once it is the tighter one: that is soon enough.
    """
    random = Random(7)
    network = Network(lambda: random.expovariate(10.0), lambda: random.expovariate(10.0))
    for dialect in (*DRAFTS, "honest"):
        run = play("100/5s+300/30s", dialect, 900, workers=40, network=network)
        assert run.state.status == "complete"
        assert run.refused == 0, dialect


@pytest.mark.parametrize("dialect", ["honest", "draft-8", "retry-after", "none"])
def test_declared_and_learned_limits_combine(dialect: str) -> None:
    """Declared 50/5s where the server allows 100/5s: 50 a window; declared 200/5s: the learned 100 hold."""
    tight = play("100/5s", dialect, 400, pacer=AutoPacer(parse_tiers("50/5s")))
    assert tight.refused == 0
    assert tight.state.duration_s == pytest.approx(40.1, abs=1.0)
    loose = play("100/5s", dialect, 1000, pacer=AutoPacer(parse_tiers("200/5s")))
    assert loose.optimality >= 0.9
    assert loose.refused <= 25


@pytest.mark.parametrize("dialect", ["retry-after", "none"])
def test_what_was_learned_spares_the_next_run_its_refusals(dialect: str) -> None:
    """The second run starts from the first one's limits: nothing is refused."""
    limit = "500/20s+2000/100s"
    first = play(limit, dialect, 6000)
    assert first.refused > 0
    second = play(limit, dialect, 6000, pacer=AutoPacer(remembered=first.learned()))
    assert second.refused <= (0 if dialect == "retry-after" else 1)
    assert second.optimality >= 0.95


LEAKY = ["2/s", "10/s", "25/s"]


@pytest.mark.parametrize("dialect", ["retry-after", "none", "nginx"])
@pytest.mark.parametrize("rate", LEAKY)
def test_a_bucket_without_any_burst_is_met_within_a_few_steps(rate: str, dialect: str) -> None:
    """Evenly or not at all: 0.85 of the best possible over a minute and a half, pauses for steps too far included."""
    limit = f"{rate}:leaky:burst=0"
    count = parse_tiers(rate)[0].limit
    run = play(limit, dialect, 90 * count)
    print(limit, dialect, run.refused, round(run.optimality, 3), run.learned())
    assert run.state.status == "complete"
    assert run.optimality >= 0.85
    assert run.refused <= 40
    assert run.refusals_in_a_row() <= 3
    assert [tier.limit / tier.period_s for tier in run.learned()] == [pytest.approx(count, rel=0.05)]


@pytest.mark.parametrize("dialect", ["retry-after", "none"])
@pytest.mark.parametrize(
    "limit", ["50/s:bucket:burst=5", "500/20s:gcra:burst=10", "100/5s:bucket", "20/s:gcra:burst=20"]
)
def test_a_bucket_of_any_depth_is_met(limit: str, dialect: str) -> None:
    """0.85 of the best possible, from a burst of everything in flight and a few steps too far."""
    run = play(limit, dialect, 4000)
    print(limit, dialect, run.refused, round(run.optimality, 3), run.learned())
    assert run.optimality >= 0.85
    assert run.refused <= 40


# Ten windows of the longest tier.
COUNTERS = {"100/5s": 2000, "500/20s": 6000, "50/1s": 1500, "20/10s+100/60s": 1600, "30/2s+100/10s+400/60s": 5600}


# Without any hint a window is first taken for too long, and what it is stays unknown while that is kept to.
COUNTERS_MISSED = {
    ("500/20s", 100): 0.78,
    ("20/10s+100/60s", 10): 0.53,
    ("20/10s+100/60s", 100): 0.57,
    ("30/2s+100/10s+400/60s", 10): 0.75,
    ("30/2s+100/10s+400/60s", 100): 0.75,
}


def check_counter(limit: str, dialect: str, workers: int) -> None:
    items = COUNTERS.get(limit, 20_000)
    run = play(kinds(limit, "counter"), dialect, items, workers=workers)
    print(limit, dialect, workers, run.refused, round(run.optimality, 3), run.learned())
    assert run.state.status == "complete"
    assert run.optimality >= (COUNTERS_MISSED.get((limit, workers), 0.85) if dialect == "none" else 0.85)
    assert run.refusals_in_a_row() <= (5 if dialect == "retry-after" else 6)
    # A burst for each tier and one for the kind; then steps too far, each refused once or twice.
    assert run.refused <= (len(true_tiers(limit)) + 1) * workers + 40
    if dialect == "retry-after" and limit != "50/1s":  # at one second nothing tells a counter from a bucket
        assert any(tier.kind == "counter" for tier in run.learned())


@pytest.mark.parametrize("limit", COUNTERS)
def test_a_sliding_counter_is_taken_for_what_it_is(limit: str) -> None:
    """By Retry-After alone: its windows are found, then that room comes back in proportion, and 0.85 is kept."""
    check_counter(limit, "retry-after", 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "dialect", "workers"), [*product([*COUNTERS, "500/20s+2000/100s"], ("retry-after", "none"), (10, 100))]
)
def test_sliding_counters_in_every_case(limit: str, dialect: str, workers: int) -> None:
    """The whole matrix: tiers, with and without Retry-After, workers."""
    check_counter(limit, dialect, workers)


@pytest.mark.parametrize(
    "limit", ["500/20s:counter", "25/s:leaky:burst=0", "50/s:bucket:burst=5", "30/2s:counter+100/10s:counter"]
)
def test_the_kind_that_was_learned_spares_the_next_run_the_search(limit: str) -> None:
    """The second run starts from the first one's kinds and rates: hardly a refusal, and never slower."""
    first = play(limit, "retry-after", 1500)
    second = play(limit, "retry-after", 1500, pacer=AutoPacer(remembered=first.learned()))
    print(limit, first.refused, second.refused, first.optimality, second.optimality, first.learned())
    assert second.refused <= (10 if "counter" in limit else 0)
    assert second.optimality >= first.optimality - 0.005


ODD = ["100/7s", "100/8s", "100/9s", "30/2s", "40/25s", "300/14s"]


@pytest.mark.parametrize("limit", ODD)
@pytest.mark.parametrize("kind", ["", "log"])
def test_a_period_that_hardly_anybody_would_choose_is_found_too(limit: str, kind: str) -> None:
    """Within 10 % after five windows, 3 % after ten, 0.85 of the best possible; at most one refused probe a window."""
    count, period_s = true_tiers(limit)[0]
    run = play(kinds(limit, kind), "none", 13 * count)
    found = periods_over_time(run, count)
    known = {windows: [w for t_s, w in found if t_s <= windows * period_s][-1] for windows in (5, 10)}
    print(limit, kind, run.refused, round(run.optimality, 3), known)
    assert known[5] == pytest.approx(period_s, rel=0.10)
    assert known[10] == pytest.approx(period_s, rel=0.02)
    assert run.optimality >= 0.9
    assert run.refusals_in_a_row() <= steps(period_s)
    holds = [event.t_s for event in run.events if isinstance(event, e.Held)]
    later = holds[run.refusals_in_a_row() :]
    busy = [at for at in later if sum(at <= other < at + 0.9 * period_s for other in later) > 1]
    assert len(busy) <= 1


@pytest.mark.parametrize("limit", ["200/13s", "100/33s", "100/11s"])
def test_a_period_far_from_every_usual_one_is_found_as_soon(limit: str) -> None:
    """Within 5 % after five windows, 1 % after ten, at 0.95 of the best possible."""
    count, period_s = true_tiers(limit)[0]
    run = play(limit, "none", 13 * count)
    found = periods_over_time(run, count)
    five, ten = ([w for t_s, w in found if t_s <= windows * period_s][-1] / period_s for windows in (5, 10))
    print(limit, run.refused, round(run.optimality, 3), five, ten)
    assert 1 <= five <= 1.05
    assert 1 <= ten <= 1.01
    assert run.optimality >= 0.95


@pytest.mark.parametrize("limit", ["100/7s", "100/6s"])
def test_windows_on_the_servers_clock_are_not_cut_short_by_probes(limit: str) -> None:
    """A probe gets through because a border lay before it: the refusal that follows restores the period that held."""
    run = play(kinds(limit, "aligned"), "none", 1300)
    print(limit, run.refused, round(run.optimality, 3), run.learned(), run.beliefs)
    assert run.optimality >= 0.85
    assert run.refused <= 20
    assert close(run, limit, 0.11)


@pytest.mark.parametrize("workers", [10, 50])
def test_two_tiers_whose_windows_do_not_divide_are_told_apart(workers: int) -> None:
    """50/3s and 120/10s without a hint: what the longer one refuses is not put down to the shorter."""
    run = play("50/3s+120/10s", "none", 1000, workers=workers)
    print(workers, run.refused, round(run.optimality, 3), run.learned())
    assert run.optimality >= 0.85
    assert run.refused <= 3 * workers + 20
