"""The import as a state machine: no IO, no clock, no async, as h11 is HTTP without sockets.

An import has two phases that overlap: discovery pages through the list, and detail fetches each item that the list
named. A *driver* does the IO and decides nothing. It asks `next(now)`, does what the answer says, and tells what
became of each fetch: `answered` when the headers are in, then `finished` at the end. The real driver
(`session.driver`) and the simulating one (`lab.simulate`) run the same core; `now` counts seconds since the session
began.

    next(now) ─> Fetch ──> answered(id, notice) ─┬─ refused: back to the front, everyone pauses once
                   │                             └─ finished(id, PageRead | ItemRead | Failed)
                   └─────> finished(id, Failed)     no answer came: lost, or never sent
              ─> Wait(until | None)                 ask again then, or after any input
              ─> Done(status)

**Each fetch ends once.** It is in `in_flight` from the Fetch to its end, and its grant is settled exactly once: at the
headers, or at the end if no headers came. Between being told and having recorded nothing awaits, because nothing can.

**Events are the record.** Whatever changes a counter is an event, folded into `state` and recorded at once (`emit`).
What is left to do (`work`) follows from the state, so that a killed session goes on from its events alone.

**What stands between a request and the wire**, in this order: a stop or a pause that people asked for; the number of
workers; the breaker, while everything fails; answers in dispute, while one of them is compared; and the budget, which
knows the limits. Each says no by naming when to ask again, and `next` hands that on as a Wait.

**An answer means four things**, each decided where the idea lives: whether it is a refusal (`pacing.refusals`, then
`disputes` if in doubt), what it teaches the budget (`pacing.budget`), what its page says of the list (`list_reader`),
and whether a failure is tried again (`rules.RetryPolicy`). This module only carries their verdicts out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.answers import (
    Again,
    Answer,
    BatchRead,
    Done,
    Failed,
    Fetch,
    ItemRead,
    PageRead,
    Redirected,
    Result,
    TokenRead,
    Wait,
    not_in_batch,
    not_that_item,
)
from harness.core.batches import Batches
from harness.core.budgets import Budgets, all_tiers, each, learned, plan_for, split
from harness.core.choosing import Chooser, is_undecided
from harness.core.concurrency import Concurrency, useful_workers
from harness.core.disputes import Disputes
from harness.core.keys import Keys, Left, Reserved, told
from harness.core.list_reader import ListReader, as_page, left_by_role, told_error
from harness.core.redirects import Redirects
from harness.core.rules import RetryPolicy, Rules
from harness.core.rulings import LET_IN, Ruling, Suspect
from harness.core.stop_conditions import StopRules, outage_breaker
from harness.core.tokens import Token
from harness.core.unauthorised import UNAUTHORISED
from harness.core.waits import WaitLog
from harness.core.work import Desired, InFlight, Task, Work
from harness.pacing import Budget, Grant, Hold, Later, Notice, Outcome, Tier, TierStatistics, format_tiers, names_routes
from harness.pacing.refusals import SUSPECT, by_suspicion
from harness.pacing.routes import several
from harness.record import events as e
from harness.record.fold import apply
from harness.record.state import State

if TYPE_CHECKING:
    from harness.core.foresight import Foresight

# Whose turn it is after which.
_AFTER: dict[e.Role, tuple[e.Role, e.Role]] = {"item": ("list", "item"), "list": ("item", "list")}


class Core:
    """One session of an import.

    budgets: by the endpoints of the list, of items and of tokens, for each key; usually the same. record: called with
    every event, at once.
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
        self.keys = Keys(budgets, all_tiers(budgets, 0.0))
        self._token = None if rules.token is None else Token(rules.token)
        self._redirects = Redirects()
        self.state = State() if state is None else state
        self.in_flight: dict[int, InFlight] = {}
        self.work = Work(rules.batch)
        self._batches = Batches(self.work)
        undecided = rules.choose and rules.detail and is_undecided(self.state, payloads or ())
        self.chooser = Chooser(undecided, rules.batch, placed=rules.placed)
        self.concurrency = concurrency
        self.desired = Desired(rules.workers if concurrency is None else concurrency.workers)
        self.doing: Wait | None = None  # why nothing is sent right now, for people
        self._record = record
        self._utc_s = utc_s
        self._waits = WaitLog(self.emit)
        self._fetches = 0
        self._last_role: e.Role = "item"
        self._list = ListReader(rules, self.state, self.work, self.emit, payloads or set())
        self._retries = RetryPolicy(rules, self.state)
        self._disputes = Disputes()
        self._breaker = outage_breaker(rules.breaker)
        self._stop_rules = StopRules(rules.stop_conditions, self.state)
        self._done: Done | None = None
        self.foresight: Foresight | None = None  # predicts how long the session will take

    def start(
        self, host: str = "", number: int = 1, charged: tuple[int, float] | None = None, relist: bool = False
    ) -> None:
        """Begin the run's `number`-th session at t = 0, from whatever the state already holds.

        charged: requests that a killed session began without recording, and by when (UTC) they were counted.
        relist: read the list from its beginning again.
        """
        self._list.accept_failures()
        pacer = self.budget_of("item").pacer
        limits = format_tiers(all_tiers(self.budgets, 0.0))
        self.emit(e.SessionStarted(0.0, number, self._utc_s, self.desired.workers, limits, pacer.name, host))
        if charged is not None:
            self.emit(e.Charged(0.0, *charged))
        self._list.start(self._utc_s, relist or bool(self.chooser.is_open and self.state.pages))
        self._judge_list(0.0)

    @property
    def doing_now(self) -> str:
        """Return `working`, or why nothing is sent, as people asked for it or as `next` said last."""
        if self.desired.paused:
            return "paused"
        return "working" if self.doing is None or self.doing.reason == "workers" else self.doing.reason

    @property
    def over(self) -> bool:
        """Return whether the last event has been recorded."""
        return self._done is not None

    # --- what a driver asks -------------------------------------------------------------------------------------

    def next(self, now: float) -> Answer:
        """Return the next thing to do. Call it again after every input and at the time a Wait names."""
        if self.foresight is not None:
            self.foresight.look(self, now)
        answer = self._done or self._stop_rules.bounded(now, self._next(now))
        self.doing = answer if isinstance(answer, Wait) else None
        return answer

    def _next(self, now: float) -> Answer:
        self.work.promote(now)
        self._end_early(now)
        desired = self.desired
        if desired.stopping is not None:
            return self._waits.idle(now, "stopping") if self.in_flight else self._finish(now)
        if desired.paused:
            return self._waits.idle(now, "paused")
        if len(self.in_flight) >= min(desired.workers, self.keys.in_all):
            return self._waits.idle(now, "workers")
        if self._breaker.hold is not None and (held := self._breaker.held(now)) is not None:
            return self._waits.later(now, held)
        if self._token is not None and self._token.is_needed(now) and self._has_work():
            return self._next_token(now, self._token)
        if self._disputes.waiting:  # else none of them is tried
            if not any(self._may_go(role) for role in _AFTER):
                self._try_aside(now)
            if self._disputes.trying:
                return self._compare(now)
        return self._next_ready(now)

    def _has_work(self) -> bool:
        """Return whether there is something that would be sent, had it a token."""
        return any(map(self._may_go, _AFTER)) or self._disputes.waiting

    def _next_token(self, now: float, token: Token) -> Answer:
        """Send nothing before there is a token."""
        if token.in_flight:
            return self._waits.later(now, Later(None, "token"))
        if token.retry_at is not None and now < token.retry_at:
            return self._waits.later(now, Later(token.retry_at, "token"))
        answer = self._reserve(now, "token")
        if isinstance(answer, Later):
            return self._waits.later(now, answer)
        token.sent()
        return self._fetch(now, token.task, *answer)

    def _reserve(self, now: float, role: e.Role, key: e.Key | None = None) -> Reserved | Later:
        cost = self.rules.cost(role)
        only = self.keys.only.get(role)
        if only is not None:  # nearly every request passes here
            granted = only[1].reserve(now, cost)
            return (*only, granted) if isinstance(granted, Grant) else granted
        flying = [flight.fetch.endpoint for flight in self.in_flight.values()]
        return self.keys.reserve(now, role, cost, flying, key)

    def _try_aside(self, now: float) -> None:
        """Try what was set aside, to see what is the matter with it, once nothing else is left to send."""
        silence_s = self._disputes.try_aside(is_idle=not self.in_flight)
        if silence_s is not None:
            self._silence("item", now + silence_s)

    def _silence(self, role: e.Role, until: float) -> None:
        """Send nothing of that role, with any key, before then."""
        for budget in self.keys.each(role):
            budget.breaker.hold_until(until, "refused")

    def _end_early(self, now: float) -> None:
        """Stop where a rule says so, unless there is nothing left to stop."""
        if self.desired.stopping is None and (self.in_flight or not self.work.empty() or self._disputes.waiting):
            early = self._stop_rules.verdict(now, self.state, self._breaker)
            if early is not None:
                self.stop(now, early.reason)
                self.desired.status = early.status
            elif (why := self._disputes.given_up) is not None:
                self._fail(now, why)

    def _fail(self, now: float, why: str) -> None:
        """Stop as failed."""
        self.stop(now, why)
        self.desired.status = e.RunStatus.FAILED

    def _next_ready(self, now: float) -> Answer:
        """Send what is ready, a page and an item in turn.

        Items need not wait for the list, and the list, which may change while it is read, takes at most twice as long
        as it would alone. `sequential` reads it first.
        """
        if self.chooser.phase == "sampling" and not (self.in_flight or self.work.ready["item"]):
            self.chooser.give_up()  # there are no more to compare
        later: Later | None = None
        for role in _AFTER[self._last_role]:
            if not self._may_go(role) or (later is not None and self._is_same_for_both):
                continue
            answer = self._reserve(now, role, None if self.keys.is_one else self.work.front(role))
            if not isinstance(answer, Later):
                place = self.chooser.place if self.chooser.phase == "sampling" else 0.0
                return self._fetch(now, self.work.take(role, place), *answer)
            if later is None or (answer.until is not None and (later.until is None or answer.until < later.until)):
                later = answer
        return self._nothing_ready(now, later)

    @property
    def _is_same_for_both(self) -> bool:
        """Whether a page and an item get the same answer: one budget pays for them, and they cost the same."""
        keys, rules = self.keys, self.rules
        return keys.is_one and keys.first("list") is keys.first("item") and rules.list_cost == rules.item_cost

    def _nothing_ready(self, now: float, later: Later | None) -> Answer:
        """Say what is waited for, where nothing may be sent. later: the budgets' answer; None: nothing is ready."""
        if later is not None and later.until is None and not self.in_flight and self.keys.unrest():
            return self._next_ready(now)
        if self.concurrency is not None:
            self.concurrency.held()
        if later is not None:
            return self._waits.later(now, later, self.work.retry_at)
        if self.in_flight:
            return self._waits.idle(now, "in flight", until=self.work.retry_at)
        if self.work.retries:
            return self._waits.retry(now, self.work.retry_at)
        return self._finish(now)

    def _compare(self, now: float) -> Answer:
        """Send nothing but the request that tells whose fault an answer in dispute was."""
        disputes = self._disputes
        if disputes.is_comparing(self.in_flight):
            return self._waits.idle(now, "probe")
        if (held := disputes.held(now)) is not None:
            return self._waits.later(now, held)
        role = disputes.role(self.work, self.state)
        answer = self._reserve(now, role)
        if isinstance(answer, Later):
            return self._waits.later(now, answer, self.work.retry_at)
        task, compared = disputes.take(role, self.work, self.state)
        if role == "item" and self.work.batch is not None and not isinstance(task.key, e.Batch):
            task = task._replace(key=e.Batch(e.items_of(task.key)))
        fetch = self._fetch(now, task, *answer)
        disputes.sent(self.in_flight[fetch.id], compared, now)
        return fetch

    def budget_of(self, role: e.Role) -> Budget:
        """Return the budget that pays for requests of that role, of the first key."""
        return self.keys.first(role)

    def tier_statistics(self, now: float) -> list[TierStatistics]:
        """Return what is known of every limit, once where several budgets keep to the same books of it."""
        found: dict[tuple[str | None, Tier], TierStatistics] = {}
        for endpoint, budget in self.budgets.items():
            for tier in budget.pacer.statistics(now).tiers:
                found.setdefault((endpoint.credential, tier.tier), tier)
        return list(found.values())

    def _may_go(self, role: e.Role) -> bool:
        """Return whether one of that role is ready, and need not wait for the list to be read."""
        if self.chooser.is_open and (role == "item" or self.chooser.phase == "sampling"):
            sampling = self.chooser.phase == "sampling" or (self.chooser.takes_all and self._is_list_read())
            return role == "item" and sampling and bool(self.work.ready[role]) and not self.in_flight
        if role == "list" or not self.work.ready[role]:
            return bool(self.work.ready[role])
        if self.rules.sequential or (self.work.batch is not None and not self.work.fills_batch()):
            return self._is_list_read()
        return True

    def _is_list_read(self) -> bool:
        """Return whether no page is to come: none is ready, on its way, in dispute or waiting for a retry."""
        on_its_way = any(flight.fetch.role == "list" for flight in self.in_flight.values())
        return not on_its_way and self._list.is_read() and not self._disputes.keeps("list")

    def _fetch(self, now: float, task: Task, endpoint: e.Endpoint, budget: Budget, grant: Grant) -> Fetch:
        self._waits.end(now)
        if task.role != "token":
            self._last_role = task.role
        self._fetches += 1
        target = self._redirects.target(task.role, task.key) if self._redirects.hops else None
        places = self.state.places
        place = places.get(task.key) if places.by_template and task.role == "item" else None  # type: ignore[arg-type]
        fetch = Fetch(self._fetches, task.role, task.key, task.attempt, endpoint, grant, now, target, place)
        token = 0 if self._token is None else self._token.sent_with(fetch.id)
        self.in_flight[fetch.id] = InFlight(fetch, budget, token=token)
        self._breaker.sent(fetch.id, now)
        return fetch

    def _finish(self, now: float) -> Done:
        self._waits.end(now)
        self._waits.flush(now)
        self._leave_open(now)
        stopping = self.desired.stopping
        self._done = self._list.outcome() if stopping is None else Done(self.desired.status, stopping)
        self.emit(e.SessionEnded(now, self._done.status, self._done.reason))
        return self._done

    # --- what a driver tells ------------------------------------------------------------------------------------

    def answered(self, fetch_id: int, now: float, notice: Notice) -> bool:
        """Take in the headers of a fetch. True: read the body and call `finished`; False: nothing more is wanted."""
        flight = self.in_flight[fetch_id]
        fetch, budget = flight.fetch, flight.budget
        if fetch.role == "token":
            return self._token_answered(flight, now, notice)
        if (self._token is not None or not self.keys.is_one) and self._is_credentials_fault(flight, now, notice):
            return False
        if notice.status in SUSPECT:
            let_in = self.state.pages_read + self.state.imported
            notice = by_suspicion(notice, let_in, self._has_others(fetch.role))
        probed = budget.breaker.is_probe(fetch.grant)
        ruling = self._disputes.heard(flight, now, notice, probed, self.state, self._fetches)
        hold = budget.settle(fetch.grant, now, ruling.outcome, notice)
        if ruling.proven is not None:
            budget.resolved(ruling.proven)
        for fact in learned(budget, now, self.budgets):
            self.emit(fact)
        flight.answered_s, flight.status = now, notice.status
        self._retries.answered(flight)
        if ruling.outcome is Outcome.ANSWERED and self.concurrency is not None:
            self.concurrency.answered(now)
            self._follow_concurrency(now)
        if ruling is not LET_IN:
            self._obey(ruling, flight, now, notice, hold)
        if self._disputes.waiting and not ruling.unauthorised:
            self._clear(flight, now, notice)
        return ruling.fate == "read"

    def _say_learned(self, budget: Budget, now: float) -> None:
        for fact in learned(budget, now, self.budgets):
            self.emit(fact)

    def _is_credentials_fault(self, flight: InFlight, now: float, notice: Notice) -> bool:
        """Return whether an answer says something of the token or the key alone: then its request goes back."""
        if self._token is not None:
            if notice.status == UNAUTHORISED and not notice.refused:
                if self._token.refused(flight, now) == "again":
                    self._bounce(flight, now, notice, "the token had expired")
                    return True
            elif 200 <= notice.status < 300:
                self._token.let_in(flight)
        verdict, left = self.keys.heard(flight, notice)
        for key in left:
            self._say_left(key, now)
        if verdict == "theirs":
            return False
        self._bounce(flight, now, notice, f"refused with this key (status {notice.status})", verdict == "paused")
        return True

    def _say_left(self, key: Left, now: float) -> None:
        limits = format_tiers(all_tiers(self.budgets, now))
        said = told(key, len(self.keys.live))
        self.emit(e.Learned(now, key.budget, None, "key", said, "none", limits))

    def _bounce(self, flight: InFlight, now: float, notice: Notice, why: str, paused: bool = False) -> None:
        """Take a request back whose answer was the credential's doing. paused: as a limit's refusal."""
        fetch, budget = self.in_flight.pop(flight.fetch.id).fetch, flight.budget
        flight.answered_s, flight.status = now, notice.status
        hold = budget.settle(fetch.grant, now, Outcome.REFUSED if paused else Outcome.ANSWERED, notice)
        self._say_learned(budget, now)
        if hold is not None:
            self._tell_held(now, fetch.endpoint.budget, hold)
        self._go_back(flight, now, why, refused=notice if paused else None)

    def _go_back(self, flight: InFlight, now: float, why: str, refused: Notice | None = None) -> None:
        """Put a request that was answered to the front again; it is in flight no more, and costs no attempt."""
        fetch_id, tried = flight.fetch.id, self._disputes.is_tried(flight.fetch.id)
        self._disputes.unanswered(fetch_id, now, why)
        self._disputes.failed(fetch_id, now, why, again=True)
        if not tried and not flight.compared:
            self.work.put_back(flight.task)
        if refused is None:
            self._returned(flight, now, why)
        else:
            self._refused(flight, now, refused)
        self._breaker.returned(fetch_id)

    # --- of a token ---------------------------------------------------------------------------------------------

    def _token_answered(self, flight: InFlight, now: float, notice: Notice) -> bool:
        fetch, budget, token = flight.fetch, flight.budget, self._token
        assert token is not None
        flight.answered_s, flight.status = now, notice.status
        outcome = Outcome.REFUSED if notice.refused else Outcome.ANSWERED
        hold = budget.settle(fetch.grant, now, outcome, notice)
        self._say_learned(budget, now)
        if not notice.refused:
            return True
        del self.in_flight[fetch.id]
        token.returned()
        self._breaker.returned(fetch.id)
        self._refused(flight, now, notice)
        if hold is not None:
            self._tell_held(now, fetch.endpoint.budget, hold)
        return False

    def _token_finished(self, flight: InFlight, now: float, result: Result) -> None:
        fetch, token = flight.fetch, self._token
        assert token is not None
        self._breaker.returned(fetch.id)
        if isinstance(result, TokenRead):
            token.fetched(fetch.sent_s, result.expires_in_s)
            self._returned(flight, now, "token")
            for suspect in self._disputes.pardon():
                self._returned(suspect, now, "the token had expired")
                self.work.put_back(suspect.task)
            return
        failed = result if isinstance(result, Failed) else Failed("malformed", "no token came", passing=False)
        if failed.stale and token.again():
            self._returned(flight, now, failed.reason, failed.sent)
            return
        at = token.failed(now, failed, tuple(self.rules.retry_delays_s))
        self._say_failed(flight, now, failed, (fetch.key,), at)
        if at is None:
            self._fail(now, token.gave_up(failed))

    def take_from_list(self, now: float) -> list[tuple[e.ItemId, str]]:
        """Import the items of the first page from its records, once these were found to be all there is of them.

        Answers what is to be kept of them; nothing where there is nothing to take. Ask after each `finished`, and keep
        it in the same step.
        """
        chooser = self.chooser
        if chooser.phase != "list" or not chooser.records or not self.rules.detail:
            return []
        if any(item not in chooser.records for item in self.state.items.in_state("pending")):
            chooser.phase, chooser.records = "details", {}  # nobody kept what the list holds of these
            return []
        self.rules = replace(self.rules, detail=False)
        self._list.rules = self.rules
        self.work.ready["item"].clear()
        taken = [(item, text) for item, text in chooser.records.items() if self.state.items.state(item) == "pending"]
        chooser.records = {}
        for item, _ in taken:
            self.emit(e.ItemListed(now, item))
        self._judge_list(now)
        return taken

    def _has_others(self, role: e.Role) -> bool:
        """Return whether there is another request of that role, to come, on its way or done."""
        on_their_way = sum(flight.fetch.role == role for flight in self.in_flight.values())
        done = self.state.imported if role == "item" else len(self.state.pages)
        return bool(self.work.ready[role] or on_their_way > 1 or done)

    def _obey(self, ruling: Ruling, flight: InFlight, now: float, notice: Notice, hold: Hold | None) -> None:
        """Carry out what an answer means for its request, for those in dispute and for everyone."""
        fetch, breaker = flight.fetch, flight.budget.breaker
        if notice.refused and ruling.fate != "judged":
            self._breaker.passed(fetch.id, now)
            ruling.refused.append(Suspect(flight, notice))
        for suspect in ruling.refused:
            self._refused(suspect.flight, now, suspect.notice)
        if hold is not None:
            self._tell_held(now, fetch.endpoint.budget, hold)
        if ruling.fate != "read":
            self._take_back(ruling, flight, now, notice)
        for task in reversed(ruling.freed):
            self.work.put_back(task)
        for suspect in ruling.convicted:
            self._failed(suspect.flight, now, suspect.failure())
        if ruling.lift:
            breaker.lift()
        if ruling.silence_s is not None:
            breaker.hold_until(now + ruling.silence_s, "refused")
        if ruling.failed_because is not None:
            self._fail(now, self.keys.to_renew(ruling.failed_because))

    def _take_back(self, ruling: Ruling, flight: InFlight, now: float, notice: Notice) -> None:
        """End a fetch whose body is not wanted: its request goes back into the queue, or was only for comparison."""
        fetch = self.in_flight.pop(flight.fetch.id).fetch
        if ruling.fate == "back" and not flight.compared:
            self.work.put_back(flight.task, second=ruling.second)
        elif ruling.fate == "dropped":
            self._returned(flight, now, "sent for comparison")
            if notice.status >= 500:
                self._count_failure(now, fetch)
            else:
                self._breaker.passed(fetch.id, now)
        self._breaker.returned(fetch.id)

    def _refused(self, flight: InFlight, now: float, notice: Notice) -> None:
        fetch, told_s = flight.fetch, notice.retry_after_s
        answered_s = now if flight.answered_s is None else flight.answered_s
        what = (fetch.role, fetch.key, fetch.attempt, fetch.sent_s, answered_s)
        self.emit(e.Refused(now, *what, notice.status, told_s, fetch.endpoint))

    def _returned(self, flight: InFlight, now: float, reason: str, sent: bool = True) -> None:
        fetch = flight.fetch
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, reason, sent)
        self.emit(e.Returned(*what, flight.answered_s, flight.status, fetch.endpoint))

    def _clear(self, flight: InFlight, now: float, notice: Notice) -> None:
        """Let another answer settle 401s that wait: it may show that they were their requests' own fault."""
        cleared = self._disputes.cleared(flight, now, notice, self.work)
        for other, failed in cleared.failed:
            self._failed(other, now, failed)
        if cleared.silence_s is not None:
            self._silence(cleared.role, now + cleared.silence_s)

    def _leave_open(self, now: float) -> None:
        """Give up disputes that are open as the session ends: answers whose fault is not known cost nothing."""
        refused, unauthorised = self._disputes.leave_open()
        for suspect in refused:
            self._refused(suspect.flight, now, suspect.notice)
        for flight, failed in unauthorised:
            self._returned(flight, now, failed.reason)

    def finished(self, fetch_id: int, now: float, result: Result) -> None:
        """Take in that a fetch is over. Without `answered` before it, it was lost or, where not sent, is unused."""
        flight = self.in_flight.pop(fetch_id)
        if flight.answered_s is None:
            assert isinstance(result, Failed), "a result without an answer"
            outcome = Outcome.LOST if result.sent else Outcome.UNUSED
            flight.budget.settle(flight.fetch.grant, now, outcome)
            self._disputes.unanswered(fetch_id, now, result.reason)
        if isinstance(result, ItemRead):  # nearly all of them
            self._item_read(flight, now, result)
        elif flight.fetch.role == "token":
            self._token_finished(flight, now, result)
        elif isinstance(result, (Redirected, Again)):
            self._send_again(flight, now, result)
        elif isinstance(result, TokenRead):
            raise AssertionError("a token that was not asked for")
        elif isinstance(result, BatchRead):
            self._batch_read(flight, now, result)
        elif isinstance(result, PageRead):
            failed = told_error(self.state.reading(flight.fetch.page), result)
            if failed is None:
                self._page_read(flight, now, result)
            else:
                self._failed(flight, now, failed)
        else:
            self._not_read(flight, now, result)

    def _not_read(self, flight: InFlight, now: float, failed: Failed) -> None:
        fetch = flight.fetch
        if (page := self._past_end(flight, now, failed)) is not None:
            self._page_read(flight, now, page)
        elif fetch.role == "item" and self._is_lacking(fetch, flight.status):
            self._redirects.over(fetch.role, fetch.key)
            self._go_back(flight, now, "not there")
        else:
            self._failed(flight, now, failed)

    def _is_lacking(self, fetch: Fetch, status: int | None) -> bool:
        """Return whether an item is not there, and it is still open whether any is."""
        return self.chooser.is_open and not isinstance(fetch.key, e.Batch) and self.chooser.lacks(fetch.item, status)

    def _send_again(self, flight: InFlight, now: float, how: Redirected | Again) -> None:
        role, key = flight.fetch.role, flight.fetch.key
        if isinstance(how, Again):
            self._redirects.over(role, key)
            self._go_back(flight, now, how.why)
        elif (failed := self._redirects.follow(role, key, how)) is not None:
            self._failed(flight, now, failed)
        else:
            self._go_back(flight, now, "redirected")

    def _past_end(self, flight: InFlight, now: float, failed: Failed) -> PageRead | None:
        """Return the page past the end that an answer without a list stands for; None where it is a failure."""
        fetch = flight.fetch
        if fetch.role != "list":
            return None
        final = self._retries.retry_at("list", fetch.attempt, failed, now) is None
        return as_page(self.state, fetch.page, failed, flight.status, final=final)

    def keeps(self, result: Result) -> bool:
        """Return whether the payloads that came with `result` are to be kept.

        Ask before they are, and before `finished`.
        """
        if not isinstance(result, ItemRead):
            return True
        another = result.spelt is not None and result.spelt in self.state.items
        return not another and not (result.carried is False and self.state.ids_carried)

    def _item_read(self, flight: InFlight, now: float, result: ItemRead) -> None:
        fetch = flight.fetch
        if not self.keeps(result):
            self._failed(flight, now, not_that_item(fetch.item, result))
            return
        if result.carried is not None and result.carried != self.state.ids_carried:
            again = self.state.items.nameless() if result.carried else []
            self.emit(e.IdsCarried(now, result.carried))
            self.work.add("item", again)
        if self._redirects.hops:
            self._redirects.over(fetch.role, fetch.key)
        self._breaker.passed(fetch.id, now)
        item, size_bytes = fetch.item, result.size_bytes
        answered_s, status = flight.answered_s or now, flight.status or 0
        what = (fetch.attempt, fetch.sent_s, answered_s, status, size_bytes, fetch.endpoint)
        self.emit(e.ItemImported(now, item, *what))
        if not self.state.places.by_template or item in self.state.places:  # else nobody knows any more where it is
            self._disputes.imported(item)

    def _batch_read(self, flight: InFlight, now: float, result: BatchRead) -> None:
        """Take in items that were asked for together; those that the answer lacks have failed."""
        fetch = flight.fetch
        self._redirects.over(fetch.role, fetch.key)
        self._breaker.passed(fetch.id, now)
        answered_s, status = flight.answered_s or now, flight.status or 0
        what = (fetch.attempt, fetch.sent_s, answered_s, status)
        along = False
        for item in fetch.items:
            if item in result.sizes_bytes:
                size_bytes = result.sizes_bytes[item]
                self.emit(e.ItemImported(now, item, *what, size_bytes, fetch.endpoint, along=along))
                along = True
                self._disputes.imported(item)
        lacking = [item for item in fetch.items if item not in result.sizes_bytes]
        self._say_failed(flight, now, not_in_batch(result), lacking, along=along)
        self._batches.got_through(flight.task)

    def _page_read(self, flight: InFlight, now: float, page: PageRead) -> None:
        self._redirects.over(flight.fetch.role, flight.fetch.key)
        self._breaker.passed(flight.fetch.id, now)
        if self.chooser.phase == "page" and not self.chooser.records:
            self.chooser.give_up()  # nobody kept the records of the page, so there is nothing to compare with
        self._list.take_in(flight, now, page)
        self._judge_list(now)
        self._say_what_is_left(now)

    def _judge_list(self, now: float) -> None:
        """Say why the list has ended, or ask for the page that may prove it, where no page is left to be read."""
        if self.state.listing.ended or (not self.state.parts and not self._is_list_read()):
            return
        if not self._disputes.keeps("list"):
            on_their_way = [flight.fetch.page for flight in self.in_flight.values() if flight.fetch.role == "list"]
            self._list.judge(now, {page.part for page in on_their_way})

    def _say_what_is_left(self, now: float) -> None:
        left = left_by_role(self.rules, self.state)
        if left is None or self.state.total is None:
            return
        if self.concurrency is not None and len(self.state.pages) == 1:
            tiers = several(all_tiers(self.budgets, now), len(self.keys.live))
            useful = useful_workers(self.state, tiers, self.rules.detail, self.rules.batch)
            self.concurrency.cap(useful or self.rules.workers)
        if self.rules.list_cost == self.rules.item_cost == 1:
            for flight in self.in_flight.values():
                left[flight.fetch.role] = left.get(flight.fetch.role, 0) - 1
            plan_for(self.budgets, left)

    def _failed(self, flight: InFlight, now: float, failed: Failed) -> None:
        fetch, task = flight.fetch, flight.task
        if fetch.role == "item":
            self.chooser.give_up()
        self._redirects.over(fetch.role, fetch.key)
        stale = self._retries.at_once(task, failed)
        tried = self._disputes.is_tried(fetch.id)
        self._disputes.failed(fetch.id, now, failed.reason, again=stale)
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
        at = self._retries.retry_at(fetch.role, 1 if spared else fetch.attempt, failed, now)
        keys = e.items_of(fetch.key) if fetch.role == "item" else (fetch.key,)
        if at is None and isinstance(fetch.key, e.Batch) and self._batches.failed(task):
            self._returned(flight, now, failed.reason, failed.sent)
        else:
            if at is not None:
                self._batches.retried(task)
            for key in keys if at is not None else ():
                self.work.retry(task._replace(key=key, attempt=fetch.attempt + (not spared)), at)  # type: ignore[arg-type]
            self._say_failed(flight, now, failed, keys, at)
        if not failed.passing:
            self._breaker.passed(fetch.id, now)
        else:
            self._count_failure(now, fetch)
        if fetch.role == "list":
            self._list.accept_failures()
            self._judge_list(now)

    def _say_failed(
        self,
        flight: InFlight,
        now: float,
        failed: Failed,
        keys: Sequence[e.Key],
        at: float | None = None,
        along: bool = False,
    ) -> None:
        """Record the failure of all that a fetch asked for. at: when that is tried again. along: another event counts
        the request.
        """
        fetch = flight.fetch
        again = None if at is None else self._utc_s + at
        detail = failed.detail
        if flight.status == UNAUTHORISED and len(self.keys.names) > 1 and not self.state.imported:
            detail = f"{detail}; every key was refused: {self.keys.to_renew('renew the token')}"
        for key in keys:
            what = (now, fetch.role, key, fetch.attempt, fetch.sent_s, flight.answered_s, flight.status)
            evidence = (None, None) if along else (failed.headers, failed.body)
            why = (failed.reason, detail, failed.sent, again, *evidence)
            self.emit(e.AttemptFailed(*what, *why, fetch.endpoint, along=along))
            along = True

    def _count_failure(self, now: float, fetch: Fetch) -> None:
        """Count a failure that may pass: where many come in a row, everyone pauses."""
        if (hold := self._breaker.refused(fetch.id, now)) is not None:
            self._tell_held(now, fetch.endpoint.budget, hold)

    def _tell_held(self, now: float, budget: str, hold: Hold) -> None:
        self.emit(e.Held(now, budget, hold.until, hold.reason, hold.retry_after_s, hold.consecutive_refusals))

    # --- what people tell, at any moment ------------------------------------------------------------------------

    def pause(self, now: float) -> None:
        """Send nothing new until `resume`; what is in flight goes on."""
        if not self.desired.paused and self._done is None:
            self.desired.paused = True
            self._waits.end(now)
            self.emit(e.Paused(now))

    def resume(self, now: float) -> None:
        if self.desired.paused and self._done is None:
            self.desired.paused = False
            self.emit(e.Resumed(now))

    def stop(self, now: float, reason: str) -> None:
        """Send nothing more; `next` answers Done once nothing is in flight."""
        if self.desired.stopping is None:
            self.resume(now)
            self.desired.stopping = reason

    def abandon(self, fetch_id: int, now: float) -> None:
        """Note that a fetch was cut off, for the session ends at once: nothing is known of it but that it was sent."""
        flight = self.in_flight.pop(fetch_id)
        fetch = flight.fetch
        if flight.answered_s is None:
            flight.budget.settle(fetch.grant, now, Outcome.LOST)
        if fetch.role != "token":
            self.work.put_back(flight.task)
        elif self._token is not None:
            self._token.returned()
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, "cut off", True)
        self.emit(e.Returned(*what, endpoint=fetch.endpoint))

    def set_workers(self, workers: int, now: float) -> None:
        """Change how many fetches may be in flight; surplus ones are let finish. It ends `auto`."""
        self.concurrency = None
        if workers != self.desired.workers and self._done is None:
            self.desired.workers = workers
            self.rules = replace(self.rules, workers=workers)
            self.emit(e.WorkersSet(now, workers))

    def _follow_concurrency(self, now: float) -> None:
        if self.concurrency is not None and self.concurrency.workers != self.desired.workers:
            self.desired.workers = self.concurrency.workers
            self.emit(e.WorkersSet(now, self.desired.workers))

    def set_limits(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of every budget; what was sent still counts.

        tiers: those of every route and of each; where none is of one route so far, each gets a budget of its own.
        """
        if self._done is not None:
            return
        if names_routes(tiers) and len(self.budgets) > len(list(each(self.budgets))):
            self.budgets = split(self.budgets, tiers, now, self.rules.linger_s, self._sent_so_far())
        for budget in each(self.budgets):
            budget.pacer.set_tiers(tiers, now)
        self.keys.use(self.budgets, tiers)
        self.emit(e.LimitsSet(now, format_tiers(tiers)))

    def _sent_so_far(self) -> dict[e.Role, int]:
        """Return what was sent by this run, by role, and is in flight: in units of cost."""
        sent: dict[e.Role, int] = dict(self.state.requests)
        for flight in self.in_flight.values():
            sent[flight.fetch.role] = sent.get(flight.fetch.role, 0) + 1
        return {role: count * self.rules.cost(role) for role, count in sent.items()}

    def emit(self, event: e.Event) -> None:
        """Fold an event and record it."""
        apply(self.state, event)
        self._record(event)
