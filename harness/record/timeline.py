"""The timeline of a run: when it sent, was refused and waited for what, and when its settings changed, to be drawn.

A timeline has at most MOST_BINS bins. They become twice as wide whenever the run outgrows them, so that a minute and a
night are drawn at the same cost. What is folded does not depend on when that happens:

- bins are half a second times a power of two wide, so that two of them added are exactly one of twice the width;
- two waits for the same thing with less than a bin between them are one, and in wider bins they still are;
- of several changes of one setting in a bin, the last one counts.

So an import that applies its events one by one, and a reader that adds a million rows column by column
(`harness.record.follow.Replay`), end with the same timeline. Both go through the same few rules here.

Times of events count from the start of their session; here sessions follow on one another without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.record import events as e
from harness.record.summary import TOO_MANY_REQUESTS

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

    waits: (from, to, what for), in order; those for different things may overlap by less than a bin. A person's pause
    is one for `paused`. sessions: when each session but the first began. by_status: the refused ones by their HTTP
    status, for each a number a bin. changes: (when, the setting, its new value), in order.
    """

    bin_s: float
    until_s: float
    sent: tuple[int, ...]
    refused: tuple[int, ...]
    waits: tuple[tuple[float, float, str], ...]
    sessions: tuple[float, ...] = ()
    by_status: tuple[tuple[int, tuple[int, ...]], ...] = ()
    changes: tuple[tuple[float, str, str], ...] = ()


@dataclass(slots=True)
class Timeline:
    """Collects the bins: `apply` an event, or the single rules. `bins` copies out what there is so far."""

    bin_s: float = _FINEST_S
    until_s: float = 0.0
    sent: list[int] = field(default_factory=list)
    refused: dict[int, list[int]] = field(default_factory=dict)  # by status
    changes: dict[tuple[str, int], tuple[float, str]] = field(default_factory=dict)  # (setting, bin): when, to what
    in_force: dict[str, str] = field(default_factory=dict)
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
            self.settings(event.t_s, workers=event.workers, limits=event.limits)
        elif isinstance(event, e.Refused):
            self.count(self.bin_of(event.t_s), sent=1, refused=1, status=event.status)
        elif getattr(event, "along", False):
            pass  # another event counts its request
        elif isinstance(event, _ANSWERED) or (isinstance(event, _MAY_BE_SENT) and event.sent):
            self.count(self.bin_of(event.t_s), sent=1)
        else:
            self._pass_time(event)

    def _pass_time(self, event: e.Event) -> None:
        """Add a wait, a person's pause or a change of settings; other events tell of none."""
        match event:
            case e.WorkersSet():
                self.settings(event.t_s, workers=event.workers)
            case e.LimitsSet():
                self.settings(event.t_s, limits=event.limits)
            case e.Learned():
                self.in_force["limits"] = event.limits  # no change that anybody made
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
            self.sent = _in_pairs(self.sent)
            self.refused = {status: _in_pairs(bins) for status, bins in self.refused.items()}
            changes, self.changes = sorted(self.changes.items(), key=lambda one: one[1][0]), {}
            self.changes = {(setting, at // 2): change for (setting, at), change in changes}
            waits, self.waits = self.waits, {}
            for what_for, spans in waits.items():
                for span in spans:  # those too near to be told apart now are one
                    self._wait(*span, what_for)

    def bin_of(self, t_s: float) -> int:
        """Return the number of the bin that holds `t_s`, which was reached."""
        return int(max(0.0, t_s + self.began_s) / self.bin_s)

    def count(self, at: int, *, sent: int = 0, refused: int = 0, status: int = TOO_MANY_REQUESTS) -> None:
        """Add requests to bin `at`; `refused` of them were refused with `status`."""
        _add(self.sent, at, sent)
        if refused:
            _add(self.refused.setdefault(status, []), at, refused)

    def settings(self, t_s: float, **values: object) -> None:
        """Note the settings that hold from `t_s` of the session on, where they are others than before."""
        for setting, value in values.items():
            new, old = str(value or ""), self.in_force.get(setting)
            self.in_force[setting] = new
            if old is not None and new != old:
                self.changes[setting, self.bin_of(t_s)] = (t_s + self.began_s, new)

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
        by_status = {status: self._as_long_as_sent(self.refused[status]) for status in sorted(self.refused)}
        refused = tuple(map(sum, zip(*by_status.values(), strict=True))) or (0,) * len(self.sent)
        changes = sorted((t_s, setting, value) for (setting, _), (t_s, value) in self.changes.items())
        return TimelineBins(
            *(self.bin_s, until_s, tuple(self.sent), refused, tuple(sorted(waits)), tuple(self.sessions)),
            *(tuple(by_status.items()), tuple(changes)),
        )

    def _as_long_as_sent(self, bins: list[int]) -> tuple[int, ...]:
        return (*bins, *[0] * (len(self.sent) - len(bins)))

    def _wait(self, since_s: float, until_s: float, what_for: str) -> None:
        spans = self.waits.setdefault(what_for, [])
        if spans and since_s - spans[-1][1] < self.bin_s:
            last_since_s, last_until_s = spans.pop()
            since_s, until_s = min(since_s, last_since_s), max(until_s, last_until_s)
        spans.append((since_s, until_s))


def _add(bins: list[int], at: int, number: int) -> None:
    bins.extend([0] * (at + 1 - len(bins)))
    bins[at] += number


def _in_pairs(bins: list[int]) -> list[int]:
    return [sum(bins[at : at + 2]) for at in range(0, len(bins), 2)]
