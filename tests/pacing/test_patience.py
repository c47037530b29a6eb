"""F1: nobody waits for a belief. No learned limit keeps everyone waiting for long without one request that looks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from harness.pacing import (
    AutoPacer,
    Budget,
    Grant,
    Later,
    Notice,
    Outcome,
    Pacer,
    Quota,
    Tiers,
    WindowPacer,
    parse_tiers,
)
from harness.pacing.breaker import LONGEST_GUESSED_PAUSE_S, guessed_s
from harness.pacing.budget import ROUNDING_S, Patience
from harness.pacing.learn.strategy import DeclaredPacer
from harness.pacing.routes import Common, LearningRoutePacer
from harness.pacing.sharing import SharingPacer
from harness.record import events as e
from tests.lab.auto_play import Played, play

# Round trips, timers, and the last answers of a burst.
SLACK_S = 2.0


def silences(played: Played) -> list[tuple[float, float]]:
    """(from, to) of every time in which nothing was in flight."""
    spans = sorted((event.sent_s, event.t_s) for event in played.events if hasattr(event, "sent_s"))
    ends, found = 0.0, []
    for sent_s, done_s in spans:
        if sent_s > ends:
            found.append((ends, sent_s))
        ends = max(ends, done_s)
    return found


def longest_s(played: Played) -> float:
    return max((until - since for since, until in silences(played)), default=0.0)


@pytest.mark.parametrize("kind", ["log", "counter"])
@pytest.mark.parametrize("lies", [("first-tier", "reset-next"), ("first-tier",), ("reset-next",)])
@pytest.mark.parametrize("seed", [0, 2, 5])
def test_f1_a_limit_first_seen_when_it_refuses_has_an_unknown_period(
    kind: str, lies: tuple[str, ...], seed: int
) -> None:
    """F1: 50/5s and 150/20s, one of them in the headers, Retry-After on every answer. `150/7d` was believed, and the
    import waited a week. No silence is longer than the longer window, which is the most that the server can name.
    """
    limit = f"50/5s:{kind}+150/20s:{kind}"
    wire = {"latency": "uniform:60ms-90ms", "lie": (*lies, "retry-after-on-200"), "seed": seed}
    played = play(limit, items=300, workers=20, until_s=3000.0, **wire)
    assert played.done is not None
    assert (played.done.status, played.state.imported) == ("complete", 300)
    assert longest_s(played) <= 20.0 + ROUNDING_S
    assert not any(tier.period_s > 60 for tier in parse_tiers(played.state.limits))


WRONG = ["150/7d", "50/1d", "100/1d+20/1h", "10/1h:counter", "5/1h:gcra:burst=1", "400/366d"]


@pytest.mark.parametrize("dialect", ["none", "honest", "retry-after", "draft-8"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_belief_is_looked_behind_and_told(wrong: str, dialect: str) -> None:
    """Whatever an earlier run believed of 100/5s: the import ends, and after a look or two it is as fast as ever."""
    played = play("100/5s", dialect, 400, pacer=AutoPacer(remembered=parse_tiers(wrong)), until_s=5000.0)
    assert played.done is not None
    assert played.state.imported == 400
    first = silences(played)
    assert max(until - since for since, until in first[:3]) <= LONGEST_GUESSED_PAUSE_S + SLACK_S


@pytest.mark.parametrize("limit", ["10/20s:bucket", "20/45s:bucket", "20/5s", "20/5s:aligned"])
@pytest.mark.parametrize("wrong", ["100/1d+20/1h", "50/1d", "10/1h:counter", "5/1h:aligned", "5/1h:gcra:burst=1"])
def test_a_belief_that_proves_wrong_costs_a_look_and_no_more(limit: str, wrong: str) -> None:
    """11 an hour were believed for ever, of a bucket that gives 1,800. A look for each wrong limit, a minute for each,
    and what is learned anew comes after them: 1.15 of what `window` needs that is told the truth, and as long again as
    the looks took.
    """
    believed = parse_tiers(wrong)
    played = play(limit, "retry-after", 150, pacer=AutoPacer(remembered=believed), until_s=4000.0)
    known = play(limit, "retry-after", 150, pacer=WindowPacer(parse_tiers(limit), 30.0))
    assert played.state.imported == 150
    looks_s = len(believed) * (LONGEST_GUESSED_PAUSE_S + SLACK_S)
    assert played.state.duration_s <= 1.15 * known.state.duration_s + looks_s
    assert played.refused <= 60


def refusals(played: Played) -> list[e.Refused]:
    return [event for event in played.events if isinstance(event, e.Refused)]


def proven_s(played: Played) -> float:
    """The longest time from a refusal to the request that was let through after it."""
    longest, shut = 0.0, None
    for event in sorted((ev for ev in played.events if hasattr(ev, "sent_s")), key=lambda event: event.t_s):
        if isinstance(event, e.Refused):
            shut = event.sent_s if shut is None else shut
        elif shut is not None and event.sent_s > shut:
            longest, shut = max(longest, event.sent_s - shut), None
    return longest


PERIODS = st.sampled_from(["2s", "5s", "11s", "20s", "45s"])
TIERS = st.builds(
    lambda limit, period, kind: f"{limit}/{period}{kind}",
    st.integers(5, 60),
    PERIODS,
    st.sampled_from(["", ":log", ":counter", ":bucket"]),
)
LIES = st.lists(
    st.sampled_from(["retry-after-on-200", "reset-next", "first-tier", "one-tier", "remaining-missing", "reset-delta"]),
    unique=True,
    max_size=3,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tiers=st.lists(TIERS, min_size=1, max_size=2, unique=True),
    dialect=st.sampled_from(["none", "honest", "retry-after", "github"]),
    lies=LIES,
    seed=st.integers(0, 99),
    remembered=st.sampled_from(["", *WRONG]),
)
@example(["50/5s:counter", "150/20s:counter"], "honest", ["first-tier", "reset-next"], 0, "")
@example(["10/20s:bucket"], "retry-after", [], 1, "100/1d+20/1h")
@example(["20/45s:bucket"], "retry-after", [], 0, "50/1d")
@example(["20/45s:bucket"], "none", [], 4, "50/1d")
def test_no_silence_is_longer_than_named_or_twice_what_proved_right(
    tiers: list[str], dialect: str, lies: list[str], seed: int, remembered: str
) -> None:
    """As a property over servers: what the server can name is its longest window (two of a counter), and what is
    guessed after a refusal is `auto`'s own ladder, which ends at twice the longest wait before it.
    """
    limit = "+".join(tiers)
    believed = parse_tiers(remembered) if remembered else ()
    wire = {"latency": "lognormal:80ms", "lie": tuple(lies), "seed": seed}
    played = play(limit, dialect, 150, pacer=AutoPacer(remembered=believed), until_s=4000.0, **wire)
    assert played.done is not None
    assert played.state.imported == 150
    named_s = 2 * max(tier.period_s * max(1.0, tier.depth / tier.limit) for tier in parse_tiers(limit))
    most_s = max(named_s, 2 * proven_s(played), LONGEST_GUESSED_PAUSE_S) + ROUNDING_S + SLACK_S
    assert longest_s(played) <= most_s


# --- by hand ----------------------------------------------------------------------------------------------------------


def believing(text: str, declared: Tiers = ()) -> Budget:
    return Budget("api", AutoPacer(declared, 0.0, 0.0, parse_tiers(text)))


def drain(budget: Budget, count: int, now: float, notice: Notice | None = None) -> None:
    """Send and be answered `count` times at `now`."""
    for _ in range(count):
        grant = budget.reserve(now)
        assert isinstance(grant, Grant)
        budget.settle(grant, now, Outcome.ANSWERED, notice or Notice())


def test_a_server_that_never_names_a_time_is_given_a_minute() -> None:
    """Two a week, believed: the third request looks after 60 s, and what it finds is kept to from then on."""
    budget = believing("2/7d")
    drain(budget, 2, 0.0)
    assert budget.reserve(0.0) == Later(60.0, "limit", parse_tiers("2/7d")[0])
    look = budget.reserve(60.0)
    assert isinstance(look, Grant)
    assert isinstance(budget.reserve(60.0), Later)  # one at a time
    budget.settle(look, 60.1, Outcome.ANSWERED, Notice())
    assert all(tier.tier.period_s <= 60.0 for tier in budget.pacer.statistics(60.1).tiers)


def test_a_look_that_is_refused_makes_the_next_one_later() -> None:
    """1, 2, 4 s where the server names times; what it names then is waited for."""
    assert [guessed_s(n) for n in (1, 2, 3, 7, 99)] == [1.0, 2.0, 4.0, 60.0, 60.0]
    patience = Patience(86400.0)
    for at, waited_s in ((0.0, 1.0), (10.0, 2.0), (20.0, 4.0)):
        patience.sent(at)
        patience.ended(at)
        patience.heard(at, Notice(retry_after_s=0.1))
        assert patience.until() == at + max(waited_s, 0.1 + ROUNDING_S)
        patience.refused(at, looked=True)


def test_a_wait_that_proved_right_may_be_doubled() -> None:
    """Refused at t0, let through at t50: the next time everyone may wait for 100 s."""
    patience = Patience(86400.0)
    patience.refused(0.0, looked=False)
    patience.sent(50.0)
    patience.let_through(50.0)
    patience.ended(51.0)
    assert patience.until() == 51.0 + 100.0


def test_a_reset_is_named_by_a_quota_that_is_nearly_used_up() -> None:
    """An hourly quota at 0 is waited for; one with 4,990 left, whose reset is a day away, names nothing."""
    for remaining, until in ((0, 3600.0 + ROUNDING_S), (4990, 60.0)):
        patience = Patience(86400.0)
        patience.sent(0.0)
        patience.heard(0.0, Notice(quotas=(Quota(limit=5000, remaining=remaining, reset_s=3600.0),)))
        patience.ended(0.0)
        assert patience.until() == until


def test_what_the_server_named_for_a_limit_is_waited_for_in_its_later_windows() -> None:
    """A reset of 40 s, named for the limit in the way in an earlier window: 40 s of silence are no belief."""
    patience = Patience(86400.0)
    patience.sent(0.0)
    patience.heard(0.0, Notice(retry_after_s=5.0))
    patience.ended(0.0)
    assert patience.until() == 5.0 + ROUNDING_S
    assert patience.until(40.0) == 40.0 + ROUNDING_S
    assert Patience(30.0).until(40.0) is None  # nothing was sent


@pytest.mark.parametrize("limit", ["500/20s+2000/100s", "20/10s+100/60s", "10/2s+20/40s"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_honest_headers_of_the_tightest_limit_leave_nothing_to_look_behind(
    limit: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both windows are used up together only the shorter one is shown: the longer is waited for all the same, as
    it named its reset before, and nothing is refused.
    """
    looks: list[float] = []
    overrule = AutoPacer.overrule
    monkeypatch.setattr(AutoPacer, "overrule", lambda self, now, cost=1: looks.append(now) or overrule(self, now, cost))
    whole = AutoPacer()
    pacer = whole if share == 1.0 else SharingPacer(whole, share, (), 0.0)
    played = play(limit, "honest", 4 * parse_tiers(limit)[1].limit, pacer=pacer)
    assert (played.state.status, played.refused, looks) == ("complete", 0, [])


