"""Fetches on their way, and what people wish while they are."""

from __future__ import annotations

from dataclasses import dataclass

from harness.engine.answers import Fetch
from harness.engine.work import Task
from harness.record.events import RunStatus


@dataclass(slots=True)
class Flight:
    """A fetch on its way; `answered_s` and `status` once its headers are in.

    probe: it was sent to find out whose fault another answer was, or its own. compared: it was sent only to see whether
    it gets through; what it fetches is here already.
    """

    fetch: Fetch
    answered_s: float | None = None
    status: int | None = None
    probe: bool = False
    compared: bool = False

    @property
    def task(self) -> Task:
        return Task(self.fetch.kind, self.fetch.key, self.fetch.attempt)


@dataclass(slots=True)
class Wish:
    """What people asked for while it runs. stopping: why it is to end, and `status` as what."""

    workers: int
    paused: bool = False
    stopping: str | None = None
    status: RunStatus = "stopped"
