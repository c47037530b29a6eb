"""The account in Valkey or Redis, from version 7 on: for runs on several machines.

Every exchange is one script (`exchange.lua`), which the server runs as one step. The keys of an account carry one
`{tag}`, so that a cluster keeps them together. They expire once nothing in them can count any more; only the secret and
what was learned stay.

**Time** is the server's, which is a wall clock. Where it is set back, an account's clock goes on from where it was.
Where it is set forward, units are freed too early: let it be slewed, as time daemons do.

**What the server forgets.** Emptied, it has another id; restarted, another run: what it has on disk then may be older
than what was leased, and so may a replica's that was promoted. Either way nothing is leased until nothing of before can
count: slower, never over. Keys that were evicted are missed in the same way.

There is one connection, for one command at a time. Whatever goes wrong on it ends it; the next call makes another.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import trio

from harness.account.books import (
    AHEAD,
    CLOSE_S,
    FORGOTTEN_S,
    GATHERED,
    GATHERED_AFTER_S,
    LEAST_KEPT_S,
    PRESENT_S,
    STALE_S,
)
from harness.account.connection import Connection, Refused, address, connect
from harness.account.store import AccountKey, AccountNow, Counted, Holder, LimitNow, StoreUnavailable
from harness.pacing.exchange import LIFE_S, Exchange, Leased, Other

SCHEMA = 1
# Since then a script may read the time and write.
LEAST_VERSION = 7
# A store that takes longer for one step is of no use to those who wait for it.
TIMEOUT_S = 1.0
META, ACCOUNTS = "harness:meta", "harness:accounts"
# In exchanges of an account: little is tidied at a time, since the server does nothing else meanwhile.
TIDIED_EVERY = 64
_CONSTANTS = (
    LIFE_S,
    PRESENT_S,
    STALE_S,
    CLOSE_S,
    AHEAD,
    LEAST_KEPT_S,
    FORGOTTEN_S,
    GATHERED,
    GATHERED_AFTER_S,
    TIDIED_EVERY,
)

Reply = list[str]


@cache
def script() -> tuple[str, str]:
    """Return the script, and the name by which a server knows it."""
    text = resources.files("harness.account").joinpath("exchange.lua").read_text(encoding="utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# --- what is said to the script, and what it answers ------------------------------------------------------------------


@lru_cache(maxsize=256)
def keys_of(key: AccountKey) -> list[str]:
    """Return the names of an account's keys: its state, its units, its last answers, what was learned."""
    tag = hashlib.blake2b(f"{key.host}\0{key.identity}".encode(), digest_size=12).hexdigest()
    return [f"harness:{{{tag}}}:{part}" for part in ("state", "units", "answers", "learned")]


def call(
    op: str, run: str, store_id: str, clock: Callable[[], float] | None, holder: Holder, told: Sequence[Any]
) -> str:
    """Return the script's one argument. store_id: "" where it was not looked up for this call; told: by `op`."""
    now = False if clock is None else clock()
    who = (holder.id, holder.name, str(holder.pid), holder.machine, holder.store)
    return json.dumps((_CONSTANTS, op, run, store_id, now, who, told))


def told_exchange(said: Exchange) -> Sequence[Any]:
    """Return an exchange as the script reads it."""
    limits = [one for limit in said.limits for one in (limit.units, limit.span_s, limit.route, limit.text)]
    spent = [one for unit in said.spent for one in (unit.age_s, unit.cost, unit.reserved)]
    hold_s = False if said.hold_s is None else said.hold_s
    begins = (said.number, said.route, said.occupies_s, said.linger_s, said.back, said.want, said.least)
    return (*begins, hold_s, said.probe, said.leaves, limits, spent)


def split(reply: bytes) -> Reply:
    """Return the parts of an answer."""
    return reply.decode().split("\0")


def leased_of(reply: Reply) -> Leased:
    """Return the script's answer to an exchange."""
    _, units, alone, opens_s, full, hold_s, probing, waits, lost, *rest = reply
    others = sorted(zip(*(rest[part::5] for part in (1, 0, 2, 3, 4)), strict=True)) if rest else ()
    return Leased(
        units=int(units),
        alone=alone == "1",
        opens_s=_number(opens_s),
        full=int(full) if full else None,
        hold_s=_number(hold_s),
        probing=probing == "1",
        waits=waits == "1",
        others=tuple(Other(name, int(pid), machine, int(leased)) for name, _, pid, machine, leased in others),
        lost=lost == "1",
    )


