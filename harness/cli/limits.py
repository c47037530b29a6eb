"""`limits`: what the account knows of each host and key. `limits forget`: forget it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
import trio

from harness import signals
from harness.account.store import AccountNow, StoreUnavailable
from harness.cli.options import this_program
from harness.errors import BadInput
from harness.record.clock import utc_s
from harness.session.joining import opened
from harness.values import as_budget
from harness.views.account import account_text
from harness.views.screen import Screen


def limits_command(budget: str | None, as_json: bool) -> int:
    """Print every account: its limits, what of them is used, who uses them now, and what was learned."""
    found = signals.run(_accounts, _checked(budget))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        click.echo(account_text(found, utc_s(), Screen.of(sys.stdout), program=this_program()))
    return 0


def forget_command(host: str, key: str | None, budget: str | None) -> int:
    """Forget what is known of a host, and of the key where it is named."""
    forgotten = signals.run(_forget, _checked(budget), host, key)
    names = ", ".join(f"{one.key.host} {one.key.label}".rstrip() for one in forgotten)
    click.echo(f"forgot {names}: its limits, and what was sent to it")
    return 0


def _checked(budget: str | None) -> str:
    """Return the account that was named; BadInput for one that keeps nothing."""
    try:
        said = as_budget(budget or "embedded")
    except ValueError as error:
        raise BadInput(f"--budget: {error}") from None
    if said == "none":
        raise BadInput("--budget none keeps no account; leave it out, or name the one that you import with")
    return said


async def _accounts(budget: str) -> list[AccountNow]:
    store, _ = await opened(budget)
    try:
        return await store.accounts()
    except StoreUnavailable as error:
        raise BadInput(str(error)) from None
    finally:
        with trio.CancelScope(shield=True):
            await store.close()


async def _forget(budget: str, host: str, key: str | None) -> list[AccountNow]:
    store, _ = await opened(budget)
    try:
        known = await store.accounts()
        found = [one for one in known if one.key.host == host and key in (None, one.key.label)]
        if not found:
            hosts = ", ".join(dict.fromkeys(one.key.host for one in known)) or "none"
            what = host if key is None else f"{host} with the key {key}"
            raise BadInput(f"nothing is known of {what}; the hosts that are known: {hosts}")
        busy = [holder for one in found for holder in one.holders]
        if busy:
            ask = "stop it first"
            raise BadInput(f"{busy[0].name} (process {busy[0].pid}) uses the limits of {host} now; {ask}")
        for one in found:
            await store.forget(one.key)
        return found
    except StoreUnavailable as error:
        raise BadInput(str(error)) from None
    finally:
        with trio.CancelScope(shield=True):
            await store.close()
