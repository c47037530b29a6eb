"""What an answer comes to: a suspect, and the ruling on it. No logic; see `doubts`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from harness.engine.answers import Failed, failed_status
from harness.engine.flights import Flight
from harness.engine.work import Task
from harness.pacing import Notice, Outcome
from harness.record.events import Key, Kind

Fate = Literal["read", "back", "kept", "judged", "dropped"]
Sign = tuple[int, bool]


@dataclass(slots=True)
class Suspect:
    """A request that was refused and waits for its verdict; `notice` is what it was told last."""

    flight: Flight
    notice: Notice
    full: bool = False  # a short silence did not settle it

    @property
    def sign(self) -> Sign:
        return self.notice.status, self.notice.bare

    @property
    def key(self) -> tuple[Kind, Key]:
        return self.flight.fetch.kind, self.flight.fetch.key

    def failure(self) -> Failed:
        """What its status means, now that it is its own."""
        failed = failed_status(self.notice.status)
        why = "refused again and again while other requests got through"
        detail = f"{failed.detail}; {why}" if failed.detail else why
        return replace(failed, detail=detail, headers=self.notice.headers, body=self.notice.body)


@dataclass(slots=True)
class Ruling:
    """What an answer means.

    outcome: for the budget. fate: of its request: read its body; back into the queue; kept by the doubts (refused);
    judged (kept, and whether it was refused by a limit shows later); dropped (it was sent for comparison only).
    convicted: suspects whose own fault it was. refused: suspects that a limit refused after all. freed: requests to
    go back into the queue. silence_s: everyone waits so long from now. lift: nobody waits any more. second: behind
    another request. proven: whether a limit or the requests themselves were found to be the reason.
    """

    outcome: Outcome = Outcome.ANSWERED
    fate: Fate = "read"
    convicted: list[Suspect] = field(default_factory=list)
    refused: list[Suspect] = field(default_factory=list)
    freed: list[Task] = field(default_factory=list)
    silence_s: float | None = None
    lift: bool = False
    second: bool = False
    proven: Literal["limit", "own"] | None = None


# One for each answer that was let in while nothing is in doubt.
LET_IN = Ruling()
