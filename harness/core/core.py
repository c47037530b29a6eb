"""The two-phase import as a state machine: no IO, no clock, no async, as h11 is HTTP without sockets.

Phase 1, discovery, pages through the list; phase 2, detail, fetches each item. A driver asks `next(now)`, does what
the answer says, and tells what became of each fetch: `answered` at the headers, then `finished` at the end. Times
are seconds since the session began. Between being told and having recorded nothing awaits, because nothing can.

    next(now) ─> Fetch ──> answered(id, notice) ─┬─ refused: back to the front, everyone pauses once (see `doubts`)
                   │                             └─ finished(id, PageRead | ItemRead | Failed)
                   └─────> finished(id, Failed)     no answer came: lost, or never sent
              ─> Wait(until | None)                 ask again then, or after any input
              ─> Done(status)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.core.answers import Answer, Done, Failed, Fetch, ItemRead, PageRead, Result, Wait
from harness.core.budgets import Budgets, each, learned, places, plan_for, tiers_of
from harness.core.concurrency import Concurrency, useful_workers
from harness.core.doubts import Doubts
from harness.core.listing import (
    Ask,
    Ended,
    Verdict,
    as_page,
    judge,
    known_pages,
    pages_after,
    stuck,
    told_error,
    tolerated,
)
from harness.core.rules import (
    Rules,
    StaleConnections,
    listed,
    most_pages,
    nameless,
    requests_left,
    retry_at,
    retry_due,
    verdict,
)
from harness.core.rulings import LET_IN, Ruling, Suspect
from harness.core.stop_conditions import StopRules, outage_breaker
from harness.core.unauthorised import UNAUTHORISED, Unauthorised
from harness.core.waits import WaitLog
from harness.core.work import Desired, InFlight, Task, Work
from harness.pacing import Budget, Grant, Hold, Later, Notice, Outcome, Tier, format_tiers
from harness.pacing.refusals import SUSPECT, by_suspicion
from harness.record import events as e
from harness.record.fold import apply
from harness.record.pages import without
from harness.record.state import Failure, State

# Whose turn it is after which.
_AFTER: dict[e.Role, tuple[e.Role, e.Role]] = {"item": ("list", "item"), "list": ("item", "list")}


class Core:
    """One session of an import.

    budgets: by the endpoints of the list and of items, usually the same. record: called with every event, at once.
    state: where an earlier session left off (it is folded on from here). payloads: items whose payload is on disk
    already though no event says so; they are adopted, not fetched. utc_s: the wall clock at t = 0, for times that
    outlive us. concurrency: finds the number of workers, in place of the one in `rules`.
    """

    def __init__(
        self,
        rules: Rules,
        budgets: Budgets,
        record: Callable[[e.Event], None],
        utc_s: float,
        state: State | None = None,
        payloads: set[e.ItemId] | None = None,
        concurrency: Concurrency | None = None,
    ) -> None:
        self.rules = rules
        self.budgets = budgets
        self.endpoints = {endpoint.role: endpoint for endpoint in budgets}
        self._paying = {endpoint.role: budget for endpoint, budget in budgets.items()}
        self.state = State() if state is None else state
        self.flights: dict[int, InFlight] = {}
        self.work = Work()
        self.concurrency = concurrency
        self.wish = Desired(rules.workers if concurrency is None else concurrency.workers)
        self.doing: Wait | None = None  # why nothing is sent right now, for people
        self._payloads = payloads or set()
        self._record = record
        self._utc_s = utc_s
        self._waits = WaitLog(self.emit)
        self._at_once = places(tier for budget in each(budgets) for tier in tiers_of(budget, 0.0))
        self._fetches = 0
        self._last_role: e.Role = "item"
        self._mishaps = StaleConnections()
        self._doubts = Doubts()
        self._unauthorised = Unauthorised()
        self._reread: set[e.ItemId] | None = None
        self._breaker = outage_breaker(rules.breaker)
        self._endings = StopRules(rules.ends, self.state)
        self._done: Done | None = None
        self._tolerated: list[Failure] = []  # pages whose failure a person accepts (--accept-list)

    def start(
        self, host: str = "", number: int = 1, charged: tuple[int, float] | None = None, relist: bool = False
    ) -> None:
        """Begin the run's `number`-th session at t = 0, from whatever the state already holds.

        charged: requests that a killed session began without recording, and by when (UTC) they were counted.
        relist: read the list from its beginning again.
        """
        self._tolerated = tolerated(self.state, self.rules.accept_list)
        pacer = self.budget_of("item").pacer
        limits = format_tiers(tuple(tier.tier for tier in pacer.statistics(0.0).tiers))
        self.emit(e.SessionStarted(0.0, number, self._utc_s, self.wish.workers, limits, pacer.name, host))
        state = self.state
        if charged is not None:
            self.emit(e.Charged(0.0, *charged))
        if relist or self._must_relist():
            self.emit(e.Relisted(0.0))
        self._reread = set() if state.pages_before else None
        for item in [item for item in self._payloads if item in state.items]:
            self.emit(e.ItemAdopted(0.0, item))
        self.work.add("item", state.items.in_state("pending"))
        for failure in state.failures.values():
            if failure.retry_at_utc_s is not None:
                task = Task(failure.role, failure.key, failure.attempts + 1)
                self.work.retry(task, retry_due(failure, self._utc_s))
        if not self._full() and stuck(state) is None:
            waiting = {failure.page for failure in state.failures.values() if failure.role == "list"}
            self.work.add("list", without(known_pages(state), waiting))
        self._judge_list(0.0)

    def _must_relist(self) -> bool:
        """Whether the list was read as far as it goes and its end is not proven: only reading it again may help."""
        state = self.state
        if not state.pages or state.listing.ended or any(role == "list" for role, _ in state.failures):
            return False
        left = bool(known_pages(state)) and stuck(state) is None
        return not left and not isinstance(self._list_verdict(), (Ask, Ended))

    @property
    def doing_now(self) -> str:
        """`working`, or why nothing is sent, as people asked for it or as `next` said last."""
        if self.wish.paused:
            return "paused"
        return "working" if self.doing is None or self.doing.reason == "workers" else self.doing.reason

    @property
    def over(self) -> bool:
        """Has the last event been recorded?"""
        return self._done is not None

    # --- what a driver asks -------------------------------------------------------------------------------------

    def next(self, now: float) -> Answer:
        """The next thing to do. Call it again after every input and at the time a Wait names."""
        answer = self._done or self._endings.bounded(now, self._next(now))
        self.doing = answer if isinstance(answer, Wait) else None
        return answer

    def _next(self, now: float) -> Answer:
        self.work.promote(now)
        self._end_early(now)
        if self.wish.stopping is not None:
            return self._idle(now, "stopping") if self.flights else self._finish(now)
        if self.wish.paused:
            return self._idle(now, "paused", on="input")
        if len(self.flights) >= min(self.wish.workers, self._at_once):
            return self._idle(now, "workers")
        if (held := self._breaker.held(now)) is not None:
            return self._held(now, held)
        if self._in_doubt and not any(self._may_go(role) for role in _AFTER):
            self._try_aside(now)
        if self._doubts.trying or self._unauthorised.trying:
            return self._compare(now)
        return self._next_ready(now)

    @property
    def _in_doubt(self) -> bool:
        """Are there requests that are neither in the queue nor in flight, for want of a verdict?"""
        return self._doubts.waiting or self._unauthorised.waiting

    def _try_aside(self, now: float) -> None:
        """Nothing else is left to send: find out what is the matter with those that were set aside."""
        if not (self.flights or self._doubts.trying):
            self._unauthorised.try_kept()
        if self._doubts.try_aside():
            self.budget_of("item").breaker.hold_until(now + self._doubts.silence_s, "refused")

    def _end_early(self, now: float) -> None:
        """Stop where a rule says so, unless there is nothing left to stop."""
        if self.wish.stopping is None and (self.flights or not self.work.empty() or self._in_doubt):
            early = self._endings.verdict(now, self.state, self._breaker)
            if early is None and (why := self._given_up) is not None:
                early = Done(e.RunStatus.FAILED, why)
            if early is not None:
                self.stop(now, early.reason)
                self.wish.status = early.status

    @property
    def _given_up(self) -> str | None:
        return self._doubts.probes.given_up or self._unauthorised.probes.given_up

    def _next_ready(self, now: float) -> Answer:
        """Send what is ready, a page and an item in turn.

        Items need not wait for the list, and the list, which may change while it is read, takes at most twice as long
        as it would alone. `sequential` reads it first.
        """
        later: Later | None = None
        asked: tuple[Budget, int] | None = None
        for role in _AFTER[self._last_role]:
            if not self._may_go(role) or self._asked(role) == asked:
                continue
            asked = self._asked(role)
            answer = asked[0].reserve(now, asked[1])
            if isinstance(answer, Grant):
                return self._fetch(now, self.work.take(role), answer)
            if later is None or (answer.until is not None and (later.until is None or answer.until < later.until)):
                later = answer
        if self.concurrency is not None:
            self.concurrency.held()
        if later is not None:
            return self._wait_for(now, later)
        if self.flights:
            return self._idle(now, "in flight", until=self.work.retry_at)
        if self.work.retries:
            self._waits.begin(now, "retry", None, self.work.retry_at, 0.0)
            return Wait(self.work.retry_at, "input", "retry")
        return self._finish(now)

    def _compare(self, now: float) -> Answer:
        """While a refusal or a 401 is in doubt nothing goes but the request that tells whose fault it was."""
        asker = self._unauthorised if self._unauthorised.trying else self._doubts
        if asker.probes.in_flight in self.flights or (self._doubts.alone and self.flights):
            return self._idle(now, "probe")
        if (held := asker.probes.held(now)) is not None:
            return self._held(now, held)
        role = self._doubts.role if asker is self._doubts else self._unauthorised.role(self.work, self.state)
        answer = self.budget_of(role).reserve(now, self.rules.cost(role))
        if isinstance(answer, Later):
            return self._wait_for(now, answer)
        task, compared = asker.take(role, self.work, self.state)
        fetch = self._fetch(now, task, answer)
        asker.probes.sent(fetch.id, now)
        flight = self.flights[fetch.id]
        flight.probe, flight.compared = not self._doubts.holds(fetch.id), compared
        return fetch

    def _asked(self, role: e.Role) -> tuple[Budget, int]:
        """Whom to ask for how much: two kinds for which this is the same get the same answer."""
        return self.budget_of(role), self.rules.cost(role)

    def budget_of(self, role: e.Role) -> Budget:
        """The budget that pays for requests of that role."""
        return self._paying[role]

    def _may_go(self, role: e.Role) -> bool:
        """Is one of that role ready, and need not wait for the list to be read?"""
        return bool(self.work.ready[role]) and (role == "list" or not self.rules.sequential or self._list_read())

    def _list_read(self) -> bool:
        """Is no page ready, on its way or waiting for a retry? One that failed for good is not waited for."""
        if self.work.ready["list"] or any(flight.fetch.role == "list" for flight in self.flights.values()):
            return False
        if self._doubts.keeps("list") or self._unauthorised.keeps("list"):
            return False
        waiting = (failure.role == "list" for failure in self.state.failures.values() if failure.retry_at_utc_s)
        return not any(waiting)

    def _fetch(self, now: float, task: Task, grant: Grant) -> Fetch:
        self._waits.end(now)
        self._last_role = task.role
        self._fetches += 1
        fetch = Fetch(self._fetches, task.role, task.key, task.attempt, self.endpoints[task.role], grant, now)
        self.flights[fetch.id] = InFlight(fetch)
        self._breaker.sent(fetch.id, now)
        return fetch

    def _held(self, now: float, held: Later) -> Wait:
        """Say that everyone waits for a pause to end, or for the probe's answer."""
        self._waits.begin(now, held.reason, None, held.until, 0.0)
        return Wait(held.until, "settlement", held.reason)

    def _wait_for(self, now: float, later: Later) -> Wait:
        tier = None if later.tier is None else str(later.tier)
        period_s = 0.0 if later.tier is None else later.tier.period_s
        self._waits.begin(now, later.reason, tier, later.until, period_s)
        until = later.until
        if self.work.retry_at is not None and until is not None:
            until = min(until, self.work.retry_at)
        return Wait(until, "settlement", later.reason, tier)

    def _idle(self, now: float, reason: str, until: float | None = None, on: str = "settlement") -> Wait:
        self._waits.end(now)
        return Wait(until, "input" if on == "input" else "settlement", reason)

    def _finish(self, now: float) -> Done:
        self._waits.end(now)
        self._waits.flush(now)
        self._leave_open(now)
        self._done = verdict(self.rules, self.state, self.wish.stopping, self.wish.status, self._tolerated)
        self.emit(e.SessionEnded(now, self._done.status, self._done.reason))
        return self._done

    # --- what a driver tells ------------------------------------------------------------------------------------

    def answered(self, fetch_id: int, now: float, notice: Notice) -> bool:
        """The headers of a fetch are in. True: read the body and call `finished`; False: nothing more is wanted."""
        flight = self.flights[fetch_id]
        fetch, budget = flight.fetch, self.budgets[flight.fetch.endpoint]
        if notice.status in SUSPECT:
            let_in = self.state.pages_read + self.state.imported
            notice = by_suspicion(notice, let_in, self._has_others(fetch.role))
        unauthorised = notice.status == UNAUTHORISED and self._unauthorised.doubts(notice, self.state)
        if unauthorised:
            ruling = Ruling(fate="kept")
        else:
            ruling = self._doubts.heard(flight, now, notice, budget.breaker.is_probe(fetch.grant))
        hold = budget.settle(fetch.grant, now, ruling.outcome, notice)
        if ruling.proven is not None:
            budget.resolved(ruling.proven)
        for fact in learned(budget, now):
            self.emit(fact)
        flight.answered_s, flight.status = now, notice.status
        if ruling.outcome is Outcome.ANSWERED and self.concurrency is not None:
            self.concurrency.answered(now)
            self._follow_concurrency(now)
        if unauthorised:
            self._keep_unauthorised(flight, now, notice)
        elif ruling is not LET_IN:
            self._obey(ruling, flight, now, notice, hold)
        if self._unauthorised.waiting and not unauthorised:
            self._clear_unauthorised(flight, now, notice)
        return ruling.fate == "read"

    def _has_others(self, role: e.Role) -> bool:
        """Is there another request of that kind, to come, on its way or done?"""
        on_their_way = sum(flight.fetch.role == role for flight in self.flights.values())
        done = self.state.imported if role == "item" else len(self.state.pages)
        return bool(self.work.ready[role] or on_their_way > 1 or done)

    def _obey(self, ruling: Ruling, flight: InFlight, now: float, notice: Notice, hold: Hold | None) -> None:
        """Do what an answer means for its request, for those in doubt and for everyone."""
        fetch, budget = flight.fetch, self.budgets[flight.fetch.endpoint]
        if notice.refused and ruling.fate != "judged":
            self._breaker.passed(fetch.id, now)
            ruling.refused.append(Suspect(flight, notice))
        for suspect in ruling.refused:
            self._refused(suspect.flight, now, suspect.notice)
        if hold is not None:
            self.emit(
                e.Held(
                    now, fetch.endpoint.budget, hold.until, hold.reason, hold.retry_after_s, hold.consecutive_refusals
                )
            )
        if ruling.fate == "back" and not flight.compared:
            self.work.put_back(flight.task, second=ruling.second)
        elif ruling.fate == "dropped":
            self._dropped(flight, now, notice)
        if ruling.fate != "read":
            self.flights.pop(fetch.id)
            self._breaker.returned(fetch.id)
        self._settle_doubts(ruling, now)
        if ruling.lift:
            budget.breaker.lift()
        if ruling.silence_s is not None:
            budget.breaker.hold_until(now + ruling.silence_s, "refused")

    def _dropped(self, flight: InFlight, now: float, notice: Notice) -> None:
        """A fetch that was only sent to compare with is over."""
        self._returned(flight, now, "sent to compare with")
        if notice.status >= 500:
            self._count_failure(now, flight.fetch)
        else:
            self._breaker.passed(flight.fetch.id, now)

    def _settle_doubts(self, ruling: Ruling, now: float) -> None:
        """What became of those that were in doubt: back into the queue, or failed as their status does."""
        for task in reversed(ruling.freed):
            self.work.put_back(task)
        for suspect in ruling.convicted:
            self._failed(suspect.flight, now, suspect.failure())

    def _refused(self, flight: InFlight, now: float, notice: Notice) -> None:
        fetch, told_s = flight.fetch, notice.retry_after_s
        answered_s = now if flight.answered_s is None else flight.answered_s
        what = (fetch.role, fetch.key, fetch.attempt, fetch.sent_s, answered_s)
        self.emit(e.Refused(now, *what, notice.status, told_s, fetch.endpoint))

    def _returned(self, flight: InFlight, now: float, reason: str, sent: bool = True) -> None:
        fetch = flight.fetch
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, reason, sent)
        self.emit(e.Returned(*what, flight.answered_s, flight.status, fetch.endpoint))

    def _keep_unauthorised(self, flight: InFlight, now: float, notice: Notice) -> None:
        """A 401 after others were let in: nothing is held against it until another request was tried."""
        self.flights.pop(flight.fetch.id)
        self._breaker.returned(flight.fetch.id)
        self._doubts.lost(flight.fetch.id, now, "status 401")
        if (why := self._unauthorised.keep(flight, now, notice)) is not None:
            self.stop(now, why)
            self.wish.status = e.RunStatus.FAILED

    def _clear_unauthorised(self, flight: InFlight, now: float, notice: Notice) -> None:
        """Another answer came while requests that got a 401 wait: it may say that it was their own."""
        probed = flight.fetch.id == self._unauthorised.probes.in_flight
        for other, failed in self._unauthorised.heard(flight, now, notice, self._unauthorised.more(self.work)):
            other.probe = False
            self._failed(other, now, failed)
        if probed and self._doubts.alone:  # the silence before a suspect begins anew
            self.budget_of(self._doubts.role).breaker.hold_until(now + self._doubts.silence_s, "refused")

    def _leave_open(self, now: float) -> None:
        """The session ends before it is known whose fault some answers were: they cost nothing."""
        for suspect in self._doubts.unsettled():
            self._refused(suspect.flight, now, suspect.notice)
        for flight, failed in self._unauthorised.settle():
            self._returned(flight, now, failed.reason)

    def finished(self, fetch_id: int, now: float, result: Result) -> None:
        """A fetch is over. Without `answered` before it, the request was lost or, where not sent, is unused."""
        flight = self.flights.pop(fetch_id)
        if flight.answered_s is None:
            assert isinstance(result, Failed), "a result without an answer"
            outcome = Outcome.LOST if result.sent else Outcome.UNUSED
            self.budgets[flight.fetch.endpoint].settle(flight.fetch.grant, now, outcome)
            self._unauthorised.lost(fetch_id, now, result.reason)
        if isinstance(result, ItemRead):
            self._item_read(flight, now, result)
        elif isinstance(result, PageRead):
            failed = told_error(self.state, result)
            if failed is None:
                self._page_read(flight, now, result)
            else:
                self._failed(flight, now, failed)
        elif flight.fetch.role == "list" and (page := self._past_end(flight, now, result)) is not None:
            self._page_read(flight, now, page)
        else:
            self._failed(flight, now, result)

    def keeps(self, result: Result) -> bool:
        """Are the payloads that came with `result` to be kept? Ask before they are, and before `finished`."""
        if not isinstance(result, ItemRead):
            return True
        another = result.spelt is not None and result.spelt in self.state.items
        return not another and not (result.carried is False and self.state.ids_carried)

    def _item_read(self, flight: InFlight, now: float, result: ItemRead) -> None:
        fetch = flight.fetch
        if not self.keeps(result):
            self._failed(flight, now, nameless(fetch.item, result))
            return
        if result.carried is not None and result.carried != self.state.ids_carried:
            again = self.state.items.nameless() if result.carried else []
            self.emit(e.IdsCarried(now, result.carried))
            self.work.add("item", again)
        self._mishaps.over(flight.task)
        self._breaker.passed(fetch.id, now)
        item, size_bytes = fetch.item, result.size_bytes
        self._unauthorised.good["item"] = item
        answered_s, status = flight.answered_s or now, flight.status or 0
        what = (fetch.attempt, fetch.sent_s, answered_s, status, size_bytes, fetch.endpoint)
        self.emit(e.ItemImported(now, item, *what))

    def _page_read(self, flight: InFlight, now: float, page: PageRead) -> None:
        fetch = flight.fetch
        self._mishaps.over(flight.task)
        self._breaker.passed(fetch.id, now)
        ids, new, total, met = listed(self.rules, self.state, page, self._reread)
        answered_s, status = flight.answered_s or now, flight.status or 0
        told = (page.last_page, page.next_page, page.way, page.more, page.unread, met, page.past)
        more, known = (page.said_by, page.remarks), self.state.last_page
        what = (fetch.page, fetch.attempt, fetch.sent_s, answered_s, status, ids, total)
        self.emit(e.PageListed(now, *what, *told, *more, fetch.endpoint))
        for item in new:
            if item in self._payloads:
                self.emit(e.ItemAdopted(now, item))
            elif not self.rules.detail:
                self.emit(e.ItemListed(now, item))
        if self.rules.detail:
            self.work.add("item", (item for item in new if item not in self._payloads))
        if self._full() or stuck(self.state) is not None:
            self.work.ready["list"].clear()
        else:
            self.work.add("list", pages_after(self.state, known, most_pages(self.rules, page)))
        self._judge_list(now)
        self._say_what_is_left(now)

    def _past_end(self, flight: InFlight, now: float, failed: Failed) -> PageRead | None:
        """The page past the end of the list that an answer without a list stands for; None where it is a failure."""
        fetch = flight.fetch
        final = retry_at(self.rules, self.state, "list", fetch.attempt, failed, now) is None
        return as_page(self.state, fetch.page, failed, flight.status, final=final)

    def _judge_list(self, now: float) -> None:
        """Where no page is left to be read, say why the list has ended, or ask for the page that may prove it."""
        state = self.state
        if state.listing.ended or not state.pages or not self._list_read():
            return
        if any(failure not in self._tolerated for failure in state.failed_pages) and not self._full():
            return
        found = self._list_verdict()
        if isinstance(found, Ask):
            self.work.add("list", found.pages)
        elif isinstance(found, Ended):
            self.emit(e.ListEnded(now, found.reason, found.evidence))

    def _list_verdict(self) -> Verdict:
        accept = self._tolerated if self.rules.accept_list else None
        return judge(self.state, most=self.rules.max_items, accept=accept)

    def _say_what_is_left(self, now: float) -> None:
        left = requests_left(self.rules, self.state)
        if left is None or self.state.total is None:
            return
        if self.concurrency is not None and len(self.state.pages) == 1:
            tiers = tiers_of(self.budget_of("item"), now)
            self.concurrency.cap(useful_workers(self.state, tiers, self.rules.detail) or self.rules.workers)
        if self.rules.list_cost == self.rules.item_cost == 1:
            plan_for(self.budgets, left - len(self.flights))

    def _full(self) -> bool:
        most = self.rules.max_items
        return most is not None and len(self.state.items) >= most

    def _failed(self, flight: InFlight, now: float, failed: Failed) -> None:
        fetch, task = flight.fetch, flight.task
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s)
        stale = self._mishaps.first_stale(task, failed)
        tried = self._doubts.holds(fetch.id)
        self._doubts.lost(fetch.id, now, failed.reason, kept=stale)
        if stale or flight.compared or (flight.probe and failed.passing):
            if not tried and not flight.compared:
                self.work.put_back(task)
            self._returned(flight, now, failed.reason, failed.sent)
            if failed.passing and not stale:
                self._count_failure(now, fetch)
            self._breaker.returned(fetch.id)
            return
        # What fails while everything does says nothing of the item, and costs it none of its attempts.
        spared = self._breaker.hold is not None and failed.passing
        at = retry_at(self.rules, self.state, fetch.role, 1 if spared else fetch.attempt, failed, now)
        if at is not None:
            self.work.retry(task._replace(attempt=fetch.attempt + (not spared)), at)
        again = None if at is None else self._utc_s + at
        why = e.AttemptFailed(*what, flight.answered_s, flight.status, failed.reason, failed.detail, failed.sent, again)
        self.emit(replace(why, headers=failed.headers, body=failed.body, endpoint=fetch.endpoint))
        if not failed.passing:
            self._breaker.passed(fetch.id, now)
        else:
            self._count_failure(now, fetch)
        if fetch.role == "list":
            accepted = tolerated(self.state, self.rules.accept_list)
            self._tolerated += [failure for failure in accepted if failure not in self._tolerated]
            self._judge_list(now)

    def _count_failure(self, now: float, fetch: Fetch) -> None:
        """Count a failure that may pass: where many come in a row, everyone pauses."""
        if (hold := self._breaker.refused(fetch.id, now)) is not None:
            self.emit(e.Held(now, fetch.endpoint.budget, hold.until, hold.reason, None, hold.consecutive_refusals))

    # --- what people tell, at any moment ------------------------------------------------------------------------

    def pause(self, now: float) -> None:
        """Send nothing new until `resume`; what is in flight goes on."""
        if not self.wish.paused and self._done is None:
            self.wish.paused = True
            self._waits.end(now)
            self.emit(e.Paused(now))

    def resume(self, now: float) -> None:
        if self.wish.paused and self._done is None:
            self.wish.paused = False
            self.emit(e.Resumed(now))

    def stop(self, now: float, reason: str) -> None:
        """Send nothing more; `next` answers Done once nothing is in flight."""
        if self.wish.stopping is None:
            self.resume(now)
            self.wish.stopping = reason

    def abandon(self, fetch_id: int, now: float) -> None:
        """A fetch was cut off because the session ends at once: nothing is known of it but that it was sent."""
        flight = self.flights.pop(fetch_id)
        fetch = flight.fetch
        if flight.answered_s is None:
            self.budgets[fetch.endpoint].settle(fetch.grant, now, Outcome.LOST)
        self.work.put_back(flight.task)
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, "cut off", True)
        self.emit(e.Returned(*what, endpoint=fetch.endpoint))

    def set_workers(self, workers: int, now: float) -> None:
        """Change how many fetches may be in flight; surplus ones are let finish. It ends `auto`."""
        self.concurrency = None
        if workers != self.wish.workers and self._done is None:
            self.wish.workers = workers
            self.rules = replace(self.rules, workers=workers)
            self.emit(e.WorkersSet(now, workers))

    def _follow_concurrency(self, now: float) -> None:
        if self.concurrency is not None and self.concurrency.workers != self.wish.workers:
            self.wish.workers = self.concurrency.workers
            self.emit(e.WorkersSet(now, self.wish.workers))

    def set_limits(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of every budget; what was sent still counts."""
        if self._done is not None:
            return
        for budget in each(self.budgets):
            budget.pacer.set_tiers(tiers, now)
        self._at_once = places(tiers)
        self.emit(e.LimitsSet(now, format_tiers(tiers)))

    def emit(self, event: e.Event) -> None:
        """Fold an event and record it."""
        apply(self.state, event)
        self._record(event)
