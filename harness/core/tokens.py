"""Say when a token is needed, and what a 401 means for it (OAuth2 client credentials, RFC 6749 4.4). No IO, no clock.

A token is fetched as pages and items are: through the core, with a grant of its own, before anything else is sent. The
token itself never comes here; only when it was asked for, and for how long it was said to hold.

**The margin.** A request that is sent at t is judged by t + timeout at the latest: then it is given up. A token that
was asked for at s began to hold no earlier, so that it holds until s + expires_in at least. So whatever is sent before
s + expires_in - timeout is judged with a token that holds, and from then on a new one is fetched first. Where the
timeout is more than a quarter of the token's life the margin is that quarter: the token would else be fetched for a few
requests each time, and a slow answer that comes too late costs a 401, which costs nothing but a new token.

**A 401** is the token's fault until a fresh one is refused as well:

    sent with an older token, or while one is fetched       it is sent again, with the new one
    the token has let others in, or it is the first of      a new one is fetched, once for all that were refused, and
    this session or was fetched because it ran out          the request is sent again with it
    fetched after a 401, and it has let nobody in; or       the fresh token is refused: it is the request's own fault
    the request has cost a token already, and was the       or the client's, which `unauthorised` finds out;
    first that was sent with this one                       with yet another token it is sent again

Some tokens hold for a number of requests: nothing but a 401 says so, and each costs no attempt. Since what was refused
goes to the front, one of those is the first with the new token, and so each token brings an answer of use, however few
requests it holds for.
"""

from __future__ import annotations

import math
from typing import Literal

from harness.core.answers import Failed
from harness.core.rules import TokenRules
from harness.core.work import InFlight, Task
from harness.record.events import Key, Role

# Of a token's life, at most, that is left unused to be on the safe side.
_MOST_MARGIN = 0.25
# A stale connection, and a server that wants the secret in the form.
_MOST_AT_ONCE = 2


class Token:
    """The token of one session."""

    def __init__(self, rules: TokenRules) -> None:
        self.number = 0  # of those fetched so far; a request remembers with which it was sent
        self.task = Task("token", rules.name)
        self.in_flight = False
        self.retry_at: float | None = None
        self._rules = rules
        self._at_once = 0
        self._holds_until = -math.inf
        self._after_refusal = False  # the one that holds was fetched because of a 401
        self._refused = False  # the next one will be
        self._let_in = False
        self._first: int | None = None  # the request that was the first to be sent with it
        self._cost: set[tuple[Role, Key]] = set()  # requests that have cost a token

    def is_needed(self, now: float) -> bool:
        """Return whether nothing may be sent before there is a new one."""
        return now >= self._holds_until

    def sent(self) -> None:
        self.in_flight, self.retry_at = True, None

    def returned(self) -> None:
        """Note that the one on its way was refused by a limit or cut off: it is asked for again."""
        self.in_flight = False

    def again(self) -> bool:
        """Return whether the one that came back through nobody's fault is asked for again at once: a few times."""
        self.in_flight = False
        self._at_once += 1
        return self._at_once <= _MOST_AT_ONCE

    def fetched(self, sent_s: float, expires_in_s: float | None) -> None:
        """Note that a token is here that was asked for at `sent_s`; it need not say how long it holds."""
        self.in_flight, self._at_once = False, 0
        self.task = self.task._replace(attempt=1)
        self.number += 1
        self._after_refusal, self._refused, self._let_in, self._first = self._refused, False, False, None
        if expires_in_s is None:
            self._holds_until = math.inf
        else:
            margin_s = min(self._rules.timeout_s, _MOST_MARGIN * expires_in_s)
            self._holds_until = sent_s + expires_in_s - margin_s

    def failed(self, now: float, failed: Failed, delays_s: tuple[float, ...]) -> float | None:
        """Note that none came; return when to try again, None where that is of no use."""
        self.in_flight, self._at_once = False, 0
        attempt = self.task.attempt
        if not failed.passing or attempt > len(delays_s):
            return None
        self.task = self.task._replace(attempt=attempt + 1)
        self.retry_at = now + delays_s[attempt - 1]
        return self.retry_at

    def gave_up(self, failed: Failed) -> str:
        """Return why the run is to end."""
        said = f"{failed.reason} ({failed.detail})" if failed.detail else failed.reason
        if failed.passing:
            return f"no token came from {self._rules.url}: {said}; check that server, then resume; nothing was lost"
        ask = f"check {self._rules.name} and --token-url, then resume"
        return f"{self._rules.url} gives no token: {said}; {ask}; nothing was lost"

    # --- of the requests that are sent with it ----------------------------------------------------------------------

    def sent_with(self, fetch_id: int) -> int:
        """Note that a request is sent with the token that is here; return its number."""
        if self._first is None:
            self._first = fetch_id
        return self.number

    def let_in(self, flight: InFlight) -> None:
        """Note that a request got through."""
        if flight.token == self.number:
            self._let_in = True
        if self._cost:
            self._cost.discard((flight.fetch.role, flight.fetch.key))

    def refused(self, flight: InFlight, now: float) -> Literal["again", "theirs"]:
        """Return what a 401 means: `again`, with another token; `theirs`: the fresh token is refused."""
        of = (flight.fetch.role, flight.fetch.key)
        if flight.token != self.number or self.is_needed(now):
            return "again"
        was_first = flight.fetch.id == self._first and of in self._cost
        if (self._after_refusal and not self._let_in) or was_first:
            self._cost.discard(of)
            return "theirs"
        self._cost.add(of)
        self._holds_until, self._refused = -math.inf, True
        return "again"
