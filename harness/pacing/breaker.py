"""The half-open breaker: after a refusal everyone pauses once, then one request probes. No IO, no clock.

Four things in this project wait for somebody else to recover, and all four are this machine. A budget that was refused
(`budget`), what a refusal teaches (`learn.pause`), a server that fails every request (`core`), and comparisons that
find out whose fault a refusal was (`core`). They differ in their schedule, which says how long the n-th pause is, in
how many probes they try before they give up, and in whose answer closes the breaker.

    state       event               next        what it means
    ---------   -----------------   ---------   -----------------------------------------------------------------
    closed      refused             open        a pause begins
    closed      held                open        somebody asked for a pause
    open        refused             open        part of the burst that opened it: the same pause, maybe longer
    open        held                open        the pause may get longer, never shorter
    open        sent                half-open   the pause is over, and one request goes: the probe
    open        lifted              closed      it was found out otherwise that the way is free
    half-open   refused, held       half-open   as while open; the probe is still on its way
    half-open   probe passed        closed      everyone may go
    half-open   probe passed early  open        the pause was made longer while the probe was on its way
    half-open   probe refused       open        the next pause begins
    half-open   probe returned      open        no answer came back: another probe may go
    half-open   lifted              closed      as while open

**Why one probe.** A hundred workers that each learned of the refusal by themselves would knock a hundred times when the
pause is over. Where refused requests cost quota, they would never get in again; where a server is starting, they would
knock it over. One request asks the same question for the price of one.

**Why a burst is one pause.** Twenty requests that were in flight when the limit was reached are refused one after the
other. They say one thing, once. If each of them counted, the schedule would be at its twentieth and longest pause
before anybody had waited for the first. So only the refusal that opens the breaker, and the refusal of a probe, begin a
pause and count in `consecutive_refusals`; all others belong to the pause that is in force.

**Why the longest told time counts.** Of several limits that were used up together each answer may name a different
one, and the request goes through only when the last of them has room again. So `until` never moves back while the
breaker is open: a time that was told earlier is not less true because a later answer names a shorter one.

**Answers that were in flight when it opened** were sent before anyone knew. A refusal among them may make the pause
longer. A success among them says nothing about now, where a limit refused: the request was counted before it was used
up. So it does not close a breaker of a limit. Where everything failed it does (`closed_by="anyone"`), because a server
that answers is there.

**A probe that comes back without an answer** (lost, or never sent) leaves the breaker open. Nothing was learned, so
nothing may follow from it. The pause is over, though, so that the next request probes at once.

`now` is an argument and every time is absolute, so that nothing is rounded between the layers: the time that a schedule
answers is the time at which a probe may go, to the bit. `now` never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.pacing.base import Later, Notice, WaitReason

State = Literal["closed", "open", "half-open"]
Event = Literal[
    "refused", "held", "sent", "probe passed", "probe passed early", "probe refused", "probe returned", "lifted"
]

TRANSITIONS: Mapping[tuple[State, Event], State] = {
    ("closed", "refused"): "open",
    ("closed", "held"): "open",
    ("open", "refused"): "open",
    ("open", "held"): "open",
    ("open", "sent"): "half-open",
    ("open", "lifted"): "closed",
    ("half-open", "refused"): "half-open",
    ("half-open", "held"): "half-open",
    ("half-open", "probe passed"): "closed",
    ("half-open", "probe passed early"): "open",
    ("half-open", "probe refused"): "open",
    ("half-open", "probe returned"): "open",
    ("half-open", "lifted"): "closed",
}


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of everyone, until `until` (absolute).

    retry_after_s: what the answer that set `until` said, counted from that answer. consecutive_refusals: pauses in a
    row, one for the opening and one for each refused probe; 0 where nothing was refused yet.
    """

    until: float
    reason: WaitReason
    retry_after_s: float | None = None
    consecutive_refusals: int = 0


@dataclass(frozen=True, slots=True)
class Setback:
    """One refusal or failure, as a schedule is asked about it.

    consecutive: pauses in a row, counting the one that this refusal begins or belongs to. begins: it begins a pause.
    asked_until: the absolute time that a strategy names for it, None if it names none.
    """

    now: float
    consecutive: int
    begins: bool
    notice: Notice | None = None
    asked_until: float | None = None


# Answers until when (absolute) everyone pauses because of a setback; None adds nothing to a pause.
Schedule = Callable[[Setback], float | None]


