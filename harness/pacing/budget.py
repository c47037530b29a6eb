"""A budget: one strategy, the pause that every strategy shares, and patience with what a strategy has learned.

After a refusal everyone on the budget pauses together, once; when the pause is over one request goes ahead as a
probe, and only its answer opens the budget for the others (`breaker` says why). A pause is as long as the strategy
asks, else as long as the server says, else a guess that doubles (`RefusalSchedule`).

A strategy that learns may be wrong by any factor: `150/7d` was made of a Reset of one second, and an import waited a
week without a word. So no wait for a learned limit lasts longer than what the server itself named, for this limit or
for all, or than twice the longest wait that proved right so far; then one request goes (`Patience`). If it is let
through, the strategy is told that it was wrong; if it is refused, the next look comes later. Declared limits are never
looked behind.

A budget may share an *account* with other runs (`leases`): then nothing goes without a unit of it, whoever asks and
however, and a pause is told to all.
"""

from __future__ import annotations

import math
from typing import Literal

from harness.pacing.base import Grant, Later, LearnedFact, Learning, Notice, Outcome, Pacer
from harness.pacing.breaker import LONGEST_GUESSED_PAUSE_S, Breaker, Hold, Setback, guessed_s, outage_s
from harness.pacing.leases import LeasePacer
from harness.pacing.refusals import told_s
from harness.pacing.tiers import Tiers

# A day: the longest window that is at all common. Whoever is told to wait for years asks again tomorrow.
LONGEST_TOLD_PAUSE_S = 86_400.0
# Told times are whole seconds, rounded either way and counted from a Date that is rounded down.
ROUNDING_S = 2.0
# A quota with so few left beside those in flight is about to be used up: its reset is what will be waited for.
NEARLY_USED_UP = 10


class Budget:
    """The right of a key to use a host: a name for people, a strategy, and whether everyone is paused.

    longest_s: no pause is longer, whatever the server asks for. account: the balance of what it shares with other runs;
    None: it shares nothing.
    """

    def __init__(
        self,
        name: str,
        pacer: Pacer,
        longest_s: float = LONGEST_TOLD_PAUSE_S,
        account: LeasePacer | None = None,
    ) -> None:
        self.name = name
        self.pacer = pacer
        self.account = account
        self.longest_s = longest_s
        self.breaker = Breaker(RefusalSchedule(longest_s))
        self._learning = pacer if isinstance(pacer, Learning) else None
        self._patience = Patience(longest_s)
        self._look: Grant | None = None  # on its way to see whether a learned limit is true
        if account is not None:
            account.limits = self.tiers

    @property
    def hold(self) -> Hold | None:
        """Return the pause in force, if there is one."""
        return self.breaker.hold

    def tiers(self, now: float) -> Tiers:
        """Return the limits that are kept to, each once."""
        return tuple(dict.fromkeys(tier.tier for tier in self.pacer.statistics(now).tiers))

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Ask the strategy, unless everyone is paused or waits for the probe.

        A learned limit that has kept everyone waiting for too long is passed over once (see `Patience`).
        """
        breaker = self.breaker
        if breaker.hold is not None and (held := breaker.held(now)) is not None:
            return held
        account = self.account
        if account is not None and (later := account.ready(now, cost)) is not None:
            return later
        answer = self.pacer.reserve(now, cost)
        if isinstance(answer, Later):
            answer = self._impatient(now, cost, answer)
            if isinstance(answer, Later):
                return answer
        if account is not None:
            account.take(answer, now)
        self._patience.sent(now)
        if breaker.hold is not None:
            breaker.sent(answer, now)
        return answer

    def _impatient(self, now: float, cost: int, later: Later) -> Grant | Later:
        """Return `later`, or leave for one request to look whether the learned limit in the way is true."""
        pacer = self._learning
        if pacer is None:
            return later
        until = self._patience.until(pacer.named_s(later.tier))
        if until is None or (later.until is not None and later.until <= until):
            return later
        if now < until:
            return Later(until, later.reason, later.tier)
        answer = pacer.overrule(now, cost)
        if isinstance(answer, Grant):
            self._look = answer
        return answer

    def past(self, now: float, cost: int = 1) -> Grant | Later:
        """Reserve amid a pause, by declared limits alone, for a request that asks whether the limit that refused is for
        it, too. The pause goes on, whatever becomes of it.
        """
        if self._learning is None:
            return Later(None, "refused")
        if self.account is not None and (later := self.account.ready(now, cost, amid_pause=True)) is not None:
            return later
        answer = self._learning.overrule(now, cost)
        if isinstance(answer, Grant):
            if self.account is not None:
                self.account.take(answer, now)
            self._patience.sent(now)
        return answer

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> Hold | None:
        """Tell the strategy what became of `grant`; return the pause if this refusal begins one.

        A refusal while a pause is in force only makes that pause longer.
        """
        asked_until = self.pacer.settle(grant, now, outcome, notice, cost)
        if self.account is not None:
            self.account.settle(grant, now, outcome, notice, cost)
        self._learn_patience(grant, now, outcome, notice)
        breaker = self.breaker
        if outcome is Outcome.REFUSED:
            hold = breaker.refused(grant, now, notice, asked_until)
            if self.account is not None and breaker.hold is not None:
                self.account.refused(breaker.hold.until)
            return hold
        if breaker.hold is not None:
            if outcome is Outcome.ANSWERED:
                breaker.passed(grant, now)
            else:
                breaker.returned(grant)
        return None

    def _learn_patience(self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None) -> None:
        looked = grant is self._look
        self._look = None if looked else self._look
        if outcome is Outcome.UNUSED:
            self._patience.unsent()
        else:
            self._patience.ended(now)
        self._patience.heard(now, notice)
        if outcome is Outcome.REFUSED:
            self._patience.refused(grant.at, looked)
        elif outcome is Outcome.ANSWERED:
            self._patience.let_through(grant.at)
            if looked and self._learning is not None:
                self._learning.belied(grant, now)

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        """Tell the strategy what a doubtful refusal turned out to be: a limit's, or the request's own fault."""
        if self._learning is not None:
            self._learning.resolved(reason)

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what the strategy has learned since this was last asked; () of one that does not learn."""
        return () if self._learning is None else self._learning.new_facts()


