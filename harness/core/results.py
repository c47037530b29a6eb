"""Say what a result means: a page, an item, a batch, a token, a failure, or that the request goes on elsewhere.

A fetch ends here whose headers were let in, or of which no headers came. What a page says of the list is the list's
reader's to judge; a page or an item that is not what was asked for is a failure, whatever its status.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.answers import (
    Again,
    BatchRead,
    Failed,
    ItemRead,
    PageRead,
    Redirected,
    Result,
    TokenRead,
    not_in_batch,
    not_that_item,
)
from harness.core.budgets import all_tiers, plan_for
from harness.core.choosing import misnamed
from harness.core.concurrency import useful_workers
from harness.core.context import Context
from harness.core.credentials import Credentials
from harness.core.failures import Failures
from harness.core.list_reader import as_page, left_by_role, told_error
from harness.core.twice import WHY
from harness.core.work import InFlight
from harness.pacing import Outcome
from harness.pacing.routes import several
from harness.record import events as e


class Results:
    """Takes in the end of every fetch."""

    def __init__(self, context: Context, failures: Failures, credentials: Credentials) -> None:
        self._context = context
        self._failures = failures
        self._credentials = credentials

    def finished(self, fetch_id: int, now: float, result: Result) -> None:
        """Take in that a fetch is over."""
        context = self._context
        flight = context.in_flight.pop(fetch_id)
        if flight.answered_s is None:
            assert isinstance(result, Failed), "a result without an answer"
            outcome = Outcome.LOST if result.sent else Outcome.UNUSED
            context.unsent += not result.sent
            flight.budget.settle(flight.fetch.grant, now, outcome)
            context.heard_of_kind(flight, now, outcome)
            context.disputes.unanswered(fetch_id, now, result.reason)
        if isinstance(result, ItemRead):  # nearly all of them
            self._item_read(flight, now, result)
        elif flight.fetch.role == "token":
            self._credentials.token_finished(flight, now, result)
        elif isinstance(result, (Redirected, Again)):
            self._send_again(flight, now, result)
        elif isinstance(result, TokenRead):
            raise AssertionError("a token that was not asked for")
        elif isinstance(result, BatchRead):
            self._batch_read(flight, now, result)
        elif isinstance(result, Failed):
            self._not_read(flight, now, result)
        elif (failed := told_error(context.state.reading(flight.fetch.page), result) or self._is_other(result)) is None:
            self._page_read(flight, now, result)
        else:
            self._failures.failed(flight, now, failed)

    def abandon(self, fetch_id: int, now: float) -> None:
        """Note that a fetch was cut off: nothing is known of it but that it was sent."""
        context = self._context
        flight = context.in_flight.pop(fetch_id)
        if flight.answered_s is None:
            flight.budget.settle(flight.fetch.grant, now, Outcome.LOST)
        if flight.fetch.role != "token":
            context.work.put_back(flight.task)
        elif context.token is not None:
            context.token.returned()
        fetch = flight.fetch
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, "cut off", True)
        context.emit(e.Returned(*what, endpoint=fetch.endpoint))

    # --- an item, or several ----------------------------------------------------------------------------------------

    def keeps(self, result: Result) -> bool:
        """Return whether the payloads that came with `result` are to be kept."""
        if not isinstance(result, ItemRead):
            return True
        state = self._context.state
        another = result.spelt is not None and result.spelt in state.items
        return not another and not (result.carried is False and state.ids_carried)

    def _item_read(self, flight: InFlight, now: float, result: ItemRead) -> None:
        context, fetch, state = self._context, flight.fetch, self._context.state
        if not self.keeps(result):
            self._failures.failed(flight, now, not_that_item(fetch.item, result))
            return
        if result.carried is not None and result.carried != state.ids_carried:
            again = state.items.nameless() if result.carried else []
            context.emit(e.IdsCarried(now, result.carried))
            context.work.add("item", again)
        if context.redirects.hops:
            context.redirects.over(fetch.role, fetch.key)
        context.breaker.passed(fetch.id, now)
        item, size_bytes = fetch.item, result.size_bytes
        answered_s, status = flight.answered_s or now, flight.status or 0
        what = (fetch.attempt, fetch.sent_s, answered_s, status, size_bytes, fetch.endpoint)
        context.emit(e.ItemImported(now, item, *what))
        if not state.places.by_template or item in state.places:  # else nobody knows any more where it is
            context.disputes.imported(item)

    def _batch_read(self, flight: InFlight, now: float, result: BatchRead) -> None:
        """Take in items that were asked for together; those that the answer lacks have failed."""
        context, fetch = self._context, flight.fetch
        self._got_through(flight, now)
        answered_s, status = flight.answered_s or now, flight.status or 0
        what = (fetch.attempt, fetch.sent_s, answered_s, status)
        along = False
        for item in fetch.items:
            if item in result.sizes_bytes:
                size_bytes = result.sizes_bytes[item]
                context.emit(e.ItemImported(now, item, *what, size_bytes, fetch.endpoint, along=along))
                along = True
                context.disputes.imported(item)
        lacking = [item for item in fetch.items if item not in result.sizes_bytes]
        context.say_failed(flight, now, not_in_batch(result), lacking, along=along)
        context.batches.got_through(flight.task)

    def _got_through(self, flight: InFlight, now: float) -> None:
        fetch = flight.fetch
        self._context.redirects.over(fetch.role, fetch.key)
        self._context.breaker.passed(fetch.id, now)

    # --- a page -----------------------------------------------------------------------------------------------------

    def _page_read(self, flight: InFlight, now: float, page: PageRead) -> None:
        context = self._context
        if context.list.doubts(flight.fetch.page, page):
            self._failures.go_back(flight, now, WHY)
            return
        self._got_through(flight, now)
        if context.chooser.phase == "page" and not context.chooser.records:
            context.chooser.give_up()  # nobody kept the records of the page, so there is nothing to compare with
        context.list.take_in(flight, now, page)
        context.judge_list(now)
        self._say_what_is_left(now)

    def _is_other(self, page: PageRead) -> Failed | None:
        """Return the failure that a page is whose records are the items, one under the id of another."""
        if page.other is None or self._context.rules.detail:
            return None
        why = f"the page names the id {page.other} with another record than an earlier page: ids are not unique here"
        advice = "name a field that is with --id; where the record was only changed meanwhile, resume"
        return Failed("malformed", f"{why}; {advice}", passing=False)

    def _say_what_is_left(self, now: float) -> None:
        """Tell those who plan how many requests are to come."""
        context, rules = self._context, self._context.rules
        left = left_by_role(rules, context.state)
        if left is None or context.state.total is None:
            return
        if context.concurrency is not None and len(context.state.pages) == 1:
            tiers = several(all_tiers(context.budgets, now), len(context.keys.live))
            useful = useful_workers(context.state, tiers, rules.detail, rules.batch)
            context.concurrency.cap(useful or rules.workers)
        if rules.list_cost == rules.item_cost == 1:
            for flight in context.in_flight.values():
                left[flight.fetch.role] = left.get(flight.fetch.role, 0) - 1
            plan_for(context.budgets, left)

    def take_from_list(self, now: float) -> list[tuple[e.ItemId, str]]:
        """Import the items of the first page from its records, and return what is to be kept of them."""
        context, chooser, items = self._context, self._context.chooser, self._context.state.items
        if chooser.phase != "list" or not chooser.records or not context.rules.detail:
            return []
        if any(item not in chooser.records for item in items.in_state("pending")):
            chooser.phase, chooser.records = "details", {}  # nobody kept what the list holds of these
            return []
        context.rules = replace(context.rules, detail=False)
        context.list.rules = context.rules
        context.work.ready["item"].clear()
        taken = [(item, text) for item, text in chooser.records.items() if items.state(item) == "pending"]
        chooser.records = {}
        for item, _ in taken:
            context.emit(e.ItemListed(now, item))
        context.judge_list(now)
        return taken

    # --- no result --------------------------------------------------------------------------------------------------

    def _send_again(self, flight: InFlight, now: float, how: Redirected | Again) -> None:
        role, key = flight.fetch.role, flight.fetch.key
        if isinstance(how, Again):
            self._context.redirects.over(role, key)
            self._failures.go_back(flight, now, how.why)
        elif (failed := self._context.redirects.follow(role, key, how)) is not None:
            self._failures.failed(flight, now, failed)
        else:
            self._failures.go_back(flight, now, "redirected")

    def _not_read(self, flight: InFlight, now: float, failed: Failed) -> None:
        fetch = flight.fetch
        if (page := self._past_end(flight, now, failed)) is not None:
            self._page_read(flight, now, page)
        elif fetch.role == "item" and self._is_lacking(flight, failed):
            self._context.redirects.over(fetch.role, fetch.key)
            self._failures.go_back(flight, now, "not there")
            chooser = self._context.chooser
            if chooser.not_there and chooser.rivals:
                self._context.stop(now, misnamed(chooser.not_there, chooser.rivals), e.RunStatus.FAILED)
        else:
            self._failures.failed(flight, now, failed)

    def _past_end(self, flight: InFlight, now: float, failed: Failed) -> PageRead | None:
        """Return the page past the end that an answer without a list stands for; None where it is a failure."""
        context, fetch = self._context, flight.fetch
        if fetch.role != "list":
            return None
        final = context.retries.retry_at("list", fetch.attempt, failed, now) is None
        return as_page(context.state, fetch.page, failed, flight.status, final=final, attempt=fetch.attempt)

    def _is_lacking(self, flight: InFlight, failed: Failed) -> bool:
        """Return whether an item is not there, and it is still open whether any is."""
        chooser, fetch = self._context.chooser, flight.fetch
        return (
            chooser.is_open and not isinstance(fetch.key, e.Batch) and chooser.lacks(fetch.item, flight.status, failed)
        )
