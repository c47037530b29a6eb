"""Share one limit between runs, processes and machines: leave to send comes in leases from an account.

An *account* (`harness.account`) is the one place that knows what every run has sent to a host with a key. A holder (a
session of a run) asks it now and then in an *exchange*: it tells what became of the units that it had, gives back what
it does not need, and gets more. Between two exchanges it sends against that balance, so that `reserve` never waits for
a store. This module is the holder's half, without IO and without a clock; the stores are the other half.

**Why no limit is exceeded.** The account keeps a sliding log for each limit: a unit occupies its slot from the moment
it is leased. It is freed one window W after its answer, as it is told, or after the latest moment at which a request of
a holder that went silent can have been counted.

  Claim: no window of length W sees more than L arrivals.
  Proof. Suppose L+1 requests arrive within less than W. Let x be the one whose unit was leased last, at g(x). Fewer
  than L others occupied a slot then: so one of them, y, was leased before and had been freed. It was answered at
  r(y) <= g(x) - W, and arrived by then; x was sent after g(x). Their arrivals lie at least W apart. Contradiction.

Three things make that true across clocks. An answer is told by its *age*, which the holder measured: by the account's
clock that is its moment or later, by as long as the exchange took. A lease's life counts from *before* the holder's
call, and by the account's clock from when it took the call in: the holder stops first. And a unit of a holder that says
no more is freed after the lease's life, the request's time-out and the linger, and then a window W.

**Alone.** Where no other holder is at work, and all that counts was told when the holder began, its own strategy knows
everything. The account then leases whatever is asked for without judging it, so that windows on the server's clock,
buckets and schedules keep their full speed, and it only counts. The first exchange of somebody else ends that. The
proof holds: if x was leased so, all the others were the holder's own, and its strategy let them all through.

**Refusals.** A refusal seen by one holder is told at once, and nobody is leased anything until its pause is over. Then
one holder gets one unit, the probe; what becomes of it opens the account to all, or begins the next pause.

An exchange has a number. Where its answer never came, the same is said again under the same number, and the account,
if it had heard it, repeats what it answered: nothing is counted twice, and nothing is leased twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.pacing.base import Grant, Later, Notice, Outcome, WaitReason
from harness.pacing.exchange import LIFE_S, Exchange, Leased, Limit, Other, Spent
from harness.pacing.tiers import Tiers

# Nobody hears of what a holder sent for longer than this; a unit that was not used for as long goes back.
REPORT_S = 0.25
# Answers this close together, in parts of the shortest window, are told as one: at the time of the last.
MERGED = 0.001
# A lone holder is leased at least so many units: each exchange costs it less than a request does.
LEAST_ALONE, MOST_ALONE = 8, 4096
# All holders together keep no more than this part of a limit ready.
SPARE = 200
# What is waited for where the account names no moment: leases of others end at any time.
POLL_S = 0.02
# While the store does not answer.
AWAY_S = 0.5


@dataclass(slots=True)
class _Said:
    """An exchange on its way. called_at: when it was called first."""

    exchange: Exchange
    called_at: float
    spent: list[tuple[float, int, int]]


@dataclass(slots=True)
class _Rate:
    """How many units are taken in a second, of late, and how long an exchange takes."""

    per_s: float = 0.0
    trip_s: float = 0.0
    taken: int = 0
    since: float = 0.0

    def told(self, now: float, called_at: float) -> None:
        passed_s = now - self.since
        if passed_s >= REPORT_S / 5:
            self.per_s = max(self.taken / passed_s, self.per_s / 2)
            self.taken, self.since = 0, now
        self.trip_s = max(now - called_at, self.trip_s * 0.9)


def _nothing() -> None:
    """Ring nobody: for who asks `due_at` often."""


class LeasePacer:
    """The balance of one holder for one route. A `Budget` asks it before its strategy.

    linger_s: as of `WindowPacer`. deadline_s: no request takes longer. most: so many requests may be in flight.
    slept: how long the machine has slept, where the account's clock goes on meanwhile. named: the store was named by
    people, so that nothing takes its place. family: those of all routes of one key, this one among them.

    limits: what the budget keeps to. ring: called when an exchange becomes due earlier than `due_at` said.
    """

    def __init__(
        self,
        route: str,
        linger_s: float,
        deadline_s: float,
        most: int,
        *,
        named: bool = False,
        slept: Callable[[], float] = lambda: 0.0,
        family: list[LeasePacer] | None = None,
    ) -> None:
        self.route = route
        self.others: tuple[Other, ...] = ()
        self.alone = True
        self.detached = False  # the store is lost, and this holder paces by itself
        self.ring: Callable[[], None] = _nothing
        self.most = most
        self.limits: Callable[[float], Tiers] = lambda _: ()
        self.family = [] if family is None else family
        self.family.append(self)
        self._tiers: Tiers = ()
        self._limits: tuple[Limit, ...] = ()
        self._looked_at = -math.inf
        self._linger_s, self._deadline_s = linger_s, deadline_s
        self._named, self._slept = named, slept
        self._balance = 0
        self._alive_until = -math.inf
        self._slept_s = 0.0
        self._flying: dict[Grant, int] = {}
        self._spent: list[tuple[float, int, int]] = []  # counted by, cost, reserved
        self._back = 0
        self._number = 0
        self._said: _Said | None = None
        self._wants = 0  # units that somebody asked for in vain
        self._wanted_at = -math.inf
        self._ask_at = -math.inf
        self._later: Later | None = None
        self._hold_until = -math.inf
        self._is_held = False  # until the account says otherwise, whatever is left of the balance
        self._tell_hold: float | None = None
        self._tell_probe = ""
        self._probe_due = False  # the balance is the probe
        self._probe: Grant | None = None
        self._used_at = -math.inf
        self._told_at = -math.inf
        self._away_since: float | None = None
        self._retry_at = -math.inf
        self._rate = _Rate()

    # --- what a budget asks and tells -------------------------------------------------------------------------------

    def ready(self, now: float, cost: int, amid_pause: bool = False) -> Later | None:
        """Return None if `cost` units may be sent at `now`; else when to ask again, and an exchange becomes due."""
        if self.detached:
            return None
        if not self.alone and not amid_pause and now < self._hold_until:
            return Later(self._hold_until, "refused")
        held = self._is_held and not self.alone and not self._probe_due and not amid_pause
        if self._balance >= cost and now < self._alive_until and not held and self._is_awake():
            return None
        self._wanted_at = now
        if self._wants < cost:
            self._wants = cost
            self.ring()
        return self._until(now)

    def _is_awake(self) -> bool:
        return self._slept() <= self._slept_s + REPORT_S

    def _until(self, now: float) -> Later:
        if self._away_since is not None:
            return Later(now + AWAY_S, "account")
        if self._later is not None and now < self._ask_at:
            return self._later
        return Later(now + POLL_S, "account")

    def take(self, grant: Grant, now: float) -> None:
        """Note that `grant` was given and goes; `ready` said so."""
        if self.detached:
            return
        self._balance -= grant.cost
        self._flying[grant] = grant.cost
        self._used_at = now
        self._rate.taken += grant.cost
        if self._probe_due:
            self._probe, self._probe_due = grant, False
        if self._balance < self._ahead():
            self.ring()

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> None:
        """Note what became of `grant`: as of `WindowPacer.settle`, a refusal other than a 5xx was not counted."""
        reserved = self._flying.pop(grant, None)
        if reserved is None:
            return  # of before the account
        if outcome is Outcome.REFUSED and notice is not None and notice.status >= 500:
            spent = True
        else:
            spent = outcome in (Outcome.ANSWERED, Outcome.LOST)
        if spent:
            late_s = self._linger_s if outcome is Outcome.LOST else 0.0
            self._add_spent(now + late_s, reserved if cost is None else cost, reserved)
        else:
            self._balance += reserved
        if grant is self._probe:
            self._probe = None
            if outcome is not Outcome.REFUSED:
                self._tell_probe = "passed" if outcome is Outcome.ANSWERED else "back"
                self.ring()

    def _add_spent(self, at: float, cost: int, reserved: int) -> None:
        """Add to what is to be told; answers close together are one, at the time of the last."""
        if self._spent:
            last_at, last_cost, last_reserved = self._spent[-1]
            spans = [limit.span_s for limit in self._limits if limit.span_s]
            if 0 <= at - last_at <= MERGED * min(spans, default=1.0):
                self._spent[-1] = (at, last_cost + cost, last_reserved + reserved)
                return
        self._spent.append((at, cost, reserved))

    def refused(self, until: float) -> None:
        """Note that a refusal pauses everyone until then: the others are to hear of it at once."""
        if not self.detached:
            self._tell_hold, self._is_held = until, True
            self.ring()

    def part(self, route: str) -> LeasePacer:
        """Return a balance of its own for `route`, on the same account, where limits turn out to be by route."""
        one = LeasePacer(
            route,
            self._linger_s,
            self._deadline_s,
            self.most,
            named=self._named,
            slept=self._slept,
            family=self.family,
        )
        one.ring, one.detached = self.ring, self.detached
        one.ring()
        return one

    # --- what a courier asks and tells ------------------------------------------------------------------------------

    def _ahead(self) -> int:
        """Return how many units are to be left when more are asked for, so that nobody waits for the exchange."""
        rate = self._rate
        if self._is_free:
            return max(LEAST_ALONE // 2, min(MOST_ALONE // 2, int(rate.per_s * (REPORT_S + rate.trip_s))))
        # What lies ready is kept from others: so little of the limit that it is not missed.
        spare = min(limit.units for limit in self._limits) // (SPARE * (1 + len(self.others)))
        return max(int(rate.per_s * 2 * rate.trip_s), min(int(rate.per_s * REPORT_S), spare))

    @property
    def _is_free(self) -> bool:
        """Whether nothing is judged: it is leased what it asks for."""
        return self.alone or not self._limits

    def _wanted(self, now: float) -> int:
        if now < self._hold_until and not self.alone:
            return 0
        if self._is_free:
            if self._balance > self._ahead() or (now - self._used_at > REPORT_S and not self._wants):
                return 0
            idle_workers = (self.most - len(self._flying)) * self._wants
            return max(LEAST_ALONE, 2 * self._ahead(), self._wants, idle_workers) - self._balance
        if not self._wants:
            return max(0, self._ahead() - self._balance) if now - self._used_at <= REPORT_S else 0
        idle_workers = self.most - len(self._flying)
        return max(self._wants, idle_workers * max(1, self._wants), self._ahead()) - max(0, self._balance)

    def due_at(self, now: float) -> float:
        """Return when the next exchange is due; `now` or less: at once."""
        if self.detached:
            return math.inf
        if self._said is not None:
            return self._retry_at
        if self._tell_hold is not None or self._tell_probe or not self._number:
            return now
        if now - self._wanted_at > LIFE_S:
            self._wants = 0  # whoever asked has something else to do
        due = self._told_at + LIFE_S / 2
        if self._spent or self._back:
            due = min(due, self._told_at + self._report_s())
        if self._balance > 0 and not self._flying and not self.alone:
            due = min(due, max(self._used_at, self._told_at) + self._report_s())
        if self._wants:
            due = min(due, self._ask_at)
        elif self._balance < self._ahead() and now - self._used_at <= REPORT_S:
            due = min(due, max(self._ask_at, self._told_at + self._report_s() / 10))
        return due

    def _report_s(self) -> float:
        spans = [limit.span_s for limit in self._limits if limit.span_s]
        return min(REPORT_S, min(spans, default=math.inf) / 8)

    def exchange(self, now: float, leaves: bool = False) -> Exchange:
        """Return what is to be said at `now`. Until `replied`, it is the same, but for the ages."""
        if self._said is None:
            self._said = self._new(now, leaves)
        said = self._said
        aged = tuple(Spent(now - at, cost, reserved) for at, cost, reserved in said.spent)
        hold_s = None if said.exchange.hold_s is None else said.exchange.hold_s - (now - said.called_at)
        return replace(said.exchange, spent=aged, hold_s=hold_s)

    def _new(self, now: float, leaves: bool) -> _Said:
        self._look(now)
        spent, self._spent = self._spent, []
        unused = leaves or (not self._wants and now - self._used_at >= self._report_s())
        surplus = self._balance if unused or now >= self._alive_until or not self._is_awake() else 0
        if surplus and not leaves and self.alone and now < self._alive_until:
            surplus = max(0, surplus - LEAST_ALONE)
        if self._probe_due and surplus:
            self._probe_due, self._tell_probe = False, "back"
        self._balance -= surplus
        back, self._back = self._back + surplus, 0
        self._number += 1
        hold_s = None if self._tell_hold is None else self._tell_hold - now
        probe, self._tell_probe, self._tell_hold = self._tell_probe, "", None
        want = 0 if leaves else self._wanted(now)
        exchange = Exchange(
            number=self._number,
            route=self.route,
            limits=self._limits,
            occupies_s=self._deadline_s + self._linger_s,
            linger_s=self._linger_s,
            back=back,
            want=want,
            least=max(1, self._wants),
            hold_s=hold_s,
            probe=probe,
            leaves=leaves,
        )
        return _Said(exchange, now, spent)

    def _look(self, now: float) -> None:
        if now - self._looked_at >= REPORT_S:
            self._looked_at, self._tiers = now, self.limits(now)
            self._limits = tuple(map(Limit.of, self._tiers))

    def replied(self, now: float, leased: Leased) -> bool:
        """Take in the answer to the exchange that was called last; return whether somebody may go now who waited."""
        said = self._said
        assert said is not None, "an answer to nothing"
        self._said, self._away_since, self._retry_at = None, None, -math.inf
        self._told_at = said.called_at
        self._rate.told(now, said.called_at)
        waited = self._wants > 0
        self.others, self.alone = leased.others, leased.alone
        self._alive_until = said.called_at + LIFE_S
        self._slept_s = self._slept()
        self._balance = leased.units + (0 if leased.lost else self._balance)
        self._probe_due = leased.probing
        if self._tell_hold is None:
            self._is_held = leased.hold_s is not None or leased.waits or leased.probing
        self._wants = 0 if leased.units >= self._wants else self._wants
        self._hold_until = -math.inf if leased.hold_s is None else now + max(0.0, leased.hold_s)
        self._next_ask(now, leased)
        return waited

    def _next_ask(self, now: float, leased: Leased) -> None:
        tier = None if leased.full is None or leased.full >= len(self._tiers) else self._tiers[leased.full]
        reason: WaitReason = "probe" if leased.waits else "limit" if tier is not None else "account"
        opens_s = POLL_S if leased.opens_s is None else max(leased.opens_s, 0.0005)
        if leased.hold_s is not None:
            opens_s, reason = max(0.0, leased.hold_s), "refused"
        elif not leased.units and leased.opens_s is None and leased.full is not None:
            reason = "in flight"  # of others
        elif leased.units:
            opens_s = 0.0 if leased.opens_s is None else opens_s
        if leased.hold_s is None and opens_s > REPORT_S and any(other.leased for other in leased.others):
            # What others were leased may come back unused, and then nobody need wait for a day.
            opens_s, reason = REPORT_S, "in flight"
        self._ask_at = now + opens_s
        self._later = Later(self._ask_at, reason, tier)

    def failed(self, now: float) -> bool:
        """Note that no answer came to the exchange. True: the lease is over, and this holder now paces by itself."""
        if self._away_since is None:
            self._away_since = now
        self._retry_at = now + AWAY_S
        if self._named or now < max(self._alive_until, self._away_since + LIFE_S):
            return False
        self.detached = True
        return True

    @property
    def is_saying(self) -> bool:
        """Return whether an exchange is on its way, or was, without an answer."""
        return self._said is not None

    @property
    def is_away(self) -> bool:
        """Return whether the store does not answer."""
        return self._away_since is not None
