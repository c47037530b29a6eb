"""The course of a run in a fixed number of bins: requests, 429s, and when it waited for what.

Bins become twice as wide whenever the run outgrows them, so that a minute and a night are drawn at the same cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_BINS = 240
MOST_WAITS = 240
_FINEST_S = 0.5


@dataclass(frozen=True, slots=True)
class Course:
    """Bins of `bin_s` seconds from t = 0: `sent` and `refused` requests in each; waits as (from, to, what for).

    sessions: when each session but the first began; they follow on one another without a gap.
    """

    bin_s: float
    until_s: float
    sent: tuple[int, ...]
    refused: tuple[int, ...]
    waits: tuple[tuple[float, float, str], ...]
    sessions: tuple[float, ...] = ()


@dataclass(slots=True)
class Tape:
    """Collects a course from moments told in order. Their times count from the start of the session under way."""

    bin_s: float = _FINEST_S
    until_s: float = 0.0
    sent: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    waits: list[tuple[float, float, str]] = field(default_factory=list)
    sessions: list[float] = field(default_factory=list)
    began_s: float = 0.0  # the session under way, on the axis of all

    def session(self) -> None:
        """From here on the times are those of a session that follows on what was told so far."""
        if self.until_s > self.began_s:
            self.began_s = self.until_s
            self.sessions.append(self.began_s)

    def add(self, t_s: float, sent: int, refused: int) -> None:
        """`sent` more requests at `t_s`, `refused` of them refused."""
        t_s += self.began_s
        at = int(max(0.0, t_s) / self.bin_s)
        while at >= MOST_BINS:
            self._widen()
            at = int(t_s / self.bin_s)
        for bins in (self.sent, self.refused):
            bins.extend([0] * (at + 1 - len(bins)))
        self.sent[at] += sent
        self.refused[at] += refused
        self.until_s = max(self.until_s, t_s)

    def wait(self, since_s: float, until_s: float, what_for: str) -> None:
        """It waited in between; one that begins where the last ended is the same, and so is one too near to see."""
        self._wait(since_s + self.began_s, until_s + self.began_s, what_for)

    def _wait(self, since_s: float, until_s: float, what_for: str) -> None:
        if until_s <= since_s:
            return
        last = self.waits[-1] if self.waits else None
        if (
            last is not None
            and since_s - last[1] < self.bin_s
            and (last[2] == what_for or len(self.waits) > MOST_WAITS)
        ):
            since_s = self.waits.pop()[0]
        self.waits.append((since_s, until_s, what_for))
        self.until_s = max(self.until_s, until_s)

    def course(self) -> Course:
        """What was collected so far, as a copy."""
        return Course(
            self.bin_s, self.until_s, tuple(self.sent), tuple(self.refused), tuple(self.waits), tuple(self.sessions)
        )

    def _widen(self) -> None:
        self.bin_s *= 2
        self.sent, self.refused = _in_pairs(self.sent), _in_pairs(self.refused)
        waits, self.waits = self.waits, []
        for wait in waits:  # what is too near to be told apart now
            self._wait(*wait)


def _in_pairs(bins: list[int]) -> list[int]:
    return [sum(bins[at : at + 2]) for at in range(0, len(bins), 2)]
