"""The plans by which a list can be imported, and what each costs: the page size, and how items are got.

Under a rate limit time is requests, so the plan with the fewest units of cost is the best, and its time follows from
the limits (`harness.bound`). What a request costs is declared, else as it was seen (`costs_seen`), else 1. An import
takes the best plan without being told: it asks for the largest page that the API honours (`harness.source.page_sizes`),
for items together where a URL for several is declared, and for none where the list's records are the items
(`harness.core.choosing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.bound import Paging, Work, bound
from harness.config import ImportConfig
from harness.core.answers import PageRead
from harness.pacing import Tiers
from harness.pacing.routes import several
from harness.pacing.tiers import held_to
from harness.record.events import Batch, Key, Role
from harness.session.factory import credentials_of
from harness.source.client import HttpApi

if TYPE_CHECKING:
    from harness.session.asking import Sampled
    from harness.session.preview import Preview
    from harness.source.base import Api

# Where a list does not say how many items it holds, plans are compared for so many.
_SO_MANY = 10_000


def work_of(
    config: ImportConfig,
    pages: int,
    items: int,
    paging: Paging,
    per_page: int | None = None,
    detail: bool | None = None,
) -> Work:
    """Return what an import with `config` has to ask for. detail: items are fetched; None: as `config` says."""
    batch = config.source.batch
    costs = config.pacing.list_cost, config.pacing.item_cost if batch is None else config.pacing.batch_cost
    detail = config.source.details if detail is None else detail
    return Work(max(1, pages), items, paging, detail, per_page, *costs, batch or 1, config.source.parts)


def least_pages(config: ImportConfig, pages: int, items: int) -> int:
    """Return how many pages `items` take by the cheapest plan that is known, where an import took `pages`.

    That is fewer where people ask for smaller pages than the documentation allows.
    """
    declared = config.source.declared()
    most = None if declared is None else declared.resource.most_per_page
    if most is None or config.source.per_page is None or most <= config.source.per_page:
        return pages
    return min(pages, max(1, -(-items // most)))


def costs_seen(
    asked: Sequence[tuple[Role, Key]], left: Sequence[int | None], batch: int | None = None
) -> dict[str, int]:
    """Return the units that a request of each kind (list, item, batch, token) cost: by so much less was left after it.

    left: of one limit, after each of the requests `asked`; None where its answer did not say, or was a refusal. A kind
    is left out where two of its requests cost differently: others use the limit, too. batch: the ids of a full one. A
    smaller one whose cost is a multiple of its ids is taken to cost as much by the id.
    """
    seen: dict[str, set[int]] = {}
    for (role, key), (before, after) in zip(asked[1:], pairwise(left), strict=True):
        if before is None or after is None or after >= before:  # not told, or a window began anew between the two
            continue
        kind, cost = str(role), before - after
        if isinstance(key, Batch):
            each, rest = divmod(cost, len(key.ids))
            kind, cost = "batch", cost if rest else each * max(len(key.ids), batch or 0)
        seen.setdefault(kind, set()).add(cost)
    return {kind: min(costs) for kind, costs in seen.items() if len(costs) == 1}


def unsaid(config: ImportConfig, tiers: Tiers, seen: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return what `--cost` should say: the costs above 1 that were seen of the kinds of which nothing is declared.

    seen: by each limit that was told. A kind is left out where they do not agree, since one number holds for all, and
    where a request would not fit a limit: it did.
    """
    found = {}
    for kind in ("list", "item", "batch"):
        costs = {one[kind] for one in seen if kind in one}
        counting = held_to(tiers, "list" if kind == "list" else "item")
        most = min((tier.limit for tier in counting if tier.kind != "concurrency"), default=None)
        cost = costs.pop() if len(costs) == 1 else 1
        if cost > 1 and kind not in config.pacing.cost and (most is None or cost <= most):
            found[kind] = cost
    return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an API that decides what a plan costs.

    items: in the list, or those that are wanted; is_known: the list says so. a_page: records of page 1, which usual
    holds where no size is asked for (None: not known). is_whole: the list's records are the items; None: not known.
    """

    items: int | None
    is_known: bool
    pages: int | None
    a_page: int
    usual: int | None
    paging: Paging
    is_whole: bool | None

    @classmethod
    def of(cls, seen: Preview, api: Api, config: ImportConfig, sampled: Sampled) -> Facts:
        """Return what the first pages and items show. `seen.first` is a page."""
        assert isinstance(seen.first, PageRead)
        state, a_page, most = seen.state, len(seen.first.ids), config.run.max_items
        total = state.total
        if total is None and state.last_page is not None:
            total = state.last_page * max(1, a_page)
        if total is None and seen.ended:
            total = len(state.items)
        items = total if most is None else most if total is None else min(most, total)
        return cls(
            items=_SO_MANY if items is None else items,
            is_known=items is not None,
            pages=state.last_page if most is None else None,
            a_page=a_page,
            usual=api.reading.usual_size if isinstance(api, HttpApi) else None,
            paging="cursor" if state.last_page is None else "numbered",
            is_whole=sampled.is_same,
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One way to get the same records. how: for people. pages, items: requests of each kind; cost: in units of limits.

    best_s: the least time under the limits, None where none is known. is_cheapest: none costs less. is_taken: an import
    with these settings goes this way; flags: what makes it so where it does not.
    """

    how: str
    pages: int
    items: int
    cost: int
    best_s: float | None
    flags: str = ""
    is_cheapest: bool = False
    is_taken: bool = False

    @property
    def requests(self) -> int:
        """All of them."""
        return self.pages + self.items


