"""The timeline of a run: when it sent, was refused and waited for what, folded from the events to be drawn.

A timeline has at most MOST_BINS bins. They become twice as wide whenever the run outgrows them, so that a minute and a
night are drawn at the same cost. What is folded does not depend on when that happens:

- bins are half a second times a power of two wide, so that two of them added are exactly one of twice the width;
- two waits for the same thing with less than a bin between them are one, and in wider bins they still are.

So an import that applies its events one by one, and a reader that adds a million rows column by column
(`harness.record.follow.Replay`), end with the same timeline. Both go through the same few rules here.

Times of events count from the start of their session; here sessions follow on one another without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.record import events as e

MOST_BINS = 240
# Nobody sees a shorter wait. A strategy that spaces its requests evenly waits before each of them.
LEAST_WAIT_S = 0.01
_FINEST_S = 0.5
# What people ask of a run that has ended is recorded later, so that its time tells nothing of the session.
LATER = (e.Retried, e.Forgotten)
_ANSWERED, _MAY_BE_SENT = (e.PageListed, e.ItemImported), (e.AttemptFailed, e.Returned)


@dataclass(frozen=True, slots=True)
class TimelineBins:
    """The timeline to draw: requests `sent` and `refused` in each bin of `bin_s` seconds from t = 0, up to `until_s`.

    waits: (from, to, what for), in order; those for different things may overlap by less than a bin. sessions: when
    each session but the first began.
    """

    bin_s: float
    until_s: float
    sent: tuple[int, ...]
    refused: tuple[int, ...]
    waits: tuple[tuple[float, float, str], ...]
    sessions: tuple[float, ...] = ()


@dataclass(slots=True)
class Timeline:
    """Collects the bins: `apply` an event, or the single rules. `bins` copies out what there is so far."""

    bin_s: float = _FINEST_S
    until_s: float = 0.0
    sent: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    waits: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    sessions: list[float] = field(default_factory=list)
    number: int = 0  # of the session under way
    began_s: float = 0.0  # when it began, on the axis of all
    waiting: tuple[float, str] | None = None  # since when in that session, and for what
    paused_at_s: float | None = None

    def apply(self, event: e.Event) -> None:
        """Add one event."""
        if not isinstance(event, LATER):
            self.reach(event.t_s)
        if isinstance(event, e.SessionStarted):
            self.begin(event.number)
        elif isinstance(event, e.Refused):
            self.count(self.bin_of(event.t_s), sent=1, refused=1)
        elif getattr(event, "along", False):
            pass  # another event counts its request
        elif isinstance(event, _ANSWERED) or (isinstance(event, _MAY_BE_SENT) and event.sent):
            self.count(self.bin_of(event.t_s), sent=1)
        else:
            self._pass_time(event)

    def _pass_time(self, event: e.Event) -> None:
        """Add a wait or a person's pause; other events tell of neither."""
        match event:
            case e.WaitBegan():
                self.waiting = (event.t_s, event.tier or event.reason)
            case e.Waited():
                self.waiting = None
                if event.asleep_s >= LEAST_WAIT_S:
                    self.wait(event.began_s, event.ended_s, event.tier or event.reason)
            case e.Paused():
                self.paused_at_s = event.t_s
            case e.Resumed() | e.SessionEnded():
                self.go_on(event.t_s, ended=isinstance(event, e.SessionEnded))

    def begin(self, number: int) -> None:
        """Begin session `number`, which follows on what was told so far; nothing where it has begun already."""
        if number == self.number:
            return
        if self.until_s > self.began_s:
            self.began_s = self.until_s
            self.sessions.append(self.began_s)
        self.number, self.waiting, self.paused_at_s = number, None, None

    def reach(self, t_s: float) -> None:
        """Make room for what happens at `t_s` of the session under way."""
        self.until_s = max(self.until_s, t_s + self.began_s)
        while self.until_s >= MOST_BINS * self.bin_s:
            self.bin_s *= 2
            self.sent, self.refused = _in_pairs(self.sent), _in_pairs(self.refused)
            waits, self.waits = self.waits, {}
            for what_for, spans in waits.items():
                for span in spans:  # those too near to be told apart now are one
                    self._wait(*span, what_for)

    def bin_of(self, t_s: float) -> int:
        """Return the number of the bin that holds `t_s`, which was reached."""
        return int(max(0.0, t_s + self.began_s) / self.bin_s)

    def count(self, at: int, *, sent: int = 0, refused: int = 0) -> None:
        """Add requests to bin `at`."""
        for bins in (self.sent, self.refused):
            bins.extend([0] * (at + 1 - len(bins)))
        self.sent[at] += sent
        self.refused[at] += refused

    def wait(self, since_s: float, until_s: float, what_for: str) -> None:
        """Add a wait of the session under way."""
        if until_s > since_s:
            self.reach(until_s)
            self._wait(since_s + self.began_s, until_s + self.began_s, what_for)

    def go_on(self, t_s: float, *, ended: bool) -> None:
        """End a person's pause, and with the session whatever it waited for."""
        if self.paused_at_s is not None:
            self.wait(self.paused_at_s, t_s, "paused")
        self.paused_at_s = None
        if ended:
            self.waiting = None

    def bins(self, now_s: float | None = None) -> TimelineBins:
        """Copy what was collected so far, with the wait that goes on at `now_s` of the session (None: none does)."""
        waits = [(*span, what_for) for what_for, spans in self.waits.items() for span in spans]
        until_s = self.until_s
        if now_s is not None:
            paused = None if self.paused_at_s is None else (self.paused_at_s, "paused")
            going_on = [one for one in (self.waiting, paused) if one is not None and one[0] < now_s]
            waits += [(since_s + self.began_s, now_s + self.began_s, what_for) for since_s, what_for in going_on]
            until_s = max(until_s, now_s + self.began_s)
        sent, refused = tuple(self.sent), tuple(self.refused)
        return TimelineBins(self.bin_s, until_s, sent, refused, tuple(sorted(waits)), tuple(self.sessions))

    def _wait(self, since_s: float, until_s: float, what_for: str) -> None:
        spans = self.waits.setdefault(what_for, [])
        if spans and since_s - spans[-1][1] < self.bin_s:
            last_since_s, last_until_s = spans.pop()
            since_s, until_s = min(since_s, last_since_s), max(until_s, last_until_s)
        spans.append((since_s, until_s))


def _in_pairs(bins: list[int]) -> list[int]:
    return [sum(bins[at : at + 2]) for at in range(0, len(bins), 2)]
