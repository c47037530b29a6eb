"""Settle answers in dispute: a limit's or the credential's doing, or their own request's. No IO, no clock.

Two kinds of answer cannot be taken at their word. A doubtful refusal (a 403, say) may be a rate limit or may be meant
for its own item (`doubts`); a 401 may mean an expired token or one forbidden item (`unauthorised`). Both are settled by
comparison: another request is sent, alone, and its fate tells. While that goes on nothing else is sent.

This is the one place that the core asks, so that it need not know which of the two is at work.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from harness.core.answers import Failed
from harness.core.doubts import Doubts
from harness.core.rulings import Ruling, Suspect
from harness.core.unauthorised import Unauthorised
from harness.core.work import InFlight, Task, Work
from harness.pacing import Later, Notice
from harness.record.events import Key, Role
from harness.record.state import State


@dataclass(frozen=True, slots=True)
class Cleared:
    """The verdict on requests that got a 401: they fail as their own fault.

    silence_s: everyone who asks for `role` waits so long from now.
    """

    failed: list[tuple[InFlight, Failed]] = field(default_factory=list)
    role: Role = "item"
    silence_s: float | None = None


_NOTHING = Cleared()


class Disputes:
    """Told of every answer; says what it means, and while `trying` what goes next."""

    def __init__(self) -> None:
        self._doubts = Doubts()
        self._unauthorised = Unauthorised()

    # --- what is asked ----------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Return whether there are requests that are neither in the queue nor in flight, for want of a verdict."""
        return self._doubts.waiting or self._unauthorised.waiting

    @property
    def trying(self) -> bool:
        """Return whether nothing goes but what is compared or tried."""
        return self._doubts.trying or self._unauthorised.trying

    @property
    def given_up(self) -> str | None:
        """Return why the run is to end, if comparisons were in vain too often."""
        return self._doubts.probes.given_up or self._unauthorised.probes.given_up

    def keeps(self, role: Role) -> bool:
        """Return whether a request of that role waits for its verdict."""
        return self._doubts.keeps(role) or self._unauthorised.keeps(role)

    def is_tried(self, fetch_id: int) -> bool:
        """Return whether this fetch is the suspect itself that is being tried."""
        return self._doubts.holds(fetch_id)

    # --- the next comparison ----------------------------------------------------------------------------------------

    @property
    def _asker(self) -> Doubts | Unauthorised:
        return self._unauthorised if self._unauthorised.trying else self._doubts

    def is_comparing(self, in_flight: Collection[int]) -> bool:
        """Return whether the next one must wait for one that is in flight."""
        return self._asker.probes.in_flight in in_flight or (self._doubts.alone and bool(in_flight))

    def held(self, now: float) -> Later | None:
        """Return until when the next one waits, because others were in vain; None if it may go."""
        return self._asker.probes.held(now)

    def role(self, work: Work, state: State) -> Role:
        """Return what the next one asks for."""
        return self._unauthorised.role(work, state) if self._unauthorised.trying else self._doubts.role

    def take(self, role: Role, work: Work, state: State) -> tuple[Task, bool]:
        """Take what goes next, and whether it is for comparison only, because what it fetches is here already."""
        return self._asker.take(role, work, state)

    def sent(self, flight: InFlight, compared: bool, now: float) -> None:
        """Note that what `take` answered goes."""
        self._asker.probes.sent(flight.fetch.id, now)
        flight.probe, flight.compared = not self._doubts.holds(flight.fetch.id), compared

    def try_aside(self, is_idle: bool) -> float | None:
        """Try what was set aside, for nothing else is left to send; return for how long everyone is silent before.

        is_idle: nothing is in flight either.
        """
        if is_idle and not self._doubts.trying:
            self._unauthorised.try_set_aside()
        return self._doubts.silence_s if self._doubts.try_aside() else None

    # --- what is told -----------------------------------------------------------------------------------------------

    def heard(self, flight: InFlight, now: float, notice: Notice, probed: bool, state: State, newest: int) -> Ruling:
        """Return what an answer means. probed: everyone waited for it; newest: the last request that was sent."""
        if not self._unauthorised.doubts(notice, state):
            return self._doubts.heard(flight, now, notice, probed)
        self._doubts.lost(flight.fetch.id, now, "status 401")
        why = self._unauthorised.set_aside(flight, notice, newest)
        return Ruling(fate="kept", unauthorised=True, failed_because=why)

    def cleared(self, flight: InFlight, now: float, notice: Notice, work: Work) -> Cleared:
        """Return what any other answer means for requests that got a 401 and wait."""
        if not self._unauthorised.waiting:
            return _NOTHING
        compared = flight.fetch.id == self._unauthorised.probes.in_flight
        failed = self._unauthorised.heard(flight, now, notice, self._unauthorised.more(work))
        for other, _ in failed:
            other.probe = False
        if compared and self._doubts.alone:  # the silence before a suspect begins anew
            return Cleared(failed, self._doubts.role, self._doubts.silence_s)
        return Cleared(failed)

    def unanswered(self, fetch_id: int, now: float, why: str) -> None:
        """Note that a fetch was lost or never sent."""
        self._unauthorised.lost(fetch_id, now, why)

    def failed(self, fetch_id: int, now: float, why: str, again: bool) -> None:
        """Note that a fetch failed. again: it is sent again, as it was."""
        self._doubts.lost(fetch_id, now, why, kept=again)

    def imported(self, key: Key) -> None:
        """Note that an item is here: it is good to compare with."""
        self._unauthorised.let_in_last["item"] = key

    def pardon(self) -> list[InFlight]:
        """Return the requests that got a 401 with the token before: what the new one lets in says nothing of them."""
        return [flight for flight, _ in self._unauthorised.settle()]

    def leave_open(self) -> tuple[list[Suspect], list[tuple[InFlight, Failed]]]:
        """Return those that were refused and those that got a 401, where the session ends before their verdict."""
        return self._doubts.unsettled(), self._unauthorised.settle()
