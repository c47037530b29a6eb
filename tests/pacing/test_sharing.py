"""A share of the quota: what is left to others is left, whether limits were declared or learned."""

from __future__ import annotations

import pytest

from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.pacing import format_tiers, parse_tiers
from harness.pacing.tiers import scaled
from harness.record import events as e


@pytest.mark.parametrize(
    ("limits", "share", "part"),
    [
        ("500/20s+2000/100s", 0.8, "400/20s+1600/100s"),
        ("500/20s", 1.0, "500/20s"),
        ("100/s", 0.07, "7/1s"),
        ("100/s", 0.29, "29/1s"),
        ("3/s", 0.1, "1/1s"),
        ("500/20s:gcra:burst=10", 0.5, "250/20s:gcra:burst=5"),
        ("10/s:leaky:burst=0", 0.5, "5/1s:leaky:burst=0"),
        ("20:concurrency", 0.5, "10:concurrency"),
        ("10000/d:aligned:tz=UTC", 0.25, "2500/1d:aligned:tz=UTC"),
    ],
)
def test_limits_are_scaled_down_and_never_to_nothing(limits: str, share: float, part: str) -> None:
    """Rounded down to whole units, kinds and periods as they were; at least one."""
    assert format_tiers(scaled(parse_tiers(limits), share)) == part


def most_in(times: list[float], period_s: float) -> int:
    """The most of `times` that lie in any window of that length."""
    return max(sum(1 for other in times if at <= other < at + period_s) for at in times)


def sent(config: ImportConfig) -> tuple[list[float], list[e.Learned], int]:
    """When each request was sent, what was learned, and how many were refused."""
    events: list[e.Event] = []
    outcome = simulate_run(config, on_event=events.append)
    assert outcome.state.imported == config.test_api.items
    times = [event.sent_s for event in events if isinstance(event, (e.ItemImported, e.PageListed))]
    return sorted(times), [event for event in events if isinstance(event, e.Learned)], outcome.state.refused


def test_of_declared_limits_only_the_share_is_used() -> None:
    """Half of 100 per 10 s: 50 in any 10 s and not fewer, nothing refused, and best possible is that of the half."""
    config = ImportConfig(items=300, limit="100/10s", server_limit="100/10s", share=0.5, latency="50ms")
    times, _, refused = sent(config)
    assert (most_in(times, 10.0), refused) == (50, 0)
    summary = simulate_run(config).summary
    assert summary.limits == "50/10s"
    assert summary.optimality is not None
    assert summary.optimality > 0.98


def test_of_learned_limits_too() -> None:
    """What the headers tell is believed, and half of it used: from then on never more than 50 in any 10 s."""
    config = ImportConfig(items=600, server_limit="100/10s", pacing="auto", share=0.5, latency="50ms")
    times, learned, refused = sent(config)
    known = next(event for event in learned if event.tier == "50/10s")
    assert known.limits == "50/10s"
    assert known.evidence.endswith("; 50% of it is used")
    assert most_in([at for at in times if at >= known.t_s], 10.0) == 50
    assert refused == 0
    assert times[-1] == pytest.approx(600 / 50 * 10.0, rel=0.1)


def test_what_is_declared_to_auto_is_shared_once() -> None:
    """Declared 60 of the 100 that the server tells of: half of the tighter one."""
    config = ImportConfig(items=300, limit="60/10s", server_limit="100/10s", pacing="auto", share=0.5, latency="50ms")
    times, _, refused = sent(config)
    assert (most_in(times[20:], 10.0), refused) == (30, 0)
