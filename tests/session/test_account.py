"""Several runs on one account: together they keep to the limits, in virtual time through the client of real imports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from harness_test_api import ServerConfig, Service, create_app

from harness.account.account import Account
from harness.account.embedded import EmbeddedStore
from harness.account.store import AccountKey, Holder
from harness.config import ImportConfig
from harness.core.budgets import each
from harness.pacing import parse_tiers
from harness.record.run import Run
from harness.session.checking import check
from harness.session.factory import budgets_for
from harness.session.importing import _rest, import_into, prepared
from harness.session.joining import joined, remembered_in, span_of
from harness.session.planning import look_ahead
from harness.session.session import Session
from harness.source.client import HttpApi
from tests.asgi import InProcess
from tests.session.served import EPOCH_S, LIST

pytestmark = [pytest.mark.anyio, pytest.mark.matrix]
KEY = AccountKey("127.0.0.1", "k", "API_TOKEN")


class OpenStore(EmbeddedStore):
    """A store that several sessions of a test share: none of them closes it."""

    async def close(self) -> None:
        pass


OPEN: list[EmbeddedStore] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the books of every machine that a test has made."""
    yield
    while OPEN:
        OPEN.pop().close_now()


class Machine:
    """A test API, an account, and the runs of one machine."""

    def __init__(self, folder: Path, limit: str, items: int, **server: Any) -> None:
        self.folder, self.limit = folder, limit
        self.service = Service(
            ServerConfig(items=items, limit=(limit,), latency="50ms", **server), trio.current_time(), EPOCH_S
        )
        self.app = create_app(ServerConfig(items=items, limit=(limit,), latency="50ms", **server), self.service)
        self.store = OpenStore(None, clock=trio.current_time, start="s", dead=lambda _: False)
        self.store_id = self.store.open_now()
        OPEN.append(self.store)
        self._holders = 0

    def config(self, **settings: Any) -> ImportConfig:
        told = {"url": LIST, "results": self.folder, "limit": self.limit, "workers": 10, **settings}
        return ImportConfig(**told)

    def api(self, config: ImportConfig) -> HttpApi:
        how: Any = {"workers": 10, "timeout_s": 30.0, "find_size": True}
        return HttpApi(_rest(config, LIST), transport=InProcess(self.app), **how)

    def account(self, config: ImportConfig, name: str) -> Account:
        self._holders += 1
        holder = Holder(f"{name}-{self._holders}", name, self._holders, "m", self.store_id)
        return Account(
            self.store, self.store_id, holder, {None: KEY}, named=False, deadline_s=config.timeout_s, linger_s=1.0
        )

    async def run(self, name: str, **settings: Any) -> Run:
        config = self.config(run=name, **settings)
        account = self.account(config, name)
        with prepared(config) as run:
            learned = await remembered_in(account, config)
            dead = tuple(one[1] for one in run.about.get("accounts", []))
            await joined(account, span_of((*config.limits, *learned)), dead)
            async with self.api(config) as api:
                return await import_into(run, config, api, LIST, inline=True, account=account, remembered=learned)

    async def ask(self, what: Any, **settings: Any) -> Any:
        config = self.config(**settings)
        account = self.account(config, "a check")
        kept = tuple(tier for text in await account.kept() for tier in parse_tiers(text))
        await joined(account, span_of((*config.limits, *kept)))
        async with self.api(config) as api:
            try:
                return await what(api, config, account, kept)
            finally:
                await account.leave(trio.current_time)

    @property
    def counts(self) -> tuple[int, int]:
        """How many requests were let through, and refused."""
        report = self.service.report()
        return report["admitted"], report["refused"]


async def at_once(*what: Any) -> list[Any]:
    """Do all of it at the same time; return what came of each."""
    found: dict[int, Any] = {}

    async def one(at: int, do: Any) -> None:
        found[at] = await do()

    async with trio.open_nursery() as nursery:
        for at, do in enumerate(what):
            nursery.start_soon(one, at, do)
    return [found[at] for at in range(len(what))]


async def checked(machine: Machine) -> Any:
    return await machine.ask(lambda api, config, account, kept: check(api, config, EPOCH_S, account, kept))


@pytest.mark.parametrize(
    "limit", ["60/20s:log", "60/20s:anchored", "60/20s:aligned", "40/5s+100/20s:log", "60/20s:bucket"]
)
async def test_a_check_a_dry_run_and_two_imports_in_a_row_are_never_refused(tmp_path: Path, limit: str) -> None:
    """Each begins where those before it have left the limits."""
    machine = Machine(tmp_path, limit, items=150)
    await checked(machine)
    await machine.ask(look_ahead)
    first, second = await machine.run("first"), await machine.run("second")
    assert (first.status, second.status) == ("complete", "complete")
    admitted, refused = machine.counts
    assert refused == 0
    assert admitted == 2 * 152 + 4 + 2


