"""The rules of an import that need no engine to be read: how it is run, and how it ended.

What is held against a request until it has an answer: a connection that was found stale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.answers import Done, Failed, ItemRead, PageRead
from harness.core.listing import Unclear, is_guessed, judge
from harness.core.stop_conditions import StopConditions
from harness.core.work import Task
from harness.record import events as e
from harness.record.discovery import ACCEPT
from harness.record.fold import verdict_of_failures
from harness.record.state import Failure, State

_NEVER = StopConditions()


@dataclass(frozen=True, slots=True)
class Rules:
    """How an import is run. `retry_delays_s`: one per retry, so one fewer than the attempts.

    detail: fetch each item; False takes the list's records as the items. sequential: read the whole list before
    the first item, as the reference system does. breaker: failures in a row after which everyone pauses (0: never).
    accept_list: a list whose end is not proven is accepted as it is.
    """

    workers: int = 10
    retry_delays_s: Sequence[float] = (30.0, 60.0, 120.0, 240.0)
    sequential: bool = False
    detail: bool = True
    max_items: int | None = None
    list_cost: int = 1
    item_cost: int = 1
    breaker: int = 0
    ends: StopConditions = _NEVER
    accept_list: bool = False

    def cost(self, role: e.Role) -> int:
        """What a request of that role costs, in units of the limits."""
        return self.list_cost if role == "list" else self.item_cost


def retry_at(rules: Rules, state: State, role: e.Role, attempt: int, failed: Failed, now: float) -> float | None:
    """When to try again after `attempt` failed; None where it was the last.

    Only what may pass is tried again. A first page that cannot even be asked for, in a run that never had an
    answer, is a wrong address rather than a bad moment: 450 s of retries would only hide that.
    """
    unreachable = role == "list" and not failed.sent and state.answered + state.refused == 0
    if not failed.passing or unreachable or attempt > len(rules.retry_delays_s):
        return None
    return now + rules.retry_delays_s[attempt - 1]


def retry_due(failure: Failure, utc_s: float) -> float:
    """In how many seconds what an earlier session failed at is to be tried again.

    Never later than its delay: the wall clock, by which it was recorded, may have been set back since.
    """
    at_utc_s = failure.retry_at_utc_s or 0.0
    return min(max(0.0, at_utc_s - utc_s), max(0.0, at_utc_s - failure.at_utc_s))


def listed(
    rules: Rules, state: State, page: PageRead, reread: set[e.ItemId] | None = None
) -> tuple[tuple[e.ItemId, ...], list[e.ItemId], int | None, int]:
    """What `page` says to a state that has not seen it: ids, those that are new to the run, total, and how many ids are
    new to this reading of the list.

    Beyond the most items that are wanted, ids are as if they had not been there. reread: where the list is read once
    more, the ids that this reading has met so far, to which those of the page are added.
    """
    most = rules.max_items
    new = [item for item in dict.fromkeys(page.ids) if item not in state.items]
    if most is not None:
        new = new[: max(0, most - len(state.items))]
    known = set(new)
    ids = tuple(item for item in page.ids if item in known or item in state.items)
    total = page.total if page.total is None or most is None else min(page.total, most)
    met = len(new)
    if reread is not None:
        met = len(set(ids) - reread)
        reread.update(ids)
    return ids, new, total, met


def most_pages(rules: Rules, page: PageRead) -> int | None:
    """How many pages like this one hold the most items that are wanted."""
    if rules.max_items is None or not page.ids:
        return None
    return math.ceil(rules.max_items / len(page.ids))


def requests_left(rules: Rules, state: State) -> int | None:
    """Requests without a result so far: pages not yet read, and items neither imported nor failed.

    None while the list has not said how much there is; those in flight are among them.
    """
    if not state.pages:
        return None
    pages = 0
    if state.last_page is not None:
        pages = max(0, state.last_page - len(state.pages))
    elif not state.listing.ended:
        pages = 1
    items = max(state.total or 0, len(state.items)) - state.imported - state.failed - state.forgotten
    return pages + (max(0, items) if rules.detail else 0)


def nameless(item: e.Key, result: ItemRead) -> Failed:
    """What an answer without the id it was asked by comes to, where other items carry theirs; or with another's."""
    why = f"the answer does not carry the id {item} it was asked by, as other items do: it is not that item"
    if result.spelt is not None:
        why = f"the answer is of another item: it carries the id {result.spelt}, which the list names too, not {item}"
    return Failed("malformed", why, passing=False, body=result.body)


def verdict(
    rules: Rules,
    state: State,
    stopped: str | None,
    status: e.RunStatus = e.RunStatus.STOPPED,
    tolerated: Sequence[Failure] = (),
) -> Done:
    """How a session ended with nothing left to do, or because it was stopped: as `status`, `stopped` says why.

    tolerated: pages whose failure a person accepts.
    """
    if stopped is not None:
        return Done(status, stopped)
    if not state.listing.ended:
        failed = [page for page in state.failed_pages if page not in tolerated]
        return Done(e.RunStatus.FAILED, _failed_pages(state, failed) if failed else _unclear(rules, state, tolerated))
    return Done(*verdict_of_failures(state.failed))


def _failed_pages(state: State, failed: Sequence[Failure]) -> str:
    page = failed[0]
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    times = "once" if page.attempts == 1 else f"{page.attempts} times"
    what = f"{page.reason}: {page.detail}" if page.detail else page.reason
    hint = ""
    if page.key == e.PAGE_0:
        hint = f"; it may hold records, where pages are counted from 0: if they are not, add {ACCEPT}"
    elif is_guessed(state, page.page) and page.status is not None:
        hint = f"; if the list ends before it, add {ACCEPT}"
    elif page.status in (401, 403) and not state.items:
        hint = "; check the credentials and --url"
    return f"page {page.key} of the list{others} could not be read, tried {times} ({what}){hint}"


def _unclear(rules: Rules, state: State, tolerated: Sequence[Failure]) -> str:
    found = judge(state, most=rules.max_items, accept=tolerated if rules.accept_list else None)
    return found.sentence if isinstance(found, Unclear) else "the list was not read to its end"


class StaleConnections:
    """Remembers which attempts met a stale connection, which is nobody's fault, once."""

    def __init__(self) -> None:
        self._stale: set[Task] = set()

    def first_stale(self, task: Task, failed: Failed) -> bool:
        """Was this the attempt's first reset of a connection that the server had closed while it lay idle?

        That says nothing of the item, and it is sent again at once; twice in a row says more.
        """
        first = failed.stale and task not in self._stale
        if first:
            self._stale.add(task)
        else:
            self._stale.discard(task)
        return first

    def over(self, task: Task) -> None:
        """It has an answer: nothing is held against it any more."""
        self._stale.discard(task)
