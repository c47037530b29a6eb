"""Say what goes next, or what stands between a request and the wire.

In this order: a stop or a pause that people asked for; the number of requests and of workers; the breaker, while
everything fails; a token, where one is needed; answers in dispute, while one of them is compared; the question whether
a limit is for one kind of request alone; and the budget, which knows the limits.
Each says no by naming when to ask again, and that is handed on as a Wait, unless the session is to end there.

What is ready goes in turn, a page and an item: items need not wait for the list, and the list, which may change while
it is read, takes at most twice as long as it would alone. Where nothing is ready, in flight or to be retried, the
session ends.
"""

from __future__ import annotations

from harness.core.answers import Answer, Done, Fetch
from harness.core.context import Context
from harness.core.keys import Reserved
from harness.core.tokens import Token
from harness.core.work import InFlight, Task
from harness.pacing import Budget, Grant, Later
from harness.record import events as e
from harness.record.quota import is_used_up

# Whose turn it is after which.
_AFTER: dict[e.Role, tuple[e.Role, e.Role]] = {"item": ("list", "item"), "list": ("item", "list")}


class Sending:
    """Answers a driver's `next`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last_role: e.Role = "item"

    def next(self, now: float) -> Answer:
        """Return the next thing to do in a session that is not over."""
        context = self._context
        context.work.promote(now)
        self._end_early(now)
        desired, waits, disputes = context.desired, context.waits, context.disputes
        if desired.stopping is not None:
            is_at_it = context.in_flight or context.held_open == "shards"
            return waits.idle(now, "stopping") if is_at_it else self._finish(now)
        if (why := self._holds_back()) is not None:
            return waits.idle(now, why)
        if context.breaker.hold is not None and (held := context.breaker.held(now)) is not None:
            return waits.later(now, held)
        if context.token is not None and context.token.is_needed(now) and self._has_work():
            return self._next_token(now, context.token)
        if disputes.waiting:  # else none of them is tried
            if not any(self._may_go(role) for role in _AFTER):
                self._try_aside(now)
            if disputes.trying:
                return self._compare(now)
        if context.kinds is not None and (role := context.kinds.next(context.in_flight, self._may_go)) is not None:
            return self._ask_kind(now, role)
        return self._next_ready(now)

    def _holds_back(self) -> str | None:
        """Return why nothing is to be sent whatever the limits are; None where that is open."""
        context, desired = self._context, self._context.desired
        if desired.paused:
            return "paused"
        if context.in_flight and context.stop_rules.is_sent(context.requests):
            return "requests"  # one of those in flight may turn out to have never left
        return "workers" if len(context.in_flight) >= min(desired.workers, context.keys.in_all) else None

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end_early(self, now: float) -> None:
        """Stop where a rule says so, unless there is nothing left to stop."""
        context = self._context
        if context.desired.stopping is not None:
            return
        if context.in_flight or not context.work.empty() or context.disputes.waiting or context.held_open:
            # While some are in flight, how many were sent is not certain, nor that anything is left to be sent.
            requests = 0 if context.in_flight else context.requests
            early = context.stop_rules.verdict(now, context.state, context.breaker, requests)
            if early is not None:
                context.stop(now, early.reason, early.status)
            elif (why := context.disputes.given_up) is not None:
                context.stop(now, why, e.RunStatus.FAILED)

    def _later(self, now: float, later: Later, retry_at: float | None = None) -> Answer:
        """Wait for a limit or a pause, or end the session where that is a quota that it is not to wait for.

        What is in flight comes first: it may hand its slot back. So does a retry that another limit would let go.
        """
        context = self._context
        wait = context.waits.later(now, later, retry_at)
        until, local = context.waits.quota_until, context.stop_rules.until_quota
        if until is None or local is None or context.in_flight:
            return wait
        if retry_at is not None and retry_at < until and not self._is_same_for_both:
            return wait
        what = is_used_up(wait.tier, later.reason)
        context.stop(now, f"--until-quota: {what} until {local(until)}; resume the run then")
        return context.waits.idle(now, "stopping") if context.held_open == "shards" else self._finish(now)

    def _finish(self, now: float) -> Done:
        context = self._context
        context.waits.end(now)
        context.waits.flush(now)
        self._leave_open(now)
        stopping = context.desired.stopping
        done = context.list.outcome() if stopping is None else Done(context.desired.status, stopping)
        context.done = done
        context.emit(e.SessionEnded(now, done.status, done.reason))
        return done

    def _leave_open(self, now: float) -> None:
        """Give up disputes that are open as the session ends: answers whose fault is not known cost nothing."""
        refused, unauthorised = self._context.disputes.leave_open()
        for suspect in refused:
            self._context.refused(suspect.flight, now, suspect.notice)
        for flight, failed in unauthorised:
            self._context.returned(flight, now, failed.reason)

    # --- a token ----------------------------------------------------------------------------------------------------

    def _has_work(self) -> bool:
        """Return whether there is something that would be sent, had it a token."""
        return any(map(self._may_go, _AFTER)) or self._context.disputes.waiting

    def _next_token(self, now: float, token: Token) -> Answer:
        """Send nothing before there is a token."""
        waits = self._context.waits
        if token.in_flight:
            return waits.later(now, Later(None, "token"))
        if token.retry_at is not None and now < token.retry_at:
            return waits.later(now, Later(token.retry_at, "token"))
        answer = self._reserve(now, "token")
        if isinstance(answer, Later):
            return self._later(now, answer)
        token.sent()
        return self._fetch(now, token.task, *answer)

    # --- answers in dispute -----------------------------------------------------------------------------------------

    def _try_aside(self, now: float) -> None:
        """Try what was set aside, to see what is the matter with it, once nothing else is left to send."""
        context = self._context
        silence_s = context.disputes.try_aside(is_idle=not context.in_flight)
        if silence_s is not None:
            context.silence("item", now + silence_s)

    def _compare(self, now: float) -> Answer:
        """Send nothing but the request that tells whose fault an answer in dispute was."""
        context = self._context
        disputes, work, waits = context.disputes, context.work, context.waits
        if disputes.is_comparing(context.in_flight):
            return waits.idle(now, "probe")
        if (held := disputes.held(now)) is not None:
            return waits.later(now, held)
        role = disputes.role(work, context.state)
        answer = self._reserve(now, role)
        if isinstance(answer, Later):
            return self._later(now, answer, work.retry_at)
        task, compared = disputes.take(role, work, context.state)
        if role == "item" and work.batch is not None and not isinstance(task.key, e.Batch):
            task = task._replace(key=e.Batch(e.items_of(task.key)))
        fetch = self._fetch(now, task, *answer)
        disputes.sent(context.in_flight[fetch.id], compared, now)
        return fetch

    # --- limits of one kind of request ------------------------------------------------------------------------------

    def _ask_kind(self, now: float, role: e.Role) -> Answer:
        """Send nothing but a request of `role`, amid a pause, to see whether the limit that refused is for it, too."""
        context = self._context
        kinds = context.kinds
        assert kinds is not None
        if context.in_flight:
            return context.waits.later(now, Later(None, "probe"))
        answer = kinds.budget.past(now, context.rules.cost(role))
        if isinstance(answer, Later):
            kinds.give_up()
            return self._next_ready(now)
        fetch = self._fetch(now, context.work.take(role), kinds.endpoints[role], kinds.budget, answer)
        kinds.sent(fetch.id)
        return fetch

    # --- what is ready ----------------------------------------------------------------------------------------------

    def _next_ready(self, now: float) -> Answer:
        """Send what is ready, a page and an item in turn. `sequential` reads the list first."""
        context = self._context
        chooser, work = context.chooser, context.work
        if chooser.phase == "sampling" and not (context.in_flight or work.ready["item"]):
            chooser.give_up()  # there are no more to compare
        later: Later | None = None
        for role in _AFTER[self._last_role]:
            if not self._may_go(role) or (later is not None and self._is_same_for_both):
                continue
            answer = self._reserve(now, role, None if context.keys.is_one else work.front(role))
            if not isinstance(answer, Later):
                place = chooser.place if chooser.phase == "sampling" else 0.0
                return self._fetch(now, work.take(role, place), *answer)
            if later is None or (answer.until is not None and (later.until is None or answer.until < later.until)):
                later = answer
        return self._nothing_ready(now, later)

    def _nothing_ready(self, now: float, later: Later | None) -> Answer:
        """Say what is waited for, where nothing may be sent. later: the budgets' answer; None: nothing is ready."""
        context = self._context
        waits, retry_at = context.waits, context.work.retry_at
        if later is not None and later.until is None and not context.in_flight and context.keys.unrest():
            return self._next_ready(now)
        if context.concurrency is not None:
            context.concurrency.held()
        if later is not None:
            return self._later(now, later, retry_at)
        if context.in_flight:
            return waits.idle(now, "in flight", until=retry_at)
        if retry_at is not None:
            return waits.retry(now, retry_at)
        if context.held_open:
            return waits.idle(now, context.held_open)
        return self._finish(now)

    @property
    def _is_same_for_both(self) -> bool:
        """Whether a page and an item get the same answer: one budget pays for them, and they cost the same."""
        keys, rules = self._context.keys, self._context.rules
        return keys.is_one and keys.first("list") is keys.first("item") and rules.list_cost == rules.item_cost

    def _may_go(self, role: e.Role) -> bool:
        """Return whether one of that role is ready, and need not wait for the list to be read."""
        context = self._context
        chooser, work = context.chooser, context.work
        if chooser.is_open and (role == "item" or chooser.phase == "sampling"):
            sampling = chooser.phase == "sampling" or (chooser.takes_all and context.is_list_read())
            return role == "item" and sampling and bool(work.ready[role]) and not context.in_flight
        if role == "list" or not work.ready[role]:
            return bool(work.ready[role])
        if context.rules.sequential or (work.batch is not None and not work.fills_batch()):
            return context.is_list_read()
        return True

    # --- a grant, and the request -----------------------------------------------------------------------------------

    def _reserve(self, now: float, role: e.Role, key: e.Key | None = None) -> Reserved | Later:
        context = self._context
        cost = context.rules.cost(role)
        only = context.keys.only.get(role)
        if only is not None:  # nearly every request passes here
            granted = only[1].reserve(now, cost)
            return (*only, granted) if isinstance(granted, Grant) else granted
        flying = [flight.fetch.endpoint for flight in context.in_flight.values()]
        return context.keys.reserve(now, role, cost, flying, key)

    def _fetch(self, now: float, task: Task, endpoint: e.Endpoint, budget: Budget, grant: Grant) -> Fetch:
        context, role = self._context, task.role
        context.waits.end(now)
        if role != "token":
            self._last_role = role
        context.fetches += 1
        target = context.redirects.target(role, task.key) if context.redirects.hops else None
        places = context.state.places
        place = places.get(task.key) if places.by_template and role == "item" else None  # type: ignore[arg-type]
        fetch = Fetch(context.fetches, role, task.key, task.attempt, endpoint, grant, now, target, place)
        token = 0 if context.token is None else context.token.sent_with(fetch.id)
        context.in_flight[fetch.id] = InFlight(fetch, budget, token=token)
        context.breaker.sent(fetch.id, now)
        return fetch
