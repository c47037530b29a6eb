"""The lessons of `notebooks/strategies.ipynb`, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.config import ImportConfig
from harness.lab.lessons import greedy_lesson, policies_lesson, strategies_lesson
from harness.lab.simulate import enforced
from harness.papermill.parameters import parameters, plainly, settings
from harness.papermill.show import show_picture
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

_OWN = ("strategies", "arrivals", "every")


@dataclass(frozen=True)
class Lessons:
    """What the parameters of the notebook ask to be shown. arrivals: how many requests, one every `every_s`."""

    config: ImportConfig
    strategies: tuple[str, ...]
    arrivals: int
    every_s: float

    @classmethod
    @plainly
    def of(cls, namespace: Mapping[str, Any]) -> Lessons:
        """From a notebook's `globals()`."""
        config = settings(namespace, also=_OWN)
        given = parameters(namespace)
        names = given["strategies"]
        listed = names.split(",") if isinstance(names, str) else names
        return cls(config, tuple(str(name).strip() for name in listed), int(given["arrivals"]), float(given["every"]))

    @plainly
    def policies(self, limit: str) -> None:
        """The same arrivals, counted in each way. limit: without a kind, such as 10/10s."""
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
        """The same import by each strategy."""
        events = strategies_lesson(self.config, self.strategies)
        show_picture(strips_picture("strategies", events, limits=enforced(self.config)))

    @plainly
    def greedy(self, limit: str, requests: int) -> None:
        """Where sending as soon as one may is not the fastest."""
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
