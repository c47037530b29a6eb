"""Say what a doubtful answer is compared with, and what the comparison proves. No IO, no clock.

`Suspect` and `Ruling` are what an answer comes to; `doubts` decides. A comparison that is answered 5xx, or not at all,
tells nothing. The next one waits, longer each time, and goes to another item: the one that failed may be at fault
itself. After eight in a row that nobody got through with, the run ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from harness.core.answers import Failed, Fetch, failed_status
from harness.core.work import InFlight, Task
from harness.pacing import Later, Notice, Outcome
from harness.pacing.breaker import Breaker, Setback, guessed_s, outage_s
from harness.record.events import FIRST_PAGE, Key, Role
from harness.record.state import State

Fate = Literal["read", "back", "kept", "judged", "dropped"]
Proven = Literal["limit", "own"]
Sign = tuple[int, bool]


@dataclass(slots=True)
class Suspect:
    """A request that was refused and waits for its verdict; `notice` is what it was told last."""

    flight: InFlight
    notice: Notice
    full: bool = False  # a short silence did not settle it

    @property
    def sign(self) -> Sign:
        return self.notice.status, self.notice.bare

    @property
    def key(self) -> tuple[Role, Key]:
        return self.flight.fetch.role, self.flight.fetch.key

    def failure(self) -> Failed:
        """Return the failure that its status means, now that it is its own."""
        failed = failed_status(self.notice.status)
        why = "refused again and again while other requests got through"
        detail = f"{failed.detail}; {why}" if failed.detail else why
        return replace(failed, detail=detail, headers=self.notice.headers, body=self.notice.body)


@dataclass(slots=True)
class Ruling:
    """The meaning of an answer, for its own request and for all that wait.

    outcome: for the budget. fate: of its request: read its body; back into the queue; kept by the doubts (refused);
    judged (kept, and whether it was refused by a limit shows later); dropped (it was sent for comparison only).
    convicted: suspects whose own fault it was. refused: suspects that a limit refused after all. freed: requests to
    go back into the queue. silence_s: everyone waits so long from now. lift: nobody waits any more. second: behind
    another request. proven: whether a limit or the requests themselves were found to be the reason. unauthorised: it
    was a 401, and failed_because says why the run is to end if the credential is at fault.
    """

    outcome: Outcome = Outcome.ANSWERED
    fate: Fate = "read"
    convicted: list[Suspect] = field(default_factory=list)
    refused: list[Suspect] = field(default_factory=list)
    freed: list[Task] = field(default_factory=list)
    silence_s: float | None = None
    lift: bool = False
    second: bool = False
    proven: Proven | None = None
    unauthorised: bool = False
    failed_because: str | None = None


# One for each answer that was let in while nothing is in doubt.
LET_IN = Ruling()


# Probes in a row after which nobody is sent any more.
MOST_PROBES = 8
# Where in the queue the next other request is taken from: neighbours may share the suspect's fault.
_PLACES = (0.0, 1.0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.875)


def place(number: int) -> float:
    """Return where in the queue the `number`-th other request is taken from, counted from 0: 0.0 is its front, 1.0 its
    end.
    """
    return _PLACES[min(number, len(_PLACES) - 1)]


def let_in_before(role: Role, state: State, turn: int = 0) -> Key | None:
    """Return a page or an item of that role that this run has fetched. turn: which, for the first may tell nothing."""
    if role == "list":
        pages: list[Key] = [FIRST_PAGE] if FIRST_PAGE in state.pages else []
        pages += [page for page in state.pages if page != FIRST_PAGE]
        return pages[turn % len(pages)] if pages else None
    if turn == 0 and not state.places:
        return state.items.first("imported")
    items = state.places.again if state.places else state.items.in_state("imported")
    spread = items[:: max(1, len(items) // MOST_PROBES)]
    return spread[turn % len(spread)] if spread else None


class Probes:
    """Comparisons in a row that nobody got through with: a breaker that each of them makes wait longer.

    in_flight: the fetch that is out for comparison. One that is refused by what may be a limit adds no pause here, for
    the budget makes everyone pause then.
    """

    def __init__(self) -> None:
        self.in_flight: int | None = None
        self._breaker = Breaker(_after_comparison, "failing", gives_up_at=MOST_PROBES, closed_by="anyone")
        self._why = ""

    @property
    def in_vain(self) -> int:
        """Count those in a row that nobody got through with."""
        return self._breaker.consecutive_refusals

    def held(self, now: float) -> Later | None:
        """Return until when the next one waits; None if it may go."""
        return self._breaker.held(now)

    def sent(self, fetch_id: int, now: float) -> None:
        """Note that one goes."""
        self.in_flight = fetch_id
        self._breaker.sent(fetch_id, now)

    def landed(self, fetch_id: int) -> bool:
        """Note that a fetch is over, and return whether it was the one that is out."""
        mine = fetch_id == self.in_flight
        if mine:
            self.in_flight = None
        return mine

    def let_in(self, fetch_id: int, now: float) -> None:
        """Note that a request got through, whichever."""
        self._breaker.passed(fetch_id, now)

    def refused(self, fetch_id: int, now: float, notice: Notice) -> None:
        """Note that one was refused by what may be a limit."""
        said = " ".join((notice.body or "").split())[:120]
        self._why = f"were refused with status {notice.status}" + (f" ({said})" if said else "")
        self._breaker.refused(fetch_id, now, notice)

    def refused_for_all(self, fetch: Fetch, now: float, notice: Notice) -> None:
        """Note that the probe of a whole budget was refused: it counts as a comparison, though it was sent as none."""
        if self._breaker.held(fetch.sent_s) is None:
            self._breaker.sent(fetch.id, fetch.sent_s)
        self.refused(fetch.id, now, notice)

    def told_nothing(self, fetch_id: int, now: float, why: str) -> None:
        """Note that one failed: the next waits."""
        self._why = f"failed, the last with: {why}"
        self._breaker.refused(fetch_id, now)

    def over(self, fetch_id: int) -> None:
        """Note that nothing more is to be said of one: if nothing was said so far, it does not count."""
        self._breaker.returned(fetch_id)

    @property
    def given_up(self) -> str | None:
        """Return why the run is to end because nobody gets through any more; None if it goes on."""
        if self._breaker.hold is None or not self._breaker.given_up:
            return None
        advice = "nothing was lost: check the server and what your key may do, then resume"
        return f"{MOST_PROBES} probes in a row {self._why}; {advice}"


def _after_comparison(setback: Setback) -> float | None:
    """Return when to compare again: after 1 s, 2 s, then as long as an outage may last. Seven such waits outlive half
    an hour.
    """
    if setback.notice is not None:
        return None
    count = setback.consecutive
    return setback.now + (guessed_s(count) if count < 3 else outage_s(count + 1))
