"""Ask an API a few questions, one after another, as an import would: for `check` and `--dry-run`.

Which pages are asked for, and what they say of the list, is another matter (`harness.session.preview`).

A token is fetched before anything else is sent where requests need one, a redirect within the origin is followed as
the core follows it (at most five), and a page that is to be asked for otherwise is asked for again. All of these are
requests, and are counted as such.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import trio

from harness.account.account import Account
from harness.config import ImportConfig
from harness.core.answers import Again, Failed, PageRead, Redirected, Result, own_words
from harness.core.choosing import is_not_there, is_same
from harness.core.redirects import Redirects
from harness.errors import BadInput
from harness.pacing import Budget, Grant, Later, Notice, Outcome, Tiers, WindowPacer
from harness.pacing.tiers import EVERY_ROUTE, of_route, unnamed
from harness.record.events import FIRST_PAGE, Batch, ItemId, Key, PageRef, Role, fetch_name, items_of, role_name
from harness.session.factory import token_rules
from harness.session.preview import Preview
from harness.source.base import Api, Got
from harness.source.client import HttpApi

# A server may want the secret in another place, which is known once it has refused.
_MOST_TRIES = 2
# A person waits for the answer.
_LONGEST_WAIT_S = 10.0
_MOST_REFUSED = 2


class Asker:
    """Asks, and keeps what came: `notices` and `latencies_s` of every request, in order; `payloads` of the last one.

    asked: what each of `notices` answers. records: those of page 1 as JSON texts, by their ids.

    account: what it shares with imports of the same key; it was joined. kept: limits that those keep to, where none is
    declared here.
    """

    def __init__(self, api: Api, config: ImportConfig, account: Account | None = None, kept: Tiers = ()) -> None:
        self._api = api
        self._token, self._has_token = token_rules(config), False
        self._account = account
        self._budget = _budget(config, account, kept)
        if isinstance(api, HttpApi) and config.source.details:
            api.offer_records()
        self.notices: list[Notice] = []
        self.asked: list[tuple[Role, Key]] = []
        self.latencies_s: list[float] = []
        self.payloads: tuple[tuple[ItemId, str], ...] = ()
        self.records: dict[Key, str] = {}

    async def page(self, key: PageRef) -> tuple[PageRead | Failed, int | None]:
        """Return a page of the list, or why it cannot be read, and the status of the answer (None: none came).

        BadInput where a limit refuses it.
        """
        heard = len(self.notices)
        result = await self._ask("list", key)
        assert isinstance(result, (PageRead, Failed))
        if key == FIRST_PAGE:
            self.records = dict(self.payloads)
        return result, self.notices[-1].status if len(self.notices) > heard else None

    async def item(self, key: Key) -> Result:
        """Return what came of an item. BadInput where a limit refuses it."""
        return await self._ask("item", key)

    async def _ask(self, role: Role, key: Key) -> Result:
        await self._have_token()
        result = await self._followed(role, key)
        if self._token is not None and isinstance(result, Failed) and result.reason == "status 401":
            self._has_token = False  # some tokens hold for a few requests only
            await self._have_token()
            return await self._followed(role, key)
        return result

    async def _followed(self, role: Role, key: Key) -> Result:
        hops, target = Redirects(), None
        while True:
            result = (await self._send(role, key, target)).result
            if isinstance(result, Redirected):
                failed = hops.follow(role, key, result)
                if failed is not None:
                    return failed
                target = hops.target(role, key)
            elif isinstance(result, Again):
                target = None
            else:
                return result

    async def _have_token(self) -> None:
        """Fetch a token where requests need one and none was fetched."""
        if self._token is None or self._has_token:
            return
        rules, self._has_token = self._token, True
        for _ in range(_MOST_TRIES):
            result = (await self._send("token", rules.name, None)).result
            if not isinstance(result, Failed):
                return
            if not result.stale:
                break
        assert isinstance(result, Failed)
        why = f"{result.reason}: {result.detail}" if result.detail else result.reason
        raise BadInput(f"no token came from {rules.url} ({why}); check {rules.name} and --token-url")

    async def _send(self, role: Role, key: Key, target: str | None) -> Got:
        """Send when the declared limits let it, and again, twice at most, where the server asks for a short wait."""
        for _ in range(_MOST_REFUSED):
            try:
                return await self._send_in_turn(role, key, target)
            except RefusedNow as refusal:
                if refusal.wait_s is None or refusal.wait_s > _LONGEST_WAIT_S:
                    raise
                await trio.sleep(refusal.wait_s)
        return await self._send_in_turn(role, key, target)

    async def _send_in_turn(self, role: Role, key: Key, target: str | None) -> Got:
        budget, outcome = self._budget, Outcome.ANSWERED
        if budget is None:
            return await self._send_now(role, key, target)
        while True:
            if self._account is not None:
                await self._account.begin(trio.current_time, _nobody)
            turn = budget.reserve(trio.current_time())
            if isinstance(turn, Grant):
                break
            assert turn.until is not None, "nothing is in flight"
            self._refuse_long(turn)
            await trio.sleep_until(turn.until)
        try:
            return await self._send_now(role, key, target)
        except RefusedNow:
            # Others on the account are to hear of it; by itself it only waits for as long as the server says.
            outcome = Outcome.ANSWERED if self._account is None else Outcome.REFUSED
            raise
        finally:
            heard = self.notices[-1] if self.notices and outcome is Outcome.REFUSED else None
            budget.settle(turn, trio.current_time(), outcome, heard)

    def _refuse_long(self, turn: Later) -> None:
        """Raise BadInput where others have used a limit up for longer than a person waits."""
        wait_s = 0.0 if turn.until is None else turn.until - trio.current_time()
        if self._account is None or wait_s <= _LONGEST_WAIT_S:
            return
        what = "a pause after a refusal is in force" if turn.tier is None else f"{turn.tier} is used up"
        ask = f"try again in {math.ceil(wait_s):,} s, or add --budget none to ask at once"
        raise BadInput(f"{what}, by other runs with this key; {ask}")

    async def _send_now(self, role: Role, key: Key, target: str | None) -> Got:
        began_s = trio.current_time()
        more = {} if target is None else {"target": target}

        def heard(notice: Notice) -> bool:
            self.notices.append(notice)
            self.asked.append((role, key))
            return not notice.refused

        got = await self._api.fetch(role, key, heard, **more)
        self.latencies_s.append(trio.current_time() - began_s)
        if got is None:
            raise refused(role_name(role), self.notices[-1])
        self.payloads = got.payloads
        return got


def _budget(config: ImportConfig, account: Account | None, kept: Tiers) -> Budget | None:
    """Return what lets requests go, one at a time; None where nothing is in their way."""
    limits = unnamed(of_route(config.limits or kept, EVERY_ROUTE))
    if account is None:
        return Budget("check", WindowPacer(limits, 0.0)) if limits else None
    credential = next(iter(account.keys))
    pacer = WindowPacer(limits, config.linger_s)
    for one in account.counted(credential):
        pacer.charge(trio.current_time() - one.age_s, one.cost)
    return Budget("check", pacer, config.pacing.max_pause, account.balance(credential, EVERY_ROUTE, 1))


def _nobody() -> None:
    """Wake nobody: one request goes at a time."""


class RefusedNow(BadInput):
    """A limit refused a request. wait_s: as long as the server asks to wait, None: it does not say."""

    wait_s: float | None = None


def refused(what: str, notice: Notice) -> RefusedNow:
    """Return the error for a request that a limit refused: nothing is wrong with it but the moment."""
    error = RefusedNow(f"the {what} was refused by a rate limit{_when(notice)}; try again later")
    error.wait_s = notice.retry_after_s
    return error


class NoItem(BadInput):
    """An item cannot be read. gone: there is none at its address, so the address may be a wrong guess."""

    def __init__(self, why: BadInput, failed: Failed) -> None:
        super().__init__(str(why))
        self.gone = is_not_there(failed)
        self.why = f"{failed.reason}: {failed.detail}" if failed.detail else failed.reason


def rivals_of(api: Api) -> tuple[str, ...]:
    """Return the fields that may name the items as well as the id that is assumed from page 1."""
    return api.reading.rivals if isinstance(api, HttpApi) else ()


def unreadable(what: str, failed: Failed) -> BadInput:
    """Return the error for a list or item that cannot be read; it names the credentials only for 401 and 403."""
    why = f"{failed.reason}: {failed.detail}" if failed.detail else failed.reason
    words = own_words(failed.body) if failed.reason.startswith(("status", "gone")) and "--" not in why else ""
    why += f', "{words}"' if words and words not in why else ""
    check = _TO_CHECK.get(failed.reason, "--url")
    if what.startswith("item "):
        check = "--item (where items are), or leave them out with --no-detail"
    what = what if what.startswith("page ") else f"the {what}"
    told = "--" in failed.detail  # it says what to do
    return BadInput(f"{what} cannot be read ({why})" + ("" if told else f"; check {check}"))


# What to look at, by what is wrong, where it is not the address alone.
_TO_CHECK = {
    "status 400": "--url and what is sent with it (--param, --header, --body, --page-param)",
    "status 401": "the credentials and --url",
    "status 403": "the credentials and --url",
    "status 405": "--method (GET or POST, with --body)",
}


def _when(notice: Notice) -> str:
    if notice.retry_after_s is not None:
        return f", which asks to wait {notice.retry_after_s:g} s"
    resets = [quota.reset_s for quota in notice.quotas if quota.reset_s is not None and not quota.remaining]
    return f", which is renewed in {max(resets):g} s" if resets else ""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a few items show. fields: of the first one; list_fields: of its record in the list. is_same: each of them is
    exactly what the list holds of it, so that the items need not be fetched; None where none was asked for.
    """

    fields: frozenset[str] = frozenset()
    list_fields: frozenset[str] = frozenset()
    is_same: bool | None = None