def counted_of(reply: Reply) -> list[Counted]:
    """Return the script's answer to somebody who joins, oldest first."""
    rows = zip(reply[1::3], reply[2::3], reply[3::3], strict=True)
    return sorted((Counted(route, float(age), int(cost)) for route, age, cost in rows), key=lambda one: -one.age_s)


def now_of(reply: Reply, key: AccountKey, learned: str) -> AccountNow:
    """Return an account as it is now. A limit that was known with several spans is shown as it was kept to last."""
    _, hold_s, used_s, number, *rest = reply
    people, rows = rest[: 4 * int(number)], rest[4 * int(number) :]
    holders = sorted(zip(people[::4], people[1::4], people[2::4], people[3::4], strict=True))
    latest: dict[str, tuple[float, float, LimitNow]] = {}
    for text, units, used, left, opens_s, span_s, seen_t in zip(*(rows[part::7] for part in range(7)), strict=True):
        one = LimitNow(text, int(units), int(used), int(left), _number(opens_s))
        if text not in latest or latest[text][1] < float(seen_t):
            latest[text] = (float(span_s), float(seen_t), one)
    return AccountNow(
        key,
        tuple(one for _, _, one in sorted(latest.values(), key=lambda one: one[0])),
        tuple(Holder(holder, name, int(pid), machine) for holder, name, pid, machine in holders),
        learned,
        _number(hold_s),
        _number(used_s),
    )


def _text(value: bytes) -> str:
    return value.decode()


def _number(text: str) -> float | None:
    return float(text) if text else None


# --- the store --------------------------------------------------------------------------------------------------------

_REASONS = {
    "LOADING": "cannot be used yet: the server is loading its data",
    "BUSY": "cannot be used: the server is busy with a script of somebody else",
    "READONLY": "cannot be used: the server is a replica, which only reads; name its primary",
    "MASTERDOWN": "cannot be used: the server is a replica that lost its primary; name the primary",
    "OOM": "cannot be used: the server is out of memory; raise its maxmemory",
    "WRONGPASS": "cannot be used: the server refuses the user or the password",
    "NOAUTH": "cannot be used: the server asks for a password; put it in the address",
    "NOPERM": "cannot be used: its rules do not let this user run scripts and INFO on keys harness:*",
    "UNKNOWN": f"cannot be used: the server is too old; version {LEAST_VERSION} or later is needed, of Valkey or Redis",
    "MOVED": "cannot be used: this node of a cluster does not keep it; name the node that does",
}


