"""A budget: one strategy, and the coordinated pause that every strategy shares.

After a refusal everyone on the budget pauses together, once; when the pause is over one request goes ahead as a
probe, and only its answer opens the budget for the others. A hundred workers that each learnt of the refusal by
themselves would knock a hundred times, and where refusals cost quota they would never get in again.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.base import Grant, Later, Notice, Outcome, Pacer, WaitReason

# The first pause where the server names no time, doubled with each refused probe; more than a minute of silence
# would cost more than a probe does.
FIRST_PAUSE_S = 1.0
LONGEST_GUESSED_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of the whole budget, until `until` (absolute). `strikes`: refusals in a row, one per probe."""

    until: float
    reason: WaitReason
    retry_after_s: float | None = None
    strikes: int = 0


def pause_s(notice: Notice | None, strikes: int) -> float:
    """How long to pause after the `strikes`-th refusal in a row.

    Retry-After first (RFC 9110 10.2.3), else the reset of a quota that the refusal says is used up. Servers round
    both down, to 0 and up to a second short: a refused probe therefore waits at least 1, 2, 4 ... s.
    """
    told = None if notice is None else notice.retry_after_s
    if told is None and notice is not None:
        told = max((q.reset_s for q in notice.quotas if q.reset_s is not None and not q.remaining), default=None)
    if strikes <= 1 and told is not None and told > 0:
        return told
    guess: float = min(LONGEST_GUESSED_PAUSE_S, FIRST_PAUSE_S * 2.0 ** max(0, min(strikes, 32) - 2))
    return max(told or 0.0, guess)


class Budget:
    """What a key may use of a host: a name for people, a strategy, and whether everyone is paused."""

    def __init__(self, name: str, pacer: Pacer) -> None:
        self.name = name
        self.pacer = pacer
        self.hold: Hold | None = None
        self._probe: Grant | None = None

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """As the strategy's, unless everyone is paused or waits for the probe."""
        if self.hold is None:
            return self.pacer.reserve(now, cost)
        if now < self.hold.until:
            return Later(self.hold.until, self.hold.reason)
        if self._probe is not None:
            return Later(None, "probe")
        answer = self.pacer.reserve(now, cost)
        if isinstance(answer, Grant):
            self._probe = answer
        return answer

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> Hold | None:
        """As the strategy's; answers the hold if this refusal began one (a longer one in force grows quietly)."""
        asked_s = self.pacer.settle(grant, now, outcome, notice, cost)
        probed = grant is self._probe
        if probed:
            self._probe = None
        if outcome is Outcome.REFUSED:
            return self._refused(now, probed, notice, asked_s)
        if probed and outcome is Outcome.ANSWERED:
            self.hold = None
        return None

    def _refused(self, now: float, probed: bool, notice: Notice | None, asked_s: float | None) -> Hold | None:
        begins = self.hold is None or probed
        strikes = 1 if self.hold is None else self.hold.strikes + (1 if probed else 0)
        length_s = pause_s(notice, strikes) if asked_s is None else asked_s
        until = now + length_s
        if not begins and self.hold is not None:
            # Others of the same burst: the longest pause asked for counts, and it is still one pause.
            until = max(until, self.hold.until)
        told = None if notice is None else notice.retry_after_s
        self.hold = Hold(until, "refused", told, max(1, strikes))
        return self.hold if begins else None

    def hold_until(self, until: float, reason: WaitReason = "hold") -> Hold:
        """Pause everyone until `until` at least, then go on with a probe."""
        if self.hold is None or until > self.hold.until:
            strikes = 0 if self.hold is None else self.hold.strikes
            self.hold = Hold(until, reason, None, strikes)
        return self.hold
