"""Decide when a session is predicted, and from what: the door between a core and `prediction`. No IO, no clock.

A prediction is made once it is known how much there is to import: before the first request where that is known
(`Foreseen` by a simulation; a list that earlier sessions have read), else once the first page has told, and it is
decided whether its items are fetched. It is made anew where a person changes the limits or the number of workers. Where
nothing can be said the record says so, and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.core.ahead import Ahead, Flaw
from harness.core.budgets import all_tiers
from harness.core.concurrency import useful_workers
from harness.core.core import Core
from harness.core.eta import counted
from harness.core.latency import Latency
from harness.core.list_reader import left_by_role
from harness.core.prediction import Interval, interval
from harness.pacing import Tiers, format_tiers
from harness.pacing.routes import several
from harness.record import events as e
from harness.record.fold import bucket_s
from harness.record.prediction import LIMITS_SET, SIZE_KNOWN, WORKERS_SET
from harness.record.state import State

# Under these it is known when requests are sent.
_FORESEEABLE = ("window", "spaced", "reference", "auto")
NO_SIZE = "the list does not say how much it holds"
IN_PARTS = "the list is read in parts, which do not say how much they hold together"
NOTHING_LEFT = "nothing was left to send once the size was known"
NOT_LEARNED = "no limit was declared, and what holds is learned on the way"
# Of an item that has failed once nothing more is known: after one failure of one, Laplace's rule of succession.
FAILS_AGAIN = 2 / 3


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known of an import before its first request: pages and requests for items, and how it is answered.

    samples: items that are fetched one by one after the first page. slots: how many requests the server works on at the
    same time (None: any number).
    """

    pages: int
    items: int
    numbered: bool
    samples: int
    latency: Latency
    flaws: tuple[Flaw, ...] = ()
    slots: int | None = None


class Foresight:
    """Asked before each decision of a core; answers with an event of its own where a prediction is due.

    rtt_floor_s: as declared. foreseen: what is known beforehand; None: only what the list tells.
    """

    def __init__(self, core: Core, rtt_floor_s: float = 0.0, foreseen: Foreseen | None = None) -> None:
        self._rtt_floor_s = rtt_floor_s
        self._foreseen = foreseen
        self._settings: tuple[int, str] | None = None  # those of the last prediction
        self._told_limits = bool(all_tiers(core.budgets, 0.0))

    def look(self, core: Core, now: float) -> None:
        """Record a prediction, where one is due."""
        settings = self._settings
        if core.over:
            return
        if settings is None:
            if self._is_known(core):
                self._predict(core, now, SIZE_KNOWN)
        elif core.state.asked and core.state.limits != settings[1]:
            self._predict(core, now, LIMITS_SET)
        elif core.concurrency is None and core.desired.workers != settings[0]:
            self._predict(core, now, WORKERS_SET)

    def _is_known(self, core: Core) -> bool:
        """Return whether all is known that ever will be before the end of the list."""
        if self._foreseen is not None:
            return True
        return bool(core.state.pages) and bool(core.state.latency) and not core.chooser.is_open

    def _predict(self, core: Core, now: float, occasion: str) -> None:
        self._settings = (core.desired.workers, core.state.limits)
        if core.desired.stopping is not None:
            return
        least_s = likely_s = most_s = None
        why = self._unforeseeable(core, now)
        ahead = self._ahead(core, now) if why is None else None
        if ahead is not None and not ahead.requests and ahead.retry_s is None:
            why = NOTHING_LEFT
        elif ahead is not None:
            least_s, likely_s, most_s = self._whole(core, now, interval(ahead))
            why = self._basis(core, ahead)
        core.emit(e.Predicted(now, least_s, likely_s, most_s, occasion, why or ""))

    def _unforeseeable(self, core: Core, now: float) -> str | None:
        """Return why nothing can be said; None where something can."""
        state, strategy = core.state, core.budget_of("item").pacer.name
        if strategy not in _FORESEEABLE:
            return f"with the strategy {strategy} it depends on how often the server refuses"
        if not (self._told_limits or state.asked) or not all_tiers(core.budgets, now):
            return NOT_LEARNED
        if self._foreseen is not None and not state.pages:
            return None
        if state.parts and not state.listing.ended:
            return IN_PARTS
        if state.total is None and state.last_page is None and not state.listing.ended:
            return NO_SIZE
        return None

    @staticmethod
    def _whole(core: Core, now: float, left: Interval) -> Interval:
        """Return how long the whole session takes, of which so much is left."""
        session = core.state.session
        passed_s = 0.0 if session.first_sent_s is None else now - session.first_sent_s - session.paused_s
        return Interval(*(round(max(0.0, passed_s) + part_s, 3) for part_s in left))

    def _ahead(self, core: Core, now: float) -> Ahead:
        """Return what there is to send from now on."""
        state, rules, foreseen = core.state, core.rules, self._foreseen
        pages, items = left_of(core)
        fresh = foreseen is not None and not state.pages
        if foreseen is not None and fresh:
            pages, items = foreseen.pages, foreseen.items
        tiers, keys = all_tiers(core.budgets, now), len(core.keys.live)
        by_role: dict[e.Role, int] = {"list": pages, "item": items}
        used = [tier for tier in core.tier_statistics(now) if tier.used]
        return Ahead(
            pages=pages,
            items=items,
            tiers=several(tiers, keys),
            strategy=core.budget_of("item").pacer.name,
            workers=self._workers(core, tiers),
            latency=latency_of(state) if foreseen is None else foreseen.latency,
            paging="numbered" if (foreseen.numbered if fresh and foreseen else state.last_page) else "cursor",
            list_cost=rules.list_cost,
            item_cost=rules.item_cost,
            parts=max(1, len(state.parts)),
            begun=not fresh,
            samples=foreseen.samples if fresh and foreseen else 0,
            sequential=rules.sequential and rules.detail,
            epoch_s=state.session.utc_s + now,
            rtt_floor_s=self._rtt_floor_s,
            now_s=now,
            occupied=tuple((counted(core, tier, by_role, keys), tier) for tier in used),
            flaws=seen_flaws(core) if foreseen is None else foreseen.flaws,
            retry_delays_s=tuple(rules.retry_delays_s),
            retry_s=None if core.work.last_retry_at is None else core.work.last_retry_at - now,
        )

    def _workers(self, core: Core, tiers: Tiers) -> tuple[int, int]:
        """Return the fewest and the most requests that may be in flight."""
        most = core.desired.workers
        if core.concurrency is not None:
            useful = useful_workers(core.state, tiers, core.rules.detail, core.rules.batch)
            most = max(most, min(core.rules.workers, useful or core.rules.workers))
        places = [core.keys.in_all]
        if self._foreseen is not None and self._foreseen.slots:
            places.append(self._foreseen.slots)
        return (int(min(core.desired.workers, *places)), int(min(most, *places)))

    def _basis(self, core: Core, ahead: Ahead) -> str:
        """Return what a prediction rests on, for people."""
        answers = sum(core.state.latency.values())
        seen = "the latency that is set" if self._foreseen is not None else f"{answers:,} answers so far"
        if self._foreseen is None and answers == 1:
            seen = "1 answer so far"
        requests = f"{ahead.requests:,} request{'' if ahead.requests == 1 else 's'}"
        fewest, most = ahead.workers
        workers = f"{most} worker{'' if most == 1 else 's'}" if fewest == most else f"{fewest} to {most} workers"
        return f"{requests} under {format_tiers(all_tiers(core.budgets, 0.0))}, {workers}, {seen}"


