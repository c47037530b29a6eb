"""Say what the headers of an answer mean: for its own request, for those in dispute, and for everyone.

    of a token      its own request (`credentials`)
    the token's or  the request goes back to the front, and nothing is held against it (`credentials`)
    a key's fault
    refused         by a limit, or perhaps by one: `disputes` rules, the budget pauses everyone, the request goes back
    in dispute      `disputes` keeps the request until a comparison tells
    let in          its body is read, and what it proves of others in dispute is carried out

A ruling is made before anything is recorded. Then the grant is settled, and the ruling carried out in one fixed order.
"""

from __future__ import annotations

from harness.core.concurrency import Concurrency
from harness.core.context import Context
from harness.core.credentials import Credentials
from harness.core.failures import Failures
from harness.core.rulings import LET_IN, Ruling, Suspect
from harness.core.work import InFlight
from harness.pacing import Hold, Notice, Outcome
from harness.pacing.refusals import SUSPECT, by_suspicion
from harness.record import events as e


class Headers:
    """Takes in the headers of every answer."""

    def __init__(self, context: Context, failures: Failures, credentials: Credentials) -> None:
        self._context = context
        self._failures = failures
        self._credentials = credentials

    def answered(self, fetch_id: int, now: float, notice: Notice) -> bool:
        """Take in the headers of a fetch; return whether its body is wanted."""
        context = self._context
        flight = context.in_flight[fetch_id]
        role = flight.fetch.role
        if role == "token":
            return self._credentials.token_answered(flight, now, notice)
        in_question = context.token is not None or not context.keys.is_one
        if in_question and self._credentials.are_at_fault(flight, now, notice):
            return False
        if notice.status in SUSPECT:
            let_in = context.state.pages_read + context.state.imported
            notice = by_suspicion(notice, let_in, self._has_others(role))
        disputes, probed = context.disputes, flight.budget.breaker.is_probe(flight.fetch.grant)
        ruling = disputes.heard(flight, now, notice, probed, context.state, context.fetches)
        hold = context.settle(flight, now, notice, ruling.outcome, ruling.proven)
        context.retries.answered(flight)
        if ruling.outcome is Outcome.ANSWERED and context.concurrency is not None:
            self._follow(context.concurrency, now)
        if ruling is not LET_IN:
            self._obey(ruling, flight, now, notice, hold)
        if disputes.waiting and not ruling.unauthorised:
            self._clear(flight, now, notice)
        return ruling.fate == "read"

    def _has_others(self, role: e.Role) -> bool:
        """Return whether there is another request of that role, to come, on its way or done."""
        context = self._context
        on_their_way = sum(flight.fetch.role == role for flight in context.in_flight.values())
        done = context.state.imported if role == "item" else len(context.state.pages)
        return bool(context.work.ready[role] or on_their_way > 1 or done)

    def _follow(self, concurrency: Concurrency, now: float) -> None:
        """Let the number of workers follow what the answer teaches."""
        context = self._context
        concurrency.answered(now)
        if concurrency.workers != context.desired.workers:
            context.desired.workers = concurrency.workers
            context.emit(e.WorkersSet(now, context.desired.workers))

    def _obey(self, ruling: Ruling, flight: InFlight, now: float, notice: Notice, hold: Hold | None) -> None:
        """Carry out what an answer means for its request, for those in dispute and for everyone."""
        context, breaker = self._context, flight.budget.breaker
        if notice.refused and ruling.fate != "judged":
            context.breaker.passed(flight.fetch.id, now)
            ruling.refused.append(Suspect(flight, notice))
        for suspect in ruling.refused:
            context.refused(suspect.flight, now, suspect.notice)
        context.say_held(flight, now, hold)
        if ruling.fate != "read":
            self._take_back(ruling, flight, now, notice)
        for task in reversed(ruling.freed):
            context.work.put_back(task)
        for suspect in ruling.convicted:
            self._failures.failed(suspect.flight, now, suspect.failure())
        if ruling.lift:
            breaker.lift()
        if ruling.silence_s is not None:
            breaker.hold_until(now + ruling.silence_s, "refused")
        if ruling.failed_because is not None:
            context.stop(now, context.keys.to_renew(ruling.failed_because), e.RunStatus.FAILED)

    def _take_back(self, ruling: Ruling, flight: InFlight, now: float, notice: Notice) -> None:
        """End a fetch whose body is not wanted: its request goes back into the queue, or was only for comparison."""
        context, fetch_id = self._context, flight.fetch.id
        del context.in_flight[fetch_id]
        if ruling.fate == "back" and not flight.compared:
            context.work.put_back(flight.task, second=ruling.second)
        elif ruling.fate == "dropped":
            context.returned(flight, now, "sent for comparison")
            if notice.status >= 500:
                self._failures.count(flight, now)
            else:
                context.breaker.passed(fetch_id, now)
        context.breaker.returned(fetch_id)

    def _clear(self, flight: InFlight, now: float, notice: Notice) -> None:
        """Let another answer settle 401s that wait: it may show that they were their requests' own fault."""
        context = self._context
        cleared = context.disputes.cleared(flight, now, notice, context.work)
        for other, failed in cleared.failed:
            self._failures.failed(other, now, failed)
        if cleared.silence_s is not None:
            context.silence(cleared.role, now + cleared.silence_s)
