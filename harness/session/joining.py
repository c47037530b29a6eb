"""Find the account that a run shares with others: whose it is, and the store that keeps it.

**Whose.** An account belongs to a host and an identity: what proves who we are, as a hash with a random key that only
the store has (of OAuth the client's id, whose tokens change), or nothing where nothing does. `--account NAME` says it
in people's words: for several keys that share a limit, and for machines that do not.

**When none.** A test API of our own is another one each time, and virtual time is nobody else's: neither has one.
Where the embedded store cannot be used (a home that cannot be written, a full disk), that is said in one line, and the
run paces by itself. A store that people named is never done without.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets as random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import trio

from harness.account.account import Account
from harness.account.embedded import EmbeddedStore, machine_s
from harness.account.store import AccountKey, BudgetStore, Holder, StoreUnavailable
from harness.config import ImportConfig
from harness.errors import BadInput, BadLimits, RecordError
from harness.installation import need
from harness.pacing import Tiers, format_tiers, parse_tiers
from harness.paths import state_folder
from harness.record.limits import taken_over
from harness.record.run import Run
from harness.session.factory import auth_of, credentials_of
from harness.settings import Resolved, resolve, value_of
from harness.spec.source import OAuth2
from harness.values import variables_in

_log = logging.getLogger("harness")
FILE = "account.sqlite"
# Where no limit is known: two of the longest window that most APIs have.
LEAST_SPAN_S = 120.0


def store_of(budget: str) -> BudgetStore:
    """Return the store that --budget names, not opened yet. BadInput where it cannot be; MissingLibrary."""
    if budget == "embedded":
        return EmbeddedStore(state_folder() / FILE)
    need("coredis", "valkey")
    from harness.account.valkey import ValkeyStore

    for name in variables_in(budget):
        budget = budget.replace(f"{{env:{name}}}", quote(value_of(name, "--budget", os.environ), safe=""))
    return ValkeyStore(budget)


async def opened(budget: str) -> tuple[BudgetStore, str]:
    """Return the store that --budget names, and its id. BadInput where it cannot be used."""
    store = store_of(budget)
    try:
        return store, await store.open()
    except StoreUnavailable as error:
        await store.close()
        raise BadInput(f"{error}; check --budget") from None


async def account_for(config: ImportConfig, name: str) -> Account | None:
    """Return the account of an import or a check, opened but not joined; None where there is none. name: for others.

    BadInput where a store that was named cannot be used.
    """
    budget = config.pacing.budget
    if budget == "none" or config.source.learned_for is None or config.speed != 1 or not _is_real_time():
        return None
    named = budget != "embedded"
    try:
        store, store_id = await opened(budget)
        secret = await store.secret()
    except (BadInput, StoreUnavailable) as error:
        if named:
            raise BadInput(str(error)) from None
        _log.warning("%s: this run paces by itself, and other runs do not hear of it (--budget none)", _plain(error))
        return None
    holder = Holder(random.token_hex(8), name, os.getpid(), socket.gethostname(), store_id)
    keys = keys_of(config, resolve(config), secret)
    return Account(store, store_id, holder, keys, named=named, deadline_s=config.timeout_s, linger_s=config.linger_s)


async def own_account(config: ImportConfig, run: Path) -> Account:
    """Return an account for the processes of one run, in its folder, where it shares none with others. run: its folder.

    Of a test API whose time passes faster it counts that time.
    """
    speed = config.speed
    store = EmbeddedStore(run / "shards" / FILE, clock=lambda: speed * machine_s())
    try:
        store_id = await store.open()
    except StoreUnavailable as error:
        await store.close()
        raise RecordError(f"{error}; the processes of one run need it: make room or fix the folder") from None
    holder = Holder(random.token_hex(8), run.name, os.getpid(), socket.gethostname(), store_id)
    keys = {name: AccountKey("this run", name or "") for name in credentials_of(config)}
    return Account(store, store_id, holder, keys, named=False, deadline_s=config.timeout_s, linger_s=config.linger_s)


async def told_of(account: Account | None, run: Run, config: ImportConfig, *, forget: bool = True) -> dict[str, Any]:
    """Take part in the account; return what a session of `run` is told of it. forget: obey --forget-limits.

    The sessions of this run before are over: nobody else holds its lock.
    """
    if account is None:
        return {}
    if not account.of_run:
        account.be_part_of(run.name)
    learned = await remembered_in(account, config, forget)
    if not await joined(account, span_of((*config.limits, *learned)), run.holders):
        return {}
    return {"account": account, "remembered": learned}


def _plain(error: Exception) -> str:
    return str(error).removesuffix("; check --budget")


def _is_real_time() -> bool:
    """Return whether trio's clock is the machine's: a test's has a rate."""
    return not hasattr(trio.lowlevel.current_clock(), "rate")


