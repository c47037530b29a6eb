"""Read the first pages and items of an API to say whether an import can end, and what its limits are.

`check` and `--dry-run` ask for page 1, for the page after it as the list names it or as it is guessed, and for page 0
where an import would; then the judge of real imports says what it thinks (`harness.core.listing`). A few requests, one
after another, show what the API says of its limits. Of all these answers `harness.source.guess` says what the source
is, which parts of that cannot be told, and by which flag they are declared.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from harness.config import ImportConfig
from harness.core.answers import Failed, PageRead, Result, own_words
from harness.core.list_reader import as_page, known_pages, listed, told_error
from harness.core.listing import Ask, Ended, Unclear, judge, stuck, wants_page_0
from harness.core.rules import Rules
from harness.errors import BadInput
from harness.pacing import Later, Notice, Outcome, Tiers, WindowPacer, format_tiers
from harness.pacing.tiers import EVERY_ROUTE, of_route, unnamed
from harness.record import events as e
from harness.record.events import Key, Role, role_name
from harness.record.fold import apply
from harness.record.state import State
from harness.source.base import Api
from harness.source.client import HttpApi
from harness.source.guess import Answer, Finding, Guess, Unknown, guess
from harness.spec.source import Paging, Resource, Source
from harness.spec.templates import on_list
from harness.spec.to_toml import to_toml
from harness.spec.told import sends


@dataclass(frozen=True, slots=True)
class Told:
    """One limit as the headers of the answers told it, in order. period_s: as told, for few say it; header: which."""

    header: str
    limit: int | None
    period_s: float | None
    remaining: tuple[int | None, ...]
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of the requests. latencies_s: of each, in order. items, pages: as the list says; None: it does not.

    ended: the evidence that the list ends with what was seen; problem: why an import could not end as complete.

    item_fields: 0 where no item was asked for, of which new_fields are not in the list's records. alike: those hold all
    of them. skew_s: how far the server's clock is ahead of ours, to the second (None: it has no Date).

    statuses: of the answers, in order. findings, unknown: what can be told of the source, and what cannot. declared:
    the parts that were not guessed, as they are declared; declared_limits: so are these. sends: (what proves who we
    are, the host it is sent to), by name. toml: the source as `import --config` takes it; "" where its records cannot
    be told.
    """

    url: str
    latencies_s: tuple[float, ...]
    a_page: int
    items: int | None
    pages: int | None
    paging: str
    item_fields: int
    alike: bool
    told: tuple[Told, ...]
    skew_s: float | None
    ended: str = ""
    problem: str = ""
    statuses: tuple[int, ...] = ()
    new_fields: int = 0
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    declared: tuple[tuple[str, str], ...] = ()
    declared_limits: str = ""
    sends: tuple[tuple[str, str], ...] = ()
    toml: str = ""

    @property
    def limits(self) -> str:
        """Return what can be given to --limit: the limits that were told with their periods."""
        known = [told for told in self.told if told.limit and told.period_s]
        return "+".join(f"{told.limit}/{told.period_s:g}s" for told in known)


# Asks for a page; answers it, or the failure, with the status of the answer.
AskPage = Callable[[e.PageRef], Awaitable[tuple[PageRead | Failed, int | None]]]


@dataclass(slots=True)
class Preview:
    """The word of the first pages. first: page 1, or why it cannot be read. failed: a later page that cannot, and why.

    ended: the evidence that the list ends within them. problem: why an import of it could not end as complete.
    """

    first: PageRead | Failed
    state: State = field(default_factory=State)
    failed: tuple[e.PageRef, Failed] | None = None
    ended: str = ""
    problem: str = ""

    @property
    def paging(self) -> str:
        """Return how its pages follow on each other, for people."""
        listing = self.state.listing
        start = ", counted from 0" if listing.zero_new else ""
        if self.state.last_page is not None:
            return f"numbered pages{start}"
        if listing.way_on:
            return f"each page names the next ({listing.way_on}){start}"
        return f"pages guessed by number, because none names the next{start}"


