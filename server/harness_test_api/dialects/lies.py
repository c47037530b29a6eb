"""Ways in which real servers' headers are wrong, laid over any dialect.

Each was seen in the field: Retry-After of 0, rounded down, in fractions, as a date (also with `-0000`), negative or
of thirty years, and on answers that passed; Reset as seconds to go, epoch seconds, milliseconds or a date, or the
next slot's time in place of the whole limit's; Remaining stale or missing; one of several tiers shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from harness_test_api.dialects.headers import Dialect, Headers, Refusal, Situation
from harness_test_api.errors import BadConfig

_ABSURD_S = 1_000_000_000
_STALE_FOR = 10


class Lying:
    """A dialect whose headers are changed on the way out; refusals keep their status and body."""

    def __init__(self, dialect: Dialect, lies: Sequence[str]) -> None:
        """lies: from NAMES; BadConfig for others."""
        for lie in lies:
            if lie not in NAMES:
                raise BadConfig(f"lie: {lie!r} is unknown; use {', '.join(NAMES)}")
        self._dialect = dialect
        self._one_tier = "one-tier" in lies
        self._next = "reset-next" in lies
        self._first_tier = "first-tier" in lies
        self._stale = _Stale() if "remaining-stale" in lies else None
        self._changes = [LIES[lie] for lie in lies if lie in LIES]

    def headers(self, situation: Situation) -> Headers:
        if self._one_tier:  # stacked limiters overwrite each other's headers: the last one asked is shown
            situation = replace(situation, levels=situation.levels[-1:], binding=0)
        elif self._first_tier and not situation.refused:  # each limit but the first is seen only when it refuses
            situation = replace(situation, levels=situation.levels[:1], binding=0)
        if self._next:
            levels = [replace(level, reset_s=level.frees_s or 0.0) for level in situation.levels]
            situation = replace(situation, levels=levels)
        headers = self._dialect.headers(situation)
        for change in self._changes:
            headers = change(headers, situation)
        return headers if self._stale is None else self._stale.change(headers)

    def refusal(self, situation: Situation) -> Refusal:
        return self._dialect.refusal(situation)


class _Stale:
    """Remaining is looked up on every tenth answer only, as by a server that caches it."""

    def __init__(self) -> None:
        self._seen: str | None = None
        self._answers = 0

    def change(self, headers: Headers) -> Headers:
        told = next((value for name, value in headers if _ends(name, "remaining")), None)
        if told is None:
            return headers
        if self._answers % _STALE_FOR == 0:
            self._seen = told
        self._answers += 1
        return [(name, self._seen or told if _ends(name, "remaining") else value) for name, value in headers]


def _ends(name: str, ending: str) -> bool:
    return name.lower().endswith(f"-{ending}")


def _with_retry_after(headers: Headers, value: str) -> Headers:
    return [header for header in headers if header[0] != "Retry-After"] + [("Retry-After", value)]


def _retry_after(say: Callable[[float, float], str]) -> Callable[[Headers, Situation], Headers]:
    """A lie that says something else on refusals; `say` is given the true wait and the epoch, both in seconds."""

    def change(headers: Headers, situation: Situation) -> Headers:
        if not situation.refused:
            return headers
        wait_s = 1.0 if situation.retry_after_s is None else situation.retry_after_s
        return _with_retry_after(headers, say(wait_s, situation.epoch_s))

    return change


def _reset(say: Callable[[float, float], str]) -> Callable[[Headers, Situation], Headers]:
    """A lie that writes every Reset in another form; `say` is given seconds to go and the epoch."""

    def change(headers: Headers, situation: Situation) -> Headers:
        reset_s = situation.level.reset_s
        told = say(reset_s if math.isfinite(reset_s) else 1.0, situation.epoch_s)
        return [(name, told if _ends(name, "reset") else value) for name, value in headers]

    return change


def _on_success(headers: Headers, situation: Situation) -> Headers:
    # There it is the time to the window's end, not an order to stop.
    if situation.refused:
        return headers
    return _with_retry_after(headers, str(max(0, math.ceil(min(situation.level.reset_s, _ABSURD_S)))))


def _no_remaining(headers: Headers, _situation: Situation) -> Headers:
    return [header for header in headers if not _ends(header[0], "remaining")]


def http_date(epoch_s: float) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7), rounded up to the second."""
    return format_datetime(datetime.fromtimestamp(math.ceil(epoch_s), UTC), usegmt=True)


LIES: dict[str, Callable[[Headers, Situation], Headers]] = {
    "retry-after-zero": _retry_after(lambda _wait_s, _epoch_s: "0"),
    "retry-after-floor": _retry_after(lambda wait_s, _epoch_s: str(math.floor(wait_s))),
    "retry-after-fraction": _retry_after(lambda wait_s, _epoch_s: f"{math.ceil(wait_s * 1000) / 1000:.3f}"),
    "retry-after-date": _retry_after(lambda wait_s, epoch_s: http_date(epoch_s + wait_s)),
    "retry-after-naive-date": _retry_after(lambda wait_s, epoch_s: http_date(epoch_s + wait_s).replace("GMT", "-0000")),
    "retry-after-negative": _retry_after(lambda _wait_s, _epoch_s: "-1"),
    "retry-after-absurd": _retry_after(lambda _wait_s, _epoch_s: str(_ABSURD_S)),
    "retry-after-on-200": _on_success,
    "reset-delta": _reset(lambda reset_s, _epoch_s: str(math.ceil(reset_s))),
    "reset-epoch": _reset(lambda reset_s, epoch_s: str(math.ceil(epoch_s + reset_s))),
    "reset-fraction": _reset(lambda reset_s, epoch_s: f"{epoch_s + reset_s:.3f}"),
    "reset-ms": _reset(lambda reset_s, epoch_s: str(math.ceil((epoch_s + reset_s) * 1000))),
    "reset-date": _reset(lambda reset_s, epoch_s: http_date(epoch_s + reset_s)),
    "remaining-missing": _no_remaining,
}
NAMES = (*LIES, "remaining-stale", "reset-next", "one-tier", "first-tier")
