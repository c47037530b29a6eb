"""The time from a first refusal to the probe that gets through: what it is told meanwhile, and how long to wait.

The pause itself is a `Breaker`; this module is its schedule for a strategy that learns. Everyone waits as long as the
server says where its word is trusted, else until the next step of a ladder of periods as people choose them. What it
showed is a `Closure`.

**What a refused probe costs.** Where refusals cost nothing a knock is free, and the finer the ladder the sooner the end
is found. Where they count, each knock takes one request of what comes back: of a window of n, an nth of it; of a
bucket, the time in which one comes back. Then a limit that is knocked at as fast as room comes back stays shut for
ever; silences that grow by a factor let it open, whatever its rate, after at most that factor of the time it needs.

**What it tells.** That the end is later, if refusals are free. If they count, nothing, for it may have put the end off.

So the ladder is fine where a knock is cheap whether or not refusals count: where many had been let through. It is
patient, by growing silences, where few had been (`few`); where a limit that is known refused before it was full, unless
those that were refused fill it (`early`); and once refusals are believed to count (`charged`). That is believed in a
pause if it lasts longer than what comes back bit by bit would have needed, or if a time that the server named begins
anew when it is asked (`RefusalCost`). A named time is then of before the refusal was counted that named it, so that one
share more is waited for: of the n refused since the last silence the last was told of n - 1 others. And the header that
named it is not blamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.pacing.base import Grant, Notice
from harness.pacing.breaker import Breaker, Setback
from harness.pacing.learn.hypotheses import Closure, Window
from harness.pacing.learn.prior import Trust, next_step, next_usual

# A guess waits at least this long. Where refusals may count, only silence helps: longer each time.
FIRST_GAP_S, GROWTH = 0.3, 2.5
LONGEST_GAP_S = 300.0
# So many of the eight probes that a doubtful refusal has (`prior.DOUBTFUL_LADDER`): five more reach two minutes still.
MOST_LIKELY = 3
# Beyond a border by this share, so that clocks and round trips do not spoil the probe.
BEYOND = 1.004
# A refusal that comes with more in flight than ever passed may be a limit on just that; it is over at once.
AT_ONCE_S = 0.15
# What a server names may be rounded by this.
ROUNDED_S = 1.0


@dataclass(slots=True)
class Pause:
    """closed_s: the limit was still shut at this time. promised: the header whose word `until` is, None for a guess.
    end_s: where the server named an end, between which times it must lie.
    """

    began_s: float
    closed_s: float
    opened_s: float  # when the window in question opened, as far as known
    trust: Trust
    first_s: float = 0.0  # when the first refused request was sent
    last_s: float = 0.0  # when the last refusal was known
    tested: bool = False  # the first refused was a question about a limit that was known to be full
    guesses: int = 0
    promised: str | None = None
    end_s: tuple[float, float] | None = None
    refusals: int = 0
    suspected: bool = False  # nothing but its status speaks of a limit
    doubtful: bool = False  # refused with another status than 429
    overload: bool = True  # refused by nothing but 5xx, as a server does that is overloaded or broken
    few: bool = False  # the limit may be of so few that each knock would be dear
    charged: bool = False  # refusals are believed to count
    early: Window | None = None  # the limit that is full only if they do
    named_s: float = 0.0  # what the server named last
    counted: bool = False  # a header says that nothing is left, and none until when: only usual periods are looked at
    by_others: bool = True  # each refusal so far said that a limit was used up that others use, too
    in_flight: int = 0  # beside the first refused request when that was sent
    likely: tuple[float, ...] = ()  # when a window of a round count and a usual period would be over
    breaker: Breaker = field(init=False)
    _sent_s: float = 0.0  # of the refusal that is being taken in: when its request was sent,
    _row: int = 0  # refusals since the last silence
    _crowded: bool = False  # and whether a limit on what is in flight may have refused it
    _gap_s: Callable[[int, int], float] | None = (
        None  # where a rate is searched: how long a guess is after n probes, so many owed
    )

    def __post_init__(self) -> None:
        self.breaker = Breaker(self._until)

    @property
    def until(self) -> float:
        """Return when the next probe may go."""
        return self.began_s if self.breaker.hold is None else self.breaker.hold.until

    @property
    def patient(self) -> bool:
        """Return whether each probe that is refused makes the silence longer."""
        return self.few or self.charged or self.early is not None

    @property
    def probes(self) -> int:
        """Return how many probes were refused."""
        return max(0, self.breaker.consecutive_refusals - 1)

    def is_probe(self, grant: Grant) -> bool:
        """Return whether it was sent when the pause was over. A strategy is not told which request the probe is."""
        return self.breaker.held(grant.at) is None

    def test(self, until: float) -> None:
        """Note that it began with a question about a limit; `until`: when that is open, or is to be asked again."""
        self.tested, self.guesses = True, 1  # the belief itself is the first guess
        self.breaker.hold_until(until, "refused")

    def refused(
        self,
        grant: Grant,
        now: float,
        notice: Notice | None,
        crowded: bool = False,
        gap_s: Callable[[int, int], float] | None = None,
    ) -> float:
        """Take in a refusal; return until when (absolute) everyone is to pause.

        crowded: a limit on what is in flight may have refused it. gap_s: how long a guess is after n refused probes,
        where a rate is searched.
        """
        if self.breaker.hold is not None and self.is_probe(grant):
            self.breaker.sent(grant, grant.at)
        quotas = () if notice is None else notice.quotas
        self.counted = self.counted or any(quota.remaining == 0 and quota.reset_s is None for quota in quotas)
        self._sent_s, self._crowded, self._gap_s = grant.at, crowded, gap_s
        self.breaker.refused(grant, now, notice)
        return max(now, self.until)

    def _until(self, refusal: Setback) -> float | None:
        """Return when to probe: as told; else shortly, where it may be a limit on what is in flight; else the next
        guess.
        """
        now, sent_s, notice = refusal.now, self._sent_s, refusal.notice
        self._row = 1 if refusal.begins else self._row + 1
        told = notice is not None and notice.retry_after_s is not None and notice.retry_after_s > 0
        if self._crowded and refusal.consecutive == 1 and not told and not self.tested:
            self.closed_s = sent_s
            return now + AT_ONCE_S
        self.closed_s = max(self.closed_s, sent_s)
        until, header, exact = self._told(now, sent_s, notice)
        if until is not None:
            self.promised, self.end_s = header, exact
            return until
        guessed_until = None
        if refusal.begins or self.guesses == 0:
            guessed_until = self._guess(now)
        if self._gap_s is None or self.promised is not None:
            return guessed_until
        return now + self._gap_s(refusal.consecutive - 1, self._row if self.charged else 0)

    def begins_anew(self, notice: Notice | None) -> bool:
        """Return whether a probe that came when it was named is told to wait as long again: the refusals put it off."""
        if notice is None or self.promised is None or not self.named_s:
            return False
        named_s = notice.retry_after_s or 0.0
        return ROUNDED_S < named_s <= self.named_s

    def _told(
        self, now: float, sent_s: float, notice: Notice | None
    ) -> tuple[float | None, str | None, tuple[float, float] | None]:
        """Return when to probe by what the server says, by whose word, and what that means for the window's end."""
        if notice is None:
            return None, None, None
        trust = self.trust
        words = [(notice.waited_by, notice.retry_after_s)] if notice.retry_after_s is not None else []
        if not words or trust.wait_s(*words[0]) is None:
            empty = [quota for quota in notice.quotas if not quota.remaining and quota.reset_s is not None]
            words = [(f"{quota.header}-Reset", quota.reset_s or 0.0) for quota in empty]
        waits = [(wait_s, header, told) for header, told in words if (wait_s := trust.wait_s(header, told)) is not None]
        if not waits:
            return None, None, None
        wait_s, header, told = max(waits)
        self.named_s = told
        if self.charged:
            # It was named before this refusal was counted, one more than the others since the silence.
            wait_s = max(wait_s + told / self._row, self._gap(self.probes))
        # A whole number may be rounded either way; a fraction is meant to the millisecond.
        blur_s = ROUNDED_S if told == int(told) else 0.002
        return now + wait_s, header, (sent_s + told - blur_s, now + told + blur_s)

    def _guess(self, now: float) -> float:
        """Return the next border, as people choose periods, that leaves silence enough."""
        self.guesses += 1
        self.promised, self.end_s = None, None
        gap_s = self._gap(self.guesses - 1) if self.patient else FIRST_GAP_S
        after_s = (now - self.opened_s + gap_s) / BEYOND
        border_s = BEYOND * (next_usual(after_s) if self.counted else next_step(after_s, self.doubtful))
        # Of doubtful refusals only few probes are sent before everyone gives up: most are kept for the ladder.
        spent = self.doubtful and self.probes >= MOST_LIKELY
        likely = [] if spent else [at for at in self.likely if at >= now + gap_s]
        return min(self.opened_s + border_s, now + max(LONGEST_GAP_S, 2 * gap_s), *likely)

    @staticmethod
    def _gap(knocks: int) -> float:
        """Return the least silence after so many probes, seconds, where each may put off the end."""
        return min(LONGEST_GAP_S, FIRST_GAP_S * GROWTH ** min(knocks, 11))

    def closure(self, accepted: int, probe: Grant, probe_answered_s: float) -> Closure:
        """Return what is known once a probe has got through; `accepted` were before it."""
        closed_s, ended_by_s = self.closed_s, probe_answered_s
        told = self.end_s is not None
        if self.end_s is not None and self.end_s[0] < ended_by_s and self.end_s[1] > closed_s:
            closed_s, ended_by_s = max(closed_s, self.end_s[0]), min(ended_by_s, self.end_s[1])
        return Closure(
            self.first_s,
            closed_s,
            ended_by_s,
            probe.at,
            accepted,
            self.in_flight,
            told,
            self.probes,
            self.last_s,
            self.tested,
        )
