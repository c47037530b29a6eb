"""Both stores give the same answers to the same exchanges, down to the last digit: embedded is the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, Holder
from harness.account.valkey import keys_of
from harness.pacing.exchange import Exchange, Leased, Limit, Spent
from tests.account.valkey_server import Direct, Server
from tests.account.world import OPEN

pytestmark = pytest.mark.realtime

SETS = (
    (Limit(5, 1.01, "*", "5/1s"),),
    (Limit(10, 2.02, "*", "10/2s"), Limit(30, 10.1, "*", "30/10s")),
    (Limit(4, 2.02, "list", "4/2s list"), Limit(20, 5.05, "*", "20/5s")),
    (Limit(3, 0.0, "*", "3 at once"), Limit(50, 30.2, "*", "50/30s")),
    (Limit(100, 60.4, "*", "100/60s"), Limit(8, 2.02, "item", "8/2s item")),
    (Limit(600, 5.05, "*", "600/5s"),),
    (),
)
ROUTES = ("*", "*", "*", "list", "item")
_numbers = count()


@dataclass
class Said:
    """What one holder has, on one route, as it believes."""

    number: int = 0
    has: int = 0
    last: Exchange | None = None


@dataclass
class Twins:
    """The same holders and clock, before both stores."""

    embedded: EmbeddedStore
    valkey: Direct
    key: AccountKey
    limits: tuple[Limit, ...]
    now: float = 1000.0
    said: dict[tuple[int, str], Said] = field(default_factory=dict)

    def holder(self, index: int) -> Holder:
        return Holder(f"h{index}", f"run{index % 2}", 100 + index, "m", "s")

    def both(self, do: Any) -> Any:
        expected, found = do(self.embedded), do(self.valkey)
        assert found == expected
        return expected

    def join(self, index: int, dead: tuple[str, ...]) -> None:
        holder = self.holder(index)
        expected, found = (s.join_now(self.key, holder, 30.0, dead) for s in (self.embedded, self.valkey))
        order = [sorted((one.age_s, one.route, one.cost) for one in counted) for counted in (expected, found)]
        assert order[0] == order[1]

    def exchange(self, index: int, route: str, one: dict[str, Any]) -> Leased:
        said = self.said.setdefault((index, route), Said())
        if one["repeat"] and said.last is not None:
            exchange = said.last
        else:
            said.number += 1
            spent = []
            for age_s, cost, reserved in one["spent"]:
                taken = min(reserved, said.has)
                said.has -= taken
                if taken:
                    spent.append(Spent(age_s, min(cost, taken), taken))
            back = min(one["back"], said.has)
            said.has -= back
            exchange = Exchange(
                said.number, route, self.limits, 3.0, one["linger_s"], tuple(spent), back, one["want"],
                least=one["least"], hold_s=one["hold_s"], probe=one["probe"], leaves=one["leaves"],
            )  # fmt: skip
        leased: Leased = self.both(lambda store: store.exchange_now(self.key, self.holder(index), exchange))
        if exchange is not said.last:
            said.has += leased.units
        said.last = exchange
        return leased

    def look(self) -> None:
        accounts = [one for one in self.embedded_accounts() if one.key.host == self.key.host]
        if not accounts:
            return
        known = {limit.text: limit for limit in accounts[0].limits}
        found = self.valkey.look_now(self.key)
        # The embedded store notes what is kept to every 16 calls.
        assert [known[limit.text] for limit in found.limits if limit.text in known] == [
            limit for limit in found.limits if limit.text in known
        ]
        assert {one.id for one in found.holders} == {one.id for one in accounts[0].holders}
        assert found.hold_s == accounts[0].hold_s

    def embedded_accounts(self) -> list[Any]:
        try:
            self.embedded.accounts().send(None)
        except StopIteration as done:
            return list(done.value)
        raise AssertionError("it awaited")


EXCHANGE = st.fixed_dictionaries(
    {
        "repeat": st.sampled_from((False,) * 7 + (True,)),
        "spent": st.lists(
            st.tuples(st.sampled_from((0.0, 0.01, 0.3, 1.4, 2.5, 20.0, -1.0)), st.integers(0, 3), st.integers(1, 4)),
            max_size=4,
        ),
        "back": st.sampled_from((0, 0, 1, 5)),
        "want": st.sampled_from((0, 1, 2, 7, 40, 590)),
        "least": st.sampled_from((1, 1, 2)),
        "hold_s": st.sampled_from((None,) * 6 + (0.0, 1.5)),
        "probe": st.sampled_from(("",) * 3 + ("passed", "back")),
        "leaves": st.sampled_from((False,) * 9 + (True,)),
        "linger_s": st.sampled_from((0.0, 1.0)),
    }
)
STEP = st.one_of(
    st.tuples(st.just("exchange"), st.integers(0, 2), st.sampled_from(ROUTES), EXCHANGE),
    st.tuples(st.just("exchange"), st.integers(0, 2), st.just("*"), EXCHANGE),
    st.tuples(st.just("join"), st.integers(0, 2), st.sampled_from(((), (), ("h0",), ("h1", "h2")))),
    st.tuples(st.just("look")),
    st.tuples(st.just("pass"), st.sampled_from((0.001, 0.05, 0.5, 1.2, 2.6, 6.0, 33.0, 130.0))),
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(limits=st.sampled_from(SETS), steps=st.lists(STEP, max_size=60))
def test_the_same_answers(valkey_server: Server, limits: tuple[Limit, ...], steps: list[tuple[Any, ...]]) -> None:
    with valkey_server.client() as client:
        key = AccountKey(f"host{next(_numbers)}.test", "k", "T")
        twins: Twins
        embedded = EmbeddedStore(None, clock=lambda: twins.now, start="s", dead=lambda _: False)
        OPEN.append(embedded)
        embedded.open_now()
        embedded._id = lambda db: "s"  # type: ignore[method-assign]
        twins = Twins(embedded, Direct(client, lambda: twins.now), key, limits)
        for index in range(2):
            twins.join(index, ())
        for what, *rest in steps:
            if what == "pass":
                twins.now += rest[0]
            else:
                getattr(twins, what)(*rest)
        twins.look()
        embedded.close_now()


def test_units_that_are_gathered_count_as_long_or_a_little_longer(valkey_server: Server) -> None:
    """One every 0.1 s for 300 s. Each limit counts what was sent within its span, and at most 1/400 of it more."""
    now = [5000.0]
    limits = (Limit(10**6, 50.0, "*", "short"), Limit(10**6, 150.0, "*", "long"))
    key, holder = AccountKey(f"gathered{next(_numbers)}.test", "k", "T"), Holder("a", "a", 1, "m", "s")
    with valkey_server.client() as client:
        store = Direct(client, lambda: now[0])
        store.join_now(key, Holder("b", "b", 1, "m", "s"), 1.0)
        for number in range(1, 3001):
            spent = (Spent(0.0, 1, 1),) if number > 1 else ()
            store.exchange_now(key, holder, Exchange(number, "*", limits, 3.0, 1.0, spent, want=1))
            if number % 100 == 0:
                sent = [5000.0 + 0.1 * index for index in range(1, number)]
                for limit, shown in zip(limits, store.look_now(key).limits, strict=True):
                    least, most = (sum(at > now[0] - limit.span_s * part for at in sent) for part in (1, 1 + 1 / 400))
                    assert least <= shown.used - 1 <= most  # one is leased
            now[0] += 0.1
        entries = client.zcard(keys_of(key)[1])
    assert entries < 2000  # of 3,000
