"""Find out whose fault a doubtful refusal was: a rate limit's, or that of its own request. No IO, no clock.

A 403 may mean "you are too fast" or "you may never see this item". The first must cost the item nothing, and the second
must not hold up everyone for ever. What tells them apart is another request:

    pause      everyone is held, as long as the server said or as long as a guess; then ANOTHER request goes ahead: one
               out of the queue, and after that is refused as well, something that was let in before
    again      it got through: the suspect goes once more, at once. Let in: a limit had refused it, and all go on
    alone      refused again. Silence, as long as the one that let the other through, and twice as long as others have
               rested of late before they were let through; then the suspect goes, alone
    counter    refused after a silence, too. Another request at once: let in, the status is the suspect's own, and it
               fails as that status does; refused, it all begins anew. Where the suspect alone has been refused three
               times after a silence that let another through each time, it is its own fault, too: it uses up the limit
               that refuses the other

The silence matters: a limit that lets one request through every 200 ms refuses the next one whatever it asks for, but
never the first after a silence that it has let somebody through after. Requests that were on their way when the first
refusal came are others as well: if one that was sent later got through, the pause is left out.

What was found out is remembered for each status (with and without a word about limits). Known to be a limit's: the next
ones only pause everyone. Known to be the items' own: the next ones are set aside, nobody pauses, and they are tried
together after one silence; unless so many come in a row that it looks like a limit again. Then nobody pauses yet, but
something that was let in before goes at once (phase `look`): let in, they are tried; refused, it all begins anew.

Where another request gets an answer that tells nothing (5xx, or none), the phase stays (see `rulings`). Where
the suspect does, the doubt is over, and it fails as it would have without one.

429 and what `--refused-when` declares are a limit's from the beginning. They are doubted only where the same request
alone meets them three times while others get through: a bucket without any burst refuses each request again and again,
and all the others with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.core.rulings import LET_IN, MOST_PROBES, Fate, Probes, Ruling, Sign, Suspect, let_in_before, place
from harness.core.work import InFlight, Task, Work
from harness.pacing import Notice, Outcome
from harness.record.events import Key, Role
from harness.record.state import State

# So many refusals of one request while others get through, and even a 429 is doubted.
MOST_MET = 3
# At least so long a silence before a suspect goes alone: no usual limit of so many a minute has a gap just above it.
# At most: whoever lets others through after an hour's pause lets them through after this one.
LEAST_SILENCE_S, MOST_SILENCE_S = 1.6, 11.0
# A refusal beyond doubt is doubted after so many times the silence that let another through, counted from the one let
# through before: a slow bucket lets one in now and then, however often it refuses meanwhile. At most so long, though:
# slower than one in seven minutes is no limit of an API that lists are imported from.
SURE, SURE_SILENCE_S = 2, 900.0
# A bare 403 is an item's own more often than not, and everyone waits for it: so the mean rest counts, and no longer.
BARE_SILENCE_S = 120.0
# One that comes soon after another may have met what a bucket had left, so the longest rest of the last ten or so
# counts. Of four in a row one had three quarters of what a bucket needs for one, and twice that is enough.
FADING = 0.9
# Refused so often after a full silence, whatever became of the request after it.
MOST_ROUNDS = 3
# Where a status is known to be the items' own: so many in a row look like a limit all the same,
MOST_IN_A_ROW = 4
# and so many at most are set aside before they are tried.
MOST_ASIDE = 64
# Where a status is known to be a limit's: so many probes refused in a row, and it is doubted again.
_MOST_VAIN = 2

Phase = Literal["look", "pause", "again", "alone", "counter"]


class Doubts:
    """Told of every answer; while `trying`, it alone says what goes next, one request at a time."""

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self.probes = Probes()  # the fetches that are compared or tried
        self._suspects: deque[Suspect] = deque()
        self._judged: list[Suspect] = []
        self._untold: list[Suspect] = []  # judged once and sent again: that answer is in no event yet
        self._aside: list[Suspect] = []
        self._trying: Suspect | None = None
        self._paused_s = 0.0  # the pause after which another request got through
        self._closed_s = 0.0  # the last refusal, as far as the pause is concerned
        self._through_s = 0.0  # when the last one was let through,
        self._rest_s = 0.0  # and how long after the one before, at most, of late;
        self._rests_s = self._rests = 0.0  # the sum of those times, and their number, older ones for less
        self._looked = False  # the pause was left out
        self._known: dict[Sign, Literal["limit", "own"]] = {}
        self._batch = 1
        self._row = 0
        self._strangers = 0  # others out of the queue that were refused as well, since the doubt began
        self._turn = 0  # comparisons that told nothing since then
        self._passed = 0
        self.silence_s = 0.0
        self._lone = False  # one request was refused, while others on their way got through
        self._rounds: Counter[tuple[Role, Key]] = Counter()
        # Refusals that it met alone, and how many others had passed and had been refused at its last.
        self._met: dict[tuple[Role, Key], tuple[int, int, int]] = {}
        self._limited = 0  # refusals that were put down to a limit

    # --- what is asked ---------------------------------------------------------------------------------------------

    @property
    def trying(self) -> bool:
        """Return whether there is a suspect, so that nothing goes but what tells whose fault it was."""
        return self.phase is not None

    @property
    def waiting(self) -> bool:
        """Return whether there are requests that are neither in the queue nor in flight."""
        return self.phase is not None or bool(self._aside)

    def keeps(self, role: Role) -> bool:
        """Return whether one of that role is among the requests that wait for a verdict."""
        kept = (*self._suspects, *self._judged, *self._aside)
        return any(suspect.flight.fetch.role == role for suspect in kept)

    @property
    def role(self) -> Role:
        """Return the role of the next request: a limit on items says nothing of pages."""
        return (self._suspects or self._judged)[0].flight.fetch.role

    @property
    def alone(self) -> bool:
        """Return whether nothing else may be in flight when the next one goes."""
        return self.phase in ("alone", "counter")

    def take(self, role: Role, work: Work, state: State) -> tuple[Task, bool]:
        """Return the next request, and whether it only repeats something already imported, for comparison. Where there
        is no other request, it is the suspect itself.
        """
        if self.phase in ("again", "alone"):
            self._trying = self._suspects.popleft()
            return self._trying.flight.task, False
        known = let_in_before(role, state, self._turn + self.probes.in_vain)
        if work.ready[role] and (known is None or self._turn % 2 or not self._misled()):
            return work.take(role, place(self.probes.in_vain)), False
        if known is not None:
            return Task(role, known), True
        if self._suspects:
            self._trying = self._suspects.popleft()
        else:
            self._trying = self._judged.pop()
            self._untold.append(self._trying)
        return self._trying.flight.task, False

    def _misled(self) -> bool:
        """Return whether others in the queue are likely to be refused through their own fault, too."""
        sign = (self._judged or self._suspects)[0].sign
        return self._known.get(sign) == "own" or self._strangers > 0

    # --- what is told ----------------------------------------------------------------------------------------------

    def heard(self, flight: InFlight, now: float, notice: Notice, probed: bool = False) -> Ruling:
        """Return the ruling on the answer to `flight`. probed: everyone waited for it."""
        through = not notice.refused and notice.status < 500
        mine = self.probes.landed(flight.fetch.id)
        if through:
            rest_s = now - self._through_s if self._passed else 0.0
            self._through_s, self._rest_s = now, max(rest_s, FADING * self._rest_s)
            self._rests_s, self._rests = FADING * self._rests_s + rest_s, FADING * self._rests + 1
            self._passed += 1
            self._row = 0
            if mine or not flight.compared:
                self.probes.let_in(flight.fetch.id, now)
        if self._met and not notice.refused:
            self._met.pop((flight.fetch.role, flight.fetch.key), None)
        if flight.compared and not mine:  # with one that got a 401
            return Ruling(Outcome.REFUSED, "back") if notice.refused else Ruling(fate="dropped")
        if not notice.refused and self.phase is None:
            return LET_IN
        if mine:
            tried, self._trying = self._trying, None
            if tried is not None:
                ruling = self._tried(Suspect(flight, notice, tried.full), tried.notice, now)
            else:
                ruling = self._compared(flight, now, notice, through)
            self.probes.over(flight.fetch.id)
            ruling.refused = [*ruling.refused, *self._untold]
            self._untold.clear()
            return ruling
        if self.trying:
            return self._meanwhile(flight, notice, through)
        return self._refused(flight, now, notice, probed) if notice.refused else LET_IN

    def lost(self, fetch_id: int, now: float, why: str, kept: bool = False) -> None:
        """Note that a fetch ended without an answer that tells anything. kept: it is to be sent again, as it was."""
        if not self.probes.landed(fetch_id):
            return
        tried, self._trying = self._trying, None
        if tried is not None and kept:
            self._suspects.appendleft(tried)
        elif tried is None and not kept:
            self._told_nothing(fetch_id, now, why)
        self.probes.over(fetch_id)
        if not self._suspects:
            self.phase = "counter" if self._judged else None

    def _told_nothing(self, fetch_id: int, now: float, why: str) -> None:
        self._turn += 1
        self.probes.told_nothing(fetch_id, now, why)

    def holds(self, fetch_id: int) -> bool:
        """Return whether this fetch is the suspect that is being tried."""
        return fetch_id == self.probes.in_flight and self._trying is not None

    def try_aside(self) -> bool:
        """Try what was set aside, if something was, after `silence_s`: nothing else is left to do."""
        if self.trying or not self._aside:
            return False
        self._suspects.extend(self._aside)
        self._aside.clear()
        self._looked = False
        self._quiet()
        return True

    # --- a refusal while nothing is in doubt ------------------------------------------------------------------------

    def _refused(self, flight: InFlight, now: float, notice: Notice, probed: bool) -> Ruling:
        suspect = Suspect(flight, notice)
        known = "limit" if not notice.doubtful else self._known.get(suspect.sign)
        if notice.doubtful and probed:
            self.probes.refused_for_all(flight.fetch, now, notice)
        if known == "limit" and not self._met_too_often(flight) and self.probes.in_vain < _MOST_VAIN:
            times = self._met[flight.fetch.role, flight.fetch.key][0]
            return Ruling(Outcome.REFUSED, "back", second=times > 1)
        if known == "own" and notice.bare:
            self._row += 1
            self._aside.append(suspect)
            if self._row < MOST_IN_A_ROW and len(self._aside) < self._batch:
                return Ruling(fate="kept")
            if self._row < MOST_IN_A_ROW:
                self.try_aside()
                return Ruling(fate="kept", silence_s=self.silence_s)
        else:
            self._suspects.append(suspect)
        self._suspects.extend(self._aside)
        self._aside.clear()
        look = known == "own" and notice.bare
        self.phase, self._closed_s, self._looked = "look" if look else "pause", now, look
        self._strangers, self._turn, self._lone = 0, 0, False
        if look:
            return Ruling(fate="kept")
        return Ruling(Outcome.REFUSED, "kept")

    def _met_too_often(self, flight: InFlight) -> bool:
        """Count a refusal of this request; return True at the third while others got through. It counts only if no
        other was refused since its last. The only one left is doubted in the end, too, though nobody gets through.
        """
        key = flight.fetch.role, flight.fetch.key
        times, passed, limited = self._met.get(key, (0, 0, self._limited))
        times += times == 0 or limited == self._limited
        self._limited += 1
        self._met[key] = times, self._passed, self._limited
        return times >= MOST_MET and self._passed > (0 if times >= MOST_PROBES else passed)

    # --- the answers of others while there is a suspect -------------------------------------------------------------

    def _meanwhile(self, flight: InFlight, notice: Notice, through: bool) -> Ruling:
        """Rule on an answer to a request that was on its way when the doubt began."""
        if notice.refused:
            self._lone = False
            if not notice.doubtful:
                return Ruling(Outcome.REFUSED, "back")
            self._suspects.append(Suspect(flight, notice))
            return Ruling(Outcome.REFUSED if self.phase == "pause" else Outcome.ANSWERED, "kept")
        self._lone = self._lone or (through and len(self._suspects) == 1)
        if self.phase == "pause" and self.probes.in_flight is None and through and len(self._suspects) == 1:
            first = self._suspects[0]
            if first.notice.bare and first.notice.doubtful and flight.fetch.id > first.flight.fetch.id:
                self.phase, self._looked, self._paused_s = "again", True, 0.0
                return Ruling(lift=True)
        return Ruling()

    def _compared(self, flight: InFlight, now: float, notice: Notice, through: bool) -> Ruling:
        """Rule on the answer to a request that was sent for comparison."""
        fate: Fate = "dropped" if flight.compared else "read"
        if notice.refused:
            return self._refused_other(flight, now, notice)
        if not through:  # a 5xx: that it got past a limit is not said
            self._told_nothing(flight.fetch.id, now, f"status {notice.status}")
            return Ruling(fate=fate)
        if self.phase == "counter":
            return replace(self._convict(), fate=fate)
        if self.phase == "look":
            self._paused_s = 0.0
            return Ruling(fate=fate, silence_s=self._quiet())
        self.phase, self._paused_s = "again", now - self._closed_s
        return Ruling(fate=fate)

    def _refused_other(self, flight: InFlight, now: float, notice: Notice) -> Ruling:
        """Rule on a refused comparison: a limit refuses everyone, or this one shares the suspect's fault. A longer
        pause tells.
        """
        ruling = Ruling(Outcome.REFUSED, "back" if not notice.doubtful else "kept", refused=self._judged)
        self._lone = False
        if notice.doubtful:
            self.probes.refused(flight.fetch.id, now, notice)
        self._strangers += notice.doubtful and not flight.compared
        for suspect in self._judged:
            suspect.full = True
        self._suspects.extendleft(reversed(self._judged))
        self._judged = []
        self.phase, self._closed_s, self._looked = "pause", now, False
        if notice.doubtful and not flight.compared:
            self._suspects.append(Suspect(flight, notice))
        return ruling

    # --- the suspect's own answers -----------------------------------------------------------------------------------

    def _tried(self, suspect: Suspect, before: Notice, now: float) -> Ruling:
        if suspect.notice.status >= 500 and not suspect.notice.refused:
            return self._let_go()
        if not suspect.notice.refused:
            return self._let_in(before)
        if before.doubtful and not suspect.notice.doubtful:  # by a limit beyond doubt, this time
            return replace(self._let_in(before), outcome=Outcome.REFUSED, fate="back")
        if self.phase in ("look", "pause", "counter"):  # there was no other request
            if suspect.notice.doubtful:
                self.probes.refused(suspect.flight.fetch.id, now, suspect.notice)
            self._suspects.appendleft(suspect)
            self.phase, self._closed_s = "pause", now
            return Ruling(Outcome.REFUSED, "kept")
        if self.phase == "again":
            self._suspects.appendleft(suspect)
            return Ruling(fate="kept", silence_s=self._quiet())
        self._judged.append(suspect)
        if len(self._judged) == 1 and not self._looked and self.silence_s >= self._paused_s:
            self._rounds[suspect.key] += 1
            if self._rounds[suspect.key] >= MOST_ROUNDS:
                return replace(self._convict(), fate="judged")
        together = self._known.get(suspect.sign) == "own" and self._suspects
        if not together or self.role != suspect.flight.fetch.role:
            self.phase = "counter"
        return Ruling(fate="judged")

    def _let_in(self, before: Notice) -> Ruling:
        """Rule on a suspect that got through: a limit had refused it, or, where nobody else was refused, a moment's
        fault.

        One that was refused just before, after a silence, has its own fault all the same.
        """
        convicted = self._judged[:1]
        limit = not convicted and not self._looked and not self._lone
        for sign in {(before.status, before.bare), *(suspect.sign for suspect in (*self._judged, *self._suspects))}:
            self._known.pop(sign, None)
            if limit:
                self._known[sign] = "limit"
        self._batch = 1
        ruling = self._let_go(convicted)
        ruling.proven = "limit" if limit else "own"
        return ruling

    def _let_go(self, convicted: Sequence[Suspect] = ()) -> Ruling:
        """End the doubt: all but those that are convicted go back into the queue."""
        refused = [suspect for suspect in self._judged if suspect not in convicted]
        freed = [suspect.flight.task for suspect in (*refused, *self._suspects, *self._aside)]
        for kept in (self._judged, self._suspects, self._aside):
            kept.clear()
        self.phase = None
        return Ruling(convicted=list(convicted), refused=refused, freed=freed)

    def _convict(self) -> Ruling:
        """Convict the suspects: another request got through where they were refused."""
        convicted, self._judged = self._judged, []
        self._looked = False
        for suspect in convicted:
            self._known[suspect.sign] = "own"
            self._met.pop(suspect.key, None)
            self._rounds.pop(suspect.key, None)
        self._batch = min(MOST_ASIDE, 4 * self._batch)
        if self._suspects:
            return Ruling(convicted=convicted, silence_s=self._quiet(), proven="own")
        self.phase, self._paused_s = None, 0.0
        return Ruling(convicted=convicted, proven="own")

    def _quiet(self) -> float:
        """Let the next suspect go alone, after a silence; return that in seconds."""
        self.phase = "alone"
        self.silence_s = max(LEAST_SILENCE_S, self._paused_s)
        notice = self._suspects[0].notice
        if not notice.doubtful or not notice.bare:  # what speaks of a limit is hardly ever an item's own
            longest_s = max(self.silence_s, self._rest_s, notice.retry_after_s or 0.0)
            self.silence_s = min(SURE_SILENCE_S, SURE * longest_s)
            return self.silence_s
        if not self._suspects[0].full:
            self.silence_s = min(MOST_SILENCE_S, self.silence_s)
        if self._rests:  # twice the mean rest is what a bucket needs for two
            self.silence_s = max(self.silence_s, min(BARE_SILENCE_S, SURE * self._rests_s / self._rests))
        return self.silence_s

    def unsettled(self) -> list[Suspect]:
        """Return those whose last answer was not recorded yet, where the session ends before their verdict."""
        unsettled = [*self._judged, *self._untold]
        self._judged, self._untold = [], []
        return unsettled