async def samples(asker: Asker, seen: Preview, api: Api, config: ImportConfig, least: int = 1) -> tuple[Sampled, str]:
    """Ask for items as an import would; with what was found, say why none is there, "" where one is.

    least: of `sample`. BadInput where one cannot be read, or none is where it is declared.
    """
    try:
        return await sample(asker, _sampled_of(seen, api, config), asker.records, config.source.batch, least), ""
    except NoItem as error:
        if not (error.gone and config.source.chooses) or config.source.is_placed:
            raise
        return Sampled(), error.why


def _sampled_of(seen: Preview, api: Api, config: ImportConfig) -> Sequence[ItemId]:
    """Return the items that may be asked for: of page 1, for of these it is known what the list holds of them.

    None where items are not wanted, or it cannot be told where they lie.
    """
    page = seen.first
    if isinstance(page, Failed) or not config.source.details or (page.itemless and config.source.chooses):
        return ()
    if isinstance(api, HttpApi) and api.assumed is not None and api.assumed.placeless:
        return ()
    return page.ids or seen.state.items.in_state("pending")


async def sample(
    asker: Asker, ids: Sequence[ItemId], records: Mapping[Key, str], batch: int | None, least: int = 1
) -> Sampled:
    """Ask for items as an import would (the first and the last of page 1, or a batch) and compare them.

    records: page 1 as JSON texts. least: ask for so many, also where the first is not its record. BadInput where one
    cannot be read.
    """
    if not ids:
        return Sampled(list_fields=_fields(next(iter(records.values()), "")))
    asked: list[Key] = [Batch(tuple(ids[:batch]))] if batch is not None else list(dict.fromkeys((ids[0], ids[-1])))
    items: dict[ItemId, str] = {}
    same, gone = bool(records), False
    for at, key in enumerate(asked):
        if at >= least and not same and not gone:
            break
        result = await asker.item(key)
        if isinstance(result, Failed) and is_not_there(result) and at + 1 < len(asked):
            same, gone = False, True  # one item may be gone; the next says whether all are
            continue
        if isinstance(result, Failed):
            raise NoItem(unreadable(fetch_name("item", key), result), result)
        items |= dict(asker.payloads)
        same = same and all(item in items and is_same(records.get(item), items[item]) for item in items_of(key))
    first = next(iter(items), None)
    text = "" if first is None else records.get(first, "")
    return Sampled(_fields(next(iter(items.values()), "")), _fields(text), same)


def _fields(payload: str) -> frozenset[str]:
    value = json.loads(payload) if payload else None
    return frozenset(value) if isinstance(value, dict) else frozenset()