def left_of(core: Core) -> tuple[int, int]:
    """Return how many requests for pages and for items are left, as far as the list tells or lets guess."""
    state, rules = core.state, core.rules
    left = left_by_role(rules, state)
    if left is None:
        return 0, 0
    pages, items = left["list"], left["item"]
    a_page = len(state.items) / max(1, len(state.pages))
    if state.listing.ended or not a_page:
        return pages, items
    most = math.inf if rules.max_items is None else rules.max_items
    if state.total is None:  # the last page is half full, as far as anybody knows
        more = min(most, (state.last_page or 1) * a_page - a_page / 2) - len(state.items)
        items += round(max(0.0, more) / (rules.batch or 1)) if rules.detail else 0
    listed = min(most, state.total if state.total is not None else most)
    by_size = math.inf if listed == math.inf else max(0, math.ceil((listed - len(state.items)) / a_page))
    return int(by_size if state.last_page is None else min(pages, by_size)), items


def latency_of(state: State) -> Latency:
    """Return what is thought of the latency, by the answers so far."""
    return Latency.of_counts({bucket_s(bucket): count for bucket, count in state.latency.items()})


def seen_flaws(core: Core) -> tuple[Flaw, ...]:
    """Return how often requests are thought to fail: as often as so far; and those that have failed before, again."""
    state, waiting = core.state, core.work.retries
    failed = sum(count for status, count in state.statuses.items() if status >= 500)
    failed += state.lost - sum(count for status, count in state.refusals.items() if status >= 500)
    flaws = [Flaw(failed / state.sent, failed / state.sent)] if failed > 0 and state.sent else []
    left = sum(left_of(core))
    if waiting and left:
        flaws.append(Flaw(FAILS_AGAIN * waiting / left, FAILS_AGAIN))
    return tuple(flaws)
