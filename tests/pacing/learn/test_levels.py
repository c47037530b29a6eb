"""Buckets told by what is left of them: the true rate is never ruled out, and what proves nothing is left out."""

from __future__ import annotations

import math

from hypothesis import example, given, settings, strategies as st

from harness.pacing import AutoPacer, Grant, Notice, Outcome, Quota, parse_tiers
from harness.pacing.learn.claims import Claims
from harness.pacing.learn.levels import Growth
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import Trust

STEPS = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60)


@given(st.integers(3, 40), st.floats(0.2, 20), STEPS)
@example(3, 1.0, [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0)])  # no time at all passes
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_true_rate_is_never_ruled_out(depth: int, rate: float, steps: list[tuple[float, float, float]]) -> None:
    """One request after another: (silence before it, the way there, the way back), each of any length."""
    growth, level, at, passed, now = Growth(), float(depth), 0.0, 0, 0.0
    for silence_s, there_s, back_s in steps:
        sent_s = now + silence_s
        level, at = min(depth, level + rate * (sent_s + there_s - at)), sent_s + there_s
        now = at + back_s
        if level < 1:
            continue  # refused
        full, level, passed = level == depth, level - 1, passed + 1
        if full:
            growth.full(sent_s, now, passed - 1, depth)
        else:
            growth.read(sent_s, now, passed, math.floor(level))
        assert growth.rates[0] <= rate * (1 + 1e-6) + 1e-6
        assert growth.rates[1] >= rate * (1 - 1e-6) - 1e-6


def answer(claims: Claims, seen: Observations, grant: Grant, now: float, left: int) -> None:
    """The end of a request, and what it says is left of 40."""
    seen.end(grant)
    seen.accept(grant.at, now, 1)
    claims.read(Notice(quotas=(Quota(40, left, header="X-RateLimit"),)), grant.at, now)


def test_an_answer_that_was_overtaken_is_no_moment() -> None:
    """Sent first and answered last: whether it came before the other or after it, nobody knows."""
    seen = Observations(30.0)
    claims = Claims(seen, Trust())
    grants = [Grant(at) for at in (0.0, 0.1, 0.2, 1.0)]
    for grant in grants[:3]:
        seen.send(grant)
    answer(claims, seen, grants[0], 0.3, 39)
    answer(claims, seen, grants[2], 0.4, 37)
    (claim,) = claims.all.values()
    answer(claims, seen, grants[1], 0.5, 38)  # it overtook the one that said 37, or said too much
    assert claim.growth.rates == (0.0, math.inf)
    seen.send(grants[3])
    answer(claims, seen, grants[3], 1.1, 38)
    assert claim.growth.rates[0] > 0


def test_a_declared_limit_is_kept_though_headers_say_there_is_more() -> None:
    """Two at once and one a second are declared, and headers tell the same bucket, but that 40 are left: what is told
    passes what was learned, never what was declared.
    """
    declared = parse_tiers("1/s:bucket:burst=2")
    pacer, sent, now = AutoPacer(declared), 0, 0.0
    while now < 20.0:
        grant = pacer.reserve(now)
        if isinstance(grant, Grant):
            sent += 1
            assert sent <= 2 + now
            pacer.settle(grant, now, Outcome.ANSWERED, Notice(quotas=(Quota(2, 40, header="X-RateLimit"),)))
            for claim in pacer._claims.all.values():
                claim.refills(declared[0], "what is left grows")
        else:
            now = max(now + 0.01, grant.until or 0.0)
    assert sent >= 20
