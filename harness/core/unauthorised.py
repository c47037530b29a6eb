"""Find out what a 401 means after requests have been let in: the item or the token. No IO, no clock.

The first 401 holds everyone, and something that was let in before is fetched once more with the same credential:

    let in         (2xx, or 404 or 410: whoever is told that something is not there was let in to look) the 401 was the
                   item's own
    401            the credential has expired: the run stops, and nothing was lost
    anything else  tells nothing: something else is tried, later each time (see `rulings`)

An item is compared with an item and a page with a page, for a list may be public where its items are not. Where no item
was let in yet, the list's first page tells whether the credential has expired; if it has not, items from all over the
queue are tried: one that is let in, and the 401 was the other's own; eight that are not, and the run stops.

Once the credential has proved good, a 401 holds nobody: it is set aside, and the next request of its role that is sent
after it and let in proves that it is the item's own. Only after four in a row, or with nothing left to send, everyone
is held again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.core.answers import Failed, failed_status
from harness.core.rulings import MOST_PROBES, Probes, let_in_before, place
from harness.core.work import InFlight, Task, Work
from harness.pacing import Notice
from harness.record.events import FIRST_PAGE, Key, Role
from harness.record.state import State

UNAUTHORISED = 401
EXPIRED = "the server answers 401 to every request now: renew the token, then resume; nothing was lost"
NO_ITEM = (
    "the server answers 401 to every item, but not to the list: renew the token, or make sure that "
    "it may read items, then resume; nothing was lost"
)
# So many in a row look like an expired token.
MOST_IN_A_ROW = 4


@dataclass(slots=True)
class _SetAside:
    """A request that was answered 401 when `newest` was the last request sent.

    Requests are told apart by their numbers and not by the clock: in virtual time several happen at one instant.
    """

    flight: InFlight
    failed: Failed
    newest: int


class Unauthorised:
    """The requests that got a 401 and wait until it is known why."""

    def __init__(self) -> None:
        self.trying = False  # everyone is held until the comparison is over
        self.probes = Probes()  # the requests that are compared with
        self.let_in_last: dict[Role, Key] = {}  # what this session was let in to last
        self._set_aside: list[_SetAside] = []
        self._proven: set[Role] = set()
        self._row = 0  # 401s in a row to requests that were sent after the first that is kept
        self._turn = 0
        self._strangers = 0
        self._list_let_in = False  # while no item was

    @property
    def waiting(self) -> bool:
        """Return whether there are requests that are neither in the queue nor in flight."""
        return bool(self._set_aside)

    def doubts(self, notice: Notice, state: State) -> bool:
        """Return whether this is a 401 in a run that was let in before. Until then it is a wrong credential, and fails
        at once.
        """
        return notice.status == UNAUTHORISED and not notice.refused and bool(state.pages or state.imported)

    def more(self, work: Work) -> bool:
        """Return whether others of the role of those that are set aside are in the queue."""
        return bool(self._set_aside and work.ready[self._suspect])

    def keeps(self, role: Role) -> bool:
        """Return whether one of that role is set aside."""
        return any(kept.flight.fetch.role == role for kept in self._set_aside)

    # --- the comparison ---------------------------------------------------------------------------------------------

    def try_set_aside(self) -> bool:
        """Compare, if something was set aside: nothing else is left to do."""
        if self.trying or not self._set_aside:
            return False
        self._try()
        return True

    def _try(self) -> None:
        self.trying, self._turn, self._strangers, self._list_let_in = True, 0, 0, False

    @property
    def _suspect(self) -> Role:
        return self._set_aside[0].flight.fetch.role

    def role(self, work: Work, state: State) -> Role:
        """Return the role of the next request to compare with: that of the 401, unless only the other was let in."""
        role = self._suspect
        if self._known(role, state) is not None or (self._list_let_in and work.ready[role]):
            return role
        return "list" if role == "item" else "item"

    def take(self, role: Role, work: Work, state: State) -> tuple[Task, bool]:
        """Return the request to compare with, and whether it was fetched before."""
        known = self._known(role, state)
        if known is None and role == self._suspect and work.ready[role]:
            return work.take(role, place(self._strangers + 1)), False
        return (Task(role, known) if known is not None else Task("list", FIRST_PAGE)), True

    def _known(self, role: Role, state: State) -> Key | None:
        """Return a page or an item that was let in before and did not get a 401 itself."""
        kept = {(kept.flight.fetch.role, kept.flight.fetch.key) for kept in self._set_aside}
        if self._turn == 0 and role in self.let_in_last and (role, self.let_in_last[role]) not in kept:
            return self.let_in_last[role]
        turns = (let_in_before(role, state, self._turn + more) for more in range(MOST_PROBES))
        return next((key for key in turns if key is not None and (role, key) not in kept), None)

    # --- what is told -----------------------------------------------------------------------------------------------

    def set_aside(self, flight: InFlight, notice: Notice, newest: int) -> str | None:
        """Set a request aside that got a 401; answers why the run is to stop, if the credential is at fault.

        newest: the id of the last request that was sent.
        """
        mine = self.probes.landed(flight.fetch.id)
        self.probes.over(flight.fetch.id)
        failed = replace(failed_status(UNAUTHORISED), headers=notice.headers, body=notice.body)
        detail = f"{failed.detail}; another request with the same credential got through"
        self._row += any(kept.newest < flight.fetch.id for kept in self._set_aside)
        self._set_aside.append(_SetAside(flight, replace(failed, detail=detail), newest))
        if mine and flight.compared:
            return EXPIRED
        self._strangers += mine
        if self._strangers >= MOST_PROBES:
            return NO_ITEM
        if not self.trying and (flight.fetch.role not in self._proven or self._row >= MOST_IN_A_ROW):
            self._try()
        return None

    def heard(self, flight: InFlight, now: float, notice: Notice, more: bool) -> list[tuple[InFlight, Failed]]:
        """Return the requests whose 401 another answer shows to be their own fault.

        more: others of the role of those that are kept are in the queue.
        """
        fetch_id, role = flight.fetch.id, flight.fetch.role
        mine = self.probes.landed(fetch_id)
        let_in = not notice.refused and (200 <= notice.status < 300 or notice.status in (404, 410))
        if mine:
            if let_in:
                self.probes.let_in(fetch_id, now)
            elif notice.refused:
                self._refused(fetch_id, now, notice)
            else:
                self._told_nothing(fetch_id, now, f"status {notice.status}")
            self.probes.over(fetch_id)
        if not let_in or not self._set_aside:
            return []
        if mine and role != self._suspect:
            if more:
                self._list_let_in = True
                return []
            return self._settle(self._suspect)
        return self._settle(role, fetch_id)

    def _refused(self, fetch_id: int, now: float, notice: Notice) -> None:
        self._turn += 1
        if notice.doubtful:
            self.probes.refused(fetch_id, now, notice)

    def lost(self, fetch_id: int, now: float, why: str) -> None:
        """Note that a fetch ended without an answer; if it was the comparison, that told nothing."""
        if self.probes.landed(fetch_id):
            self._told_nothing(fetch_id, now, why)

    def _told_nothing(self, fetch_id: int, now: float, why: str) -> None:
        self._turn += 1
        self.probes.told_nothing(fetch_id, now, why)

    def _settle(self, role: Role, let_in: int | None = None) -> list[tuple[InFlight, Failed]]:
        """Settle the 401s of that role (that came before request `let_in` was sent): they were their own fault."""
        own = [kept for kept in self._set_aside if kept.flight.fetch.role == role]
        own = [kept for kept in own if let_in is None or kept.newest < let_in]
        if not own:  # what was sent before a 401 came proves nothing
            return []
        self._proven.add(role)
        self._set_aside = [kept for kept in self._set_aside if kept not in own]
        self._row = 0
        self.trying = self.trying and bool(self._set_aside) and self._suspect not in self._proven
        return [(kept.flight, kept.failed) for kept in own]

    def settle(self) -> list[tuple[InFlight, Failed]]:
        """Return all that are set aside, where it can no longer be known why."""
        kept, self._set_aside = self._set_aside, []
        self.trying = False
        return [(one.flight, one.failed) for one in kept]