class RefusalSchedule:
    """The pauses of everyone after refusals by a limit. longest_s: no pause is longer."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._guesses = 0  # pauses in a row for which the server's word was missing or wrong

    def __call__(self, refusal: Setback) -> float:
        now, notice = refusal.now, refusal.notice
        if refusal.begins and refusal.consecutive == 1:
            self._guesses = 0
        until = refusal.asked_until
        if until is None:
            until = now + self._pause_s(refusal, told_s(notice))
        if notice is not None and notice.doubtful and notice.status >= 500 and refusal.consecutive > 3:
            until = max(until, now + outage_s(refusal.consecutive))
        return min(until, now + self._longest_s)

    def _pause_s(self, refusal: Setback, told: float) -> float:
        """Return what the server says, the first time; then the longer of that and a guess.

        Servers round down, to 0 and up to a second short, so that what a refused probe is told is only the least of
        it: it waits 1, 2, 4 ... s if that is longer.
        """
        if refusal.consecutive == 1 and told > 0:
            return told
        if refusal.begins:
            self._guesses += 1
        return max(told, guessed_s(max(1, self._guesses)))


class Patience:
    """The patience with a learned limit: how long it may keep everyone waiting before one request looks whether it is
    true.

    It remembers what the server named, how long a wait has proved right, and since when nothing has been in flight.
    longest_s: no time that a server names counts for more.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._named_until = -math.inf
        self._names = False  # the server has named a time at all
        self._proven_s = 0.0
        self._refused = 0  # looks in a row that were refused
        self._in_flight = 0
        self._quiet_since: float | None = None
        self._shut_since: float | None = None

    def sent(self, now: float) -> None:
        """Note that a request goes: the silence before it is over."""
        self._in_flight += 1

    def ended(self, now: float) -> None:
        """Note that one is over, however it ended."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._quiet_since = now

    def unsent(self) -> None:
        """Note that one was never sent: the silence went on."""
        self._in_flight -= 1

    def heard(self, now: float, notice: Notice | None) -> None:
        """Take in what an answer names: Retry-After, and the resets and periods of quotas that are nearly used up."""
        if notice is None or (notice.retry_after_s is None and not notice.quotas):  # nearly every answer
            return
        told = [] if notice.retry_after_s is None else [notice.retry_after_s]
        for quota in notice.quotas:
            if quota.remaining is None or quota.remaining <= 2 * self._in_flight + NEARLY_USED_UP:
                told += [seconds for seconds in (quota.reset_s, quota.period_s) if seconds is not None]
        usable = [min(seconds, self._longest_s) for seconds in told if math.isfinite(seconds) and seconds > 0]
        if usable:
            self._names = True
            self._named_until = max(self._named_until, now + max(usable) + ROUNDING_S)

    def refused(self, sent_s: float, looked: bool) -> None:
        """Note that a limit refused what was sent then.

        looked: it was the request that looked whether a belief is true.
        """
        self._refused += looked
        if self._shut_since is None:
            self._shut_since = sent_s

    def let_through(self, sent_s: float) -> None:
        """Note that a request sent then got through: if it came after a refusal, waiting as long was right."""
        if self._shut_since is not None and sent_s > self._shut_since:
            self._proven_s = max(self._proven_s, sent_s - self._shut_since)
            self._shut_since = None
            self._refused = 0

    def until(self, named_s: float = 0.0) -> float | None:
        """Return until when a learned limit may keep everyone waiting; None while something is in flight or nothing was
        sent.

        named_s: the longest that the server named for this very limit, in whichever window: where one limit is shown at
        a time, the longer of two that are used up together is not named again. Infinite: it was declared.
        A server that never names a time is given a minute from the start, for its limits are found by waiting.
        """
        if self._in_flight or self._quiet_since is None or named_s == math.inf:
            return None
        guess_s = guessed_s(self._refused + 1) if self._names else LONGEST_GUESSED_PAUSE_S
        named_s = min(named_s, self._longest_s) + ROUNDING_S if named_s > 0 else 0.0
        return max(self._named_until, self._quiet_since + max(2 * self._proven_s, guess_s, named_s))