def keys_of(config: ImportConfig, resolved: Resolved, secret: bytes) -> dict[str | None, AccountKey]:
    """Return whose accounts an import uses, by the names of its credentials."""
    host, _, label = (config.source.learned_for or "").partition(" ")
    names = credentials_of(config)
    if config.pacing.account is not None:
        one = AccountKey(host, f"name:{config.pacing.account}", config.pacing.account)
        return dict.fromkeys(names, one)
    if len(names) > 1:
        return {name: AccountKey(host, _hashed(secret, resolved.secrets[name or ""]), name or "") for name in names}
    proof = _proof(config, resolved)
    return {names[0]: AccountKey(host, _hashed(secret, proof) if proof else "", label)}


def _proof(config: ImportConfig, resolved: Resolved) -> str:
    """Return what proves who we are, in one text; "" where nothing does."""
    auth = auth_of(config)
    if isinstance(auth, OAuth2):
        return f"client {resolved.secrets[auth.client_id_env]}"
    secret = {name.strip().lower() for name in config.source.header_names}
    # Of `Bearer x` the x: a key is the same key however it is sent.
    in_headers = [value.split()[-1] for name, value in resolved.headers.items() if name.lower() in secret and value]
    keys = [] if auth is None else [resolved.secrets[name] for name in auth.token_env]
    return "\n".join(sorted({*keys, *in_headers, *resolved.variables.values()}))


def _hashed(secret: bytes, proof: str) -> str:
    return hmac.new(secret, proof.encode(), hashlib.sha256).hexdigest()[:32]


@asynccontextmanager
async def taking_part(config: ImportConfig, name: str) -> AsyncIterator[tuple[Account | None, Tiers]]:
    """Yield the account of who asks a few questions, joined, for as long as the block runs, and the limits that others
    keep to; None where there is none.

    name: what others are told. BadInput where a store that was named cannot be used.
    """
    account = await account_for(config, name)
    if account is None:
        yield None, ()
        return
    try:
        kept = tuple(tier for text in await account.kept() for tier in parse_tiers(text))
        is_in = await joined(account, span_of((*config.limits, *kept)))
        yield (account, kept) if is_in else (None, ())
    finally:
        await account.leave(trio.current_time)
        await account.close()


async def joined(account: Account, span_s: float, dead: tuple[str, ...] = ()) -> bool:
    """Take part in an account; return whether that could be done. BadInput where its store was named, and cannot."""
    try:
        await account.join(span_s, dead)
    except StoreUnavailable as error:
        if account.named:
            raise BadInput(f"{error}; check --budget") from None
        _log.warning("%s: this run paces by itself, and other runs do not hear of it (--budget none)", error)
        return False
    return True


def span_of(limits: Tiers) -> float:
    """Return how far back what was sent may count: two windows, for a sliding counter weighs the one before."""
    return max([LEAST_SPAN_S, *(2 * limit.period_s for limit in limits)])


async def remembered_in(account: Account, config: ImportConfig, forget: bool = True) -> Tiers:
    """Return the limits that runs on the account learned; --forget-limits forgets them.

    What older versions kept beside the runs is taken over, once.
    """
    before = taken_over(config.run.results, config.source.learned_for)
    if config.pacing.forget_limits and forget:
        await account.learn("")
        return ()
    known = await account.learned()
    if not known and before:
        known = format_tiers(before)
        await account.learn(known)
    try:
        return parse_tiers(known) if known else ()
    except BadLimits:
        return ()