def test_named_is_what_headers_told_of_that_very_limit() -> None:
    """A window, from the request that opened it to the reset; of limits that no header told of nothing was named."""
    pacer = AutoPacer(remembered=parse_tiers("400/1d"))
    play("20/10s+100/60s", "honest", 350, pacer=pacer)
    named = {str(tier): pacer.named_s(tier) for tier in pacer.learned()}
    assert named.keys() == {"20/10s", "100/1m", "400/1d"}
    assert 10.0 <= named["20/10s"] <= 12.0
    assert 60.0 <= named["100/1m"] <= 62.0
    assert named["400/1d"] == pacer.named_s(None) == 0.0


def test_declared_limits_are_never_looked_behind() -> None:
    """Two a day declared, and a belief of one a week beside it: the look obeys what was declared."""
    budget = believing("1/7d", parse_tiers("2/1d"))
    drain(budget, 1, 0.0)
    look = budget.reserve(60.0)
    assert isinstance(look, Grant)
    budget.settle(look, 60.0, Outcome.ANSWERED, Notice())
    later = budget.reserve(3600.0)
    assert isinstance(later, Later)
    assert (later.tier, later.until) == (parse_tiers("2/1d")[0], pytest.approx(86_400.0, abs=100))


@pytest.mark.parametrize(
    "pacer",
    [
        AutoPacer(parse_tiers("2/1d"), 0.0),
        DeclaredPacer(parse_tiers("2/1d"), 0.0),
        SharingPacer(AutoPacer((), 0.0), 0.5, parse_tiers("2/1d"), 0.0),
        LearningRoutePacer("item", AutoPacer(parse_tiers("2/1d"), 0.0), Common(WindowPacer((), 0.0))),
        LearningRoutePacer("item", AutoPacer((), 0.0), Common(WindowPacer(parse_tiers("2/1d"), 0.0))),
    ],
    ids=["auto", "declared", "sharing", "of a route", "common"],
)
def test_a_wait_for_a_declared_limit_lasts_as_long_as_it_says(pacer: Pacer) -> None:
    """A day from the first moment on, and not a minute first, after which it turns out to be a day."""
    budget = Budget("api", pacer)
    drain(budget, 2, 0.0)
    later = budget.reserve(1.0)
    assert isinstance(later, Later)
    assert later.until is not None
    assert 86_400.0 <= later.until < 86_500.0
    assert isinstance(budget.reserve(later.until), Grant)


def test_sharing_looks_behind_the_whole_and_the_share() -> None:
    """Half of two a week is one: the second request looks after a minute, too."""
    inner = AutoPacer((), 0.0, 0.0, parse_tiers("2/7d"))
    budget = Budget("api", SharingPacer(inner, 0.5, (), 0.0))
    drain(budget, 1, 0.0)
    assert isinstance(budget.reserve(1.0), Later)
    look = budget.reserve(60.0)
    assert isinstance(look, Grant)
    budget.settle(look, 60.0, Outcome.ANSWERED, Notice())


def test_waits_are_named_in_order() -> None:
    """A silence is between answers and the next send, whatever overlaps."""
    played = play("5/2s", "honest", 20)
    assert all(since < until for since, until in silences(played))
    assert all(one[1] <= two[0] for one, two in pairwise(silences(played)))
