"""Read the first pages and items of an API to say whether an import can end, and what its limits are.

A few requests, one after another (`harness.session.asking`), show what the API says of its limits. Of all these answers
`harness.source.guess` says what the source is, which parts of that cannot be told, and by which flag they are declared;
and `harness.session.plans` compares the ways to import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.account.account import Account
from harness.config import ImportConfig
from harness.core.answers import Failed, PageRead
from harness.core.choosing import misnamed
from harness.pacing import Notice, Quota, Tiers, format_tiers, parse_tiers
from harness.pacing.disagreement import disagreement
from harness.record.events import Key, Role
from harness.session.asking import Asker, rivals_of, samples, unreadable
from harness.session.plans import Facts, Option, costs_seen, options, unsaid
from harness.session.preview import preview
from harness.source.base import Api
from harness.source.client import HttpApi
from harness.source.guess import Answer, Finding, Guess, Unknown, guess
from harness.spec.source import Resource, Source
from harness.spec.templates import on_list
from harness.spec.to_toml import to_toml
from harness.spec.told import sends


@dataclass(frozen=True, slots=True)
class Told:
    """One limit as the headers of the answers told it, in order. period_s: as told, for few say it; header: which.

    costs: units by the kind of request, as far as they were seen (`harness.session.plans.costs_seen`).
    """

    header: str
    limit: int | None
    period_s: float | None
    remaining: tuple[int | None, ...]
    reset_s: float | None
    costs: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of the requests. latencies_s: of each, in order. items, pages: as the list says; None: it does not.

    ended: the evidence that the list ends with what was seen; problem: why an import could not end as complete.
    nameless: that is because items are not found by their id, not because of how the list ends.

    item_fields: 0 where no item was asked for, of which new_fields are not in the list's records. alike: those are
    exactly the items. skew_s: how far the server's clock is ahead of ours, to the second (None: it has no Date).

    statuses: of the answers, in order. findings, unknown: what can be told of the source, and what cannot. declared:
    the parts that were not guessed, as they are declared; declared_limits: so are these; in_doubt: what
    headers say against them, "" where nothing. sends: (what proves who we
    are, the host it is sent to), by name. toml: the source as `import --config` takes it; "" where its records cannot
    be told. plans: the ways to import the same records, and of how many where the list does not say (`plans_of`).
    costs: what --cost should say, by kind of request.
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
    nameless: bool = False
    statuses: tuple[int, ...] = ()
    new_fields: int = 0
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    declared: tuple[tuple[str, str], ...] = ()
    declared_limits: str = ""
    in_doubt: str = ""
    sends: tuple[tuple[str, str], ...] = ()
    toml: str = ""
    plans: tuple[Option, ...] = ()
    plans_of: int | None = None
    costs: tuple[tuple[str, int], ...] = ()

    @property
    def limits(self) -> str:
        """Return what can be given to --limit: the limits that were told with their periods."""
        known = [told for told in self.told if told.limit and told.period_s]
        return "+".join(f"{told.limit}/{told.period_s:g}s" for told in known)


async def check(
    api: Api, config: ImportConfig, utc_s: float, account: Account | None = None, kept: Tiers = ()
) -> Checked:
    """Ask for the first pages and up to two items; BadInput where they cannot be read. utc_s: the time now.

    account, kept: as of an `Asker`.
    """
    asker = _Noting(api, config, account, kept)
    seen = await preview(asker.page, accept=config.source.accept_list)
    if isinstance(seen.first, Failed):
        raise unreadable("list", seen.first)
    assert isinstance(seen.first, PageRead)
    if seen.failed is not None:
        raise unreadable(f"page {seen.failed[0]} of the list", seen.failed[1])
    sampled, missing = await samples(asker, seen, api, config, least=2)
    known = _known(config, asker)
    found = _guessed(asker, known, api, missing)
    nameless = misnamed(missing, rivals_of(api)) if missing and rivals_of(api) else ""
    told = _told(asker.notices, asker.asked, config.source.batch)
    server_s = asker.notices[0].server_utc_s
    facts = Facts.of(seen, api, config, sampled)
    limits = config.limits or _limits(told)
    costs = unsaid(config, limits, [dict(one.costs) for one in told])
    priced = config.with_settings(cost={**config.pacing.cost, **costs}) if costs else config
    return Checked(
        url=config.source.url or "the test API",
        latencies_s=tuple(asker.latencies_s),
        a_page=len(seen.first.ids),
        items=seen.state.total,
        pages=seen.state.last_page,
        paging=seen.paging,
        item_fields=len(sampled.fields),
        alike=bool(sampled.fields and sampled.is_same),
        told=told,
        skew_s=None if server_s is None else server_s - utc_s,
        ended=seen.ended,
        problem=seen.problem or nameless,
        nameless=bool(nameless) and not seen.problem,
        statuses=tuple(notice.status for notice in asker.notices),
        new_fields=len(sampled.fields - sampled.list_fields),
        findings=found.findings,
        unknown=found.unknown,
        declared=_declared(known),
        declared_limits=format_tiers(config.limits) if config.pacing.limit else "",
        in_doubt=_in_doubt(config, told),
        sends=sends(known, config.source.header_names),
        toml=_toml(found, told),
        plans=options(facts, priced, limits, min(asker.latencies_s)),
        plans_of=None if facts.items is None or facts.is_known else facts.items,
        costs=tuple(costs.items()),
    )


class _Noting(Asker):
    """Keeps the answers themselves, too."""

    def __init__(self, api: Api, config: ImportConfig, account: Account | None, kept: Tiers) -> None:
        super().__init__(api, config, account, kept)
        self.answers: dict[Key, Answer] = {}
        if isinstance(api, HttpApi):
            api.on_answer = self.answers.__setitem__


def _guessed(asker: _Noting, known: Source, api: Api, missing: str) -> Guess:
    """Return what the answers make believe. missing: why no item is there, "" where one is."""
    tried = api.source.resource.paging if isinstance(api, HttpApi) else None
    found = guess(list(asker.answers.values()), known, tried) if asker.answers else Guess(known, ())
    if missing:
        found = _without_items(found, missing, rivals_of(api))
    if isinstance(api, HttpApi) and api.reading.refused_size is not None:
        found = _without_size(found, api.reading.refused_size)
    return found


def _without_items(found: Guess, why: str, rivals: tuple[str, ...]) -> Guess:
    """Return the guess without the place of items, where none is; an import takes the list's records then, too, unless
    other fields may name them (`rivals`).
    """
    place = next((one.found for one in found.findings if one.what == "items"), "the list's URL with its id")
    changes = {"item": None} if rivals else {"item": None, "detail": False}
    resource = found.source.resource.model_copy(update=changes)
    so = f"and they may go by {' or '.join(rivals)}" if rivals else "so the list's records are the items"
    flag = f"--id {rivals[0]}, or --item URL" if rivals else "--item URL, if they hold more"
    unknown = Unknown("items", f"none is at {place} ({why}), {so}", flag)
    return replace(
        found,
        source=found.source.model_copy(update={"resource": resource}),
        findings=tuple(one for one in found.findings if one.what not in ("items", "envelope")),
        unknown=(*(one for one in found.unknown if one.what != "items"), unknown),
    )


def _without_size(found: Guess, refused: str) -> Guess:
    """Return the guess without the parameter that seemed to set the size of pages, and was refused."""
    if found.source.resource.size_param != refused:
        return found
    resource = found.source.resource.model_copy(update={"size_param": None})
    return replace(
        found,
        source=found.source.model_copy(update={"resource": resource}),
        findings=tuple(one for one in found.findings if one.what != "size"),
    )


def _known(config: ImportConfig, asker: _Noting) -> Source:
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


def _told(notices: list[Notice], asked: Sequence[tuple[Role, Key]], batch: int | None) -> tuple[Told, ...]:
    """Return the limits that the last answer with any told, each with what was left of it in every answer."""
    told = []
    last = next((notice for notice in reversed(notices) if notice.quotas), notices[-1])
    for quota in last.quotas:
        same = [other for notice in notices for other in notice.quotas if _alike(other, quota)]
        left = tuple(other.remaining for other in same)
        costs = costs_seen(asked, [_left(notice, quota) for notice in notices], batch)
        about = quota.limit, quota.period_s, left, quota.reset_s, tuple(costs.items())
        told.append(Told(quota.header or "headers", *about))
    return tuple(told)


def _left(notice: Notice, quota: Quota) -> int | None:
    """Return what was left of a limit after an answer; None where that does not say, or where it was refused."""
    found = (other.remaining for other in notice.quotas if _alike(other, quota))
    return None if notice.refused else next(found, None)


def _in_doubt(config: ImportConfig, told: tuple[Told, ...]) -> str:
    quotas = [Quota(limit=one.limit, period_s=one.period_s, header=one.header) for one in told]
    return (disagreement(config.limits, quotas) if config.pacing.limit else None) or ""


def _limits(told: tuple[Told, ...]) -> Tiers:
    """Return the limits that were told with their periods, as far as they can be kept to."""
    try:
        return parse_tiers("+".join(f"{one.limit}/{one.period_s:g}s" for one in told if one.limit and one.period_s))
    except ValueError:
        return ()


def _alike(one: object, other: object) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("header", "name", "limit", "period_s"))
