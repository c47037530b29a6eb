"""Hold what the parts of the core share: one session's rules, state, work and requests, and what several parts say.

Each part decides one thing: what goes next (`sending`), what headers mean (`headers`, and `credentials` where they tell
of a token or a key), what a result means (`results`), and what a failure costs (`failures`). All work on this one
object. A verb is here where more than one part needs it; events that only one part emits are emitted there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from harness.core.answers import Done, Failed
from harness.core.batches import Batches
from harness.core.budgets import Budgets, all_tiers, each, learned
from harness.core.choosing import Chooser, is_undecided
from harness.core.concurrency import Concurrency
from harness.core.disputes import Disputes
from harness.core.keys import Keys
from harness.core.kinds import kinds_of
from harness.core.list_reader import ListReader
from harness.core.redirects import Redirects
from harness.core.rules import RetryPolicy, Rules
from harness.core.rulings import Proven
from harness.core.stop_conditions import StopRules, outage_breaker
from harness.core.tokens import Token
from harness.core.unauthorised import UNAUTHORISED
from harness.core.waits import WaitLog
from harness.core.work import Desired, InFlight, Work
from harness.pacing import Hold, Notice, Outcome, format_tiers
from harness.record import events as e
from harness.record.fold import apply
from harness.record.state import State


class Context:
    """One session of an import, as its parts see it. The arguments are those of `Core`."""

    def __init__(
        self,
        rules: Rules,
        budgets: Budgets,
        record: Callable[[e.Event], None],
        utc_s: float,
        state: State | None,
        payloads: set[e.ItemId] | None,
        concurrency: Concurrency | None,
    ) -> None:
        self.rules = rules
        self.budgets = budgets
        self.utc_s = utc_s
        self.state = State() if state is None else state
        self._record = record
        # What is to be done, and what is on its way.
        self.work = Work(rules.batch)
        self.in_flight: dict[int, InFlight] = {}
        self.fetches = 0  # so many were begun: the number of the newest
        self.unsent = 0  # of those, came back without having left
        self.concurrency = concurrency
        self.desired = Desired(rules.workers if concurrency is None else concurrency.workers)
        self.done: Done | None = None  # once the last event is recorded
        # Why the session does not end although nothing is left to do here: others may bring more (`feed`), or are at it
        # (`shards`), and these a stop has to wait for. "" where it ends by itself.
        self.held_open: Literal["", "feed", "shards"] = ""
        self.feed_open = rules.fed  # are more items to come?
        # What judges, each by its own idea.
        self.keys = Keys(budgets, all_tiers(budgets, 0.0))
        self.kinds = kinds_of(budgets)  # whether a limit is for one kind of request alone
        self.token = None if rules.token is None else Token(rules.token)
        self.redirects = Redirects()
        self.batches = Batches(self.work)
        undecided = rules.choose and rules.detail and is_undecided(self.state, payloads or ())
        self.chooser = Chooser(undecided, rules.batch, placed=rules.placed)
        self.waits = WaitLog(self.emit)
        self.list = ListReader(rules, self.state, self.work, self.emit, payloads or set())
        self.retries = RetryPolicy(rules, self.state)
        self.disputes = Disputes()
        self.stop_rules = StopRules(rules.stop_conditions, self.state)
        self.breaker = outage_breaker(rules.breaker)  # pauses everyone while everything fails

    def emit(self, event: e.Event) -> None:
        """Fold an event and record it."""
        apply(self.state, event)
        self._record(event)

    # --- how a request ended, for the record ------------------------------------------------------------------------

    def refused(self, flight: InFlight, now: float, notice: Notice) -> None:
        """Record that a limit refused a request."""
        fetch, told_s = flight.fetch, notice.retry_after_s
        answered_s = now if flight.answered_s is None else flight.answered_s
        what = (fetch.role, fetch.key, fetch.attempt, fetch.sent_s, answered_s)
        self.emit(e.Refused(now, *what, notice.status, told_s, fetch.endpoint))

    def returned(self, flight: InFlight, now: float, reason: str, sent: bool = True) -> None:
        """Record that a request ended without a result, which costs nothing."""
        fetch = flight.fetch
        what = (now, fetch.role, fetch.key, fetch.attempt, fetch.sent_s, reason, sent)
        self.emit(e.Returned(*what, flight.answered_s, flight.status, fetch.endpoint))

    def say_failed(
        self,
        flight: InFlight,
        now: float,
        failed: Failed,
        keys: Sequence[e.Key],
        at: float | None = None,
        along: bool = False,
    ) -> None:
        """Record the failure of all that a fetch asked for.

        at: when that is tried again. along: another event counts the request.
        """
        fetch = flight.fetch
        again = None if at is None else self.utc_s + at
        detail = failed.detail
        if flight.status == UNAUTHORISED and len(self.keys.names) > 1 and not self.state.imported:
            detail = f"{detail}; every key was refused: {self.keys.to_renew('renew the token')}"
        for key in keys:
            what = (now, fetch.role, key, fetch.attempt, fetch.sent_s, flight.answered_s, flight.status)
            evidence = (None, None) if along else (failed.headers, failed.body)
            why = (failed.reason, detail, failed.sent, again, *evidence)
            self.emit(e.AttemptFailed(*what, *why, fetch.endpoint, along=along))
            along = True

    # --- of a budget ------------------------------------------------------------------------------------------------

    def settle(
        self, flight: InFlight, now: float, notice: Notice, outcome: Outcome, proven: Proven | None = None
    ) -> Hold | None:
        """Settle the grant of a request whose headers are in, and record what its budget learns from them.

        Return the pause that begins, if one does. proven: whose fault answers in dispute were found to be.
        """
        budget = flight.budget
        flight.answered_s, flight.status = now, notice.status
        hold = budget.settle(flight.fetch.grant, now, outcome, notice)
        if proven is not None:
            budget.resolved(proven)
        for fact in learned(budget, now, self.budgets):
            self.emit(fact)
        if self.kinds is not None:
            self.heard_of_kind(flight, now, outcome, notice)
        return hold

    def heard_of_kind(self, flight: InFlight, now: float, outcome: Outcome, notice: Notice | None = None) -> None:
        """Let what became of a request tell whether limits are for its kind alone: then each gets a budget of its
        own.
        """
        kinds = self.kinds
        if kinds is None:
            return
        kinds.settled(flight, now, outcome, notice)
        if not kinds.are_apart:
            return
        self.kinds, self.budgets = None, kinds.parted(self.budgets, now)
        limits = all_tiers(self.budgets, now)
        self.keys.use(self.budgets, limits)
        self.emit(e.Learned(now, kinds.budget.name, None, "routes", kinds.evidence, "high", format_tiers(limits)))
        for budget in each(self.budgets):
            for fact in learned(budget, now, self.budgets):
                self.emit(fact)

    def say_held(self, flight: InFlight, now: float, hold: Hold | None) -> None:
        """Record the pause that a request began, if it did."""
        if hold is not None:
            what = (hold.until, hold.reason, hold.retry_after_s, hold.consecutive_refusals)
            self.emit(e.Held(now, flight.fetch.endpoint.budget, *what))

    def silence(self, role: e.Role, until: float) -> None:
        """Send nothing of that role, with any key, before then."""
        for budget in self.keys.each(role):
            budget.breaker.hold_until(until, "refused")

    @property
    def requests(self) -> int:
        """Return how many requests were sent in this session; those in flight count."""
        return self.fetches - self.unsent

    # --- of the list ------------------------------------------------------------------------------------------------

    def is_list_read(self) -> bool:
        """Return whether no page is to come: none is ready, on its way, in dispute or waiting for a retry."""
        if self.feed_open:
            return False
        on_its_way = any(flight.fetch.role == "list" for flight in self.in_flight.values())
        return not on_its_way and self.list.is_read() and not self.disputes.keeps("list")

    def judge_list(self, now: float) -> None:
        """Say why the list has ended, or ask for the page that may prove it, where no page is left to be read."""
        if self.state.listing.ended or (not self.state.parts and not self.is_list_read()):
            return
        if not self.disputes.keeps("list"):
            on_their_way = [flight.fetch.page for flight in self.in_flight.values() if flight.fetch.role == "list"]
            self.list.judge(now, {page.part for page in on_their_way})

    # --- of the session ---------------------------------------------------------------------------------------------

    def resume(self, now: float) -> None:
        """Send again, where it was paused."""
        if self.desired.paused and self.done is None:
            self.desired.paused = False
            self.emit(e.Resumed(now))

    def stop(self, now: float, reason: str, status: e.RunStatus | None = None) -> None:
        """Send nothing more; where it is not stopping already, `reason` says why. status: what it ends as."""
        if self.desired.stopping is None:
            self.resume(now)
            self.desired.stopping = reason
        if status is not None:
            self.desired.status = status