def options(facts: Facts, config: ImportConfig, tiers: Tiers, rtt_s: float) -> tuple[Option, ...]:
    """Return the ways to import what `facts` describe, the cheapest first."""
    found = sorted(_options(facts, config, tiers, rtt_s), key=lambda one: (one.cost, one.requests))
    return tuple(replace(one, is_cheapest=one.cost == found[0].cost) for one in found)


def _options(facts: Facts, config: ImportConfig, tiers: Tiers, rtt_s: float) -> Iterator[Option]:
    source, batch, a_page = config.source, config.source.batch, max(1, facts.a_page)
    items = facts.items or 0
    pages = facts.pages or max(1, -(-items // a_page))
    listed = source.detail is False or (source.chooses and bool(facts.is_whole))

    def option(how: str, size: int, pages: int, detail: bool, most: int | None, **more: object) -> Option:
        per = most or 1
        unit = config.pacing.item_cost if most is None else config.pacing.batch_cost
        samples = min(2 if batch is None else 1, items) if listed and source.detail is None and not detail else 0
        work = Work(pages, items, facts.paging, detail, None, config.pacing.list_cost, unit, per, source.parts)
        asked = -(-items // per) if detail else samples
        best_s = None if not tiers else _best_s(work, config, tiers, rtt_s)
        what = f"{size:,} a page, {how}" if size > 1 else how
        return Option(what, pages, asked, pages * config.pacing.list_cost + asked * unit, best_s, **more)  # type: ignore[arg-type]

    singly = "each item by itself"
    taken = "list" if listed else "batch" if batch is not None else "single"
    if source.detail is False or facts.is_whole:
        flags = "" if taken == "list" else "--no-detail"
        yield option("items taken from the list", a_page, pages, False, None, flags=flags, is_taken=taken == "list")
    if source.detail is not False and batch is not None:
        flags = "" if taken == "batch" else "--detail"
        yield option(f"{batch:,} items at once", a_page, pages, True, batch, flags=flags, is_taken=taken == "batch")
    if source.detail is not False and (batch or 2) > 1:
        flags = "" if taken == "single" else "--detail" if batch is None else "--item '{list}/{id}'"
        yield option(singly, a_page, pages, True, None, flags=flags, is_taken=taken == "single")
    if facts.usual and 0 < facts.usual < a_page:
        detail = taken != "list"
        how = {"list": "items taken from the list", "batch": f"{batch or 1:,} items at once", "single": singly}[taken]
        most = batch if taken == "batch" else None
        slower = max(1, -(-items // facts.usual))
        yield option(how, facts.usual, slower, detail, most, flags=f"--per-page {facts.usual}")


def _best_s(work: Work, config: ImportConfig, tiers: Tiers, rtt_s: float) -> float:
    return bound(work, several(tiers, len(credentials_of(config))), rtt_s, config.pacing.most_workers).bound_s
