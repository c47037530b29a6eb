"""A budget: one strategy, and the coordinated pause that every strategy shares.

After a refusal everyone on the budget pauses together, once; when the pause is over one request goes ahead as a
probe, and only its answer opens the budget for the others. A hundred workers that each learnt of the refusal by
themselves would knock a hundred times, and where refusals cost quota they would never get in again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.pacing.base import Grant, Later, Learning, Notice, Outcome, Pacer, WaitReason
from harness.pacing.learn.belief import News
from harness.pacing.patience import FIRST_PAUSE_S, Patience
from harness.pacing.patience import guessed_s as guessed_s
from harness.pacing.refusals import told_s

# A server that is down says 503 as well: eight probes (`engine.doubts`) must outlast half an hour.
LONGEST_OUTAGE_PAUSE_S = 900.0
# A day: the longest window that is at all common. Whoever is told to wait for years asks again tomorrow.
LONGEST_TOLD_PAUSE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of the whole budget, until `until` (absolute). `strikes`: refusals in a row, one per probe."""

    until: float
    reason: WaitReason
    retry_after_s: float | None = None
    strikes: int = 0


def outage_s(strikes: int) -> float:
    """The pause after so many refusals in a row of which each may mean that the server is down: 27, 81 ... 900 s."""
    return min(LONGEST_OUTAGE_PAUSE_S, FIRST_PAUSE_S * 3.0 ** (min(strikes, 32) - 1))


class Budget:
    """What a key may use of a host: a name for people, a strategy, and whether everyone is paused.

    longest_s: no pause is longer, whatever the server asks for.
    """

    def __init__(self, name: str, pacer: Pacer, longest_s: float = LONGEST_TOLD_PAUSE_S) -> None:
        self.name = name
        self.pacer = pacer
        self.longest_s = longest_s
        self.hold: Hold | None = None
        self._probe: Grant | None = None
        self._guesses = 0  # pauses in a row for which the server's word was missing or wrong
        self._patience = Patience(longest_s)
        self._look: Grant | None = None  # on its way to see whether a learned limit is true

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """As the strategy's, unless everyone is paused or waits for the probe, or a learned limit has kept everyone
        waiting for too long (see `patience`).
        """
        if self.hold is None:
            answer = self.pacer.reserve(now, cost)
            return self._sent(now, answer) if isinstance(answer, Grant) else self._impatient(now, cost, answer)
        if now < self.hold.until:
            return Later(self.hold.until, self.hold.reason)
        if self._probe is not None:
            return Later(None, "probe")
        answer = self.pacer.reserve(now, cost)
        if isinstance(answer, Later):
            answer = self._impatient(now, cost, answer)
            self._probe = answer if isinstance(answer, Grant) else None
            return answer
        self._probe = answer
        return self._sent(now, answer)

    def _sent(self, now: float, grant: Grant) -> Grant:
        self._patience.sent(now)
        return grant

    def _impatient(self, now: float, cost: int, later: Later) -> Grant | Later:
        """`later`, or leave for one request to look whether the learned limit in the way is true."""
        pacer = self.pacer
        if not isinstance(pacer, Learning):
            return later
        until = self._patience.until(pacer.named_s(later.tier))
        if until is None or (later.until is not None and later.until <= until):
            return later
        if now < until:
            return Later(until, later.reason, later.tier)
        answer = pacer.overrule(now, cost)
        if isinstance(answer, Grant):
            self._look = self._sent(now, answer)
        return answer

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> Hold | None:
        """As the strategy's; answers the hold if this refusal began one (one in force grows quietly).

        The probe's answer opens the budget, unless the hold was made longer while the probe was on its way.
        """
        asked_s = self.pacer.settle(grant, now, outcome, notice, cost)
        self._learn_patience(grant, now, outcome, notice)
        probed = grant is self._probe
        if probed:
            self._probe = None
        if outcome is Outcome.REFUSED:
            return self._refused(now, probed, notice, asked_s)
        if probed and outcome is Outcome.ANSWERED and self.hold is not None and now >= self.hold.until:
            self.hold = None
            self._guesses = 0
        return None

    def _learn_patience(self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None) -> None:
        looked = grant is self._look
        self._look = None if looked else self._look
        self._patience.ended(now)
        self._patience.heard(now, notice)
        if outcome is Outcome.REFUSED:
            self._patience.refused(grant.at, looked)
        elif outcome is Outcome.ANSWERED:
            self._patience.let_through(grant.at)
            if looked and isinstance(self.pacer, Learning):
                self.pacer.belied(grant, now)

    def _refused(self, now: float, probed: bool, notice: Notice | None, asked_s: float | None) -> Hold | None:
        before = self.hold
        begins = before is None or probed
        strikes = 1 if before is None else max(1, before.strikes + probed)
        length_s = self._pause_s(strikes, begins, told_s(notice)) if asked_s is None else asked_s
        if notice is not None and notice.doubtful and notice.status >= 500 and strikes > 3:
            length_s = max(length_s, outage_s(strikes))
        length_s = min(length_s, self.longest_s)
        told = None if notice is None else notice.retry_after_s
        self.hold = Hold(now + length_s, "refused", told, strikes)
        if before is not None and before.until > self.hold.until:
            # Others of the same burst, or a pause of another kind: the longest counts, and it is still one pause.
            self.hold = Hold(before.until, before.reason, before.retry_after_s, strikes)
        return self.hold if begins else None

    def _pause_s(self, strikes: int, begins: bool, told: float) -> float:
        """What the server says, the first time. Servers round down, to 0 and up to a second short, so that what a
        refused probe is told is only the least of it: it waits 1, 2, 4 ... s if that is longer.
        """
        if strikes == 1 and told > 0:
            return told
        if begins:
            self._guesses += 1
        return max(told, guessed_s(max(1, self._guesses)))

    def probes(self, grant: Grant) -> bool:
        """Does everyone wait for what becomes of `grant`?"""
        return grant is self._probe

    def lift(self) -> None:
        """Nobody waits any more: others got through meanwhile."""
        self.hold, self._probe, self._guesses = None, None, 0

    def found(self, reason: Literal["limit", "own"]) -> None:
        """Tell the strategy what a doubtful refusal turned out to be: a limit's, or the request's own fault."""
        found: Callable[[str], None] | None = getattr(self.pacer, "found", None)
        if found is not None:
            found(reason)

    def news(self) -> tuple[News, ...]:
        """What the strategy learned since this was last asked; () of one that does not learn."""
        learned: Callable[[], tuple[News, ...]] | None = getattr(self.pacer, "news", None)
        return () if learned is None else learned()

    def hold_until(self, until: float, reason: WaitReason = "hold") -> Hold:
        """Pause everyone until `until` at least, then go on with a probe."""
        if self.hold is None or until > self.hold.until:
            strikes = 0 if self.hold is None else self.hold.strikes
            self.hold = Hold(until, reason, None, strikes)
        return self.hold