async def preview(ask: AskPage, *, accept: bool = False, brief: bool = False) -> Preview:
    """Read up to three pages. brief: only one, where it declares how much there is in two ways that agree."""
    first, _ = await ask(e.FIRST_PAGE)
    found = Preview(first)
    if isinstance(first, Failed):
        return found
    _fold(found.state, e.FIRST_PAGE, first)
    if not (brief and _agrees(first)):
        await _look_further(found, ask)
    if found.failed is None:
        _judge(found, accept)
    return found


def _agrees(page: PageRead) -> bool:
    size, total, last = len(page.ids), page.total, page.last_page
    return total is not None and last is not None and bool(size) and max(1, last) == max(1, -(-total // size))


async def _look_further(found: Preview, ask: AskPage) -> None:
    state = found.state
    told = next(iter(known_pages(state)), None)
    second = e.numbered(told[0]) if isinstance(told, range) else told
    if second is None and isinstance(verdict := judge(state), Ask):
        second = verdict.pages[0]
    if second is not None:
        await _read(found, ask, second)
    if found.failed is None and second != e.PAGE_0 and wants_page_0(state):
        await _read(found, ask, e.PAGE_0)
        if state.total is not None:
            found.failed = None  # an import that reaches its total never asks for it


async def _read(found: Preview, ask: AskPage, key: e.PageRef) -> None:
    result, status = await ask(key)
    if isinstance(result, PageRead):
        result = told_error(found.state, result) or result
    page = as_page(found.state, key, result, status, final=True) if isinstance(result, Failed) else result
    if page is not None:
        _fold(found.state, key, page)
    elif isinstance(result, Failed):
        found.failed = (key, result)


def _fold(state: State, key: e.PageRef, page: PageRead) -> None:
    ids, _, total, met = listed(Rules(), state, page)
    told = (page.last_page, page.next_page, page.way, page.more, page.unread, met, page.past, page.said_by)
    declared = (page.remarks, None, None, page.paging, page.guessed or None)
    apply(state, e.PageListed(0.0, key, 1, 0.0, 0.0, 200, ids, total, *told, *declared))


def _judge(found: Preview, accept: bool) -> None:
    """Say what is known: that it ends, that it cannot, or nothing where more pages are to be read."""
    if stuck(found.state) is None and known_pages(found.state):
        return
    verdict = judge(found.state, accept=() if accept else None)
    if isinstance(verdict, Ended):
        found.ended = verdict.evidence
    elif isinstance(verdict, Unclear):
        found.problem = verdict.sentence


class _Asker:
    """Asks, and keeps what the headers said, how long it took, and the answers themselves."""

    def __init__(self, api: Api, limits: Tiers = ()) -> None:
        self._api = api
        self._pacer = WindowPacer(limits, 0.0) if limits else None
        self.notices: list[Notice] = []
        self.latencies_s: list[float] = []
        self.payloads: list[str] = []  # of the last answer
        self.answers: dict[Key, Answer] = {}
        if isinstance(api, HttpApi):
            api.on_answer = self.answers.__setitem__

    async def page(self, key: e.PageRef) -> tuple[PageRead | Failed, int | None]:
        heard = len(self.notices)
        result = await self._in_turn("list", key)
        assert isinstance(result, (PageRead, Failed))
        return result, self.notices[-1].status if len(self.notices) > heard else None

    def again(self, ask: AskPage) -> AskPage:
        """Return what asks for every page but the first, whose answer is read anew."""

        async def asking(key: e.PageRef) -> tuple[PageRead | Failed, int | None]:
            if key == e.FIRST_PAGE and isinstance(self._api, HttpApi):
                return self._api.read_again(self.answers[key]), 200
            return await ask(key)

        return asking

    async def item(self, key: Key) -> None:
        result = await self._in_turn("item", key)
        if isinstance(result, Failed):
            raise unreadable(f"item {key}", result)

    async def _in_turn(self, role: Role, key: Key) -> Result:
        """Ask when the declared limits let it, and again, twice at most, where the server asks for a short wait."""
        for _ in range(_MOST_REFUSED):
            try:
                return await self._ask_now(role, key)
            except RefusedNow as refusal:
                if refusal.wait_s is None or refusal.wait_s > _LONGEST_WAIT_S:
                    raise
                await trio.sleep(refusal.wait_s)
        return await self._ask_now(role, key)

    async def _ask_now(self, role: Role, key: Key) -> Result:
        if self._pacer is None:
            return await self._ask(role, key)
        while isinstance(turn := self._pacer.reserve(trio.current_time()), Later):
            assert turn.until is not None, "nothing is in flight"
            await trio.sleep_until(turn.until)
        try:
            return await self._ask(role, key)
        finally:
            self._pacer.settle(turn, trio.current_time(), Outcome.ANSWERED)

    async def _ask(self, role: Role, key: Key) -> Result:
        began_s = trio.current_time()
        got = await self._api.fetch(role, key, self._heard)
        self.latencies_s.append(trio.current_time() - began_s)
        if got is None:
            raise refused(role_name(role), self.notices[-1])
        self.payloads = [payload for _, payload in got.payloads]
        return got.result

    def _heard(self, notice: Notice) -> bool:
        self.notices.append(notice)
        return not notice.refused


# A person waits for the answer of a check.
_LONGEST_WAIT_S = 10.0
_MOST_REFUSED = 2


class RefusedNow(BadInput):
    """A limit refused a request of a check. wait_s: as long as the server asks to wait, None: it does not say."""

    wait_s: float | None = None


def refused(what: str, notice: Notice) -> RefusedNow:
    """Return the error for a request that a limit refused: nothing is wrong with it but the moment."""
    error = RefusedNow(f"the {what} was refused by a rate limit{_when(notice)}; try again later")
    error.wait_s = notice.retry_after_s
    return error


def unreadable(what: str, failed: Failed) -> BadInput:
    """Return the error for a list or item that cannot be read; it names the credentials only for 401 and 403."""
    why = f"{failed.reason}: {failed.detail}" if failed.detail else failed.reason
    words = own_words(failed.body) if failed.reason.startswith(("status", "gone")) else ""
    why += f', "{words}"' if words and words not in why else ""
    check = _TO_CHECK.get(failed.reason, "--url")
    if what.startswith("item "):
        check = "--item (where items are), or leave them out with --no-detail"
    return BadInput(f"the {what} cannot be read ({why}); check {check}")


# What to look at, by what is wrong, where it is not the address alone.
_TO_CHECK = {
    "status 400": "--url and what is sent with it (--param, --header, --body, --page-param)",
    "status 401": "the credentials and --url",
    "status 403": "the credentials and --url",
    "status 405": "--method (GET or POST, with --body)",
}


async def check(api: Api, config: ImportConfig, utc_s: float) -> Checked:
    """Ask for the first pages and up to two items; BadInput where they cannot be read. utc_s: the time now."""
    asker = _Asker(api, unnamed(of_route(config.limits, EVERY_ROUTE)))
    list_fields: frozenset[str] = frozenset()

    async def ask(key: e.PageRef) -> tuple[PageRead | Failed, int | None]:
        nonlocal list_fields
        result, status = await asker.page(key)
        list_fields = _fields(asker.payloads) if key == e.FIRST_PAGE else list_fields
        return result, status

    seen = await preview(ask, accept=config.source.accept_list)
    if isinstance(seen.first, Failed):
        raise unreadable("list", seen.first)
    tried = None
    for paging in _others(api):
        if not _repeats(seen):
            break
        tried = paging
        _go_by(api, paging)
        seen = await preview(asker.again(ask), accept=config.source.accept_list)
    assert isinstance(seen.first, PageRead)
    if seen.failed is not None:
        raise unreadable(f"page {seen.failed[0]} of the list", seen.failed[1])
    fields: frozenset[str] = frozenset()
    if config.source.details:
        for item in seen.state.items.in_state("pending")[:2]:
            await asker.item(item)
            fields = fields or _fields(asker.payloads)
    known = _known(config, asker)
    found = guess(list(asker.answers.values()), known, tried) if asker.answers else Guess(known, ())
    told = _told(asker.notices)
    server_s = asker.notices[0].server_utc_s
    return Checked(
        url=config.source.url or "the test API",
        latencies_s=tuple(asker.latencies_s),
        a_page=len(seen.first.ids),
        items=seen.state.total,
        pages=seen.state.last_page,
        paging=seen.paging,
        item_fields=len(fields),
        alike=bool(fields) and fields <= list_fields,
        told=told,
        skew_s=None if server_s is None else server_s - utc_s,
        ended=seen.ended,
        problem=seen.problem,
        statuses=tuple(notice.status for notice in asker.notices),
        new_fields=len(fields - list_fields),
        findings=found.findings,
        unknown=found.unknown,
        declared=_declared(known),
        declared_limits=format_tiers(config.limits) if config.pacing.limit else "",
        sends=sends(known, config.source.header_names),
        toml=_toml(found, told),
    )


# Parameters that are tried where the likeliest brings page 1 again.
_MOST_TRIED = 2


def _others(api: Api) -> tuple[Paging, ...]:
    assumed = api.assumed if isinstance(api, HttpApi) else None
    return () if assumed is None else assumed.others[:_MOST_TRIED]


def _repeats(seen: Preview) -> bool:
    listing = seen.state.listing
    return bool(listing.first) and listing.first == listing.second


def _go_by(api: Api, paging: Paging) -> None:
    assert isinstance(api, HttpApi)
    resource = api.source.resource.model_copy(update={"paging": paging})
    api.go_by(api.source.model_copy(update={"resource": resource}))


def _known(config: ImportConfig, asker: _Asker) -> Source:
    """Return what is declared; of the test API, where it is."""
    first = next((answer.url for answer in asker.answers.values()), "http://127.0.0.1")
    url = first.partition("?")[0]
    return config.source.declared(url) or Source(resource=Resource(url=url))


def _declared(known: Source) -> tuple[tuple[str, str], ...]:
    resource = known.resource
    said = {
        "records": resource.records,
        "id": " + ".join(resource.id),
        "paging": None if resource.paging is None else resource.paging.type,
        "items": None if resource.item is None else _item_at(resource.item.url, resource.url),
    }
    return tuple((name, value) for name, value in said.items() if value)


def _item_at(item: str, url: str) -> str:
    """Return the whole URL of an item; as it is declared where the list's own moves with its pages."""
    try:
        return on_list(item, url)
    except ValueError:
        return item


def _toml(found: Guess, told: tuple[Told, ...]) -> str:
    """Return the file that declares what was found, with the limits that the answers told."""
    if any(one.what == "records" for one in found.unknown):
        return ""
    limits = tuple(f"{one.limit}/{one.period_s:g}s" for one in told if one.limit and one.period_s)
    source = found.source if found.source.limits else found.source.model_copy(update={"limits": limits})
    return to_toml(source)


def _told(notices: list[Notice]) -> tuple[Told, ...]:
    """Return the limits that the last answer with any told, each with what was left of it in every answer."""
    told = []
    last = next((notice for notice in reversed(notices) if notice.quotas), notices[-1])
    for quota in last.quotas:
        same = [other for notice in notices for other in notice.quotas if _alike(other, quota)]
        left = tuple(other.remaining for other in same)
        told.append(Told(quota.header or "headers", quota.limit, quota.period_s, left, quota.reset_s))
    return tuple(told)


def _alike(one: object, other: object) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("header", "name", "limit", "period_s"))


def _when(notice: Notice) -> str:
    if notice.retry_after_s is not None:
        return f", which asks to wait {notice.retry_after_s:g} s"
    resets = [quota.reset_s for quota in notice.quotas if quota.reset_s is not None and not quota.remaining]
    return f", which is renewed in {max(resets):g} s" if resets else ""


def _fields(payloads: list[str]) -> frozenset[str]:
    value = json.loads(payloads[0]) if payloads else None
    return frozenset(value) if isinstance(value, dict) else frozenset()
