"""Aim 6: whatever a list allows, an import makes the fewest requests that bring its records.

How many these are is worked out here from first principles, not by the planner. A list of n items in pages of p takes
ceil(n / p) requests. Items by themselves take n more, b at once ceil(n / b). Where the list's records are the items it
is none, but that is known only once two items (or one request for several) were seen to be what the list holds of them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig

from harness.config import ImportConfig
from harness.session.checking import check
from harness.session.planning import look_ahead, plan_of
from tests.session.served import LIST, Served, served
from tests.session.test_checking import EPOCH_S, asked

BATCH = "/api/items/show_many?ids={ids}"
BATCHES = "http://127.0.0.1/api/items/show_many?ids={ids:100}"
SIZES = [10, 25, 100, 250]


def server(items: int, most: int, batches: bool, whole: bool, **more: Any) -> ServerConfig:
    shape = {"most": str(most), "list-fields": "all" if whole else "few"}
    shape |= {"batch": BATCH, "batch-most": "100"} if batches else {}
    return ServerConfig(items=items, limit="100000/1s", latency="5ms", shape={**shape, **more.pop("shape", {})}, **more)


def probes(items: int, most: int) -> int:
    """Requests for page 1 that are spent to find the largest page: one, where fewer than 100 came of 1,000 and that
    could save ten.
    """
    return int(most < 100 and math.ceil(items / most) - math.ceil(items / 100) >= 10)


def fewest(items: int, most: int, batches: bool, whole: bool) -> tuple[int, int]:
    """Requests for pages and for items."""
    of_list = max(1, math.ceil(items / most))
    if whole:
        return of_list, min(items, 1 if batches else 2)
    return of_list, math.ceil(items / 100) if batches else items


def imported(folder: Path, about: ServerConfig, batches: bool, **settings: Any) -> Served:
    return served(folder, about, **({"item": BATCHES} if batches else {}), **settings)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("most", SIZES)
@pytest.mark.parametrize("items", [0, 1, 3, 260])
def test_the_fewest_requests(items: int, most: int, batches: bool, whole: bool, tmp_path: Path) -> None:
    """In every combination, as many as were counted by hand; the server's ledger says the same."""
    found = imported(tmp_path, server(items, most, batches, whole), batches)
    of_list, of_items = fewest(items, most, batches, whole)
    assert (found.run.status, found.ids()) == ("complete", list(range(1, items + 1)))
    assert found.requests == (of_list + probes(items, most), of_items)
    assert found.admitted == sum(found.requests)
    rows = found.run.items().to_pylist()
    assert all(len(row) == 6 for row in rows)


@pytest.mark.parametrize("workers", [1, 16])
@pytest.mark.parametrize("paging", ["offset", "cursor", "keyset"])
def test_the_fewest_requests_of_other_pagings(paging: str, workers: int, tmp_path: Path) -> None:
    """A batch is a whole one, also where pages hold fewer items."""
    found = imported(tmp_path, server(330, 30, True, False, paging=paging), True, workers=workers)
    renamed = paging == "offset"  # the parameter is called otherwise, which page 1 says
    assert (found.run.status, found.ids()) == ("complete", list(range(1, 331)))
    assert found.requests == (11 + renamed, 4)
    whole = imported(tmp_path, server(330, 30, True, True, paging=paging), True, workers=workers, run="w")
    assert (whole.run.status, whole.ids(), whole.requests) == ("complete", list(range(1, 331)), (11 + renamed, 1))


def test_who_says_what_is_wanted_gets_that(tmp_path: Path) -> None:
    """--detail fetches items though the list holds all, --no-detail takes the list though it does not."""
    assert imported(tmp_path, server(60, 100, False, True), False, detail=True).requests == (1, 60)
    assert imported(tmp_path, server(60, 100, False, False), False, detail=False, run="b").requests == (1, 0)


def test_a_batch_that_differs_from_the_list_in_one_item_is_noticed(tmp_path: Path) -> None:
    """The hundredth of a batch as well as the first: then items are fetched, and none is lost or fetched twice."""
    about = server(250, 100, True, True, shape={"item-extra": "{}"}, drift="change=2000/s")
    found = imported(tmp_path, about, True)
    assert (found.run.status, found.ids(), found.requests) == ("complete", list(range(1, 251)), (3, 3))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("most", [100, 250])
def test_what_is_planned_is_what_is_done(most: int, batches: bool, whole: bool, tmp_path: Path) -> None:
    """`check` and `--dry-run` mark as the cheapest what an import takes, with as many requests."""
    about, items = server(1000, most, batches, whole), 1000
    settings = {"url": LIST, "limit": "50/1s", **({"item": BATCHES} if batches else {})}
    found, _ = asked(about, lambda api, config: check(api, config, EPOCH_S), find_size=True, **settings)
    plan, _ = asked(about, look_ahead, find_size=True, **settings)
    assert [replace(one, best_s=None) for one in found.plans] == [replace(one, best_s=None) for one in plan.plans]
    taken = [one for one in plan.plans if one.is_taken]
    assert [(one.pages, one.items, one.is_cheapest) for one in taken] == [(*fewest(items, most, batches, whole), True)]
    assert min(one.cost for one in plan.plans) == taken[0].cost
    shown = plan_of(plan, ImportConfig(**settings))
    assert (shown.requests_page, shown.requests_item) == fewest(items, most, batches, whole)
    assert (shown.best_s, shown.list_only) == (taken[0].best_s, None)
    assert all((one.best_s or 0) >= (taken[0].best_s or 0) for one in plan.plans)
    done = imported(tmp_path, about, batches)
    assert done.requests == (taken[0].pages, taken[0].items)
    summary = done.run.summary()
    assert summary is not None
    plain = 10 + 1000
    assert summary["requests_saved"] == plain - sum(done.requests)
    told = ("items taken from the list",) if whole else ("several items at once",) if batches else ()
    assert tuple(summary["saved_by"]) == (*told, *(("250 a page",) if most == 250 else ()))
