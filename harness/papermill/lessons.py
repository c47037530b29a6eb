"""The lessons of `notebooks/strategies.ipynb`: how servers count, how clients pace, and where being greedy loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.installation import need
from harness.lab.experiment import simulate_run
from harness.lab.simulate import enforced, verdicts
from harness.pacing import parse_tiers
from harness.pacing.schedule import Window, Windows, plan
from harness.papermill.cells import parameters, plainly, settings, show_picture
from harness.record.arrow import to_table
from harness.record.events import Event
from harness.units import parse_duration, refuse_bare
from harness.views.plots.lessons import (
    policies_alt,
    policies_plot,
    policies_table,
    schedules_alt,
    schedules_plot,
    schedules_table,
)
from harness.views.report.pictures import Picture, strips_picture
from harness.views.report.tables import Column, decimal, table_of, whole

if TYPE_CHECKING:
    import pandas as pd


# Of the ways of counting, those of one limit alone (`server` has them all).
POLICIES = ("anchored", "aligned", "log", "counter", "bucket", "gcra", "leaky")
# How much longer than the moment it is opened for a window must last, in the planner's lesson: a hair.
MARGIN_S = 0.01


def policies_lesson(limit: str, arrivals_s: Sequence[float], policies: Sequence[str] = POLICIES) -> pd.DataFrame:
    """Send the same arrivals to each policy; return policy, t_s and admitted, a row for each arrival.

    limit: without a kind, such as 10/10s.
    """
    rows = []
    for policy in policies:
        config = ImportConfig(server_limit=f"{limit}:{policy}", latency=0.0, items=1)
        admitted = verdicts(config, arrivals_s)
        rows += [(policy, t_s, yes) for t_s, yes in zip(arrivals_s, admitted, strict=True)]
    frame: pd.DataFrame = need("pandas").DataFrame(rows, columns=["policy", "t_s", "admitted"])
    return frame


def strategies_lesson(config: ImportConfig, strategies: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Simulate the same import with each strategy; return its events. `auto` is not told the limits."""
    told = config.with_settings(server_limit=config.server_limits)
    untold = told.with_settings(limit=None)
    return {name: events_of((untold if name == "auto" else told).with_settings(pacing=name)) for name in strategies}


def events_of(config: ImportConfig) -> pd.DataFrame:
    """Return the events of a simulated import, without a folder."""
    need("pandas")
    events: list[Event] = []
    simulate_run(config, on_event=events.append)
    frame: pd.DataFrame = to_table(events, "simulated", 1, "simulated", 1).drop_columns(["ids"]).to_pandas()
    return frame


def greedy_lesson(limit: str, requests: int) -> pd.DataFrame:
    """Send as soon as the anchored windows of `limit` allow, and as planned: schedule, t_s, requests per burst."""
    windows = tuple(Window(tier.limit, tier.period_s) for tier in parse_tiers(limit))
    rows = [("greedy", *burst) for burst in _greedy(windows, requests)]
    rows += [("planned", *burst) for burst in _planned(windows, requests)]
    frame: pd.DataFrame = need("pandas").DataFrame(rows, columns=["schedule", "t_s", "requests"])
    return frame


def _greedy(windows: Windows, requests: int, now: float = 0.0) -> list[tuple[float, int]]:
    bursts = []
    while requests:
        headroom = min(requests, *(window.headroom(now) for window in windows))
        if headroom:
            bursts.append((now, headroom))
            windows, requests = tuple(window.take(now, headroom) for window in windows), requests - headroom
        now = max([now, *(window.ends_at for window in windows if window.headroom(now) <= 0)])
    return bursts


def _planned(windows: Windows, requests: int) -> list[tuple[float, int]]:
    bursts: list[tuple[float, int]] = []
    now = 0.0
    while requests:
        step = plan(windows, requests, now, MARGIN_S)
        if step is None:  # from here on the greedy schedule is as good
            return bursts + _greedy(windows, requests, now)
        bursts.append((step.at, step.count))
        windows = tuple(window.take(step.at, step.count) for window in windows)
        requests, now = requests - step.count, step.at
    return bursts


_OWN = ("strategies", "arrivals", "every")


@dataclass(frozen=True)
class Lessons:
    """The lessons that a notebook's parameters ask for. arrivals: how many requests, one every `every_s`."""

    config: ImportConfig
    strategies: tuple[str, ...]
    arrivals: int
    every_s: float

    @classmethod
    @plainly
    def of(cls, namespace: Mapping[str, Any]) -> Lessons:
        """Read the parameters from a notebook's `globals()`."""
        config = settings(namespace, also=_OWN)
        given = parameters(namespace)
        names = given["strategies"]
        listed = names.split(",") if isinstance(names, str) else names
        refuse_bare("every", given["every"])
        try:
            every_s = parse_duration(str(given["every"]))
        except ValueError as error:
            raise BadInput(f"every: {error}") from None
        return cls(config, tuple(str(name).strip() for name in listed), int(given["arrivals"]), every_s)

    @plainly
    def policies(self, limit: str) -> None:
        """Show the same arrivals, counted in each way. limit: without a kind, such as 10/10s."""
        frame = policies_lesson(limit, [3.0 + self.every_s * at for at in range(self.arrivals)])
        columns = [Column("policy", "way of counting", str, number=False), whole("arrivals", "arrivals")]
        columns += [whole("admitted", "let through"), whole("refused", "refused")]
        show_picture(
            Picture(
                "policies",
                f"The same arrivals under {limit}, counted in each way",
                "Windows let everything through and then nothing; buckets settle to an even pace.",
                policies_alt(frame),
                policies_plot(frame),
                table_of(policies_table(frame), columns),
            )
        )

    @plainly
    def strips(self) -> None:
        """Show the same import by each strategy."""
        events = strategies_lesson(self.config, self.strategies)
        show_picture(strips_picture("strategies", events, limits=enforced(self.config)))

    @plainly
    def greedy(self, limit: str, requests: int) -> None:
        """Show where sending as soon as possible is not the fastest."""
        frame = greedy_lesson(limit, requests)
        columns = [Column("schedule", "schedule", str, number=False), decimal("t_s", "at (s)", 2)]
        columns += [whole("requests", "requests"), whole("sent", "sent so far")]
        show_picture(
            Picture(
                "greedy",
                f"{requests} requests at {limit}, windows opened by their first request",
                "The plan leaves a window shut for a moment, so that it is still open when the long one renews.",
                schedules_alt(frame),
                schedules_plot(frame),
                table_of(schedules_table(frame), columns),
            )
        )