@pytest.mark.parametrize("limit", ["60/20s:log", "40/5s+100/20s:log", "60/20s:anchored"])
@pytest.mark.parametrize("runs", [2, 4])
async def test_imports_at_once_share_and_reach_what_one_alone_would(tmp_path: Path, limit: str, runs: int) -> None:
    """No refusal, and together 0.95 of the best: that is what one import of all items takes at the least."""
    machine = Machine(tmp_path, limit, items=600 // runs)
    ended = await at_once(*(lambda name=f"r{n}": machine.run(name) for n in range(runs)))
    assert {run.status for run in ended} == {"complete"}
    admitted, refused = machine.counts
    assert (admitted, refused) == (600 + 6 if runs == 2 else 608, 0)
    periods = {"60/20s:log": 20.0 * ((admitted - 1) // 60), "60/20s:anchored": 20.0 * ((admitted - 1) // 60)}
    best_s = periods.get(limit, 20.0 * ((admitted - 1) // 100))
    assert best_s / trio.current_time() >= 0.95


async def test_each_says_that_it_shares(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run that begins beside another says so, once; so does the other."""
    machine = Machine(tmp_path, "60/20s:log", items=100)
    await at_once(lambda: machine.run("r0"), lambda: machine.run("r1"))
    said = [record.getMessage() for record in caplog.records if "uses the same limits" in record.getMessage()]
    assert sorted(re.sub(r"\d\)", ")", line) for line in said) == [
        "r0 (process ) uses the same limits now: both keep to them together",
        "r1 (process ) uses the same limits now: both keep to them together",
    ]
    assert [Run(tmp_path / name).shared_with for name in ("r0", "r1")] == [("r1",), ("r0",)]
    assert Run(tmp_path / "r0").summary()["shared_with"] == ["r1"]  # type: ignore[index]


async def test_one_alone_is_as_fast_as_without_an_account(tmp_path: Path) -> None:
    """To the digit, where the store takes no time: its own strategy decides, windows on the server's clock and all."""
    took = {}
    for account in (True, False):
        began = trio.current_time()
        machine = Machine(tmp_path, "60/20s:aligned", items=150)
        if account:
            await machine.run("with")
        else:
            config = machine.config(run="without")
            with prepared(config) as run:
                async with machine.api(config) as api:
                    await import_into(run, config, api, LIST, inline=True)
        took[account] = round(trio.current_time() - began, 1)
        assert machine.counts == (152, 0)
        await trio.sleep(20.0 - (trio.current_time() - began) % 20.0)
    assert took[True] == took[False]


async def test_what_a_session_sent_is_charged_once_by_the_account_that_knows_it(tmp_path: Path) -> None:
    """And not from its events as well; from these where the next session has no account."""
    machine = Machine(tmp_path, "60/20s:log", items=100)
    await machine.run("r", max_items=40)
    used: list[int] = []
    for account in (True, False):
        config = machine.config(run="r", resume=True)
        with prepared(config) as run:
            mine = machine.account(config, "r") if account else None
            if mine is not None:
                await joined(mine, 120.0, run.holders)
            session = Session(run, config, inline=True, account=mine, remembered=())
            used += [tier.used for tier in session.core.tier_statistics(0.0)]
            session._sent.close()
            session.control_server.close()
    assert used == [41, 41]


async def test_a_session_that_lost_its_store_is_charged_from_its_events(tmp_path: Path) -> None:
    """The account does not know all of it, and run.json says so."""
    machine = Machine(tmp_path, "60/20s:log", items=100)
    config = machine.config(run="r")
    account = machine.account(config, "r")
    with prepared(config) as run:
        await joined(account, 120.0)
        async with machine.api(config) as api, trio.open_nursery() as nursery:

            async def break_it() -> None:
                await trio.sleep(5.0)
                machine.store.close_now()

            nursery.start_soon(break_it)
            await import_into(run, config, api, LIST, inline=True, account=account, remembered=())
    assert run.status == "complete"
    assert run.about["accounts"] == [["", account.holder.id]]
    assert machine.counts == (101, 0)


async def test_two_keys_of_one_account_keep_to_its_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a holder of its own: neither takes the other's lease for its own."""
    for name in ("A", "B"):
        monkeypatch.setenv(name, f"token-{name}")
    machine = Machine(tmp_path, "10/5s:log", items=1)
    config = machine.config(token_env=["A", "B"], account="plan")
    holder = Holder("h", "r", 1, "m", machine.store_id)
    keys = {"A": KEY, "B": KEY}
    account = Account(machine.store, machine.store_id, holder, keys, named=False, deadline_s=2.0, linger_s=1.0)
    await account.join(120.0)
    budgets = budgets_for(config, (), account)
    for _ in range(20):
        for budget in each(budgets):
            budget.reserve(trio.current_time())
        await account.begin(trio.current_time, lambda: None)
        await trio.sleep(0.05)
    sent = [budget.pacer.statistics(0.0).in_flight for budget in each(budgets)]
    assert (len(sent), sum(sent)) == (2, 10)