class ValkeyStore:
    """A `BudgetStore` in the server at `url`. clock: in place of the server's, in seconds, for tests.

    BadInput for a URL that names nothing.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        self._address = address(url)
        self.where = self._address.where
        self._clock = clock
        self._connected: Connection | None = None
        self._run_id = ""
        self._closed = False
        self._turn = trio.Lock()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """Lend the connection; StoreUnavailable for whatever goes wrong."""
        if self._closed:
            raise StoreUnavailable(f"the account in {self.where} is closed")
        try:
            with trio.fail_after(TIMEOUT_S):
                await self._wait_for_turn()
                try:
                    one = self._connected
                    yield one if one is not None and one.is_usable else await self._usable()
                finally:
                    self._turn.release()
        except (Refused, trio.TooSlowError, OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise StoreUnavailable(f"the account in {self.where} {self._reason(error)}") from None

    async def _wait_for_turn(self) -> None:
        try:
            self._turn.acquire_nowait()  # `async with` would let other tasks run even if nobody is before
        except trio.WouldBlock:
            await self._turn.acquire()

    async def _usable(self) -> Connection:
        if self._connected is not None and not self._connected.is_usable:
            one, self._connected = self._connected, None
            await one.close()
        if self._connected is None:
            one = await connect(self._address)
            try:
                told = _info(await one.ask("INFO", "server"))
                self._check_version(told)
            except BaseException:
                await one.close()
                raise
            self._connected, self._run_id = one, told.get("run_id", "")
        return self._connected

    def _check_version(self, told: dict[str, str]) -> None:
        version = told.get("valkey_version") or told.get("redis_version", "")
        major = version.partition(".")[0]
        if major.isdigit() and int(major) < LEAST_VERSION:
            raise StoreUnavailable(
                f"the account in {self.where} cannot be used: the server is version {version}, and"
                f" {LEAST_VERSION} or later is needed, of Valkey or Redis"
            )

    def _reason(self, error: Exception) -> str:
        """Say in half a sentence what went wrong, without secrets."""
        if isinstance(error, trio.TooSlowError):
            return f"did not answer within {TIMEOUT_S:g} s"
        said = " ".join(str(error).split())[:200]
        if isinstance(error, Refused):
            known = _REASONS.get(error.code)
            password = self._address.password
            return known or f"cannot be used ({said.replace(password, '***') if password else said})"
        detail = said if isinstance(error, ssl.SSLError) else "check the address, and that the server is running"
        return f"cannot be reached: {detail}"

    async def _call(self, key: AccountKey, op: str, holder: Holder, told: Sequence[Any], makes: bool) -> Reply:
        """Run the script. makes: where there is no such account, make it."""
        async with self._connection() as connection:
            reply = await self._run(connection, key, call(op, self._run_id, "", self._clock, holder, told))
            if reply == ["new"] and makes:
                # Which store this is now is asked only here: it may have been emptied since it was opened.
                store_id = await self._identify(connection)
                again = call(op, self._run_id, store_id, self._clock, holder, told)
                reply = await self._run(connection, key, again)
            return reply

    async def _run(self, connection: Connection, key: AccountKey, argument: str) -> Reply:
        text, name = script()
        keys = keys_of(key)[:3]
        try:
            return split(await connection.ask("EVALSHA", name, 3, *keys, argument))
        except Refused as error:
            if error.code != "NOSCRIPT":
                raise
        return split(await connection.ask("EVAL", text, 3, *keys, argument))

    async def _identify(self, connection: Connection) -> str:
        """Return the id of the store, which it is given where it has none."""
        new = {"schema": str(SCHEMA), "id": secrets.token_hex(8), "secret": secrets.token_hex(32)}
        for name, value in new.items():
            await connection.ask("HSETNX", META, name, value)
        schema, store_id = await connection.ask("HMGET", META, "schema", "id")
        if int(schema) > SCHEMA:
            raise StoreUnavailable(f"the account in {self.where} was written by a newer version; upgrade this one")
        return _text(store_id)

    # --- the protocol ---------------------------------------------------------------------------------------------

    async def open(self) -> str:
        async with self._connection() as connection:
            return await self._identify(connection)

    async def secret(self) -> bytes:
        async with self._connection() as connection:
            found = await connection.ask("HGET", META, "secret")
            if found is None:
                await self._identify(connection)
                found = await connection.ask("HGET", META, "secret")
            return bytes.fromhex(_text(found))

    async def join(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        await self._register(key)
        return counted_of(await self._call(key, "join", holder, (span_s, dead), makes=True))

    async def exchange(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        return leased_of(await self._call(key, "exchange", holder, told_exchange(said), makes=True))

    async def _register(self, key: AccountKey) -> None:
        async with self._connection() as connection:
            about = json.dumps([key.host, key.identity, key.label])
            await connection.ask("HSETNX", ACCOUNTS, keys_of(key)[0], about)

    async def learned(self, key: AccountKey) -> str:
        async with self._connection() as connection:
            found = await connection.ask("GET", keys_of(key)[3])
            return "" if found is None else _text(found)

    async def learn(self, key: AccountKey, limits: str) -> None:
        await self._register(key)
        async with self._connection() as connection:
            if limits:
                await connection.ask("SET", keys_of(key)[3], limits)
            else:
                await connection.ask("DEL", keys_of(key)[3])

    async def accounts(self) -> list[AccountNow]:
        async with self._connection() as connection:
            known = await connection.ask("HGETALL", ACCOUNTS)
        keys = sorted(
            (AccountKey(*json.loads(about)) for about in known.values()), key=lambda key: (key.host, key.label)
        )
        return [one for key in keys if (one := await self._look(key)) is not None]

    async def _look(self, key: AccountKey) -> AccountNow | None:
        learned = await self.learned(key)
        nobody = Holder("", "", 0, "")
        reply = await self._call(key, "look", nobody, (), makes=False)
        if reply != ["new"]:
            return now_of(reply, key, learned)
        if learned:
            return AccountNow(key, (), (), learned)
        async with self._connection() as connection:  # it has expired
            await connection.ask("HDEL", ACCOUNTS, keys_of(key)[0])
        return None

    async def forget(self, key: AccountKey) -> None:
        async with self._connection() as connection:
            await connection.ask("DEL", *keys_of(key))
            await connection.ask("HDEL", ACCOUNTS, keys_of(key)[0])

    async def close(self) -> None:
        self._closed = True
        if self._connected is not None:
            await self._connected.close()


def _info(said: Any) -> dict[str, str]:
    """Return the fields of what INFO says."""
    pairs = (line.partition(":") for line in _text(said).splitlines())
    return {name: value.strip() for name, _, value in pairs}
