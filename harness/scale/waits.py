"""Tell when an import waited as a whole: while every process of it that has something to send waits.

Each process records its own waits. Four shards that keep to one limit wait at the same time, and to add theirs up would
say that an import of a minute waited for four. So the waits that count are those that all have in common. A process
with nothing to do (its items are all done, or the list is read) neither waits nor keeps the others from waiting.

Times are those of the run's session. What a process has recorded is known a little later than it happened, so what is
in common is told up to a moment that lies a little back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from harness.record.events import WaitBegan, Waited

# A wait that others have in common for less than this is the rhythm of pacing: its time counts, it adds no wait.
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class _Span:
    """A wait from began_s to ended_s, for a limit or another reason; share: of it, asleep."""

    began_s: float
    ended_s: float
    reason: str
    tier: str | None
    share: float = 1.0
    counts: bool = True


@dataclass(slots=True)
class _Process:
    spans: list[_Span] = field(default_factory=list)
    open: tuple[float, str, str | None] | None = None  # since when, for what
    idle: list[tuple[float, float]] = field(default_factory=list)


class CommonWaits:
    """Collects the waits of several processes, by number, and yields those in common."""

    def __init__(self) -> None:
        self._of: dict[int, _Process] = {}
        self._told_s = 0.0

    def add(self, process: int, event: WaitBegan | Waited) -> None:
        """Take in what a process has recorded, in its order."""
        known = self._of.setdefault(process, _Process())
        if isinstance(event, WaitBegan):
            known.open = (event.t_s, event.reason, event.tier)
            return
        known.open = None
        length = event.ended_s - event.began_s
        if length > 0:
            share = min(1.0, event.asleep_s / length)
            known.spans.append(_Span(event.began_s, event.ended_s, event.reason, event.tier, share, bool(event.sleeps)))

    def gone(self, process: int) -> None:
        """Note that a process has died: nobody knows how long it would have waited."""
        if process in self._of:
            self._of[process].open = None

    def idle(self, process: int, since_s: float, until_s: float) -> None:
        """Note that a process had nothing to do in that time."""
        known = self._of.setdefault(process, _Process())
        if known.idle and since_s <= known.idle[-1][1]:
            since_s, until_s = known.idle[-1][0], max(until_s, known.idle[-1][1])
            known.idle.pop()
        known.idle.append((since_s, until_s))

    def common(self, until_s: float) -> Iterator[Waited]:
        """Yield what all waited together since the last time, up to `until_s`, in order."""
        began_s, self._told_s = self._told_s, max(self._told_s, until_s)
        if until_s <= began_s or not self._of:
            return
        for since_s, to_s, spans in self._pieces(began_s, until_s):
            # It began for the reason for which the last of them began to wait.
            last = max(spans, key=lambda span: span.began_s)
            asleep_s = (to_s - since_s) * min(span.share for span in spans)
            sleeps = int(last.began_s >= since_s and last.counts and to_s - since_s >= _LEAST_S)
            sleeps = 0 if last.reason == "retry" else sleeps
            yield Waited(to_s, since_s, to_s, asleep_s, sleeps, last.reason, last.tier)
        for known in self._of.values():
            known.spans = [span for span in known.spans if span.ended_s > until_s]
            known.idle = [(since_s, to_s) for since_s, to_s in known.idle if to_s > until_s]

    def _pieces(self, began_s: float, until_s: float) -> Iterator[tuple[float, float, list[_Span]]]:
        """Yield the times in which each process waits or is idle, and those waits: some at least."""
        marks = {began_s, until_s}
        spans = {number: self._spans(known) for number, known in self._of.items()}
        for number, known in self._of.items():
            for span in spans[number]:
                marks |= {span.began_s, span.ended_s}
            for since_s, to_s in known.idle:
                marks |= {since_s, to_s}
        at = sorted(mark for mark in marks if began_s <= mark <= until_s)
        held: tuple[float, float, list[_Span]] | None = None
        for since_s, to_s in pairwise(at):
            waiting = self._waiting(spans, since_s, to_s)
            if waiting is None:
                continue
            if held is not None and held[1] == since_s and _alike(held[2]) == _alike(waiting):
                held = (held[0], to_s, held[2])
                continue
            if held is not None:
                yield held
            held = (since_s, to_s, waiting)
        if held is not None:
            yield held

    def _spans(self, known: _Process) -> list[_Span]:
        if known.open is None:
            return known.spans
        since_s, reason, tier = known.open
        return [*known.spans, _Span(since_s, float("inf"), reason, tier)]

    def _waiting(self, spans: dict[int, list[_Span]], since_s: float, to_s: float) -> list[_Span] | None:
        """Return the waits of all who are not idle in that time; None where one of them does not wait, or all are."""
        found: list[_Span] = []
        for number, known in self._of.items():
            waits = [span for span in spans[number] if span.began_s <= since_s and span.ended_s >= to_s]
            if waits:
                found.append(waits[0])
            elif not any(began_s <= since_s and ended_s >= to_s for began_s, ended_s in known.idle):
                return None
        return found or None


def _alike(spans: list[_Span]) -> tuple[str, str | None]:
    last = max(spans, key=lambda span: span.began_s)
    return last.reason, last.tier
