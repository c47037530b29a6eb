"""Is it the item or the token? Finds out what a 401 means after requests have been let in. No IO, no clock.

One other request is tried with the same credential while everyone else holds. If it is let in (2xx, or 404 or 410:
whoever is told that something is not there was let in to look), the 401 was the item's own. If it is a 401 too, the
credential has expired: the run stops, and nothing was lost. Anything else (a refusal, a 5xx, no answer) tells nothing,
and another is tried. All that come back with 401 meanwhile are the same event.
"""

from __future__ import annotations

from dataclasses import replace

from harness.engine.answers import Failed, failed_status
from harness.engine.flights import Flight
from harness.engine.work import Task, Work
from harness.pacing import Notice
from harness.record.events import Kind
from harness.record.state import State

UNAUTHORISED = 401
EXPIRED = "the server answers 401 to every request now: renew the token, then resume; nothing was lost"


class Unauthorised:
    """The requests that got a 401 and wait for the answer to another one."""

    def __init__(self) -> None:
        self.flying: int | None = None  # the fetch of the other request
        self._waiting: list[tuple[Flight, Failed]] = []

    @property
    def trying(self) -> bool:
        return bool(self._waiting)

    def doubts(self, notice: Notice, state: State) -> bool:
        """Is this a 401 in a run that was let in before? Until then it is a wrong credential, and fails at once."""
        return notice.status == UNAUTHORISED and not notice.refused and bool(state.pages or state.imported)

    def keep(self, flight: Flight, notice: Notice) -> bool:
        """Set a request aside that got a 401; True where that was the other one, so that the credential is at fault."""
        expired = flight.fetch.id == self.flying
        failed = replace(failed_status(UNAUTHORISED), headers=notice.headers, body=notice.body)
        detail = f"{failed.detail}; another request was let in with the same credential"
        self._waiting.append((flight, replace(failed, detail=detail)))
        return expired

    def kind(self, work: Work) -> Kind:
        """What the other request is one for; any will do, for all prove the same credential."""
        return "item" if work.ready["item"] else "page"

    def take(self, kind: Kind, work: Work, state: State) -> tuple[Task, bool]:
        """The other request, and whether it is for comparison only: the first page, which is here already."""
        return (work.take(kind), False) if work.ready[kind] else (Task("page", 1), True)

    def heard(self, fetch_id: int, status: int | None) -> list[tuple[Flight, Failed]]:
        """What became of a fetch; those whose own fault the 401 was, if that is known now."""
        if fetch_id != self.flying:
            return []
        self.flying = None
        let_in = status is not None and (200 <= status < 300 or status in (404, 410))
        return self.settle() if let_in else []

    def settle(self) -> list[tuple[Flight, Failed]]:
        """All that wait; they wait no longer."""
        waiting, self._waiting = self._waiting, []
        return waiting
