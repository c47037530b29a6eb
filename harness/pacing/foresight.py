"""What a planner needs in a running import: how much is left, how long a burst takes, and where each window stands."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.pacing.anchored import AnchoredMeter
from harness.pacing.planner import Window, plan

# A burst may take this much longer than the longest so far.
_CAUTION = 1.5


class Foresight:
    """Holds back requests that `plan` would rather send later. It only ever delays: the meters alone keep the limits.

    A step of the plan is a group of requests; they go as fast as workers take them, then the next step is planned from
    what has become of the windows.
    """

    def __init__(self, meters: Sequence[AnchoredMeter], left: int = 0) -> None:
        self.left = left  # requests not yet granted
        self._meters = meters
        self._group = 0  # of the step under way, how many may still go
        self._group_began = math.inf
        self._burst_s = 0.0
        self._round_trip_s = 0.0
        self._planned: tuple[object, float, int] | None = None

    def wait_until(self, now: float) -> float | None:
        """The absolute time before which nothing should go although it might; None: go."""
        if self.left < 1 or self._group > 0:
            return None
        windows = tuple(self._window(meter, now) for meter in self._meters)
        # When a window ends is known with its first answer; until then, each moment's guess is no reason to plan anew.
        key = (self.left, tuple((meter.used, meter.ends_at()) for meter in self._meters))
        if self._planned is None or self._planned[0] != key:
            step = plan(windows, self.left, now, self._margin_s())
            at, count = (now, min(window.room(now) for window in windows)) if step is None else (step.at, step.count)
            self._planned = (key, at, count)
        _, at, count = self._planned
        if at > now:
            return at
        self._group, self._group_began, self._planned = count, now, None
        return None

    def granted(self, now: float) -> None:
        """One more is on its way."""
        self.left -= 1
        self._group -= 1
        self._burst_s = max(self._burst_s, now - self._group_began)

    def settled(self, sent_at: float, now: float, back: bool) -> None:
        """It was answered; `back`: or comes back to be sent again."""
        self._round_trip_s = max(self._round_trip_s, now - sent_at)
        self.left += back

    def _margin_s(self) -> float:
        return 0.01 + _CAUTION * (self._burst_s + self._round_trip_s)

    @staticmethod
    def _window(meter: AnchoredMeter, now: float) -> Window:
        if meter.used == 0:
            return Window(meter.limit, meter.span_s)
        return Window(meter.limit, meter.span_s, min(meter.ends_at(), meter.latest_end(now)), meter.used)
