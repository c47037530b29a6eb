"""Give the rules by which an import is run, and the retry policy that follows from them. No IO, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.answers import Failed
from harness.core.stop_conditions import StopConditions
from harness.core.work import InFlight, Task
from harness.record import events as e
from harness.record.state import Failure, State

_NEVER = StopConditions()


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How a token is fetched: with which variables (their names), where, and the timeout of requests."""

    name: str
    url: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of an import. `retry_delays_s`: one per retry, so one fewer than the attempts.

    detail: fetch each item; False takes the list's records as the items. sequential: read the whole list before
    the first item, as the reference system does. breaker: failures in a row after which everyone pauses (0: never).
    accept_list: a list whose end is not proven is accepted as it is. token: requests need a token, which is fetched.
    linger_s: how long after giving up on a request the server may still count it. batch: so many items are asked for
    together (None: each by itself). choose: where the first items are what the list holds of them, the rest is taken
    from the list. placed: where items lie is declared, not guessed. parts: the list is read in these, named by their
    ranges; () for one that is read as one. elsewhere: other processes fetch the items, so that they are no work here;
    processes: how many do, with as many workers each. fed: there is no list to read, items come from `Core.feed`.
    """

    workers: int = 10
    retry_delays_s: Sequence[float] = (30.0, 60.0, 120.0, 240.0)
    sequential: bool = False
    detail: bool = True
    max_items: int | None = None
    list_cost: int = 1
    item_cost: int = 1
    breaker: int = 0
    stop_conditions: StopConditions = _NEVER
    accept_list: bool = False
    token: TokenRules | None = None
    linger_s: float = 30.0
    batch: int | None = None
    choose: bool = False
    placed: bool = False
    parts: tuple[str, ...] = ()
    elsewhere: bool = False
    processes: int = 1
    fed: bool = False

    def cost(self, role: str) -> int:
        """Return what a request of that role costs, in units of the limits."""
        return self.item_cost if role == "item" else self.list_cost if role == "list" else 1


def retry_due(failure: Failure, utc_s: float) -> float:
    """Return in how many seconds what an earlier session failed at is to be tried again.

    Never later than its delay: the wall clock, by which it was recorded, may have been set back since.
    """
    at_utc_s = failure.retry_at_utc_s or 0.0
    return min(max(0.0, at_utc_s - utc_s), max(0.0, at_utc_s - failure.at_utc_s))


class RetryPolicy:
    """The policy that says when a failed request is sent again, and what is held against it until it has an answer."""

    def __init__(self, rules: Rules, state: State) -> None:
        self._rules = rules
        self._state = state
        self._stale: set[Task] = set()  # attempts that met a stale connection, which is nobody's fault, once

    def retry_at(self, role: e.Role, attempt: int, failed: Failed, now: float) -> float | None:
        """Return when to try again after `attempt` failed; None where it was the last.

        Only what may pass is tried again. A first page that cannot even be asked for, in a run that never had an
        answer, is a wrong address rather than a bad moment: 450 s of retries would only hide that.
        """
        state, delays_s = self._state, self._rules.retry_delays_s
        unreachable = role == "list" and not failed.sent and state.answered + state.refused == 0
        if not failed.passing or unreachable or attempt > len(delays_s):
            return None
        return now + delays_s[attempt - 1]

    def at_once(self, task: Task, failed: Failed) -> bool:
        """Return whether this was the attempt's first reset of a connection that the server had closed while idle.

        That says nothing of the item, and it is sent again at once; twice in a row says more.
        """
        first = failed.stale and task not in self._stale
        if first:
            self._stale.add(task)
        else:
            self._stale.discard(task)
        return first

    def answered(self, flight: InFlight) -> None:
        """Note that it has an answer, a refusal too: nothing is held against it any more."""
        if self._stale:  # seldom: every answer passes here
            self._stale.discard(flight.task)
