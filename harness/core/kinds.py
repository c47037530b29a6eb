"""Find out whether a limit is for one kind of request alone, the list's or the items'; then learn of each by itself.

A strategy that learns takes all requests of a key for one stream. Where the list has a limit of its own, the items that
were let through are counted with its pages, what is learned fits neither, and the items wait for the list.

**The question.** It is asked in a pause for which one kind alone was refused, as soon as nothing is on its way. Of the
kind that was refused (R) and the other (O), one request at a time:

    O R O O O       each O let through and the R refused: the limit is R's own
    O refused       the limit is for both; what that cost is one refusal
    R let through   the pause was over, or what was limited is how many are in flight

A window that both share refuses the first O. So does a bucket, unless it refills within a round trip; one that does so
lets the R through as well, or else it runs dry before the last O: that it should give exactly what is asked takes a
rate within a fifth of one for each round trip. After a question in vain twice as many pauses go by before the next.

Then each kind gets a budget and a strategy of its own, which is told once more all that became of its requests
(`Kinds.parted`), and what was declared for all stays in force for both. With several keys nothing is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence, Sized
from typing import NamedTuple

from harness.core.budgets import ROLES, Budgets, budget_name
from harness.core.work import InFlight
from harness.pacing import Budget, Grant, Notice, Outcome
from harness.pacing.routes import Common, Learner, LearningRoutePacer, Parting
from harness.record.events import Endpoint, Role

# Whom the question asks, in this order, and whether it must be let through.
QUESTION = (("other", True), ("refused", False), ("other", True), ("other", True), ("other", True))
# A strategy is told no more of what was before: enough for two windows of a limit that is met while a list is read.
MOST_TOLD = 4000
_OTHER: dict[Role, Role] = {"list": "item", "item": "list"}


class Told(NamedTuple):
    """A request and what became of it, as a strategy is told."""

    role: Role
    sent_s: float
    ended_s: float
    outcome: Outcome
    notice: Notice | None
    cost: int


class Kinds:
    """Follows the one budget that the list and its items share."""

    def __init__(self, doors: dict[Role, Endpoint], budget: Budget) -> None:
        self.endpoints = doors
        self.budget = budget
        self.history: deque[Told] = deque(maxlen=MOST_TOLD)
        self._refused: set[Role] = set()  # in the pause in force
        self._step: int | None = None  # of the question; None while none is asked
        self._asked: int | None = None  # the request on its way that is part of it
        self._over = False  # it was asked in this pause
        self._vain = 0
        self._pauses = 0  # so many go by before the next question

    @property
    def role(self) -> Role:
        """Return which kind was refused."""
        (role,) = self._refused
        return role

    @property
    def evidence(self) -> str:
        """Return, for people, what showed it."""
        (refused, other) = ("pages", "items") if self.role == "list" else ("items", "pages")
        return f"{refused} were refused while {other} got through, before and after: limits are learned of each kind"

    @property
    def are_apart(self) -> bool:
        """Return whether the limit was found to be for one kind alone."""
        return self._step == len(QUESTION)

    def next(self, in_flight: Sized, may_go: Callable[[Role], bool]) -> Role | None:
        """Return what the question asks next; None while none is to be asked."""
        if self._step is None:
            if self._over or len(self._refused) != 1 or in_flight or not all(map(may_go, ROLES)):
                return None
            if self._pauses > 0:
                self._pauses -= 1
                self._over = True
                return None
            self._step = 0
        elif not in_flight and not all(map(may_go, ROLES)):
            self.give_up()
            return None
        return self.role if QUESTION[self._step][0] == "refused" else _OTHER[self.role]

    def sent(self, fetch_id: int) -> None:
        """Note that the request goes that `next` asked for."""
        self._asked = fetch_id

    def give_up(self) -> None:
        """Ask no more in this pause."""
        self._step, self._asked, self._over = None, None, True
        self._vain += 1
        self._pauses = 2**self._vain - 1

    def settled(self, flight: InFlight, now: float, outcome: Outcome, notice: Notice | None) -> None:
        """Take in what became of a request, once its budget has."""
        fetch = flight.fetch
        if flight.budget is not self.budget or fetch.role not in _OTHER:
            return
        if outcome is not Outcome.UNUSED:
            self.history.append(Told(fetch.role, fetch.sent_s, now, outcome, notice, fetch.grant.cost))
        if outcome is Outcome.REFUSED:
            # What may be the fault of its own request says nothing of its kind.
            self._refused |= set(_OTHER) if notice is None or notice.doubtful else {fetch.role}
        if fetch.id == self._asked:
            self._answered(outcome)
        elif self._step is None and self.budget.hold is None:
            self._refused.clear()
            self._over = False

    def _answered(self, outcome: Outcome) -> None:
        """Take in the answer to one request of the question."""
        assert self._step is not None
        self._asked = None
        through = QUESTION[self._step][1]
        if outcome is (Outcome.ANSWERED if through else Outcome.REFUSED) and len(self._refused) == 1:
            self._step += 1
        else:
            self.give_up()

    def parted(self, budgets: Budgets, now: float) -> Budgets:
        """Return budgets by route in place of the one that all share; nothing may be in flight."""
        pacer, hold = self.budget.pacer, self.budget.hold
        assert isinstance(pacer, Parting)
        common = Common(pacer.common(now))
        made: dict[Endpoint, Budget] = {}
        for endpoint in budgets:
            own = pacer.alike()
            tell(own, [told for told in self.history if told.role == endpoint.role])
            name = budget_name(endpoint.credential, endpoint.role)
            account = None if self.budget.account is None else self.budget.account.part(endpoint.role)
            new = Budget(name, LearningRoutePacer(endpoint.role, own, common), self.budget.longest_s, account)
            if endpoint.role == self.role and hold is not None:
                new.breaker.hold_until(hold.until, "refused")
            made[endpoint._replace(budget=name)] = new
        return made


def kinds_of(budgets: Budgets) -> Kinds | None:
    """Return what follows these budgets; None where they are by route or of several keys, or learn nothing."""
    doors = {endpoint.role: endpoint for endpoint in budgets if endpoint.role in _OTHER}
    shared = {id(budget): budget for endpoint, budget in budgets.items() if endpoint.role in _OTHER}
    if len(shared) != 1 or set(doors) != set(_OTHER) or len({endpoint.credential for endpoint in budgets}) > 1:
        return None
    (budget,) = shared.values()
    return Kinds(doors, budget) if isinstance(budget.pacer, Parting) else None


def tell(pacer: Learner, history: Sequence[Told]) -> None:
    """Tell a strategy what became of requests as if they were sent just now, in the order of what happened."""
    moments = [(told.sent_s, False, at) for at, told in enumerate(history)]
    moments += [(told.ended_s, True, at) for at, told in enumerate(history)]
    grants: dict[int, Grant] = {}
    for t_s, is_end, at in sorted(moments):
        told = history[at]
        if is_end and at in grants:
            pacer.settle(grants.pop(at), t_s, told.outcome, told.notice)
        elif not is_end and isinstance(grant := pacer.overrule(t_s, told.cost), Grant):
            grants[at] = grant
