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

**An answer means four things**, each decided where the idea lives: whether it is a refusal (`pacing.refusals`, then
`disputes` if in doubt), what it teaches the budget (`pacing.budget`), what its page says of the list (`list_reader`),
and whether a failure is tried again (`rules.RetryPolicy`).

**Their verdicts are carried out** by one part for each thing that a driver does, which all work on one `context`:

    next       sending       what stands between a request and the wire, in its order
    answered   headers       what an answer means before its body is there; `credentials`: for the token or the key
    finished   results       what came: a page, an item, a batch, a token, or nothing
               failures      what that costs: the request goes back, is tried again later, or has failed for good

This module is the door to them, and what people tell at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from harness.core.answers import Answer, Result, Wait
from harness.core.budgets import Budgets, all_tiers, each, split
from harness.core.concurrency import Concurrency
from harness.core.context import Context
from harness.core.credentials import Credentials
from harness.core.failures import Failures
from harness.core.headers import Headers
from harness.core.results import Results
from harness.core.rules import Rules
from harness.core.sending import Sending
from harness.pacing import Budget, Notice, Tier, TierStatistics, format_tiers, names_routes
from harness.record import events as e
from harness.record.state import State

if TYPE_CHECKING:
    from harness.core.foresight import Foresight


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
        self._context = context = Context(rules, budgets, record, utc_s, state, payloads, concurrency)
        # For those who look on; none of these is ever replaced by another.
        self.state, self.work, self.in_flight = context.state, context.work, context.in_flight
        self.keys, self.chooser, self.desired = context.keys, context.chooser, context.desired
        self.doing: Wait | None = None  # why nothing is sent right now, for people
        self.foresight: Foresight | None = None  # predicts how long the session will take
        failures = Failures(context)
        credentials = Credentials(context, failures)
        self._sending = Sending(context)
        self._headers = Headers(context, failures, credentials)
        self._results = Results(context, failures, credentials)

    def start(
        self, host: str = "", number: int = 1, charged: tuple[int, float] | None = None, relist: bool = False
    ) -> None:
        """Begin the run's `number`-th session at t = 0, from whatever the state already holds.

        charged: requests that a killed session began without recording, and by when (UTC) they were counted.
        relist: read the list from its beginning again.
        """
        context = self._context
        context.list.accept_failures()
        pacer = self.budget_of("item").pacer
        limits = format_tiers(all_tiers(self.budgets, 0.0))
        workers = self.desired.workers * context.rules.processes
        self.emit(e.SessionStarted(0.0, number, context.utc_s, workers, limits, pacer.name, host))
        if charged is not None:
            self.emit(e.Charged(0.0, *charged))
        context.list.start(context.utc_s, relist or bool(self.chooser.is_open and self.state.pages))
        context.judge_list(0.0)

    # --- how it stands ----------------------------------------------------------------------------------------------

    @property
    def rules(self) -> Rules:
        """The rules as they are by now."""
        return self._context.rules

    @property
    def budgets(self) -> Budgets:
        """What pays for requests, by endpoint."""
        return self._context.budgets

    @property
    def concurrency(self) -> Concurrency | None:
        """What finds the number of workers; None once people have set it, or where nothing does."""
        return self._context.concurrency

    @property
    def doing_now(self) -> str:
        """Return `working`, or why nothing is sent, as people asked for it or as `next` said last."""
        if self.desired.paused:
            return "paused"
        return "working" if self.doing is None or self.doing.reason == "workers" else self.doing.reason

    @property
    def quota_until(self) -> float | None:
        """Return when the limit opens that everything waits for, where that takes an hour or more; None else.

        None as well where the session ends before, by a rule.
        """
        until, rules = self._context.waits.quota_until, self._context.stop_rules
        ends_before = rules.until_quota is not None or (until is not None and rules.at is not None and rules.at < until)
        return None if ends_before else until

    @property
    def over(self) -> bool:
        """Return whether the last event has been recorded."""
        return self._context.done is not None

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

    # --- what a driver asks and tells -------------------------------------------------------------------------------

    def next(self, now: float) -> Answer:
        """Return the next thing to do. Call it again after every input and at the time a Wait names."""
        if self.foresight is not None:
            self.foresight.look(self, now)
        answer = self._context.done or self._sending.next(now)
        if not isinstance(answer, Wait):
            self.doing = None
            return answer
        self.doing = self._context.stop_rules.bounded(now, answer)
        return self.doing

    def answered(self, fetch_id: int, now: float, notice: Notice) -> bool:
        """Take in the headers of a fetch. True: read the body and call `finished`; False: nothing more is wanted."""
        return self._headers.answered(fetch_id, now, notice)

    def finished(self, fetch_id: int, now: float, result: Result) -> None:
        """Take in that a fetch is over. Without `answered` before it, it was lost or, where not sent, is unused."""
        self._results.finished(fetch_id, now, result)

    def abandon(self, fetch_id: int, now: float) -> None:
        """Note that a fetch was cut off, for the session ends at once: nothing is known of it but that it was sent."""
        self._results.abandon(fetch_id, now)

    def keeps(self, result: Result) -> bool:
        """Return whether the payloads that came with `result` are to be kept.

        Ask before they are, and before `finished`.
        """
        return self._results.keeps(result)

    def take_from_list(self, now: float) -> list[tuple[e.ItemId, str]]:
        """Import the items of the first page from its records, once these were found to be all there is of them.

        Answers what is to be kept of them; nothing where there is nothing to take. Ask after each `finished`, and keep
        it in the same step.
        """
        return self._results.take_from_list(now)

    def emit(self, event: e.Event) -> None:
        """Fold an event and record it."""
        self._context.emit(event)

    # --- an import by several processes (`harness.scale`) -----------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Return whether there is nothing to send and nothing on its way, now or later, until somebody brings more."""
        context = self._context
        return context.work.empty() and not context.in_flight and not context.disputes.waiting

    def feed_open(self, is_open: bool) -> None:
        """Say whether more items are to be fed; else those that wait to be asked for together wait no longer."""
        self._context.feed_open = is_open

    def feed(self, now: float, ids: Sequence[e.ItemId], places: Sequence[str] | None = None) -> None:
        """Take in items that another process has found in the list; see `ListReader.feed`."""
        self._context.list.feed(now, ids, places)

    def end_feed(self, now: float, evidence: str) -> None:
        """Note that no more items are to come, so that the session ends with what it has."""
        context = self._context
        context.held_open = ""
        if not context.state.listing.ended:
            context.emit(e.ListEnded(now, "feed", evidence))

    def hold_open(self, why: Literal["", "feed", "shards"]) -> None:
        """Let the session go on although nothing is left to do here: `feed` while others may bring more, `shards`
        while other processes are at it. "" lets it end.
        """
        self._context.held_open = why

    @property
    def is_in_dispute(self) -> bool:
        """Return whether an answer was set aside until it is known whose fault it was."""
        return self._context.disputes.waiting

    def go_alone(self, now: float) -> None:
        """Note that no other process fetches items after all."""
        context = self._context
        if context.rules.processes > 1:
            context.rules = replace(context.rules, processes=1, elsewhere=False)
            context.list.rules = context.rules
            self.emit(e.WorkersSet(now, self.desired.workers))

    def begun_items(self) -> set[e.ItemId]:
        """Return the items that are on their way or wait for a retry here."""
        context = self._context
        tasks = [*(flight.task for flight in context.in_flight.values()), *context.work.to_retry()]
        return {item for task in tasks if task.role == "item" for item in e.items_of(task.key)}

    def leave_items(self, record_wait: Callable[[e.Event], None]) -> None:
        """Leave all items to other processes from here on, but for those that are in flight or wait for a retry.

        record_wait: gets the waits for the list, which are no waits of the import while others send.
        """
        context = self._context
        context.rules = replace(context.rules, elsewhere=True)
        context.list.rules = context.rules
        context.work.ready["item"].clear()
        context.waits.record = record_wait
        self.foresight = None  # it knows nothing of what others send

    # --- what people tell, at any moment ----------------------------------------------------------------------------

    def pause(self, now: float) -> None:
        """Send nothing new until `resume`; what is in flight goes on."""
        if not self.desired.paused and not self.over:
            self.desired.paused = True
            self._context.waits.end(now)
            self.emit(e.Paused(now))

    def resume(self, now: float) -> None:
        """Send again, where it was paused."""
        self._context.resume(now)

    def stop(self, now: float, reason: str, status: e.RunStatus | None = None) -> None:
        """Send nothing more; `next` answers Done once nothing is in flight. status: what it ends as, if not stopped."""
        self._context.stop(now, reason, status)

    def set_workers(self, workers: int, now: float) -> None:
        """Change how many fetches may be in flight; surplus ones are let finish. It ends `auto`."""
        context = self._context
        context.concurrency = None
        if workers != self.desired.workers and not self.over:
            self.desired.workers = workers
            context.rules = replace(self.rules, workers=workers)
            self.emit(e.WorkersSet(now, workers * context.rules.processes))

    def set_limits(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change the limits of every budget; what was sent still counts.

        tiers: those of every route and of each; where none is of one route so far, each gets a budget of its own.
        """
        context = self._context
        if self.over:
            return
        if names_routes(tiers) and len(self.budgets) > len(list(each(self.budgets))):
            context.budgets = split(self.budgets, tiers, now, self.rules.linger_s, self._sent_so_far())
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