class Breaker:
    """Lets nothing through while it is open, then one probe, and everyone once the probe got through.

    schedule: how long each pause is. reason: why everyone waits, as waits name it. opens_at: so many refusals in a row
    open it; 0: it never opens. gives_up_at: so many consecutive refusals, and `given_up` is true; None: never.
    closed_by: whose success closes it, the probe's alone or anyone's.
    """

    __slots__ = ("_anyone", "_gives_up_at", "_in_a_row", "_opens_at", "_probe", "_reason", "_schedule", "hold", "state")

    def __init__(
        self,
        schedule: Schedule,
        reason: WaitReason = "refused",
        opens_at: int = 1,
        gives_up_at: int | None = None,
        closed_by: Literal["probe", "anyone"] = "probe",
    ) -> None:
        self.state: State = "closed"
        self.hold: Hold | None = None  # the pause in force; None while closed
        self._schedule = schedule
        self._reason = reason
        self._opens_at = opens_at
        self._gives_up_at = gives_up_at
        self._anyone = closed_by == "anyone"
        self._in_a_row = 0  # refusals since the last success
        self._probe: Hashable = None

    # --- what is asked ----------------------------------------------------------------------------------------------

    @property
    def consecutive_refusals(self) -> int:
        """Count the pauses in a row: one for the opening, one for each refused probe. 0 while closed."""
        return 0 if self.hold is None else self.hold.consecutive_refusals

    @property
    def given_up(self) -> bool:
        """Return whether so many probes in a row were refused that another one makes no sense."""
        hold, at = self.hold, self._gives_up_at
        return hold is not None and at is not None and hold.consecutive_refusals >= at

    def held(self, now: float) -> Later | None:
        """Return why nothing may go at `now`, and until when; None if a request may go.

        `until` is None while the probe is on its way: only its answer can help.
        """
        hold = self.hold
        if hold is None:
            return None
        if now < hold.until:
            return Later(hold.until, hold.reason)
        return None if self.state == "open" else Later(None, "probe")

    def is_probe(self, request: Hashable) -> bool:
        """Return whether everyone waits for what becomes of `request`."""
        return self.state == "half-open" and request == self._probe

    # --- what is told -----------------------------------------------------------------------------------------------

    def sent(self, request: Hashable, now: float) -> None:
        """Note that a request goes at `now`: while open it is the probe. ValueError where `held` forbids it."""
        if self.hold is None:
            return
        if now < self.hold.until:
            raise ValueError(f"a request was sent at {now} although everyone pauses until {self.hold.until}")
        self._go("sent")
        self._probe = request

    def refused(
        self, request: Hashable, now: float, notice: Notice | None = None, asked_until: float | None = None
    ) -> Hold | None:
        """Note a refusal or failure of `request`; return the pause if this begins one, else None."""
        self._in_a_row += 1
        before, probed = self.hold, self.is_probe(request)
        if before is None and (self._opens_at == 0 or self._in_a_row < self._opens_at):
            return None
        begins = before is None or probed
        consecutive = 1 if before is None else max(1, before.consecutive_refusals + probed)
        until = self._schedule(Setback(now, consecutive, begins, notice, asked_until))
        self._go("probe refused" if probed else "refused")
        told_s = None if notice is None else notice.retry_after_s
        self.hold = Hold(now if until is None else until, self._reason, told_s, consecutive)
        if before is not None and before.until > self.hold.until:
            self.hold = replace(before, consecutive_refusals=consecutive)
        return self.hold if begins else None

    def passed(self, request: Hashable, now: float) -> None:
        """Note that `request` got through: the probe's success closes, if the pause was not made longer meanwhile."""
        if self.hold is None:
            self._in_a_row = 0
        elif self._anyone:
            self.lift()
        elif self.is_probe(request):
            early = now < self.hold.until
            self._go("probe passed early" if early else "probe passed")
            if not early:
                self._close()

    def returned(self, request: Hashable) -> None:
        """Note that `request` is over without an answer that tells anything."""
        if self.is_probe(request):
            self._go("probe returned")

    def hold_until(self, until: float, reason: WaitReason = "hold") -> Hold:
        """Pause everyone until `until` at least, then go on with a probe; return the pause in force."""
        if self.hold is None or until > self.hold.until:
            self._go("held")
            self.hold = Hold(until, reason, None, self.consecutive_refusals)
        return self.hold

    def lift(self) -> None:
        """Close at once: it is known otherwise that requests get through."""
        if self.hold is not None:
            self._go("lifted")
            self._close()

    def _close(self) -> None:
        self.hold = None
        self._in_a_row = 0

    def _go(self, event: Event) -> None:
        """Take the transition that the table names; ValueError where it names none."""
        after = TRANSITIONS.get((self.state, event))
        if after is None:
            raise ValueError(f"a breaker that is {self.state} cannot be told {event!r}")
        self.state = after
        if after != "half-open":
            self._probe = None


# --- schedules ------------------------------------------------------------------------------------------------------

# Guesses where the server names no time: 1, 2, 4 ... s find a window of 20 s after 31 s. More than a minute of silence
# would cost more than a probe does.
FIRST_PAUSE_S = 1.0
LONGEST_GUESSED_PAUSE_S = 60.0
# A server that is down says 503 as well: eight probes (`core.doubts`) must outlast half an hour.
LONGEST_OUTAGE_PAUSE_S = 900.0


def guessed_s(guesses: int) -> float:
    """Return the pause of the `guesses`-th guess in a row, from 1: 1, 2, 4 ... 60 s."""
    return min(LONGEST_GUESSED_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (min(guesses, 32) - 1))


def outage_s(consecutive: int) -> float:
    """Return the pause after so many refusals in a row that may each mean an outage: 1, 3, 9, 27, 81 ... 900 s."""
    return min(LONGEST_OUTAGE_PAUSE_S, FIRST_PAUSE_S * 3.0 ** (min(consecutive, 32) - 1))
