"""The rules of an import that need no engine to be read: how it is run, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.answers import Done, Failed, ItemRead, PageRead
from harness.engine.endings import Ends
from harness.record import events as e
from harness.record.fold import verdict_of_failures
from harness.record.pages import Turn
from harness.record.state import State

_NEVER = Ends()


@dataclass(frozen=True, slots=True)
class Rules:
    """How an import is run. `retry_delays_s`: one per retry, so one fewer than the attempts.

    detail: fetch each item; False takes the list's records as the items. sequential: read the whole list before
    the first item, as the reference system does. breaker: failures in a row after which everyone pauses (0: never).
    """

    workers: int = 10
    retry_delays_s: Sequence[float] = (30.0, 60.0, 120.0, 240.0)
    sequential: bool = False
    detail: bool = True
    max_items: int | None = None
    list_cost: int = 1
    item_cost: int = 1
    breaker: int = 0
    ends: Ends = _NEVER

    def cost(self, kind: e.Kind) -> int:
        """What a request of that kind costs, in units of the limits."""
        return self.list_cost if kind == "page" else self.item_cost


def retry_at(rules: Rules, state: State, kind: e.Kind, attempt: int, failed: Failed, now: float) -> float | None:
    """When to try again after `attempt` failed; None where it was the last.

    Only what may pass is tried again. A first page that cannot even be asked for, in a run that never had an
    answer, is a wrong address rather than a bad moment: 450 s of retries would only hide that.
    """
    unreachable = kind == "page" and not failed.sent and state.answered + state.refused == 0
    if not failed.passing or unreachable or attempt > len(rules.retry_delays_s):
        return None
    return now + rules.retry_delays_s[attempt - 1]


def listed(
    rules: Rules, state: State, key: e.Key, page: PageRead, reread: set[e.ItemId] | None = None
) -> tuple[tuple[e.ItemId, ...], list[e.ItemId], int | None, list[Turn]]:
    """What the page at `key` says to a state that has not seen it: ids, those that are new, total, pages to read next.

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
    turns = pages_after(rules, state, page)
    repeats = not new if reread is None else not any(item not in reread for item in page.ids)
    if reread is not None:
        reread.update(page.ids)
    if repeats and page.last_page is None and isinstance(key, int):
        turns = []  # the next page was a guess, and a list that says the same for ever would never end
    return ids, new, total, turns


def pages_after(rules: Rules, state: State, page: PageRead) -> list[Turn]:
    """The pages that `page` is the first to name. `state` has not seen it yet."""
    if page.last_page is None:
        return [following for following in _following(page.next_page) if following not in state.pages]
    last = page.last_page
    if rules.max_items is not None and page.ids:
        last = min(last, math.ceil(rules.max_items / len(page.ids)))
    first = (state.last_page or 1) + 1
    return [range(first, last + 1)] if first <= last else []


def known_pages(state: State) -> list[Turn]:
    """The pages still to read, as far as a state that left off in the middle knows them."""
    if not state.pages:
        return [1]
    if state.last_page is not None:
        # A list that named fewer items than it declares is read again: they may have moved between pages meanwhile.
        every: list[Turn] = [range(1, state.last_page + 1)] if _unlisted(state) and state.last_page else []
        return state.pages.missing(state.last_page) or every
    return [*_following(state.next_page)]


def _following(next_page: str | None) -> list[e.Key]:
    """The page after: a link, or a number as it is told and recorded, in text."""
    return [] if next_page is None else [e.canonical_id(next_page)]


def requests_left(rules: Rules, state: State) -> int | None:
    """Requests without a result so far: pages not yet read, and items neither imported nor failed.

    None while the list has not said how much there is; those in flight are among them.
    """
    if not state.pages:
        return None
    pages = 0
    if state.last_page is not None:
        pages = max(0, state.last_page - len(state.pages))
    elif state.next_page is not None:
        pages = 1
    items = max(state.total or 0, len(state.items)) - state.imported - state.failed - state.forgotten
    return pages + (max(0, items) if rules.detail else 0)


def nameless(item: e.Key, result: ItemRead) -> Failed:
    """What an answer without the id it was asked by comes to, where other items carry theirs."""
    why = f"the answer does not carry the id {item} it was asked by, as other items do: it is not that item"
    return Failed("malformed", why, passing=False, body=result.body)


def verdict(state: State, stopped: str | None, status: e.RunStatus = "stopped") -> Done:
    """How a session ended with nothing left to do, or because it was stopped: as `status`, `stopped` says why."""
    if stopped is not None:
        return Done(status, stopped)
    if state.failed_pages:
        page = state.failed_pages[0]
        others = f" and {len(state.failed_pages) - 1} more" if len(state.failed_pages) > 1 else ""
        times = "once" if page.attempts == 1 else f"{page.attempts} times"
        what = f"{page.reason}: {page.detail}" if page.detail else page.reason
        advice = "; check the credentials and --url" if page.status in (401, 403) else ""
        return Done("failed", f"page {page.key} of the list{others} could not be read, tried {times} ({what}){advice}")
    if _unlisted(state):
        declared = f"the list declares {state.total:,} items and named {len(state.items):,}"
        return Done("failed", f"{declared}; resume reads it again")
    return Done(*verdict_of_failures(state.failed))


def _unlisted(state: State) -> int:
    """How many items the list declares and has not named."""
    return max(0, (state.total or 0) - len(state.items))
